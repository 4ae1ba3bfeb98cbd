//! Judging what only binds public authorities (CA/Browser Forum Baseline Requirements).

use jiff::SignedDuration;
use jiff::civil::date;
use jiff::tz::TimeZone;

use super::codes;
use super::contact::Case;
use super::expiry::{days, life, when};
use super::seen::Served;
use crate::model::finding::Finding;
use crate::net::pki::certificate::Certificate;
use crate::net::pki::path::Path;

/// The policies by which a public authority says that it kept the requirements (7.1.6.1).
pub(in crate::probe) const PUBLIC: &str = "2.23.140.1.2.";

/// The longest lives, by the first day of the certificate, newest first (6.3.2).
const LONGEST: [((i16, i8, i8), i64); 5] = [
    ((2029, 3, 15), 47),
    ((2027, 3, 15), 100),
    ((2026, 3, 15), 200),
    ((2020, 9, 1), 398),
    ((2018, 3, 1), 825),
];

/// Judges the server's certificate by the rules for public ones.
pub(super) fn judge(case: Case<'_>, served: &Served) -> Vec<Finding> {
    match served.leaf() {
        Some(leaf) if is_public(case, served, leaf) => {
            lifetime(case, leaf).into_iter().chain(scts(case, leaf)).collect()
        }
        Some(_) | None => Vec::new(),
    }
}

/// Whether a certificate is a public authority's. The platform's store alone does not tell: a
/// company's own root may be in it, and its certificates are exempt.
pub(super) fn is_public(case: Case<'_>, served: &Served, leaf: &Certificate) -> bool {
    case.is_public()
        && matches!(served.path, Path::Built { .. })
        && leaf.policies.iter().any(|policy| policy.starts_with(PUBLIC))
}

fn lifetime(case: Case<'_>, leaf: &Certificate) -> Option<Finding> {
    let begins = |(year, month, day): (i16, i8, i8)| {
        date(year, month, day).to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp())
    };
    let rule = LONGEST.iter().find(|(from, _)| begins(*from).is_ok_and(|at| at <= leaf.not_before));
    let most = rule?.1;
    (life(leaf) > SignedDuration::from_hours(24 * most)).then(|| {
        let message =
            format!("the certificate lives {}, more than clients accept", days(life(leaf)));
        Finding::new(&codes::LIFETIME_TOO_LONG, case.target, message)
            .expected(format!("at most {most} d for one that begins {}", when(leaf.not_before)))
            .actual(days(life(leaf)))
    })
}

fn scts(case: Case<'_>, leaf: &Certificate) -> Option<Finding> {
    let least = if life(leaf) <= SignedDuration::from_hours(24 * 180) { 2 } else { 3 };
    (leaf.scts < least).then(|| {
        let message = format!("{} transparency logs signed, browsers want {least}", leaf.scts);
        Finding::new(&codes::FEW_SCTS, case.target, message)
            .expected(format!("at least {least}"))
            .actual(leaf.scts.to_string())
    })
}
