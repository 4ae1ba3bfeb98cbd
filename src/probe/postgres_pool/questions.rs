//! The statements that read a server's limits, the use of its slots and what its sessions do.
//!
//! All are catalogue reads by the simple protocol, so they work through a pooler too. Visibility is
//! asked for as the server itself decides it, by inherited membership (`USAGE`): a role that would
//! have to `SET ROLE` first sees as little as one without the grant.

use crate::model::fault::Fault;
use crate::net::postgres::{Row, Table};

use super::facts::{Activity, Counted, Database, Group, Role, Server, Session, Sessions, Usage};

/// Sessions of clients, as far as the role can tell: without the privilege `backend_type` is NULL,
/// and only what has a database can be one.
const CLIENTS: &str = "(backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT \
                       NULL)) AND pid <> pg_backend_pid()";

/// Text as an SQL expression that no character of it can leave.
fn literal(text: &str) -> String {
    let digits = text.bytes().flat_map(|byte| [byte >> 4, byte & 15]);
    let hex: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
    format!("convert_from(decode('{hex}', 'hex'), 'UTF8')")
}

/// Limits, role and database. `role` is a column and not the server's word for the session's own:
/// PgBouncer may have mapped it.
pub(super) fn server(database: &str) -> String {
    let database = literal(database);
    format!(
        "SELECT current_setting('server_version_num') AS version_num, pg_backend_pid() AS pid, \
         current_setting('max_connections') AS max_connections, \
         current_setting('superuser_reserved_connections') AS superuser_reserved, \
         coalesce(current_setting('reserved_connections', true), '0') AS reserved, \
         pg_is_in_recovery() AS in_recovery, \
         current_setting('transaction_read_only')::boolean AS read_only, \
         (SELECT setting FROM pg_settings WHERE name = 'idle_session_timeout') AS idle_session, \
         r.rolname AS role, r.rolsuper AS superuser, r.rolconnlimit AS role_limit, \
         pg_has_role(r.oid, 'pg_read_all_stats', 'USAGE') AS sees_all, \
         EXISTS (SELECT FROM pg_roles u WHERE u.rolname = 'pg_use_reserved_connections' \
         AND pg_has_role(r.oid, u.oid, 'USAGE')) AS uses_reserved, \
         (SELECT count(*) FROM pg_stat_activity a WHERE a.usesysid = r.oid \
         AND a.pid <> pg_backend_pid()) AS role_used, d.datconnlimit AS database_limit, \
         (SELECT count(*) FROM pg_stat_activity a WHERE a.datid = d.oid AND {CLIENTS}) \
         AS database_used FROM pg_roles r LEFT JOIN pg_database d ON d.datname = {database} \
         WHERE r.rolname = session_user"
    )
}

/// How many slots clients hold, but for this session.
pub(super) fn usage() -> String {
    format!("SELECT count(*) AS used FROM pg_stat_activity WHERE {CLIENTS}")
}

/// How many of these processes are still sessions of this role with this name: a process id alone
/// may have been given to somebody else meanwhile.
pub(super) fn still_there(application: &str, pids: &[i32]) -> String {
    let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
    format!(
        "SELECT count(*) AS used FROM pg_stat_activity WHERE usename = session_user \
         AND application_name = {} AND pid = ANY ('{{{}}}'::integer[])",
        literal(application),
        pids.join(",")
    )
}

/// What the other sessions do. One transaction, so that its parts are of one moment.
pub(super) fn activity() -> String {
    let session = "SELECT pid, usename AS role, application_name AS application, client_addr AS \
                   client, extract(epoch FROM clock_timestamp() - state_change) AS seconds";
    let idle = format!("{CLIENTS} AND state LIKE 'idle in transaction%'");
    let waits = format!("{CLIENTS} AND wait_event_type = 'Lock'");
    format!(
        "SELECT datname AS database, usename AS role, application_name AS application, \
         count(*) AS sessions, count(*) FILTER (WHERE state = 'active') AS active, \
         count(*) FILTER (WHERE state = 'idle') AS idle, \
         count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle_in_transaction \
         FROM pg_stat_activity WHERE {CLIENTS} GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2, 3 LIMIT 100; \
         SELECT count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS idle, \
         count(*) FILTER (WHERE wait_event_type = 'Lock') AS waits, \
         count(*) FILTER (WHERE state = 'disabled') AS untracked \
         FROM pg_stat_activity WHERE {CLIENTS}; \
         {session}, '' AS blocked_by FROM pg_stat_activity WHERE {idle} \
         ORDER BY state_change LIMIT 20; \
         {session}, pg_blocking_pids(pid) AS blocked_by FROM (SELECT * FROM pg_stat_activity \
         WHERE {waits} ORDER BY state_change LIMIT 20) AS longest"
    )
}

