//! Kind `tls` against every way a stapled OCSP answer can be right or wrong.

use gonogo::model::outcome::Outcome::{self, Fail, Pass, Unknown, Warn};
use gonogo::probe::tls::Tls;
use rcgen::ExtendedKeyUsagePurpose::{Any, OcspSigning, ServerAuth};

use crate::support::{Looked, look};
use crate::tls_forge::{
    Authority, Hashed, Identity, NORMAL, Part, Signed, answer, good, must_staple, part, revoked,
    unknown, with_ocsp,
};
use crate::tls_server::{parameters, serve, trust, turn};

/// A root, an intermediate, and a certificate of it that names an OCSP responder.
struct Pki {
    root: Authority,
    sub: Authority,
    leaf: Identity,
}

fn pki() -> Pki {
    let root = Authority::root("root");
    let sub = root.sub("sub", (-24 * 100, 24 * 400));
    let leaf = sub.issue(NORMAL, with_ocsp);
    Pki { root, sub, leaf }
}

impl Pki {
    /// Looks at a server whose handshakes come with these staples.
    async fn look(&self, leaf: &Identity, staples: &[Option<Vec<u8>>]) -> Looked<Tls> {
        let chain = vec![leaf.der.clone(), self.sub.der.clone()];
        let turns = staples.iter().map(|staple| turn(leaf, chain.clone(), staple.clone()));
        let port = serve(turns.collect()).await;
        look::<Tls>(parameters(port, &trust(&self.root))).await
    }

    async fn check(&self, staple: Vec<u8>, outcome: Outcome, code: &str) {
        let looked = self.look(&self.leaf, &[Some(staple)]).await;
        assert_eq!(looked.outcome(), outcome, "{code}: {:#?}", looked.findings);
        let codes = looked.codes(outcome);
        assert!(codes.contains(&code), "{code}: {:#?}", looked.findings);
        assert!(outcome == Pass || codes.len() == 1, "{code}: {:#?}", looked.findings);
    }

    /// The staple of the issuer itself.
    fn own(&self, parts: &[Part]) -> Vec<u8> {
        answer(&self.sub, &self.sub, Signed::ByName, parts)
    }
}

#[tokio::test]
async fn what_the_issuer_says_counts() {
    let pki = pki();
    let state = |status: Vec<u8>| pki.own(&[Part { status, ..part() }]);
    pki.check(state(good()), Pass, "tls.staple-ok").await;
    pki.check(state(revoked()), Fail, "tls.staple-revoked").await;
    pki.check(state(unknown()), Fail, "tls.staple-unknown").await;
    let by_key = answer(&pki.sub, &pki.sub, Signed::ByKey, &[part()]);
    pki.check(by_key, Pass, "tls.staple-ok").await;
}

#[tokio::test]
async fn ask_19_a_staple_must_be_about_this_certificate() {
    let pki = pki();
    let wrong = "tls.staple-wrong-certificate";
    pki.check(pki.own(&[Part { serial: 8, ..part() }]), Fail, wrong).await;
    let other = Part { key_of: Some(vec![4; 65]), ..part() };
    let of_other = pki.own(std::slice::from_ref(&other));
    pki.check(of_other, Fail, "tls.staple-wrong-issuer").await;
    pki.check(pki.own(&[]), Fail, wrong).await;
    let sha256 = Part { hashed: Hashed::Sha256, ..part() };
    pki.check(pki.own(std::slice::from_ref(&sha256)), Pass, "tls.staple-ok").await;
    pki.check(pki.own(&[part(), sha256.clone()]), Pass, "tls.staple-ok").await;
    pki.check(pki.own(&[other, sha256.clone()]), Pass, "tls.staple-ok").await;
    let revoked = Part { status: revoked(), ..sha256 };
    pki.check(pki.own(&[part(), revoked]), Fail, "tls.staple-revoked").await;
}

#[tokio::test]
async fn only_the_issuer_and_whom_it_appoints_may_sign() {
    let pki = pki();
    let by = |signer: &Authority| answer(&pki.sub, signer, Signed::ByName, &[part()]);
    let not = "tls.staple-unauthorised-responder";
    let live = (-24, 24);
    for purposes in [&[OcspSigning][..], &[ServerAuth, OcspSigning]] {
        pki.check(by(&pki.sub.responder(live, purposes)), Pass, "tls.staple-ok").await;
    }
    let by_key =
        answer(&pki.sub, &pki.sub.responder(live, &[OcspSigning]), Signed::ByKey, &[part()]);
    pki.check(by_key, Pass, "tls.staple-ok").await;
    let purpose = "tls.staple-signer-purpose";
    pki.check(by(&pki.sub.responder(live, &[])), Fail, purpose).await;
    pki.check(by(&pki.sub.responder(live, &[Any])), Fail, purpose).await;
    let expired = "tls.staple-signer-expired";
    pki.check(by(&pki.sub.responder((-48, -24), &[OcspSigning])), Fail, expired).await;
    pki.check(by(&pki.sub.responder((24, 48), &[OcspSigning])), Fail, expired).await;
    pki.check(by(&pki.root.responder(live, &[OcspSigning])), Fail, not).await;
    pki.check(by(&pki.root), Fail, not).await;
    pki.check(by(&Authority::root("stranger")), Fail, not).await;
}

