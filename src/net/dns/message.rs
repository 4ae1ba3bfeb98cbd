//! Questions out, answers in: what is sent, and which bytes are believed to be the answer to it.

use std::net::IpAddr;

use hickory_proto::op::{Message, OpCode};
use hickory_proto::rr::{DNSClass, Name, RecordType};

use super::subnet::Subnet;

/// The receive size announced by EDNS: fits any path without fragments (DNS flag day 2020).
const PAYLOAD: u16 = 1232;

/// One question to one server.
#[derive(Debug, Clone)]
pub struct Ask {
    /// The name, absolute.
    pub name: Name,
    /// The type.
    pub kind: RecordType,
    /// Whether the server is to find the answer elsewhere.
    pub recursion: Recursion,
    /// What is asked of DNSSEC.
    pub checking: Checking,
    /// On whose behalf.
    pub subnet: Option<Subnet>,
}

impl Ask {
    /// A plain question.
    #[must_use]
    pub const fn new(name: Name, kind: RecordType, recursion: Recursion) -> Self {
        Self { name, kind, recursion, checking: Checking::Default, subnet: None }
    }
}

/// What is asked of DNSSEC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checking {
    /// Nothing: the server does as it does for any client.
    Default,
    /// DO=1: the signatures come along.
    Signatures,
    /// CD=1: a resolver gives what it has without verifying it.
    Off,
}

/// Whether a server is asked for what it knows itself, or to find out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recursion {
    /// RD=1: a resolver.
    Desired,
    /// RD=0: an authoritative server.
    Off,
}

/// Whether a question is sent with EDNS: servers from before 1999 refuse it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension {
    Edns,
    Plain,
}

/// What some bytes are to a question.
#[derive(Debug)]
pub(super) enum Reading {
    /// The answer.
    Answer(Box<Message>),
    /// Not an answer to this question: somebody else's, or forged.
    Foreign,
    /// It bears the right id and question, but the rest cannot be read.
    Garbage(String),
}

/// The bytes of a question. Written by hand since it is the hot path: a header, one question, and
/// with EDNS one OPT record (RFC 1035 §4.1, RFC 6891 §6.1).
pub(super) fn encode(ask: &Ask, id: u16, extension: Extension, bytes: &mut Vec<u8>) {
    bytes.clear();
    let flags: u16 = match ask.recursion {
        Recursion::Desired => 0x0100,
        Recursion::Off => 0,
    } | match ask.checking {
        Checking::Off => 0x0010,
        Checking::Default | Checking::Signatures => 0,
    };
    let additional: u16 = match extension {
        Extension::Edns => 1,
        Extension::Plain => 0,
    };
    for word in [id, flags, 1, 0, 0, additional] {
        bytes.extend_from_slice(&word.to_be_bytes());
    }
    for label in ask.name.iter() {
        // A label of a `Name` has at most 63 bytes.
        bytes.push(u8::try_from(label.len()).unwrap_or(63));
        bytes.extend_from_slice(label);
    }
    bytes.push(0);
    bytes.extend_from_slice(&u16::from(ask.kind).to_be_bytes());
    bytes.extend_from_slice(&u16::from(DNSClass::IN).to_be_bytes());
    if extension == Extension::Edns {
        encode_opt(ask, bytes);
    }
}

fn encode_opt(ask: &Ask, bytes: &mut Vec<u8>) {
    bytes.push(0);
    bytes.extend_from_slice(&u16::from(RecordType::OPT).to_be_bytes());
    bytes.extend_from_slice(&PAYLOAD.to_be_bytes());
    let dnssec_ok = match ask.checking {
        Checking::Signatures => 0x80,
        Checking::Default | Checking::Off => 0,
    };
    bytes.extend_from_slice(&[0, 0, dnssec_ok, 0]);
    let Some(subnet) = ask.subnet else { return bytes.extend_from_slice(&[0, 0]) };
    // RFC 7871 §6: only as many bytes of the address as its prefix needs.
    let (family, octets): (u8, Vec<u8>) = match subnet.address {
        IpAddr::V4(ip) => (1, ip.octets().to_vec()),
        IpAddr::V6(ip) => (2, ip.octets().to_vec()),
    };
    let octets = &octets[..usize::from(subnet.bits).div_ceil(8).min(octets.len())];
    let length = u8::try_from(octets.len()).unwrap_or(16);
    bytes.extend_from_slice(&[0, length + 8, 0, 8, 0, length + 4, 0, family, subnet.bits, 0]);
    bytes.extend_from_slice(octets);
}

/// The id a message bears, when it is long enough to bear one.
pub(super) fn id_of(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk::<2>().map(|id| u16::from_be_bytes(*id))
}

