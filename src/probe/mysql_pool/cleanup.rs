//! Connections that killed ramps left behind in MySQL or MariaDB: finding them, and ending them.
//!
//! What a client calls itself is kept in the performance schema only (`session_account_connect_attrs`,
//! which shows an account its own sessions); where that is off nobody can tell whose a session is.

use std::time::Duration;

use super::MysqlPool;
use super::observe::{FAREWELL, Process, ask, number, processes, text};
use crate::model::fault::Fault;
use crate::net::mysql::{Session, enter};
use crate::probe::ProbeCx;
use crate::probe::pool::{
    Cleanup, MOST_NAMESAKES, Namesake, cleanup_receipt, is_run, propose_cleanup,
};

/// What follows the run's name where a session is a ramp's.
const RAMP: &str = "-ramp";
/// How long the server may take to end them.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the sessions of this account call themselves, this one among them.
const NAMES: &str = "SELECT PROCESSLIST_ID, ATTR_VALUE FROM \
                     performance_schema.session_account_connect_attrs WHERE ATTR_NAME = 'program_name' \
                     AND ATTR_VALUE LIKE 'gonogo-%'";

/// What the sessions of a ramp call themselves.
pub(super) fn ramp_name(application: &str) -> String {
    format!("{application}{RAMP}")
}

/// Looks for sessions with the name of another run than this one's.
pub(super) async fn look(
    session: &mut Session,
    own: &str,
    limit: Duration,
) -> Result<Vec<Namesake>, Fault> {
    let what = "looking for what killed ramps left behind";
    let names = ask(session, what, NAMES, limit).await?;
    let me = u64::from(session.greeting.number);
    // With the performance schema off the table is there, and empty.
    if !names.iter().any(|row| number(row, 0).is_ok_and(|id| id == me)) {
        let need = "performance_schema = ON: the server keeps no names of its clients (leftovers end \
                    by themselves, by the wait_timeout that each ramp sets)";
        return Err(Fault::Denied { what: what.to_owned(), need: need.to_owned() });
    }
    let processes = processes(session, limit).await?;
    let read = |row: &Vec<Option<String>>| namesake(row, &processes, own).transpose();
    names.iter().filter_map(read).take(MOST_NAMESAKES).collect()
}

/// A session with the name of another run; `None` of everybody else's, and of one that has ended since.
fn namesake(
    row: &[Option<String>],
    processes: &[Process],
    own: &str,
) -> Result<Option<Namesake>, Fault> {
    let (number, name) = (number(row, 0)?, text(row, 1)?);
    let (run, ramp) = name.strip_suffix(RAMP).map_or((name, false), |run| (run, true));
    let process = processes.iter().find(|process| process.id == number);
    let Some(process) = process.filter(|_| is_run(run) && run != own) else { return Ok(None) };
    let client = process.host.rsplit_once(':').map_or(process.host.as_str(), |(host, _)| host);
    #[expect(clippy::cast_precision_loss, reason = "seconds of a session are far below 2^52")]
    let silent = process.seconds as f64;
    Ok(Some(Namesake {
        application: run.to_owned(),
        number,
        started: None,
        client: client.to_owned(),
        silent_seconds: process.sleeps.then_some(silent),
        ramp,
    }))
}

/// Ends what was proposed and is still silent, and waits a moment until the server has ended it.
pub(super) async fn apply(
    probe: &MysqlPool,
    change: &Cleanup,
    cx: &ProbeCx,
) -> Result<String, Fault> {
    let what = "ending what killed ramps left behind";
    let limit = cx.remaining() / 4;
    let own = format!("gonogo-{}", cx.run.short());
    let mut session = enter(&probe.url, &own, &cx.base, limit, what).await?;
    // A number is never given twice, so whoever is still silent is still who it was.
    let now = propose_cleanup(&look(&mut session, &own, limit).await?, Some(change.silent));
    let now = now.map_or_else(Vec::new, |now| now.sessions);
    let still = |it: &&Namesake| now.iter().any(|now| now.number == it.number);
    let mut told = Vec::new();
    for it in change.sessions.iter().filter(still) {
        let kill = format!("KILL CONNECTION {}", it.number);
        if session.ask(what, &kill, limit).await?.is_ok() {
            told.push(it.number);
        }
    }
    let mut stay = told.len();
    let patience = cx.clock.tick() + PATIENCE.min(cx.remaining() / 2);
    while stay > 0 && cx.clock.tick() < patience {
        let there = processes(&mut session, limit).await?;
        stay = there.iter().filter(|process| told.contains(&process.id)).count();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    session.close(FAREWELL.min(cx.remaining())).await;
    Ok(cleanup_receipt(change.sessions.len(), told.len(), stay))
}
