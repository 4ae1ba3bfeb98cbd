//! `gonogo plan`: what would run when, whom it would contact, what it would change.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::args::{ColourChoice, PlanArgs, PlanFormat};
#[cfg(feature = "pdf")]
use super::env;
use super::{exit, output, run, select};
use crate::checklist::Check;
use crate::checklist::load::{Options, load};
use crate::clock::Clock;
use crate::model::fault::Fault;
use crate::model::id::CheckId;
use crate::model::text::{count, one_line, quote};
use crate::model::time::{Phase, show_instant};
use crate::plan::{self, Plan, plan};
use crate::probe::kind;
use crate::report::markdown_text;

/// Shows a plan.
pub(super) fn run(args: &PlanArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    let options = Options {
        vars: &args.select.vars,
        var_files: &args.select.var_files,
        secrets: None,
        launch: None,
    };
    let checklist = match load(&args.checklist, &options) {
        Ok((checklist, _)) => checklist,
        Err(invalid) => return Ok(run::refuse(&invalid, choice)),
    };
    let selection = select::selection(&args.select, &args.ids, &checklist);
    let planned = match plan(&checklist, &selection, &Clock.local()) {
        Ok(planned) => planned,
        Err(nothing) => {
            run::say_nothing(&nothing);
            return Ok(exit::NOTHING_RAN);
        }
    };
    run::warn_of_idle_skips(&planned);
    let (format, path) = &args.output;
    let bytes = match format {
        PlanFormat::Text => text(&planned).into_bytes(),
        PlanFormat::Json => format!("{:#}\n", document(&planned)).into_bytes(),
        PlanFormat::Sh => script(&planned).into_bytes(),
        PlanFormat::Markdown => markdown(&planned).into_bytes(),
        PlanFormat::Pdf => blank(&planned, &args.checklist)?,
    };
    match path {
        None => output::stdout(&bytes)?,
        Some(path) => output::file(path, &bytes)?,
    }
    Ok(exit::GO)
}

/// The blank checklist, to sign on paper.
#[cfg(feature = "pdf")]
fn blank(planned: &Plan<'_>, checklist: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    let origin = run::Origin { git: env::git(checklist), ..run::Origin::default() };
    let header = run::header(planned, origin, None, false);
    let record = crate::engine::blank(planned, header);
    Ok(crate::report::blank_checklist(&record, &crate::report::Look::default())?)
}

/// A build without PDF cannot print on paper.
#[cfg(not(feature = "pdf"))]
fn blank(_: &Plan<'_>, _: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    anyhow::bail!("this build has no PDF; `-o markdown` makes a document to print")
}

fn text(planned: &Plan<'_>) -> String {
    let mut page = String::new();
    let mut line = |text: &str| writeln!(page, "{text}").expect("writing to a string cannot fail");
    line(&format!("{} · phase {}", one_line(&planned.checklist.name), planned.phase));
    if planned.checklist.launch.is_some() {
        line(&format!("launch {}", times(&planned.launch)));
        for phase in &planned.checklist.phases {
            line(&phase_line(planned, phase));
        }
    } else if planned.checklist.counts_from_launch() {
        line("launch now: the list names none");
    }
    let mut left_out = 0;
    for (step, checks) in planned.steps() {
        let selected: Vec<_> = checks.iter().filter(|(_, skip)| skip.is_none()).collect();
        left_out += checks.len() - selected.len();
        if selected.is_empty() {
            continue;
        }
        line(&format!("\n{}", one_line(&step.name)));
        for (check, _) in selected {
            line(&format!("  {:<20} {:<14} {}", check.id, check.kind, one_line(&check.title)));
            if !check.needs.is_empty() {
                let needs: Vec<&str> = check.needs.iter().map(CheckId::as_str).collect();
                line(&format!("{:22}after {}", "", needs.join(", ")));
            }
            line(&format!("{:22}contacts {}", "", contacts(check)));
            if let Some(change) = change(check) {
                line(&format!("{:22}{change}", ""));
            }
        }
        if step.halt_on.is_some() {
            line("  the list ends here when a blocker has not passed");
        }
    }
    let peers = planned.peers();
    line(&format!(
        "\n{} would run, contacting {}",
        count(planned.selected().count(), "check"),
        count(peers.len(), "peer")
    ));
    if left_out > 0 {
        line(&format!("{} not run: another phase, or not selected", count(left_out, "check")));
    }
    page
}

/// A phase: when it begins, and how many checks belong to it.
fn phase_line(planned: &Plan<'_>, phase: &Phase) -> String {
    let begins = phase.at.from_launch(planned.launch.timestamp());
    let begins = begins.to_zoned(planned.launch.time_zone().clone());
    let belongs = |check: &&Check| check.phases.is_empty() || check.phases.contains(phase);
    let checks = count(planned.checklist.checks().filter(belongs).count(), "check");
    let now = if phase.label == planned.phase { "  < this one" } else { "" };
    format!("  {:<8} {}  {checks}{now}", phase.label, times(&begins))
}

/// An instant in the launch's zone, in UTC, and on the clock of this machine where that says something
/// else.
fn times(at: &jiff::Zoned) -> String {
    let short =
        |zone: jiff::tz::TimeZone| at.with_time_zone(zone).strftime("%a %d %b %H:%M").to_string();
    let utc = short(jiff::tz::TimeZone::UTC);
    let here = short(jiff::tz::TimeZone::system());
    let here = if here == utc { String::new() } else { format!(" = {here} here") };
    format!("{} = {utc} UTC{here}", show_instant(at))
}

