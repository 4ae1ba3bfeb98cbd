//! Asking a resolver without recursion (RD=0): what it has in its cache, as far as it tells.

use std::time::Instant;

use super::observation::{Snooping, Warmth};
use crate::net::dns::{Answer, Ask, Checking, Client, Patience, Rcode, Recursion, fresh_name};

/// What asking without recursion showed of one resolver.
pub(super) struct Snooped {
    /// How it treats such questions.
    pub(super) regard: Snooping,
    /// Of every question in order whether its answer was in the cache; unknown where it did not say.
    pub(super) cached: Vec<Option<bool>>,
}

/// Asks all questions without recursion, and one for a name that no cache can have, which tells a
/// resolver that keeps to RD=0 from one that finds the answer all the same. After that one the others
/// are asked only if it shows its cache.
pub(super) async fn snoop(
    client: &mut Client,
    asks: &[Ask],
    patience: Patience,
    until: Instant,
) -> Option<Snooped> {
    let asks: Vec<Ask> = asks
        .iter()
        .map(|ask| Ask { recursion: Recursion::Off, checking: Checking::Default, ..ask.clone() })
        .collect();
    let control = Ask { name: fresh_name(&asks.first()?.name)?, ..asks.first()?.clone() };
    let control = client.ask_all(&[control], patience, until, Answer::read).await;
    let regard = regard(control.into_iter().next()?.ok().as_ref());
    let cached = match regard {
        Snooping::Shown => {
            let answers = client.ask_all(&asks, patience, until, Answer::read).await;
            answers.iter().map(|answer| answer.as_ref().ok().and_then(is_cached)).collect()
        }
        Snooping::Refused | Snooping::Ignored | Snooping::Silent => vec![None; asks.len()],
    };
    Some(Snooped { regard, cached })
}

/// How a resolver treats a question without recursion, by its answer for a name that is in no cache.
fn regard(control: Option<&Answer>) -> Snooping {
    let Some(answer) = control else { return Snooping::Silent };
    let found = answer.is_positive() || !answer.chain.is_empty() || answer.soa.is_some();
    match answer.rcode {
        // It asked somebody, or had it from a cache that answers for whole zones.
        Rcode::NXDOMAIN => Snooping::Ignored,
        _ if found => Snooping::Ignored,
        Rcode::NOERROR => Snooping::Shown,
        // SERVFAIL too: a resolver that looks further and fails is not told by it from one that
        // has nothing.
        _ => Snooping::Refused,
    }
}

/// Whether an answer without recursion came from the cache and stays there; a referral is what a
/// resolver says that has nothing (RFC 1034 §4.3.2), an error says nothing of the cache. BIND keeps
/// what has a TTL of 0 until the second is over: that is no warmth.
fn is_cached(answer: &Answer) -> Option<bool> {
    let stays = answer.keep().is_some_and(|seconds| seconds > 0);
    match answer.rcode {
        Rcode::NOERROR => Some(stays && (answer.is_positive() || answer.soa.is_some())),
        Rcode::NXDOMAIN => Some(stays),
        _ => None,
    }
}

/// Adds what was in the cache between the cold and the warm rounds to what the warm answers prove:
/// answers that proved nothing by their TTL came from there, or did not. Where more than one cache
/// answers, the one that was shown need not be the one that answered.
pub(super) fn weigh(warmth: &mut Warmth, cached: Option<bool>) {
    warmth.cached = cached;
    if warmth.caches > 1 {
        return;
    }
    match cached {
        Some(true) => warmth.hits += std::mem::take(&mut warmth.unproved),
        Some(false) => warmth.misses += std::mem::take(&mut warmth.unproved),
        None => {}
    }
}
