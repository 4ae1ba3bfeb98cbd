//! The environment of a run: the only place that reads environment variables.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;

use super::args::{ColourChoice, OutputArgs};
use crate::checklist::interpolate::SecretSource;
use crate::checklist::load::{ReadError, read};
use crate::model::record::GitRef;
use crate::model::time::Span;
use crate::net::postgres::Services;
use crate::report::{Colour, Detail, Glyphs, Look};

/// The columns of a report that goes to no terminal.
const PIPE_WIDTH: usize = 100;

/// An environment variable that is set to something.
#[expect(clippy::disallowed_methods, reason = "this is the environment's home")]
fn var(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Secrets out of the environment, and out of files.
#[derive(Debug, Clone, Copy)]
pub(super) struct Secrets;

impl SecretSource for Secrets {
    #[expect(clippy::disallowed_methods, reason = "this is the environment's home")]
    fn env(&self, name: &str) -> Result<String, String> {
        match std::env::var(name) {
            Ok(value) => Ok(value),
            Err(std::env::VarError::NotPresent) => Err("is not set".to_owned()),
            Err(std::env::VarError::NotUnicode(_)) => Err("is not UTF-8".to_owned()),
        }
    }

    fn file(&self, path: &Path) -> Result<String, String> {
        let text = read(path);
        let text = text.map_err(|error| match error {
            ReadError::Open { source, .. } => {
                format!("cannot be read: {source}")
            }
            other @ (ReadError::TooLarge { .. } | ReadError::NotText { .. }) => {
                format!("cannot be used: {other}")
            }
        })?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }
}

/// The folder of event logs: `$GONOGO_STATE_DIR`, else `$XDG_STATE_HOME/gonogo/runs`, else
/// `~/.local/state/gonogo/runs` (XDG Base Directory Specification 0.8).
#[must_use]
pub(super) fn runs() -> Option<PathBuf> {
    let absolute = |path: String| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let state = var("GONOGO_STATE_DIR").map(PathBuf::from).or_else(|| {
        let home = || absolute(var("HOME")?).map(|home| home.join(".local/state"));
        let base = var("XDG_STATE_HOME").and_then(absolute).or_else(home)?;
        Some(base.join("gonogo"))
    })?;
    Some(state.join("runs"))
}

/// The signals this process was told to ignore when it was started, one bit each; none where the
/// system does not say.
#[must_use]
pub(super) fn ignored_signals() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

/// Where PostgreSQL's clients keep passwords: `$PGPASSFILE`, else `~/.pgpass`.
#[must_use]
pub(super) fn passfile() -> Option<PathBuf> {
    let own = || Some(PathBuf::from(var("HOME")?).join(".pgpass"));
    var("PGPASSFILE").map(PathBuf::from).or_else(own)
}

/// Where PostgreSQL's clients keep services: `$PGSERVICEFILE`, else `~/.pg_service.conf`; then the
/// machine's, in `$PGSYSCONFDIR`, or where Debian and the packages of PostgreSQL for Red Hat have it.
#[must_use]
pub(super) fn services() -> Services {
    let system = match var("PGSYSCONFDIR") {
        Some(folder) => vec![PathBuf::from(folder)],
        None => ["/etc/postgresql-common", "/etc/sysconfig/pgsql"].map(PathBuf::from).to_vec(),
    };
    Services {
        name: var("PGSERVICE"),
        named_file: var("PGSERVICEFILE").map(PathBuf::from),
        own_file: var("HOME").map(|home| PathBuf::from(home).join(".pg_service.conf")),
        system_files: system.into_iter().map(|folder| folder.join("pg_service.conf")).collect(),
    }
}

/// How long logs are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Keep {
    /// Nobody says.
    Usual,
    /// This long.
    For(Span),
    /// No log is ever deleted.
    Forever,
    /// What is said means nothing.
    Unclear(String),
}

/// How long logs are kept, by `GONOGO_KEEP`.
#[must_use]
pub(super) fn keep() -> Keep {
    match var("GONOGO_KEEP") {
        None => Keep::Usual,
        Some(text) if text == "forever" => Keep::Forever,
        Some(text) => text.parse().map_or(Keep::Unclear(text), Keep::For),
    }
}

/// The machine's name.
#[must_use]
pub(super) fn host() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Some(name).filter(|name| !name.is_empty())
}

/// The name of the user the process runs as, by the system's list of users.
fn account() -> Option<String> {
    let uid = rustix::process::getuid().as_raw().to_string();
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    let mut lines = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let line = lines.find(|fields| fields.get(2) == Some(&uid.as_str()))?;
    line.first().map(ToString::to_string)
}

/// Who runs it: the user's name, and behind `sudo` the one who called it.
#[must_use]
pub(super) fn operator() -> String {
    let user = var("USER").or_else(|| var("LOGNAME")).or_else(account);
    match (var("SUDO_USER"), user) {
        (Some(caller), Some(user)) if caller != user => format!("{caller} (as {user})"),
        (Some(one), _) | (None, Some(one)) => one,
        (None, None) => format!("uid {}", rustix::process::getuid().as_raw()),
    }
}

