//! Kind `tcp`: does something listen, on every address, and does it greet as it should?

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;

use super::param::{Endpoint, Pattern};
use super::{JudgeCx, Probe, ProbeCx, Target};
use crate::model::code::Code;
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::peer::Peer;
use crate::model::text::{count, one_line, quote};
use crate::model::time::Span;
use crate::net::name::{self, Addresses};
use crate::net::tcp::{Dial, Refusal, dial};

/// The most of a greeting that is read, in bytes.
const BANNER_LIMIT: usize = 4096;

/// Connects to every address of an endpoint and, when asked, reads the server's greeting.
///
/// ```yaml
/// tcp:
///   endpoint: mail.example.com:25
///   banner: '^220 '
/// ```
///
/// A connection that opens says that something listens there, and no more: a load balancer accepts
/// connections for servers that are down. Where the protocol has a kind of its own (`http`, `tls`,
/// `postgres_pool`), use that. Do not point it at `MySQL` or `MariaDB`, which count every bare
/// connection as a failed login.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tcp {
    /// The host and port to connect to, such as `game.example.com:7000`.
    pub endpoint: Endpoint,
    /// Connect to these addresses instead of looking the host up. Without it, every A and AAAA
    /// address of the host is tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<IpAddr>,
    /// A regular expression that the server's greeting must match, such as `^220 `. At most 4096
    /// bytes are read; bytes that are not UTF-8 count as U+FFFD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub banner: Option<Pattern>,
}

/// What was seen of an endpoint.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// What the resolver said when the host has no address, such as `NXDOMAIN`.
    pub no_address: Option<String>,
    /// Every address that was tried.
    pub addresses: Vec<AddressSeen>,
}

/// One address that was tried.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct AddressSeen {
    /// Address and port.
    pub address: SocketAddr,
    /// What was seen there.
    pub sight: Sight<Connection>,
}

/// What an address answered.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Connection {
    /// It accepted the connection.
    Open(Opened),
    /// It refused.
    Refused(Refusal),
}

/// An accepted connection.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Opened {
    /// How long it took to connect, in milliseconds.
    pub connect_ms: f64,
    /// What the server said on its own; absent when it was not waited for.
    pub banner: Option<Banner>,
}

/// A greeting.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct Banner {
    /// The text that came, up to the limit.
    pub text: String,
    /// Why reading ended before the greeting matched.
    pub ended: BannerEnd,
}

/// Why no more of a greeting was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BannerEnd {
    /// It matches.
    Matched,
    /// The server closed the connection.
    Closed,
    /// Nothing more came in time.
    Silent,
    /// The limit was reached.
    Limit,
}

static OK: Code = Code {
    id: "tcp.ok",
    summary: "the address accepts connections and greets as expected",
    doc: "Something listens on the address and, where a `banner` was asked for, greets as it \
          should.\n\nIt does not say that the service behind it works; use the protocol's own kind \
          for that.",
    default: Outcome::Pass,
};
static REFUSED: Code = Code {
    id: "tcp.refused",
    summary: "the address refuses connections",
    doc: "The host answered that nothing listens on this port, or reset the connection.\n\nPlayers \
          or services that are sent to this address fail at once. Is the service started, and does \
          it listen on this address and port (`ss -ltn` on the host)? Does a firewall reject it?\n\n\
          By hand: `nc -vz HOST PORT`.",
    default: Outcome::Fail,
};
static NO_ADDRESS: Code = Code {
    id: "tcp.no-address",
    summary: "the host has no address",
    doc: "The resolver answered that the name does not exist or has neither A nor AAAA records.\n\n\
          Nobody can connect by this name. Check the spelling and the zone: `dig NAME A`, `dig NAME \
          AAAA`.",
    default: Outcome::Fail,
};
static BANNER: Code = Code {
    id: "tcp.banner",
    summary: "the server does not greet as expected",
    doc: "The connection opened, but what the server sent does not match `banner`, or it sent \
          nothing.\n\nOften another service listens on the port, or a proxy accepts connections for \
          a server that is down.\n\nBy hand: `nc HOST PORT` and look at what it says.",
    default: Outcome::Fail,
};

