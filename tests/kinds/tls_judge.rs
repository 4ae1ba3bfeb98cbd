//! Kind `tls`: how facts are judged, without a network.

use gonogo::model::fault::{Fault, Sight};
use gonogo::model::finding::Finding;
use gonogo::model::time::{Span, Window};
use gonogo::net::pki::certificate::{Certificate, Key};
use gonogo::net::pki::crl::{Crl, Entry};
use gonogo::net::pki::ocsp::{About, Answer, Basic, Signer, Single, Status};
use gonogo::net::pki::path::{Obstacle, Path};
use gonogo::net::tls::{Failure, Session};
use gonogo::probe::tls::{
    Accepted, Address, Asked, Contact, Observation, OtherKey, Said, Sent, Served, Staple, Tls,
    Tls12,
};
use gonogo::probe::{JudgeCx, Probe};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

const HOST: &str = "login.example.com";

/// The instant everything is judged at.
fn now() -> Timestamp {
    "2026-11-20T12:00:00Z".parse().expect("an instant")
}

fn hours(hours: i64) -> Timestamp {
    now() + SignedDuration::from_hours(hours)
}

/// A certificate of 90 days with 60 left.
fn certificate() -> Certificate {
    Certificate {
        sha256: "0".repeat(64),
        subject: String::new(),
        issuer: "CN=sub".to_owned(),
        self_issued: false,
        names: vec![HOST.to_owned()],
        serial: "07".to_owned(),
        not_before: hours(-30 * 24),
        not_after: hours(60 * 24),
        key: Key::Ec("P-256".to_owned()),
        signature: "ecdsa-with-SHA256".to_owned(),
        authority: false,
        purposes: vec!["serverAuth".to_owned()],
        policies: Vec::new(),
        must_staple: false,
        ocsp: Vec::new(),
        crls: Vec::new(),
        issuers: Vec::new(),
        scts: 2,
    }
}

fn session() -> Session {
    Session {
        version: "TLSv1.3".to_owned(),
        suite: "TLS_AES_256_GCM_SHA384".to_owned(),
        group: "X25519MLKEM768".to_owned(),
        alpn: None,
    }
}

fn served(leaf: Certificate) -> Served {
    Served {
        session: Some(session()),
        chain: vec![Sent::Certificate(Box::new(leaf))],
        path: Path::Built { certificates: vec![0], root: "CN=root".to_owned() },
        name_mismatch: None,
        handshakes: 1,
        stapled: 0,
        stapled_first: false,
        staple: None,
        asked: Vec::new(),
    }
}

fn address(served: Served) -> Address {
    let accepted = Accepted {
        connect_ms: 1.0,
        handshake_ms: 2.0,
        silent_to_post_quantum: false,
        handshakes: 1,
        failure: None,
        fault: None,
        other_key: None,
        tls12: None,
        resumed: None,
        clock_ahead: None,
        alpn: Vec::new(),
        versions: Vec::new(),
        suites: Vec::new(),
        served: vec![served],
    };
    let sight = Sight::Seen(Contact::Accepted(Box::new(accepted)));
    Address { address: "192.0.2.1:443".to_owned(), sight }
}

fn observation(addresses: Vec<Address>) -> Observation {
    Observation {
        roots: "platform (142 roots)".to_owned(),
        no_address: None,
        file: None,
        addresses,
    }
}

fn tls(more: Value) -> Tls {
    let mut parameters = json!({"endpoint": format!("{HOST}:443")});
    let (Value::Object(all), Value::Object(more)) = (&mut parameters, more) else {
        panic!("parameters are an object")
    };
    all.extend(more);
    serde_json::from_value(parameters).expect("good parameters")
}

/// A window of three hours that begins in `hours`.
fn launch_in(from: i64) -> JudgeCx {
    let window = Window { from: hours(from), to: hours(from + 3) };
    JudgeCx { now: now(), launch: hours(from), window }
}

fn words(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{} {}", finding.outcome, finding.code)).collect()
}

/// Judges one certificate at a launch now; the not-applicable staple is left out.
fn check(leaf: Certificate, more: Value, expected: &[&str]) {
    let findings = tls(more).judge(&observation(vec![address(served(leaf))]), &launch_in(0));
    let mut words = words(&findings);
    words.retain(|word| !word.starts_with("not-applicable"));
    assert_eq!(words, expected, "{findings:#?}");
}

