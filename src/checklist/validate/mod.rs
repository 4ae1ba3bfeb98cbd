//! From what the user wrote to a valid checklist, collecting every mistake on the way.

mod check;
mod needs;
mod steps;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Zoned;

use super::Checklist;
use super::diagnostic::Sources;
use super::interpolate::{Filler, SecretSource};
use super::load::{Origin, Part};
use super::raw::{RawChecklist, RawDefaults, RawFragment, RawWaiver, Retry};
use crate::model::id::CheckId;
use crate::model::node::{Content, Key, Node, Place, Problem};
use crate::model::people::People;
use crate::model::secret::Secrets;
use crate::model::time::{Offset, parse_instant};

/// What a checklist is validated from.
pub(super) struct Input<'a> {
    /// Included files before the files that include them; the checklist itself last.
    pub(super) parts: &'a [Part],
    /// Variables of the command line.
    pub(super) overrides: BTreeMap<String, Node>,
    pub(super) secrets: &'a dyn SecretSource,
    /// Where every secret that is filled in is noted.
    pub(super) known: &'a Secrets,
    /// T-0 of the command line.
    pub(super) launch: Option<&'a str>,
    pub(super) sources: &'a Sources,
}

/// Makes a checklist; with problems added, what is returned must not be run.
pub(super) fn checklist(
    from: Origin,
    input: &Input<'_>,
    problems: &mut Vec<Problem>,
) -> Option<Checklist> {
    let (top, included) = input.parts.split_last()?;
    if top.root.content == Content::Null {
        let problem = Problem::new(top.root.place, "the file is empty");
        problems.push(problem.help("a checklist begins with `gonogo: 1` and a `name:`"));
        return None;
    }
    for part in input.parts {
        duplicates(&part.root, input.sources, problems);
        own_keys(&part.root, problems);
    }
    let secrets = input.known.clone();
    let folders = input.parts.iter().map(|part| (part.root.place.file, part.folder.clone()));
    let folders: HashMap<_, _> = folders.collect();
    let vars = variables(input, problems);
    let mut filler = Filler::new(vars, input.secrets, &secrets, folders.clone());
    let mut vars = filler.variables();
    // A variable that lacks its secret is the fault of the checks that use it.
    let _theirs = filler.take_missing();
    vars.remove("name");
    let vars = vars.into_iter().map(|(name, node)| (name, node.shown())).collect();
    let head = filler.fill(&without(&top.root, LATER));
    let list: Option<RawChecklist> = head.read(problems);
    let mut defaults = HashMap::new();
    for part in included {
        let head = filler.fill(&without(&part.root, LATER));
        if let Some(RawFragment { defaults: Some(own), .. }) = head.read(problems) {
            default_tries(&own, &head, problems);
            defaults.insert(part.root.place.file, own);
        }
    }
    // A secret outside of a check has nothing it could be the fault of.
    let lacking = filler.take_missing().into_iter();
    problems.extend(lacking.map(|(place, fault)| Problem::new(place, fault.to_string())));
    let people = people(input.parts, &mut filler, problems);
    let waivers = waivers(input.parts, &mut filler, problems);
    problems.extend(filler.missing_is_wrong());
    no_secrets(head.get("phases"), "a phase", problems);
    let mut reader = steps::Reader {
        filler,
        problems,
        sources: input.sources,
        folders,
        defaults,
        top_defaults: list.as_ref().and_then(|list| list.defaults.clone()),
        phases: list.as_ref().and_then(|list| list.phases.clone()),
        phases_read: list.is_some(),
        owners: people.keys().cloned().collect(),
        observations: HashMap::new(),
        ids: HashMap::new(),
    };
    let steps = reader.steps(input.parts);
    let steps::Reader { filler, problems, ids, .. } = reader;
    problems.extend(filler.problems);
    known_checks(&waivers, &ids, problems);
    let list = list?;
    version(&list, &head, problems);
    list.defaults.iter().for_each(|own| default_tries(own, &head, problems));
    let window = window(&list, &head, problems);
    let launch = launch(&list, &head, input.launch, problems);
    let mut phases = list.phases.unwrap_or_default();
    phases.sort_by_key(|phase| phase.at);
    phases.dedup();
    let waivers = waivers.into_iter().map(|(waiver, _)| waiver).collect();
    Some(Checklist {
        name: list.name,
        path: from.path,
        sha256: from.sha256,
        launch,
        window,
        phases,
        vars,
        steps,
        waivers,
        people: Arc::new(people),
        signoffs: from.signoffs.into(),
        secrets,
    })
}

