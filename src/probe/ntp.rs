//! Kind `ntp`: does this machine's clock tell the same time as the servers it is compared with?

use std::fmt;
use std::net::{Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::param::Endpoint;
use super::{Complaint, JudgeCx, Probe, ProbeCx, Target};
use crate::model::code::Code;
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::peer::Peer;
use crate::model::schema::text_schema;
use crate::model::text::{count, one_line, quote};
use crate::model::time::Span;
use crate::net::name::{self, Addresses};
use crate::net::ntp::{Answer, Sample, ask};

/// The port of time servers (RFC 5905 §16).
const PORT: u16 = 123;
/// How often a server is asked at most: it is a look, and no benchmark.
const MOST_SAMPLES: u8 = 8;
/// Between two questions to one server.
const PAUSE: Duration = Duration::from_millis(50);

/// Compares this machine's clock with time servers, by NTP (RFC 5905).
///
/// ```yaml
/// ntp:
///   servers: [ntp1.example.com, ntp2.example.com]
///   max_offset: 200ms
/// ```
///
/// Certificates, tokens, one-time passwords and countdowns go by the clock, and a log whose clock is
/// off cannot be laid beside another one. Every address of every server is asked a few times, and the
/// answer that was quickest on its way counts. A server that does not know the time itself, will not
/// say, or is too far away to tell, proves nothing: the check is `unknown` then.
///
/// It looks at the clock of the machine it runs on, and not at that of the machines of the launch: run
/// it there, for example with `command` over ssh, or in the job that runs beside them. It does not say
/// whether a time service keeps the clock right from now on (`chronyc tracking`, `timedatectl`).
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ntp {
    /// The servers to compare with, such as `[ntp1.example.com, "192.0.2.7:1123"]`; port 123 where
    /// none is written. Best those that the machine does not follow itself: with its own ones it
    /// compares a copy with its original.
    pub servers: Vec<Server>,
    /// How far the clock may be off, either way. Default `500ms`; what counts is that tokens and
    /// logs still fit together.
    #[serde(default = "max_offset")]
    pub max_offset: Span,
    /// How often each address is asked, 1 to 8. Default 4.
    #[serde(default = "samples")]
    pub samples: u8,
}

fn max_offset() -> Span {
    Span::from_millis(500)
}

const fn samples() -> u8 {
    4
}

/// A time server: a host, and its port where it is not 123.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Server(Endpoint);

text_schema!(
    Server,
    "TimeServer",
    "HOST or HOST:PORT of a time server; an IPv6 address with a port in brackets. Port 123 unless written.",
    "minLength": 1
);

impl FromStr for Server {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse::<Ipv6Addr>() {
            return Ok(Self(Endpoint { host: ip.to_string(), port: PORT }));
        }
        let with_port = text.rsplit_once(':').is_some_and(|(host, _)| !host.is_empty());
        let closed = text.ends_with(']');
        let text = if with_port && !closed { text.to_owned() } else { format!("{text}:{PORT}") };
        text.parse().map(Self)
    }
}

impl TryFrom<String> for Server {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Server> for String {
    fn from(server: Server) -> Self {
        server.to_string()
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.0, self.0.port) {
            (endpoint, PORT) if !endpoint.host.contains(':') => f.write_str(&endpoint.host),
            (endpoint, _) => endpoint.fmt(f),
        }
    }
}

/// What the servers said.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// Each server, in the order of the list.
    pub servers: Vec<ServerSeen>,
}

/// One server.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct ServerSeen {
    /// As written in the list.
    pub server: Server,
    /// What was seen of it.
    pub sight: Sight<Found>,
}

/// Where a server is.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Found {
    /// Nowhere: what the resolver said, such as `NXDOMAIN`.
    NoAddress(String),
    /// At these addresses.
    At(Vec<AddressSeen>),
}

