//! Answers of the simple query protocol: tables of text, read by the names of their columns.

use std::str::FromStr;

use tokio_postgres::SimpleQueryMessage;

use crate::model::fault::Fault;
use crate::model::text::one_line;

/// What one statement returned.
#[derive(Debug, Default)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

/// One row of a table.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    columns: &'a [String],
    values: &'a [Option<String>],
}

impl Table {
    /// The tables of a query's answer, one for each statement that returned rows.
    pub(super) fn all(messages: Vec<SimpleQueryMessage>) -> Vec<Self> {
        let mut tables: Vec<Self> = Vec::new();
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => tables.push(Self {
                    columns: columns.iter().map(|column| column.name().to_owned()).collect(),
                    rows: Vec::new(),
                }),
                SimpleQueryMessage::Row(row) => {
                    let values = (0..row.len()).map(|at| row.get(at).map(ToOwned::to_owned));
                    if let Some(table) = tables.last_mut() {
                        table.rows.push(values.collect());
                    }
                }
                SimpleQueryMessage::CommandComplete(_) | _ => {}
            }
        }
        tables
    }

    /// Its rows.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|values| Row { columns: &self.columns, values })
    }

    /// Its only row.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub fn only(&self) -> Result<Row<'_>, Fault> {
        match self.rows.as_slice() {
            [values] => Ok(Row { columns: &self.columns, values }),
            rows => Err(unreadable(format!("{} rows where one was expected", rows.len()))),
        }
    }
}

impl<'a> Row<'a> {
    /// The text in a column; `None` for NULL and where there is no such column.
    #[must_use]
    pub fn text(self, column: &str) -> Option<&'a str> {
        let at = self.columns.iter().position(|known| known == column)?;
        self.values.get(at)?.as_deref()
    }

    /// The text in a column as one safe line; empty for NULL.
    #[must_use]
    pub fn line(self, column: &str) -> String {
        self.text(column).map(one_line).unwrap_or_default()
    }

    /// A value in a column.
    ///
    /// # Errors
    /// When there is none, or it cannot be read.
    pub fn value<T: FromStr>(self, column: &str) -> Result<T, Fault> {
        let text = self.text(column);
        text.and_then(|text| text.parse().ok()).ok_or_else(|| {
            let shown = text.map_or("nothing".to_owned(), |text| format!("`{}`", one_line(text)));
            unreadable(format!("{shown} in the column {column}"))
        })
    }

    /// A truth value in a column: `t` or `f`.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(self, column: &str) -> Result<bool, Fault> {
        match self.text(column) {
            Some("t") => Ok(true),
            Some("f") => Ok(false),
            Some(_) | None => Err(unreadable(format!("no truth value in the column {column}"))),
        }
    }

    /// A limit in a column: `-1` says that there is none.
    ///
    /// # Errors
    /// When it is no number.
    pub fn limit(self, column: &str) -> Result<Option<u32>, Fault> {
        Ok(u32::try_from(self.value::<i64>(column)?).ok())
    }
}

fn unreadable(reason: String) -> Fault {
    Fault::Unreadable { what: "reading the server's answer".to_owned(), reason }
}
