//! The PDF, read by other people's readers.

use std::sync::Arc;

use gonogo::model::record::RunRecord;
use gonogo::report::{
    Format, Look, Proof, ReportError, attached_record, blank_checklist, digest, prove, render,
};
use jiff::tz::TimeZone;

use crate::{consumer, sample};

fn pdf(record: &RunRecord) -> Vec<u8> {
    render(Format::Pdf, record, &Look::default()).expect("a document renders")
}

fn text(pdf: &[u8]) -> String {
    consumer::accepts("pdftotext", "poppler-utils", &["-layout", "-", "-"], pdf)
}

#[test]
fn the_same_record_gives_the_same_bytes_wherever_it_is_rendered() {
    let record = sample::launch();
    let elsewhere =
        Look { zone: TimeZone::fixed(jiff::tz::offset(-5)), width: 200, ..Look::default() };
    let again = render(Format::Pdf, &record, &elsewhere).expect("a document renders");
    assert!(pdf(&record) == again, "two renderings differ");
}

#[test]
fn the_record_inside_is_the_record() {
    for record in [sample::launch(), sample::green(), sample::hostile(), sample::many(300)] {
        let json = render(Format::Json, &record, &Look::default()).expect("JSON");
        let pdf = pdf(&record);
        assert!(attached_record(&pdf) == Some(json.as_slice()), "the attached record differs");
    }
    assert_eq!(attached_record(b"%PDF-1.7 nothing /EmbeddedFile here"), None);
    assert_eq!(attached_record(b""), None);
}

#[test]
fn the_text_can_be_selected_and_says_what_matters() {
    let text = text(&pdf(&sample::launch()));
    for said in [
        "NO-GO",
        "PixelRush v1.2.0",
        "Launch in 23h 41m (Mon 23 Nov 10:00 +08:00, 02:00 UTC)",
        "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "9fceb02d0ae598e95dc970b74767f19372d61af8",
        "zone = game.example.com",
        "8.8.8.8 still answers 192.0.2.66, the zone says 192.0.2.10",
        "dig @8.8.8.8 match.game.example.com A +noall +answer",
        "Waived by amy",
        "passed on try 2",
        "预发环境回滚演练在五分钟内完成？",
        "Sign-off",
        "page 1 of",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
}

#[test]
fn a_reader_finds_pages_tags_a_title_and_an_attachment() {
    let pdf = pdf(&sample::launch());
    let facts = consumer::accepts("pdfinfo", "poppler-utils", &["-"], &pdf);
    for fact in
        ["Title:           NO-GO · PixelRush v1.2.0", "Tagged:          yes", "Encrypted:       no"]
    {
        assert!(facts.contains(fact), "{fact} is not in\n{facts}");
    }
    let structure = consumer::accepts("pdfinfo", "poppler-utils", &["-struct-text", "-"], &pdf);
    for tag in ["H1", "H2", "Table", "TR", "TH", "TD", "Code"] {
        assert!(structure.contains(tag), "no {tag} in\n{structure}");
    }
    // This one reads files only.
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(&file, &pdf).expect("the file can be written");
    let path = file.path().to_str().expect("a plain path");
    let attached = consumer::accepts("pdfdetach", "poppler-utils", &["-list", path], b"");
    assert!(attached.contains("record.json"), "{attached}");
}

#[test]
fn observed_text_cannot_break_a_document() {
    let text = text(&pdf(&sample::hostile()));
    assert!(text.contains("<script>alert(1)</script>"), "shown as what it is");
    assert!(text.contains("The built-in fonts lack"), "what cannot be shown is said");
    assert!(text.contains("U+1F44D"), "and named");
    let mut record = sample::green();
    record.header.name = "\u{e000}\u{fffe}\u{10ffff}\u{0}\u{feff}".to_owned();
    assert!(pdf(&record).starts_with(b"%PDF-"));
}

#[test]
fn other_endings_make_documents_too() {
    for record in [sample::green(), sample::nothing(), sample::interrupted(), sample::many(1_000)] {
        let pdf = pdf(&record);
        consumer::accepts("pdfinfo", "poppler-utils", &["-"], &pdf);
    }
}

#[test]
fn a_font_that_is_none_is_refused() {
    let look = Look { fonts: vec![Arc::new(b"not a font".to_vec())], ..Look::default() };
    let error = render(Format::Pdf, &sample::green(), &look).expect_err("not a font");
    assert!(matches!(error, ReportError::Font), "{error}");
}

#[test]
fn the_blank_checklist_is_for_paper() {
    let mut record = sample::launch();
    for check in record.steps.iter_mut().flat_map(|step| &mut step.checks) {
        check.findings.clear();
        check.observation = None;
    }
    let pdf = blank_checklist(&record, &Look::default()).expect("a document renders");
    let text = text(&pdf);
    for said in [
        "GO-LIVE CHECKLIST · PHASE T-24H",
        "Match names answer with the new addresses",
        "dig @8.8.8.8 match.game.example.com A",
        "预发环境回滚演练在五分钟内完成？",
        "INITIALS, TIME",
        "Sign-off",
        "3 checks of other phases",
    ] {
        assert!(text.contains(said), "{said} is not in\n{text}");
    }
    for unsaid in ["NO-GO ·", "still answers", "SHA-256 of the record"] {
        assert!(!text.contains(unsaid), "{unsaid} is in\n{text}");
    }
    assert_eq!(attached_record(&pdf), None);
}

#[test]
fn a_document_is_proved_by_making_it_again() {
    let record = sample::launch();
    let mut document = pdf(&record);
    let proven = Proof::Proven {
        record: Box::new(record.clone()),
        digest: digest(&record).expect("a record has a sum"),
    };
    assert_eq!(prove(&document, &[]).expect("the pages are made again"), proven);

    // One byte of the pages.
    let last = document.len() - 1;
    document[last] ^= 1;
    let proof = prove(&document, &[]).expect("the pages are made again");
    assert!(matches!(proof, Proof::Differs { .. }), "{proof:?}");

    // One letter of the record: the same length, another verdict.
    let mut document = pdf(&record);
    let at = document
        .windows(7)
        .position(|window| window == b"\"no-go\"")
        .expect("the record is attached as it is");
    document[at..at + 7].copy_from_slice(b"\"hold\" ");
    let proof = prove(&document, &[]).expect("the pages are made again");
    assert!(matches!(proof, Proof::Differs { .. }), "{proof:?}");

    let blank = blank_checklist(&record, &Look::default()).expect("a document renders");
    for other in [blank.as_slice(), b"%PDF-1.7", b""] {
        assert_eq!(prove(other, &[]).expect("nothing is made"), Proof::NoRecord);
    }
}

#[test]
fn a_long_field_stays_on_its_page() {
    let mut record = sample::launch();
    // Each is shown as five characters or more.
    record.steps[0].checks[1].findings[0].actual = Some("\u{1}".repeat(1_000));
    let pdf = pdf(&record);
    assert!(text(&pdf).contains("more lines; the record has them"), "what is cut is said");
    let boxes = consumer::accepts("pdftotext", "poppler-utils", &["-bbox", "-", "-"], &pdf);
    let ends = boxes.split("yMax=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let lowest = ends.map(|y| y.parse::<f64>().expect("a number")).fold(0.0, f64::max);
    assert!(lowest > 700.0 && lowest < 815.0, "{lowest}: the foot is the lowest");
}

#[test]
fn a_hostile_file_is_searched_once() {
    let pdf = [b"/EmbeddedFile ".repeat(400_000), b"stream\n{".to_vec()].concat();
    assert_eq!(attached_record(&pdf), None);
}
