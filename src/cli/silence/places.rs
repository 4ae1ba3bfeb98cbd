//! Where the silences are that a command line means, and which: from a checklist, from a recorded
//! run, or from the command line itself.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::args::{PlaceArgs, WhichArgs};
use crate::checklist::load::{Options, from_text, load};
use crate::checklist::{Check, Checklist};
use crate::cli::{env, run, select};
use crate::clock::Clock;
use crate::engine::DEFAULT_TIMEOUT;
use crate::history;
use crate::model::id::CheckId;
use crate::model::record::{CheckRecord, RunRecord};
use crate::model::secret::{REDACTED, Secrets};
use crate::model::time::{Span, Window, parse_instant};
use crate::net::http::{Access, HttpUrl};
use crate::plan::{Plan, Selection, plan};
use crate::probe::silence::fleet::{Fleet, Which};
use crate::probe::silence::{Silence, marker};
use crate::probe::{JudgeCx, Probe};

/// The phase in the record of an audit, by which it is told from a launch.
pub(super) const AUDIT: &str = "audit";

/// What a command line names: a checklist as it is or out of a recorded run, and that run.
pub(super) struct Source {
    /// The list with the `silence` checks; absent where the command line names Alertmanagers.
    pub(super) checklist: Option<Checklist>,
    /// The run, when it is recorded here.
    pub(super) run: Option<RunRecord>,
    /// The Alertmanagers of the command line.
    alertmanagers: Vec<HttpUrl>,
}

/// A source, or the exit code after its mistakes were shown.
pub(super) enum Found {
    Source(Box<Source>),
    Refused(u8),
}

/// One `silence` check.
pub(super) struct Planned {
    pub(super) id: CheckId,
    pub(super) key: String,
    pub(super) window: Window,
    pub(super) max_for: Span,
    alertmanagers: Vec<HttpUrl>,
    access: Access,
    limit: Duration,
}

/// The Alertmanagers of some checks.
pub(super) struct Site {
    pub(super) fleet: Fleet,
    pub(super) urls: Vec<String>,
}

/// Finds what the command line names.
pub(super) fn source(
    args: &PlaceArgs,
    run: Option<&str>,
    choice: crate::cli::args::ColourChoice,
) -> anyhow::Result<Found> {
    if args.checklist.is_some() && !args.alertmanagers.is_empty() {
        bail!("a checklist says which Alertmanagers; leave it or --alertmanager out");
    }
    let elsewhere = args.checklist.is_some() || !args.alertmanagers.is_empty();
    let recorded = match run {
        Some("latest") => Some(latest(args.checklist.as_deref())?),
        Some(run) => recorded(run, elsewhere)?,
        None if elsewhere => None,
        None => Some(latest(None)?),
    };
    let checklist = match (&args.checklist, &recorded) {
        (Some(path), _) => {
            let launch = recorded.as_ref().and_then(|run| run.header.launch.as_deref());
            let secrets = Some(&env::Secrets as &dyn crate::checklist::interpolate::SecretSource);
            let options = Options { vars: &args.vars, var_files: &args.var_files, secrets, launch };
            Some(load(path, &options).map(|(list, _)| list))
        }
        (None, Some(record)) if args.alertmanagers.is_empty() => {
            if run.is_some_and(|run| Path::new(run).is_file()) {
                no_secrets(record)?;
            }
            Some(again(record)?)
        }
        (None, _) => None,
    };
    let checklist = match checklist {
        Some(Err(invalid)) => return Ok(Found::Refused(run::refuse(&invalid, choice))),
        Some(Ok(checklist)) => Some(checklist),
        None => None,
    };
    if let Some(list) = checklist.as_ref().filter(|list| !list.checks().any(is_silence)) {
        bail!("{} has no `silence` check", list.path);
    }
    let alertmanagers = args.alertmanagers.clone();
    Ok(Found::Source(Box::new(Source { checklist, run: recorded, alertmanagers })))
}

/// A recorded run. One that is not recorded here is still known by its marks, when something else
/// says where to look for them.
fn recorded(run: &str, elsewhere: bool) -> anyhow::Result<Option<RunRecord>> {
    let path = if Path::new(run).is_file() {
        PathBuf::from(run)
    } else {
        let folder =
            env::runs().context("there is no home directory to look for recorded runs in")?;
        match history::find(&folder, Some(run)) {
            Ok(path) => path,
            Err(_) if elsewhere && short(run).is_some() => return Ok(None),
            Err(error) => {
                return Err(anyhow::Error::from(error).context(
                    "a run of another machine can be named beside its checklist, by its id",
                ));
            }
        }
    };
    Ok(Some(history::read(&path)?))
}

