//! How fast fifty connections are opened at once, beside Python's asyncpg, in one run against one
//! real PostgreSQL, plain and with TLS.
//!
//! `cargo bench --bench pools` needs PostgreSQL's server programs and openssl, and writes its figures
//! to stdout. `PYTHON` names the interpreter that has asyncpg; without asyncpg that row is missing and
//! says so. The server is the bench's own, on a free port of loopback, and is stopped again.

#![expect(clippy::print_stdout, reason = "the figures are the product here")]

mod server;

use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use gonogo::clock::{Clock, millis_since};
use gonogo::net::postgres::{Door, Found, Opened, Session};

use server::{PASSWORD, Server};

/// How many are opened at once.
const CONNECTIONS: usize = 50;
/// How often; the median counts.
const ROUNDS: usize = 9;
const LIMIT: Duration = Duration::from_secs(20);

/// The same with asyncpg: one JSON-like line, the milliseconds of opening all.
const ASYNCPG: &str = r#"
import asyncio, ssl, sys, time, asyncpg
port, mode, ca, count = int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
tls = ssl.create_default_context(cafile=ca) if mode == "tls" else False
async def one():
    connection = await asyncpg.connect(host="localhost", port=port, user="bench", password=sys.argv[5],
                                       database="postgres", ssl=tls)
    await connection.fetch("SELECT 1")
    return connection
async def main():
    begun = time.perf_counter()
    all = await asyncio.gather(*(one() for _ in range(count)))
    print((time.perf_counter() - begun) * 1000)
    for connection in all:
        await connection.close()
asyncio.run(main())
"#;

fn main() {
    // `cargo test --benches` runs this too, without the flag; a bench is no test.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let server = Server::up();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    println!("{CONNECTIONS} connections at once, each with one answer; median of {ROUNDS}, in ms");
    for mode in ["plain", "tls"] {
        let (mut ours, mut theirs, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
        // In turns, so that whatever else the machine does meets both.
        for _ in 0..ROUNDS {
            let (begun, work) = (Clock.tick(), Clock.worked());
            ours.push(runtime.block_on(gonogo(&server, mode)));
            cpu.extend(Clock.share_since(begun, work));
            theirs.extend(asyncpg(&server, mode));
        }
        // Where this is near 100% the machine is measured, and not the server.
        let share = match cpu.len() {
            0 => "the system does not tell its own CPU share".to_owned(),
            _ => format!("own CPU {:.0}% of the machine", median(cpu) * 100.0),
        };
        println!("  {mode:<6} gonogo  {:>8.1}  {share}", median(ours));
        match theirs.len() {
            ROUNDS => println!("  {mode:<6} asyncpg {:>8.1}", median(theirs)),
            _ => println!("  {mode:<6} asyncpg  not run: {} has no asyncpg", python()),
        }
    }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}

async fn gonogo(server: &Server, mode: &str) -> f64 {
    let rest = match mode {
        "tls" => format!("sslmode=verify-full&sslrootcert={}", server.certificate().display()),
        _ => "sslmode=disable".to_owned(),
    };
    let url = format!("postgres://bench:{PASSWORD}@localhost:{}/postgres?{rest}", server.port);
    let url = url.parse().expect("a good URL");
    let begun = Clock.tick();
    let found = Door::find(&url, "bench", "/".as_ref(), LIMIT).await.expect("an address");
    let Found::Door(door) = found else { panic!("no address") };
    let sessions = join_all((0..CONNECTIONS).map(|_| one(&door))).await;
    let took = millis_since(begun);
    for session in sessions {
        session.close(LIMIT).await;
    }
    took
}

async fn one(door: &Door) -> Session {
    match door.open(LIMIT).await.expect("an answer") {
        Opened::Open(mut session) => {
            session.ask("the bench", "SELECT 1", LIMIT).await.expect("an answer");
            *session
        }
        Opened::No(refusal) => panic!("{refusal}"),
    }
}

#[expect(clippy::disallowed_methods, reason = "the person who runs the bench names it")]
fn python() -> String {
    std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

fn asyncpg(server: &Server, mode: &str) -> Option<f64> {
    let output = Command::new(python())
        .args(["-c", ASYNCPG, &server.port.to_string(), mode])
        .arg(server.certificate())
        .args([&CONNECTIONS.to_string(), PASSWORD])
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&output.stdout);
    let missing = String::from_utf8_lossy(&output.stderr).contains("No module named");
    assert!(output.status.success() || missing, "{}", String::from_utf8_lossy(&output.stderr));
    said.trim().parse().ok()
}
