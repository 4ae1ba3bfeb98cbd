//! The ramp: opening a few connections step by step, holding and using them, and giving all back.
//!
//! It is opt-in and stays far from every limit: a fifth of each limit, and at least ten slots, stay
//! free, which is looked at again before every handful of new connections and while they are held.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join, try_join_all};

use super::RampWish;
use super::demand::round_up;
use super::facts::{Inside, Server};
use super::questions;
use super::ramp_facts::{Ceiling, End, HeldBack, Limited, Ramp, Run, Step};
use crate::clock::millis_since;
use crate::model::fault::{Fault, Sight};
use crate::model::latency::Latency;
use crate::net::postgres::{Door, Failure, Opened, Refusal, Session};
use crate::probe::ProbeCx;

/// The least number of slots that stay free, however small the server is.
const FLOOR: u32 = 10;
/// The share of each limit that stays free.
const FLOOR_SHARE: f64 = 0.2;
/// The most connections added where the check does not say.
pub(super) const MAX_ADDED: u32 = 10;
/// How many times slower than alone is too slow.
pub(super) const SLOWER: f64 = 5.0;
/// Statements faster than this are never too slow without a stated limit: on a quick server five
/// times nothing is nothing, in milliseconds.
pub(super) const NEVER_SLOW: f64 = 50.0;
/// How long one login, or one statement, may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long one connection may take to end.
const FAREWELL: Duration = Duration::from_millis(500);

/// A ramp while it runs.
pub(super) struct Ramper<'a> {
    pub(super) cx: &'a ProbeCx,
    pub(super) door: &'a Door,
    pub(super) wish: &'a RampWish,
    pub(super) database: &'a str,
    pub(super) application: &'a str,
}