/// The keys that are read on their own, after the variables are known.
const LATER: &[&str] = &["steps", "vars", "waivers", "people"];

/// The variables as written: a file wins over what it includes, the command line over all.
fn variables(input: &Input<'_>, problems: &mut Vec<Problem>) -> BTreeMap<String, Node> {
    let mut vars: BTreeMap<String, Node> = BTreeMap::new();
    for part in input.parts {
        let Some(node) = part.root.get("vars") else { continue };
        // Of a key that stands twice, the first one counts; the other is reported.
        let entries = node.entries().iter().rev();
        vars.extend(entries.map(|(key, node)| (key.text.clone(), node.clone())));
        if !matches!(node.content, Content::Map(_) | Content::Null) {
            let message = format!("expected a mapping, found {}", node.describe());
            problems.push(Problem::new(node.place, message));
        }
    }
    vars.extend(input.overrides.clone());
    let name = input.parts.last().and_then(|part| part.root.get("name"));
    if let Some(name) = name {
        vars.entry("name".to_owned()).or_insert_with(|| name.clone());
    }
    vars
}

/// The people of all files; a file wins over what it includes.
fn people(parts: &[Part], filler: &mut Filler<'_>, problems: &mut Vec<Problem>) -> People {
    let mut people = People::new();
    for node in parts.iter().filter_map(|part| part.root.get("people")) {
        let node = filler.fill(node);
        people.extend(node.read::<Option<People>>(problems).flatten().unwrap_or_default());
    }
    people
}

/// The waivers of all files, with the places of the checks they name.
fn waivers(
    parts: &[Part],
    filler: &mut Filler<'_>,
    problems: &mut Vec<Problem>,
) -> Vec<(RawWaiver, Place)> {
    let mut waivers = Vec::new();
    for node in parts.iter().filter_map(|part| part.root.get("waivers")) {
        let node = filler.fill(node);
        let items = match &node.content {
            Content::List(items) => items.as_slice(),
            Content::Null => &[],
            Content::Bool(_) | Content::Number(..) | Content::Text(_) | Content::Map(_) => {
                let message = format!("expected a list, found {}", node.describe());
                problems.push(Problem::new(node.place, message).help("begin each item with `- `"));
                &[]
            }
        };
        for item in items {
            let waiver: Option<RawWaiver> = item.read(problems);
            for key in ["reason", "by"] {
                if item.get(key).and_then(Node::as_text).is_some_and(|text| text.trim().is_empty())
                {
                    let message = format!("a waiver without `{key}` says nothing to an auditor");
                    problems.push(Problem::new(place_of(item, key), message));
                }
            }
            waivers.extend(waiver.map(|waiver| (waiver, place_of(item, "check"))));
        }
    }
    waivers
}

/// A waiver of a check that is not there would never be missed.
fn known_checks(
    waivers: &[(RawWaiver, Place)],
    ids: &HashMap<CheckId, Place>,
    problems: &mut Vec<Problem>,
) {
    for (waiver, place) in waivers {
        if !ids.keys().any(|id| id.matches(&waiver.check)) {
            problems.push(no_such_check(&waiver.check, *place, ids));
        }
    }
}

