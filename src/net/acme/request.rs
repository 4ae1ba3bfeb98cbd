//! What a certificate is asked for with: a key made for it, and a request signed by that key (RFC
//! 2986, RFC 8555 §7.4).

use rcgen::{CertificateParams, DistinguishedName, KeyPair, PublicKeyData};

use crate::model::fault::Fault;

/// A request for one name. Its key is never written, and is gone with it.
pub struct CertificateRequest {
    /// The request in DER.
    pub der: Vec<u8>,
    key: KeyPair,
}

impl CertificateRequest {
    /// Makes a key on P-256 and a request for the name, which stands in the alternative names only.
    ///
    /// # Errors
    /// When this machine cannot make a key, or the name is none.
    pub fn new(name: &str) -> Result<Self, Fault> {
        let local = |error: rcgen::Error| Fault::Local {
            what: format!("making a certificate request for {name}"),
            reason: error.to_string(),
        };
        let key = KeyPair::generate().map_err(local)?;
        let mut params = CertificateParams::new(vec![name.to_owned()]).map_err(local)?;
        params.distinguished_name = DistinguishedName::new();
        let request = params.serialize_request(&key).map_err(local)?;
        Ok(Self { der: request.der().to_vec(), key })
    }

    /// The public half of its key, as a certificate bears it (`SubjectPublicKeyInfo`).
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        self.key.subject_public_key_info()
    }
}
