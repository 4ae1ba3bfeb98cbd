//! How fast many TLS endpoints are judged, beside curl that verifies chain and staple of the same
//! ones, on the lab's nginx.
//!
//! `cargo bench --bench tls` needs a running lab (`GONOGO_LAB`, or `./dev lab up`) and curl, and
//! writes its figures to stdout.

#![expect(clippy::print_stdout, reason = "the figures are the product here")]
#![expect(clippy::disallowed_methods, reason = "./dev bench says where the lab is")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use gonogo::clock::Clock;
use tempfile::TempDir;

/// How many endpoints are looked at, beside curl.
const ENDPOINTS: u32 = 200;

/// How many, to see what memory it takes.
const CROWD: u32 = 5_000;

/// How often each is timed; the middle one counts.
const ROUNDS: usize = 7;

fn main() {
    // `cargo test --benches` runs this too, without the flag; a bench is no test.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let lab = Lab::find();
    let folder = TempDir::new().expect("a folder");
    let few = lab.checklist(folder.path(), ENDPOINTS);
    let urls = lab.urls(folder.path(), ENDPOINTS);
    println!("{ENDPOINTS} endpoints: chain, name, dates and staple of each, one connection each");
    // In turns, so that both meet the same neighbours on the machine.
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        theirs.push(timed(&mut curl(&urls)));
        ours.push(timed(&mut gonogo(&few)));
    }
    row("curl -Z --parallel-max 50 --cert-status", ENDPOINTS, middle(theirs));
    row("gonogo run", ENDPOINTS, middle(ours));
    println!("\n{CROWD} endpoints");
    let many = lab.checklist(folder.path(), CROWD);
    row("gonogo run", CROWD, timed(&mut gonogo(&many)));
}

/// Where the lab's nginx is and what it is to be trusted by.
struct Lab {
    zone: String,
    port: String,
    ca: String,
}

impl Lab {
    fn find() -> Self {
        let dir = std::env::var("GONOGO_LAB")
            .unwrap_or_else(|_| format!("{}/.lab", env!("CARGO_MANIFEST_DIR")));
        let text = std::fs::read_to_string(PathBuf::from(dir).join("lab.env"))
            .expect("no lab; ./dev lab up first");
        let value = |key: &str| {
            let mut lines = text.lines().filter_map(|line| line.strip_prefix(key));
            lines.find_map(|rest| rest.strip_prefix('=')).expect("a value of the lab").to_owned()
        };
        Self { zone: value("LAB_ZONE"), port: value("LAB_HTTPS_PORT"), ca: value("LAB_CA") }
    }

    fn names(&self, count: u32) -> impl Iterator<Item = String> {
        (0..count).map(|n| format!("n{n}.many.{}", self.zone))
    }

    /// A checklist with one check for each endpoint.
    fn checklist(&self, folder: &Path, count: u32) -> PathBuf {
        let mut text = "gonogo: 1\nname: bench\nsteps:\n  - name: tls\n    checks:\n".to_owned();
        for (n, name) in self.names(count).enumerate() {
            writeln!(
                text,
                "      - id: n{n}\n        tls: {{ endpoint: \"{name}:{}\", addresses: [127.0.0.1], ca: {} }}",
                self.port, self.ca
            )
            .expect("a string");
        }
        let file = folder.join(format!("{count}.yaml"));
        std::fs::write(&file, text).expect("written");
        file
    }

    /// The same endpoints for curl.
    fn urls(&self, folder: &Path, count: u32) -> PathBuf {
        let (port, mut text) = (&self.port, String::new());
        writeln!(text, "cacert = {}\nconnect-to = \"::127.0.0.1:{port}\"", self.ca)
            .expect("a string");
        for name in self.names(count) {
            writeln!(text, "url = https://{name}:{port}/healthz\noutput = /dev/null")
                .expect("a string");
        }
        let file = folder.join("urls");
        std::fs::write(&file, text).expect("written");
        file
    }
}

fn curl(urls: &Path) -> Command {
    let mut command = Command::new("curl");
    command.args(["-sSf", "-Z", "--parallel-max", "50", "--cert-status", "-K"]).arg(urls);
    command
}

fn gonogo(list: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gonogo"));
    command.arg("run").arg(list).args(["-o", "json"]);
    command.env("XDG_STATE_HOME", list.parent().expect("its folder"));
    command
}

/// How long a command took, and the most memory it held, in kB.
#[derive(Clone, Copy)]
struct Figures {
    took: Duration,
    peak: u64,
}

fn timed(command: &mut Command) -> Figures {
    let begun = Clock.tick();
    let spawned = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut child = spawned.expect("the command is installed");
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        peak = peak.max(high_water(Path::new(&status)));
        if let Some(end) = child.try_wait().expect("a child") {
            assert!(end.success(), "{command:?} ended with {end}");
            return Figures { took: begun.elapsed(), peak };
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn high_water(status: &Path) -> u64 {
    let text = std::fs::read_to_string(status).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

fn middle(mut figures: Vec<Figures>) -> Figures {
    figures.sort_by_key(|one| one.took);
    figures[figures.len() / 2]
}

fn row(who: &str, endpoints: u32, figures: Figures) {
    let seconds = figures.took.as_secs_f64();
    let rate = f64::from(endpoints) / seconds;
    println!(
        "  {who:<40} {rate:>6.0} endpoints/s  {:>8.1} ms  peak {:>4} MB",
        seconds * 1000.0,
        figures.peak / 1024
    );
}
