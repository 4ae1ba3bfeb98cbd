//! GitHub Actions: annotations on the checklist's own lines, the job summary, the step's outputs.
//! In them every foreign text is escaped, and [`defuse`] is for what else is printed where the runner
//! reads along, so that nothing a server said can be a command of the runner.

use std::borrow::Cow;
use std::path::Path;

use crate::model::outcome::Outcome;
use crate::model::record::{CheckRecord, RunRecord};

use super::bearing::{Bearing, bearing, code, said, source_path, story};
use super::wrap::{line, name};
use super::{Look, ReportError, headline, markdown, style};

/// GitHub shows ten annotations of a kind for each step and drops the rest without a word.
const SHOWN: usize = 10;
/// GitHub takes one mebibyte of summary for each step, and nothing of a longer one.
const SUMMARY_LIMIT: usize = 1024 * 1024;

/// How loud an annotation is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
    Notice,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
        }
    }
}

/// Renders the annotations as workflow commands, worst first, with a final line break.
pub(super) fn render(record: &RunRecord) -> String {
    let mut lines = vec![verdict(record)];
    for (level, most) in
        [(Level::Error, SHOWN), (Level::Warning, SHOWN), (Level::Notice, SHOWN - 1)]
    {
        let mut checks: Vec<&CheckRecord> =
            record.checks().filter(|check| loudness(record, check) == Some(level)).collect();
        // Stable: within an outcome the order of the checklist stays.
        checks.sort_by_key(|check| std::cmp::Reverse(check.outcome));
        // The last place says how many more there are.
        let shown = if checks.len() > most { most - 1 } else { checks.len() };
        lines.extend(checks[..shown].iter().map(|check| annotation(record, check, level)));
        if checks.len() > shown {
            let more = checks.len() - shown;
            lines.push(format!(
                "::{}::and {more} more; see the summary of this job",
                level.as_str()
            ));
        }
    }
    lines.join("\n") + "\n"
}

/// The verdict itself, as the first notice.
fn verdict(record: &RunRecord) -> String {
    let decision = style::decision(record.verdict.decision);
    let title = format!("{decision} {}", name(&record.header.name));
    let text = headline::verdict(record).join(" · ");
    format!("::notice title={}::{}", property(&title), data(&text))
}

/// How loud a check is; what is right, or was left out, is silent.
fn loudness(record: &RunRecord, check: &CheckRecord) -> Option<Level> {
    match bearing(record, check) {
        Bearing::Failed => Some(Level::Error),
        Bearing::Unknown | Bearing::Pending => Some(Level::Warning),
        Bearing::Warned | Bearing::Excused(_) => Some(Level::Notice),
        Bearing::Passed | Bearing::LeftOut => None,
    }
}

fn annotation(record: &RunRecord, check: &CheckRecord, level: Level) -> String {
    let title =
        format!("{} {} {}", style::word(check.outcome), line(check.id.as_str()), line(code(check)));
    let said = said(check, bearing(record, check));
    let details = match check.outcome {
        Outcome::Skipped => Vec::new(),
        Outcome::NotApplicable
        | Outcome::Pass
        | Outcome::Warn
        | Outcome::Pending
        | Outcome::Unknown
        | Outcome::Fail => story(check),
    };
    let text: Vec<String> = std::iter::once(said).chain(details).collect();
    format!(
        "::{} file={},line={},title={}::{}",
        level.as_str(),
        property(&source_path(check)),
        check.source.line.max(1),
        property(&title),
        data(&text.join("\n"))
    )
}

/// The text of a command, as the runner unescapes it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a command, as the runner unescapes it.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The job summary: the whole report as Markdown, within what GitHub takes. To be appended to the
/// file `GITHUB_STEP_SUMMARY` names.
///
/// # Errors
/// When the record cannot be written as JSON, which its sum needs.
pub fn summary(record: &RunRecord, look: &Look) -> Result<Vec<u8>, ReportError> {
    markdown::render_within(record, look, SUMMARY_LIMIT).map(String::into_bytes)
}

/// The step's outputs: `verdict`, `run`, and `report` where one was written. To be appended to the
/// file `GITHUB_OUTPUT` names.
#[must_use]
pub fn outputs(record: &RunRecord, report: Option<&Path>) -> String {
    let verdict = style::decision(record.verdict.decision).to_lowercase().replace(' ', "-");
    let mut lines = vec![format!("verdict={verdict}"), format!("run={}", record.header.run)];
    // A line break in a path would begin another output.
    lines.extend(report.map(|path| format!("report={}", line(&path.display().to_string()))));
    lines.join("\n") + "\n"
}

/// A printed text without commands: the runner takes `::command::` at the beginning of a line, also after
/// blanks, and `##[command]` anywhere in one (actions/runner, `ActionCommand.cs`). A blank breaks both.
/// In JSON the second becomes an escape of the same character, so that the document means the same.
#[must_use]
pub fn defuse(text: &str) -> Cow<'_, str> {
    let is_command =
        |line: &str| line.trim_start().strip_prefix("::").is_some_and(|rest| rest.contains("::"));
    if !text.contains("##[") && !text.lines().any(is_command) {
        return Cow::Borrowed(text);
    }
    let is_json = text.starts_with('{') || text.starts_with("[\n");
    let text = text.replace("##[", if is_json { "#\\u0023[" } else { "## [" });
    let broken = text.split_inclusive('\n').map(|line| {
        if is_command(line) {
            Cow::Owned(line.replacen("::", ": :", 1))
        } else {
            Cow::Borrowed(line)
        }
    });
    Cow::Owned(broken.collect())
}

/// The command that makes the runner hide a secret in everything that follows.
#[must_use]
pub fn mask(secret: &str) -> String {
    let parts = secret.lines().filter(|part| !part.trim().is_empty());
    let commands: Vec<String> = parts.map(|part| format!("::add-mask::{}\n", data(part))).collect();
    commands.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_printed_is_a_command_and_json_stays_what_it_says() {
        for (text, printed) in [
            ("a\n  b :: c ::\n::1 is here\n", "a\n  b :: c ::\n::1 is here\n"),
            ("x ##[stop-commands]abc\n", "x ## [stop-commands]abc\n"),
            ("::error::boo\n  ::add-mask::a\n", ": :error::boo\n  : :add-mask::a\n"),
            ("[1/2] ###[error]\n", "[1/2] ### [error]\n"),
            ("\u{2003}::error::boo", "\u{2003}: :error::boo"),
        ] {
            assert_eq!(defuse(text), printed);
        }
        for json in ["{\"a\":\"##[error]##[group]\"}", "[\n  \"##[error]\"\n]"] {
            let printed = defuse(json);
            assert!(!printed.contains("##["), "{printed}");
            let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
            assert_eq!(read(&printed), read(json));
        }
    }
}
