//! The command line as a process: exact output and exit codes.

mod again;
mod asks;
mod faults_clock;
mod faults_contacts;
mod faults_disk;
mod faults_load;
mod faults_net;
mod faults_secrets;
mod faults_signals;
mod history;
mod hostile;
mod lists;
mod merge;
mod outputs;
mod recipes;
mod reuse;
mod runs;
mod signals;
mod support;
mod verbs;
mod work_tree;