impl Ramper<'_> {
    /// Runs the ramp beside a session that watches.
    pub(super) async fn run(&self, watch: &mut Session, inside: &Inside) -> Ramp {
        let (planned, ceiling, server) = match self.plan(inside) {
            Ok(plan) => plan,
            Err(why) => return Ramp::Held(why),
        };
        let mut run = Run {
            ceiling,
            planned,
            steps: Vec::new(),
            end: End::Reached,
            left: Sight::Seen(0),
        };
        let mut held = Vec::new();
        for goal in steps(planned) {
            if self.cx.remaining() < self.wish.hold().saturating_add(margin(goal)) {
                run.end = End::Time;
                break;
            }
            let (step, end) = self.step(watch, &mut held, goal, server).await;
            run.steps.push(step);
            let end = end.or_else(|| self.too_slow(&run.steps).then_some(End::Slow));
            if let Some(end) = end {
                run.end = end;
                break;
            }
        }
        let pids: Vec<i32> = held.iter().filter_map(|session| session.greeting.key_pid).collect();
        // The last one opened is the first one given back.
        while let Some(session) = held.pop() {
            session.close(FAREWELL).await;
        }
        run.left = self.left(watch, &pids).await.into();
        if run.steps.is_empty() { Ramp::Held(HeldBack::NoTime) } else { Ramp::Ran(run) }
    }

    /// How many connections may be added, and the limit that decides it.
    fn plan<'s>(&self, inside: &'s Inside) -> Result<(u32, Ceiling, &'s Server), HeldBack> {
        let server = inside.server.seen().ok_or(HeldBack::Blind)?;
        let usage = inside.usage.as_ref().and_then(Sight::seen).ok_or(HeldBack::Blind)?;
        if inside.is_pooled() {
            return Err(HeldBack::Pooled);
        }
        if server.role.superuser || server.role.uses_reserved {
            return Err(HeldBack::Privileged);
        }
        let ceiling = tightest(server, usage.used);
        let room = ceiling.free.saturating_sub(ceiling.floor);
        let asked = self.wish.max_added.unwrap_or_else(|| MAX_ADDED.min(ceiling.free / 10).max(1));
        match room.min(asked) {
            0 => Err(HeldBack::NoRoom(ceiling)),
            planned => Ok((planned, ceiling, server)),
        }
    }

    /// Adds connections until `goal` are held, holds them, and uses them.
    async fn step(
        &self,
        watch: &mut Session,
        held: &mut Vec<Session>,
        goal: u32,
        server: &Server,
    ) -> (Step, Option<End>) {
        let tally = Tally::default();
        let mut connect = Vec::new();
        let mut end = self.open(watch, held, goal, server, &tally, &mut connect).await.err();
        if end.is_none() {
            end = self.hold(watch, held, server, &tally).await.err();
        }
        let free = match self.ceiling(watch, server).await {
            Ok(ceiling) => Some(ceiling.free),
            Err(_) => None,
        };
        let tally = tally.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let step = Step {
            held: u32::try_from(held.len()).unwrap_or(u32::MAX),
            connect: Latency::of(connect),
            statement: Latency::of(tally.statement),
            own_delay: Latency::of(tally.own_delay),
            errors: tally.errors,
            first_error: tally.first_error,
            free,
        };
        (step, end.or_else(|| free.is_none().then_some(End::Blind)))
    }

    /// Opens connections a handful at a time. The handful is a fifth of the floor, so that several
    /// ramps that meet by accident cannot use it up between two looks.
    async fn open(
        &self,
        watch: &mut Session,
        held: &mut Vec<Session>,
        goal: u32,
        server: &Server,
        tally: &Tally,
        connect: &mut Vec<f64>,
    ) -> Result<(), End> {
        loop {
            let missing = goal.saturating_sub(u32::try_from(held.len()).unwrap_or(u32::MAX));
            if missing == 0 {
                return Ok(());
            }
            let ceiling = self.ceiling(watch, server).await.map_err(|_| End::Blind)?;
            let handful = missing.min((ceiling.floor / 5).max(1));
            if ceiling.free < ceiling.floor.saturating_add(handful) {
                return Err(End::Floor);
            }
            let opening = (0..handful).map(|_| self.open_one(server));
            let mut failed = false;
            for opened in join_all(opening).await {
                match opened {
                    Ok((session, millis)) => {
                        held.push(session);
                        connect.push(millis);
                    }
                    Err(failure) => {
                        tally.fail(&failure);
                        failed = true;
                    }
                }
            }
            if failed {
                return Err(End::Errors);
            }
        }
    }

    /// Opens one connection and has one statement answered on it.
    async fn open_one(&self, server: &Server) -> Result<(Session, f64), Failure> {
        let begun = self.cx.clock.tick();
        let limit = PATIENCE.min(self.cx.remaining());
        let mut session = match self.door.open(limit).await.map_err(Failure::Fault)? {
            Opened::Open(session) => *session,
            Opened::No(Refusal::Server(error)) => return Err(Failure::Server(error)),
            Opened::No(refusal) => {
                let what = "opening a connection of the ramp".to_owned();
                return Err(Failure::Fault(Fault::Unreadable { what, reason: refusal.to_string() }));
            }
        };
        session.ask("the first statement", &self.first_statement(server), limit).await?;
        Ok((session, millis_since(begun)))
    }

    /// Should this machine vanish without a farewell, the server notices by itself: it asks after
    /// the client early, and from version 14 ends a session that is idle for longer than the ramp.
    fn first_statement(&self, server: &Server) -> String {
        let mut statement = String::from(
            "SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; \
             SET tcp_keepalives_count = 3; ",
        );
        if server.version_num >= 140_000 {
            let longest = self.cx.allowance.as_millis() + 10_000;
            statement.push_str("SET idle_session_timeout = ");
            statement.push_str(&longest.min(3_600_000).to_string());
            statement.push_str("; ");
        }
        statement + "SELECT 1"
    }

    /// Holds the connections for as long as the check says and uses them, at a pace of its own: a
    /// statement is due whether or not the one before it was answered. Where that one made it late
    /// its time counts from when it was due, so that a stalling server is not asked less and
    /// forgiven more.
    async fn hold(
        &self,
        watch: &mut Session,
        held: &mut [Session],
        server: &Server,
        tally: &Tally,
    ) -> Result<(), End> {
        let length = self.wish.hold();
        // At least a hundred, below which there is no 99th percentile.
        let count = u32::try_from(length.as_secs() * 20).unwrap_or(u32::MAX).max(100);
        let (pace, begun) = (length / count, self.cx.clock.tick());
        let workers = u32::try_from(held.len()).unwrap_or(u32::MAX).max(1);
        let work = held.iter_mut().zip(0..).map(|(session, first)| async move {
            let mut number = first;
            while number < count {
                let due = begun + pace * number;
                self.statement(session, due, tally).await?;
                number += workers;
            }
            Ok(())
        });
        let watching = async {
            while begun.elapsed() < length {
                let rest = length.saturating_sub(begun.elapsed());
                tokio::time::sleep(rest.min(Duration::from_secs(1))).await;
                let ceiling = self.ceiling(watch, server).await.map_err(|_| End::Blind)?;
                if ceiling.free < ceiling.floor {
                    return Err(End::Floor);
                }
            }
            Ok(())
        };
        try_join(Box::pin(try_join_all(work)), Box::pin(watching)).await.map(|_| ())
    }

    async fn statement(
        &self,
        session: &mut Session,
        due: Instant,
        tally: &Tally,
    ) -> Result<(), End> {
        let mut begun = due;
        if self.cx.clock.tick() < due {
            tokio::time::sleep_until(due.into()).await;
            // The connection was free: what is late now is this machine, not the server.
            begun = self.cx.clock.tick();
            tally.note(|tally| tally.own_delay.push(millis_since(due)));
        }
        let limit = PATIENCE.min(self.cx.remaining());
        match session.ask("a statement of the ramp", "SELECT 1", limit).await {
            Ok(_) => {
                tally.note(|tally| tally.statement.push(millis_since(begun)));
                Ok(())
            }
            Err(failure) => {
                tally.fail(&failure);
                Err(End::Errors)
            }
        }
    }

    /// The tightest limit at this moment, the ramp's own connections counted as used.
    async fn ceiling(&self, watch: &mut Session, server: &Server) -> Result<Ceiling, Fault> {
        let what = "looking at the free slots during the ramp";
        let limit = PATIENCE.min(self.cx.remaining());
        let both = format!("{}; {}", questions::server(self.database), questions::usage());
        let tables = watch.ask(what, &both, limit).await.map_err(|failure| failure.fault(what))?;
        let now = questions::read_server(tables.get(..1).unwrap_or_default())?;
        let used = questions::read_count(tables.get(1..).unwrap_or_default())?;
        // The limits may have been changed meanwhile; the lower ones hold.
        Ok([tightest(&now, used), tightest(&Server { role: now.role.clone(), ..server.clone() }, used)]
            .into_iter()
            .min_by_key(Ceiling::room)
            .unwrap_or_else(|| tightest(&now, used)))
    }

    /// Whether the last step was too slow: by the check's own limit, or against the first step.
    fn too_slow(&self, steps: &[Step]) -> bool {
        let (Some(first), Some(last)) = (steps.first(), steps.last()) else { return false };
        let p99 = |step: &Step| step.statement.and_then(|statement| statement.p99);
        match (p99(first), p99(last), self.wish.max_p99) {
            (_, Some(last), Some(most)) => last > most.get().as_secs_f64() * 1000.0,
            (Some(first), Some(last), None) => last > (first * SLOWER).max(NEVER_SLOW),
            (_, None, _) | (None, Some(_), None) => false,
        }
    }

    /// How many of the ramp's own sessions the server still has. It needs a moment to end them.
    async fn left(&self, watch: &mut Session, pids: &[i32]) -> Result<u32, Fault> {
        let what = "looking for connections that the ramp left behind";
        let question = questions::still_there(self.application, pids);
        let patience = self.cx.clock.tick() + Duration::from_secs(2).min(self.cx.remaining() / 2);
        loop {
            let limit = PATIENCE.min(self.cx.remaining());
            let tables = watch.ask(what, &question, limit).await;
            let left = questions::read_count(&tables.map_err(|failure| failure.fault(what))?)?;
            if left == 0 || self.cx.clock.tick() >= patience {
                return Ok(left);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What is needed beside the hold: to open, to look, and to give everything back.
pub(super) fn margin(goal: u32) -> Duration {
    Duration::from_millis(500) + Duration::from_millis(25) * goal
}

impl Ceiling {
    /// How many connections can be added before the floor.
    fn room(&self) -> u32 {
        self.free.saturating_sub(self.floor)
    }
}

/// How many connections are held at each step: 1, 2, 4, … and the last one as planned.
pub(super) fn steps(planned: u32) -> Vec<u32> {
    let doubling = std::iter::successors(Some(1_u32), |held| held.checked_mul(2));
    doubling.take_while(|held| *held < planned).chain([planned]).collect()
}

/// The limit with the least room, each with this session counted in.
fn tightest(server: &Server, used: u32) -> Ceiling {
    let database = server.database.as_ref();
    let limits = [
        (Limited::Server, Some(server.ordinary()), used),
        (Limited::Role, server.role.limit, server.role.used),
        (Limited::Database, database.and_then(|it| it.limit), database.map_or(0, |it| it.used)),
    ];
    let ceilings = limits.into_iter().filter_map(|(of, limit, used)| {
        let limit = limit?;
        let floor = u32::try_from(round_up(FLOOR_SHARE, limit.into())).unwrap_or(limit).max(FLOOR);
        Some(Ceiling { of, limit, free: limit.saturating_sub(used.saturating_add(1)), floor })
    });
    let tightest = ceilings.min_by_key(Ceiling::room);
    tightest.unwrap_or(Ceiling { of: Limited::Server, limit: 0, free: 0, floor: FLOOR })
}

/// What the workers of one step write down, from one future and never across an await.
#[derive(Default)]
struct Tally(Mutex<Notes>);

#[derive(Default)]
struct Notes {
    statement: Vec<f64>,
    own_delay: Vec<f64>,
    errors: BTreeMap<String, u32>,
    first_error: Option<String>,
}

impl Tally {
    fn note(&self, write: impl FnOnce(&mut Notes)) {
        write(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn fail(&self, failure: &Failure) {
        let (key, words) = match failure {
            Failure::Server(error) => (error.sqlstate.clone(), error.to_string()),
            Failure::Fault(fault) => ("lost".to_owned(), fault.to_string()),
        };
        self.note(|notes| {
            *notes.errors.entry(key).or_default() += 1;
            notes.first_error.get_or_insert(words);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::postgres_pool::facts::{Database, Role};

    #[test]
    fn steps_double_up_to_the_plan() {
        for (planned, all) in [
            (1, vec![1]),
            (2, vec![1, 2]),
            (6, vec![1, 2, 4, 6]),
            (8, vec![1, 2, 4, 8]),
            (40, vec![1, 2, 4, 8, 16, 32, 40]),
        ] {
            assert_eq!(steps(planned), all);
        }
    }

    fn server(max: u32, role: (Option<u32>, u32), database: (Option<u32>, u32)) -> Server {
        Server {
            version_num: 150_000,
            backend_pid: 1,
            max_connections: max,
            superuser_reserved: 3,
            reserved: 2,
            in_recovery: false,
            read_only: false,
            idle_session_timeout: None,
            role: Role {
                name: "r".to_owned(),
                superuser: false,
                sees_all: true,
                uses_reserved: false,
                limit: role.0,
                used: role.1,
            },
            database: Some(Database { limit: database.0, used: database.1 }),
        }
    }

    #[test]
    fn the_limit_with_the_least_room_decides() {
        for (server, used, of, free, floor) in [
            (server(105, (None, 9), (None, 9)), 9, Limited::Server, 90, 20),
            (server(25, (None, 0), (None, 0)), 4, Limited::Server, 15, 10),
            (server(105, (Some(30), 9), (None, 9)), 9, Limited::Role, 20, 10),
            (server(105, (Some(80), 9), (Some(40), 20)), 20, Limited::Database, 19, 10),
            // More sessions than a lowered limit allows: nothing is free, and nothing overflows.
            (server(105, (Some(2), 9), (None, 9)), 9, Limited::Role, 0, 10),
        ] {
            let ceiling = tightest(&server, used);
            assert_eq!((ceiling.of, ceiling.free, ceiling.floor), (of, free, floor), "{server:?}");
        }
    }
}
