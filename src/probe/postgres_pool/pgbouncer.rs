//! Looking into PgBouncer: its admin console, a database of its own named `pgbouncer`, which takes
//! statements one at a time and by the simple protocol only.
//!
//! Columns are read by name, because every version has others. `SHOW FDS` is never asked: it stops
//! the whole process while it runs.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::facts::Visit;
use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::net::postgres::{Door, Found, Opened, PgUrl, Refusal, Row, Session, Table};
use crate::probe::ProbeCx;

/// The database that is the console.
const CONSOLE: &str = "pgbouncer";
/// How long to wait between two looks at the pools: who waits in both, waits.
const BETWEEN: Duration = Duration::from_millis(500);
/// How long the console's session may take to end.
const FAREWELL: Duration = Duration::from_millis(500);
/// The most pools that are kept.
const MOST_POOLS: usize = 200;

/// What PgBouncer says of itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pooler {
    /// Its version, such as `1.18.0`.
    pub version: String,
    /// `max_client_conn`: how many clients it takes in all.
    pub max_clients: u32,
    /// How many clients it has, in all pools, but for those of this look.
    pub clients: u32,
    /// `query_wait_timeout` in seconds: how long a client waits for a server before it is turned
    /// away; 0 is for ever.
    pub query_wait_timeout: f64,
    /// `server_lifetime` in seconds: how old a connection to a server may get.
    pub server_lifetime: f64,
    /// `server_idle_timeout` in seconds: how long one may be idle; 0 is for ever.
    pub server_idle_timeout: f64,
    /// `client_idle_timeout` in seconds: after how long an idle client is cut off; 0 is never.
    pub client_idle_timeout: f64,
    /// Its databases, but for its own console.
    pub databases: Vec<Pooled>,
    /// Its pools, one for each database and user, at most two hundred.
    pub pools: Vec<Pool>,
}

/// A database of PgBouncer, and how many connections to its server it may open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Pooled {
    /// The name clients use.
    pub name: String,
    /// The host of its server; empty for a unix socket.
    pub host: String,
    /// The port of its server.
    pub port: String,
    /// The name of the database on its server.
    pub database: String,
    /// How many connections each of its pools may have.
    pub pool_size: u32,
    /// How many more each pool may have when clients wait for long.
    pub reserve: u32,
    /// How many all its pools may have together; `None` without a limit.
    pub max_connections: Option<u32>,
    /// Whether it is paused: clients wait until somebody resumes it.
    pub paused: bool,
    /// Whether it is disabled: clients are turned away.
    pub disabled: bool,
    /// How many pools it has at the moment, one for each user who has been there.
    #[serde(default)]
    pub pools: u32,
}

/// A pool: the connections to one server for one user.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pool {
    /// The database, by the name clients use.
    pub database: String,
    /// The user.
    pub user: String,
    /// `transaction`, `session` or `statement`.
    pub mode: String,
    /// Clients that have a server, or want none at the moment.
    pub clients_active: u32,
    /// Clients that wait for a server.
    pub clients_waiting: u32,
    /// How many waited half a second earlier.
    pub clients_waiting_before: u32,
    /// How long the oldest of them has waited, in milliseconds.
    pub longest_wait_millis: f64,
    /// Connections to the server that are in use.
    pub servers_active: u32,
    /// Connections to the server that are open and not in use.
    pub servers_idle: u32,
    /// Connections to the server that are being opened.
    pub servers_login: u32,
}

impl Pooler {
    /// The database of this name.
    #[must_use]
    pub fn database(&self, name: &str) -> Option<&Pooled> {
        self.databases.iter().find(|database| database.name == name)
    }

    /// Its databases that lead to this port and database of a server. A host has many names, so that
    /// is not compared.
    pub fn leading_to(&self, port: u16, database: &str) -> impl Iterator<Item = &Pooled> {
        let port = port.to_string();
        self.databases.iter().filter(move |it| it.port == port && it.database == database)
    }

    /// How many connections all pools together can open to the server of a database.
    #[must_use]
    pub fn server_demand(&self, of: &Pooled) -> u32 {
        let same = |it: &&Pooled| (&it.host, &it.port) == (&of.host, &of.port);
        let each = self.databases.iter().filter(same).map(|it| it.demand(it.pools));
        each.fold(0, u32::saturating_add)
    }
}

impl Pooled {
    /// How many connections one of its pools may have.
    #[must_use]
    pub const fn capacity(&self) -> u32 {
        self.pool_size.saturating_add(self.reserve)
    }

