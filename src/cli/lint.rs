//! `gonogo lint`: every mistake of every list; nothing is run, and no secret is needed.

use serde_json::json;

use super::args::{ColourChoice, LintArgs, LintFormat};
use super::{env, exit, output};
use crate::checklist::load::{Options, load};
use crate::model::text::count;

/// Finds mistakes.
pub(super) fn run(args: &LintArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    use std::io::IsTerminal;
    let colour = env::colour(choice, std::io::stderr().is_terminal());
    let options =
        Options { vars: &args.vars, var_files: &args.var_files, secrets: None, launch: None };
    let mut mistakes = Vec::new();
    let mut good = Vec::new();
    for path in &args.checklists {
        match load(path, &options) {
            Ok((checklist, _)) => good.push(format!(
                "{}: good, {} in {}",
                path.display(),
                count(checklist.checks().count(), "check"),
                count(checklist.steps.len(), "step"),
            )),
            Err(invalid) => {
                for problem in &invalid.problems {
                    if args.format == LintFormat::Text {
                        output::stderr(&format!("{}\n", invalid.sources.render(problem, colour)));
                    }
                    mistakes.push(invalid.sources.locate(problem));
                }
            }
        }
    }
    match args.format {
        LintFormat::Json => {
            let document = json!({ "format": 1, "mistakes": mistakes });
            output::stdout(format!("{document:#}\n").as_bytes())?;
        }
        LintFormat::Text => {
            for line in good {
                output::stdout(format!("{line}\n").as_bytes())?;
            }
            if !mistakes.is_empty() {
                output::stderr(&count(mistakes.len(), "mistake"));
            }
        }
    }
    Ok(if mistakes.is_empty() { exit::GO } else { exit::USAGE })
}
