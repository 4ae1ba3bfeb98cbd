//! The key of an account, and what it signs (RFC 7515, RFC 8555 §6.2).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use crate::model::fault::Fault;
use crate::model::hash::sha256;
use crate::net::ari::base64url;

/// A key made for one session. It has no `Debug`, and no way out of here.
pub(super) struct AccountKey(EcdsaKeyPair);

impl AccountKey {
    pub(super) fn fresh() -> Result<Self, Fault> {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map(Self).map_err(|_| {
            Fault::Local {
                what: "making a key for the account".to_owned(),
                reason: "there is no randomness to be had".to_owned(),
            }
        })
    }

    /// The two coordinates of the public half: an uncompressed point begins with 4.
    fn coordinates(&self) -> (String, String) {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        (base64url(x), base64url(y))
    }

    /// What an answer to a challenge ends with (§8.1): the hash of the public half, its members in
    /// the order of the alphabet (RFC 7638 §3).
    pub(super) fn thumbprint(&self) -> String {
        let (x, y) = self.coordinates();
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        base64url(&sha256(canonical.as_bytes()))
    }

    /// Signs a request: by the account where there is one, else by the key itself. Without a
    /// payload it is a POST-as-GET (§6.3), whose payload is the empty text.
    pub(super) fn sign(
        &self,
        account: Option<&str>,
        nonce: &str,
        url: &str,
        payload: Option<&Value>,
    ) -> Result<Value, Fault> {
        let mut head = json!({"alg": "ES256", "nonce": nonce, "url": url});
        if let Some(account) = account {
            head["kid"] = json!(account);
        } else {
            let (x, y) = self.coordinates();
            head["jwk"] = json!({"crv": "P-256", "kty": "EC", "x": x, "y": y});
        }
        let head = base64url(head.to_string().as_bytes());
        let payload =
            payload.map_or_else(String::new, |value| base64url(value.to_string().as_bytes()));
        let signature =
            self.0
                .sign(&SystemRandom::new(), format!("{head}.{payload}").as_bytes())
                .map_err(|_| Fault::Bug { message: "signing a request of ACME".to_owned() })?;
        Ok(
            json!({"protected": head, "payload": payload, "signature": base64url(signature.as_ref())}),
        )
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
    use rustls::pki_types::pem::PemObject as _;

    use super::*;

    /// Base64 for URLs, read back by a decoder that is not ours.
    fn decoded(text: &str) -> Vec<u8> {
        let padded =
            text.replace('-', "+").replace('_', "/") + &"=".repeat((4 - text.len() % 4) % 4);
        let pem = format!("-----BEGIN CERTIFICATE-----\n{padded}\n-----END CERTIFICATE-----\n");
        rustls::pki_types::CertificateDer::from_pem_slice(pem.as_bytes()).expect("base64").to_vec()
    }

    #[test]
    fn what_is_signed_is_verified_by_the_public_half() {
        let key = AccountKey::fresh().expect("a key");
        let signed = key
            .sign(None, "nonce", "https://a.example/new", Some(&json!({"a": 1})))
            .expect("a signature");
        let part = |name: &str| signed[name].as_str().expect("text").to_owned();
        let head: Value = serde_json::from_slice(&decoded(&part("protected"))).expect("JSON");
        let mut point = vec![4];
        point.extend(decoded(head["jwk"]["x"].as_str().expect("x")));
        point.extend(decoded(head["jwk"]["y"].as_str().expect("y")));
        let message = format!("{}.{}", part("protected"), part("payload"));
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(message.as_bytes(), &decoded(&part("signature")))
            .expect("the signature of this key");
        assert_eq!((&head["alg"], &head["nonce"]), (&json!("ES256"), &json!("nonce")));
        assert_eq!(decoded(&part("payload")), br#"{"a":1}"#);
        assert_eq!(decoded(&key.thumbprint()).len(), 32);
    }

    #[test]
    fn an_account_signs_by_its_name_and_asks_with_nothing() {
        let key = AccountKey::fresh().expect("a key");
        let signed = key.sign(Some("https://a.example/1"), "n", "https://a.example/o", None);
        let signed = signed.expect("a signature");
        let head = decoded(signed["protected"].as_str().expect("text"));
        let head: Value = serde_json::from_slice(&head).expect("JSON");
        assert_eq!((&head["kid"], head.get("jwk")), (&json!("https://a.example/1"), None));
        assert_eq!(signed["payload"], "");
    }
}
