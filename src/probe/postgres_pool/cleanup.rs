//! Sessions that killed ramps left behind in a PostgreSQL: finding them, and ending them.
//!
//! A name proves nothing: PgBouncer's own sessions keep the name of the last client they served, and
//! anybody can choose one. What proves that a session is a ramp's own is the comment that each of its
//! statements begins with, which is said only where no pooler stands between.

use std::time::Duration;

use super::PostgresPool;
use super::observe::{FAREWELL, complete};
use super::questions::{literal, read_count, still_there};
use crate::model::fault::Fault;
use crate::net::postgres::{Row, Session, Table, enter};
use crate::probe::ProbeCx;
use crate::probe::pool::{Cleanup, MOST_NAMESAKES, Namesake, cleanup_receipt};

/// A run's name, as the server's regular expressions have it.
const RUN: &str = "^gonogo-[0-9a-f]{12}$";
/// When a session began, the same text whatever the session's own settings are.
const STARTED: &str = "to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS.US')";
/// Whether a session is a ramp's and of the check's own role.
const RAMP: &str =
    "usename = session_user AND position('/* ' || application_name || ' ramp */' IN query) = 1";
/// How long the server may take to end them.
const PATIENCE: Duration = Duration::from_secs(2);

/// The comment that each statement of a ramp begins with.
pub(super) fn mark(application: &str) -> String {
    format!("/* {application} ramp */ ")
}

/// Sessions with the name of another run than this one's.
fn namesakes(own: &str) -> String {
    format!(
        "SELECT application_name AS application, pid, {STARTED} AS started, \
         coalesce(host(client_addr), '') AS client, CASE WHEN state = 'idle' THEN extract(epoch FROM \
         clock_timestamp() - state_change) END AS silent, coalesce({RAMP}, false) AS ramp FROM \
         pg_stat_activity WHERE application_name ~ '{RUN}' AND application_name <> {} ORDER BY \
         application_name, pid LIMIT {MOST_NAMESAKES}",
        literal(own)
    )
}

/// Ends sessions that are still what they were: each by its process and the moment it began, since
/// the number alone may have been given to somebody else, and none whose run has stirred.
fn end(change: &Cleanup) -> String {
    let one = |it: &Namesake| {
        let started = literal(it.started.as_deref().unwrap_or_default());
        format!("({}, {started})", it.number)
    };
    let these: Vec<String> = change.sessions.iter().map(one).collect();
    format!(
        "SELECT pid FROM (SELECT pid, pg_terminate_backend(pid) AS ended FROM \
         pg_stat_activity a WHERE application_name ~ '{RUN}' AND {RAMP} AND (pid, {STARTED}) IN \
         (VALUES {}) AND NOT EXISTS (SELECT FROM pg_stat_activity o WHERE o.application_name = \
         a.application_name AND (o.state IS DISTINCT FROM 'idle' OR o.state_change > \
         clock_timestamp() - interval '{} milliseconds'))) AS signalled WHERE ended",
        these.join(", "),
        change.silent.get().as_millis()
    )
}

/// Looks for sessions with the name of another run.
pub(super) async fn look(
    session: &mut Session,
    own: &str,
    limit: Duration,
) -> Result<Vec<Namesake>, Fault> {
    let what = "looking for what killed ramps left behind";
    let tables = session.ask(what, &namesakes(own), limit).await.map_err(|it| it.fault(what))?;
    tables.iter().flat_map(Table::rows).map(read).collect()
}

fn read(row: Row<'_>) -> Result<Namesake, Fault> {
    Ok(Namesake {
        application: row.line("application"),
        number: row.value("pid")?,
        started: Some(row.line("started")),
        client: row.line("client"),
        silent_seconds: row.text("silent").map(|_| row.value("silent")).transpose()?,
        ramp: row.flag("ramp")?,
    })
}

/// Ends what was proposed, and waits a moment until the server has ended it.
pub(super) async fn apply(
    probe: &PostgresPool,
    change: &Cleanup,
    cx: &ProbeCx,
) -> Result<String, Fault> {
    let what = "ending what killed ramps left behind";
    let limit = cx.remaining() / 4;
    let url = complete(cx, &probe.url)?;
    let own = format!("gonogo-{}", cx.run.short());
    let mut session = enter(&url, &own, &cx.base, limit, what).await?;
    let told = session.ask(what, &end(change), limit).await.map_err(|it| it.fault(what))?;
    let told = told.iter().flat_map(Table::rows).map(|row| row.value("pid"));
    let told: Vec<u64> = told.collect::<Result<_, _>>()?;
    let mut stay = told.len();
    let patience = cx.clock.tick() + PATIENCE.min(cx.remaining() / 2);
    while stay > 0 && cx.clock.tick() < patience {
        stay = 0;
        for (application, pids) in runs(change, &told) {
            let asked = session.ask(what, &still_there(application, &pids), limit).await;
            stay += read_count(&asked.map_err(|failure| failure.fault(what))?)? as usize;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    session.close(FAREWELL.min(cx.remaining())).await;
    Ok(cleanup_receipt(change.sessions.len(), told.len(), stay))
}

/// Those processes of a change that were told to end, by their run.
fn runs<'c>(change: &'c Cleanup, told: &[u64]) -> Vec<(&'c str, Vec<u64>)> {
    let chunks = change.sessions.chunk_by(|one, other| one.application == other.application);
    let run = |run: &'c [Namesake]| {
        let pids = run.iter().map(|it| it.number).filter(|pid| told.contains(pid));
        Some((run.first()?.application.as_str(), pids.collect()))
    };
    chunks.filter_map(run).collect()
}
