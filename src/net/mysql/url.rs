//! Connection URLs of MySQL and MariaDB, with the options of the `mysql` command.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::schema::text_schema;
use crate::net::percent;

/// A connection URL, `mysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl-mode=VERIFY_IDENTITY`.
///
/// Shown and serialized without its password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MyUrl {
    /// The host and its port; with a socket the host is only shown.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The unix socket to use instead.
    pub socket: Option<PathBuf>,
    /// The user.
    pub user: String,
    /// The database; none where the URL has none.
    pub database: Option<String>,
    /// How much of TLS is asked for.
    pub ssl_mode: SslMode,
    /// The roots to trust; the system's own where the URL names none.
    pub ssl_ca: Option<PathBuf>,
    password: Option<String>,
}

/// `ssl-mode`, with the meanings of the `mysql` command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Never TLS.
    Disabled,
    /// TLS where the server has it, unverified: the default.
    Preferred,
    /// TLS, unverified.
    Required,
    /// TLS with a chain that ends at a trusted root.
    VerifyCa,
    /// TLS with a chain that ends at a trusted root, and for this name.
    VerifyIdentity,
}

text_schema!(
    MyUrl,
    "MyUrl",
    "A connection URL of MySQL or MariaDB: mysql://USER:PASSWORD@HOST:PORT/DATABASE?ssl-mode=VERIFY_IDENTITY",
    "format": "uri"
);

const MODES: &[SslMode] = &[
    SslMode::Disabled,
    SslMode::Preferred,
    SslMode::Required,
    SslMode::VerifyCa,
    SslMode::VerifyIdentity,
];

impl SslMode {
    /// The word in a URL, and of the `mysql` command.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disabled => "DISABLED",
            Self::Preferred => "PREFERRED",
            Self::Required => "REQUIRED",
            Self::VerifyCa => "VERIFY_CA",
            Self::VerifyIdentity => "VERIFY_IDENTITY",
        }
    }
}

impl MyUrl {
    /// The password; empty when the URL has none.
    #[must_use]
    pub fn password(&self) -> &str {
        self.password.as_deref().unwrap_or_default()
    }

    /// Host and port, or the path of the socket.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.socket {
            Some(path) => path.display().to_string(),
            None if self.host.contains(':') => format!("[{}]:{}", self.host, self.port),
            None => format!("{}:{}", self.host, self.port),
        }
    }

    /// What a finding is about: place and database, without user or password.
    #[must_use]
    pub fn target(&self) -> String {
        match &self.database {
            Some(database) => format!("{}/{database}", self.place()),
            None => self.place(),
        }
    }
}

impl fmt::Debug for MyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MyUrl").field(&String::from(self.clone())).finish()
    }
}

impl From<MyUrl> for String {
    fn from(url: MyUrl) -> Self {
        let host = MyUrl { socket: None, ..url.clone() }.place();
        let mode = Some(url.ssl_mode.as_str()).filter(|_| url.ssl_mode != SslMode::Preferred);
        let file = |file: PathBuf| percent::encode(&file.display().to_string());
        let options = [
            ("ssl-mode", mode.map(str::to_owned)),
            ("ssl-ca", url.ssl_ca.map(file)),
            ("socket", url.socket.map(file)),
        ];
        let options =
            options.into_iter().filter_map(|(key, value)| Some(format!("{key}={}", value?)));
        let options: Vec<String> = options.collect();
        let joint = if options.is_empty() { "" } else { "?" };
        let database = percent::encode(&url.database.unwrap_or_default());
        let user = percent::encode(&url.user);
        format!("mysql://{user}@{host}/{database}{joint}{}", options.join("&"))
    }
}

impl TryFrom<String> for MyUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl FromStr for MyUrl {
    type Err = String;

