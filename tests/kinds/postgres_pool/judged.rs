//! Judging what was seen, as tables: what a real server cannot be brought to in a test's time.

use std::collections::BTreeMap;

use gonogo::model::fault::{Fault, Sight};
use gonogo::model::latency::Latency;
use gonogo::model::outcome::Outcome;
use gonogo::model::time::Window;
use gonogo::net::postgres::{Greeting, Refusal};
use gonogo::probe::pool::{Ceiling, End, Limited, Ramp, Run, Step};
use gonogo::probe::postgres_pool::{
    Activity, Counted, Database, Inside, Login, Pool, Pooled, Pooler, PostgresPool, Role, Seen,
    Server, Session, Sessions, Standby, Usage, Visit, Visited,
};
use gonogo::probe::{JudgeCx, Probe};
use serde_json::{Value, json};

/// A quiet server: 100 slots, 97 of them ordinary, 10 in use.
fn server() -> Server {
    Server {
        version_num: 150_000,
        backend_pid: 1,
        max_connections: 100,
        superuser_reserved: 3,
        reserved: 0,
        in_recovery: false,
        read_only: false,
        idle_session_timeout: None,
        settings: std::collections::BTreeMap::new(),
        role: Role {
            name: "gonogo".to_owned(),
            superuser: false,
            sees_all: true,
            uses_reserved: false,
            limit: None,
            used: 0,
        },
        database: Some(Database { limit: None, used: 10 }),
    }
}

fn quiet() -> Inside {
    let none = Sessions { count: 0, longest: Vec::new() };
    let activity = Activity {
        groups: Vec::new(),
        idle_in_transaction: none.clone(),
        lock_waits: none.clone(),
        transactions: none,
        oldest_xmin: 0,
        standbys: Vec::new(),
        behind_seconds: None,
        untracked: 0,
    };
    Inside {
        greeting: Greeting {
            address: "192.0.2.1:5432".to_owned(),
            tls: None,
            version: "15.0".to_owned(),
            key_pid: Some(1),
            login_millis: 5.0,
        },
        server: Sight::Seen(server()),
        usage: Some(Sight::Seen(Usage { used: 10, counted: Counted::Exactly })),
        activity: Some(Sight::Seen(activity)),
        pooler: None,
        namesakes: None,
        ramp: None,
    }
}

fn session(seconds: f64) -> Session {
    Session {
        pid: 4711,
        role: "app".to_owned(),
        application: "match".to_owned(),
        client: "192.0.2.7".to_owned(),
        seconds,
        blocked_by: "{42}".to_owned(),
    }
}

/// The codes that are worse than a pass, with their outcomes, worst first.
fn check(parameters: Value, login: Login) -> Vec<(String, Outcome)> {
    check_with(parameters, login, Vec::new())
}

fn check_with(parameters: Value, login: Login, poolers: Vec<Visited>) -> Vec<(String, Outcome)> {
    let mut parameters = parameters;
    parameters["url"] = "postgres://gonogo@db/game".into();
    let probe: PostgresPool = serde_json::from_value(parameters).expect("good parameters");
    assert!(probe.complaints().is_empty(), "{:?}", probe.complaints());
    let (target, role) = ("db:5432/game".to_owned(), "gonogo".to_owned());
    let now = "2026-11-23T02:00:00Z".parse().expect("an instant");
    let cx = JudgeCx { now, launch: now, window: Window { from: now, to: now } };
    let mut findings = probe
        .judge(&Seen { target, role, url: None, login, poolers, peak: None, picture: None }, &cx);
    assert!(!findings.is_empty());
    findings.retain(|finding| finding.outcome > Outcome::Pass);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.outcome));
    findings.into_iter().map(|finding| (finding.code, finding.outcome)).collect()
}

fn check_inside(parameters: Value, change: impl FnOnce(&mut Inside)) -> Vec<(String, Outcome)> {
    let mut inside = quiet();
    change(&mut inside);
    check(parameters, Login::In(Box::new(inside)))
}

fn found(code: &str, outcome: Outcome) -> Vec<(String, Outcome)> {
    vec![(format!("postgres_pool.{code}"), outcome)]
}

