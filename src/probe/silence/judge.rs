//! Judging: the guard rails, and who holds the silence; what is still to be done.

use jiff::{SignedDuration, Timestamp};

use super::apply::Change;
use super::ending::Ending;
use super::observe::{AlertSeen, Member, Seen, SilenceSeen, Up};
use super::preview::Preview;
use super::{Silence, codes, coverage, guard, matches, show_window, show_window_at};
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::{count, one_line, quote};
use crate::model::time::{Window, humane};
use crate::net::alertmanager::{Reply, State};
use crate::net::http::Denial;
use crate::probe::JudgeCx;

/// How much of the end of a window may be uncovered: a fiftieth, and a minute at most. Where the
/// launch is "now" it moves between two runs.
pub(super) fn slack(window: Window) -> SignedDuration {
    (window.to.duration_since(window.from) / 50).min(SignedDuration::from_secs(60))
}

/// Whether a silence is at work all through a window. One that is active has begun, whatever the
/// clock of this machine says.
pub(super) fn covers(state: State, starts: Timestamp, ends: Timestamp, window: Window) -> bool {
    let begins = match state {
        State::Active => true,
        State::Pending => starts <= window.from + SignedDuration::from_secs(1),
        State::Expired => false,
    };
    begins && ends.saturating_add(slack(window)).unwrap_or(Timestamp::MAX) >= window.to
}

/// Whether a silence and a window have an instant in common.
pub(super) fn overlaps(starts: Timestamp, ends: Timestamp, window: Window) -> bool {
    starts < window.to && window.from < ends
}

fn covering(up: &Up, window: Window) -> Option<&SilenceSeen> {
    up.ours.iter().find(|s| covers(s.state, s.starts_at, s.ends_at, window))
}

/// The members that answered, in groups of those that share silences.
fn groups(seen: &Seen) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (n, up) in seen.members.iter().enumerate().filter_map(|(n, m)| Some((n, m.up()?))) {
        let knows = |group: &Vec<usize>| {
            group.iter().any(|other| {
                let other = seen.members[*other].up();
                other.is_some_and(|other| other.peers.iter().any(|p| up.peers.contains(p)))
            })
        };
        let (mut with, without): (Vec<_>, Vec<_>) = groups.into_iter().partition(knows);
        groups = without;
        with.push(vec![n]);
        groups.push(with.concat());
    }
    for group in &mut groups {
        group.sort_unstable();
    }
    groups.sort_unstable();
    groups
}

pub(super) fn judge(probe: &Silence, seen: &Seen, cx: &JudgeCx) -> Vec<Finding> {
    let window = probe.window(cx);
    let over = seen.audit.is_some() && window.to <= cx.now;
    // What was made and is over is not to be planned any more.
    let mut found = if over { Vec::new() } else { guard::judge(probe, seen, window, cx.now) };
    found.extend(seen.audit.iter().flat_map(|audit| coverage::judge(probe, audit)));
    // What could not be looked at keeps a change back as well: see `propose`.
    let refused = matches!(seen.rules, Some(Sight::Fault(_)))
        || found.iter().any(|finding| finding.outcome == Outcome::Fail);
    found.extend(seen.members.iter().filter_map(unseen));
    if let (Some(Sight::Fault(fault)), Some(url)) = (&seen.rules, &probe.prometheus) {
        found.push(Finding::fault(url.to_string(), fault));
    }
    let groups = groups(seen);
    found.extend(separate(seen, &groups));
    let begun_and_over = window.to <= cx.now || window.to <= window.from;
    for group in &groups {
        let held =
            group.iter().any(|n| up(seen, *n).is_some_and(|up| covering(up, window).is_some()));
        if held {
            found.extend(group.iter().flat_map(|n| on_member(probe, &seen.members[*n], window)));
        } else if !begun_and_over {
            found.push(not_applied(probe, seen, group, window, refused));
        }
    }
    found.extend(leftovers(seen, window));
    found.extend(longer(seen, window));
    found.extend(wider(seen, window));
    found
}

fn up(seen: &Seen, n: usize) -> Option<&Up> {
    seen.members[n].up()
}

/// Why a member said nothing.
fn unseen(member: &Member) -> Option<Finding> {
    match &member.sight {
        Sight::Fault(fault) => Some(Finding::fault(&member.url, fault)),
        Sight::Seen(Reply::Down(denial)) => {
            let (code, message) = match denial {
                Denial::Refused(_) | Denial::Closed => {
                    (&codes::MEMBER_DOWN, format!("the Alertmanager is down: {denial}"))
                }
                Denial::Tls(reason) => (&codes::TLS, format!("no TLS connection: {reason}")),
            };
            Some(Finding::new(code, &member.url, message).expected("an answer"))
        }
        Sight::Seen(Reply::Up(_)) => None,
    }
}

