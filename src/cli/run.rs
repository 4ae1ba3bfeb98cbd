//! `gonogo run`: a checklist, to its verdict.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::Value;

use super::args::{Allow, ColourChoice, EngineArgs, OutputArgs, RunArgs};
use super::drive::{AtOnce, Driver};
use super::host::Host;
use super::output::{self, Output};
use super::select::Interrupted;
use super::{env, exit, open_files, select};
use crate::checklist::Checklist;
use crate::checklist::diagnostic::Sources;
use crate::checklist::load::{Invalid, Options as LoadOptions, load};
use crate::clock::Clock;
use crate::engine::{self, Ran};
use crate::history::Log;
use crate::model::event::{Event, Sink};
use crate::model::id::RunId;
use crate::model::outcome::Outcome;
use crate::model::record::{ChecklistRef, FORMAT, GitRef, Header, Tool};
use crate::model::secret::Secrets;
use crate::model::text::one_line;
use crate::model::time::show_instant;
use crate::plan::{NothingSelected, Plan, plan};
use crate::progress::{Bar, Lines};
use crate::report::{Detail, Format, Look};

/// Runs a checklist.
pub(super) fn run(args: &RunArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    let outputs = output::parse(&args.output.output)?;
    let options = LoadOptions {
        vars: &args.select.vars,
        var_files: &args.select.var_files,
        secrets: Some(&env::Secrets),
        launch: None,
    };
    let (checklist, sources) = match load(&args.checklist, &options) {
        Ok(loaded) => loaded,
        Err(invalid) => return Ok(refuse(&invalid, choice)),
    };
    warn_of_ordinary_secrets(&checklist.secrets, &sources);
    if let Some(text) = checklist.without_launch().filter(|_| !checklist.phases.is_empty()) {
        super::warn(&text);
    }
    let mut selection = select::selection(&args.select, &args.ids, &checklist);
    if args.engine.strict {
        selection.passes.retain(|_, pass| pass.outcome == Outcome::Pass);
    }
    if let Some(run) = &args.rerun_failed {
        let (open, right) = select::failed(run, &checklist, args.engine.strict)?;
        (selection.only, selection.right_before) = (Some(open), right);
    }
    let mut resumes = None;
    if let Some(run) = &args.resume {
        let Interrupted { run, phase, answers } = select::answers(run, &checklist, &args.engine)?;
        (resumes, selection.carried) = (Some((run, phase)), answers);
    }
    let now = Clock.local();
    let planned = match plan(&checklist, &selection, &now) {
        Ok(planned) => planned,
        Err(nothing) => {
            say_nothing(&nothing);
            Plan::of_nothing(&checklist, &selection, &now)
        }
    };
    if let Some((run, phase)) = resumes.as_ref().filter(|(_, phase)| *phase != planned.phase) {
        bail!(
            "run {run} was of phase {}, and this is {}: a pass then is none now; give --phase {} to \
             finish it, or run the list anew",
            one_line(phase),
            planned.phase,
            one_line(phase)
        );
    }
    warn_of_idle_skips(&planned);
    for signoff in checklist.signoffs.iter() {
        if !checklist.checks().any(|check| check.id.as_str() == signoff.item) {
            let (by, item) = (one_line(&signoff.by), one_line(&signoff.item));
            super::warn(&format!("{by} signed `{item}`, which is no check of this list"));
        }
    }
    let git = env::git(&args.checklist);
    let shard = args.select.shard.map(|shard| shard.to_string());
    let origin = Origin { git, shard, resumes: resumes.map(|(run, _)| run) };
    carry_out(&planned, origin, &args.engine, &args.output, &outputs, choice)
}

/// Says which secrets take words with them when they are taken out, or a reader looks for the fault in
/// what is left.
pub(super) fn warn_of_ordinary_secrets(secrets: &Secrets, sources: &Sources) {
    // Which of the two it is would tell whoever reads it something of the secret.
    for written in secrets.ordinary(sources.texts()) {
        super::warn(&format!(
            "the secret {} is short, or a word of the list: it is taken out wherever it stands, also in names and commands",
            one_line(&written)
        ));
    }
}

