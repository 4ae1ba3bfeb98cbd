//! Kind `dns`: do the names answer rightly, everywhere, and from a warm cache?

mod authority;
mod codes;
mod judge;
mod observation;
mod observe;
mod param;
mod snoop;
mod words;
mod zones;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Complaint, JudgeCx, Probe, ProbeCx, Target};
use crate::model::code::Code;
use crate::model::fault::Fault;
use crate::model::finding::Finding;
use crate::model::peer::Peer;
use crate::model::time::Span;
use crate::net::dns::{Pace, Rate, Server, Subnet, Type, canonical};

pub use observation::{
    Asked, AuthorityTold, DnsSeen, QuestionSeen, ResolverSeen, ResolverTold, Snooping, TcpSeen,
    Warmth, ZoneSeen, ZoneServerSeen,
};
pub use param::{Authorities, Dnssec, DomainName, Question, Region, Resolver, Until, Warm};

/// Do the names answer rightly on every resolver, and are its caches warm?
///
/// The authoritative servers are asked first; only when they have the records are the resolvers
/// asked, so that no resolver learns that a name does not exist yet. Every resolver is then asked
/// once cold and `warm.rounds` times warm, and compared with the authorities or with `records`.
/// What each resolver now keeps, it keeps until the TTL ends: the record says until when.
///
/// ```yaml
/// dns:
///   names: [login.example.com, match.example.com]
///   types: [A, AAAA]
///   resolvers: [system, 8.8.8.8]
///   max_ttl: 60s
/// ```
///
/// What it cannot see: caches other than those of the resolvers named here. Players' own machines,
/// browsers, and resolvers elsewhere, other locations of the same public resolver among them, stay
/// as cold as they are. A silent resolver, a blocked port 53 and a missing IPv6 route are unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// The names to ask for, such as `[login.example.com]`. Always absolute: no search domain is
    /// added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<DomainName>,
    /// A file with more names, one a line, relative to the checklist; empty lines and what follows
    /// a `#` do not count. For lists too long to write into the checklist, up to 100000 names.
    /// Time for 5000 names at the pace of `rate` is added to the `timeout` by itself; for more,
    /// give a longer one: where it is too short for them, nobody is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub names_file: Option<PathBuf>,
    /// The record types to ask for, for every name. Default `[A, AAAA]`. A name with an A record
    /// need not have an AAAA record. Where `HTTPS` or `SVCB` stands beside `A` and `AAAA`, the
    /// hints are compared with the addresses.
    #[serde(default = "address_types")]
    pub types: Vec<Type>,
    /// Whom to ask, each on its own: `system` for the resolvers of this machine, `IP` or
    /// `IP:PORT`, `tcp://IP` to use TCP alone, `tls://IP` (DNS over TLS) and `https://IP` (DNS over
    /// HTTPS, path `/dns-query`), whose certificate must be valid for that address. Different
    /// transports of one resolver may have different caches. Default `[system]`. May be empty where
    /// `authorities` is a list: then only those are looked at.
    #[serde(default = "system_resolver")]
    pub resolvers: Vec<Resolver>,
    /// Where the truth comes from. `auto` (the default) follows the delegation to the zones' own
    /// name servers, which needs outgoing port 53; a list of `IP[:PORT]` names them; `off` believes
    /// the resolvers.
    #[serde(default)]
    pub authorities: Authorities,
    /// The exact records a name must have, in any order, such as
    /// `{"login.example.com A": [192.0.2.10, 192.0.2.11], "example.com MX": ["10 mail.example.com"]}`.
    /// An empty list says that there must be none. Names and types given here are asked for even
    /// if `names` and `types` do not have them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub records: BTreeMap<Question, Vec<String>>,
    /// No record on the way to the answer, aliases included, may have a longer TTL than this,
    /// such as `60s`: a change takes that long to be seen. A resolver that still keeps the rest of
    /// a longer TTL is a warning if that runs out before the launch. Not checked by default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ttl: Option<Span>,
    /// No answer of a resolver, the cold ones included, may take longer than this, such as `2s`.
    /// Not checked by default; for warm answers see `warm.p95`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_latency: Option<Span>,
    /// What clients elsewhere must be answered, by a label of your choice, such as
    /// `{cn-east: {subnet: 203.0.113.0/24, records: {"login.example.com A": [192.0.2.10]}}}`. The
    /// question is asked on behalf of that network (EDNS client subnet, RFC 7871), of the
    /// authorities and of the resolvers that pass it on; where a resolver does not, that is not
    /// applicable.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub client_subnet: BTreeMap<String, Region>,
    /// Whether the zones' DNSSEC signatures are looked at. `auto` (the default): where the
    /// authorities have signatures, those must outlive the release window; `require`: there must
    /// be signatures; `off`: they are not asked for. Needs `authorities`. A resolver that answers
    /// only without verification is told from one that fails otherwise.
    #[serde(default, skip_serializing_if = "Dnssec::is_auto")]
    pub dnssec: Dnssec,
    /// Whether the names are for the public, `true` or `false` (the default): then a private,
    /// reserved or otherwise unusable address in an answer is a failure.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public: bool,
    /// How often to ask again, and what the warm answers must show, such as
    /// `{rounds: 3, p95: 50ms, hit_ratio: 90%}`. Default: one round, nothing required. Where it is
    /// given, answers that run out before the launch are a warning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm: Option<Warm>,
    /// `propagated`: look again, at growing distances up to 30 seconds, until every authority and
    /// every resolver gives the right records, or the check's `timeout` is over. Give such a check
    /// a `timeout` longer than the old TTL, such as `10m`. By default it looks once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Until>,
    /// How many questions a second one server is asked at most, or `unlimited` for servers of your
    /// own. Default: 10 for a public address with two under way, unlimited for a private one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

