//! Judging what a ramp brought back.

use super::ramp::{NEVER_SLOW, SLOWER};
use super::ramp_facts::{Ceiling, End, HeldBack, Limited, Ramp, Run, Step};
use super::wish::RampWish;
use crate::model::code::Code;
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;

/// A probe that is later than this, in milliseconds, runs on a machine with too much to do.
const BUSY: f64 = 5.0;
/// A probe that uses more than this share of the processors measures itself.
const HARD_AT_WORK: f64 = 0.8;

/// The codes of a kind that ramps.
pub(in crate::probe) struct RampCodes {
    pub(in crate::probe) ok: &'static Code,
    pub(in crate::probe) refused: &'static Code,
    pub(in crate::probe) errors: &'static Code,
    pub(in crate::probe) slow: &'static Code,
    pub(in crate::probe) cut: &'static Code,
    pub(in crate::probe) leak: &'static Code,
}

/// Judges a ramp.
pub(in crate::probe) fn judge(
    codes: &RampCodes,
    wish: &RampWish,
    ramp: &Ramp,
    target: &str,
) -> Vec<Finding> {
    match ramp {
        Ramp::Held(why) => vec![Finding::new(codes.refused, target, held(why))],
        Ramp::Ran(run) => {
            let mut findings = vec![ran(codes, wish, run, target)];
            findings.extend(left(codes, run, target));
            findings
        }
    }
}

fn held(why: &HeldBack) -> String {
    match why {
        HeldBack::Privileged => "not ramped: the role may take slots that are reserved for when \
                                 all others are taken"
            .to_owned(),
        HeldBack::Pooled => "not ramped: something stands before the server, and what it allows \
                             cannot be seen"
            .to_owned(),
        HeldBack::Mark(most) => format!(
            "not ramped: it would raise Max_used_connections, which is {most}; state `max_added` to \
             ramp all the same"
        ),
        HeldBack::NoRoom(ceiling) => {
            format!("not ramped: {}, and {} of them stay free", room(ceiling), ceiling.floor)
        }
        HeldBack::Blind => "not ramped: it is not known how many slots are free".to_owned(),
        HeldBack::NoTime => "not ramped: the time allowed is too short to hold a step".to_owned(),
    }
}

fn room(ceiling: &Ceiling) -> String {
    format!("{} of {} {} are free", ceiling.free, ceiling.limit, whose(ceiling.of))
}

const fn whose(of: Limited) -> &'static str {
    match of {
        Limited::Server => "ordinary slots",
        Limited::Role => "connections of the role",
        Limited::Database => "connections of the database",
        Limited::Connections => "connections of the server",
        Limited::Account => "connections of the account",
        Limited::Clients => "clients of the pooler",
        Limited::Pool => "connections of the pool",
    }
}

/// The run as a whole.
fn ran(codes: &RampCodes, wish: &RampWish, run: &Run, target: &str) -> Finding {
    let held = run.steps.last().map_or(0, |step| step.held);
    let table = table(run);
    let finding = |code, message: String| Finding::new(code, target, message).actual(table.clone());
    let (planned, last) = (run.planned, run.steps.last());
    match run.end {
        End::Reached => {
            let message = format!(
                "{held} connections added and given back{}{}",
                tail(run),
                capped(wish, run)
            );
            finding(codes.ok, message)
        }
        End::Errors => {
            let errors = last.map(errors).unwrap_or_default();
            finding(codes.errors, format!("stopped at {held} of {planned} connections: {errors}"))
                .expected("no login and no statement fails")
        }
        End::Slow => slow(wish, run, finding(codes.slow, String::new()), held),
        End::Floor => {
            let free = last.and_then(|step| step.free).unwrap_or(0);
            let floor = run.ceiling.floor;
            let message = format!(
                "stopped at {held} of {planned} connections: others took slots, {free} are left \
                 and {floor} stay free"
            );
            finding(codes.cut, message)
        }
        End::Time => {
            let message = format!("stopped at {held} of {planned} connections: the time was over");
            finding(codes.cut, message)
        }
        End::Blind => {
            let message = format!(
                "stopped at {held} of {planned} connections: the free slots, or the guard, could not be seen \
                 any more"
            );
            finding(codes.cut, message)
        }
        End::Guard => {
            let guard = wish.guard.as_ref();
            let query =
                guard.map_or(String::new(), |it| format!("{} is above {}", it.query, it.max));
            let message = format!("stopped at {held} of {planned} connections: {query}");
            finding(codes.cut, message)
        }
        End::Waiting => {
            let message = format!(
                "stopped at {held} of {planned} connections: clients waited for a connection of the \
                 pool"
            );
            finding(codes.cut, message)
        }
    }
}

