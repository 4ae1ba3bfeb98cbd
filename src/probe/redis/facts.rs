//! What a look at Redis brings back, and reading it from the server's own report.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::fault::{Fault, Sight};
use crate::model::latency::Latency;
use crate::model::text::one_line;
use crate::net::redis::{Refusal, Reply};
use crate::probe::pool::{self, Picture};

/// What was seen of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Seen {
    /// Host and port.
    pub target: String,
    /// What came of logging in.
    pub login: Login,
    /// What was seen of the further nodes of the check, in its order.
    #[serde(default)]
    pub nodes: Vec<Node>,
    /// The server's clients and the demand on them; absent where they were not seen.
    pub picture: Option<Picture>,
}

/// A further node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Host and port.
    pub target: String,
    /// What came of logging in.
    pub login: Sight<Login>,
}

/// What came of logging in.
pub type Login = pool::Login<Inside, Refusal>;

/// What a connection has seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Inside {
    /// The address that was connected to.
    pub address: String,
    /// The server's report of itself.
    pub report: Sight<Report>,
    /// How long PINGs took, four under way at a time.
    pub ping: Option<Sight<Latency>>,
    /// The commands of the last ten minutes in the slow log; absent where it may not be read.
    pub slow: Option<Slow>,
    /// Hot keys; absent where the check does not ask for them, and of a Sentinel.
    #[serde(default)]
    pub hot: Option<Sight<HotKeysSeen>>,
    /// The cluster as this node sees it; absent where it is none.
    pub cluster: Option<Sight<Cluster>>,
    /// The primaries a Sentinel watches; absent where the server is none.
    pub sentinel: Option<Sight<Vec<Watched>>>,
}

/// Commands that held the server up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Slow {
    /// How many there were, of the last 128.
    pub count: u32,
    /// The slowest one's name, without its arguments: they are nobody's business.
    pub slowest: String,
    /// How long that one took, in microseconds.
    pub micros: u64,
}

/// What was seen of hot keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HotKeysSeen {
    /// The server counts, or notes, what is used.
    Counted(Hot),
    /// It is older than 8.6 and has no LFU policy: it knows nothing of that.
    Untold,
}

/// The hottest keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Hot {
    /// The hottest first, at most ten; what looks like a token in a key is a `*`.
    pub keys: Vec<HotKey>,
    /// How many keys were read, where a sample was.
    pub read: Option<u64>,
    /// How many keys the database has, where a sample was read and the server says so.
    pub of: Option<u64>,
    /// For how many seconds the server has counted, where it does.
    pub seconds: Option<u64>,
}

/// A hot key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HotKey {
    /// Its name, without what looks like a token.
    pub key: String,
    /// What it is hot by.
    pub by: HotBy,
    /// How much: a share from 0 to 1, or of uses the policy's counter, from 0 to 255, which grows with the
    /// logarithm of them and falls with time.
    pub value: f64,
}

/// What a key is hot by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HotBy {
    /// The share of the time all commands took.
    Time,
    /// The share of the bytes all commands moved.
    Traffic,
    /// The counter of the LFU policy.
    Uses,
}

/// What `INFO` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// The version.
    pub version: String,
    /// `standalone`, `cluster` or `sentinel`.
    pub mode: String,
    /// How many clients are connected, replicas and nodes of the cluster included, but for this one.
    pub clients: u64,
    /// `maxclients`; absent where the server does not say.
    pub max_clients: Option<u64>,
    /// How many clients wait in a blocking command.
    pub blocked: u64,
    /// How many clients were turned away since the start.
    pub rejected: u64,
    /// How many bytes are used.
    pub memory: u64,
    /// `maxmemory` in bytes, 0 without a limit; absent where the server does not say.
    pub max_memory: Option<u64>,
    /// What is done when the memory is full, such as `noeviction`.
    pub policy: String,
    /// How many keys were thrown away since the start for want of memory.
    pub evicted: u64,
    /// Whether data is being loaded.
    pub loading: bool,
    /// What persistence has failed at, in the server's own field names; absent where the server says
    /// nothing of writing to the disk.
    pub failed_writes: Option<Vec<String>>,
    /// Whether every write goes to the append-only file.
    pub append_only: bool,
    /// How many writes there were since the last snapshot; absent where the server does not say.
    pub unsaved: Option<u64>,
    /// How many seconds ago the last snapshot was made; absent where the server does not say.
    pub saved_ago: Option<u64>,
    /// `master`, `slave` or, of a Sentinel, `sentinel`.
    pub role: String,
    /// Of a replica: `up` or `down`.
    pub link: Option<String>,
    /// The replicas of a primary.
    pub replicas: Vec<Replica>,
}

