//! One line for Nagios and its kin, as their plugin guidelines ask: `STATUS - text|performance`.

use crate::model::outcome::{Decision, Outcome, Severity};
use crate::model::record::RunRecord;

use super::bearing::{Bearing, bearing, said};
use super::wrap::{line, name};
use super::{headline, style};

/// What Nagios calls a state. The number is the plugin's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum NagiosStatus {
    /// All is well.
    Ok = 0,
    /// Worth a look.
    Warning = 1,
    /// Wrong.
    Critical = 2,
    /// Nobody knows.
    Unknown = 3,
}

impl NagiosStatus {
    /// The state a record stands for: GO is OK, or WARNING when something warned; NO-GO is CRITICAL;
    /// HOLD, and a run in which nothing ran, are UNKNOWN.
    #[must_use]
    pub fn of(record: &RunRecord) -> Self {
        let noted = record.checks().any(|check| match check.outcome {
            Outcome::Skipped | Outcome::NotApplicable | Outcome::Pass => false,
            Outcome::Warn => true,
            Outcome::Pending | Outcome::Unknown | Outcome::Fail => {
                check.severity == Severity::Advisory
            }
        });
        match record.verdict.decision {
            Decision::Go if noted => Self::Warning,
            Decision::Go => Self::Ok,
            Decision::NoGo => Self::Critical,
            Decision::Hold | Decision::NothingRan => Self::Unknown,
        }
    }

    /// The word a plugin's line begins with.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Warning => "WARNING",
            Self::Critical => "CRITICAL",
            Self::Unknown => "UNKNOWN",
        }
    }

    /// The exit code a plugin ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

/// Renders the status line, then a line for each check that is not right, with a final line break.
pub(super) fn render(record: &RunRecord) -> String {
    let status = NagiosStatus::of(record).as_str();
    let decision = style::decision(record.verdict.decision);
    let verdict = headline::verdict(record).join(", ");
    // A run that is made no more stays what it was: the line says how old it is.
    let began = record.header.started.strftime("%Y-%m-%d %H:%M UTC");
    let list = name(&record.header.name);
    let text = format!("{status} - {list} {decision}: {verdict}, began {began}");
    let mut lines = vec![format!("{}|{}", bar_free(&text), performance(record))];
    for check in record.checks() {
        let bearing = bearing(record, check);
        let shown = match bearing {
            Bearing::Passed | Bearing::LeftOut => continue,
            Bearing::Warned
            | Bearing::Failed
            | Bearing::Unknown
            | Bearing::Pending
            | Bearing::Excused(_) => said(check, bearing),
        };
        let word = style::word(check.outcome);
        lines.push(bar_free(&format!("{word} {}: {shown}", line(check.id.as_str()))));
    }
    lines.join("\n") + "\n"
}

/// A bar begins the performance data, so the text has none.
fn bar_free(text: &str) -> String {
    text.replace('|', "/")
}

/// The counts, when it began (Unix time) and how long it took: `'fail'=1;;0 …`, plain numbers, no
/// scientific notation. More failures than 0 are what the third field calls critical.
fn performance(record: &RunRecord) -> String {
    let mut parts: Vec<String> = Outcome::ALL
        .iter()
        .rev()
        .map(|outcome| {
            let limits = match outcome {
                Outcome::Fail => ";;0",
                Outcome::Warn => ";0;",
                Outcome::Skipped
                | Outcome::NotApplicable
                | Outcome::Pass
                | Outcome::Pending
                | Outcome::Unknown => ";;",
            };
            let n = record.counts.of(*outcome);
            format!("'{outcome}'={n}{limits};0;{}", record.counts.total)
        })
        .collect();
    parts.push(format!("started={}s;;;0;", record.header.started.as_second().max(0)));
    if let Some(finished) = record.finished {
        let took = finished.duration_since(record.header.started).as_secs_f64();
        parts.push(format!("time={:.3}s;;;0;", took.max(0.0)));
    }
    parts.join(" ")
}
