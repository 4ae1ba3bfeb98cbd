//! Connection URLs of PostgreSQL, read as libpq reads them (PostgreSQL manual, "Connection URIs").

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::service::Asked;
use crate::model::schema::text_schema;
use crate::model::text::one_line;
use crate::net::channel::Keepalive;
use crate::net::percent;

/// A connection URL, `postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE`.
///
/// Shown and serialized without its password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PgUrl {
    /// Where the server listens.
    pub host: Host,
    /// The address to connect to instead of looking the host up.
    pub hostaddr: Option<IpAddr>,
    /// The port; part of the socket's name where the host is a directory.
    pub port: u16,
    /// The role to log in as.
    pub user: String,
    /// The database; the user's name where the URL has none.
    pub database: String,
    /// How much of TLS is asked for.
    pub sslmode: SslMode,
    /// The roots to trust; the system's own where the URL names none.
    pub sslrootcert: Option<PathBuf>,
    /// The client's certificate and its key, PEM files.
    pub client_cert: Option<(PathBuf, PathBuf)>,
    /// What kind of server the session must be on.
    pub session: SessionAttrs,
    /// Whether the password must be bound to the TLS channel.
    pub channel_binding: Binding,
    /// Command-line options for the server's session.
    pub options: Option<String>,
    /// The most time to spend on opening one connection.
    pub connect_timeout: Option<Duration>,
    /// When the operating system asks whether the other side is still there.
    pub keepalive: Keepalive,
    /// The file to find the password in, where the URL has none.
    pub passfile: Option<PathBuf>,
    /// The service that completes it; what the URL does not say is not known before.
    pub(super) service: Option<Asked>,
    pub(super) password: Option<Secret>,
}

/// Bytes that are never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub(super) Vec<u8>);

text_schema!(
    PgUrl,
    "PgUrl",
    "A connection URL of PostgreSQL: postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=verify-full",
    "format": "uri"
);

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// A name or an address.
    Tcp(String),
    /// The directory of its unix socket.
    Unix(PathBuf),
}

/// `sslmode`, with libpq's meanings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Never TLS.
    Disable,
    /// TLS only where the server insists.
    Allow,
    /// TLS where the server has it, unverified: libpq's default.
    Prefer,
    /// TLS, unverified unless `sslrootcert` is given.
    Require,
    /// TLS with a chain that ends at a trusted root, for whatever name.
    VerifyCa,
    /// TLS with a chain that ends at a trusted root, and for this name.
    VerifyFull,
}

/// `target_session_attrs`, with libpq's meanings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SessionAttrs {
    /// The URL does not say.
    Unsaid,
    /// Any server will do, and the URL says so.
    Any,
    /// A session that can write.
    ReadWrite,
    /// A session that cannot write.
    ReadOnly,
    /// A server that is not in recovery.
    Primary,
    /// A server in recovery.
    Standby,
}

/// `channel_binding`, with libpq's meanings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Never.
    Disable,
    /// Where both sides can: libpq's default.
    Prefer,
    /// Or not at all.
    Require,
}

impl PgUrl {
    /// The password, when the URL has one.
    #[must_use]
    pub fn password(&self) -> Option<&[u8]> {
        self.password.as_ref().map(|secret| secret.0.as_slice())
    }

    /// Host and port, or the path of the socket; in words, where a service has them.
    #[must_use]
    pub fn place(&self) -> String {
        if let Some(asked) = &self.service {
            let name = asked.name.as_deref().map_or("$PGSERVICE".to_owned(), one_line);
            return format!("the service {name}");
        }
        match &self.host {
            Host::Tcp(host) => joined(host, self.port),
            Host::Unix(_) => self.socket().unwrap_or_default().display().to_string(),
        }
    }

    /// The path of the unix socket, where the host is a directory.
    #[must_use]
    pub fn socket(&self) -> Option<PathBuf> {
        match &self.host {
            Host::Tcp(_) => None,
            Host::Unix(dir) => Some(dir.join(format!(".s.PGSQL.{}", self.port))),
        }
    }

    /// What a finding is about: place and database, without role or password.
    #[must_use]
    pub fn target(&self) -> String {
        if self.service.is_some() {
            return self.place();
        }
        format!("{}/{}", self.place(), self.database)
    }

    /// The same URL for another database of the same server.
    #[must_use]
    pub fn with_database(&self, database: &str) -> Self {
        Self { database: database.to_owned(), ..self.clone() }
    }

    /// The URL without its password, for a command that a person pastes.
    #[must_use]
    pub fn without_password(&self) -> String {
        let (host, directory) = match &self.host {
            Host::Tcp(host) => (joined(host, self.port), None),
            Host::Unix(dir) => (joined("", self.port), Some(dir.display().to_string())),
        };
        let user = match self.user.as_str() {
            "" => String::new(),
            user => percent::encode(user) + "@",
        };
        let mut url = format!("postgresql://{user}{host}/{}", percent::encode(&self.database));
        let mut joint = '?';
        let mut add = |key: &str, value: &str| {
            url.extend([joint.to_string(), key.to_owned(), "=".to_owned(), percent::encode(value)]);
            joint = '&';
        };
        if let Some(asked) = &self.service {
            add("service", asked.name.as_deref().unwrap_or_default());
            if let Some(file) = &asked.file {
                add("servicefile", &file.display().to_string());
            }
        }
        if let Some(directory) = directory {
            add("host", &directory);
        }
        if let Some(address) = self.hostaddr {
            add("hostaddr", &address.to_string());
        }
        if self.sslmode != SslMode::Prefer {
            add("sslmode", self.sslmode.as_str());
        }
        if let Some(root) = &self.sslrootcert {
            add("sslrootcert", &root.display().to_string());
        } else if self.sslmode == SslMode::VerifyFull {
            add("sslrootcert", "system");
        }
        if let Some((cert, key)) = &self.client_cert {
            add("sslcert", &cert.display().to_string());
            add("sslkey", &key.display().to_string());
        }
        match self.channel_binding {
            Binding::Prefer => {}
            Binding::Disable => add("channel_binding", "disable"),
            Binding::Require => add("channel_binding", "require"),
        }
        if let Some(options) = &self.options {
            add("options", options);
        }
        if let Some(file) = &self.passfile {
            add("passfile", &file.display().to_string());
        }
        if let Some(session) = self.session.as_str() {
            add("target_session_attrs", session);
        }
        url
    }
}

