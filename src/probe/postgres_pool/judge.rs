//! Judging what was seen of a server: its answer to the login, its slots and its sessions.

use super::codes;
use super::facts::{Counted, Inside, Login, Seen, Server, Usage};
use super::judge_activity;
use super::judge_demand;
use super::judge_pooler::JudgePooler;
use super::judge_poolers;
use super::observe::TOO_MANY;
use super::{DEFAULT_MAX_USED, PostgresPool};
use crate::model::code::Code;
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::net::postgres::{Refusal, ServerError, SessionAttrs};
use crate::probe::pool::{judge_leftovers, judge_ramp};

/// Judges everything.
pub(super) fn judge(probe: &PostgresPool, seen: &Seen) -> Vec<Finding> {
    // A service says more than the check itself.
    let whole = seen.url.as_ref().map(|url| PostgresPool { url: url.clone(), ..probe.clone() });
    let probe = whole.as_ref().unwrap_or(probe);
    let mut findings = login(probe, seen);
    findings.extend(judge_poolers::judge(probe, seen));
    findings.extend(peak(probe, seen));
    findings
}

/// The highest use there has been, against the ordinary slots.
fn peak(probe: &PostgresPool, seen: &Seen) -> Option<Finding> {
    let most = match seen.peak.as_ref()? {
        Sight::Seen(most) => *most,
        Sight::Fault(fault) => {
            let target = probe.peak.as_ref().map(|peak| peak.prometheus.to_string());
            return Some(Finding::fault(target.unwrap_or_default(), fault));
        }
    };
    let Login::In(inside) = &seen.login else { return None };
    let ordinary = inside.server.seen()?.ordinary();
    let share = probe.max_used.unwrap_or(DEFAULT_MAX_USED);
    let high = most > share.get() * f64::from(ordinary);
    let code = if high { &codes::PEAKED } else { &codes::OK };
    let message = format!("at its highest {most:.0} of {ordinary} ordinary slots were in use");
    Some(Finding::new(code, &seen.target, message).expected(format!("at most {share} in use")))
}

/// Judges what came of the URL itself.
fn login(probe: &PostgresPool, seen: &Seen) -> Vec<Finding> {
    match &seen.login {
        Login::In(inside) => Judge { probe, seen, inside }.all(),
        Login::Refused { refusal, elsewhere, pooler } => {
            let pooler = pooler.as_ref().and_then(|pooler| pooler.seen());
            let pooler = pooler.map(|pooler| JudgePooler { probe, target: &seen.target, pooler });
            let told =
                pooler.and_then(|pooler| pooler.full().or_else(|| pooler.turned_away(refusal)));
            vec![told.unwrap_or_else(|| refused(seen, refusal, elsewhere.as_deref()))]
        }
        Login::Stuck { fault, pooler } => {
            let findings = JudgePooler { probe, target: &seen.target, pooler }.stuck();
            if findings.is_empty() { vec![Finding::fault(&seen.target, fault)] } else { findings }
        }
    }
}

/// What the refusal of a login means.
fn refused(seen: &Seen, refusal: &Refusal, elsewhere: Option<&Inside>) -> Finding {
    let target = &seen.target;
    let plain = |code: &'static Code, message: String| {
        Finding::new(code, target, message).actual(refusal.to_string())
    };
    let code = meaning(refusal);
    match refusal {
        Refusal::Connection(_) => plain(code, format!("{refusal}: no server there")),
        Refusal::NoAddress(_)
        | Refusal::HungUp
        | Refusal::NoTls
        | Refusal::Untrusted(_)
        | Refusal::Handshake(_) => plain(code, refusal.to_string()),
        Refusal::Server(error) => {
            let role = &seen.role;
            let limits = elsewhere.and_then(|inside| inside.server.seen());
            let limits = limits.map_or(String::new(), |limits| format!(" ({})", limits_of(limits)));
            plain(code, format!("{role} was not let in: {}{limits}", error.message))
        }
    }
}

/// What a refusal stands for.
pub(super) fn meaning(refusal: &Refusal) -> &'static Code {
    match refusal {
        Refusal::NoAddress(_) => &codes::NO_ADDRESS,
        Refusal::Connection(_) => &codes::REFUSED,
        Refusal::HungUp => &codes::HUNG_UP,
        Refusal::NoTls => &codes::NO_TLS,
        Refusal::Untrusted(_) => &codes::TLS_UNTRUSTED,
        Refusal::Handshake(_) => &codes::TLS_FAILED,
        Refusal::Server(error) => meaning_of_error(error),
    }
}

