//! Distributions of times.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A distribution of times, in milliseconds, by nearest rank.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Latency {
    /// How many were measured.
    pub n: usize,
    /// Half were at most this, in milliseconds.
    #[schemars(extend("x-unit" = "ms"))]
    pub p50: f64,
    /// 95 in a hundred were at most this, in milliseconds.
    #[schemars(extend("x-unit" = "ms"))]
    pub p95: f64,
    /// 99 in a hundred were at most this, in milliseconds; absent below a hundred measurements,
    /// where it would only be the slowest one.
    #[schemars(extend("x-unit" = "ms"))]
    pub p99: Option<f64>,
    /// The slowest, in milliseconds.
    #[schemars(extend("x-unit" = "ms"))]
    pub max: f64,
}

impl Latency {
    /// The distribution of some times in milliseconds; `None` of none. NaN is left out.
    #[must_use]
    pub fn of(mut millis: Vec<f64>) -> Option<Self> {
        millis.retain(|ms| !ms.is_nan());
        millis.sort_by(f64::total_cmp);
        let n = millis.len();
        let rank = |percent: usize| {
            let rank = (n * percent).div_ceil(100).max(1);
            millis.get(rank - 1).copied()
        };
        Some(Self {
            n,
            p50: rank(50)?,
            p95: rank(95)?,
            p99: if n >= 100 { rank(99) } else { None },
            max: *millis.last()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_rank() {
        assert_eq!(Latency::of(Vec::new()), None);
        let one = Latency::of(vec![7.0]).expect("one");
        assert_eq!((one.p50, one.p95, one.p99, one.max), (7.0, 7.0, None, 7.0));
        let all = Latency::of((1..=100).rev().map(f64::from).collect()).expect("many");
        assert_eq!(
            (all.n, all.p50, all.p95, all.p99, all.max),
            (100, 50.0, 95.0, Some(99.0), 100.0)
        );
    }
}
