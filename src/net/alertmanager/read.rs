//! The two grammars of one matcher: the classic one, and the UTF-8 one of Alertmanager 0.27.

use super::matcher::Op;

/// A name, a comparison and a value.
type Parts = (String, Op, String);

/// Characters that cannot stand in an unquoted name or value of the UTF-8 grammar.
const RESERVED: &str = "{}!=~,\\\"'`";

/// The operator a text begins with, and the rest. `=~` is looked for before `=`.
fn operator(text: &str) -> Result<(Op, &str), String> {
    for op in [Op::Regex, Op::NotEqual, Op::NotRegex, Op::Equal] {
        if let Some(rest) = text.strip_prefix(op.as_str()) {
            return Ok((op, rest));
        }
    }
    Err("one of =, !=, =~ and !~ is missing after the label's name".to_owned())
}

/// The classic grammar: the name is a word, the value may go without quotes, and of escapes only
/// `\n`, `\"` and `\\` are known.
pub(super) fn classic(text: &str) -> Result<Parts, String> {
    let text = text.trim_matches(is_space);
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("the label's name is not a word".to_owned());
    }
    let (op, raw) = operator(rest.trim_start_matches(is_space))?;
    classic_value(raw.trim_start_matches(is_space)).map(|value| (name.to_owned(), op, value))
}

/// What `\s` is in Go.
const fn is_space(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\x0c' | '\r' | ' ')
}

fn classic_value(raw: &str) -> Result<String, String> {
    let (body, mut closing_due) = match raw.strip_prefix('"') {
        Some(body) => (body, true),
        None => (raw, false),
    };
    let stray = || "a double quote in the value must be written \\\"".to_owned();
    let mut value = String::with_capacity(body.len());
    let mut chars = body.char_indices();
    let last = body.len().saturating_sub(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, c @ ('"' | '\\'))) => value.push(c),
                // A spurious escape is a backslash.
                Some((_, c)) => value.extend(['\\', c]),
                None => value.push('\\'),
            },
            '"' if closing_due && at == last => closing_due = false,
            '"' => return Err(stray()),
            c => value.push(c),
        }
    }
    if closing_due { Err("the value's double quote is open".to_owned()) } else { Ok(value) }
}

/// The UTF-8 grammar: name and value are quoted as in Go, or hold no reserved character.
pub(super) fn utf8(text: &str) -> Result<Parts, String> {
    let text = text.trim();
    if text.starts_with('{') || text.ends_with(',') {
        return Err("write one matcher a line, without braces and commas".to_owned());
    }
    let (name, rest) = word(text, "the label's name")?;
    let (op, rest) = operator(rest.trim_start())?;
    let (value, rest) = word(rest.trim_start(), "the value")?;
    match rest.trim_start() {
        "" => Ok((name, op, value)),
        more => {
            Err(format!("`{more}` follows the value; put a value with such characters in quotes"))
        }
    }
}

/// One quoted or unquoted word and the rest.
fn word<'a>(text: &'a str, what: &str) -> Result<(String, &'a str), String> {
    if let Some(body) = text.strip_prefix('"') {
        return unquote(body).map_err(|why| format!("{what} {why}"));
    }
    let end = text.find(|c: char| c.is_whitespace() || RESERVED.contains(c)).unwrap_or(text.len());
    match text.split_at(end) {
        ("", _) => Err(format!("{what} is missing, or must stand in double quotes")),
        (word, rest) => Ok((word.to_owned(), rest)),
    }
}