/// Host and port as they stand in a URL; port 0 is unsaid.
fn joined(host: &str, port: u16) -> String {
    let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    if port == 0 { host } else { format!("{host}:{port}") }
}

impl SessionAttrs {
    /// The word in a URL; `None` when it does not say.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Unsaid => None,
            Self::Any => Some("any"),
            Self::ReadWrite => Some("read-write"),
            Self::ReadOnly => Some("read-only"),
            Self::Primary => Some("primary"),
            Self::Standby => Some("standby"),
        }
    }
}

impl SslMode {
    /// The word in a URL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

impl fmt::Debug for PgUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PgUrl").field(&self.without_password()).finish()
    }
}

impl From<PgUrl> for String {
    fn from(url: PgUrl) -> Self {
        url.without_password()
    }
}

impl TryFrom<String> for PgUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> PgUrl {
        text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn urls_are_read_as_libpq_reads_them() {
        for (text, place, user, database) in [
            ("postgres://u@h", "h:5432", "u", "u"),
            ("postgresql://u:p@h:1/d", "h:1", "u", "d"),
            ("postgres://u@[::1]:6432/d?sslmode=disable", "[::1]:6432", "u", "d"),
            ("postgres://u@%2Frun%2Fpg:5433/d", "/run/pg/.s.PGSQL.5433", "u", "d"),
            ("postgres:///d?host=/run/pg&user=u", "/run/pg/.s.PGSQL.5432", "u", "d"),
            ("postgres://u@/d?host=h&port=2", "h:2", "u", "d"),
            ("postgres://u@h/d?hostaddr=192.0.2.1", "h:5432", "u", "d"),
            ("postgres://a%40b@h/d%20e", "h:5432", "a@b", "d e"),
        ] {
            let url = read(text);
            assert_eq!(
                (url.place().as_str(), url.user.as_str(), url.database.as_str()),
                (place, user, database),
                "{text}"
            );
        }
    }

    #[test]
    fn a_password_may_be_pasted_as_it_is() {
        for (text, password) in [
            ("postgres://u:p%40ss@h/d", "p@ss"),
            ("postgres://u:p@ss@h/d", "p@ss"),
            ("postgres://u:p/a:s?s@h/d", "p/a:s?s"),
            ("postgres://u:100%@h/d", "100%"),
            ("postgres://u:100%zz@h/d?sslmode=require", "100%zz"),
            ("postgres://u:é@h/d", "é"),
            ("postgres://u@h/d?password=x", "x"),
        ] {
            let url = read(text);
            assert_eq!(url.password(), Some(password.as_bytes()), "{text}");
            assert_eq!(url.place(), "h:5432", "{text}");
        }
        assert_eq!(read("postgres://u:@h/d").password(), None);
    }

    #[test]
    fn what_is_said_about_a_bad_url_never_quotes_it() {
        for text in [
            "mysql://u:hunter2@h/d",
            "postgres://u:hunter2@h,i/d",
            "postgres://u:hunter2@h:port/d",
            "postgres://u:hunter2@h/d?ssl=hunter2",
            "postgres://u:hunter2@h/d?hunter2=1",
            "postgres://u:hunter2@h/d?sslmode=hunter2",
            "postgres://u:hunter2@h/d?sslmode=require&sslrootcert=system",
            "postgres://u:hunter2@h/d?sslcert=x",
            "postgres://u:hunter2@",
            "postgres://:hunter2@h/d",
            "postgres://u:hunter2/d",
            "postgres://u:hunter2@[h]/d",
        ] {
            let error = text.parse::<PgUrl>().expect_err(text);
            assert!(!error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn a_url_is_shown_and_written_without_its_password() {
        let url = read("postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=ca.pem");
        let shown = format!("{url:?} {} {}", url.target(), String::from(url.clone()));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(
            url.without_password(),
            "postgresql://u@h:5432/d?sslmode=verify-full&sslrootcert=ca.pem"
        );
        assert_eq!(
            read("postgres:///d?host=/run/pg&user=u").without_password(),
            "postgresql://u@:5432/d?host=/run/pg"
        );
        for text in [
            "postgresql://u@h:5432/d?sslmode=verify-ca",
            "postgresql://u@h:5432/d?sslmode=verify-full&sslrootcert=system",
            "postgresql://u@h:5432/d?sslmode=require&sslcert=c.pem&sslkey=k.pem&channel_binding=require",
            "postgresql://u@h:5432/d?channel_binding=disable&options=-c%20a%3Db",
        ] {
            assert_eq!(read(text).without_password(), text);
        }
    }
}
