//! Charts: drawn from what kinds publish, and absent where there is nothing to draw.

use gonogo::probe::dns::DnsSeen;
use gonogo::probe::pool::Run;
use gonogo::report::{Format, Look, render};

use crate::{sample, seen};

fn page(record: &gonogo::model::record::RunRecord) -> String {
    let bytes = render(Format::Html, record, &Look::default()).expect("a page renders");
    String::from_utf8(bytes).expect("a page is UTF-8")
}

#[test]
fn the_samples_are_what_the_kinds_bring_back() {
    let dns: DnsSeen = serde_json::from_value(seen::dns()).expect("the shape of dns");
    assert_eq!(dns.resolvers.len(), 3);
    let run: Run = serde_json::from_value(seen::ramp()).expect("the shape of a ramp");
    assert_eq!(run.steps.len(), 4);
}

/// The names a chart reads by are names the kind's schema publishes.
#[test]
fn charts_read_by_published_names() {
    for (kind, names) in [
        (
            "dns",
            &[
                "resolvers",
                "server",
                "cold",
                "warm",
                "p95",
                "questions",
                "name",
                "type",
                "region",
                "millis",
            ][..],
        ),
        (
            "postgres_pool",
            &[
                "login",
                "in",
                "ramp",
                "ran",
                "steps",
                "held",
                "connect",
                "statement",
                "knee",
                "own_cpu",
                "picture",
                "limit",
                "reserved",
                "used",
                "demand",
                "headroom",
            ],
        ),
        ("mysql_pool", &["login", "in", "ramp", "ran", "picture"]),
        (
            "tls",
            &[
                "addresses",
                "address",
                "sight",
                "seen",
                "accepted",
                "served",
                "chain",
                "certificate",
                "not_before",
                "not_after",
            ],
        ),
    ] {
        let row = gonogo::probe::kind(kind).expect(kind);
        let mut generator = schemars::SchemaGenerator::default();
        let own = (row.observation)(&mut generator);
        let all = format!("{}{}", own.to_value(), serde_json::json!(generator.definitions()));
        for name in names {
            assert!(all.contains(&format!("\"{name}\"")), "{kind} has no {name}");
        }
    }
}

#[test]
fn a_page_shows_what_was_measured() {
    let page = page(&sample::launch());
    for said in [
        "How fast each resolver answers, p95",
        "186 ms",
        "How long the certificates live",
        "until 23 Nov 2026",
        "The line across is the end of the window.",
        "pg.slow: the pool under load, p95",
        "40 held",
        "The knee is at 20",
        "pg.slow: 100 connections",
        "17 of 97",
        "120, 43 too many",
        "The line across is the most that the launch may ask for.",
        "How the run went",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert!(page.contains("class=\"o-fail\" x=\"0.0000\""), "a life that ends too early is red");
    let (_, lives) = page.split_once("How long the certificates live").expect("the chart");
    let (lives, _) = lives.split_once("</figure>").expect("its end");
    assert!(lives.contains("class=\"strong\""), "one that does not is drawn");
    assert!(!lives.contains("o-pass"), "and not called good: its check may want more of it");
}

#[test]
fn nothing_to_draw_is_no_chart_and_strange_facts_are_no_panic() {
    assert!(!page(&sample::nothing()).contains("Measurements"));
    for strange in [
        serde_json::json!({ "resolvers": [{ "server": "x", "cold": { "p95": -1.0 } }] }),
        serde_json::json!({ "resolvers": [{ "server": 7 }] }),
        serde_json::json!({ "addresses": [{ "address": "x", "sight": { "seen": { "accepted":
            { "served": [{ "chain": [{ "certificate": { "not_before": "?", "not_after": "?" } }] }] }
        } } }] }),
        serde_json::json!(null),
    ] {
        let mut record = sample::green();
        for (check, kind) in record.steps[0].checks.iter_mut().zip(["dns", "tls"]) {
            check.kind = kind.to_owned();
            check.observation = Some(strange.clone().into());
            check.duration_ms = f64::NAN;
        }
        assert!(page(&record).contains("</html>"));
    }
}
