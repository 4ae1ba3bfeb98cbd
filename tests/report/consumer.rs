//! Real programs that read what a report wrote.

use std::io::Write as _;
use std::process::{Command, Stdio};

/// Feeds a text to a program and returns its output; panics with both when it says no.
pub(crate) fn accepts(program: &str, package: &str, args: &[&str], input: &[u8]) -> String {
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; Debian has it in {package}"));
    let mut stdin = child.stdin.take().expect("a pipe was asked for");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("the program ends");
    // A reader that has seen enough closes its end; what it says then is what counts.
    let _early = writer.join().expect("writing does not panic");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} says no:\n{said}\n{complained}");
    said
}