/// One address of a server.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct AddressSeen {
    /// Address and port.
    pub address: SocketAddr,
    /// The answer that was quickest on its way, or the fault when none came.
    pub sight: Sight<Answer>,
    /// How many answers came.
    pub answers: u8,
}

static OK: Code = Code {
    id: "ntp.ok",
    summary: "the clock agrees with the server",
    doc: "This machine's clock and the server's differ by no more than `max_offset`, the doubt \
          that comes from the way there and from the server's own distance to its source included.",
    default: Outcome::Pass,
};
static OFFSET: Code = Code {
    id: "ntp.offset",
    summary: "the clock is off",
    doc: "This machine's clock differs from the server's by more than `max_offset`, whatever the way \
          there took.\n\nTokens are refused as expired or not yet valid, certificates are judged at \
          the wrong time, what is planned for T-0 happens at another moment, and this machine's logs \
          do not fit beside the others.\n\nIs a time service running (`chronyc tracking`, \
          `timedatectl`), and does it reach its servers (`chronyc sources -v`)? Step the clock before \
          the launch and not during it: `chronyc makestep`.\n\nBy hand: `ntpdate -q SERVER`, `sntp \
          SERVER` or `chronyd -Q 'server SERVER iburst'`; none of them sets the clock.",
    default: Outcome::Fail,
};
static UNCERTAIN: Code = Code {
    id: "ntp.uncertain",
    summary: "the server is too far away to tell",
    doc: "The offset lies so near to `max_offset`, or the answer took so long, that the truth can be \
          on either side.\n\nCompare with a nearer server, or allow more. A long way is often a busy \
          link or a distant pool server; a large root distance is a server that has not heard from \
          its own source for long (`chronyc ntpdata`).",
    default: Outcome::Unknown,
};
static UNSYNCHRONISED: Code = Code {
    id: "ntp.unsynchronised",
    summary: "the server does not know the time itself",
    doc: "The server answers that its clock is not synchronised (leap indicator 3, or a stratum of 0 \
          or 16), so the comparison proves nothing.\n\nIt has just been started or has lost its own \
          sources. Machines that follow it drift. Ask its owner, and compare with another one.\n\nBy \
          hand: `ntpq -c rv SERVER`, or `chronyc tracking` on the server.",
    default: Outcome::Unknown,
};
static KISS: Code = Code {
    id: "ntp.kiss",
    summary: "the server will not say",
    doc: "The server sent a kiss-o'-death (RFC 5905 §7.4): `RATE` when it is asked too often, `DENY` \
          or `RSTR` when this machine may not ask it.\n\nDo not ask it again soon. Use a server that \
          is meant for this machine.",
    default: Outcome::Unknown,
};
static NO_SERVER: Code = Code {
    id: "ntp.no-server",
    summary: "there is no time server there",
    doc: "The host has no address, or answered that nothing listens on the port, so the clock was not \
          compared.\n\nIs the name right (`dig NAME`), does the service run, and does it answer others \
          (`allow` in chrony.conf, `restrict` in ntp.conf)?",
    default: Outcome::Unknown,
};

