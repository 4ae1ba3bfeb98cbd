//! The table for a person at a terminal.

use gonogo::report::{Colour, Detail, Format, Glyphs, Look, render};
use jiff::tz::TimeZone;
use unicode_width::UnicodeWidthStr;

use crate::{golden, sample};

fn look(width: usize) -> Look {
    Look { width, zone: TimeZone::fixed(jiff::tz::offset(8)), ..Look::default() }
}

fn table(record: &gonogo::model::record::RunRecord, look: &Look) -> String {
    let bytes = render(Format::Table, record, look).expect("a table always renders");
    String::from_utf8(bytes).expect("a table is UTF-8")
}

#[test]
fn the_launch_reads_well_at_every_width() {
    for width in [60, 80, 120, 200] {
        let text = table(&sample::launch(), &look(width));
        golden::check(&format!("launch.{width}.txt"), text.as_bytes());
    }
}

#[test]
fn the_other_endings_read_well_too() {
    for (name, record) in [
        ("green", sample::green()),
        ("nothing", sample::nothing()),
        ("interrupted", sample::interrupted()),
        ("many", sample::many(200)),
        ("hostile", sample::hostile()),
    ] {
        golden::check(&format!("{name}.txt"), table(&record, &look(100)).as_bytes());
    }
}

#[test]
fn colours_verbose_quiet_and_ascii() {
    let colour = Look { colour: Colour::On, ..look(100) };
    golden::check("launch.colour.txt", table(&sample::launch(), &colour).as_bytes());
    let verbose = Look { detail: Detail::Verbose, ..look(100) };
    golden::check("launch.verbose.txt", table(&sample::launch(), &verbose).as_bytes());
    let quiet = Look { detail: Detail::Quiet, ..look(100) };
    golden::check("launch.quiet.txt", table(&sample::launch(), &quiet).as_bytes());
    let ascii = Look { glyphs: Glyphs::Ascii, ..look(100) };
    golden::check("green.ascii.txt", table(&sample::green(), &ascii).as_bytes());
}

#[test]
fn no_plain_line_is_wider_than_the_terminal() {
    for width in [60, 61, 80, 120, 199, 200] {
        for record in [sample::launch(), sample::green(), sample::interrupted(), sample::many(60)] {
            for detail in [Detail::Normal, Detail::Verbose] {
                let text = table(&record, &Look { detail, ..look(width) });
                for line in text.lines().filter(|line| !is_one_long_word(line)) {
                    assert!(line.width() <= width, "{} > {width}: {line}", line.width());
                }
            }
        }
    }
}

/// A quoted word of a command stays whole, so that the command can be pasted.
fn is_one_long_word(line: &str) -> bool {
    let word = line.trim().trim_end_matches(" \\");
    ['\'', '"'].iter().any(|quote| word.starts_with(*quote) && word.ends_with(*quote))
}

#[test]
fn colour_adds_nothing_but_colour() {
    let plain = table(&sample::launch(), &look(80));
    let coloured = table(&sample::launch(), &Look { colour: Colour::On, ..look(80) });
    let stripped = anstream::adapter::strip_str(&coloured).to_string();
    let trimmed: Vec<&str> = stripped.lines().map(str::trim_end).collect();
    assert_eq!(trimmed, plain.lines().collect::<Vec<_>>());
}

#[test]
fn observed_text_cannot_draw_on_the_terminal() {
    for detail in [Detail::Quiet, Detail::Normal, Detail::Verbose] {
        let text = table(&sample::hostile(), &Look { detail, ..look(80) });
        let hazard = text.chars().find(|c| *c != '\n' && gonogo::model::text::is_hazard(*c));
        assert_eq!(hazard, None);
        assert!(text.len() < 40_000, "a million bytes of body are cut: {}", text.len());
    }
}

#[test]
fn a_part_of_a_list_and_a_run_that_was_resumed_say_so() {
    let mut record = sample::green();
    record.header.shard = Some("2/3".to_owned());
    record.header.resumes = Some(record.header.run);
    let text = table(&record, &look(80));
    assert!(text.contains("This is shard 2/3 of the list, not the whole."), "{text}");
    assert!(text.contains("It finishes run 0123456789ab, which was interrupted."), "{text}");
}
