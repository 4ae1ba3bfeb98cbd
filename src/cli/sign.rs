//! `gonogo sign`: a person stands for a manual item, as it stands.

use std::fmt::Write as _;
use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};

use super::args::{ColourChoice, SignArgs};
use super::{exit, output, run};
use crate::checklist::load::{Options, load};
use crate::checklist::{Check, signoff, yaml};
use crate::clock::Clock;
use crate::model::text::did_you_mean;

/// Signs an item: appends to the file of sign-offs beside the checklist, keeping what is in it.
pub(super) fn run(args: &SignArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    let options =
        Options { vars: &args.vars, var_files: &args.var_files, secrets: None, launch: None };
    let checklist = match load(&args.checklist, &options) {
        Ok((checklist, _)) => checklist,
        Err(invalid) => return Ok(run::refuse(&invalid, choice)),
    };
    let by = args.by.trim();
    if by.is_empty() {
        bail!("--by is empty: a signature needs a name");
    }
    let Some(check) = checklist.checks().find(|check| check.id.as_str() == args.id) else {
        let manual = checklist.checks().filter(|check| check.kind == "manual");
        let known: Vec<&str> = manual.map(|check| check.id.as_str()).collect();
        let help = match did_you_mean(&args.id, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "it has no `manual` items to sign".to_owned(),
            None => format!("it has to be one of: {}", known.join(", ")),
        };
        bail!("`{}` is no item of {}; {help}", args.id, args.checklist.display());
    };
    if check.kind != "manual" {
        bail!("`{}` is a `{}` check; only `manual` items are signed", check.id, check.kind);
    }
    if let Some(role) = args.role.as_deref().filter(|_| !checklist.people.is_empty())
        && !checklist.people.contains_key(role)
    {
        let known: Vec<&str> = checklist.people.keys().map(String::as_str).collect();
        let help = did_you_mean(role, known.iter().copied()).map_or_else(
            || format!("`people:` has: {}", known.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        bail!("`{role}` is no role of {}; {help}", args.checklist.display());
    }
    let same = |known: &&crate::probe::SignOff| {
        known.item == args.id
            && known.sha256 == check.item
            && known.by.trim().eq_ignore_ascii_case(by)
    };
    if let Some(known) = checklist.signoffs.iter().rev().find(same) {
        super::warn(&format!("{by} has signed this already, on {}; this renews it", known.at));
    }
    let path = signoff::path(&args.checklist);
    // From here to the end nobody else adds a line: what is read is what is added to.
    let _alone = alone(&args.checklist)?;
    let text = added(&path, &entry(args, check, by))?;
    output::file(&path, text.as_bytes())?;
    output::stdout(format!("{by} signed {} in {}\n", check.id, path.display()).as_bytes())?;
    Ok(exit::GO)
}

/// How long another signature is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Holds off everybody else who signs an item of this checklist, for as long as the file is open. The
/// checklist is locked, and not the file of sign-offs, which is replaced as a whole.
fn alone(checklist: &Path) -> anyhow::Result<File> {
    let file = File::open(checklist).with_context(|| format!("opening {}", checklist.display()))?;
    let since = Clock.tick();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if since.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(TryLockError::WouldBlock) => bail!(
                "another program has had {} locked for {} s, and nothing was signed",
                checklist.display(),
                PATIENCE.as_secs()
            ),
            // Not every file system has locks.
            Err(TryLockError::Error(error)) => {
                super::warn(&format!(
                    "{} cannot be locked ({error}): make sure that nobody else signs right now",
                    checklist.display()
                ));
                return Ok(file);
            }
        }
    }
}

/// The entry of a signature.
fn entry(args: &SignArgs, check: &Check, by: &str) -> String {
    let mut text = String::new();
    let mut line = |key: &str, value: &str| {
        writeln!(text, "{key}: {}", serde_json::Value::from(value))
            .expect("a string takes every line");
    };
    line("- item", check.id.as_str());
    line("  sha256", &check.item);
    line("  by", by);
    line("  at", &Clock.now().to_string());
    for (key, value) in [("  role", &args.role), ("  note", &args.note)] {
        if let Some(value) = value {
            line(key, value);
        }
    }
    text
}

/// The text of a file of sign-offs with one more entry; it begins with a comment where there is none
/// yet.
fn added(path: &Path, entry: &str) -> anyhow::Result<String> {
    let mut text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            "# Who stands for which item of the checklist beside this file, as it stood.\n"
                .to_owned()
        }
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(entry);
    // A list in another style cannot be added to by lines, and a broken file refuses every run.
    if let Err(problem) = yaml::parse(&text, 0) {
        bail!(
            "{} is not written so that lines can be added to it ({}), and nothing was signed; \
             begin each of its entries with `- item:`, with no blank before it",
            path.display(),
            problem.message
        );
    }
    Ok(text)
}
