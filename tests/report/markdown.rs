//! Markdown, read by a parser of GitHub's dialect.

#![expect(clippy::wildcard_enum_match_arm, reason = "the parser's events are not ours to close")]

use gonogo::model::record::RunRecord;
use gonogo::report::{Format, Look, render};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::{golden, sample};

fn markdown(record: &RunRecord) -> String {
    let bytes = render(Format::Markdown, record, &Look::default()).expect("a report renders");
    String::from_utf8(bytes).expect("Markdown is UTF-8")
}

fn parse(text: &str) -> Vec<Event<'_>> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_MATH
        | Options::ENABLE_GFM;
    Parser::new_ext(text, options).collect()
}

#[test]
fn the_launch_as_markdown() {
    golden::check("launch.md", markdown(&sample::launch()).as_bytes());
    golden::check("green.md", markdown(&sample::green()).as_bytes());
}

#[test]
fn every_row_of_every_table_has_its_columns() {
    for record in [sample::launch(), sample::hostile(), sample::nothing(), sample::many(200)] {
        let text = markdown(&record);
        let (mut cells, mut rows, mut columns) = (0, 0, 0);
        for event in parse(&text) {
            match event {
                Event::Start(Tag::Table(alignments)) => columns = alignments.len(),
                Event::Start(Tag::TableRow) => cells = 0,
                Event::End(TagEnd::TableCell) => cells += 1,
                Event::End(TagEnd::TableRow) => {
                    assert_eq!(cells, columns);
                    rows += 1;
                }
                _ => {}
            }
        }
        assert!(rows >= record.counts.total, "{rows} rows");
        // The parser drops what is beyond the last column: count the bars too.
        for line in text.lines().filter(|line| line.starts_with("| ")) {
            assert_eq!(line.replace("\\|", "").matches('|').count(), 5, "{line}");
        }
    }
}

#[test]
fn foreign_text_is_text_to_the_parser() {
    let text = markdown(&sample::hostile());
    let own = [
        "<details>",
        "<details open>",
        "</details>",
        "<summary>",
        "</summary>",
        "<b>",
        "</b>",
        "<sub>",
        "</sub>",
        "<!-- -->",
    ];
    let mut plain = String::new();
    for event in parse(&text) {
        match event {
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => panic!("a link"),
            Event::InlineMath(_) | Event::DisplayMath(_) => panic!("math"),
            Event::Start(Tag::Heading { .. }) => plain.push_str("\n# "),
            Event::Html(html) | Event::InlineHtml(html) => {
                let mut left = html.to_string();
                for tag in own {
                    left = left.replace(tag, "");
                }
                assert!(!left.contains('<'), "foreign markup: {html}");
            }
            Event::Text(text) | Event::Code(text) => plain.push_str(&text),
            _ => {}
        }
    }
    assert_eq!(plain.matches("\n# ").count(), 1, "one heading, its own");
    for whole in
        ["<script>alert(1)</script> & \"q\"", "| pipe", "`tick`", "*bold* [l](javascript:x)"]
    {
        assert!(plain.contains(whole), "{whole}");
    }
    assert!(!text.chars().any(|c| c != '\n' && gonogo::model::text::is_hazard(c)));
    assert!(text.len() < 40_000, "{}", text.len());
}

#[test]
fn nobody_is_called_and_nothing_becomes_a_picture() {
    let mut record = sample::launch();
    let check = &mut record.steps[0].checks[1];
    check.title = "ask @org/team about #12".to_owned();
    check.findings[0].message = "saw :tada: from @ops, see GH-12".to_owned();
    let text = markdown(&record);
    for (sign, shown) in [
        ("@org", "· ask @<!-- -->org/team about #<!-- -->12</summary>"),
        (":tada:", "saw :<!-- -->tada: from @<!-- -->ops, see G<!-- -->H-12"),
    ] {
        assert!(text.contains(shown) && !text.contains(sign), "{text}");
    }
}
