//! Records to render: an ordinary launch with every outcome, hostile text, and many checks.

#![expect(clippy::assigning_clones, reason = "a sample reads best as plain assignments")]

use gonogo::model::fault::Fault;
use gonogo::model::finding::Finding;
use gonogo::model::id::{CheckId, RunId};
use gonogo::model::outcome::{Decision, Outcome, Severity};
use gonogo::model::record::{
    Attempt, Change, ChangeState, CheckRecord, ChecklistRef, Counts, GitRef, Header, RunRecord,
    Skip, SkipReason, Source, StepRecord, Tool, Verdict, Waived,
};
use gonogo::model::time::Window;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::seen;

/// An instant.
pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().expect("an instant")
}

/// A check's id.
pub(crate) fn id(text: &str) -> CheckId {
    CheckId::new(text).expect("a check id")
}

fn header() -> Header {
    Header {
        format: 1,
        run: RunId("019a9f5e-1c00-7abc-8def-0123456789ab".parse().expect("a UUID")),
        tool: Tool { name: "gonogo".to_owned(), version: "0.1.0".to_owned() },
        name: "PixelRush v1.2.0".to_owned(),
        checklist: ChecklistRef {
            path: "checklists/pixelrush.yaml".to_owned(),
            sha256: "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae".to_owned(),
            git: Some(GitRef {
                commit: "9fceb02d0ae598e95dc970b74767f19372d61af8".to_owned(),
                dirty: false,
            }),
        },
        launch: Some("2026-11-23T10:00:00+08:00".to_owned()),
        window: Window { from: at("2026-11-23T01:45:00Z"), to: at("2026-11-23T05:00:00Z") },
        phase: "T-24h".to_owned(),
        vantage: None,
        shard: None,
        merged: Vec::new(),
        missing: Vec::new(),
        resumes: None,
        host: Some("rel-01.example.com".to_owned()),
        operator: Some("lin".to_owned()),
        started: at("2026-11-22T02:18:42.120Z"),
        strict: false,
        apply: false,
        vars: [
            ("alertmanager".to_owned(), json!("https://am.example.com")),
            ("password".to_owned(), json!("${env:PGPASSWORD}")),
            ("zone".to_owned(), json!("game.example.com")),
        ]
        .into(),
    }
}

/// A check that passed, to be bent into others.
pub(crate) fn check(name: &str, kind: &str, summary: &str) -> CheckRecord {
    let started = at("2026-11-22T02:18:42.200Z");
    CheckRecord {
        id: id(name),
        kind: kind.to_owned(),
        title: name.to_owned(),
        severity: Severity::Blocker,
        outcome: Outcome::Pass,
        summary: summary.to_owned(),
        owner: None,
        runbook: None,
        tags: Vec::new(),
        parameters: json!({}),
        expect: Vec::new(),
        findings: vec![finding(&format!("{kind}.ok"), Outcome::Pass, "target", summary)],
        observation: Some(json!({ "seen": summary }).into()),
        attempts: vec![attempt(Outcome::Pass, summary, 186.4)],
        started: Some(started),
        duration_ms: 186.4,
        skipped: None,
        waived: None,
        changes: Vec::new(),
        reproduce: Vec::new(),
        source: Source { file: "checklists/pixelrush.yaml".to_owned(), line: 14 },
        quorum: None,
        sightings: Vec::new(),
    }
}

/// One try.
pub(crate) fn attempt(outcome: Outcome, summary: &str, duration_ms: f64) -> Attempt {
    let fault = (outcome == Outcome::Unknown).then(|| Fault::Unreachable {
        what: "asking 8.8.8.8".to_owned(),
        reason: "no route to host".to_owned(),
    });
    let started = at("2026-11-22T02:18:42.200Z");
    Attempt { started, duration_ms, outcome, summary: summary.to_owned(), fault }
}

/// One finding.
pub(crate) fn finding(code: &str, outcome: Outcome, target: &str, message: &str) -> Finding {
    Finding {
        code: code.to_owned(),
        outcome,
        target: target.to_owned(),
        message: message.to_owned(),
        expected: None,
        actual: None,
        waived: None,
        vantages: Vec::new(),
    }
}

/// A check with one finding that is not a pass.
pub(crate) fn troubled(
    name: &str,
    kind: &str,
    outcome: Outcome,
    code: &str,
    target: &str,
    message: &str,
) -> CheckRecord {
    CheckRecord {
        outcome,
        findings: vec![finding(code, outcome, target, message)],
        attempts: vec![attempt(outcome, message, 52.0)],
        ..check(name, kind, message)
    }
}