    /// How many connections so many of its pools can open.
    #[must_use]
    pub fn demand(&self, pools: u32) -> u32 {
        let all = self.capacity().saturating_mul(pools);
        self.max_connections.map_or(all, |most| all.min(most))
    }
}

/// Asks the console behind this door, as the same user. `own` is how many other sessions of this look
/// are among the pooler's clients.
///
/// # Errors
/// A [`Fault`] when there is no console, or it does not let the user in.
pub(super) async fn look(
    cx: &ProbeCx,
    door: &Door,
    own: u32,
    limit: Duration,
) -> Result<Pooler, Fault> {
    let mut console = open(door, limit / 2).await?;
    let pooler = read(cx, &mut console, own, limit / 2).await;
    console.close(FAREWELL.min(cx.remaining())).await;
    pooler
}

/// Asks the console that a URL of its own leads to. It has the port that the clients have too: where
/// nobody takes its connection, nobody takes theirs.
pub(super) async fn visit(
    cx: &ProbeCx,
    url: &PgUrl,
    application: &str,
    limit: Duration,
) -> Result<Visit, Fault> {
    let door = match Door::find(url, application, &cx.base, limit / 2).await? {
        Found::Door(door) => door,
        Found::No(refusal) => return Ok(Visit::Refused(refusal)),
    };
    let mut console = match knock(&door, limit / 2).await? {
        Opened::Open(console) => *console,
        Opened::No(refusal @ Refusal::Server(_)) => return Err(denied(&door, &refusal)),
        Opened::No(refusal) => return Ok(Visit::Refused(refusal)),
    };
    let pooler = read(cx, &mut console, 0, limit / 2).await;
    console.close(FAREWELL.min(cx.remaining())).await;
    pooler.map(|pooler| Visit::In(Box::new(pooler)))
}

/// The pools at this moment, without the console's own.
pub(super) async fn glance(console: &mut Session, limit: Duration) -> Result<Vec<Pool>, Fault> {
    let mut pools = pools(&show(console, "SHOW POOLS", limit).await?)?;
    pools.retain(|pool| pool.database != CONSOLE);
    Ok(pools)
}

/// How many clients of a database call themselves so.
pub(super) async fn clients_named(
    console: &mut Session,
    application: &str,
    database: &str,
    limit: Duration,
) -> Result<u32, Fault> {
    let clients = show(console, "SHOW CLIENTS", limit).await?;
    // Before version 1.18 it does not tell their names.
    if clients.rows().next().is_some_and(|row| row.text("application_name").is_none()) {
        return Err(missing("application_name"));
    }
    let ours = clients.rows().filter(|row| {
        row.text("application_name") == Some(application) && row.text("database") == Some(database)
    });
    Ok(u32::try_from(ours.count()).unwrap_or(u32::MAX))
}

/// Opens the console behind this door.
///
/// # Errors
/// A [`Fault`] when there is none, or it does not let the user in.
pub(super) async fn open(door: &Door, limit: Duration) -> Result<Session, Fault> {
    match knock(door, limit).await? {
        Opened::Open(console) => Ok(*console),
        Opened::No(refusal @ Refusal::Server(_)) => Err(denied(door, &refusal)),
        Opened::No(refusal) => Err(refusal.fault("logging in to the console of PgBouncer")),
    }
}

/// Knocks at the console behind this door, and makes sure that it is one.
async fn knock(door: &Door, limit: Duration) -> Result<Opened, Fault> {
    match door.to_database(CONSOLE).open(limit).await? {
        Opened::Open(session) if !session.greeting.version.ends_with("/bouncer") => {
            Err(Fault::Unreadable {
                what: "looking for the console of PgBouncer".to_owned(),
                reason: "the database pgbouncer is an ordinary one".to_owned(),
            })
        }
        opened @ (Opened::Open(_) | Opened::No(_)) => Ok(opened),
    }
}

/// A no of PgBouncer itself: that is about looking into it, and not about its clients.
fn denied(door: &Door, refusal: &Refusal) -> Fault {
    Fault::Denied {
        what: "looking into the pooler".to_owned(),
        need: format!(
            "the console of PgBouncer to let {} in (stats_users in pgbouncer.ini): {refusal}",
            door.user()
        ),
    }
}

