//! Judging what was seen of Redis.

use std::time::Duration;

use super::codes;
use super::facts::{Cluster, Hot, HotBy, HotKeysSeen, Inside, Login, Report, Seen, Watched};
use super::judge_nodes;
use super::observe::denied;
use super::{DEFAULT_HEADROOM, DEFAULT_MEMORY, Redis};
use crate::model::code::Code;
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::outcome::Outcome;
use crate::model::text::count;
use crate::model::time::{Span, humane};
use crate::net::redis::Refusal;
use crate::probe::pool::budget;

/// More than this share of the clients is nearly full.
const NEARLY: f64 = 0.8;
/// A replica that has been silent for more seconds than these is behind.
const LAG: u64 = 10;
/// A key that takes more than this share of a server's time or traffic is hot.
const HOT_SHARE: f64 = 0.25;
/// And one whose counter is as high as some hundred thousand uses make it, with the default
/// `lfu-log-factor` (redis.conf, "lfu-log-factor").
const HOT_USES: f64 = 142.0;
/// The slots of every cluster.
const SLOTS: u64 = 16_384;

/// Judges everything.
pub(super) fn judge(probe: &Redis, seen: &Seen) -> Vec<Finding> {
    let mut findings = login(probe, Named::Url, &seen.target, &seen.login);
    for node in &seen.nodes {
        findings.extend(match &node.login {
            Sight::Seen(seen) => login(probe, Named::Node, &node.target, seen),
            Sight::Fault(fault) => vec![Finding::fault(&node.target, fault)],
        });
    }
    findings.extend(judge_nodes::judge(seen));
    findings
}

fn login(probe: &Redis, named: Named, target: &str, login: &Login) -> Vec<Finding> {
    match login {
        Login::Refused(refusal) => vec![refused(target, refusal)],
        Login::In(inside) => Judge { probe, named, target, inside }.all(),
    }
}

/// What the check names a server as.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Named {
    /// The one that applications use.
    Url,
    /// One of the others.
    Node,
}

fn refused(target: &str, refusal: &Refusal) -> Finding {
    let code = match refusal {
        Refusal::NoAddress(_) => &codes::NO_ADDRESS,
        Refusal::Connection(_) => &codes::REFUSED,
        Refusal::HungUp => &codes::HUNG_UP,
        Refusal::Untrusted(_) => &codes::TLS_UNTRUSTED,
        // Redis has no word for a server without TLS: it is a handshake that fails.
        Refusal::Handshake(_) | Refusal::NoTls => &codes::TLS_FAILED,
        // The account is in, and may not say what the check has to: that is no fault of the server.
        Refusal::Server(error) if error.starts_with("NOPERM") => {
            let what = format!("logging in to {target}");
            let need = format!("the right to it: {error}");
            return Finding::fault(target, &Fault::Denied { what, need });
        }
        Refusal::Server(error) => meaning(error),
    };
    Finding::new(code, target, refusal.to_string())
}

/// What an error at the login means. Only its first word is a promise of the protocol, but a full
/// server has none of its own.
fn meaning(error: &str) -> &'static Code {
    match error.split(' ').next().unwrap_or_default() {
        "NOAUTH" | "WRONGPASS" => &codes::BAD_PASSWORD,
        "LOADING" => &codes::LOADING,
        "ERR" if error.contains("max number of clients") => &codes::FULL,
        // Before version 6 that was all it said; later it says so when it has no password at all.
        "ERR" if error.contains("password") => &codes::BAD_PASSWORD,
        _ => &codes::DENIED,
    }
}

struct Judge<'a> {
    probe: &'a Redis,
    named: Named,
    target: &'a str,
    inside: &'a Inside,
}

