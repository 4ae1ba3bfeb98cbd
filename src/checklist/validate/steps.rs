//! Steps, and the many checks that `for_each` makes of one.

use std::collections::HashMap;
use std::path::PathBuf;

use serde_json::Value;

use super::super::diagnostic::Sources;
use super::super::interpolate::Filler;
use super::super::load::Part;
use super::super::raw::{RawDefaults, RawStep};
use super::super::{Check, Step};
use super::needs::Need;
use super::{own_keys, place_of, without};
use crate::model::id::CheckId;
use crate::model::node::{Content, Node, Place, Problem};
use crate::model::time::Phase;

/// More checks than one `for_each` is meant to make.
const MANY_CHECKS: usize = 10_000;

/// Reads steps and checks.
pub(super) struct Reader<'a, 'p> {
    pub(super) filler: Filler<'a>,
    pub(super) problems: &'p mut Vec<Problem>,
    pub(super) sources: &'a Sources,
    /// The folder of each file.
    pub(super) folders: HashMap<usize, PathBuf>,
    /// What included files say for their own checks.
    pub(super) defaults: HashMap<usize, RawDefaults>,
    pub(super) top_defaults: Option<RawDefaults>,
    pub(super) phases: Option<Vec<Phase>>,
    /// Whether the list's own phases could be read; if not, those of checks are not compared.
    pub(super) phases_read: bool,
    /// The roles that may own a check; anybody when there are none.
    pub(super) owners: Vec<String>,
    /// The schema of each kind's observation with its definitions, as far as it was needed.
    pub(super) observations: HashMap<&'static str, (Value, Value)>,
    /// Every id so far, and where it stands.
    pub(super) ids: HashMap<CheckId, Place>,
}

/// The values of one round of a `for_each`.
type Round = Vec<(String, Node)>;

impl Reader<'_, '_> {
    /// The steps of all files, those of included files first.
    pub(super) fn steps(&mut self, parts: &[Part]) -> Vec<Step> {
        let mut steps = Vec::new();
        let mut needs = Vec::new();
        let with_steps: Vec<&Node> =
            parts.iter().filter_map(|part| part.root.get("steps")).collect();
        for node in &with_steps {
            for item in self.items(node, "a step") {
                steps.extend(self.step(item, &mut needs));
            }
        }
        let is_map = |part: &&Part| matches!(part.root.content, Content::Map(_));
        if with_steps.is_empty() && parts.last().as_ref().is_some_and(is_map) {
            let place = parts.last().map_or_else(Place::default, |part| part.root.place);
            let message = "there are no `steps`: nothing would be checked";
            self.problems
                .push(Problem::new(place, message).help("add `steps:` with a step and its checks"));
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

    fn step(&mut self, node: &Node, needs: &mut Vec<Need>) -> Option<Step> {
        own_keys(node, self.problems);
        let head = self.filler.fill(&without(node, &["checks"]));
        self.problems.extend(self.filler.missing_is_wrong());
        let raw: Option<RawStep> = head.read(self.problems);
        let mut checks = Vec::new();
        if let Some(list) = node.get("checks") {
            for item in self.items(list, "a check") {
                self.for_each(item, &mut checks, needs);
            }
        }
        let raw = raw?;
        Some(Step { name: raw.name, halt_on: raw.halt_on, checks })
    }

    /// The check, or one for each value of its `for_each`.
    fn for_each(&mut self, node: &Node, checks: &mut Vec<Check>, needs: &mut Vec<Need>) {
        own_keys(node, self.problems);
        let Some(values) = node.get("for_each") else {
            checks.extend(self.check(node, &[], needs));
            return;
        };
        let place = values.place;
        let values = self.filler.fill(values);
        for round in self.rounds(&values, place) {
            checks.extend(self.check(node, &round, needs));
        }
    }

    /// Every combination of the values of a `for_each`.
    fn rounds(&mut self, values: &Node, place: Place) -> Vec<Round> {
        let mut rounds: Vec<Round> = vec![Vec::new()];
        if !matches!(values.content, Content::Map(_)) || values.entries().is_empty() {
            let message =
                format!("expected names with lists of values, found {}", values.describe());
            self.problems.push(
                Problem::new(place, message).help("write for_each: { region: [cn-east, us-west] }"),
            );
            return Vec::new();
        }
        for (key, list) in values.entries() {
            let Some(items) = list.as_list().filter(|items| !items.is_empty()) else {
                let message = format!("`{}` has no values: no check would be made", key.text);
                let problem = Problem::new(key.place, message);
                self.problems.push(problem.help("give it a list: [cn-east, us-west]"));
                return Vec::new();
            };
            if let Some(bad) = items.iter().find(|item| word(item).is_none()) {
                let message = format!("expected a word or a number, found {}", bad.describe());
                self.problems.push(Problem::new(bad.place, message));
                return Vec::new();
            }
            if rounds.len() * items.len() > MANY_CHECKS {
                let message = format!("more than {MANY_CHECKS} checks would be made of this one");
                self.problems.push(Problem::new(place, message));
                return Vec::new();
            }
            let more = rounds.iter().flat_map(|round| {
                items.iter().map(|item| {
                    let mut round = round.clone();
                    round.push((key.text.clone(), item.clone()));
                    round
                })
            });
            rounds = more.collect();
        }
        rounds
    }

    /// The id of a check made by a round.
    pub(super) fn id_of(
        &mut self,
        id: CheckId,
        round: &[(String, Node)],
        common: &Node,
    ) -> Option<CheckId> {
        if round.is_empty() {
            return Some(id);
        }
        let values: Vec<String> = round.iter().filter_map(|(_, value)| word(value)).collect();
        let made = CheckId::new(format!("{id}[{}]", values.join(","))).ok();
        if made.is_none() {
            let message = format!("the values {} cannot stand in an id", values.join(", "));
            self.problems.push(Problem::new(place_of(common, "id"), message));
        }
        made
    }
}

/// A value of a `for_each` as it stands in an id.
fn word(node: &Node) -> Option<String> {
    match &node.content {
        Content::Text(text) if text.shown.is_none() => Some(text.value.clone()),
        Content::Number(_, text) => Some(text.clone()),
        Content::Bool(value) => Some(value.to_string()),
        Content::Text(_) | Content::Null | Content::List(_) | Content::Map(_) => None,
    }
}
