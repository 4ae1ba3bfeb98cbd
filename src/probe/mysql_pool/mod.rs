//! `mysql_pool`: will the connections of MySQL or MariaDB hold at the launch?

pub mod codes;
mod facts;
mod ground;
mod judge;
mod observe;

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::param::Share;
use super::pool::{Block, Demand, Ramp, RampWish};
use super::{Complaint, JudgeCx, Probe, ProbeCx, Target};
use crate::model::code::Code;
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::model::peer::Peer;
use crate::model::time::Span;
use crate::net::mysql::MyUrl;

pub use facts::{Activity, Inside, Login, Seen, Server, Session};

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
/// It cannot see: a demand that nobody states; what happens behind a proxy. ProxySQL, ShardingSphere-Proxy
/// and MaxScale are recognised by what they call themselves, and the check says `unknown`.
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
    /// The shortest time after which something on the way from the application to the server drops a silent
    /// connection, such as a load balancer. The `idle`, `lifetime` or `keepalive` of the demand must be
    /// shorter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_idle: Option<Span>,
    /// Opens connections step by step to see them work. Without it nothing is opened but the one
    /// session that looks. `ramp: {}` takes all defaults, and then stops where more connections than
    /// ever before would be open: `Max_used_connections` would keep that number. With `max_added` it
    /// goes on, and the finding says what the mark was and is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ramp: Option<RampWish>,
}

/// The default of `headroom`.
const DEFAULT_HEADROOM: Share = Share::percent(20);
/// The default of `max_used`.
const DEFAULT_MAX_USED: Share = Share::percent(80);
/// The default of `max_idle_in_transaction`.
const DEFAULT_IDLE: Span = Span::from_secs(300);

impl Probe for MysqlPool {
    const KIND: &'static str = "mysql_pool";
    const SUMMARY: &'static str =
        "Will the connections of MySQL or MariaDB hold at the launch?";
    const CODES: &'static [&'static Code] = codes::ALL;
    const TARGET: Target = Target::One("url");
    type Observation = Seen;

    fn complaints(&self) -> Vec<Complaint> {
        let Self { headroom, max_used, path_idle, .. } = *self;
        let (demand, ramp) = (self.demand.as_ref(), self.ramp.as_ref());
        Block { demand, headroom, max_used, path_idle, ramp }.complaints()
    }

    fn peers(&self) -> Vec<Peer> {
        vec![Peer::new("mysql", self.url.place())]
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
            return format!("{} did not let {} in", seen.target, seen.user);
        };
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
        let mysql = |sql: &str| format!("mysql {place} -u {} -p -e \"{sql}\"", quoted(&self.url.user));
        vec![
            mysql("SHOW GLOBAL STATUS LIKE '%connect%'; SHOW GLOBAL VARIABLES LIKE 'max%connections'"),
            mysql("SHOW PROCESSLIST; SELECT * FROM information_schema.INNODB_TRX ORDER BY trx_started"),
        ]
    }
}
