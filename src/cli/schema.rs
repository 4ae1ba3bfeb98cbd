//! `gonogo schema`: the JSON Schemas of what goes in and what comes out.

use schemars::generate::SchemaSettings;

use super::args::SchemaOf;
use super::{exit, output};
use crate::model::record::RunRecord;

/// Prints a schema.
pub(super) fn run(of: SchemaOf) -> anyhow::Result<u8> {
    let schema = match of {
        SchemaOf::Checklist => crate::checklist::schema::checklist(),
        SchemaOf::Record => {
            let settings = SchemaSettings::draft2020_12();
            settings.into_generator().into_root_schema_for::<RunRecord>().to_value()
        }
    };
    output::stdout(format!("{schema:#}\n").as_bytes())?;
    Ok(exit::GO)
}
