//! `postgres_pool`: will PostgreSQL's connection slots hold at the launch?

mod cleanup;
pub mod codes;
mod facts;
mod ground;
mod ground_pooled;
mod judge;
mod judge_activity;
mod judge_demand;
mod judge_pooler;
mod judge_poolers;
mod observe;
mod pgbouncer;
mod questions;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::param::Share;
use super::pool::{
    Block, Cleanup, Demand, Peak, Ramp, RampWish, cleanup_complaints, cleanup_summary,
    propose_cleanup,
};
use super::{Act, Complaint, JudgeCx, Probe, ProbeCx, Receipt, Target};
use crate::model::code::Code;
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::peer::Peer;
use crate::model::time::Span;
use crate::net::postgres::PgUrl;

pub use facts::{
    Activity, Counted, Database, Group, Inside, Login, Role, Seen, Server, Session, Sessions,
    Standby, Usage, Visit, Visited,
};
pub use pgbouncer::{Pool, Pooled, Pooler};

/// Will PostgreSQL's connection slots hold at the launch?
///
/// Three stages, each useful alone. **Budget**: what the launch will ask for (`demand`) against the
/// slots ordinary roles may take (`max_connections` less the reserved ones), against the role's and
/// the database's own limits, with `headroom`. **State**: how many slots are in use, sessions that
/// sit in open transactions, sessions that wait for locks. **Ramp**, only where the check has a
/// `ramp`: opens a few connections step by step, uses them, and gives all back.
///
/// ```yaml
/// postgres_pool:
///   url: "postgres://gonogo:${env:PGPASSWORD}@db:5432/game?sslmode=verify-full"
///   demand: { replicas: 24, surge: 25%, pool_max: 20 }
///   max_used: 70%
///   ramp: { max_added: 40 }
/// ```
///
/// The role of the URL needs `pg_monitor` to see what other sessions do; without it that part is
/// `unknown`, because PostgreSQL then shows every other session as doing nothing. The check's own
/// sessions bear the `application_name` `gonogo-` and the run's short name, and take one slot (more
/// only in a ramp). All it runs are reads of the catalogues, and `SELECT 1`.
///
/// **PgBouncer** is recognised by itself when the URL leads there, since an open connection through
/// one proves nothing. Its admin console is then asked, as the same role (which needs to be among
/// `stats_users`): clients that wait for a server, pools that are all taken, pools that can open more
/// than the server has. The demand is compared with `max_client_conn`. A ramp adds clients of the
/// pooler and runs each statement as a transaction; it stays below `max_client_conn`, the pool where a
/// client keeps its connection (session mode), and the server's slots where the pool could fill them,
/// and stops when a client of any pool has waited for a second. Another pooler is recognised too, and
/// is `unknown`.
///
/// It cannot see: connections that are refused before they reach the server, and a demand that
/// nobody states.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PostgresPool {
    /// Where to log in: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE`, as libpq and
    /// psql take it. Put the password into a secret: `${env:PGPASSWORD}`; it may hold any
    /// character but should be percent-encoded where it has `%`.
    ///
    /// `sslmode` means what it means to libpq: `disable`, `allow`, `prefer` (the default: TLS if
    /// the server has it, unverified), `require` (TLS, unverified unless `sslrootcert` is given),
    /// `verify-ca`, `verify-full` (the certificate is for this host). `sslrootcert` is a PEM file,
    /// relative to the checklist; unlike libpq's its default is the system's roots. `sslcert` and
    /// `sslkey` are the client's own.
    ///
    /// Where the URL has no password, libpq's password file is asked: the option `passfile`, relative
    /// to the checklist, or else `$PGPASSFILE` or `~/.pgpass` of whoever runs this. As with libpq, it
    /// is refused where others may read it.
    ///
    /// `service=NAME` takes what the URL itself does not say from libpq's connection service file, and
    /// `service=` without a name from the service of `$PGSERVICE`: `postgres:///game?service=launch`. The
    /// file is the option `servicefile`, relative to the checklist, or else `$PGSERVICEFILE` or
    /// `~/.pg_service.conf`, and then the machine's (`pg_service.conf` in `$PGSYSCONFDIR`). A URL that does
    /// not ask for a service is not changed by one. `plan` cannot say then who will be contacted.
    ///
    /// A unix socket is written as its directory: `postgres://USER@/DATABASE?host=/run/postgresql`;
    /// an IPv6 address in brackets. `target_session_attrs` says which kind of server is meant
    /// (`read-write`, `primary`, `read-only`, `standby`, `any`): the check fails on another. Also
    /// known: `hostaddr`, `port`, `user`, `password`, `dbname`, `options`, `connect_timeout`,
    /// `channel_binding`, `keepalives` and its companions. Of a name with several addresses the
    /// first that has a listener is taken; several hosts in one URL are refused.
    pub url: PgUrl,
    /// How many connections the launch will ask for. Without it there is no budget to check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<Demand>,
    /// The share of each limit that the demand must leave free. Default 20%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headroom: Option<Share>,
    /// The share of the ordinary slots (and of the role's and the database's own limits) that may be
    /// in use now. Default 80%. More is a failure where you state it, a warning where you do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_used: Option<Share>,
    /// How long a session may sit in an open transaction doing nothing. Default 5m. Longer is a
    /// failure where you state it, a warning where you do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_idle_in_transaction: Option<Span>,
    /// How long a session may wait for a lock. Default 10s. Longer is a failure where you state it, a warning
    /// where you do not; three sessions or more that wait are a pile-up, told with who is at its head.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lock_wait: Option<Span>,
    /// The shortest time after which something on the way from the application to the server drops a
    /// silent connection: a load balancer, a firewall, a translator of addresses (350s for AWS' network
    /// load balancers and NAT gateways, 4m for Azure's load balancers, 10m for GCP). The `idle`,
    /// `lifetime` or `keepalive` of the demand must be shorter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_idle: Option<Span>,
    /// Each PgBouncer that stands before this server, as a URL whose role is among `stats_users`:
    /// `["postgres://gonogo:${env:PGPASSWORD}@bouncer-1:6432/pgbouncer"]`. The demand of the launch is
    /// then compared with what they take in all (`max_client_conn`), and the server's slots with what
    /// their pools for this port and database can open in all. Not needed where `url` itself leads to
    /// the one PgBouncer there is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub poolers: Vec<PgUrl>,
    /// Where a Prometheus knows how many slots were in use at most. More than `max_used` of the ordinary
    /// ones is a warning: the launch adds to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak: Option<Peak>,
    /// Opens connections step by step to see them work. Without it nothing is opened but the one
    /// session that looks. `ramp: {}` takes all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<RampWish>,
    /// Looks for nothing but the connections that killed ramps left behind (`gonogo check postgres_pool
    /// URL --cleanup`), and with `--apply` ends them. A session is one of them if it is of this role,
    /// bears the `application_name` of a run, its last statement begins with the comment that only a
    /// ramp's have, and no session of that run has done anything for this long; at least 10s, while a
    /// ramp that is alive does something every second. Everybody else's stay. Not behind a pooler.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleanup: Option<Span>,
}

