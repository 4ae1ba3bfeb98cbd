//! What the engine adds to a check: 10 000 `tcp` checks beside as many bare connections, in one run.
//!
//! `cargo bench --bench engine` writes its figures to stdout. The server is a listener of its own on
//! loopback. Between two rows stands what each layer costs: the engine, its event log, and the whole
//! command with the reading of the list and the record.

#![expect(clippy::print_stdout, reason = "the figures are the product here")]

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use gonogo::checklist::load::{Options as LoadOptions, load};
use gonogo::clock::Clock;
use gonogo::engine::{self, Options};
use gonogo::history::Log;
use gonogo::model::event::Sink;
use gonogo::model::id::RunId;
use gonogo::model::outcome::Outcome;
use gonogo::model::record::{ChecklistRef, FORMAT, Header, Tool};
use gonogo::plan::{Plan, Selection, plan};
use tokio::net::TcpListener;

/// How many checks a list has.
const CHECKS: usize = 10_000;
/// How many of them run at once.
const JOBS: [usize; 3] = [1, 32, 2_000];
/// How often each row is measured; the least counts, since noise only adds.
const ROUNDS: usize = 5;

fn main() {
    // `cargo test --benches` runs this too, without the flag; a bench is no test.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let folder = tempfile::TempDir::new().expect("a folder");
    let server = Server::up();
    let list = folder.path().join("list.yaml");
    std::fs::write(&list, checklist(&server.addresses)).expect("a checklist");
    let options = LoadOptions { vars: &[], var_files: &[], secrets: None, launch: None };
    let begun = Clock.tick();
    let (checklist, _) = load(&list, &options).expect("a list without mistakes");
    println!("reading {CHECKS} checks: {:.0} ms", begun.elapsed().as_secs_f64() * 1e3);
    let planned = plan(&checklist, &Selection::default(), &Clock.local()).expect("a plan");
    for jobs in JOBS {
        println!("\n{CHECKS} checks, {jobs} at once");
        let bare = row("connections alone", None, || connect_all(&server.addresses, jobs));
        row("the engine", Some(bare), || run(&planned, jobs, None));
        row("and its event log", Some(bare), || run(&planned, jobs, Some(folder.path())));
    }
    whole(&list, folder.path());
}

/// What one check costs.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    /// Of all threads, the server's among them, which does the same in every row.
    cpu: Duration,
}

/// Measures something and prints it. CPU time says what the engine adds also where others use the
/// machine; it is counted over all rounds, since the kernel's clock of it is coarse.
fn row(what: &str, bare: Option<Cost>, mut measured: impl FnMut() -> Duration) -> Cost {
    let checks = u32::try_from(CHECKS).expect("a small number");
    let before = cpu();
    let least = (0..ROUNDS).map(|_| measured()).min().expect("a round");
    let rounds = u32::try_from(ROUNDS).expect("a small number");
    let cost = Cost { wall: least / checks, cpu: cpu().saturating_sub(before) / (rounds * checks) };
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    let added = bare.map_or_else(String::new, |bare| {
        let (wall, cpu) =
            (micros(cost.wall) - micros(bare.wall), micros(cost.cpu) - micros(bare.cpu));
        format!("  adds {wall:>5.1} and {cpu:>5.1}")
    });
    println!(
        "  {what:<22} us a check: {:>5.1} wall, {:>5.1} CPU{added}",
        micros(cost.wall),
        micros(cost.cpu)
    );
    cost
}

/// The CPU time of this process so far (proc(5): fields 14 and 15, in hundredths of a second).
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("proc");
    let (_, fields) = stat.rsplit_once(')').expect("a name in brackets");
    let ticks: u64 = fields
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().expect("a number"))
        .sum();
    Duration::from_millis(ticks * 10)
}

/// Listeners that accept and close; several addresses, so that no peer's limit is what is measured.
struct Server {
    addresses: Vec<SocketAddr>,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    fn up() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let addresses = (0..500).map(|_| runtime.block_on(listen(&runtime))).collect();
        Self { addresses, _runtime: runtime }
    }
}

