//! GitHub-flavoured Markdown, for merge requests, job summaries and chats: the verdict first, what is
//! not right in a table, everything else folded away.

use crate::model::outcome::Outcome;
use crate::model::record::{CheckRecord, RunRecord};
use crate::model::text::{count, one_line};

use super::bearing::{Bearing, Excuse, bearing, telling};
use super::wrap::{command_lines, line, name};
use super::{Glyphs, Look, ReportError, headline, json, style, vantage, when};

/// Findings of one check that are shown; the rest are counted.
const FINDINGS: usize = 10;

/// Renders the report, with a final line break.
pub(super) fn render(record: &RunRecord, look: &Look) -> Result<String, ReportError> {
    render_within(record, look, usize::MAX)
}

/// Renders as much of the report as `limit` bytes hold; what does not fit is left out from the end,
/// piece by piece, and the last line says so.
pub(super) fn render_within(
    record: &RunRecord,
    look: &Look,
    limit: usize,
) -> Result<String, ReportError> {
    let (foot, mut out) = (foot(record)?, head(record, look));
    // Room for the foot and the sentence about what is missing.
    let room = limit.saturating_sub(foot.len() + 200);
    // The tables may take half of it, so that details are seen beside them.
    let mut pieces = vec![table(record, look, room / 4, is_telling)];
    pieces.extend(
        record.checks().filter(|check| is_telling(check)).map(|c| details(record, c, look)),
    );
    pieces.insert(1, points(record, look, room / 8));
    pieces.push(folded_table(record, look, room / 4));
    pieces.push(waivers(record, look));
    let mut left_out = 0;
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        if left_out == 0 && out.len() + piece.len() < room {
            out.push('\n');
            out.push_str(&piece);
        } else {
            left_out += 1;
        }
    }
    if left_out > 0 {
        out.push_str("\n_Too long to show here: ");
        out.push_str(&count(left_out, "part"));
        out.push_str(" of this report were left out. The record has everything._\n");
    }
    out.push_str(&foot);
    Ok(out)
}

/// Foreign text as Markdown that shows exactly it: nothing in it formats, mentions, becomes a picture or
/// closes what is around it. An address of the web may be a link, to what it says and nowhere else.
#[must_use]
pub fn escape(text: &str) -> String {
    apart(text, |c, out| match c {
        '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '|' | '~' | '$' => {
            out.push('\\');
            out.push(c);
        }
        _ => out.push(c),
    })
}

/// Foreign text inside HTML, where Markdown does not reach but GitHub's own signs do.
fn html(text: &str) -> String {
    apart(text, |c, out| match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        _ => out.push(c),
    })
}

/// A text with each character written by `put`, and a comment in everything that GitHub reads a meaning
/// into: a comment shows as nothing and keeps both sides text.
fn apart(text: &str, put: impl Fn(char, &mut String)) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        put(c, &mut out);
        if is_sign(c, &text[at + c.len_utf8()..]) {
            out.push_str("<!-- -->");
        }
    }
    out
}

/// Whether a character and what follows it would notify people (`@team`), name an issue (`#1`, `GH-1`)
/// or be an emoji (`:tada:`).
fn is_sign(c: char, rest: &str) -> bool {
    match c {
        '@' | '#' => rest.starts_with(char::is_alphanumeric),
        ':' => rest.split_once(':').is_some_and(|(word, _)| is_emoji(word)),
        'G' | 'g' => rest
            .strip_prefix("H-")
            .or_else(|| rest.strip_prefix("h-"))
            .is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit())),
        _ => false,
    }
}

/// Whether a word between colons may name an emoji. Numbers alone, as times have them, name four.
fn is_emoji(word: &str) -> bool {
    let may_stand = |c: char| c.is_ascii_alphanumeric() || "_+-".contains(c);
    word.chars().all(may_stand)
        && (word.contains(|c: char| c.is_ascii_alphabetic())
            || ["100", "1234", "+1", "-1"].contains(&word))
}

/// Foreign text as a code span: the fence is longer than any run of backticks inside.
fn code(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

/// A code span in a table, where a bar ends the cell even inside code (GFM §4.10).
fn cell_code(text: &str) -> String {
    code(text).replace('|', "\\|")
}

fn block(lines: &[String]) -> String {
    let text = lines.join("\n");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}sh\n{text}\n{fence}")
}

/// The outcome as its sign and its word.
fn word(outcome: Outcome, glyphs: Glyphs) -> String {
    match glyphs {
        Glyphs::Unicode => format!("{} {}", style::emoji(outcome), style::word(outcome)),
        Glyphs::Ascii => style::word(outcome).to_owned(),
    }
}

fn head(record: &RunRecord, look: &Look) -> String {
    let decision = style::decision(record.verdict.decision);
    let mut lines =
        vec![format!("## {decision} · {}", escape(&name(&record.header.name))), String::new()];
    lines.push(format!("**{}**", escape(&headline::meaning(record))));
    lines.push(escape(&headline::verdict(record).join(" · ")));
    lines.push(String::new());
    let about: Vec<String> =
        headline::heading(record, &look.zone).iter().skip(1).map(|part| escape(part)).collect();
    lines.push(about.join(" · "));
    for remark in headline::remarks(record) {
        lines.push(String::new());
        lines.push(format!("> {}", escape(&remark)));
    }
    lines.join("\n") + "\n"
}