#[tokio::test]
async fn a_damaged_answer_does_not_count() {
    let pki = pki();
    let mut damaged = pki.own(&[part()]);
    let last = damaged.len() - 1;
    damaged[last] ^= 1;
    pki.check(damaged, Fail, "tls.staple-bad-signature").await;
    for garbage in
        [vec![0; 1], b"garbage".to_vec(), vec![0x30; 60_000], pki.own(&[part()])[..99].to_vec()]
    {
        pki.check(garbage, Fail, "tls.staple-unreadable").await;
    }
    // OCSPResponse { responseStatus tryLater(3) }.
    pki.check(vec![0x30, 3, 10, 1, 3], Fail, "tls.staple-unsuccessful").await;
}

#[tokio::test]
async fn an_answer_has_its_time() {
    let pki = pki();
    let times = |this: i64, next: Option<i64>| pki.own(&[Part { this, next, ..part() }]);
    pki.check(times(-72, Some(-1)), Fail, "tls.staple-expired").await;
    pki.check(times(1, Some(72)), Fail, "tls.staple-not-yet-valid").await;
    pki.check(times(0, Some(72)), Pass, "tls.staple-ok").await;
    // With a private authority only a warning.
    pki.check(times(-1, None), Warn, "tls.staple-without-end").await;
}

#[tokio::test]
async fn a_lazy_stapler_is_waited_for_but_not_forgiven_with_must_staple() {
    let pki = pki();
    let staple = Some(pki.own(&[part()]));
    let late = [None, None, staple.clone()];
    let looked = pki.look(&pki.leaf, &late).await;
    assert_eq!(looked.codes(Pass), ["tls.ok", "tls.staple-ok"], "{:#?}", looked.findings);
    let strict = pki.sub.issue(NORMAL, |params| {
        with_ocsp(params);
        must_staple(params);
    });
    let looked = pki.look(&strict, &late).await;
    assert_eq!(looked.codes(Warn), ["tls.staple-late"], "{:#?}", looked.findings);
    let looked = pki.look(&strict, &[staple]).await;
    assert_eq!(looked.outcome(), Pass, "{:#?}", looked.findings);
    let looked = pki.look(&strict, &[None]).await;
    assert_eq!(looked.codes(Fail), ["tls.must-staple-missing"], "{:#?}", looked.findings);
    let plain = pki.sub.issue(NORMAL, must_staple);
    let looked = pki.look(&plain, &[None]).await;
    assert_eq!(looked.codes(Fail), ["tls.must-staple-missing"], "{:#?}", looked.findings);
}

#[tokio::test]
async fn a_staple_nobody_asked_for_is_judged_all_the_same() {
    let pki = pki();
    let plain = pki.sub.issue(NORMAL, |_| {});
    let revoked = pki.own(&[Part { status: revoked(), ..part() }]);
    let looked = pki.look(&plain, &[Some(revoked)]).await;
    assert_eq!(looked.codes(Fail), ["tls.staple-revoked"], "{:#?}", looked.findings);
    // And one that cannot be checked is unknown.
    let port = serve(vec![turn(&plain, vec![plain.der.clone()], Some(pki.own(&[part()])))]).await;
    let looked = look::<Tls>(parameters(port, &trust(&pki.root))).await;
    assert_eq!(looked.codes(Unknown), ["tls.staple-unverified"], "{:#?}", looked.findings);
}

#[tokio::test]
async fn a_staple_that_only_one_version_has_is_not_enough() {
    let pki = pki();
    let chain = vec![pki.leaf.der.clone(), pki.sub.der.clone()];
    let with = turn(&pki.leaf, chain.clone(), Some(pki.own(&[part()])));
    let revoked = Some(pki.own(&[Part { status: revoked(), ..part() }]));
    for (second, code) in [
        (turn(&pki.leaf, chain.clone(), None), "tls.staple-missing"),
        (turn(&pki.leaf, chain, revoked), "tls.staple-revoked"),
    ] {
        let ca = trust(&pki.root);
        let mut parameters = parameters(serve(vec![with.clone(), second]).await, &ca);
        parameters["stapling"] = serde_json::json!("require");
        let looked = look::<Tls>(parameters).await;
        assert_eq!(looked.codes(Fail), [code], "{:#?}", looked.findings);
        assert!(looked.codes(Pass).contains(&"tls.staple-ok"), "{:#?}", looked.findings);
    }
}
