//! What the fuzz targets do with some bytes: the readers of what others wrote that need no server.
//!
//! Nothing is compared here but what must hold for any input: no panic, no endless loop, and no
//! answer made out of garbage. The tests of the project run the same functions over the seeds.

#![allow(unreachable_pub, reason = "the tests include this file as a module")]
#![allow(clippy::missing_panics_doc, reason = "to panic is how a target speaks")]

use gonogo::checklist::interpolate::NoSecrets;
use gonogo::checklist::load::{Options, from_text};
use gonogo::history;
use gonogo::net::alertmanager::{Alert, Matcher, Routing, Silence, Status, all_match};
use gonogo::net::dns::{Answer, Ask, Meta, Recursion, Via, fqdn};
use gonogo::net::pki::certificate::Certificate;
use gonogo::net::pki::crl::Crl;
use gonogo::net::pki::issuer::Issuer;
use gonogo::net::pki::roots::Roots;
use gonogo::net::pki::{ocsp, path};
use gonogo::net::prometheus::{AlertRule, ScrapeTarget};
use gonogo::probe::expect::Expectation;
use hickory_proto::rr::RecordType;
use rustls::pki_types::{CertificateDer, ServerName};

/// A target: its name, which is that of its folder of seeds, and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: [Target; 7] = [
    ("checklist", checklist),
    ("interpolation", interpolation),
    ("expectation", expectation),
    ("dns", dns),
    ("pki", pki),
    ("alerting", alerting),
    ("log", log),
];

/// A checklist from anywhere: it is read, or every mistake of it can be shown.
pub fn checklist(data: &[u8]) {
    load(&String::from_utf8_lossy(data));
}

/// Variables and references in every place that takes them.
pub fn interpolation(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split('\n').map(|part| serde_json::Value::from(part).to_string());
    let mut next = || parts.next().unwrap_or_else(|| "\"\"".to_owned());
    let (a, b, title) = (next(), next(), next());
    load(&format!(
        "gonogo: 1\nname: {title}\nvars: {{ a: {a}, b: {b}, list: [{a}, {b}] }}\nsteps:\n  - name: s\n    \
         checks:\n      - id: c\n        title: {title}\n        for_each: {{ item: \"${{list}}\" }}\n        \
         command: {{ run: [echo, {a}, {b}, \"${{a}}${{b}}\"] }}\n"
    ));
}

fn load(text: &str) {
    let options = Options { vars: &[], var_files: &[], secrets: Some(&NoSecrets), launch: None };
    match from_text("fuzz.yaml", text, &options) {
        Ok((checklist, _)) => assert!(checklist.checks().count() > 0, "a list without a check"),
        Err(invalid) => {
            assert!(!invalid.problems.is_empty(), "refused without a reason");
            for problem in &invalid.problems {
                let shown = invalid.sources.render(problem, false);
                let odd = |c: char| c.is_control() && c != '\n';
                assert!(!shown.contains(odd), "a control character reaches a terminal: {shown:?}");
            }
        }
    }
}

/// An expression, judged on an observation that has every type of value.
pub fn expectation(data: &[u8]) {
    let source = String::from_utf8_lossy(data);
    let schema = serde_json::json!({
        "type": "object",
        "properties": {
            "n": { "type": "integer" }, "f": { "type": ["number", "null"] },
            "s": { "type": "string" }, "b": { "type": "boolean" },
            "l": { "type": "array", "items": { "type": "object", "properties": { "x": { "type": "integer" } } } },
            "any": {},
        },
    });
    let Ok(expectation) = Expectation::compile(&source, &schema, &serde_json::Value::Null) else {
        return;
    };
    for observation in [
        serde_json::json!({ "n": 7, "f": 0.5, "s": "ä\u{1}", "b": true, "l": [{ "x": 1 }, {}], "any": {"k": [null]} }),
        serde_json::json!({ "n": i64::MIN, "f": null, "s": "", "b": false, "l": [], "any": null }),
    ] {
        if let Some(finding) = expectation.judge(&observation) {
            assert!(!finding.message.contains(char::is_control), "{:?}", finding.message);
        }
    }
    // What is not there proves nothing.
    assert!(expectation.judge(&serde_json::json!({})).is_some(), "{source} passes on nothing");
}

