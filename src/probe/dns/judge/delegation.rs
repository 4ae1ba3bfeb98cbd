//! The zones as a whole: serial numbers, delegation, number of servers, TCP.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::super::codes;
use super::super::observation::{TcpSeen, ZoneSeen};
use crate::model::finding::Finding;
use crate::model::text::count;
use crate::net::dns::Server;

pub(super) fn judge(zone: &ZoneSeen, findings: &mut Vec<Finding>) {
    let before = findings.len();
    judge_serials(zone, findings);
    judge_tcp(zone, findings);
    // Only where the delegation was followed is it known who the servers should be.
    if !zone.parent.is_empty() {
        judge_lists(zone, findings);
        judge_number(zone, findings);
    }
    if findings.len() == before
        && let Some(serial) = zone.servers.iter().find_map(|server| server.serial)
    {
        let servers = count(zone.servers.len(), "server");
        let message = format!("serial {serial} on {servers}");
        findings.push(Finding::new(&codes::OK, &zone.zone, message));
    }
}

fn judge_serials(zone: &ZoneSeen, findings: &mut Vec<Finding>) {
    let said = || zone.servers.iter().filter_map(|server| Some((&server.server, server.serial?)));
    let serials: BTreeSet<u32> = said().map(|(_, serial)| serial).collect();
    if serials.len() < 2 {
        return;
    }
    let newest = said().map(|(_, serial)| serial).reduce(newer).unwrap_or_default();
    let words: Vec<String> =
        said().map(|(server, serial)| format!("{server} has {serial}")).collect();
    findings.push(
        Finding::new(&codes::SERIAL_DIFFERS, &zone.zone, words.join("; "))
            .expected(format!("serial {newest} everywhere"))
            .actual(format!("{} different serials", serials.len())),
    );
}

/// The newer of two serials (RFC 1982).
fn newer(a: u32, b: u32) -> u32 {
    if b.wrapping_sub(a).cast_signed() > 0 { b } else { a }
}

fn judge_tcp(zone: &ZoneSeen, findings: &mut Vec<Finding>) {
    for server in &zone.servers {
        let target = format!("{} {} SOA", server.server, zone.zone);
        if let Some(fault) = server.tcp.fault() {
            findings.push(Finding::fault(target, fault));
        } else if server.tcp.seen() == Some(&TcpSeen::Refused) {
            let message = "it refuses TCP; answers that do not fit into UDP are lost";
            findings.push(Finding::new(&codes::NO_TCP, target, message));
        }
    }
}

fn judge_lists(zone: &ZoneSeen, findings: &mut Vec<Finding>) {
    if let Some(fault) = &zone.child_fault {
        findings.push(Finding::fault(format!("{} NS", zone.zone), fault));
    }
    if zone.child.is_empty() || zone.child == zone.parent {
        return;
    }
    let only = |one: &[String], other: &[String]| {
        let only: Vec<&str> =
            one.iter().filter(|name| !other.contains(name)).map(String::as_str).collect();
        if only.is_empty() { "nobody".to_owned() } else { only.join(", ") }
    };
    let message = format!(
        "only the parent names {}; only the zone itself names {}",
        only(&zone.parent, &zone.child),
        only(&zone.child, &zone.parent)
    );
    findings.push(
        Finding::new(&codes::DELEGATION_DIFFERS, &zone.zone, message)
            .expected(zone.child.join(", "))
            .actual(zone.parent.join(", ")),
    );
}

