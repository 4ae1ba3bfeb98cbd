//! How fast many names are asked, beside dnsperf and dig, against a real nsd and a real unbound.
//!
//! `cargo bench --bench dns` needs nsd, unbound, dnsperf and dig on the PATH and writes its figures
//! to stdout. It starts servers of its own on free ports of loopback and stops them again.

#![expect(clippy::print_stdout, reason = "the figures are the product here")]

mod servers;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gonogo::clock::Clock;
use gonogo::net::dns::{Answer, Ask, Client, Pace, Patience, Rate, Rcode, Recursion, Server, fqdn};
use hickory_proto::rr::RecordType;

use servers::{Lab, ZONE};

/// How many names, each asked for A and AAAA.
const NAMES: usize = 5_000;

/// How often each contest is held: other work on the machine makes a turn slow, never fast.
const TRIES: usize = 5;

fn main() {
    // `cargo test --benches` runs this too, without the flag; a bench is no test.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let lab = Lab::up(NAMES);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    println!("{NAMES} names x A, AAAA; 100 questions under way; the best of {TRIES}, in turns");
    println!("\nunbound, cold");
    contest(|| {
        // Each its own, with an empty cache.
        let theirs = dnsperf(&lab.questions(), lab.resolver().port, 1);
        (theirs, ours(&runtime, lab.resolver().port, 1))
    });
    println!("\nunbound, warm");
    let resolver = lab.resolver();
    dnsperf(&lab.questions(), resolver.port, 1);
    contest(|| {
        let theirs = dnsperf(&lab.questions(), resolver.port, 10);
        (theirs, ours(&runtime, resolver.port, 10))
    });
    println!("\nnsd");
    contest(|| {
        let theirs = dnsperf(&lab.questions(), lab.authority, 10);
        (theirs, ours(&runtime, lab.authority, 10))
    });
    println!("\nnsd with its default response rate limit, names that do not exist");
    row("dnsperf", &dnsperf(&lab.absent(), lab.limited, 1));
    row("gonogo, queries alone", &absent(&runtime, lab.limited));
    println!("\nwhole commands, unbound warm");
    let (mut theirs, mut digs, mut ours) = (Vec::new(), Vec::new(), Vec::new());
    let mut most = 0;
    for _ in 0..TRIES {
        theirs.push(timed(&mut dnsperf_command(&lab.questions(), resolver.port, 1)).0);
        digs.push(timed(&mut dig(&lab, resolver.port)).0);
        let (took, peak) = timed(&mut whole(&lab, resolver.port));
        ours.push(took);
        most = most.max(peak);
    }
    for (who, took) in [("dnsperf", theirs), ("dig -f", digs), ("gonogo run", ours)] {
        println!("  {who:<24} {:>9}", took.into_iter().min().map(show).unwrap_or_default());
    }
    println!("  gonogo's peak of memory  {:>6} MB", most / 1024);
}

/// The best of several turns of both.
fn contest(turn: impl Fn() -> (Figures, Figures)) {
    let turns: Vec<(Figures, Figures)> = (0..TRIES).map(|_| turn()).collect();
    let best = |of: fn(&(Figures, Figures)) -> &Figures| {
        turns.iter().map(of).min_by_key(|figures| figures.took).expect("a turn")
    };
    row("dnsperf", best(|(theirs, _)| theirs));
    row("gonogo, queries alone", best(|(_, ours)| ours));
}

/// What a run of questions came to.
struct Figures {
    asked: usize,
    lost: usize,
    took: Duration,
}

fn row(who: &str, figures: &Figures) {
    let asked = f64::from(u32::try_from(figures.asked).unwrap_or(u32::MAX));
    let rate = asked / figures.took.as_secs_f64();
    println!(
        "  {who:<24} {rate:>9.0} questions/s  {:>9}  lost {} of {}",
        show(figures.took),
        figures.lost,
        figures.asked
    );
}

fn show(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1000.0)
}

fn ours(runtime: &tokio::runtime::Runtime, port: u16, repeats: usize) -> Figures {
    let asks: Vec<Ask> = (0..NAMES)
        .flat_map(|n| {
            let name = fqdn(&format!("n{n}.{ZONE}")).expect("a name");
            [RecordType::A, RecordType::AAAA]
                .map(|kind| Ask::new(name.clone(), kind, Recursion::Desired))
        })
        .collect();
    ask(runtime, port, &asks, repeats, Answer::is_positive)
}

