//! Taking the record out of a document again.

/// The longest dictionary of an attached file, in bytes; ours has about 200.
const DICTIONARY: usize = 4096;

/// The record attached to a document this module wrote, byte for byte; absent from any other file.
///
/// The file is attached as it is, so it stands between its stream's `stream` and `endstream`, and its
/// length is said before it. No PDF reader is needed, and none is trusted.
#[must_use]
pub fn attached_record(pdf: &[u8]) -> Option<&[u8]> {
    let (mut from, mut data) = (0, 0);
    while let Some(found) = find(&pdf[from..], b"/EmbeddedFile") {
        let at = from + found;
        // The dictionary of the stream: from its object's beginning to its data. No byte is searched
        // twice for either end, so that a hostile file costs no more than its length.
        let begin = rfind(&pdf[from..at], b" obj").map_or(from, |n| from + n);
        if data <= at {
            data = at + find(&pdf[at..], b"stream")?;
        }
        from = at + 1;
        if data - begin > DICTIONARY {
            continue;
        }
        let Some(length) = number_after(&pdf[begin..data], b"/Length ") else { continue };
        let mut start = data + b"stream".len();
        if pdf.get(start) == Some(&b'\r') {
            start += 1;
        }
        if pdf.get(start) == Some(&b'\n') {
            start += 1;
        }
        let end = start.checked_add(length)?;
        if let Some(bytes) = pdf.get(start..end)
            && bytes.first() == Some(&b'{')
        {
            return Some(bytes);
        }
    }
    None
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

fn rfind(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).rposition(|window| window == what)
}

fn number_after(bytes: &[u8], key: &[u8]) -> Option<usize> {
    let at = find(bytes, key)? + key.len();
    let digits: Vec<u8> = bytes[at..].iter().copied().take_while(u8::is_ascii_digit).collect();
    std::str::from_utf8(&digits).ok()?.parse().ok()
}
