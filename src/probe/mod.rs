//! Kinds of checks: what a probe is, and the table of all kinds.
//!
//! A probe looks ([`Probe::observe`]) and judges ([`Probe::judge`]) in two separate steps. Looking
//! touches the world and has no opinion; judging has opinions and touches nothing, so a recorded
//! observation can be judged again. A new kind is one file, its `mod` line and its row in `kinds!`.

pub mod acme;
pub mod alert_route;
pub mod alert_rules;
mod any;
pub mod cert_file;
pub mod command;
pub mod dns;
pub mod expect;
pub mod http;
pub mod manual;
pub mod mysql_pool;
pub mod ntp;
pub mod param;
pub mod pool;
pub mod postgres_pool;
pub mod redis;
pub mod roster;
pub mod silence;
pub mod tcp;
pub mod tls;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::clock::Clock;
use crate::model::code::Code;
use crate::model::facts::Facts;
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::model::id::{CheckId, RunId};
use crate::model::peer::Peer;
use crate::model::people::People;
use crate::model::text::quote;
use crate::model::time::{Span, Window};
pub use crate::net::postgres::Services;

pub use any::{AnyAct, AnyProbe, Judged, KindRow, Look};

macro_rules! kinds {
    ($($module:ident :: $kind:ident $(+ $act:ident)?),* $(,)?) => {
        /// Every kind, in the order of the manual.
        pub static KINDS: &[KindRow] = &[$(kinds!(@row $module::$kind $(+ $act)?)),*];
    };
    (@row $module:ident :: $kind:ident) => { any::row::<$module::$kind>() };
    (@row $module:ident :: $kind:ident + act) => { any::acting_row::<$module::$kind>() };
}

kinds! {
    dns::Dns,
    tls::Tls,
    cert_file::CertFile,
    acme::Acme + act,
    postgres_pool::PostgresPool + act,
    mysql_pool::MysqlPool + act,
    redis::Redis,
    silence::Silence + act,
    alert_route::AlertRoute + act,
    alert_rules::AlertRules,
    http::Http,
    tcp::Tcp,
    ntp::Ntp,
    command::Command,
    manual::Manual,
    roster::Roster,
}

/// The row of a kind by its name.
#[must_use]
pub fn kind(name: &str) -> Option<&'static KindRow> {
    KINDS.iter().find(|row| row.name == name)
}

/// Commands of a probe as they can be pasted anywhere, and more than once: those that name files beside
/// the checklist are run in its folder, by a shell of their own.
#[must_use]
pub fn by_hand(probe: &dyn AnyProbe, folder: &Path, commands: Vec<String>) -> Vec<String> {
    if !probe.names_files() || folder.as_os_str().is_empty() {
        return commands;
    }
    let folder = quote(&folder.display().to_string());
    commands.into_iter().map(|command| format!("(cd {folder} && {command})")).collect()
}

/// Which parameter `gonogo check KIND TARGET…` fills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A parameter with one value: each TARGET makes a check of its own.
    One(&'static str),
    /// A parameter with a list: all TARGETs go into one check.
    List(&'static str),
}

/// Something about the parameters of a check that their types alone cannot refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// The parameter at fault; `None` for the kind as a whole.
    pub key: Option<&'static str>,
    /// What is wrong, lower case, without a full stop.
    pub message: String,
    /// What to do instead.
    pub help: Option<String>,
}

/// A kind of check. The type itself is what the user writes under the kind's key.
pub trait Probe: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The key in a checklist.
    const KIND: &'static str;
    /// One line: the question the kind answers.
    const SUMMARY: &'static str;
    /// Every code its findings can bear, in the order of the manual.
    const CODES: &'static [&'static Code];
    /// Which parameter is the main one.
    const TARGET: Target;
    /// What a look brings back: facts only.
    type Observation: Serialize + DeserializeOwned + JsonSchema + Send + Sync;

    /// What is wrong with the parameters beyond what their types say: contradictions, and above all
    /// a check that can assert nothing.
    fn complaints(&self) -> Vec<Complaint> {
        Vec::new()
    }

    /// Whom `observe` will contact. A probe contacts nobody else.
    fn peers(&self) -> Vec<Peer>;

    /// Those of the peers that are looked at, each by a few checks at a time only. Not those that
    /// are asked a question or two on the way, such as a resolver: all checks share these, and would
    /// wait for each other.
    fn targets(&self) -> Vec<Peer> {
        self.peers()
    }

    /// How long the parameters themselves ask the probe to wait or hold; added to the time-out.
    fn waits(&self) -> Duration {
        Duration::ZERO
    }

    /// Looks, and judges nothing.
    ///
    /// # Errors
    /// A [`Fault`] when nothing at all was learnt. One silent target among several is a
    /// [`Sight::Fault`](crate::model::fault::Sight) inside the observation instead.
    fn observe(
        &self,
        cx: &ProbeCx,
    ) -> impl Future<Output = Result<Self::Observation, Fault>> + Send;

    /// Judges, and looks at nothing. Returns at least one finding.
    fn judge(&self, seen: &Self::Observation, cx: &JudgeCx) -> Vec<Finding>;

    /// One line for the table when all is well: what was seen, with the numbers that matter.
    fn summary(&self, seen: &Self::Observation, cx: &JudgeCx) -> String;

    /// Whether the commands of `reproduce` name files relative to the checklist's folder.
    fn names_files(&self) -> bool {
        false
    }

    /// The same look with standard tools, as shell commands a person can paste.
    fn reproduce(&self, seen: Option<&Self::Observation>) -> Vec<String>;
}

/// A kind that can also change the world.
pub trait Act: Probe {
    /// What is to be changed.
    type Change: Send + Sync;

