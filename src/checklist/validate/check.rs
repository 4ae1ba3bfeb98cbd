//! One check: what all have in common, its one kind, its expectations.

use std::path::PathBuf;
use std::sync::Arc;

use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::super::raw::RawCheck;
use super::super::{Check, Retry, RetryOn};
use super::needs::Need;
use super::steps::Reader;
use super::{defaults_of, duplicates, no_secrets, place_of, tries, unique};
use crate::model::fault::Fault;
use crate::model::hash::sha256_hex;
use crate::model::id::CheckId;
use crate::model::node::{Content, Key, Node, Place, Problem, Text};
use crate::model::record::Source;
use crate::model::text::did_you_mean;
use crate::model::time::{Phase, Span};
use crate::probe::expect::Expectation;
use crate::probe::{AnyProbe, KINDS, KindRow, Target};

/// The kind of a check, its probe or why there is none, and its parameters as they may be shown.
struct KindRead {
    row: &'static KindRow,
    probe: Result<Arc<dyn AnyProbe>, Fault>,
    written: Option<Arc<dyn AnyProbe>>,
    parameters: Value,
}

/// A key of a check that is a kind.
type KindKey<'n> = (&'static KindRow, &'n Key, &'n Node);

impl Reader<'_, '_> {
    /// One check, with the values of a round of its `for_each`.
    pub(super) fn check(
        &mut self,
        node: &Node,
        round: &[(String, Node)],
        needs: &mut Vec<Need>,
    ) -> Option<Check> {
        let node = self.filler.fill_with(round, node);
        let missing = self.filler.take_missing();
        // Two keys may be one once they are filled in.
        duplicates(&node, self.sources, self.problems);
        if !matches!(node.content, Content::Map(_)) {
            let message = format!("expected a check, found {}", node.describe());
            let problem = Problem::new(node.place, message);
            self.problems.push(problem.help("a check is a mapping with `id:` and a kind"));
            return None;
        }
        let mut common = Vec::new();
        let mut kinds: Vec<KindKey<'_>> = Vec::new();
        let mut strangers = 0;
        for (key, value) in node.entries() {
            if let Some(row) = crate::probe::kind(&key.text) {
                kinds.push((row, key, value));
            } else if RawCheck::KEYS.contains(&key.text.as_str()) {
                common.push((key.clone(), value.clone()));
            } else {
                let known = RawCheck::KEYS.into_iter().chain(KINDS.iter().map(|row| row.name));
                self.problems.push(Problem::unknown_key(key, known));
                strangers += 1;
            }
        }
        let common = Node { content: Content::Map(unique(common.into_iter())), place: node.place };
        let raw: Option<RawCheck> = common.read(self.problems);
        // An unknown key may well be the kind, misspelt: one mistake, not two.
        let misspelt = kinds.is_empty() && strangers > 0;
        let kind = if misspelt { None } else { self.kind(&node, &kinds, &missing) };
        no_secrets(common.get("id"), "an id", self.problems);
        let mut raw = raw?;
        raw.id = self.id_of(raw.id, round, &common)?;
        self.note_id(&raw.id, place_of(&common, "id"));
        self.check_phases(raw.phases.as_deref(), &common);
        self.check_owner(raw.owner.as_deref(), &common);
        tries(raw.retry.as_ref(), place_of(&common, "retry"), self.problems);
        needs.extend(Need::all_of(&raw, &common));
        let kind = kind?;
        let expect = self.expectations(&raw, &common, kind.row);
        Some(self.finish(raw, kind, expect, node.place))
    }