/// Names that do not exist: the answers a rate limit counts together.
fn absent(runtime: &tokio::runtime::Runtime, port: u16) -> Figures {
    let asks: Vec<Ask> = (0..servers::ABSENT)
        .map(|n| {
            let name = fqdn(&format!("x{n}.{ZONE}")).expect("a name");
            Ask::new(name, RecordType::A, Recursion::Off)
        })
        .collect();
    ask(runtime, port, &asks, 1, |answer| answer.rcode == Rcode::NXDOMAIN)
}

/// Asks all questions so many times and counts those whose answer is not good.
fn ask(
    runtime: &tokio::runtime::Runtime,
    port: u16,
    asks: &[Ask],
    repeats: usize,
    good: impl Fn(&Answer) -> bool,
) -> Figures {
    let server = Server::udp(([127, 0, 0, 1], port).into());
    let mut client = Client::new(server, Pace::for_server(&server, Some(Rate::Unlimited)));
    let patience = Patience::about(Duration::from_secs(5));
    let begun = Clock.tick();
    let mut lost = 0;
    for _ in 0..repeats {
        let until = Clock.tick() + Duration::from_mins(1);
        let answers = runtime.block_on(client.ask_all(asks, patience, until, Answer::read));
        lost += answers.iter().filter(|answer| !answer.as_ref().is_ok_and(&good)).count();
    }
    Figures { asked: asks.len() * repeats, lost, took: begun.elapsed() }
}

fn dnsperf_command(questions: &Path, port: u16, repeats: usize) -> Command {
    let mut command = Command::new("dnsperf");
    command.args(["-s", "127.0.0.1", "-q", "100", "-c", "1", "-T", "1", "-t", "5"]);
    command.args(["-p", &port.to_string(), "-n", &repeats.to_string(), "-d"]);
    command.arg(questions).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn dnsperf(questions: &Path, port: u16, repeats: usize) -> Figures {
    let output = dnsperf_command(questions, port, repeats).output().expect("dnsperf is installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let word = |label: &str| -> &str {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(label));
        line.and_then(|line| line.split_whitespace().next()).unwrap_or("0")
    };
    let count = |label| word(label).parse::<usize>().unwrap_or_default();
    let seconds: f64 = word("Run time (s):").parse().unwrap_or_default();
    Figures {
        asked: count("Queries sent:"),
        lost: count("Queries sent:") - count("Queries completed:"),
        took: Duration::from_secs_f64(seconds),
    }
}

fn dig(lab: &Lab, port: u16) -> Command {
    let mut command = Command::new("dig");
    command.args(["@127.0.0.1", "-p", &port.to_string(), "+noall", "+answer", "-f"]);
    command.arg(lab.questions()).stdout(Stdio::null());
    command
}

/// The whole command: reading the list, asking, judging, writing the record.
fn whole(lab: &Lab, port: u16) -> Command {
    let list = lab.dir().join("bench.yaml");
    let text = format!(
        "gonogo: 1\nname: bench\nsteps:\n  - name: dns\n    checks:\n      - id: names\n        dns:\n          \
         names_file: names.txt\n          resolvers: [\"127.0.0.1:{port}\"]\n          \
         authorities: off\n          warm: {{ rounds: 0 }}\n"
    );
    std::fs::write(&list, text).expect("a checklist");
    let mut command = Command::new(env!("CARGO_BIN_EXE_gonogo"));
    command.arg("run").arg(&list).args(["-o", "json"]);
    command.env("XDG_STATE_HOME", lab.dir()).current_dir(lab.dir());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// How long a command takes, and the most memory it held, in kB.
fn timed(command: &mut Command) -> (Duration, u64) {
    let begun: Instant = Clock.tick();
    let mut child = command.stdout(Stdio::null()).spawn().expect("the command is installed");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        peak = peak.max(high_water(Path::new(&status)));
        if child.try_wait().expect("a child").is_some() {
            return (begun.elapsed(), peak);
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn high_water(status: &Path) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}
