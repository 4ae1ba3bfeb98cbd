//! Looking at a server: log in, read limits, use and activity, and ramp where the check asks for it.

use std::time::Duration;

use futures_util::future::join_all;

use super::PostgresPool;
use super::cleanup;
use super::facts::{Activity, Inside, Login, Seen, Server, Usage, Visited};
use super::ground::{self, Direct};
use super::ground_pooled::{Through, Watch};
use super::pgbouncer;
use super::questions;
use crate::model::fault::{Fault, Sight};
use crate::net::postgres::{Door, Failure, Found, Opened, PgUrl, Refusal, Session, Table};
use crate::probe::ProbeCx;
use crate::probe::pool::{Demand, HeldBack, Picture, Ramp, RampWish, Ramper};

/// SQLSTATE of every kind of "too many": the server, the role and the database.
pub(super) const TOO_MANY: &str = "53300";
/// The database that every cluster has.
const MAINTENANCE: &str = "postgres";
/// How long a session may take to end.
pub(super) const FAREWELL: Duration = Duration::from_millis(500);

/// Looks once.
pub(super) async fn look(probe: &PostgresPool, cx: &ProbeCx) -> Result<Seen, Fault> {
    let application = format!("gonogo-{}", cx.run.short());
    let limit = look_time(probe, cx);
    let url = complete(cx, &probe.url)?;
    let kept = probe.url.asks_for_service().then(|| url.clone());
    let probe = &PostgresPool { url: url.clone(), ..probe.clone() };
    let login = match Door::find(&url, application.clone(), &cx.base, limit / 2).await? {
        Found::No(refusal) => Login::Refused { refusal, elsewhere: None, pooler: None },
        Found::Door(door) => match door.open(limit / 2).await {
            Err(fault) => stuck(cx, &door, fault, limit / 3).await?,
            Ok(Opened::Open(session)) => {
                Login::In(Box::new(inside(probe, cx, &door, *session, &application).await))
            }
            Ok(Opened::No(refusal)) => {
                let elsewhere = elsewhere(probe, cx, &door, &refusal).await.map(Box::new);
                let pooler = if from_pooler(&refusal) {
                    Some(Box::new(pgbouncer::look(cx, &door, 0, limit / 2).await.into()))
                } else {
                    None
                };
                Login::Refused { refusal, elsewhere, pooler }
            }
        },
    };
    let poolers = probe.poolers.iter().map(|url| visit(cx, url, &application, limit / 2));
    let poolers = join_all(poolers).await;
    let peak = match &probe.peak {
        Some(peak) => Some(peak.ask(cx).await.into()),
        None => None,
    };
    let picture = picture(probe, &login);
    let (target, role) = (probe.url.target(), probe.url.user.clone());
    Ok(Seen { target, role, url: kept, login, poolers, peak, picture })
}

/// What the demand is for: clients of the pooler where one answers, and else the server's slots.
fn picture(probe: &PostgresPool, login: &Login) -> Option<Picture> {
    let Login::In(inside) = login else { return None };
    // The demand is for the poolers of the check, where it names some.
    let demand = probe.demand.as_ref().filter(|_| probe.poolers.is_empty());
    let demand = demand.and_then(Demand::total);
    let numbers = if inside.is_pooled() || inside.is_pooler_console() {
        let pooler = inside.pooler.as_ref()?.seen()?;
        (pooler.max_clients, 0, pooler.clients)
    } else {
        let (server, usage) = (inside.server.seen()?, inside.usage.as_ref()?.seen()?);
        let reserved = server.superuser_reserved.saturating_add(server.reserved);
        (server.max_connections, reserved, usage.used)
    };
    let (limit, reserved, used) = numbers;
    Some(Picture::of((limit.into(), reserved.into(), used.into()), demand, probe.headroom()))
}