/// Members that are clustered, but not with each other.
fn separate(seen: &Seen, groups: &[Vec<usize>]) -> Option<Finding> {
    let alone = |group: &Vec<usize>| {
        group.iter().all(|n| up(seen, *n).is_some_and(|up| up.peers.is_empty()))
    };
    if groups.len() < 2 || groups.iter().all(alone) {
        return None;
    }
    let each: Vec<String> = groups.iter().map(|group| urls(seen, group)).collect();
    let message = format!("they form {} clusters that do not know each other", groups.len());
    let finding = Finding::new(&codes::SEPARATE, each.join(" and "), message);
    Some(finding.expected("one cluster, or a silence in each").actual(each.join(" | ")))
}

fn urls(seen: &Seen, group: &[usize]) -> String {
    group.iter().map(|n| seen.members[*n].url.as_str()).collect::<Vec<_>>().join(", ")
}

fn not_applied(
    probe: &Silence,
    seen: &Seen,
    group: &[usize],
    window: Window,
    refused: bool,
) -> Finding {
    let preview = Preview::of(&probe.matchers, seen);
    let old = group.iter().filter_map(|n| up(seen, *n)).flat_map(|up| &up.ours);
    let old = old.into_iter().find(|s| overlaps(s.starts_at, s.ends_at, window));
    let what = match old {
        Some(old) => format!("would change silence {} to", one_line(&old.id)),
        None => "would".to_owned(),
    };
    let then =
        if refused { "not before what is wrong with it is mended" } else { "run with --apply" };
    let message = format!(
        "{what} silence {}, {}; {then}{}",
        preview.line(),
        show_window_at(window, seen.utc_offset_secs),
        ended(seen, group)
    );
    let mut finding = Finding::new(&codes::NOT_APPLIED, urls(seen, group), message)
        .expected(format!("a silence {}", probe.target()));
    let receivers: Vec<&str> = preview.receivers().into_iter().collect();
    finding = finding.actual(if receivers.is_empty() {
        "no such silence".to_owned()
    } else {
        format!("no such silence; would hear less: {}", one_line(&receivers.join(", ")))
    });
    finding
}

/// Who ended the last one of this window, which may be why there is none.
fn ended(seen: &Seen, group: &[usize]) -> String {
    let past = group.iter().filter_map(|n| up(seen, *n)).flat_map(|up| &up.past);
    match past.filter_map(|silence| silence.ended.as_ref()).max_by_key(|ended| ended.at) {
        Some(Ending { at, by, why }) => {
            let at = at.strftime("%H:%M:%S UTC");
            format!("; one was ended by {} at {at}: {}", one_line(by), one_line(why))
        }
        None => String::new(),
    }
}

/// One member of a cluster in which the silence was made.
fn on_member(probe: &Silence, member: &Member, window: Window) -> Vec<Finding> {
    let Some(up) = member.up() else { return Vec::new() };
    let Some(silence) = covering(up, window) else {
        let message = "the other members have the silence, and this one does not";
        let finding = Finding::new(&codes::MISSING, &member.url, message)
            .expected(format!("a silence {}", show_window(window)))
            .actual(up.ours.first().map_or_else(|| "none".to_owned(), show));
        return vec![finding];
    };
    let mut found = Vec::new();
    let hits = || up.alerts.iter().filter(|alert| matches(probe, &alert.labels));
    let loud: Vec<&str> = hits()
        .filter(|alert| silence.state == State::Active && !alert.silenced_by.contains(&silence.id))
        .map(AlertSeen::name)
        .collect();
    if loud.is_empty() {
        let quiet = up.matched.max(hits().count());
        let message = format!("{}, silencing {} now", show(silence), count(quiet, "alert"));
        found.push(Finding::new(&codes::OK, &member.url, message).actual(silence.comment.clone()));
    } else {
        let message =
            format!("{}, but {} are not silenced by it", show(silence), one_line(&loud.join(", ")));
        found.push(
            Finding::new(&codes::NOT_EFFECTIVE, &member.url, message)
                .expected(format!("silenced by {}", silence.id)),
        );
    }
    let twins = twins(up, window);
    if twins > 1 {
        let message = format!("{twins} silences of this check cover the window");
        found.push(Finding::new(&codes::DUPLICATE, &member.url, message).expected("one"));
    }
    found
}

/// Silences of this check for another time: of a launch that was moved.
fn leftovers(seen: &Seen, window: Window) -> Vec<Finding> {
    let mut known: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for (member, up) in seen.members.iter().filter_map(|m| Some((m, m.up()?))) {
        for old in up.ours.iter().filter(|s| !overlaps(s.starts_at, s.ends_at, window)) {
            if !known.contains(&old.id.as_str()) {
                known.push(&old.id);
                let message = format!("{} of this check is for another time", show(old));
                found.push(
                    Finding::new(&codes::LEFTOVER, &member.url, message)
                        .expected(show_window(window))
                        .actual(old.comment.clone()),
                );
            }
        }
    }
    found
}

