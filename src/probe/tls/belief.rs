//! Whether an OCSP answer counts, stapled or asked for: about this certificate, signed by somebody
//! who may, in time.

use super::contact::Case;
use super::expiry::{SKEW, days, earlier, later, when};
use crate::net::pki::ocsp::{About, Basic, Delegate, Signer, Single};

/// Why an answer does not count.
pub(super) enum Doubt {
    /// The issuer is not known, so it cannot be verified.
    Unverified,
    /// It is about another certificate.
    WrongCertificate(String),
    /// It is about a certificate with the same serial number of another issuer.
    WrongIssuer(String),
    /// Its signer may not sign for the issuer.
    Unauthorised(String),
    /// Its signer was appointed by the issuer, for something else than signing OCSP answers.
    Purpose(String),
    /// The certificate of its signer has expired.
    Outdated(String),
    /// Its signature is wrong.
    BadSignature(String),
    /// It has a critical part nobody understands.
    Critical(String),
}

/// When an answer holds.
pub(super) enum Timing {
    /// Now.
    Current,
    /// Only later.
    Early(String),
    /// Not any more.
    Expired(String),
    /// It does not say.
    Endless,
}

/// Why nothing the answer says counts.
pub(super) fn doubt(case: Case<'_>, basic: &Basic) -> Option<Doubt> {
    let about = |wanted: About| basic.singles.iter().any(|single| single.about == wanted);
    if !about(About::This) {
        return Some(if about(About::IssuerMissing) {
            Doubt::Unverified
        } else if about(About::OtherIssuer) {
            Doubt::WrongIssuer(other_certificate(basic))
        } else {
            Doubt::WrongCertificate(other_certificate(basic))
        });
    }
    unauthorised(case, basic)
        .or_else(|| basic.bad_signature.clone().map(Doubt::BadSignature))
        .or_else(|| basic.critical.clone().map(Doubt::Critical))
}

/// What the answer is about: for a part with the right serial number its issuer tells more.
fn other_certificate(basic: &Basic) -> String {
    let nearest = basic.singles.iter().find(|single| single.about == About::OtherIssuer);
    nearest.or_else(|| basic.singles.first()).map_or_else(
        || "none at all".to_owned(),
        |single| match single.about {
            About::OtherIssuer => format!("serial {} of another issuer", single.serial),
            About::UnknownHash => format!("one named by the hash {}", single.hash),
            About::This | About::OtherSerial | About::IssuerMissing => {
                format!("serial {}", single.serial)
            }
        },
    )
}

/// Why the signer may not sign for the issuer (RFC 6960 §4.2.2.2).
fn unauthorised(case: Case<'_>, basic: &Basic) -> Option<Doubt> {
    let by = |why: &str| format!("signed by {}, {why}", basic.responder);
    let delegate: &Delegate = match &basic.signer {
        Signer::Issuer => return None,
        Signer::Unknown => {
            return Some(Doubt::Unauthorised(by("who is neither the issuer nor shown")));
        }
        Signer::Delegate(delegate) => delegate,
    };
    let now = case.cx.now;
    if !delegate.by_issuer {
        let why = "whom the issuer of the certificate did not appoint";
        Some(Doubt::Unauthorised(by(why)))
    } else if !delegate.ocsp_signing {
        Some(Doubt::Purpose(by("whose certificate is not for signing OCSP answers")))
    } else if !delegate.may_sign {
        Some(Doubt::Purpose(by("whose key is not for signing")))
    } else if now > later(delegate.not_after, SKEW) {
        let why = format!("whose certificate expired on {}", when(delegate.not_after));
        Some(Doubt::Outdated(by(&why)))
    } else if now < earlier(delegate.not_before, SKEW) {
        let why = format!("whose certificate is valid from {} on", when(delegate.not_before));
        Some(Doubt::Outdated(by(&why)))
    } else {
        None
    }
}

/// When one part of an answer holds.
pub(super) fn timing(case: Case<'_>, single: &Single) -> Timing {
    let now = case.cx.now;
    if single.this_update > later(now, SKEW) {
        return Timing::Early(format!("begins at {}", when(single.this_update)));
    }
    match single.next_update {
        None => Timing::Endless,
        Some(end) if end < earlier(now, SKEW) => {
            Timing::Expired(format!("expired {} ago", days(now.duration_since(end))))
        }
        Some(_) => Timing::Current,
    }
}
