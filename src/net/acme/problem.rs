//! What an authority says when it refuses (RFC 7807, RFC 8555 §6.7).

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::text::{clip, one_line};
use crate::net::http::Answer;

/// What the types of ACME begin with.
const PREFIX: &str = "urn:ietf:params:acme:error:";

/// The most parts of a problem that are kept.
const PARTS: usize = 8;

/// A refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Problem {
    /// Its type without what all begin with, such as `rateLimited`; empty where none was named.
    pub kind: String,
    /// The HTTP status it came with, or stands for.
    pub status: u16,
    /// The authority's own words.
    pub detail: String,
    /// After how many seconds it may be tried again, where the authority says.
    pub retry_after: Option<u64>,
    /// What it is made of, where there is more than one cause (§6.7.1). At most 8.
    pub parts: Vec<Part>,
}

/// One cause among several.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Its type, such as `caa`.
    pub kind: String,
    /// The authority's own words.
    pub detail: String,
}

impl Problem {
    /// Reads a problem out of an order, an authorization or a challenge; of whatever is not one, no
    /// more than that something is wrong.
    pub(super) fn of(value: &Value) -> Self {
        let parts = value.get("subproblems").and_then(Value::as_array);
        Self {
            kind: kind(value),
            status: value
                .get("status")
                .and_then(Value::as_u64)
                .and_then(|status| u16::try_from(status).ok())
                .unwrap_or_default(),
            detail: detail(value),
            retry_after: None,
            parts: parts
                .into_iter()
                .flatten()
                .take(PARTS)
                .map(|part| Part { kind: kind(part), detail: detail(part) })
                .collect(),
        }
    }

    /// Reads the problem in an answer that is none of success; `None` where an authority would not
    /// answer so.
    pub(super) fn in_answer(answer: &Answer, now: Timestamp) -> Option<Self> {
        let said = serde_json::from_slice::<Value>(&answer.body).ok();
        let said = said.filter(|value| value.get("type").is_some_and(Value::is_string));
        let busy = answer.status == 429 || answer.status >= 500;
        let problem = match said {
            Some(value) => Self::of(&value),
            // Whoever stands before an authority turns clients away in its own words.
            None if busy => Self::of(&Value::Null),
            None => return None,
        };
        let retry_after = retry_after(answer, now);
        Some(Self { status: answer.status, retry_after, ..problem })
    }
}

fn kind(value: &Value) -> String {
    let text = value.get("type").and_then(Value::as_str).unwrap_or_default();
    clip(text.strip_prefix(PREFIX).unwrap_or(text), 80)
}

fn detail(value: &Value) -> String {
    one_line(value.get("detail").and_then(Value::as_str).unwrap_or_default())
}

/// The seconds of a `Retry-After` (RFC 9110 §10.2.3): a number, or an instant.
pub(super) fn retry_after(answer: &Answer, now: Timestamp) -> Option<u64> {
    let text = answer.header("retry-after")?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let at = DateTimeParser::new().parse_timestamp(text).ok()?;
    Some(u64::try_from(at.duration_since(now).as_secs()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::http::End;

    fn answer(status: u16, retry: Option<&str>, body: &str) -> Answer {
        let retry = retry.map(|value| ("retry-after".to_owned(), value.to_owned()));
        Answer {
            status,
            headers: retry.into_iter().collect(),
            first_byte_ms: 0.0,
            total_ms: 0.0,
            body: body.into(),
            end: End::Whole,
        }
    }

    #[test]
    fn problems_are_read_with_their_parts() {
        let now: Timestamp = "2026-11-20T12:00:00Z".parse().expect("an instant");
        let read = |answer: &Answer| Problem::in_answer(answer, now);
        let body = r#"{"type": "urn:ietf:params:acme:error:compound", "detail": "two\nthings",
            "status": 400, "subproblems": [{"type": "urn:ietf:params:acme:error:caa", "detail": "no"},
            {"type": 7}]}"#;
        let problem = read(&answer(403, Some("120"), body)).expect("a problem");
        assert_eq!((problem.kind.as_str(), problem.status), ("compound", 403));
        assert_eq!(problem.detail, "two\\nthings");
        assert_eq!((problem.parts.len(), problem.parts[0].kind.as_str()), (2, "caa"));
        assert_eq!(problem.retry_after, Some(120));
        let at = Some("Fri, 20 Nov 2026 12:01:30 GMT");
        let busy = read(&answer(503, at, "<html>busy</html>")).expect("busy");
        assert_eq!((busy.kind.as_str(), busy.retry_after), ("", Some(90)));
        for (status, body) in [(404, "<html>"), (400, "{}"), (403, "[]"), (302, "")] {
            assert_eq!(read(&answer(status, None, body)), None, "{status} {body}");
        }
    }
}
