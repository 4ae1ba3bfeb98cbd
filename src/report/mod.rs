//! Reports: every format, rendered from the record alone. Nothing here asks the clock, the network
//! or the environment, so the same record gives the same bytes, today and in a year.

mod bearing;
mod chart;
mod chart_pool;
pub mod diff;
mod facts;
pub mod github;
mod gitlab;
mod headline;
mod html;
mod json;
mod jsonl;
mod junit;
mod markdown;
mod markup;
mod nagios;
#[cfg(feature = "pdf")]
mod pdf;
mod prometheus;
mod runs;
pub mod style;
mod table;
mod tap;
mod vantage;
mod when;
mod wrap;

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use jiff::tz::TimeZone;
use thiserror::Error;

use crate::model::record::RunRecord;
use crate::model::text::did_you_mean;

pub use json::digest;
pub use markdown::escape as markdown_text;
pub use nagios::NagiosStatus;
#[cfg(feature = "pdf")]
pub use pdf::{Proof, attached_record, blank_checklist, prove};
pub use runs::{runs_json, runs_table};
pub use when::{distance, window as window_in};

/// A format a record can be rendered in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// A table for a person at a terminal.
    Table,
    /// The record itself, as one JSON document.
    Json,
    /// The record as the events it stands for, one JSON document a line.
    Jsonl,
    /// JUnit XML for CI hosts.
    Junit,
    /// TAP 14, the Test Anything Protocol.
    Tap,
    /// GitHub-flavoured Markdown.
    Markdown,
    /// One self-contained page for a browser and for paper.
    Html,
    /// PDF, with the record attached.
    #[cfg(feature = "pdf")]
    Pdf,
    /// Metrics for the textfile collector of Prometheus.
    Prometheus,
    /// Annotations for GitHub Actions.
    Github,
    /// GitLab's code quality report.
    Gitlab,
    /// The output of a Nagios plugin.
    Nagios,
}

/// What is wrong with the format somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FormatError {
    /// Nobody knows a format of that name.
    #[error("there is no format `{name}`; {help}")]
    Unknown {
        /// As written.
        name: String,
        /// The nearest format, or all of them.
        help: String,
    },
    /// The file's name does not say which format it is to hold.
    #[error(
        "the name `{path}` does not say which format to write; write FORMAT={path} with one of {}",
        Format::names()
    )]
    NoExtension {
        /// As written.
        path: String,
    },
}

/// Why a report could not be made.
#[derive(Debug, Error)]
pub enum ReportError {
    /// The record could not be written as JSON.
    #[error("writing the record as JSON")]
    Json(#[from] serde_json::Error),
    /// A given font is not one.
    #[error("a font given for the PDF is not a TrueType or OpenType font")]
    Font,
    /// The PDF could not be written.
    #[error("writing the PDF: {0}")]
    Pdf(String),
}

/// How a report is to look, as far as its format leaves a choice.
#[derive(Debug, Clone)]
pub struct Look {
    /// Columns of the terminal; the table keeps between 60 and 200.
    pub width: usize,
    /// Whether a terminal's colours are used.
    pub colour: Colour,
    /// How much is shown.
    pub detail: Detail,
    /// Which signs may be used.
    pub glyphs: Glyphs,
    /// The zone people read times in; UTC is always given beside it.
    pub zone: TimeZone,
    /// Fonts for the PDF, asked for the characters that the built-in ones lack: the files' bytes.
    pub fonts: Vec<Arc<Vec<u8>>>,
}

impl Default for Look {
    /// What a pipe gets: 80 columns, no colour, UTC.
    fn default() -> Self {
        Self {
            width: 80,
            colour: Colour::Off,
            detail: Detail::Normal,
            glyphs: Glyphs::Unicode,
            zone: TimeZone::UTC,
            fonts: Vec::new(),
        }
    }
}

/// Whether a terminal's colours are used. Every colour has a word beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// With colours.
    On,
    /// Plain text.
    Off,
}

/// How much is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// The verdict only.
    Quiet,
    /// What a person needs to act.
    Normal,
    /// Every check with its observation.
    Verbose,
}

