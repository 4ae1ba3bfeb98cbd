//! Judging: each address on its own; and the same look with `curl`.

use std::time::Duration;

use super::observe::MAX_REDIRECTS;
use super::{At, Body, Ending, Found, Http, Method, Seen, Visit, codes};
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::text::{one_line, quote};
use crate::model::time::humane;
use crate::net::http::Denial;

pub(super) fn judge(probe: &Http, seen: &Seen) -> Vec<Finding> {
    match &seen.found {
        Found::None(words) => vec![
            Finding::new(
                &codes::NO_ADDRESS,
                probe.url.host(),
                format!("{} has no address: {}", probe.url.host(), one_line(words)),
            )
            .expected("an A or AAAA record")
            .actual(one_line(words)),
        ],
        Found::Addresses(all) => all
            .iter()
            .flat_map(|at| {
                let target = at.address.to_string();
                match &at.sight {
                    Sight::Seen(visit) => {
                        let mut findings = visited(probe, &target, visit);
                        findings.extend(unread(probe, &target, at));
                        findings
                    }
                    Sight::Fault(fault) => vec![Finding::fault(target, fault)],
                }
            })
            .collect(),
    }
}

/// What was seen at one address: everything that is wrong, or one finding that all is right.
fn visited(probe: &Http, target: &str, visit: &Visit) -> Vec<Finding> {
    let (status, headers, body, total_ms) = match &visit.ending {
        Ending::Answered { status, headers, body, total_ms, .. } => {
            (*status, headers, body, *total_ms)
        }
        Ending::Denied { denial } => return vec![denied(target, denial)],
        Ending::Loop => return vec![looped(target, visit)],
        Ending::Nowhere { host, words } => return vec![nowhere(target, host, words)],
    };
    if status == THROTTLED && !probe.status.contains(status) {
        return vec![throttled(probe, target, headers)];
    }
    let mut found = Vec::new();
    if !probe.status.contains(status) {
        let mut actual = format!("{status}: {}", body.excerpt);
        if let Some((_, to)) = headers.iter().find(|(name, _)| name == "location") {
            actual = format!("{status} to {}", one_line(to));
        }
        let message = format!("answered {status}, not {}", probe.status);
        let finding = Finding::new(&codes::STATUS, target, message);
        found.push(finding.expected(probe.status.to_string()).actual(actual));
    }
    found.extend(judge_headers(probe, target, headers));
    found.extend(judge_body(probe, target, body));
    found.extend(judge_latency(probe, target, total_ms));
    if found.is_empty() {
        let message = format!("answered {status} in {}", millis(total_ms));
        found.push(Finding::new(&codes::OK, target, message).actual(body.excerpt.clone()));
    }
    found
}

/// The numbers that one of the samples did not have. Where the last was not answered that has been
/// told.
fn unread(probe: &Http, target: &str, at: &At) -> Option<Finding> {
    at.sight.seen()?.status()?;
    let missing = probe.numbers.iter().filter(|(name, _)| !at.readings.contains_key(*name));
    let missing: Vec<&str> = missing.map(|(_, pointer)| pointer.as_str()).collect();
    (!missing.is_empty()).then(|| {
        let missing = one_line(&missing.join(", "));
        let message = if probe.again.is_some() {
            format!("one of the two samples has no number at {missing}")
        } else {
            format!("the body has no number at {missing}")
        };
        Finding::new(&codes::NO_NUMBER, target, message).expected("JSON with a number there")
    })
}

/// RFC 6585 §4.
const THROTTLED: u16 = 429;

fn throttled(probe: &Http, target: &str, headers: &[(String, String)]) -> Finding {
    let after = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    let after = after.map(|(_, after)| format!(", retry after {}", one_line(after)));
    let message = "asked too often: the server answered 429 instead of its answer";
    Finding::new(&codes::THROTTLED, target, message)
        .expected(probe.status.to_string())
        .actual(format!("429{}", after.unwrap_or_default()))
}

fn denied(target: &str, denial: &Denial) -> Finding {
    let code = match denial {
        Denial::Refused(_) => &codes::REFUSED,
        Denial::Closed => &codes::CLOSED,
        Denial::Tls(_) => &codes::TLS,
    };
    Finding::new(code, target, denial.to_string()).expected("an HTTP answer")
}

fn nowhere(target: &str, host: &str, words: &str) -> Finding {
    let (host, words) = (one_line(host), one_line(words));
    let message = format!("redirected to {host}, which has no address: {words}");
    Finding::new(&codes::NO_ADDRESS, target, message).expected("an A or AAAA record").actual(words)
}

