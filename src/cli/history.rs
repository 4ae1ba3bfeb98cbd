//! `gonogo history`: the recorded runs, and how long they are kept.

use std::time::Duration;

use anyhow::Context;

use super::args::{ColourChoice, HistoryArgs, ListFormat};
use super::{env, exit, output};
use crate::clock::Clock;
use crate::history::{self, Pruned};
use crate::model::text::{count, one_line};
use crate::report::diff::RunLine;
use crate::report::{runs_json, runs_table};

/// How long logs are kept unless `GONOGO_KEEP` says otherwise.
const AGE: Duration = Duration::from_hours(90 * 24);
/// The latest runs stay however old they are.
const LEAST: usize = 200;

/// Lists the recorded runs, latest first, or deletes old ones.
pub(super) fn run(args: &HistoryArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    let folder = env::runs().context("there is no home directory to look for recorded runs in")?;
    if let Some(age) = args.prune {
        let pruned = history::prune(&folder, age.get(), 0, Clock.now());
        output::stdout(told(&pruned).as_bytes())?;
        return Ok(exit::GO);
    }
    for path in history::foreign(&folder) {
        super::warn(&format!("passed over: {} is no log of a run", path.display()));
    }
    let most = if args.limit == 0 { usize::MAX } else { args.limit };
    let (mut runs, mut older, mut others) = (Vec::new(), 0, 0);
    for record in history::records(&folder) {
        match record {
            Ok(record) if !of(&record.header.name, &record.header.checklist.path, args) => {
                others += 1;
            }
            Ok(record) if runs.len() < most => runs.push(RunLine::of(&record)),
            Ok(_) => older += 1,
            Err(error) => super::warn(&format!("passed over: {error}")),
        }
    }
    let bytes = match args.format {
        ListFormat::Json => runs_json(&runs)?,
        ListFormat::Text => {
            if let Some(wanted) = args.list.as_ref().filter(|_| runs.is_empty() && others > 0) {
                output::stderr(&format!(
                    "no recorded run is of a list whose name or file contains `{}`; `gonogo history` \
                     shows all",
                    one_line(wanted)
                ));
            } else if runs.is_empty() {
                output::stderr(&format!("no run is recorded in {}", folder.display()));
            }
            runs_table(&runs, &env::plain_look(choice)).into_bytes()
        }
    };
    output::stdout(&bytes)?;
    if older > 0 {
        output::stderr(&format!("{} more; --limit 0 shows all", count(older, "older run")));
    }
    Ok(exit::GO)
}

/// Whether a run is of the lists that were asked for.
fn of(name: &str, path: &str, args: &HistoryArgs) -> bool {
    let wanted = args.list.as_ref().map(|list| list.to_lowercase());
    wanted.is_none_or(|wanted| {
        name.to_lowercase().contains(&wanted) || path.to_lowercase().contains(&wanted)
    })
}

fn told(pruned: &Pruned) -> String {
    let mut text = format!("{} deleted\n", count(pruned.deleted.len(), "log"));
    for kept in &pruned.kept {
        text.push_str(&format!("{} stays: {}\n", kept.run, one_line(&kept.why.to_string())));
    }
    text
}

/// What is done after every run: old logs go, unless something rests on them.
pub(super) fn tidy() {
    let Some(folder) = env::runs() else { return };
    let age = match env::keep() {
        env::Keep::Usual => AGE,
        env::Keep::For(age) => age.get(),
        env::Keep::Forever => return,
        env::Keep::Unclear(text) => {
            let text = one_line(&text);
            super::warn(&format!(
                "GONOGO_KEEP is `{text}`, no length of time such as 90d, and not `forever`; no log is deleted"
            ));
            return;
        }
    };
    for kept in history::prune(&folder, age, LEAST, Clock.now()).kept {
        if let history::Why::Stuck(why) = &kept.why {
            super::warn(&format!("the old log of run {} cannot be deleted: {why}", kept.run));
        }
    }
}