/// What the server's error stands for. Its words may be in any language; SQLSTATE and, where one
/// SQLSTATE means several things, the function that raised it are not.
fn meaning_of_error(error: &ServerError) -> &'static Code {
    match (error.sqlstate.as_str(), error.routine.as_deref()) {
        (TOO_MANY, Some("InitializeSessionUserId")) => &codes::ROLE_LIMIT,
        (TOO_MANY, Some("CheckMyDatabase")) => &codes::DATABASE_LIMIT,
        (TOO_MANY, _) => &codes::FULL,
        ("28P01", _) => &codes::BAD_PASSWORD,
        ("3D000", _) => &codes::NO_DATABASE,
        ("57P03" | "57P01" | "57P02", _) => &codes::STARTING_UP,
        (_, None) => &codes::POOLER_REFUSED,
        (_, Some(_)) => &codes::LOGIN_DENIED,
    }
}

/// The limits of a server in a few words.
fn limits_of(server: &Server) -> String {
    let limit = |limit: Option<u32>| limit.map_or("none".to_owned(), |limit| limit.to_string());
    let database = server.database.as_ref().and_then(|database| database.limit);
    format!(
        "{} ordinary slots, limit of the role {}, limit of the database {}",
        server.ordinary(),
        limit(server.role.limit),
        limit(database),
    )
}

/// What judging a session needs.
struct Judge<'a> {
    probe: &'a PostgresPool,
    seen: &'a Seen,
    inside: &'a Inside,
}

