//! `command`: programs that end well, that do not, and that are not there.

use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::probe::ProbeCx;
use gonogo::probe::command::Command;
use serde_json::{Value, json};

use crate::support::{context, look_in};

async fn check(parameters: Value, outcome: Outcome, code: &str, said: &str) {
    let cx = ProbeCx { allow_exec: true, ..context(Duration::from_secs(5)) };
    let looked = look_in::<Command>(parameters.clone(), &cx).await;
    assert_eq!(looked.codes(outcome), [code], "{parameters}: {:?}", looked.findings);
    let message = &looked.findings[0].message;
    assert!(message.contains(said), "{parameters}: {message}");
}

#[tokio::test]
async fn a_program_is_judged_by_how_it_ends_and_what_it_prints() {
    use Outcome::{Fail, Pass, Unknown};
    check(json!({ "run": ["echo", "ok"], "stdout": "^ok$" }), Pass, "command.ok", "echo: ok").await;
    check(json!({ "run": ["echo", "no"], "stdout": "^ok$" }), Fail, "command.output", "no").await;
    let bad = json!({ "run": ["sh", "-c", "echo why >&2; exit 3"] });
    check(bad, Fail, "command.exit-code", "exit code 3 and said why").await;
    check(json!({ "run": ["sh", "-c", "exit 3"], "exit": 3 }), Pass, "command.ok", "3").await;
    let nothing = json!({ "run": ["no-such-program-here"] });
    check(nothing, Unknown, "gonogo.local", "there is no such program here").await;
    let nowhere = json!({ "run": ["echo"], "cwd": "no/such/folder" });
    check(nowhere, Unknown, "gonogo.local", "no/such/folder is not there").await;
}
