//! Judging what is served against the certificate on disk.

use super::expiry::when;
use super::seen::{Observation, Sent};
use super::{Tls, codes};
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::net::pki::certificate::Certificate;

/// Judges every certificate served against the one on disk.
pub(super) fn judge(tls: &Tls, seen: &Observation) -> Vec<Finding> {
    let (Some(path), Some(file)) = (&tls.file, &seen.file) else { return Vec::new() };
    let path = path.display().to_string();
    let wanted = match file {
        Sight::Seen(Sent::Certificate(wanted)) => wanted,
        Sight::Seen(Sent::Unreadable { reason, .. }) => {
            let what = format!("reading {path}");
            let fault = Fault::Unreadable { what, reason: reason.clone() };
            return vec![Finding::fault(path, &fault)];
        }
        Sight::Fault(fault) => return vec![Finding::fault(path, fault)],
    };
    let leaves = seen.served().filter_map(|(address, served)| Some((address, served.leaf()?)));
    leaves.map(|(address, leaf)| compare(address, leaf, &path, wanted)).collect()
}

fn compare(address: &str, served: &Certificate, path: &str, wanted: &Certificate) -> Finding {
    let shown = |found: &Certificate| {
        let until = when(found.not_after);
        format!("{} certificate until {until}, SHA-256 {:.16}…", found.key, found.sha256)
    };
    if served.sha256 == wanted.sha256 {
        let message = format!("serves the certificate in {path}");
        return Finding::new(&codes::FILE_OK, address, message);
    }
    let same_kind = std::mem::discriminant(&served.key) == std::mem::discriminant(&wanted.key);
    let outcome = if same_kind { Outcome::Fail } else { Outcome::Warn };
    let message = if served.not_after < wanted.not_after {
        format!("serves an older certificate than the one in {path}: not reloaded")
    } else {
        format!("serves another certificate than the one in {path}")
    };
    Finding::new(&codes::NOT_RELOADED, address, message)
        .with_outcome(outcome)
        .expected(shown(wanted))
        .actual(shown(served))
}
