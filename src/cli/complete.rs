//! Completion: scripts for shells, and answers to them while somebody types.

use std::ffi::OsStr;
use std::path::Path;

use anyhow::bail;
use clap::CommandFactory;
use clap_complete::Shell;
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{Bash, CompleteEnv, Elvish, EnvCompleter, Fish, Powershell, Zsh};

use super::args::Cli;
use super::{exit, output};
use crate::checklist::Checklist;
use crate::checklist::load::{Options, load};
use crate::model::code::Code;
use crate::probe::KINDS;

/// The variable by which a shell's script asks for what could come next.
const ASKS: &str = "GONOGO_COMPLETE";

/// Answers a shell that asks for what could come next; says whether one did.
pub(super) fn answer() -> bool {
    let words = std::env::args_os();
    let folder = std::env::current_dir().ok();
    // An answer that cannot be given is no answer: completion stays silent.
    CompleteEnv::with_factory(Cli::command)
        .var(ASKS)
        .try_complete(words, folder.as_deref())
        .unwrap_or(true)
}

/// Prints the script of a shell.
pub(super) fn script(shell: Shell) -> anyhow::Result<u8> {
    let completer: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
        Shell::PowerShell => &Powershell,
        Shell::Elvish => &Elvish,
        _ => bail!("there are no completions for {shell}"),
    };
    let mut script = Vec::new();
    completer.write_registration(ASKS, "gonogo", "gonogo", "gonogo", &mut script)?;
    output::stdout(&script)?;
    Ok(exit::GO)
}

/// The checklist named on the line that is being typed.
fn checklist() -> Option<Checklist> {
    let is_list = |word: &std::ffi::OsString| {
        let path = Path::new(word);
        path.extension().is_some_and(|e| e == "yaml" || e == "yml") && path.is_file()
    };
    let path = std::env::args_os().skip(1).find(is_list)?;
    let options = Options { vars: &[], var_files: &[], secrets: None, launch: None };
    load(Path::new(&path), &options).ok().map(|(checklist, _)| checklist)
}

/// Ids of the checklist on the line.
pub(super) fn ids(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(checklist) = checklist() else { return Vec::new() };
    let checks = checklist.checks();
    checks
        .filter(|check| begins(check.id.as_str(), typed))
        .map(|check| {
            CompletionCandidate::new(check.id.as_str()).help(Some(check.title.clone().into()))
        })
        .collect()
}

/// Tags of the checklist on the line.
pub(super) fn tags(typed: &OsStr) -> Vec<CompletionCandidate> {
    let Some(checklist) = checklist() else { return Vec::new() };
    let mut tags: Vec<&str> =
        checklist.checks().flat_map(|check| &check.tags).map(String::as_str).collect();
    tags.sort_unstable();
    tags.dedup();
    tags.into_iter().filter(|tag| begins(tag, typed)).map(CompletionCandidate::new).collect()
}

/// Phases of the checklist on the line.
pub(super) fn phases(typed: &OsStr) -> Vec<CompletionCandidate> {
    let list = checklist();
    let own = list.iter().flat_map(|list| &list.phases).map(|phase| phase.label.as_str());
    ["auto", "all"]
        .into_iter()
        .chain(own)
        .filter(|phase| begins(phase, typed))
        .map(CompletionCandidate::new)
        .collect()
}

/// Kinds.
pub(super) fn kinds(typed: &OsStr) -> Vec<CompletionCandidate> {
    KINDS
        .iter()
        .filter(|row| begins(row.name, typed))
        .map(|row| CompletionCandidate::new(row.name).help(Some(row.summary.into())))
        .collect()
}

/// Codes and kinds.
pub(super) fn topics(typed: &OsStr) -> Vec<CompletionCandidate> {
    let codes = super::manual::codes().filter(|code: &&Code| begins(code.id, typed));
    let codes = codes.map(|code| CompletionCandidate::new(code.id).help(Some(code.summary.into())));
    kinds(typed).into_iter().chain(codes).collect()
}

fn begins(word: &str, typed: &OsStr) -> bool {
    typed.to_str().is_some_and(|typed| word.starts_with(typed))
}