impl Judge<'_> {
    fn all(&self) -> Vec<Finding> {
        let report = match &self.inside.report {
            Sight::Seen(report) => report,
            Sight::Fault(fault) => return vec![Finding::fault(self.target, fault)],
        };
        let mut findings = Vec::new();
        findings.extend(self.clients(report));
        if report.mode != "sentinel" {
            findings.extend(self.memory(report));
            findings.extend(self.data(report));
        }
        findings.extend(self.speed());
        findings.extend(self.sighted(self.inside.hot.as_ref(), |it, hot| vec![it.hot(hot)]));
        findings.extend(self.sighted(self.inside.cluster.as_ref(), Self::cluster));
        findings.extend(self.sighted(self.inside.sentinel.as_ref(), |it, all| it.sentinel(all)));
        findings
    }

    fn sighted<T>(
        &self,
        sight: Option<&Sight<T>>,
        judge: impl Fn(&Self, &T) -> Vec<Finding>,
    ) -> Vec<Finding> {
        match sight {
            None => Vec::new(),
            Some(Sight::Seen(seen)) => judge(self, seen),
            Some(Sight::Fault(fault)) => vec![Finding::fault(self.target, fault)],
        }
    }

    fn find(&self, code: &'static Code, message: String) -> Finding {
        Finding::new(code, self.target, message)
    }

    /// What the server does not report, and the check must see.
    fn untold(&self, what: &str, need: &str) -> Finding {
        let need = format!("the server to report {need}");
        Finding::fault(self.target, &Fault::Denied { what: what.to_owned(), need })
    }

    #[expect(clippy::cast_precision_loss, reason = "a number of clients is far below 2^52")]
    fn clients(&self, report: &Report) -> Vec<Finding> {
        let Some(most) = report.max_clients else {
            return vec![self.untold("reading maxclients", "it, by INFO or CONFIG GET")];
        };
        let mut findings = Vec::new();
        let message = format!("{} of {most} clients", report.clients);
        findings.push(if report.clients >= most {
            self.find(&codes::FULL, message)
        } else if report.clients as f64 > NEARLY * most as f64 {
            self.find(&codes::NEARLY_FULL, message).expected("at most 80%")
        } else {
            self.find(&codes::OK, message)
        });
        if report.rejected > 0 {
            let message = format!("{} clients turned away since the start", report.rejected);
            findings.push(self.find(&codes::REJECTED, message));
        }
        // Of a Sentinel a client asks the way, and leaves.
        let demand = self.probe.demand.as_ref().filter(|_| report.mode != "sentinel");
        if let Some(demand) = demand.map(|demand| u64::from(demand.connections)) {
            let headroom = self.probe.headroom.unwrap_or(DEFAULT_HEADROOM);
            let budget = budget(most, headroom);
            let (code, verb) = if demand > budget {
                (&codes::OVER_BUDGET, "more than")
            } else {
                (&codes::OK, "within")
            };
            let message = format!(
                "the launch asks for {demand} clients, {verb} the {budget} of {most} less {headroom}"
            );
            findings.push(self.find(code, message));
        }
        findings
    }

    #[expect(clippy::cast_precision_loss, reason = "a ratio of bytes needs no more")]
    fn memory(&self, report: &Report) -> Vec<Finding> {
        let mut findings = Vec::new();
        let used = megabytes(report.memory);
        let stated = self.probe.max_memory_used;
        findings.push(match report.max_memory {
            None => self.untold("reading maxmemory", "it, by INFO or CONFIG GET"),
            Some(0) => self.find(&codes::UNLIMITED, format!("{used} used, and maxmemory is 0")),
            Some(most) => {
                let share = stated.unwrap_or(DEFAULT_MEMORY);
                let message = format!("{used} of {} used, {}", megabytes(most), report.policy);
                if report.memory as f64 > share.get() * most as f64 {
                    let outcome = stated.map_or(Outcome::Warn, |_| Outcome::Fail);
                    self.find(&codes::MEMORY, message).with_outcome(outcome)
                } else {
                    self.find(&codes::OK, message)
                }
                .expected(format!("at most {share}"))
            }
        });
        if report.evicted > 0 {
            let message =
                format!("{} keys thrown away since the start ({})", report.evicted, report.policy);
            findings.push(self.find(&codes::EVICTING, message));
        }
        findings
    }

    /// Persistence and replication.
    fn data(&self, report: &Report) -> Vec<Finding> {
        let mut findings = Vec::new();
        if report.loading {
            findings.push(self.find(&codes::LOADING, "data is being loaded".to_owned()));
        }
        if let Some(failed) = report.failed_writes.as_ref().filter(|failed| !failed.is_empty()) {
            let message = format!("failed: {}", failed.join(", "));
            findings.push(self.find(&codes::PERSISTENCE, message));
        }
        findings.extend(self.unsaved(report));
        match (report.role.as_str(), report.link.as_deref()) {
            ("slave", Some("up")) if self.named == Named::Node => {}
            ("slave", Some("up")) => {
                findings.push(self.find(&codes::REPLICA, "the server is a replica".to_owned()));
            }
            ("slave", link) => {
                let message = format!("master_link_status is {}", link.unwrap_or("not told"));
                findings.push(self.find(&codes::REPLICA_DOWN, message));
            }
            (_, _) => {}
        }
        for replica in report.replicas.iter().filter(|it| it.lag > LAG || it.state != "online") {
            let lag = match replica.lag {
                u64::MAX => "at a time not told".to_owned(),
                lag => format!("{lag} s ago"),
            };
            let message = format!("replica {} is {}, heard {lag}", replica.address, replica.state);
            findings.push(self.find(&codes::REPLICA_LAG, message));
        }
        if findings.is_empty() {
            let writes = match &report.failed_writes {
                Some(_) => "writes to disk in order",
                None => "nothing said of writes to disk",
            };
            let message = format!(
                "{} with {}, {writes}",
                report.role,
                count(report.replicas.len(), "replica")
            );
            findings.push(self.find(&codes::OK, message));
        }
        findings
    }

    /// Writes that only memory has, where the check says for how long that may be.
    fn unsaved(&self, report: &Report) -> Option<Finding> {
        let most = self.probe.max_unsaved.filter(|_| !report.append_only)?;
        match (report.unsaved, report.saved_ago.map(Span::from_secs)) {
            (Some(0), _) => None,
            (Some(unsaved), Some(ago)) => (ago > most).then(|| {
                let message = format!("{unsaved} writes unsaved, the last snapshot is {ago} old");
                self.find(&codes::UNSAVED, message).expected(format!("at most {most}"))
            }),
            (_, None) | (None, _) => Some(self.untold(
                "reading the age of the last snapshot",
                "rdb_changes_since_last_save and rdb_last_save_time in INFO",
            )),
        }
    }

    fn speed(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        match &self.inside.ping {
            Some(Sight::Seen(ping)) => {
                let p99 = ping.p99.map_or(String::new(), |p99| format!(", p99 {p99:.1} ms"));
                let message = format!("PING p50 {:.1} ms{p99} of {}", ping.p50, ping.n);
                let most = self.probe.max_ping.map(|most| most.get().as_secs_f64() * 1000.0);
                // A server that is cut off after too few is judged by its slowest answer.
                let slow = most.is_some_and(|most| ping.p99.unwrap_or(ping.max) > most);
                let finding = self.find(if slow { &codes::LATENCY } else { &codes::OK }, message);
                findings.push(match self.probe.max_ping {
                    Some(most) => finding.expected(format!("p99 at most {most}")),
                    None => finding,
                });
            }
            Some(Sight::Fault(fault)) => findings.push(Finding::fault(self.target, fault)),
            None => {}
        }
        if let Some(slow) = self.inside.slow.as_ref().filter(|slow| slow.count > 0) {
            let message = format!(
                "{} in ten minutes, the slowest {} with {}",
                count(slow.count as usize, "slow command"),
                slow.slowest,
                humane(Duration::from_micros(slow.micros)),
            );
            findings.push(self.find(&codes::SLOW, message));
        }
        findings
    }

    fn hot(&self, seen: &HotKeysSeen) -> Finding {
        let hot = match seen {
            HotKeysSeen::Counted(hot) => hot,
            HotKeysSeen::Untold => {
                let message = "this server cannot tell hot keys: it is older than 8.6, and its policy is \
                               not an LFU one";
                let finding = self.find(&codes::HOT_KEY, message.to_owned());
                return finding.with_outcome(Outcome::NotApplicable);
            }
        };
        let over = |it: &&super::facts::HotKey| match it.by {
            HotBy::Time | HotBy::Traffic => it.value > HOT_SHARE,
            HotBy::Uses => it.value >= HOT_USES,
        };
        let named = |it: &super::facts::HotKey| match it.by {
            HotBy::Time => format!("{} takes {:.0}% of the time", it.key, it.value * 100.0),
            HotBy::Traffic => format!("{} takes {:.0}% of the traffic", it.key, it.value * 100.0),
            HotBy::Uses => format!("{} has a use of {:.0} of 255", it.key, it.value),
        };
        let hottest: Vec<String> = hot.keys.iter().filter(over).take(3).map(named).collect();
        let whence = whence(hot);
        if !hottest.is_empty() {
            return self.find(&codes::HOT_KEY, format!("{} ({whence})", hottest.join(", ")));
        }
        let first = hot.keys.first().map_or("none was used".to_owned(), named);
        self.find(&codes::OK, format!("no hot key; {first} ({whence})"))
    }

    fn cluster(&self, cluster: &Cluster) -> Vec<Finding> {
        let mut findings = Vec::new();
        let Cluster { state, slots_ok, nodes, failed } = cluster;
        let message =
            format!("cluster of {nodes}: state {state}, {slots_ok} of {SLOTS} slots served");
        let code =
            if state != "ok" || *slots_ok < SLOTS { &codes::CLUSTER_DOWN } else { &codes::OK };
        findings.push(self.find(code, message));
        let node = |node: &String| {
            self.find(&codes::NODE_FAILED, format!("{node} is seen as failed or suspected"))
        };
        findings.extend(failed.iter().map(node));
        findings
    }

    fn sentinel(&self, watched: &[Watched]) -> Vec<Finding> {
        let each = |it: &Watched| {
            if it.is_down() {
                self.find(&codes::MASTER_DOWN, format!("{} is {}", it.name, it.flags))
            } else {
                let words = format!("{}: {}", it.name, it.quorum);
                match it.agreed {
                    Some(true) => self.find(&codes::OK, words),
                    Some(false) => self.find(&codes::NO_QUORUM, words),
                    None => {
                        let fault = denied("asking for SENTINEL CKQUORUM", it.quorum.clone());
                        Finding::fault(self.target, &fault)
                    }
                }
            }
        };
        if watched.is_empty() {
            return vec![self.find(&codes::NO_QUORUM, "it watches no primary".to_owned())];
        }
        watched.iter().map(each).collect()
    }
}

/// What hot keys were seen by.
fn whence(hot: &Hot) -> String {
    match (hot.read, hot.of, hot.seconds) {
        (Some(read), Some(of), _) if of > read => format!("a sample of {read} of {of} keys"),
        (Some(read), _, _) => count(usize::try_from(read).unwrap_or(usize::MAX), "key"),
        (None, _, Some(seconds)) => format!("HOTKEYS over {seconds} s"),
        (None, _, None) => "HOTKEYS".to_owned(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn megabytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
}
