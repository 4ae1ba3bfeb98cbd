//! TAP 14, read by Perl's own harness.

use gonogo::model::record::RunRecord;
use gonogo::report::{Format, Look, render};

use crate::{consumer, endings, golden, sample};

fn tap(record: &RunRecord) -> String {
    let bytes = render(Format::Tap, record, &Look::default()).expect("a report renders");
    String::from_utf8(bytes).expect("TAP is UTF-8")
}

/// What Perl's parser makes of it: plan, points, and how they ended.
const HARNESS: &str = r#"
use TAP::Parser;
local $/; my $tap = <STDIN>;
# Perl 5.36 knows versions up to 13; 14 is read by it but for the name.
$tap =~ s/\ATAP version 14$/TAP version 13/m or die "no version line";
my $p = TAP::Parser->new({ tap => $tap });
my $bail = 0;
while (my $r = $p->next) { $bail = 1 if $r->is_bailout; die "not TAP: " . $r->raw if $r->is_unknown; }
die join "\n", $p->parse_errors if $p->parse_errors;
printf "plan %s run %d passed %d failed %s todo %d skip %d bail %d\n", $p->plan || "none",
  $p->tests_run, scalar $p->passed, join(",", $p->failed) || "none", scalar $p->todo,
  scalar $p->skipped, $bail;
"#;

fn read(record: &RunRecord) -> String {
    let said = consumer::accepts("perl", "perl", &["-e", HARNESS], tap(record).as_bytes());
    said.trim().to_owned()
}

#[test]
fn the_launch_as_tap() {
    golden::check("launch.tap", tap(&sample::launch()).as_bytes());
    golden::check("interrupted.tap", tap(&sample::interrupted()).as_bytes());
}

#[test]
fn a_harness_counts_what_the_record_counts() {
    for (record, said) in [
        (sample::launch(), "plan 1..21 run 21 passed 19 failed 2,7 todo 4 skip 5 bail 0"),
        (sample::green(), "plan 1..2 run 2 passed 2 failed none todo 0 skip 0 bail 0"),
        (sample::nothing(), "plan 1..2 run 2 passed 2 failed none todo 0 skip 2 bail 1"),
        (endings::empty(), "plan 1..0 run 0 passed 0 failed none todo 0 skip 0 bail 1"),
        (endings::killed(), "plan 1..2 run 2 passed 2 failed none todo 0 skip 0 bail 1"),
        (endings::shard_missing(), "plan 1..2 run 2 passed 2 failed none todo 1 skip 0 bail 1"),
        (sample::hostile(), "plan 1..2 run 2 passed 2 failed none todo 1 skip 1 bail 0"),
        (sample::interrupted(), "plan 1..3 run 3 passed 1 failed 2,3 todo 0 skip 0 bail 1"),
    ] {
        assert_eq!(read(&record), said);
    }
}

#[test]
fn no_line_holds_a_control_character_and_no_text_starts_a_directive() {
    let text = tap(&sample::hostile());
    assert!(!text.chars().any(|c| c != '\n' && gonogo::model::text::is_hazard(c)));
    let points = text.lines().filter(|line| line.starts_with("ok") || line.starts_with("not ok"));
    for point in points {
        assert_eq!(point.replace("\\#", "").matches('#').count(), 1, "{point}");
    }
    assert!(text.len() < 40_000, "{}", text.len());
}

#[test]
fn a_run_that_is_not_whole_bails_out_and_says_why() {
    let last = |record: &RunRecord| tap(record).lines().last().map(str::to_owned);
    for (record, why) in [
        (sample::nothing(), "Bail out! Nothing was judged, so nothing is known."),
        (
            endings::shard_missing(),
            "Bail out! Shard 2/2 is missing: what was left to others has no answer.",
        ),
    ] {
        assert_eq!(last(&record).as_deref(), Some(why));
    }
    assert!(
        tap(&endings::shard_missing()).contains("# HOLD: shard 2/2 missing, 1 unknown (advisory)")
    );
}
