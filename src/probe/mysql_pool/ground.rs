//! MySQL or MariaDB as the ground of a ramp.

use std::time::Duration;

use super::facts::Inside;
use super::observe::{ask, number, text, unreadable};
use crate::model::fault::Fault;
use crate::net::mysql::{Door, Opened, Refusal, ServerError, Session};
use crate::probe::ProbeCx;
use crate::probe::pool::{
    Ceiling, Ground, HeldBack, Limited, Plan, RampWish, Stumble, View, ceiling,
};

/// The limits at this moment; the session's own `max_user_connections` is the account's.
const LIMITS: &str = "SELECT @@max_connections, @@session.max_user_connections, CONNECTION_ID()";
const USED: &str = "SHOW GLOBAL STATUS WHERE Variable_name = 'Threads_connected'";
const MOST_USED: &str = "SHOW GLOBAL STATUS WHERE Variable_name = 'Max_used_connections'";
const SESSIONS: &str = "SHOW PROCESSLIST";
/// Whoever has one of these gets the connection that is kept for administrators.
const PRIVILEGES: &[&str] = &[
    "ALL PRIVILEGES",
    "SUPER",
    "CONNECTION ADMIN",
    "CONNECTION_ADMIN",
    "SERVICE_CONNECTION_ADMIN",
];

/// A server that is reached directly.
pub(super) struct Direct<'a> {
    pub(super) cx: &'a ProbeCx,
    pub(super) door: &'a Door,
}

/// How far a ramp may go.
pub(super) async fn plan(
    watch: &mut Session,
    inside: &Inside,
    wish: &RampWish,
    limit: Duration,
) -> Result<Plan, HeldBack> {
    let server = inside.server.seen().ok_or(HeldBack::Blind)?;
    if inside.proxy().is_some() {
        return Err(HeldBack::Pooled);
    }
    if privileged(watch, limit).await.map_err(|_| HeldBack::Blind)? {
        return Err(HeldBack::Privileged);
    }
    let ceilings = ceilings(watch, limit).await.map_err(|_| HeldBack::Blind)?;
    // This session is part of the mark already.
    let below_mark = server.most_used.saturating_sub(server.used + 1);
    if wish.max_added.is_none() && below_mark == 0 {
        return Err(HeldBack::Mark(server.most_used));
    }
    Plan::below(&ceilings, wish, u32::try_from(below_mark).unwrap_or(u32::MAX))
}

/// Whether the account may take the connection that is kept for administrators.
async fn privileged(watch: &mut Session, limit: Duration) -> Result<bool, Fault> {
    let rows = ask(watch, "reading the account's own privileges", "SHOW GRANTS", limit).await?;
    let global = rows.iter().filter_map(|row| row.first()?.as_deref()?.split_once(" ON *.* "));
    Ok(global
        .map(|(grant, _)| grant.trim_start_matches("GRANT "))
        .any(|grant| grant.split(", ").any(|privilege| PRIVILEGES.contains(&privilege))))
}

/// `Max_used_connections` at this moment.
pub(super) async fn most_used(watch: &mut Session, limit: Duration) -> Result<u64, Fault> {
    counter(watch, MOST_USED, limit).await
}

async fn counter(watch: &mut Session, statement: &str, limit: Duration) -> Result<u64, Fault> {
    let rows = ask(watch, "reading a counter of the server", statement, limit).await?;
    number(rows.first().ok_or_else(|| unreadable("a counter is missing"))?, 1)
}

/// Every limit, with this session and the ramp's own counted as used.
async fn ceilings(watch: &mut Session, limit: Duration) -> Result<Vec<Ceiling>, Fault> {
    let small = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let limits = ask(watch, "reading the server's limits", LIMITS, limit).await?;
    let limits = limits.first().ok_or_else(|| unreadable("it has no row"))?;
    let used = counter(watch, USED, limit).await?;
    let mut all = vec![ceiling(Limited::Connections, small(number(limits, 0)?), small(used))];
    let (account, own) = (number(limits, 1)?, number(limits, 2)?);
    if account > 0 {
        let rows = ask(watch, "listing sessions", SESSIONS, limit).await?;
        let me = rows.iter().find(|row| number(row, 0).is_ok_and(|id| id == own));
        let me = text(me.ok_or_else(|| unreadable("this session is missing"))?, 1)?;
        let used = rows.iter().filter(|row| text(row, 1).is_ok_and(|user| user == me)).count();
        all.push(ceiling(Limited::Account, small(account), small(used as u64)));
    }
    Ok(all)
}

fn stumble(error: &ServerError) -> Stumble {
    Stumble { key: error.number.to_string(), words: error.to_string() }
}

async fn said(session: &mut Session, statement: &str, limit: Duration) -> Result<(), Stumble> {
    match session.ask("a statement of the ramp", statement, limit).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(stumble(&error)),
        Err(fault) => Err(Stumble::lost(fault.to_string())),
    }
}

impl Direct<'_> {
    /// Should this machine vanish without a farewell, the server ends the session by itself.
    pub(super) async fn ends_by_itself(
        &self,
        session: &mut Session,
        limit: Duration,
    ) -> Result<(), Stumble> {
        let longest = (self.cx.allowance.as_secs() + 10).min(3600);
        said(session, &format!("SET SESSION wait_timeout = {longest}"), limit).await
    }
}

impl Ground for Direct<'_> {
    type Held = Session;
    type Watch = Session;

    async fn open(&self, limit: Duration) -> Result<Session, Stumble> {
        let mut session = match self.door.open(limit).await {
            Ok(Opened::Open(session)) => *session,
            Ok(Opened::No(Refusal::Server(error))) => return Err(stumble(&error)),
            Ok(Opened::No(refusal)) => return Err(Stumble::lost(refusal.to_string())),
            Err(fault) => return Err(Stumble::lost(fault.to_string())),
        };
        self.ends_by_itself(&mut session, limit).await?;
        said(&mut session, "SELECT 1", limit).await?;
        Ok(session)
    }

    async fn statement(&self, held: &mut Session, limit: Duration) -> Result<(), Stumble> {
        said(held, "SELECT 1", limit).await
    }

    async fn look(&self, watch: &mut Session, limit: Duration) -> Result<View, Fault> {
        let tightest = ceilings(watch, limit).await?.into_iter().min_by_key(Ceiling::room);
        let ceiling = tightest.ok_or_else(|| unreadable("it has no limit"))?;
        Ok(View { ceiling, others_wait: false })
    }

    async fn close(&self, held: Session, limit: Duration) {
        held.close(limit).await;
    }

    fn number(&self, held: &Session) -> Option<u64> {
        Some(held.greeting.number.into())
    }

    async fn left(
        &self,
        watch: &mut Session,
        numbers: &[u64],
        limit: Duration,
    ) -> Result<u32, Fault> {
        let what = "looking for connections that the ramp left behind";
        let rows = ask(watch, what, SESSIONS, limit).await?;
        let ours = rows.iter().filter(|row| number(row, 0).is_ok_and(|id| numbers.contains(&id)));
        Ok(u32::try_from(ours.count()).unwrap_or(u32::MAX))
    }
}