async fn read(
    cx: &ProbeCx,
    console: &mut Session,
    own: u32,
    limit: Duration,
) -> Result<Pooler, Fault> {
    let version = console.greeting.version.trim_end_matches("/bouncer").to_owned();
    let settings = show(console, "SHOW CONFIG", limit).await?;
    let databases = show(console, "SHOW DATABASES", limit).await?;
    let before = pools(&show(console, "SHOW POOLS", limit).await?)?;
    tokio::time::sleep(BETWEEN.min(cx.remaining() / 4)).await;
    let mut pools = pools(&show(console, "SHOW POOLS", limit).await?)?;
    for pool in &mut pools {
        let same =
            before.iter().find(|it| (&it.database, &it.user) == (&pool.database, &pool.user));
        pool.clients_waiting_before = same.map_or(0, |it| it.clients_waiting);
    }
    let clients = pools.iter().map(|pool| pool.clients_active.saturating_add(pool.clients_waiting));
    let clients = clients.fold(0, u32::saturating_add);
    pools.retain(|pool| pool.database != CONSOLE);
    let databases = databases.rows().filter(|row| row.text("name") != Some(CONSOLE));
    let mut databases: Vec<Pooled> = databases.map(read_database).collect::<Result<_, _>>()?;
    for database in &mut databases {
        let its = pools.iter().filter(|pool| pool.database == database.name).count();
        database.pools = u32::try_from(its).unwrap_or(u32::MAX);
    }
    pools.truncate(MOST_POOLS);
    Ok(Pooler {
        version: one_line(&version),
        max_clients: setting(&settings, "max_client_conn")?,
        // The console is a client too, though no limit applies to it.
        clients: clients.saturating_sub(own.saturating_add(1)),
        query_wait_timeout: setting(&settings, "query_wait_timeout")?,
        server_lifetime: setting(&settings, "server_lifetime")?,
        server_idle_timeout: setting(&settings, "server_idle_timeout")?,
        client_idle_timeout: setting(&settings, "client_idle_timeout")?,
        databases,
        pools,
    })
}

async fn show(console: &mut Session, question: &str, limit: Duration) -> Result<Table, Fault> {
    let what = format!("asking PgBouncer to {question}");
    let tables = console.ask(&what, question, limit).await;
    let first = tables.map_err(|failure| failure.fault(&what))?.into_iter().next();
    first.ok_or_else(|| Fault::Unreadable { what, reason: "it answered with no table".to_owned() })
}

/// A setting, by its key.
fn setting<T: std::str::FromStr>(settings: &Table, key: &str) -> Result<T, Fault> {
    let row = settings.rows().find(|row| row.text("key") == Some(key));
    row.map_or_else(|| Err(missing(key)), |row| row.value("value"))
}

fn missing(key: &str) -> Fault {
    let what = "reading what PgBouncer says".to_owned();
    Fault::Unreadable { what, reason: format!("there is no {key}") }
}

fn read_database(row: Row<'_>) -> Result<Pooled, Fault> {
    // `reserve_pool` until 1.23, `reserve_pool_size` since.
    let reserve = ["reserve_pool", "reserve_pool_size"];
    let reserve = reserve.into_iter().find(|name| row.text(name).is_some());
    let max: u32 = row.value("max_connections")?;
    Ok(Pooled {
        name: row.line("name"),
        host: row.line("host"),
        port: row.line("port"),
        database: row.line("database"),
        pool_size: row.value("pool_size")?,
        reserve: reserve.map_or(Ok(0), |name| row.value(name))?,
        max_connections: (max > 0).then_some(max),
        paused: row.text("paused") == Some("1"),
        disabled: row.text("disabled") == Some("1"),
        pools: 0,
    })
}

fn pools(table: &Table) -> Result<Vec<Pool>, Fault> {
    table.rows().map(read_pool).collect()
}

fn read_pool(row: Row<'_>) -> Result<Pool, Fault> {
    let optional = |name: &str| row.text(name).map_or(Ok(0), |_| row.value::<u32>(name));
    // One number in two columns: whole seconds, and the microseconds beyond.
    let (secs, micros): (f64, f64) = (row.value("maxwait")?, row.value("maxwait_us")?);
    Ok(Pool {
        database: row.line("database"),
        user: row.line("user"),
        mode: row.line("pool_mode"),
        clients_active: row.value("cl_active")?,
        clients_waiting: row.value("cl_waiting")?,
        clients_waiting_before: 0,
        longest_wait_millis: secs * 1000.0 + micros / 1000.0,
        servers_active: row.value("sv_active")?,
        servers_idle: row
            .value::<u32>("sv_idle")?
            .saturating_add(row.value("sv_used")?)
            .saturating_add(optional("sv_tested")?),
        servers_login: row.value("sv_login")?,
    })
}
