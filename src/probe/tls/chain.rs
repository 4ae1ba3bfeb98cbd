//! Judging what a server sent: name, path, keys and signatures.

use super::codes;
use super::contact::Case;
use super::seen::{Sent, Served};
use crate::model::code::Code;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::count;
use crate::net::pki::certificate::{Certificate, Key};
use crate::net::pki::path::{Obstacle, Path};

/// The most alternative names a message lists.
const NAMES: usize = 8;

/// Judges name, path, keys and signatures.
pub(super) fn judge(case: Case<'_>, served: &Served) -> Vec<Finding> {
    let leaf = match served.chain.first() {
        Some(Sent::Certificate(leaf)) => leaf,
        Some(Sent::Unreadable { size, reason }) => {
            let message = format!("the server's certificate is {reason}");
            let finding = Finding::new(&codes::UNREADABLE, case.target, message);
            return vec![finding.expected("a certificate").actual(format!("{size} bytes"))];
        }
        None => return Vec::new(),
    };
    let mut findings = Vec::new();
    findings.extend(name(case, served, leaf));
    let weak: Vec<Finding> = served
        .on_path()
        .flat_map(|(_, found)| weaknesses(found))
        .map(|weakness| {
            let code = match weakness.part {
                Part::Key => &codes::WEAK_KEY,
                Part::Signature => &codes::WEAK_SIGNATURE,
            };
            weakness.into_finding(code, case.target)
        })
        .collect();
    findings.extend(broken(case, served, leaf, &weak));
    findings.extend(weak);
    findings.extend(order(case, served));
    findings
}

/// Whom a certificate is for, in a few words.
pub(in crate::probe) fn who(leaf: &Certificate) -> String {
    match leaf.names.as_slice() {
        [] => format!("without names (subject {})", leaf.subject),
        [one] => format!("for {one}"),
        [one, rest @ ..] => format!("for {one} and {} more", rest.len()),
    }
}

/// The root a path ends at.
pub(super) fn root(served: &Served) -> &str {
    match &served.path {
        Path::Built { root, .. } => root,
        Path::Broken { .. } => "nowhere",
    }
}

fn name(case: Case<'_>, served: &Served, leaf: &Certificate) -> Option<Finding> {
    served.name_mismatch.as_ref()?;
    // Where not even the path could be read, the name was not compared either.
    if let Path::Broken { obstacle: Obstacle::OldVersion | Obstacle::Unreadable, .. } = served.path
    {
        return None;
    }
    let host = &case.tls.endpoint.host;
    let more = leaf.names.len().saturating_sub(NAMES);
    let shown = leaf.names.iter().take(NAMES).cloned().collect::<Vec<_>>().join(", ");
    let names = match more {
        _ if shown.is_empty() => format!("no alternative names (subject {})", leaf.subject),
        0 => shown,
        _ => format!("{shown} and {more} more"),
    };
    let (code, message): (&'static Code, String) =
        if leaf.names.is_empty() && is_common_name(leaf, host) {
            let message =
                format!("{host} is the certificate's common name only, which no longer counts");
            (&codes::COMMON_NAME_ONLY, message)
        } else if let Some(wildcard) = shallow_wildcard(leaf, host) {
            let message = format!("{wildcard} covers one label, and {host} has more below it");
            (&codes::WILDCARD_DEPTH, message)
        } else {
            (&codes::NAME_MISMATCH, format!("the certificate is not for {host}"))
        };
    let finding = Finding::new(code, case.target, message);
    Some(finding.expected(host.clone()).actual(names))
}

/// Whether a name is the common name of the subject.
fn is_common_name(leaf: &Certificate, host: &str) -> bool {
    let mut parts = leaf.subject.split(',').filter_map(|part| part.trim().strip_prefix("CN="));
    parts.any(|name| name.eq_ignore_ascii_case(host))
}

/// The wildcard that would cover a name if an asterisk stood for more than one label (RFC 9525
/// §6.3).
fn shallow_wildcard<'a>(leaf: &'a Certificate, host: &str) -> Option<&'a str> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    let covers = |name: &&String| {
        let parent = name.strip_prefix('*').map(str::to_ascii_lowercase);
        parent.is_some_and(|parent| parent.starts_with('.') && host.ends_with(&parent))
    };
    leaf.names.iter().find(covers).map(String::as_str)
}

