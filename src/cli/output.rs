//! Where reports go: standard output, or files written whole or not at all.

use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::env::{self, Ci};
use crate::model::record::RunRecord;
use crate::model::text::one_line;
use crate::report::{Format, Look, github, render};

/// One report to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Output {
    /// Its format.
    pub(super) format: Format,
    /// Its file; standard output without one.
    pub(super) path: Option<PathBuf>,
}

/// Reads `FORMAT`, `FORMAT=PATH` and bare `PATH`; adds the table where nothing else takes standard
/// output.
///
/// # Errors
/// When a format is unknown, two take standard output, or two write the same file.
pub(super) fn parse(specs: &[String]) -> anyhow::Result<Vec<Output>> {
    let mut outputs = specs.iter().map(|spec| one(spec)).collect::<anyhow::Result<Vec<_>>>()?;
    for (n, output) in outputs.iter().enumerate() {
        if outputs[..n].iter().any(|other| place(other) == place(output)) {
            match &output.path {
                None => bail!(
                    "two formats go to standard output; give one of them a file: {}=PATH",
                    output.format
                ),
                Some(path) => bail!("two formats go to {}", path.display()),
            }
        }
    }
    if outputs.iter().all(|output| output.path.is_some()) {
        outputs.insert(0, Output { format: Format::Table, path: None });
    }
    Ok(outputs)
}

/// A file by one spelling: `r.json` and `./r.json` are the same.
fn place(output: &Output) -> Option<PathBuf> {
    output.path.as_ref().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.clone()))
}

fn one(spec: &str) -> anyhow::Result<Output> {
    let looks_like_a_path = |text: &str| text.contains(['/', '.']);
    let (format, path) = match spec.split_once('=') {
        Some((format, path)) if !looks_like_a_path(format) => (format.parse()?, Some(path)),
        _ if looks_like_a_path(spec) => (Format::of_path(Path::new(spec))?, Some(spec)),
        _ => (spec.parse()?, None),
    };
    if path == Some("") {
        bail!("`{spec}` names no file after the `=`");
    }
    Ok(Output { format, path: path.filter(|path| *path != "-").map(PathBuf::from) })
}

/// Writes every report; one that cannot be written does not keep the others from being written.
/// Returns what went wrong.
pub(super) fn write_all(outputs: &[Output], record: &RunRecord, look: &Look) -> Vec<anyhow::Error> {
    let mut failures = Vec::new();
    for output in outputs {
        let look = match output.path {
            None => look.clone(),
            // A file is read anywhere: no colours, and the width of paper.
            Some(_) => Look { colour: crate::report::Colour::Off, width: 100, ..look.clone() },
        };
        let written =
            render(output.format, record, &look).map_err(anyhow::Error::from).and_then(|bytes| {
                match &output.path {
                    // These are commands, and everything foreign in them is escaped.
                    None if output.format == Format::Github => {
                        write_out(std::io::stdout(), &bytes).map_err(anyhow::Error::from)
                    }
                    None => stdout(&bytes).map_err(anyhow::Error::from),
                    Some(path) => file(path, &bytes),
                }
            });
        if let Err(error) = written {
            failures.push(error.context(format!("the {} report is not written", output.format)));
        }
    }
    failures
}

/// A stream that a CI host reads along. What is written at once is read at once: whole lines.
pub(super) struct Heard<W> {
    to: W,
    /// Whether the runner of GitHub Actions may take lines for commands.
    by_github: bool,
}

impl Heard<std::io::Stdout> {
    /// Standard output. As a file it is read by nobody yet, and keeps every byte.
    pub(super) fn stdout() -> Self {
        let to = std::io::stdout();
        let file = to.as_fd().try_clone_to_owned().map(File::from);
        let is_file = file.and_then(|file| file.metadata()).is_ok_and(|meta| meta.is_file());
        Self { by_github: !is_file && on_github(), to }
    }
}

impl Heard<std::io::Stderr> {
    /// Standard error.
    pub(super) fn stderr() -> Self {
        Self { to: std::io::stderr(), by_github: on_github() }
    }
}

fn on_github() -> bool {
    match env::ci() {
        Ci::Github { .. } => true,
        Ci::Gitlab | Ci::None => false,
    }
}

impl<W: Write> Write for Heard<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let harmless = match std::str::from_utf8(bytes) {
            Ok(text) if self.by_github => {
                Cow::Owned(github::defuse(text).into_owned().into_bytes())
            }
            // What is no text, such as a PDF, has no lines either.
            Ok(_) | Err(_) => Cow::Borrowed(bytes),
        };
        self.to.write_all(&harmless)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}

/// Writes to standard output, without anything that a CI host would take for a command. A reader that
/// went away is not an error.
///
/// # Errors
/// What the operating system says.
pub(super) fn stdout(bytes: &[u8]) -> std::io::Result<()> {
    write_out(Heard::stdout(), bytes)
}