fn change_server(change: impl FnOnce(&mut Server)) -> impl FnOnce(&mut Inside) {
    |inside| {
        let mut server = server();
        change(&mut server);
        inside.server = Sight::Seen(server);
    }
}

fn change_activity(change: impl FnOnce(&mut Activity)) -> impl FnOnce(&mut Inside) {
    |inside| {
        let Some(Sight::Seen(activity)) = &mut inside.activity else { return };
        change(activity);
    }
}

#[test]
fn a_quiet_server_passes() {
    assert_eq!(check_inside(json!({}), |_| {}), []);
    assert_eq!(check_inside(json!({"demand": {"connections": 77}}), |_| {}), []);
}

#[test]
fn use_is_judged_by_the_stated_share_and_by_a_default_that_only_warns() {
    let used = |used| {
        move |inside: &mut Inside| {
            inside.usage = Some(Sight::Seen(Usage { used, counted: Counted::Exactly }));
        }
    };
    // 80% of 97 are 77.6.
    assert_eq!(check_inside(json!({}), used(77)), []);
    assert_eq!(check_inside(json!({}), used(78)), found("nearly-full", Outcome::Warn));
    let stated = json!({"max_used": "80%"});
    assert_eq!(check_inside(stated.clone(), used(78)), found("nearly-full", Outcome::Fail));
    assert_eq!(check_inside(stated, used(97)), found("full", Outcome::Fail));
    assert_eq!(check_inside(json!({"max_used": "100%"}), used(98)), found("full", Outcome::Fail));
}

#[test]
fn the_demand_is_compared_with_every_limit() {
    let demand = json!({"demand": {"connections": 78}});
    assert_eq!(check_inside(demand.clone(), |_| {}), found("over-budget", Outcome::Fail));
    let small = json!({"demand": {"connections": 50}});
    let database = change_server(|server| {
        server.database = Some(Database { limit: Some(62), used: 0 });
    });
    assert_eq!(check_inside(small.clone(), database), found("database-limit", Outcome::Fail));
    // A role that may look into other sessions is hardly the pool's own.
    for (sees_all, outcome) in [(true, Outcome::Warn), (false, Outcome::Fail)] {
        let role = change_server(|server| {
            server.role.limit = Some(62);
            server.role.sees_all = sees_all;
        });
        assert_eq!(check_inside(small.clone(), role), found("role-limit", outcome));
    }
    let reserved = change_server(|server| server.reserved = 1);
    let demand = json!({"demand": {"connections": 77}});
    assert_eq!(check_inside(demand, reserved), found("over-budget", Outcome::Fail));
}

#[test]
fn limits_of_role_and_database_are_judged_by_their_use() {
    for (used, outcome) in [(8, None), (9, Some(Outcome::Warn)), (10, Some(Outcome::Fail))] {
        let role = change_server(|server| {
            server.role.limit = Some(10);
            server.role.used = used;
        });
        let expected = outcome.map_or(Vec::new(), |outcome| found("role-limit", outcome));
        assert_eq!(check_inside(json!({}), role), expected, "{used}");
        let database = change_server(|server| {
            server.database = Some(Database { limit: Some(10), used });
        });
        let expected = outcome.map_or(Vec::new(), |outcome| found("database-limit", outcome));
        assert_eq!(check_inside(json!({}), database), expected, "{used}");
    }
}

#[test]
fn sessions_are_judged_by_how_long_they_have_been_at_it() {
    let idle = |seconds| {
        change_activity(move |activity| {
            activity.idle_in_transaction = Sessions { count: 1, longest: vec![session(seconds)] };
        })
    };
    assert_eq!(check_inside(json!({}), idle(299.0)), []);
    assert_eq!(check_inside(json!({}), idle(301.0)), found("idle-in-transaction", Outcome::Warn));
    let stated = json!({"max_idle_in_transaction": "1m"});
    assert_eq!(check_inside(stated, idle(61.0)), found("idle-in-transaction", Outcome::Fail));
    let waits = |seconds| {
        change_activity(move |activity| {
            activity.lock_waits = Sessions { count: 1, longest: vec![session(seconds)] };
        })
    };
    assert_eq!(check_inside(json!({}), waits(9.0)), []);
    assert_eq!(check_inside(json!({}), waits(11.0)), found("lock-wait", Outcome::Warn));
    let open = |seconds| {
        change_activity(move |activity| {
            activity.transactions = Sessions { count: 1, longest: vec![session(seconds)] };
        })
    };
    assert_eq!(check_inside(json!({}), open(3599.0)), []);
    assert_eq!(check_inside(json!({}), open(3601.0)), found("long-transaction", Outcome::Warn));
    let snapshot = change_activity(|activity| activity.oldest_xmin = 50_000_001);
    assert_eq!(check_inside(json!({}), snapshot), found("old-snapshot", Outcome::Warn));
    let untracked = change_activity(|activity| activity.untracked = 1);
    assert_eq!(check_inside(json!({}), untracked), found("untracked", Outcome::Unknown));
}