/// Reads bytes that bear the id of a question. Source and id are checked by the caller.
pub(super) fn decode(ask: &Ask, bytes: &[u8]) -> Reading {
    let Some(header) = bytes.first_chunk::<12>() else {
        return Reading::Garbage(format!("{} bytes are no DNS message", bytes.len()));
    };
    if header[2] & 0x80 == 0 {
        return Reading::Foreign;
    }
    let message = match Message::from_vec(bytes) {
        Ok(message) => message,
        Err(error) => return Reading::Garbage(error.to_string()),
    };
    if message.metadata.op_code != OpCode::Query {
        return Reading::Foreign;
    }
    let same = match message.queries.as_slice() {
        // Names are equal whatever their case (RFC 4343); `Name` compares that way.
        [query] => {
            query.name == ask.name
                && query.query_type == ask.kind
                && query.query_class == DNSClass::IN
        }
        // A server that could not read the question cannot repeat it.
        [] => message.metadata.response_code.low() != 0,
        _ => false,
    };
    if same { Reading::Answer(Box::new(message)) } else { Reading::Foreign }
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{MessageType, Query};
    use hickory_proto::rr::rdata::opt::{EdnsCode, EdnsOption};

    use super::*;
    use crate::net::dns::fqdn;

    fn ask() -> Ask {
        let name = fqdn("Login.example").expect("a name");
        Ask::new(name, RecordType::A, Recursion::Desired)
    }

    fn reply(edit: impl FnOnce(&mut Message)) -> Vec<u8> {
        let mut message = Message::new(7, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(ask().name, RecordType::A));
        edit(&mut message);
        message.to_vec().expect("a message")
    }

    #[test]
    fn only_an_answer_to_the_question_is_believed() {
        let upper = fqdn("LOGIN.EXAMPLE").expect("a name");
        assert!(matches!(decode(&ask(), &reply(|_| ())), Reading::Answer(_)));
        assert!(matches!(
            decode(&ask(), &reply(|m| m.queries[0].name = upper)),
            Reading::Answer(_)
        ));
        for (what, bytes) in [
            ("a question", reply(|m| m.metadata.message_type = MessageType::Query)),
            ("another type", reply(|m| m.queries[0].query_type = RecordType::AAAA)),
            ("another class", reply(|m| m.queries[0].query_class = DNSClass::CH)),
            ("another name", reply(|m| m.queries[0].name = Name::root())),
            ("no question at all", reply(|m| m.queries.clear())),
            ("an update", reply(|m| m.metadata.op_code = OpCode::Update)),
        ] {
            assert!(matches!(decode(&ask(), &bytes), Reading::Foreign), "{what}");
        }
        let cut = reply(|_| ());
        for length in 0..cut.len() {
            assert!(
                !matches!(decode(&ask(), &cut[..length]), Reading::Answer(_)),
                "{length} bytes"
            );
        }
    }

    #[test]
    fn a_question_is_written_as_it_is_read() {
        let mut bytes = Vec::new();
        let subnets = [None, Some("203.0.113.0/24"), Some("2001:db8::/33"), Some("0.0.0.0/0")];
        for subnet in subnets {
            let subnet = subnet.map(|subnet| subnet.parse::<Subnet>().expect("a network"));
            for checking in [Checking::Default, Checking::Signatures, Checking::Off] {
                let ask = Ask { checking, subnet, ..ask() };
                encode(&ask, 7, Extension::Edns, &mut bytes);
                let read = Message::from_vec(&bytes).expect("a message");
                assert_eq!((read.metadata.id, read.queries.len()), (7, 1));
                assert_eq!(read.queries[0].name, ask.name);
                assert_eq!(read.queries[0].query_type, RecordType::A);
                assert!(read.metadata.recursion_desired);
                assert_eq!(read.metadata.checking_disabled, checking == Checking::Off);
                let edns = read.edns.expect("EDNS");
                assert_eq!(edns.max_payload(), PAYLOAD);
                assert_eq!(edns.flags().dnssec_ok, checking == Checking::Signatures);
                let found = edns.option(EdnsCode::Subnet).map(|option| match option {
                    EdnsOption::Subnet(subnet) => (subnet.addr(), subnet.source_prefix()),
                    other => panic!("{other:?}"),
                });
                assert_eq!(found, subnet.map(|subnet| (subnet.address, subnet.bits)));
            }
        }
        encode(&ask(), 7, Extension::Plain, &mut bytes);
        assert!(Message::from_vec(&bytes).expect("a message").edns.is_none());
    }

    #[test]
    fn a_compression_loop_is_garbage() {
        let mut bytes = reply(|m| m.metadata.truncation = false);
        bytes[7] = 1;
        // An answer whose owner is a pointer to itself.
        let at = u8::try_from(bytes.len()).expect("a short message");
        bytes.extend_from_slice(&[0xc0, at, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4]);
        assert!(matches!(decode(&ask(), &bytes), Reading::Garbage(_)));
    }
}