fn address_types() -> Vec<Type> {
    vec![Type::A, Type::Aaaa]
}

fn system_resolver() -> Vec<Resolver> {
    vec![Resolver::System]
}

/// One question, and on whose behalf it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    question: Question,
    region: Option<(String, Subnet)>,
}

/// Any public address: the machine's own resolvers and the zones' servers may be public.
fn public() -> Server {
    Server::udp(([192, 0, 2, 1], 53).into())
}

/// How many names a file may hold.
const MAX_NAMES: usize = 100_000;

/// How many rounds a check may ask for.
const MAX_ROUNDS: u32 = 100;

impl Dns {
    /// How often every name is asked again.
    fn rounds(&self) -> u32 {
        self.warm.as_ref().map_or_else(|| Warm::default().rounds, |warm| warm.rounds)
    }

    /// The questions written in the parameters: names by types, those only `records` has, and
    /// those on behalf of other networks.
    fn wanted(&self, more: &[DomainName]) -> Vec<Wanted> {
        let plain = |question| Wanted { question, region: None };
        let regions = self.client_subnet.iter().flat_map(|(label, region)| {
            region.records.keys().map(move |question| Wanted {
                question: question.clone(),
                region: Some((label.clone(), region.subnet)),
            })
        });
        self.questions(more).into_iter().map(plain).chain(regions).collect()
    }

    /// The questions of this machine itself.
    fn questions(&self, more: &[DomainName]) -> Vec<Question> {
        let mut seen = std::collections::HashSet::new();
        let mut questions = Vec::new();
        let named = self.names.iter().chain(more).flat_map(|name| {
            self.types.iter().map(|kind| Question { name: name.clone(), kind: *kind })
        });
        for question in named.chain(self.records.keys().cloned()) {
            if seen.insert(question.clone()) {
                questions.push(question);
            }
        }
        questions
    }

    /// The slowest pace any server is asked at, as far as the parameters tell.
    fn slowest(&self) -> Pace {
        self.slowest_of(self.resolvers.iter().map(|resolver| match resolver {
            Resolver::System => public(),
            Resolver::At(server) => *server,
        }))
    }

    /// The slowest pace any server is asked at, where these are the resolvers.
    fn slowest_of(&self, resolvers: impl Iterator<Item = Server>) -> Pace {
        let authorities: Vec<Server> = match &self.authorities {
            Authorities::Auto => vec![public()],
            Authorities::Off => Vec::new(),
            Authorities::At(servers) => servers.clone(),
        };
        let unlimited = Pace { rate: Rate::Unlimited, in_flight: 100 };
        resolvers
            .chain(authorities)
            .map(|server| Pace::for_server(&server, self.rate))
            .max_by_key(|pace| pace.duration(1))
            .unwrap_or(unlimited)
    }

    /// How long so many questions are spaced out over at a pace, cold, warm and at the authorities.
    fn spacing(&self, questions: usize, pace: Pace) -> Duration {
        let rounds = 2 + self.rounds() as usize + usize::from(self.snoops());
        // A fourth for the jitter.
        pace.duration(questions * rounds).mul_f64(1.25)
    }

    /// Whether resolvers are asked what they have in their caches.
    fn snoops(&self) -> bool {
        self.warm.as_ref().is_some_and(|warm| warm.snoop && warm.rounds > 0)
    }

    fn pause(&self) -> Duration {
        if self.warm.as_ref().is_some_and(|warm| warm.hit_ratio.is_some()) {
            // A TTL counts whole seconds.
            Duration::from_millis(1_200)
        } else {
            Duration::ZERO
        }
    }
}

impl Probe for Dns {
    const KIND: &'static str = "dns";
    const SUMMARY: &'static str = "Do names answer rightly on the authorities and on every resolver, fast and from a warm cache?";
    const CODES: &'static [&'static Code] = codes::ALL;
    const TARGET: Target = Target::List("names");
    type Observation = DnsSeen;

    fn complaints(&self) -> Vec<Complaint> {
        words::complaints(self)
    }

    fn peers(&self) -> Vec<Peer> {
        let resolvers = self.resolvers.iter().map(ToString::to_string);
        let authorities: Vec<String> = match &self.authorities {
            Authorities::Auto => vec!["name servers of the zones".to_owned()],
            Authorities::Off => Vec::new(),
            Authorities::At(servers) => servers.iter().map(ToString::to_string).collect(),
        };
        let mut peers: Vec<Peer> =
            resolvers.chain(authorities).map(|address| Peer::new("dns", address)).collect();
        peers.dedup();
        peers
    }

    fn waits(&self) -> Duration {
        // A file is read when the look begins; until then it may hold anything.
        let more = if self.names_file.is_some() { 5_000 } else { 0 };
        let questions = self.wanted(&[]).len() + more * self.types.len();
        self.spacing(questions, self.slowest()) + self.pause()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<DnsSeen, Fault> {
        observe::observe(self, cx).await
    }

    fn judge(&self, seen: &DnsSeen, cx: &JudgeCx) -> Vec<Finding> {
        judge::judge(self, seen, cx)
    }

    fn summary(&self, seen: &DnsSeen, cx: &JudgeCx) -> String {
        words::summary(seen, cx)
    }

    fn reproduce(&self, seen: Option<&DnsSeen>) -> Vec<String> {
        words::reproduce(self, seen)
    }
}
