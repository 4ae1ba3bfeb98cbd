//! Who ended a silence before its time: written into its comment before it is ended, since
//! Alertmanager keeps no word of that itself.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::text::clip;

/// What the mark begins with; it is the last thing in a comment.
const OPENS: &str = " [ended ";
/// How much of a name or a reason is kept, in characters.
const KEPT: usize = 200;

/// Who ended a silence, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Ending {
    /// When.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub at: Timestamp,
    /// Who: the operator, and the machine or the run.
    pub by: String,
    /// Why, in their words.
    pub why: String,
}

impl Ending {
    /// The ending of a silence now, to the second.
    #[must_use]
    pub fn new(at: Timestamp, by: &str, why: &str) -> Self {
        let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
        // The colon parts the two when they are read back.
        Self { at, by: clip(by, KEPT).replace(": ", " "), why: clip(why, KEPT) }
    }

    /// Reads it from the end of a comment.
    #[must_use]
    pub fn read(comment: &str) -> Option<Self> {
        let (_, mark) = comment.rsplit_once(OPENS)?;
        let (at, rest) = mark.strip_suffix(']')?.split_once(" by ")?;
        let (by, why) = rest.split_once(": ")?;
        Some(Self { at: at.parse().ok()?, by: by.to_owned(), why: why.to_owned() })
    }

    /// A comment that tells of it, an older ending left out.
    #[must_use]
    pub fn noted_in(&self, comment: &str) -> String {
        let plain = match Self::read(comment) {
            Some(_) => comment.rsplit_once(OPENS).map_or(comment, |(plain, _)| plain),
            None => comment,
        };
        let Self { at, by, why } = self;
        format!("{plain}{OPENS}{at} by {by}: {why}]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ending_is_read_back_and_written_once() {
        let at: Timestamp = "2026-11-23T02:00:00.9Z".parse().expect("an instant");
        let first = Ending::new(at, "ops@build: 7", "sync was [fast]: all well");
        let comment = first.noted_in("gonogo:0 run:1 am: rollout [v2]");
        let text = "gonogo:0 run:1 am: rollout [v2] [ended 2026-11-23T02:00:00Z by ops@build 7: sync was \
                    [fast]: all well]";
        assert_eq!(comment, text);
        assert_eq!(Ending::read(&comment), Some(first));
        let second = Ending::new(at, "ann", "again");
        let again = second.noted_in(&comment);
        assert_eq!(
            again,
            "gonogo:0 run:1 am: rollout [v2] [ended 2026-11-23T02:00:00Z by ann: again]"
        );
        for other in [
            "",
            "rollout",
            " [ended ]",
            " [ended now by x: y]",
            " [ended 2026-11-23T02:00:00Z by x",
        ] {
            assert_eq!(Ending::read(other), None, "{other}");
        }
    }
}
