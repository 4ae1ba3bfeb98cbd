//! The checklist language: from a file to a valid checklist.

pub mod yaml;
