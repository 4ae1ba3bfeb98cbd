//! Event logs on disk: written while a run goes on, read back for reports.

mod retention;

pub use retention::{Kept, Pruned, Why, prune};

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use thiserror::Error;

use crate::model::event::{Event, Fold, Sink};
use crate::model::id::RunId;
use crate::model::record::{FORMAT, RunRecord};
use crate::verdict::decide_as_read;

/// The largest log or record that is read back, in bytes.
const READ_LIMIT: u64 = 1 << 30;

/// A log or record that cannot be read back.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The file or folder cannot be read.
    #[error("{path} cannot be read: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is larger than any log.
    #[error("{path} is too large to be a record of a run", path = path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The file is something else.
    #[error("{path} is no record of a run: {reason}", path = path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What gave it away.
        reason: String,
    },
    /// The file was made by a newer gonogo, whose meaning is not known here.
    #[error("{path} has format {format}, and this gonogo reads up to {FORMAT}", path = path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        format: u32,
    },
    /// There is no such run.
    #[error("no recorded run matches `{name}` in {folder}", folder = folder.display())]
    NoSuchRun {
        /// What was asked for.
        name: String,
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// There are several of that name.
    #[error(
        "`{name}` fits {n} recorded runs, the latest of them {runs}; give more of it, or its end"
    )]
    Ambiguous {
        /// What was asked for.
        name: String,
        /// How many it fits.
        n: usize,
        /// The latest of them.
        runs: String,
    },
    /// There is no run at all.
    #[error("no run is recorded in {folder}", folder = folder.display())]
    Empty {
        /// Where it was looked for.
        folder: PathBuf,
    },
}

/// The event log of one run.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    /// The folder, until the name of the log in it is on the disk as well.
    folder: Option<PathBuf>,
}

impl Log {
    /// Begins the log of a run: `<folder>/<run>.jsonl`, readable by its owner only.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn create(folder: &Path, run: RunId) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let path = folder.join(format!("{run}.jsonl"));
        let file = OpenOptions::new().create_new(true).append(true).mode(0o600).open(&path)?;
        // Whatever the umask took away: the owner reads it back, and nobody else does.
        file.set_permissions(fs::Permissions::from_mode(0o600))?;
        Ok(Self { path, file, folder: Some(folder.to_owned()) })
    }

    fn write(&mut self, event: &Event) -> io::Result<()> {
        let mut line = serde_json::to_vec(event)?;
        line.push(b'\n');
        // One write a line: a log that is killed has at most its last line torn.
        self.file.write_all(&line)?;
        match event {
            // What is about to be changed must be on the disk before it is, and so must the name under
            // which it is found there.
            Event::ChangeIntended { .. } => {
                self.file.sync_data()?;
                if let Some(folder) = &self.folder {
                    File::open(folder)?.sync_all()?;
                    self.folder = None;
                }
                Ok(())
            }
            Event::ChangeEnded { .. } | Event::RunFinished { .. } => self.file.sync_data(),
            Event::RunStarted { .. }
            | Event::CheckStarted { .. }
            | Event::AttemptFailed { .. }
            | Event::CheckFinished { .. }
            | Event::Stopped { .. } => Ok(()),
        }
    }
}

impl Sink for Log {
    fn event(&mut self, event: &Event) -> Result<(), String> {
        self.write(event)
            .map_err(|error| format!("the event log {} ends here: {error}", self.path.display()))
    }

    fn is_durable(&self) -> bool {
        true
    }
}