    /// What would have to be changed for the check to pass; `None` when nothing has to.
    fn propose(&self, seen: &Self::Observation, cx: &JudgeCx) -> Option<Self::Change>;

    /// The change as one line for a person: `would` of it comes from the caller.
    fn describe(&self, change: &Self::Change) -> String;

    /// What a change of this check touches, by any names; nothing where its parameters ask for no
    /// change. Changes that have one in common are made one after the other, each seen to be right
    /// before the next; all others together.
    fn touches(&self) -> Vec<String>;

    /// Makes the change. Idempotent: a second call finds its own change and leaves one.
    ///
    /// # Errors
    /// A [`Fault`] when it is not known to have been made.
    fn apply(
        &self,
        change: Self::Change,
        cx: &ProbeCx,
    ) -> impl Future<Output = Result<Receipt, Fault>> + Send;

    /// What of its changes is there and is to be undone, now that the run ends NO-GO, as one line;
    /// `None` when it is to stay, or nothing is there.
    ///
    /// # Errors
    /// A [`Fault`] when it cannot be seen.
    fn remains(&self, _cx: &ProbeCx) -> impl Future<Output = Result<Option<String>, Fault>> + Send {
        async { Ok(None) }
    }

    /// Undoes what [`Act::remains`] named; returns what came of it.
    ///
    /// # Errors
    /// A [`Fault`] when it is not known to have been undone.
    fn undo(&self, _cx: &ProbeCx) -> impl Future<Output = Result<String, Fault>> + Send {
        async { Ok("nothing to undo".to_owned()) }
    }
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// One line for a person.
    pub line: String,
    /// What the next look of the same run must know, because it cannot be seen in the world; JSON of
    /// the kind's own. `None` where the world itself shows the change.
    pub facts: Option<Facts>,
}

impl From<String> for Receipt {
    fn from(line: String) -> Self {
        Self { line, facts: None }
    }
}

/// What a probe may use of the world while it looks.
#[derive(Debug, Clone)]
pub struct ProbeCx {
    /// The run this look is part of; marks what the probe leaves in other systems' lists.
    pub run: RunId,
    /// The check this look is for.
    pub id: CheckId,
    /// SHA-256 of the item as it stands, which sign-offs are bound to; hexadecimal.
    pub item: String,
    /// Who runs it, where that is known.
    pub operator: Option<String>,
    /// The clock.
    pub clock: Clock,
    /// T-0 and its window.
    pub times: JudgeCx,
    /// When the engine will cut the look off.
    pub limit: Instant,
    /// How long the look may take in all.
    pub allowance: Duration,
    /// The folder of the checklist, which relative paths start from.
    pub base: PathBuf,
    /// Whether the person running it said `--allow exec`.
    pub allow_exec: bool,
    /// The password file of PostgreSQL's clients, as the user has it; there need not be one.
    pub passfile: Option<PathBuf>,
    /// What the environment says of connection services of PostgreSQL's clients.
    pub services: Services,
    /// The sign-offs found beside the checklist.
    pub signoffs: Arc<[SignOff]>,
    /// The people of the launch by role.
    pub people: Arc<People>,
    /// What recorded runs saw of this check, latest first; only of kinds that audit what was.
    pub earlier: Arc<[Earlier]>,
    /// What the change this run made for the check left to be known: [`Receipt::facts`].
    pub made: Option<Arc<Facts>>,
}

/// What an earlier run saw of a check.
#[derive(Debug, Clone, PartialEq)]
pub struct Earlier {
    /// When it looked.
    pub at: Timestamp,
    /// The facts it saw.
    pub observation: Facts,
}

impl ProbeCx {
    /// What is left of the time to look, less a little to bring the facts home.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        let reserve = (self.allowance / 20).min(Duration::from_millis(250));
        self.limit.saturating_duration_since(self.clock.tick()).saturating_sub(reserve)
    }

    /// Runs one exchange with what is left of the time.
    ///
    /// # Errors
    /// [`Fault::Timeout`] naming `what` when the time is over first.
    pub async fn within<T>(
        &self,
        what: impl Into<String>,
        work: impl Future<Output = T>,
    ) -> Result<T, Fault> {
        self.within_at_most(what, self.remaining(), work).await
    }

    /// Runs one exchange within `most`, or what is left of the time if that is less.
    ///
    /// # Errors
    /// [`Fault::Timeout`] naming `what` when the time is over first.
    pub async fn within_at_most<T>(
        &self,
        what: impl Into<String>,
        most: Duration,
        work: impl Future<Output = T>,
    ) -> Result<T, Fault> {
        let most = most.min(self.remaining());
        tokio::time::timeout(most, work).await.map_err(|_| Fault::Timeout {
            what: what.into(),
            after: Span::from_millis(u64::try_from(most.as_millis()).unwrap_or(u64::MAX)),
        })
    }

    /// A path of the checklist, relative to the checklist's own folder.
    #[must_use]
    pub fn path(&self, written: impl AsRef<Path>) -> PathBuf {
        self.base.join(written)
    }
}

/// What a judge may know beside the facts: the times of the launch. Judging takes no clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JudgeCx {
    /// The instant the facts are judged at: when the look ended.
    pub now: Timestamp,
    /// T-0; the start of the run where the checklist has no `launch`.
    pub launch: Timestamp,
    /// The release window around it.
    pub window: Window,
}

/// One person's sign-off of one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignOff {
    /// The id of the item.
    pub item: String,
    /// SHA-256 of the item as it stood, in hexadecimal.
    pub sha256: String,
    /// Who signed.
    pub by: String,
    /// When, RFC 3339 with an offset.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// The role they signed as.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Anything they want to add.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
