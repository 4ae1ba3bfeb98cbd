//! The record as JSON and as JSON lines: valid, complete, and the same bytes again when read back.

use gonogo::model::event::{Event, Fold};
use gonogo::model::outcome::Decision;
use gonogo::model::record::RunRecord;
use gonogo::report::{Format, Look, digest, render};

use crate::{golden, sample};

fn all() -> Vec<(&'static str, RunRecord)> {
    vec![
        ("launch", sample::launch()),
        ("green", sample::green()),
        ("nothing", sample::nothing()),
        ("interrupted", sample::interrupted()),
        ("hostile", sample::hostile()),
        ("many", sample::many(100)),
    ]
}

fn bytes(format: Format, record: &RunRecord) -> Vec<u8> {
    render(format, record, &Look::default()).expect("a record is JSON")
}

#[test]
fn the_launch_as_json() {
    golden::check("launch.json", &bytes(Format::Json, &sample::launch()));
    golden::check("green.jsonl", &bytes(Format::Jsonl, &sample::green()));
}

#[test]
fn a_record_read_back_is_the_same_record_with_the_same_sum() {
    for (name, record) in all() {
        let text = bytes(Format::Json, &record);
        assert_eq!(text.last(), Some(&b'\n'), "{name}");
        let again: RunRecord = serde_json::from_slice(&text).expect(name);
        assert_eq!(again, record, "{name}");
        assert_eq!(digest(&again).expect(name), digest(&record).expect(name), "{name}");
    }
}

#[test]
fn the_events_of_a_record_fold_to_it() {
    for (name, record) in all() {
        let text = String::from_utf8(bytes(Format::Jsonl, &record)).expect("JSON is UTF-8");
        let mut fold = Fold::default();
        for line in text.lines() {
            let event: Event = serde_json::from_str(line).expect("one event a line");
            fold.apply(event);
        }
        assert_eq!(fold.into_record(), Some(record), "{name}");
    }
}

#[test]
fn times_of_any_length_keep_their_last_digit() {
    let mut record = sample::green();
    // Each of these is misread by one in the last place when numbers are read the quick way.
    for (check, ms) in
        record.steps[0].checks.iter_mut().zip([1.110_223_024_625_156_5e-16, 0.1 + 0.2])
    {
        check.duration_ms = ms;
    }
    let mut n: u64 = 0x9e37_79b9_7f4a_7c15;
    for _ in 0..2_000 {
        n ^= n << 13;
        n ^= n >> 7;
        n ^= n << 17;
        #[expect(clippy::cast_precision_loss, reason = "any number will do")]
        let ms = n as f64 / 1e9 * 1.000_000_1;
        record.steps[0].checks[0].duration_ms = ms;
        let again: RunRecord =
            serde_json::from_slice(&bytes(Format::Json, &record)).expect("a record");
        assert_eq!(again.steps[0].checks[0].duration_ms.to_bits(), ms.to_bits(), "{ms:?}");
    }
}

/// What the lines of a record stand for when they end after `n` of them.
fn torn(text: &str, n: usize) -> RunRecord {
    let kept: String = text.split_inclusive('\n').take(n).collect();
    gonogo::history::replay(kept.as_bytes()).expect("a beginning")
}

#[test]
fn lines_that_end_too_early_are_not_go() {
    let text = String::from_utf8(bytes(Format::Jsonl, &sample::green())).expect("UTF-8");
    let record = torn(&text, 1);
    assert_eq!((record.counts.unknown, record.counts.total), (2, 2), "nothing was seen by then");
    // The last of them is the run's end; the one before it, the last check.
    for n in 1..text.lines().count() - 1 {
        let record = torn(&text, n);
        assert_eq!((record.verdict.decision, record.finished), (Decision::Hold, None), "{n} lines");
    }
    let whole = torn(&text, usize::MAX);
    assert_eq!(whole.verdict.decision, Decision::Go);
    // What was left out before the run began is said at once, and once.
    let text = String::from_utf8(bytes(Format::Jsonl, &sample::nothing())).expect("UTF-8");
    assert_eq!((torn(&text, 1).counts.skipped, text.lines().count()), (2, 2));
}
