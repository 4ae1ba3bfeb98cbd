//! Looking up addresses of targets: every A and AAAA record apart, and "no such name" told from
//! "nobody answered".

use std::net::{IpAddr, SocketAddr};
use std::sync::OnceLock;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RecordType};

use crate::model::fault::Fault;

/// What a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    /// Its addresses, IPv4 before IPv6, in the order served. Not empty.
    Found(Vec<IpAddr>),
    /// The resolver answered that there is none; with its words, such as `NXDOMAIN`.
    None(String),
}

/// Looks up both address families of a host: an address is itself, `localhost` and other names of
/// the hosts file are read there, the rest is asked of `resolver` or, without one, the system's.
///
/// # Errors
/// [`Fault::Name`] when no resolver answered in time.
pub async fn addresses(
    host: &str,
    resolver: Option<SocketAddr>,
    limit: Duration,
) -> Result<Addresses, Fault> {
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(Addresses::Found(vec![ip]));
    }
    // RFC 6761 §6.3: never asked of a resolver, and true on a machine without one.
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(Addresses::Found(vec![
            IpAddr::from(std::net::Ipv4Addr::LOCALHOST),
            IpAddr::from(std::net::Ipv6Addr::LOCALHOST),
        ]));
    }
    let fault = |reason: String| Fault::Name { name: host.to_owned(), reason };
    let name = Name::from_ascii(format!("{}.", host.trim_end_matches('.')))
        .map_err(|error| fault(error.to_string()))?;
    let owned;
    let client = match resolver {
        Some(server) => {
            owned = at(server).map_err(|error| fault(error.to_string()))?;
            &owned
        }
        None => system().map_err(&fault)?,
    };
    let ask = async {
        tokio::join!(
            client.lookup(name.clone(), RecordType::A),
            client.lookup(name.clone(), RecordType::AAAA)
        )
    };
    let (v4, v6) = tokio::time::timeout(limit, ask).await.map_err(|_| {
        fault(format!("no answer within {}", crate::model::time::Span::from(limit)))
    })?;
    let mut found = Vec::new();
    let mut negative = Vec::new();
    for answer in [v4, v6] {
        match answer {
            Ok(lookup) => found.extend(lookup.answers().iter().filter_map(|r| r.data.ip_addr())),
            Err(NetError::Dns(DnsError::NoRecordsFound(none))) => {
                let exists = none.response_code != ResponseCode::NXDomain;
                // RFC 2308 §2.2: name servers and no SOA are a referral, not the absence of records.
                if exists && none.soa.is_none() && none.ns.is_some() {
                    return Err(fault("a referral to other servers, and no answer".to_owned()));
                }
                negative.push(if exists { "no A or AAAA record" } else { "NXDOMAIN" });
            }
            // One family that cannot be looked up must not be taken for "has none".
            Err(error) => return Err(fault(error.to_string())),
        }
    }
    found.dedup();
    Ok(if found.is_empty() {
        Addresses::None(negative.pop().unwrap_or("no A or AAAA record").to_owned())
    } else {
        Addresses::Found(found)
    })
}

/// A resolver that asks one server, over UDP with TCP for what does not fit.
fn at(server: SocketAddr) -> Result<TokioResolver, NetError> {
    let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
        connection.port = server.port();
        connection
    });
    let server = NameServerConfig::new(server.ip(), true, connections.into());
    let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
    let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.attempts = 1;
    builder.build()
}

/// The machine's own resolver configuration, hosts file included, read once.
fn system() -> Result<&'static TokioResolver, String> {
    static SYSTEM: OnceLock<Result<TokioResolver, String>> = OnceLock::new();
    SYSTEM
        .get_or_init(|| {
            TokioResolver::builder_tokio()
                .and_then(|mut builder| {
                    builder.options_mut().cache_size = 0;
                    builder.build()
                })
                .map_err(|error| format!("the system's resolver: {error}"))
        })
        .as_ref()
        .map_err(Clone::clone)
}