#[test]
fn standbys_far_behind_are_named() {
    let late = || found("replication-lag", Outcome::Warn);
    for (seconds, bytes, expected) in [
        (None, 6e7, Vec::new()),
        (Some(29.0), 6e7, Vec::new()),
        (Some(31.0), 6e7, late()),
        // One that stands still reports no time.
        (None, 7e7, late()),
    ] {
        let other = change_activity(move |activity| {
            activity.standbys = vec![Standby {
                name: "replica".to_owned(),
                client: "192.0.2.2".to_owned(),
                state: "streaming".to_owned(),
                replay_seconds: seconds,
                behind_bytes: Some(bytes),
            }];
        });
        assert_eq!(check_inside(json!({}), other), expected, "{seconds:?} {bytes}");
    }
    for (seconds, expected) in [(29.0, Vec::new()), (31.0, late())] {
        let own = change_activity(move |activity| activity.behind_seconds = Some(seconds));
        assert_eq!(check_inside(json!({}), own), expected, "{seconds:?}");
    }
}

#[test]
fn what_was_not_learnt_hides_nothing_of_the_rest() {
    let fault = Fault::Timeout { what: "counting".to_owned(), after: "1s".parse().expect("1s") };
    let timeout = ("gonogo.timeout".to_owned(), Outcome::Unknown);
    let blind = |inside: &mut Inside| {
        inside.usage = Some(Sight::Fault(fault.clone()));
        inside.activity = Some(Sight::Fault(fault.clone()));
    };
    let mut both = found("over-budget", Outcome::Fail);
    both.extend([timeout.clone(), timeout.clone()]);
    assert_eq!(check_inside(json!({"demand": {"connections": 90}}), blind), both);
    let nothing = |inside: &mut Inside| inside.server = Sight::Fault(fault.clone());
    assert_eq!(check_inside(json!({}), nothing), [timeout]);
}

#[test]
fn a_name_without_an_address_is_an_answer() {
    let refusal = Refusal::NoAddress("NXDOMAIN".to_owned());
    let login = Login::Refused { refusal, elsewhere: None, pooler: None };
    assert_eq!(check(json!({}), login), found("no-address", Outcome::Fail));
}

#[test]
fn pools_must_carry_the_load_with_some_to_spare() {
    for (rate, outcome) in [(74, None), (76, Some(Outcome::Warn)), (101, Some(Outcome::Fail))] {
        let demand = json!({"connections": 50, "rate": rate, "hold": "500ms"});
        let expected = outcome.map_or(Vec::new(), |outcome| found("pool-too-small", outcome));
        assert_eq!(check_inside(json!({"demand": demand}), |_| {}), expected, "{rate}");
    }
    // The load alone is a demand too.
    let demand = json!({"demand": {"rate": 156, "hold": "500ms"}});
    assert_eq!(check_inside(demand, |_| {}), found("over-budget", Outcome::Fail));
}

