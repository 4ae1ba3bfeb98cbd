//! The statements that read a server's limits, the use of its slots and what its sessions do.
//!
//! All are catalogue reads by the simple protocol, so they work through a pooler too. Visibility is
//! asked for as the server itself decides it, by inherited membership (`USAGE`): a role that would
//! have to `SET ROLE` first sees as little as one without the grant.

use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::net::postgres::{Row, Table};

use super::facts::{
    Activity, Counted, Database, Group, Role, Server, Session, Sessions, Standby, Usage,
};

/// Sessions of clients, as far as the role can tell: without the privilege `backend_type` is NULL,
/// and only what has a database can be one.
const CLIENTS: &str = "(backend_type = 'client backend' OR (backend_type IS NULL AND datid IS NOT \
                       NULL)) AND pid <> pg_backend_pid()";

/// What ends a session that holds a slot or a lock for too long; older versions have fewer.
const SETTINGS: &str = "'client_connection_check_interval', 'idle_in_transaction_session_timeout', \
                        'idle_session_timeout', 'lock_timeout', 'statement_timeout', \
                        'tcp_keepalives_idle', 'transaction_timeout'";

/// Text as an SQL expression that no character of it can leave.
pub(super) fn literal(text: &str) -> String {
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
         (SELECT string_agg(name || '=' || current_setting(name), chr(10)) FROM pg_settings WHERE \
         name IN ({SETTINGS})) AS settings, \
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
pub(super) fn still_there(application: &str, pids: &[u64]) -> String {
    let pids: Vec<String> = pids.iter().map(ToString::to_string).collect();
    format!(
        "SELECT count(*) AS used FROM pg_stat_activity WHERE usename = session_user \
         AND application_name = {} AND pid = ANY ('{{{}}}'::integer[])",
        literal(application),
        pids.join(",")
    )
}

/// What the other sessions do. One transaction, so that its parts are of one moment.
pub(super) fn activity(version_num: u32) -> String {
    let session = "SELECT pid, usename AS role, application_name AS application, client_addr AS \
                   client, extract(epoch FROM clock_timestamp() - since) AS seconds";
    // Since version 14 the server tells when a wait began, but for its first moment. Before, only
    // when the statement did.
    let (wait_since, locks) = if version_num >= 140_000 {
        (
            "coalesce(waitstart, clock_timestamp())",
            "LEFT JOIN (SELECT pid, min(waitstart) AS waitstart FROM pg_locks WHERE NOT granted \
             GROUP BY pid) AS waiting USING (pid)",
        )
    } else {
        ("state_change", "")
    };
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
         {session}, '' AS blocked_by FROM (SELECT *, state_change AS since FROM pg_stat_activity \
         WHERE {idle} ORDER BY since LIMIT 20) AS longest; \
         {session}, pg_blocking_pids(pid) AS blocked_by FROM (SELECT *, {wait_since} AS since FROM \
         pg_stat_activity {locks} WHERE {waits} ORDER BY since LIMIT 20) AS longest; {}; {STANDBYS}",
        transactions()
    )
}

/// Sessions in a transaction, the oldest first.
fn transactions() -> String {
    format!(
        "SELECT pid, usename AS role, application_name AS application, client_addr AS client, \
         extract(epoch FROM clock_timestamp() - xact_start) AS seconds, '' AS blocked_by \
         FROM pg_stat_activity WHERE {CLIENTS} AND xact_start IS NOT NULL ORDER BY xact_start \
         LIMIT 20; SELECT (SELECT count(*) FROM pg_stat_activity WHERE {CLIENTS} AND xact_start IS \
         NOT NULL) AS transactions, (SELECT coalesce(max(age(x)), 0) FROM (SELECT backend_xmin AS x \
         FROM pg_stat_activity WHERE pid <> pg_backend_pid() UNION ALL SELECT transaction FROM \
         pg_prepared_xacts UNION ALL SELECT xmin FROM pg_replication_slots UNION ALL SELECT \
         catalog_xmin FROM pg_replication_slots) AS held WHERE x IS NOT NULL) AS oldest_xmin, CASE \
         WHEN pg_is_in_recovery() AND pg_last_wal_receive_lsn() IS DISTINCT FROM \
         pg_last_wal_replay_lsn() THEN extract(epoch FROM clock_timestamp() - \
         pg_last_xact_replay_timestamp()) END AS behind"
    )
}

/// The standbys that follow. What they have to follow is the log's end, which on a standby with
/// standbys of its own is what it has received.
const STANDBYS: &str = "SELECT application_name AS name, client_addr AS client, state, \
    extract(epoch FROM replay_lag) AS seconds, pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN \
    pg_last_wal_receive_lsn() ELSE pg_current_wal_lsn() END, replay_lsn) AS bytes FROM \
    pg_stat_replication ORDER BY 5 DESC NULLS LAST, 1 LIMIT 50";

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
        settings: row
            .text("settings")
            .unwrap_or_default()
            .lines()
            .filter_map(|line| line.split_once('='))
            .map(|(name, value)| (one_line(name), one_line(value)))
            .collect(),
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
    let [groups, counts, idle, waits, oldest, sums, standbys] = tables else {
        return Err(unreadable("it holds not the seven tables asked for"));
    };
    let (counts, sums) = (counts.only()?, sums.only()?);
    Ok(Activity {
        groups: groups.rows().map(read_group).collect::<Result<_, _>>()?,
        idle_in_transaction: Sessions { count: counts.value("idle")?, longest: sessions(idle)? },
        lock_waits: Sessions { count: counts.value("waits")?, longest: sessions(waits)? },
        transactions: Sessions { count: sums.value("transactions")?, longest: sessions(oldest)? },
        oldest_xmin: sums.value("oldest_xmin")?,
        standbys: standbys.rows().map(read_standby).collect::<Result<_, _>>()?,
        behind_seconds: measure(sums, "behind")?,
        untracked: counts.value("untracked")?,
    })
}

fn read_standby(row: Row<'_>) -> Result<Standby, Fault> {
    Ok(Standby {
        name: row.line("name"),
        client: row.line("client"),
        state: row.line("state"),
        replay_seconds: measure(row, "seconds")?,
        behind_bytes: measure(row, "bytes")?,
    })
}

/// A measure that may be absent.
fn measure(row: Row<'_>, column: &str) -> Result<Option<f64>, Fault> {
    row.text(column).map(|_| finite(row, column)).transpose()
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
            seconds: finite(row, "seconds")?,
            blocked_by: row.line("blocked_by"),
        })
    };
    table.rows().map(read).collect()
}

/// A number. PostgreSQL's can be NaN, which is neither longer nor shorter than anything.
fn finite(row: Row<'_>, column: &str) -> Result<f64, Fault> {
    let number: f64 = row.value(column)?;
    number.is_finite().then_some(number).ok_or_else(|| unreadable("a measure is not a number"))
}
