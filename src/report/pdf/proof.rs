//! Proving that a document is what a record makes: the record is taken out, and the pages are made
//! again.

use std::sync::Arc;

use crate::model::record::RunRecord;

use super::super::{Look, ReportError, json};
use super::attached::attached_record;

/// What came of proving a document.
#[derive(Debug, Clone, PartialEq)]
pub enum Proof {
    /// The record inside makes this very document, to the byte.
    Proven {
        /// The record.
        record: Box<RunRecord>,
        /// Its SHA-256, hexadecimal.
        digest: String,
    },
    /// The record inside can be read, but makes another document: somebody changed the pages or the
    /// record, or another version of the tool, or other fonts, made them.
    Differs {
        /// The record.
        record: Box<RunRecord>,
        /// Its SHA-256, hexadecimal.
        digest: String,
    },
    /// No record is attached, or what is attached is not one.
    NoRecord,
}

/// Proves a document. `fonts` are those it was rendered with beside the built-in ones.
///
/// # Errors
/// When the pages cannot be made again.
pub fn prove(pdf: &[u8], fonts: &[Arc<Vec<u8>>]) -> Result<Proof, ReportError> {
    let Some(bytes) = attached_record(pdf) else { return Ok(Proof::NoRecord) };
    let Ok(record) = serde_json::from_slice::<RunRecord>(bytes) else { return Ok(Proof::NoRecord) };
    let look = Look { fonts: fonts.to_vec(), ..Look::default() };
    let again = super::render(&record, &look)?;
    let (digest, record) = (json::digest(&record)?, Box::new(record));
    Ok(if again == pdf {
        Proof::Proven { record, digest }
    } else {
        Proof::Differs { record, digest }
    })
}