async fn listen(runtime: &tokio::runtime::Runtime) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    runtime.spawn(async move {
        loop {
            let _closed_at_once = listener.accept().await;
        }
    });
    address
}

fn checklist(addresses: &[SocketAddr]) -> String {
    let mut text = String::from("gonogo: 1\nname: Bench\nsteps:\n  - name: All\n    checks:\n");
    for (n, address) in addresses.iter().cycle().take(CHECKS).enumerate() {
        writeln!(text, "      - {{ id: c{n}, tcp: {{ endpoint: \"{address}\" }} }}")
            .expect("a line");
    }
    text
}

fn connect_all(addresses: &[SocketAddr], jobs: usize) -> Duration {
    let runtime = runtime();
    let begun = Clock.tick();
    runtime.block_on(async {
        let connections = addresses.iter().cycle().take(CHECKS).map(|address| async {
            tokio::time::timeout(Duration::from_secs(5), tokio::net::TcpStream::connect(*address))
                .await
                .expect("an answer")
                .expect("a connection");
        });
        futures_util::stream::iter(connections).buffer_unordered(jobs).collect::<Vec<()>>().await;
    });
    begun.elapsed()
}

fn run(planned: &Plan<'_>, jobs: usize, log: Option<&Path>) -> Duration {
    let header = header(planned);
    let sinks: Vec<Box<dyn Sink>> = log
        .map(|folder| Box::new(Log::create(folder, header.run).expect("a log")) as Box<dyn Sink>)
        .into_iter()
        .collect();
    let options = Options {
        jobs,
        timeout: None,
        deadline: None,
        apply: false,
        allow_exec: false,
        fail_fast: false,
        workers: None,
        passfile: None,
        services: gonogo::net::postgres::Services::default(),
        unrecorded: None,
    };
    let runtime = runtime();
    let (_tell, stop) = tokio::sync::watch::channel(None);
    let begun: Instant = Clock.tick();
    let ran = runtime.block_on(engine::run(planned, header, options, sinks, stop));
    let took = begun.elapsed();
    let passed = ran.record.checks().filter(|check| check.outcome == Outcome::Pass).count();
    assert_eq!(passed, CHECKS, "every connection is accepted");
    took
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

fn header(planned: &Plan<'_>) -> Header {
    Header {
        format: FORMAT,
        run: RunId(uuid::Uuid::now_v7()),
        tool: Tool { name: "gonogo".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
        name: planned.checklist.name.clone(),
        checklist: ChecklistRef {
            path: planned.checklist.path.clone(),
            sha256: planned.checklist.sha256.clone(),
            git: None,
        },
        launch: None,
        window: planned.window,
        phase: planned.phase.clone(),
        vantage: None,
        shard: None,
        resumes: None,
        merged: Vec::new(),
        missing: Vec::new(),
        host: None,
        operator: None,
        started: planned.now,
        strict: false,
        apply: false,
        vars: planned.checklist.vars.clone(),
    }
}

/// The whole command, with the most memory it held.
fn whole(list: &Path, folder: &Path) {
    println!("\nthe whole command, {CHECKS} checks");
    for output in ["table", "json"] {
        let begun = Clock.tick();
        let mut child = Command::new(env!("CARGO_BIN_EXE_gonogo"))
            .arg("run")
            .arg(list)
            .args(["-o", output])
            .env("XDG_STATE_HOME", folder)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the command");
        let status = format!("/proc/{}/status", child.id());
        let mut peak = 0;
        while child.try_wait().expect("a child").is_none() {
            peak = peak.max(high_water(&status));
            std::thread::sleep(Duration::from_millis(1));
        }
        println!(
            "  -o {output:<19} {:>7.1} ms  peak {} MB",
            begun.elapsed().as_secs_f64() * 1e3,
            peak / 1024
        );
    }
}

/// The most memory a process has held, in kB.
fn high_water(status: &str) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
