//! Kind `command`: runs a program, when the person running the list allows it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command as Process;

use super::param::Pattern;
use super::{Complaint, JudgeCx, Probe, ProbeCx, Target};
use crate::clock::millis_since;
use crate::model::code::Code;
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::peer::Peer;
use crate::model::text::{clip, one_line, quote};
use crate::model::time::humane;

/// The most of each output stream that is kept, in bytes. The rest is read and thrown away, so that
/// the program never blocks on a full pipe.
const OUTPUT_LIMIT: usize = 64 * 1024;

/// Runs a program and judges its exit code and what it prints.
///
/// ```yaml
/// command:
///   run: [kubectl, rollout, status, deploy/gateway, --timeout=5s]
///   stdout: 'successfully rolled out'
/// ```
///
/// It runs only when the person who runs the list says `--allow exec`; without that the check is
/// `unknown`. There is no shell: no globbing, no pipes, no `$VARIABLES`. The program gets no standard
/// input, is killed when the check's time is over, and at most 64 KiB of each of its outputs is
/// kept. Output is foreign text: it is shown escaped, and secrets of the list are removed from it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Command {
    /// The program and its arguments, such as `[kubectl, rollout, status, deploy/gateway]`. A
    /// program without a slash is looked for on `PATH`.
    #[schemars(length(min = 1))]
    pub run: Vec<String>,
    /// The exit code that is right; 0 by default.
    #[serde(default)]
    #[schemars(range(min = 0, max = 255))]
    pub exit: i32,
    /// A regular expression that standard output must match, its last line break left out, so that
    /// `^ok$` matches a program that prints `ok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<Pattern>,
    /// Environment variables to set, beside those of gonogo itself.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The folder to run in, relative to the checklist; the checklist's own by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cwd: Option<String>,
}

/// What a program did.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// Its exit code; absent when a signal ended it.
    pub exit: Option<i32>,
    /// The signal that ended it, by number.
    pub signal: Option<i32>,
    /// The beginning of its standard output.
    pub stdout: Output,
    /// The beginning of its standard error.
    pub stderr: Output,
    /// How long it ran, in milliseconds.
    pub duration_ms: f64,
}

/// An output stream of a program.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
pub struct Output {
    /// The text, up to 64 KiB; bytes that are not UTF-8 count as U+FFFD.
    pub text: String,
    /// How many bytes there were in all.
    pub bytes: usize,
}

static OK: Code = Code {
    id: "command.ok",
    summary: "the program ended as it should",
    doc: "The program ran to its end with the expected exit code, and its output matches where a \
          match was asked for.",
    default: Outcome::Pass,
};
static EXIT: Code = Code {
    id: "command.exit-code",
    summary: "the program ended with another exit code",
    doc: "The program ran and said by its exit code that something is wrong; or a signal ended it.\n\n\
          What it printed on standard error is in the finding and the record. Run the command under \
          `by hand` from the checklist's folder.",
    default: Outcome::Fail,
};
static STDOUT: Code = Code {
    id: "command.output",
    summary: "the program's output does not match",
    doc: "The program ended with the right exit code, but its standard output does not match \
          `stdout`. Only the first 64 KiB are matched.\n\nRun the command under `by hand` and compare.",
    default: Outcome::Fail,
};

impl Probe for Command {
    const KIND: &'static str = "command";
    const SUMMARY: &'static str = "Does a program of yours say that all is well?";
    const CODES: &'static [&'static Code] = &[&OK, &EXIT, &STDOUT];
    const TARGET: Target = Target::List("run");
    type Observation = Observation;

    fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        if self.run.first().is_none_or(|program| program.trim().is_empty()) {
            complaints.push(Complaint {
                key: Some("run"),
                message: "there is no program to run".to_owned(),
                help: Some("write the program and its arguments as a list: [df, -h]".to_owned()),
            });
        }
        if !(0..=255).contains(&self.exit) {
            complaints.push(Complaint {
                key: Some("exit"),
                message: format!("no program ends with exit code {}", self.exit),
                help: Some("write a number from 0 to 255".to_owned()),
            });
        }
        complaints
    }

    fn peers(&self) -> Vec<Peer> {
        self.run.first().map(|program| Peer::new("exec", program)).into_iter().collect()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Observation, Fault> {
        let what = format!("running {}", one_line(&shell_line(&self.run)));
        let Some((program, arguments)) = self.run.split_first() else {
            return Err(Fault::Local { what, reason: "there is no program".to_owned() });
        };
        if !cx.allow_exec {
            return Err(Fault::NotAllowed { what, flag: "--allow exec".to_owned() });
        }
        let folder = cx.path(self.cwd.as_deref().unwrap_or_default());
        let folder = if folder.as_os_str().is_empty() { ".".into() } else { folder };
        let begun = cx.clock.tick();
        let child = Process::new(program)
            .args(arguments)
            .envs(&self.env)
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(error) => {
                return Err(Fault::Local { what, reason: not_started(&error, &folder).await });
            }
        };
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let group = Group(child.id());
        let work = async { tokio::join!(keep(stdout), keep(stderr), child.wait()) };
        let (stdout, stderr, status) = cx.within(what.clone(), work).await?;
        group.ended();
        let status = status.map_err(|error| Fault::Local { what, reason: error.to_string() })?;
        Ok(Observation {
            exit: status.code(),
            signal: std::os::unix::process::ExitStatusExt::signal(&status),
            stdout,
            stderr,
            duration_ms: millis_since(begun),
        })
    }

    fn judge(&self, seen: &Observation, _: &JudgeCx) -> Vec<Finding> {
        let target = self.run.first().cloned().unwrap_or_default();
        let ended = match (seen.exit, seen.signal) {
            (Some(code), _) => format!("exit code {code}"),
            (None, Some(signal)) => format!("signal {signal}"),
            (None, None) => "an unknown end".to_owned(),
        };
        if seen.exit != Some(self.exit) {
            let said = match (seen.stderr.text.trim(), seen.stdout.text.trim()) {
                ("", "") => "and printed nothing".to_owned(),
                ("", out) => format!("and printed {}", last_line(out)),
                (err, _) => format!("and said {}", last_line(err)),
            };
            return vec![
                Finding::new(&EXIT, &target, format!("{target} ended with {ended} {said}"))
                    .expected(format!("exit code {}", self.exit))
                    .actual(ended),
            ];
        }
        if let Some(pattern) = &self.stdout
            && !pattern.is_match(seen.stdout.text.trim_end_matches(['\r', '\n']))
        {
            let printed = clip(seen.stdout.text.trim(), 200);
            let printed = if printed.is_empty() { "nothing".to_owned() } else { printed };
            return vec![
                Finding::new(&STDOUT, &target, format!("{target} printed {printed}"))
                    .expected(format!("output that matches /{}/", pattern.as_str()))
                    .actual(printed),
            ];
        }
        vec![Finding::new(&OK, &target, self.ran(seen))]
    }

    fn summary(&self, seen: &Observation, _: &JudgeCx) -> String {
        self.ran(seen)
    }

    fn names_files(&self) -> bool {
        true
    }

    fn reproduce(&self, _: Option<&Observation>) -> Vec<String> {
        let mut line = String::new();
        if let Some(cwd) = &self.cwd {
            line.push_str(&format!("cd {} && ", quote(cwd)));
        }
        for (name, value) in &self.env {
            line.push_str(&format!("{name}={} ", quote(value)));
        }
        line.push_str(&shell_line(&self.run));
        // Pasted twice, it must not go there twice.
        vec![if self.cwd.is_some() { format!("({line})") } else { line }]
    }
}

