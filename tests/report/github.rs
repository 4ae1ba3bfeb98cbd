//! GitHub's workflow commands, read the way the runner reads a log.

use std::collections::HashMap;
use std::path::Path;

use gonogo::model::outcome::Outcome;
use gonogo::model::record::RunRecord;
use gonogo::report::{Format, Look, github, render};

use crate::{golden, sample};

fn log(record: &RunRecord) -> String {
    let bytes = render(Format::Github, record, &Look::default()).expect("a report renders");
    String::from_utf8(bytes).expect("a log is UTF-8")
}

#[derive(Debug)]
struct Command {
    name: String,
    properties: HashMap<String, String>,
    data: String,
}

fn unescape(text: &str) -> String {
    let text =
        text.replace("%0D", "\r").replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",");
    text.replace("%25", "%")
}

/// The runner's own rule: `::name key=value,key=value::data`, at the start of a line.
fn commands(log: &str) -> Vec<Command> {
    log.lines()
        .map(|line| {
            let rest = line.strip_prefix("::").expect("nothing but commands");
            let (head, data) = rest.split_once("::").expect("a command has two ends");
            let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
            let properties = properties
                .split(',')
                .filter(|pair| !pair.is_empty())
                .map(|pair| pair.split_once('=').expect("a key and a value"))
                .map(|(key, value)| (key.to_owned(), unescape(value)))
                .collect();
            Command { name: name.to_owned(), properties, data: unescape(data) }
        })
        .collect()
}

#[test]
fn the_launch_as_annotations() {
    golden::check("launch.github.txt", log(&sample::launch()).as_bytes());
}

/// Ask 13: GitHub cuts at ten of a kind for each step, silently.
#[test]
fn at_most_ten_of_a_kind_and_the_last_says_how_many_more() {
    let commands = commands(&log(&sample::many(1_000)));
    let errors: Vec<&Command> = commands.iter().filter(|c| c.name == "error").collect();
    assert_eq!(errors.len(), 10);
    assert_eq!(errors[9].data, "and 11 more; see the summary of this job");
    assert!(commands.iter().filter(|c| c.name == "notice").count() <= 10);
    let mut ten = sample::many(500);
    assert_eq!(ten.count().fail, 10);
    ten.counts = ten.count();
    let all = self::commands(&log(&ten));
    assert!(all.iter().all(|c| !c.data.starts_with("and ")), "ten of ten are shown");
}

#[test]
fn an_annotation_points_into_the_checklist_and_the_worst_is_first() {
    let commands = commands(&log(&sample::launch()));
    let first = &commands[1];
    assert_eq!(first.name, "error");
    assert_eq!(first.properties["file"], "checklists/pixelrush.yaml");
    assert_eq!(first.properties["line"], "14");
    assert_eq!(first.properties["title"], "FAIL dns.match dns.stale-answer");
    assert!(first.data.contains("\n  expected: 192.0.2.10"), "{}", first.data);
    let names: Vec<&str> = commands.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(
        names,
        ["notice", "error", "warning", "warning", "warning", "notice", "notice", "notice"]
    );
}

#[test]
fn nothing_a_server_said_is_a_command() {
    let log = log(&sample::hostile());
    for command in commands(&log) {
        assert!(["error", "warning", "notice"].contains(&command.name.as_str()), "{command:?}");
        for key in command.properties.keys() {
            assert!(["file", "line", "title"].contains(&key.as_str()), "{key}");
        }
    }
    assert!(!log.chars().any(|c| c != '\n' && gonogo::model::text::is_hazard(c)));
}

#[test]
fn a_summary_of_any_run_fits() {
    for record in [sample::launch(), sample::many(10_000), sample::hostile()] {
        let summary = github::summary(&record, &Look::default()).expect("a summary");
        assert!(summary.len() <= 1024 * 1024, "{}", summary.len());
    }
    let mut all_wrong = sample::many(12_000);
    for check in all_wrong.steps.iter_mut().flat_map(|step| &mut step.checks) {
        check.outcome = Outcome::Fail;
        check.owner = Some("network operations".to_owned());
    }
    let summary = github::summary(&all_wrong, &Look::default()).expect("a summary");
    assert!(summary.len() <= 1024 * 1024, "{}", summary.len());
    let text = String::from_utf8(summary).expect("UTF-8");
    assert!(text.contains("were left out"), "what is missing is said");
    assert!(text.contains(" more | | too many to show here"), "in the table too");
    assert!(text.contains("SHA-256 of the record"), "the foot stays");
}

#[test]
fn outputs_and_masks_are_one_line_each() {
    let record = sample::launch();
    assert_eq!(
        github::outputs(&record, Some(Path::new("out/a\nverdict=go.html"))),
        "verdict=no-go\nrun=019a9f5e-1c00-7abc-8def-0123456789ab\nreport=out/a\\nverdict=go.html\n"
    );
    assert_eq!(
        github::outputs(&sample::nothing(), None).lines().next(),
        Some("verdict=nothing-ran")
    );
    assert_eq!(github::mask("a%b\n\nc\n"), "::add-mask::a%25b\n::add-mask::c\n");
}
