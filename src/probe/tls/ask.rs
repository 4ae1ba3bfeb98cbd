//! Asking whether a certificate is revoked: its OCSP responder, or its revocation list.

use rustls::pki_types::CertificateDer;

use super::seen::{Asked, Said, Served};
use crate::model::fault::{Fault, Sight};
use crate::model::text::one_line;
use crate::net::pki::certificate::Certificate;
use crate::net::pki::crl::Crl;
use crate::net::pki::fetch::{Ask, fetch, is_fetched};
use crate::net::pki::issuer::Issuer;
use crate::net::pki::ocsp::{About, Answer, Status, request_for};
use crate::net::pki::roots::Roots;
use crate::probe::ProbeCx;

/// The largest OCSP answer that is read.
const OCSP_LIMIT: usize = 64 << 10;

/// The largest revocation list that is read.
const CRL_LIMIT: usize = 32 << 20;

/// How many places of one sort are asked.
const PLACES: usize = 3;

/// Asks where the certificate says to ask, until one answer can be used. Nobody is asked where the
/// issuer is not known, since no answer could be verified.
pub(super) async fn ask(
    served: &Served,
    chain: &[CertificateDer<'static>],
    roots: &Roots,
    cx: &ProbeCx,
) -> Vec<Asked> {
    let mut asked = Vec::new();
    let (Some(leaf), Some(der)) = (served.leaf(), chain.first()) else { return asked };
    let Some(issuer) = Issuer::find(chain, roots) else { return asked };
    for (url, source) in places(leaf) {
        let said = match source {
            Source::Ocsp => ocsp(url, der, &issuer, cx).await,
            Source::Crl => crl(url, der, &issuer, cx).await,
        };
        let (said, ahead) = match said {
            Ok((said, ahead)) => (Ok(said), ahead),
            Err(fault) => (Err(fault), None),
        };
        let sight: Sight<Said> = said.into();
        let done = sight.seen().is_some_and(said_enough);
        asked.push(Asked { url: url.to_owned(), clock_ahead: ahead, sight });
        if done {
            break;
        }
    }
    asked
}

/// Where revocation can be asked for.
enum Source {
    Ocsp,
    Crl,
}

/// The places a certificate names that can be asked: its responders, then its lists.
fn places(leaf: &Certificate) -> impl Iterator<Item = (&str, Source)> {
    let usable = |url: &&String| is_fetched(url);
    let responders = leaf.ocsp.iter().filter(usable).take(PLACES);
    let lists = leaf.crls.iter().filter(usable).take(PLACES);
    responders
        .map(|url| (url.as_str(), Source::Ocsp))
        .chain(lists.map(|url| (url.as_str(), Source::Crl)))
}

/// What was said, and how far the clock of who said it is ahead.
type Heard = (Said, Option<i64>);

async fn ocsp(url: &str, leaf: &[u8], issuer: &Issuer, cx: &ProbeCx) -> Result<Heard, Fault> {
    let request = request_for(leaf, issuer)
        .map_err(|bad| Fault::Unreadable { what: one_line(url), reason: bad.to_string() })?;
    // No more than half of the time, so that a silent responder leaves some for the list.
    let limit = cx.remaining() / 2;
    let answer = match fetch(url, Ask::Ocsp(&request), OCSP_LIMIT, limit).await {
        // Some responders stand behind a cache that only knows GET.
        Err(Fault::Unreadable { .. }) => {
            let url = format!("{}/{}", url.trim_end_matches('/'), in_path(&request));
            fetch(&url, Ask::Get, OCSP_LIMIT, limit).await?
        }
        answer => answer?,
    };
    Ok((Said::Ocsp(Answer::read(&answer.body, leaf, Some(issuer))), answer.ahead))
}

async fn crl(url: &str, leaf: &[u8], issuer: &Issuer, cx: &ProbeCx) -> Result<Heard, Fault> {
    let list = fetch(url, Ask::Get, CRL_LIMIT, cx.remaining()).await?;
    let read = Crl::read(&list.body, url, leaf, issuer).map_err(|bad| Fault::Unreadable {
        what: format!("fetching {}", one_line(url)),
        reason: one_line(&bad.to_string()),
    })?;
    Ok((Said::Crl(read), list.ahead))
}

/// Whether an answer tells of the certificate, and is signed; its times are for the judge.
pub(super) fn tells(answer: &Answer) -> bool {
    match answer {
        Answer::Unreadable(_) | Answer::Unsuccessful(_) => false,
        Answer::Basic(basic) => {
            let says = |status: &Status| matches!(status, Status::Good | Status::Revoked { .. });
            basic.bad_signature.is_none()
                && basic.singles.iter().any(|one| one.about == About::This && says(&one.status))
        }
    }
}

fn said_enough(said: &Said) -> bool {
    match said {
        Said::Ocsp(answer) => tells(answer),
        Said::Crl(list) => list.flaw.is_none(),
    }
}

/// An OCSP request as the last part of a URL: base64, percent-encoded (RFC 6960 appendix A.1).
fn in_path(request: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut path = String::new();
    for three in request.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        let bits = bits << (8 * (3 - three.len()));
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place)) & 63;
            match ALPHABET[sextet as usize] {
                _ if place > three.len() => path.push_str("%3D"),
                b'+' => path.push_str("%2B"),
                b'/' => path.push_str("%2F"),
                plain => path.push(char::from(plain)),
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_fits_a_path() {
        for (bytes, path) in [
            (&b""[..], ""),
            (b"f", "Zg%3D%3D"),
            (b"fo", "Zm8%3D"),
            (b"foo", "Zm9v"),
            (&[0xfb, 0xff, 0xfe], "%2B%2F%2F%2B"),
        ] {
            assert_eq!(in_path(bytes), path);
        }
    }
}
