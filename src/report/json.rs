//! The record itself as one JSON document.

use crate::model::hash::sha256_hex;
use crate::model::record::RunRecord;

use super::ReportError;

/// Pretty JSON in the order of the types, with a final line break.
pub(super) fn render(record: &RunRecord) -> Result<Vec<u8>, ReportError> {
    let mut bytes = serde_json::to_vec_pretty(record)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// SHA-256 of the bytes `-o json` writes, in hexadecimal: printed in every report for people, so
/// that a page can be tied to its record with `sha256sum`.
///
/// # Errors
/// When the record cannot be written as JSON.
pub fn digest(record: &RunRecord) -> Result<String, ReportError> {
    Ok(sha256_hex(&render(record)?))
}