#[test]
fn idle_connections_must_go_before_they_are_cut() {
    let server = |millis| change_server(move |it| it.idle_session_timeout = Some(millis));
    for (demand, path_idle, cut_after, good) in [
        (json!({"idle": "5m"}), None, 600_000, true),
        (json!({"idle": "10m"}), None, 600_000, false),
        (json!({"lifetime": "30m"}), None, 600_000, false),
        (json!({"lifetime": "30m", "idle": "1m"}), None, 600_000, true),
        (json!({"idle": "5m"}), Some("4m"), 600_000, false),
        (json!({"idle": "5m", "keepalive": "1m"}), Some("4m"), 600_000, true),
        // A keepalive is no statement: the session stays idle.
        (json!({"idle": "10m", "keepalive": "1m"}), Some("4m"), 600_000, false),
        (json!({"idle": "5m", "keepalive": "4m"}), Some("4m"), 600_000, false),
    ] {
        let mut demand = demand;
        demand["connections"] = 10.into();
        let mut parameters = json!({"demand": demand});
        if let Some(path_idle) = path_idle {
            parameters["path_idle"] = path_idle.into();
        }
        let expected = if good { Vec::new() } else { found("lifetime-too-long", Outcome::Fail) };
        assert_eq!(check_inside(parameters.clone(), server(cut_after)), expected, "{parameters}");
    }
    let parameters = json!({"demand": {"connections": 10, "keepalive": "2h"}, "path_idle": "350s"});
    assert_eq!(check_inside(parameters, |_| {}), found("lifetime-too-long", Outcome::Fail));
    // Behind a pooler it is the pooler that cuts, not the server.
    let mut proxy = pooler(pool((1, 2), (0, 0), 0.0));
    proxy.client_idle_timeout = 60.0;
    let parameters = json!({"demand": {"connections": 10, "lifetime": "30m"}});
    assert_eq!(check_inside(parameters, behind(proxy)), found("lifetime-too-long", Outcome::Fail));
}

fn pool(servers: (u32, u32), waiting: (u32, u32), longest_wait_millis: f64) -> Pool {
    Pool {
        database: "game".to_owned(),
        user: "gonogo".to_owned(),
        mode: "transaction".to_owned(),
        clients_active: 1,
        clients_waiting: waiting.1,
        clients_waiting_before: waiting.0,
        longest_wait_millis,
        servers_active: servers.0,
        servers_idle: servers.1,
        servers_login: 0,
    }
}

/// A PgBouncer before the quiet server, with one pool of twenty.
fn pooler(pool: Pool) -> Pooler {
    Pooler {
        version: "1.25.2".to_owned(),
        max_clients: 100,
        clients: 3,
        query_wait_timeout: 120.0,
        server_lifetime: 3600.0,
        server_idle_timeout: 600.0,
        client_idle_timeout: 0.0,
        databases: vec![Pooled {
            name: "game".to_owned(),
            host: "192.0.2.1".to_owned(),
            port: "5432".to_owned(),
            database: "game".to_owned(),
            pool_size: 20,
            reserve: 5,
            max_connections: None,
            paused: false,
            disabled: false,
            pools: 1,
        }],
        pools: vec![pool],
    }
}

fn behind(pooler: Pooler) -> impl FnOnce(&mut Inside) {
    |inside| inside.pooler = Some(Sight::Seen(pooler))
}

/// As [`behind`], and no statement came through.
fn stuck(pooler: Pooler) -> impl FnOnce(&mut Inside) {
    |inside| {
        let after = "1s".parse().expect("1s");
        inside.server = Sight::Fault(Fault::Timeout { what: "asking".to_owned(), after });
        inside.pooler = Some(Sight::Seen(pooler));
    }
}

#[test]
fn poolers_are_judged_by_what_their_clients_get() {
    let idle = || pool((1, 2), (0, 0), 0.0);
    assert_eq!(check_inside(json!({}), behind(pooler(idle()))), []);
    let waits = |outcome| found("pooler-wait", outcome);
    for (pool, expected) in [
        (pool((3, 0), (2, 0), 0.0), Vec::new()),
        (pool((3, 0), (0, 2), 900.0), Vec::new()),
        (pool((3, 0), (2, 2), 600.0), waits(Outcome::Fail)),
        // One after the other, each for a moment.
        (pool((3, 0), (2, 2), 2.0), waits(Outcome::Warn)),
        (pool((3, 0), (0, 1), 1000.0), waits(Outcome::Fail)),
    ] {
        assert_eq!(check_inside(json!({}), behind(pooler(pool.clone()))), expected, "{pool:?}");
    }
    let exhausted = pooler(pool((25, 0), (0, 1), 0.0));
    assert_eq!(check_inside(json!({}), stuck(exhausted)), found("pooler-exhausted", Outcome::Fail));
    let backend = pooler(pool((0, 0), (0, 1), 0.0));
    assert_eq!(check_inside(json!({}), stuck(backend)), found("pooler-backend", Outcome::Fail));
    // With servers to spare the silence is nobody's fault that is known.
    let unexplained = [("gonogo.timeout".to_owned(), Outcome::Unknown)];
    assert_eq!(check_inside(json!({}), stuck(pooler(idle()))), unexplained);
}

