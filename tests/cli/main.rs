//! The command line as a process: exact output and exit codes.

mod again;
mod faults_disk;
mod faults_signals;
mod lists;
mod merge;
mod outputs;
mod recipes;
mod reuse;
mod runs;
mod signals;
mod support;
mod verbs;
