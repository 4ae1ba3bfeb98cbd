//! `mysql_pool`: will the connections of MySQL or MariaDB hold at the launch?

mod cleanup;
pub mod codes;
mod facts;
mod ground;
mod judge;
mod judge_proxy;
mod observe;
mod proxy;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::param::Share;
use super::pool::{
    Block, Cleanup, Demand, Ramp, RampWish, cleanup_complaints, cleanup_summary, propose_cleanup,
};
use super::{Act, Complaint, JudgeCx, Probe, ProbeCx, Receipt, Target};
use crate::model::code::Code;
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::peer::Peer;
use crate::model::time::Span;
use crate::net::mysql::{MyUrl, SslMode};

pub use facts::{Activity, Inside, Login, Seen, Server, Session};
pub use proxy::{Behind, Proxy, Visited};

/// Will the connections of MySQL or MariaDB hold at the launch?
///
/// Three stages, each useful alone. **Budget**: what the launch will ask for (`demand`) against
/// `max_connections` and the account's own limit, with `headroom`; pools against the load; how long
/// pools keep idle connections against `wait_timeout`. **State**: connections in use, and at their
/// highest since the start; sessions that sleep in open transactions; waits for row locks. **Ramp**,
/// only where the check has a `ramp`: opens a few connections step by step, uses them, and gives all
/// back.
///
/// ```yaml
/// mysql_pool:
///   url: "mysql://gonogo:${env:MYSQL_PASSWORD}@db:3306/game?ssl-mode=VERIFY_IDENTITY"
///   demand: { replicas: 24, pool_max: 20, lifetime: 30m }
///   ramp: { max_added: 40 }
/// ```
///
/// It takes one connection with a full login (more only in a ramp), since a bare touch of the port
/// counts as a failed one, and only reads. The user needs `PROCESS` to see others' transactions
/// (`GRANT PROCESS ON *.* TO …`); without it that part is `unknown`. `Max_used_connections` is read
/// before anything else.
///
/// **Proxies** are recognised by what they call themselves: the limits they show may be any server's behind
/// them. A ShardingSphere-Proxy is asked for its storage units and compute nodes on the same session; of a
/// ProxySQL the admin interfaces are named in `poolers`, beside a `url` that leads to its clients' port or to
/// a server behind it. Another one is `unknown`.
///
/// It cannot see: a demand that nobody states; the servers behind a proxy but by what the proxy says of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MysqlPool {
    /// Where to log in: `mysql://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE`. Put the password into a
    /// secret: `${env:MYSQL_PASSWORD}`. Options, as of the `mysql` command: `ssl-mode` (`DISABLED`;
    /// `PREFERRED`, the default: TLS if the server has it, unverified; `REQUIRED`: TLS, unverified;
    /// `VERIFY_CA`; `VERIFY_IDENTITY`: the certificate is for this host), `ssl-ca` (a PEM file, relative to
    /// the checklist; its default is the system's roots), `socket` (a unix socket). Passwords are proved by
    /// `mysql_native_password` or `caching_sha2_password`.
    pub url: MyUrl,
    /// How many connections the launch will ask for. Without it there is no budget to check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub demand: Option<Demand>,
    /// The share of each limit that the demand must leave free. Default 20%.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub headroom: Option<Share>,
    /// The share of `max_connections` (and of the account's own limit) that may be in use. Default 80%. More is
    /// a failure where you state it, a warning where you do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_used: Option<Share>,
    /// How long a session may sleep in an open transaction. Default 5m. Longer is a failure where you state it,
    /// a warning where you do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_idle_in_transaction: Option<Span>,
    /// How long a session may wait for a row lock. Default 10s. Longer is a failure where you state it, a
    /// warning where you do not; three sessions or more that wait are a pile-up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lock_wait: Option<Span>,
    /// The shortest time after which something on the way from the application to the server drops a silent
    /// connection, such as a load balancer. The `idle`, `lifetime` or `keepalive` of the demand must be
    /// shorter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_idle: Option<Span>,
    /// Each proxy that stands before this server, as a URL: ProxySQL's admin interface, with a user of
    /// `admin-stats_credentials` (`["mysql://stats:${env:STATS}@proxysql-1:6032"]`), or a
    /// ShardingSphere-Proxy. Their clients are compared with what they take, the demand with all of them,
    /// and what they can open in all to this server with its `max_connections`; servers that a ProxySQL has
    /// given up are told. What it may open to a server a ProxySQL tells its administrators only
    /// (`admin-admin_credentials`); without that it is a warning. Write the host of `url` as the proxies
    /// have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub poolers: Vec<MyUrl>,
    /// Opens connections step by step to see them work. Without it nothing is opened but the one
    /// session that looks. `ramp: {}` takes all defaults, and then stops where more connections than
    /// ever before would be open: `Max_used_connections` would keep that number. With `max_added` it
    /// goes on, and the finding says what the mark was and is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<RampWish>,
    /// Looks for nothing but the connections that killed ramps left behind (`gonogo check mysql_pool URL
    /// --cleanup`), and with `--apply` ends them. A session is one of them if it is of this account, calls
    /// itself by the name of a run's ramp (`program_name` among its connection attributes, which needs the
    /// performance schema), and no session of that run has done anything for this long; at least 10s,
    /// while a ramp that is alive does something every second. Everybody else's stay. Not behind a proxy.
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