/// The latest recorded run with a `silence` check that was looked at; of a checklist, by the name
/// of its file, when one is named.
fn latest(list: Option<&Path>) -> anyhow::Result<RunRecord> {
    let folder = env::runs().context("there is no home directory to look for recorded runs in")?;
    let launched = |record: &RunRecord| {
        let looked = |check: &CheckRecord| check.kind == Silence::KIND && check.skipped.is_none();
        let of_list = list.is_none_or(|list| {
            list.file_name() == Path::new(&record.header.checklist.path).file_name()
        });
        of_list && record.header.phase != AUDIT && record.checks().any(looked)
    };
    history::records(&folder).flatten().find(launched).with_context(|| {
        format!(
            "no run with a `silence` check is recorded in {}; name a checklist, or --alertmanager",
            folder.display()
        )
    })
}

/// The short form of a run's id, as it stands in comments: from the id, or as it is.
fn short(run: &str) -> Option<String> {
    let digits = run.replace('-', "");
    let good = matches!(digits.len(), 12 | 32) && digits.chars().all(|c| c.is_ascii_hexdigit());
    good.then(|| digits[digits.len() - 12..].to_lowercase())
}

fn is_silence(check: &Check) -> bool {
    check.kind == Silence::KIND
}

/// A record that came from elsewhere does not choose which secrets of this machine are sent where.
fn no_secrets(record: &RunRecord) -> anyhow::Result<()> {
    for check in record.checks().filter(|check| check.kind == Silence::KIND) {
        let text = check.parameters.to_string();
        if text.contains("${env:") || text.contains("${file:") {
            let (run, id) = (record.header.run, &check.id);
            bail!(
                "the record of run {run} asks for a secret of `{id}`; name the checklist as well"
            );
        }
    }
    Ok(())
}

/// The `silence` checks of a recorded run as a checklist: its parameters as they were used, secrets
/// filled in anew, for the launch and the window of the run.
fn again(record: &RunRecord) -> anyhow::Result<Result<Checklist, crate::checklist::load::Invalid>> {
    let checks: Vec<&CheckRecord> =
        record.checks().filter(|check| check.kind == Silence::KIND).collect();
    let mut bodies = Vec::new();
    for (n, check) in checks.iter().enumerate() {
        let folder = Path::new(&check.source.file).parent().unwrap_or(Path::new("")).to_owned();
        let parameters = rooted(&check.parameters, None, &folder);
        if parameters.to_string().contains(REDACTED) {
            let (run, id) = (record.header.run, &check.id);
            bail!("the record of run {run} hides a secret of `{id}`; name the checklist as well");
        }
        bodies.push(json!({
            "id": format!("silence-{n}"), "title": check.title, (Silence::KIND): parameters,
        }));
    }
    let header = &record.header;
    let launch = header.launch.clone().unwrap_or_else(|| header.started.to_string());
    let mut list = json!({
        "gonogo": 1, "name": header.name, "launch": launch,
        "steps": [{ "name": "Silences", "checks": bodies }],
    });
    let t0 = parse_instant(&launch).map_or(header.started, |zoned| zoned.timestamp());
    if header.window.from < header.window.to {
        let from = offset(header.window.from, t0);
        list["window"] = json!({ "from": from, "to": offset(header.window.to, t0) });
    }
    let text = serde_yaml::to_string(&list).context("writing the checklist")?;
    let options = Options { vars: &[], var_files: &[], secrets: Some(&env::Secrets), launch: None };
    let name = format!("run {}", header.run);
    Ok(from_text(&name, &text, &options).map(|(mut list, _)| {
        let made = list.steps.iter_mut().flat_map(|step| &mut step.checks);
        for (made, check) in made.zip(&checks) {
            made.id = check.id.clone();
            made.source = check.source.clone();
        }
        list
    }))
}

/// `T-900s`: an instant by its distance from the launch.
fn offset(at: Timestamp, launch: Timestamp) -> String {
    let distance = at.duration_since(launch);
    let sign = if distance.is_negative() { '-' } else { '+' };
    format!("T{sign}{}", Span::from(distance.unsigned_abs()))
}