fn foot(record: &RunRecord) -> Result<String, ReportError> {
    let header = &record.header;
    let who = match (&header.operator, &header.host) {
        (Some(who), Some(host)) => format!(" by {} on {}", escape(&name(who)), escape(&name(host))),
        (Some(who), None) => format!(" by {}", escape(&name(who))),
        (None, Some(host)) => format!(" on {}", escape(&name(host))),
        (None, None) => String::new(),
    };
    Ok(format!(
        "\n<sub>Run {} of {}{who}. SHA-256 of the record: `{}`</sub>\n",
        code(&header.run.to_string()),
        code(&one_line(&header.checklist.path)),
        json::digest(record)?
    ))
}

/// Whether a check has a row of its own in sight.
fn is_telling(check: &CheckRecord) -> bool {
    match check.outcome {
        Outcome::Pass | Outcome::NotApplicable => false,
        Outcome::Skipped => !headline::is_aside(check),
        Outcome::Warn | Outcome::Pending | Outcome::Unknown | Outcome::Fail => true,
    }
}

/// What is right, or was not looked at on purpose, folded away.
fn folded_table(record: &RunRecord, look: &Look, room: usize) -> String {
    let quiet = |check: &CheckRecord| !is_telling(check);
    let n = record.checks().filter(|check| quiet(check)).count();
    if n == 0 {
        return String::new();
    }
    let table = table(record, look, room, quiet);
    let said = format!("{} that passed, do not apply or were left out", count(n, "check"));
    format!("<details><summary>{said}</summary>\n\n{table}\n</details>\n")
}

fn table(
    record: &RunRecord,
    look: &Look,
    room: usize,
    wanted: impl Fn(&CheckRecord) -> bool,
) -> String {
    let (mut rows, mut size, mut left_out) = (Vec::new(), 0, 0);
    for step in &record.steps {
        let mut step_name = escape(&name(&step.name));
        for check in step.checks.iter().filter(|check| wanted(check)) {
            let row = row(&std::mem::take(&mut step_name), record, check, look);
            size += row.len() + 1;
            if size <= room {
                rows.push(row);
            } else {
                left_out += 1;
            }
        }
    }
    if left_out > 0 {
        rows.push(format!("| | {left_out} more | | too many to show here; the record has them |"));
    }
    if rows.is_empty() {
        return String::new();
    }
    format!("| Step | Check | Outcome | What was seen |\n|---|---|---|---|\n{}\n", rows.join("\n"))
}

fn row(step: &str, record: &RunRecord, check: &CheckRecord, look: &Look) -> String {
    let mark = match bearing(record, check) {
        Bearing::Excused(Excuse::Waived) => " (waived)",
        Bearing::Excused(Excuse::Advisory) => " (advisory)",
        Bearing::Passed
        | Bearing::Warned
        | Bearing::Failed
        | Bearing::Unknown
        | Bearing::Pending
        | Bearing::LeftOut => "",
    };
    let seen = escape(&one_line(check.skipped.as_ref().map_or(&check.summary, |skip| &skip.text)));
    let tries = headline::tries(check).map(|tries| format!(" · {tries}")).unwrap_or_default();
    let id = cell_code(check.id.as_str());
    format!("| {step} | {id} | {}{mark} | {seen}{tries} |", word(check.outcome, look.glyphs))
}

fn details(record: &RunRecord, check: &CheckRecord, look: &Look) -> String {
    if check.outcome == Outcome::Skipped {
        return String::new();
    }
    let title = if check.title == check.id.as_str() {
        String::new()
    } else {
        format!(" · {}", html(&one_line(&check.title)))
    };
    let open = match bearing(record, check) {
        Bearing::Failed | Bearing::Unknown => " open",
        Bearing::Passed
        | Bearing::Warned
        | Bearing::Pending
        | Bearing::Excused(_)
        | Bearing::LeftOut => "",
    };
    let mut lines = vec![format!(
        "<details{open}><summary>{} <b>{}</b>{title}</summary>\n",
        word(check.outcome, look.glyphs),
        html(&one_line(check.id.as_str())),
    )];
    findings(check, &mut lines);
    for seen in vantage::lines(check) {
        lines.push(format!("- From {}", escape(&seen)));
    }
    for change in &check.changes {
        lines.push(format!(
            "- Change {}: {}",
            style::change(change.state),
            escape(&line(&change.what))
        ));
    }
    if check.attempts.len() > 1 {
        for (n, attempt) in check.attempts.iter().enumerate() {
            let past = style::past(attempt.outcome);
            lines.push(format!("- Try {}: {past}: {}", n + 1, escape(&one_line(&attempt.summary))));
        }
    }
    lines.push(contact(check));
    if !check.reproduce.is_empty() {
        let commands: Vec<String> =
            check.reproduce.iter().flat_map(|text| command_lines(text)).collect();
        lines.push(format!("\nBy hand:\n\n{}", block(&commands)));
    }
    lines.push("\n</details>\n".to_owned());
    lines.join("\n")
}

