//! What stands before MySQL or MariaDB, by its own views: ProxySQL's admin interface, and the `DistSQL` of
//! ShardingSphere-Proxy. Columns are found by their names, which versions add to and put in other orders.

use std::path::Path;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::observe::{ask, unreadable};
use crate::model::fault::{Fault, Sight};
use crate::model::text::one_line;
use crate::net::mysql::{MyUrl, Session, Table, enter};

/// How long a farewell may take.
const FAREWELL: Duration = Duration::from_millis(500);
/// The most servers that are kept.
const MOST: usize = 200;

/// ProxySQL's connections to its servers. Reading it resets nothing, as its `_reset` sister would.
const POOL: &str = "SELECT * FROM stats_mysql_connection_pool";
const CLIENTS: &str = "SELECT * FROM stats_mysql_global";
/// There in the `stats` schema too, which is all that the `stats` user may see.
const VARIABLES: &str = "SELECT * FROM global_variables";
/// Its limit for each server; refused to the `stats` user.
const LIMITS: &str = "SELECT * FROM runtime_mysql_servers";
const UNITS: &str = "SHOW STORAGE UNITS";
const NODES: &str = "SHOW COMPUTE NODES";

/// A proxy of the check.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Visited {
    /// Its host and port.
    pub place: String,
    /// What it says of itself.
    pub proxy: Sight<Proxy>,
}

/// What a proxy says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proxy {
    /// `ProxySQL` or `ShardingSphere`.
    pub name: String,
    /// How many clients it takes; absent where it sets no limit.
    pub max_clients: Sight<Option<u64>>,
    /// How many it has; absent where it does not say.
    pub clients: Option<u64>,
    /// How many of the same there are that each open their own connections, itself included.
    pub nodes: u64,
    /// The servers behind it, at most two hundred.
    pub servers: Vec<Behind>,
}

/// A server behind a proxy, as the proxy knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Behind {
    /// Its hostgroup or storage unit.
    pub group: String,
    /// Its host.
    pub host: String,
    /// Its port.
    pub port: u64,
    /// `ONLINE`, `SHUNNED` and so on, where the proxy keeps a state of it.
    pub status: Option<String>,
    /// How many connections to it are in use, where the proxy says so.
    pub used: Option<u64>,
    /// How many are open and free.
    pub free: Option<u64>,
    /// How many could not be opened since the proxy's start.
    pub errors: Option<u64>,
    /// How many this proxy may open to it; absent where it does not say.
    pub limit: Option<u64>,
}