impl Judge<'_> {
    fn all(&self) -> Vec<Finding> {
        if self.probe.cleanup.is_some() {
            return self.leftovers();
        }
        if self.inside.is_pooled() || self.inside.pooler.is_some() {
            return self.pooled();
        }
        let server = match &self.inside.server {
            Sight::Seen(server) => server,
            Sight::Fault(fault) => return vec![Finding::fault(&self.seen.target, fault)],
        };
        let mut findings = Vec::new();
        findings.extend(self.session(server));
        findings.extend(self.state(server));
        if self.probe.poolers.is_empty() {
            findings.extend(judge_demand::slots(self.probe, &self.seen.target, server));
        }
        findings.extend(judge_demand::pools(self.probe, &self.seen.target, Some(server), None));
        findings.extend(self.ramp());
        findings.extend(self.leftovers());
        findings
    }

    /// What killed ramps left behind; all that a check with `cleanup` asks.
    fn leftovers(&self) -> Vec<Finding> {
        let (namesakes, cleanup) = (self.inside.namesakes.as_ref(), self.probe.cleanup);
        judge_leftovers(&codes::LEFTOVERS_OF, &self.seen.target, namesakes, cleanup, "pooler")
    }

    fn find(&self, code: &'static Code, message: impl Into<String>) -> Finding {
        Finding::new(code, &self.seen.target, message)
    }

    fn ramp(&self) -> Vec<Finding> {
        match (&self.probe.ramp, &self.inside.ramp) {
            (Some(wish), Some(ramp)) => judge_ramp(&codes::RAMP, wish, ramp, &self.seen.target),
            (Some(_) | None, None) | (None, Some(_)) => Vec::new(),
        }
    }

    /// A pooler before the server: its clients' view decides, and the server is judged only by what
    /// statements that came through have seen of it.
    fn pooled(&self) -> Vec<Finding> {
        let (target, inside) = (&self.seen.target, self.inside);
        let mut findings = match &inside.pooler {
            Some(Sight::Seen(pooler)) => {
                let mut findings = JudgePooler { probe: self.probe, target, pooler }.all(inside);
                let server = inside.server.seen();
                findings.extend(judge_demand::pools(self.probe, target, server, Some(pooler)));
                findings
            }
            Some(Sight::Fault(fault)) => vec![self.find(&codes::POOLER, fault.to_string())],
            None => vec![self.find(&codes::POOLER, "this is the console of a pooler")],
        };
        let told = findings.iter().any(|finding| finding.outcome == Outcome::Fail);
        match &inside.server {
            Sight::Seen(server) => {
                findings.extend(self.session(server));
                findings.extend(self.state(server));
            }
            Sight::Fault(_) if inside.is_pooler_console() => {}
            Sight::Fault(fault) if !told => findings.push(Finding::fault(target, fault)),
            Sight::Fault(_) => {}
        }
        findings.extend(self.ramp());
        findings
    }

    /// The use of the slots and what the sessions do.
    fn state(&self, server: &Server) -> Vec<Finding> {
        let target = &self.seen.target;
        let mut findings = Vec::new();
        match &self.inside.usage {
            Some(Sight::Seen(usage)) => findings.extend(self.slots(server, usage)),
            Some(Sight::Fault(fault)) => findings.push(Finding::fault(target, fault)),
            None => {}
        }
        match &self.inside.activity {
            Some(Sight::Seen(activity)) => {
                findings.extend(judge_activity::judge(self.probe, target, activity));
            }
            Some(Sight::Fault(fault)) => findings.push(Finding::fault(&self.seen.target, fault)),
            None => {}
        }
        findings
    }

    /// Whether the session is of the kind that the URL asks for.
    fn session(&self, server: &Server) -> Option<Finding> {
        let state = match (server.in_recovery, server.read_only) {
            (true, _) => "the server is a standby",
            (false, true) => "transactions are read-only by default",
            (false, false) => "the server is a primary, and can write",
        };
        let cannot_write = server.in_recovery || server.read_only;
        let attributes = self.probe.url.session;
        let (code, outcome) = match attributes {
            SessionAttrs::Unsaid if cannot_write => (&codes::READ_ONLY, Outcome::Warn),
            SessionAttrs::ReadWrite if cannot_write => (&codes::READ_ONLY, Outcome::Fail),
            SessionAttrs::Primary if server.in_recovery => (&codes::READ_ONLY, Outcome::Fail),
            SessionAttrs::ReadOnly if !cannot_write => (&codes::WRITABLE, Outcome::Fail),
            SessionAttrs::Standby if !server.in_recovery => (&codes::WRITABLE, Outcome::Fail),
            SessionAttrs::Any
            | SessionAttrs::Unsaid
            | SessionAttrs::ReadWrite
            | SessionAttrs::Primary
            | SessionAttrs::ReadOnly
            | SessionAttrs::Standby => return None,
        };
        let expected = match attributes.as_str() {
            Some(word) => format!("target_session_attrs={word}"),
            None => "a server that can write".to_owned(),
        };
        Some(self.find(code, state).with_outcome(outcome).expected(expected))
    }

    /// The use of the server's slots, and of the role's and the database's own limits.
    fn slots(&self, server: &Server, usage: &Usage) -> Vec<Finding> {
        let at_most = match usage.counted {
            Counted::Exactly => "",
            Counted::AtMost => "at most ",
        };
        let composed = format!(
            "max_connections {} less {} reserved",
            server.max_connections,
            server.superuser_reserved.saturating_add(server.reserved)
        );
        let ordinary = Limit {
            what: "ordinary slots".to_owned(),
            of: server.ordinary(),
            used: usage.used,
            full: &codes::FULL,
            nearly: &codes::NEARLY_FULL,
        };
        let mut findings = vec![self.limit(&ordinary, at_most).unwrap_or_else(|| {
            let message = format!("{at_most}{} of {}", usage.used, ordinary.name());
            self.find(&codes::OK, message).expected(self.share()).actual(composed)
        })];
        let role = &server.role;
        let role = role.limit.map(|of| Limit {
            what: format!("connections of the role {}", role.name),
            of,
            used: role.used,
            full: &codes::ROLE_LIMIT,
            nearly: &codes::ROLE_LIMIT,
        });
        let database = server.database.as_ref().and_then(|database| {
            Some(Limit {
                what: format!("connections of the database {}", self.probe.url.database),
                of: database.limit?,
                used: database.used,
                full: &codes::DATABASE_LIMIT,
                nearly: &codes::DATABASE_LIMIT,
            })
        });
        let limits = [role, database];
        findings.extend(limits.iter().flatten().filter_map(|limit| self.limit(limit, at_most)));
        findings
    }

    fn share(&self) -> String {
        format!("at most {} in use", self.probe.max_used.unwrap_or(DEFAULT_MAX_USED))
    }

    /// A limit that is used up, or more than it may be.
    fn limit(&self, limit: &Limit, at_most: &str) -> Option<Finding> {
        let most = self.probe.max_used.unwrap_or(DEFAULT_MAX_USED).get();
        let message = format!("{at_most}{} of {} are in use", limit.used, limit.name());
        let code = if limit.used >= limit.of {
            return Some(self.find(limit.full, message).expected(self.share()));
        } else if f64::from(limit.used) > most * f64::from(limit.of) {
            limit.nearly
        } else {
            return None;
        };
        // What the user has written is a requirement; the default is advice.
        let outcome = self.probe.max_used.map_or(Outcome::Warn, |_| Outcome::Fail);
        Some(self.find(code, message).with_outcome(outcome).expected(self.share()))
    }
}

/// A limit and its use.
struct Limit {
    what: String,
    of: u32,
    used: u32,
    full: &'static Code,
    nearly: &'static Code,
}

impl Limit {
    fn name(&self) -> String {
        format!("{} {}", self.of, self.what)
    }
}
