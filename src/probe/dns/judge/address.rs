//! The addresses in the answers: of use to the public, and the same in the hints.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::codes;
use super::super::observation::{DnsSeen, QuestionSeen};
use super::{Dns, target};
use crate::model::finding::Finding;
use crate::net::dns::{Answer, Flag, Rcode, Type};

pub(super) fn judge(
    dns: &Dns,
    seen: &DnsSeen,
    question: &QuestionSeen,
    findings: &mut Vec<Finding>,
) {
    match question.kind {
        Type::A | Type::Aaaa if dns.public => judge_public(question, findings),
        Type::Https | Type::Svcb => judge_hints(seen, question, findings),
        Type::A
        | Type::Aaaa
        | Type::Cname
        | Type::Mx
        | Type::Txt
        | Type::Ns
        | Type::Soa
        | Type::Srv
        | Type::Caa
        | Type::Ptr => {}
    }
}

/// Who answered what to a question, authorities first.
fn answers(question: &QuestionSeen) -> impl Iterator<Item = (&str, &Answer)> {
    let authorities = question
        .authorities
        .iter()
        .filter_map(|told| Some((told.server.as_str(), told.answer.seen()?)));
    let resolvers = question
        .resolvers
        .iter()
        .filter_map(|told| Some((told.server.as_str(), told.cold.seen()?)));
    authorities.chain(resolvers)
}

fn judge_public(question: &QuestionSeen, findings: &mut Vec<Finding>) {
    for (server, answer) in answers(question) {
        for record in &answer.records {
            let Some(why) = record.parse().ok().and_then(unusable) else { continue };
            findings.push(
                Finding::new(
                    &codes::PRIVATE_ADDRESS,
                    target(server, question),
                    format!("{record} is {why}"),
                )
                .expected("a public address")
                .actual(record.clone()),
            );
        }
    }
}

/// Why an address is of no use to the public (RFC 6890 and the registries it made).
fn unusable(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => unusable_v4(ip),
        IpAddr::V6(ip) => unusable_v6(ip),
    }
}

fn unusable_v4(ip: Ipv4Addr) -> Option<&'static str> {
    let [a, b, c, _] = ip.octets();
    Some(match (a, b, c) {
        _ if ip.is_private() => "private",
        _ if ip.is_loopback() => "this machine itself",
        _ if ip.is_link_local() => "of one link only",
        _ if ip.is_documentation() => "for documentation",
        _ if ip.is_multicast() => "multicast",
        (0, _, _) => "of no host",
        (100, 64..=127, _) => "of a carrier's inner network",
        (192, 0, 0) => "reserved for protocols",
        (198, 18..=19, _) => "for benchmarks",
        (240..=255, _, _) => "reserved",
        _ => return None,
    })
}

fn unusable_v6(ip: Ipv6Addr) -> Option<&'static str> {
    let segments = ip.segments();
    if let Some(v4) = ip.to_ipv4_mapped() {
        return Some(unusable_v4(v4).unwrap_or("an IPv4 address in the form of IPv6"));
    }
    Some(match segments {
        _ if ip.is_loopback() => "this machine itself",
        _ if ip.is_unspecified() => "of no host",
        _ if ip.is_multicast() => "multicast",
        _ if ip.is_unique_local() => "private",
        _ if ip.is_unicast_link_local() => "of one link only",
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => "for documentation",
        [0x100, 0, 0, 0, ..] => "for discarding",
        [0xfec0..=0xfeff, ..] => "private",
        [0x64, 0xff9b, 1, ..] => "of a translator's inner network",
        // 6to4 and NAT64 have an IPv4 address in them, which is where they lead.
        [0x2002, high, low, ..] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            return unusable_v4(Ipv4Addr::new(a, b, c, d));
        }
        _ => return None,
    })
}

fn judge_hints(seen: &DnsSeen, question: &QuestionSeen, findings: &mut Vec<Finding>) {
    for (server, answer) in answers(question) {
        for record in &answer.records {
            let owner = owner(question, record);
            for (key, kind) in [("ipv4hint=", Type::A), ("ipv6hint=", Type::Aaaa)] {
                let Some(hints) = record.split(' ').find_map(|word| word.strip_prefix(key)) else {
                    continue;
                };
                let Some(known) = addresses(seen, &owner, kind, server) else { continue };
                for hint in hints.split(',').filter(|hint| !known.iter().any(|ip| ip == hint)) {
                    findings.push(
                        Finding::new(
                            &codes::HINT_DIFFERS,
                            target(server, question),
                            format!("it hints at {hint}, which {owner} does not have"),
                        )
                        .expected(super::shown(known))
                        .actual(hints.to_owned()),
                    );
                }
            }
        }
    }
}

/// The name whose addresses a record hints at: its target, or where that is `.` its owner.
fn owner(question: &QuestionSeen, record: &str) -> String {
    let target = record.split(' ').nth(1).unwrap_or(".");
    if target == "." { question.name.clone() } else { super::super::param::shown(target) }
}

/// The addresses of a name by the same server's word, or else by any authority's.
fn addresses<'a>(seen: &'a DnsSeen, name: &str, kind: Type, server: &str) -> Option<&'a [String]> {
    let question = seen.questions.iter().find(|question| {
        question.name == name && question.kind == kind && question.region.is_none()
    })?;
    // What a server says that is neither an authority nor a resolver for the name says nothing.
    let counts = |answer: &Answer| {
        matches!(answer.rcode, Rcode::NOERROR | Rcode::NXDOMAIN)
            && (answer.has(Flag::Aa) || answer.has(Flag::Ra))
    };
    let own = answers(question).find(|(who, answer)| *who == server && counts(answer));
    let answer = own.or_else(|| answers(question).find(|(_, answer)| answer.is_positive()))?.1;
    Some(&answer.records)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_the_public_can_reach_are_public() {
        for good in [
            "8.8.8.8",
            "100.63.0.1",
            "192.1.2.3",
            "2606:4700::1111",
            "2400:3200::1",
            "2002:808:808::1",
            "64:ff9b::808:808",
        ] {
            assert_eq!(unusable(good.parse().expect(good)), None, "{good}");
        }
        for bad in [
            "10.0.0.5",
            "172.16.0.1",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.0.1",
            "192.0.2.1",
            "198.51.100.1",
            "203.0.113.1",
            "100.64.0.1",
            "198.18.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fd00::1",
            "2001:db8::1",
            "ff02::1",
            "::ffff:8.8.8.8",
            "100::1",
            "fec0::1",
            "64:ff9b:1::1",
            "2002:a00:5::1",
            "64:ff9b::10.0.0.5",
        ] {
            assert!(unusable(bad.parse().expect(bad)).is_some(), "{bad}");
        }
    }
}
