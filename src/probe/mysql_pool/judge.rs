//! Judging what was seen of MySQL or MariaDB.

use std::time::Duration;

use super::codes;
use super::facts::{Activity, Inside, Login, Seen, Server, Session};
use super::judge_proxy;
use super::{DEFAULT_HEADROOM, DEFAULT_IDLE, DEFAULT_LOCK_WAIT, DEFAULT_MAX_USED, MysqlPool};
use crate::model::code::Code;
use crate::model::fault::Sight;
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::time::{Span, humane};
use crate::net::mysql::Refusal;
use crate::probe::pool::{Cut, Load, Ramp, budget, judge_leftovers, judge_ramp};

/// So many sessions that wait for row locks are a pile.
const PILE: usize = 3;
/// How many sessions a message names.
const NAMED: usize = 3;

/// Judges everything.
pub(super) fn judge(probe: &MysqlPool, seen: &Seen) -> Vec<Finding> {
    let mut findings = match &seen.login {
        Login::Refused(refusal) => vec![refused(seen, refusal)],
        Login::In(inside) => Judge { probe, target: &seen.target, inside }.all(),
    };
    findings.extend(judge_proxy::judge(probe, seen));
    findings
}

fn refused(seen: &Seen, refusal: &Refusal) -> Finding {
    let code = match refusal {
        Refusal::NoAddress(_) => &codes::NO_ADDRESS,
        Refusal::Connection(_) => &codes::REFUSED,
        Refusal::HungUp => &codes::HUNG_UP,
        Refusal::NoTls => &codes::NO_TLS,
        Refusal::Untrusted(_) => &codes::TLS_UNTRUSTED,
        Refusal::Handshake(_) => &codes::TLS_FAILED,
        Refusal::Server(error) => match error.number {
            1040 => &codes::FULL,
            1203 | 1226 => &codes::USER_LIMIT,
            1045 => &codes::BAD_PASSWORD,
            1049 => &codes::NO_DATABASE,
            1129 | 1130 => &codes::HOST_BLOCKED,
            _ => &codes::DENIED,
        },
    };
    Finding::new(code, &seen.target, format!("{} was not let in: {refusal}", seen.user))
}

struct Judge<'a> {
    probe: &'a MysqlPool,
    target: &'a str,
    inside: &'a Inside,
}

