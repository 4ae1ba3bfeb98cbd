//! Judging the addresses against each other: a node the last renewal did not reach.

use jiff::SignedDuration;

use super::codes;
use super::expiry::{days, when};
use super::seen::Observation;
use crate::model::finding::Finding;
use crate::net::pki::certificate::{Certificate, Key};

/// By how much the ends of certificates may differ: nodes that each get a certificate of their own
/// get them within a day.
const SAME: SignedDuration = SignedDuration::from_hours(24);

/// Judges the certificates of all addresses against each other.
pub(super) fn judge(seen: &Observation) -> Vec<Finding> {
    let leaves: Vec<(&str, &Certificate)> = seen
        .served()
        .filter_map(|(address, served)| served.leaf().map(|leaf| (address, leaf)))
        .collect();
    let newer = |leaf: &Certificate| {
        let twins = leaves.iter().filter(|(_, other)| are_twins(leaf, other));
        twins.max_by_key(|(_, other)| other.not_after).copied()
    };
    leaves
        .iter()
        .filter_map(|(address, leaf)| {
            let (elsewhere, newest) = newer(leaf)?;
            let behind = newest.not_after.duration_since(leaf.not_after);
            (behind > SAME).then(|| {
                let message = format!(
                    "serves an older certificate than {elsewhere}: it ends {} earlier",
                    days(behind)
                );
                Finding::new(&codes::STALE_NODE, *address, message)
                    .expected(format!("valid until {}", when(newest.not_after)))
                    .actual(format!("valid until {}", when(leaf.not_after)))
            })
        })
        .collect()
}

/// Whether two certificates stand for the same thing: one issuer, the same names, the same kind of
/// key. A server with an RSA and an ECDSA certificate shows either, and both are right.
fn are_twins(one: &Certificate, other: &Certificate) -> bool {
    let names = |found: &Certificate| {
        let mut names: Vec<String> = found.names.iter().map(|n| n.to_ascii_lowercase()).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    std::mem::discriminant::<Key>(&one.key) == std::mem::discriminant::<Key>(&other.key)
        && one.issuer == other.issuer
        && names(one) == names(other)
}
