//! The record as the events it stands for, one JSON document a line.

use crate::model::event::unfold;
use crate::model::record::RunRecord;

use super::ReportError;

/// One event a line; folding them gives the record again.
pub(super) fn render(record: &RunRecord) -> Result<Vec<u8>, ReportError> {
    let mut bytes = Vec::new();
    for event in unfold(record) {
        serde_json::to_writer(&mut bytes, &event)?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}
