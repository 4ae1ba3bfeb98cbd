//! Asking the authoritative servers: those listed, or those the delegations lead to.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Instant;

use futures_util::future::join_all;
use hickory_proto::rr::Name;

use super::observation::{AuthorityTold, ZoneSeen};
use super::param::Authorities;
use super::zones::ZoneHint;
use crate::model::fault::{Fault, Sight};
use crate::net::dns::{Answer, Ask, Checking, Client, Hunt, Pace, Patience, Rate, Recursion, Server};

/// How the authorities are asked.
pub(super) struct Inquiry<'a> {
    pub(super) asks: &'a [Ask],
    pub(super) checking: Checking,
    pub(super) rate: Option<Rate>,
    pub(super) patience: Patience,
    pub(super) until: Instant,
}

impl Inquiry<'_> {
    /// What every authority says to every question, in the order of the questions, and of its
    /// zones.
    pub(super) async fn run(
        &self,
        authorities: &Authorities,
        resolver: Option<Server>,
    ) -> (Vec<Vec<AuthorityTold>>, Vec<ZoneSeen>) {
        let (told, hints) = match (authorities, resolver) {
            (Authorities::Off, _) | (Authorities::Auto, None) => {
                return (vec![Vec::new(); self.asks.len()], Vec::new());
            }
            (Authorities::At(servers), _) => {
                let all: Vec<usize> = (0..self.asks.len()).collect();
                let jobs = servers.iter().map(|server| (*server, all.clone())).collect();
                let hint = ZoneHint { delegated: None, servers: servers.clone() };
                (self.ask_servers(jobs).await, vec![hint])
            }
            (Authorities::Auto, Some(resolver)) => self.follow(resolver).await,
        };
        let zones = self.zones(hints, &told).await;
        (told, zones)
    }

    /// Asks each server its questions, all servers at once.
    async fn ask_servers(&self, jobs: Vec<(Server, Vec<usize>)>) -> Vec<Vec<AuthorityTold>> {
        let looks = jobs.into_iter().map(|(server, wanted)| async move {
            let asks: Vec<Ask> = wanted
                .iter()
                .map(|index| Ask {
                    recursion: Recursion::Off,
                    checking: self.checking,
                    ..self.asks[*index].clone()
                })
                .collect();
            let mut client = Client::new(server, Pace::for_server(&server, self.rate));
            let answers =
                client.ask_all(&asks, self.patience, self.until, Answer::read).await;
            (server, wanted, answers)
        });
        let mut told = vec![Vec::new(); self.asks.len()];
        for (server, wanted, answers) in join_all(looks).await {
            for (index, answer) in wanted.into_iter().zip(answers) {
                let answer = Sight::from(answer);
                told[index].push(AuthorityTold { server: server.to_string(), answer });
            }
        }
        told
    }

    /// Finds the zone of every name, then asks all its servers.
    async fn follow(&self, resolver: Server) -> (Vec<Vec<AuthorityTold>>, Vec<ZoneHint>) {
        let mut client = Client::new(resolver, Pace::for_server(&resolver, self.rate));
        let mut hunt = Hunt::new(&mut client, self.rate, self.patience, self.until);
        let mut zones: HashMap<Name, Result<Vec<Server>, Fault>> = HashMap::new();
        let mut hints: BTreeMap<Name, ZoneHint> = BTreeMap::new();
        for ask in self.asks {
            if zones.contains_key(&ask.name) {
                continue;
            }
            let servers = hunt.zone_of(&ask.name).await.map(|zone| {
                let at = |ip: &IpAddr| Server::udp((*ip, 53).into());
                let servers: Vec<Server> = zone.addresses.iter().map(at).collect();
                hints.entry(zone.name.clone()).or_insert_with(|| ZoneHint {
                    delegated: Some((zone.name, zone.servers)),
                    servers: servers.clone(),
                });
                servers
            });
            zones.insert(ask.name.clone(), servers);
        }
        let mut jobs: BTreeMap<Server, Vec<usize>> = BTreeMap::new();
        let mut lost: Vec<(usize, Fault)> = Vec::new();
        for (index, ask) in self.asks.iter().enumerate() {
            match zones.get(&ask.name) {
                Some(Ok(servers)) => {
                    for server in servers {
                        jobs.entry(*server).or_default().push(index);
                    }
                }
                Some(Err(fault)) => lost.push((index, fault.clone())),
                None => {}
            }
        }
        let mut told = self.ask_servers(jobs.into_iter().collect()).await;
        for (index, fault) in lost {
            let server = format!("the authority found by {resolver}");
            told[index].push(AuthorityTold { server, answer: Sight::Fault(fault) });
        }
        (told, hints.into_values().collect())
    }
}
