//! A Nagios plugin's output, read as the plugin guidelines say a monitor reads it.

use gonogo::model::outcome::{Decision, Outcome};
use gonogo::model::record::RunRecord;
use gonogo::report::{Format, Look, NagiosStatus, render};

use crate::{endings, golden, sample};

fn plugin(record: &RunRecord) -> String {
    let bytes = render(Format::Nagios, record, &Look::default()).expect("a report renders");
    String::from_utf8(bytes).expect("the output is UTF-8")
}

/// One value of the performance data: `'label'=value[UOM];[warn];[crit];[min];[max]`.
fn performance(text: &str) -> Vec<(String, f64, String)> {
    let mut all = Vec::new();
    for part in text.split(' ') {
        let (label, rest) = part.split_once('=').expect("a label and a value");
        let label = label.strip_prefix('\'').and_then(|l| l.strip_suffix('\'')).unwrap_or(label);
        assert!(!label.contains(['\'', '=']), "{label}");
        let fields: Vec<&str> = rest.split(';').collect();
        assert_eq!(fields.len(), 5, "{rest}");
        let end = fields[0].find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-');
        let (value, unit) = fields[0].split_at(end.unwrap_or(fields[0].len()));
        assert!(["", "s", "%", "B", "c"].contains(&unit), "{unit}");
        for limit in fields[1..].iter().filter(|limit| !limit.is_empty()) {
            limit.parse::<f64>().expect("a number");
        }
        all.push((label.to_owned(), value.parse().expect("a number"), unit.to_owned()));
    }
    all
}

#[test]
fn the_launch_as_a_plugin() {
    golden::check("launch.nagios.txt", plugin(&sample::launch()).as_bytes());
}

#[test]
fn a_monitor_reads_status_text_and_numbers() {
    let mut noted = sample::green();
    noted.steps[0].checks[0].outcome = Outcome::Warn;
    for (record, status, code) in [
        (sample::launch(), "CRITICAL", 2),
        (sample::green(), "OK", 0),
        (noted, "WARNING", 1),
        (sample::interrupted(), "UNKNOWN", 3),
        (sample::nothing(), "UNKNOWN", 3),
        (sample::hostile(), "CRITICAL", 2),
    ] {
        assert_eq!(NagiosStatus::of(&record).code(), code);
        let text = plugin(&record);
        let (first, rest) = text.split_once('\n').expect("a line");
        let (said, numbers) = first.split_once('|').expect("performance data");
        assert!(said.starts_with(&format!("{status} - ")), "{said}");
        assert!(!numbers.contains('|') && !rest.contains('|'), "{text}");
        assert!(!text.chars().any(|c| c != '\n' && gonogo::model::text::is_hazard(c)));
        let numbers = performance(numbers);
        assert_eq!(
            numbers.last().map(|(label, _, unit)| (label.as_str(), unit.as_str())),
            Some(("time", "s"))
        );
    }
    let numbers = performance(
        plugin(&sample::launch())
            .lines()
            .next()
            .and_then(|l| l.split_once('|'))
            .expect("numbers")
            .1,
    );
    assert_eq!(numbers[0], ("fail".to_owned(), 3.0, String::new()));
}

#[test]
fn the_status_follows_the_decision_and_nothing_else_blocks() {
    let mut record = sample::launch();
    record.verdict.decision = Decision::Go;
    assert_eq!(NagiosStatus::of(&record), NagiosStatus::Warning);
}

#[test]
fn a_run_of_long_ago_says_when_it_was() {
    let text = plugin(&sample::green());
    let (said, numbers) = text.lines().next().and_then(|l| l.split_once('|')).expect("numbers");
    assert!(said.ends_with(", began 2026-11-22 02:18 UTC"), "{said}");
    let started = ("started".to_owned(), 1_795_313_922.0, "s".to_owned());
    assert!(performance(numbers).contains(&started), "{numbers}");
    assert!(plugin(&endings::killed()).contains(" started="), "without an end as well");
}