fn write_out(mut out: impl Write, bytes: &[u8]) -> std::io::Result<()> {
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            let text = format!("writing to standard output: {error}");
            Err(std::io::Error::new(error.kind(), text))
        }
        Ok(()) => Ok(()),
    }
}

/// Writes one line to standard error, without anything that a CI host would take for a command; where
/// even that is gone, nobody is left to tell.
pub(super) fn stderr(line: &str) {
    let _gone = Heard::stderr().write_all(format!("{line}\n").as_bytes());
}

/// Writes commands for a CI host to standard error, as they are.
pub(super) fn commands(lines: &str) {
    let _gone = writeln!(std::io::stderr().lock(), "{lines}");
}

/// Writes a file whole or not at all: into a temporary one beside it, then renamed. A link is kept,
/// and so are the permissions of a file that is there already. What is no plain file, such as
/// /dev/null or a pipe, is written to directly.
pub(super) fn file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let what = || format!("writing {}", path.display());
    let known = path.metadata().ok();
    if known.as_ref().is_some_and(|meta| !meta.is_file()) {
        return std::fs::write(path, bytes).with_context(what);
    }
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder {
        make_folder(folder).with_context(what)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let head = temporary_head(&name);
    sweep(folder.unwrap_or(Path::new(".")), &head);
    let temporary = path.with_file_name(format!("{head}{}.tmp", std::process::id()));
    let written = claim(&temporary).and_then(|mut file| {
        if let Some(known) = known {
            file.set_permissions(known.permissions())?;
        }
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    });
    if written.is_err() {
        // What is left of it helps nobody; the error that matters is the first one.
        let _gone = std::fs::remove_file(&temporary);
    }
    written.with_context(what)
}

/// Makes the folder of a file. Several at once may well come of a mistyped path, and are told.
pub(super) fn make_folder(folder: &Path) -> std::io::Result<()> {
    let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
    let made = folder.ancestors().take_while(missing).count();
    std::fs::create_dir_all(folder)?;
    if made > 1 {
        let folder = one_line(&folder.display().to_string());
        super::warn(&format!("{folder} was not there: {made} folders were made"));
    }
    Ok(())
}

/// What the names of a report's temporary files begin with. Of a long name only the beginning, since a
/// file's name has at most 255 bytes.
fn temporary_head(name: &str) -> String {
    format!(".{}.", &name[..name.floor_char_boundary(200)])
}

/// Makes a temporary file. Its lock says that somebody is at work; the system lets go of it when the
/// process ends, whatever ends it.
fn claim(temporary: &Path) -> std::io::Result<File> {
    // Never one that is there: somebody else may have put it there, as a link to something else.
    let file = OpenOptions::new().write(true).create_new(true).open(temporary)?;
    // A file system without locks leaves nothing to sweep by.
    let _unlocked = file.try_lock();
    Ok(file)
}

/// Removes temporary files of the same report whose process was killed before it was done.
fn sweep(folder: &Path, head: &str) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let left = entry.file_name();
        let pid = left.to_str().and_then(|left| left.strip_prefix(head)?.strip_suffix(".tmp"));
        let ours =
            pid.is_some_and(|pid| !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()));
        if ours && entry.file_type().is_ok_and(|kind| kind.is_file()) {
            let path = entry.path();
            let locked = OpenOptions::new().write(true).open(&path).map(|file| file.try_lock());
            if matches!(locked, Ok(Ok(()))) {
                // It costs nobody anything to leave it for the next time.
                let _gone = std::fs::remove_file(&path);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(specs: &[&str], expected: &[(&str, Option<&str>)]) {
        let specs: Vec<String> = specs.iter().map(ToString::to_string).collect();
        let outputs = parse(&specs).unwrap_or_else(|error| panic!("{specs:?}: {error}"));
        let shown: Vec<(&str, Option<&str>)> = outputs
            .iter()
            .map(|output| (output.format.as_str(), output.path.as_deref().and_then(Path::to_str)))
            .collect();
        assert_eq!(shown, expected, "{specs:?}");
    }

    #[test]
    fn the_table_is_shown_unless_something_else_takes_standard_output() {
        check(&[], &[("table", None)]);
        check(&["json"], &[("json", None)]);
        check(&["json=-"], &[("json", None)]);
        check(&["json=out/a.json"], &[("table", None), ("json", Some("out/a.json"))]);
        check(&["a.html", "json"], &[("html", Some("a.html")), ("json", None)]);
        check(&["./a=b.json"], &[("table", None), ("json", Some("./a=b.json"))]);
    }

    #[test]
    fn outputs_that_cannot_be_are_refused() {
        for specs in [
            &["jsn"][..],
            &["json", "jsonl"],
            &["json=a", "html=a"],
            &["a.docx"],
            &["json="],
            &["json=a.json", "html=./a.json"],
            &["json=o/./a", "html=o//a"],
        ] {
            let specs: Vec<String> = specs.iter().map(ToString::to_string).collect();
            assert!(parse(&specs).is_err(), "{specs:?}");
        }
    }
}