/// When nobody answers the login, the console of a pooler may still say why.
async fn stuck(cx: &ProbeCx, door: &Door, fault: Fault, limit: Duration) -> Result<Login, Fault> {
    if !matches!(fault, Fault::Timeout { .. }) {
        return Err(fault);
    }
    match pgbouncer::look(cx, door, 0, limit.min(cx.remaining())).await {
        Ok(pooler) => Ok(Login::Stuck { fault, pooler: Box::new(pooler) }),
        Err(_) => Err(fault),
    }
}

async fn visit(cx: &ProbeCx, url: &PgUrl, application: &str, limit: Duration) -> Visited {
    let whole = complete(cx, url);
    let place = whole.as_ref().map_or_else(|_| url.place(), PgUrl::place);
    let pooler = match whole {
        Ok(url) => pgbouncer::visit(cx, &url, application, limit.min(cx.remaining())).await,
        Err(fault) => Err(fault),
    };
    Visited { place, pooler: pooler.into() }
}

/// The URL with what its service says, where it asks for one, and with its password: its own, or the one of
/// its `passfile`, or of the user's.
pub(super) fn complete(cx: &ProbeCx, url: &PgUrl) -> Result<PgUrl, Fault> {
    let url = url.with_service_of(&cx.services, &cx.base)?;
    let file = url.passfile.as_ref().map(|file| cx.base.join(file)).or_else(|| cx.passfile.clone());
    match file {
        Some(file) => url.with_password_of(&file),
        None => Ok(url),
    }
}

/// Whether a pooler said no, and not the server.
fn from_pooler(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Server(error) if !error.is_from_postgres())
}

/// The time for looking: all of it but what the ramp will need.
fn look_time(probe: &PostgresPool, cx: &ProbeCx) -> Duration {
    use crate::probe::Probe;
    let remaining = cx.remaining();
    remaining.saturating_sub(probe.waits()).max(remaining / 4)
}

/// Everything that one session shows; what fails hides nothing of the rest.
async fn inside(
    probe: &PostgresPool,
    cx: &ProbeCx,
    door: &Door,
    mut session: Session,
    application: &str,
) -> Inside {
    let mut seen = read(probe, cx, &mut session).await;
    // Through a pooler it would be the pooler's own sessions that bear the names.
    if seen.server.seen().is_some() && !seen.is_pooled() {
        let limit = look_time(probe, cx) / 3;
        seen.namesakes = Some(cleanup::look(&mut session, application, limit).await.into());
    }
    // A statement that gets no answer may be waiting in a pooler's queue.
    if seen.is_pooled() || seen.server.fault().is_some() {
        let pooler = pgbouncer::look(cx, door, 1, look_time(probe, cx) / 2).await;
        if seen.is_pooled() || pooler.is_ok() {
            seen.pooler = Some(pooler.into());
        }
    }
    if let Some(wish) = &probe.ramp {
        let way = Way { probe, cx, door, application };
        let ramp = if seen.is_pooled() {
            Box::pin(way.through(&mut session, &seen, wish)).await
        } else {
            Box::pin(way.direct(&mut session, &seen, wish)).await
        };
        seen.ramp = Some(ramp);
    }
    session.close(FAREWELL.min(cx.remaining())).await;
    seen
}

/// The way a ramp goes.
struct Way<'a> {
    probe: &'a PostgresPool,
    cx: &'a ProbeCx,
    door: &'a Door,
    application: &'a str,
}