#[test]
fn weak_keys_and_signatures_are_named() {
    let key = |key: Key| Certificate { key, ..certificate() };
    let rsa = |bits| key(Key::Rsa(bits));
    check(rsa(4096), json!({}), &["pass tls.ok"]);
    check(rsa(2048), json!({}), &["pass tls.ok"]);
    check(rsa(2047), json!({}), &["fail tls.weak-key"]);
    check(rsa(1024), json!({}), &["fail tls.weak-key"]);
    check(rsa(0), json!({}), &["fail tls.weak-key"]);
    check(rsa(2049), json!({}), &["warn tls.weak-key", "pass tls.ok"]);
    check(key(Key::Ec("secp256k1".to_owned())), json!({}), &["fail tls.weak-key"]);
    check(key(Key::Other("1.2.3".to_owned())), json!({}), &["fail tls.weak-key"]);
    for signature in ["sha1WithRSAEncryption", "ecdsa-with-SHA1", "md5WithRSAEncryption"] {
        let leaf = Certificate { signature: signature.to_owned(), ..certificate() };
        check(leaf, json!({}), &["fail tls.weak-signature"]);
    }
}

/// A certificate of `life` days with `left` hours left.
fn aged(life: i64, left: i64) -> Certificate {
    let not_after = hours(left);
    let not_before = not_after - SignedDuration::from_hours(life * 24);
    Certificate { not_before, not_after, ..certificate() }
}

#[test]
fn renewal_is_judged_by_the_certificates_own_life() {
    let overdue = ["warn tls.renewal-overdue", "pass tls.ok"];
    let soon = ["warn tls.expires-soon", "pass tls.ok"];
    let ok = ["pass tls.ok"];
    for (life, left_days, more, expected) in [
        // A healthy certificate of 45 days just before its renewal has 15 left.
        (45, 15, json!({}), &ok[..]),
        (45, 12, json!({}), &overdue),
        (90, 29, json!({}), &ok),
        (90, 25, json!({}), &overdue),
        (90, 25, json!({"renewal": "manual"}), &soon),
        (90, 31, json!({"renewal": "manual"}), &ok),
        (90, 31, json!({"warn_within": "40d"}), &soon),
        // A certificate of a year is a person's.
        (365, 100, json!({}), &ok),
        (365, 29, json!({}), &soon),
        (365, 100, json!({"renewal": "acme"}), &overdue),
        (365, 110, json!({"renewal": "acme"}), &ok),
    ] {
        check(aged(life, left_days * 24), more, expected);
    }
    // 160 hours, with half of it left at renewal and 12 hours of grace.
    let short = |left: i64| Certificate { not_before: hours(left - 160), ..aged(7, left) };
    check(short(90), json!({}), &ok);
    check(short(76), json!({}), &ok);
    check(short(67), json!({"margin": "1h"}), &overdue);
}

#[test]
fn public_certificates_keep_the_baseline_requirements() {
    let public = |life: i64, scts: usize| {
        let policies = vec!["2.23.140.1.2.1".to_owned()];
        let second = SignedDuration::from_secs(1);
        let leaf = aged(life, 24 * 40);
        let crls = vec!["http://crl.example/".to_owned()];
        Certificate { policies, crls, scts, not_before: leaf.not_before + second, ..leaf }
    };
    let none = json!({"renewal": "manual", "revocation": "off"});
    check(public(200, 3), none.clone(), &["pass tls.ok"]);
    check(public(201, 3), none.clone(), &["fail tls.lifetime-too-long"]);
    check(aged(200, 24 * 40), none.clone(), &["pass tls.ok"]);
    check(public(200, 2), none.clone(), &["warn tls.few-scts", "pass tls.ok"]);
    check(public(90, 2), none.clone(), &["pass tls.ok"]);
    let unrevocable = Certificate { crls: Vec::new(), ..public(90, 2) };
    check(unrevocable, json!({"renewal": "manual"}), &["pass tls.ok", "fail tls.no-revocation"]);
    check(public(90, 1), none.clone(), &["warn tls.few-scts", "pass tls.ok"]);
    // Issued under the rule before: 398 days until 15 March 2026.
    check(public(398, 3), none.clone(), &["pass tls.ok"]);
    check(public(400, 3), none.clone(), &["fail tls.lifetime-too-long"]);
    // A company's own authority is exempt, in the platform's store or not.
    check(Certificate { policies: Vec::new(), ..public(800, 0) }, none, &["pass tls.ok"]);
    let file = json!({"ca": "ca.pem", "renewal": "manual", "revocation": "off"});
    check(public(800, 0), file, &["pass tls.ok"]);
}

