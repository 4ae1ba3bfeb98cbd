//! Proxies before MySQL by their own views: imitations of ProxySQL's admin interface and of
//! ShardingSphere-Proxy, neither of which Debian has, with the columns of their manuals in an order of
//! the test's own, and the lab's MariaDB behind them.

use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::mysql_pool::MysqlPool;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};

use super::likeness::{Likeness, OK, error, receive, send};
use super::{secret, url};
use crate::support::{Looked, context, lab, look, look_in};

/// A view: what its question contains, its columns, and its rows.
type View = (&'static str, &'static [&'static str], Vec<Vec<String>>);

/// A proxy: what it calls itself, and its views. What it does not have it refuses.
#[derive(Clone)]
struct Proxy {
    version: &'static str,
    views: Vec<View>,
    /// How long it thinks about each question, and before it greets.
    delay: Duration,
}

fn text(text: &str) -> Vec<u8> {
    [&[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat()
}

/// The description of a column (MySQL source documentation, "Column Definition 41").
fn column(name: &str) -> Vec<u8> {
    let mut packet: Vec<u8> =
        ["def", "s", "t", "t", name, name].into_iter().flat_map(text).collect();
    packet.extend([0x0c, 45, 0, 0, 1, 0, 0, 0xfd, 0, 0, 0, 0, 0]);
    packet
}

async fn serve(mut stream: TcpStream, proxy: Proxy) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut sequence = 0;
    let likeness = Likeness::called(proxy.version);
    tokio::time::sleep(proxy.delay).await;
    send(&mut stream, &mut sequence, &likeness.greeting()).await?;
    receive(&mut stream, &mut sequence).await?;
    send(&mut stream, &mut sequence, OK).await?;
    loop {
        let statement = receive(&mut stream, &mut sequence).await?;
        if statement.first() == Some(&1) {
            return Some(());
        }
        tokio::time::sleep(proxy.delay).await;
        let statement = String::from_utf8_lossy(&statement).into_owned();
        let view = proxy.views.iter().find(|(question, ..)| statement.contains(question));
        let Some((_, columns, rows)) = view else {
            let no = error(1045, "ProxySQL Admin Error: no such table");
            send(&mut stream, &mut sequence, &no).await?;
            continue;
        };
        send(&mut stream, &mut sequence, &[u8::try_from(columns.len()).expect("few")]).await?;
        for name in *columns {
            send(&mut stream, &mut sequence, &column(name)).await?;
        }
        send(&mut stream, &mut sequence, &[0xfe, 0, 0, 2, 0]).await?;
        for row in rows {
            let row: Vec<u8> = row.iter().flat_map(|value| text(value)).collect();
            send(&mut stream, &mut sequence, &row).await?;
        }
        send(&mut stream, &mut sequence, &[0xfe, 0, 0, 2, 0]).await?;
    }
}

#[expect(clippy::disallowed_methods, reason = "a server of the test's own needs its own tasks")]
async fn start(proxy: Proxy) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, proxy.clone()));
        }
    });
    format!("mysql://stats:geheim@{address}")
}

