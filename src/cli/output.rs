//! Where reports go: standard output, or files written whole or not at all.

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
        other => other,
    }
}

/// Writes one line to standard error; where even that is gone, nobody is left to tell.
pub(super) fn stderr(line: &str) {
    let _gone = writeln!(std::io::stderr().lock(), "{line}");
}

/// Writes a file whole or not at all: into a temporary one beside it, then renamed. What is no plain
/// file, such as /dev/null or a pipe, is written to directly.
pub(super) fn file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let what = || format!("writing {}", path.display());
    if path.metadata().is_ok_and(|meta| !meta.is_file()) {
        return std::fs::write(path, bytes).with_context(what);
    }
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(what)?;
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let written = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        // What is left of it helps nobody; the error that matters is the first one.
        let _gone = std::fs::remove_file(&temporary);
    }
    written.with_context(what)
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
