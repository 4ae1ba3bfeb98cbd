//! A closer look at the authorities: serial numbers, the zone's own list of servers, and TCP.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use hickory_proto::rr::{Name, RecordType};

use super::authority::Inquiry;
use super::observation::{AuthorityTold, TcpSeen, ZoneSeen, ZoneServerSeen};
use super::param::shown;
use crate::model::fault::{Fault, Sight};
use crate::net::dns::{Answer, Ask, Client, Flag, Pace, Recursion, Server, Via, fqdn};

/// For how many names the zone is looked for where the authorities are listed.
const NAMES: usize = 20;

/// Servers to look at, and what is known of their zone.
pub(super) struct ZoneHint {
    /// The zone and the names of its servers by the delegation; `None` where servers are listed.
    pub(super) delegated: Option<(Name, Vec<Name>)>,
    /// The servers.
    pub(super) servers: Vec<Server>,
}

/// What one server says of one zone.
struct Said {
    zone: String,
    server: ZoneServerSeen,
    child: Vec<String>,
}

impl Inquiry<'_> {
    /// Looks at the zones of those servers that answered with authority.
    pub(super) async fn zones(
        &self,
        hints: Vec<ZoneHint>,
        told: &[Vec<AuthorityTold>],
    ) -> Vec<ZoneSeen> {
        let answers = |server: &Server| {
            let shown = server.to_string();
            told.iter().flatten().any(|told| {
                told.server == shown && told.answer.seen().is_some_and(|a| a.has(Flag::Aa))
            })
        };
        let mut looks = Vec::new();
        let mut parents: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for hint in hints {
            let names = match hint.delegated {
                Some((zone, parent)) => {
                    let parent = parent.iter().map(|name| shown(&name.to_ascii())).collect();
                    parents.insert(shown(&zone.to_ascii()), parent);
                    vec![zone]
                }
                None => self.some_names(),
            };
            for server in hint.servers.into_iter().filter(&answers) {
                looks.push(self.look_at(server, names.clone()));
            }
        }
        let mut zones: BTreeMap<String, ZoneSeen> = BTreeMap::new();
        for said in join_all(looks).await.into_iter().flatten() {
            let zone = zones.entry(said.zone.clone()).or_insert_with(|| ZoneSeen {
                parent: parents.get(&said.zone).cloned().unwrap_or_default(),
                zone: said.zone,
                child: Vec::new(),
                servers: Vec::new(),
            });
            zone.child.extend(said.child);
            zone.child.sort_unstable();
            zone.child.dedup();
            zone.servers.push(said.server);
        }
        zones.into_values().collect()
    }

    fn some_names(&self) -> Vec<Name> {
        let mut names: Vec<Name> = Vec::new();
        for ask in self.asks {
            if names.len() < NAMES && !names.contains(&ask.name) {
                names.push(ask.name.clone());
            }
        }
        names
    }

    async fn look_at(&self, server: Server, names: Vec<Name>) -> Vec<Said> {
        let mut client = Client::new(server, Pace::for_server(&server, self.rate));
        let asks: Vec<Ask> = names
            .into_iter()
            .map(|name| Ask::new(name, RecordType::SOA, Recursion::Off))
            .collect();
        let answers = client.ask_all(&asks, self.patience, self.until, Answer::read).await;
        let mut serials: BTreeMap<String, u32> = BTreeMap::new();
        for (ask, answer) in asks.iter().zip(answers) {
            if let Some((zone, serial)) = answer.ok().and_then(|answer| start(ask, &answer)) {
                serials.insert(zone, serial);
            }
        }
        let zones: Vec<Name> = serials.keys().filter_map(|zone| fqdn(zone).ok()).collect();
        let ask = |kind| {
            let asks = zones.iter().map(|zone| Ask::new(zone.clone(), kind, Recursion::Off));
            asks.collect::<Vec<_>>()
        };
        let (servers, starts) = (ask(RecordType::NS), ask(RecordType::SOA));
        let children = client.ask_all(&servers, self.patience, self.until, Answer::read).await;
        let over_tcp = Server { via: Via::Tcp, ..server };
        let mut client = Client::new(over_tcp, Pace::for_server(&server, self.rate));
        let tcp = client.ask_all(&starts, self.patience, self.until, Answer::read).await;
        serials
            .into_iter()
            .zip(children)
            .zip(tcp)
            .map(|(((zone, serial), child), tcp)| Said {
                zone,
                server: ZoneServerSeen { server: server.to_string(), serial, tcp: over(tcp) },
                child: child
                    .map(|answer| answer.records.iter().map(|name| shown(name)).collect())
                    .unwrap_or_default(),
            })
            .collect()
    }
}

/// The zone a name is in and its serial, from the answer for its SOA.
fn start(ask: &Ask, answer: &Answer) -> Option<(String, u32)> {
    if !answer.has(Flag::Aa) {
        return None;
    }
    if let Some(record) = answer.records.first().filter(|_| answer.chain.is_empty()) {
        let serial = record.split(' ').nth(2)?.parse().ok()?;
        return Some((shown(&ask.name.to_lowercase().to_ascii()), serial));
    }
    answer.soa.as_ref().map(|soa| (shown(&soa.zone), soa.serial))
}

/// What trying TCP showed: a refusal is the server's own answer.
fn over(answer: Result<Answer, Fault>) -> Sight<TcpSeen> {
    match answer {
        Ok(_) => Sight::Seen(TcpSeen::Answered),
        Err(Fault::Unreachable { reason, .. }) if reason.starts_with("connection refused") => {
            Sight::Seen(TcpSeen::Refused)
        }
        Err(fault) => Sight::Fault(fault),
    }
}
