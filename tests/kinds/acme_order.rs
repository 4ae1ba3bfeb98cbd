//! Kind `acme`: test orders at a real authority for tests, from the account to the certificate.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gonogo::model::fault::Fault;
use gonogo::model::outcome::Outcome::{Fail, NotApplicable, Pass, Pending, Unknown};
use gonogo::probe::acme::{Acme, Made, OrderEnd};
use gonogo::probe::{Act, Earlier, JudgeCx, Probe, Receipt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{Looked, context, lab, look_in};
use crate::tls_server::{accept, listener};

/// What an order may take in these tests.
const WITHIN: Duration = Duration::from_secs(20);

/// A check that orders for a name of the lab, at the lab's authority unless `more` says otherwise.
pub(crate) fn parameters(name: &str, challenge: &Value, more: Value) -> Value {
    let mut order = json!({
        "directory": lab("LAB_ACME_DIRECTORY"),
        "ca": lab("LAB_CA"),
        "challenge": challenge,
        "agree_terms": true,
        "within": format!("{}s", WITHIN.as_secs()),
    });
    let (Value::Object(all), Value::Object(more)) = (&mut order, more) else {
        panic!("parameters are an object")
    };
    all.extend(more);
    json!({
        "domain": format!("{name}.{}", lab("LAB_ZONE")),
        "resolver": lab("LAB_DNS_AUTH"),
        "port": http_port(),
        "order": order,
    })
}

fn http_port() -> u16 {
    lab("LAB_ACME_HTTP_PORT").parse().expect("a port")
}

/// Listens where the authority looks for the name `order` with this number.
fn listen(number: u8) -> Value {
    json!({"listen": format!("127.0.0.1{number}:{}", http_port())})
}

/// A run with `--apply`: the look before, the change, and the look after.
pub(crate) struct Walk {
    pub(crate) before: Looked<Acme>,
    pub(crate) applied: Option<Result<Receipt, Fault>>,
    pub(crate) after: Option<Looked<Acme>>,
}

impl Walk {
    /// The order as it was made.
    pub(crate) fn made(&self) -> Made {
        let facts = match &self.applied {
            Some(Ok(receipt)) => receipt.facts.clone().expect("facts"),
            other => panic!("no order: {other:?}"),
        };
        facts.read().expect("an order")
    }

    /// What was found after the order, of it alone.
    pub(crate) fn found(&self) -> Vec<&str> {
        let after = self.after.as_ref().unwrap_or_else(|| panic!("{:?}", self.applied));
        let codes = after.findings.iter().map(|finding| finding.code.as_str());
        codes.filter(|code| code.starts_with("acme.order-")).collect()
    }
}

pub(crate) async fn walk(parameters: &Value) -> Walk {
    walk_within(parameters, WITHIN).await
}

/// `within` as the parameters say it.
pub(crate) async fn walk_within(parameters: &Value, within: Duration) -> Walk {
    let time = Duration::from_secs(4) + within;
    let before = look_in::<Acme>(parameters.clone(), &context(time)).await;
    let probe: Acme = serde_json::from_value(parameters.clone()).expect("good parameters");
    let cx = context(time);
    let change = before.seen.as_ref().and_then(|seen| probe.propose(seen, &cx.times));
    let Some(change) = change else { return Walk { before, applied: None, after: None } };
    let applied = probe.apply(change, &cx).await;
    let mut cx = context(time);
    let after = match &applied {
        Ok(receipt) => {
            cx.made = receipt.facts.clone().map(Arc::new);
            Some(look_in::<Acme>(parameters.clone(), &cx).await)
        }
        Err(_) => None,
    };
    Walk { before, applied: Some(applied), after }
}

/// All files and folders below one.
fn below(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let entries = entries.map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| {
            if path.is_dir() { [vec![path.clone()], below(&path)].concat() } else { vec![path] }
        })
        .collect()
}

#[tokio::test]
async fn nothing_is_ordered_without_being_applied() {
    let looked = look_in::<Acme>(
        parameters("order8", &listen(8), json!({})),
        &context(Duration::from_secs(4) + WITHIN),
    )
    .await;
    assert_eq!(looked.codes(Pending), ["acme.order-not-made"], "{:#?}", looked.findings);
    // Nobody listens: that is how it should be, and no fault.
    assert_eq!(
        looked.codes(NotApplicable),
        ["acme.dnssec-not-applicable", "acme.http01-on-demand"],
        "{:#?}",
        looked.findings
    );
    let said = &looked.findings.iter().find(|one| one.outcome == Pending).expect("it").message;
    assert!(said.contains("order8.") && said.contains(&lab("LAB_ACME_DIRECTORY")), "{said}");
    assert!(looked.seen.expect("facts").order.expect("an order").made.is_none());
}