    /// Reads a URL. What is said about a bad one never quotes it: it holds a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix("mysql://")
            .or_else(|| text.strip_prefix("mariadb://"))
            .ok_or("a URL of MySQL begins with mysql:// or mariadb://")?;
        // A password pasted in as it is can hold `@`, `/` and `?`: the last `@` ends it.
        let (user_info, rest) =
            rest.rsplit_once('@').ok_or("the URL names no user: mysql://USER@HOST/DATABASE")?;
        let (user, password) = user_info.split_once(':').unwrap_or((user_info, ""));
        let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
        let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (host, port) = place_of(place)?;
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        let mut url = Self {
            host,
            port,
            socket: None,
            user: decode(user)?,
            database: some(decode(database)?),
            ssl_mode: SslMode::Preferred,
            ssl_ca: None,
            password: some(decode(password)?),
        };
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (key, value) = option.split_once('=').ok_or("an option of the URL has no `=`")?;
            url.option(key, decode(value)?)?;
        }
        match (url.user.is_empty(), url.host.is_empty() && url.socket.is_none()) {
            (true, _) => Err("the URL names no user: mysql://USER@HOST/DATABASE".to_owned()),
            (false, true) => Err("the URL names no host".to_owned()),
            (false, false) => Ok(url),
        }
    }
}

impl MyUrl {
    fn option(&mut self, key: &str, value: String) -> Result<(), String> {
        match key.replace('_', "-").as_str() {
            "ssl-mode" => {
                let wanted = value.to_uppercase().replace('-', "_");
                let known = MODES.iter().find(|mode| mode.as_str() == wanted);
                let words: Vec<&str> = MODES.iter().map(|mode| mode.as_str()).collect();
                self.ssl_mode = *known
                    .ok_or_else(|| format!("`ssl-mode` must be one of {}", words.join(", ")))?;
            }
            "ssl-ca" => self.ssl_ca = Some(value.into()),
            "socket" => self.socket = Some(value.into()),
            _ => {
                return Err(
                    "an option of the URL is not known here; known: ssl-mode, ssl-ca, socket"
                        .to_owned(),
                );
            }
        }
        Ok(())
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
    let port = match port {
        "" => 3306,
        port => port.parse().map_err(|_| "the port of the URL is not a number")?,
    };
    Ok((decode(host)?, port))
}

fn decode(text: &str) -> Result<String, String> {
    String::from_utf8(percent::decode(text))
        .ok()
        .filter(|text| !text.contains('\0'))
        .ok_or_else(|| "a part of the URL is not text once decoded".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_written_with_all_that_it_asks_for_but_the_password() {
        for text in [
            "mysql://u@h:3306/",
            "mysql://u%40x@[::1]:1/d%20e?ssl-mode=VERIFY_IDENTITY&ssl-ca=ca.pem",
            "mysql://u@h:3306/d?ssl-mode=REQUIRED&socket=/run/my.sock",
        ] {
            let url: MyUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(String::from(url), text);
        }
    }

    #[test]
    fn urls_are_read_and_never_shown_with_their_password() {
        for (text, target, password) in [
            ("mysql://u@h", "h:3306", ""),
            ("mariadb://u:secret@h:1/d?ssl-mode=REQUIRED", "h:1/d", "secret"),
            (
                "mysql://u:secret%40/?@[::1]/d?ssl_mode=verify_ca&ssl-ca=ca.pem",
                "[::1]:3306/d",
                "secret@/?",
            ),
            ("mysql://u@/d?socket=/run/my.sock", "/run/my.sock/d", ""),
        ] {
            let url: MyUrl = text.parse().unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!((url.target().as_str(), url.password()), (target, password), "{text}");
            assert!(!format!("{url:?}").contains("secret"), "{url:?}");
        }
        for text in [
            "postgres://u@h",
            "mysql://h/d",
            "mysql://:secret@h",
            "mysql://u:secret@",
            "mysql://u:secret@h:x",
            "mysql://u:secret@h?secret=1",
            "mysql://u:secret@h?ssl-mode=secret",
        ] {
            let error = text.parse::<MyUrl>().expect_err(text);
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
