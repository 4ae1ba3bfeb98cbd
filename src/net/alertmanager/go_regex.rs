//! Go's regular expressions, as Alertmanager uses them, said in Rust's.
//!
//! Both descend from RE2 and decide alike on what both can say. They differ in how they read it:
//! in Go `\d`, `\w`, `\s` and `\b` are ASCII, classes have neither nested classes nor set
//! operations, a `{` that begins no repetition is itself, `\<` is a `<`, `\Q…\E` quotes, `\101` is
//! octal. So the text is read by Go's rules (`regexp/syntax`, parse.go, with its Perl flags) and
//! written anew by Rust's.

use std::fmt::Write as _;

use regex::{Regex, RegexBuilder};

/// The largest compiled expression, in bytes.
const SIZE_LIMIT: usize = 8 << 20;
/// The most repetitions Go allows in `{n,m}`.
const MAX_REPEAT: u32 = 1000;

/// Names of character classes in brackets.
const POSIX: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];
/// General categories of Unicode, as Go spells them.
const CATEGORIES: [&str; 38] = [
    "Any", "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm", "Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn",
    "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Pe", "Pf", "Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm",
    "So", "Z", "Zl", "Zp", "Zs", "Common",
];

/// Compiles a value of a matcher as Alertmanager does: anchored at both ends.
///
/// # Errors
/// What is wrong with it, in one line.
pub(super) fn anchored(value: &str) -> Result<Regex, String> {
    let value = translate(value)?;
    // Alertmanager takes a silence when its expression compiles as it stands, so `a)|(b` is none.
    compile(&value)?;
    compile(&format!("^(?:{value})$"))
}

fn compile(expression: &str) -> Result<Regex, String> {
    RegexBuilder::new(expression).size_limit(SIZE_LIMIT).build().map_err(|error| {
        // The crate draws the expression with a caret over several lines; the last one says it.
        let error = error.to_string();
        error.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
    })
}

/// What is still to be read, and what was written.
struct Translator<'a> {
    rest: &'a str,
    out: String,
}

fn translate(go: &str) -> Result<String, String> {
    let mut t = Translator { rest: go, out: String::new() };
    // Go refuses a repetition of a repetition, which Rust accepts.
    let mut repeated = false;
    while let Some(c) = t.rest.chars().next() {
        let was_repeated = std::mem::take(&mut repeated);
        match c {
            '\\' => t.escape()?,
            '[' => t.class()?,
            '(' => t.group()?,
            '*' | '+' | '?' | '{' => match t.repetition()? {
                Some(text) if was_repeated => return Err(format!("{text} repeats a repetition")),
                Some(text) => {
                    t.out.push_str(text);
                    repeated = true;
                }
                None => {
                    t.rest = &t.rest[1..];
                    t.literal('{');
                }
            },
            ')' | '|' | '^' | '$' | '.' => {
                t.rest = &t.rest[1..];
                t.out.push(c);
            }
            c => {
                t.rest = &t.rest[c.len_utf8()..];
                t.literal(c);
            }
        }
    }
    Ok(t.out)
}

impl<'a> Translator<'a> {
    /// A character that stands for itself, in or out of a class.
    fn literal(&mut self, c: char) {
        if c.is_alphanumeric() {
            self.out.push(c);
        } else {
            let _infallible = write!(self.out, "\\x{{{:x}}}", u32::from(c));
        }
    }

