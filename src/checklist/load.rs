//! Reading checklist files. The only part of the language that touches the disk.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::diagnostic::Sources;
use super::interpolate::{NoSecrets, SecretSource};
use super::{Checklist, signoff, validate, yaml};
use crate::model::hash::sha256_hex;
use crate::model::node::{Content, Node, Place, Problem, Text};
use crate::model::secret::Secrets;
use crate::model::text::did_you_mean;
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
    /// Files of variables, which those of the command line win over.
    pub var_files: &'a [PathBuf],
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

/// Loads and validates a checklist file and everything it includes.
///
/// # Errors
/// All mistakes of all the files and of the sign-offs beside the first.
pub fn load(path: &Path, options: &Options<'_>) -> Result<(Checklist, Sources), Invalid> {
    let mut loading = Loading::default();
    let signoffs = signoff::load(path, &mut loading.sources, &mut loading.problems);
    let text = loading.file(path, None);
    let all = text.unwrap_or_default() + &loading.included;
    let sha256 = sha256_hex(all.as_bytes());
    loading.finish(Origin { path: path.display().to_string(), sha256, signoffs }, options)
}

/// Whether a checklist file, or one that it includes, knows a variable of that name.
#[must_use]
pub fn knows(path: &Path, name: &str) -> bool {
    let mut loading = Loading::default();
    loading.file(path, None);
    loading.knows(name)
}

/// Validates a checklist that stands in no file, such as the one `check` makes.
///
/// # Errors
/// All its mistakes.
pub fn from_text(
    name: &str,
    text: &str,
    options: &Options<'_>,
) -> Result<(Checklist, Sources), Invalid> {
    let mut loading = Loading::default();
    loading.parse(name.to_owned(), text, PathBuf::new());
    let sha256 = sha256_hex(text.as_bytes());
    loading.finish(Origin { path: name.to_owned(), sha256, signoffs: Vec::new() }, options)
}

/// Where a checklist comes from.
pub(super) struct Origin {
    pub(super) path: String,
    pub(super) sha256: String,
    pub(super) signoffs: Vec<SignOff>,
}

/// One file of a checklist.
pub(super) struct Part {
    pub(super) root: Node,
    /// The folder that paths written in it start from.
    pub(super) folder: PathBuf,
}

/// What is known while files are read.
#[derive(Default)]
struct Loading {
    sources: Sources,
    problems: Vec<Problem>,
    /// Included files before the files that include them.
    parts: Vec<Part>,
    /// The files on the way from the first one to the one that is read.
    chain: Vec<(PathBuf, String)>,
    done: HashSet<PathBuf>,
    /// The path as written and the text of each included file, in the order they are read, each
    /// after a NUL, which no file has.
    included: String,
}

/// More files than any list is made of; a mistake, or somebody's joke.
const MANY_FILES: usize = 500;

impl Loading {
    /// Reads a file and what it includes; `place` is where it was named. Gives its text.
    fn file(&mut self, path: &Path, place: Option<Place>) -> Option<String> {
        let shown = path.display().to_string();
        match read(path) {
            Ok(text) => {
                let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
                if let Some(place) = place.filter(|_| self.chain.iter().any(|(on, _)| *on == real))
                {
                    let way: Vec<&str> = self.chain.iter().map(|(_, name)| name.as_str()).collect();
                    let message =
                        format!("`include` goes in a circle: {} > {shown}", way.join(" > "));
                    self.problems.push(Problem::new(place, message).help("take one of them out"));
                    return None;
                }
                // What two files include is there once.
                if !self.done.insert(real.clone()) {
                    return Some(text);
                }
                if self.done.len() > MANY_FILES {
                    if let Some(place) = place.filter(|_| self.done.len() == MANY_FILES + 1) {
                        let message = format!("more than {MANY_FILES} files are included");
                        self.problems.push(Problem::new(place, message));
                    }
                    return None;
                }
                self.chain.push((real, shown.clone()));
                self.parse(shown, &text, path.parent().unwrap_or(Path::new("")).to_owned());
                self.chain.pop();
                Some(text)
            }
            Err(error) => {
                let place = place.unwrap_or_else(|| {
                    let file = self.sources.add_unread(shown);
                    Place { file, start: 0, end: 0 }
                });
                self.problems.push(unread(place, path, &error));
                None
            }
        }
    }

    /// Reads a file that another one includes. What is in it is part of what the list is.
    fn include(&mut self, path: &str, folder: &Path, place: Place) {
        let before = self.included.len();
        if let Some(text) = self.file(&folder.join(path), Some(place)) {
            self.included.insert_str(before, &format!("\0{path}\0{text}"));
        }
    }

    fn parse(&mut self, name: String, text: &str, folder: PathBuf) {
        let file = self.sources.add(name, text);
        if let Some(at) = text.find('\0') {
            let place = Place { file, start: at, end: at + 1 };
            self.problems.push(Problem::new(place, "a NUL byte: this is not a text file"));
            return;
        }
        match yaml::parse(text, file) {
            Ok(root) => {
                // Anything but a list is reported when the file is validated.
                let included = root.get("include").and_then(Node::as_list).map(<[_]>::to_vec);
                for item in included.unwrap_or_default() {
                    if let Some(path) = item.as_text() {
                        self.include(path, &folder, item.place);
                    }
                }
                self.parts.push(Part { root, folder });
            }
            Err(problem) => self.problems.push(problem),
        }
    }

