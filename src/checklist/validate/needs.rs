//! What checks need of each other: known, earlier or beside, and never in a circle.

use std::collections::HashMap;

use super::super::Step;
use super::super::raw::RawCheck;
use super::no_such_check;
use super::steps::Reader;
use crate::model::id::CheckId;
use crate::model::node::{Node, Place, Problem};

/// One word of a `needs`.
pub(super) struct Need {
    by: CheckId,
    needed: String,
    place: Place,
}

impl Need {
    /// Every word of a check's `needs`.
    pub(super) fn all_of(raw: &RawCheck, common: &Node) -> Vec<Self> {
        let items = common.get("needs").and_then(Node::as_list).unwrap_or_default();
        let need = |(needed, node): (&String, &Node)| Self {
            by: raw.id.clone(),
            needed: needed.clone(),
            place: node.place,
        };
        raw.needs.iter().zip(items).map(need).collect()
    }
}

impl Reader<'_, '_> {
    /// Fills in what each check needs, once all ids are known.
    pub(super) fn resolve_needs(&mut self, steps: &mut [Step], needs: &[Need]) {
        let mut homes: HashMap<CheckId, (usize, usize)> = HashMap::new();
        for (s, step) in steps.iter().enumerate() {
            for (c, check) in step.checks.iter().enumerate() {
                homes.entry(check.id.clone()).or_insert((s, c));
            }
        }
        // An id without its value means every check that `for_each` made of it.
        let mut groups: HashMap<&str, Vec<&CheckId>> = HashMap::new();
        for id in self.ids.keys() {
            groups.entry(id.as_str()).or_default().push(id);
            if let Some((bare, _)) = id.as_str().split_once('[') {
                groups.entry(bare).or_default().push(id);
            }
        }
        for need in needs {
            let Some(ids) = groups.get(need.needed.as_str()) else {
                self.problems.push(no_such_check(&need.needed, need.place, &self.ids));
                continue;
            };
            for id in ids {
                // Either end may have been dropped for another mistake, which is reported already.
                let (Some(home), Some(mine)) = (homes.get(*id), homes.get(&need.by)) else {
                    continue;
                };
                if home.0 > mine.0 {
                    let message =
                        format!("`{id}` stands in a later step and cannot have been looked at yet");
                    self.problems
                        .push(Problem::new(need.place, message).help("move one of the two checks"));
                } else if let Some(check) =
                    steps.get_mut(mine.0).and_then(|s| s.checks.get_mut(mine.1))
                {
                    check.needs.push((*id).clone());
                }
            }
        }
        for step in steps.iter_mut() {
            for check in &mut step.checks {
                check.needs.sort();
                check.needs.dedup();
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