/// The file of a run in a folder of logs: the latest without a name, else the one whose id begins
/// or ends with it, or whose short name begins with it, which is what people see of it.
///
/// # Errors
/// When there is none, or the name fits several.
pub fn find(folder: &Path, name: Option<&str>) -> Result<PathBuf, HistoryError> {
    let mut logs = shelf(folder)?.logs;
    let empty = || HistoryError::Empty { folder: folder.to_owned() };
    let Some(name) = name else { return logs.pop().map(|(_, path)| path).ok_or_else(empty) };
    let shown = |stem: &str| {
        uuid::Uuid::parse_str(stem).is_ok_and(|run| RunId(run).short().starts_with(name))
    };
    let hit =
        |stem: &str| stem.starts_with(name) || stem.replace('-', "").ends_with(name) || shown(stem);
    logs.retain(|(stem, _)| hit(stem));
    let (name, folder) = (name.to_owned(), folder.to_owned());
    match logs.len() {
        0 => Err(HistoryError::NoSuchRun { name, folder }),
        1 => Ok(logs.remove(0).1),
        // The ids of runs begin with their time: those of one minute begin alike.
        n => {
            let latest = logs.iter().rev().take(5).map(|(stem, _)| stem.as_str());
            let runs = latest.collect::<Vec<_>>().join(", ");
            Err(HistoryError::Ambiguous { name, n, runs })
        }
    }
}

/// What lies in a folder of logs.
#[derive(Debug, Default)]
struct Shelf {
    /// The logs, oldest first: the run and its file.
    logs: Vec<(String, PathBuf)>,
    /// The runs that somebody wants kept.
    marks: Vec<String>,
    /// What is no log by its name.
    foreign: Vec<PathBuf>,
}

/// The extension of the empty file that keeps a run from being deleted.
const MARK: &str = "keep";

fn shelf(folder: &Path) -> Result<Shelf, HistoryError> {
    let io = |source| HistoryError::Io { path: folder.to_owned(), source };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(HistoryError::Empty { folder: folder.to_owned() });
        }
        Err(error) => return Err(io(error)),
    };
    let mut shelf = Shelf::default();
    for entry in entries {
        let path = entry.map_err(io)?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_owned();
        match (extension.as_str(), uuid::Uuid::parse_str(&stem)) {
            ("jsonl", Ok(_)) => shelf.logs.push((stem, path)),
            (MARK, Ok(_)) => shelf.marks.push(stem),
            _ => shelf.foreign.push(path),
        }
    }
    // UUIDv7: by name is by time.
    shelf.logs.sort();
    shelf.foreign.sort();
    Ok(shelf)
}

/// What lies among the logs and is none of them.
#[must_use]
pub fn foreign(folder: &Path) -> Vec<PathBuf> {
    shelf(folder).map(|shelf| shelf.foreign).unwrap_or_default()
}

/// The latest recorded run of a checklist, by the name of what is launched. What cannot be read on
/// the way there is told.
///
/// # Errors
/// When there is none.
pub fn latest_of(
    folder: &Path,
    name: &str,
    mut unreadable: impl FnMut(HistoryError),
) -> Result<RunRecord, HistoryError> {
    for record in records(folder) {
        match record {
            Ok(record) if record.header.name == name => return Ok(record),
            Ok(_) => {}
            Err(error) => unreadable(error),
        }
    }
    Err(HistoryError::NoSuchRun { name: name.to_owned(), folder: folder.to_owned() })
}

/// Recorded runs, latest first, with what cannot be read among them.
pub fn records(folder: &Path) -> impl Iterator<Item = Result<RunRecord, HistoryError>> {
    let mut logs = shelf(folder).unwrap_or_default().logs;
    logs.reverse();
    logs.into_iter().map(|(_, path)| read(&path))
}

/// Reads a record: from an event log, torn last line and all, or from a record in JSON.
///
/// # Errors
/// See [`HistoryError`].
pub fn read(path: &Path) -> Result<RunRecord, HistoryError> {
    let io = |source| HistoryError::Io { path: path.to_owned(), source };
    let mut text = Vec::new();
    File::open(path).map_err(io)?.take(READ_LIMIT + 1).read_to_end(&mut text).map_err(io)?;
    if text.len() as u64 > READ_LIMIT {
        return Err(HistoryError::TooLarge { path: path.to_owned() });
    }
    parse(&text).map_err(|reason| match reason {
        Unreadable::Newer(format) => HistoryError::Newer { path: path.to_owned(), format },
        Unreadable::Foreign(reason) => HistoryError::Foreign { path: path.to_owned(), reason },
    })
}

