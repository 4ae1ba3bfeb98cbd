//! `gonogo init`: writes a checklist to begin with, and says what to type next.

use std::ffi::OsStr;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context, bail};
use clap::builder::{PossibleValue, TypedValueParser};
use clap::error::ErrorKind;

use super::{exit, output};
use crate::model::text::{did_you_mean, one_line};

/// A checklist that is copied, as it lies under `checklists/`.
struct Pack {
    name: &'static str,
    /// What it is for, in a few words.
    summary: &'static str,
    text: &'static str,
}

macro_rules! packs {
    ($($name:literal: $summary:literal,)*) => {
        &[$(Pack {
            name: $name,
            summary: $summary,
            text: include_str!(concat!("../../checklists/", $name, ".yaml")),
        }),*]
    };
}

/// What is written when no pack is named.
pub(super) const STARTER: &str = "launch";

/// Every pack; the starter first.
static PACKS: &[Pack] = packs! {
    "launch": "a small list to begin with",
    "launch-72h": "the whole countdown of a web or game service",
    "game-launch": "a multiplayer game: regions, edge nodes, canary, silence, golden hours",
    "web": "a web site or an API: names, certificates, pages",
    "postgres": "connections of a PostgreSQL against the launch's demand",
    "certificates": "certificates alone, public and private",
    "ci-gate": "a gate for a pipeline",
};

/// Reads the name of a pack; the help and completions list them.
#[derive(Debug, Clone, Copy)]
pub(super) struct PackName;

impl TypedValueParser for PackName {
    type Value = String;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<String, clap::Error> {
        let name = value.to_string_lossy();
        let names = || PACKS.iter().map(|pack| pack.name);
        if names().any(|known| known == name) {
            return Ok(name.into_owned());
        }
        let near = did_you_mean(&name, names())
            .map_or_else(String::new, |near| format!("did you mean `{near}`? "));
        let all: Vec<&str> = names().collect();
        let message =
            format!("there is no pack `{}`; {near}there are: {}", one_line(&name), all.join(", "));
        Err(clap::Error::raw(ErrorKind::InvalidValue, message + "\n").with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let value = |pack: &Pack| PossibleValue::new(pack.name).help(pack.summary);
        Some(Box::new(PACKS.iter().map(value)))
    }
}

/// Writes a pack into the working folder.
pub(super) fn run(name: &str) -> anyhow::Result<u8> {
    let Some(pack) = PACKS.iter().find(|pack| pack.name == name) else {
        bail!("there is no pack `{name}`");
    };
    let path = PathBuf::from(format!("{name}.yaml"));
    // One step, so that a file made in between is not lost either.
    let made = OpenOptions::new().write(true).create_new(true).open(&path);
    let mut file = match made {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => bail!(
            "{} is here already, and nothing was written; move it away, or go to another folder",
            path.display()
        ),
        Err(error) => {
            return Err(error).with_context(|| format!("{} cannot be written", path.display()));
        }
    };
    if let Err(error) = file.write_all(pack.text.as_bytes()).and_then(|()| file.sync_all()) {
        // Half a checklist looks like a whole one.
        let _gone = std::fs::remove_file(&path);
        return Err(error).with_context(|| format!("{} cannot be written", path.display()));
    }
    output::stdout(next(pack).as_bytes())?;
    Ok(exit::GO)
}

/// What to type next.
fn next(pack: &Pack) -> String {
    let file = format!("{}.yaml", pack.name);
    let starter = pack.name == STARTER;
    let mut page = format!("{file} is written: {}.\n", pack.summary);
    let run = if runs_programs(pack.text) { " --allow exec" } else { "" };
    let run = (format!("gonogo run {file}{run}"), "to the verdict: GO, HOLD or NO-GO");
    let lint = (format!("gonogo lint {file}"), "every mistake; nothing is run");
    let plan = (format!("gonogo plan {file}"), "what would run, and whom it would contact");
    if starter {
        commands(&mut page, "It runs as it stands, and says GO:", &[run]);
        let head = "Then make it yours; its comments say how. After each change:";
        commands(&mut page, head, &[lint, plan]);
        let others = PACKS.iter().filter(|pack| pack.name != STARTER);
        let others: Vec<(String, &str)> =
            others.map(|pack| (format!("gonogo init {}", pack.name), pack.summary)).collect();
        commands(&mut page, "Larger ones to copy from:", &others);
    } else {
        let head = "Put in your own `vars`, and `launch` and `people` where it has them. Then:";
        let secrets = secrets(pack.text).into_iter();
        let secrets = secrets.map(|name| (format!("export {name}=…"), "a secret; shown nowhere"));
        let all: Vec<(String, &str)> =
            [lint, plan].into_iter().chain(secrets).chain([run]).collect();
        commands(&mut page, head, &all);
    }
    page.push_str(
        "\nFor completion in an editor, let the first line name the schema of your gonogo:\n\n  \
         gonogo schema checklist > checklist.schema.json\n  \
         # yaml-language-server: $schema=checklist.schema.json\n",
    );
    page
}

/// Adds commands under a sentence, what they do beside them.
fn commands(page: &mut String, head: &str, commands: &[(String, &str)]) {
    let width = commands.iter().map(|(command, _)| command.chars().count()).max().unwrap_or(0);
    page.push_str(&format!("\n{head}\n\n"));
    for (command, what) in commands {
        page.push_str(&format!("  {command:<width$}   {what}\n"));
    }
}

/// Whether a list has a check that runs a program.
fn runs_programs(text: &str) -> bool {
    text.lines().any(|line| line.trim_start() == "command:")
}

/// The environment variables a text asks for, each once, in the order they are met.
fn secrets(text: &str) -> Vec<&str> {
    let mut names: Vec<&str> = Vec::new();
    for piece in text.split("${env:").skip(1) {
        if let Some((name, _)) = piece.split_once('}')
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_secret_is_named_once() {
        assert_eq!(secrets("a: ${env:PW}, b: ${x} ${env:TOKEN}${env:PW} ${env:"), ["PW", "TOKEN"]);
    }

    #[test]
    fn the_starter_is_a_pack() {
        assert!(PACKS.iter().any(|pack| pack.name == STARTER));
    }
}