#[test]
fn the_last_second_counts_and_clocks_may_differ() {
    let second = SignedDuration::from_secs(1);
    let at = |not_before, not_after| Certificate { not_before, not_after, ..certificate() };
    let none = json!({"margin": "0s", "renewal": "manual", "warn_within": "0s"});
    let cx = JudgeCx { now: now(), launch: now(), window: Window { from: now(), to: now() } };
    for (leaf, expected) in [
        (at(hours(-1), now()), "pass tls.ok"),
        (at(hours(-1), now() - second), "fail tls.expired"),
        (at(now() + second * 300, hours(1)), "pass tls.ok"),
        (at(now() + second * 301, hours(1)), "fail tls.not-yet-valid"),
    ] {
        let findings = tls(none.clone()).judge(&observation(vec![address(served(leaf))]), &cx);
        assert!(words(&findings).contains(&expected.to_owned()), "{expected}: {findings:#?}");
    }
}

/// A good staple made `age` hours ago for `left` more.
fn staple(age: i64, left: Option<i64>) -> Staple {
    let single = Single {
        about: About::This,
        serial: "07".to_owned(),
        hash: "SHA-1".to_owned(),
        status: Status::Good,
        this_update: hours(-age),
        next_update: left.map(hours),
    };
    let basic = Basic {
        produced_at: hours(-age),
        responder: "CN=sub".to_owned(),
        signer: Signer::Issuer,
        bad_signature: None,
        critical: None,
        singles: vec![single],
    };
    Staple { size: 500, answer: Answer::Basic(Box::new(basic)) }
}

#[test]
fn staples_of_public_authorities_are_refreshed_in_time() {
    let seen = |staple: Staple| {
        let served = Served {
            stapled: 1,
            stapled_first: true,
            staple: Some(staple),
            ..served(certificate())
        };
        observation(vec![address(served)])
    };
    let judge = |staple: Staple, more: Value, launch: i64| {
        let findings = tls(more).judge(&seen(staple), &launch_in(launch));
        let words = words(&findings);
        words.into_iter().find(|word| word.contains("staple")).expect("a finding about it")
    };
    let (public, private) = (json!({}), json!({"ca": "ca.pem"}));
    for (age, left, parameters, launch, expected) in [
        (24, Some(144), &public, 0, "pass tls.staple-ok"),
        (97, Some(71), &public, 0, "warn tls.staple-ageing"),
        (97, Some(71), &private, 0, "pass tls.staple-ok"),
        (30, Some(7), &public, 0, "warn tls.staple-ageing"),
        (5, Some(5), &public, 0, "pass tls.staple-ok"),
        (24, Some(48), &public, 60, "pass tls.staple-ok"),
        (48, Some(24), &public, 60, "warn tls.staple-ageing"),
        (48, Some(24), &private, 60, "warn tls.staple-ageing"),
        (1, None, &public, 0, "fail tls.staple-without-end"),
        (1, None, &private, 0, "warn tls.staple-without-end"),
    ] {
        let word = judge(staple(age, left), parameters.clone(), launch);
        assert_eq!(word, expected, "{age} {left:?} {parameters} {launch}");
    }
    let mut critical = staple(1, Some(100));
    if let Answer::Basic(basic) = &mut critical.answer {
        basic.critical = Some("1.2.3".to_owned());
    }
    assert_eq!(judge(critical, public, 0), "fail tls.staple-unreadable");
}

#[test]
fn rsa_and_ecdsa_pairs_are_not_stale() {
    let rsa = Certificate { key: Key::Rsa(2048), not_after: hours(50 * 24), ..certificate() };
    let pair = observation(vec![address(served(certificate())), address(served(rsa))]);
    let findings = tls(json!({})).judge(&pair, &launch_in(0));
    assert!(!words(&findings).iter().any(|word| word.contains("stale")), "{findings:#?}");
}

