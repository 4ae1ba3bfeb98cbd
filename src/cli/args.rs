//! The command line as types; its help is the manual page.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use clap_complete::engine::ArgValueCompleter;

use super::complete;
use super::silence::args::SilenceCommand;
use crate::model::time::Span;
use crate::plan::{PhaseChoice, Shard};

/// A go-live readiness checklist runner: one YAML checklist in, one verdict out, with the evidence
/// behind it.
#[derive(Debug, Parser)]
#[command(
    name = "gonogo",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = EXIT_CODES
)]
pub struct Cli {
    /// When to use colour.
    #[arg(long, value_enum, default_value_t = ColourChoice::Auto, global = true, value_name = "WHEN")]
    pub color: ColourChoice,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// How a help ends.
const EXIT_CODES: &str = "Exit codes: 0 GO · 1 NO-GO · 2 the command line or the checklist is wrong · \
                          3 HOLD · 4 nothing ran · 129/130/143 interrupted · 70 a defect of gonogo";

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColourChoice {
    /// On a terminal that can, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a checklist, or some checks of it, to a verdict.
    #[command(after_help = EXIT_CODES)]
    Run(RunArgs),
    /// Look once at one thing, without a file; prints the YAML to paste into a list.
    #[command(after_help = EXIT_CODES)]
    Check(CheckArgs),
    /// Find every mistake in checklists; nothing is run.
    Lint(LintArgs),
    /// Show what would run when, whom it would contact, and what it would change; nothing is run.
    Plan(PlanArgs),
    /// Make any format again from a recorded run. With -o nagios the exit code is a monitor's plugin's: 0
    /// OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.
    Report(ReportArgs),
    /// List the recorded runs, latest first.
    History(HistoryArgs),
    /// Show what changed between two runs: outcomes, findings, facts, new and gone checks.
    Diff(DiffArgs),
    /// Make one record out of shards of a run, or of runs from several vantage points.
    Merge(MergeArgs),
    /// Show, end, extend or audit the silences that runs have made.
    #[command(subcommand)]
    Silence(SilenceCommand),
    /// Sign a manual item of a checklist, as it stands.
    Sign(SignArgs),
    /// Say what a code or a kind means, why it matters at a launch, and how to fix it.
    Explain {
        /// A code such as tls.staple-expired, or a kind such as tls; without it, all are listed.
        #[arg(add = ArgValueCompleter::new(complete::topics))]
        topic: Option<String>,
    },
    /// Write a checklist to begin with into this folder; asks nothing, overwrites nothing.
    Init {
        /// Which one; without it, a small one that runs as it stands.
        #[arg(default_value = super::init::STARTER, hide_default_value = true, value_parser = super::init::PackName)]
        pack: String,
    },
    /// Print a JSON Schema.
    Schema {
        /// Of what.
        #[arg(value_enum)]
        of: SchemaOf,
    },
    /// Print a completion script for a shell.
    Completions {
        /// Which shell.
        shell: Shell,
    },
    /// Print the manual page of gonogo or of one of its verbs (roff).
    Man {
        /// The verb, such as run, or silence extend.
        verb: Vec<String>,
    },
    /// Write the generated manual into a folder.
    #[command(hide = true)]
    Docs {
        /// The folder.
        folder: PathBuf,
    },
}

/// What there is a schema of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SchemaOf {
    /// The checklist language.
    Checklist,
    /// The record of a run.
    Record,
}

/// What may be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Allow {
    /// Running programs (kind `command`).
    Exec,
}

/// Running a checklist.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The checklist.
    pub checklist: PathBuf,
    /// Only these checks; ids may be globs, such as 'tls.*'.
    #[arg(value_name = "ID", add = ArgValueCompleter::new(complete::ids))]
    pub ids: Vec<String>,
    /// Only what did not pass in a recorded run; the latest of this list by default.
    #[arg(long, value_name = "RUN", num_args = 0..=1, default_missing_value = "latest")]
    pub rerun_failed: Option<String>,
    /// Finish an interrupted run of the same list, variables and phase: what has an answer there is
    /// taken over, the rest is looked at.
    #[arg(long, value_name = "RUN", conflicts_with = "rerun_failed")]
    pub resume: Option<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show the comment as help")]
    pub select: SelectArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show the comment as help")]
    pub engine: EngineArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show the comment as help")]
    pub output: OutputArgs,
}

/// Which checks.
#[derive(Debug, Args)]
pub struct SelectArgs {
    /// The phase to run: auto (the latest that has begun, else the first), all, or one of the list's.
    #[arg(long, default_value = "auto", value_name = "PHASE", add = ArgValueCompleter::new(complete::phases))]
    pub phase: PhaseChoice,
    /// Only checks with this tag; repeatable.
    #[arg(long = "tag", value_name = "TAG", add = ArgValueCompleter::new(complete::tags))]
    pub tags: Vec<String>,
    /// Leave these checks out; globs allowed, repeatable.
    #[arg(long = "skip", value_name = "ID", add = ArgValueCompleter::new(complete::ids))]
    pub skip: Vec<String>,
    /// Select what the selected checks need with them.
    #[arg(long)]
    pub with_needs: bool,
    /// This machine's part of the list, such as 1/3; checks that need each other stay together.
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Set a variable of the list; the value is YAML. Repeatable.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub vars: Vec<(String, String)>,
    /// A YAML file of variables; --var wins over it. Repeatable.
    #[arg(long = "var-file", value_name = "FILE")]
    pub var_files: Vec<PathBuf>,
}

