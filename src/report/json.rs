//! The record itself as one JSON document.

use std::io::{self, Write};

use crate::model::hash::hex;
use crate::model::record::RunRecord;

use super::ReportError;

/// Indented JSON in the order of the types, with a final line break.
pub(super) fn render(record: &RunRecord) -> Result<Vec<u8>, ReportError> {
    let mut bytes = Vec::new();
    write(&mut bytes, record)?;
    Ok(bytes)
}

fn write(to: impl Write, record: &RunRecord) -> Result<(), ReportError> {
    let mut indented = Indented::new(to);
    serde_json::to_writer(&mut indented, record)?;
    indented.finish().map_err(|error| ReportError::Json(serde_json::Error::io(error)))
}

/// Takes compact JSON and passes it on with a line for every value, two blanks deeper inside every
/// bracket: the facts of a record are kept as compact text.
struct Indented<W> {
    to: W,
    line: Vec<u8>,
    depth: usize,
    within: Within,
    /// A bracket was opened, and nothing stands in it yet.
    opened: bool,
}

/// Where in JSON a byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Outside of a string.
    Plain,
    /// Inside of a string.
    Text,
    /// After a backslash inside of a string.
    Escape,
}

impl<W: Write> Indented<W> {
    /// From this length on, in bytes, what was taken is passed on.
    const ENOUGH: usize = 16 << 10;

    const fn new(to: W) -> Self {
        Self { to, line: Vec::new(), depth: 0, within: Within::Plain, opened: false }
    }

    fn take(&mut self, byte: u8) {
        self.within = match (self.within, byte) {
            (Within::Text, b'\\') => Within::Escape,
            (Within::Text, b'"') => Within::Plain,
            (Within::Text | Within::Escape, _) | (Within::Plain, b'"') => Within::Text,
            (Within::Plain, b'}' | b']') => {
                self.depth = self.depth.saturating_sub(1);
                if !self.opened {
                    self.break_line();
                }
                self.opened = false;
                self.line.push(byte);
                return;
            }
            (Within::Plain, _) => Within::Plain,
        };
        if self.opened {
            self.opened = false;
            self.break_line();
        }
        self.line.push(byte);
        if self.within != Within::Plain || byte == b'"' {
            return;
        }
        match byte {
            b'{' | b'[' => {
                self.depth += 1;
                self.opened = true;
            }
            b',' => self.break_line(),
            b':' => self.line.push(b' '),
            _ => {}
        }
    }

    fn break_line(&mut self) {
        self.line.push(b'\n');
        self.line.resize(self.line.len() + 2 * self.depth, b' ');
    }

    fn finish(mut self) -> io::Result<()> {
        self.line.push(b'\n');
        self.pass_on()
    }

    fn pass_on(&mut self) -> io::Result<()> {
        self.to.write_all(&self.line)?;
        self.line.clear();
        Ok(())
    }
}

impl<W: Write> Write for Indented<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some((byte, after)) = rest.split_first() {
            if self.within == Within::Text {
                // Most of a record is the inside of strings, which passes as it is.
                let ends = |byte: &u8| matches!(byte, b'"' | b'\\');
                let (plain, after) =
                    rest.split_at(rest.iter().position(ends).unwrap_or(rest.len()));
                if !plain.is_empty() {
                    self.line.extend_from_slice(plain);
                    rest = after;
                    continue;
                }
            }
            self.take(*byte);
            rest = after;
        }
        if self.line.len() >= Self::ENOUGH {
            self.pass_on()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pass_on()
    }
}

/// A sum under way.
struct Sum(aws_lc_rs::digest::Context);

impl Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// SHA-256 of the bytes `-o json` writes, in hexadecimal: printed in every report for people, so
/// that a page can be tied to its record with `sha256sum`.
///
/// # Errors
/// When the record cannot be written as JSON.
pub fn digest(record: &RunRecord) -> Result<String, ReportError> {
    // Never the whole text at once: that of a large run is tens of megabytes.
    let mut sum = Sum(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256));
    write(&mut sum, record)?;
    Ok(hex(sum.0.finish().as_ref()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn indented_text_is_that_of_the_library() {
        let value = json!({
            "empty": [{}, [], "", "{\"a\": [1, 2]}", "\\", "\\\"", "a\nb"],
            "deep": [[[{"x": [[], {"y": null}]}]], 1.5, true],
            "": {"z": -1e300, "{": "}", "[,:": {"}": []}},
        });
        for value in [value, json!([]), json!("{}"), json!(7), Value::Null] {
            let mut bytes = Vec::new();
            let mut indented = Indented::new(&mut bytes);
            serde_json::to_writer(&mut indented, &value).expect("JSON");
            indented.finish().expect("a vector takes all");
            let wanted = serde_json::to_string_pretty(&value).expect("JSON") + "\n";
            assert_eq!(String::from_utf8(bytes).expect("UTF-8"), wanted);
        }
    }
}