/// Reads a record out of the bytes of an event log or of a record in JSON.
///
/// # Errors
/// Why they are neither.
pub fn replay(text: &[u8]) -> Result<RunRecord, String> {
    parse(text).map_err(|reason| match reason {
        Unreadable::Newer(format) => format!("it has format {format}"),
        Unreadable::Foreign(reason) => reason,
    })
}

/// Why a text is no record.
#[derive(Debug, PartialEq, Eq)]
enum Unreadable {
    Newer(u32),
    Foreign(String),
}

fn parse(text: &[u8]) -> Result<RunRecord, Unreadable> {
    #[derive(serde::Deserialize)]
    struct Versioned {
        format: Option<u32>,
        header: Option<Box<Versioned>>,
    }
    let foreign = |error: serde_json::Error| Unreadable::Foreign(error.to_string());
    let first = serde_json::Deserializer::from_slice(text).into_iter::<Versioned>().next();
    let first =
        first.ok_or_else(|| Unreadable::Foreign("it is empty".to_owned()))?.map_err(foreign)?;
    let format = first.format.or_else(|| first.header.as_ref().and_then(|header| header.format));
    match format {
        None => return Err(Unreadable::Foreign("it does not say its format".to_owned())),
        Some(format) if format > FORMAT => return Err(Unreadable::Newer(format)),
        Some(_) => {}
    }
    if first.header.is_none() {
        return serde_json::from_slice(text).map_err(foreign);
    }
    let mut fold = Fold::default();
    let mut lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).peekable();
    while let Some(line) = lines.next() {
        match serde_json::from_slice(line) {
            Ok(event) => fold.apply(event),
            // A run that was killed tears its last line; a torn line elsewhere is no log.
            Err(_) if lines.peek().is_none() && !text.ends_with(b"\n") => {}
            Err(error) => return Err(foreign(error)),
        }
    }
    let mut record =
        fold.into_record().ok_or_else(|| Unreadable::Foreign("it has no beginning".to_owned()))?;
    if record.finished.is_none() {
        record.verdict = decide_as_read(&record);
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::unfold;
    use crate::model::outcome::{Decision, Outcome, Severity};
    use crate::model::sample;

    fn log(record: &RunRecord) -> String {
        let line = |event: &Event| serde_json::to_string(event).expect("json") + "\n";
        unfold(record).iter().map(line).collect()
    }

    #[test]
    fn a_log_is_read_back_wherever_it_was_cut() {
        let mut record =
            sample::run(&[(Outcome::Pass, Severity::Blocker), (Outcome::Pass, Severity::Blocker)]);
        record.verdict = crate::verdict::decide(&record);
        record.finished = Some(record.header.started);
        let text = log(&record);
        assert_eq!(parse(text.as_bytes()).as_ref(), Ok(&record));
        let first = text.find('\n').expect("a line") + 1;
        for cut in first..text.len() - 1 {
            let read =
                parse(&text.as_bytes()[..cut]).unwrap_or_else(|error| panic!("{cut}: {error:?}"));
            assert!(read.finished.is_none(), "{cut}");
            assert_ne!(read.verdict.decision, Decision::Go, "{cut}");
        }
    }

    #[test]
    fn a_run_without_its_end_is_never_go() {
        let mut record = sample::run(&[
            (Outcome::Unknown, Severity::Blocker),
            (Outcome::Unknown, Severity::Blocker),
        ]);
        record.steps[0].checks[0].outcome = Outcome::Pass;
        record.counts = record.count();
        let read = parse(log(&record).as_bytes()).expect("a log");
        assert_eq!(read.verdict.decision, Decision::Hold);
    }

    #[test]
    fn what_is_no_record_is_named() {
        assert!(matches!(parse(b""), Err(Unreadable::Foreign(_))));
        assert!(matches!(parse(b"hello"), Err(Unreadable::Foreign(_))));
        assert!(matches!(parse(b"{}"), Err(Unreadable::Foreign(_))));
        assert_eq!(parse(br#"{"format": 99}"#), Err(Unreadable::Newer(99)));
        assert_eq!(
            parse(br#"{"event":"run-started","header":{"format": 99}}"#),
            Err(Unreadable::Newer(99))
        );
    }
}
