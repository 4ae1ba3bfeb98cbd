//! The marker by which a silence of ours is known again: by a later run of the same check, by the
//! sweep, and by a person who reads the comment.

use std::collections::BTreeMap;

use crate::model::hash::sha256_hex;
use crate::model::id::CheckId;
use crate::net::alertmanager::{Matcher, Silence, WireMatcher};

/// What every comment of ours begins with. Not `ACK!`, which makes some dashboards extend a silence
/// for ever.
pub const PREFIX: &str = "gonogo:";
/// How many digits of the hash are kept.
const KEY_LEN: usize = 16;

/// The name that all silences of one check share, whatever run made them: a hash of the check's id
/// and its matchers. The window is not part of it, so that a launch that moves finds the silence
/// of its first plan.
#[must_use]
pub fn key(check: &CheckId, matchers: &[Matcher]) -> String {
    let mut matchers: Vec<String> = matchers.iter().map(ToString::to_string).collect();
    matchers.sort_unstable();
    matchers.dedup();
    let text = format!("{check}\n{}", matchers.join("\n"));
    let mut hash = sha256_hex(text.as_bytes());
    hash.truncate(KEY_LEN);
    hash
}

/// The comment of a silence: `gonogo:KEY run:RUN CHECK: COMMENT`.
#[must_use]
pub fn comment(key: &str, run: &str, check: &CheckId, comment: &str) -> String {
    format!("{PREFIX}{key} run:{run} {check}: {comment}")
}

/// The annotations that say the same as the marker in the comment, where Alertmanager keeps them: a
/// comment can be written anew by a person.
const ANNOTATIONS: (&str, &str) = ("gonogo_key", "gonogo_run");

/// The annotations of a silence.
#[must_use]
pub fn annotations(key: &str, run: &str) -> BTreeMap<String, String> {
    let (of_key, of_run) = ANNOTATIONS;
    [(of_key, key), (of_run, run)].map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// A comment of ours, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    /// See [`key`].
    pub key: String,
    /// The short form of the run that made it.
    pub run: String,
    /// The check's id and what was said.
    pub rest: String,
}

impl Marker {
    /// Reads the marker of a silence: from its annotations where it has them, else from its comment.
    #[must_use]
    pub fn of(silence: &Silence) -> Option<Self> {
        let noted = |name: &str| silence.annotations.as_ref()?.get(name).cloned();
        let read = Self::read(&silence.comment);
        match (noted(ANNOTATIONS.0), noted(ANNOTATIONS.1)) {
            (Some(key), Some(run)) => {
                let rest = read.map_or_else(|| silence.comment.clone(), |marker| marker.rest);
                Some(Self { key, run, rest })
            }
            (Some(_), None) | (None, _) => read,
        }
    }

    /// Reads a comment; `None` when it is not one of ours.
    #[must_use]
    pub fn read(comment: &str) -> Option<Self> {
        let (key, rest) = comment.strip_prefix(PREFIX)?.split_once(" run:")?;
        let (run, rest) = rest.split_once(' ')?;
        let hex =
            |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_hexdigit());
        if !hex(key, KEY_LEN) || !hex(run, 12) {
            return None;
        }
        Some(Self { key: key.to_owned(), run: run.to_owned(), rest: rest.to_owned() })
    }
}

/// Whether two lists of matchers are the same in any order.
#[must_use]
pub fn same_matchers(ours: &[Matcher], theirs: &[WireMatcher]) -> bool {
    // Without a copy: it is asked of every silence of a long history.
    let is = |ours: &Matcher, theirs: &WireMatcher| {
        let op = ours.op();
        (ours.name(), ours.value()) == (theirs.name.as_str(), theirs.value.as_str())
            && (op.is_regex(), op.is_positive()) == (theirs.is_regex, theirs.is_equal)
    };
    ours.iter().all(|one| theirs.iter().any(|other| is(one, other)))
        && theirs.iter().all(|other| ours.iter().any(|one| is(one, other)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_matchers_are_the_same_in_any_order_and_number() {
        let list = |texts: &[&str]| -> Vec<Matcher> {
            texts.iter().map(|text| text.parse().expect(text)).collect()
        };
        for (ours, theirs, same) in [
            (vec!["a=b", "c=~d"], vec!["c=~d", "a=b", "a=b"], true),
            (vec!["a=b"], vec!["a=b", "c=d"], false),
            (vec!["a=b", "c=d"], vec!["a=b"], false),
            (vec!["a=b"], vec!["a=~b"], false),
            (vec!["a=b"], vec!["a!=b"], false),
            (vec!["a=b"], vec![], false),
        ] {
            let wire: Vec<WireMatcher> = list(&theirs).iter().map(WireMatcher::from).collect();
            assert_eq!(same_matchers(&list(&ours), &wire), same, "{ours:?} {theirs:?}");
        }
    }

    #[test]
    fn a_marker_is_read_back_and_does_not_depend_on_order_or_run() {
        let id = CheckId::new("am.silence[cn east]").expect("an id");
        let matchers = |texts: [&str; 2]| texts.map(|t| t.parse::<Matcher>().expect(t));
        let one = key(&id, &matchers(["a=b", "c=~d"]));
        assert_eq!(one, key(&id, &matchers(["c=~\"d\"", "a=\"b\""])));
        assert_ne!(one, key(&id, &matchers(["c=d", "a=b"])));
        assert_ne!(one, key(&CheckId::new("x").expect("an id"), &matchers(["a=b", "c=~d"])));
        let text = comment(&one, "0123456789ab", &id, "why: so");
        let marker = Marker::read(&text).expect(&text);
        assert_eq!((marker.key, marker.run.as_str()), (one, "0123456789ab"));
        assert_eq!(marker.rest, "am.silence[cn east]: why: so");
        for foreign in ["", "rollout", "gonogo:", "gonogo:x run:y z", "ACK! gonogo:0 run:1 2"] {
            assert_eq!(Marker::read(foreign), None, "{foreign}");
        }
    }
}
