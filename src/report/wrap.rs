//! Text in lines of a given width: prose broken where people break it, commands broken so that they
//! can still be pasted.

use unicode_width::UnicodeWidthStr;

use crate::model::text::clip;

/// The longest piece of one field a report for people shows, in characters; the record has it all.
pub(super) const FIELD_LIMIT: usize = 1_000;

/// The longest name, in characters: of a run, a step, a phase.
const NAME_LIMIT: usize = 120;

/// The longest command, in characters; longer ones are cut, and say so.
const COMMAND_LIMIT: usize = 4_000;

/// One field of the record as one safe line.
pub(super) fn line(text: &str) -> String {
    clip(text, FIELD_LIMIT)
}

/// A name as one safe line.
pub(super) fn name(text: &str) -> String {
    clip(text, NAME_LIMIT)
}

/// A command, its own line breaks kept.
pub(super) fn command_lines(text: &str) -> Vec<String> {
    let text = match text.char_indices().nth(COMMAND_LIMIT) {
        Some((end, _)) => format!("{}… ({} bytes in all)", &text[..end], text.len()),
        None => text.to_owned(),
    };
    text.lines().map(|line| clip(line, COMMAND_LIMIT + 100)).collect()
}

/// Columns a text takes on a terminal.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// One character with the marks that belong to it.
struct Cluster<'a> {
    text: &'a str,
    width: f32,
    /// Written without blanks around it: CJK and the like.
    wide: bool,
}

fn clusters<'a>(text: &'a str, measure: &dyn Fn(&str) -> f32) -> Vec<Cluster<'a>> {
    let mut starts: Vec<usize> = Vec::new();
    for (at, c) in text.char_indices() {
        // Marks, variation selectors: of no width of their own.
        let joins = at > 0 && unicode_width::UnicodeWidthChar::width(c) == Some(0);
        if !joins {
            starts.push(at);
        }
    }
    let ends = starts.iter().copied().skip(1).chain([text.len()]);
    starts
        .iter()
        .zip(ends)
        .map(|(start, end)| &text[*start..end])
        .map(|text| Cluster { text, width: measure(text), wide: text.width() == 2 })
        .collect()
}

/// Whether a line may end between two characters: after a blank, and around wide ones (CJK, which
/// is written without blanks), but not before closing punctuation.
fn may_break(before: &Cluster<'_>, after: &Cluster<'_>) -> bool {
    if before.text == " " {
        return after.text != " ";
    }
    let closing = "，。、；：！？）】》」』〉〕…,.;:!?)";
    let opening = "（【《「『〈〔(";
    (before.wide || after.wide)
        && after.text != " "
        && !closing.contains(after.text)
        && !opening.contains(before.text)
}

/// A text in lines of at most `limit` columns; a word that is longer is cut.
pub(super) fn wrap(text: &str, limit: usize) -> Vec<String> {
    #[expect(clippy::cast_precision_loss, reason = "no line has 2^24 columns")]
    let columns = |n: usize| n as f32;
    wrap_by(text, columns(limit.max(2)), &|text| columns(width(text)))
}

/// A text in lines of at most `limit`, by any measure; a word that is longer is cut.
pub(super) fn wrap_by(text: &str, limit: f32, measure: &dyn Fn(&str) -> f32) -> Vec<String> {
    let clusters = clusters(text, measure);
    let mut lines = Vec::new();
    let (mut start, mut good, mut used) = (0, 0, 0.0);
    let mut n = 0;
    while n < clusters.len() {
        if n > start && may_break(&clusters[n - 1], &clusters[n]) {
            good = n;
        }
        // A blank may hang over the edge: it is trimmed.
        if used + clusters[n].width > limit && clusters[n].text != " " {
            let end = if good > start { good } else { n.max(start + 1) };
            lines.push(joined(&clusters[start..end]));
            (start, good, used) = (end, end, 0.0);
            n = end;
            continue;
        }
        used += clusters[n].width;
        n += 1;
    }
    if start < clusters.len() || lines.is_empty() {
        lines.push(joined(&clusters[start..]));
    }
    lines
}