/// A Go string after its opening quote, and the rest after its closing one.
fn unquote(body: &str) -> Result<(String, &str), String> {
    let mut bytes = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        let c = rest.chars().next().ok_or("has an open double quote")?;
        rest = &rest[c.len_utf8()..];
        match c {
            '"' => {
                let text = String::from_utf8(bytes).map_err(|_| "is not UTF-8")?;
                return Ok((text, rest));
            }
            '\n' => return Err("has a line break; write \\n".to_owned()),
            '\\' => rest = escape(rest, &mut bytes)?,
            c => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// One escape of a Go string after its backslash, and the rest.
fn escape<'a>(rest: &'a str, bytes: &mut Vec<u8>) -> Result<&'a str, String> {
    let c = rest.chars().next().ok_or("ends in a backslash")?;
    let simple = match c {
        'a' => Some(7),
        'b' => Some(8),
        'f' => Some(12),
        'n' => Some(b'\n'),
        'r' => Some(b'\r'),
        't' => Some(b'\t'),
        'v' => Some(11),
        '\\' => Some(b'\\'),
        '"' => Some(b'"'),
        _ => None,
    };
    if let Some(byte) = simple {
        bytes.push(byte);
        return Ok(&rest[1..]);
    }
    let (skip, digits, radix) = match c {
        'x' => (1, 2, 16),
        'u' => (1, 4, 16),
        'U' => (1, 8, 16),
        '0'..='7' => (0, 3, 8),
        _ => return Err(format!("has the unknown escape \\{c}")),
    };
    let bad = || format!("has a broken escape \\{c}");
    let number = rest.get(skip..skip + digits).ok_or_else(bad)?;
    if !number.chars().all(|c| c.is_digit(radix)) {
        return Err(bad());
    }
    let number = u32::from_str_radix(number, radix).map_err(|_| bad())?;
    if matches!(c, 'u' | 'U') {
        let c = char::from_u32(number).ok_or_else(bad)?;
        bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    } else {
        bytes.push(u8::try_from(number).map_err(|_| bad())?);
    }
    Ok(&rest[skip + digits..])
}

#[cfg(test)]
mod tests {
    use crate::net::alertmanager::Matcher;

    #[test]
    fn matchers_are_read_as_amtool_reads_them() {
        for (text, shown) in [
            ("a=b", r#"a="b""#),
            (r#"a="b""#, r#"a="b""#),
            (r#" a =~ "b.*" "#, r#"a=~"b.*""#),
            ("a!=", r#"a!="""#),
            (r#"a!~"x|y""#, r#"a!~"x|y""#),
            ("a=b c", r#"a="b c""#),
            (r#"a="b\"c\\d\ne\f""#, r#"a="b\"c\\d\ne\\f""#),
            (r"a=\d", r#"a="\\d""#),
            ("a==b", r#"a="=b""#),
            (r#""a b"="c""#, r#""a b"="c""#),
            (r#""é"=~"ü+""#, r#""é"=~"ü+""#),
            ("é=x", r#""é"="x""#),
            (r#""a\u00e9"=b"#, r#""aé"="b""#),
            (r#""a b"="\x41\101\t""#, "\"a b\"=\"AA\t\""),
            ("a:b=c", r#""a:b"="c""#),
        ] {
            let matcher: Matcher = text.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(matcher.to_string(), shown, "{text}");
            assert_eq!(shown.parse::<Matcher>().expect(shown), matcher, "{shown}");
        }
    }

    #[test]
    fn what_amtool_refuses_is_refused() {
        for bad in [
            "",
            "a",
            "HighLatency",
            "=b",
            r#"a="b"#,
            r#"a=b""#,
            r#"a="b"c""#,
            "a=~[",
            "1a",
            "a b=c",
            r#"{a="b"}"#,
            r#""a"="b","#,
            r#""a"="\q""#,
            r#""a"="\xff""#,
            r#""a"="b" c"#,
            r#"""="b""#,
        ] {
            assert!(bad.parse::<Matcher>().is_err(), "{bad}: {:?}", bad.parse::<Matcher>());
        }
    }

    #[test]
    fn a_missing_label_is_empty_and_expressions_are_anchored() {
        let labels = [("a".to_owned(), "xyz".to_owned())].into();
        for (text, yes) in [
            ("a=xyz", true),
            ("a=~y", false),
            ("a=~.y.", true),
            ("a!~y", true),
            ("b=", true),
            ("b!=prod", true),
            ("b=~.*", true),
            ("b=~.+", false),
            ("a!=", true),
        ] {
            let matcher: Matcher = text.parse().expect(text);
            assert_eq!(matcher.matches(&labels), yes, "{text}");
        }
    }
}
