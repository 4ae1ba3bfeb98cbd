//! Certificates and OCSP answers that no real authority would make.

use aws_lc_rs::digest;
use gonogo::clock::Clock;
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CrlDistributionPoint,
    CrlIssuingDistributionPoint, CrlScope, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, PublicKeyData, RevocationReason, RevokedCertParams, SerialNumber,
    SigningKey,
};
use rustls::pki_types::CertificateDer;

/// The name all forged certificates are for.
pub(crate) const HOST: &str = "game.example.test";

/// The OCSP responder named in them; nobody asks it.
const RESPONDER: &str = "http://ocsp.example.test/";

/// The instant some hours from now, in the type certificates are made with, which is in a crate
/// of its own.
macro_rules! calendar {
    ($hours:expr) => {{
        let second = u64::try_from(moment($hours)).expect("after 1970");
        rcgen::date_time_ymd(1970, 1, 1) + std::time::Duration::from_secs(second)
    }};
}

/// Somebody who can sign.
pub(crate) struct Authority {
    pub(crate) der: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

/// A server's certificate and key.
pub(crate) struct Identity {
    pub(crate) der: CertificateDer<'static>,
    pub(crate) key: KeyPair,
}

/// From when to when something is valid, in hours from now.
pub(crate) type Hours = (i64, i64);

/// A whole normal life: a third of it used.
pub(crate) const NORMAL: Hours = (-24 * 30, 24 * 60);

impl Authority {
    pub(crate) fn root(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let params = authority(name, (-24 * 1000, 24 * 1000));
        let der = params.self_signed(&key).expect("a certificate").der().clone();
        Self { der, issuer: Issuer::new(params, key) }
    }

    pub(crate) fn sub(&self, name: &str, hours: Hours) -> Self {
        self.sub_with_key(name, hours, KeyPair::generate().expect("a key"))
    }

    fn sub_with_key(&self, name: &str, hours: Hours, key: KeyPair) -> Self {
        let params = authority(name, hours);
        let der = params.signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        Self { der, issuer: Issuer::new(params, key) }
    }

    /// The same authority, name and key, vouched for by another one.
    pub(crate) fn cross(&self, name: &str, by: &Self, hours: Hours) -> Self {
        let key = KeyPair::try_from(self.issuer.key().serialized_der()).expect("the key again");
        by.sub_with_key(name, hours, key)
    }

    /// A server's certificate.
    pub(crate) fn issue(
        &self,
        hours: Hours,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Identity {
        let mut params = CertificateParams::new(vec![HOST.to_owned()]).expect("parameters");
        valid(&mut params, hours);
        params.serial_number = Some(SerialNumber::from_slice(&[7]));
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        change(&mut params);
        let key = KeyPair::generate().expect("a key");
        let der = params.signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        Identity { der, key }
    }

    /// A responder appointed by this authority.
    pub(crate) fn responder(&self, hours: Hours, purposes: &[ExtendedKeyUsagePurpose]) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "responder");
        valid(&mut params, hours);
        params.extended_key_usages = purposes.to_vec();
        let der = params.signed_by(&key, &self.issuer).expect("a certificate").der().clone();
        Self { der, issuer: Issuer::new(params, key) }
    }

    /// A revocation list of this authority. `shard`: the URL it says it is for.
    pub(crate) fn list(&self, hours: Hours, serials: &[u8], shard: Option<&str>) -> Vec<u8> {
        let shard = shard.map(|url| CrlIssuingDistributionPoint {
            distribution_point: CrlDistributionPoint { uris: vec![url.to_owned()] },
            scope: Some(CrlScope::UserCertsOnly),
        });
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from_slice(&[*serial]),
            revocation_time: calendar!(-24),
            reason_code: Some(RevocationReason::KeyCompromise),
            invalidity_date: None,
        });
        let params = CertificateRevocationListParams {
            this_update: calendar!(hours.0),
            next_update: calendar!(hours.1),
            crl_number: SerialNumber::from_slice(&[1]),
            issuing_distribution_point: shard,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).expect("a list").der().to_vec()
    }

    fn name(&self) -> Vec<u8> {
        let (_, x509) = x509_parser::parse_x509_certificate(&self.der).expect("a certificate");
        x509.subject().as_raw().to_vec()
    }

    fn key_bits(&self) -> Vec<u8> {
        self.issuer.key().der_bytes().to_vec()
    }
}

fn authority(name: &str, hours: Hours) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    valid(&mut params, hours);
    params
}

fn valid(params: &mut CertificateParams, (from, to): Hours) {
    (params.not_before, params.not_after) = (calendar!(from), calendar!(to));
}

/// The second, `hours` from now.
fn moment(hours: i64) -> i64 {
    Clock.now().as_second() + hours * 3600
}

/// The certificate names an OCSP responder.
pub(crate) fn with_ocsp(params: &mut CertificateParams) {
    with_ocsp_at(params, RESPONDER);
}

