//! JUnit XML, read by a validator and by a parser of its own.

use gonogo::model::record::RunRecord;
use gonogo::report::{Format, Look, render};

use crate::{consumer, endings, golden, sample};

fn xml(record: &RunRecord) -> Vec<u8> {
    render(Format::Junit, record, &Look::default()).expect("a report renders")
}

fn strict(mut record: RunRecord) -> RunRecord {
    record.header.strict = true;
    record
}

#[test]
fn the_launch_as_junit() {
    golden::check("launch.junit.xml", &xml(&sample::launch()));
}

/// Asks 10 and 11: well-formed whatever a server said, and in the shape Jenkins and GitLab read.
#[test]
fn every_record_is_valid_against_the_schema() {
    let schema = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report/junit.xsd");
    for record in [
        sample::launch(),
        strict(sample::launch()),
        sample::green(),
        sample::nothing(),
        sample::interrupted(),
        endings::empty(),
        endings::killed(),
        endings::shard_missing(),
        sample::hostile(),
        sample::many(200),
    ] {
        let args = ["--noout", "--nonet", "--schema", schema, "-"];
        consumer::accepts("xmllint", "libxml2-utils", &args, &xml(&record));
    }
}

/// What a host counts, by asking the parser and not the text.
fn count(record: &RunRecord, path: &str) -> String {
    let query = format!("count({path})");
    let args = ["--nonet", "--xpath", &query, "-"];
    consumer::accepts("xmllint", "libxml2-utils", &args, &xml(record)).trim().to_owned()
}

#[test]
fn what_blocks_fails_and_what_does_not_is_still_seen() {
    let record = sample::launch();
    for (path, n) in [
        ("//testcase", "21"),
        ("//failure", "1"),
        ("//failure[@type='dns.stale-answer']", "1"),
        ("//error", "1"),
        ("//error[@type='gonogo.denied']", "1"),
        // 4 not looked at, 1 not applicable, 2 pending, 1 waived, 1 advisory.
        ("//skipped[string-length(@message) > 3]", "9"),
        ("//skipped[starts-with(@message, 'waived by amy')]", "1"),
        ("//skipped[starts-with(@message, 'advisory, failed')]", "1"),
        ("//testcase[@name='dns.login']/flakyFailure", "1"),
        ("//testcase[@name='tls.login']/system-out", "1"),
        ("//testcase/text()[normalize-space()]", "0"),
        ("//testsuites[@tests = sum(testsuite/@tests)]", "1"),
        ("//testsuites[@failures = sum(testsuite/@failures)]", "1"),
        ("//testsuites[@errors = sum(testsuite/@errors)]", "1"),
        ("//testsuite[@tests = count(testcase)]", "5"),
        ("//testsuite[@failures = count(testcase/failure)]", "5"),
        ("//testsuite[@errors = count(testcase/error)]", "5"),
        ("//testsuite[@skipped = count(testcase/skipped)]", "5"),
        (
            "//testcase[@classname = preceding::testcase/@classname and @name = preceding::testcase/@name]",
            "0",
        ),
    ] {
        assert_eq!(count(&record, path), n, "{path}");
    }
    assert_eq!(count(&strict(record), "//failure"), "2", "a warning counts under --strict");
}

#[test]
fn a_million_bytes_of_body_do_not_reach_the_host() {
    let size = xml(&sample::hostile()).len();
    assert!(size < 40_000, "{size}");
}

/// A host that reads the file alone must not see green.
#[test]
fn a_run_that_is_not_whole_is_an_error_of_its_own() {
    for (record, said) in [
        (sample::nothing(), "Nothing was judged"),
        (endings::empty(), "Nothing was judged"),
        (endings::killed(), "The record has no end"),
        (sample::interrupted(), "The run was interrupted"),
        (endings::shard_missing(), "Shard 2/2 is missing"),
    ] {
        let own = format!(
            "//testsuite[@name='gonogo']/testcase[@name='verdict']/error[contains(@message, '{said}')]"
        );
        for (path, n) in [
            (own.as_str(), "1"),
            ("//testsuites[@tests = count(//testcase) and @errors = count(//error)]", "1"),
            ("//testsuite[@errors != count(testcase/error)]", "0"),
        ] {
            assert_eq!(count(&record, path), n, "{said}: {path}");
        }
    }
    for record in [sample::launch(), sample::green()] {
        assert_eq!(count(&record, "//testsuite[@name='gonogo']"), "0");
    }
}
