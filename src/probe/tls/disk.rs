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
    let leaves: Vec<(&str, &Certificate)> =
        seen.served().filter_map(|(address, served)| Some((address, served.leaf()?))).collect();
    // A server that shows the one on disk may have another beside it, for the other kind of key.
    let beside = |address: &str, leaf: &Certificate| {
        !is_same_kind(leaf, wanted)
            && leaves.iter().any(|(at, other)| *at == address && other.sha256 == wanted.sha256)
    };
    let compared = leaves.iter().filter(|(address, leaf)| !beside(address, leaf));
    compared.map(|(address, leaf)| compare(address, leaf, &path, wanted)).collect()
}

fn is_same_kind(one: &Certificate, other: &Certificate) -> bool {
    std::mem::discriminant(&one.key) == std::mem::discriminant(&other.key)
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
    let (outcome, message) = if !is_same_kind(served, wanted) {
        let message =
            format!("serves a certificate with another kind of key than the one in {path}");
        (Outcome::Warn, message)
    } else if served.not_after < wanted.not_after {
        let message = format!("serves an older certificate than the one in {path}: not reloaded");
        (Outcome::Fail, message)
    } else {
        (Outcome::Fail, format!("serves another certificate than the one in {path}"))
    };
    Finding::new(&codes::NOT_RELOADED, address, message)
        .with_outcome(outcome)
        .expected(shown(wanted))
        .actual(shown(served))
}