/// The default of `headroom`.
const DEFAULT_HEADROOM: Share = Share::percent(20);
/// The default of `max_used`.
const DEFAULT_MAX_USED: Share = Share::percent(80);
/// The default of `max_idle_in_transaction`.
const DEFAULT_IDLE: Span = Span::from_secs(300);
/// The default of `max_lock_wait`.
const DEFAULT_LOCK_WAIT: Span = Span::from_secs(10);
impl PostgresPool {
    /// A check of nothing but the URL.
    const fn only(url: PgUrl) -> Self {
        Self {
            url,
            demand: None,
            headroom: None,
            max_used: None,
            max_idle_in_transaction: None,
            max_lock_wait: None,
            path_idle: None,
            poolers: Vec::new(),
            peak: None,
            ramp: None,
            cleanup: None,
        }
    }

    fn headroom(&self) -> Share {
        self.headroom.unwrap_or(DEFAULT_HEADROOM)
    }
}

impl Probe for PostgresPool {
    const KIND: &'static str = "postgres_pool";
    const SUMMARY: &'static str = "Will PostgreSQL's connection slots hold at the launch?";
    const CODES: &'static [&'static Code] = codes::ALL;
    const TARGET: Target = Target::One("url");
    type Observation = Seen;

    fn complaints(&self) -> Vec<Complaint> {
        let Self { headroom, max_used, path_idle, .. } = *self;
        let (demand, ramp) = (self.demand.as_ref(), self.ramp.as_ref());
        let mut complaints = Block { demand, headroom, max_used, path_idle, ramp }.complaints();
        if self.peak.as_ref().is_some_and(|peak| peak.query.trim().is_empty()) {
            complaints.push(Complaint {
                key: Some("peak"),
                message: "`query` is empty".to_owned(),
                help: Some("write a query that comes to one number of connections".to_owned()),
            });
        }
        let others = Self { cleanup: None, ..self.clone() } != Self::only(self.url.clone());
        complaints.extend(cleanup_complaints(self.cleanup, others));
        complaints
    }

    fn peers(&self) -> Vec<Peer> {
        let urls = std::iter::once(&self.url).chain(&self.poolers);
        let peak = self.peak.as_ref().map(|peak| &peak.prometheus);
        let peak = peak.map(|url| Peer::new(url.scheme(), url.authority()));
        let guard = self.ramp.as_ref().and_then(RampWish::peer);
        urls.map(|url| Peer::new("postgres", url.place())).chain(peak).chain(guard).collect()
    }

    fn waits(&self) -> Duration {
        self.ramp.as_ref().map_or(Duration::ZERO, RampWish::waits)
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Seen, Fault> {
        Box::pin(observe::look(self, cx)).await
    }

    fn judge(&self, seen: &Seen, _: &JudgeCx) -> Vec<Finding> {
        judge::judge(self, seen)
    }

    fn summary(&self, seen: &Seen, _: &JudgeCx) -> String {
        let Login::In(inside) = &seen.login else {
            return format!("{} did not let {} in", seen.target, seen.role);
        };
        let namesakes = inside.namesakes.as_ref().and_then(Sight::seen);
        if let (Some(cleanup), Some(namesakes)) = (self.cleanup, namesakes) {
            return cleanup_summary(namesakes, cleanup);
        }
        let (Some(server), Some(Some(usage))) =
            (inside.server.seen(), inside.usage.as_ref().map(Sight::seen))
        else {
            return format!("{} answers; its limits were not seen", seen.target);
        };
        let ordinary = server.ordinary();
        let demand = self.demand.as_ref().and_then(Demand::total);
        let demand = demand.map_or(String::new(), |total| format!(", launch asks for {total}"));
        let ramp = match &inside.ramp {
            Some(Ramp::Ran(run)) => {
                let held = run.steps.last().map_or(0, |step| step.held);
                format!(", ramped to {held}")
            }
            Some(Ramp::Held(_)) | None => String::new(),
        };
        format!("{} of {ordinary} ordinary slots in use{demand}{ramp}", usage.used)
    }

    fn reproduce(&self, _: Option<&Seen>) -> Vec<String> {
        let psql = |sql: &str| {
            let url = self.url.without_password().replace('\'', "%27");
            format!("psql -X '{url}' -c \"{sql}\"")
        };
        if self.cleanup.is_some() {
            return vec![psql(
                "SELECT pid, application_name, client_addr, now() - state_change AS silent, query FROM \
                 pg_stat_activity WHERE usename = session_user AND query LIKE '/* gonogo-% ramp */%'",
            )];
        }
        vec![
            psql(
                "SELECT name, setting FROM pg_settings WHERE name IN ('max_connections', \
                 'superuser_reserved_connections', 'reserved_connections')",
            ),
            psql(
                "SELECT rolname, rolconnlimit, datname, datconnlimit FROM pg_roles, pg_database \
                 WHERE rolname = session_user AND datname = current_database()",
            ),
            psql(
                "SELECT datname, usename, application_name, state, count(*), max(now() - \
                 state_change) FROM pg_stat_activity WHERE backend_type = 'client backend' GROUP \
                 BY 1, 2, 3, 4 ORDER BY 5 DESC",
            ),
        ]
    }
}

impl Act for PostgresPool {
    type Change = Cleanup;

    fn touches(&self) -> Vec<String> {
        let server = self.cleanup.map(|_| self.url.place());
        server.into_iter().collect()
    }

    fn propose(&self, seen: &Seen, _: &JudgeCx) -> Option<Cleanup> {
        let Login::In(inside) = &seen.login else { return None };
        propose_cleanup(inside.namesakes.as_ref()?.seen()?, self.cleanup)
    }

    fn describe(&self, change: &Cleanup) -> String {
        change.describe()
    }

    async fn apply(&self, change: Cleanup, cx: &ProbeCx) -> Result<Receipt, Fault> {
        Box::pin(cleanup::apply(self, &change, cx)).await.map(Receipt::from)
    }
}
