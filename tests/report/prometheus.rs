//! Metrics, checked by promtool.

use gonogo::model::record::RunRecord;
use gonogo::report::{Format, Look, render};

use crate::{consumer, golden, sample};

fn metrics(record: &RunRecord) -> Vec<u8> {
    render(Format::Prometheus, record, &Look::default()).expect("a report renders")
}

#[test]
fn the_launch_as_metrics() {
    golden::check("launch.prom", &metrics(&sample::launch()));
}

#[test]
fn promtool_finds_nothing_to_say() {
    for record in [
        sample::launch(),
        sample::green(),
        sample::nothing(),
        sample::interrupted(),
        sample::hostile(),
        sample::many(200),
    ] {
        let text = metrics(&record);
        assert_eq!(text.last(), Some(&b'\n'));
        let said = consumer::accepts("promtool", "prometheus", &["check", "metrics"], &text);
        assert_eq!(said, "");
    }
}

#[test]
fn one_decision_is_one() {
    let text = String::from_utf8(metrics(&sample::launch())).expect("metrics are UTF-8");
    let ones = text.lines().filter(|l| l.starts_with("gonogo_verdict{") && l.ends_with(" 1"));
    let ones: Vec<&str> = ones.collect();
    assert_eq!(ones, [r#"gonogo_verdict{checklist="PixelRush v1.2.0",decision="no-go"} 1"#]);
}

#[test]
fn a_server_that_was_silent_has_no_duration() {
    let text = String::from_utf8(metrics(&sample::launch())).expect("metrics are UTF-8");
    let all: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("gonogo_dns_query_duration_seconds{"))
        .collect();
    assert_eq!(
        all,
        [concat!(
            r#"gonogo_dns_query_duration_seconds{checklist="PixelRush v1.2.0",check="dns.login","#,
            r#"server="system",name="login.game.example.com",type="A",region=""} 0.186"#
        )]
    );
}
