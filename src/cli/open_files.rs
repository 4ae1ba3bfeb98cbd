//! The limit of open files: respected, and raised where that is allowed.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::model::text::count;

/// What the program itself has open: its log, its runtimes, its reports.
const OWN: u64 = 32;
/// What one check has open at once, as a rule: a few addresses, or a file and a connection.
const EACH: u64 = 4;
/// Without so many there is no loop, no signal and no log.
const LEAST: u64 = 24;
/// As far as the limit is raised. Programs that a check runs get it too, and some of them go through
/// every number there could be.
const ENOUGH: u64 = 65_536;

/// How many of `jobs` checks at a time the limit has room for, after raising it where that is needed
/// and allowed; and what to tell the person running it when that is fewer.
///
/// # Errors
/// When there is no room for anything.
pub(super) fn room(jobs: usize) -> anyhow::Result<(usize, Option<String>)> {
    let limit = getrlimit(Resource::Nofile);
    let need = OWN + EACH * jobs as u64;
    let now = limit.current.unwrap_or(u64::MAX);
    let most = limit.maximum.unwrap_or(u64::MAX);
    let wanted = most.min(need.max(ENOUGH));
    let raised = if need > now && wanted > now {
        let raised = Rlimit { current: Some(wanted), maximum: limit.maximum };
        // Where it is not allowed, what there is has to do.
        if setrlimit(Resource::Nofile, raised).is_ok() { wanted } else { now }
    } else {
        now
    };
    if raised < LEAST {
        let files = count(usize::try_from(raised).unwrap_or(usize::MAX), "open file");
        anyhow::bail!("the limit of {files} leaves no room to run anything; raise it (ulimit -n)");
    }
    Ok(fit(jobs, raised))
}

/// How many of `jobs` checks fit into a limit.
fn fit(jobs: usize, limit: u64) -> (usize, Option<String>) {
    let room = usize::try_from(limit.saturating_sub(OWN) / EACH).unwrap_or(usize::MAX).max(1);
    if jobs <= room {
        return (jobs, None);
    }
    let warning = format!(
        "the limit of {} has room for {} at a time, not {jobs}; raise it (ulimit -n) or ask for \
         --jobs {room}",
        count(usize::try_from(limit).unwrap_or(usize::MAX), "open file"),
        count(room, "check"),
    );
    (room, Some(warning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_checks_run_at_once_than_the_limit_has_room_for() {
        for (jobs, limit, room) in
            [(1, 0, 1), (2, 20, 1), (32, 1024, 32), (248, 1024, 248), (249, 1024, 248)]
        {
            let (fits, warning) = fit(jobs, limit);
            assert_eq!((fits, warning.is_some()), (room, room < jobs), "{jobs} in {limit}");
        }
        let (_, warning) = fit(2000, 1024);
        assert_eq!(
            warning.as_deref(),
            Some(
                "the limit of 1024 open files has room for 248 checks at a time, not 2000; raise it \
                 (ulimit -n) or ask for --jobs 248"
            )
        );
    }
}
