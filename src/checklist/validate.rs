//! From what the user wrote to a valid checklist, collecting every mistake on the way.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Zoned;
use serde_json::json;

use super::diagnostic::Sources;
use super::interpolate::{Filler, SecretSource};
use super::load::Origin;
use super::raw::{RawCheck, RawChecklist, RawDefaults, RawStep};
use super::{Check, Checklist, Retry, RetryOn, Step};
use crate::model::fault::Fault;
use crate::model::hash::sha256_hex;
use crate::model::id::CheckId;
use crate::model::node::{Content, Key, Node, Place, Problem};
use crate::model::record::Source;
use crate::model::secret::Secrets;
use crate::model::text::did_you_mean;
use crate::model::time::{Offset, Phase, Span, parse_instant};
use crate::probe::{AnyProbe, KINDS, KindRow, Target};

/// What a checklist is validated from, beside its own text.
pub(super) struct Input<'a> {
    pub(super) root: &'a Node,
    pub(super) overrides: BTreeMap<String, Node>,
    pub(super) secrets: &'a dyn SecretSource,
    pub(super) launch: Option<&'a str>,
    pub(super) sources: &'a Sources,
}

/// Makes a checklist; with problems added, what is returned must not be run.
pub(super) fn checklist(
    from: Origin,
    sha256: String,
    input: Input<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Checklist> {
    if input.root.content == Content::Null {
        let message = "the file is empty".to_owned();
        problems.push(
            Problem::new(input.root.place, message).help("`gonogo init` writes one to start from"),
        );
        return None;
    }
    duplicates(input.root, input.sources, problems);
    let secrets = Secrets::default();
    let mut vars: BTreeMap<String, Node> = BTreeMap::new();
    if let Some(node) = input.root.get("vars") {
        vars.extend(
            node.entries().iter().rev().map(|(key, node)| (key.text.clone(), node.clone())),
        );
        if !matches!(node.content, Content::Map(_) | Content::Null) {
            problems.push(Problem::new(
                node.place,
                format!("expected a mapping, found {}", node.describe()),
            ));
        }
    }
    vars.extend(input.overrides);
    if let Some(name) = input.root.get("name") {
        vars.entry("name".to_owned()).or_insert_with(|| name.clone());
    }
    let mut filler = Filler::new(vars, input.secrets, &secrets);
    let mut vars = filler.variables();
    vars.remove("name");
    let vars = vars.into_iter().map(|(name, node)| (name, node.shown())).collect();
    let top = filler.fill(&without(input.root, &["steps", "vars"]));
    // A secret outside of a check has nothing it could be the fault of.
    for (place, fault) in filler.take_missing() {
        if input.root.get("vars").is_none_or(|vars| !within(vars.place, place)) {
            problems.push(Problem::new(place, fault.to_string()));
        }
    }
    let list: Option<RawChecklist> = top.read(problems);
    let mut reader = Reader {
        filler,
        problems,
        sources: input.sources,
        defaults: list.as_ref().and_then(|list| list.defaults.as_ref().map(clone_defaults)),
        phases: list.as_ref().and_then(|list| list.phases.clone()).unwrap_or_default(),
        phases_read: list.is_some(),
        ids: HashMap::new(),
    };
    let steps = reader.steps(input.root);
    let Reader { filler, problems, .. } = reader;
    problems.extend(filler.problems);
    let list = list?;
    version(&list, &top, problems);
    let window = window(&list, &top, problems);
    let launch = launch(&list, &top, input.launch, problems);
    let mut phases = list.phases.unwrap_or_default();
    phases.sort_by_key(|phase| phase.at);
    phases.dedup();
    let Origin { path, base, signoffs, .. } = from;
    let signoffs = signoffs.into();
    Some(Checklist {
        name: list.name,
        path,
        sha256,
        base,
        launch,
        window,
        phases,
        vars,
        steps,
        signoffs,
        secrets,
    })
}

fn clone_defaults(defaults: &RawDefaults) -> RawDefaults {
    RawDefaults { timeout: defaults.timeout, retry: defaults.retry.clone() }
}

/// Whether one place stands within another.
fn within(outer: Place, inner: Place) -> bool {
    outer.file == inner.file && outer.start <= inner.start && inner.end <= outer.end
}

/// The map with some of its values emptied, so that they are neither filled in nor read here.
fn without(node: &Node, keys: &[&str]) -> Node {
    let entries = node.entries().iter().map(|(key, value)| {
        let emptied = Node { content: Content::Null, place: value.place };
        let kept = !keys.contains(&key.text.as_str());
        (key.clone(), if kept { value.clone() } else { emptied })
    });
    match &node.content {
        Content::Map(_) => Node { content: Content::Map(unique(entries)), place: node.place },
        Content::Null
        | Content::Bool(_)
        | Content::Number(..)
        | Content::Text(_)
        | Content::List(_) => node.clone(),
    }
}

/// The first entry of every key; the others are reported as duplicates.
fn unique(entries: impl Iterator<Item = (Key, Node)>) -> Vec<(Key, Node)> {
    let mut kept: Vec<(Key, Node)> = Vec::new();
    for (key, node) in entries {
        if kept.iter().all(|(known, _)| known.text != key.text) {
            kept.push((key, node));
        }
    }
    kept
}

/// Reports every key that stands twice in one map, anywhere in the tree.
fn duplicates(node: &Node, sources: &Sources, problems: &mut Vec<Problem>) {
    match &node.content {
        Content::Map(entries) => {
            let mut seen: HashMap<&str, Place> = HashMap::new();
            for (key, value) in entries {
                if let Some(first) = seen.get(key.text.as_str()) {
                    let line = sources.position(*first).0;
                    problems.push(
                        Problem::new(key.place, format!("the key `{}` stands twice", key.text))
                            .help(format!("the first one is on line {line}; keep one of them")),
                    );
                } else {
                    seen.insert(&key.text, key.place);
                }
                duplicates(value, sources, problems);
            }
        }
        Content::List(items) => items.iter().for_each(|item| duplicates(item, sources, problems)),
        Content::Null | Content::Bool(_) | Content::Number(..) | Content::Text(_) => {}
    }
}

fn place_of(node: &Node, key: &str) -> Place {
    node.get(key).map_or(node.place, |value| value.place)
}

fn version(list: &RawChecklist, top: &Node, problems: &mut Vec<Problem>) {
    if list.gonogo != 1 {
        let message = format!(
            "version {} of the checklist language is not known to this gonogo",
            list.gonogo
        );
        problems.push(Problem::new(place_of(top, "gonogo"), message).help("write `gonogo: 1`"));
    }
    if list.name.trim().is_empty() {
        problems.push(Problem::new(place_of(top, "name"), "the name is empty"));
    }
}

fn window(
    list: &RawChecklist,
    top: &Node,
    problems: &mut Vec<Problem>,
) -> Option<(Offset, Offset)> {
    let window = list.window?;
    if window.to < window.from {
        let message = format!("the window ends ({}) before it begins ({})", window.to, window.from);
        let place = top.get("window").map_or(top.place, |window| place_of(window, "to"));
        problems
            .push(Problem::new(place, message).help("`from` is the earlier one, such as T-15m"));
    }
    Some((window.from, window.to))
}

fn launch(
    list: &RawChecklist,
    top: &Node,
    given: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Option<Zoned> {
    let text = given.or(list.launch.as_deref())?;
    match parse_instant(text) {
        Ok(launch) => Some(launch),
        Err(error) => {
            problems.push(Problem::new(place_of(top, "launch"), error.to_string()));
            None
        }
    }
}

/// Reads steps and checks.
struct Reader<'a, 'p> {
    filler: Filler<'a>,
    problems: &'p mut Vec<Problem>,
    sources: &'a Sources,
    defaults: Option<RawDefaults>,
    phases: Vec<Phase>,
    /// Whether the list's own phases could be read; if not, those of checks are not compared.
    phases_read: bool,
    /// Every id so far, and where it stands.
    ids: HashMap<CheckId, Place>,
}

impl Reader<'_, '_> {
    fn steps(&mut self, root: &Node) -> Vec<Step> {
        let Some(node) = root.get("steps") else { return Vec::new() };
        let items = self.items(node, "a step");
        let mut steps = Vec::new();
        // What each check needs, with the places of the words.
        let mut needs = Vec::new();
        for item in items {
            if let Some(step) = self.step(item, steps.len(), &mut needs) {
                steps.push(step);
            }
        }
        self.resolve_needs(&mut steps, &needs);
        steps
    }

    /// The items of a list that must have some.
    fn items<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match &node.content {
            Content::List(items) if !items.is_empty() => items,
            Content::List(_) | Content::Null => {
                let message = format!("there is not even {what}: nothing would be checked");
                self.problems.push(Problem::new(node.place, message));
                &[]
            }
            Content::Bool(_) | Content::Number(..) | Content::Text(_) | Content::Map(_) => {
                let message = format!("expected a list, found {}", node.describe());
                self.problems
                    .push(Problem::new(node.place, message).help("begin each item with `- `"));
                &[]
            }
        }
    }

    fn step(&mut self, node: &Node, number: usize, needs: &mut Vec<Need>) -> Option<Step> {
        let head = self.filler.fill(&without(node, &["checks"]));
        let raw: Option<RawStep> = head.read(self.problems);
        let mut checks = Vec::new();
        if let Some(list) = node.get("checks") {
            for item in self.items(list, "a check") {
                checks.extend(self.check(item, (number, checks.len()), needs));
            }
        }
        let raw = raw?;
        Some(Step { name: raw.name, halt_on: raw.halt_on, checks })
    }

    fn check(&mut self, node: &Node, at: (usize, usize), needs: &mut Vec<Need>) -> Option<Check> {
        let node = self.filler.fill(node);
        let missing = self.filler.take_missing();
        if !matches!(node.content, Content::Map(_)) {
            let message = format!("expected a check, found {}", node.describe());
            self.problems.push(
                Problem::new(node.place, message)
                    .help("a check is a mapping with `id:` and a kind"),
            );
            return None;
        }
        let mut common = Vec::new();
        let mut kinds: Vec<(&KindRow, &Key, &Node)> = Vec::new();
        for (key, value) in node.entries() {
            if let Some(row) = crate::probe::kind(&key.text) {
                kinds.push((row, key, value));
            } else if RawCheck::KEYS.contains(&key.text.as_str()) {
                common.push((key.clone(), value.clone()));
            } else {
                let known = RawCheck::KEYS.into_iter().chain(KINDS.iter().map(|row| row.name));
                self.problems.push(Problem::unknown_key(key, known));
            }
        }
        let common = Node { content: Content::Map(unique(common.into_iter())), place: node.place };
        let raw: Option<RawCheck> = common.read(self.problems);
        let probe = self.probe(&node, &kinds, &missing);
        let raw = raw?;
        self.note_id(&raw.id, place_of(&common, "id"));
        self.check_phases(raw.phases.as_deref(), &common);
        self.check_retry(raw.retry.as_ref(), &common);
        needs.extend(needs_of(&raw, &common, at));
        let (kind, probe, parameters) = probe?;
        Some(self.finish(raw, kind, probe, parameters, node.place))
    }

    /// The one kind of a check and its probe.
    #[expect(clippy::type_complexity, reason = "a check's three parts, taken apart at once")]
    fn probe(
        &mut self,
        node: &Node,
        kinds: &[(&'static KindRow, &Key, &Node)],
        missing: &[(Place, Fault)],
    ) -> Option<(&'static str, Result<Arc<dyn AnyProbe>, Fault>, serde_json::Value)> {
        let (row, key, value) = match kinds {
            [one] => *one,
            [] => {
                let known: Vec<&str> = KINDS.iter().map(|row| row.name).collect();
                self.problems.push(
                    Problem::new(
                        node.place,
                        "the check has no kind, so there is nothing to look at",
                    )
                    .help(format!("add one of: {}", known.join(", "))),
                );
                return None;
            }
            [(first, ..), (second, key, _), ..] => {
                let message = format!(
                    "a check has one kind, and this one has `{}` and `{}`",
                    first.name, second.name
                );
                self.problems.push(Problem::new(key.place, message).help("make two checks of it"));
                return None;
            }
        };
        if !matches!(value.content, Content::Map(_)) {
            let (Target::One(target) | Target::List(target)) = row.target;
            let message =
                format!("expected the parameters of `{}`, found {}", row.name, value.describe());
            let help = format!("write `{}: {{ {target}: … }}`", row.name);
            self.problems.push(Problem::new(value.place, message).help(help));
            return None;
        }
        let mut found = Vec::new();
        let probe = (row.read)(value, key.place, &mut found);
        // A text that lacks its secret cannot be judged yet.
        let lacks = |place: Place| missing.iter().any(|(lacking, _)| *lacking == place);
        let before = found.len();
        found.retain(|problem| !lacks(problem.place));
        let only_secrets = before > 0 && found.is_empty();
        self.problems.append(&mut found);
        let shown = value.shown();
        let missing_here = missing.first().map(|(_, fault)| fault.clone());
        match (probe, missing_here) {
            (Some(probe), fault) => {
                for complaint in probe.complaints() {
                    let place = complaint
                        .key
                        .and_then(|wanted| {
                            value.entries().iter().find(|(known, _)| known.text == wanted)
                        })
                        .map_or(key.place, |(known, _)| known.place);
                    if !lacks(place) {
                        let problem = Problem::new(place, complaint.message);
                        self.problems.push(Problem { help: complaint.help, ..problem });
                    }
                }
                Some((row.name, fault.map_or(Ok(Arc::from(probe)), Err), shown))
            }
            (None, Some(fault)) if only_secrets => Some((row.name, Err(fault), shown)),
            (None, _) => None,
        }
    }

    fn finish(
        &self,
        raw: RawCheck,
        kind: &'static str,
        probe: Result<Arc<dyn AnyProbe>, Fault>,
        parameters: serde_json::Value,
        place: Place,
    ) -> Check {
        let title = raw.title.unwrap_or_else(|| raw.id.to_string());
        let item = json!({ "id": raw.id, "title": title, "kind": kind, "parameters": parameters });
        let defaults = self.defaults.as_ref();
        let once = Retry { attempts: 1, backoff: Span::ZERO, on: vec![RetryOn::Unknown] };
        let file = self.sources.file(place.file).map_or_else(String::new, |file| file.path.clone());
        Check {
            kind,
            title,
            severity: raw.severity.unwrap_or_default(),
            owner: raw.owner,
            runbook: raw.runbook,
            tags: raw.tags,
            phases: raw.phases.unwrap_or_default(),
            needs: Vec::new(),
            timeout: raw.timeout.or_else(|| defaults.and_then(|defaults| defaults.timeout)),
            retry: raw.retry.or_else(|| defaults.and_then(|d| d.retry.clone())).unwrap_or(once),
            parameters,
            item: sha256_hex(item.to_string().as_bytes()),
            probe,
            source: Source { file, line: self.sources.position(place).0 },
            id: raw.id,
        }
    }

    fn note_id(&mut self, id: &CheckId, place: Place) {
        if let Some(first) = self.ids.get(id) {
            let line = self.sources.position(*first).0;
            self.problems.push(
                Problem::new(place, format!("the id `{id}` is taken"))
                    .help(format!("the first check of that name is on line {line}")),
            );
        } else {
            self.ids.insert(id.clone(), place);
        }
    }

    fn check_phases(&mut self, phases: Option<&[Phase]>, common: &Node) {
        let Some(phases) = phases.filter(|_| self.phases_read) else { return };
        let place = place_of(common, "phases");
        if phases.is_empty() {
            let message = "a check without any phase would never be looked at";
            self.problems.push(
                Problem::new(place, message).help("leave `phases` out to look in all of them"),
            );
        }
        for phase in phases.iter().filter(|phase| !self.phases.contains(phase)) {
            let known: Vec<String> = self.phases.iter().map(ToString::to_string).collect();
            let help = if known.is_empty() {
                "the list has no `phases:`; name them there".to_owned()
            } else {
                format!("the list has: {}", known.join(", "))
            };
            let message = format!("the phase {phase} cannot occur: the list does not have it");
            self.problems.push(Problem::new(place, message).help(help));
        }
    }

    fn check_retry(&mut self, retry: Option<&Retry>, common: &Node) {
        if let Some(retry) = retry
            && !(1..=100).contains(&retry.attempts)
        {
            let message = format!("{} attempts are not between 1 and 100", retry.attempts);
            self.problems.push(Problem::new(place_of(common, "retry"), message));
        }
    }

    /// Fills in what each check needs, once all ids are known.
    fn resolve_needs(&mut self, steps: &mut [Step], needs: &[Need]) {
        let mut homes: HashMap<CheckId, (usize, usize)> = HashMap::new();
        for (s, step) in steps.iter().enumerate() {
            for (c, check) in step.checks.iter().enumerate() {
                homes.entry(check.id.clone()).or_insert((s, c));
            }
        }
        for need in needs {
            let Some((id, _)) = self.ids.get_key_value(need.needed.as_str()) else {
                let known = self.ids.keys().map(CheckId::as_str);
                let help = did_you_mean(&need.needed, known).map_or_else(
                    || "`needs` names ids of checks".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                let message = format!("`{}` is no check of this list", need.needed);
                self.problems.push(Problem::new(need.place, message).help(help));
                continue;
            };
            // Either end may have been dropped for another mistake, which is reported already.
            let (Some(home), Some(mine)) = (homes.get(id), homes.get(&need.by)) else { continue };
            if home.0 > mine.0 {
                let message =
                    format!("`{id}` stands in a later step and cannot have been looked at yet");
                self.problems
                    .push(Problem::new(need.place, message).help("move one of the two checks"));
            } else if let Some(check) = steps.get_mut(mine.0).and_then(|s| s.checks.get_mut(mine.1))
            {
                check.needs.push(id.clone());
            }
        }
        self.report_cycles(steps, needs);
    }

    fn report_cycles(&mut self, steps: &[Step], needs: &[Need]) {
        let graph: HashMap<&CheckId, &[CheckId]> =
            steps.iter().flat_map(|s| &s.checks).map(|c| (&c.id, c.needs.as_slice())).collect();
        let mut done: Vec<&CheckId> = Vec::new();
        for need in needs {
            if done.contains(&&need.by) {
                continue;
            }
            let Some(path) = cycle_from(&need.by, &graph) else { continue };
            done.extend(&path);
            let shown: Vec<&str> = path.iter().map(|id| id.as_str()).collect();
            let message = format!("`needs` goes in a circle: {} > {}", shown.join(" > "), need.by);
            self.problems.push(Problem::new(need.place, message).help("take one of them out"));
        }
    }
}

/// One word of a `needs`.
struct Need {
    by: CheckId,
    needed: String,
    place: Place,
}

fn needs_of(raw: &RawCheck, common: &Node, _at: (usize, usize)) -> Vec<Need> {
    let items = match common.get("needs").map(|node| &node.content) {
        Some(Content::List(items)) => items.as_slice(),
        _ => &[],
    };
    raw.needs
        .iter()
        .zip(items)
        .map(|(needed, node)| Need {
            by: raw.id.clone(),
            needed: needed.clone(),
            place: node.place,
        })
        .collect()
}

/// The way from a check back to itself, if there is one.
fn cycle_from<'a>(
    start: &'a CheckId,
    graph: &HashMap<&'a CheckId, &'a [CheckId]>,
) -> Option<Vec<&'a CheckId>> {
    let mut seen = std::collections::HashSet::new();
    let mut path = vec![(start, 0_usize)];
    while let Some((id, next)) = path.last_mut() {
        let id = *id;
        let needs = graph.get(id).copied().unwrap_or_default();
        let Some(need) = needs.get(*next) else {
            path.pop();
            continue;
        };
        *next += 1;
        if need == start {
            return Some(path.into_iter().map(|(id, _)| id).collect());
        }
        if seen.insert(need) {
            path.push((need, 0));
        }
    }
    None
}
