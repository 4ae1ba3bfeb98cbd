//! An issued certificate as facts.

use jiff::Timestamp;
use rustls::pki_types::{CertificateDer, ServerName};

use super::Issued;
use crate::model::fault::Fault;
use crate::net::pki::certificate::Certificate;
use crate::net::pki::path::{build, names};
use crate::net::pki::private_key::{Pair, is_for};
use crate::net::pki::roots::Roots;

/// Reads what was issued for a name and a key.
///
/// # Errors
/// [`Fault::Unreadable`] when it is no certificate.
pub fn read_issued(
    chain: &[CertificateDer<'static>],
    name: &str,
    public_key: &[u8],
    now: Timestamp,
) -> Result<Issued, Fault> {
    let unreadable = |reason: String| Fault::Unreadable {
        what: "reading the certificate that was issued".to_owned(),
        reason,
    };
    let Some(leaf) = chain.first() else {
        return Err(unreadable("nothing was sent".to_owned()));
    };
    let certificate = Certificate::read(leaf).map_err(|bad| unreadable(bad.to_string()))?;
    let wanted = ServerName::try_from(name.to_owned())
        .map_err(|error| Fault::Bug { message: error.to_string() })?;
    // Whoever signed the last certificate sent is known to those who trust the authority.
    let (sent, last) = match chain {
        [_, .., last] => (&chain[..chain.len() - 1], Roots::of(std::slice::from_ref(last), "sent")),
        _ => (chain, Roots::none()),
    };
    Ok(Issued {
        other_name: names(leaf, &wanted).err(),
        key: if is_for(leaf, public_key) { Pair::Matches } else { Pair::Differs },
        path: build(sent, &last, now),
        sent: chain.len(),
        certificate,
    })
}
