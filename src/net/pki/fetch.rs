//! Fetching what certificates point to: OCSP answers and revocation lists over plain HTTP (RFC 5280
//! §4.2.1.13 forbids nothing else, but public authorities use nothing else: what is fetched is
//! signed, and HTTPS would need a revocation check of its own).

use std::error::Error;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use reqwest::header::{AGE, CONTENT_TYPE, DATE};
use reqwest::redirect::Policy;

use crate::clock::Clock;
use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::model::time::Span;
use crate::net::date::ahead;
use crate::net::http::USER_AGENT;

/// What was fetched.
#[derive(Debug)]
pub struct Fetched {
    /// The body.
    pub body: Vec<u8>,
    /// By how many seconds the other machine's clock is ahead of this one's, where it says.
    pub ahead: Option<i64>,
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub enum Ask<'a> {
    /// Nothing: a GET.
    Get,
    /// An OCSP request: a POST (RFC 6960 appendix A.1).
    Ocsp(&'a [u8]),
}

/// Fetches a URL within `limit`, at most `most` bytes, without following redirects: an address in a
/// certificate is the word of a stranger.
///
/// # Errors
/// A [`Fault`] when there is no answer, or it is not `200 OK` with a body of that size.
pub async fn fetch(
    url: &str,
    ask: Ask<'_>,
    most: usize,
    limit: Duration,
) -> Result<Fetched, Fault> {
    let what = format!("fetching {}", one_line(url));
    if !is_fetched(url) {
        return Err(Fault::Unreadable { what, reason: "not an http:// URL".to_owned() });
    }
    tokio::time::timeout(limit, exchange(url, ask, most, &what))
        .await
        .map_err(|_| Fault::Timeout { what: what.clone(), after: Span::from(limit) })?
}

/// Whether a URL is of the only sort that is fetched.
#[must_use]
pub fn is_fetched(url: &str) -> bool {
    url.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"))
}

/// The host, and port if any, of a URL that is fetched; for words.
#[must_use]
pub fn host(url: &str) -> &str {
    let rest = url.get(7..).filter(|_| is_fetched(url)).unwrap_or(url);
    rest.split(['/', '?']).next().unwrap_or(rest)
}

async fn exchange(url: &str, ask: Ask<'_>, most: usize, what: &str) -> Result<Fetched, Fault> {
    let unreadable = |reason: String| Fault::Unreadable { what: what.to_owned(), reason };
    let client = client().map_err(|message| Fault::Bug { message })?;
    let request = match ask {
        Ask::Get => client.get(url),
        Ask::Ocsp(request) => {
            client.post(url).header(CONTENT_TYPE, "application/ocsp-request").body(request.to_vec())
        }
    };
    let mut response = request.send().await.map_err(|error| fault(what, &error))?;
    let status = response.status();
    if status != reqwest::StatusCode::OK {
        return Err(unreadable(format!("HTTP {}", status.as_u16())));
    }
    let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
    let ahead = header(DATE).and_then(|date| ahead(date, header(AGE), Clock.now()));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| fault(what, &error))? {
        if body.len() + chunk.len() > most {
            return Err(unreadable(format!("more than {} KiB", most >> 10)));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Fetched { body, ahead })
}

/// One client for all; it keeps no connection open, since it outlives every runtime.
fn client() -> Result<&'static reqwest::Client, String> {
    static CLIENT: LazyLock<Result<reqwest::Client, String>> = LazyLock::new(|| {
        let tls =
            rustls::ClientConfig::builder_with_provider(Arc::clone(crate::net::tls::provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth();
        reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .tls_backend_preconfigured(tls)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .pool_max_idle_per_host(0)
            .no_proxy()
            .build()
            .map_err(|error| format!("making an HTTP client: {error}"))
    });
    CLIENT.as_ref().map_err(Clone::clone)
}

/// Why nothing was fetched: the last cause says it, the client's own words do not.
fn fault(what: &str, error: &reqwest::Error) -> Fault {
    let mut last: &dyn Error = error;
    while let Some(cause) = last.source() {
        last = cause;
        if let Some(error) = last.downcast_ref::<std::io::Error>()
            && error.raw_os_error().is_some()
        {
            return Fault::from_io(what, error);
        }
    }
    Fault::Unreadable { what: what.to_owned(), reason: one_line(&last.to_string()) }
}
