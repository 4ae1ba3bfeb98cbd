//! The environment of a run: the only place that reads environment variables.

use std::ffi::{OsStr, OsString};
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

/// A variable or a file that changes what the program does, for the manual.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    /// Its name.
    pub(super) name: &'static str,
    /// What it does.
    pub(super) what: &'static str,
    /// The verbs it matters to; none for all.
    pub(super) of: &'static [&'static str],
}

/// The verbs that look at something.
const LOOKING: &[&str] = &["run", "check", "silence"];
/// The verbs that read or write what is recorded.
const RECORDING: &[&str] =
    &["run", "check", "plan", "report", "history", "diff", "merge", "silence"];
/// The verbs that clean up after themselves.
const KEEPING: &[&str] = &["run", "check", "history", "silence"];

const fn known(name: &'static str, of: &'static [&'static str], what: &'static str) -> Known {
    Known { name, what, of }
}

/// Every variable of the environment that is read.
pub(super) const VARIABLES: &[Known] = &[
    known(
        "GONOGO_STATE_DIR",
        RECORDING,
        "the folder that holds the event logs of runs, in runs/; else XDG_STATE_HOME/gonogo, else \
         HOME/.local/state/gonogo",
    ),
    known("XDG_STATE_HOME", RECORDING, "see GONOGO_STATE_DIR; an absolute path"),
    known("HOME", RECORDING, "see GONOGO_STATE_DIR, PGPASSFILE and PGSERVICEFILE"),
    known(
        "GONOGO_KEEP",
        KEEPING,
        "how long the logs of runs are kept, such as 30d, or `forever`; else 90d, and the 200 latest stay",
    ),
    known("PGPASSFILE", LOOKING, "where PostgreSQL's passwords are; else HOME/.pgpass"),
    known("PGSERVICE", LOOKING, "the PostgreSQL service of a URL that names none"),
    known("PGSERVICEFILE", LOOKING, "where PostgreSQL's services are; else HOME/.pg_service.conf"),
    known("PGSYSCONFDIR", LOOKING, "the folder of the machine's own pg_service.conf"),
    known(
        "SSL_CERT_FILE, SSL_CERT_DIR",
        LOOKING,
        "the roots that are trusted, instead of those of the machine",
    ),
    known(
        "USER, LOGNAME, SUDO_USER",
        &["run", "check", "silence"],
        "who is recorded as the operator",
    ),
    known("NO_COLOR", &[], "set to anything, there is no colour unless --color says so"),
    known(
        "CLICOLOR_FORCE",
        &[],
        "set to anything but 0, there is colour where there is no terminal",
    ),
    known("TERM", &[], "`dumb`: no colour, and no line that moves"),
    known("COLUMNS", &[], "how wide a table is; else as wide as the terminal, or 100"),
    known("LC_ALL, LC_CTYPE, LANG", &[], "a locale that is not UTF-8: reports in ASCII"),
    known("TZ", &[], "the zone that times are shown in beside UTC and the launch's own"),
    known("CI", LOOKING, "set to anything, progress is in lines that stay"),
    known(
        "GITHUB_ACTIONS",
        &[],
        "`true`: annotations, and nothing foreign that the runner would take for a command",
    ),
    known(
        "GITHUB_STEP_SUMMARY, GITHUB_OUTPUT",
        LOOKING,
        "on GitHub Actions, the files that the report and the outputs are appended to",
    ),
    known("GITLAB_CI", LOOKING, "`true`: the code quality report is written"),
    known(
        "NAME",
        LOOKING,
        "whatever a checklist names as ${env:NAME}: a secret, which is shown nowhere",
    ),
];

/// Every file that is read or written without being named.
pub(super) const FILES: &[Known] = &[
    known("~/.local/state/gonogo/runs/RUN.jsonl", RECORDING, "the event log of a run"),
    known(
        "~/.local/state/gonogo/runs/RUN.keep",
        KEEPING,
        "keeps the log of that run from being deleted",
    ),
    known(
        "CHECKLIST.signoffs.yaml",
        &["run", "lint", "plan", "sign"],
        "the signatures of CHECKLIST.yaml, beside it",
    ),
    known("~/.pgpass", LOOKING, "PostgreSQL's passwords; see PGPASSFILE"),
    known("~/.pg_service.conf", LOOKING, "PostgreSQL's services; see PGSERVICEFILE"),
    known(
        "gl-code-quality-report.json",
        LOOKING,
        "under GitLab CI, in the working folder: the findings for merge requests",
    ),
];

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

/// The commit a checklist's work tree stands at, when it is in one and git is there to tell, and
/// whether the checklist differs from it.
///
/// A foreign work tree must not be able to run anything. `git status` would run the filters its
/// configuration names (`git help attributes`, filter), so the file is compared by its hash as it
/// lies there. The file system monitor is off, and nothing is fetched that a partial clone lacks.
#[must_use]
pub(super) fn git(checklist: &Path) -> Option<GitRef> {
    let full = checklist.canonicalize().ok()?;
    let folder = full.parent()?;
    if !folder.ancestors().any(|folder| folder.join(".git").exists()) {
        return None;
    }
    let commit = git_says(folder, &["rev-parse", "--verify", "HEAD^{commit}"], None)?;
    let mut name = OsString::from("HEAD:./");
    name.push(full.file_name()?);
    let committed = git_says(folder, &["rev-parse", "--verify"], Some(name.as_os_str()));
    let here = git_says(folder, &["hash-object", "--no-filters", "--"], Some(full.as_os_str()));
    let dirty = here.is_none() || committed != here;
    Some(GitRef { commit, dirty })
}

/// The one line git answers in a folder; none where it fails.
fn git_says(folder: &Path, words: &[&str], last: Option<&OsStr>) -> Option<String> {
    let output = std::process::Command::new("git")
        .args(["--no-optional-locks", "-c", "core.fsmonitor=false", "-C"])
        .arg(folder)
        .args(words)
        .args(last)
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("GIT_ALLOW_PROTOCOL", "none")
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let line = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Some(line).filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_that_is_read_is_in_the_manual() {
        let known: Vec<&str> = VARIABLES.iter().flat_map(|row| row.name.split(", ")).collect();
        let code = include_str!("env.rs").split("#[cfg(test)]").next().expect("the code");
        let read: Vec<&str> = ["var(\"", "file(\""]
            .iter()
            .flat_map(|call| code.split(call).skip(1))
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(read.len() > 15, "{read:?}");
        for name in read {
            assert!(known.contains(&name), "{name}");
        }
    }
}