/// The types asked for; the first byte of an input is one of them.
const TYPES: [RecordType; 10] = [
    RecordType::A,
    RecordType::NS,
    RecordType::CNAME,
    RecordType::SOA,
    RecordType::MX,
    RecordType::TXT,
    RecordType::AAAA,
    RecordType::SRV,
    RecordType::CAA,
    RecordType::HTTPS,
];

/// A DNS message in answer to a question.
pub fn dns(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    let name = fqdn("pixelrush.test").expect("a name");
    let ask = Ask::new(name, TYPES[usize::from(*kind) % TYPES.len()], Recursion::Desired);
    let meta =
        Meta { at: jiff::Timestamp::UNIX_EPOCH, millis: 1.0, tries: 1, via: Via::Udp, age: 0 };
    if let Ok(Some(answer)) = Answer::from_wire(&ask, bytes, &meta) {
        let shown = answer.chain_text() + &answer.records.concat();
        assert!(!shown.contains(char::is_control), "{shown:?}");
        assert!(answer.is_positive() || answer.records.is_empty(), "records in a denial");
        let _judged = (answer.expires(), answer.keep(), answer.is_loop());
    }
}

/// A certificate, an OCSP answer or a revocation list, as the first byte says.
pub fn pki(data: &[u8]) {
    let Some((what, der)) = data.split_first() else { return };
    let leaf = include_bytes!("../pki/leaf.der");
    let chain = [
        CertificateDer::from(leaf.as_slice()),
        CertificateDer::from(include_bytes!("../pki/intermediate.der").as_slice()),
    ];
    let issuer = Issuer::find(&chain, &Roots::none()).expect("the leaf's issuer");
    match what % 3 {
        0 => {
            let certificate = CertificateDer::from(der);
            let name = ServerName::try_from("login.pixelrush.test").expect("a name");
            let _facts = (path::names(&certificate, &name), Certificate::read(der));
            let sent = [certificate, chain[1].clone()];
            let path = path::build(&sent, &Roots::none(), jiff::Timestamp::UNIX_EPOCH);
            assert!(path.certificates().len() <= sent.len(), "a path out of nothing");
        }
        1 => {
            let read = ocsp::Answer::read(der, leaf, Some(&issuer));
            serde_json::to_value(&read).expect("a fact");
        }
        _ => {
            if let Ok(list) = Crl::read(der, "http://127.0.0.1/crl", leaf, &issuer) {
                serde_json::to_value(&list).expect("a fact");
            }
        }
    }
}

/// What an Alertmanager or a Prometheus answers, as the first byte says.
pub fn alerting(data: &[u8]) {
    let Some((what, body)) = data.split_first() else { return };
    let labels = [("alertname", "Watchdog"), ("severity", "page")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    match what % 7 {
        0 => {
            for silence in read::<Vec<Silence>>(body).into_iter().flatten() {
                let matchers: Result<Vec<Matcher>, String> = silence
                    .matchers
                    .iter()
                    .map(gonogo::net::alertmanager::WireMatcher::compile)
                    .collect();
                let _silenced = matchers.is_ok_and(|matchers| all_match(&matchers, &labels));
            }
        }
        1 => drop(read::<Vec<Alert>>(body)),
        2 => drop(read::<Status>(body)),
        3 => drop(read::<Vec<AlertRule>>(body)),
        4 => drop(read::<Vec<ScrapeTarget>>(body)),
        5 => {
            if let Ok(routing) = Routing::read(&String::from_utf8_lossy(body)) {
                let _stops = routing.stops(&labels);
            }
        }
        _ => {
            let text = String::from_utf8_lossy(body);
            if let Ok(matcher) = text.parse::<Matcher>() {
                let _matches = matcher.matches(&labels);
                let again: Matcher = matcher.to_string().parse().expect("what it shows, it reads");
                assert_eq!(again, matcher, "read back as another matcher");
            }
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(body: &[u8]) -> Option<T> {
    serde_json::from_slice(body).ok()
}

/// An event log or a record.
pub fn log(data: &[u8]) {
    if let Ok(record) = history::replay(data) {
        // What was read can be written, and read again.
        let text = serde_json::to_vec(&record).expect("a record");
        assert_eq!(history::replay(&text).ok().as_ref(), Some(&record), "not the same record");
    }
}