/// How to run.
#[derive(Debug, Args)]
pub struct EngineArgs {
    /// Let checks make their proposed changes.
    #[arg(long)]
    pub apply: bool,
    /// Allow something a list alone may not decide.
    #[arg(long, value_enum, value_name = "WHAT")]
    pub allow: Vec<Allow>,
    /// How many checks run at the same time.
    #[arg(long, value_name = "N", default_value_t = crate::engine::DEFAULT_JOBS, value_parser = jobs)]
    pub jobs: usize,
    /// No try of any check takes longer than this; also the default for checks that say nothing.
    #[arg(long, value_name = "D", value_parser = some_time)]
    pub timeout: Option<Span>,
    /// The whole run takes no longer than this; what has no answer by then is unknown.
    #[arg(long, value_name = "D", value_parser = some_time)]
    pub deadline: Option<Span>,
    /// Count warnings as failures.
    #[arg(long)]
    pub strict: bool,
    /// End the run with the first blocker that fails.
    #[arg(long)]
    pub fail_fast: bool,
    /// A label for where this run looks from.
    #[arg(long, value_name = "NAME")]
    pub vantage: Option<String>,
}

impl EngineArgs {
    /// Those of a run that only looks.
    #[must_use]
    pub const fn looking() -> Self {
        Self {
            apply: false,
            allow: Vec::new(),
            jobs: crate::engine::DEFAULT_JOBS,
            timeout: None,
            deadline: None,
            strict: false,
            fail_fast: false,
            vantage: None,
        }
    }
}

/// What is written where.
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// Write a format (table, json, jsonl, junit, tap, markdown, html, pdf, prometheus, github,
    /// gitlab, nagios) to standard output, or to PATH. A bare PATH picks the format by its extension.
    /// Repeatable.
    #[arg(short, long = "output", value_name = "FORMAT[=PATH]")]
    pub output: Vec<String>,
    /// Show every check with what was observed.
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Show only the verdict.
    #[arg(short, long)]
    pub quiet: bool,
    /// A font for the PDF, used for the characters its own fonts lack, such as Chinese. Repeatable.
    #[arg(long, value_name = "FILE")]
    pub font_path: Vec<PathBuf>,
}

/// Looking once.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The kind of check, such as tls.
    #[arg(add = ArgValueCompleter::new(complete::kinds))]
    pub kind: String,
    /// What to look at: the kind's main parameter.
    #[arg(required = true, value_name = "TARGET")]
    pub targets: Vec<String>,
    /// Set a parameter; the value is YAML, the key may be dotted. Repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
    /// T-0, with its zone; now by default.
    #[arg(long, value_name = "TIME")]
    pub launch: Option<String>,
    /// Look for nothing but the connections that killed ramps left behind (`postgres_pool`, `mysql_pool`), of
    /// runs that have been silent for so long; with --apply end them, and nobody else's.
    #[arg(long, value_name = "D", num_args = 0..=1, require_equals = true, default_missing_value = "1m")]
    pub cleanup: Option<Span>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show the comment as help")]
    pub engine: EngineArgs,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show the comment as help")]
    pub output: OutputArgs,
}

/// Finding mistakes.
#[derive(Debug, Args)]
pub struct LintArgs {
    /// The checklists.
    #[arg(required = true, value_name = "CHECKLIST")]
    pub checklists: Vec<PathBuf>,
    /// Set a variable of the lists; the value is YAML. Repeatable.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub vars: Vec<(String, String)>,
    /// A YAML file of variables; --var wins over it. Repeatable.
    #[arg(long = "var-file", value_name = "FILE")]
    pub var_files: Vec<PathBuf>,
    /// How mistakes are shown.
    #[arg(long, value_enum, default_value_t = LintFormat::Text)]
    pub format: LintFormat,
}

/// How mistakes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LintFormat {
    /// For people, with the line and a caret.
    Text,
    /// A JSON document on standard output, for editors and CI.
    Json,
}

/// Showing what would run.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// The checklist.
    pub checklist: PathBuf,
    /// Only these checks; ids may be globs.
    #[arg(value_name = "ID", add = ArgValueCompleter::new(complete::ids))]
    pub ids: Vec<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show the comment as help")]
    pub select: SelectArgs,
    /// How the plan is shown: text, json, sh (a script of standard tools), markdown, or pdf (the blank
    /// checklist to sign on paper); to standard output, or to PATH.
    #[arg(short, long = "output", value_name = "FORMAT[=PATH]", default_value = "text", value_parser = plan_output)]
    pub output: (PlanFormat, Option<PathBuf>),
}

