//! The command line as a process: exact output and exit codes.

mod again;
mod lists;
mod merge;
mod outputs;
mod reuse;
mod runs;
mod signals;
mod support;
mod verbs;
