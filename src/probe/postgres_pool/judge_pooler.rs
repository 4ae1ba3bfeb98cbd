//! Judging PgBouncer: whether its clients get a server when they want one.

use super::codes;
use super::facts::Inside;
use super::pgbouncer::{Pool, Pooled, Pooler};
use super::{DEFAULT_MAX_USED, PostgresPool};
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::count;
use crate::model::time::humane;
use crate::net::postgres::Refusal;
use crate::probe::pool::budget;

/// A wait of this many milliseconds is too long, however short-lived the look.
const LONG_WAIT: f64 = 1000.0;
/// Where somebody waits in two looks, it is the same client once it has waited for so many milliseconds,
/// the time between them. Before, it may be one after the other of a busy pool, each for a moment.
const SAME_CLIENT: f64 = 500.0;

/// What judging a pooler needs.
pub(super) struct JudgePooler<'a> {
    pub(super) probe: &'a PostgresPool,
    pub(super) target: &'a str,
    pub(super) pooler: &'a Pooler,
}

impl JudgePooler<'_> {
    /// Everything the console shows, and whether a statement came through.
    pub(super) fn all(&self, inside: &Inside) -> Vec<Finding> {
        let mut findings = Vec::new();
        let own = self.pooler.database(&self.probe.url.database);
        findings.extend(own.and_then(|own| self.closed(own)));
        findings.extend(inside.server.fault().and_then(|_| self.no_server(own)));
        findings.extend(self.waiting(!findings.is_empty()));
        findings.extend(self.clients());
        // The demand is for all poolers of the check together, where it names some.
        if self.probe.poolers.is_empty() {
            findings.extend(self.budget());
        }
        findings.extend(own.and_then(|own| self.server_demand(own, inside)));
        if findings.is_empty() {
            let active = self.pooler.pools.iter().map(|pool| pool.servers_active);
            let active = active.fold(0, u32::saturating_add);
            let message = format!(
                "PgBouncer {}: {} of {} clients, {}, {active} connections to servers busy, nobody \
                 waits",
                self.pooler.version,
                self.pooler.clients,
                self.pooler.max_clients,
                count(self.pooler.pools.len(), "pool"),
            );
            findings.push(self.find(&codes::OK, message));
        }
        findings
    }

    fn find(&self, code: &'static crate::model::code::Code, message: impl Into<String>) -> Finding {
        Finding::new(code, self.target, message)
    }

    /// Whether the pooler takes no more clients: what it says of a login it refused.
    pub(super) fn full(&self) -> Option<Finding> {
        let (clients, most) = (self.pooler.clients, self.pooler.max_clients);
        (clients >= most).then(|| {
            let message = format!("PgBouncer takes no more clients: max_client_conn is {most}");
            self.find(&codes::POOLER_CLIENTS, message).with_outcome(Outcome::Fail)
        })
    }

    /// Why nobody answered a login: the pooler's own view.
    pub(super) fn stuck(&self) -> Vec<Finding> {
        let own = self.pooler.database(&self.probe.url.database);
        let mut findings = Vec::new();
        findings.extend(own.and_then(|own| self.closed(own)));
        if findings.is_empty() {
            findings.extend(self.no_server(own));
        }
        findings.extend(self.waiting(!findings.is_empty()));
        findings.extend(self.clients());
        findings
    }

    /// What the pooler says of a login it gave up, where that was for want of a server. Its words are
    /// in English whatever the locale, and its one error code is no help.
    pub(super) fn turned_away(&self, refusal: &Refusal) -> Option<Finding> {
        let Refusal::Server(error) = refusal else { return None };
        let for_want_of_a_server =
            ["query_wait_timeout", "server login", "cannot connect to server"];
        for_want_of_a_server.iter().find(|words| error.message.contains(*words))?;
        let own = self.pooler.database(&self.probe.url.database);
        Some(self.no_server(own)?.actual(error.message.clone()))
    }

    fn closed(&self, own: &Pooled) -> Option<Finding> {
        let state = match (own.disabled, own.paused) {
            (true, _) => "disabled: clients are turned away",
            (false, true) => "paused: clients wait until it is resumed",
            (false, false) => return None,
        };
        Some(self.find(&codes::POOLER_PAUSED, format!("the database {} is {state}", own.name)))
    }

    /// Why clients get no server: all are taken, or there are none.
    fn no_server(&self, own: Option<&Pooled>) -> Option<Finding> {
        let capacity = own?.capacity();
        let url = &self.probe.url;
        let mine = |it: &&Pool| it.database == url.database && it.user == url.user;
        let pool = self.pooler.pools.iter().find(mine)?;
        let servers = pool.servers_active.saturating_add(pool.servers_idle);
        if pool.servers_active >= capacity {
            let message = format!(
                "clients get no server: all {capacity} connections of the pool {} are taken",
                name(pool)
            );
            Some(self.find(&codes::POOLER_EXHAUSTED, message).actual(picture(pool)))
        } else if servers == 0 {
            let message = format!(
                "clients get no server: the pool {} has no connection to {}",
                name(pool),
                server(own?)
            );
            Some(self.find(&codes::POOLER_BACKEND, message).actual(picture(pool)))
        } else {
            None
        }
    }

    /// Pools in which clients wait; the check's own one only where it has not been told of yet.
    pub(super) fn waiting(&self, told: bool) -> Vec<Finding> {
        let url = &self.probe.url;
        let mine = |pool: &Pool| pool.database == url.database && pool.user == url.user;
        let waits = |pool: &&Pool| {
            let steady = pool.clients_waiting > 0 && pool.clients_waiting_before > 0;
            steady || pool.longest_wait_millis >= LONG_WAIT
        };
        let pools = self.pooler.pools.iter().filter(|pool| !(told && mine(pool))).filter(waits);
        let say = |pool: &Pool| {
            let longest = std::time::Duration::try_from_secs_f64(pool.longest_wait_millis / 1000.0);
            let message = format!(
                "{} in the pool {}, the first of them for {}",
                count(pool.clients_waiting as usize, "waiting client"),
                name(pool),
                humane(longest.unwrap_or_default()),
            );
            let same = pool.longest_wait_millis >= SAME_CLIENT;
            let outcome = if same { Outcome::Fail } else { Outcome::Warn };
            let finding = self.find(&codes::POOLER_WAIT, message).with_outcome(outcome);
            finding.expected("nobody waits").actual(picture(pool))
        };
        pools.map(say).collect()
    }

    pub(super) fn clients(&self) -> Option<Finding> {
        let (clients, most) = (self.pooler.clients, self.pooler.max_clients);
        let share = self.probe.max_used.unwrap_or(DEFAULT_MAX_USED);
        if f64::from(clients) <= share.get() * f64::from(most) {
            return None;
        }
        let stated = self.probe.max_used.is_some();
        let outcome = if stated || clients >= most { Outcome::Fail } else { Outcome::Warn };
        let message = format!("{clients} of {most} clients (max_client_conn) are connected");
        let finding = self.find(&codes::POOLER_CLIENTS, message).with_outcome(outcome);
        Some(finding.expected(format!("at most {share}")))
    }

    /// The launch's demand is for clients of the pooler, not of the server.
    fn budget(&self) -> Option<Finding> {
        let demand = self.probe.demand.as_ref()?;
        let (total, most) = (demand.total()?, self.pooler.max_clients);
        let headroom = self.probe.headroom();
        let budget = budget(most.into(), headroom);
        let finding = |code| {
            let message = format!(
                "the launch can ask for {total} connections, max_client_conn less {headroom} \
                 headroom is {budget}"
            );
            self.find(code, message).actual(format!("{total}: {}", demand.arithmetic()))
        };
        (total > budget)
            .then(|| finding(&codes::POOLER_CLIENTS).with_outcome(Outcome::Fail))
            .map(|it| it.expected(format!("at most {budget} ({most} less {headroom})")))
    }

    /// What all pools can open together, against what the server behind them has.
    fn server_demand(&self, own: &Pooled, inside: &Inside) -> Option<Finding> {
        let ordinary = match &inside.server {
            Sight::Seen(server) => server.ordinary(),
            Sight::Fault(_) => return None,
        };
        let demand = self.pooler.server_demand(own);
        (demand > ordinary).then(|| {
            let message = format!(
                "all pools together can open {demand} connections to {}, which has {ordinary} \
                 ordinary slots",
                server(own)
            );
            self.find(&codes::POOLER_OVERSIZED, message).expected(format!("at most {ordinary}"))
        })
    }
}

fn name(pool: &Pool) -> String {
    format!("{}/{}", pool.database, pool.user)
}

fn server(of: &Pooled) -> String {
    if of.host.is_empty() {
        format!("port {}", of.port)
    } else {
        format!("{}:{}", of.host, of.port)
    }
}

fn picture(pool: &Pool) -> String {
    format!(
        "cl_active {}, cl_waiting {}, servers {} active, {} idle, {} logging in",
        pool.clients_active,
        pool.clients_waiting,
        pool.servers_active,
        pool.servers_idle,
        pool.servers_login
    )
}