impl Probe for Tcp {
    const KIND: &'static str = "tcp";
    const SUMMARY: &'static str = "Does every address of an endpoint accept connections?";
    const CODES: &'static [&'static Code] = &[&OK, &REFUSED, &NO_ADDRESS, &BANNER];
    const TARGET: Target = Target::One("endpoint");
    type Observation = Observation;

    fn peers(&self) -> Vec<Peer> {
        super::param::peers("tcp", &self.endpoint, &self.addresses)
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Observation, Fault> {
        let ips = match self.addresses.as_slice() {
            [] => match name::addresses(&self.endpoint.host, None, cx.remaining()).await? {
                Addresses::Found(ips) => ips,
                Addresses::None(why) => {
                    return Ok(Observation { no_address: Some(why), addresses: Vec::new() });
                }
            },
            given => given.to_vec(),
        };
        let looks = ips.into_iter().map(|ip| async move {
            let address = SocketAddr::new(ip, self.endpoint.port);
            AddressSeen { address, sight: self.look(address, cx).await.into() }
        });
        Ok(Observation { no_address: None, addresses: join_all(looks).await })
    }

    fn judge(&self, seen: &Observation, _: &JudgeCx) -> Vec<Finding> {
        if let Some(why) = &seen.no_address {
            let message = format!("{} has no address: {}", self.endpoint.host, one_line(why));
            return vec![
                Finding::new(&NO_ADDRESS, &self.endpoint.host, message).actual(one_line(why)),
            ];
        }
        seen.addresses.iter().map(|seen| self.judge_address(seen)).collect()
    }

    fn summary(&self, seen: &Observation, _: &JudgeCx) -> String {
        let open = seen.addresses.iter().filter_map(|a| match a.sight.seen() {
            Some(Connection::Open(open)) => Some(open.connect_ms),
            Some(Connection::Refused(_)) | None => None,
        });
        let slowest = open.fold(0.0_f64, f64::max);
        let addresses = count(seen.addresses.len(), "address");
        format!("{addresses} accepting connections, slowest in {slowest:.1} ms")
    }

    fn reproduce(&self, seen: Option<&Observation>) -> Vec<String> {
        let port = self.endpoint.port;
        let given: Vec<String> = match seen {
            Some(seen) => seen.addresses.iter().map(|a| a.address.ip().to_string()).collect(),
            None => self.addresses.iter().map(ToString::to_string).collect(),
        };
        let hosts = if given.is_empty() { vec![self.endpoint.host.clone()] } else { given };
        let command = |host: &String| format!("nc -v -w 5 {} {port} </dev/null", quote(host));
        hosts.iter().map(command).collect()
    }
}

impl Tcp {
    async fn look(&self, address: SocketAddr, cx: &ProbeCx) -> Result<Connection, Fault> {
        let (mut stream, connect_ms) = match dial(address, cx.remaining()).await? {
            Dial::Open(stream, connect_ms) => (stream, connect_ms),
            Dial::Refused(refusal) => return Ok(Connection::Refused(refusal)),
        };
        let Some(pattern) = &self.banner else {
            return Ok(Connection::Open(Opened { connect_ms, banner: None }));
        };
        let left = cx.remaining();
        let banner = read_banner(&mut stream, pattern, left).await;
        // Where finding and connecting took most of the time, the server had no fair share of it.
        if banner.text.is_empty() && banner.ended == BannerEnd::Silent && left < cx.allowance / 2 {
            let what = format!("reading the greeting of {address}");
            return Err(Fault::Timeout { what, after: Span::from(left) });
        }
        Ok(Connection::Open(Opened { connect_ms, banner: Some(banner) }))
    }

    fn judge_address(&self, seen: &AddressSeen) -> Finding {
        let target = seen.address.to_string();
        let open = match &seen.sight {
            Sight::Fault(fault) => return Finding::fault(target, fault),
            Sight::Seen(Connection::Refused(refusal)) => {
                return Finding::new(&REFUSED, target, format!("{}: {refusal}", seen.address))
                    .expected("an open connection")
                    .actual(refusal.to_string());
            }
            Sight::Seen(Connection::Open(open)) => open,
        };
        if let (Some(pattern), Some(banner)) = (&self.banner, &open.banner)
            && banner.ended != BannerEnd::Matched
        {
            let actual =
                if banner.text.is_empty() { "nothing".to_owned() } else { one_line(&banner.text) };
            let end = match banner.ended {
                BannerEnd::Matched | BannerEnd::Limit => "",
                BannerEnd::Closed => ", then closed the connection",
                BannerEnd::Silent => ", then nothing more in time",
            };
            return Finding::new(&BANNER, target, format!("{} said {actual}{end}", seen.address))
                .expected(format!("a greeting that matches /{}/", pattern.as_str()))
                .actual(actual);
        }
        let message = format!("connected in {:.1} ms", open.connect_ms);
        Finding::new(&OK, target, message)
    }
}

/// Reads until the pattern matches, the server closes, the limit, or the time is over.
async fn read_banner(
    stream: &mut tokio::net::TcpStream,
    pattern: &Pattern,
    limit: Duration,
) -> Banner {
    let mut bytes = Vec::new();
    let reading = async {
        let mut piece = [0_u8; 1024];
        loop {
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return BannerEnd::Closed,
                Ok(n) => bytes.extend_from_slice(&piece[..n]),
            }
            if pattern.is_match(&String::from_utf8_lossy(&bytes)) {
                return BannerEnd::Matched;
            }
            if bytes.len() >= BANNER_LIMIT {
                return BannerEnd::Limit;
            }
        }
    };
    let ended = tokio::time::timeout(limit, reading).await.unwrap_or(BannerEnd::Silent);
    bytes.truncate(BANNER_LIMIT);
    Banner { text: String::from_utf8_lossy(&bytes).into_owned(), ended }
}
