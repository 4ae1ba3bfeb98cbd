//! What the page may do: show its own style sheet, run its own script, and nothing else.

use crate::model::hash::sha256_hex;

/// A content security policy (CSP 3) that names the style sheet and script by their hashes, so that
/// nothing a server smuggled into a report could load, run or send anything.
pub(super) fn policy(style: &str, script: &str) -> String {
    format!(
        "default-src 'none'; style-src 'sha256-{}'; script-src 'sha256-{}'; \
         base-uri 'none'; form-action 'none'",
        hash(style),
        hash(script)
    )
}

/// SHA-256 in base64 (RFC 4648 §4), as a policy writes it.
fn hash(text: &str) -> String {
    const TABLE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let hex = sha256_hex(text.as_bytes());
    let mut bits: Vec<usize> = hex
        .chars()
        .filter_map(|digit| digit.to_digit(16))
        .flat_map(|nibble| (0..4).rev().map(move |bit| (nibble >> bit & 1) as usize))
        .collect();
    // 256 bits are 42 sextets and four bits more.
    bits.resize(43 * 6, 0);
    let mut text: String = bits
        .chunks_exact(6)
        .map(|six| char::from(TABLE[six.iter().fold(0, |n, bit| n << 1 | bit)]))
        .collect();
    text.push('=');
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_hash_is_base64() {
        // printf abc | openssl dgst -sha256 -binary | base64
        assert_eq!(super::hash("abc"), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }
}
