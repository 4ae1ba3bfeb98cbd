//! Our matching against Alertmanager's own: thousands of generated matchers and labels, through its
//! API, without one difference.

use std::collections::BTreeMap;
use std::time::Duration;

use gonogo::net::alertmanager::{Labels, Matcher, NewSilence, Op, Trouble, WireMatcher, all_match};
use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;

use crate::silence_cluster::Cluster;

const ASK: Duration = Duration::from_secs(10);
const ALERTS: usize = 60;
const SILENCES: usize = 150;

/// Values that separate readings of an expression.
fn value() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a", "b", "ab", "A", "B", "order", "0", "12", "_", "-", ".", " ", "\n", "\t", "\u{b}", "é",
        "É", "日", "٣", "[", "]", "{", "}", "{2}", "(", "|", "\\", "\"", "^", "$", "&", "~", "<",
        "K", "\u{212a}", "ſ", "s", "α", "/", "a.b", "\u{a0}",
    ]);
    prop::collection::vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

/// Pieces of expressions, many of them wrong.
const PIECES: &[&str] = &[
    "a",
    "b",
    "ab",
    "order",
    "A",
    "é",
    "日",
    ".",
    ".*",
    ".+",
    ".?",
    "a*",
    "b+",
    "a?",
    "a{2}",
    "a{1,}",
    "a{0,2}",
    "a{,2}",
    "{",
    "}",
    "{a}",
    "a{2",
    "|",
    "a|b",
    "(a|b)",
    "(?:a|)",
    "(",
    ")",
    "(?i)a",
    "(?i:k)",
    "(?i)s",
    "(?s).",
    "(?m)^a$",
    "(?U)a+",
    "(?-s).",
    "(?x)a",
    "(?P<n>a)",
    "(?=a)",
    "(?)",
    "(?ii)a",
    "(?i)*",
    "(?-)",
    "(?i-i:k)",
    "a{01}",
    "a{2,1}",
    "[--a]",
    r"[a-\d]",
    r"[\d-z]",
    r"\p{^Greek}",
    r"\p{Alphabetic}",
    "[a-c-e]",
    "(?P<1>a)",
    "(?P<é>a)",
    r"\d",
    r"\D+",
    r"\w*",
    r"\W",
    r"\s",
    r"\S*",
    r"\b",
    r"\B",
    r"\.",
    r"\-",
    r"\_",
    r"\<",
    r"\/",
    r"\é",
    r"\Qa.b\E",
    r"\Q(\E",
    r"\101",
    r"\0",
    r"\1",
    r"\x41",
    r"\x{e9}",
    r"\u0041",
    r"\pL",
    r"\p{Greek}",
    r"\PL",
    r"\A",
    r"\z",
    r"\Z",
    r"\G",
    r"\n",
    r"\t",
    r"\v",
    r"\a",
    r"\e",
    r"\y",
    r"\C",
    r"\pN+",
    r"\p{Nonsense}",
    "[ab]",
    "[^a]",
    "[a-c]",
    "[c-a]",
    "[]a]",
    "[^]a]",
    "[-a]",
    "[a-]",
    "[a&&b]",
    "[a~~b]",
    "[a--b]",
    "[[]",
    "[[:alpha:]]",
    "[[:^digit:]]",
    "[[:word:]-]",
    "[[:nonsense:]]",
    r"[\d\s]",
    r"[\W]",
    r"[^\w]",
    r"[\]]",
    r"[\-a]",
    r"[\pL]",
    r"[\x41]",
    "[",
    "[]",
    "[é-日]",
    r"[\b]",
    "^",
    "$",
    "*",
    "+",
    "**",
    "a*?",
    "a+*",
    "a{2}{3}",
    "a{1001}",
    "a??",
    "#",
    "&",
    "/",
];

fn expression() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(PIECES), 0..4).prop_map(|pieces| pieces.concat())
}

fn parts() -> impl Strategy<Value = WireMatcher> {
    let name = prop::sample::select(vec!["x", "y", "nosuch"]);
    (name, any::<bool>(), any::<bool>(), value(), expression()).prop_map(
        |(name, is_regex, is_equal, value, expression)| WireMatcher {
            name: name.to_owned(),
            value: if is_regex { expression } else { value },
            is_regex,
            is_equal,
        },
    )
}

fn sample<T>(runner: &mut TestRunner, n: usize, strategy: &impl Strategy<Value = T>) -> Vec<T> {
    (0..n).map(|_| strategy.new_tree(runner).expect("a value").current()).collect()
}

#[tokio::test]
async fn ask_23_our_matching_is_alertmanagers_matching() {
    let cluster = Cluster::of(1).await;
    let member = &cluster.members[0];
    let api = member.api().await;
    let mut runner = TestRunner::deterministic();
    let labels = (value(), value()).prop_map(|(x, y)| (x, y));
    let alerts: Vec<Labels> = sample(&mut runner, ALERTS, &labels)
        .into_iter()
        .enumerate()
        .map(|(n, (x, y))| {
            let all = [("alertname", "Test".to_owned()), ("n", n.to_string()), ("x", x), ("y", y)];
            let all = all.into_iter().filter(|(_, value)| !value.is_empty());
            all.map(|(name, value)| (name.to_owned(), value)).collect()
        })
        .collect();
    member.fire(&alerts.iter().map(|labels| json!(labels)).collect::<Vec<_>>()).await;

    let mut made: BTreeMap<String, Vec<Matcher>> = BTreeMap::new();
    let mut refused = 0;
    let now = gonogo::clock::Clock.now();
    for wire in sample(&mut runner, SILENCES, &prop::collection::vec(parts(), 1..3)) {
        // One that keeps the silence valid whatever the others accept.
        let mut matchers = wire;
        let always = Matcher::new("alertname".to_owned(), Op::Equal, "Test".to_owned());
        matchers.push(WireMatcher::from(&always.expect("a matcher")));
        let ours: Result<Vec<Matcher>, String> =
            matchers.iter().map(WireMatcher::compile).collect();
        let new = NewSilence {
            id: None,
            matchers: matchers.clone(),
            starts_at: now,
            ends_at: now + SignedDuration::from_hours(1),
            created_by: "test".to_owned(),
            comment: "test".to_owned(),
            annotations: std::collections::BTreeMap::new(),
        };
        match (api.post(&new, ASK).await, ours) {
            (Ok(id), Ok(ours)) => {
                made.insert(id, ours);
            }
            (Err(Trouble::Rejected { status: 400, .. }), Err(_)) => refused += 1,
            (theirs, ours) => panic!("{matchers:?}: they say {theirs:?}, we say {ours:?}"),
        }
    }

    let mut pairs = 0;
    for alert in api.alerts(ASK).await.expect("alerts").iter() {
        for (id, matchers) in &made {
            let theirs = alert.status.silenced_by.contains(id);
            assert_eq!(
                all_match(matchers, &alert.labels),
                theirs,
                "{matchers:?} {:?}",
                alert.labels
            );
            pairs += 1;
        }
    }
    assert!(pairs >= 2_000 && refused > 0, "{pairs} pairs, {refused} refused");
}
