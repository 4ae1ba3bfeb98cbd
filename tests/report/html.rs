//! The page for a browser and for paper.

use gonogo::model::record::RunRecord;
use gonogo::report::{Format, Look, digest, render};
use jiff::tz::TimeZone;

use crate::{golden, sample};

fn page(record: &RunRecord) -> String {
    let look = Look { zone: TimeZone::fixed(jiff::tz::offset(8)), ..Look::default() };
    let bytes = render(Format::Html, record, &look).expect("a page renders");
    String::from_utf8(bytes).expect("a page is UTF-8")
}

#[test]
fn the_launch_as_a_page() {
    golden::check("launch.html", page(&sample::launch()).as_bytes());
}

#[test]
fn times_are_in_the_zone_of_the_launch_whoever_reads_them() {
    let render = |record: &RunRecord, hours| {
        let look = Look { zone: TimeZone::fixed(jiff::tz::offset(hours)), ..Look::default() };
        let bytes = render(Format::Html, record, &look).expect("a page renders");
        String::from_utf8(bytes).expect("a page is UTF-8")
    };
    let mut record = sample::launch();
    let said = "<dd>2026-11-22 10:18:42 +08:00 (02:18:42 UTC)</dd>";
    assert!(render(&record, 0).contains(said) && render(&record, -5).contains(said));
    // Where the list names no launch, there is only the reader's.
    record.header.launch = None;
    assert!(render(&record, -5).contains("2026-11-21 21:18:42 -05:00 (2026-11-22 02:18:42 UTC)"));
}

#[test]
fn a_page_names_the_sum_of_its_record() {
    for record in [sample::launch(), sample::green(), sample::nothing(), sample::interrupted()] {
        let sum = digest(&record).expect("a record has a sum");
        assert!(page(&record).contains(&sum));
    }
}

#[test]
fn observed_text_is_only_text() {
    let text = page(&sample::hostile());
    assert_eq!(text.matches("<script").count(), 1, "only the page's own");
    assert!(!text.contains("href=\"javascript"), "no foreign link");
    assert!(!text.contains("<b>bold"), "no foreign markup");
    let hazard =
        text.chars().find(|c| !matches!(c, '\n' | '\t') && gonogo::model::text::is_hazard(*c));
    assert_eq!(hazard, None);
    assert!(text.len() < 400_000, "a million bytes of body are cut: {}", text.len());
}

#[test]
fn the_foot_claims_no_more_than_is_so() {
    let record = sample::green();
    let own = page(&record);
    assert!(own.contains(&format!("gonogo report {} -o json", record.header.run)));
    // A merged record is in no history.
    let merged = page(&crate::vantages::merged());
    assert!(merged.contains("gonogo merge -o json") && !merged.contains("gonogo report 0"));
}