/// The only row of an answer's only table.
fn only(tables: &[Table]) -> Result<Row<'_>, Fault> {
    let one = tables.first().map(Table::only);
    one.unwrap_or_else(|| Err(unreadable("it holds no table")))
}

fn unreadable(reason: &str) -> Fault {
    let what = "reading the server's answer".to_owned();
    Fault::Unreadable { what, reason: reason.to_owned() }
}

/// Reads the answer to [`server`].
pub(super) fn read_server(tables: &[Table]) -> Result<Server, Fault> {
    let row = only(tables)?;
    let database = row.text("database_limit").is_some().then(|| {
        Ok(Database { limit: row.limit("database_limit")?, used: row.value("database_used")? })
    });
    Ok(Server {
        version_num: row.value("version_num")?,
        backend_pid: row.value("pid")?,
        max_connections: row.value("max_connections")?,
        superuser_reserved: row.value("superuser_reserved")?,
        reserved: row.value("reserved")?,
        in_recovery: row.flag("in_recovery")?,
        read_only: row.flag("read_only")?,
        idle_session_timeout: match row.text("idle_session") {
            Some(_) => Some(row.value("idle_session")?).filter(|millis| *millis > 0),
            None => None,
        },
        role: Role {
            name: row.line("role"),
            superuser: row.flag("superuser")?,
            sees_all: row.flag("sees_all")?,
            uses_reserved: row.flag("uses_reserved")?,
            limit: row.limit("role_limit")?,
            used: row.value("role_used")?,
        },
        database: database.transpose()?,
    })
}

/// Reads the answer to [`usage`] or [`still_there`].
pub(super) fn read_count(tables: &[Table]) -> Result<u32, Fault> {
    only(tables)?.value("used")
}

/// Reads the answer to [`usage`].
pub(super) fn read_usage(tables: &[Table], role: &Role) -> Result<Usage, Fault> {
    let counted = if role.sees_all { Counted::Exactly } else { Counted::AtMost };
    Ok(Usage { used: read_count(tables)?, counted })
}

/// Reads the answer to [`activity`].
pub(super) fn read_activity(tables: &[Table]) -> Result<Activity, Fault> {
    let [groups, counts, idle, waits] = tables else {
        return Err(unreadable("it holds not the four tables asked for"));
    };
    let counts = counts.only()?;
    Ok(Activity {
        groups: groups.rows().map(read_group).collect::<Result<_, _>>()?,
        idle_in_transaction: Sessions { count: counts.value("idle")?, longest: sessions(idle)? },
        lock_waits: Sessions { count: counts.value("waits")?, longest: sessions(waits)? },
        untracked: counts.value("untracked")?,
    })
}

fn read_group(row: Row<'_>) -> Result<Group, Fault> {
    Ok(Group {
        database: row.line("database"),
        role: row.line("role"),
        application: row.line("application"),
        sessions: row.value("sessions")?,
        active: row.value("active")?,
        idle: row.value("idle")?,
        idle_in_transaction: row.value("idle_in_transaction")?,
    })
}

fn sessions(table: &Table) -> Result<Vec<Session>, Fault> {
    let read = |row: Row<'_>| {
        Ok(Session {
            pid: row.value("pid")?,
            role: row.line("role"),
            application: row.line("application"),
            client: row.line("client"),
            seconds: seconds(row)?,
            blocked_by: row.line("blocked_by"),
        })
    };
    table.rows().map(read).collect()
}

/// An age. PostgreSQL's numbers can be NaN, which is longer than nothing and shorter than nothing.
fn seconds(row: Row<'_>) -> Result<f64, Fault> {
    let seconds: f64 = row.value("seconds")?;
    seconds.is_finite().then_some(seconds).ok_or_else(|| unreadable("an age is not a number"))
}
