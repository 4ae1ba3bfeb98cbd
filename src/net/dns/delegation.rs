//! From a name to the servers of its zone: along the delegations, without asking a resolver for the
//! name itself, so that none learns that it does not exist yet. Only where the resolver knows the
//! name servers of nothing above the name is it asked for the name's own.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use futures_util::future::join_all;
use hickory_proto::op::Message;
use hickory_proto::rr::{Name, RData, RecordType};

use super::client::{Client, Patience};
use super::message::{Ask, Recursion};
use super::pace::{Pace, Rate};
use super::present::name_text;
use super::server::Server;
use crate::model::fault::Fault;

/// How many cuts are followed for one name.
const DEPTH: usize = 12;

/// How many servers of a zone are asked at most; no real zone has more.
const SERVERS: usize = 26;
/// In how many places of a zone names are asked about before the others are taken to be in it.
const BESIDE: usize = 200;

/// How many servers of a zone are asked for the way down.
const ASKED: usize = 4;

/// A zone and its servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    /// Its name, lower case, absolute.
    pub name: Name,
    /// The names of its servers, sorted.
    pub servers: Vec<Name>,
    /// The addresses of its servers, sorted.
    pub addresses: Vec<IpAddr>,
}

/// The search for zones: one resolver for what is public knowledge, and every answer kept.
pub struct Hunt<'a> {
    resolver: &'a mut Client,
    wish: Option<Rate>,
    patience: Patience,
    until: Instant,
    zones: BTreeMap<Name, Zone>,
    /// Zones whose own servers answered with authority for some name in them, each with the names one
    /// label above those: what lies beside such a name is taken to be in the zone too.
    settled: BTreeMap<Name, BTreeSet<Name>>,
    /// Where authoritative servers listen; only a test has another port.
    port: u16,
}

/// What a server of a zone said about a name.
enum Step {
    /// The name is in this zone.
    Here,
    /// It is in another, further down.
    Cut(Zone),
    /// No use; ask another server.
    Useless(Fault),
}

impl<'a> Hunt<'a> {
    /// A search that asks `resolver` for name servers and their addresses.
    pub const fn new(
        resolver: &'a mut Client,
        wish: Option<Rate>,
        patience: Patience,
        until: Instant,
    ) -> Self {
        Self {
            resolver,
            wish,
            patience,
            until,
            zones: BTreeMap::new(),
            settled: BTreeMap::new(),
            port: 53,
        }
    }

    /// The zone a name is in.
    ///
    /// # Errors
    /// A [`Fault`] when nobody who should know answered.
    pub async fn zone_of(&mut self, name: &Name) -> Result<Zone, Fault> {
        let mut zone = match self.deepest(name) {
            Some(zone) => zone,
            None => self.start(name).await?,
        };
        for _ in 0..DEPTH {
            if self.is_settled(&zone.name, name) {
                return Ok(zone);
            }
            match self.step(&zone, name).await {
                Step::Here => {
                    let beside = self.settled.entry(zone.name.clone()).or_default();
                    beside.insert(name.base_name());
                    return Ok(zone);
                }
                Step::Cut(below) => {
                    self.zones.insert(below.name.clone(), below.clone());
                    zone = below;
                }
                // A zone whose servers are silent is still the zone; they are asked again, and
                // heard out one by one, as its authorities.
                Step::Useless(_) if !zone.addresses.is_empty() && zone.name.num_labels() > 1 => {
                    return Ok(zone);
                }
                Step::Useless(fault) => return Err(fault),
            }
        }
        Err(Fault::Name {
            name: name_text(name),
            reason: format!("more than {DEPTH} delegations lead to it"),
        })
    }

    /// Whether a name is taken to be in a zone without asking. A server that has zones on both sides of
    /// a cut refers to none of them, so a name elsewhere in the zone is asked about; not one by one where
    /// they are very many.
    fn is_settled(&self, zone: &Name, name: &Name) -> bool {
        self.settled
            .get(zone)
            .is_some_and(|beside| beside.contains(&name.base_name()) || beside.len() >= BESIDE)
    }