/// Silences of this check that cover the window and go on after it: made for a longer plan, or
/// extended.
fn longer(seen: &Seen, window: Window) -> Vec<Finding> {
    let mut known: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for (member, up) in seen.members.iter().filter_map(|m| Some((m, m.up()?))) {
        for silence in up.ours.iter().filter(|s| !s.of_another) {
            let more = silence.ends_at.duration_since(window.to);
            let covers = covers(silence.state, silence.starts_at, silence.ends_at, window);
            if covers && more > slack(window) && !known.contains(&silence.id.as_str()) {
                known.push(&silence.id);
                let more = humane(more.unsigned_abs());
                let message = format!("{} lasts {more} longer than planned", show(silence));
                found.push(
                    Finding::new(&codes::LEFTOVER, &member.url, message)
                        .expected(show_window(window))
                        .actual(silence.comment.clone()),
                );
            }
        }
    }
    found
}

/// Silences of others that cover all that ours does, in the same time.
fn wider(seen: &Seen, window: Window) -> Vec<Finding> {
    let mut known: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for (member, up) in seen.members.iter().filter_map(|m| Some((m, m.up()?))) {
        for other in up.wider.iter().filter(|s| overlaps(s.starts_at, s.ends_at, window)) {
            if !known.contains(&other.id.as_str()) {
                known.push(&other.id);
                let matchers: Vec<String> = other
                    .matchers
                    .iter()
                    .map(|m| m.compile().map_or_else(|_| m.name.clone(), |m| m.to_string()))
                    .collect();
                let message = format!(
                    "{} of {} silences all that this one does: {{{}}}",
                    show(other),
                    one_line(&other.created_by),
                    one_line(&matchers.join(", ")),
                );
                found.push(
                    Finding::new(&codes::WIDER, &member.url, message)
                        .expected("no other silence of the same alerts")
                        .actual(other.comment.clone()),
                );
            }
        }
    }
    found
}

fn show(silence: &SilenceSeen) -> String {
    let window = Window { from: silence.starts_at, to: silence.ends_at };
    format!(
        "silence {} ({}, {})",
        one_line(&silence.id),
        silence.state.as_str(),
        show_window(window)
    )
}

pub(super) fn propose(probe: &Silence, seen: &Seen, cx: &JudgeCx) -> Option<Change> {
    let window = probe.window(cx);
    let refused = guard::judge(probe, seen, window, cx.now)
        .iter()
        .any(|finding| finding.outcome == Outcome::Fail);
    // Without the rules that the check asks for, the guard rails have not seen all.
    if refused || matches!(seen.rules, Some(Sight::Fault(_))) {
        return None;
    }
    let todo = |group: &Vec<usize>| {
        let ups = || group.iter().filter_map(|n| up(seen, *n));
        let held = ups().any(|up| covering(up, window).is_some());
        !held || ups().any(|up| twins(up, window) > 1)
    };
    let groups: Vec<Vec<usize>> = groups(seen).into_iter().filter(todo).collect();
    if groups.is_empty() {
        return None;
    }
    let line = Preview::of(&probe.matchers, seen).line();
    Some(Change { window, line, groups })
}

/// How many silences of this check's own cover the window on one member. One of another check is left
/// to that.
fn twins(up: &Up, window: Window) -> usize {
    let own = up.ours.iter().filter(|silence| !silence.of_another);
    own.filter(|s| covers(s.state, s.starts_at, s.ends_at, window)).count()
}

pub(super) fn summary(probe: &Silence, seen: &Seen, cx: &JudgeCx) -> String {
    if let Some(audit) = seen.audit.as_ref().filter(|audit| coverage::is_over(audit)) {
        return coverage::summary(audit);
    }
    let window = probe.window(cx);
    let what = format!(
        "{}, {}",
        Preview::of(&probe.matchers, seen).line(),
        show_window_at(window, seen.utc_offset_secs)
    );
    let ups: Vec<&Up> = seen.members.iter().filter_map(Member::up).collect();
    let held = ups.iter().filter(|up| covering(up, window).is_some()).count();
    if ups.is_empty() {
        "no Alertmanager answered".to_owned()
    } else if held > 0 {
        let so_far = seen.audit.as_ref().map(coverage::so_far).unwrap_or_default();
        format!("silences {what}, on {held} of {} Alertmanagers{so_far}", seen.members.len())
    } else if propose(probe, seen, cx).is_some() {
        format!("would silence {what}; run with --apply")
    } else {
        format!("would silence {what}")
    }
}

/// The same look with `amtool`, and the preview by its own matching.
pub(super) fn reproduce(probe: &Silence, _: Option<&Seen>) -> Vec<String> {
    let matchers: Vec<String> = probe.matchers.iter().map(|m| quote(&m.to_string())).collect();
    let matchers = matchers.join(" ");
    let each = probe.alertmanagers.iter().flat_map(|base| {
        let at = format!("--alertmanager.url={}", quote(base.url().as_str()));
        [
            format!("amtool {at} alert query {matchers}"),
            format!("amtool {at} silence query -o extended {matchers}"),
        ]
    });
    let rules = probe.prometheus.iter().map(|base| {
        let rules = base.below("api/v1/rules", &[("type", "alert")]);
        format!("curl -sS {}", quote(rules.url().as_str()))
    });
    each.chain(rules).collect()
}
