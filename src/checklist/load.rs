//! Reading checklist files. The only part of the language that touches the disk.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::diagnostic::Sources;
use super::interpolate::{NoSecrets, SecretSource};
use super::{Checklist, signoff, validate, yaml};
use crate::model::hash::sha256_hex;
use crate::model::node::{Content, Node, Place, Problem, Text};
use crate::probe::SignOff;

/// Why a file's text cannot be had.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file cannot be opened or read.
    #[error("{path} cannot be read: {source}", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file is beyond what a checklist can be.
    #[error("{path} is larger than {limit} MiB, which no checklist is", path = path.display(), limit = yaml::FILE_LIMIT / 1024 / 1024)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is not UTF-8.
    #[error("{path} is not UTF-8 text: line {line} has the byte 0x{byte:02x}", path = path.display())]
    NotText {
        /// The file.
        path: PathBuf,
        /// The line of the first byte that is not UTF-8, from 1.
        line: usize,
        /// That byte.
        byte: u8,
    },
}

/// A checklist that is not valid: every mistake of every file, in order.
#[derive(Debug)]
pub struct Invalid {
    /// The files.
    pub sources: Sources,
    /// The mistakes, sorted by where they stand.
    pub problems: Vec<Problem>,
}

/// How a checklist is to be loaded.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Variables of the command line: name, and value as YAML.
    pub vars: &'a [(String, String)],
    /// Where secrets come from; `None` leaves them out, for `lint` and `plan`.
    pub secrets: Option<&'a dyn SecretSource>,
    /// T-0 of the command line, which overrides the list's.
    pub launch: Option<&'a str>,
}

/// The text of a file, with limits.
///
/// # Errors
/// See [`ReadError`].
pub fn read(path: &Path) -> Result<String, ReadError> {
    let open = |source| ReadError::Open { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let limit = yaml::FILE_LIMIT as u64;
    File::open(path).map_err(open)?.take(limit + 1).read_to_end(&mut bytes).map_err(open)?;
    if bytes.len() as u64 > limit {
        return Err(ReadError::TooLarge { path: path.to_owned() });
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.as_bytes();
        let line = bytes[..at].iter().filter(|b| **b == b'\n').count() + 1;
        ReadError::NotText { path: path.to_owned(), line, byte: bytes[at] }
    })
}

/// Loads and validates a checklist file.
///
/// # Errors
/// All mistakes of the file and of the sign-offs beside it.
pub fn load(path: &Path, options: &Options<'_>) -> Result<(Checklist, Sources), Invalid> {
    let mut sources = Sources::default();
    let mut problems = Vec::new();
    let shown = path.display().to_string();
    match read(path) {
        Ok(text) => {
            let signoffs = signoff::load(path, &mut sources, &mut problems);
            let base = path.parent().unwrap_or(Path::new("")).to_owned();
            let from = Origin { path: shown, text, base, signoffs };
            finish(from, sources, problems, options)
        }
        Err(error) => {
            let file = sources.add(shown, "");
            problems.push(Problem::new(Place { file, start: 0, end: 0 }, error.to_string()));
            Err(Invalid { sources, problems })
        }
    }
}

/// Validates a checklist that stands in no file, such as the one `check` makes.
///
/// # Errors
/// All its mistakes.
pub fn from_text(
    name: &str,
    text: String,
    options: &Options<'_>,
) -> Result<(Checklist, Sources), Invalid> {
    let from = Origin { path: name.to_owned(), text, base: PathBuf::new(), signoffs: Vec::new() };
    finish(from, Sources::default(), Vec::new(), options)
}

/// What a checklist is made from.
pub(super) struct Origin {
    pub(super) path: String,
    pub(super) text: String,
    pub(super) base: PathBuf,
    pub(super) signoffs: Vec<SignOff>,
}

fn finish(
    from: Origin,
    mut sources: Sources,
    mut problems: Vec<Problem>,
    options: &Options<'_>,
) -> Result<(Checklist, Sources), Invalid> {
    let file = sources.add(from.path.clone(), from.text.clone());
    let overrides = overrides(options.vars, &mut sources, &mut problems);
    let sha256 = sha256_hex(from.text.as_bytes());
    let checklist = if let Some(at) = from.text.find('\0') {
        let place = Place { file, start: at, end: at + 1 };
        problems.push(Problem::new(place, "a NUL byte: this is not a text file"));
        None
    } else {
        match yaml::parse(&from.text, file) {
            Ok(root) => {
                let input = validate::Input {
                    root: &root,
                    overrides,
                    secrets: options.secrets.unwrap_or(&NoSecrets),
                    launch: options.launch,
                    sources: &sources,
                };
                validate::checklist(from, sha256, input, &mut problems)
            }
            Err(problem) => {
                problems.push(problem);
                None
            }
        }
    };
    Sources::sort(&mut problems);
    match checklist {
        Some(checklist) if problems.is_empty() => Ok((checklist, sources)),
        _ => Err(Invalid { sources, problems }),
    }
}

/// The variables of the command line: values are YAML, so that `--var n=3` is a number.
fn overrides(
    vars: &[(String, String)],
    sources: &mut Sources,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Node> {
    let mut nodes = BTreeMap::new();
    for (name, value) in vars {
        let file = sources.add(format!("--var {name}"), value.clone());
        match yaml::parse(value, file) {
            // `--var comment=a: b` is a text to whoever types it.
            Ok(node)
                if matches!(node.content, Content::Map(_))
                    && !value.trim_start().starts_with('{') =>
            {
                let text = Text { value: value.clone(), shown: None };
                nodes.insert(name.clone(), Node { content: Content::Text(text), ..node });
            }
            Ok(node) => {
                nodes.insert(name.clone(), node);
            }
            Err(problem) => {
                problems.push(problem.help("put the value in quotes to have it taken as text"));
            }
        }
    }
    nodes
}