impl Probe for Ntp {
    const KIND: &'static str = "ntp";
    const SUMMARY: &'static str = "Does this machine's clock agree with time servers?";
    const CODES: &'static [&'static Code] =
        &[&OK, &OFFSET, &UNCERTAIN, &UNSYNCHRONISED, &KISS, &NO_SERVER];
    const TARGET: Target = Target::List("servers");
    type Observation = Observation;

    fn complaints(&self) -> Vec<Complaint> {
        let complaint = |key, message: &str, help: &str| Complaint {
            key: Some(key),
            message: message.to_owned(),
            help: Some(help.to_owned()),
        };
        let mut complaints = Vec::new();
        if self.servers.is_empty() {
            complaints.push(complaint(
                "servers",
                "no server is named, so nothing can be compared",
                "name one, such as `servers: [ntp.example.com]`",
            ));
        }
        if !(1..=MOST_SAMPLES).contains(&self.samples) {
            complaints.push(complaint(
                "samples",
                "a server is asked 1 to 8 times",
                "leave it out for 4",
            ));
        }
        if self.max_offset == Span::ZERO {
            complaints.push(complaint(
                "max_offset",
                "no two clocks differ by nothing",
                "allow a little, such as `100ms`",
            ));
        }
        complaints
    }

    fn peers(&self) -> Vec<Peer> {
        self.servers.iter().map(|server| Peer::new("ntp", server.0.to_string())).collect()
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Observation, Fault> {
        let looks = self.servers.iter().map(|server| async move {
            let sight = self.find(server, cx).await.into();
            ServerSeen { server: server.clone(), sight }
        });
        Ok(Observation { servers: join_all(looks).await })
    }

    fn judge(&self, seen: &Observation, _: &JudgeCx) -> Vec<Finding> {
        seen.servers.iter().flat_map(|server| self.judge_server(server)).collect()
    }

    fn summary(&self, seen: &Observation, _: &JudgeCx) -> String {
        let offsets: Vec<f64> = samples_of(seen).map(|sample| sample.offset_ms).collect();
        let furthest = offsets.iter().copied().max_by(|a, b| a.abs().total_cmp(&b.abs()));
        let addresses = count(offsets.len(), "address");
        let off = furthest.map_or_else(|| "nothing".to_owned(), |ms| format!("{ms:+.1} ms"));
        format!("{addresses} compared, furthest off {off}")
    }

    fn reproduce(&self, _: Option<&Observation>) -> Vec<String> {
        self.servers
            .iter()
            .map(|Server(server)| {
                let Endpoint { host, port } = server;
                let directive = match *port {
                    PORT => format!("server {host} iburst"),
                    port => format!("server {host} port {port} iburst"),
                };
                format!("chronyd -Q -t 10 {}", quote(&directive))
            })
            .collect()
    }
}

impl Ntp {
    async fn find(&self, server: &Server, cx: &ProbeCx) -> Result<Found, Fault> {
        let Endpoint { host, port } = &server.0;
        let ips = match name::addresses(host, None, cx.remaining()).await? {
            Addresses::Found(ips) => ips,
            Addresses::None(why) => return Ok(Found::NoAddress(why)),
        };
        let looks = ips.into_iter().map(|ip| self.look(SocketAddr::new(ip, *port), cx));
        Ok(Found::At(join_all(looks).await))
    }

    /// Asks an address as often as wanted; the quickest answer has the least doubt.
    async fn look(&self, address: SocketAddr, cx: &ProbeCx) -> AddressSeen {
        let mut best: Option<Result<Answer, Fault>> = None;
        let mut answers = 0;
        for sample in 0..self.samples {
            if sample > 0 {
                tokio::time::sleep(PAUSE.min(cx.remaining())).await;
            }
            // What is left is shared, so that one lost answer does not take the others' time.
            let share = cx.remaining() / u32::from(self.samples - sample);
            let answer = ask(address, share).await;
            answers += u8::from(answer.is_ok());
            // What will not say, or is not there, is not asked again.
            let last = matches!(answer, Ok(Answer::Kiss(_) | Answer::Refused(_)));
            if best.as_ref().is_none_or(|best| is_better(&answer, best)) {
                best = Some(answer);
            }
            if last {
                break;
            }
        }
        let nothing = Err(Fault::Bug { message: "no sample was asked for".to_owned() });
        AddressSeen { address, sight: best.unwrap_or(nothing).into(), answers }
    }

    fn judge_server(&self, seen: &ServerSeen) -> Vec<Finding> {
        let target = seen.server.to_string();
        match &seen.sight {
            Sight::Fault(fault) => vec![Finding::fault(target, fault)],
            Sight::Seen(Found::NoAddress(why)) => {
                let why = one_line(why);
                let message = format!("{target} has no address: {why}");
                vec![Finding::new(&NO_SERVER, target, message).actual(why)]
            }
            Sight::Seen(Found::At(addresses)) if addresses.is_empty() => {
                vec![Finding::new(&NO_SERVER, &target, format!("{target} has no address"))]
            }
            Sight::Seen(Found::At(addresses)) => {
                addresses.iter().map(|address| self.judge_address(address)).collect()
            }
        }
    }