/// Parameters whose relative paths start from the folder of the list they were written in, and
/// whose literal `${` stay what they are.
fn rooted(value: &Value, key: Option<&str>, folder: &Path) -> Value {
    match value {
        Value::String(text) if matches!(key, Some("ca" | "client_cert" | "client_key")) => {
            Value::from(folder.join(text).display().to_string())
        }
        Value::String(text) => {
            let mut pieces = text.split("${");
            let mut rooted = pieces.next().unwrap_or_default().to_owned();
            for piece in pieces {
                match piece.strip_prefix("file:") {
                    Some(path) => {
                        let path = folder.join("").display().to_string() + path;
                        let absolute = piece["file:".len()..].starts_with('/');
                        rooted.push_str("${file:");
                        rooted.push_str(if absolute { &piece["file:".len()..] } else { &path });
                    }
                    None if piece.starts_with("env:") => {
                        rooted.push_str("${");
                        rooted.push_str(piece);
                    }
                    None => {
                        rooted.push_str("$${");
                        rooted.push_str(piece);
                    }
                }
            }
            Value::from(rooted)
        }
        Value::Array(items) => items.iter().map(|item| rooted(item, None, folder)).collect(),
        Value::Object(map) => map
            .iter()
            .map(|(key, item)| (key.clone(), rooted(item, Some(key), folder)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

impl Source {
    /// The secrets that were filled in.
    pub(super) fn secrets(&self) -> Secrets {
        self.checklist.as_ref().map(|list| list.secrets.clone()).unwrap_or_default()
    }

    /// The plan of the list with nothing but its `silence` checks, of every phase.
    pub(super) fn plan(&self) -> anyhow::Result<Plan<'_>> {
        let list = self.checklist.as_ref().context("name a checklist or a run")?;
        let only = list.checks().filter(|check| is_silence(check)).map(|check| check.id.clone());
        let selection = Selection {
            only: Some(only.collect()),
            earlier: select::earlier(list),
            phase: crate::plan::PhaseChoice::All,
            ..Selection::default()
        };
        let nothing = |nothing: crate::plan::NothingSelected| {
            anyhow::anyhow!("{nothing}; {}", nothing.help())
        };
        plan(list, &selection, &Clock.local()).map_err(nothing)
    }

    /// T-0, when anything says when it is.
    pub(super) fn launch(&self) -> Option<Timestamp> {
        let list = self.checklist.as_ref().and_then(|list| list.launch.as_ref());
        list.map(jiff::Zoned::timestamp).or_else(|| Some(self.run.as_ref()?.header.started))
    }

    /// The `silence` checks.
    pub(super) fn planned(&self) -> anyhow::Result<Vec<Planned>> {
        if self.checklist.is_none() {
            return Ok(Vec::new());
        }
        let plan = self.plan()?;
        // Where the list names no launch, that of the run is meant and not that of this moment.
        let launch = self.launch().unwrap_or_else(|| plan.launch.timestamp());
        let moved = launch.duration_since(plan.launch.timestamp());
        let window = Window { from: plan.window.from + moved, to: plan.window.to + moved };
        let times = JudgeCx { now: plan.now, launch, window };
        let mut all = Vec::new();
        for check in plan.selected() {
            let probe = check.probe.as_ref().map_err(|fault| anyhow::anyhow!("{fault}"))?;
            let Some(silence) = probe.as_any().downcast_ref::<Silence>() else { continue };
            all.push(Planned {
                id: check.id.clone(),
                key: marker::key(&check.id, &silence.matchers),
                window: silence.window(&times),
                max_for: silence.max_for,
                alertmanagers: silence.alertmanagers.clone(),
                access: silence.access.based(&check.base),
                limit: check.timeout.unwrap_or(DEFAULT_TIMEOUT).get(),
            });
        }
        Ok(all)
    }

    /// The Alertmanagers, each set of them once.
    pub(super) async fn sites(&self, planned: &[Planned]) -> anyhow::Result<Vec<Site>> {
        let own = (!self.alertmanagers.is_empty())
            .then(|| (self.alertmanagers.clone(), Access::default(), DEFAULT_TIMEOUT.get()));
        let of_checks = planned
            .iter()
            .map(|check| (check.alertmanagers.clone(), check.access.clone(), check.limit));
        let mut known: Vec<(Vec<HttpUrl>, Access)> = Vec::new();
        let mut sites = Vec::new();
        for (urls, access, limit) in own.into_iter().chain(of_checks) {
            let mut sorted = urls.clone();
            sorted.sort_unstable();
            if known.contains(&(sorted.clone(), access.clone())) {
                continue;
            }
            known.push((sorted, access.clone()));
            let fleet = Fleet::find(&urls, &access, limit).await?;
            sites.push(Site { fleet, urls: urls.iter().map(ToString::to_string).collect() });
        }
        Ok(sites)
    }

    /// Which silences the command line means; `None` when it does not say.
    pub(super) fn which(&self, args: &WhichArgs, planned: &[Planned]) -> Option<Which> {
        if !args.ids.is_empty() {
            return Some(Which::Any(args.ids.iter().cloned().map(Which::Id).collect()));
        }
        if args.ours {
            return Some(Which::Ours);
        }
        if let Some(run) = &args.run {
            let recorded = self.run.as_ref().map(|record| record.header.run.short());
            let mut any: Vec<Which> =
                recorded.or_else(|| short(run)).map(Which::Run).into_iter().collect();
            // A run that found its silence made by an earlier one of the same launch means that.
            if self.run.is_some() {
                any.extend(planned.iter().map(|c| Which::KeyWithin(c.key.clone(), c.window)));
            }
            return Some(Which::Any(any));
        }
        let of_list = self.run.is_none() && self.checklist.is_some();
        of_list.then(|| Which::Any(planned.iter().map(|c| Which::Key(c.key.clone())).collect()))
    }
}