/// Whether standard error is a terminal that can move its cursor.
#[must_use]
pub(super) fn live_stderr() -> bool {
    std::io::stderr().is_terminal() && !dumb() && var("CI").is_none()
}

fn dumb() -> bool {
    var("TERM").is_some_and(|term| term == "dumb")
}

/// Whether a stream may be coloured.
#[must_use]
pub(super) fn colour(choice: ColourChoice, terminal: bool) -> bool {
    match choice {
        ColourChoice::Always => true,
        ColourChoice::Never => false,
        // https://no-color.org and https://bixense.com/clicolors.
        ColourChoice::Auto if var("NO_COLOR").is_some() => false,
        ColourChoice::Auto if var("CLICOLOR_FORCE").is_some_and(|force| force != "0") => true,
        ColourChoice::Auto => terminal && !dumb(),
    }
}

/// How reports look here; `terminal` says whether the report goes to standard output itself.
#[must_use]
pub(super) fn look(args: &OutputArgs, choice: ColourChoice) -> Look {
    let detail = match (args.quiet, args.verbose) {
        (true, _) => Detail::Quiet,
        (false, true) => Detail::Verbose,
        (false, false) => Detail::Normal,
    };
    Look { detail, ..plain_look(choice) }
}

/// How anything else looks that goes to standard output.
#[must_use]
pub(super) fn plain_look(choice: ColourChoice) -> Look {
    let terminal = std::io::stdout().is_terminal();
    let width = var("COLUMNS").and_then(|columns| columns.parse().ok());
    let width = width.or_else(|| {
        let size = terminal.then(|| rustix::termios::tcgetwinsize(std::io::stdout()).ok())??;
        Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
    });
    Look {
        width: width.unwrap_or(PIPE_WIDTH),
        colour: if colour(choice, terminal) { Colour::On } else { Colour::Off },
        detail: Detail::Normal,
        glyphs: glyphs(),
        zone: TimeZone::system(),
        fonts: Vec::new(),
    }
}

/// Whether the locale is UTF-8; where none is named, as in most CI, everything today is.
fn glyphs() -> Glyphs {
    let locale = var("LC_ALL").or_else(|| var("LC_CTYPE")).or_else(|| var("LANG"));
    match locale {
        Some(locale) if !locale.to_uppercase().replace('-', "").contains("UTF8") => {
            // `C` and `POSIX` are what bare containers have; their terminals are UTF-8.
            if locale == "C" || locale == "POSIX" { Glyphs::Unicode } else { Glyphs::Ascii }
        }
        Some(_) | None => Glyphs::Unicode,
    }
}

/// The CI host this runs on, and the files it wants things written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ci {
    /// GitHub Actions, with the files of `GITHUB_STEP_SUMMARY` and `GITHUB_OUTPUT`.
    Github {
        /// Where the job summary is appended to.
        summary: Option<PathBuf>,
        /// Where the step's outputs are appended to.
        outputs: Option<PathBuf>,
    },
    /// GitLab CI.
    Gitlab,
    /// None that is known.
    None,
}

/// The CI host this runs on.
#[must_use]
pub(super) fn ci() -> Ci {
    if var("GITHUB_ACTIONS").is_some_and(|on| on == "true") {
        let file = |name| var(name).map(PathBuf::from);
        return Ci::Github { summary: file("GITHUB_STEP_SUMMARY"), outputs: file("GITHUB_OUTPUT") };
    }
    if var("GITLAB_CI").is_some_and(|on| on == "true") { Ci::Gitlab } else { Ci::None }
}

/// The commit a checklist's work tree stands at, when it is in one and git is there to tell.
///
/// Optional locks and the file system monitor are off: a checklist in a foreign work tree must not
/// be able to run anything (`git help config`, core.fsmonitor).
#[must_use]
pub(super) fn git(checklist: &Path) -> Option<GitRef> {
    let full = checklist.canonicalize().ok()?;
    let folder = full.parent()?;
    if !folder.ancestors().any(|folder| folder.join(".git").exists()) {
        return None;
    }
    let output = std::process::Command::new("git")
        .args(["--no-optional-locks", "-c", "core.fsmonitor=false", "-C"])
        .arg(folder)
        .args([
            "status",
            "--porcelain=v2",
            "--branch",
            "--untracked-files=all",
            "--ignored=matching",
            "--",
        ])
        .arg(&full)
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let commit = text.lines().find_map(|line| line.strip_prefix("# branch.oid "))?;
    if commit == "(initial)" {
        return None;
    }
    let dirty = text.lines().any(|line| !line.starts_with('#'));
    Some(GitRef { commit: commit.to_owned(), dirty })
}
