//! Looking at MySQL or MariaDB: one full login, and reads of the server's own views.

use std::time::Duration;

use futures_util::future::join_all;

use super::cleanup;
use super::facts::{Activity, Inside, Login, Seen, Server, Session};
use super::ground::{self, Direct};
use super::proxy::{self, Visited};
use super::{DEFAULT_HEADROOM, MysqlPool};
use crate::model::fault::{Fault, Sight};
use crate::model::text::one_line;
use crate::net::mysql::{self, Door, Found, Opened, Rows};
use crate::probe::pool::{Demand, HeldBack, Picture, Ramp, RampWish, Ramper};
use crate::probe::{Probe, ProbeCx};

/// How long a farewell may take.
pub(super) const FAREWELL: Duration = Duration::from_millis(500);
/// The most sessions that are kept of a kind.
const MOST: usize = 20;
/// `ER_SPECIFIC_ACCESS_DENIED_ERROR`: a privilege is missing, and the server names it.
const LACKS: u16 = 1227;

/// The limits. The session's `max_user_connections` is the one that holds for this account.
const LIMITS: &str = "SELECT @@version_comment, @@max_connections, @@session.max_user_connections, \
                      @@global.wait_timeout, @@global.read_only, CONNECTION_ID()";
const COUNTERS: &str = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_connected', \
                        'Threads_running', 'Max_used_connections')";
/// A user without PROCESS sees only its own sessions here, which is what its own limit is about.
const SESSIONS: &str = "SHOW PROCESSLIST";
/// Refused without PROCESS, so that what is not shown is never taken for what is not there.
/// `InnoDB` tells times as the server's machine has them, whatever the zone of the session is.
const TRANSACTIONS: &str = "SELECT trx_mysql_thread_id, \
                            TIMESTAMPDIFF(SECOND, trx_wait_started, moment), \
                            TIMESTAMPDIFF(SECOND, trx_started, moment) FROM \
                            information_schema.INNODB_TRX, (SELECT COALESCE(CONVERT_TZ(NOW(), \
                            @@session.time_zone, 'SYSTEM'), NOW()) AS moment) AS machine \
                            ORDER BY trx_started LIMIT 1000";

/// Looks once.
pub(super) async fn look(probe: &MysqlPool, cx: &ProbeCx) -> Result<Seen, Fault> {
    let run = format!("gonogo-{}", cx.run.short());
    let application = if probe.ramp.is_some() { cleanup::ramp_name(&run) } else { run.clone() };
    let limit = look_time(probe, cx);
    let login = match Door::find(&probe.url, application, &cx.base, limit / 2).await? {
        Found::No(refusal) => Login::Refused(refusal),
        Found::Door(door) => match door.open(limit / 2).await? {
            Opened::Open(session) => {
                let inside = inside(probe, cx, (&door, &run), *session);
                Login::In(Box::new(Box::pin(inside).await))
            }
            Opened::No(refusal) => Login::Refused(refusal),
        },
    };
    let poolers = probe.poolers.iter().map(|url| async {
        // Each of its questions has a limit, and all of them together what is left of the time.
        let asked = Box::pin(proxy::visit(url, &run, &cx.base, limit / 4));
        let asked = cx.within(format!("asking {}", url.place()), asked).await;
        Visited { place: url.place(), proxy: asked.flatten().into() }
    });
    let poolers = join_all(poolers).await;
    let direct = login.inside().filter(|inside| inside.proxy().is_none());
    let picture = direct.and_then(|inside| inside.server.seen()).map(|server| {
        let headroom = probe.headroom.unwrap_or(DEFAULT_HEADROOM);
        let numbers = (server.max_connections, 0, server.used);
        // The demand is for the proxies of the check, where it names some.
        let demand = probe.demand.as_ref().filter(|_| probe.poolers.is_empty());
        Picture::of(numbers, demand.and_then(Demand::total), headroom)
    });
    Ok(Seen { target: probe.url.target(), user: probe.url.user.clone(), login, poolers, picture })
}

/// The time for looking: all of it but what the ramp will need.
fn look_time(probe: &MysqlPool, cx: &ProbeCx) -> Duration {
    let remaining = cx.remaining();
    remaining.saturating_sub(probe.waits()).max(remaining / 4)
}

async fn inside(
    probe: &MysqlPool,
    cx: &ProbeCx,
    (door, run): (&Door, &str),
    mut session: mysql::Session,
) -> Inside {
    let limit = look_time(probe, cx) / 3;
    let greeting = session.greeting.clone();
    let seen = server(&mut session, limit).await;
    let mut inside = Inside {
        greeting,
        server: Sight::Fault(Fault::Interrupted),
        activity: None,
        views: None,
        namesakes: None,
        ramp: None,
        most_used_after: None,
    };
    match seen {
        Err(fault) => inside.server = Sight::Fault(fault),
        Ok((server, sessions)) => {
            inside.server = Sight::Seen(server);
            inside.activity = Some(activity(&mut session, &sessions, limit).await.into());
        }
    }
    if inside.proxy() == Some("ShardingSphere") {
        inside.views = Some(proxy::sharding_sphere(&mut session, limit).await.into());
    }
    if inside.server.seen().is_some() && inside.proxy().is_none() {
        inside.namesakes = Some(cleanup::look(&mut session, run, limit).await.into());
    }
    if let Some(wish) = &probe.ramp {
        let ramp = Box::pin(ramp(cx, door, &mut session, &inside, wish)).await;
        if matches!(ramp, Ramp::Ran(_)) {
            inside.most_used_after = ground::most_used(&mut session, limit).await.ok();
        }
        inside.ramp = Some(ramp);
    }
    session.close(FAREWELL.min(cx.remaining())).await;
    inside
}