    /// Whether a list knows a variable of the command line: by its `vars`, or by a place that fills it in.
    fn knows(&self, name: &str) -> bool {
        let reference = format!("${{{name}}}");
        let has = |part: &Part| part.root.get("vars").is_some_and(|vars| vars.get(name).is_some());
        name == "name"
            || self.parts.iter().any(has)
            || self.sources.texts().any(|text| text.contains(&reference))
    }

    /// Reports every variable of the command line that the list does not know: what it was to change is
    /// looked at unchanged.
    fn strangers(&mut self, options: &Options<'_>) {
        // A list that cannot be read says nothing of its variables.
        if !self.problems.is_empty() {
            return;
        }
        for (name, _) in options.vars {
            if self.knows(name) {
                continue;
            }
            let vars = self.parts.iter().filter_map(|part| part.root.get("vars"));
            let known: Vec<&str> =
                vars.flat_map(Node::entries).map(|(key, _)| key.text.as_str()).collect();
            let help = match did_you_mean(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => "it has no `vars:`".to_owned(),
                None => format!("it has: {}", known.join(", ")),
            };
            let place = self.sources.add_unread(format!("--var {name}"));
            let message = format!("--var {name}: the list has no variable `{name}`");
            let problem = Problem::new(Place { file: place, start: 0, end: 0 }, message);
            self.problems.push(problem.help(help));
        }
    }

    fn finish(
        mut self,
        from: Origin,
        options: &Options<'_>,
    ) -> Result<(Checklist, Sources), Invalid> {
        let known = Secrets::default();
        let overrides = overrides(options, &mut self.sources, &mut self.problems);
        self.strangers(options);
        let input = validate::Input {
            parts: &self.parts,
            overrides,
            secrets: options.secrets.unwrap_or(&NoSecrets),
            known: &known,
            launch: options.launch,
            sources: &self.sources,
        };
        // A first file that is no YAML has been reported, and there are no parts then.
        let checklist = validate::checklist(from, &input, &mut self.problems);
        Sources::sort(&mut self.problems);
        for problem in &mut self.problems {
            // A mistake that only shows with the secret filled in shows it.
            problem.message = known.redact(&problem.message);
            problem.help = problem.help.take().map(|help| known.redact(&help));
        }
        match checklist {
            Some(checklist) if self.problems.is_empty() => Ok((checklist, self.sources)),
            _ => Err(Invalid { sources: self.sources, problems: self.problems }),
        }
    }
}

/// The mistake of naming a file that cannot be read, with the file that may be meant.
fn unread(place: Place, path: &Path, error: &ReadError) -> Problem {
    let problem = Problem::new(place, error.to_string());
    match error {
        ReadError::Open { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            match beside(path) {
                Some(near) => problem.help(format!("there is {}", near.display())),
                None => problem,
            }
        }
        ReadError::Open { .. } | ReadError::TooLarge { .. } | ReadError::NotText { .. } => problem,
    }
}

/// The file beside a missing one that bears nearly its name.
fn beside(path: &Path) -> Option<PathBuf> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let entries = std::fs::read_dir(folder.unwrap_or(Path::new("."))).ok()?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.collect();
    names.sort();
    let wanted = path.file_name()?.to_string_lossy();
    let near = did_you_mean(&wanted, names.iter().map(String::as_str))?;
    Some(path.with_file_name(near))
}

/// The variables of the command line: those of `--var-file`, then those of `--var`, which win.
fn overrides(
    options: &Options<'_>,
    sources: &mut Sources,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, Node> {
    let mut nodes = BTreeMap::new();
    for path in options.var_files {
        match read(path) {
            Ok(text) => {
                let file = sources.add(path.display().to_string(), text.clone());
                match yaml::parse(&text, file) {
                    Ok(node) if matches!(node.content, Content::Map(_) | Content::Null) => {
                        validate::duplicates(&node, sources, problems);
                        let entries = node.entries().iter().rev().cloned();
                        nodes.extend(entries.map(|(key, value)| (key.text, value)));
                    }
                    Ok(node) => {
                        let message =
                            format!("expected a mapping of variables, found {}", node.describe());
                        problems.push(Problem::new(node.place, message));
                    }
                    Err(problem) => problems.push(problem),
                }
            }
            Err(error) => {
                let file = sources.add_unread(path.display().to_string());
                problems.push(unread(Place { file, start: 0, end: 0 }, path, &error));
            }
        }
    }
    for (name, value) in options.vars {
        nodes.extend(given(name, value, sources, problems));
    }
    nodes
}

/// A variable of `--var`; its value is YAML, so that `--var n=3` is a number.
fn given(
    name: &str,
    value: &str,
    sources: &mut Sources,
    problems: &mut Vec<Problem>,
) -> Option<(String, Node)> {
    let file = sources.add(format!("--var {name}"), value.to_owned());
    match yaml::parse(value, file) {
        // `--var comment=a: b` is a text to whoever types it.
        Ok(node)
            if matches!(node.content, Content::Map(_)) && !value.trim_start().starts_with('{') =>
        {
            let text = Text { value: value.to_owned(), shown: None };
            Some((name.to_owned(), Node { content: Content::Text(text), ..node }))
        }
        Ok(node) => {
            validate::duplicates(&node, sources, problems);
            Some((name.to_owned(), node))
        }
        Err(problem) => {
            problems.push(problem.help("put the value in quotes to have it taken as text"));
            None
        }
    }
}
