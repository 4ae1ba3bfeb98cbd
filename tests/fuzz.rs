//! A short smoke of every fuzz target: over the seeds, and over seeds that are cut, doubled and
//! bent, always the same ones. `./dev fuzz` is the long way.

#![expect(clippy::print_stdout, reason = "the input that makes a target panic must be seen")]

#[path = "../fuzz/src/lib.rs"]
mod targets;

use std::path::{Path, PathBuf};

/// How many bent inputs a target gets.
const BENT: usize = 400;

/// The files a target begins with: its own, and those that stand elsewhere in the project.
fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let own = root.join("fuzz/seeds").join(target);
    let more: &[&str] = match target {
        "checklist" => &["checklists", "tests/cli/bad"],
        "log" => &["tests/report/golden"],
        _ => &[],
    };
    let mut files: Vec<PathBuf> = std::iter::once(own)
        .chain(more.iter().map(|folder| root.join(folder)))
        .flat_map(|folder| std::fs::read_dir(&folder).into_iter().flatten())
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
        .into_iter()
        .map(|path| {
            let bytes = std::fs::read(&path).expect("a seed");
            (path, bytes)
        })
        .collect()
}

/// The next number of a fixed sequence (xorshift64), below a bound.
fn next(state: &mut u64, below: usize) -> usize {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    usize::try_from(*state % below.max(1) as u64).expect("a small number")
}

/// A seed with a few changes, each of a kind that has broken a reader somewhere.
fn bend(seed: &[u8], other: &[u8], state: &mut u64) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=next(state, 3) {
        let at = next(state, bytes.len());
        let end = (at + 1 + next(state, 64)).min(bytes.len());
        match next(state, 7) {
            0 => bytes.truncate(at),
            1 if !bytes.is_empty() => bytes[at] ^= 1 << next(state, 8),
            2 if !bytes.is_empty() => {
                bytes[at] = [0, 0xff, 0x7f, 0x80, b'"', b'{', b'\n'][next(state, 7)];
            }
            3 => drop(bytes.drain(at..end)),
            4 => {
                let doubled = bytes[at..end].repeat(1 + next(state, 40));
                bytes.splice(at..at, doubled);
            }
            5 => {
                let from = next(state, other.len());
                bytes.splice(at..end, other[from..].iter().take(64).copied());
            }
            _ => {
                let odd: [&[u8]; 5] = [
                    "\u{202e}".as_bytes(),
                    b"\x1b[2J",
                    b"${a}${a}",
                    b"\xed\xa0\x80",
                    b"99999999999",
                ];
                bytes.splice(at..at, odd[next(state, 5)].iter().copied());
            }
        }
    }
    bytes
}

fn smoke(target: &str) {
    let run = targets::TARGETS.iter().find(|(name, _)| *name == target).expect("a target").1;
    let seeds = seeds(target);
    assert!(seeds.len() >= 3, "{target} has no seeds");
    for (path, seed) in &seeds {
        println!("seed {}", path.display());
        run(seed);
    }
    // The large reports among the seeds would leave no time for anything else.
    let small: Vec<&Vec<u8>> =
        seeds.iter().map(|(_, seed)| seed).filter(|seed| seed.len() < 20_000).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..BENT {
        let seed = small[next(&mut state, small.len())];
        let other = small[next(&mut state, small.len())];
        let bent = bend(seed, other, &mut state);
        // Shown only when the target panics.
        println!("bent {}", bent.escape_ascii());
        run(&bent);
    }
}

#[test]
fn a_checklist_from_anywhere_is_read_or_refused() {
    smoke("checklist");
}

#[test]
fn references_from_anywhere_are_filled_in_or_refused() {
    smoke("interpolation");
}

#[test]
fn an_expression_from_anywhere_is_judged_or_refused() {
    smoke("expectation");
}

#[test]
fn a_dns_answer_from_anywhere_is_read_or_refused() {
    smoke("dns");
}

#[test]
fn certificates_and_what_vouches_for_them_are_read_or_refused() {
    smoke("pki");
}

#[test]
fn what_alertmanager_and_prometheus_say_is_read_or_refused() {
    smoke("alerting");
}

#[test]
fn a_log_from_anywhere_is_read_or_refused() {
    smoke("log");
}

#[test]
fn every_target_is_in_the_fuzzers_list_and_has_its_smoke() {
    let manifest = include_str!("../fuzz/Cargo.toml");
    let smokes = include_str!("fuzz.rs");
    for (name, _) in targets::TARGETS {
        assert!(
            manifest.contains(&format!("name = \"{name}\"")),
            "{name} is not in fuzz/Cargo.toml"
        );
        assert!(smokes.contains(&format!("smoke(\"{name}\")")), "{name} has no smoke here");
    }
    let listed = manifest.matches("[[bin]]").count();
    assert_eq!(listed, targets::TARGETS.len(), "a target of fuzz/Cargo.toml is not known here");
}
