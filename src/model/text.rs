//! Text from outside, made safe to show: observed bytes are hostile input.

/// The longest piece of foreign text kept in a message, in characters.
pub const MESSAGE_LIMIT: usize = 300;

/// Foreign text as one safe line: control characters, bidirectional overrides and line breaks are
/// shown escaped, and what is longer than [`MESSAGE_LIMIT`] is cut with its length said.
#[must_use]
pub fn one_line(text: &str) -> String {
    clip(text, MESSAGE_LIMIT)
}

/// Foreign text as one safe line of at most `limit` characters.
#[must_use]
pub fn clip(text: &str, limit: usize) -> String {
    let mut out = String::with_capacity(text.len().min(limit * 4));
    for (n, c) in text.chars().enumerate() {
        if n == limit {
            out.push_str(&format!("… ({} bytes in all)", text.len()));
            break;
        }
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_hazard(c) => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Whether a character can change how a terminal or a page shows its neighbours.
#[must_use]
pub fn is_hazard(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// `1 check`, `2 checks`, `2 addresses`: a number with its noun.
#[must_use]
pub fn count(n: usize, noun: &str) -> String {
    let ending = match noun {
        _ if n == 1 => "",
        _ if noun.ends_with('s') => "es",
        _ => "s",
    };
    format!("{n} {noun}{ending}")
}

/// A word quoted for a POSIX shell, when it needs to be.
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The candidate nearest to a mistyped word, when one is near enough to be meant.
#[must_use]
pub fn did_you_mean<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    if word.is_empty() {
        return None;
    }
    let limit = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Damerau-Levenshtein distance (optimal string alignment): edits and swaps of neighbours.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let same = usize::from(a[i - 1] != b[j - 1]);
            let mut best = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + same);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_draw_on_the_terminal() {
        assert_eq!(one_line("a\x1b[31mb\nc\u{202e}d"), "a\\u{1b}[31mb\\nc\\u{202e}d");
        assert_eq!(clip("abcdef", 3), "abc… (6 bytes in all)");
        assert_eq!(clip("日本", 3), "日本");
    }

    #[test]
    fn near_words_are_offered() {
        assert_eq!(did_you_mean("endpont", ["endpoint", "port"]), Some("endpoint"));
        assert_eq!(did_you_mean("resolvres", ["resolvers", "records"]), Some("resolvers"));
        assert_eq!(did_you_mean("zebra", ["endpoint", "port"]), None);
        assert_eq!(did_you_mean("tsl", ["dns", "tls"]), Some("tls"));
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        for (word, quoted) in
            [("a-b", "a-b"), ("", "''"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("$x", "'$x'")]
        {
            assert_eq!(quote(word), quoted);
        }
    }
}
