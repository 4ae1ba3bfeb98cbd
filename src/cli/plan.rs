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
use crate::model::id::CheckId;
use crate::model::text::{count, one_line, quote};
use crate::model::time::{Phase, show_instant};
use crate::plan::{self, Plan, plan};
use crate::probe::kind;

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
    line(&format!("{} · phase {}", planned.checklist.name, planned.phase));
    if planned.checklist.launch.is_some() {
        line(&format!("launch {}", times(&planned.launch)));
        for phase in &planned.checklist.phases {
            line(&phase_line(planned, phase));
        }
    }
    let mut left_out = 0;
    for (step, checks) in planned.steps() {
        let selected: Vec<_> = checks.iter().filter(|(_, skip)| skip.is_none()).collect();
        left_out += checks.len() - selected.len();
        if selected.is_empty() {
            continue;
        }
        line(&format!("\n{}", step.name));
        for (check, _) in selected {
            line(&format!("  {:<20} {:<14} {}", check.id, check.kind, check.title));
            if !check.needs.is_empty() {
                let needs: Vec<&str> = check.needs.iter().map(CheckId::as_str).collect();
                line(&format!("{:22}after {}", "", needs.join(", ")));
            }
            line(&format!("{:22}contacts {}", "", contacts(check)));
            if acts(check) {
                line(&format!(
                    "{:22}changes the world with --apply, else only says what it would change",
                    ""
                ));
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

/// An instant in the launch's zone, in UTC, and on the clock of this machine.
fn times(at: &jiff::Zoned) -> String {
    let short =
        |zone: jiff::tz::TimeZone| at.with_time_zone(zone).strftime("%a %d %b %H:%M").to_string();
    let utc = short(jiff::tz::TimeZone::UTC);
    format!("{} = {utc} UTC = {} here", show_instant(at), short(jiff::tz::TimeZone::system()))
}

fn acts(check: &Check) -> bool {
    match &check.probe {
        Ok(probe) => probe.act().is_some(),
        // A secret is missing: what its parameters ask for is not known.
        Err(_) => kind(check.kind).is_some_and(|row| row.acts),
    }
}

fn contacts(check: &Check) -> String {
    if check.probe.is_err() {
        return "whom a secret names that is not looked at here".to_owned();
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
        "# Secrets stand as they are written in {}: set them first.",
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
                line(&format!("echo {}", quote("for people: no command shows this")));
            }
            for command in commands {
                line(&format!("({})", planned.checklist.secrets.redact(&command)));
            }
            if check.probe.is_err() {
                line(&format!("echo {}", quote("needs a secret that is not set here")));
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
    let cell = |text: &str| one_line(text).replace('|', "\\|");
    line(&format!("# {}\n", one_line(&planned.checklist.name)));
    if planned.checklist.launch.is_some() {
        line(&format!("Launch {} · phase {}\n", times(&planned.launch), planned.phase));
    } else {
        line(&format!("Phase {}\n", planned.phase));
    }
    for (step, checks) in planned.steps() {
        let selected: Vec<_> = checks.iter().filter(|(_, skip)| skip.is_none()).collect();
        if selected.is_empty() {
            continue;
        }
        line(&format!(
            "## {}\n\n| | check | what | kind | owner | contacts |\n|---|---|---|---|---|---|",
            one_line(&step.name)
        ));
        for (check, _) in selected {
            let owner = check.owner.as_deref().unwrap_or_default();
            line(&format!(
                "| ☐ | `{}` | {} | `{}` | {} | {} |",
                check.id,
                cell(&check.title),
                check.kind,
                cell(owner),
                cell(&contacts(check)),
            ));
        }
        line("");
    }
    page
}

fn document(planned: &Plan<'_>) -> Value {
    let steps: Vec<Value> = planned
        .steps()
        .map(|(step, checks)| {
            let checks: Vec<Value> = checks
                .iter()
                .map(|(check, skip)| {
                    json!({
                        "id": check.id, "kind": check.kind, "title": check.title,
                        "severity": check.severity, "needs": check.needs,
                        "parameters": check.parameters, "peers": plan::contacts(check),
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