/// Says which patterns of `--skip` left nothing out.
pub(super) fn warn_of_idle_skips(planned: &Plan<'_>) {
    for pattern in &planned.idle_skips {
        super::warn(&format!("--skip {pattern} leaves nothing out: no check matches it"));
    }
}

/// What a run comes from, beside its plan.
#[derive(Debug, Default)]
pub(super) struct Origin {
    /// The commit the checklist's work tree stands at.
    pub(super) git: Option<GitRef>,
    /// Which part of the list it is.
    pub(super) shard: Option<String>,
    /// The interrupted run it finishes.
    pub(super) resumes: Option<RunId>,
}

/// Shows every mistake of a list that cannot be run.
pub(super) fn refuse(invalid: &Invalid, choice: ColourChoice) -> u8 {
    use std::io::IsTerminal;
    let colour = env::colour(choice, std::io::stderr().is_terminal());
    for problem in &invalid.problems {
        output::stderr(&format!("{}\n", invalid.sources.render(problem, colour)));
    }
    let mistakes = crate::model::text::count(invalid.problems.len(), "mistake");
    output::stderr(&format!("{mistakes}; nothing was run"));
    exit::USAGE
}

/// Says why nothing is selected, and what could have been.
pub(super) fn say_nothing(nothing: &NothingSelected) {
    output::stderr(&format!("error: {nothing}\nhelp: {}", nothing.help()));
}

/// Runs a plan, writes its reports, and gives the exit code.
pub(super) fn carry_out(
    planned: &Plan<'_>,
    origin: Origin,
    engine: &EngineArgs,
    output: &OutputArgs,
    outputs: &[Output],
    choice: ColourChoice,
) -> anyhow::Result<u8> {
    super::keep_secret(&planned.checklist.secrets);
    let look = Look { fonts: fonts(&output.font_path)?, ..env::look(output, choice) };
    let host = Host::of_environment();
    host.begin(planned);
    let header = header(planned, origin, engine.vantage.clone(), engine.strict);
    let header = Header { apply: engine.apply, ..header };
    let (jobs, crowded) = open_files::room(engine.jobs.min(planned.selected().count()))?;
    let mut warnings: Vec<String> = crowded.into_iter().collect();
    let mut sinks: Vec<Box<dyn Sink>> = Vec::new();
    let unrecorded = match log(header.run) {
        Ok(log) => {
            sinks.push(Box::new(log));
            None
        }
        Err(why) => {
            warnings.push(why.clone());
            Some(why)
        }
    };
    if look.detail != Detail::Quiet {
        sinks.push(progress());
    }
    // Lines are written as they happen; the other formats need the end.
    let (live, rest): (Vec<_>, Vec<_>) =
        outputs.iter().cloned().partition(|output| output.format == Format::Jsonl);
    for output in live {
        match Stream::open(&output) {
            Ok(stream) => sinks.push(Box::new(stream)),
            Err(error) => warnings.push(format!("{error:#}")),
        }
    }
    let options = engine::Options {
        jobs,
        timeout: engine.timeout,
        deadline: engine.deadline,
        apply: engine.apply,
        allow_exec: engine.allow.contains(&Allow::Exec),
        fail_fast: engine.fail_fast,
        workers: None,
        passfile: env::passfile(),
        services: env::services(),
        unrecorded,
    };
    let outputs = outputs.to_vec();
    let mut driver = Driver::new()?;
    let ended = driver.run(planned, header, options, sinks).and_then(|ran| {
        driver.work(move || {
            let code = finish(&ran, &rest, &look, warnings);
            super::history::tidy();
            for warning in host.end(&ran.record, &look, &outputs) {
                super::warn(&warning);
            }
            // The process is about to end: to take a large record apart only keeps the user waiting.
            std::mem::forget(ran);
            code
        })
    });
    driver.end();
    Ok(ended.unwrap_or_else(|AtOnce(code)| code))
}

