//! Certificates, OCSP answers and revocation lists with bytes changed, cut off and repeated: never
//! a panic, and never a changed word that counts.

use gonogo::clock::Clock;
use gonogo::net::pki::certificate::Certificate;
use gonogo::net::pki::crl::Crl;
use gonogo::net::pki::issuer::Issuer;
use gonogo::net::pki::ocsp::Answer;
use gonogo::net::pki::path;
use gonogo::net::pki::roots::Roots;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rcgen::ExtendedKeyUsagePurpose::OcspSigning;
use rustls::pki_types::{CertificateDer, ServerName};

use crate::tls_forge::{Authority, HOST, NORMAL, Signed, answer, must_staple, part, with_ocsp};
use crate::tls_server::trust;

/// One change to some bytes.
#[derive(Debug, Clone)]
enum Change {
    Set(prop::sample::Index, u8),
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Repeat(prop::sample::Index, prop::sample::Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    // Tags and lengths are where parsers err.
    let telling = prop::sample::select(vec![0, 1, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x88, 0xff, 0x30]);
    prop_oneof![
        (at(), telling).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 0_u8..8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        at().prop_map(Change::Cut),
        (at(), prop::collection::vec(any::<u8>(), 1..8)).prop_map(|(at, b)| Change::Insert(at, b)),
        (at(), at()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ]
}

fn mutant(bytes: &[u8], changes: &[Change]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match change {
            Change::Set(at, byte) => bytes[at.index(length)] = *byte,
            Change::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Change::Cut(at) => bytes.truncate(at.index(length)),
            Change::Insert(at, more) => {
                let at = at.index(length);
                bytes.splice(at..at, more.iter().copied());
            }
            Change::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let piece = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.extend_from_slice(&piece);
            }
        }
    }
    bytes
}

/// Runs a property over many mutants of some bytes.
fn over_mutants(bytes: &[u8], property: impl Fn(&[u8]) -> Result<(), TestCaseError>) {
    let config = Config { cases: 3000, failure_persistence: None, ..Config::default() };
    let changes = prop::collection::vec(change(), 1..4);
    let run = TestRunner::new(config).run(&changes, |changes| property(&mutant(bytes, &changes)));
    if let Err(error) = run {
        panic!("{error}");
    }
}

#[test]
fn certificates() {
    let root = Authority::root("root");
    let leaf = root.issue(NORMAL, |params| {
        with_ocsp(params);
        must_staple(params);
    });
    let before = Certificate::read(&leaf.der).expect("a certificate");
    let file = trust(&root);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let roots = runtime.block_on(Roots::file(file.path())).expect("a root");
    let name = ServerName::try_from(HOST).expect("a name");
    over_mutants(&leaf.der, |der| {
        let facts = Certificate::read(der);
        let chain = [CertificateDer::from(der.to_vec()), root.der.clone(), leaf.der.clone()];
        let path = path::build(&chain, &roots, Clock.now());
        let _names = path::names(&chain[0], &name);
        let found = Issuer::find(&chain, &roots);
        if der != leaf.der.as_ref() {
            prop_assert!(matches!(path, path::Path::Broken { .. }), "{path:?}");
            // Unless the change hit nothing that is signed, nobody has issued this.
            let unchanged = |facts: Certificate| {
                Certificate { sha256: before.sha256.clone(), ..facts } == before
            };
            prop_assert!(found.is_none() || facts.is_ok_and(unchanged));
        }
        Ok(())
    });
}

#[test]
fn ocsp_answers() {
    let root = Authority::root("root");
    let leaf = root.issue(NORMAL, with_ocsp);
    let chain = [leaf.der.clone(), root.der.clone()];
    let file = trust(&root);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let roots = runtime.block_on(Roots::file(file.path())).expect("a root");
    let issuer = Issuer::find(&chain, &roots).expect("the root");
    let delegate = root.responder((-24, 24), &[OcspSigning]);
    for original in [
        answer(&root, &root, Signed::ByName, &[part()]),
        answer(&root, &delegate, Signed::ByKey, &[part(), part()]),
    ] {
        let read = |bytes: &[u8]| Answer::read(bytes, &leaf.der, Some(&issuer));
        let Answer::Basic(before) = read(&original) else { panic!("a good answer") };
        assert_eq!(before.bad_signature, None);
        over_mutants(&original, |bytes| {
            if let Answer::Basic(after) = read(bytes)
                && after.bad_signature.is_none()
            {
                // The change hit nothing that is signed.
                prop_assert_eq!(&after.singles, &before.singles);
                prop_assert_eq!(after.produced_at, before.produced_at);
            }
            Ok(())
        });
    }
}

#[test]
fn revocation_lists() {
    let root = Authority::root("root");
    let leaf = root.issue(NORMAL, |_| {});
    let chain = [leaf.der.clone(), root.der.clone()];
    let file = trust(&root);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let roots = runtime.block_on(Roots::file(file.path())).expect("a root");
    let issuer = Issuer::find(&chain, &roots).expect("the root");
    let url = "http://crl.example.test/";
    for original in [root.list((-24, 24), &[1, 2, 7], None), root.list((-24, 24), &[3], Some(url))]
    {
        let read = |bytes: &[u8]| Crl::read(bytes, url, &leaf.der, &issuer);
        let before = read(&original).expect("a good list");
        assert_eq!(before.flaw, None);
        over_mutants(&original, |bytes| {
            if let Ok(after) = read(bytes)
                && after.flaw.is_none()
            {
                prop_assert_eq!(after.revoked, before.revoked.clone());
                prop_assert_eq!(after.next_update, before.next_update);
            }
            Ok(())
        });
    }
}
