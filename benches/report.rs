//! How long reports take and how much memory they need.
//!
//! `cargo bench --bench report` writes its figures to stdout and fails when one of them is beyond what
//! is promised: 1 000 checks as table, JUnit and HTML together in 200 ms, as PDF in 500 ms, and 10 000
//! checks in every format within 300 MB.

#![expect(clippy::print_stdout, reason = "the figures are the product here")]

#[path = "../tests/report/sample.rs"]
#[expect(dead_code, reason = "the tests need the other records")]
mod sample;
#[path = "../tests/report/seen.rs"]
mod seen;

use std::time::Duration;

use gonogo::clock::Clock;
use gonogo::model::record::RunRecord;
use gonogo::report::{Format, Look, render};

/// Beyond what is promised the bench fails.
const TOGETHER: Duration = Duration::from_millis(200);
const PDF: Duration = Duration::from_millis(500);
const MEMORY: u64 = 300;

fn main() {
    // `cargo test --benches` runs this too, without the flag; a bench is no test.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let record = record(1_000);
    let mut together = Duration::ZERO;
    let mut kept = true;
    for format in Format::ALL {
        let (took, bytes) = best_of(5, *format, &record);
        println!("{format:<11} 1 000 checks {:>7.1} ms {bytes:>9} bytes", millis(took));
        match format.as_str() {
            "table" | "junit" | "html" => together += took,
            "pdf" => kept &= took <= PDF,
            _ => {}
        }
    }
    println!("table, junit and html together: {:.1} ms", millis(together));
    kept &= together <= TOGETHER;
    drop(record);

    let record = self::record(10_000);
    forget_peak();
    println!("the record of 10 000 checks itself: {} MB", peak());
    for format in Format::ALL {
        forget_peak();
        let (took, bytes) = best_of(1, *format, &record);
        let (took, most) = (millis(took), peak());
        println!(
            "{format:<11} 10 000 checks {took:>7.1} ms {bytes:>9} bytes, {most} MB with the record"
        );
        kept &= most <= MEMORY;
    }
    assert!(kept, "slower or larger than promised");
}

/// Many checks, each with the facts a real look brings.
fn record(n: usize) -> RunRecord {
    let mut record = sample::many(n);
    for (n, check) in record.steps.iter_mut().flat_map(|step| &mut step.checks).enumerate() {
        check.observation = Some(match n % 3 {
            0 => seen::dns().into(),
            1 => seen::tls().into(),
            _ => seen::pool().into(),
        });
    }
    record
}

fn best_of(times: usize, format: Format, record: &RunRecord) -> (Duration, usize) {
    let look = Look::default();
    (0..times)
        .map(|_| {
            let began = Clock.tick();
            let bytes = render(format, record, &look).expect("a report renders");
            (began.elapsed(), bytes.len())
        })
        .min()
        .expect("at least once")
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// Counts the most memory from now on (`man 5 proc`, `clear_refs`).
fn forget_peak() {
    let _unknown_here = std::fs::write("/proc/self/clear_refs", "5");
}

/// The most memory this process has had, in MB, as Linux counts it.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