/// The certificate names this OCSP responder.
pub(crate) fn with_ocsp_at(params: &mut CertificateParams, url: &str) {
    // AuthorityInfoAccess: one id-ad-ocsp with a URI.
    let place = seq(&[&oid(&[0x2b, 6, 1, 5, 5, 7, 0x30, 1]), &tlv(0x86, url.as_bytes())]);
    let access = CustomExtension::from_oid_content(&[1, 3, 6, 1, 5, 5, 7, 1, 1], seq(&[&place]));
    params.custom_extensions.push(access);
}

/// The certificate demands a staple.
pub(crate) fn must_staple(params: &mut CertificateParams) {
    let feature = seq(&[&tlv(2, &[5])]);
    let oid = [1, 3, 6, 1, 5, 5, 7, 1, 24];
    params.custom_extensions.push(CustomExtension::from_oid_content(&oid, feature));
}

/// What a certificate id is hashed with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hashed {
    Sha1,
    Sha256,
}

/// One part of an OCSP answer.
#[derive(Clone)]
pub(crate) struct Part {
    pub(crate) hashed: Hashed,
    pub(crate) serial: u8,
    pub(crate) status: Vec<u8>,
    pub(crate) this: i64,
    pub(crate) next: Option<i64>,
    /// Whose name and key the certificate id has.
    pub(crate) key_of: Option<Vec<u8>>,
}

/// `good`, `revoked` since an hour ago, and `unknown`.
pub(crate) fn good() -> Vec<u8> {
    vec![0x80, 0]
}
pub(crate) fn revoked() -> Vec<u8> {
    tlv(0xa1, &time(-1))
}
pub(crate) fn unknown() -> Vec<u8> {
    vec![0x82, 0]
}

/// A good part about the usual certificate.
pub(crate) fn part() -> Part {
    let status = good();
    Part { hashed: Hashed::Sha1, serial: 7, status, this: -1, next: Some(72), key_of: None }
}

/// How an answer names its signer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signed {
    ByName,
    ByKey,
}

/// An OCSP answer of `signer` about certificates of `issuer`, with the signer's certificate when
/// it is not the issuer.
pub(crate) fn answer(
    issuer: &Authority,
    signer: &Authority,
    by: Signed,
    parts: &[Part],
) -> Vec<u8> {
    let parts: Vec<Vec<u8>> = parts.iter().map(|part| single(issuer, part)).collect();
    let id = match by {
        Signed::ByName => tlv(0xa1, &signer.name()),
        Signed::ByKey => tlv(0xa2, &tlv(4, &hash(Hashed::Sha1, &signer.key_bits()))),
    };
    let tbs = seq(&[&id, &time(-1), &seq(&parts.iter().map(Vec::as_slice).collect::<Vec<_>>())]);
    let signature = signer.issuer.key().sign(&tbs).expect("a signature");
    // ecdsa-with-SHA256.
    let algorithm = seq(&[&oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2])]);
    let bits = tlv(3, &[&[0][..], &signature].concat());
    let certs = tlv(0xa0, &seq(&[&signer.der]));
    let own = signer.der == issuer.der;
    let basic = seq(&[&tbs, &algorithm, &bits, if own { &[] } else { &certs }]);
    let kind = oid(&[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1]);
    let bytes = tlv(0xa0, &seq(&[&kind, &tlv(4, &basic)]));
    seq(&[&tlv(10, &[0]), &bytes])
}

fn single(issuer: &Authority, part: &Part) -> Vec<u8> {
    let (algorithm, hashed) = match part.hashed {
        Hashed::Sha1 => (oid(&[0x2b, 0x0e, 3, 2, 0x1a]), Hashed::Sha1),
        Hashed::Sha256 => (oid(&[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1]), Hashed::Sha256),
    };
    let key = part.key_of.clone().unwrap_or_else(|| issuer.key_bits());
    let id = seq(&[
        &seq(&[&algorithm, &tlv(5, &[])]),
        &tlv(4, &hash(hashed, &issuer.name())),
        &tlv(4, &hash(hashed, &key)),
        &tlv(2, &[part.serial]),
    ]);
    let next = part.next.map_or_else(Vec::new, |hours| tlv(0xa0, &time(hours)));
    seq(&[&id, &part.status, &time(part.this), &next])
}

fn hash(hashed: Hashed, bytes: &[u8]) -> Vec<u8> {
    let algorithm = match hashed {
        Hashed::Sha1 => &digest::SHA1_FOR_LEGACY_USE_ONLY,
        Hashed::Sha256 => &digest::SHA256,
    };
    digest::digest(algorithm, bytes).as_ref().to_vec()
}

fn time(hours: i64) -> Vec<u8> {
    let at = jiff::Timestamp::from_second(moment(hours)).expect("an instant");
    tlv(0x18, at.strftime("%Y%m%d%H%M%SZ").to_string().as_bytes())
}

fn oid(bytes: &[u8]) -> Vec<u8> {
    tlv(6, bytes)
}

fn seq(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let mut der = gonogo::net::pki::signed::sequence(contents);
    der[0] = tag;
    der
}