#[tokio::test]
async fn an_order_goes_through_by_listening() {
    let walk = walk(&parameters("order2", &listen(2), json!({}))).await;
    assert_eq!(walk.before.outcome(), Pending);
    assert_eq!(walk.found(), ["acme.order-ok"], "{:?}", walk.applied);
    let after = walk.after.as_ref().expect("a look");
    assert_eq!(after.outcome(), Pass, "{:#?}", after.findings);
    let made = walk.made();
    assert_eq!((made.asked_by.as_slice(), made.left.len()), (&["127.0.0.1".to_owned()][..], 0));
    let OrderEnd::Issued(issued) = made.end else { panic!("{:?}", made.end) };
    assert_eq!(issued.certificate.names, [made.name]);
    // Nobody listens there any more.
    assert!(std::net::TcpStream::connect((Ipv4Addr::new(127, 0, 0, 12), http_port())).is_err());
    // Nothing that is kept of it opens anything.
    let kept = format!("{:?}", walk.applied);
    assert!(!kept.contains("PRIVATE") && !kept.contains("\"d\""), "{kept}");
}

#[tokio::test]
async fn an_order_goes_through_by_a_file_which_is_gone_afterwards() {
    let root = PathBuf::from(lab("LAB_WEBROOT"));
    let walk = walk(&parameters("webroot", &json!({"webroot": root}), json!({}))).await;
    assert_eq!(walk.found(), ["acme.order-ok"], "{:?} {:#?}", walk.applied, walk.before.findings);
    assert_eq!(below(&root), Vec::<PathBuf>::new());
    assert_eq!(walk.made().asked_by, Vec::<String>::new());
}

#[tokio::test]
async fn refused_nonces_are_taken_in_good_part() {
    // The authority refuses every third; none at all in five orders is one chance in a million.
    let mut refused = 0;
    for _ in 0..5 {
        let walk = walk(&parameters("order3", &listen(3), json!({}))).await;
        assert_eq!(walk.found(), ["acme.order-ok"], "{:?}", walk.applied);
        refused += walk.made().refused_nonces;
    }
    assert!(refused > 0, "no nonce was refused");
}

