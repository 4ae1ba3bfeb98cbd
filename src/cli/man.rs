//! The manual pages, in roff: what clap knows of a verb, and the environment, the files and the exit codes.

use anyhow::Context;
use clap::CommandFactory;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};

use super::args::Cli;
use super::{env, exit, output};

/// Prints the manual page of the program or of a verb; a verb may have verbs of its own.
pub(super) fn page(words: &[String]) -> anyhow::Result<u8> {
    let mut command = Cli::command();
    command.build();
    for word in words {
        command = command
            .find_subcommand(word)
            .filter(|command| !command.is_hide_set())
            .cloned()
            .with_context(|| {
            format!("there is no verb `{word}`; `gonogo --help` lists them")
        })?;
    }
    output::stdout(&written(command, words)?)?;
    Ok(exit::GO)
}

fn written(mut command: clap::Command, words: &[String]) -> std::io::Result<Vec<u8>> {
    let verb = words.join(" ");
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().to_owned();
    let all = std::iter::once("gonogo").chain(words.iter().map(String::as_str));
    let title = all.collect::<Vec<_>>().join("-");
    let has_verbs = command.has_subcommands();
    let man = Man::new(command)
        .title(title)
        .source(concat!("gonogo ", env!("CARGO_PKG_VERSION")))
        .manual("gonogo");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    for line in usage.lines() {
        roff.text([roman(line.trim())]);
    }
    roff.to_writer(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if has_verbs {
        man.render_subcommands_section(&mut page)?;
    }
    let mut roff = Roff::new();
    list(&mut roff, "EXIT STATUS", &exit_status(&verb));
    list(&mut roff, "ENVIRONMENT", &known(env::VARIABLES, &verb));
    list(&mut roff, "FILES", &known(env::FILES, &verb));
    roff.to_writer(&mut page)?;
    Ok(once(&String::from_utf8_lossy(&page)))
}

/// A page out of sections of which each brings the same definitions with it; the first one's serve all.
fn once(page: &str) -> Vec<u8> {
    let Some(title) = page.find(".TH ") else { return page.as_bytes().to_vec() };
    let (definitions, page) = page.split_at(title);
    format!("{definitions}{}", page.replace(definitions, "")).into_bytes()
}

/// A section of terms with what they mean; none where there is nothing to say.
fn list(roff: &mut Roff, name: &str, rows: &[(String, String)]) {
    if rows.is_empty() {
        return;
    }
    roff.control("SH", [name]);
    for (term, meaning) in rows {
        roff.control("TP", []);
        roff.text([bold(term.as_str())]);
        let meaning: Vec<Inline> = vec![roman(meaning.as_str())];
        roff.text(meaning);
    }
}

/// What of a table matters to a verb; to the program as a whole all of it does.
fn known(table: &[env::Known], verb: &str) -> Vec<(String, String)> {
    let first = verb.split(' ').next().unwrap_or_default();
    let matters =
        |row: &&env::Known| verb.is_empty() || row.of.is_empty() || row.of.contains(&first);
    let rows = table.iter().filter(matters);
    rows.map(|row| (row.name.to_owned(), row.what.to_owned())).collect()
}

/// The verbs that end with a verdict.
const VERDICTS: [&str; 6] = ["", "run", "check", "merge", "report", "silence audit"];

/// The exit codes of a verb.
fn exit_status(verb: &str) -> Vec<(String, String)> {
    let own = exit::VERBS.iter().filter(|(verbs, _)| {
        verbs.split('`').any(|one| {
            let of = |rest: &str| rest.is_empty() || rest.starts_with(' ');
            verb.is_empty() || one.strip_prefix(verb).is_some_and(of)
        })
    });
    let own = own.map(|(verbs, codes)| (verbs.replace('`', ""), (*codes).to_owned()));
    let mut rows = Vec::new();
    if VERDICTS.contains(&verb) {
        let all = exit::ALL.iter();
        rows.extend(all.map(|(code, word, when)| (code.to_string(), format!("{word}: {when}"))));
    }
    rows.extend(own);
    if rows.is_empty() {
        rows.push(("0".to_owned(), "it did what it is there for".to_owned()));
        rows.push(("2".to_owned(), "the command line or the checklist is wrong".to_owned()));
    }
    if verb == "plan" {
        rows.push((exit::NOTHING_RAN.to_string(), "the selection is empty".to_owned()));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verb_has_exit_codes_and_only_its_own() {
        let codes = |verb: &str| -> Vec<String> {
            exit_status(verb).into_iter().map(|(code, _)| code).collect()
        };
        assert_eq!(codes("run").len(), exit::ALL.len());
        assert_eq!(codes("lint"), ["lint"]);
        assert_eq!(codes("silence expire"), ["silence list, silence expire, silence extend"]);
        assert_eq!(codes("plan"), ["0", "2", "4"]);
        assert!(codes("report").contains(&"report -o nagios".to_owned()));
        assert_eq!(codes("").len(), exit::ALL.len() + exit::VERBS.len());
    }
}
