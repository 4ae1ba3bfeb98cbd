//! Where reports go: standard output, or files written whole or not at all.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::model::record::RunRecord;
use crate::report::{Format, Look, render};

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
        if outputs[..n].iter().any(|other| other.path == output.path) {
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

/// Writes to standard output. A reader that went away is not an error.
///
/// # Errors
/// What the operating system says.
pub(super) fn stdout(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => {
            let text = format!("writing to standard output: {error}");
            Err(std::io::Error::new(error.kind(), text))
        }
        Ok(()) => Ok(()),
    }
}

/// Writes one line to standard error; where even that is gone, nobody is left to tell.
pub(super) fn stderr(line: &str) {
    let _gone = writeln!(std::io::stderr().lock(), "{line}");
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
        std::fs::create_dir_all(folder).with_context(what)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    sweep(folder.unwrap_or(Path::new(".")), &name);
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
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
fn sweep(folder: &Path, name: &str) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let (head, tail) = (format!(".{name}."), ".tmp");
    for entry in entries.flatten() {
        let left = entry.file_name();
        let pid = left.to_str().and_then(|left| left.strip_prefix(&head)?.strip_suffix(tail));
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
        for specs in
            [&["jsn"][..], &["json", "jsonl"], &["json=a", "html=a"], &["a.docx"], &["json="]]
        {
            let specs: Vec<String> = specs.iter().map(ToString::to_string).collect();
            assert!(parse(&specs).is_err(), "{specs:?}");
        }
    }
}
