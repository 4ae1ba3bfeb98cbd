//! What time other machines have, to know how far this one's clock is to be believed.
//!
//! HTTP answers say when they were made (RFC 9110 §6.6.1), to the second. That is not signed, so one
//! of them proves little; several that agree tell whose clock is wrong.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::clock::Clock;
use crate::net::http::USER_AGENT;

/// The most of an answer that is read for its head.
const HEAD: usize = 16 << 10;

/// By how many seconds the clock of whoever wrote these headers is ahead of `now`; negative when it
/// is behind. A cache hands out old dates and says how old they are (RFC 9111 §5.1).
#[must_use]
pub fn ahead(date: &str, age: Option<&str>, now: Timestamp) -> Option<i64> {
    let made = DateTimeParser::new().parse_timestamp(date.trim()).ok()?;
    let age = age.map_or(Some(0), |age| age.trim().parse::<i64>().ok())?;
    made.as_second().checked_add(age)?.checked_sub(now.as_second())
}

/// Asks a web server over an open connection for nothing at all (`OPTIONS *`, RFC 9110 §9.3.7), and
/// compares the date of its answer, whatever that is, with this machine's clock. `None` when there
/// is no date to be had within `limit`: that is no fault of anybody.
pub async fn ask<S>(stream: &mut S, host: &str, limit: Duration) -> Option<i64>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let head = tokio::time::timeout(limit, exchange(stream, host)).await.ok()??;
    let header = |wanted: &str| {
        head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    ahead(header("date")?, header("age"), Clock.now())
}

async fn exchange<S>(stream: &mut S, host: &str) -> Option<String>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = format!(
        "OPTIONS * HTTP/1.1\r\nHost: {host}\r\nUser-Agent: {USER_AGENT}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.ok()?;
    stream.flush().await.ok()?;
    let mut answer = Vec::new();
    let mut piece = [0; 2048];
    loop {
        let read = stream.read(&mut piece).await.ok()?;
        answer.extend_from_slice(&piece[..read]);
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(end) = end {
            answer.truncate(end);
            return answer.starts_with(b"HTTP/").then(|| String::from_utf8_lossy(&answer).into());
        }
        if read == 0 || answer.len() > HEAD {
            return None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_compared_to_the_second() {
        let now: Timestamp = "2026-11-20T12:00:00.9Z".parse().expect("an instant");
        for (date, age, expected) in [
            ("Fri, 20 Nov 2026 12:00:00 GMT", None, Some(0)),
            ("Fri, 20 Nov 2026 12:01:00 GMT", None, Some(60)),
            ("Fri, 20 Nov 2026 11:00:00 GMT", None, Some(-3600)),
            ("Fri, 20 Nov 2026 11:00:00 GMT", Some("3600"), Some(0)),
            ("Fri, 20 Nov 2026 11:00:00 GMT", Some("old"), None),
            ("Fri, 20 Nov 2026 11:00:00 GMT", Some("9223372036854775807"), None),
            ("yesterday", None, None),
            ("", None, None),
        ] {
            assert_eq!(ahead(date, age, now), expected, "{date} {age:?}");
        }
    }
}
