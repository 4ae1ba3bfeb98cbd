//! gonogo: parse, call, return the code.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(gonogo::cli::main())
}