    fn judge_address(&self, seen: &AddressSeen) -> Finding {
        let target = seen.address.to_string();
        let sample = match &seen.sight {
            Sight::Fault(fault) => return Finding::fault(target, fault),
            Sight::Seen(Answer::Refused(refusal)) => {
                let message = format!("{refusal}: nothing listens there");
                return Finding::new(&NO_SERVER, target, message).actual(refusal.to_string());
            }
            Sight::Seen(Answer::Unsynchronised) => {
                return Finding::new(&UNSYNCHRONISED, target, UNSYNCHRONISED.summary)
                    .expected("a server that is synchronised")
                    .actual("leap indicator 3, or stratum 0 or 16");
            }
            Sight::Seen(Answer::Kiss(code)) => {
                let message = format!("the server will not say: {}", one_line(code));
                return Finding::new(&KISS, target, message).actual(one_line(code));
            }
            Sight::Seen(Answer::Time(sample)) => sample,
        };
        let most = self.max_offset.get().as_secs_f64() * 1000.0;
        let (off, doubt) = (sample.offset_ms.abs(), sample.uncertainty_ms());
        let message = describe(sample);
        // Written so that what is no number is uncertain, and never a pass.
        if off + doubt <= most {
            return Finding::new(&OK, target, message);
        }
        let code = if off - doubt > most { &OFFSET } else { &UNCERTAIN };
        Finding::new(code, target, message)
            .expected(format!("at most {}, either way", self.max_offset))
            .actual(format!("{} ±{}", shown(off), shown(doubt)))
    }
}

/// Whether an answer says more than another one.
fn is_better(answer: &Result<Answer, Fault>, than: &Result<Answer, Fault>) -> bool {
    match (answer, than) {
        (Ok(Answer::Time(new)), Ok(Answer::Time(old))) => {
            new.delay_ms.total_cmp(&old.delay_ms).is_lt()
        }
        (Ok(Answer::Time(_)), _) => true,
        (Ok(Answer::Unsynchronised | Answer::Kiss(_) | Answer::Refused(_)), old) => old.is_err(),
        (Err(_), _) => false,
    }
}

fn samples_of(seen: &Observation) -> impl Iterator<Item = &Sample> {
    let addresses = seen.servers.iter().filter_map(|server| match server.sight.seen() {
        Some(Found::At(addresses)) => Some(addresses),
        Some(Found::NoAddress(_)) | None => None,
    });
    addresses.flatten().filter_map(|address| match address.sight.seen() {
        Some(Answer::Time(sample)) => Some(sample),
        Some(Answer::Unsynchronised | Answer::Kiss(_) | Answer::Refused(_)) | None => None,
    })
}

fn describe(sample: &Sample) -> String {
    let way = if sample.offset_ms < 0.0 { "ahead" } else { "behind" };
    let doubt = shown(sample.uncertainty_ms());
    format!(
        "the clock is {} {way} (±{doubt}), stratum {}",
        shown(sample.offset_ms.abs()),
        sample.stratum
    )
}

