//! What an Alertmanager has told its receivers, by its own metrics, and alerts given to it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::matcher::Labels;

/// An alert to be given to an Alertmanager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewAlert {
    /// What tells it from others.
    pub labels: Labels,
    /// What is said beside it.
    pub annotations: BTreeMap<String, String>,
    /// When it began.
    pub starts_at: Timestamp,
    /// When it ends, unless it is given again with a later end.
    pub ends_at: Timestamp,
}

/// How often an integration was used since the Alertmanager started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Tries whose end is known.
    pub tried: u64,
    /// Those of them that were refused, or came to no end.
    pub refused: u64,
    /// Notifications that were given up after all their tries.
    pub given_up: u64,
}

impl Tally {
    /// Tries that the other side took.
    #[must_use]
    pub const fn taken(self) -> u64 {
        self.tried.saturating_sub(self.refused)
    }

    /// What has been added since an earlier look.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            tried: self.tried.saturating_sub(before.tried),
            refused: self.refused.saturating_sub(before.refused),
            given_up: self.given_up.saturating_sub(before.given_up),
        }
    }

    /// Both together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self {
            tried: self.tried.saturating_add(other.tried),
            refused: self.refused.saturating_add(other.refused),
            given_up: self.given_up.saturating_add(other.given_up),
        }
    }
}

/// Reads the tallies out of the metrics in Prometheus' text format, by integration; `None` when they
/// are not among them.
pub(super) fn read(metrics: &str) -> Option<BTreeMap<String, Tally>> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    for line in metrics.lines() {
        let Some(rest) = line.strip_prefix("alertmanager_notification") else { continue };
        let Some((name, rest)) = rest.split_once('{') else { continue };
        let Some((labels, value)) = rest.rsplit_once('}') else { continue };
        let Some(integration) = integration(labels) else { continue };
        let Some(value) = whole(value) else { continue };
        let tally = tallies.entry(integration.to_owned()).or_default();
        // Newer versions count by reason or by receiver as well: the sum is what counts.
        match name {
            "_requests_total" => tally.tried = tally.tried.saturating_add(value),
            "_requests_failed_total" => tally.refused = tally.refused.saturating_add(value),
            "s_failed_total" => tally.given_up = tally.given_up.saturating_add(value),
            _ => {}
        }
    }
    (!tallies.is_empty()).then_some(tallies)
}

/// The value of the label `integration`, whose values are plain words.
fn integration(labels: &str) -> Option<&str> {
    labels.split(',').find_map(|label| label.strip_prefix("integration=\"")?.strip_suffix('"'))
}

/// A counter's value, which is written as a decimal number and may be followed by a time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is checked to be a count"
)]
fn whole(value: &str) -> Option<u64> {
    let number: f64 = value.split_whitespace().next()?.parse().ok()?;
    (0.0..9e15).contains(&number).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_are_read_from_old_and_new_metrics() {
        let old = "# HELP x\nalertmanager_notifications_total{integration=\"webhook\"} 3\n\
                   alertmanager_notification_requests_total{integration=\"webhook\"} 5\n\
                   alertmanager_notification_requests_failed_total{integration=\"webhook\"} 2\n\
                   alertmanager_notifications_failed_total{integration=\"webhook\"} 0\n";
        let tally = read(old).expect("tallies")["webhook"];
        assert_eq!((tally.tried, tally.refused, tally.given_up, tally.taken()), (5, 2, 0, 3));
        let new = "alertmanager_notifications_failed_total{integration=\"slack\",reason=\"other\"} 1e+00\n\
                   alertmanager_notifications_failed_total{integration=\"slack\",reason=\"clientError\"} 2 17\n\
                   alertmanager_notification_requests_total{integration=\"slack\",receiver_name=\"a\"} NaN\n";
        assert_eq!(read(new).expect("tallies")["slack"].given_up, 3);
        for none in ["", "<html>", "alertmanager_notification", "up 1\n"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