/// The problem of an id that no check has.
fn no_such_check(name: &str, place: Place, ids: &HashMap<CheckId, Place>) -> Problem {
    let near = crate::model::text::did_you_mean(name, ids.keys().map(CheckId::as_str));
    let help = near.map_or_else(
        || "name the id of a check".to_owned(),
        |near| format!("did you mean `{near}`?"),
    );
    Problem::new(place, format!("`{name}` is no check of this list")).help(help)
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

/// Reports keys of the language that hold a reference: what stands under one would be read by nobody.
pub(super) fn own_keys(node: &Node, problems: &mut Vec<Problem>) {
    for (key, _) in node.entries().iter().filter(|(key, _)| key.text.contains("${")) {
        let message = format!("the key `{}` holds a reference", key.text);
        let help = "references stand in values, and in the keys of a kind's parameters";
        problems.push(Problem::new(key.place, message).help(help));
    }
}

/// Reports every key that stands twice in one map, anywhere in the tree.
pub(super) fn duplicates(node: &Node, sources: &Sources, problems: &mut Vec<Problem>) {
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

fn version(list: &RawChecklist, head: &Node, problems: &mut Vec<Problem>) {
    if list.gonogo != 1 {
        let message = format!(
            "version {} of the checklist language is not known to this gonogo",
            list.gonogo
        );
        problems.push(Problem::new(place_of(head, "gonogo"), message).help("write `gonogo: 1`"));
    }
    if list.name.trim().is_empty() {
        problems.push(Problem::new(place_of(head, "name"), "the name is empty"));
    }
}

fn window(
    list: &RawChecklist,
    head: &Node,
    problems: &mut Vec<Problem>,
) -> Option<(Offset, Offset)> {
    let window = list.window?;
    if window.to < window.from {
        let message = format!("the window ends ({}) before it begins ({})", window.to, window.from);
        let place = head.get("window").map_or(head.place, |window| place_of(window, "to"));
        problems
            .push(Problem::new(place, message).help("`from` is the earlier one, such as T-15m"));
    }
    Some((window.from, window.to))
}

fn launch(
    list: &RawChecklist,
    head: &Node,
    given: Option<&str>,
    problems: &mut Vec<Problem>,
) -> Option<Zoned> {
    let text = given.or(list.launch.as_deref())?;
    match parse_instant(text) {
        Ok(launch) => Some(launch),
        Err(error) => {
            problems.push(Problem::new(place_of(head, "launch"), error.to_string()));
            None
        }
    }
}

/// Reports a number of tries in the defaults of a file that is none.
fn default_tries(defaults: &RawDefaults, head: &Node, problems: &mut Vec<Problem>) {
    let place = head.get("defaults").map_or(head.place, |defaults| place_of(defaults, "retry"));
    tries(defaults.retry.as_ref(), place, problems);
}

/// Reports a number of tries that is none.
fn tries(retry: Option<&Retry>, place: Place, problems: &mut Vec<Problem>) {
    if let Some(retry) = retry
        && !(1..=100).contains(&retry.attempts)
    {
        let message = format!("{} attempts are not between 1 and 100", retry.attempts);
        problems.push(Problem::new(place, message));
    }
}

/// Reports secrets in what is shown everywhere as it is.
fn no_secrets(node: Option<&Node>, what: &str, problems: &mut Vec<Problem>) {
    let Some(node) = node else { return };
    for item in node.as_list().unwrap_or(std::slice::from_ref(node)) {
        if matches!(&item.content, Content::Text(text) if text.shown.is_some()) {
            let message = format!("{what} is shown everywhere; it cannot hold a secret");
            problems.push(Problem::new(item.place, message));
        }
    }
}

/// What holds for the checks of one file.
fn defaults_of<'a>(
    file: usize,
    own: &'a HashMap<usize, RawDefaults>,
    top: Option<&'a RawDefaults>,
) -> [Option<&'a RawDefaults>; 2] {
    [own.get(&file), top]
}
