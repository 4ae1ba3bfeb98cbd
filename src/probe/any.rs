//! Probes without their types: what the engine, `plan` and `report` see of every kind alike.

use std::any::Any;
use std::pin::Pin;
use std::time::Duration;

use schemars::SchemaGenerator;

use super::{Act, Complaint, JudgeCx, Probe, ProbeCx, Receipt, Target};
use crate::model::code::{Code, engine};
use crate::model::facts::Facts;
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::model::node::{Node, Place, Problem};
use crate::model::peer::Peer;

type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a look brought home, typed facts already judged.
#[derive(Debug)]
pub struct Look {
    /// The kind's typed facts.
    pub observation: Facts,
    /// How they were judged.
    pub judged: Judged,
}

/// A judgement of facts.
#[derive(Debug)]
pub struct Judged {
    /// The findings, at least one.
    pub findings: Vec<Finding>,
    /// One line: what was seen.
    pub summary: String,
    /// The same look with standard tools.
    pub reproduce: Vec<String>,
}

/// A probe of any kind.
pub trait AnyProbe: Send + Sync {
    /// See [`Probe::KIND`].
    fn kind(&self) -> &'static str;
    /// The kind itself, for those who know which one it is.
    fn as_any(&self) -> &dyn Any;
    /// See [`Probe::complaints`].
    fn complaints(&self) -> Vec<Complaint>;
    /// See [`Probe::peers`].
    fn peers(&self) -> Vec<Peer>;
    /// See [`Probe::targets`].
    fn targets(&self) -> Vec<Peer> {
        self.peers()
    }
    /// See [`Probe::waits`].
    fn waits(&self) -> Duration;
    /// Looks and judges what it saw, at the instant the look ended.
    fn look<'a>(&'a self, cx: &'a ProbeCx) -> BoxFuture<'a, Result<Look, Fault>>;
    /// Judges a recorded observation again.
    ///
    /// # Errors
    /// When the observation is not one of this kind.
    fn judge(&self, observation: &Facts, cx: &JudgeCx) -> Result<Judged, serde_json::Error>;
    /// See [`Probe::names_files`].
    fn names_files(&self) -> bool;
    /// The look with standard tools, before anything was seen.
    fn reproduce(&self) -> Vec<String>;
    /// The probe as one that can change the world, when it is one.
    fn act(&self) -> Option<&dyn AnyAct>;
}

/// A probe of any kind that can change the world.
pub trait AnyAct: Send + Sync {
    /// One line for each change that is still to be made; `None` when nothing is.
    ///
    /// # Errors
    /// When the observation is not one of this kind.
    fn propose(&self, observation: &Facts, cx: &JudgeCx) -> Result<Option<String>, Fault>;
    /// See [`Act::touches`].
    fn touches(&self) -> Vec<String>;
    /// Makes the change the observation calls for; returns what came of it.
    fn apply<'a>(
        &'a self,
        observation: Facts,
        cx: &'a ProbeCx,
    ) -> BoxFuture<'a, Result<Receipt, Fault>>;
    /// See [`Act::remains`].
    fn remains<'a>(&'a self, _cx: &'a ProbeCx) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(async { Ok(None) })
    }
    /// See [`Act::undo`].
    fn undo<'a>(&'a self, _cx: &'a ProbeCx) -> BoxFuture<'a, Result<String, Fault>> {
        Box::pin(async { Ok("nothing to undo".to_owned()) })
    }
}

/// The row of a kind in the table.
pub struct KindRow {
    /// The key in a checklist.
    pub name: &'static str,
    /// One line: the question it answers.
    pub summary: &'static str,
    /// Its codes.
    pub codes: &'static [&'static Code],
    /// Its main parameter.
    pub target: Target,
    /// Whether it can change the world, with the parameters for it.
    pub acts: bool,
    /// The JSON Schema of its parameters.
    pub parameters: fn(&mut SchemaGenerator) -> schemars::Schema,
    /// The JSON Schema of its observation.
    pub observation: fn(&mut SchemaGenerator) -> schemars::Schema,
    /// Reads its parameters; what is missing is reported at the key's place, every mistake goes to
    /// the problems, and `None` says there was one.
    pub read: Read,
}

impl KindRow {
    /// Whether it has a parameter of this name, and can change the world.
    #[must_use]
    pub fn acts_by(&self, parameter: &str) -> bool {
        let mut generator = SchemaGenerator::default();
        (self.parameters)(&mut generator);
        let definitions = generator.take_definitions(false);
        let has =
            |it: &serde_json::Value| it.pointer(&format!("/properties/{parameter}")).is_some();
        self.acts && definitions.values().any(has)
    }
}

/// How a kind reads its parameters.
type Read = fn(&Node, Place, &mut Vec<Problem>) -> Option<Box<dyn AnyProbe>>;

/// A plain probe with its type known.
struct Plain<P>(P);

