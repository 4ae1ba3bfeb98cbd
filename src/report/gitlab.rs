//! GitLab's code quality report: what is not right, as findings in the merge request, each on the
//! checklist's own line.

use std::collections::HashMap;

use serde::Serialize;

use crate::model::hash::sha256_hex;
use crate::model::record::{CheckRecord, RunRecord};

use super::bearing::{Bearing, bearing, bearing_of, said, source_path, telling};
use super::wrap::line;
use super::{ReportError, style, vantage};

/// One entry, in GitLab's words.
#[derive(Serialize)]
struct Entry {
    description: String,
    check_name: String,
    fingerprint: String,
    severity: &'static str,
    location: Location,
}

#[derive(Serialize)]
struct Location {
    path: String,
    lines: Lines,
}

#[derive(Serialize)]
struct Lines {
    begin: usize,
}

/// Renders the report, with a final line break.
pub(super) fn render(record: &RunRecord) -> Result<Vec<u8>, ReportError> {
    let mut entries = Vec::new();
    let mut seen = HashMap::new();
    for check in record.checks() {
        let bearing = bearing(record, check);
        let Some(of_check) = severity(bearing) else { continue };
        let telling = telling(check);
        for finding in &telling {
            let Some(severity) = severity(bearing_of(record, check, finding)) else { continue };
            let word = style::word(finding.outcome);
            let text = format!("{word}: {}: {}", vantage::target(finding), line(&finding.message));
            entries.push(entry(check, &finding.code, &finding.target, &text, severity, &mut seen));
        }
        if telling.is_empty() {
            let text = format!("{}: {}", style::word(check.outcome), said(check, bearing));
            entries.push(entry(check, &check.kind, "", &text, of_check, &mut seen));
        }
    }
    let mut bytes = serde_json::to_vec_pretty(&entries)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// GitLab's word for how much it matters; none for what is right or was not looked at.
const fn severity(bearing: Bearing) -> Option<&'static str> {
    match bearing {
        Bearing::Failed => Some("blocker"),
        Bearing::Unknown => Some("critical"),
        Bearing::Pending => Some("major"),
        Bearing::Warned => Some("minor"),
        Bearing::Excused(_) => Some("info"),
        Bearing::Passed | Bearing::LeftOut => None,
    }
}

fn entry(
    check: &CheckRecord,
    code: &str,
    target: &str,
    text: &str,
    severity: &'static str,
    seen: &mut HashMap<String, usize>,
) -> Entry {
    // Of what it is about, never of what was said: the same fault keeps its fingerprint from run to
    // run. Two findings alike in all three are told apart by their number.
    let about = format!("{}\0{code}\0{target}", check.id);
    let n = seen.entry(about.clone()).or_default();
    *n += 1;
    let about = if *n == 1 { about } else { format!("{about}\0{n}") };
    Entry {
        description: format!("{} {text}", line(check.id.as_str())),
        check_name: line(code),
        fingerprint: sha256_hex(about.as_bytes()),
        severity,
        location: Location {
            path: source_path(check),
            lines: Lines { begin: check.source.line.max(1) },
        },
    }
}