/// Milliseconds, or seconds where there are many.
fn shown(millis: f64) -> String {
    if millis < 1000.0 { format!("{millis:.1} ms") } else { format!("{:.1} s", millis / 1000.0) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::net::tcp::Refusal;

    fn judged(sight: Sight<Answer>) -> (String, Outcome) {
        let ntp: Ntp = serde_json::from_value(json!({ "servers": ["192.0.2.1"] })).expect("good");
        let address = AddressSeen { address: ([192, 0, 2, 1], 123).into(), sight, answers: 1 };
        let finding = ntp.judge_address(&address);
        (finding.code, finding.outcome)
    }

    fn time(offset_ms: f64, delay_ms: f64) -> Sight<Answer> {
        let sample = Sample { offset_ms, delay_ms, root_distance_ms: 5.0, stratum: 2 };
        Sight::Seen(Answer::Time(sample))
    }

    #[test]
    fn doubt_is_neither_good_nor_bad_news() {
        let silent = Fault::Timeout { what: "x".into(), after: Span::from_millis(1) };
        for (sight, code, outcome) in [
            (time(1.0, 10.0), "ntp.ok", Outcome::Pass),
            (time(-489.9, 10.0), "ntp.ok", Outcome::Pass),
            (time(495.0, 10.0), "ntp.uncertain", Outcome::Unknown),
            (time(-505.0, 10.0), "ntp.uncertain", Outcome::Unknown),
            (time(1.0, 1200.0), "ntp.uncertain", Outcome::Unknown),
            (time(f64::NAN, 1.0), "ntp.uncertain", Outcome::Unknown),
            (time(511.0, 10.0), "ntp.offset", Outcome::Fail),
            (time(-90_000.0, 10.0), "ntp.offset", Outcome::Fail),
            (Sight::Seen(Answer::Unsynchronised), "ntp.unsynchronised", Outcome::Unknown),
            (Sight::Seen(Answer::Kiss("RATE".into())), "ntp.kiss", Outcome::Unknown),
            (Sight::Seen(Answer::Refused(Refusal::Refused)), "ntp.no-server", Outcome::Unknown),
            (Sight::Fault(silent), "gonogo.timeout", Outcome::Unknown),
        ] {
            let shown = format!("{sight:?}");
            assert_eq!(judged(sight), (code.to_owned(), outcome), "{shown}");
        }
    }

    #[test]
    fn the_quickest_answer_counts_and_no_number_is_the_slowest() {
        let sample = |delay_ms| {
            Ok(Answer::Time(Sample { offset_ms: 0.0, delay_ms, root_distance_ms: 5.0, stratum: 2 }))
        };
        assert!(is_better(&sample(1.0), &sample(2.0)));
        assert!(!is_better(&sample(2.0), &sample(1.0)));
        assert!(is_better(&sample(1.0), &sample(f64::NAN)));
        assert!(!is_better(&sample(f64::NAN), &sample(1.0)));
    }

    #[test]
    fn a_server_needs_no_port() {
        for (text, host, port, shown) in [
            ("ntp.example.com", "ntp.example.com", 123, "ntp.example.com"),
            ("ntp.example.com:1123", "ntp.example.com", 1123, "ntp.example.com:1123"),
            ("192.0.2.1", "192.0.2.1", 123, "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1", 123, "[2001:db8::1]:123"),
            ("[2001:db8::1]", "2001:db8::1", 123, "[2001:db8::1]:123"),
            ("[2001:db8::1]:1123", "2001:db8::1", 1123, "[2001:db8::1]:1123"),
        ] {
            let server: Server = text.parse().expect(text);
            assert_eq!((server.0.host.as_str(), server.0.port), (host, port), "{text}");
            assert_eq!(server.to_string(), shown);
            assert_eq!(shown.parse::<Server>().expect(shown), server);
        }
        for bad in ["", ":123", "a b", "ntp://x", "x:0", "x:99999"] {
            assert!(bad.parse::<Server>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_can_assert_nothing_is_refused() {
        for (parameters, key) in [
            (json!({ "servers": [] }), "servers"),
            (json!({ "servers": ["a"], "samples": 0 }), "samples"),
            (json!({ "servers": ["a"], "samples": 9 }), "samples"),
            (json!({ "servers": ["a"], "max_offset": "0s" }), "max_offset"),
        ] {
            let ntp: Ntp = serde_json::from_value(parameters).expect("readable");
            let keys: Vec<_> = ntp.complaints().iter().map(|complaint| complaint.key).collect();
            assert_eq!(keys, [Some(key)]);
        }
    }
}