impl Judge<'_> {
    fn all(&self) -> Vec<Finding> {
        if self.probe.cleanup.is_some() {
            return self.leftovers();
        }
        if let Some(proxy) = self.inside.proxy() {
            let mut findings = self.proxied(proxy);
            findings.extend(self.pools(None));
            // It was held back, and that must not go without saying.
            if let (Some(wish), Some(ramp)) = (&self.probe.ramp, &self.inside.ramp) {
                findings.extend(judge_ramp(&codes::RAMP, wish, ramp, self.target));
            }
            return findings;
        }
        let server = match &self.inside.server {
            Sight::Seen(server) => server,
            Sight::Fault(fault) => return vec![Finding::fault(self.target, fault)],
        };
        let mut findings = self.connections(server);
        findings.extend(self.demand(server));
        findings.extend(self.pools(Some(Span::from_secs(server.wait_timeout))));
        match &self.inside.activity {
            Some(Sight::Seen(activity)) => findings.extend(self.activity(activity)),
            Some(Sight::Fault(fault)) => findings.push(Finding::fault(self.target, fault)),
            None => {}
        }
        findings.extend(self.ramp(server));
        findings.extend(self.leftovers());
        findings
    }

    /// What killed ramps left behind; all that a check with `cleanup` asks.
    fn leftovers(&self) -> Vec<Finding> {
        let (namesakes, cleanup) = (self.inside.namesakes.as_ref(), self.probe.cleanup);
        judge_leftovers(&codes::LEFTOVERS_OF, self.target, namesakes, cleanup, "proxy")
    }

    /// A proxy in the server's place is judged by its own views, where the check can ask for them.
    fn proxied(&self, proxy: &str) -> Vec<Finding> {
        let message = format!("{proxy} answers for the server");
        let told = || message.clone() + "; it is judged by its own views";
        match &self.inside.views {
            Some(Sight::Seen(views)) => {
                let mut findings = vec![self.find(&codes::OK, told())];
                findings.extend(judge_proxy::one(self.probe, self.target, views));
                findings
            }
            Some(Sight::Fault(fault)) => {
                vec![self.find(&codes::PROXY, format!("{message}: {fault}"))]
            }
            None if proxy == "ProxySQL" && !self.probe.poolers.is_empty() => {
                vec![self.find(&codes::OK, told())]
            }
            None => vec![self.find(&codes::PROXY, message)],
        }
    }

    /// The ramp, and the mark it has left.
    fn ramp(&self, server: &Server) -> Vec<Finding> {
        let (Some(wish), Some(ramp)) = (&self.probe.ramp, &self.inside.ramp) else {
            return Vec::new();
        };
        let mut findings = judge_ramp(&codes::RAMP, wish, ramp, self.target);
        let raised = self.inside.most_used_after.filter(|after| *after > server.most_used);
        if let (Ramp::Ran(_), Some(after)) = (ramp, raised) {
            let message = format!(
                "Max_used_connections was {} before the ramp and is {after} now",
                server.most_used
            );
            findings.push(self.find(&codes::OK, message));
        }
        findings
    }

    fn find(&self, code: &'static Code, message: String) -> Finding {
        Finding::new(code, self.target, message)
    }

    /// Whether so many of so many are more than may be in use.
    #[expect(clippy::cast_precision_loss, reason = "a number of connections is far below 2^52")]
    fn too_many(&self, used: u64, of: u64) -> bool {
        used as f64 > self.probe.max_used.unwrap_or(DEFAULT_MAX_USED).get() * of as f64
    }

    fn connections(&self, server: &Server) -> Vec<Finding> {
        let most = server.max_connections;
        let stated = self.probe.max_used.map_or(Outcome::Warn, |_| Outcome::Fail);
        let share = format!("at most {} in use", self.probe.max_used.unwrap_or(DEFAULT_MAX_USED));
        let message =
            format!("{} of {most} connections in use, {} running", server.used, server.running);
        let mut findings = vec![if server.used >= most {
            self.find(&codes::FULL, message).expected(share.clone())
        } else if self.too_many(server.used, most) {
            self.find(&codes::NEARLY_FULL, message).with_outcome(stated).expected(share.clone())
        } else {
            self.find(&codes::OK, message).expected(share.clone())
        }];
        if self.too_many(server.most_used, most) {
            let turned_away =
                if server.most_used > most { ": somebody was turned away" } else { "" };
            let message =
                format!("at its highest {} of {most} were in use{turned_away}", server.most_used);
            findings.push(self.find(&codes::PEAKED, message));
        }
        if let Some(limit) =
            server.user_limit.filter(|limit| self.too_many(server.user_used, *limit))
        {
            let message = format!("{} of {limit} connections of the account", server.user_used);
            let outcome = if server.user_used >= limit { Outcome::Fail } else { stated };
            findings
                .push(self.find(&codes::USER_LIMIT, message).with_outcome(outcome).expected(share));
        }
        if server.read_only {
            findings.push(self.find(&codes::READ_ONLY, "read_only is on".to_owned()));
        }
        findings
    }

    /// The demand of the launch against the limits of the server, less the headroom.
    fn demand(&self, server: &Server) -> Vec<Finding> {
        let Some(demand) = &self.probe.demand else { return Vec::new() };
        let headroom = self.probe.headroom.unwrap_or(DEFAULT_HEADROOM);
        let mut findings = Vec::new();
        // An account that may look into others' transactions is hardly the pool's own.
        let watcher = matches!(self.inside.activity, Some(Sight::Seen(_)));
        let own = if watcher { Outcome::Warn } else { Outcome::Fail };
        let limits = [
            (
                "max_connections",
                // The demand is for the proxies of the check, where it names some.
                Some(server.max_connections).filter(|_| self.probe.poolers.is_empty()),
                &codes::OVER_BUDGET,
                Outcome::Fail,
            ),
            (
                "the account's limit",
                server.user_limit.filter(|_| self.probe.poolers.is_empty()),
                &codes::USER_LIMIT,
                own,
            ),
        ];
        for (name, limit, code, outcome) in limits {
            let (Some(limit), Some(total)) = (limit, demand.total()) else { continue };
            let budget = budget(limit, headroom);
            let message =
                format!("the launch asks for {total}, {name} less {headroom} is {budget}");
            let finding = if total > budget {
                self.find(code, message).with_outcome(outcome)
            } else {
                self.find(&codes::OK, message)
            };
            let finding = finding.expected(format!("at most {budget} ({limit} less {headroom})"));
            findings.push(finding.actual(format!("{total}: {}", demand.arithmetic())));
        }
        findings
    }

    /// The pools against the load, and their connections against what ends idle ones. `wait_timeout` is
    /// the server's, where it is the server that answers.
    fn pools(&self, wait_timeout: Option<Span>) -> Vec<Finding> {
        let Some(demand) = &self.probe.demand else { return Vec::new() };
        let mut findings = Vec::new();
        findings.extend(demand.load().map(|load: Load| {
            let code =
                if load.outcome == Outcome::Pass { &codes::OK } else { &codes::POOL_TOO_SMALL };
            self.find(code, load.message).with_outcome(load.outcome)
        }));
        let cuts = [("the server (wait_timeout)", wait_timeout)];
        findings.extend(demand.cut(self.probe.path_idle, &cuts).map(|cut: Cut| {
            let code = if cut.in_time { &codes::OK } else { &codes::LIFETIME };
            self.find(code, cut.message).expected(format!("less than {}", cut.after))
        }));
        findings
    }

    fn activity(&self, activity: &Activity) -> Vec<Finding> {
        let mut findings = Vec::new();
        let stated = self.probe.max_idle_in_transaction;
        let most = stated.unwrap_or(DEFAULT_IDLE);
        if let Some(names) = longer(&activity.idle_in_transaction, most.get().as_secs()) {
            let message = format!("asleep in a transaction for more than {most}: {names}");
            let outcome = stated.map_or(Outcome::Warn, |_| Outcome::Fail);
            findings.push(self.find(&codes::IDLE_IN_TRANSACTION, message).with_outcome(outcome));
        }
        let stated = self.probe.max_lock_wait;
        let longest = stated.unwrap_or(DEFAULT_LOCK_WAIT);
        if let Some(names) = longer(&activity.lock_waits, longest.get().as_secs()) {
            let waits = activity.lock_waits.len();
            let (code, all) = if waits < PILE {
                (&codes::LOCK_WAIT, String::new())
            } else {
                (&codes::LOCK_PILE_UP, format!("{waits} sessions wait for row locks; "))
            };
            let message = format!("{all}waiting for a row lock for more than {longest}: {names}");
            let outcome = stated.map_or(Outcome::Warn, |_| Outcome::Fail);
            findings.push(self.find(code, message).with_outcome(outcome));
        }
        if findings.is_empty() {
            let message = format!(
                "{} asleep in a transaction, none for more than {most}; {} waiting for a row lock",
                activity.idle_in_transaction.len(),
                activity.lock_waits.len()
            );
            findings.push(self.find(&codes::OK, message));
        }
        findings
    }
}

/// Those that have been at it for more seconds than these, by name; `None` where there are none.
fn longer(sessions: &[Session], than: u64) -> Option<String> {
    let long: Vec<&Session> = sessions.iter().filter(|session| session.seconds > than).collect();
    let name = |it: &&Session| {
        let age = humane(Duration::from_secs(it.seconds));
        format!("id {} ({} from {}, {age})", it.id, it.user, it.host)
    };
    let names: Vec<String> = long.iter().take(NAMED).map(name).collect();
    let more = match long.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!long.is_empty()).then(|| format!("{}{more}", names.join(", ")))
}