impl Behind {
    /// Host and port.
    #[must_use]
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// Logs in to a proxy of the check, and asks it.
pub(super) async fn visit(
    url: &MyUrl,
    application: &str,
    base: &Path,
    limit: Duration,
) -> Result<Proxy, Fault> {
    // ProxySQL's clients have another port than its admin interface: a no of the latter is none to them.
    let what = format!("logging in to {}", url.target());
    let mut session = enter(url, application, base, limit, &what).await?;
    let seen = if session.greeting.version.contains("ShardingSphere") {
        sharding_sphere(&mut session, limit).await
    } else {
        proxysql(&mut session, limit).await
    };
    session.close(FAREWELL).await;
    seen
}

/// Asks for a view, which is one only if it has this column.
async fn table(
    session: &mut Session,
    question: &str,
    column: &str,
    limit: Duration,
) -> Result<Table, Fault> {
    let what = "reading the proxy's own views";
    let no = |reason: String| Fault::Unreadable { what: what.to_owned(), reason };
    let answer = session.ask_table(what, question, limit).await?;
    let table = answer.map_err(|error| no(error.to_string()))?;
    match table.column(column) {
        Some(_) => Ok(table),
        None => Err(no(format!("the answer to {question} has no column {column}"))),
    }
}

/// The text in a column of a row.
fn text<'t>(table: &'t Table, row: &'t [Option<String>], columns: &[&str]) -> Option<&'t str> {
    let at = columns.iter().find_map(|name| table.column(name))?;
    row.get(at)?.as_deref()
}

fn number(table: &Table, row: &[Option<String>], columns: &[&str]) -> Option<u64> {
    text(table, row, columns)?.parse().ok()
}

/// The value of a variable, in a table of names and values.
fn variable(table: &Table, name: &str) -> Option<u64> {
    let is = |row: &&Vec<Option<String>>| {
        text(table, row, &["variable_name"]).is_some_and(|it| it.eq_ignore_ascii_case(name))
    };
    number(table, table.rows.iter().find(is)?, &["variable_value"])
}

async fn proxysql(session: &mut Session, limit: Duration) -> Result<Proxy, Fault> {
    let pool = table(session, POOL, "srv_host", limit).await?;
    let clients = table(session, CLIENTS, "variable_name", limit).await?;
    let variables = table(session, VARIABLES, "variable_name", limit).await?;
    // Only its administrators may see it; the rest is as good without it.
    let limits = table(session, LIMITS, "hostname", limit).await.ok();
    let read = |row: &Vec<Option<String>>| {
        let status = text(&pool, row, &["status"]).map(one_line);
        let mut server = Behind {
            group: one_line(text(&pool, row, &["hostgroup"]).unwrap_or_default()),
            host: one_line(text(&pool, row, &["srv_host"])?),
            port: number(&pool, row, &["srv_port"])?,
            status,
            used: number(&pool, row, &["ConnUsed"]),
            free: number(&pool, row, &["ConnFree"]),
            errors: number(&pool, row, &["ConnERR"]),
            limit: None,
        };
        server.limit = limits.as_ref().and_then(|limits| limit_of(limits, &server));
        Some(server)
    };
    let servers: Option<Vec<Behind>> = pool.rows.iter().take(MOST).map(read).collect();
    Ok(Proxy {
        name: "ProxySQL".to_owned(),
        max_clients: variable(&variables, "mysql-max_connections")
            .map(Some)
            .ok_or_else(|| unreadable("there is no mysql-max_connections"))
            .into(),
        clients: variable(&clients, "Client_Connections_connected"),
        nodes: 1,
        servers: servers.ok_or_else(|| unreadable("a server of the pool has no host or port"))?,
    })
}

/// What ProxySQL may open to a server.
fn limit_of(limits: &Table, server: &Behind) -> Option<u64> {
    let is = |row: &&Vec<Option<String>>| {
        text(limits, row, &["hostname"]) == Some(&server.host)
            && number(limits, row, &["port"]) == Some(server.port)
            && text(limits, row, &["hostgroup_id"]) == Some(&server.group)
    };
    number(limits, limits.rows.iter().find(is)?, &["max_connections"])
}

/// Asks a ShardingSphere-Proxy, on the session its clients have too.
pub(super) async fn sharding_sphere(
    session: &mut Session,
    limit: Duration,
) -> Result<Proxy, Fault> {
    let units = table(session, UNITS, "host", limit).await?;
    let nodes = match table(session, NODES, "instance_id", limit).await {
        Ok(nodes) => nodes.rows.len().max(1) as u64,
        // Without a cluster of proxies some versions do not know the word.
        Err(Fault::Unreadable { .. }) => 1,
        Err(fault) => return Err(fault),
    };
    let read = |row: &Vec<Option<String>>| {
        Some(Behind {
            group: one_line(text(&units, row, &["name"])?),
            host: one_line(text(&units, row, &["host"])?),
            port: number(&units, row, &["port"])?,
            status: None,
            used: None,
            free: None,
            errors: None,
            limit: number(&units, row, &["max_pool_size"]).or_else(|| {
                // Before version 5.2 all of it was in one column, as JSON.
                let all = text(&units, row, &["attribute", "other_attributes"])?;
                let all: Value = serde_json::from_str(all).ok()?;
                let size = all.get("maxPoolSize").or_else(|| all.get("maximumPoolSize"))?;
                size.as_u64().or_else(|| size.as_str()?.parse().ok())
            }),
        })
    };
    let servers: Option<Vec<Behind>> = units.rows.iter().take(MOST).map(read).collect();
    Ok(Proxy {
        name: "ShardingSphere".to_owned(),
        max_clients: front(session, limit).await.into(),
        clients: None,
        nodes,
        servers: servers.ok_or_else(|| unreadable("a storage unit has no name, host or port"))?,
    })
}

/// `proxy-frontend-max-connections`; 0 and less are no limit. Only an administrator may see it.
async fn front(session: &mut Session, limit: Duration) -> Result<Option<u64>, Fault> {
    let question = "SHOW DIST VARIABLE WHERE NAME = proxy_frontend_max_connections";
    let rows = ask(session, "reading how many clients the proxy takes", question, limit).await?;
    let value = rows.first().and_then(|row| row.last()?.as_deref()?.parse::<i64>().ok());
    let value = value.ok_or_else(|| unreadable("proxy_frontend_max_connections is no number"))?;
    Ok(u64::try_from(value).ok().filter(|limit| *limit > 0))
}
