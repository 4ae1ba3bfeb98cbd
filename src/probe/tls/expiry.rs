//! Judging dates: not by days left alone, but by the launch and by the certificate's own life.

use jiff::{SignedDuration, Timestamp};

use super::Renewal;
use crate::model::code::Code;
use crate::model::finding::Finding;
use crate::model::time::Span;
use crate::net::pki::certificate::Certificate;
use crate::probe::JudgeCx;

/// By how much two clocks may differ.
pub(in crate::probe) const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// Up to this life a certificate is taken for one a machine renews: the longest life public
/// authorities may give from March 2027 on (Baseline Requirements 6.3.2).
const MACHINE: SignedDuration = SignedDuration::from_hours(100 * 24);

/// Below this life half of it is left at renewal, not a third.
const SHORT: SignedDuration = SignedDuration::from_hours(10 * 24);

/// How long before its end a certificate is shown to the person who renews it.
const REMINDER: Span = Span::from_secs(30 * 86_400);

/// What dates are judged by.
#[derive(Debug, Clone, Copy)]
pub(in crate::probe) struct Terms<'a> {
    /// The times of the launch.
    pub(in crate::probe) cx: &'a JudgeCx,
    /// By how much a certificate must outlive the window.
    pub(in crate::probe) margin: Span,
    /// When to remind, where the user says so.
    pub(in crate::probe) warn_within: Option<Span>,
    /// Who renews it.
    pub(in crate::probe) renewal: Renewal,
}

/// What is the matter with a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::probe) enum Matter {
    /// It is past its end.
    Expired,
    /// It is the certificate of an authority, and past its end.
    IssuerExpired,
    /// It has not begun.
    NotYetValid,
    /// It does not outlive the window and its margin.
    EndsInWindow,
    /// It should have been renewed.
    RenewalOverdue,
    /// It will be renewed during the window.
    RenewsInWindow,
    /// It ends soon.
    EndsSoon,
}

/// Something to say about a date.
pub(in crate::probe) struct Remark {
    /// What it is about.
    pub(in crate::probe) matter: Matter,
    message: String,
    expected: String,
    actual: String,
}

impl Remark {
    /// The remark as a finding with a kind's own code.
    pub(in crate::probe) fn into_finding(self, code: &'static Code, target: &str) -> Finding {
        Finding::new(code, target, self.message).expected(self.expected).actual(self.actual)
    }
}

impl Terms<'_> {
    /// Judges the dates of certificates, the first of them a server's own or a client's with the
    /// name it is spoken of; and the renewal of that one.
    pub(in crate::probe) fn judge<'c>(
        self,
        leaf: &Certificate,
        others: impl Iterator<Item = &'c Certificate>,
    ) -> Vec<Remark> {
        let mut remarks: Vec<Remark> = dates(self, "the certificate", leaf, Place::Leaf)
            .into_iter()
            .chain(others.filter_map(|other| self.dates_of(other)))
            .collect();
        if remarks.is_empty() {
            remarks.extend(renewal(self, leaf));
            remarks.extend(soon(self, leaf));
        }
        remarks
    }

    /// Judges the dates of an authority's certificate.
    pub(in crate::probe) fn dates_of(self, found: &Certificate) -> Option<Remark> {
        dates(self, &format!("the certificate of {}", found.subject), found, Place::Above)
    }

    /// Until when every certificate has to be valid.
    pub(in crate::probe) fn needed(self) -> Timestamp {
        later(self.cx.window.to, self.margin.signed())
    }
}

/// Where on a path a certificate stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At its beginning.
    Leaf,
    /// Above that.
    Above,
}