#[tokio::test]
async fn a_challenge_that_nobody_answers_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let answer = json!({"webroot": folder.path()});
    let walk = walk(&parameters("order4", &answer, json!({}))).await;
    assert_eq!(walk.found(), ["acme.order-connection"], "{:?}", walk.applied);
    assert_eq!(walk.after.as_ref().expect("a look").outcome(), Fail);
    assert_eq!(below(folder.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_challenge_that_somebody_else_answers_is_told() {
    let elsewhere = listener(Ipv4Addr::new(127, 0, 0, 15), http_port()).await;
    accept(elsewhere, |mut stream| async move {
        let _request = stream.read(&mut [0; 4096]).await;
        let page = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nparked";
        let _sent = stream.write_all(page.as_bytes()).await;
    });
    let folder = tempfile::tempdir().expect("a folder");
    // A folder that is there already stays, with all that is in it.
    let kept = folder.path().join(".well-known/acme-challenge/other");
    std::fs::create_dir_all(kept.parent().expect("a folder")).expect("made");
    std::fs::write(&kept, "of somebody else").expect("written");
    let answer = json!({"webroot": folder.path()});
    let walk = walk(&parameters("order5", &answer, json!({}))).await;
    assert_eq!(walk.found(), ["acme.order-wrong-answer"], "{:?}", walk.applied);
    assert_eq!(std::fs::read_to_string(&kept).expect("still there"), "of somebody else");
    assert_eq!(below(folder.path()).len(), 3);
}

#[tokio::test]
async fn a_name_that_is_nowhere_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut nowhere = parameters("order-nowhere", &json!({"webroot": folder.path()}), json!({}));
    nowhere["addresses"] = json!(["127.0.0.1"]);
    let walk = walk(&nowhere).await;
    assert_eq!(walk.found().len(), 1);
    let either = ["acme.order-dns", "acme.order-connection"];
    assert!(either.contains(&walk.found()[0]), "{:?}", walk.applied);
}

#[tokio::test]
async fn what_a_person_has_to_do_is_left_to_a_person() {
    let not_agreed = parameters("order6", &listen(6), json!({"agree_terms": false}));
    let not_agreed = walk(&not_agreed).await;
    assert_eq!(not_agreed.before.codes(Pending), ["acme.order-terms"]);
    assert!(not_agreed.applied.is_none());
    let known = json!({"directory": lab("LAB_ACME_KNOWN_DIRECTORY")});
    let known = walk(&parameters("order6", &listen(6), known)).await;
    assert_eq!(known.before.codes(Unknown), ["acme.order-account"]);
    assert!(known.applied.is_none());
}

#[tokio::test]
async fn an_answer_that_cannot_be_given_orders_nothing() {
    let holder = listener(Ipv4Addr::new(127, 0, 0, 17), http_port()).await;
    let taken = walk(&parameters("order7", &listen(7), json!({}))).await.applied.expect("tried");
    assert!(
        matches!(&taken, Err(Fault::Local { what, .. }) if what.contains("listening")),
        "{taken:?}"
    );
    drop(holder);
    let no_folder = json!({"webroot": "/nonexistent/webroot"});
    let no_folder =
        walk(&parameters("order7", &no_folder, json!({}))).await.applied.expect("tried");
    assert!(matches!(no_folder, Err(Fault::Local { .. })), "{no_folder:?}");
}

#[tokio::test]
async fn an_authority_that_is_not_there_says_nothing() {
    let at = |url: String| parameters("order8", &listen(8), json!({"directory": url}));
    let closed = walk(&at(format!("https://{}/dir", lab("LAB_CLOSED")))).await;
    assert_eq!(closed.before.codes(Unknown), ["gonogo.unreachable"]);
    // Its certificate is one of an authority that the machine does not know.
    let stranger = json!({"ca": null});
    let stranger = walk(&parameters("order8", &listen(8), stranger)).await;
    assert_eq!(stranger.before.codes(Unknown), ["gonogo.unreachable"]);
    let elsewhere = walk(&at(format!("https://{}/nothing-here", lab("LAB_ACME")))).await;
    assert_eq!(elsewhere.before.codes(Unknown), ["gonogo.answer-unreadable"]);
    assert!(closed.applied.is_none() && stranger.applied.is_none() && elsewhere.applied.is_none());
}

/// A port of 127.0.0.1 that counts who comes.
async fn counting() -> (u16, Arc<AtomicUsize>) {
    let listener = listener(Ipv4Addr::LOCALHOST, 0).await;
    let port = listener.local_addr().expect("an address").port();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    accept(listener, move |_| {
        counter.fetch_add(1, Ordering::SeqCst);
        std::future::ready(())
    });
    (port, count)
}

#[tokio::test]
async fn where_real_certificates_are_issued_nobody_is_contacted() {
    let order = |url: &str| parameters("order9", &listen(9), json!({"directory": url}));
    for real in ["https://acme-v02.api.letsencrypt.org/directory", "https://192.0.2.1:14000/dir"] {
        let probe: Acme = serde_json::from_value(order(real)).expect("parameters");
        let complaints = probe.complaints();
        let [complaint] = complaints.as_slice() else { panic!("{complaints:?}") };
        assert_eq!(complaint.key, Some("order"));
        assert!(
            complaint.help.as_ref().is_some_and(|help| help.contains("staging")),
            "{complaint:?}"
        );
        // Whoever came past the complaint is refused all the same.
        let peers: Vec<String> = probe.peers().iter().map(ToString::to_string).collect();
        assert!(!peers.iter().any(|peer| real.contains(peer.split(' ').next_back().expect("one"))));
        let cx = context(Duration::from_secs(4) + WITHIN);
        let seen = probe.observe(&cx).await.expect("a look");
        let times = JudgeCx { now: cx.clock.now(), ..cx.times };
        let findings = probe.judge(&seen, &times);
        assert!(findings.iter().any(|one| one.code == "acme.order-not-a-test"), "{findings:#?}");
        assert!(probe.propose(&seen, &times).is_none());
        let known = seen.order.expect("an order");
        assert!(known.refused.is_some() && known.meta.is_none());
    }
    // A name that leads to this machine and to somewhere else as well.
    let (port, contacts) = counting().await;
    let url = format!("http://half-private.{}:{port}/dir", lab("LAB_ZONE"));
    let walk = walk(&order(&url)).await;
    assert_eq!(walk.before.codes(Unknown), ["acme.order-not-a-test"]);
    assert!(walk.applied.is_none());
    assert_eq!(contacts.load(Ordering::SeqCst), 0);
    // One that leads to this machine alone is asked.
    let private = order(&format!("http://api.{}:{port}/dir", lab("LAB_ZONE")));
    assert_eq!(self::walk(&private).await.before.codes(Unknown), ["gonogo.unreachable"]);
    assert!(contacts.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn an_order_that_went_through_spares_the_next_run_another() {
    let at = parameters("order1", &listen(1), json!({"valid_for": "2h"}));
    let walk = walk(&at).await;
    assert_eq!(walk.found(), ["acme.order-ok"], "{:?}", walk.applied);
    let walk_at = walk.made().at;
    let seen = walk.after.expect("a look").seen.expect("facts");
    let observation = serde_json::to_value(&seen).expect("JSON");
    let mut failed = observation.clone();
    failed["order"]["made"]["end"] = json!({"refused": {"stage": "proof", "problem":
        {"kind": "connection", "status": 400, "detail": "refused", "retry_after": null, "parts": []}}});
    let mut old = observation.clone();
    let hours_ago = walk_at - jiff::SignedDuration::from_hours(3);
    old["order"]["made"]["at"] = json!(hours_ago);
    let mut other = at.clone();
    other["domain"] = json!(format!("order2.{}", lab("LAB_ZONE")));
    for (parameters, observation, found, words) in [
        (&at, &observation, "acme.order-ok", "a test order went through"),
        (&at, &failed, "acme.order-not-made", "was refused: connection: refused"),
        (&at, &old, "acme.order-not-made", "the last went through"),
        (&other, &observation, "acme.order-not-made", "would order"),
    ] {
        let mut cx = context(Duration::from_secs(4) + WITHIN);
        let earlier = Earlier { at: cx.times.now, observation: observation.clone().into() };
        cx.earlier = Arc::new([earlier]);
        let looked = look_in::<Acme>(parameters.clone(), &cx).await;
        let one = looked.findings.iter().find(|one| one.code.starts_with("acme.order"));
        let one = one.expect("a finding");
        assert_eq!(one.code, found, "{one:?}");
        assert!(one.message.contains(words), "{one:?}");
        let probe: Acme = serde_json::from_value(parameters.clone()).expect("parameters");
        let proposed = probe.propose(&looked.seen.expect("facts"), &cx.times).is_some();
        assert_eq!(proposed, found == "acme.order-not-made");
    }
}

#[test]
fn orders_that_cannot_be_meant_are_refused() {
    let directory = "https://127.0.0.1:14000/dir";
    for (domain, order) in [
        ("a.example", json!({"directory": directory, "challenge": {}})),
        (
            "a.example",
            json!({"directory": directory,
            "challenge": {"listen": "127.0.0.1:80", "webroot": "/var/www"}}),
        ),
        (
            "a.example",
            json!({"directory": "https://acme.zerossl.com/v2/DV90",
            "challenge": {"listen": "127.0.0.1:80"}}),
        ),
        (
            "a.example",
            json!({"directory": directory, "within": "0s",
            "challenge": {"listen": "127.0.0.1:80"}}),
        ),
    ] {
        let parameters = json!({"domain": domain, "order": order});
        let probe: Acme = serde_json::from_value(parameters).expect("parameters");
        let keys: Vec<_> = probe.complaints().iter().map(|complaint| complaint.key).collect();
        assert_eq!(keys, [Some("order")], "{order}");
    }
    let wildcard = json!({"domain": "*.a.example", "challenge": "dns-01", "order":
        {"directory": directory, "challenge": {"listen": "127.0.0.1:80"}}});
    let wildcard: Acme = serde_json::from_value(wildcard).expect("parameters");
    assert_eq!(wildcard.complaints().len(), 1);
    // Without an order the kind changes nothing, and a plan does not say that it might.
    let plain: Acme = serde_json::from_value(json!({"domain": "a.example"})).expect("parameters");
    assert!(!wildcard.touches().is_empty() && plain.touches().is_empty());
}
