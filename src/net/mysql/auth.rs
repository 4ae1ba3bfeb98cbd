//! Proving a password to MySQL without saying it (MySQL source documentation, "Authentication Methods").

use aws_lc_rs::digest::{Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};

fn hash(algorithm: &'static Algorithm, parts: &[&[u8]]) -> Vec<u8> {
    digest(algorithm, &parts.concat()).as_ref().to_vec()
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}

/// `mysql_native_password`: SHA-1 is what the protocol has.
fn native(password: &[u8], nonce: &[u8]) -> Vec<u8> {
    let sha1 = |parts: &[&[u8]]| hash(&SHA1_FOR_LEGACY_USE_ONLY, parts);
    let once = sha1(&[password]);
    xor(&once, &sha1(&[nonce, &sha1(&[&once])]))
}

/// `caching_sha2_password`.
fn caching_sha2(password: &[u8], nonce: &[u8]) -> Vec<u8> {
    let sha256 = |parts: &[&[u8]]| hash(&SHA256, parts);
    let once = sha256(&[password]);
    xor(&once, &sha256(&[&sha256(&[&once]), nonce]))
}

/// The answer to a challenge of a plugin; `None` for a plugin that is not known here. `safe` says that
/// nobody on the way can read along.
pub(super) fn answer(plugin: &str, password: &str, nonce: &[u8], safe: bool) -> Option<Vec<u8>> {
    if password.is_empty() && plugin != "mysql_clear_password" {
        return matches!(plugin, "mysql_native_password" | "caching_sha2_password").then(Vec::new);
    }
    match plugin {
        "mysql_native_password" => Some(native(password.as_bytes(), nonce)),
        "caching_sha2_password" => Some(caching_sha2(password.as_bytes(), nonce)),
        "mysql_clear_password" if safe => Some(clear(password)),
        _ => None,
    }
}

/// The password itself, with its zero byte.
pub(super) fn clear(password: &str) -> Vec<u8> {
    [password.as_bytes(), b"\0"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_password_is_proved_by_nothing() {
        assert_eq!(answer("mysql_native_password", "", b"nonce", false), Some(Vec::new()));
        assert_eq!(answer("client_ed25519", "", b"nonce", true), None);
    }

    #[test]
    fn a_password_is_never_said_where_others_can_hear_it() {
        assert_eq!(answer("mysql_clear_password", "x", b"", false), None);
        assert_eq!(answer("mysql_clear_password", "x", b"", true), Some(b"x\0".to_vec()));
    }

    #[test]
    fn proofs_depend_on_the_nonce_and_have_the_plugins_length() {
        for (plugin, length) in [("mysql_native_password", 20), ("caching_sha2_password", 32)] {
            let proof = |nonce: &[u8]| answer(plugin, "secret", nonce, false).expect(plugin);
            assert_eq!(proof(b"a").len(), length);
            assert_ne!(proof(b"a"), proof(b"b"));
        }
    }
}
