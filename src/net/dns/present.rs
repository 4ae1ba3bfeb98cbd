//! Records as people write them (presentation form), and the form in which two are compared.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use hickory_proto::rr::rdata::svcb::{SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{CAA, SVCB, TXT};
use hickory_proto::rr::{Name, RData};
use thiserror::Error;

use super::rtype::Type;

/// A record or name that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{text}` is not {what}")]
pub struct BadRecord {
    /// As written.
    pub text: String,
    /// What it should have been, such as `an IPv4 address`.
    pub what: &'static str,
}

/// A name as DNS has it: lower case, with the trailing dot, in its ASCII form.
///
/// # Errors
/// When no such name can exist: an empty label, one above 63 bytes, more than 255 in all.
pub fn fqdn(text: &str) -> Result<Name, BadRecord> {
    let bad = || BadRecord { text: text.to_owned(), what: "a domain name" };
    let text = text.trim();
    if text == "." {
        return Ok(Name::root());
    }
    let dotted = format!("{}.", text.strip_suffix('.').unwrap_or(text));
    if text.is_empty() || dotted.starts_with('.') || dotted.contains("..") {
        return Err(bad());
    }
    let name = if dotted.is_ascii() { Name::from_ascii(&dotted) } else { Name::from_utf8(&dotted) };
    name.map(|name| name.to_lowercase()).map_err(|_| bad())
}

/// A name as text: lower case, with the trailing dot.
pub(super) fn name_text(name: &Name) -> String {
    let mut text = name.to_lowercase().to_ascii();
    if !text.ends_with('.') {
        text.push('.');
    }
    text
}

/// The data of a record in presentation form.
#[must_use]
#[expect(clippy::wildcard_enum_match_arm, reason = "the crate's list of types is open")]
pub fn present(data: &RData) -> String {
    match data {
        RData::A(a) => a.0.to_string(),
        RData::AAAA(a) => a.0.to_string(),
        RData::CNAME(name) => name_text(&name.0),
        RData::NS(name) => name_text(&name.0),
        RData::PTR(name) => name_text(&name.0),
        RData::MX(mx) => format!("{} {}", mx.preference, name_text(&mx.exchange)),
        RData::TXT(txt) => present_txt(txt),
        RData::SOA(soa) => format!(
            "{} {} {} {} {} {} {}",
            name_text(&soa.mname),
            name_text(&soa.rname),
            soa.serial,
            soa.refresh,
            soa.retry,
            soa.expire,
            soa.minimum
        ),
        RData::SRV(srv) => {
            format!("{} {} {} {}", srv.priority, srv.weight, srv.port, name_text(&srv.target))
        }
        RData::CAA(caa) => present_caa(caa),
        RData::HTTPS(svcb) => present_svcb(&svcb.0),
        RData::SVCB(svcb) => present_svcb(svcb),
        RData::Unknown { rdata, .. } => present_unknown(&rdata.anything),
        other => other.to_string(),
    }
}

/// RFC 3597 §5: data of a type we do not know.
fn present_unknown(bytes: &[u8]) -> String {
    let mut text = format!("\\# {}", bytes.len());
    for byte in bytes {
        let _ = write!(text, "{}{byte:02x}", if text.ends_with(' ') { "" } else { " " });
    }
    text
}

/// RFC 1035 §5.1: a character string in quotes; what is not printable ASCII is `\DDD`.
fn quoted(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() + 2);
    text.push('"');
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(byte));
            }
            b' '..=b'~' => text.push(char::from(byte)),
            other => {
                // Writing into a string cannot fail.
                let _ = write!(text, "\\{other:03}");
            }
        }
    }
    text.push('"');
    text
}

fn present_txt(txt: &TXT) -> String {
    let strings: Vec<String> = txt.txt_data.iter().map(|string| quoted(string)).collect();
    strings.join(" ")
}

fn present_caa(caa: &CAA) -> String {
    let flags = u8::from(caa.issuer_critical) << 7 | caa.reserved_flags;
    format!("{flags} {} {}", caa.tag.to_ascii_lowercase(), quoted(&caa.value))
}

