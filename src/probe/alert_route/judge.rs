//! Judging routes, and what came of the test alerts.

use std::collections::BTreeSet;

use super::drill::{Told, integrations, show};
use super::{
    AlertRoute, Expected, INHIBITS, LEFT, MUTE, Member, OK, REFUSED, Seen, Stop, TIMES, TOLD,
    UNSENT, UNTOLD, Up, WRONG, drill,
};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::{count, one_line};

fn names(all: &BTreeSet<&str>) -> String {
    one_line(&all.iter().copied().collect::<Vec<_>>().join(", "))
}

fn reached(stops: &[Stop]) -> BTreeSet<&str> {
    stops.iter().map(|stop| stop.receiver.as_str()).collect()
}

fn wanted(route: &Expected) -> BTreeSet<&str> {
    route.receivers.iter().map(String::as_str).collect()
}

pub(super) fn route(url: &str, route: &Expected, stops: &[Stop]) -> Vec<Finding> {
    let target = format!("{url} {}", show(&route.labels));
    let (wanted, reached) = (wanted(route), reached(stops));
    let mut found = Vec::new();
    if wanted != reached {
        let message = format!("would reach {}, not {}", names(&reached), names(&wanted));
        found.push(
            Finding::new(&WRONG, &target, message).expected(names(&wanted)).actual(names(&reached)),
        );
    }
    let mute = |name: &str| stops.iter().any(|s| s.receiver == name && s.integrations.is_empty());
    for name in reached.iter().filter(|name| mute(name)) {
        let message = format!("{} has no integration and tells nobody", one_line(name));
        found.push(Finding::new(&MUTE, &target, message).expected("an integration"));
    }
    if stops.iter().any(|stop| stop.muted_at_times) {
        found.push(Finding::new(&TIMES, &target, TIMES.summary));
    }
    if found.is_empty() {
        let all: BTreeSet<&str> =
            stops.iter().flat_map(|stop| &stop.integrations).map(String::as_str).collect();
        let message = format!("reaches {} by {}", names(&reached), names(&all));
        found.push(Finding::new(&OK, target, message));
    }
    found
}

/// Whether a member would lead the test of a route to those named and to nobody else.
fn may_test(probe: &AlertRoute, n: usize, nth: usize, up: &Up) -> bool {
    up.prospects.get(nth).is_some_and(|prospect| {
        reached(&prospect.stops) == wanted(&probe.routes[n])
            && prospect.stops.iter().all(|stop| !stop.integrations.is_empty())
    })
}

/// What the tests of one member's routes would do.
pub(super) fn prospects(probe: &AlertRoute, url: &str, up: &Up) -> Vec<Finding> {
    let mut found = Vec::new();
    for ((n, route), prospect) in probe.tested().zip(&up.prospects) {
        let target = format!("{url} {}", show(&route.labels));
        let label = drill::LABEL;
        let (wanted, reached) = (wanted(route), reached(&prospect.stops));
        // Without the label it goes astray too, which has a finding of its own.
        let plain = up.stops.get(n).map(|stops| self::reached(stops));
        if wanted != reached && plain.as_ref() == Some(&wanted) {
            let message = format!(
                "with the label {label} on it, the test alert would reach {}, not {}: it is not sent",
                names(&reached),
                names(&wanted),
            );
            found.push(
                Finding::new(&WRONG, &target, message)
                    .expected(names(&wanted))
                    .actual(names(&reached)),
            );
        }
        for rule in &prospect.inhibits {
            let message = format!(
                "while the test alert fires, it inhibits real ones by the rule with the source {}",
                one_line(rule)
            );
            found.push(Finding::new(&INHIBITS, &target, message));
        }
    }
    found
}

/// Whether every Alertmanager answered, and would lead the test of a route to those named and to nobody
/// else.
pub(super) fn is_free(probe: &AlertRoute, seen: &Seen, n: usize, nth: usize) -> bool {
    let may = |member: &Member| member.up().is_some_and(|up| may_test(probe, n, nth, up));
    seen.members.iter().all(may)
}