    /// Takes back that all names below a name's zone are in it: a server referred further down. The
    /// next search for the name asks again.
    pub fn doubt(&mut self, name: &Name) {
        if let Some(zone) = self.deepest(name) {
            self.settled.remove(&zone.name);
        }
    }

    fn deepest(&self, name: &Name) -> Option<Zone> {
        (0..=name.num_labels())
            .rev()
            .find_map(|labels| self.zones.get(&name.trim_to(usize::from(labels))))
            .cloned()
    }

    /// The topmost zone a resolver knows servers of: normally the top-level domain.
    async fn start(&mut self, name: &Name) -> Result<Zone, Fault> {
        let mut last = None;
        for labels in 1..=name.num_labels() {
            let zone = name.trim_to(usize::from(labels));
            match self.ask_resolver(&zone, RecordType::NS).await {
                Ok(data) => {
                    let servers = servers(&data);
                    if !servers.is_empty() {
                        let addresses = self.addresses(&servers, &[]).await;
                        let zone = Zone { name: zone, servers, addresses };
                        self.zones.insert(zone.name.clone(), zone.clone());
                        return Ok(zone);
                    }
                }
                Err(fault) => last = Some(fault),
            }
            if last.is_some() {
                break;
            }
        }
        Err(last.unwrap_or_else(|| Fault::Name {
            name: name_text(name),
            reason: format!("{} knows no name servers for it", self.resolver.server()),
        }))
    }

    async fn step(&mut self, zone: &Zone, name: &Name) -> Step {
        let mut fault = Fault::Name {
            name: name_text(name),
            reason: format!("no server of {} has an address", name_text(&zone.name)),
        };
        for address in zone.addresses.iter().take(ASKED) {
            match self.put(*address, name, RecordType::SOA).await {
                Ok(message) if message.metadata.authoritative => {
                    return match cut_in(&message, &zone.name, name) {
                        None => Step::Here,
                        Some(cut) => self.below(zone, *address, cut, name).await,
                    };
                }
                Ok(message) => match self.referral(&message, &zone.name, name).await {
                    Some(below) => return Step::Cut(below),
                    None => {
                        fault = Fault::Unreadable {
                            what: format!("asking {} about {}", self.at(*address), name_text(name)),
                            reason: "it should be an authority, but neither answers as one nor \
                                     refers to one"
                                .to_owned(),
                        };
                    }
                },
                Err(silent) => fault = silent,
            }
        }
        Step::Useless(fault)
    }

    /// The zone below a cut, where the server at `both` serves the zones on both sides of it and so
    /// answers instead of referring. A server that has the upper one only refers, as the delegation
    /// has it; where none does, resolvers get what the servers of the upper zone say, beside those of the
    /// lower zone's own list.
    async fn below(&mut self, zone: &Zone, both: IpAddr, cut: Name, name: &Name) -> Step {
        let others = zone.addresses.iter().filter(|address| **address != both).take(ASKED - 1);
        let told = join_all(others.map(|other| self.put(*other, name, RecordType::SOA))).await;
        for message in told.into_iter().flatten().filter(|told| !told.metadata.authoritative) {
            if let Some(below) = self.referral(&message, &zone.name, name).await {
                return Step::Cut(below);
            }
        }
        let list = match self.put(both, &cut, RecordType::NS).await {
            Ok(list) => list,
            Err(fault) => return Step::Useless(fault),
        };
        let servers = servers(&data(&list));
        if servers.is_empty() {
            return Step::Here;
        }
        let mut addresses = self.addresses(&servers, &glue(&list)).await;
        addresses.extend(&zone.addresses);
        addresses.sort_unstable();
        addresses.dedup();
        Step::Cut(Zone { name: cut, servers, addresses })
    }

