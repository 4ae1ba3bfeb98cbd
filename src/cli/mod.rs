//! The command line: one file a verb; reads the environment, prints, and gives the exit code.

pub mod args;
mod check;
mod complete;
mod diff;
mod drive;
mod env;
mod exit;
mod explain;
mod history;
mod host;
mod init;
mod lint;
mod man;
mod manual;
mod merge;
mod open_files;
mod output;
mod plan;
mod report;
mod run;
mod schema;
mod select;
mod sign;
mod silence;

use std::sync::{Mutex, PoisonError};

use clap::Parser;
use clap::error::{ContextKind, ContextValue};

use args::{Cli, ColourChoice, Command};

use crate::model::secret::Secrets;
use crate::model::text::{one_line, quote};

/// The text of the last panic, kept for the report of a defect.
static PANIC: Mutex<Option<String>> = Mutex::new(None);

/// The secrets of the list that is run, for the report of a defect.
static SECRETS: Mutex<Option<Secrets>> = Mutex::new(None);

/// Runs the command line of this process and gives its exit code.
#[must_use]
pub fn main() -> u8 {
    std::panic::set_hook(Box::new(|info| {
        // Nothing is printed here: a probe's panic becomes a finding, without its secrets.
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.to_string());
    }));
    std::panic::catch_unwind(parse_and_run).unwrap_or_else(|_| {
        let text = PANIC.lock().unwrap_or_else(PoisonError::into_inner).take();
        output::stderr(&defect(&text.unwrap_or_else(|| "a panic".to_owned())));
        exit::BUG
    })
}

/// What is said of a panic: people paste it elsewhere, so it has no secret of their list.
fn defect(text: &str) -> String {
    let text = text.replace('\n', " ");
    let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner);
    let text = secrets.as_ref().map_or_else(|| text.clone(), |secrets| secrets.redact(&text));
    format!("gonogo: this is a defect of gonogo, please report it: {text}")
}

/// Keeps the secrets of a list out of the report of a defect.
fn keep_secret(secrets: &Secrets) {
    *SECRETS.lock().unwrap_or_else(PoisonError::into_inner) = Some(secrets.clone());
}

fn parse_and_run() -> u8 {
    // Asked by a shell for what could come next, this answers and ends.
    if complete::answer() {
        return exit::GO;
    }
    let cli = match Cli::try_parse_from(select::arguments(std::env::args_os())) {
        Ok(cli) => cli,
        Err(mut error) => {
            name_the_verb(&mut error);
            // Help and version are asked for and go to standard output; their reader may be gone.
            return match error.print() {
                Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                    output::stderr(&format!("error: writing to standard output: {error}"));
                    exit::USAGE
                }
                Ok(()) | Err(_) => u8::try_from(error.exit_code()).unwrap_or(exit::USAGE),
            };
        }
    };
    // One provider for the whole process; a second call could only meet the same one.
    let _same = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match dispatch(&cli) {
        Ok(code) => code,
        Err(error) => {
            complain(&error, cli.color);
            exit::USAGE
        }
    }
}

fn dispatch(cli: &Cli) -> anyhow::Result<u8> {
    match &cli.command {
        Command::Run(args) => run::run(args, cli.color),
        Command::Check(args) => check::run(args, cli.color),
        Command::Lint(args) => lint::run(args, cli.color),
        Command::Plan(args) => plan::run(args, cli.color),
        Command::Report(args) => report::run(args, cli.color),
        Command::History(args) => history::run(args, cli.color),
        Command::Diff(args) => diff::run(args, cli.color),
        Command::Merge(args) => merge::run(args, cli.color),
        Command::Explain { topic } => explain::run(topic.as_deref()),
        Command::Init { pack } => init::run(pack),
        Command::Schema { of } => schema::run(*of),
        Command::Silence(command) => silence::run(command, cli.color),
        Command::Sign(args) => sign::run(args, cli.color),
        Command::Completions { shell } => complete::script(*shell),
        Command::Man { verb } => man::page(verb),
        Command::Docs { folder } => manual::write(folder).map(|()| exit::GO),
    }
}

/// Whoever names a checklist where a verb is wanted wants it run.
fn name_the_verb(error: &mut clap::Error) {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return;
    };
    if std::path::Path::new(word).is_file() {
        let tip = format!("to run the checklist: gonogo run {}", quote(&one_line(word)));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
}

/// Shows an error of the command line with everything that led to it.
fn complain(error: &anyhow::Error, choice: ColourChoice) {
    let word = paint("error:", choice);
    output::stderr(&format!("{word} {error:#}"));
}

/// Shows something that went wrong beside the verdict.
fn warn(text: &str) {
    output::stderr(&format!("warning: {text}"));
}

fn paint(word: &str, choice: ColourChoice) -> String {
    use std::io::IsTerminal;
    if env::colour(choice, std::io::stderr().is_terminal()) {
        let style = anstyle::AnsiColor::Red.on_default().bold();
        format!("{style}{word}{style:#}")
    } else {
        word.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_of_a_defect_has_no_secret_of_the_list() {
        let secrets = Secrets::default();
        secrets.add("hunter22");
        keep_secret(&secrets);
        let said = defect("panicked at src/x.rs:1:\nno such key: hunter22");
        assert!(said.ends_with("panicked at src/x.rs:1: no such key: [redacted]"), "{said}");
    }
}
