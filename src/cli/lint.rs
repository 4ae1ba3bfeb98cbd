//! `gonogo lint`: every mistake of every list; nothing is run, and no secret is needed.

use std::path::Path;

use serde_json::json;

use super::args::{ColourChoice, LintArgs, LintFormat};
use super::{env, exit, output};
use crate::checklist::load::{Options, knows, load};
use crate::model::text::count;

/// Finds mistakes.
pub(super) fn run(args: &LintArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    use std::io::IsTerminal;
    let colour = env::colour(choice, std::io::stderr().is_terminal());
    let mut mistakes = Vec::new();
    let (mut good, mut warnings) = (Vec::new(), Vec::new());
    for path in &args.checklists {
        let vars = vars_of(path, args);
        let options =
            Options { vars: &vars, var_files: &args.var_files, secrets: None, launch: None };
        match load(path, &options) {
            Ok((checklist, _)) => {
                warnings.extend(checklist.without_launch());
                good.push(format!(
                    "{}: good, {} in {}",
                    path.display(),
                    count(checklist.checks().count(), "check"),
                    count(checklist.steps.len(), "step"),
                ));
            }
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
            let document = json!({ "format": 1, "mistakes": mistakes, "warnings": warnings });
            output::stdout(format!("{document:#}\n").as_bytes())?;
        }
        LintFormat::Text => {
            for warning in &warnings {
                super::warn(warning);
            }
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

/// The variables of the command line for one of several lists: without those that only others know.
fn vars_of(path: &Path, args: &LintArgs) -> Vec<(String, String)> {
    let elsewhere = |name: &str| {
        let mut others = args.checklists.iter().filter(|other| *other != path);
        others.any(|other| knows(other, name))
    };
    let theirs = |(name, _): &&(String, String)| knows(path, name) || !elsewhere(name);
    args.vars.iter().filter(theirs).cloned().collect()
}