async fn ramp(
    cx: &ProbeCx,
    door: &Door,
    watch: &mut mysql::Session,
    seen: &Inside,
    wish: &RampWish,
) -> Ramp {
    match ground::plan(watch, seen, wish, cx.remaining() / 8).await {
        Ok(plan) => {
            let ground = Direct { cx, door };
            // The one that watches can be left behind like the others.
            if ground.ends_by_itself(watch, cx.remaining() / 8).await.is_err() {
                return Ramp::Held(HeldBack::Blind);
            }
            Ramper { cx, ground: &ground, wish }.run(watch, plan).await
        }
        Err(why) => Ramp::Held(why),
    }
}

/// Asks, and takes the server's error for a privilege that is missing, or for no answer.
pub(super) async fn ask(
    session: &mut mysql::Session,
    what: &str,
    statement: &str,
    limit: Duration,
) -> Result<Rows, Fault> {
    session.ask(what, statement, limit).await?.map_err(|error| match error.number {
        LACKS => Fault::Denied { what: what.to_owned(), need: error.message },
        _ => Fault::Unreadable { what: what.to_owned(), reason: error.to_string() },
    })
}

pub(super) fn unreadable(reason: &str) -> Fault {
    let what = "reading the server's answer".to_owned();
    Fault::Unreadable { what, reason: reason.to_owned() }
}

pub(super) fn text(row: &[Option<String>], at: usize) -> Result<&str, Fault> {
    row.get(at).and_then(Option::as_deref).ok_or_else(|| unreadable("a value is missing"))
}

pub(super) fn number(row: &[Option<String>], at: usize) -> Result<u64, Fault> {
    text(row, at)?.parse().map_err(|_| unreadable("a value is not a number"))
}

async fn server(
    session: &mut mysql::Session,
    limit: Duration,
) -> Result<(Server, Vec<Process>), Fault> {
    // Before anything else: the look itself may be what makes a new maximum.
    let counters = ask(session, "reading the server's counters", COUNTERS, limit).await?;
    let limits = ask(session, "reading the server's limits", LIMITS, limit).await?;
    let limits = limits.first().ok_or_else(|| unreadable("it has no row"))?;
    let own = number(limits, 5)?;
    let processes = processes(session, limit).await?;
    let me = processes.iter().find(|it| it.id == own).map(|it| it.user.clone());
    let mine = |it: &&Process| it.id != own && me.as_deref() == Some(&it.user);
    let counter = |name: &str| {
        let row = counters.iter().find(|row| row.first().and_then(Option::as_deref) == Some(name));
        row.map_or_else(|| Err(unreadable("a counter is missing")), |row| number(row, 1))
    };
    let server = Server {
        comment: one_line(text(limits, 0)?),
        max_connections: number(limits, 1)?,
        user_limit: Some(number(limits, 2)?).filter(|limit| *limit > 0),
        wait_timeout: number(limits, 3)?,
        // MariaDB 11 knows more words than 0 and 1.
        read_only: !matches!(text(limits, 4)?, "0" | "OFF"),
        used: counter("Threads_connected")?.saturating_sub(1),
        running: counter("Threads_running")?.saturating_sub(1),
        most_used: counter("Max_used_connections")?,
        user_used: processes.iter().filter(mine).count() as u64,
    };
    Ok((server, processes))
}

/// A line of the process list.
pub(super) struct Process {
    pub(super) id: u64,
    user: String,
    pub(super) host: String,
    pub(super) sleeps: bool,
    pub(super) seconds: u64,
}

/// The process list, as far as the account may see it: its own sessions always.
pub(super) async fn processes(
    session: &mut mysql::Session,
    limit: Duration,
) -> Result<Vec<Process>, Fault> {
    let rows = ask(session, "listing sessions", SESSIONS, limit).await?;
    rows.iter().map(|row| process(row)).collect()
}

fn process(row: &[Option<String>]) -> Result<Process, Fault> {
    Ok(Process {
        id: number(row, 0)?,
        user: text(row, 1)?.to_owned(),
        host: one_line(row.get(2).and_then(Option::as_deref).unwrap_or_default()),
        sleeps: text(row, 4)? == "Sleep",
        // A new session has none yet, and a replication thread may have a negative one.
        seconds: number(row, 5).unwrap_or(0),
    })
}

async fn activity(
    session: &mut mysql::Session,
    processes: &[Process],
    limit: Duration,
) -> Result<Activity, Fault> {
    let rows = ask(session, "seeing the transactions of others", TRANSACTIONS, limit).await?;
    let mut activity = Activity { idle_in_transaction: Vec::new(), lock_waits: Vec::new() };
    for row in &rows {
        let id = number(row, 0)?;
        let Some(process) = processes.iter().find(|it| it.id == id) else { continue };
        let session = |seconds| Session {
            id,
            user: one_line(&process.user),
            host: process.host.clone(),
            seconds,
        };
        if let Some(waited) = row.get(1).and_then(Option::as_deref) {
            let waited = waited.parse().map_err(|_| unreadable("a wait is not a number"))?;
            activity.lock_waits.push(session(waited));
        } else if process.sleeps {
            // It may have slept for long before it began one, after the sessions were listed.
            let open = text(row, 2)?.parse::<i64>();
            let open = open.map_err(|_| unreadable("an age is not a number"))?;
            let open = u64::try_from(open).unwrap_or_default();
            activity.idle_in_transaction.push(session(process.seconds.min(open)));
        }
    }
    for sessions in [&mut activity.idle_in_transaction, &mut activity.lock_waits] {
        sessions.sort_by_key(|session| std::cmp::Reverse(session.seconds));
        sessions.truncate(MOST);
    }
    Ok(activity)
}