/// An acting probe with its type known.
struct Acting<P>(P);

macro_rules! any_probe {
    ($wrapper:ident, $bound:ident, $act:expr) => {
        impl<P: $bound> AnyProbe for $wrapper<P> {
            fn kind(&self) -> &'static str {
                P::KIND
            }
            fn as_any(&self) -> &dyn Any {
                &self.0
            }
            fn complaints(&self) -> Vec<Complaint> {
                self.0.complaints()
            }
            fn peers(&self) -> Vec<Peer> {
                self.0.peers()
            }
            fn targets(&self) -> Vec<Peer> {
                self.0.targets()
            }
            fn waits(&self) -> Duration {
                self.0.waits()
            }
            fn look<'a>(&'a self, cx: &'a ProbeCx) -> BoxFuture<'a, Result<Look, Fault>> {
                Box::pin(look(&self.0, cx))
            }
            fn judge(
                &self,
                observation: &Facts,
                cx: &JudgeCx,
            ) -> Result<Judged, serde_json::Error> {
                let seen = observation.read::<P::Observation>()?;
                Ok(judge(&self.0, &seen, cx))
            }
            fn names_files(&self) -> bool {
                self.0.names_files()
            }
            fn reproduce(&self) -> Vec<String> {
                self.0.reproduce(None)
            }
            fn act(&self) -> Option<&dyn AnyAct> {
                let act: fn(&Self) -> Option<&dyn AnyAct> = $act;
                act(self)
            }
        }
    };
}

any_probe!(Plain, Probe, |_| None);
any_probe!(Acting, Act, |this| (!this.0.touches().is_empty()).then_some(this as &dyn AnyAct));

impl<P: Act> AnyAct for Acting<P> {
    fn propose(&self, observation: &Facts, cx: &JudgeCx) -> Result<Option<String>, Fault> {
        let seen = read_back::<P>(observation)?;
        Ok(self.0.propose(&seen, cx).map(|change| self.0.describe(&change)))
    }

    fn touches(&self) -> Vec<String> {
        self.0.touches()
    }

    fn apply<'a>(
        &'a self,
        observation: Facts,
        cx: &'a ProbeCx,
    ) -> BoxFuture<'a, Result<Receipt, Fault>> {
        Box::pin(async move {
            let seen = read_back::<P>(&observation)?;
            match self.0.propose(&seen, &cx.times) {
                Some(change) => self.0.apply(change, cx).await,
                None => Ok("nothing to do".to_owned().into()),
            }
        })
    }

    fn remains<'a>(&'a self, cx: &'a ProbeCx) -> BoxFuture<'a, Result<Option<String>, Fault>> {
        Box::pin(self.0.remains(cx))
    }

    fn undo<'a>(&'a self, cx: &'a ProbeCx) -> BoxFuture<'a, Result<String, Fault>> {
        Box::pin(self.0.undo(cx))
    }
}

async fn look<P: Probe>(probe: &P, cx: &ProbeCx) -> Result<Look, Fault> {
    let seen = probe.observe(cx).await?;
    let cx = JudgeCx { now: cx.clock.now(), ..cx.times };
    let judged = judge(probe, &seen, &cx);
    let observation = Facts::of(&seen)
        .map_err(|error| Fault::Bug { message: format!("writing the observation: {error}") })?;
    Ok(Look { observation, judged })
}

fn judge<P: Probe>(probe: &P, seen: &P::Observation, cx: &JudgeCx) -> Judged {
    let mut findings = probe.judge(seen, cx);
    if findings.is_empty() {
        findings.push(Finding::new(&engine::NO_FINDING, P::KIND, engine::NO_FINDING.summary));
    }
    // Worst first; findings of one outcome stay in the probe's order.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.outcome));
    Judged { findings, summary: probe.summary(seen, cx), reproduce: probe.reproduce(Some(seen)) }
}

fn read_back<P: Probe>(observation: &Facts) -> Result<P::Observation, Fault> {
    observation
        .read()
        .map_err(|error| Fault::Bug { message: format!("reading the observation back: {error}") })
}

/// The row of a kind that only looks.
pub(super) const fn row<P: Probe>() -> KindRow {
    KindRow {
        name: P::KIND,
        summary: P::SUMMARY,
        codes: P::CODES,
        target: P::TARGET,
        acts: false,
        parameters: SchemaGenerator::subschema_for::<P>,
        observation: SchemaGenerator::subschema_for::<P::Observation>,
        read: |node, key, problems| {
            let probe = node.read_under::<P>(key, problems)?;
            Some(Box::new(Plain(probe)))
        },
    }
}

/// The row of a kind that can change the world.
pub(super) const fn acting_row<P: Act>() -> KindRow {
    KindRow {
        acts: true,
        read: |node, key, problems| {
            let probe = node.read_under::<P>(key, problems)?;
            Some(Box::new(Acting(probe)))
        },
        ..row::<P>()
    }
}