fn slow(wish: &RampWish, run: &Run, finding: Finding, held: u32) -> Finding {
    let p99 = |step: Option<&Step>| step.and_then(|step| step.statement?.p99).unwrap_or(f64::NAN);
    let (first, last) = (p99(run.steps.first()), p99(run.steps.last()));
    let blame = run.steps.last().and_then(|step| own_fault(step, last));
    let own = blame.is_some();
    let blame = blame.map_or(String::new(), |why| format!(", but {why}: it is the bottleneck"));
    let message = format!("p99 {last:.1} ms with {held} connections{blame}");
    let (outcome, expected) = match wish.max_p99 {
        // What this machine caused says nothing about the server.
        Some(most) if own => (Outcome::Unknown, format!("p99 at most {most}")),
        Some(most) => (Outcome::Fail, format!("p99 at most {most}")),
        None => {
            let most = (first * SLOWER).max(NEVER_SLOW);
            (Outcome::Warn, format!("p99 at most {most:.1} ms, {SLOWER} times that of one"))
        }
    };
    Finding { message, ..finding }.with_outcome(outcome).expected(expected)
}

/// Why this machine itself was too slow for a step, where it was.
fn own_fault(step: &Step, p99: f64) -> Option<String> {
    let delay = step.own_delay.map_or(0.0, |delay| delay.p95);
    if delay > (p99 / 2.0).max(BUSY) {
        return Some(format!("this machine itself was {delay:.1} ms late (p95)"));
    }
    let cpu = step.own_cpu.filter(|share| *share > HARD_AT_WORK)?;
    Some(format!("this machine spent {:.0}% of its processors on the ramp", 100.0 * cpu))
}

fn errors(step: &Step) -> String {
    let counts: Vec<String> = step.errors.iter().map(|(code, n)| format!("{n} × {code}")).collect();
    let first = step.first_error.as_deref().unwrap_or("not told");
    format!("{}; first: {first}", counts.join(", "))
}

/// The times of the last step, and the knee where there is one.
fn tail(run: &Run) -> String {
    let last = run.steps.last().and_then(|step| step.statement);
    let times = last.map_or(String::new(), |it| {
        let p99 = it.p99.map_or(String::new(), |p99| format!(", p99 {p99:.1} ms"));
        format!("; SELECT 1 p50 {:.1} ms{p99}", it.p50)
    });
    let knee = run.knee.map_or(String::new(), |held| format!(", knee at {held}"));
    format!("{times}{knee}")
}

/// Says so where a limit allowed less than was asked for.
fn capped(wish: &RampWish, run: &Run) -> String {
    match wish.max_added {
        Some(asked) if asked > run.planned => format!(
            " (not {asked}: {}, and {} of them stay free)",
            room(&run.ceiling),
            run.ceiling.floor
        ),
        Some(_) | None => String::new(),
    }
}

/// One line a step: `4: connect p95 6.1 ms, statement p50 0.3 p95 0.5 p99 0.9 ms`.
fn table(run: &Run) -> String {
    let line = |step: &Step| {
        let connect = step.connect.map_or("-".to_owned(), |it| format!("p95 {:.1} ms", it.p95));
        let statement = step.statement.map_or("-".to_owned(), |it| {
            let p99 = it.p99.map_or(String::new(), |p99| format!(" p99 {p99:.1}"));
            format!("p50 {:.1} p95 {:.1}{p99} ms of {}", it.p50, it.p95, it.n)
        });
        let cpu = step.own_cpu.map_or(String::new(), |it| format!(", own CPU {:.0}%", 100.0 * it));
        format!("{}: connect {connect}, statement {statement}{cpu}", step.held)
    };
    run.steps.iter().map(line).collect::<Vec<_>>().join("; ")
}

/// What the ramp left behind.
fn left(codes: &RampCodes, run: &Run, target: &str) -> Option<Finding> {
    match &run.left {
        Sight::Seen(0) => None,
        Sight::Seen(left) => {
            let message = format!("{left} connections of the ramp are still open");
            Some(Finding::new(codes.leak, target, message).expected("none"))
        }
        Sight::Fault(fault) => Some(Finding::fault(target, fault)),
    }
}
