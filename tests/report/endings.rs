//! Records of runs that are not whole.

use gonogo::model::outcome::{Decision, Outcome, Severity};
use gonogo::model::record::RunRecord;

use crate::sample;

/// Shards merged without one of them, whose check is only advice.
pub(crate) fn shard_missing() -> RunRecord {
    let mut other = sample::troubled(
        "tcp.match",
        "tcp",
        Outcome::Unknown,
        "gonogo.shard-missing",
        "tcp.match",
        "left to another shard, whose record is missing",
    );
    other.severity = Severity::Advisory;
    let checks = vec![sample::check("tcp.login", "tcp", "2 of 2 addresses answer"), other];
    let mut record = sample::record(vec![("Reachability", checks)], Decision::Hold, &[]);
    record.header.missing = vec!["2/2".to_owned()];
    record
}

/// A list of nothing.
pub(crate) fn empty() -> RunRecord {
    sample::record(Vec::new(), Decision::NothingRan, &[])
}

/// A run that never said it ended.
pub(crate) fn killed() -> RunRecord {
    RunRecord { finished: None, ..sample::green() }
}
