//! What of a database server's certificate is verified, as OpenSSL and the tools built on it do.

use std::path::Path;
use std::sync::Arc;

use rustls::client::{
    WantsClientCert, verify_server_cert_signed_by_trust_anchor, verify_server_name,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, ConfigBuilder, Error, RootCertStore};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::model::fault::Fault;
use crate::net::channel::{certificates, system_roots, unusable};
use crate::net::tls;
use crate::net::tls_proof::{Believe, Proving, Shown};

/// What is verified of the server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// Nothing: against eavesdroppers only.
    Nothing,
    /// The chain.
    Chain,
    /// The chain and the name.
    ChainAndName,
}

/// A configuration that lacks only the client's own certificate. `file` is a PEM file of roots;
/// without one the system's are trusted.
///
/// # Errors
/// [`Fault::Local`] when the file cannot be read, or there are no roots: nothing could be looked at
/// then, and every server would seem untrusted.
pub(super) fn config(
    trust: Trust,
    file: Option<&Path>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, Fault> {
    let provider = tls::provider().clone();
    let roots = match trust {
        Trust::Nothing => Vec::new(),
        Trust::Chain | Trust::ChainAndName => file.map_or_else(system_roots, certificates)?,
    };
    let mut anchors = RootCertStore::empty();
    // As OpenSSL has it, a chain ends at a certificate that signs itself; others in the file only
    // help to build it.
    let (roots, helpers): (Vec<_>, Vec<_>) = roots.into_iter().partition(signs_itself);
    let (added, _) = anchors.add_parsable_certificates(roots.iter().cloned());
    if added == 0 && trust != Trust::Nothing {
        let place = file.unwrap_or_else(|| Path::new("the system's certificates"));
        return Err(unusable(place, "no root certificate in it (one that signs itself)"));
    }
    let verifier = Proving(Verifier { trust, anchors, roots, helpers });
    Ok(ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::Bug { message: error.to_string() })?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier)))
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    anchors: RootCertStore,
    roots: Vec<CertificateDer<'static>>,
    helpers: Vec<CertificateDer<'static>>,
}

impl Verifier {
    fn chain(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        // The usual certificate of a PostgreSQL server signs itself and is its own root. OpenSSL
        // takes it for that; webpki refuses every root that stands where a leaf should.
        if self.roots.iter().any(|root| root.as_ref() == leaf.as_ref()) {
            return in_date(leaf, now);
        }
        let mut chain = intermediates.to_vec();
        chain.extend(self.helpers.iter().cloned());
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(leaf)?,
            &self.anchors,
            &chain,
            now,
            tls::provider().signature_verification_algorithms.all,
        )
    }
}

fn signs_itself(certificate: &CertificateDer<'_>) -> bool {
    X509Certificate::from_der(certificate).is_ok_and(|(_, it)| it.subject() == it.issuer())
}

fn in_date(leaf: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let (_, leaf) = X509Certificate::from_der(leaf).map_err(|_| CertificateError::BadEncoding)?;
    let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
    if now < leaf.validity().not_before.timestamp() {
        Err(CertificateError::NotValidYet.into())
    } else if now > leaf.validity().not_after.timestamp() {
        Err(CertificateError::Expired.into())
    } else {
        Ok(())
    }
}

/// Whether the certificate is for the name. One without any subject alternative name is compared
/// by its common name, as libpq does and browsers do not.
fn for_name(leaf: &CertificateDer<'_>, name: &ServerName<'_>) -> Result<(), Error> {
    let strict = ParsedCertificate::try_from(leaf).and_then(|leaf| verify_server_name(&leaf, name));
    let Err(refusal) = strict else { return Ok(()) };
    let (_, parsed) = X509Certificate::from_der(leaf).map_err(|_| CertificateError::BadEncoding)?;
    if parsed.subject_alternative_name().ok().flatten().is_some() {
        return Err(refusal);
    }
    let wanted = name.to_str();
    let fits = parsed.subject().iter_common_name().any(|common| {
        common.as_str().is_ok_and(|common| match common.strip_prefix("*.") {
            Some(domain) => {
                wanted.split_once('.').is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(domain))
            }
            None => common.eq_ignore_ascii_case(&wanted),
        })
    });
    if fits { Ok(()) } else { Err(refusal) }
}

impl Believe for Verifier {
    fn believe(&self, shown: Shown<'_>, now: UnixTime) -> Result<(), Error> {
        match self.trust {
            Trust::Nothing => Ok(()),
            Trust::Chain => self.chain(shown.leaf, shown.others, now),
            Trust::ChainAndName => {
                self.chain(shown.leaf, shown.others, now)?;
                for_name(shown.leaf, shown.name)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    use super::*;

    #[test]
    fn a_file_without_a_root_is_a_fault_of_the_file() {
        let key = || KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, "root");
        let root = CertifiedIssuer::self_signed(params.clone(), key()).expect("a root");
        params.distinguished_name.push(rcgen::DnType::CommonName, "below");
        let below = params.signed_by(&key(), &root).expect("an intermediate").pem();
        let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("ca.pem");
        for (text, usable) in [
            (root.pem(), true),
            (format!("{below}{}", root.pem()), true),
            (below, false),
            (garbage.to_owned(), false),
        ] {
            std::fs::write(&file, &text).expect("a file");
            let made = config(Trust::Chain, Some(&file));
            assert_eq!(made.is_ok(), usable, "{text}");
            assert!(matches!(made, Ok(_) | Err(Fault::Local { .. })));
        }
    }
}