    /// Asks the authoritative server at an address, without recursion.
    fn put(
        &self,
        address: IpAddr,
        name: &Name,
        kind: RecordType,
    ) -> impl Future<Output = Result<Message, Fault>> + Send + use<> {
        let server = self.at(address);
        let (wish, patience, until) = (self.wish, self.patience, self.until);
        let ask = Ask::new(name.clone(), kind, Recursion::Off);
        async move {
            let mut client = Client::new(server, Pace::for_server(&server, wish));
            let mut answers =
                client.ask_all(&[ask], patience, until, |_, message, _| message.clone()).await;
            let none = || Fault::Bug { message: format!("{server} was not asked") };
            answers.pop().unwrap_or_else(|| Err(none()))
        }
    }

    const fn at(&self, address: IpAddr) -> Server {
        Server::udp(SocketAddr::new(address, self.port))
    }

    /// The zone a message refers to, if it lies between `zone` and `name`.
    async fn referral(&mut self, message: &Message, zone: &Name, name: &Name) -> Option<Zone> {
        let cut = message
            .authorities
            .iter()
            .find(|record| record.record_type() == RecordType::NS)
            .map(|record| record.name.to_lowercase())?;
        // Upward and sideways referrals lead nowhere.
        if !zone.zone_of(&cut) || cut == *zone || !cut.zone_of(name) {
            return None;
        }
        let data: Vec<RData> = message
            .authorities
            .iter()
            .filter(|record| record.name == cut)
            .map(|record| record.data.clone())
            .collect();
        let servers = servers(&data);
        let addresses = self.addresses(&servers, &glue(message)).await;
        Some(Zone { name: cut, servers, addresses })
    }

    /// The addresses of servers: by the glue that came along, else by asking.
    async fn addresses(&mut self, servers: &[Name], glue: &[(Name, IpAddr)]) -> Vec<IpAddr> {
        let mut addresses = BTreeSet::new();
        let mut asks = Vec::new();
        for server in servers {
            let mut glued = glue.iter().filter(|(name, _)| name == server).peekable();
            if glued.peek().is_some() {
                addresses.extend(glued.map(|(_, ip)| *ip));
            } else {
                for kind in [RecordType::A, RecordType::AAAA] {
                    asks.push(Ask::new(server.clone(), kind, Recursion::Desired));
                }
            }
        }
        let found = self
            .resolver
            .ask_all(&asks, self.patience, self.until, |_, message, _| data(message))
            .await;
        addresses.extend(found.into_iter().flatten().flatten().filter_map(|data| address(&data)));
        addresses.into_iter().take(SERVERS).collect()
    }

    async fn ask_resolver(&mut self, name: &Name, kind: RecordType) -> Result<Vec<RData>, Fault> {
        let ask = Ask::new(name.clone(), kind, Recursion::Desired);
        let read = |_: &Ask, message: &Message, _: &super::client::Meta| data(message);
        let mut answers = self.resolver.ask_all(&[ask], self.patience, self.until, read).await;
        answers.pop().unwrap_or_else(|| Ok(Vec::new()))
    }
}

/// The zone an authoritative answer is from, where it lies between `zone` and `name`: a server of
/// both answers from the lower one (RFC 1034 §4.3.2).
fn cut_in(message: &Message, zone: &Name, name: &Name) -> Option<Name> {
    message
        .answers
        .iter()
        .chain(&message.authorities)
        .filter(|record| record.record_type() == RecordType::SOA)
        .map(|record| record.name.to_lowercase())
        .find(|cut| zone.zone_of(cut) && cut != zone && cut.zone_of(name))
}

/// The addresses that came along.
fn glue(message: &Message) -> Vec<(Name, IpAddr)> {
    message
        .additionals
        .iter()
        .filter_map(|record| Some((record.name.to_lowercase(), address(&record.data)?)))
        .collect()
}

fn data(message: &Message) -> Vec<RData> {
    message.answers.iter().map(|record| record.data.clone()).collect()
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the crate's list of types is open")]
fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(a) => Some(IpAddr::V6(a.0)),
        _ => None,
    }
}

