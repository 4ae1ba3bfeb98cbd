//! The words of `gonogo silence`; their help is the manual page.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::args::{ListFormat, OutputArgs, name_and_value};
use crate::model::time::{Moment, Span};
use crate::net::http::HttpUrl;

/// What to do with silences.
#[derive(Debug, Subcommand)]
pub enum SilenceCommand {
    /// Show silences and on which Alertmanagers they are; without a selection all that gonogo made.
    ///
    /// Exit codes: 0 all Alertmanagers answered · 2 the command line is wrong · 3 one did not answer.
    List(ListArgs),
    /// End silences now, and see that they are gone everywhere.
    ///
    /// Exit codes: 0 ended, or over already · 2 the command line is wrong · 3 refused, or not seen to
    /// be gone from every Alertmanager · 4 no such silence.
    Expire(ExpireArgs),
    /// Make silences end at another time, and see that they do everywhere.
    ///
    /// Exit codes: 0 changed · 2 the command line is wrong · 3 refused, or not seen on every
    /// Alertmanager · 4 no such silence.
    Extend(ExtendArgs),
    /// Say what was planned and what was covered, why they differ, which alerts were kept quiet for
    /// how long, and what will be heard at the end; recorded, and written in every format.
    ///
    /// The exit codes are those of `gonogo run`.
    Audit(AuditArgs),
}

/// Where the silences are.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// The checklist whose `silence` checks say which Alertmanagers, how to be let in, and which
    /// silences. Without it a recorded run says so: that of --run, else the latest with such a check.
    pub checklist: Option<PathBuf>,
    /// An Alertmanager by its base URL, instead of those of a checklist or run. Repeatable.
    #[arg(long = "alertmanager", value_name = "URL")]
    pub alertmanagers: Vec<HttpUrl>,
    /// Set a variable of the list, as the run did; the value is YAML. Repeatable.
    #[arg(long = "var", value_name = "NAME=VALUE", value_parser = name_and_value)]
    pub vars: Vec<(String, String)>,
    /// A YAML file of variables; --var wins over it. Repeatable.
    #[arg(long = "var-file", value_name = "FILE")]
    pub var_files: Vec<PathBuf>,
}

/// Which silences.
#[derive(Debug, Args)]
pub struct WhichArgs {
    /// Those of a run: that it made, or that it found made already for the same release. A run's id,
    /// the beginning or end of it, what `gonogo history` or a silence's comment shows of it, `latest`,
    /// or the file of a record.
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// One by its own id, whoever made it. Repeatable.
    #[arg(long = "id", value_name = "ID", conflicts_with_all = ["run", "ours"])]
    pub ids: Vec<String>,
    /// All that gonogo made, of every checklist and run.
    #[arg(long, conflicts_with = "run")]
    pub ours: bool,
}

/// Showing silences.
#[derive(Debug, Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub places: PlaceArgs,
    #[command(flatten)]
    pub which: WhichArgs,
    /// All, whoever made them.
    #[arg(long, conflicts_with_all = ["run", "ids", "ours"])]
    pub all: bool,
    /// How they are shown.
    #[arg(long, value_enum, default_value_t = ListFormat::Text)]
    pub format: ListFormat,
}

/// Ending silences.
#[derive(Debug, Args)]
pub struct ExpireArgs {
    #[command(flatten)]
    pub places: PlaceArgs,
    #[command(flatten)]
    pub which: WhichArgs,
    /// With --ours: only those that began longer ago than this, such as 12h; to sweep up what was
    /// forgotten.
    #[arg(long, value_name = "D", requires = "ours")]
    pub older_than: Option<Span>,
    /// Why; written with who and when into the comment of the silence, where the audit finds it.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Only show what would be ended, and what would be heard then.
    #[arg(long)]
    pub dry_run: bool,
}

/// Changing the end of silences.
#[derive(Debug, Args)]
pub struct ExtendArgs {
    #[command(flatten)]
    pub places: PlaceArgs,
    #[command(flatten)]
    pub which: WhichArgs,
    /// When they are to end: an instant with its zone, or an offset from the launch such as T+2h. An
    /// end before the present one shortens them.
    #[arg(long, value_name = "TIME", required_unless_present = "by", conflicts_with = "by")]
    pub to: Option<Moment>,
    /// How much later than their present end they are to end, such as 30m.
    #[arg(long, value_name = "D")]
    pub by: Option<Span>,
    /// Why; added to the comment of the silence. Required where it would last longer than the
    /// check's `max_for`.
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Only show what would be changed.
    #[arg(long)]
    pub dry_run: bool,
}

/// Auditing silences.
#[derive(Debug, Args)]
pub struct AuditArgs {
    #[command(flatten)]
    pub places: PlaceArgs,
    /// The run whose silences are audited: its id, the beginning or end of it, `latest`, or the file
    /// of a record. Without it the latest with a `silence` check.
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    #[command(flatten)]
    pub output: OutputArgs,
}
