//! PostgreSQL as the ground of a ramp.

use std::time::Duration;

use super::cleanup::mark;
use super::facts::{Inside, Server};
use super::questions;
use crate::model::fault::{Fault, Sight};
use crate::net::postgres::{Door, Failure, Opened, Refusal, Session};
use crate::probe::ProbeCx;
use crate::probe::pool::{
    Ceiling, Ground, HeldBack, Limited, Plan, RampWish, Stumble, View, ceiling,
};

/// A server that is reached directly.
pub(super) struct Direct<'a> {
    pub(super) cx: &'a ProbeCx,
    pub(super) door: &'a Door,
    pub(super) database: &'a str,
    pub(super) application: &'a str,
    pub(super) server: &'a Server,
}

/// How far a ramp may go, from what was seen before.
pub(super) fn plan<'s>(
    inside: &'s Inside,
    wish: &RampWish,
) -> Result<(Plan, &'s Server), HeldBack> {
    let server = inside.server.seen().ok_or(HeldBack::Blind)?;
    let usage = inside.usage.as_ref().and_then(Sight::seen).ok_or(HeldBack::Blind)?;
    if server.role.superuser || server.role.uses_reserved {
        return Err(HeldBack::Privileged);
    }
    Plan::below(&[tightest(server, usage.used)], wish, u32::MAX).map(|plan| (plan, server))
}

/// The limit with the least room, each with this session counted in.
pub(super) fn tightest(server: &Server, used: u32) -> Ceiling {
    let database = server.database.as_ref();
    let limits = [
        (Limited::Role, server.role.limit, server.role.used),
        (Limited::Database, database.and_then(|it| it.limit), database.map_or(0, |it| it.used)),
    ];
    let with_own = |used: u32| used.saturating_add(1);
    let limits = limits.into_iter().filter_map(|(of, limit, used)| Some((of, limit?, used)));
    let slots = ceiling(Limited::Server, server.ordinary(), with_own(used));
    limits.map(|(of, limit, used)| ceiling(of, limit, with_own(used))).fold(
        slots,
        |least, other| {
            if other.room() < least.room() { other } else { least }
        },
    )
}

/// The tightest limit at this moment. `mark` begins the statement: a comment, or nothing.
pub(super) async fn look(
    watch: &mut Session,
    mark: &str,
    database: &str,
    before: &Server,
    limit: Duration,
) -> Result<Ceiling, Fault> {
    let what = "looking at the free slots during the ramp";
    let both = format!("{mark}{}; {}", questions::server(database), questions::usage());
    let tables = watch.ask(what, &both, limit).await.map_err(|failure| failure.fault(what))?;
    let now = questions::read_server(tables.get(..1).unwrap_or_default())?;
    let used = questions::read_count(tables.get(1..).unwrap_or_default())?;
    // The limits may have been changed meanwhile; the lower ones hold.
    let (then, now) = (Server { role: now.role.clone(), ..before.clone() }, now);
    let (then, now) = (tightest(&then, used), tightest(&now, used));
    Ok(if then.room() < now.room() { then } else { now })
}

/// Opens one session, without a word on it yet.
pub(super) async fn open(door: &Door, limit: Duration) -> Result<Session, Stumble> {
    match door.open(limit).await {
        Ok(Opened::Open(session)) => Ok(*session),
        Ok(Opened::No(Refusal::Server(error))) => Err(stumble(Failure::Server(error))),
        Ok(Opened::No(refusal)) => Err(Stumble::lost(refusal.to_string())),
        Err(fault) => Err(stumble(Failure::Fault(fault))),
    }
}

/// What a failure is counted under.
pub(super) fn stumble(failure: Failure) -> Stumble {
    match failure {
        Failure::Server(error) => Stumble { key: error.sqlstate.clone(), words: error.to_string() },
        Failure::Fault(fault) => Stumble::lost(fault.to_string()),
    }
}

impl Direct<'_> {
    /// Should this machine vanish without a farewell, the server notices by itself: it asks after
    /// the client early, and from version 14 ends a session that is idle for longer than the ramp.
    pub(super) fn settings(&self) -> String {
        let mut statement = mark(self.application);
        statement.push_str(
            "SET tcp_keepalives_idle = 15; SET tcp_keepalives_interval = 5; \
             SET tcp_keepalives_count = 3; ",
        );
        if self.server.version_num >= 140_000 {
            let longest = self.cx.allowance.as_millis() + 10_000;
            statement.push_str("SET idle_session_timeout = ");
            statement.push_str(&longest.min(3_600_000).to_string());
            statement.push_str("; ");
        }
        statement
    }
}

impl Ground for Direct<'_> {
    type Held = Session;
    type Watch = Session;

    async fn open(&self, limit: Duration) -> Result<Session, Stumble> {
        let mut session = open(self.door, limit).await?;
        let first =
            session.ask("the first statement", &(self.settings() + "SELECT 1"), limit).await;
        first.map(|_| session).map_err(stumble)
    }

    async fn statement(&self, held: &mut Session, limit: Duration) -> Result<(), Stumble> {
        let statement = mark(self.application) + "SELECT 1";
        let asked = held.ask("a statement of the ramp", &statement, limit).await;
        asked.map(|_| ()).map_err(stumble)
    }

    async fn look(&self, watch: &mut Session, limit: Duration) -> Result<View, Fault> {
        let ceiling =
            look(watch, &mark(self.application), self.database, self.server, limit).await?;
        Ok(View { ceiling, others_wait: false })
    }

    async fn close(&self, held: Session, limit: Duration) {
        held.close(limit).await;
    }

    fn number(&self, held: &Session) -> Option<u64> {
        held.greeting.key_pid.and_then(|pid| u64::try_from(pid).ok())
    }

    async fn left(
        &self,
        watch: &mut Session,
        numbers: &[u64],
        limit: Duration,
    ) -> Result<u32, Fault> {
        let what = "looking for connections that the ramp left behind";
        let question = questions::still_there(self.application, numbers);
        let tables = watch.ask(what, &question, limit).await;
        questions::read_count(&tables.map_err(|failure| failure.fault(what))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::postgres_pool::facts::{Database, Role};

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
            settings: std::collections::BTreeMap::new(),
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
