//! Percent-encoding of URLs (RFC 3986 §2.1).

/// Undoes percent-encoding. A `%` that begins no escape stands for itself, so that a password
/// pasted in as it is still works.
pub(super) fn decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).filter(|_| byte == b'%').unwrap_or_default();
        let (decoded, length) = hex(pair).map_or((byte, 1), |decoded| (decoded, 3));
        out.push(decoded);
        at += length;
    }
    out
}

/// The byte that two hexadecimal digits stand for.
fn hex(pair: &[u8]) -> Option<u8> {
    let digit = |at: usize| char::from(*pair.get(at)?).to_digit(16);
    u8::try_from(digit(0)? * 16 + digit(1)?).ok()
}

/// Encodes what is not unreserved; slashes stay.
pub(super) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
