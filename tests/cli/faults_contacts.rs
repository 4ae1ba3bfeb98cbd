//! No surprise on the network: a run contacts whom `plan` names, and nobody else. Counted from outside,
//! by the system calls of the process and of everything it starts.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::process::Command;

use serde_json::Value;

use crate::hostile::{Server, deaf, http};
use crate::support::{Desk, list};

/// The addresses in what strace wrote of `connect`, `sendto` and their like.
fn contacted(trace: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in trace.lines() {
        let mut rest = line;
        while let Some(at) = rest.find("port=htons(") {
            rest = &rest[at + "port=htons(".len()..];
            let port = rest.split(')').next().unwrap_or_default();
            // The address is the next text in quotes, of either family.
            let address = rest.split('"').nth(1).unwrap_or_default();
            let ip: IpAddr = address.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
            found.insert(std::net::SocketAddr::new(ip, port.parse().expect("a port")).to_string());
        }
    }
    found
}

#[test]
fn a_run_contacts_whom_the_plan_names_and_nobody_else() {
    let desk = Desk::new();
    let json = || Server::answering(|_| http("{}"));
    let servers: Vec<Server> = (0..4).map(|_| json()).collect();
    let silent: Vec<Server> = (0..6).map(|_| Server::silent()).collect();
    let (_socket, udp) = deaf();
    let at = |n: usize| format!("127.0.0.1:{}", servers[n].port);
    let quiet = |n: usize| format!("127.0.0.1:{}", silent[n].port);
    let pool = "demand: { connections: 1 }";
    let checks = [
        ("http", format!("http: {{ url: \"http://{}/\" }}", at(0))),
        ("https", format!("http: {{ url: \"https://{}/\" }}", quiet(0))),
        ("rules", format!("alert_rules: {{ prometheus: \"http://{}\", rules: [R] }}", at(1))),
        (
            "am",
            format!(
                "silence: {{ alertmanagers: [\"http://{}\"], prometheus: \"http://{}\", matchers: ['a=\"b\"'], for: 1h, comment: c }}",
                at(2),
                at(3)
            ),
        ),
        (
            "tls",
            format!(
                "tls: {{ endpoint: \"{}\", addresses: [127.0.0.1], revocation: off }}",
                quiet(1)
            ),
        ),
        ("tcp", format!("tcp: {{ endpoint: \"{}\" }}", quiet(2))),
        ("postgres", format!("postgres_pool: {{ url: \"postgres://u@{}/d\", {pool} }}", quiet(3))),
        ("mysql", format!("mysql_pool: {{ url: \"mysql://u@{}/d\", {pool} }}", quiet(4))),
        ("redis", format!("redis: {{ url: \"redis://{}/\", {pool} }}", quiet(5))),
        (
            "dns",
            format!(
                "dns: {{ names: [a.example.com], types: [A], resolvers: [\"127.0.0.1:{udp}\"], authorities: off }}"
            ),
        ),
    ];
    let checks = checks.map(|(id, body)| (id, format!("timeout: 700ms, {body}")));
    desk.write("list.yaml", list(&checks));
    let plan = desk.gonogo(&["plan", "list.yaml", "-o", "json"]);
    let plan: Value = serde_json::from_str(&plan.stdout).expect("JSON");
    let peers = plan["peers"].as_array().expect("peers").iter();
    let planned: BTreeSet<String> =
        peers.map(|peer| peer["address"].as_str().expect("an address").to_owned()).collect();
    assert_eq!(planned.len(), servers.len() + silent.len() + 1, "{planned:?}");
    let own = desk.command(&[]);
    let ran = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", "trace"])
        .arg(own.get_program())
        .args(["run", "list.yaml", "-o", "json=r.json", "-q"])
        .current_dir(desk.path("."))
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HOME", desk.path("."))
        .output()
        .expect("strace, of the Debian package strace");
    assert!(matches!(ran.status.code(), Some(1 | 3)), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(contacted(&desk.read("trace")), planned);
}

#[test]
fn a_plan_names_the_resolver_that_names_are_looked_up_at() {
    let desk = Desk::new();
    desk.write(
        "list.yaml",
        list(&[
            ("name", "http: { url: \"https://login.example.com/\", follow: true }".to_owned()),
            ("address", "tcp: { endpoint: \"[::1]:443\" }".to_owned()),
            ("local", "tcp: { endpoint: \"localhost:443\" }".to_owned()),
            ("socket", "postgres_pool: { url: \"postgres://u@/d?host=/run/postgresql\", demand: { connections: 1 } }".to_owned()),
            ("named", "tls: { endpoint: \"login.example.com:443\", resolver: 192.0.2.53, revocation: off }".to_owned()),
        ]),
    );
    let plan = desk.gonogo(&["plan", "list.yaml", "-o", "json"]);
    let plan: Value = serde_json::from_str(&plan.stdout).expect("JSON");
    let peers = |n: usize| -> Vec<String> {
        let peers = plan["steps"][0]["checks"][n]["peers"].as_array().expect("peers").iter();
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        peers
            .map(|peer| format!("{} {}", text(&peer["protocol"]), text(&peer["address"])))
            .collect()
    };
    assert_eq!(
        peers(0),
        ["https login.example.com:443", "https whom the answer redirects to", "dns system"]
    );
    for n in 1..4 {
        assert!(!peers(n).contains(&"dns system".to_owned()), "{:?}", peers(n));
    }
    assert_eq!(peers(4), ["dns 192.0.2.53:53", "tls login.example.com:443"]);
}