/// The tests that were made, and those that are to be.
pub(super) fn tests(probe: &AlertRoute, seen: &Seen) -> Vec<Finding> {
    let ups: Vec<&Up> = seen.members.iter().filter_map(Member::up).collect();
    let mut found = Vec::new();
    for (nth, (n, route)) in probe.tested().enumerate() {
        let target = show(&route.labels);
        if let Some(told) = seen.told.iter().rev().find(|told| told.route == n) {
            found.extend(outcome(probe, &target, told));
            continue;
        }
        let prospect = ups.first().and_then(|up| up.prospects.get(nth));
        let by = prospect.map_or_else(String::new, |p| integrations(&p.stops));
        let to = one_line(&route.receivers.join(", "));
        let message = if is_free(probe, seen, n, nth) {
            format!(
                "would send a test alert through to {to} by {by}, and resolve it within {}; run with --apply",
                probe.within
            )
        } else {
            format!("no test alert is sent to {to} before what stands against it is mended")
        };
        let finding = Finding::new(&UNSENT, &target, message).expected(format!("taken by {to}"));
        found.push(finding.actual("not tried by this run"));
    }
    let left: BTreeSet<String> = ups.iter().flat_map(|up| &up.left).map(show).collect();
    for labels in left {
        let message = "a test alert of an earlier run still fires; with --apply it is resolved";
        found.push(Finding::new(&LEFT, labels, message));
    }
    found
}

fn outcome(probe: &AlertRoute, target: &str, told: &Told) -> Vec<Finding> {
    let mut found = vec![arrival(probe, target, told)];
    if !told.unresolved_on.is_empty() {
        let on = one_line(&told.unresolved_on.join(", "));
        let message =
            format!("the test alert was not seen to be resolved on {on}; it ends by itself");
        found.push(Finding::new(&LEFT, target, message));
    }
    found
}

fn arrival(probe: &AlertRoute, target: &str, told: &Told) -> Finding {
    let to = one_line(&probe.routes[told.route].receivers.join(", "));
    let seconds = format!("{:.1} s", told.watched_ms / 1e3);
    let untold =
        |message: String| Finding::new(&UNTOLD, target, message).expected(format!("taken by {to}"));
    if !told.kept_quiet_by.is_empty() {
        let by = one_line(&told.kept_quiet_by.join(", "));
        return untold(format!("the test alert was kept quiet by {by}, so nobody was told"));
    }
    let Some(counted) = &told.counted else {
        let message = "the test alert was sent, and whether it was told is not known: the metrics of an \
                       Alertmanager could not be read";
        return untold(message.to_owned());
    };
    let each: Vec<String> = counted
        .iter()
        .map(|one| {
            let refused = match one.refused {
                0 => String::new(),
                n => format!(", {} refused", count_of(n, "try", "tries")),
            };
            format!("{} took {} of {}{refused}", one.integration, one.taken, one.wanted)
        })
        .collect();
    let each = one_line(&each.join("; "));
    let others = match told.others {
        0 => String::new(),
        n => format!("; {} told by the same may be what was counted", count(n, "other alert")),
    };
    let all = counted.iter().all(|one| one.taken >= one.wanted);
    let message = if all {
        format!("the test alert was taken on the way to {to} within {seconds}: {each}{others}")
    } else {
        format!("the test alert was not taken on the way to {to} within {seconds}: {each}{others}")
    };
    let finding = |code| {
        Finding::new(code, target, &message).expected(format!("taken by {to}")).actual(&each)
    };
    if all {
        let finding = finding(&TOLD);
        // What others may have caused is no proof.
        return if told.others == 0 { finding } else { finding.with_outcome(Outcome::Warn) };
    }
    if told.others == 0 && counted.iter().any(|one| one.refused > 0) {
        return finding(&REFUSED);
    }
    finding(&UNTOLD)
}

fn count_of(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}