/// A check that was not looked at.
pub(crate) fn skipped(name: &str, kind: &str, reason: SkipReason, text: &str) -> CheckRecord {
    CheckRecord {
        outcome: Outcome::Skipped,
        findings: Vec::new(),
        observation: None,
        attempts: Vec::new(),
        started: None,
        duration_ms: 0.0,
        skipped: Some(Skip { reason, cause: None, text: text.to_owned() }),
        ..check(name, kind, text)
    }
}

/// A record of some steps; the counts follow from the checks.
pub(crate) fn record(
    steps: Vec<(&str, Vec<CheckRecord>)>,
    decision: Decision,
    because: &[&str],
) -> RunRecord {
    let mut record = RunRecord {
        header: header(),
        finished: Some(at("2026-11-22T02:18:46.320Z")),
        stopped: None,
        steps: steps
            .into_iter()
            .map(|(name, checks)| StepRecord { name: name.to_owned(), checks })
            .collect(),
        counts: Counts::default(),
        verdict: Verdict { decision, because: because.iter().copied().map(id).collect() },
    };
    record.counts = record.count();
    record
}

/// The launch everybody has: every outcome, a waiver, a retry, a change, an advisory.
pub(crate) fn launch() -> RunRecord {
    let steps = vec![
        ("DNS warm-up", dns()),
        ("Certificates", certificates()),
        ("Database", database()),
        ("Quiet the pager", pager()),
        ("People", people()),
    ];
    record(
        steps,
        Decision::NoGo,
        &["dns.match", "pg.pool", "am.silence", "people.rollback", "pg.replica"],
    )
}

fn dns() -> Vec<CheckRecord> {
    let mut login = check(
        "dns.login",
        "dns",
        "24 answers on 3 resolvers, warm until 10:04, 4m past launch; p95 14 ms (cold 186 ms)",
    );
    login.title = "Login names answer warm on the resolvers players use".to_owned();
    login.owner = Some("netops".to_owned());
    login
        .attempts
        .insert(0, attempt(Outcome::Unknown, "asking 8.8.8.8: no answer within 5s", 5003.0));
    login.duration_ms = 5_189.4;
    login.observation = Some(seen::dns().into());
    let mut stale = troubled(
        "dns.match",
        "dns",
        Outcome::Fail,
        "dns.stale-answer",
        "8.8.8.8 match.game.example.com A",
        "8.8.8.8 still answers 192.0.2.66, the zone says 192.0.2.10",
    );
    stale.title = "Match names answer with the new addresses".to_owned();
    stale.findings[0].actual = Some("192.0.2.66 (TTL 2711)".to_owned());
    stale.findings[0].expected = Some("192.0.2.10 (authority ns1.example.com)".to_owned());
    stale.reproduce = vec!["dig @8.8.8.8 match.game.example.com A +noall +answer".to_owned()];
    stale.owner = Some("netops".to_owned());
    stale.runbook = Some("https://wiki.example.com/dns".to_owned());
    stale.observation = Some(
        json!({
            "answers": [{ "resolver": "8.8.8.8", "name": "match.game.example.com", "type": "A",
                "values": ["192.0.2.66"], "ttl": 2711, "ms": 14.2 }],
            "authorities": { "ns1.example.com": ["192.0.2.10"] }
        })
        .into(),
    );
    let mut legacy = troubled(
        "dns.legacy",
        "dns",
        Outcome::Fail,
        "dns.ttl-too-long",
        "ns1.example.com legacy.game.example.com A",
        "the record lives 3600 s, longer than max_ttl 60 s",
    );
    let waived = Waived {
        by: "amy".to_owned(),
        reason: "retired on 1 December, nobody connects to it at launch (CHG-4711)".to_owned(),
        until: at("2026-11-30T10:00:00Z"),
    };
    legacy.findings[0].waived = Some(waived.clone());
    legacy.waived = Some(waived);
    vec![login, stale, legacy]
}