impl Way<'_> {
    async fn direct(&self, watch: &mut Session, seen: &Inside, wish: &RampWish) -> Ramp {
        let Self { probe, cx, door, application } = *self;
        let (plan, server) = match ground::plan(seen, wish) {
            Ok(plan) => plan,
            Err(why) => return Ramp::Held(why),
        };
        let ground = Direct { cx, door, database: &probe.url.database, application, server };
        // The one that watches can be left behind like the others.
        let limit = look_time(probe, cx) / 3;
        if watch.ask("preparing the ramp", &ground.settings(), limit).await.is_err() {
            return Ramp::Held(HeldBack::Blind);
        }
        Ramper { cx, ground: &ground, wish }.run(watch, plan).await
    }

    async fn through(&self, session: &mut Session, seen: &Inside, wish: &RampWish) -> Ramp {
        let Self { probe, cx, door, application } = *self;
        let (database, user) = (&probe.url.database, &probe.url.user);
        let ground = match Through::of(seen, door, application, (database, user)) {
            Ok(ground) => ground,
            Err(why) => return Ramp::Held(why),
        };
        let limit = look_time(probe, cx) / 3;
        let Ok(console) = pgbouncer::open(door, limit).await else {
            return Ramp::Held(HeldBack::Pooled);
        };
        let mut watch = Watch { console, session };
        let ramp = match ground.plan(&mut watch, wish, limit).await {
            Ok(plan) => Ramper { cx, ground: &ground, wish }.run(&mut watch, plan).await,
            Err(why) => Ramp::Held(why),
        };
        watch.console.close(FAREWELL.min(cx.remaining())).await;
        ramp
    }
}

/// Limits, use and activity.
async fn read(probe: &PostgresPool, cx: &ProbeCx, session: &mut Session) -> Inside {
    let mut seen = Inside {
        greeting: session.greeting.clone(),
        server: Sight::Fault(Fault::Unreadable {
            what: "asking for the server's limits".to_owned(),
            reason: "this is the console of a pooler".to_owned(),
        }),
        usage: None,
        activity: None,
        pooler: None,
        namesakes: None,
        ramp: None,
    };
    if seen.is_pooler_console() {
        return seen;
    }
    let limit = look_time(probe, cx) / 3;
    seen.server = server(probe, session, limit).await.into();
    let Some(server) = seen.server.seen() else { return seen };
    let usage = usage(session, server, limit).await;
    let activity = activity(session, server, limit).await;
    seen.usage = Some(usage.into());
    seen.activity = Some(activity.into());
    seen
}

async fn ask(
    session: &mut Session,
    what: &str,
    question: &str,
    limit: Duration,
) -> Result<Vec<Table>, Fault> {
    session.ask(what, question, limit).await.map_err(|failure: Failure| failure.fault(what))
}

async fn server(
    probe: &PostgresPool,
    session: &mut Session,
    limit: Duration,
) -> Result<Server, Fault> {
    let question = questions::server(&probe.url.database);
    questions::read_server(&ask(session, "reading the server's limits", &question, limit).await?)
}

async fn usage(session: &mut Session, server: &Server, limit: Duration) -> Result<Usage, Fault> {
    let tables = ask(session, "counting sessions", &questions::usage(), limit).await?;
    questions::read_usage(&tables, &server.role)
}

async fn activity(
    session: &mut Session,
    server: &Server,
    limit: Duration,
) -> Result<Activity, Fault> {
    let what = "seeing what other sessions do";
    // Without the privilege every other session looks idle: a count of none would be a lie.
    if !server.role.sees_all {
        let role = &server.role.name;
        let need = format!(
            "pg_read_all_stats, which {role} does not inherit (GRANT pg_monitor TO {role} gives it)"
        );
        return Err(Fault::Denied { what: what.to_owned(), need });
    }
    let question = questions::activity(server.version_num);
    questions::read_activity(&ask(session, what, &question, limit).await?)
}

/// When the database would not let the role in for want of slots, another database of the server
/// may: its catalogues say whose limit it was.
async fn elsewhere(
    probe: &PostgresPool,
    cx: &ProbeCx,
    door: &Door,
    refusal: &Refusal,
) -> Option<Inside> {
    let Refusal::Server(error) = refusal else { return None };
    if error.sqlstate != TOO_MANY || probe.url.database == MAINTENANCE {
        return None;
    }
    let door = door.to_database(MAINTENANCE);
    // Only a help: without it the refusal still stands, told by the server's own words.
    let Ok(Opened::Open(mut session)) = door.open(look_time(probe, cx) / 3).await else {
        return None;
    };
    let seen = read(probe, cx, &mut session).await;
    session.close(FAREWELL.min(cx.remaining())).await;
    Some(seen)
}