fn servers(data: &[RData]) -> Vec<Name> {
    let mut servers: Vec<Name> = data
        .iter()
        .filter_map(|data| {
            let RData::NS(name) = data else { return None };
            Some(name.0.to_lowercase())
        })
        .collect();
    servers.sort();
    servers.dedup();
    servers.truncate(SERVERS);
    servers
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use hickory_proto::op::{MessageType, OpCode, ResponseCode};
    use hickory_proto::rr::Record;
    use hickory_proto::rr::rdata::{A, NS, SOA};
    use tokio::net::UdpSocket;

    use super::*;
    use crate::clock::Clock;
    use crate::net::dns::fqdn;

    fn name(text: &str) -> Name {
        fqdn(text).expect("a name")
    }

    fn ns(zone: &str, server: &str) -> Record {
        Record::from_rdata(name(zone), 60, RData::NS(NS(name(server))))
    }

    fn soa(zone: &str) -> Record {
        let data = SOA::new(name("ns.test"), name("host.test"), 1, 3600, 600, 604_800, 60);
        Record::from_rdata(name(zone), 60, RData::SOA(data))
    }

    fn glue(server: &str, last: u8) -> Record {
        Record::from_rdata(name(server), 60, RData::A(A::new(127, 0, 0, last)))
    }

    /// Sockets with one port on several loopback addresses.
    async fn sockets() -> [UdpSocket; 3] {
        loop {
            let first = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
            let port = first.local_addr().expect("an address").port();
            let second = UdpSocket::bind(("127.0.0.2", port)).await;
            let third = UdpSocket::bind(("127.0.0.3", port)).await;
            if let (Ok(second), Ok(third)) = (second, third) {
                return [first, second, third];
            }
        }
    }

    /// Answers with `edit`, and keeps the names it was asked for.
    #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
    fn serve(
        socket: UdpSocket,
        edit: impl Fn(&Name, RecordType, &mut Message) + Send + 'static,
    ) -> Arc<Mutex<Vec<String>>> {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut buffer = [0; 2048];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer).await {
                let question = Message::from_vec(&buffer[..length]).expect("a question");
                let id = question.metadata.id;
                let mut reply = Message::new(id, MessageType::Response, OpCode::Query);
                reply.queries.clone_from(&question.queries);
                let query = &question.queries[0];
                log.lock().expect("no panic").push(name_text(&query.name));
                edit(&query.name, query.query_type, &mut reply);
                let bytes = reply.to_vec().expect("a message");
                socket.send_to(&bytes, peer).await.expect("sent");
            }
        });
        asked
    }

    #[tokio::test]
    async fn delegations_are_followed_without_asking_a_resolver_for_the_name() {
        let [resolver, top, zone] = sockets().await;
        let resolver_at = resolver.local_addr().expect("an address");
        let asked = serve(resolver, |asked, kind, reply| match (name_text(asked).as_str(), kind) {
            ("example.", RecordType::NS) => reply.answers.push(ns("example", "top.nic.test")),
            ("top.nic.test.", RecordType::A) => reply.answers.push(glue("top.nic.test", 2)),
            (_, RecordType::AAAA) => {}
            _ => reply.metadata.response_code = ResponseCode::NXDomain,
        });
        serve(top, |_, _, reply| {
            reply.authorities.push(ns("game.example", "ns1.game.example"));
            reply.authorities.push(ns("game.example", "ns2.game.example"));
            reply.additionals.push(glue("ns1.game.example", 3));
            reply.additionals.push(glue("ns2.game.example", 3));
        });
        serve(zone, |_, _, reply| reply.metadata.authoritative = true);

        let server = Server::udp(resolver_at);
        let mut client = Client::new(server, Pace::for_server(&server, None));
        let patience = Patience::about(Duration::from_secs(1));
        let until = Clock.tick() + Duration::from_secs(5);
        let mut hunt = Hunt::new(&mut client, None, patience, until);
        hunt.port = resolver_at.port();
        let found = hunt.zone_of(&name("login.game.example")).await.expect("a zone");
        assert_eq!(found.name, name("game.example"));
        assert_eq!(found.servers, [name("ns1.game.example"), name("ns2.game.example")]);
        assert_eq!(found.addresses, [IpAddr::from([127, 0, 0, 3])]);
        // The second name of the zone costs nothing more.
        assert_eq!(hunt.zone_of(&name("match.game.example")).await, Ok(found));
        let asked = asked.lock().expect("no panic").clone();
        assert!(asked.iter().all(|name| !name.ends_with("game.example.")), "{asked:?}");
    }

    /// `example` is on two servers; the first of them serves `game.example` below it too, together
    /// with a third server.
    async fn zone_on_a_server_of_both(second_refers: bool) -> Zone {
        let [resolver, both, upper] = sockets().await;
        let resolver_at = resolver.local_addr().expect("an address");
        serve(resolver, |asked, kind, reply| match (name_text(asked).as_str(), kind) {
            ("example.", RecordType::NS) => {
                reply.answers.push(ns("example", "both.test"));
                reply.answers.push(ns("example", "upper.test"));
            }
            ("both.test.", RecordType::A) => reply.answers.push(glue("both.test", 2)),
            ("upper.test.", RecordType::A) => reply.answers.push(glue("upper.test", 3)),
            ("lower.test.", RecordType::A) => reply.answers.push(glue("lower.test", 4)),
            _ => {}
        });
        serve(both, |_, kind, reply| {
            reply.metadata.authoritative = true;
            if kind == RecordType::NS {
                reply.answers.push(ns("game.example", "both.test"));
                reply.answers.push(ns("game.example", "lower.test"));
            } else {
                reply.authorities.push(soa("game.example"));
            }
        });
        serve(upper, move |_, _, reply| {
            reply.metadata.authoritative = !second_refers;
            if second_refers {
                reply.authorities.push(ns("game.example", "lower.test"));
            }
        });
        let server = Server::udp(resolver_at);
        let mut client = Client::new(server, Pace::for_server(&server, None));
        let patience = Patience::about(Duration::from_millis(300));
        let until = Clock.tick() + Duration::from_secs(5);
        let mut hunt = Hunt::new(&mut client, None, patience, until);
        hunt.port = resolver_at.port();
        // Another name, which settles the upper zone first, changes nothing.
        let upper = hunt.zone_of(&name("www.example")).await.expect("a zone");
        assert_eq!(upper.name, name("example"));
        hunt.zone_of(&name("login.game.example")).await.expect("a zone")
    }

    #[tokio::test]
    async fn a_server_of_both_sides_of_a_cut_does_not_hide_the_lower_zone() {
        let zone = zone_on_a_server_of_both(false).await;
        assert_eq!(zone.name, name("game.example"));
        assert_eq!(zone.servers, [name("both.test"), name("lower.test")], "by its own list");
        let [both, upper, lower] = [2, 3, 4].map(|last| IpAddr::from([127, 0, 0, last]));
        assert_eq!(zone.addresses, [both, upper, lower], "and by whom resolvers ask without a cut");
        let zone = zone_on_a_server_of_both(true).await;
        assert_eq!(zone.name, name("game.example"));
        assert_eq!(zone.servers, [name("lower.test")], "by the delegation");
        assert_eq!(zone.addresses, [lower]);
    }

    #[tokio::test]
    async fn a_resolver_that_knows_no_servers_leads_to_a_fault() {
        let [resolver, ..] = sockets().await;
        let server = Server::udp(resolver.local_addr().expect("an address"));
        serve(resolver, |_, _, reply| reply.metadata.response_code = ResponseCode::Refused);
        let mut client = Client::new(server, Pace::for_server(&server, None));
        let patience = Patience::about(Duration::from_secs(1));
        let until = Clock.tick() + Duration::from_secs(5);
        let mut hunt = Hunt::new(&mut client, None, patience, until);
        assert!(matches!(hunt.zone_of(&name("a.example")).await, Err(Fault::Name { .. })));
    }
}