#[test]
fn a_clock_that_nobody_agrees_with_makes_dates_unknown() {
    let expired = aged(90, -24);
    let at = |place: &str, ahead: Option<i64>| {
        let Address { sight, .. } = address(served(expired.clone()));
        let Sight::Seen(Contact::Accepted(mut accepted)) = sight else { panic!("accepted") };
        accepted.clock_ahead = ahead;
        let sight = Sight::Seen(Contact::Accepted(accepted));
        Address { address: place.to_owned(), sight }
    };
    let judge_at = |places: &[&str], clocks: &[Option<i64>]| {
        let all = places.iter().zip(clocks).map(|(place, ahead)| at(place, *ahead)).collect();
        let findings = tls(json!({"revocation": "off"})).judge(&observation(all), &launch_in(0));
        let mut words = words(&findings);
        words.retain(|word| !word.starts_with("not-applicable"));
        words.sort_unstable();
        words.dedup();
        words
    };
    let places = ["192.0.2.1:443", "192.0.2.2:443", "192.0.2.3:443"];
    let judge = |clocks: &[Option<i64>]| judge_at(&places, clocks);
    let wrong = ["unknown tls.clock-wrong", "unknown tls.expired"];
    let right = ["fail tls.expired"];
    let doubtful = ["fail tls.expired", "warn tls.clock-differs"];
    for (clocks, expected) in [
        (&[None, None][..], &right[..]),
        (&[Some(60), None], &right),
        (&[Some(61), None], &doubtful),
        (&[Some(-61), Some(-62)], &wrong),
        // One that agrees is enough: the others are wrong themselves.
        (&[Some(86_400), Some(0), Some(86_400)], &right),
        (&[Some(i64::MIN + 1), Some(i64::MAX)], &wrong),
    ] {
        assert_eq!(judge(clocks), expected, "{clocks:?}");
    }
    // One server has one clock, over IPv4 and IPv6.
    let pairs = ["192.0.2.1:443", "[2001:db8::1]:443", "192.0.2.2:443", "[2001:db8::2]:443"];
    let off = [Some(300); 4];
    assert_eq!(judge_at(&pairs[..2], &off), doubtful);
    assert_eq!(judge_at(&pairs[..2], &[Some(300), Some(0)]), right);
    assert_eq!(judge_at(&pairs[..3], &off), wrong);
    assert_eq!(judge_at(&pairs, &off), wrong);
}

/// Judges an address with something changed about it; what does not apply is left out.
fn judged(more: Value, change: impl FnOnce(&mut Accepted)) -> (Vec<String>, Vec<Finding>) {
    let Address { address, sight } = address(served(certificate()));
    let Sight::Seen(Contact::Accepted(mut accepted)) = sight else { panic!("accepted") };
    change(&mut accepted);
    let sight = Sight::Seen(Contact::Accepted(accepted));
    let findings = tls(more).judge(&observation(vec![Address { address, sight }]), &launch_in(0));
    let mut words = words(&findings);
    words.retain(|word| !word.starts_with("not-applicable"));
    (words, findings)
}

#[test]
fn a_weakness_that_only_warns_does_not_hide_a_broken_path() {
    let broken = |bits: usize| {
        let leaf = Certificate { key: Key::Rsa(bits), ..certificate() };
        let path = Path::Broken {
            certificates: vec![0],
            obstacle: Obstacle::SignatureAlgorithm,
            reason: "UnsupportedSignatureAlgorithm".to_owned(),
        };
        judged(json!({}), |accepted| accepted.served = vec![Served { path, ..served(leaf) }]).0
    };
    assert_eq!(broken(2049), ["fail tls.invalid-chain", "warn tls.weak-key"]);
    assert_eq!(broken(1024), ["fail tls.weak-key"]);
}

#[test]
fn a_question_for_the_other_kind_of_key_that_taught_nothing_is_unknown() {
    let fault = Fault::Timeout { what: "TLS handshake".to_owned(), after: Span::ZERO };
    let (words, findings) =
        judged(json!({}), |accepted| accepted.other_key = Some(Sight::Fault(fault)));
    assert_eq!(words, ["pass tls.ok", "unknown gonogo.timeout"]);
    assert!(findings.iter().any(|one| one.message.contains("other kind of key")), "{findings:#?}");
    let seen = |other: OtherKey| {
        judged(json!({}), |accepted| accepted.other_key = Some(Sight::Seen(other))).0
    };
    assert_eq!(seen(OtherKey::NotServed), ["pass tls.ok"]);
    assert_eq!(seen(OtherKey::Served), ["pass tls.ok"]);
}