/// Whether a check may change something, by its parameters as they are written; where these say too
/// little without a secret, whether its kind can.
fn acts(check: &Check) -> bool {
    match check.shown() {
        Some(probe) => probe.act().is_some(),
        None => kind(check.kind).is_some_and(|row| row.acts),
    }
}

/// What a check may change, in words.
fn change(check: &Check) -> Option<&'static str> {
    let words = match check.shown() {
        Some(_) => "changes the world with --apply, else only says what it would change",
        None => "may change the world with --apply; its secret would tell, and plan reads none",
    };
    acts(check).then_some(words)
}

/// The secret that keeps a check from saying what it would do.
fn hidden_in(check: &Check) -> Option<String> {
    match &check.probe {
        Err(Fault::Secret { name, .. }) if check.written.is_none() => Some(one_line(name)),
        Err(_) if check.written.is_none() => Some("a secret".to_owned()),
        Ok(_) | Err(_) => None,
    }
}

fn contacts(check: &Check) -> String {
    if let Some(secret) = hidden_in(check) {
        return format!("not known without {secret} (plan reads no secrets)");
    }
    let peers: Vec<String> = plan::contacts(check).iter().map(ToString::to_string).collect();
    if peers.is_empty() { "nobody".to_owned() } else { peers.join(", ") }
}

/// The same looks as a shell script of standard tools: what each check shows under `by hand`.
fn script(planned: &Plan<'_>) -> String {
    let mut page = String::from("#!/bin/sh\n");
    let mut line = |text: &str| writeln!(page, "{text}").expect("writing to a string cannot fail");
    let comment = |text: &str| one_line(text);
    line(&format!("# {}", comment(&planned.checklist.name)));
    line(
        "# The looks of this checklist with standard tools, one after the other, for people to read.",
    );
    line("# It judges nothing; each check ends with the exit code of its last command.");
    line(&format!(
        "# Secrets stand as they are written in {}, such as ${{env:NAME}}: put them in first.",
        comment(&planned.checklist.path)
    ));
    for (step, checks) in planned.steps() {
        line(&format!("\n# --- {}", comment(&step.name)));
        for (check, _) in checks.iter().filter(|(_, skip)| skip.is_none()) {
            line(&format!(
                "\nprintf '\\n== %s\\n' {}",
                quote(&format!("{}: {}", check.id, check.title))
            ));
            let commands = check.by_hand();
            if commands.is_empty() {
                let why = hidden_in(check).map_or_else(
                    || "for people: no command shows this".to_owned(),
                    |secret| format!("not known without {secret}, which plan does not read"),
                );
                line(&format!("echo {}", quote(&why)));
            }
            for command in commands {
                let command = planned.checklist.secrets.redact(&command);
                // One that goes to a folder first has its own shell already.
                line(&if command.starts_with('(') { command } else { format!("({command})") });
            }
            line("echo \"exit code $?\"");
        }
    }
    page
}

/// The list as a document: what is looked at, by whom, and boxes to tick.
fn markdown(planned: &Plan<'_>) -> String {
    let mut page = String::new();
    let mut line = |text: &str| writeln!(page, "{text}").expect("writing to a string cannot fail");
    let shown = |text: &str| markdown_text(&one_line(text));
    line(&format!("# {}\n", shown(&planned.checklist.name)));
    if planned.checklist.launch.is_some() {
        line(&format!("Launch {} · phase {}\n", times(&planned.launch), shown(&planned.phase)));
    } else {
        line(&format!("Phase {}\n", shown(&planned.phase)));
    }
    for (step, checks) in planned.steps() {
        let selected: Vec<_> = checks.iter().filter(|(_, skip)| skip.is_none()).collect();
        if selected.is_empty() {
            continue;
        }
        line(&format!(
            "## {}\n\n| | check | what | kind | owner | contacts |\n|---|---|---|---|---|---|",
            shown(&step.name)
        ));
        for (check, _) in selected {
            let owner = check.owner.as_deref().unwrap_or_default();
            line(&format!(
                "| ☐ | `{}` | {} | `{}` | {} | {} |",
                check.id,
                shown(&check.title),
                check.kind,
                shown(owner),
                shown(&contacts(check)),
            ));
        }
        line("");
    }
    page
}

fn document(planned: &Plan<'_>) -> Value {
    let parameters = |check: &Check| {
        let mut shown = check.parameters.clone();
        planned.checklist.secrets.redact_value(&mut shown);
        shown
    };
    let steps: Vec<Value> = planned
        .steps()
        .map(|(step, checks)| {
            let checks: Vec<Value> = checks
                .iter()
                .map(|(check, skip)| {
                    json!({
                        "id": check.id, "kind": check.kind, "title": check.title,
                        "severity": check.severity, "needs": check.needs,
                        "parameters": parameters(check), "peers": plan::contacts(check),
                        "acts": acts(check), "skipped": skip, "source": check.source,
                    })
                })
                .collect();
            json!({ "name": step.name, "checks": checks })
        })
        .collect();
    json!({
        "format": 1, "name": planned.checklist.name, "phase": planned.phase,
        "launch": planned.checklist.launch.as_ref().map(show_instant),
        "window": planned.window, "steps": steps, "peers": planned.peers(),
    })
}
