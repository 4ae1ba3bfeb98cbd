//! The command line as a process: exact output and exit codes.

mod lists;
mod outputs;
mod runs;
mod signals;
mod support;
mod verbs;