#[test]
fn several_poolers_count_together() {
    let visited = |pooler: Sight<Visit>| Visited { place: "b:6432".to_owned(), pooler };
    let seen = |pooler: Pooler| visited(Sight::Seen(Visit::In(Box::new(pooler))));
    let idle = || seen(pooler(pool((1, 2), (0, 0), 0.0)));
    let console = "postgres://gonogo@b:6432/pgbouncer";
    let check = |demand: u32, poolers: Vec<Visited>| {
        let parameters =
            json!({"poolers": vec![console; poolers.len()], "demand": {"connections": demand}});
        check_with(parameters, Login::In(Box::new(quiet())), poolers)
    };
    // More than the server's slots, but that is what poolers are for: 200 clients less a fifth.
    assert_eq!(check(160, vec![idle(), idle()]), []);
    assert_eq!(check(161, vec![idle(), idle()]), found("pooler-clients", Outcome::Fail));
    // 25 connections each.
    let four = || vec![idle(), idle(), idle(), idle()];
    assert_eq!(check(1, four()), found("pooler-oversized", Outcome::Fail));
    let fault = Fault::Interrupted;
    let unseen = vec![idle(), visited(Sight::Fault(fault))];
    assert_eq!(check(1000, unseen), [("gonogo.interrupted".to_owned(), Outcome::Unknown)]);
    let mut elsewhere = pooler(pool((1, 2), (0, 0), 0.0));
    elsewhere.databases[0].port = "5433".to_owned();
    assert_eq!(check(1, vec![seen(elsewhere)]), found("pooler", Outcome::Unknown));
    // Where its clients cannot get in either, that is the pooler's own answer.
    let gone = vec![idle(), visited(Sight::Seen(Visit::Refused(Refusal::HungUp)))];
    assert_eq!(check(1000, gone), found("hung-up", Outcome::Fail));
    // Nobody has been there yet: the launch will bring one pool at least, and it is one too many.
    let fresh = |size: u32| {
        let mut pooler = pooler(pool((0, 0), (0, 0), 0.0));
        pooler.pools.clear();
        (pooler.databases[0].pools, pooler.databases[0].pool_size) = (0, size);
        vec![seen(pooler)]
    };
    assert_eq!(check(1, fresh(92)), []);
    assert_eq!(check(1, fresh(93)), found("pooler-oversized", Outcome::Fail));
    // A URL that leads through one of them does not make the demand its own: 160 of 200.
    let parameters = json!({"poolers": [console, console], "demand": {"connections": 160}});
    let mut through = quiet();
    through.pooler = Some(Sight::Seen(pooler(pool((1, 2), (0, 0), 0.0))));
    assert_eq!(check_with(parameters, Login::In(Box::new(through)), vec![idle(), idle()]), []);
}

#[test]
fn a_pooler_that_is_paused_or_too_large_is_told() {
    let change = |change: fn(&mut Pooler)| {
        let mut pooler = pooler(pool((1, 2), (0, 0), 0.0));
        change(&mut pooler);
        check_inside(json!({}), behind(pooler))
    };
    let paused = change(|pooler| pooler.databases[0].paused = true);
    assert_eq!(paused, found("pooler-paused", Outcome::Fail));
    let large = change(|pooler| pooler.databases[0].pool_size = 93);
    assert_eq!(large, found("pooler-oversized", Outcome::Fail));
    let many = change(|pooler| pooler.databases[0].pools = 4);
    assert_eq!(many, found("pooler-oversized", Outcome::Fail));
    let capped = change(|pooler| {
        pooler.databases[0].pools = 4;
        pooler.databases[0].max_connections = Some(90);
    });
    assert_eq!(capped, []);
}

