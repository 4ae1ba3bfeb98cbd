//! Connection URLs of Redis, as its own tools take them.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::schema::text_schema;
use crate::net::percent;

/// A connection URL, `redis://USER:PASSWORD@HOST:PORT/DATABASE`, or `rediss://` for TLS.
///
/// Shown and serialized without its password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RedisUrl {
    /// Where the server listens.
    pub host: Host,
    /// Whether TLS protects the connection.
    pub tls: bool,
    /// The user; `None` for the default one.
    pub user: Option<String>,
    /// The number of the database.
    pub database: u32,
    password: Option<String>,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name or an address, and a port.
    Tcp(String, u16),
    /// The path of its unix socket.
    Unix(PathBuf),
}

text_schema!(
    RedisUrl,
    "RedisUrl",
    "A connection URL of Redis: redis://USER:PASSWORD@HOST:PORT/DATABASE, rediss:// for TLS, unix:///PATH",
    "format": "uri"
);

impl RedisUrl {
    /// The password, when the URL has one.
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref()
    }

    /// Host and port, or the path of the socket.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.host {
            Host::Tcp(host, port) if host.contains(':') => format!("[{host}]:{port}"),
            Host::Tcp(host, port) => format!("{host}:{port}"),
            Host::Unix(path) => path.display().to_string(),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisUrl").field(&String::from(self.clone())).finish()
    }
}

impl From<RedisUrl> for String {
    fn from(url: RedisUrl) -> Self {
        let user = url.user.as_ref().map_or(String::new(), |user| percent::encode(user) + "@");
        match (&url.host, url.tls) {
            (Host::Unix(path), _) => format!("unix://{}", path.display()),
            (Host::Tcp(..), true) => format!("rediss://{user}{}/{}", url.place(), url.database),
            (Host::Tcp(..), false) => format!("redis://{user}{}/{}", url.place(), url.database),
        }
    }
}

impl TryFrom<String> for RedisUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for RedisUrl {
    type Err = String;

    /// Reads a URL. What is said about a bad one never quotes it: it holds a password.
    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix://") {
            let path = PathBuf::from(path);
            return if path.is_absolute() {
                Ok(Self {
                    host: Host::Unix(path),
                    tls: false,
                    user: None,
                    database: 0,
                    password: None,
                })
            } else {
                Err("a unix socket is written with three slashes, unix:///PATH".to_owned())
            };
        }
        let (tls, rest) = match (text.strip_prefix("redis://"), text.strip_prefix("rediss://")) {
            (Some(rest), _) => (false, rest),
            (None, Some(rest)) => (true, rest),
            (None, None) => {
                return Err("a URL of Redis begins with redis://, rediss:// or unix://".to_owned());
            }
        };
        // A password pasted in as it is can hold `@` and `/`: the last `@` ends it.
        let (user_info, rest) = rest.rsplit_once('@').map_or((None, rest), |(a, b)| (Some(a), b));
        let (user, password) = match user_info.map(|it| it.split_once(':').unwrap_or((it, ""))) {
            Some((user, password)) => (decode(user)?, decode(password)?),
            None => (String::new(), String::new()),
        };
        let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
        let database = match database {
            "" => 0,
            number => number.parse().map_err(|_| "the database of the URL is not a number")?,
        };
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let (host, port) = place_of(place)?;
        Ok(Self {
            host: Host::Tcp(host, port),
            tls,
            user: some(user),
            database,
            password: some(password),
        })
    }
}

fn place_of(text: &str) -> Result<(String, u16), String> {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or("a bracket in the URL is open")?;
            (host, port.strip_prefix(':').unwrap_or(port))
        }
        None => text.split_once(':').unwrap_or((text, "")),
    };
    if host.is_empty() {
        return Err("the URL names no host".to_owned());
    }
    let port = match port {
        "" => 6379,
        port => port.parse().map_err(|_| {
            "the port of the URL is not a number; a password with `@` in it must be percent-encoded"
        })?,
    };
    Ok((host.to_owned(), port))
}

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String, String> {
    String::from_utf8(percent::decode(text))
        .map_err(|_| "a part of the URL is not text once decoded".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_with_a_colon_is_not_written_as_one_with_a_password() {
        let url: RedisUrl = "redis://a%3Ab:secret@h:1/2".parse().expect("a good URL");
        assert_eq!(url.user.as_deref(), Some("a:b"));
        let written = String::from(url);
        assert_eq!(written, "redis://a%3Ab@h:1/2");
        let again: RedisUrl = written.parse().expect("it can be read back");
        assert_eq!((again.user.as_deref(), again.password()), (Some("a:b"), None));
    }

    #[test]
    fn urls_are_read_and_never_shown_with_their_password() {
        for (text, place, user, password) in [
            ("redis://h", "h:6379", None, None),
            ("redis://:secret@h:1/2", "h:1", None, Some("secret")),
            ("rediss://u:secret%40@[::1]:6380/0", "[::1]:6380", Some("u"), Some("secret@")),
            ("redis://u:secret/@:@h", "h:6379", Some("u"), Some("secret/@:")),
            ("unix:///run/redis.sock", "/run/redis.sock", None, None),
        ] {
            let url: RedisUrl = text.parse().expect(text);
            assert_eq!(url.place(), place, "{text}");
            assert_eq!((url.user.as_deref(), url.password()), (user, password), "{text}");
            assert!(!format!("{url:?}").contains("secret"), "{url:?}");
        }
        for text in [
            "http://h",
            "redis://",
            "redis://u:secret@",
            "redis://u:secret@h:x",
            "redis://h/x",
            "unix://x",
        ] {
            let error = text.parse::<RedisUrl>().expect_err(text);
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