/// Which signs the tool's own words may use; observed text stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glyphs {
    /// Dots, dashes and ellipses as people set them.
    Unicode,
    /// ASCII only.
    Ascii,
}

impl Format {
    /// Every format, in the order of the manual.
    pub const ALL: &[Self] = &[
        Self::Table,
        Self::Json,
        Self::Jsonl,
        Self::Junit,
        Self::Tap,
        Self::Markdown,
        Self::Html,
        #[cfg(feature = "pdf")]
        Self::Pdf,
        Self::Prometheus,
        Self::Github,
        Self::Gitlab,
        Self::Nagios,
    ];

    /// The name used by `--output`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Junit => "junit",
            Self::Tap => "tap",
            Self::Markdown => "markdown",
            Self::Html => "html",
            #[cfg(feature = "pdf")]
            Self::Pdf => "pdf",
            Self::Prometheus => "prometheus",
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Nagios => "nagios",
        }
    }

    /// The format a file's extension asks for.
    ///
    /// # Errors
    /// When there is no extension, or none that a format has.
    pub fn of_path(path: &Path) -> Result<Self, FormatError> {
        let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        Self::ALL
            .iter()
            .copied()
            .find(|format| {
                extension.as_deref().is_some_and(|known| format.extensions().contains(&known))
            })
            .ok_or_else(|| FormatError::NoExtension { path: path.display().to_string() })
    }

    const fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Table => &["txt"],
            Self::Json => &["json"],
            Self::Jsonl => &["jsonl", "ndjson"],
            Self::Junit => &["xml"],
            Self::Tap => &["tap"],
            Self::Markdown => &["md", "markdown"],
            Self::Html => &["html", "htm"],
            #[cfg(feature = "pdf")]
            Self::Pdf => &["pdf"],
            Self::Prometheus => &["prom"],
            Self::Nagios | Self::Gitlab | Self::Github => &[],
        }
    }

    fn names() -> String {
        Self::ALL.iter().map(|format| format.as_str()).collect::<Vec<_>>().join(", ")
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Format {
    type Err = FormatError;

    fn from_str(name: &str) -> Result<Self, FormatError> {
        Self::ALL.iter().copied().find(|format| format.as_str() == name).ok_or_else(|| {
            let help = match did_you_mean(name, Self::ALL.iter().map(|format| format.as_str())) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known are {}", Self::names()),
            };
            FormatError::Unknown { name: name.to_owned(), help }
        })
    }
}

/// Renders a record. The same record and look give the same bytes.
///
/// # Errors
/// When the format cannot hold the record; the record itself is never at fault for a format's limits
/// on characters, which are escaped or replaced.
pub fn render(format: Format, record: &RunRecord, look: &Look) -> Result<Vec<u8>, ReportError> {
    match format {
        Format::Table => Ok(table::render(record, look).into_bytes()),
        Format::Json => json::render(record),
        Format::Jsonl => jsonl::render(record),
        Format::Junit => Ok(junit::render(record).into_bytes()),
        Format::Tap => Ok(tap::render(record).into_bytes()),
        Format::Markdown => markdown::render(record, look).map(String::into_bytes),
        Format::Html => html::render(record, look).map(String::into_bytes),
        #[cfg(feature = "pdf")]
        Format::Pdf => pdf::render(record, look),
        Format::Prometheus => Ok(prometheus::render(record).into_bytes()),
        Format::Github => Ok(github::render(record).into_bytes()),
        Format::Gitlab => gitlab::render(record),
        Format::Nagios => Ok(nagios::render(record).into_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_known_by_name_and_by_extension() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(*format));
            for extension in format.extensions() {
                let path = format!("out/launch.{}", extension.to_uppercase());
                assert_eq!(Format::of_path(Path::new(&path)), Ok(*format));
            }
        }
        let error = "jsn".parse::<Format>().expect_err("no such format");
        assert_eq!(error.to_string(), "there is no format `jsn`; did you mean `json`?");
        let error = "yaml-stream".parse::<Format>().expect_err("no such format");
        assert!(error.to_string().contains("known are table, json"), "{error}");
        let error = Format::of_path(Path::new("report")).expect_err("no extension");
        assert!(error.to_string().contains("write FORMAT=report"), "{error}");
    }
}
