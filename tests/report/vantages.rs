//! Records merged from vantage points, in every format that people and machines read.

use gonogo::model::id::RunId;
use gonogo::model::outcome::{Decision, Outcome};
use gonogo::model::record::RunRecord;
use gonogo::model::vantage::Quorum;
use gonogo::report::{Format, Look, digest, render};
use gonogo::verdict::{Given, MergeError, merge};

use crate::{consumer, golden, sample};

/// The launch as seen from a place.
fn seen_from(place: &str, n: u8, bend: impl FnOnce(&mut RunRecord)) -> Given {
    let mut record = sample::launch();
    record.header.vantage = Some(place.to_owned());
    record.header.host = Some(format!("{place}-01.example.com"));
    record.header.run = RunId(uuid(n));
    for check in record.steps.iter_mut().flat_map(|step| &mut step.checks) {
        if check.id.as_str() == "dns.match" {
            check.quorum = Some(Quorum::Majority);
        }
    }
    bend(&mut record);
    record.counts = record.count();
    Given { name: format!("{place}.json"), sha256: digest(&record).expect("a sum"), record }
}

fn uuid(n: u8) -> uuid::Uuid {
    format!("019a9f5e-1c00-7abc-8def-0123456789{n:02x}").parse().expect("a UUID")
}

/// From two of three places the stale name answers rightly.
fn three() -> Vec<Given> {
    let mended = |record: &mut RunRecord| {
        record.steps[0].checks[1] = gonogo::model::record::CheckRecord {
            quorum: Some(Quorum::Majority),
            source: record.steps[0].checks[1].source.clone(),
            ..sample::check("dns.match", "dns", "4 answers on 2 resolvers, all new")
        };
    };
    vec![
        seen_from("frankfurt", 1, mended),
        seen_from("上海", 2, |_| {}),
        seen_from("san-francisco", 3, mended),
    ]
}

pub(crate) fn merged() -> RunRecord {
    merge(three()).expect("one list")
}

fn text(format: Format, record: &RunRecord, width: usize) -> String {
    let bytes = render(format, record, &Look { width, ..Look::default() });
    String::from_utf8(bytes.expect("a report")).expect("UTF-8")
}

#[test]
fn the_matrix_reads_well_in_every_format() {
    let record = merged();
    for width in [60, 100] {
        let table = text(Format::Table, &record, width);
        golden::check(&format!("merged.{width}.txt"), table.as_bytes());
    }
    golden::check("merged.md", text(Format::Markdown, &record, 80).as_bytes());
    golden::check("merged.tap", text(Format::Tap, &record, 80).as_bytes());
    let html = text(Format::Html, &record, 80);
    for said in [
        "<h2 id=\"vantage-points\">Vantage points</h2>",
        "class=\"place\">上海</th>",
        "<td>majority</td>",
        "Merged from 3 runs.",
        "<h2>Merged from</h2>",
    ] {
        assert!(html.contains(said), "{said}");
    }
    let metrics = text(Format::Prometheus, &record, 80);
    let sample = r#"gonogo_vantage_check_outcome{checklist="PixelRush v1.2.0",check="dns.match",vantage="上海",outcome="fail"} 1"#;
    assert!(metrics.contains(sample), "{metrics}");
}

#[cfg(feature = "pdf")]
#[test]
fn the_matrix_is_on_paper() {
    let pdf = render(Format::Pdf, &merged(), &Look::default()).expect("a document");
    let text = consumer::accepts("pdftotext", "poppler-utils", &["-layout", "-", "-"], &pdf);
    for said in ["Vantage points", "SAN-FRANCISCO", "上海", "majority", "Merged from 3 runs."] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
}

#[test]
fn a_quorum_carries_and_the_dissent_is_named() {
    let record = merged();
    let check = record.checks().find(|c| c.id.as_str() == "dns.match").expect("dns.match");
    assert_eq!(check.outcome, Outcome::Warn);
    assert_eq!(
        check.summary,
        "2 of 3 vantage points find it right, 2 needed; 上海: 8.8.8.8 still answers 192.0.2.66, the \
         zone says 192.0.2.10"
    );
    let stale = check.findings.iter().find(|f| f.code == "dns.stale-answer").expect("the dissent");
    assert_eq!(stale.vantages, ["上海"]);
    let slow = record.checks().find(|c| c.id.as_str() == "pg.slow").expect("pg.slow");
    assert_eq!(slow.findings[0].vantages.len(), 3, "what all found alike is one finding");
    assert_eq!(record.verdict.decision, Decision::Hold, "{:?}", record.verdict);
}

#[test]
fn the_same_records_give_the_same_record_and_another_order_the_same_run() {
    let mut turned = three();
    turned.reverse();
    let turned = merge(turned).expect("one list");
    let record = merged();
    assert_eq!(record, merged());
    assert_eq!(record.header.run, turned.header.run);
    assert_eq!(record.counts, turned.counts);
    assert_eq!(record.verdict.decision, turned.verdict.decision);
}

#[test]
fn what_is_not_one_list_is_refused() {
    let refused = |bend: fn(&mut RunRecord), said: &str| {
        let pair = vec![seen_from("a", 1, |_| {}), seen_from("b", 2, bend)];
        let error = merge(pair).expect_err("not one list").to_string();
        assert!(error.contains(said), "{error}");
    };
    refused(|r| r.header.checklist.sha256 = "0".repeat(64), "was changed between them");
    refused(|r| r.header.name = "Other".to_owned(), "different lists, PixelRush v1.2.0 and Other");
    refused(|r| r.header.phase = "T-1h".to_owned(), "run all of them with the same --phase");
    refused(|r| r.header.strict = true, "--strict is not the same");
    refused(|r| r.header.launch = None, "the launch is not the same");
    refused(|r| drop(r.steps.pop()), "do not have the same checks");
    refused(|r| r.header.run = RunId(uuid(1)), "are both run");
    refused(
        |r| r.header.vantage = Some("a".to_owned()),
        "are both the whole list, seen from the same place",
    );
    refused(|r| r.header.shard = Some("0/0".to_owned()), "no part of a list");
    assert_eq!(merge(Vec::new()), Err(MergeError::Nothing));
    let twice = Given { name: "m".to_owned(), sha256: String::new(), record: merged() };
    assert_eq!(merge(vec![twice]), Err(MergeError::Merged { name: "m".to_owned() }));
}

#[test]
fn hostile_names_of_vantage_points_stay_text() {
    let evil = "\x1b[31m<script>alert(1)</script>|]]>\u{202e}\r\n";
    let record = merge(vec![seen_from(evil, 1, |_| {}), seen_from("b", 2, |_| {})]);
    let record = record.expect("one list");
    // A PDF is bytes that mean nothing as text; its own test reads what it shows.
    for format in Format::ALL.iter().filter(|format| format.as_str() != "pdf") {
        let bytes = render(*format, &record, &Look::default()).expect("a report");
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert!(!text.contains('\x1b') && !text.contains('\r'), "{format}: a control character");
        if !matches!(format, Format::Json | Format::Jsonl) {
            assert!(!text.contains('\u{202e}'), "{format}: an override");
        }
        if *format == Format::Html {
            assert_eq!(text.matches("<script").count(), 1, "only the page's own");
        }
    }
    consumer::accepts(
        "xmllint",
        "libxml2-utils",
        &["--noout", "-"],
        &render(Format::Junit, &record, &Look::default()).expect("JUnit"),
    );
}
