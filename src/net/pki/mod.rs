//! Certificates and what vouches for them: read and verified as facts, without an opinion.
//!
//! Nothing here is cryptography of our own: DER is cut by `der`, certificates are read by
//! `x509-parser`, paths are built by `webpki`, and signatures are verified by the TLS provider.

pub mod certificate;
pub mod crl;
pub mod fetch;
pub mod file;
pub mod issuer;
pub mod ocsp;
pub mod path;
pub mod pkcs12;
pub mod private_key;
pub mod roots;
pub mod signed;
