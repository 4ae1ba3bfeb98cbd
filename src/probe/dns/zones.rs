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

/// What one server says of its zones.
struct Told {
    said: Vec<Said>,
    /// The names whose zone it did not say, and the server with the reason.
    silent: Vec<(String, ZoneServerSeen)>,
}

/// What one server says of one zone.
struct Said {
    zone: String,
    server: ZoneServerSeen,
    child: Result<Vec<String>, Fault>,
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
        merge(join_all(looks).await, &parents)
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

    async fn look_at(&self, server: Server, names: Vec<Name>) -> Told {
        let mut client = Client::new(server, Pace::for_server(&server, self.rate));
        let asks: Vec<Ask> =
            names.into_iter().map(|name| Ask::new(name, RecordType::SOA, Recursion::Off)).collect();
        let answers = client.ask_all(&asks, self.patience, self.until, Answer::read).await;
        let mut serials: BTreeMap<String, u32> = BTreeMap::new();
        let mut silent = Vec::new();
        for (ask, answer) in asks.iter().zip(answers) {
            match answer {
                Ok(answer) => serials.extend(start(ask, &answer)),
                Err(fault) => {
                    let (server, tcp) = (server.to_string(), Sight::Fault(fault));
                    let name = shown(&ask.name.to_lowercase().to_ascii());
                    silent.push((name, ZoneServerSeen { server, serial: None, tcp }));
                }
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
        let said = serials
            .into_iter()
            .zip(children)
            .zip(tcp)
            .map(|(((zone, serial), child), tcp)| Said {
                zone,
                server: ZoneServerSeen {
                    server: server.to_string(),
                    serial: Some(serial),
                    tcp: over(tcp),
                },
                child: child.map(|answer| answer.records.iter().map(|name| shown(name)).collect()),
            })
            .collect();
        Told { said, silent }
    }
}

/// Puts together what the servers of each zone say; `parents` has the zones that were found by
/// their delegation, with the servers it names.
fn merge(told: Vec<Told>, parents: &BTreeMap<String, Vec<String>>) -> Vec<ZoneSeen> {
    let mut zones: BTreeMap<String, ZoneSeen> = BTreeMap::new();
    let blank = |zone: String| ZoneSeen {
        parent: parents.get(&zone).cloned().unwrap_or_default(),
        zone,
        child: Vec::new(),
        child_fault: None,
        servers: Vec::new(),
    };
    let mut silent = Vec::new();
    for told in told {
        for said in told.said {
            let zone = zones.entry(said.zone.clone()).or_insert_with(|| blank(said.zone));
            match said.child {
                Ok(child) => zone.child.extend(child),
                Err(fault) => zone.child_fault = zone.child_fault.take().or(Some(fault)),
            }
            zone.child.sort_unstable();
            zone.child.dedup();
            zone.servers.push(said.server);
        }
        silent.extend(told.silent);
    }
    for (name, server) in silent {
        // The zone of a name that a listed server was asked for is known by the others, if at all.
        let zone = if parents.contains_key(&name) { Some(name) } else { above(&name, &zones) };
        let Some(zone) = zone else { continue };
        let zone = zones.entry(zone.clone()).or_insert_with(|| blank(zone));
        if zone.servers.iter().all(|known| known.server != server.server) {
            zone.servers.push(server);
        }
    }
    zones.into_values().collect()
}

/// The lowest of the zones that a name is in.
fn above(name: &str, zones: &BTreeMap<String, ZoneSeen>) -> Option<String> {
    let is_in = |zone: &&String| {
        name.strip_suffix(zone.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    zones.keys().filter(is_in).max_by_key(|zone| zone.len()).cloned()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::Span;

    fn fault() -> Fault {
        Fault::Timeout { what: "asking".to_owned(), after: Span::from_secs(1) }
    }

    fn silent(name: &str, server: &str) -> Told {
        let tcp = Sight::Fault(fault());
        let server = ZoneServerSeen { server: server.to_owned(), serial: None, tcp };
        Told { said: Vec::new(), silent: vec![(name.to_owned(), server)] }
    }

    fn said(child: Result<Vec<String>, Fault>) -> Told {
        let tcp = Sight::Seen(TcpSeen::Answered);
        let server = ZoneServerSeen { server: "192.0.2.1".to_owned(), serial: Some(7), tcp };
        let said = vec![Said { zone: "example".to_owned(), server, child }];
        Told { said, silent: Vec::new() }
    }

    #[test]
    fn who_does_not_answer_stays_a_server_of_the_zone() {
        let parent = vec!["ns1.example".to_owned(), "ns2.example".to_owned()];
        let delegated = BTreeMap::from([("example".to_owned(), parent.clone())]);
        // Every server is silent, and still the zone is told.
        let zones = merge(vec![silent("example", "192.0.2.2")], &delegated);
        assert_eq!((zones.len(), zones[0].servers.len()), (1, 1));
        assert_eq!(zones[0].parent, parent);

        let told = vec![said(Err(fault())), silent("example", "192.0.2.2")];
        let zones = merge(told, &delegated);
        assert_eq!((zones.len(), zones[0].servers.len()), (1, 2));
        assert_eq!(zones[0].child_fault, Some(fault()));
    }

    #[test]
    fn a_listed_server_is_silent_about_the_zone_others_tell() {
        let listed = BTreeMap::new();
        let told = |name| vec![said(Ok(Vec::new())), silent(name, "192.0.2.2")];
        for (name, servers) in
            [("login.example", 2), ("example", 2), ("otherexample", 1), ("login.test", 1)]
        {
            let zones = merge(told(name), &listed);
            assert_eq!((zones.len(), zones[0].servers.len()), (1, servers), "{name}");
        }
        assert_eq!(merge(vec![silent("login.example", "192.0.2.2")], &listed), []);
        // It answered for another name of the zone.
        let zones = merge(vec![said(Ok(Vec::new())), silent("a.example", "192.0.2.1")], &listed);
        assert_eq!(zones[0].servers.len(), 1);
    }
}
