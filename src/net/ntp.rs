//! Asking a time server what time it is (NTP version 4, RFC 5905), without an opinion on the answer.
//!
//! Only the header of 48 bytes is sent and read. What is sent tells nothing about this machine: all
//! fields are zero but a random transmit timestamp, which the answer must repeat. An answer that does
//! not is somebody else's and is not looked at.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::net::UdpSocket;

use crate::clock::{Clock, round_millis};
use crate::model::fault::Fault;
use crate::net::tcp::Refusal;

/// The length of a header, in bytes.
const HEADER: usize = 48;
/// Seconds from the era's start in 1900 to 1970 (RFC 5905 §A.4).
const TO_1970: i128 = 2_208_988_800;
/// Nanoseconds of one era, 2^32 seconds: the timestamp's seconds start anew in 2036.
const ERA: i128 = (1 << 32) * SECOND;
const SECOND: i128 = 1_000_000_000;

/// What a server answered to one question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// A time.
    Time(Sample),
    /// It does not know the time itself: leap indicator 3, or a stratum of 0 or 16.
    Unsynchronised,
    /// It will not say: a kiss-o'-death with this code, such as `RATE` (RFC 5905 §7.4).
    Kiss(String),
    /// Nothing listens on the port.
    Refused(Refusal),
}

/// One comparison of two clocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Sample {
    /// How far this machine's clock is behind the server's, in milliseconds; negative when it is
    /// ahead. RFC 5905 §8.
    pub offset_ms: f64,
    /// The way there and back, without the server's own part, in milliseconds.
    pub delay_ms: f64,
    /// How far the server's clock may be from its own source's, in milliseconds: half its root delay
    /// and its root dispersion.
    pub root_distance_ms: f64,
    /// How many servers away from a reference clock it is, from 1 to 15.
    pub stratum: u8,
}

impl Sample {
    /// How far the offset may be from the truth, in milliseconds: the way there may have taken all
    /// of the delay or none of it, and the server has doubts of its own.
    #[must_use]
    pub fn uncertainty_ms(&self) -> f64 {
        round_millis(self.delay_ms / 2.0 + self.root_distance_ms)
    }
}

/// Asks one server once.
///
/// # Errors
/// A [`Fault`] when no answer to this question came within `limit`, or this machine cannot send.
pub async fn ask(server: SocketAddr, limit: Duration) -> Result<Answer, Fault> {
    let what = format!("asking {server} the time");
    let failed = |error: &std::io::Error| Fault::from_io(what.clone(), error);
    let any: SocketAddr = if server.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).await.map_err(|error| failed(&error))?;
    // Connected: the kernel drops what comes from elsewhere, and says when nothing listens there.
    socket.connect(server).await.map_err(|error| failed(&error))?;
    let nonce = nonce(&what)?;
    let mut question = [0_u8; HEADER];
    question[0] = (4 << 3) | 3; // version 4, client
    question[40..].copy_from_slice(&nonce);
    let begun = Clock.tick();
    let sent = Clock.exact();
    let exchange = async {
        socket.send(&question).await?;
        let mut bytes = [0_u8; 512];
        loop {
            let length = socket.recv(&mut bytes).await?;
            if let Some(header) = header(&bytes[..length], nonce) {
                return Ok(header);
            }
        }
    };
    let header = match tokio::time::timeout(limit, exchange).await {
        Err(_) => return Err(Fault::Timeout { what, after: limit.into() }),
        Ok(Err(error)) => match Refusal::of(&error) {
            Some(refusal) => return Ok(Answer::Refused(refusal)),
            None => return Err(failed(&error)),
        },
        Ok(Ok(header)) => header,
    };
    // The clock may be set while the answer is on its way; how long it took comes from the other one.
    Ok(header.answer(sent.as_nanosecond(), nanos(begun.elapsed())))
}

fn nonce(what: &str) -> Result<[u8; 8], Fault> {
    let mut nonce = [0_u8; 8];
    aws_lc_rs::rand::fill(&mut nonce).map_err(|_| Fault::Local {
        what: what.to_owned(),
        reason: "this machine has no random numbers".to_owned(),
    })?;
    Ok(nonce)
}

/// What matters of a server's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Header {
    leap: u8,
    stratum: u8,
    reference: [u8; 4],
    root_delay: u32,
    root_dispersion: u32,
    received: u64,
    sent: u64,
}

/// Reads a header that answers the question with this nonce.
fn header(bytes: &[u8], nonce: [u8; 8]) -> Option<Header> {
    let header = bytes.first_chunk::<HEADER>()?;
    let (version, mode) = ((header[0] >> 3) & 7, header[0] & 7);
    let ours = header[24..32] == nonce;
    // A server answers in the version it was asked in, or in an older one (RFC 5905 §7.3).
    if mode != 4 || !(1..=4).contains(&version) || !ours {
        return None;
    }
    let short = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let long = |at: usize| (u64::from(short(at)) << 32) | u64::from(short(at + 4));
    Some(Header {
        leap: header[0] >> 6,
        stratum: header[1],
        reference: [header[12], header[13], header[14], header[15]],
        root_delay: short(4),
        root_dispersion: short(8),
        received: long(32),
        sent: long(40),
    })
}