fn row(values: &[&str]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

/// The lab's MariaDB, host and port.
fn behind() -> (String, String) {
    let (host, port) = (lab("LAB_MYSQL"), lab("LAB_MYSQL_PORT"));
    (host.rsplit_once(':').expect("host and port").0.to_owned(), port)
}

/// A ProxySQL with two servers in one hostgroup, by their states; `limit` is what it may open to each.
fn proxysql(clients: &str, states: [&str; 2], used: &str, limit: Option<&str>) -> Proxy {
    let (host, port) = behind();
    let server =
        |n: usize, host: &str, port: &str| row(&[used, "0", "1", states[n], host, port, "5", "7"]);
    let mut views: Vec<View> = vec![
        (
            "stats_mysql_connection_pool",
            &[
                "ConnUsed",
                "ConnFree",
                "hostgroup",
                "status",
                "srv_host",
                "srv_port",
                "ConnOK",
                "ConnERR",
            ],
            vec![server(0, &host, &port), server(1, "192.0.2.9", "3306")],
        ),
        (
            "stats_mysql_global",
            &["Variable_Name", "Variable_Value"],
            vec![row(&["ProxySQL_Uptime", "9"]), row(&["Client_Connections_connected", clients])],
        ),
        (
            "FROM global_variables",
            &["variable_value", "variable_name"],
            vec![row(&["8.0.30", "mysql-server_version"]), row(&["100", "mysql-max_connections"])],
        ),
    ];
    if let Some(limit) = limit {
        views.push((
            "runtime_mysql_servers",
            &["hostgroup_id", "hostname", "port", "max_connections"],
            vec![row(&["1", &host, &port, limit])],
        ));
    }
    Proxy { version: "8.0.30", views, delay: Duration::ZERO }
}

async fn looked(proxy: Proxy, more: Value) -> Looked<MysqlPool> {
    let mut parameters = more;
    parameters["url"] = url("gonogo", "game").into();
    parameters["poolers"] = json!([start(proxy).await]);
    look::<MysqlPool>(parameters).await
}

#[tokio::test]
async fn a_proxysql_is_judged_by_its_own_views() {
    let _turn = super::turn().await;
    let up = ["ONLINE", "ONLINE"];
    for (proxy, parameters, outcome, code) in [
        (
            proxysql("40", up, "3", Some("20")),
            json!({"demand": {"connections": 80}}),
            Outcome::Pass,
            "ok",
        ),
        // What it may open to the server it tells its administrators only.
        (proxysql("40", up, "3", None), json!({}), Outcome::Warn, "proxy"),
        (proxysql("81", up, "3", Some("20")), json!({}), Outcome::Warn, "proxy-full"),
        (
            proxysql("81", up, "3", Some("20")),
            json!({"max_used": "80%"}),
            Outcome::Fail,
            "proxy-full",
        ),
        (proxysql("100", up, "3", Some("20")), json!({}), Outcome::Fail, "proxy-full"),
        (
            proxysql("40", ["ONLINE", "SHUNNED"], "3", Some("20")),
            json!({}),
            Outcome::Warn,
            "proxy-server-down",
        ),
        (
            proxysql("40", ["SHUNNED", "OFFLINE_SOFT"], "3", Some("20")),
            json!({}),
            Outcome::Fail,
            "proxy-server-down",
        ),
        // Somebody has taken it out of use, and there is another.
        (
            proxysql("40", ["ONLINE", "OFFLINE_SOFT"], "3", Some("20")),
            json!({}),
            Outcome::Pass,
            "ok",
        ),
        (proxysql("40", up, "20", Some("20")), json!({}), Outcome::Warn, "proxy-exhausted"),
        // The server itself has thirty.
        (proxysql("40", up, "3", Some("31")), json!({}), Outcome::Fail, "proxy-budget"),
        (
            proxysql("40", up, "3", Some("20")),
            json!({"demand": {"connections": 81}}),
            Outcome::Fail,
            "over-budget",
        ),
    ] {
        let looked = looked(proxy, parameters.clone()).await;
        let code = format!("mysql_pool.{code}");
        assert_eq!(looked.outcome(), outcome, "{parameters} {:?}", looked.findings);
        assert_eq!(looked.codes(outcome), [code.as_str()], "{parameters} {:?}", looked.findings);
    }
    let looked = looked(proxysql("40", ["ONLINE", "SHUNNED"], "3", Some("20")), json!({})).await;
    let down = looked.findings.iter().find(|it| it.outcome == Outcome::Warn).expect("one");
    assert_eq!(
        down.message,
        "hostgroup 1, 1 of 2 online: 192.0.2.9:3306 is SHUNNED (7 connections to it failed)"
    );
}

#[tokio::test]
async fn a_proxy_that_does_not_know_the_server_is_unknown() {
    let _turn = super::turn().await;
    let mut proxy = proxysql("40", ["ONLINE", "ONLINE"], "3", Some("20"));
    for row in &mut proxy.views[0].2 {
        row[4] = "192.0.2.8".to_owned();
    }
    let looked = looked(proxy, json!({})).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["mysql_pool.proxy"], "{:?}", looked.findings);
    assert_eq!(looked.outcome(), Outcome::Unknown, "{:?}", looked.findings);
    let other = looked.findings.iter().find(|it| it.outcome == Outcome::Unknown).expect("one");
    assert!(other.message.contains("but 192.0.2.8:"), "{}", other.message);
}

#[tokio::test]
async fn a_slow_proxy_hides_nothing_of_the_server() {
    let _turn = super::turn().await;
    let mut proxy = proxysql("40", ["ONLINE", "ONLINE"], "3", Some("20"));
    // Each answer just in time, and all together not.
    proxy.delay = Duration::from_millis(400);
    let parameters = json!({"url": url("gonogo", "game"), "poolers": [start(proxy).await]});
    let cx = context(Duration::from_secs(2));
    let looked = look_in::<MysqlPool>(parameters, &cx).await;
    assert!(!cx.limit.saturating_duration_since(cx.clock.tick()).is_zero(), "it took too long");
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.timeout"], "{:?}", looked.findings);
    assert_eq!(looked.codes(Outcome::Pass), ["mysql_pool.ok"], "the server itself was seen");
}

#[tokio::test]
async fn a_sum_with_an_unknown_in_it_is_not_compared() {
    let _turn = super::turn().await;
    let seen = start(proxysql("40", ["ONLINE", "ONLINE"], "3", Some("20"))).await;
    let closed = format!("mysql://u:p@{}", lab("LAB_CLOSED"));
    let demand = json!({"connections": 150});
    let parameters =
        json!({"url": url("gonogo", "game"), "poolers": [seen, closed], "demand": demand});
    let looked = look::<MysqlPool>(parameters).await;
    assert_eq!(looked.codes(Outcome::Fail), Vec::<&str>::new(), "{:?}", looked.findings);
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.unreachable"], "{:?}", looked.findings);
}