impl MysqlPool {
    /// A check of nothing but the URL.
    const fn only(url: MyUrl) -> Self {
        Self {
            url,
            demand: None,
            headroom: None,
            max_used: None,
            max_idle_in_transaction: None,
            max_lock_wait: None,
            path_idle: None,
            poolers: Vec::new(),
            ramp: None,
            cleanup: None,
        }
    }
}

impl Probe for MysqlPool {
    const KIND: &'static str = "mysql_pool";
    const SUMMARY: &'static str = "Will the connections of MySQL or MariaDB hold at the launch?";
    const CODES: &'static [&'static Code] = codes::ALL;
    const TARGET: Target = Target::One("url");
    type Observation = Seen;

    fn complaints(&self) -> Vec<Complaint> {
        let Self { headroom, max_used, path_idle, .. } = *self;
        let (demand, ramp) = (self.demand.as_ref(), self.ramp.as_ref());
        let mut complaints = Block { demand, headroom, max_used, path_idle, ramp }.complaints();
        let others = Self { cleanup: None, ..self.clone() } != Self::only(self.url.clone());
        complaints.extend(cleanup_complaints(self.cleanup, others));
        complaints
    }

    fn peers(&self) -> Vec<Peer> {
        let urls = std::iter::once(&self.url).chain(&self.poolers);
        let guard = self.ramp.as_ref().and_then(RampWish::peer);
        urls.map(|url| Peer::new("mysql", url.place())).chain(guard).collect()
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
        let Some(inside) = seen.login.inside() else {
            return format!("{} did not let {} in", seen.target, seen.user);
        };
        let namesakes = inside.namesakes.as_ref().and_then(Sight::seen);
        if let (Some(cleanup), Some(namesakes)) = (self.cleanup, namesakes) {
            return cleanup_summary(namesakes, cleanup);
        }
        let Some(server) = inside.server.seen() else {
            return format!("{} answers; its limits were not seen", seen.target);
        };
        let demand = self.demand.as_ref().and_then(Demand::total);
        let demand = demand.map_or(String::new(), |total| format!(", launch asks for {total}"));
        let ramp = match &inside.ramp {
            Some(Ramp::Ran(run)) => {
                format!(", ramped to {}", run.steps.last().map_or(0, |step| step.held))
            }
            Some(Ramp::Held(_)) | None => String::new(),
        };
        format!("{} of {} connections in use{demand}{ramp}", server.used, server.max_connections)
    }

    fn reproduce(&self, _: Option<&Seen>) -> Vec<String> {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
        let place = match &self.url.socket {
            Some(path) => format!("-S {}", quoted(&path.display().to_string())),
            None => format!("-h {} -P {}", quoted(&self.url.host), self.url.port),
        };
        let mut tls = String::new();
        if self.url.ssl_mode != SslMode::Preferred {
            tls += &format!(" --ssl-mode={}", self.url.ssl_mode.as_str());
        }
        if let Some(file) = &self.url.ssl_ca {
            tls += &format!(" --ssl-ca={}", quoted(&file.display().to_string()));
        }
        let user = quoted(&self.url.user);
        let mysql = |sql: &str| format!("mysql {place}{tls} -u {user} -p -e \"{sql}\"");
        if self.cleanup.is_some() {
            return vec![mysql(
                "SELECT PROCESSLIST_ID, ATTR_VALUE FROM \
                 performance_schema.session_account_connect_attrs WHERE ATTR_VALUE LIKE \
                 'gonogo-%-ramp'; SHOW PROCESSLIST",
            )];
        }
        vec![
            mysql(
                "SHOW GLOBAL STATUS LIKE '%connect%'; SHOW GLOBAL VARIABLES LIKE 'max%connections'",
            ),
            mysql(
                "SHOW PROCESSLIST; SELECT * FROM information_schema.INNODB_TRX ORDER BY trx_started",
            ),
        ]
    }
}

impl Act for MysqlPool {
    type Change = Cleanup;

    fn touches(&self) -> Vec<String> {
        let server = self.cleanup.map(|_| self.url.place());
        server.into_iter().collect()
    }

    fn propose(&self, seen: &Seen, _: &JudgeCx) -> Option<Cleanup> {
        let namesakes = seen.login.inside()?.namesakes.as_ref()?;
        propose_cleanup(namesakes.seen()?, self.cleanup)
    }

    fn describe(&self, change: &Cleanup) -> String {
        change.describe()
    }

    async fn apply(&self, change: Cleanup, cx: &ProbeCx) -> Result<Receipt, Fault> {
        Box::pin(cleanup::apply(self, &change, cx)).await.map(Receipt::from)
    }
}
