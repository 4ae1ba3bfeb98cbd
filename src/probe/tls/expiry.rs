//! Judging dates: not by days left alone, but by the launch and by the certificate's own life.

use jiff::{SignedDuration, Timestamp};

use super::contact::Case;
use super::seen::Served;
use super::{Renewal, codes};
use crate::model::finding::Finding;
use crate::model::time::Span;
use crate::net::pki::certificate::Certificate;

/// By how much two clocks may differ.
pub(super) const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Up to this life a certificate is taken for one a machine renews: the longest life public
/// authorities may give from March 2027 on (Baseline Requirements 6.3.2).
const MACHINE: SignedDuration = SignedDuration::from_hours(100 * 24);

/// Below this life half of it is left at renewal, not a third.
const SHORT: SignedDuration = SignedDuration::from_hours(10 * 24);

/// How long before its end a certificate is shown to the person who renews it.
const REMINDER: Span = Span::from_secs(30 * 86_400);

/// Judges the dates of every certificate on the path, and the renewal of the server's own.
pub(super) fn judge(case: Case<'_>, served: &Served) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        served.on_path().filter_map(|(place, found)| dates(case, place, found)).collect();
    if findings.is_empty()
        && let Some(leaf) = served.leaf()
    {
        findings.extend(renewal(case, leaf));
        findings.extend(soon(case, leaf));
    }
    findings
}

/// Until when every certificate has to be valid.
pub(super) fn needed(case: Case<'_>) -> Timestamp {
    later(case.cx.window.to, case.tls.margin.signed())
}

fn dates(case: Case<'_>, place: usize, found: &Certificate) -> Option<Finding> {
    let who = if place == 0 {
        "the certificate".to_owned()
    } else {
        format!("the intermediate {}", found.subject)
    };
    let (now, needed) = (case.cx.now, needed(case));
    let (code, message, expected, actual) = if now > found.not_after {
        let ago = days(now.duration_since(found.not_after));
        let message = format!("{who} expired {ago} ago");
        (&codes::EXPIRED, message, format!("valid until {}", when(needed)), found.not_after)
    } else if now < earlier(found.not_before, SKEW) {
        let ahead = days(found.not_before.duration_since(now));
        let message = format!("{who} is not valid for another {ahead}");
        (&codes::NOT_YET_VALID, message, format!("valid at {}", when(now)), found.not_before)
    } else if found.not_after < needed && !(place == 0 && is_replaced_before(case, found)) {
        let left = days(found.not_after.duration_since(now));
        let message = format!(
            "{who} ends in {left}, before the launch window and its margin of {} do",
            case.tls.margin
        );
        let code = &codes::EXPIRES_IN_WINDOW;
        (code, message, format!("valid until {}", when(needed)), found.not_after)
    } else {
        return None;
    };
    let side = if code == &codes::NOT_YET_VALID { "from" } else { "until" };
    let finding = Finding::new(code, case.target, message);
    Some(finding.expected(expected).actual(format!("valid {side} {}", when(actual))))
}

/// Whether another certificate will stand in for this one at the launch. One that lives ten days
/// or less can hardly outlive window and margin three days ahead of them, and need not: it is
/// renewed before. Near the launch, or once it is late, it is judged like any other.
fn is_replaced_before(case: Case<'_>, leaf: &Certificate) -> bool {
    let life = life(leaf);
    let plan = Plan::of(leaf);
    let launch = case.cx.window.from;
    life <= SHORT
        && is_automatic(case, leaf)
        && plan.due < launch
        && case.cx.now <= plan.late
        && case.cx.now < earlier(launch, plan.grace())
}

/// When a machine renews a certificate, and from when on it is late.
struct Plan {
    due: Timestamp,
    late: Timestamp,
}

impl Plan {
    fn of(leaf: &Certificate) -> Self {
        let life = life(leaf);
        let (rest, grace) = if life < SHORT {
            (life / 2, SignedDuration::from_hours(12))
        } else {
            (life / 3, SignedDuration::from_hours(24).max(life / 20))
        };
        let due = earlier(leaf.not_after, rest);
        Self { due, late: later(due, grace) }
    }

    fn grace(&self) -> SignedDuration {
        self.late.duration_since(self.due)
    }
}

/// The life of a certificate. Its last second counts (Baseline Requirements 6.3.2).
pub(super) fn life(found: &Certificate) -> SignedDuration {
    found.not_after.duration_since(found.not_before).saturating_add(SignedDuration::from_secs(1))
}

fn is_automatic(case: Case<'_>, leaf: &Certificate) -> bool {
    match case.tls.renewal {
        Renewal::Acme => true,
        Renewal::Manual => false,
        Renewal::Auto => life(leaf) <= MACHINE,
    }
}

/// What a certificate's own life says about its renewal.
fn renewal(case: Case<'_>, leaf: &Certificate) -> Option<Finding> {
    if !is_automatic(case, leaf) {
        return None;
    }
    let plan = Plan::of(leaf);
    let (now, window) = (case.cx.now, case.cx.window);
    let rule = format!(
        "renewed by {}, with {} of {} left",
        when(plan.due),
        days(leaf.not_after.duration_since(plan.due)),
        days(life(leaf))
    );
    let actual = format!("valid until {}", when(leaf.not_after));
    if now > plan.late {
        let message = format!("renewal is {} overdue", days(now.duration_since(plan.due)));
        let finding = Finding::new(&codes::RENEWAL_OVERDUE, case.target, message);
        return Some(finding.expected(rule).actual(actual));
    }
    let inside = window.from < window.to && window.from <= plan.due && plan.due <= window.to;
    inside.then(|| {
        let message = format!("the certificate is due for renewal at {}", when(plan.due));
        Finding::new(&codes::RENEWS_IN_WINDOW, case.target, message)
            .expected(format!("not between {} and {}", when(window.from), when(window.to)))
            .actual(rule)
    })
}

/// The reminder for those who renew by hand.
fn soon(case: Case<'_>, leaf: &Certificate) -> Option<Finding> {
    let within = match case.tls.warn_within {
        Some(within) => within,
        None if is_automatic(case, leaf) => return None,
        None => REMINDER,
    };
    let left = leaf.not_after.duration_since(case.cx.now);
    (left < within.signed()).then(|| {
        let message = format!("the certificate ends in {}, within {within}", days(left));
        Finding::new(&codes::EXPIRES_SOON, case.target, message)
            .expected(format!("more than {within} left"))
            .actual(format!("valid until {}", when(leaf.not_after)))
    })
}

/// A length of time as certificates are spoken of: days, below three of them hours.
pub(super) fn days(time: SignedDuration) -> String {
    let hours = time.unsigned_abs().as_secs() / 3600;
    match hours {
        0 => format!("{} min", time.unsigned_abs().as_secs() / 60),
        1..72 => format!("{hours} h"),
        _ => format!("{} d", hours / 24),
    }
}

/// An instant for a person, in UTC.
pub(super) fn when(at: Timestamp) -> String {
    at.strftime("%-d %b %Y %H:%M UTC").to_string()
}

pub(super) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

pub(super) fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}