    /// `*`, `+`, `?`, `{n}`, `{n,}`, `{n,m}`, with a `?` that makes it lazy; `None` for a `{` that
    /// begins none.
    fn repetition(&mut self) -> Result<Option<&'a str>, String> {
        let len = if self.rest.starts_with('{') {
            let Some((len, least, most)) = counted(self.rest) else { return Ok(None) };
            let most = most.unwrap_or(least);
            if least > MAX_REPEAT || most > MAX_REPEAT || least > most {
                return Err(format!("{} is not a number of repetitions", &self.rest[..len]));
            }
            len
        } else {
            1
        };
        let lazy = usize::from(self.rest[len..].starts_with('?'));
        let (text, rest) = self.rest.split_at(len + lazy);
        self.rest = rest;
        Ok(Some(text))
    }

    /// `(`, `(?P<name>`, `(?<name>`, `(?flags:` and `(?flags)`.
    fn group(&mut self) -> Result<(), String> {
        let Some(inner) = self.rest.strip_prefix("(?") else {
            self.rest = &self.rest[1..];
            self.out.push('(');
            return Ok(());
        };
        if let Some(named) = inner.strip_prefix("P<").or_else(|| inner.strip_prefix('<')) {
            let (name, rest) = named.split_once('>').ok_or("the name of a group is open")?;
            let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
            if name.is_empty() || !name.bytes().all(word) {
                return Err(format!("`{name}` cannot name a group"));
            }
            self.rest = rest;
            self.out.push('(');
            return Ok(());
        }
        let end = inner.find([':', ')']).ok_or("a group is open")?;
        let flags = flags(&inner[..end])?;
        let is_group = inner[end..].starts_with(':');
        self.rest = &inner[end + 1..];
        if is_group {
            let _infallible = write!(self.out, "(?{flags}:");
            return Ok(());
        }
        // Flags are nothing that can be repeated: a repetition after them is of what stands before.
        if self.rest.starts_with(['*', '+', '?', '{'])
            && let Some(text) = self.repetition()?
        {
            self.out.push_str(text);
        }
        if !flags.is_empty() {
            let _infallible = write!(self.out, "(?{flags})");
        }
        Ok(())
    }

    /// A backslash outside of a class.
    fn escape(&mut self) -> Result<(), String> {
        let plain = match self.rest[1..].chars().next() {
            Some('A') => Some(r"\A"),
            Some('z') => Some(r"\z"),
            Some('b') => Some(r"(?-u:\b)"),
            Some('B') => Some(r"(?-u:\B)"),
            Some('Q') => {
                // Alertmanager takes an open one, which then quotes the bracket and the `$` put
                // around it: that no longer compiles, and from then on no silence works at all.
                let (text, after) = self.rest[2..].split_once(r"\E").ok_or(r"a \Q has no \E")?;
                text.chars().for_each(|c| self.literal(c));
                self.rest = after;
                return Ok(());
            }
            _ => None,
        };
        if let Some(text) = plain {
            self.out.push_str(text);
            self.rest = &self.rest[2..];
            return Ok(());
        }
        if let Some(set) = self.set()? {
            self.out.push_str(&set);
            return Ok(());
        }
        let c = self.character()?;
        self.literal(c);
        Ok(())
    }

    /// `\d`, `\W`, `\pL`, `\p{Greek}`: a set of characters, as a class of its own.
    fn set(&mut self) -> Result<Option<String>, String> {
        let mut chars = self.rest.chars().skip(1);
        let letter = chars.next();
        let perl = match letter {
            Some('d') => "[0-9]",
            Some('D') => "[^0-9]",
            Some('w') => "[0-9A-Za-z_]",
            Some('W') => "[^0-9A-Za-z_]",
            Some('s') => r"[\t\n\f\r ]",
            Some('S') => r"[^\t\n\f\r ]",
            Some('p' | 'P') => return self.unicode_set(letter == Some('P')).map(Some),
            _ => return Ok(None),
        };
        self.rest = &self.rest[2..];
        Ok(Some(perl.to_owned()))
    }

    fn unicode_set(&mut self, negated: bool) -> Result<String, String> {
        let body = &self.rest[2..];
        let (name, rest) = if let Some(braced) = body.strip_prefix('{') {
            braced.split_once('}').ok_or("the name of a Unicode class is open")?
        } else {
            let c = body.chars().next().ok_or("the name of a Unicode class is missing")?;
            body.split_at(c.len_utf8())
        };
        let (name, negated) = match name.strip_prefix('^') {
            Some(name) => (name, !negated),
            None => (name, negated),
        };
        // Scripts: `Greek`, `Old_Italic`; Rust would take other spellings and properties as well.
        let script = name.len() > 2
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && Regex::new(&format!(r"\p{{sc={name}}}")).is_ok();
        if !CATEGORIES.contains(&name) && !script {
            return Err(format!("`{name}` is no class of Unicode"));
        }
        self.rest = rest;
        let letter = if negated { 'P' } else { 'p' };
        let kind = if CATEGORIES.contains(&name) { "" } else { "sc=" };
        Ok(format!(r"\{letter}{{{kind}{name}}}"))
    }

    /// One character, escaped or not.
    fn character(&mut self) -> Result<char, String> {
        let c = self.rest.chars().next().ok_or("it ends too early")?;
        self.rest = &self.rest[c.len_utf8()..];
        if c != '\\' {
            return Ok(c);
        }
        let c = self.rest.chars().next().ok_or("a backslash stands at the end")?;
        self.rest = &self.rest[c.len_utf8()..];
        match c {
            '0'..='7' => self.octal(c),
            'x' => self.hex(),
            'a' => Ok('\u{7}'),
            'f' => Ok('\u{c}'),
            'n' => Ok('\n'),
            'r' => Ok('\r'),
            't' => Ok('\t'),
            'v' => Ok('\u{b}'),
            c if c.is_ascii() && !c.is_ascii_alphanumeric() => Ok(c),
            c => Err(format!("`\\{c}` is not an escape")),
        }
    }

    /// `\0`, `\07`, `\012`, `\123`; one digit from 1 to 7 alone would be a back reference.
    fn octal(&mut self, first: char) -> Result<char, String> {
        let more = self.rest.bytes().take(2).take_while(|b| (b'0'..=b'7').contains(b)).count();
        if first != '0' && more == 0 {
            return Err("back references are not supported".to_owned());
        }
        let (digits, rest) = self.rest.split_at(more);
        self.rest = rest;
        let code = u32::from_str_radix(&format!("{first}{digits}"), 8).unwrap_or_default();
        char::from_u32(code).ok_or_else(|| "not an octal number".to_owned())
    }

    /// `\x41` and `\x{1F600}`, after the `x`.
    fn hex(&mut self) -> Result<char, String> {
        let bad = || "not a hexadecimal number after \\x".to_owned();
        let (digits, rest) = match self.rest.strip_prefix('{') {
            Some(body) => body.split_once('}').ok_or_else(bad)?,
            None => self.rest.split_at_checked(2).ok_or_else(bad)?,
        };
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(bad());
        }
        self.rest = rest;
        u32::from_str_radix(digits, 16).ok().and_then(char::from_u32).ok_or_else(bad)
    }

    /// `[…]`: single characters, ranges, and sets.
    fn class(&mut self) -> Result<(), String> {
        self.rest = &self.rest[1..];
        self.out.push('[');
        if let Some(rest) = self.rest.strip_prefix('^') {
            self.rest = rest;
            self.out.push('^');
        }
        let mut first = true;
        while first || !self.rest.starts_with(']') {
            first = false;
            if self.rest.is_empty() {
                return Err("a class is open".to_owned());
            }
            if self.posix()? {
                continue;
            }
            if self.rest.starts_with('\\')
                && let Some(set) = self.set()?
            {
                self.out.push_str(&set);
                continue;
            }
            self.range()?;
        }
        self.rest = &self.rest[1..];
        self.out.push(']');
        Ok(())
    }

    /// `[:alpha:]` and `[:^alpha:]`, when one is next.
    fn posix(&mut self) -> Result<bool, String> {
        let Some((name, rest)) =
            self.rest.strip_prefix("[:").and_then(|body| body.split_once(":]"))
        else {
            return Ok(false);
        };
        if !POSIX.contains(&name.strip_prefix('^').unwrap_or(name)) {
            return Err(format!("`[:{name}:]` is no class"));
        }
        let _infallible = write!(self.out, "[:{name}:]");
        self.rest = rest;
        Ok(true)
    }

    /// One character of a class, or two with a dash between them.
    fn range(&mut self) -> Result<(), String> {
        let low = self.character()?;
        self.literal(low);
        if self.rest.starts_with('-') && self.rest.len() > 1 && !self.rest.starts_with("-]") {
            self.rest = &self.rest[1..];
            let high = self.character()?;
            if high < low {
                return Err(format!("the range {low}-{high} goes backwards"));
            }
            self.out.push('-');
            self.literal(high);
        }
        Ok(())
    }
}

