//! Go's regular expressions, as Alertmanager uses them, said in Rust's.
//!
//! Both descend from RE2 and decide alike on what both can say; this rewrites where they read the
//! same text differently: `\d`, `\w`, `\s` and `\b` are ASCII in Go, a class has no set operations,
//! a `{` that begins no repetition is itself, `\<` is a `<`, `\Q…\E` quotes, `\101` is octal.

use regex::{Regex, RegexBuilder};

/// The largest compiled expression, in bytes.
const SIZE_LIMIT: usize = 1 << 20;
/// The most repetitions Go allows in `{n,m}`.
const MAX_REPEAT: u32 = 1000;

/// Compiles a value of a matcher as Alertmanager does: anchored at both ends.
///
/// # Errors
/// What is wrong with it, in one line.
pub(super) fn anchored(value: &str) -> Result<Regex, String> {
    let value = translate(value)?;
    // Put together as text, as Alertmanager does: `a)|(b` is two half-anchored expressions there.
    RegexBuilder::new(&format!("^(?:{value})$")).size_limit(SIZE_LIMIT).build().map_err(|error| {
        // The crate draws the expression with a caret over several lines; the last one says it.
        let error = error.to_string();
        error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })
}

struct Translator<'a> {
    rest: &'a str,
    out: String,
}

fn translate(go: &str) -> Result<String, String> {
    let mut t = Translator { rest: go, out: String::with_capacity(go.len() + 16) };
    // Go refuses a repetition of a repetition, which Rust accepts.
    let mut repeated = false;
    while let Some(c) = t.rest.chars().next() {
        let was_repeated = std::mem::take(&mut repeated);
        match c {
            '\\' => t.escape(Place::Outside)?,
            '[' => t.class()?,
            '*' | '+' | '?' => {
                if was_repeated {
                    return Err("a repetition cannot be repeated".to_owned());
                }
                t.copy(1);
                t.lazy();
                repeated = true;
            }
            '{' => match repetition(t.rest) {
                Some((len, most)) => {
                    if was_repeated {
                        return Err("a repetition cannot be repeated".to_owned());
                    }
                    if most > MAX_REPEAT {
                        return Err(format!("more than {MAX_REPEAT} repetitions"));
                    }
                    t.copy(len);
                    t.lazy();
                    repeated = true;
                }
                None => t.replace(1, r"\{"),
            },
            '(' => t.group()?,
            c => t.copy(c.len_utf8()),
        }
    }
    Ok(t.out)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    Class,
}

impl Translator<'_> {
    fn copy(&mut self, bytes: usize) {
        self.out.push_str(&self.rest[..bytes]);
        self.rest = &self.rest[bytes..];
    }

    fn replace(&mut self, bytes: usize, with: &str) {
        self.out.push_str(with);
        self.rest = &self.rest[bytes..];
    }

    fn lazy(&mut self) {
        if self.rest.starts_with('?') {
            self.copy(1);
        }
    }

    /// `(`, `(?:`, `(?i)`, `(?P<name>`: only Go's own flags.
    fn group(&mut self) -> Result<(), String> {
        if let Some(flags) = self.rest.strip_prefix("(?")
            && !flags.starts_with("P<")
            && !flags.starts_with('<')
        {
            let end = flags.find([':', ')']).ok_or("a group is open")?;
            if let Some(bad) = flags[..end].chars().find(|c| !"imsU-".contains(*c)) {
                return Err(format!("the flag {bad} is not one of i, m, s and U"));
            }
        }
        self.copy(1);
        // The question mark of a group is not a repetition.
        if self.rest.starts_with('?') {
            self.copy(1);
        }
        Ok(())
    }

    /// A backslash and what it makes of the next character.
    fn escape(&mut self, place: Place) -> Result<(), String> {
        let rest = &self.rest[1..];
        let next = rest.chars().next().ok_or("a backslash stands at the end")?;
        let outside = place == Place::Outside;
        match next {
            'd' => self.replace(2, if outside { "[0-9]" } else { "0-9" }),
            'D' => self.replace(2, "[^0-9]"),
            'w' => self.replace(2, if outside { "[0-9A-Za-z_]" } else { "0-9A-Za-z_" }),
            'W' => self.replace(2, "[^0-9A-Za-z_]"),
            's' => self.replace(2, if outside { r"[\t\n\f\r ]" } else { r"\t\n\f\r " }),
            'S' => self.replace(2, r"[^\t\n\f\r ]"),
            'b' if outside => self.replace(2, r"(?-u:\b)"),
            'B' if outside => self.replace(2, r"(?-u:\B)"),
            'Q' => self.quoted(),
            '0'..='7' => self.octal()?,
            'u' | 'U' | 'K' | 'R' | 'X' | 'h' | 'H' | 'N' => {
                return Err(format!("`\\{next}` is not an escape"));
            }
            '<' | '>' => self.replace(2, &next.to_string()),
            'x' | 'p' | 'P' => self.copy(2),
            c if c.is_ascii_punctuation() => {
                self.rest = &self.rest[2..];
                self.literal(c);
            }
            c => self.copy(1 + c.len_utf8()),
        }
        Ok(())
    }

    /// A character that stands for itself, in or out of a class.
    fn literal(&mut self, c: char) {
        if c.is_ascii_punctuation() && !matches!(c, '<' | '>') {
            self.out.push('\\');
        }
        self.out.push(c);
    }

    /// `\Q…\E`; without `\E` up to the end.
    fn quoted(&mut self) {
        let body = &self.rest[2..];
        let (text, after) = body.split_once(r"\E").unwrap_or((body, ""));
        text.chars().for_each(|c| self.literal(c));
        self.rest = after;
    }

    /// `\0`, `\07`, `\012`, `\123`; one digit from 1 to 7 alone would be a back reference.
    fn octal(&mut self) -> Result<(), String> {
        let digits: String =
            self.rest[1..].chars().take(3).take_while(|c| ('0'..='7').contains(c)).collect();
        if !digits.starts_with('0') && digits.len() == 1 {
            return Err("back references are not supported".to_owned());
        }
        let code = u32::from_str_radix(&digits, 8).map_err(|_| "not an octal number")?;
        self.replace(1 + digits.len(), &format!("\\x{{{code:x}}}"));
        Ok(())
    }

    /// `[…]`, in which Rust would see nested classes and set operations.
    fn class(&mut self) -> Result<(), String> {
        self.copy(1);
        if self.rest.starts_with('^') {
            self.copy(1);
        }
        let mut first = true;
        loop {
            let c = self.rest.chars().next().ok_or("a class is open")?;
            match c {
                ']' if !first => {
                    self.copy(1);
                    return Ok(());
                }
                '[' if self.rest.starts_with("[:") && self.rest.contains(":]") => {
                    let end = self.rest.find(":]").unwrap_or_default() + 2;
                    self.copy(end);
                }
                '\\' => self.escape(Place::Class)?,
                '[' | ']' | '&' | '~' | '#' => {
                    self.rest = &self.rest[1..];
                    self.literal(c);
                }
                // A dash that ends the class is itself; two in a row would be a difference in Rust.
                '-' if self.rest.starts_with("-]") || first => self.replace(1, r"\-"),
                c => self.copy(c.len_utf8()),
            }
            first = false;
        }
    }
}

