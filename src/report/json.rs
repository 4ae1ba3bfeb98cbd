//! The record itself as one JSON document.

use crate::model::hash::hex;
use crate::model::record::RunRecord;

use super::ReportError;

/// Pretty JSON in the order of the types, with a final line break.
pub(super) fn render(record: &RunRecord) -> Result<Vec<u8>, ReportError> {
    let mut bytes = serde_json::to_vec_pretty(record)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A sum under way.
struct Sum(aws_lc_rs::digest::Context);

impl std::io::Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// SHA-256 of the bytes `-o json` writes, in hexadecimal: printed in every report for people, so
/// that a page can be tied to its record with `sha256sum`.
///
/// # Errors
/// When the record cannot be written as JSON.
pub fn digest(record: &RunRecord) -> Result<String, ReportError> {
    // Never the whole text at once: that of a large run is tens of megabytes.
    let mut sum = Sum(aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256));
    serde_json::to_writer_pretty(std::io::BufWriter::new(&mut sum), record)?;
    sum.0.update(b"\n");
    Ok(hex(sum.0.finish().as_ref()))
}
