//! Looking as an authority looks: CAA up the tree, and the way of the challenge on every address.

use std::net::{IpAddr, SocketAddr};

use futures_util::future::join_all;
use hickory_proto::rr::RecordType;

use super::{Acme, Challenge, Hop, HopEnd, Looked, Observation, Records, Way};
use super::{dnssec, in_use, order};
use crate::model::fault::{Fault, Sight};
use crate::model::text::one_line;
use crate::net::dns::{
    Answer, Ask, Client, Pace, Patience, Recursion, Server, fqdn, system_servers,
};
use crate::net::http::{self, Exchange, HttpUrl, Limits, Request};
use crate::net::name::{Addresses, addresses};
use crate::probe::{Probe as _, ProbeCx};

/// How many redirects an authority follows.
const REDIRECTS: usize = 10;

/// How much of a page is read to see what it is.
const PAGE: usize = 1 << 10;

/// Looks at everything the challenge needs.
pub(super) async fn observe(acme: &Acme, cx: &ProbeCx) -> Result<Observation, Fault> {
    let caa = tree(acme.base()).into_iter().map(|name| (name, RecordType::CAA));
    let txt = (format!("_acme-challenge.{}", acme.base()), RecordType::TXT);
    let dns01 = acme.challenge == Challenge::Dns01;
    let questions: Vec<_> = caa.chain(dns01.then_some(txt)).collect();
    // The time of an order is not there for looking.
    let own = cx.allowance.saturating_sub(acme.waits());
    let cx = &ProbeCx { allowance: own, limit: cx.limit.min(cx.clock.tick() + own), ..cx.clone() };
    let order = async {
        match &acme.order {
            Some(order) => Some(order::look(acme, order, cx).await),
            None => None,
        }
    };
    let (looked, found, dnssec, order) = futures_util::join!(
        ask(acme, &questions, cx),
        on_addresses(acme, cx),
        dnssec::look(acme, cx),
        order
    );
    let mut caa = looked?;
    let dns01 = if dns01 { caa.pop() } else { None };
    Ok(Observation { caa, dns01, dnssec: Some(dnssec.into()), order, ..found })
}

/// Everything that is looked at on the addresses of the name.
async fn on_addresses(acme: &Acme, cx: &ProbeCx) -> Observation {
    let mut seen = Observation {
        caa: Vec::new(),
        no_address: None,
        unresolved: None,
        ways: Vec::new(),
        dns01: None,
        alpn01: Vec::new(),
        directory: acme.directory.as_ref().map(HttpUrl::shown),
        in_use: Vec::new(),
        renewal: None,
        dnssec: None,
        order: None,
    };
    if acme.challenge == Challenge::Dns01 && acme.directory.is_none() {
        return seen;
    }
    let found = match &acme.addresses {
        Some(given) => given.clone(),
        None => match look_up(acme, acme.base(), cx).await {
            Ok(Addresses::Found(found)) => found,
            Ok(Addresses::None(words)) => {
                seen.no_address = Some(one_line(&words));
                return seen;
            }
            Err(fault) => {
                seen.unresolved = Some(fault);
                return seen;
            }
        },
    };
    match acme.challenge {
        Challenge::Http01 => seen.ways = ways(acme, &found, cx).await,
        Challenge::TlsAlpn01 => seen.alpn01 = in_use::alpn(acme, &found, cx).await,
        Challenge::Dns01 => {}
    }
    if let Some(directory) = &acme.directory {
        (seen.in_use, seen.renewal) = in_use::look(acme, directory, &found, cx).await;
    }
    seen
}

/// A name and all names above it but the root.
fn tree(name: &str) -> Vec<String> {
    let name = name.trim_end_matches('.');
    let above = name.match_indices('.').map(|(dot, _)| name[dot + 1..].to_owned());
    std::iter::once(name.to_owned()).chain(above).collect()
}

/// Asks one resolver all the questions.
async fn ask(
    acme: &Acme,
    questions: &[(String, RecordType)],
    cx: &ProbeCx,
) -> Result<Vec<Looked>, Fault> {
    let server: Server = match acme.resolver {
        Some(server) => server,
        None => system_servers()?.swap_remove(0),
    };
    let mut asks = Vec::new();
    for (name, kind) in questions {
        let name = fqdn(name).map_err(|bad| Fault::Bug { message: bad.to_string() })?;
        asks.push(Ask::new(name, *kind, Recursion::Desired));
    }
    let patience = Patience::about(cx.remaining() * 9 / 10);
    let until = cx.clock.tick() + cx.remaining();
    let mut client = Client::new(server, Pace::for_server(&server, None));
    let answers = client.ask_all(&asks, patience, until, Answer::read).await;
    let looked = questions.iter().zip(answers).map(|((name, _), answer)| {
        let records = answer.map(|answer| Records { rcode: answer.rcode, records: answer.records });
        Looked { name: name.clone(), sight: records.into() }
    });
    Ok(looked.collect())
}