fn step(held: u32, p99: f64, own_delay: f64, own_cpu: f64) -> Step {
    let times = |ms| Latency::of(vec![ms; 100]);
    Step {
        held,
        connect: times(5.0),
        statement: times(p99),
        own_delay: times(own_delay),
        own_cpu: Some(own_cpu),
        errors: BTreeMap::new(),
        first_error: None,
        free: Some(50),
    }
}

/// A ramp to two that ended so, its second step with these times in milliseconds and this share of the
/// processors.
fn ramp(end: End, p99: f64, own: (f64, f64), left: u32) -> impl FnOnce(&mut Inside) {
    move |inside| {
        inside.ramp = Some(Ramp::Ran(Run {
            ceiling: Ceiling { of: Limited::Server, limit: 97, free: 86, floor: 20 },
            planned: 2,
            steps: vec![step(1, 1.0, 0.5, 0.1), step(2, p99, own.0, own.1)],
            end,
            knee: None,
            left: Sight::Seen(left),
        }));
    }
}

#[test]
fn ramps_are_judged_by_how_they_ended() {
    let (plain, stated) = (json!({"ramp": {}}), json!({"ramp": {"max_p99": "10ms"}}));
    for (parameters, end, p99, own, expected) in [
        (&plain, End::Reached, 1.0, (0.5, 0.1), None),
        (&plain, End::Slow, 60.0, (0.5, 0.1), Some(("ramp-slow", Outcome::Warn))),
        (&stated, End::Slow, 60.0, (0.5, 0.1), Some(("ramp-slow", Outcome::Fail))),
        // This machine was busy itself: that says nothing about the server.
        (&stated, End::Slow, 60.0, (40.0, 0.1), Some(("ramp-slow", Outcome::Unknown))),
        (&stated, End::Slow, 60.0, (0.5, 0.95), Some(("ramp-slow", Outcome::Unknown))),
        (&plain, End::Waiting, 1.0, (0.5, 0.1), Some(("ramp-cut", Outcome::Unknown))),
        (&plain, End::Floor, 1.0, (0.5, 0.1), Some(("ramp-cut", Outcome::Unknown))),
        (&plain, End::Time, 1.0, (0.5, 0.1), Some(("ramp-cut", Outcome::Unknown))),
        (&plain, End::Blind, 1.0, (0.5, 0.1), Some(("ramp-cut", Outcome::Unknown))),
        (&plain, End::Errors, 1.0, (0.5, 0.1), Some(("ramp-errors", Outcome::Fail))),
    ] {
        let expected = expected.map_or(Vec::new(), |(code, outcome)| found(code, outcome));
        let seen = check_inside(parameters.clone(), ramp(end, p99, own, 0));
        assert_eq!(seen, expected, "{end:?} {parameters}");
    }
    let leak = ramp(End::Reached, 1.0, (0.5, 0.1), 2);
    assert_eq!(check_inside(plain, leak), found("leak", Outcome::Warn));
}

#[test]
fn contradictions_are_complained_about() {
    for (parameters, key) in [
        (json!({"headroom": "10%"}), "headroom"),
        (json!({"headroom": "100%", "demand": {"connections": 1}}), "headroom"),
        (json!({"max_used": "0%"}), "max_used"),
        (json!({"demand": {"replicas": 3}}), "demand"),
        (json!({"path_idle": "5m"}), "path_idle"),
        (json!({"path_idle": "5m", "demand": {"connections": 3}}), "path_idle"),
        (json!({"ramp": {"max_added": 0}}), "ramp"),
        (json!({"ramp": {"max_added": 1001}}), "ramp"),
        (json!({"ramp": {"hold": "1ms"}}), "ramp"),
        (json!({"ramp": {"hold": "1h"}}), "ramp"),
        (json!({"ramp": {"max_p99": "0s"}}), "ramp"),
    ] {
        let mut parameters = parameters;
        parameters["url"] = "postgres://u@h/d".into();
        let probe: PostgresPool = serde_json::from_value(parameters.clone()).expect("readable");
        let complaints = probe.complaints();
        assert_eq!(complaints.len(), 1, "{parameters}");
        assert_eq!(complaints[0].key, Some(key), "{parameters}");
    }
}