fn present_svcb(svcb: &SVCB) -> String {
    let mut text = format!("{} {}", svcb.svc_priority, name_text(&svcb.target_name));
    for (key, value) in &svcb.svc_params {
        text.push(' ');
        text.push_str(&key_text(*key));
        let value = match value {
            SvcParamValue::Mandatory(keys) => list(keys.0.iter().map(|key| key_text(*key))),
            SvcParamValue::Alpn(alpn) => list(alpn.0.iter().cloned()),
            SvcParamValue::NoDefaultAlpn => continue,
            SvcParamValue::Port(port) => port.to_string(),
            SvcParamValue::Ipv4Hint(hint) => list(hint.0.iter().map(|a| a.0.to_string())),
            SvcParamValue::Ipv6Hint(hint) => list(hint.0.iter().map(|a| a.0.to_string())),
            // In Base64, as zone files and `dig` have it.
            SvcParamValue::EchConfigList(ech) => ech.to_string().replace('"', ""),
            SvcParamValue::Unknown(unknown) => quoted(&unknown.0),
        };
        text.push('=');
        text.push_str(&value);
    }
    text
}

#[expect(clippy::wildcard_enum_match_arm, reason = "all others have names")]
fn key_text(key: SvcParamKey) -> String {
    match key {
        SvcParamKey::Key(n) | SvcParamKey::Unknown(n) => format!("key{n}"),
        known => known.to_string(),
    }
}

fn list(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(",")
}

/// The form in which two records of a type are compared: case of names, missing trailing dots,
/// quotes, spaces and the cutting of TXT into strings make no difference.
///
/// # Errors
/// [`BadRecord`] when the text is no record of the type.
pub fn canonical(kind: Type, text: &str) -> Result<String, BadRecord> {
    let bad = |what| BadRecord { text: text.to_owned(), what };
    let name = |word: &str| fqdn(word).map(|name| name_text(&name));
    let words: Vec<&str> = text.split_whitespace().collect();
    let number =
        |word: &str, what| word.parse::<u32>().map(|n| n.to_string()).map_err(|_| bad(what));
    match (kind, words.as_slice()) {
        (Type::A, [one]) => {
            one.parse::<Ipv4Addr>().map(|ip| ip.to_string()).map_err(|_| bad("an IPv4 address"))
        }
        (Type::A, _) => Err(bad("an IPv4 address")),
        (Type::Aaaa, [one]) => {
            one.parse::<Ipv6Addr>().map(|ip| ip.to_string()).map_err(|_| bad("an IPv6 address"))
        }
        (Type::Aaaa, _) => Err(bad("an IPv6 address")),
        (Type::Cname | Type::Ns | Type::Ptr, [one]) => name(one),
        (Type::Cname | Type::Ns | Type::Ptr, _) => Err(bad("a domain name")),
        (Type::Mx, [preference, host]) => {
            Ok(format!("{} {}", number(preference, MX)?, name(host)?))
        }
        (Type::Mx, _) => Err(bad(MX)),
        (Type::Srv, [priority, weight, port, host]) => Ok(format!(
            "{} {} {} {}",
            number(priority, SRV)?,
            number(weight, SRV)?,
            number(port, SRV)?,
            name(host)?
        )),
        (Type::Srv, _) => Err(bad(SRV)),
        (Type::Soa, [mname, rname, numbers @ ..]) if numbers.len() == 5 => {
            let numbers: Result<Vec<_>, _> = numbers.iter().map(|n| number(n, SOA)).collect();
            Ok(format!("{} {} {}", name(mname)?, name(rname)?, numbers?.join(" ")))
        }
        (Type::Soa, _) => Err(bad(SOA)),
        (Type::Txt, _) => Ok(quoted(&unquote(text))),
        (Type::Caa, [flags, tag, _, ..]) => {
            let value = text.trim_start().splitn(3, char::is_whitespace).nth(2).unwrap_or_default();
            Ok(format!(
                "{} {} {}",
                number(flags, CAA_TEXT)?,
                tag.to_ascii_lowercase(),
                quoted(&unquote(value))
            ))
        }
        (Type::Caa, _) => Err(bad(CAA_TEXT)),
        (Type::Https | Type::Svcb, [priority, target, parameters @ ..]) => {
            let mut parameters: Vec<String> = parameters
                .iter()
                .map(|p| parameter(&p.replace('"', "")).ok_or_else(|| bad(SVCB_TEXT)))
                .collect::<Result<_, _>>()?;
            // The order of parameters means nothing (RFC 9460 §2.1).
            parameters.sort_unstable();
            let mut words = vec![number(priority, SVCB_TEXT)?, name(target)?];
            words.append(&mut parameters);
            Ok(words.join(" "))
        }
        (Type::Https | Type::Svcb, _) => Err(bad(SVCB_TEXT)),
    }
}