/// The way of the http-01 challenge on every address.
async fn ways(acme: &Acme, addresses: &[IpAddr], cx: &ProbeCx) -> Vec<Way> {
    let ways = addresses.iter().map(|ip| async move {
        let address = SocketAddr::new(*ip, acme.port);
        let sight: Sight<Vec<Hop>> = walk(acme, address, cx).await.into();
        Way { address: address.to_string(), sight }
    });
    join_all(ways).await
}

async fn look_up(acme: &Acme, host: &str, cx: &ProbeCx) -> Result<Addresses, Fault> {
    let resolver = acme.resolver.map(|server| server.address);
    addresses(host, resolver, cx.remaining() / 2).await
}

/// Follows the challenge from one address on, as an authority does (RFC 8555 §8.3).
async fn walk(acme: &Acme, first: SocketAddr, cx: &ProbeCx) -> Result<Vec<Hop>, Fault> {
    let path = format!("/.well-known/acme-challenge/gonogo-{}", cx.run.short());
    let port = if acme.port == 80 { String::new() } else { format!(":{}", acme.port) };
    let start = format!("http://{}{port}{path}", acme.base());
    let mut url: HttpUrl = start.parse().map_err(|message| Fault::Bug { message })?;
    let mut address = first;
    let mut hops = Vec::new();
    loop {
        let (end, next) = hop(&url, address, cx).await?;
        hops.push(Hop { url: url.to_string(), end });
        let Some(next) = next else { return Ok(hops) };
        let refused = if hops.len() > REDIRECTS {
            Some(format!("more than {REDIRECTS} redirects"))
        } else {
            match url.follow(&next) {
                None => Some(format!("it leads out of HTTP, to {}", one_line(&next))),
                Some(to) if ![80, 443, acme.port].contains(&to.port()) => {
                    Some(format!("it leads to port {}, not 80 or 443", to.port()))
                }
                Some(to) => {
                    // The same host stays on the address that is looked at.
                    if to.host() != url.host() {
                        match elsewhere(acme, &to, cx).await? {
                            Ok(ip) => address.set_ip(ip),
                            Err(words) => {
                                hops.push(not_followed(&to, words));
                                return Ok(hops);
                            }
                        }
                    }
                    address.set_port(to.port());
                    url = to;
                    None
                }
            }
        };
        if let Some(reason) = refused {
            hops.push(not_followed(&url, reason));
            return Ok(hops);
        }
    }
}

fn not_followed(url: &HttpUrl, reason: String) -> Hop {
    Hop { url: url.to_string(), end: HopEnd::NotFollowed(reason) }
}

/// The address of another host a redirect leads to; IPv6 first, as authorities prefer it.
async fn elsewhere(
    acme: &Acme,
    to: &HttpUrl,
    cx: &ProbeCx,
) -> Result<Result<IpAddr, String>, Fault> {
    Ok(match look_up(acme, to.host(), cx).await? {
        Addresses::Found(found) => {
            let v6 = found.iter().find(|ip| ip.is_ipv6()).or_else(|| found.first());
            v6.copied().ok_or_else(|| format!("{} has no address", to.host()))
        }
        Addresses::None(words) => {
            Err(format!("{} has no address: {}", to.host(), one_line(&words)))
        }
    })
}

/// One request, and where its answer leads.
async fn hop(
    url: &HttpUrl,
    address: SocketAddr,
    cx: &ProbeCx,
) -> Result<(HopEnd, Option<String>), Fault> {
    let client = http::Client::to_anyone(url, &[address])?;
    let limits = Limits { time: cx.remaining(), bytes: PAGE };
    match client.send(&Request::get(url), limits).await? {
        Exchange::Denied(denial) => Ok((HopEnd::Denied(denial), None)),
        Exchange::Answered(answer) => {
            let location = answer.header("location").map(one_line);
            let kind = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
            let body = String::from_utf8_lossy(&answer.body).to_ascii_lowercase();
            let html =
                kind.contains("html") || body.contains("<html") || body.contains("<!doctype");
            let next = location.clone().filter(|_| (300..400).contains(&answer.status));
            Ok((HopEnd::Answered { status: answer.status, location, html }, next))
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn caa_is_looked_up_to_the_top() {
        assert_eq!(
            super::tree("a.b.example.com."),
            ["a.b.example.com", "b.example.com", "example.com", "com"]
        );
    }
}