fn judge_number(zone: &ZoneSeen, findings: &mut Vec<Finding>) {
    let addresses: Vec<IpAddr> = zone
        .servers
        .iter()
        .filter_map(|server| server.server.parse::<Server>().ok())
        .map(|server| server.address.ip())
        .collect();
    let networks: BTreeSet<Vec<u8>> = addresses
        .iter()
        .map(|ip| match ip {
            IpAddr::V4(ip) => ip.octets()[..3].to_vec(),
            IpAddr::V6(ip) => ip.octets()[..6].to_vec(),
        })
        .collect();
    let message = match (addresses.len(), networks.len()) {
        (1, _) => format!("only one server of the zone answers: {}", zone.servers[0].server),
        (2.., 1) => "all servers are in one network".to_owned(),
        _ => return,
    };
    findings.push(
        Finding::new(&codes::FEW_SERVERS, &zone.zone, message)
            .expected("two servers or more, in different networks"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fault::{Fault, Sight};
    use crate::model::time::Span;
    use crate::probe::dns::ZoneServerSeen;

    fn zone(parent: &[&str], servers: &[(&str, u32)]) -> ZoneSeen {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        ZoneSeen {
            zone: "example.com".to_owned(),
            parent: names(parent),
            child: names(&["ns1.example.com", "ns2.example.com"]),
            child_fault: None,
            servers: servers
                .iter()
                .map(|(server, serial)| ZoneServerSeen {
                    server: (*server).to_owned(),
                    serial: Some(*serial),
                    tcp: Sight::Seen(TcpSeen::Answered),
                })
                .collect(),
        }
    }

    fn check(zone: &ZoneSeen, wanted: &[&str]) -> Vec<Finding> {
        let mut findings = Vec::new();
        judge(zone, &mut findings);
        let codes: Vec<&str> = findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(codes, wanted, "{findings:#?}");
        findings
    }

    fn timeout() -> Fault {
        Fault::Timeout { what: "asking".to_owned(), after: Span::from_secs(1) }
    }

    const BOTH: &[&str] = &["ns1.example.com", "ns2.example.com"];

    #[test]
    fn zones_are_judged_as_a_whole() {
        check(&zone(BOTH, &[("192.0.2.1", 7), ("198.51.100.1", 7)]), &["dns.ok"]);
        check(&zone(BOTH, &[("192.0.2.1", 7), ("198.51.100.1", 6)]), &["dns.serial-differs"]);
        check(&zone(BOTH, &[("192.0.2.1", 7), ("192.0.2.2", 7)]), &["dns.few-servers"]);
        check(&zone(BOTH, &[("2001:db8::1", 7), ("2001:db8:0:9::2", 7)]), &["dns.few-servers"]);
        let one = check(&zone(BOTH, &[("192.0.2.1", 7)]), &["dns.few-servers"]);
        // Others may serve it and not answer.
        assert_eq!(one[0].message, "only one server of the zone answers: 192.0.2.1");
        check(
            &zone(&BOTH[..1], &[("192.0.2.1", 7), ("198.51.100.1", 7)]),
            &["dns.delegation-differs"],
        );
        // Where the servers are listed, nobody said how many there should be.
        let listed = check(&zone(&[], &[("127.0.0.1:53053", 7)]), &["dns.ok"]);
        assert_eq!(listed[0].message, "serial 7 on 1 server");
    }

    #[test]
    fn what_a_server_does_not_say_of_its_zone_is_unknown() {
        let servers = [("192.0.2.1", 7), ("198.51.100.1", 7)];
        let mut silent = zone(BOTH, &servers);
        silent.servers[1].serial = None;
        silent.servers[1].tcp = Sight::Fault(timeout());
        check(&silent, &["gonogo.timeout"]);
        let mut no_list = zone(BOTH, &servers);
        no_list.child.clear();
        no_list.child_fault = Some(timeout());
        let findings = check(&no_list, &["gonogo.timeout"]);
        assert_eq!(findings[0].target, "example.com NS");
    }

    #[test]
    fn tcp_is_looked_at_on_every_server() {
        let mut one = zone(&[], &[("192.0.2.1", 7), ("198.51.100.1", 7)]);
        one.servers[0].tcp = Sight::Seen(TcpSeen::Refused);
        one.servers[1].tcp = Sight::Fault(timeout());
        check(&one, &["dns.no-tcp", "gonogo.timeout"]);
    }

    #[test]
    fn serials_wrap_around() {
        assert_eq!(newer(1, 2), 2);
        assert_eq!(newer(u32::MAX, 3), 3);
        assert_eq!(newer(3, u32::MAX), 3);
    }
}