#[tokio::test]
async fn a_proxy_without_servers_fails() {
    let _turn = super::turn().await;
    let mut proxy = proxysql("40", ["ONLINE", "ONLINE"], "3", None);
    proxy.views[0].2.clear();
    let looked = looked(proxy, json!({})).await;
    assert_eq!(
        looked.codes(Outcome::Fail),
        ["mysql_pool.proxy-server-down"],
        "{:?}",
        looked.findings
    );
}

#[tokio::test]
async fn a_proxy_that_shows_nothing_is_unknown() {
    let _turn = super::turn().await;
    let silent = Proxy { version: "8.0.30", views: Vec::new(), delay: Duration::ZERO };
    let looked = looked(silent, json!({})).await;
    assert_eq!(
        looked.codes(Outcome::Unknown),
        ["gonogo.answer-unreadable"],
        "{:?}",
        looked.findings
    );
    let closed = json!({"url": url("gonogo", "game"), "poolers": [format!("mysql://u:{}@{}", secret("gonogo"), lab("LAB_CLOSED"))]});
    let looked = look::<MysqlPool>(closed).await;
    assert_eq!(looked.outcome(), Outcome::Unknown);
    assert_eq!(looked.codes(Outcome::Pass), ["mysql_pool.ok"], "the server itself was seen");
}

/// A ShardingSphere-Proxy with one storage unit, twenty connections by each of so many nodes.
fn sharding_sphere(nodes: usize, old: bool) -> Proxy {
    let (host, port) = behind();
    let units: View = if old {
        let attribute = r#"{"maxPoolSize":20,"minPoolSize":1}"#;
        (
            "STORAGE UNITS",
            &["name", "type", "host", "port", "db", "attribute"],
            vec![row(&["ds_0", "MySQL", &host, &port, "game", attribute])],
        )
    } else {
        (
            "STORAGE UNITS",
            &["max_pool_size", "name", "type", "host", "port", "db"],
            vec![row(&["20", "ds_0", "MySQL", &host, &port, "game"])],
        )
    };
    let node = row(&["a", "PROXY", "192.0.2.1", "3307", "OK"]);
    let nodes: View = (
        "COMPUTE NODES",
        &["instance_id", "instance_type", "host", "port", "status"],
        vec![node; nodes],
    );
    let version = "5.7.22-ShardingSphere-Proxy 5.5.2";
    Proxy { version, views: vec![units, nodes], delay: Duration::ZERO }
}

#[tokio::test]
async fn each_node_of_a_shardingsphere_opens_a_pool_of_its_own() {
    let _turn = super::turn().await;
    for (nodes, old, outcome, code) in [
        (1, false, Outcome::Pass, "mysql_pool.ok"),
        (2, false, Outcome::Fail, "mysql_pool.proxy-budget"),
        (2, true, Outcome::Fail, "mysql_pool.proxy-budget"),
    ] {
        let looked = looked(sharding_sphere(nodes, old), json!({})).await;
        assert_eq!(looked.outcome(), outcome, "{nodes} {:?}", looked.findings);
        assert_eq!(looked.codes(outcome), [code], "{nodes} {:?}", looked.findings);
    }
    let looked = looked(sharding_sphere(2, false), json!({})).await;
    let over = looked.findings.iter().find(|it| it.outcome == Outcome::Fail).expect("one");
    assert_eq!(over.message, "the proxies can open 40 connections, max_connections is 30");
    assert!(over.actual.as_ref().is_some_and(|it| it.contains("20 × 2 nodes")), "{over:?}");
}

#[tokio::test]
async fn the_clients_of_a_shardingsphere_are_unlimited_only_where_it_says_so() {
    let _turn = super::turn().await;
    let limit = |value: &str| -> View {
        let columns = &["variable_name", "variable_value"];
        ("DIST VARIABLE", columns, vec![row(&["proxy_frontend_max_connections", value])])
    };
    for (view, outcome, code) in [
        // Whoever is no administrator of it is not told.
        (None, Outcome::Unknown, "gonogo.answer-unreadable"),
        (Some(limit("0")), Outcome::Pass, "mysql_pool.ok"),
        (Some(limit("100")), Outcome::Fail, "mysql_pool.over-budget"),
    ] {
        let mut proxy = sharding_sphere(1, false);
        proxy.views.extend(view);
        let looked = looked(proxy, json!({"demand": {"connections": 100_000}})).await;
        assert_eq!(looked.outcome(), outcome, "{:?}", looked.findings);
        assert_eq!(looked.codes(outcome), [code], "{:?}", looked.findings);
    }
}