/// How a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people.
    Text,
    /// A JSON document.
    Json,
    /// A shell script of standard tools that makes the same looks.
    Sh,
    /// The list as a document.
    Markdown,
    /// The blank checklist, to sign on paper.
    Pdf,
}

/// Signing.
#[derive(Debug, Args)]
pub struct SignArgs {
    /// The checklist.
    pub checklist: PathBuf,
    /// The id of the manual item.
    #[arg(add = ArgValueCompleter::new(complete::ids))]
    pub id: String,
    /// Who signs.
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// The role they sign as.
    #[arg(long, value_name = "ROLE")]
    pub role: Option<String>,
    /// Anything they want to add.
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// Set a variable of the list, as the run will; the value is YAML. Repeatable.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub vars: Vec<(String, String)>,
    /// A YAML file of variables; --var wins over it. Repeatable.
    #[arg(long = "var-file", value_name = "FILE")]
    pub var_files: Vec<PathBuf>,
}

/// Making reports again.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// A recorded run (its id, the beginning or end of it, or of what `gonogo history` shows) or a file: an event log or a record
    /// in JSON. The latest run by default.
    #[arg(value_name = "RUN|FILE")]
    pub run: Option<String>,
    /// Prove a PDF report: that the record attached to it makes these very pages. The exit code is 0
    /// when it does, and 1 when it does not or there is none.
    #[arg(long, value_name = "PDF", conflicts_with = "run")]
    pub verify: Option<PathBuf>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show the comment as help")]
    pub output: OutputArgs,
}

/// How a list is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people.
    Text,
    /// A JSON document.
    Json,
}

/// Listing runs.
#[derive(Debug, Args)]
pub struct HistoryArgs {
    /// Only runs of lists whose name or file contains this.
    #[arg(value_name = "LIST")]
    pub list: Option<String>,
    /// How many runs are shown; 0 for all.
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub limit: usize,
    /// How they are shown.
    #[arg(short = 'o', long = "output", value_enum, default_value_t = ListFormat::Text)]
    pub format: ListFormat,
    /// Delete the logs of runs that began longer ago than this, such as 30d, except those that a
    /// waiver or a sign-off rests on. After every run this is done with 90d (or what `GONOGO_KEEP` says:
    /// a length of time, or `forever`), and the 200 latest stay. A file RUN.keep keeps a run.
    #[arg(long, value_name = "AGE", conflicts_with = "list")]
    pub prune: Option<Span>,
}

/// Comparing runs.
#[derive(Debug, Args)]
pub struct DiffArgs {
    /// The earlier run: its id, the beginning or end of it, or a file (a record in JSON, an event log).
    #[arg(value_name = "A")]
    pub before: String,
    /// The later run.
    #[arg(value_name = "B")]
    pub after: String,
    /// How the difference is shown.
    #[arg(short = 'o', long = "output", value_enum, default_value_t = ListFormat::Text)]
    pub format: ListFormat,
}

/// Merging.
#[derive(Debug, Args)]
pub struct MergeArgs {
    /// The records: files in JSON or event logs, or recorded runs by their ids. Shards of one run
    /// (--shard I/N) become the whole; a missing one holds the launch. Runs with different --vantage
    /// become a matrix, judged by each check's `quorum`. The exit code is that of the merged verdict.
    #[arg(required = true, value_name = "FILE")]
    pub records: Vec<String>,
    #[command(flatten)]
    #[expect(missing_docs, reason = "clap would show the comment as help")]
    pub output: OutputArgs,
}

pub(super) fn name_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        Some(_) | None => Err(format!("`{text}` is not NAME=VALUE")),
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    name_and_value(text).map_err(|_| format!("`{text}` is not KEY=VALUE"))
}

fn plan_output(text: &str) -> Result<(PlanFormat, Option<PathBuf>), String> {
    let (format, path) = match text.split_once('=') {
        Some((_, "")) => return Err(format!("`{text}` names no file after the `=`")),
        Some((format, path)) => (format, Some(PathBuf::from(path))),
        None => (text, None),
    };
    PlanFormat::from_str(format, false).map(|format| (format, path)).map_err(|_| {
        let known = PlanFormat::value_variants().iter().filter_map(ValueEnum::to_possible_value);
        let known: Vec<String> = known.map(|value| value.get_name().to_owned()).collect();
        format!("there is no plan as `{format}`; known are {}", known.join(", "))
    })
}

/// A length of time in which something can be done.
fn some_time(text: &str) -> Result<Span, String> {
    match text.parse::<Span>() {
        Ok(span) if span == Span::ZERO => {
            Err("nothing can be looked at in no time; write one such as 10s".to_owned())
        }
        Ok(span) => Ok(span),
        Err(error) => Err(error.to_string()),
    }
}

fn jobs(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(jobs @ 1..=10_000) => Ok(jobs),
        Ok(_) | Err(_) => Err("write a number from 1 to 10000".to_owned()),
    }
}