impl Command {
    fn ran(&self, seen: &Observation) -> String {
        let program = self.run.first().map_or("", String::as_str);
        let took = Duration::try_from_secs_f64(seen.duration_ms / 1000.0).unwrap_or_default();
        let took = humane(took);
        match last_line(seen.stdout.text.trim()).as_str() {
            "" => format!("{program} ended with exit code {} after {took}", self.exit),
            line => format!("{program}: {line} ({took})"),
        }
    }
}

/// Why a program could not be started, and what to do.
async fn not_started(error: &std::io::Error, folder: &Path) -> String {
    if !tokio::fs::metadata(folder).await.is_ok_and(|folder| folder.is_dir()) {
        return format!("the folder {} is not there", one_line(&folder.display().to_string()));
    }
    if error.kind() == std::io::ErrorKind::NotFound {
        return "there is no such program here, or what its script runs with is missing; install \
                it, or write its full path"
            .to_owned();
    }
    error.to_string()
}

/// Reads a stream to its end and keeps its beginning.
async fn keep(stream: Option<impl AsyncRead + Unpin>) -> Output {
    let Some(mut stream) = stream else { return Output::default() };
    let (mut kept, mut bytes) = (Vec::new(), 0);
    let mut piece = vec![0_u8; 16 * 1024];
    // A stream that cannot be read any further has ended as far as we can know.
    while let Ok(n @ 1..) = stream.read(&mut piece).await {
        bytes += n;
        let room = OUTPUT_LIMIT.saturating_sub(kept.len()).min(n);
        kept.extend_from_slice(&piece[..room]);
    }
    Output { text: String::from_utf8_lossy(&kept).into_owned(), bytes }
}

/// The process group of a running program: it and everything it started. Ended on drop, whether the
/// time is over or the run was stopped.
struct Group(Option<u32>);

impl Group {
    /// The program ended by itself; its number may belong to somebody else from now on.
    fn ended(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let id = self.0.and_then(|id| i32::try_from(id).ok());
        if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
            // The group may have ended by itself; then there is nothing to end.
            let _gone = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}

fn last_line(text: &str) -> String {
    clip(text.lines().last().unwrap_or_default().trim(), 120)
}

/// A command as a line for a POSIX shell.
fn shell_line(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_exit_code_that_cannot_be_is_refused() {
        for (exit, keys) in [(0, vec![]), (255, vec![]), (256, vec!["exit"]), (-1, vec!["exit"])] {
            let command: Command =
                serde_json::from_value(json!({ "run": ["true"], "exit": exit })).expect("readable");
            let found: Vec<_> = command.complaints().iter().filter_map(|it| it.key).collect();
            assert_eq!(found, keys, "{exit}");
        }
    }

    #[test]
    fn a_record_from_elsewhere_cannot_make_it_panic() {
        let command: Command = serde_json::from_value(json!({ "run": ["true"] })).expect("good");
        for duration_ms in [1e300, -1.0] {
            let none = || Output::default();
            let (stdout, stderr) = (none(), none());
            let seen = Observation { exit: Some(0), signal: None, stdout, stderr, duration_ms };
            assert!(command.ran(&seen).starts_with("true ended with exit code 0"));
        }
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let reason = not_started(&missing, here).await;
        assert!(reason.starts_with("there is no such program here"), "{reason}");
        let reason = not_started(&missing, &here.join("nowhere")).await;
        assert!(reason.ends_with("/nowhere is not there"), "{reason}");
        let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert_eq!(not_started(&denied, here).await, "permission denied");
    }
}
