//! Whether another silence is wider: whether it silences all that ours would, so that ending ours
//! would end nothing.

use super::guard;
use crate::net::alertmanager::{Matcher, WireMatcher};

/// Whether all that these match is matched by theirs as well. What cannot be shown from the
/// matchers alone is not claimed.
pub(super) fn is_wider(theirs: &[WireMatcher], ours: &[Matcher]) -> bool {
    !theirs.is_empty()
        && theirs
            .iter()
            .all(|matcher| matcher.compile().is_ok_and(|theirs| is_implied(&theirs, ours)))
}

fn is_implied(theirs: &Matcher, ours: &[Matcher]) -> bool {
    if theirs.accepts("") && guard::accepts_anything(theirs) {
        return true;
    }
    ours.iter().filter(|matcher| matcher.name() == theirs.name()).any(|ours| {
        let names = guard::named(ours);
        ours == theirs || (!names.is_empty() && names.iter().all(|name| theirs.accepts(name)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wider_is_what_takes_in_all_of_ours() {
        let list = |texts: &[&str]| -> Vec<Matcher> {
            texts.iter().map(|text| text.parse().expect(text)).collect()
        };
        let ours = list(&["service=order", "alertname=~HighLatency|Timeout", "env!=dev"]);
        for (theirs, wider) in [
            (vec!["service=order"], true),
            (vec!["service=~order|match"], true),
            (vec!["service!=match"], true),
            (vec!["alertname=~.*"], true),
            (vec!["alertname=~High.*|Time.*"], true),
            (vec!["service=~.+", "env!=dev"], true),
            (vec!["any=~.*"], true),
            (vec!["service=match"], false),
            (vec!["alertname=HighLatency"], false),
            (vec!["service=order", "pod=x"], false),
            (vec!["env=prod"], false),
            (vec![], false),
        ] {
            let wire: Vec<WireMatcher> = list(&theirs).iter().map(WireMatcher::from).collect();
            assert_eq!(is_wider(&wire, &ours), wider, "{theirs:?}");
        }
    }
}