fn looped(target: &str, visit: &Visit) -> Finding {
    let road: Vec<&str> = visit.redirects.iter().map(|hop| hop.to.as_str()).collect();
    let message = if visit.redirects.len() > MAX_REDIRECTS {
        format!("redirected more than {MAX_REDIRECTS} times")
    } else {
        "the redirects lead in a circle".to_owned()
    };
    Finding::new(&codes::REDIRECT_LOOP, target, message)
        .expected("an answer that is no redirect")
        .actual(one_line(&road.join(" to ")))
}

fn judge_headers(probe: &Http, target: &str, headers: &[(String, String)]) -> Vec<Finding> {
    let wrong = probe.headers.iter().filter_map(|(name, pattern)| {
        let values: Vec<&str> = headers
            .iter()
            .filter(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        if values.iter().any(|value| pattern.is_match(value)) {
            return None;
        }
        let seen = if values.is_empty() { "no such header".to_owned() } else { values.join(", ") };
        let message = if values.is_empty() {
            format!("the header {name} is missing")
        } else {
            format!("the header {name} is {}", one_line(&seen))
        };
        let finding = Finding::new(&codes::HEADER, target, message);
        Some(finding.expected(format!("{name}: /{}/", pattern.as_str())).actual(one_line(&seen)))
    });
    wrong.collect()
}

fn judge_body(probe: &Http, target: &str, body: &Body) -> Vec<Finding> {
    let mut found = Vec::new();
    match &body.broken {
        None => {}
        Some(Sight::Seen(denial)) => {
            let message = format!("broke off after {} bytes of the body: {denial}", body.bytes);
            found.push(Finding::new(&codes::CLOSED, target, message).expected("a whole answer"));
        }
        Some(Sight::Fault(fault)) => found.push(Finding::fault(target, fault)),
    }
    let (Some(pattern), Some(false)) = (&probe.body, body.matches) else { return found };
    let expected = format!("/{}/", pattern.as_str());
    let finding = if let Some(encoding) = &body.encoding {
        let message = format!("the body came encoded as {encoding} and was not searched");
        Finding::new(&codes::BODY_ENCODED, target, message)
    } else if body.cut {
        let message =
            format!("the first {} bytes of the body do not match; it has more", body.bytes);
        Finding::new(&codes::BODY_TOO_LARGE, target, message)
    } else if body.broken.is_none() {
        Finding::new(&codes::BODY, target, "the body does not match")
    } else {
        return found;
    };
    found.push(finding.expected(expected).actual(body.excerpt.clone()));
    found
}

fn judge_latency(probe: &Http, target: &str, total_ms: f64) -> Option<Finding> {
    let limit = probe.max_latency?;
    let limit_ms = limit.get().as_secs_f64() * 1000.0;
    // NaN is not fast.
    if total_ms <= limit_ms {
        return None;
    }
    let message = format!("took {}, longer than {limit}", millis(total_ms));
    let finding = Finding::new(&codes::SLOW, target, message);
    Some(finding.expected(format!("at most {limit}")).actual(millis(total_ms)))
}

pub(super) fn millis(millis: f64) -> String {
    humane(Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default())
}

/// The same look with `curl`, once for each address.
pub(super) fn reproduce(probe: &Http, seen: Option<&Seen>) -> Vec<String> {
    // The probe uses no proxy, whatever the environment says.
    let mut words = ["curl", "-sS", "--noproxy", "'*'"].map(str::to_owned).to_vec();
    words.extend(match probe.method {
        Method::Get => vec!["-i".to_owned()],
        Method::Head => vec!["-I".to_owned()],
        Method::Options | Method::Post => {
            vec!["-i".to_owned(), "-X".to_owned(), probe.method.as_str().to_owned()]
        }
    });
    if probe.follow {
        words.extend(["-L".to_owned(), "--max-redirs".to_owned(), MAX_REDIRECTS.to_string()]);
    }
    if let Some(ca) = &probe.ca {
        words.extend(["--cacert".to_owned(), quote(&ca.display().to_string())]);
    }
    let line = words.join(" ");
    let url = quote(probe.url.url().as_str());
    let addresses: Vec<_> = match seen.map(|seen| &seen.found) {
        Some(Found::Addresses(all)) => all.iter().map(|at| at.address.ip()).collect(),
        Some(Found::None(_)) | None => probe.addresses.clone(),
    };
    if addresses.is_empty() || probe.url.ip().is_some() {
        return vec![format!("{line} {url}")];
    }
    let host = format!("{}:{}", probe.url.host(), probe.url.port());
    addresses
        .iter()
        .map(|ip| {
            let ip = if ip.is_ipv6() { format!("[{ip}]") } else { ip.to_string() };
            format!("{line} --resolve {} {url}", quote(&format!("{host}:{ip}")))
        })
        .collect()
}