/// A replica, as its primary sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Replica {
    /// Its address.
    pub address: String,
    /// Such as `online`.
    pub state: String,
    /// How many seconds ago it acknowledged last.
    pub lag: u64,
}

/// A cluster as one of its nodes sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cluster {
    /// `ok` or `fail`.
    pub state: String,
    /// How many of the 16384 slots have a node that serves them.
    pub slots_ok: u64,
    /// The nodes that are seen as failed or suspected, by address.
    pub failed: Vec<String>,
    /// How many nodes are known.
    pub nodes: u64,
}

/// A primary that a Sentinel watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Watched {
    /// Its name.
    pub name: String,
    /// Its address and port, as this Sentinel knows them.
    pub address: String,
    /// Its flags, such as `master` or `s_down,master`.
    pub flags: String,
    /// What `SENTINEL CKQUORUM` says.
    pub quorum: String,
    /// Whether that is a yes; absent where this role may not ask.
    #[serde(default)]
    pub agreed: Option<bool>,
}

impl Watched {
    /// Whether this Sentinel sees it as down, alone or with others.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.flags.split(',').any(|flag| matches!(flag, "s_down" | "o_down"))
    }
}

/// The fields of a report, `name:value` a line.
pub(super) fn fields(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.trim_end().split_once(':')).collect()
}

fn unreadable(reason: String) -> Fault {
    Fault::Unreadable { what: "reading the answer of Redis".to_owned(), reason }
}

fn number(fields: &BTreeMap<&str, &str>, name: &str) -> Result<u64, Fault> {
    let text = fields.get(name).copied().unwrap_or_default();
    text.parse().map_err(|_| unreadable(format!("`{}` in {name}", one_line(text))))
}

/// A number that not every server reports.
fn optional(fields: &BTreeMap<&str, &str>, name: &str) -> Result<Option<u64>, Fault> {
    fields.contains_key(name).then(|| number(fields, name)).transpose()
}

fn text(fields: &BTreeMap<&str, &str>, name: &str) -> String {
    one_line(fields.get(name).copied().unwrap_or_default())
}

/// Reads a report. What a Sentinel leaves out is none of its business: it has no data.
pub(super) fn read_report(report: &str, now: i64) -> Result<Report, Fault> {
    let fields = fields(report);
    let mode = text(&fields, "redis_mode");
    let some = |name| optional(&fields, name).map(Option::unwrap_or_default);
    let others = some("connected_slaves")?.saturating_add(some("cluster_connections")?);
    let writes = ["rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status"];
    let failed = writes.iter().filter(|name| fields.get(*name).is_some_and(|it| *it != "ok"));
    let told = writes.iter().any(|name| fields.contains_key(name));
    let (memory, role) = (optional(&fields, "used_memory")?, text(&fields, "role"));
    if mode != "sentinel" && (memory.is_none() || role.is_empty()) {
        return Err(unreadable("there is no used_memory, or no role".to_owned()));
    }
    Ok(Report {
        version: text(&fields, "redis_version"),
        clients: number(&fields, "connected_clients")?.saturating_add(others).saturating_sub(1),
        max_clients: optional(&fields, "maxclients")?,
        blocked: some("blocked_clients")?,
        rejected: some("rejected_connections")?,
        memory: memory.unwrap_or_default(),
        max_memory: optional(&fields, "maxmemory")?,
        policy: text(&fields, "maxmemory_policy"),
        evicted: some("evicted_keys")?,
        loading: fields.get("loading") == Some(&"1"),
        failed_writes: told.then(|| failed.map(ToString::to_string).collect()),
        append_only: fields.get("aof_enabled") == Some(&"1"),
        unsaved: optional(&fields, "rdb_changes_since_last_save")?,
        // By two clocks: a server that is ahead has saved just now.
        saved_ago: optional(&fields, "rdb_last_save_time")?
            .map(|at| u64::try_from(now).unwrap_or_default().saturating_sub(at)),
        role,
        link: fields.get("master_link_status").map(|it| one_line(it)),
        replicas: replicas(&fields),
        mode,
    })
}

