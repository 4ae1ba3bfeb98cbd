//! Sign-offs beside the checklist: who stands for which item as it stood.

use std::path::{Path, PathBuf};

use crate::checklist::diagnostic::Sources;
use crate::checklist::validate::duplicates;
use crate::checklist::yaml;
use crate::model::node::{Place, Problem};
use crate::probe::SignOff;

/// The file that holds the sign-offs of a checklist: `<checklist>.signoffs.yaml`, where a
/// checklist `launch.yaml` has `launch.signoffs.yaml`.
#[must_use]
pub fn path(checklist: &Path) -> PathBuf {
    let stem = checklist.file_stem().unwrap_or_default().to_string_lossy();
    checklist.with_file_name(format!("{stem}.signoffs.yaml"))
}

/// Reads the sign-offs of a text.
pub(super) fn parse(
    text: &str,
    file: usize,
    sources: &Sources,
    problems: &mut Vec<Problem>,
) -> Vec<SignOff> {
    match yaml::parse(text, file) {
        Ok(node) if node.content == crate::model::node::Content::Null => Vec::new(),
        Ok(node) => {
            duplicates(&node, sources, problems);
            node.read(problems).unwrap_or_default()
        }
        Err(problem) => {
            problems.push(problem);
            Vec::new()
        }
    }
}

/// Reads the sign-offs beside a checklist; none where there is no file.
pub(super) fn load(
    checklist: &Path,
    sources: &mut Sources,
    problems: &mut Vec<Problem>,
) -> Vec<SignOff> {
    let path = path(checklist);
    match super::load::read(&path) {
        Ok(text) => {
            let file = sources.add(path.display().to_string(), text.clone());
            parse(&text, file, sources, problems)
        }
        Err(super::load::ReadError::Open { source, .. })
            if source.kind() == std::io::ErrorKind::NotFound =>
        {
            Vec::new()
        }
        Err(error) => {
            let file = sources.add(path.display().to_string(), "");
            problems.push(Problem::new(Place { file, start: 0, end: 0 }, error.to_string()));
            Vec::new()
        }
    }
}
