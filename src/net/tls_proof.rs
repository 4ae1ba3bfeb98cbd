//! What every TLS client here demands, whatever it makes of the certificates: that the server proves
//! to hold the key of the one it shows (RFC 8446 §4.4.3). Everything else could be replayed.

use std::fmt::Debug;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use crate::net::tls::{Keys, provider};

/// What a server shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown<'a> {
    /// Its own certificate.
    pub(super) leaf: &'a CertificateDer<'a>,
    /// The others, as sent.
    pub(super) others: &'a [CertificateDer<'a>],
    /// The name that was asked for.
    pub(super) name: &'a ServerName<'a>,
    /// The stapled OCSP answer; empty where there is none.
    pub(super) staple: &'a [u8],
}

/// Somebody with an opinion about certificates.
pub(super) trait Believe: Debug + Send + Sync {
    /// Whether the handshake may go on with these.
    ///
    /// # Errors
    /// Why not.
    fn believe(&self, shown: Shown<'_>, now: UnixTime) -> Result<(), Error>;

    /// Which kinds of key are offered to be verified.
    fn keys(&self) -> Keys {
        Keys::All
    }
}

/// A verifier that leaves the certificates to a believer, and demands the proof itself.
#[derive(Debug)]
pub(super) struct Proving<B>(pub(super) B);

impl<B: Believe> ServerCertVerifier for Proving<B> {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        staple: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.0.believe(Shown { leaf, others, name, staple }, now)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &provider().signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &provider().signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = provider().signature_verification_algorithms.supported_schemes();
        schemes.retain(|scheme| match self.0.keys() {
            Keys::All => true,
            Keys::Rsa => is_rsa(*scheme),
            Keys::Curve => !is_rsa(*scheme),
        });
        schemes
    }
}

fn is_rsa(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
            | SignatureScheme::RSA_PSS_SHA256
            | SignatureScheme::RSA_PSS_SHA384
            | SignatureScheme::RSA_PSS_SHA512
    )
}