/// The length and the largest number of a repetition `{n}`, `{n,}`, `{n,m}`.
fn repetition(text: &str) -> Option<(usize, u32)> {
    let end = text.find('}')?;
    let inner = &text[1..end];
    let (least, most) = inner.split_once(',').unwrap_or((inner, inner));
    let number = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if least.is_empty() || !number(least) || !number(most) {
        return None;
    }
    let value = |s: &str| if s.is_empty() { 0 } else { s.parse().unwrap_or(u32::MAX) };
    Some((end + 1, value(least).max(value(most))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_and_rust_read_alike() {
        for (go, yes, no) in [
            ("a|b", vec!["a", "b"], vec!["ab", "xa", ""]),
            (r"\d+", vec!["12"], vec!["٣", ""]),
            (r"\w+", vec!["aZ_9"], vec!["é"]),
            (r"a\sb", vec!["a b", "a\tb"], vec!["a\u{a0}b", "a\u{b}b"]),
            (r"[\d\W]", vec!["1", "é", "-"], vec!["a"]),
            ("[[]", vec!["["], vec!["]"]),
            ("[]a]", vec!["]", "a"], vec!["["]),
            ("[a&&b]", vec!["a", "&", "b"], vec!["c"]),
            ("[a~~b]", vec!["~"], vec!["c"]),
            ("[-a]", vec!["-", "a"], vec!["b"]),
            ("[a-]", vec!["-", "a"], vec!["b"]),
            ("[[:alpha:]]", vec!["a"], vec!["1", "é"]),
            ("a{b}", vec!["a{b}"], vec!["ab"]),
            ("a{,2}", vec!["a{,2}"], vec!["aa", ""]),
            ("a{2}", vec!["aa"], vec!["a"]),
            (r"\<b\>", vec!["<b>"], vec!["b"]),
            (r"\Qa.b\E.", vec!["a.bx"], vec!["axbx"]),
            (r"\101", vec!["A"], vec!["101"]),
            ("(?i)page", vec!["PAGE", "page"], vec!["pag"]),
            (".", vec!["a", "é"], vec!["\n", ""]),
            ("(?s).", vec!["\n"], vec![""]),
            ("", vec![""], vec!["a"]),
            ("a)|(b", vec!["a", "ax", "b", "xb"], vec!["xa", "bx"]),
            (r"a\-b\_c", vec!["a-b_c"], vec!["ab_c"]),
            (r"\bfoo\b", vec!["foo"], vec!["fo"]),
        ] {
            let regex = anchored(go).unwrap_or_else(|error| panic!("{go}: {error}"));
            assert!(yes.iter().all(|text| regex.is_match(text)), "{go} {yes:?} {regex}");
            assert!(!no.iter().any(|text| regex.is_match(text)), "{go} {no:?} {regex}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for bad in
            ["a**", "a*+", "(", "[a", r"\1", r"\u0041", "a{1001}", "(?x)a", "a\\", "*a", "(?=a)"]
        {
            assert!(anchored(bad).is_err(), "{bad}");
        }
    }
}
