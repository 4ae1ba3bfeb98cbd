//! Where a test order may be placed: only where it is known to be a test. A certificate of a real
//! authority counts against rate limits, stands in public logs for ever, and is nothing to play with.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::model::fault::Fault;
use crate::net::http::HttpUrl;
use crate::net::name::{Addresses, addresses};

/// The directories of public authorities that issue certificates nobody trusts.
const STAGING: [&str; 2] = [
    "https://acme-staging-v02.api.letsencrypt.org/directory",
    "https://dv.acme-v02.test-api.pki.goog/directory",
];

/// Hosts where real certificates are issued, and the staging directory of the same authority.
const PRODUCTION: [(&str, &str); 9] = [
    ("acme-v02.api.letsencrypt.org", STAGING[0]),
    ("acme-v01.api.letsencrypt.org", STAGING[0]),
    ("dv.acme-v02.api.pki.goog", STAGING[1]),
    ("api.buypass.com", ""),
    ("acme.zerossl.com", ""),
    ("acme.ssl.com", ""),
    ("acme.sectigo.com", ""),
    ("acme.digicert.com", ""),
    ("acme-api.actalis.com", ""),
];

/// Whether something may be ordered at a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::probe::acme) enum Permit {
    /// It is the staging directory of a public authority.
    Staging,
    /// It lies at a loopback or private address.
    Private,
    /// It depends on where its name leads to.
    ByAddress,
    /// No.
    Refused {
        /// Why.
        reason: String,
        /// What to do instead.
        help: String,
    },
}

/// What the URL alone tells.
pub(in crate::probe::acme) fn permit(directory: &HttpUrl) -> Permit {
    let host = directory.host().trim_end_matches('.').to_ascii_lowercase();
    let known = |one: &&str| one.parse::<HttpUrl>().is_ok_and(|one| one == *directory);
    if STAGING.iter().any(known) {
        return Permit::Staging;
    }
    if let Some((_, staging)) = PRODUCTION.iter().find(|(known, _)| *known == host) {
        let reason = "real certificates are issued there".to_owned();
        let help = match *staging {
            "" => format!("order at a staging directory, such as {}", STAGING[0]),
            staging => format!("use the staging directory of the same authority, {staging}"),
        };
        return Permit::Refused { reason, help };
    }
    match directory.ip() {
        Some(ip) if is_private(ip) => Permit::Private,
        Some(_) => Permit::Refused { reason: NOT_KNOWN.to_owned(), help: elsewhere() },
        None if host == "localhost" => Permit::Private,
        None => Permit::ByAddress,
    }
}

const NOT_KNOWN: &str = "it is not known to be a directory for tests";

fn elsewhere() -> String {
    format!("use a staging directory such as {}, or one at a private address", STAGING[0])
}

/// Where a directory may be asked: its addresses, or why not at all. Names are looked up, and the
/// addresses found are the only ones that are then connected to.
pub(super) async fn places(
    directory: &HttpUrl,
    resolver: Option<SocketAddr>,
    limit: Duration,
) -> Result<Result<Vec<SocketAddr>, String>, Fault> {
    let permit = permit(directory);
    if let Permit::Refused { reason, .. } = permit {
        return Ok(Err(reason));
    }
    let host = directory.host();
    let found = match addresses(host, resolver, limit).await? {
        Addresses::Found(found) => found,
        Addresses::None(reason) => return Err(Fault::Name { name: host.to_owned(), reason }),
    };
    if permit == Permit::ByAddress
        && let Some(public) = found.iter().find(|ip| !is_private(**ip))
    {
        return Ok(Err(format!(
            "{NOT_KNOWN}: {host} is at {public}, which is not a private address"
        )));
    }
    Ok(Ok(found.into_iter().map(|ip| SocketAddr::new(ip, directory.port())).collect()))
}

/// Whether an address means something on this machine or in this house only (RFC 1918, 4193, 4291).
fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(url: &str) -> Permit {
        permit(&url.parse().expect(url))
    }

    #[test]
    fn tests_are_told_from_what_is_real() {
        for staging in STAGING {
            assert_eq!(of(staging), Permit::Staging);
        }
        for private in [
            "https://127.0.0.1:14000/dir",
            "https://[::1]:14000/dir",
            "https://localhost:14000/dir",
            "https://10.0.0.5/acme/acme/directory",
            "https://192.168.1.1/d",
            "https://172.16.0.9/d",
            "https://[fd00::1]/d",
            "https://[::ffff:10.0.0.1]/d",
        ] {
            assert_eq!(of(private), Permit::Private, "{private}");
        }
        for unsure in [
            "https://ca.example.com/acme/directory",
            // Not the staging directory, whatever lies there.
            "https://acme-staging-v02.api.letsencrypt.org/acme/new-order",
            "http://acme-staging-v02.api.letsencrypt.org/directory",
            "https://acme-staging-v02.api.letsencrypt.org:8443/directory",
        ] {
            assert_eq!(of(unsure), Permit::ByAddress, "{unsure}");
        }
        for real in [
            "https://acme-v02.api.letsencrypt.org/directory",
            "https://ACME-V02.api.letsencrypt.org./directory",
            "https://dv.acme-v02.api.pki.goog/directory",
            "https://acme.zerossl.com/v2/DV90",
            "https://192.0.2.1/dir",
            "https://[2001:db8::1]/dir",
            "https://172.32.0.1/dir",
        ] {
            let Permit::Refused { help, .. } = of(real) else { panic!("{real} is allowed") };
            assert!(help.contains("https://"), "{help}");
        }
    }
}
