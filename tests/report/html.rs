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