impl Header {
    /// What it says, to a question sent at `sent` (nanoseconds since 1970) and answered `took`
    /// nanoseconds later.
    fn answer(&self, sent: i128, took: i128) -> Answer {
        // RFC 5905 §7.4: a kiss has stratum 0 and its code where a reference would stand.
        if self.stratum == 0 && self.reference.iter().all(u8::is_ascii_uppercase) {
            return Answer::Kiss(self.reference.iter().map(|byte| char::from(*byte)).collect());
        }
        if self.leap == 3 || !(1..=15).contains(&self.stratum) || self.sent == 0 {
            return Answer::Unsynchronised;
        }
        let (there, back) = (instant(self.received, sent), instant(self.sent, sent));
        let offset = i128::midpoint(there - sent, back - (sent + took));
        let delay = (took - (back - there)).max(0);
        Answer::Time(Sample {
            offset_ms: millis(offset),
            delay_ms: millis(delay),
            root_distance_ms: round_millis(
                short_ms(self.root_delay) / 2.0 + short_ms(self.root_dispersion),
            ),
            stratum: self.stratum,
        })
    }
}

/// Nanoseconds since 1970 of a timestamp, in the era that brings it nearest to `near`.
fn instant(timestamp: u64, near: i128) -> i128 {
    let seconds = i128::from(timestamp >> 32) - TO_1970;
    let fraction = (i128::from(timestamp & 0xffff_ffff) * SECOND) >> 32;
    let first = seconds * SECOND + fraction;
    let eras = (near - first + ERA / 2).div_euclid(ERA);
    first + eras * ERA
}

/// Milliseconds of a number in 65 536ths of a second.
fn short_ms(short: u32) -> f64 {
    f64::from(short) / 65_536.0 * 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds with three decimals are kept")]
fn millis(nanos: i128) -> f64 {
    round_millis(nanos as f64 / 1e6)
}

fn nanos(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}

/// An instant as a timestamp of the protocol; for servers of tests.
#[must_use]
pub fn timestamp(at: Timestamp) -> [u8; 8] {
    let since_1900 = at.as_nanosecond() + TO_1970 * SECOND;
    let seconds = since_1900.div_euclid(SECOND) & 0xffff_ffff;
    let fraction = (since_1900.rem_euclid(SECOND) << 32) / SECOND;
    let word = |number: i128| u32::try_from(number).unwrap_or_default().to_be_bytes();
    let mut bytes = [0_u8; 8];
    bytes[..4].copy_from_slice(&word(seconds));
    bytes[4..].copy_from_slice(&word(fraction));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an instant")
    }

    fn long(at: Timestamp) -> u64 {
        u64::from_be_bytes(timestamp(at))
    }

    fn header_at(received: &str, sent: &str) -> Header {
        Header {
            leap: 0,
            stratum: 2,
            reference: [127, 0, 0, 1],
            root_delay: 65_536 / 100,
            root_dispersion: 65_536 / 50,
            received: long(at(received)),
            sent: long(at(sent)),
        }
    }

    #[test]
    fn offset_and_delay_are_those_of_the_rfc() {
        // Sent at 0, received at 0.5 + 0.010, answered 0.001 later, back 0.010 later: half a second
        // behind, 20 ms on the way.
        let sent = at("2026-11-20T10:00:00Z").as_nanosecond();
        let header = header_at("2026-11-20T10:00:00.510Z", "2026-11-20T10:00:00.511Z");
        let Answer::Time(sample) = header.answer(sent, 21_000_000) else { panic!("a time") };
        assert!((sample.offset_ms - 500.0).abs() < 0.01, "{sample:?}");
        assert!((sample.delay_ms - 20.0).abs() < 0.01, "{sample:?}");
        assert!((sample.root_distance_ms - 25.0).abs() < 0.1, "{sample:?}");
        assert!((sample.uncertainty_ms() - 35.0).abs() < 0.1, "{sample:?}");
    }

    #[test]
    fn the_seconds_start_anew_in_2036_and_the_offset_does_not() {
        for (ours, theirs) in [
            ("2036-02-07T06:28:15.9Z", "2036-02-07T06:28:16.4Z"),
            ("2036-02-07T06:28:16.4Z", "2036-02-07T06:28:16.9Z"),
            ("2040-01-01T00:00:00Z", "2040-01-01T00:00:00.5Z"),
        ] {
            let sent = at(ours).as_nanosecond();
            let Answer::Time(sample) = header_at(theirs, theirs).answer(sent, 0) else {
                panic!("a time")
            };
            assert!((sample.offset_ms - 500.0).abs() < 0.01, "{ours} {theirs} {sample:?}");
        }
    }

    #[test]
    fn only_an_answer_to_the_question_is_read() {
        let nonce = [7_u8; 8];
        let mut bytes = [0_u8; HEADER];
        bytes[0] = (4 << 3) | 4;
        bytes[24..32].copy_from_slice(&nonce);
        assert!(header(&bytes, nonce).is_some());
        assert!(header(&bytes, [8; 8]).is_none(), "another question's");
        assert!(header(&bytes[..47], nonce).is_none(), "cut");
        bytes[0] = (4 << 3) | 3;
        assert!(header(&bytes, nonce).is_none(), "a question");
    }

    #[test]
    fn a_kiss_and_a_lost_server_are_no_time() {
        let good = header_at("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z");
        let kiss = Header { stratum: 0, reference: *b"RATE", ..good };
        assert_eq!(kiss.answer(0, 0), Answer::Kiss("RATE".to_owned()));
        for lost in [
            Header { leap: 3, ..good },
            Header { stratum: 0, ..good },
            Header { stratum: 16, ..good },
            Header { sent: 0, ..good },
        ] {
            assert_eq!(lost.answer(0, 0), Answer::Unsynchronised);
        }
    }
}