/// The event log of a run, or why there is none.
fn log(run: RunId) -> Result<Log, String> {
    let folder = env::runs().ok_or("no event log is kept: there is no home directory")?;
    Log::create(&folder, run)
        .map_err(|error| format!("no event log is kept in {}: {error}", folder.display()))
}

fn finish(ran: &Ran, outputs: &[Output], look: &Look, mut warnings: Vec<String>) -> u8 {
    let failures = output::write_all(outputs, &ran.record, look);
    warnings.extend(ran.warnings.iter().cloned());
    warnings.extend(failures.iter().map(|failure| format!("{failure:#}")));
    for warning in warnings {
        super::warn(&warning);
    }
    exit::of(&ran.record)
}

/// The fonts of the command line.
pub(super) fn fonts(paths: &[PathBuf]) -> anyhow::Result<Vec<Arc<Vec<u8>>>> {
    let read = |path: &PathBuf| {
        let font =
            std::fs::read(path).with_context(|| format!("reading the font {}", path.display()));
        font.map(Arc::new)
    };
    paths.iter().map(read).collect()
}

fn progress() -> Box<dyn Sink> {
    if env::live_stderr() {
        Box::new(Bar::stderr())
    } else {
        Box::new(Lines::new(output::Heard::stderr()))
    }
}

/// The variables of a list as its record shows them.
pub(super) fn shown_vars(checklist: &Checklist) -> BTreeMap<String, Value> {
    let mut shown = checklist.vars.clone();
    for value in shown.values_mut() {
        checklist.secrets.redact_value(value);
    }
    shown
}

/// What a record says of a run before its first check.
pub(super) fn header(
    planned: &Plan<'_>,
    origin: Origin,
    vantage: Option<String>,
    strict: bool,
) -> Header {
    let checklist = planned.checklist;
    Header {
        format: FORMAT,
        run: RunId(uuid::Uuid::now_v7()),
        tool: Tool { name: "gonogo".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
        name: checklist.secrets.redact(&checklist.name),
        checklist: ChecklistRef {
            path: checklist.path.clone(),
            sha256: checklist.sha256.clone(),
            git: origin.git,
        },
        launch: checklist.launch.as_ref().map(show_instant),
        window: planned.window,
        phase: planned.phase.clone(),
        vantage,
        shard: origin.shard,
        resumes: origin.resumes,
        merged: Vec::new(),
        missing: Vec::new(),
        host: env::host(),
        operator: Some(env::operator()),
        started: planned.now,
        strict,
        apply: false,
        vars: shown_vars(checklist),
    }
}

/// Events as JSON lines, each flushed as it happens.
struct Stream {
    to: Box<dyn std::io::Write + Send>,
    name: String,
}

impl Stream {
    fn open(output: &Output) -> anyhow::Result<Self> {
        match &output.path {
            None => Ok(Self {
                to: Box::new(output::Heard::stdout()),
                name: "standard output".to_owned(),
            }),
            Some(path) => {
                if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
                    output::make_folder(folder)
                        .with_context(|| format!("making {}", folder.display()))?;
                }
                let file = std::fs::File::create(path);
                let file = file.with_context(|| format!("writing {}", path.display()))?;
                Ok(Self { to: Box::new(file), name: path.display().to_string() })
            }
        }
    }
}

impl Sink for Stream {
    fn event(&mut self, event: &Event) -> Result<(), String> {
        let mut line = serde_json::to_vec(event).map_err(|error| error.to_string())?;
        line.push(b'\n');
        match self.to.write_all(&line).and_then(|()| self.to.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
            Err(error) => Err(format!("no more events are written to {}: {error}", self.name)),
            Ok(()) => Ok(()),
        }
    }
}