/// Parts with a separator between them, in lines of at most `limit` columns that end between parts.
pub(super) fn parts(parts: &[String], separator: &str, limit: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let dot = separator.trim_end();
    for (n, part) in parts.iter().enumerate() {
        let text = if n + 1 < parts.len() { format!("{part}{dot}") } else { part.clone() };
        match lines.last_mut() {
            Some(last) if width(last) + 1 + width(&text) <= limit => {
                last.push(' ');
                last.push_str(&text);
            }
            _ => lines.extend(wrap(&text, limit)),
        }
    }
    lines
}

fn joined(clusters: &[Cluster<'_>]) -> String {
    let text: String = clusters.iter().map(|cluster| cluster.text).collect();
    text.trim_end_matches(' ').to_owned()
}

/// A shell command in lines of at most `limit` columns that paste as the one command they are: it is
/// broken at blanks outside quotes, with a backslash. A single word longer than that stays whole,
/// because a command that cannot be pasted is worth less than a tidy margin.
pub(super) fn command(text: &str, limit: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words(text) {
        match lines.last_mut() {
            // Two columns for the blank and backslash that may have to follow.
            Some(last) if width(last) + 1 + width(word) + 2 <= limit => {
                last.push(' ');
                last.push_str(word);
            }
            Some(last) => {
                last.push_str(" \\");
                lines.push(format!("  {word}"));
            }
            None => lines.push(word.to_owned()),
        }
    }
    if width(text) <= limit { vec![text.to_owned()] } else { lines }
}

/// The words of a command, quotes kept; what follows an unquoted `#` is one word.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut quote, mut escaped) = (0, None, false);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            _ if escaped => escaped = false,
            (None | Some('"'), '\\') => escaped = true,
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            (None, ' ') => {
                words.push(&text[start..at]);
                start = at + 1;
                if text[start..].starts_with('#') {
                    break;
                }
            }
            _ => {}
        }
    }
    words.push(&text[start..]);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_broken_at_blanks_and_between_wide_characters() {
        for (text, limit, lines) in [
            ("one two three", 7, vec!["one two", "three"]),
            ("one two three", 80, vec!["one two three"]),
            ("unbreakable", 4, vec!["unbr", "eaka", "ble"]),
            ("登录服务器已就绪。", 8, vec!["登录服务", "器已就", "绪。"]),
            ("a 登录 b", 4, vec!["a 登", "录 b"]),
            ("", 10, vec![""]),
            ("❤️ ❤️ ❤️", 5, vec!["❤️ ❤️", "❤️"]),
        ] {
            assert_eq!(wrap(text, limit), lines, "{text} in {limit}");
        }
    }

    #[test]
    fn lists_are_broken_between_their_parts() {
        let list = ["1 failed", "2 warned", "3 passed"].map(str::to_owned);
        assert_eq!(parts(&list, " · ", 21), ["1 failed · 2 warned ·", "3 passed"]);
        assert_eq!(parts(&list, " · ", 7), ["1", "failed", "·", "2", "warned", "·", "3", "passed"]);
    }

    #[test]
    fn a_folded_command_is_the_same_command() {
        let text = "psql 'host=db user=a b' -c \"select 1 from t\" --no-psqlrc -X # look only";
        let lines = command(text, 30);
        assert_eq!(
            lines,
            [
                "psql 'host=db user=a b' -c \\",
                "  \"select 1 from t\" \\",
                "  --no-psqlrc -X # look only"
            ]
        );
        let long = "curl https://example.com/a-path-that-is-longer-than-the-line";
        assert_eq!(
            command(long, 30)[1],
            "  https://example.com/a-path-that-is-longer-than-the-line"
        );
        assert_eq!(command("dig a", 30), ["dig a"]);
    }
}
