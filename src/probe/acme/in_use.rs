//! Looking at what is in use and what the authority says about it: the certificates the servers
//! show, the renewal information of the first, and the way of the tls-alpn-01 challenge.

use std::net::{IpAddr, SocketAddr};

use futures_util::future::join_all;
use rustls::pki_types::{CertificateDer, ServerName};
use serde::Deserialize;

use super::{Acme, Alpn, Alpn01, InUse, Info};
use crate::model::fault::{Fault, Sight};
use crate::model::text::one_line;
use crate::net::ari;
use crate::net::http::{self, Access, Answer, Exchange, HttpUrl, Limits, Request};
use crate::net::pki::certificate::Certificate;
use crate::net::tcp::{Dial, dial};
use crate::net::tls::{Failure, Handshake, KeyExchange, Keys, Offer, Versions, shake};
use crate::probe::ProbeCx;

/// The application protocol of the challenge (RFC 8737 §6.2).
const ACME_TLS: &str = "acme-tls/1";

/// The largest answer of an authority that is read.
const ANSWER: usize = 64 << 10;

/// What one server shows.
type Shown = (InUse, Option<CertificateDer<'static>>);

/// What every server shows, and what the authority says about the first certificate.
pub(super) async fn look(
    acme: &Acme,
    directory: &HttpUrl,
    addresses: &[IpAddr],
    cx: &ProbeCx,
) -> (Vec<InUse>, Option<Sight<Info>>) {
    let shown: Vec<Shown> = join_all(addresses.iter().map(|ip| in_use(acme, *ip, cx))).await;
    let first = shown.iter().find_map(|(_, der)| der.clone());
    let info = match first {
        Some(der) => Some(renewal(acme, directory, &der, cx).await.into()),
        None => None,
    };
    (shown.into_iter().map(|(one, _)| one).collect(), info)
}

async fn in_use(acme: &Acme, ip: IpAddr, cx: &ProbeCx) -> Shown {
    let address = SocketAddr::new(ip, acme.tls_port);
    let unreadable = |reason: String| {
        let what = format!("looking at the certificate of {address}");
        (Sight::Fault(Fault::Unreadable { what, reason }), None)
    };
    let (sight, der) = match handshake(acme, address, None, cx).await {
        Err(fault) => (Sight::Fault(fault), None),
        Ok(Err(words)) => unreadable(words),
        Ok(Ok(handshake)) => match handshake.chain.first().map(|der| (Certificate::read(der), der))
        {
            Some((Ok(certificate), der)) => (Sight::Seen(certificate), Some(der.clone())),
            Some((Err(bad), _)) => unreadable(one_line(&bad.to_string())),
            None => unreadable("it shows none".to_owned()),
        },
    };
    (InUse { address: address.to_string(), sight }, der)
}

/// A handshake, or the words of a host that refuses the connection.
async fn handshake(
    acme: &Acme,
    address: SocketAddr,
    alpn: Option<&str>,
    cx: &ProbeCx,
) -> Result<Result<Handshake, String>, Fault> {
    let name = ServerName::try_from(acme.base().to_ascii_lowercase())
        .map_err(|error| Fault::Bug { message: error.to_string() })?;
    let stream = match dial(address, cx.remaining()).await? {
        Dial::Open(stream, _) => stream,
        Dial::Refused(refusal) => return Ok(Err(refusal.to_string())),
    };
    let offer = Offer {
        name: &name,
        exchange: KeyExchange::Classic,
        versions: Versions::All,
        keys: Keys::All,
        alpn,
        suite: None,
    };
    shake(stream, offer, cx.remaining()).await.map(Ok)
}

/// What the authority says about when to renew a certificate.
async fn renewal(
    acme: &Acme,
    directory: &HttpUrl,
    der: &CertificateDer<'_>,
    cx: &ProbeCx,
) -> Result<Info, Fault> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Directory {
        renewal_info: Option<String>,
    }
    let unreadable = |url: &HttpUrl, reason: String| Fault::Unreadable {
        what: format!("asking {}", url.shown()),
        reason,
    };
    let answer = get(acme, directory, cx).await?;
    if answer.status != 200 {
        return Err(unreadable(directory, format!("HTTP {}", answer.status)));
    }
    let read: Directory = serde_json::from_slice(&answer.body)
        .map_err(|error| unreadable(directory, one_line(&error.to_string())))?;
    let Some(base) = read.renewal_info else { return Ok(Info::NotOffered) };
    let id = ari::id(der).map_err(|bad| unreadable(directory, bad.to_string()))?;
    let url = format!("{}/{id}", base.trim_end_matches('/'));
    let url: HttpUrl = url.parse().map_err(|message| unreadable(directory, message))?;
    let answer = get(acme, &url, cx).await?;
    match answer.status {
        200 => ari::read(&answer.body).map(Info::Suggested).map_err(|why| unreadable(&url, why)),
        404 => Ok(Info::NotKnown),
        status => Err(unreadable(&url, format!("HTTP {status}"))),
    }
}

async fn get(acme: &Acme, url: &HttpUrl, cx: &ProbeCx) -> Result<Answer, Fault> {
    let access = Access::trusting(acme.ca.as_ref().map(|ca| cx.path(ca)));
    let addresses = http::find(url, &access, cx.remaining() / 2).await?;
    let client = http::Client::new(url, &addresses, &access).await?;
    let limits = Limits { time: cx.remaining(), bytes: ANSWER };
    match client.send(&Request::get(url), limits).await? {
        Exchange::Answered(answer) => Ok(answer),
        Exchange::Denied(denial) => Err(Fault::Unreachable {
            what: format!("asking {}", url.shown()),
            reason: denial.to_string(),
        }),
    }
}

/// The way of the tls-alpn-01 challenge on every address.
pub(super) async fn alpn(acme: &Acme, addresses: &[IpAddr], cx: &ProbeCx) -> Vec<Alpn01> {
    let looks = addresses.iter().map(|ip| async move {
        let address = SocketAddr::new(*ip, acme.tls_port);
        let sight = handshake(acme, address, Some(ACME_TLS), cx).await.map(|end| match end {
            Err(refused) => Alpn::Refused(refused),
            Ok(handshake) => read_alpn(handshake),
        });
        Alpn01 { address: address.to_string(), sight: sight.into() }
    });
    join_all(looks).await
}

fn read_alpn(handshake: Handshake) -> Alpn {
    match handshake.end {
        Ok(session) if session.alpn.as_deref() == Some(ACME_TLS) => Alpn::Chosen,
        Ok(_) => Alpn::NotChosen("it goes on without the protocol".to_owned()),
        Err(failure @ (Failure::Alert(_) | Failure::NotProved(_) | Failure::Incompatible(_))) => {
            Alpn::NotChosen(failure.to_string())
        }
        Err(
            failure @ (Failure::Reset
            | Failure::Closed
            | Failure::Oversized
            | Failure::NotTls(_)
            | Failure::Violation(_)),
        ) => Alpn::Refused(failure.to_string()),
    }
}