fn findings(check: &CheckRecord, lines: &mut Vec<String>) {
    let telling = telling(check);
    for finding in telling.iter().take(FINDINGS) {
        lines.push(format!(
            "- {} {}: {}",
            code(&one_line(&finding.code)),
            escape(&vantage::target(finding)),
            escape(&line(&finding.message))
        ));
        for (label, value) in [("seen", &finding.actual), ("expected", &finding.expected)] {
            if let Some(value) = value {
                lines.push(format!("  - {label}: {}", escape(&line(value))));
            }
        }
    }
    if telling.len() > FINDINGS {
        lines.push(format!("- and {}", count(telling.len() - FINDINGS, "more finding")));
    }
}

fn contact(check: &CheckRecord) -> String {
    let mut parts: Vec<String> = Vec::new();
    parts.extend(check.owner.iter().map(|owner| format!("owner {}", escape(&one_line(owner)))));
    parts.extend(check.runbook.iter().map(|url| format!("runbook {}", escape(&one_line(url)))));
    let worst = super::bearing::worst(check);
    parts.extend(worst.map(|f| code(&format!("gonogo explain {}", one_line(&f.code)))));
    let source = format!("{}:{}", one_line(&check.source.file), check.source.line);
    parts.push(code(&source));
    format!("- {}", parts.join(" · "))
}

/// What each vantage point saw, where they do not all say that it is right.
fn points(record: &RunRecord, look: &Look, room: usize) -> String {
    let Some(matrix) = vantage::matrix(record) else { return String::new() };
    let (mut rows, mut size, mut left_out) = (Vec::new(), 0, 0);
    for seen in matrix.rows.iter().filter(|row| !row.is_quiet()) {
        let cells: Vec<String> = seen
            .cells
            .iter()
            .map(|cell| cell.map_or("–".to_owned(), |s| word(s.outcome, look.glyphs)))
            .collect();
        let id = cell_code(seen.check.id.as_str());
        let row = format!("| {id} | {} | {} |", cells.join(" | "), seen.quorum());
        size += row.len() + 1;
        if size <= room { rows.push(row) } else { left_out += 1 }
    }
    let shown = rows.len() + left_out;
    let places: Vec<String> = matrix.places.iter().map(|place| escape(&name(place))).collect();
    let alike = matrix.rows.len() - shown;
    let mut out = String::from("**Vantage points**\n\n");
    if !rows.is_empty() {
        let rule = "|---".repeat(places.len() + 2);
        let (heads, rows) = (places.join(" | "), rows.join("\n"));
        out.push_str(&format!("| Check | {heads} | Quorum |\n{rule}|\n{rows}\n"));
    }
    if left_out > 0 {
        out.push_str(&format!("\n{left_out} more that differ; the record has them.\n"));
    }
    if alike > 0 {
        let from = vantage::all_of(&matrix.places);
        out.push_str(&format!("\n{} the same from {from}.\n", count(alike, "check")));
    }
    out
}

fn waivers(record: &RunRecord, look: &Look) -> String {
    let rows: Vec<String> = record
        .checks()
        .filter_map(|check| Some((check, check.waived.as_ref()?)))
        .map(|(check, waived)| {
            format!(
                "| {} | {} | {} | {} |",
                cell_code(check.id.as_str()),
                escape(&one_line(&waived.reason)),
                escape(&one_line(&waived.by)),
                when::full(waived.until, &look.zone)
            )
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "**Waivers**\n\n| Check | Why it is acceptable | Accepted by | Until |\n|---|---|---|---|\n{}\n",
        rows.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_is_shown_and_nothing_else() {
        for (text, shown) in [
            ("a|b", "a\\|b"),
            ("*b* _i_ `c`", "\\*b\\* \\_i\\_ \\`c\\`"),
            ("<img src=x>", "\\<img src=x\\>"),
            ("[l](javascript:x)", "\\[l\\](javascript:x)"),
            ("@team #1 # x", "@<!-- -->team #<!-- -->1 # x"),
            (":tada: :+1: ::error::x", ":<!-- -->tada: :<!-- -->+1: ::<!-- -->error::x"),
            (
                "2001:db8:cd::1 at 10:04:05-11:00",
                "2001:<!-- -->db8:<!-- -->cd::1 at 10:04:05-11:00",
            ),
            ("GH-12 gh-1 HIGH-2 GH-x", "G<!-- -->H-12 g<!-- -->h-1 HIG<!-- -->H-2 GH-x"),
            ("https://example.com", "https://example.com"),
        ] {
            assert_eq!(escape(text), shown);
        }
        assert_eq!(html("<b> & \"@org/team\""), "&lt;b&gt; &amp; &quot;@<!-- -->org/team&quot;");
        assert_eq!(code("a``b"), "```a``b```");
        assert_eq!(code("`a|"), "`` `a| ``");
        assert_eq!(cell_code("`a|"), "`` `a\\| ``");
    }
}