fn certificates() -> Vec<CheckRecord> {
    let mut login = troubled(
        "tls.login",
        "tls",
        Outcome::Warn,
        "tls.renewal-overdue",
        "192.0.2.10:443",
        "2 of 2 addresses good until 12 Dec; renewal is 3 days overdue",
    );
    login.findings[0].expected = Some("renewed 30 days before it ends".to_owned());
    login.findings[0].actual = Some("ends 2026-12-12T00:00:00Z, in 20 days".to_owned());
    login.findings.push(finding("tls.ok", Outcome::Pass, "192.0.2.11:443", "good until 12 Dec"));
    login.reproduce = vec![
        "openssl s_client -connect 192.0.2.10:443 -servername login.game.example.com -status \
         </dev/null 2>/dev/null | openssl x509 -noout -dates"
            .to_owned(),
    ];
    login.observation = Some(seen::tls().into());
    let staple = CheckRecord {
        outcome: Outcome::NotApplicable,
        findings: vec![finding(
            "tls.no-responder",
            Outcome::NotApplicable,
            "cdn.example.com:443",
            "the certificate names no OCSP responder",
        )],
        ..check("tls.cdn-staple", "tls", "the certificate names no OCSP responder")
    };
    vec![login, staple, check("tls.match", "tls", "1 address good until 1 Feb 2027")]
}

fn database() -> Vec<CheckRecord> {
    let mut pool = troubled(
        "pg.pool",
        "postgres_pool",
        Outcome::Unknown,
        "gonogo.denied",
        "postgres://gonogo@db:5432/game",
        "role gonogo may not see other sessions (needs pg_monitor)",
    );
    pool.owner = Some("dba".to_owned());
    pool.reproduce = vec![
        "psql 'host=db port=5432 dbname=game user=gonogo sslmode=verify-full' -X -c \
         \"select rolname, pg_has_role(oid, 'pg_monitor', 'usage') from pg_roles where rolname = \
         current_user\""
            .to_owned(),
    ];
    let mut replica = skipped(
        "pg.replica",
        "postgres_pool",
        SkipReason::Needs,
        "needs pg.pool, which is unknown",
    );
    if let Some(skip) = &mut replica.skipped {
        skip.cause = Some(id("pg.pool"));
    }
    let mut slow = troubled(
        "pg.slow",
        "postgres_pool",
        Outcome::Fail,
        "postgres_pool.idle-in-transaction",
        "postgres://gonogo@db:5432/game",
        "3 sessions idle in transaction for more than 5m",
    );
    slow.severity = Severity::Advisory;
    slow.observation = Some(seen::pool().into());
    vec![pool, replica, slow]
}

fn pager() -> Vec<CheckRecord> {
    let mut silence = troubled(
        "am.silence",
        "silence",
        Outcome::Pending,
        "silence.not-applied",
        "https://am.example.com",
        "would silence 12 rules, 3 firing alerts, 09:45-11:00; run with --apply",
    );
    silence.changes = vec![Change {
        what: "silence service=\"order\", alertname=~\"HighLatency|PaymentTimeout\" from 09:45 to \
               11:00"
            .to_owned(),
        state: ChangeState::Proposed,
        receipt: None,
    }];
    vec![silence, skipped("am.expire", "silence", SkipReason::Phase, "belongs to T+3h")]
}

fn people() -> Vec<CheckRecord> {
    let mut rollback = troubled(
        "people.rollback",
        "manual",
        Outcome::Pending,
        "manual.unsigned",
        "people.rollback",
        "回滚演练：1 of 2 signatures, 王小明 signed on 21 Nov; one more is needed",
    );
    rollback.title = "预发环境回滚演练在五分钟内完成？".to_owned();
    let names =
        ["capacity", "feature-flags", "support", "legal", "on-call", "status-page", "comms"];
    let mut all = vec![rollback];
    all.extend(names.iter().map(|name| {
        check(&format!("people.{name}"), "manual", "2 of 2 signatures, the last on 21 Nov")
    }));
    all.push(skipped("people.handover", "manual", SkipReason::Phase, "belongs to T-0"));
    all.push(skipped("people.retro", "manual", SkipReason::NotSelected, "not selected by --tag"));
    all
}

/// Everything is right.
pub(crate) fn green() -> RunRecord {
    let checks = vec![
        check("tcp.login", "tcp", "2 of 2 addresses answer; slowest 3.1 ms"),
        check("http.health", "http", "200 in 21 ms"),
    ];
    record(vec![("Reachability", checks)], Decision::Go, &[])
}

/// Nothing was selected.
pub(crate) fn nothing() -> RunRecord {
    let checks = vec![
        skipped("a", "tcp", SkipReason::Phase, "belongs to T-0"),
        skipped("b", "tcp", SkipReason::NotSelected, "not selected by --tag"),
    ];
    record(vec![("Reachability", checks)], Decision::NothingRan, &[])
}

