//! Hot keys, by the ways that cost a server little: what it counts itself since version 8.6 (`HOTKEYS`), or
//! the use that an LFU policy notes with each key, read from a sample. Never `MONITOR` or `KEYS`.

use std::time::Duration;

use super::HotKeys;
use super::facts::{Hot, HotBy, Report};
use super::observe::denied;
use crate::model::fault::Fault;
use crate::model::text::{clip, one_line};
use crate::net::redis::{Connection, Reply};
use crate::probe::ProbeCx;

/// How many hot keys are kept.
const KEPT: usize = 10;
/// How many keys each `SCAN` asks for, and how many keys are read at most.
const PAGE: &str = "100";
const MOST_READ: usize = 1000;
/// The most pages: a table with few keys left in it has many empty ones.
const MOST_PAGES: usize = 100;

/// Looks for hot keys; `None` where this server has no safe way to tell.
pub(super) async fn look(
    wish: &HotKeys,
    cx: &ProbeCx,
    connection: &mut Connection,
    report: &Report,
    limit: Duration,
) -> Result<Option<Hot>, Fault> {
    if let Some(hot) = counted(wish, cx, connection, limit).await? {
        return Ok(Some(hot));
    }
    if report.policy.ends_with("-lfu") {
        return sampled(cx, connection, limit).await.map(Some);
    }
    Ok(None)
}

/// What the server counts itself. A count that is there already, somebody else's, is read and left alone:
/// to start another would throw it away.
async fn counted(
    wish: &HotKeys,
    cx: &ProbeCx,
    connection: &mut Connection,
    limit: Duration,
) -> Result<Option<Hot>, Fault> {
    match connection.ask(&["HOTKEYS", "GET"], limit).await? {
        // Before version 8.6 there is no such command.
        Reply::Error(error) if error.starts_with("ERR unknown") => return Ok(None),
        Reply::Error(error) => return Err(denied("asking for HOTKEYS GET", error)),
        there @ Reply::List(_) if !there.items().is_empty() => return read(&there).map(Some),
        Reply::Nil | Reply::List(_) | Reply::Text(_) | Reply::Number(_) => {}
    }
    let counting = wish.counting().min(cx.remaining() / 2);
    // The server ends it by itself, should this machine vanish meanwhile.
    let most = (counting.as_secs() + 2).to_string();
    let start =
        ["HOTKEYS", "START", "METRICS", "2", "CPU", "NET", "COUNT", "10", "DURATION", &most];
    if let Reply::Error(error) = connection.ask(&start, limit).await? {
        return Err(denied("starting to count by HOTKEYS START", error));
    }
    tokio::time::sleep(counting).await;
    let counted = connection.ask(&["HOTKEYS", "GET"], limit).await;
    for end in ["STOP", "RESET"] {
        let ended = connection.ask(&["HOTKEYS", end], limit).await?;
        if let Reply::Error(error) = ended {
            return Err(denied("ending the count by HOTKEYS", error));
        }
    }
    match counted? {
        Reply::Error(error) => Err(denied("asking for HOTKEYS GET", error)),
        counted @ (Reply::List(_) | Reply::Nil | Reply::Text(_) | Reply::Number(_)) => {
            read(&counted).map(Some)
        }
    }
}

fn unreadable(reason: &str) -> Fault {
    let what = "reading the answer to HOTKEYS GET".to_owned();
    Fault::Unreadable { what, reason: reason.to_owned() }
}

/// Reads the reply to `HOTKEYS GET`: names and values in turn, perhaps in a list of their own.
fn read(reply: &Reply) -> Result<Hot, Fault> {
    let fields = match reply.items() {
        [Reply::List(inner)] => inner.as_slice(),
        fields => fields,
    };
    let value = |name: &str| {
        fields.chunks_exact(2).find(|pair| pair[0].text() == Some(name)).map(|pair| &pair[1])
    };
    let number = |name: &str| match value(name) {
        Some(Reply::Number(number)) => u64::try_from(*number).ok(),
        Some(Reply::Text(text)) => text.parse().ok(),
        Some(Reply::List(_) | Reply::Nil | Reply::Error(_)) | None => None,
    };
    let micros = number("all-commands-all-slots-us").ok_or_else(|| unreadable("no sum of time"))?;
    let bytes = number("net-bytes-all-commands-all-slots");
    let mut keys = shares(HotBy::Time, value("by-cpu-time-us"), micros);
    keys.extend(shares(HotBy::Traffic, value("by-net-bytes"), bytes.unwrap_or_default()));
    keys.sort_by(|one, other| other.value.total_cmp(&one.value));
    keys.truncate(KEPT);
    let millis = number("collection-duration-ms");
    Ok(Hot { keys, read: None, of: None, seconds: millis.map(|millis| millis / 1000) })
}