#[test]
fn what_goes_wrong_over_tls_1_2_is_told_from_a_server_that_does_not_speak_it() {
    let over = |failure: Failure| {
        let tls12 = Tls12 { failure: Some(failure), handshakes: 1, staple: None };
        judged(json!({}), |accepted| accepted.tls12 = Some(Sight::Seen(tls12))).0
    };
    let words = "words".to_owned();
    for failure in [
        Failure::Alert("ProtocolVersion".to_owned()),
        Failure::Incompatible(words.clone()),
        Failure::Reset,
        Failure::Closed,
    ] {
        assert_eq!(over(failure), ["pass tls.ok"]);
    }
    for failure in [
        Failure::NotTls(words.clone()),
        Failure::Violation(words.clone()),
        Failure::NotProved(words),
        Failure::Oversized,
    ] {
        assert_eq!(over(failure), ["pass tls.ok", "unknown gonogo.answer-unreadable"]);
    }
}

#[test]
fn a_list_without_an_end_counts_for_a_week() {
    let url = "http://crl.example/1.crl";
    let listed = |age: i64, revoked: bool| {
        let entry = Entry { at: hours(-24 * 30), reason: None };
        let list = Crl {
            size: 500,
            flaw: None,
            this_update: hours(-age),
            next_update: None,
            entries: 1,
            revoked: revoked.then_some(entry),
        };
        let said = Sight::Seen(Said::Crl(list));
        let asked = vec![Asked { url: url.to_owned(), clock_ahead: None, sight: said }];
        let leaf = Certificate { crls: vec![url.to_owned()], ..certificate() };
        judged(json!({}), |accepted| accepted.served = vec![Served { asked, ..served(leaf) }]).0
    };
    assert_eq!(listed(24 * 7, false), ["pass tls.ok", "pass tls.not-revoked"]);
    assert_eq!(listed(24 * 7 + 1, false), ["pass tls.ok", "unknown tls.revocation-unusable"]);
    assert_eq!(listed(24 * 700, true), ["pass tls.ok", "fail tls.revoked"]);
}

#[test]
fn the_summary_says_what_was_seen() {
    let tls = tls(json!({}));
    let fault =
        Fault::Timeout { what: "connecting".to_owned(), after: gonogo::model::time::Span::ZERO };
    let silent = Address { address: "192.0.2.2:443".to_owned(), sight: Sight::Fault(fault) };
    for (addresses, expected) in [
        (
            vec![address(served(certificate()))],
            "1 of 1 address good until 19 Jan 2027 (60 d); no OCSP in the certificate",
        ),
        (
            vec![address(served(aged(90, 25 * 24))), silent],
            "1 of 2 addresses good until 15 Dec 2026 (25 d); no OCSP in the certificate; renewal is overdue",
        ),
        (vec![], "login.example.com has no address"),
    ] {
        assert_eq!(tls.summary(&observation(addresses), &launch_in(0)), expected);
    }
}

#[test]
fn the_commands_can_be_pasted() {
    let seen = observation(vec![address(served(certificate()))]);
    assert_eq!(
        tls(json!({"ca": "my ca.pem"})).reproduce(Some(&seen)),
        ["openssl s_client -connect 192.0.2.1:443 -servername login.example.com \
          -verify_hostname login.example.com -CAfile 'my ca.pem' -status -showcerts </dev/null"]
    );
    let ip: Tls = serde_json::from_value(json!({"endpoint": "[::1]:443"})).expect("parameters");
    assert_eq!(
        ip.reproduce(None),
        ["openssl s_client -connect '[::1]:443' -noservername -verify_ip ::1 -status -showcerts \
          </dev/null"]
    );
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (more, key) in [
        (json!({"addresses": []}), "addresses"),
        (json!({"addresses": ["192.0.2.1"], "resolver": "192.0.2.53"}), "resolver"),
        (json!({"max_handshake": "0s"}), "max_handshake"),
        (json!({"endpoint": format!("{}:443", "a".repeat(64))}), "endpoint"),
        (json!({"alpn": [""]}), "alpn"),
        (json!({"suites": ["RC4-MD5"]}), "suites"),
    ] {
        let complaints = tls(more).complaints();
        assert_eq!(complaints.iter().map(|c| c.key).collect::<Vec<_>>(), [Some(key)]);
    }
    for bad in [json!({"revoked": true}), json!({"stapling": true}), json!({"resolver": "x"})] {
        let mut parameters = json!({"endpoint": "a:1"});
        parameters.as_object_mut().expect("one").extend(bad.as_object().expect("one").clone());
        assert!(serde_json::from_value::<Tls>(parameters).is_err(), "{bad}");
    }
}