/// A run that was interrupted: one answer, the rest without.
pub(crate) fn interrupted() -> RunRecord {
    let waiting = |name: &str| {
        troubled(
            name,
            "tcp",
            Outcome::Unknown,
            "gonogo.interrupted",
            "game.example.com:443",
            "the run was interrupted",
        )
    };
    let checks = vec![check("tcp.a", "tcp", "answers"), waiting("tcp.b"), waiting("tcp.c")];
    let mut record = record(vec![("Reachability", checks)], Decision::Hold, &["tcp.b", "tcp.c"]);
    record.stopped = Some(gonogo::model::record::Stop::Interrupt);
    record
}

/// A record that tries to break out of every format.
pub(crate) fn hostile() -> RunRecord {
    let evil = "\x1b[31mred\x1b[0m \x07bell\0nul ]]> | pipe <script>alert(1)</script> & \"q\" 'a' \
                \u{202e}gnp.exe\u{2066}x\u{2069} \u{feff}bom \r\nline\ttab ::error::x %0A `tick` \
                # hash \\ back \u{fffd} --> *bold* [l](javascript:x) 名字 👍🏽 é";
    let body = format!("{evil}{}", "A".repeat(1_000_000));
    let mut check = troubled("x.evil", "http", Outcome::Fail, "http.body", evil, evil);
    check.title = evil.to_owned();
    check.summary = body.clone();
    check.owner = Some(evil.to_owned());
    check.runbook = Some(format!("javascript:{evil}"));
    check.tags = vec![evil.to_owned()];
    check.findings[0].expected = Some(evil.to_owned());
    check.findings[0].actual = Some(body.clone());
    check.reproduce = vec![format!("curl '{evil}'"), body.clone()];
    check.parameters = json!({ "evil": evil, "list": [evil, 1, null] });
    check.observation = Some(
        Value::from(vec![
            json!({ "body": body }),
            json!({ evil: evil, "n": 1.5e300, "deep": [[[[[evil]]]]] }),
        ])
        .into(),
    );
    check.attempts.insert(0, attempt(Outcome::Unknown, evil, f64::from(u32::MAX)));
    check.changes = vec![Change {
        what: evil.to_owned(),
        state: ChangeState::Failed,
        receipt: Some(evil.to_owned()),
    }];
    let waived =
        Waived { by: evil.to_owned(), reason: evil.to_owned(), until: at("9999-12-30T00:00:00Z") };
    check.findings[0].waived = Some(waived.clone());
    check.waived = Some(waived);
    check.source.file = evil.to_owned();
    let mut other = skipped("x.skipped", "tcp", SkipReason::Halted, evil);
    other.title = evil.to_owned();
    let mut record = record(vec![(evil, vec![check, other])], Decision::NoGo, &["x.evil"]);
    record.header.name = evil.to_owned();
    record.header.phase = evil.to_owned();
    record.header.vantage = Some(evil.to_owned());
    record.header.host = Some(evil.to_owned());
    record.header.operator = Some(evil.to_owned());
    record.header.checklist.path = evil.to_owned();
    record.header.launch = Some(evil.to_owned());
    record.header.vars = [(evil.to_owned(), json!({ evil: evil }))].into();
    record
}

/// Many checks, one in fifty of them wrong.
pub(crate) fn many(n: usize) -> RunRecord {
    let mut steps = Vec::new();
    for s in 0..n.div_ceil(25) {
        let checks = (s * 25..n.min((s + 1) * 25))
            .map(|c| {
                let name = format!("step{s}.check{c}");
                if c % 50 == 7 {
                    let mut check = troubled(
                        &name,
                        "tcp",
                        Outcome::Fail,
                        "tcp.refused",
                        "192.0.2.1:443",
                        "nobody listens on 192.0.2.1:443",
                    );
                    check.reproduce = vec!["nc -vz 192.0.2.1 443".to_owned()];
                    check
                } else {
                    check(&name, "tcp", "2 of 2 addresses answer; slowest 3.1 ms")
                }
            })
            .collect();
        steps.push(StepRecord { name: format!("Step {s}"), checks });
    }
    let mut record = record(Vec::new(), Decision::NoGo, &[]);
    record.steps = steps;
    record.counts = record.count();
    record.verdict.because = record
        .checks()
        .filter(|check| check.outcome == Outcome::Fail)
        .map(|check| check.id.clone())
        .collect();
    record
}