/// What keeps the chain from a trusted root.
fn broken(
    case: Case<'_>,
    served: &Served,
    leaf: &Certificate,
    weak: &[Finding],
) -> Option<Finding> {
    let (obstacle, reason) = match &served.path {
        Path::Built { .. } => return None,
        Path::Broken { obstacle, reason, .. } => (*obstacle, reason),
    };
    let last = served.on_path().last().map_or(leaf, |(_, last)| last);
    let fails = |finding: &Finding| finding.outcome == Outcome::Fail;
    let (code, message): (&'static Code, String) = match obstacle {
        Obstacle::UnknownIssuer if last.self_issued => {
            let own = if last == leaf { "is self-signed" } else { "ends at a root" };
            let message = format!("the chain {own} that is not trusted: {}", last.subject);
            (&codes::UNTRUSTED, message)
        }
        Obstacle::UnknownIssuer if last == leaf => {
            let issuer = &leaf.issuer;
            let message = format!("its issuer is neither sent nor a trusted root: {issuer}");
            (&codes::INCOMPLETE_CHAIN, message)
        }
        Obstacle::UnknownIssuer => {
            let message =
                format!("the chain ends at {}, whose issuer is not trusted", last.subject);
            (&codes::UNTRUSTED, message)
        }
        // Named by a finding of their own.
        Obstacle::SignatureAlgorithm if weak.iter().any(fails) => return None,
        Obstacle::Dates if is_dated(case, served) => return None,
        Obstacle::BadSignature => invalid("a signature is not its issuer's"),
        Obstacle::SignatureAlgorithm => invalid("a signature algorithm is not accepted"),
        Obstacle::Purpose => invalid("the certificate is not for servers"),
        Obstacle::AuthorityAsServer => {
            invalid("the server shows the certificate of an authority as its own")
        }
        Obstacle::ServerAsAuthority => {
            invalid("a certificate was issued by one that may not issue any")
        }
        Obstacle::Constraint => invalid("an authority of the path may not issue this certificate"),
        Obstacle::Dates => invalid("its certificates are never valid at the same time"),
        Obstacle::OldVersion => invalid("the certificate is of the old X.509 version 1"),
        Obstacle::Effort => invalid("it takes more work than clients spend on it"),
        Obstacle::Unreadable => invalid("a part of a certificate cannot be understood"),
    };
    let finding = Finding::new(code, case.target, message);
    let sent = count(served.chain.len(), "certificate");
    let actual = format!("{sent} sent, the last of the chain issued by {} ({reason})", last.issuer);
    Some(finding.expected(format!("a path to a root of {}", case.roots)).actual(actual))
}

fn invalid(what: &str) -> (&'static Code, String) {
    (&codes::INVALID_CHAIN, format!("no valid path: {what}"))
}

/// Whether a certificate on the path is outside its dates, which has a code of its own.
fn is_dated(case: Case<'_>, served: &Served) -> bool {
    let now = case.cx.now;
    served.on_path().any(|(_, found)| now < found.not_before || found.not_after < now)
}

/// A weak key or signature.
pub(in crate::probe) struct Weakness {
    /// Which of the two.
    pub(in crate::probe) part: Part,
    message: String,
    expected: &'static str,
    actual: String,
    outcome: Outcome,
}

/// A part of a certificate that can be weak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::probe) enum Part {
    /// Its key.
    Key,
    /// Its issuer's signature.
    Signature,
}

impl Weakness {
    /// The weakness as a finding with a kind's own code.
    pub(in crate::probe) fn into_finding(self, code: &'static Code, target: &str) -> Finding {
        Finding::new(code, target, self.message)
            .with_outcome(self.outcome)
            .expected(self.expected)
            .actual(self.actual)
    }
}

/// Weak keys and signatures. A root's own signature proves nothing and is not looked at.
pub(in crate::probe) fn weaknesses(found: &Certificate) -> Vec<Weakness> {
    let mut weaknesses = Vec::new();
    let subject = if found.subject.is_empty() { "(no subject)" } else { &found.subject };
    let key = |words: String, outcome: Outcome| Weakness {
        part: Part::Key,
        message: format!("{subject} has a weak key: {words}"),
        expected: "RSA with at least 2048 bits, or P-256, P-384 or P-521",
        actual: found.key.to_string(),
        outcome,
    };
    match &found.key {
        Key::Rsa(bits) if *bits < 2048 => {
            weaknesses.push(key(format!("RSA with {bits} bits"), Outcome::Fail));
        }
        // Baseline Requirements 6.1.5: a whole number of bytes.
        Key::Rsa(bits) if bits % 8 != 0 => {
            weaknesses.push(key(format!("RSA with {bits} bits"), Outcome::Warn));
        }
        Key::Rsa(_) | Key::Ed(_) => {}
        Key::Ec(curve) if matches!(curve.as_str(), "P-256" | "P-384" | "P-521") => {}
        Key::Ec(curve) => weaknesses.push(key(format!("the curve {curve}"), Outcome::Fail)),
        Key::Other(name) => weaknesses.push(key(format!("the algorithm {name}"), Outcome::Fail)),
    }
    let lower = found.signature.to_ascii_lowercase();
    let broken = ["md2", "md5", "sha1"].iter().any(|hash| lower.contains(hash));
    if broken && !found.self_issued {
        weaknesses.push(Weakness {
            part: Part::Signature,
            message: format!("{subject} is signed with {}", found.signature),
            expected: "SHA-256 or better",
            actual: found.signature.clone(),
            outcome: Outcome::Fail,
        });
    }
    weaknesses
}

/// Order of the certificates, and a root among them.
fn order(case: Case<'_>, served: &Served) -> Vec<Finding> {
    let mut findings = Vec::new();
    let places = served.path.certificates();
    if !places.is_sorted() {
        let places: Vec<String> = places.iter().map(|n| (n + 1).to_string()).collect();
        let message = "the certificates are not sent in the order of the path";
        let finding = Finding::new(&codes::WRONG_ORDER, case.target, message);
        findings.push(
            finding
                .expected("each followed by its issuer's")
                .actual(format!("the path runs through certificates {}", places.join(", "))),
        );
    }
    let root = served.chain.iter().skip(1).filter_map(Sent::certificate).find(|c| c.self_issued);
    if let (Some(root), Path::Built { .. }) = (root, &served.path) {
        let message = format!("the root {} is sent along", root.subject);
        findings.push(Finding::new(&codes::ROOT_INCLUDED, case.target, message));
    }
    findings
}
