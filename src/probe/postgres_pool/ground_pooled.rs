//! PgBouncer as the ground of a ramp: its clients are what is added, and each statement is a
//! transaction, since only that makes it fetch a connection to the server.

use std::time::Duration;

use super::facts::{Inside, Server};
use super::ground;
use super::pgbouncer::{self, Pool, Pooled, Pooler};
use crate::model::fault::{Fault, Sight};
use crate::net::postgres::{Door, Session};
use crate::probe::pool::{
    Ceiling, Ground, HeldBack, Limited, Plan, RampWish, Stumble, View, ceiling,
};

/// A transaction that does nothing. Nothing may be SET in it: the connection to the server is given
/// to somebody else afterwards.
const TRANSACTION: &str = "BEGIN; SELECT 1; COMMIT";
/// Whoever has waited for this many milliseconds, waits.
const WAITS: f64 = 1000.0;

/// A database of a pooler, and the server behind it.
pub(super) struct Through<'a> {
    pub(super) door: &'a Door,
    pub(super) application: &'a str,
    /// The database, by the name clients use.
    pub(super) database: &'a str,
    pub(super) user: &'a str,
    pub(super) pooler: &'a Pooler,
    pub(super) own: &'a Pooled,
    pub(super) server: &'a Server,
}

/// The console, and the session through the pool that sees the server.
pub(super) struct Watch<'a> {
    pub(super) console: Session,
    pub(super) session: &'a mut Session,
}

impl<'a> Through<'a> {
    /// What is needed of what was seen before.
    pub(super) fn of(
        inside: &'a Inside,
        door: &'a Door,
        application: &'a str,
        (database, user): (&'a str, &'a str),
    ) -> Result<Self, HeldBack> {
        let pooler = inside.pooler.as_ref().and_then(Sight::seen).ok_or(HeldBack::Pooled)?;
        let own = pooler.database(database).ok_or(HeldBack::Pooled)?;
        let server = inside.server.seen().ok_or(HeldBack::Blind)?;
        if server.role.superuser || server.role.uses_reserved {
            return Err(HeldBack::Privileged);
        }
        Ok(Self { door, application, database, user, pooler, own, server })
    }

    /// How far a ramp may go.
    pub(super) async fn plan(
        &self,
        watch: &mut Watch<'_>,
        wish: &RampWish,
        limit: Duration,
    ) -> Result<Plan, HeldBack> {
        let seen = self.ceilings(watch, limit).await.map_err(|_| HeldBack::Blind)?;
        Plan::below(&seen.0, wish, u32::MAX)
    }

    /// Every limit that a further client could come near, and the pools.
    async fn ceilings(
        &self,
        watch: &mut Watch<'_>,
        limit: Duration,
    ) -> Result<(Vec<Ceiling>, Vec<Pool>), Fault> {
        let pools = pgbouncer::glance(&mut watch.console, limit).await?;
        let clients = pools.iter().map(|it| it.clients_active.saturating_add(it.clients_waiting));
        let clients = clients.fold(0, u32::saturating_add);
        let mut ceilings = vec![ceiling(Limited::Clients, self.pooler.max_clients, clients)];
        let mine = |pool: &&Pool| pool.database == self.database && pool.user == self.user;
        let pool = pools.iter().find(mine);
        let servers = pool.map_or(0, |pool| {
            [pool.servers_idle, pool.servers_login]
                .into_iter()
                .fold(pool.servers_active, u32::saturating_add)
        });
        // In session mode a client that has said anything keeps its connection to the server.
        if pool.is_some_and(|pool| pool.mode == "session") {
            let busy =
                pool.map_or(0, |pool| pool.servers_active.saturating_add(pool.servers_login));
            ceilings.push(ceiling(Limited::Pool, self.own.capacity(), busy));
        }
        // What the pool may still open must fit into the server, or the server's slots decide.
        let slots = ground::look(watch.session, "", &self.own.database, self.server, limit).await?;
        if self.own.capacity().saturating_sub(servers) > slots.room() {
            ceilings.push(slots);
        }
        Ok((ceilings, pools))
    }
}

impl<'a> Ground for Through<'a> {
    type Held = Session;
    type Watch = Watch<'a>;

    async fn open(&self, limit: Duration) -> Result<Session, Stumble> {
        let mut session = ground::open(self.door, limit).await?;
        self.statement(&mut session, limit).await?;
        Ok(session)
    }

    async fn statement(&self, held: &mut Session, limit: Duration) -> Result<(), Stumble> {
        let asked = held.ask("a transaction of the ramp", TRANSACTION, limit).await;
        asked.map(|_| ()).map_err(ground::stumble)
    }

    async fn look(&self, watch: &mut Watch<'a>, limit: Duration) -> Result<View, Fault> {
        let (ceilings, pools) = self.ceilings(watch, limit).await?;
        let others_wait = pools.iter().any(|pool| pool.longest_wait_millis >= WAITS);
        let tightest = ceilings.into_iter().min_by_key(Ceiling::room);
        let none = || Fault::Bug { message: "a pooler without a limit".to_owned() };
        Ok(View { ceiling: tightest.ok_or_else(none)?, others_wait })
    }

    async fn close(&self, held: Session, limit: Duration) {
        held.close(limit).await;
    }

    fn number(&self, _: &Session) -> Option<u64> {
        // What a pooler greets with is made up, and its console does not know it.
        None
    }

    async fn left(&self, watch: &mut Watch<'a>, _: &[u64], limit: Duration) -> Result<u32, Fault> {
        let all =
            pgbouncer::clients_named(&mut watch.console, self.application, self.database, limit);
        // The session that sees the server is one of them.
        Ok(all.await?.saturating_sub(1))
    }
}
