//! Mistakes in a checklist, shown where they stand.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use serde::Serialize;

use crate::model::node::{Place, Problem};
use crate::model::text::clip;

/// The files of a checklist, by the numbers that places bear.
#[derive(Debug, Clone, Default)]
pub struct Sources(Vec<SourceFile>);

/// One file as it was read.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// As named on the command line or by the file that includes it.
    pub path: String,
    /// Its text.
    pub text: String,
    /// Where its lines begin; nothing where the file cannot be read.
    lines: Vec<usize>,
}

/// A mistake with its position counted out, for editors and CI.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Located {
    /// The file as named.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to do instead.
    pub help: Option<String>,
}

impl Sources {
    /// Takes a file in and gives its number.
    pub fn add(&mut self, path: impl Into<String>, text: impl Into<String>) -> usize {
        let text: String = text.into();
        let lines =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        self.0.push(SourceFile { path: path.into(), text, lines });
        self.0.len() - 1
    }

    /// Takes a file in that cannot be read: there is no line of it to show.
    pub fn add_unread(&mut self, path: impl Into<String>) -> usize {
        self.0.push(SourceFile { path: path.into(), text: String::new(), lines: Vec::new() });
        self.0.len() - 1
    }

    /// The text of every file.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|file| file.text.as_str())
    }

    /// The file of a number.
    #[must_use]
    pub fn file(&self, number: usize) -> Option<&SourceFile> {
        self.0.get(number)
    }

    /// Line and column of a place, both from 1.
    #[must_use]
    pub fn position(&self, place: Place) -> (usize, usize) {
        let Some(file) = self.0.get(place.file).filter(|file| !file.lines.is_empty()) else {
            return (1, 1);
        };
        let at = place.start.min(file.text.len());
        // Not counted from the beginning: a list may have ten thousand checks, and each is placed.
        let line = file.lines.partition_point(|begins| *begins <= at);
        let begins = file.lines[line - 1];
        let column = file.text.get(begins..at).unwrap_or_default().chars().count() + 1;
        (line, column)
    }

    /// A problem with its position counted out.
    #[must_use]
    pub fn locate(&self, problem: &Problem) -> Located {
        let (line, column) = self.position(problem.place);
        Located {
            file: self.0.get(problem.place.file).map_or_else(String::new, |f| f.path.clone()),
            line,
            column,
            message: problem.message.clone(),
            help: problem.help.clone(),
        }
    }

    /// Sorts problems by where they stand and drops repetitions.
    pub fn sort(problems: &mut Vec<Problem>) {
        problems.sort_by(|a, b| (a.place, &a.message).cmp(&(b.place, &b.message)));
        problems.dedup();
    }

    /// A problem as a person should see it: `error:`, the file with line and column, the line with
    /// a caret, and one `help:`.
    #[must_use]
    pub fn render(&self, problem: &Problem, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let message = clip(&problem.message, 400);
        let mut group = Level::ERROR
            .primary_title(message.as_str())
            .elements(Vec::<Snippet<'_, annotate_snippets::Annotation<'_>>>::new());
        let (line, start, end);
        let help = problem.help.as_deref().map(|help| clip(help, 400));
        if let Some(file) = self.0.get(problem.place.file).filter(|file| !file.lines.is_empty()) {
            (line, start, end) = excerpt(&file.text, problem.place);
            let first = self.position(problem.place).0;
            group = group.element(
                Snippet::source(line)
                    .path(file.path.as_str())
                    .line_start(first)
                    .annotation(AnnotationKind::Primary.span(start..end)),
            );
        }
        if let Some(help) = &help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }
}

/// The line a place begins on, made safe to show, and the part of it to point at.
fn excerpt(text: &str, place: Place) -> (String, usize, usize) {
    let start = floor(text, place.start);
    let from = text[..start].rfind('\n').map_or(0, |n| n + 1);
    let to = text[start..].find('\n').map_or(text.len(), |n| start + n);
    // A line of a mebibyte is cut around the place.
    let from = floor(text, from.max(start.saturating_sub(160)));
    let to = floor(text, to.min(start + 240)).max(start);
    let stop = floor(text, place.end.clamp(start, to)).max(start);
    let clean = |piece: &str| {
        piece
            .chars()
            .map(|c| if crate::model::text::is_hazard(c) { ' ' } else { c })
            .collect::<String>()
    };
    let before = clean(&text[from..start]);
    let marked = text[start..stop].trim_end();
    let after = clean(&text[start + marked.len()..to]);
    let marked = clean(marked);
    let line = format!("{before}{marked}{after}").trim_end().to_owned();
    let begin = before.len().min(line.len());
    let width = if marked.is_empty() {
        line[begin..].chars().next().map_or(0, char::len_utf8)
    } else {
        marked.len()
    };
    (line, begin, begin + width)
}

fn floor(text: &str, n: usize) -> usize {
    (0..=n.min(text.len())).rev().find(|n| text.is_char_boundary(*n)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_shown_with_a_caret_and_one_help() {
        let mut sources = Sources::default();
        let text = "name: x\nsteps:\n  - nmae: 日本 y\n";
        let file = sources.add("list.yaml", text);
        let start = text.find("nmae").expect("the word");
        let problem = Problem::new(Place { file, start, end: start + 4 }, "unknown key `nmae`")
            .help("did you mean `name`?");
        let shown = sources.render(&problem, false);
        let expected = "\
error: unknown key `nmae`
 --> list.yaml:3:5
  |
3 |   - nmae: 日本 y
  |     ^^^^
  |
  = help: did you mean `name`?";
        assert_eq!(shown, expected);
    }

    #[test]
    fn places_at_the_end_and_beyond_do_not_panic() {
        let mut sources = Sources::default();
        let file = sources.add("a", "a: 日");
        for start in 0..9 {
            for end in 0..9 {
                let problem = Problem::new(Place { file, start, end }, "x");
                assert!(sources.render(&problem, false).contains("a: 日"), "{start}..{end}");
            }
        }
        assert!(sources.render(&Problem::new(Place::default(), "x"), true).contains('x'));
    }
}