/// `slave0:ip=192.0.2.2,port=6379,state=online,offset=42,lag=0`.
fn replicas(fields: &BTreeMap<&str, &str>) -> Vec<Replica> {
    let is_replica = |name: &str| {
        name.strip_prefix("slave")
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    };
    let read = |value: &str| {
        let parts: BTreeMap<&str, &str> =
            value.split(',').filter_map(|part| part.split_once('=')).collect();
        Replica {
            address: format!("{}:{}", text(&parts, "ip"), text(&parts, "port")),
            state: text(&parts, "state"),
            lag: number(&parts, "lag").unwrap_or(u64::MAX),
        }
    };
    fields.iter().filter(|(name, _)| is_replica(name)).map(|(_, value)| read(value)).collect()
}

/// Reads `CLUSTER INFO` and `CLUSTER NODES`.
pub(super) fn read_cluster(info: &str, nodes: &str) -> Result<Cluster, Fault> {
    let fields = fields(info);
    // `id address flags …`; the flags are `myself,master`, `slave,fail?` and so on.
    let failed = nodes.lines().filter_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (address, flags) = (words.next()?, words.next()?);
        let failed = flags.split(',').any(|flag| matches!(flag, "fail" | "fail?"));
        failed.then(|| one_line(address))
    });
    Ok(Cluster {
        state: text(&fields, "cluster_state"),
        slots_ok: number(&fields, "cluster_slots_ok")?,
        nodes: number(&fields, "cluster_known_nodes")?,
        failed: failed.take(50).collect(),
    })
}

/// Reads one primary of `SENTINEL MASTERS`, its quorum still unasked: names and values in turn.
pub(super) fn read_watched(reply: &Reply) -> Option<(String, Watched)> {
    let pairs: BTreeMap<&str, &str> = reply
        .items()
        .chunks_exact(2)
        .filter_map(|pair| Some((pair[0].text()?, pair[1].text()?)))
        .collect();
    let name = *pairs.get("name")?;
    let ip = pairs.get("ip").copied().unwrap_or_default();
    let port = pairs.get("port").copied().unwrap_or_default();
    let watched = Watched {
        name: one_line(name),
        address: one_line(&if ip.contains(':') {
            format!("[{ip}]:{port}")
        } else {
            format!("{ip}:{port}")
        }),
        flags: one_line(pairs.get("flags")?),
        quorum: "no answer".to_owned(),
        agreed: Some(false),
    };
    Some((name.to_owned(), watched))
}

/// Reads one entry of `SLOWLOG GET`: its number, the second it was made in, the microseconds it took,
/// and its words. `None` of what is older than `since`, or no entry.
pub(super) fn read_slow(entry: &Reply, since: i64) -> Option<(u64, String)> {
    let [_, Reply::Number(at), rest @ ..] = entry.items() else { return None };
    if *at < since {
        return None;
    }
    let micros = match rest.first() {
        Some(Reply::Number(micros)) => u64::try_from(*micros).unwrap_or_default(),
        Some(_) | None => 0,
    };
    let words = rest.get(1).map(Reply::items).unwrap_or_default();
    let name = words.first().and_then(Reply::text).map(one_line).unwrap_or_default();
    Some((micros, name))
}
