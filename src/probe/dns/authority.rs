//! Asking the authoritative servers: those listed, or those the delegations lead to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::time::Instant;

use futures_util::future::join_all;
use hickory_proto::rr::Name;

use super::observation::{AuthorityTold, ZoneSeen};
use super::param::Authorities;
use super::zones::ZoneHint;
use crate::model::fault::{Fault, Sight};
use crate::net::dns::{
    Answer, Ask, Checking, Client, Hunt, Pace, Patience, Rate, Recursion, Server, Zone, fqdn,
};

/// How the authorities are asked.
pub(super) struct Inquiry<'a> {
    pub(super) asks: &'a [Ask],
    pub(super) checking: Checking,
    pub(super) rate: Option<Rate>,
    pub(super) patience: Patience,
    pub(super) until: Instant,
}

/// The zones the names were found to be in.
#[derive(Default)]
struct Found {
    /// Of each name its zone and the servers to ask.
    zones: HashMap<Name, Result<(Name, Vec<Server>), Fault>>,
    hints: BTreeMap<Name, ZoneHint>,
}

impl Found {
    fn keep(&mut self, name: &Name, zone: Result<Zone, Fault>) {
        let found = zone.map(|zone| {
            let at = |ip: &IpAddr| Server::udp((*ip, 53).into());
            let servers: Vec<Server> = zone.addresses.iter().map(at).collect();
            self.hints.entry(zone.name.clone()).or_insert_with(|| ZoneHint {
                delegated: Some((zone.name.clone(), zone.servers)),
                servers: servers.clone(),
            });
            (zone.name, servers)
        });
        self.zones.insert(name.clone(), found);
    }

    /// A zone further down, between a name's zone and the name, that one of these answers refers to.
    fn further(&self, name: &Name, told: &[AuthorityTold]) -> Option<Name> {
        let (zone, _) = self.zones.get(name)?.as_ref().ok()?;
        told.iter()
            .filter_map(|told| fqdn(told.answer.seen()?.referral.as_deref()?).ok())
            .find(|cut| zone.zone_of(cut) && cut != zone && cut.zone_of(name))
    }
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
            let answers = client.ask_all(&asks, self.patience, self.until, Answer::read).await;
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
        let mut found = Found::default();
        for ask in self.asks {
            if !found.zones.contains_key(&ask.name) {
                found.keep(&ask.name, hunt.zone_of(&ask.name).await);
            }
        }
        let all: Vec<usize> = (0..self.asks.len()).collect();
        let mut told = self.ask_found(&found, &all).await;
        let moved = self.moved(&mut hunt, &mut found, &told).await;
        let mut anew = self.ask_found(&found, &moved).await;
        for index in moved {
            told[index] = std::mem::take(&mut anew[index]);
        }
        (told, found.hints.into_values().collect())
    }

    /// The questions whose names turn out to be in a zone further down. Not every name is looked
    /// for from its zone on: where one name was found in a zone, the others beside it are taken to
    /// be in it too, until a server refers to another.
    async fn moved(
        &self,
        hunt: &mut Hunt<'_>,
        found: &mut Found,
        told: &[Vec<AuthorityTold>],
    ) -> Vec<usize> {
        let mut cuts: BTreeSet<Name> = BTreeSet::new();
        let mut names: BTreeSet<&Name> = BTreeSet::new();
        for (ask, told) in self.asks.iter().zip(told) {
            let Some(cut) = found.further(&ask.name, told) else { continue };
            // One name tells for all below the same cut.
            if cuts.insert(cut) {
                hunt.doubt(&ask.name);
            }
            let before = found.zones.get(&ask.name).and_then(|zone| zone.as_ref().ok());
            let before = before.map(|(zone, _)| zone.clone());
            if let Ok(zone) = hunt.zone_of(&ask.name).await
                && before.as_ref() != Some(&zone.name)
            {
                found.keep(&ask.name, Ok(zone));
                names.insert(&ask.name);
            }
        }
        let moved = self.asks.iter().enumerate().filter(|(_, ask)| names.contains(&ask.name));
        moved.map(|(index, _)| index).collect()
    }

    /// Asks the servers of the zones that were found these questions.
    async fn ask_found(&self, found: &Found, wanted: &[usize]) -> Vec<Vec<AuthorityTold>> {
        let mut jobs: BTreeMap<Server, Vec<usize>> = BTreeMap::new();
        let mut lost: Vec<(usize, Fault)> = Vec::new();
        for &index in wanted {
            match found.zones.get(&self.asks[index].name) {
                Some(Ok((_, servers))) => {
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
            let server = "authority".to_owned();
            told[index].push(AuthorityTold { server, answer: Sight::Fault(fault) });
        }
        told
    }
}
