//! Politeness: how fast and how many at once a server is asked.

use std::fmt;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::random::Random;
use super::server::Server;

/// How many questions a second one server is asked at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// As fast as it answers.
    Unlimited,
    /// So many a second.
    PerSecond(u32),
}

impl Serialize for Rate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unlimited => serializer.serialize_str("unlimited"),
            Self::PerSecond(n) => serializer.serialize_u32(*n),
        }
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Rate;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`unlimited` or a number of questions a second, from 1 to 1000000")
            }
            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<Rate, E> {
                u32::try_from(n)
                    .ok()
                    .filter(|n| (1..=1_000_000).contains(n))
                    .map(Rate::PerSecond)
                    .ok_or_else(|| E::invalid_value(serde::de::Unexpected::Unsigned(n), &self))
            }
            fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<Rate, E> {
                u64::try_from(n)
                    .map_err(|_| E::invalid_value(serde::de::Unexpected::Signed(n), &self))
                    .and_then(|n| self.visit_u64(n))
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Rate, E> {
                if text == "unlimited" {
                    Ok(Rate::Unlimited)
                } else {
                    Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
                }
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Rate {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Rate".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "description": "`unlimited`, or how many questions a second one server is asked at most.",
            "oneOf": [
                { "const": "unlimited" },
                { "type": "integer", "minimum": 1, "maximum": 1_000_000 }
            ]
        })
    }
}

/// How fast and how many at once one server is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many questions a second.
    pub rate: Rate,
    /// How many questions may be unanswered at once.
    pub in_flight: usize,
}

/// What a public server is asked unless the user says otherwise.
const POLITE: u32 = 10;

impl Pace {
    /// The pace for a server: as wished, else quick for one's own and slow for other people's.
    #[must_use]
    pub const fn for_server(server: &Server, wish: Option<Rate>) -> Self {
        let rate = match wish {
            Some(rate) => rate,
            None if server.is_private() => Rate::Unlimited,
            None => Rate::PerSecond(POLITE),
        };
        let in_flight = match rate {
            Rate::Unlimited => 100,
            // Two for the polite rate; where more was asked for, what that rate needs at an answer
            // time of 200 ms.
            Rate::PerSecond(n) => {
                let needed = n as usize / 5;
                if needed < 2 {
                    2
                } else if needed > 100 {
                    100
                } else {
                    needed
                }
            }
        };
        Self { rate, in_flight }
    }

    /// How long so many questions take at this pace, at least.
    #[must_use]
    pub fn duration(&self, questions: usize) -> Duration {
        match self.rate {
            Rate::Unlimited => Duration::ZERO,
            Rate::PerSecond(n) => Duration::from_secs_f64(
                f64::from(u32::try_from(questions).unwrap_or(u32::MAX)) / f64::from(n),
            ),
        }
    }
}

/// Spaces questions out: a token bucket of half a second's worth, with jitter.
#[derive(Debug)]
pub(super) struct Gate {
    /// The time one question costs; zero without a limit.
    cost: Duration,
    burst: Duration,
    /// When the next question may go, if earlier than now it has saved up.
    next: Option<Instant>,
}

impl Gate {
    pub(super) fn new(rate: Rate) -> Self {
        let cost = match rate {
            Rate::Unlimited => Duration::ZERO,
            Rate::PerSecond(n) => Duration::from_secs(1) / n.max(1),
        };
        Self { cost, burst: Duration::from_millis(500).max(cost), next: None }
    }

    /// Passes one question at `now`, or says when to come again.
    pub(super) fn pass(&mut self, now: Instant, random: &mut Random) -> Result<(), Instant> {
        if self.cost.is_zero() {
            return Ok(());
        }
        let floor = now.checked_sub(self.burst).unwrap_or(now);
        let next = self.next.map_or(floor, |next| next.max(floor));
        if next > now {
            return Err(next);
        }
        // From 1.0 to 1.25 of the cost: never faster than allowed, and not in step with others.
        let jitter = self.cost.mul_f64(f64::from(random.next_u16()) / 65_535.0 / 4.0);
        self.next = Some(next + self.cost + jitter);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;

    #[test]
    fn other_peoples_servers_are_asked_slowly_and_ones_own_fast() {
        let server = |text: &str| text.parse::<Server>().expect(text);
        for text in ["8.8.8.8", "tls://1.1.1.1", "2606:4700::1111"] {
            let pace = Pace::for_server(&server(text), None);
            assert_eq!(pace, Pace { rate: Rate::PerSecond(10), in_flight: 2 }, "{text}");
        }
        for text in ["127.0.0.1:5353", "10.0.0.1", "192.168.1.1", "::1", "fd00::53"] {
            let pace = Pace::for_server(&server(text), None);
            assert_eq!(pace, Pace { rate: Rate::Unlimited, in_flight: 100 }, "{text}");
        }
        let wished = Pace::for_server(&server("127.0.0.1"), Some(Rate::PerSecond(50)));
        assert_eq!(wished, Pace { rate: Rate::PerSecond(50), in_flight: 10 });
    }

    #[test]
    fn the_gate_lets_no_more_pass_than_the_rate() {
        let (mut gate, mut random) = (Gate::new(Rate::PerSecond(10)), Random::new());
        let begun = Clock.tick();
        let mut now = begun;
        let mut passed = 0;
        while now.duration_since(begun) < Duration::from_secs(10) {
            match gate.pass(now, &mut random) {
                Ok(()) => passed += 1,
                Err(opens) => now = opens,
            }
        }
        // Half a second's worth is saved up; the jitter only slows down.
        assert!((85..=106).contains(&passed), "{passed}");
        let mut open = Gate::new(Rate::Unlimited);
        assert!((0..10_000).all(|_| open.pass(begun, &mut random).is_ok()));
    }
}