fn dates(terms: Terms<'_>, who: &str, found: &Certificate, place: Place) -> Option<Remark> {
    let (now, needed) = (terms.cx.now, terms.needed());
    let until = format!("valid until {}", when(found.not_after));
    if now > found.not_after {
        let ago = days(now.duration_since(found.not_after));
        Some(Remark {
            matter: match place {
                Place::Leaf => Matter::Expired,
                Place::Above => Matter::IssuerExpired,
            },
            message: format!("{who} expired {ago} ago"),
            expected: format!("valid until {}", when(needed)),
            actual: until,
        })
    } else if now < earlier(found.not_before, SKEW) {
        let ahead = days(found.not_before.duration_since(now));
        Some(Remark {
            matter: Matter::NotYetValid,
            message: format!("{who} is not valid for another {ahead}"),
            expected: format!("valid at {}", when(now)),
            actual: format!("valid from {}", when(found.not_before)),
        })
    } else if found.not_after < needed
        && !(place == Place::Leaf && is_replaced_before(terms, found))
    {
        let left = days(found.not_after.duration_since(now));
        Some(Remark {
            matter: Matter::EndsInWindow,
            message: format!(
                "{who} ends in {left}, before the launch window and its margin of {} do",
                terms.margin
            ),
            expected: format!("valid until {}", when(needed)),
            actual: until,
        })
    } else {
        None
    }
}

/// Whether another certificate will stand in for this one at the launch. One that lives ten days
/// or less can hardly outlive window and margin three days ahead of them, and need not: it is
/// renewed before. Near the launch, or once it is late, it is judged like any other.
fn is_replaced_before(terms: Terms<'_>, leaf: &Certificate) -> bool {
    let life = life(leaf);
    let plan = Plan::of(leaf);
    let launch = terms.cx.window.from;
    life <= SHORT
        && is_automatic(terms, leaf)
        && plan.due < launch
        && terms.cx.now <= plan.late
        && terms.cx.now < earlier(launch, plan.grace())
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
pub(in crate::probe) fn life(found: &Certificate) -> SignedDuration {
    found.not_after.duration_since(found.not_before).saturating_add(SignedDuration::from_secs(1))
}

fn is_automatic(terms: Terms<'_>, leaf: &Certificate) -> bool {
    match terms.renewal {
        Renewal::Acme => true,
        Renewal::Manual => false,
        Renewal::Auto => life(leaf) <= MACHINE,
    }
}

/// What a certificate's own life says about its renewal.
fn renewal(terms: Terms<'_>, leaf: &Certificate) -> Option<Remark> {
    if !is_automatic(terms, leaf) {
        return None;
    }
    let plan = Plan::of(leaf);
    let (now, window) = (terms.cx.now, terms.cx.window);
    let rule = format!(
        "renewed by {}, with {} of {} left",
        when(plan.due),
        days(leaf.not_after.duration_since(plan.due)),
        days(life(leaf))
    );
    let actual = format!("valid until {}", when(leaf.not_after));
    if now > plan.late {
        let message = format!("renewal is {} overdue", days(now.duration_since(plan.due)));
        return Some(Remark { matter: Matter::RenewalOverdue, message, expected: rule, actual });
    }
    let inside = window.from < window.to && window.from <= plan.due && plan.due <= window.to;
    inside.then(|| Remark {
        matter: Matter::RenewsInWindow,
        message: format!("the certificate is due for renewal at {}", when(plan.due)),
        expected: format!("not between {} and {}", when(window.from), when(window.to)),
        actual: rule,
    })
}

/// The reminder for those who renew by hand.
fn soon(terms: Terms<'_>, leaf: &Certificate) -> Option<Remark> {
    let within = match terms.warn_within {
        Some(within) => within,
        None if is_automatic(terms, leaf) => return None,
        None => REMINDER,
    };
    let left = leaf.not_after.duration_since(terms.cx.now);
    (left < within.signed()).then(|| Remark {
        matter: Matter::EndsSoon,
        message: format!("the certificate ends in {}, within {within}", days(left)),
        expected: format!("more than {within} left"),
        actual: format!("valid until {}", when(leaf.not_after)),
    })
}

/// A length of time as certificates are spoken of: days, below three of them hours.
pub(in crate::probe) fn days(time: SignedDuration) -> String {
    let hours = time.unsigned_abs().as_secs() / 3600;
    match hours {
        0 => format!("{} min", time.unsigned_abs().as_secs() / 60),
        1..72 => format!("{hours} h"),
        _ => format!("{} d", hours / 24),
    }
}

/// An instant for a person, in UTC.
pub(in crate::probe) fn when(at: Timestamp) -> String {
    at.strftime("%-d %b %Y %H:%M UTC").to_string()
}

pub(in crate::probe) fn later(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(Timestamp::MAX)
}

pub(in crate::probe) fn earlier(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_sub(by).unwrap_or(Timestamp::MIN)
}