/// A parameter of an SVCB record; addresses have many spellings (RFC 4291 §2.2). `None` when a hint
/// is no address.
fn parameter(text: &str) -> Option<String> {
    match text.split_once('=') {
        Some((key @ "ipv4hint", hints)) => {
            let hints: Option<Vec<Ipv4Addr>> = hints.split(',').map(|ip| ip.parse().ok()).collect();
            Some(format!("{key}={}", list(hints?.iter().map(ToString::to_string))))
        }
        Some((key @ "ipv6hint", hints)) => {
            let hints: Option<Vec<Ipv6Addr>> = hints.split(',').map(|ip| ip.parse().ok()).collect();
            Some(format!("{key}={}", list(hints?.iter().map(ToString::to_string))))
        }
        Some(_) | None => Some(text.to_owned()),
    }
}

const MX: &str = "a preference and a host, as in `10 mail.example.com`";
const SRV: &str = "priority, weight, port and host, as in `10 60 7777 match.example.com`";
const SOA: &str = "the seven fields of an SOA record";
const CAA_TEXT: &str = "flags, tag and value, as in `0 issue letsencrypt.org`";
const SVCB_TEXT: &str = "priority, target and parameters, as in `1 . alpn=h2,h3`";

/// The bytes of character strings: those in quotes joined, or the text as it stands.
fn unquote(text: &str) -> Vec<u8> {
    let text = text.trim();
    if !text.starts_with('"') {
        return text.as_bytes().to_vec();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut inside = false;
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => inside = !inside,
            b'\\' => {
                let digits: Vec<u8> = rest.clone().take(3).take_while(u8::is_ascii_digit).collect();
                let code = std::str::from_utf8(&digits).ok().and_then(|d| d.parse::<u8>().ok());
                match code {
                    Some(code) if digits.len() == 3 => {
                        bytes.push(code);
                        rest.nth(2);
                    }
                    _ => bytes.extend(rest.next()),
                }
            }
            byte if inside => bytes.push(byte),
            // Between strings: a space.
            _ => {}
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_compared_without_their_dress() {
        for (kind, one, other) in [
            (Type::A, "192.0.2.1", " 192.0.2.1 "),
            (Type::Aaaa, "2001:db8:0::1", "2001:db8::1"),
            (Type::Cname, "Edge.Example.com", "edge.example.com."),
            (Type::Mx, "10 mail.example.com", "10  MAIL.example.com."),
            (Type::Txt, "v=spf1 mx -all", "\"v=spf1 \" \"mx -all\""),
            (Type::Txt, "a\"b", "\"a\\\"b\""),
            (Type::Txt, "\"\\065\"", "A"),
            (Type::Srv, "10 60 7777 match.example", "10 60 7777 match.example."),
            (Type::Caa, "0 issue letsencrypt.org", "0 ISSUE \"letsencrypt.org\""),
            (Type::Https, "1 . port=8443 alpn=\"h2,h3\"", "1 . alpn=h2,h3 port=8443"),
            (
                Type::Https,
                "1 . ipv6hint=2001:DB8:0::1,2001:db8::2 ipv4hint=192.0.2.1",
                "1 . ipv4hint=\"192.0.2.1\" ipv6hint=2001:db8::1,2001:db8::2",
            ),
            (Type::Soa, "ns1.x. h.x. 1 2 3 4 5", "NS1.x h.x 1 2 3 4 5"),
        ] {
            assert_eq!(canonical(kind, one).expect(one), canonical(kind, other).expect(other));
        }
        for (kind, bad) in [
            (Type::A, "::1"),
            (Type::A, "192.0.2.1 192.0.2.2"),
            (Type::Aaaa, "192.0.2.1"),
            (Type::Cname, "a..b"),
            (Type::Mx, "mail.example.com"),
            (Type::Srv, "1 2 3"),
            (Type::Soa, "a b 1"),
            (Type::Caa, "0 issue"),
            (Type::Https, "x ."),
            (Type::Https, "1 . ipv6hint=192.0.2.1"),
            (Type::Https, "1 . ipv4hint=192.0.2.1,"),
        ] {
            assert!(canonical(kind, bad).is_err(), "{kind} {bad}");
        }
    }

    #[test]
    fn names_are_always_absolute() {
        for (text, name) in [
            ("Login.Example.com", "login.example.com."),
            ("login.example.com.", "login.example.com."),
            ("_game._udp.example", "_game._udp.example."),
            ("bücher.example", "xn--bcher-kva.example."),
            (".", "."),
        ] {
            assert_eq!(name_text(&fqdn(text).expect(text)), name);
        }
        let long = "a".repeat(64);
        for bad in ["", "..", "a..b", ".a", long.as_str()] {
            assert!(fqdn(bad).is_err(), "{bad}");
        }
    }
}
