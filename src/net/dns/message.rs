//! Questions out, answers in: what is sent, and which bytes are believed to be the answer to it.

use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::opt::{ClientSubnet, EdnsOption};
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

/// The bytes of a question.
pub(super) fn encode(ask: &Ask, id: u16, extension: Extension) -> Result<Vec<u8>, String> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = ask.recursion == Recursion::Desired;
    message.metadata.checking_disabled = ask.checking == Checking::Off;
    message.add_query(Query::query(ask.name.clone(), ask.kind));
    if extension == Extension::Edns {
        let mut edns = Edns::new();
        edns.set_max_payload(PAYLOAD);
        edns.set_version(0);
        edns.set_dnssec_ok(ask.checking == Checking::Signatures);
        if let Some(subnet) = ask.subnet {
            let subnet = ClientSubnet::new(subnet.address, subnet.bits, 0);
            edns.options_mut().insert(EdnsOption::Subnet(subnet));
        }
        message.set_edns(edns);
    }
    message.to_vec().map_err(|error| error.to_string())
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
    fn a_compression_loop_is_garbage() {
        let mut bytes = reply(|m| m.metadata.truncation = false);
        bytes[7] = 1;
        // An answer whose owner is a pointer to itself.
        let at = u8::try_from(bytes.len()).expect("a short message");
        bytes.extend_from_slice(&[0xc0, at, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, 1, 2, 3, 4]);
        assert!(matches!(decode(&ask(), &bytes), Reading::Garbage(_)));
    }
}