/// Keys and counts in turn, as shares of a sum.
fn shares(by: HotBy, list: Option<&Reply>, sum: u64) -> Vec<super::facts::HotKey> {
    let Some(list) = list.filter(|_| sum > 0) else { return Vec::new() };
    let read = |pair: &[Reply]| {
        let [Reply::Text(key), Reply::Number(count)] = pair else { return None };
        #[expect(clippy::cast_precision_loss, reason = "a share needs no more")]
        let value = *count as f64 / sum as f64;
        Some(super::facts::HotKey { key: shown(key), by, value })
    };
    list.items().chunks_exact(2).filter_map(read).collect()
}

/// The use that an LFU policy has noted, of as many keys as a sample takes.
async fn sampled(cx: &ProbeCx, connection: &mut Connection, limit: Duration) -> Result<Hot, Fault> {
    let what = "reading a sample of the keys by SCAN";
    let of = match connection.ask(&["DBSIZE"], limit).await? {
        Reply::Number(number) => u64::try_from(number).ok(),
        Reply::Error(_) | Reply::Text(_) | Reply::List(_) | Reply::Nil => None,
    };
    let (mut cursor, mut keys, mut count) = ("0".to_owned(), Vec::new(), 0);
    for _ in 0..MOST_PAGES {
        let page = connection.ask(&["SCAN", &cursor, "COUNT", PAGE], limit).await?;
        if let Reply::Error(error) = page {
            return Err(denied(what, error));
        }
        let [Reply::Text(next), Reply::List(page)] = page.items() else {
            return Err(Fault::Unreadable { what: what.to_owned(), reason: "no page".to_owned() });
        };
        cursor.clone_from(next);
        for key in page.iter().filter_map(Reply::text) {
            // Asking counts as no use; a key may be gone by now, which is an error without a right to it.
            match connection.ask(&["OBJECT", "FREQ", key], limit).await? {
                Reply::Number(uses) => {
                    #[expect(clippy::cast_precision_loss, reason = "it is at most 255")]
                    let value = uses as f64;
                    keys.push(super::facts::HotKey { key: shown(key), by: HotBy::Uses, value });
                    count += 1;
                }
                Reply::Error(error) if error.starts_with("NOPERM") => {
                    return Err(denied(what, error));
                }
                Reply::Error(_) | Reply::Text(_) | Reply::List(_) | Reply::Nil => {}
            }
        }
        keys.sort_by(|one, other| other.value.total_cmp(&one.value));
        keys.truncate(KEPT);
        if cursor == "0" || count >= MOST_READ || cx.remaining() < limit {
            break;
        }
    }
    Ok(Hot { keys, read: Some(count as u64), of, seconds: None })
}

/// A key as it may be shown: what looks like a token of a session is somebody's secret.
fn shown(key: &str) -> String {
    let is_token = |word: &str| word.len() >= 16 && word.bytes().any(|b| b.is_ascii_digit());
    let mut shown = String::new();
    for word in key.split_inclusive(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_')) {
        let end = word.trim_end_matches(|c: char| c.is_alphanumeric() || c == '-' || c == '_');
        let (name, end) = match end.len() {
            0 => (word, ""),
            _ => word.split_at(word.len() - word.chars().next_back().map_or(0, char::len_utf8)),
        };
        shown.push_str(if is_token(name) { "*" } else { name });
        shown.push_str(end);
    }
    clip(&one_line(&shown), 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_in_a_key_is_not_shown() {
        for (key, expected) in [
            ("player:4711:gold", "player:4711:gold"),
            ("session:0f8fad5b-d9cb-469f-a165-70867728950e", "session:*"),
            ("s:ZXlKaGJHY2lPaUpJVXpJMU5pSjk0:x", "s:*:x"),
            ("leaderboard:season-spring-final", "leaderboard:season-spring-final"),
            ("a\nb", "a\\nb"),
        ] {
            assert_eq!(shown(key), expected);
        }
    }
}