    /// The one kind of a check.
    fn kind(
        &mut self,
        node: &Node,
        kinds: &[KindKey<'_>],
        missing: &[(Place, Fault)],
    ) -> Option<KindRead> {
        let (row, key, value) = match kinds {
            [one] => *one,
            [] => {
                let message = "the check has no kind, so there is nothing to look at";
                let help =
                    "add one, such as `tls: { endpoint: HOST:PORT }`; `gonogo explain` lists all";
                self.problems.push(Problem::new(node.place, message).help(help));
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
        let probe = self.probe(row, key, value, missing)?;
        let written = if probe.is_err() { as_written(row, key, value) } else { None };
        Some(KindRead { row, probe, written, parameters: value.shown() })
    }

    /// The probe, or the secret that is not there; `None` when the parameters have mistakes.
    fn probe(
        &mut self,
        row: &KindRow,
        key: &Key,
        value: &Node,
        missing: &[(Place, Fault)],
    ) -> Option<Result<Arc<dyn AnyProbe>, Fault>> {
        let mut found = Vec::new();
        let probe = (row.read)(value, key.place, &mut found);
        for complaint in probe.iter().flat_map(|probe| probe.complaints()) {
            let wanted = |(known, _): &&(Key, Node)| complaint.key == Some(known.text.as_str());
            let at = value.entries().iter().find(wanted).map_or(key.place, |(key, _)| key.place);
            found.push(Problem { place: at, message: complaint.message, help: complaint.help });
        }
        // A text that lacks its secret cannot be judged yet.
        let lacks = |place: Place| missing.iter().any(|(lacking, _)| *lacking == place);
        found.retain(|problem| !lacks(problem.place));
        let clean = found.is_empty();
        self.problems.append(&mut found);
        let secret = missing.first().map(|(_, fault)| fault.clone());
        match (probe, secret) {
            (_, Some(fault)) if clean => Some(Err(fault)),
            (Some(probe), None) if clean => Some(Ok(Arc::from(probe))),
            _ => None,
        }
    }

    fn expectations(&mut self, raw: &RawCheck, common: &Node, row: &KindRow) -> Vec<Expectation> {
        if raw.expect.is_empty() {
            return Vec::new();
        }
        let (schema, definitions) = self.observations.entry(row.name).or_insert_with(|| {
            let mut generator = SchemaSettings::draft2020_12().into_generator();
            let schema = (row.observation)(&mut generator).to_value();
            (schema, Value::Object(generator.take_definitions(true)))
        });
        let items = common.get("expect").and_then(Node::as_list).unwrap_or_default();
        let mut good = Vec::new();
        for (source, place) in raw.expect.iter().zip(items.iter().map(|item| item.place)) {
            match Expectation::compile(source, schema, definitions) {
                Ok(expectation) => good.push(expectation),
                Err(bad) => {
                    self.problems.push(Problem { place, message: bad.message, help: bad.help });
                }
            }
        }
        good
    }

    fn finish(
        &self,
        raw: RawCheck,
        kind: KindRead,
        expect: Vec<Expectation>,
        place: Place,
    ) -> Check {
        let title = raw.title.unwrap_or_else(|| raw.id.to_string());
        let item = json!({
            "id": raw.id, "title": title, "kind": kind.row.name, "parameters": kind.parameters,
        });
        let defaults = defaults_of(place.file, &self.defaults, self.top_defaults.as_ref());
        let defaults = || defaults.into_iter().flatten();
        let once = Retry { attempts: 1, backoff: Span::ZERO, on: vec![RetryOn::Unknown] };
        let file = self.sources.file(place.file).map_or_else(String::new, |f| f.path.clone());
        let retry = raw.retry.or_else(|| defaults().find_map(|defaults| defaults.retry.clone()));
        Check {
            kind: kind.row.name,
            title,
            severity: raw.severity.unwrap_or_default(),
            owner: raw.owner,
            runbook: raw.runbook,
            tags: raw.tags,
            phases: raw.phases.unwrap_or_default(),
            needs: Vec::new(),
            timeout: raw.timeout.or_else(|| defaults().find_map(|defaults| defaults.timeout)),
            retry: retry.unwrap_or(once),
            valid_for: raw.valid_for,
            quorum: raw.quorum,
            expect: expect.into(),
            base: self.folders.get(&place.file).cloned().unwrap_or_else(PathBuf::new),
            parameters: kind.parameters,
            item: sha256_hex(item.to_string().as_bytes()),
            probe: kind.probe,
            written: kind.written,
            source: Source { file, line: self.sources.position(place).0 },
            id: raw.id,
        }
    }

    fn note_id(&mut self, id: &CheckId, place: Place) {
        let Some(first) = self.ids.get(id) else {
            self.ids.insert(id.clone(), place);
            return;
        };
        let line = self.sources.position(*first).0;
        let file = self.sources.file(first.file).map_or("", |file| file.path.as_str());
        let at = if first.file == place.file { String::new() } else { format!(" of {file}") };
        let help = format!("the first check of that name is on line {line}{at}");
        self.problems.push(Problem::new(place, format!("the id `{id}` is taken")).help(help));
    }

    fn check_owner(&mut self, owner: Option<&str>, common: &Node) {
        let Some(owner) = owner.filter(|_| !self.owners.is_empty()) else { return };
        if self.owners.iter().any(|known| known == owner) {
            return;
        }
        let known = self.owners.iter().map(String::as_str);
        let help = did_you_mean(owner, known).map_or_else(
            || format!("`people:` has: {}", self.owners.join(", ")),
            |near| format!("did you mean `{near}`?"),
        );
        let message = format!("`{owner}` is no role of this list's `people`");
        self.problems.push(Problem::new(place_of(common, "owner"), message).help(help));
    }

    fn check_phases(&mut self, phases: Option<&[Phase]>, common: &Node) {
        let Some(phases) = phases.filter(|_| self.phases_read) else { return };
        let place = place_of(common, "phases");
        if phases.is_empty() {
            let message = "a check without any phase would never be looked at";
            let problem = Problem::new(place, message);
            self.problems.push(problem.help("leave `phases` out to look in all of them"));
        }
        let known = self.phases.as_deref().unwrap_or_default();
        for phase in phases.iter().filter(|phase| !known.contains(phase)) {
            let known: Vec<&str> = known.iter().map(|phase| phase.label.as_str()).collect();
            let help = if known.is_empty() {
                "the list has no `phases:`; name them there".to_owned()
            } else {
                format!("the list has: {}", known.join(", "))
            };
            let message = format!("the phase {phase} cannot occur: the list does not have it");
            self.problems.push(Problem::new(place, message).help(help));
        }
    }
}

/// The probe that parameters make as they are written, where they lack a secret.
fn as_written(row: &KindRow, key: &Key, value: &Node) -> Option<Arc<dyn AnyProbe>> {
    let mut found = Vec::new();
    let probe = (row.read)(&written(value), key.place, &mut found)?;
    found.is_empty().then(|| Arc::from(probe))
}

/// The tree with every secret as it is written.
fn written(node: &Node) -> Node {
    let content = match &node.content {
        Content::Text(text) => {
            let value = text.shown.as_ref().unwrap_or(&text.value).clone();
            Content::Text(Text { value, shown: None })
        }
        Content::List(items) => Content::List(items.iter().map(written).collect()),
        Content::Map(entries) => {
            Content::Map(entries.iter().map(|(key, value)| (key.clone(), written(value))).collect())
        }
        Content::Null | Content::Bool(_) | Content::Number(..) => node.content.clone(),
    };
    Node { content, place: node.place }
}