/// Flags with what they switch off, each once.
fn flags(text: &str) -> Result<String, String> {
    let (on, off) = match text.split_once('-') {
        Some((_, "")) => return Err("no flag follows the -".to_owned()),
        Some((on, off)) => (on, off),
        None => (text, ""),
    };
    if let Some(bad) = text.chars().find(|c| !"imsU-".contains(*c)) {
        return Err(format!("`{bad}` is none of the flags i, m, s and U"));
    }
    if off.contains('-') {
        return Err("flags have a second -".to_owned());
    }
    let pick = |wanted: &dyn Fn(char) -> bool| "imsU".chars().filter(|c| wanted(*c)).collect();
    let on: String = pick(&|c| on.contains(c) && !off.contains(c));
    let off: String = pick(&|c| off.contains(c));
    Ok(if off.is_empty() { on } else { format!("{on}-{off}") })
}

/// The length and the numbers of a repetition `{n}`, `{n,}`, `{n,m}`.
fn counted(text: &str) -> Option<(usize, u32, Option<u32>)> {
    let end = text.find('}')?;
    let inner = &text[1..end];
    let number = |digits: &str| {
        let good = !digits.is_empty()
            && digits.bytes().all(|b| b.is_ascii_digit())
            && (digits.len() == 1 || !digits.starts_with('0'));
        good.then(|| digits.parse().unwrap_or(u32::MAX))
    };
    let (least, most) = match inner.split_once(',') {
        None => (number(inner)?, None),
        Some((least, "")) => (number(least)?, None),
        Some((least, most)) => (number(least)?, Some(number(most)?)),
    };
    Some((end + 1, least, most))
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
            (r"a\-b\_c", vec!["a-b_c"], vec!["ab_c"]),
            (r"\bfoo\b", vec!["foo"], vec!["fo"]),
            ("a(?i)*", vec!["", "aa"], vec!["A"]),
            ("(?)a(?ii)b", vec!["ab", "aB"], vec!["A"]),
            ("(?P<1>a)", vec!["a"], vec!["b"]),
            ("a{01}", vec!["a{01}"], vec!["a"]),
            ("[--a]", vec!["-", "A", "a"], vec!["b"]),
        ] {
            let regex = anchored(go).unwrap_or_else(|error| panic!("{go}: {error}"));
            assert!(yes.iter().all(|text| regex.is_match(text)), "{go} {yes:?} {regex}");
            assert!(!no.iter().any(|text| regex.is_match(text)), "{go} {no:?} {regex}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for bad in [
            "a**",
            "a*+",
            "(",
            "[a",
            r"\1",
            r"\u0041",
            "a{1001}",
            "(?x)a",
            "a\\",
            "*a",
            "(?=a)",
            "[a--b]",
            "[[:nonsense:]]",
            r"[a-\d]",
            r"\é",
            r"\p{Alphabetic}",
            "a{2,1}",
            "(?i-)",
            "(?P<>x)",
            "a)|(b",
            r"\Qa",
        ] {
            assert!(anchored(bad).is_err(), "{bad}");
        }
    }
}
