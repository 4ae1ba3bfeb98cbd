//! Reading a connection URL the way libpq does, but kinder to a password pasted in as it is.

use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::service::Asked;
use super::url::{Binding, Host, PgUrl, Secret, SessionAttrs, SslMode};
use crate::model::text::did_you_mean;
use crate::net::channel::Keepalive;
use crate::net::percent;

impl FromStr for PgUrl {
    type Err = String;

    /// Reads a URL. What is said about a bad one never quotes it: it holds a password.
    fn from_str(text: &str) -> Result<Self, String> {
        Parts::default().read(text)?.finish(text)
    }
}

impl Parts {
    /// Reads a URL over what is known already.
    pub(super) fn read(self, text: &str) -> Result<Self, String> {
        let rest = text
            .strip_prefix("postgres://")
            .or_else(|| text.strip_prefix("postgresql://"))
            .ok_or("a URL of PostgreSQL begins with postgres:// or postgresql://")?;
        let (main, query) = split_query(rest);
        let mut parts = self;
        let main = match main.rsplit_once('@') {
            Some((userinfo, main)) => {
                parts.userinfo(userinfo)?;
                main
            }
            None => main,
        };
        let (hosts, database) = main.split_once('/').unwrap_or((main, ""));
        parts.hosts(hosts)?;
        if !database.is_empty() {
            parts.database = Some(decode(database)?);
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or("an option of the URL has no `=`")?;
            parts.option(&decode(key)?, decode(value)?)?;
        }
        Ok(parts)
    }
}

/// Cuts off the options. A password pasted in as it is can hold `?` and `@` too, so the options
/// begin at the first `?` after the `@` that ends the password.
fn split_query(rest: &str) -> (&str, &str) {
    let (main, query) = rest.split_once('?').unwrap_or((rest, ""));
    match rest.rfind('@') {
        Some(at) if !main.contains('@') => match rest[at..].find('?') {
            Some(mark) => (&rest[..at + mark], &rest[at + mark + 1..]),
            None => (rest, ""),
        },
        Some(_) | None => (main, query),
    }
}

/// The pieces of a URL while it is read.
#[derive(Default)]
pub(super) struct Parts {
    user: Option<String>,
    password: Option<Vec<u8>>,
    host: Option<String>,
    hostaddr: Option<IpAddr>,
    port: Option<u16>,
    database: Option<String>,
    sslmode: Option<SslMode>,
    sslrootcert: Option<String>,
    sslcert: Option<PathBuf>,
    sslkey: Option<PathBuf>,
    passfile: Option<PathBuf>,
    session: Option<SessionAttrs>,
    channel_binding: Option<Binding>,
    options: Option<String>,
    connect_timeout: Option<Duration>,
    keepalive: Keepalive,
    service: Option<String>,
    service_file: Option<PathBuf>,
}

impl Parts {
    fn userinfo(&mut self, text: &str) -> Result<(), String> {
        let (user, password) = match text.split_once(':') {
            Some((user, password)) => (user, Some(password)),
            None => (text, None),
        };
        if !user.is_empty() {
            self.user = Some(decode(user)?);
        }
        // `USER:@` has none, and what is known already stays.
        let password = password.filter(|text| !text.is_empty()).map(percent::decode);
        self.password = password.or(self.password.take());
        Ok(())
    }

    fn hosts(&mut self, text: &str) -> Result<(), String> {
        if text.contains(',') {
            return Err(SEVERAL.to_owned());
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest.split_once(']').ok_or("a bracket in the URL is open")?;
                host.parse::<std::net::Ipv6Addr>()
                    .map_err(|_| "there is no IPv6 address in the brackets of the URL")?;
                (host, port.strip_prefix(':').unwrap_or(port))
            }
            None => text.split_once(':').unwrap_or((text, "")),
        };
        if !host.is_empty() {
            self.host = Some(decode(host)?);
        }
        if !port.is_empty() {
            self.port = Some(number(port, "port")?);
        }
        Ok(())
    }

    pub(super) fn option(&mut self, key: &str, value: String) -> Result<(), String> {
        match key {
            "user" => self.user = Some(value),
            "password" => self.password = Some(value.into_bytes()),
            "host" if value.contains(',') => return Err(SEVERAL.to_owned()),
            "host" => self.host = Some(value),
            "hostaddr" => {
                let address = value.parse().map_err(|_| "`hostaddr` is not one IP address")?;
                self.hostaddr = Some(address);
            }
            "port" => self.port = Some(number(&value, key)?),
            "dbname" => self.database = Some(value),
            "sslmode" => self.sslmode = Some(word(key, &value, SSL_MODES)?),
            "sslrootcert" => self.sslrootcert = Some(value),
            "sslcert" => self.sslcert = Some(value.into()),
            "sslkey" => self.sslkey = Some(value.into()),
            "service" => self.service = Some(value),
            "servicefile" => self.service_file = Some(value.into()),
            "passfile" => self.passfile = Some(value.into()),
            "target_session_attrs" => self.session = Some(word(key, &value, SESSIONS)?),
            "channel_binding" => self.channel_binding = Some(word(key, &value, BINDINGS)?),
            "options" => self.options = Some(value),
            "connect_timeout" => self.connect_timeout = seconds(&value, key)?,
            "keepalives" => self.keepalive.on = number::<u8>(&value, key)? != 0,
            "keepalives_idle" => self.keepalive.idle = seconds(&value, key)?,
            "keepalives_interval" => self.keepalive.interval = seconds(&value, key)?,
            "keepalives_count" => {
                let count = number::<i32>(&value, key)?;
                self.keepalive.count = u32::try_from(count).ok().filter(|count| *count > 0);
            }
            // Replaced by the probe's own name, which is how its sessions are told from others.
            "application_name" | "fallback_application_name" => {}
            // What it asks not to be used, this client does not have.
            "gssencmode" if value != "require" => {}
            _ => return Err(unknown_option(key)),
        }
        Ok(())
    }

    /// The URL, now that its service is known and nothing is left to ask for.
    pub(super) fn whole(self) -> Result<PgUrl, String> {
        Self { service: None, service_file: None, ..self }.finish("")
    }

    /// The URL; where it asks for a service it may lack what that will say. `written` is what it was read
    /// from.
    fn finish(self, written: &str) -> Result<PgUrl, String> {
        let service = match (&self.service, &self.service_file) {
            (Some(name), file) => Some(Asked {
                name: Some(name.clone()).filter(|name| !name.is_empty()),
                file: file.clone(),
                written: Secret(written.as_bytes().to_vec()),
            }),
            (None, Some(_)) => return Err("`servicefile` goes with `service`".to_owned()),
            (None, None) => None,
        };
        let open = service.is_some();
        let user = self.user.filter(|user| !user.is_empty());
        let user = user.or_else(|| open.then(String::new)).ok_or(
            "the URL names no user; write postgres://USER@HOST/DATABASE, the name of whoever runs \
             this is not guessed",
        )?;
        let host = match (self.host.filter(|host| !host.is_empty()), self.hostaddr) {
            (Some(host), _) if host.starts_with('/') => Host::Unix(host.into()),
            (Some(host), _) => Host::Tcp(host),
            (None, Some(address)) => Host::Tcp(address.to_string()),
            (None, None) if open => Host::Tcp(String::new()),
            (None, None) => {
                return Err("the URL names no host; a unix socket is written as its directory, \
                            ?host=/var/run/postgresql"
                    .to_owned());
            }
        };
        let client_cert = match (self.sslcert, self.sslkey) {
            (Some(cert), Some(key)) => Some((cert, key)),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) if open => None,
            (Some(_), None) | (None, Some(_)) => {
                return Err("`sslcert` and `sslkey` go together".to_owned());
            }
        };
        let system = self.sslrootcert.as_deref() == Some("system");
        let sslmode = match self.sslmode {
            // As libpq 16 has it: the system's roots sign for everybody, so the name must fit.
            Some(SslMode::VerifyFull) | None if system => SslMode::VerifyFull,
            Some(_) if system && !open => {
                return Err(
                    "`sslrootcert=system` needs `sslmode=verify-full`: those roots sign for \
                            everybody"
                        .to_owned(),
                );
            }
            mode => mode.unwrap_or(SslMode::Prefer),
        };
        Ok(PgUrl {
            host,
            hostaddr: self.hostaddr,
            // Port 0 and a database without a name are for the service to say.
            port: self.port.unwrap_or(if open { 0 } else { 5432 }),
            database: self.database.unwrap_or_else(
                || {
                    if open { String::new() } else { user.clone() }
                },
            ),
            user,
            sslmode,
            sslrootcert: self.sslrootcert.filter(|_| !system).map(PathBuf::from),
            client_cert,
            session: self.session.unwrap_or(SessionAttrs::Unsaid),
            channel_binding: self.channel_binding.unwrap_or(Binding::Prefer),
            options: self.options,
            connect_timeout: self.connect_timeout,
            keepalive: self.keepalive,
            passfile: self.passfile,
            service,
            password: self.password.map(Secret),
        })
    }
}

const SEVERAL: &str =
    "the URL names several hosts; write one check for each, so that each is judged";

const SSL_MODES: &[(&str, SslMode)] = &[
    ("disable", SslMode::Disable),
    ("allow", SslMode::Allow),
    ("prefer", SslMode::Prefer),
    ("require", SslMode::Require),
    ("verify-ca", SslMode::VerifyCa),
    ("verify-full", SslMode::VerifyFull),
];

const SESSIONS: &[(&str, SessionAttrs)] = &[
    ("any", SessionAttrs::Any),
    ("read-write", SessionAttrs::ReadWrite),
    ("read-only", SessionAttrs::ReadOnly),
    ("primary", SessionAttrs::Primary),
    ("standby", SessionAttrs::Standby),
    ("prefer-standby", SessionAttrs::Any),
];

const BINDINGS: &[(&str, Binding)] =
    &[("disable", Binding::Disable), ("prefer", Binding::Prefer), ("require", Binding::Require)];

/// The options this reader knows, for a mistyped one.
const OPTIONS: &[&str] = &[
    "user",
    "password",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "passfile",
    "service",
    "servicefile",
    "target_session_attrs",
    "channel_binding",
    "options",
    "connect_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "application_name",
];

fn unknown_option(key: &str) -> String {
    // The key may be a piece of a password with `?` and `&` in it: only a near miss is quoted.
    match did_you_mean(key, OPTIONS.iter().copied()) {
        Some(near) => format!("an option of the URL is not known; did you mean `{near}`?"),
        None => format!("an option of the URL is not known here; known: {}", OPTIONS.join(", ")),
    }
}

fn word<T: Copy>(key: &str, value: &str, words: &[(&str, T)]) -> Result<T, String> {
    words.iter().find(|(word, _)| *word == value).map(|(_, meaning)| *meaning).ok_or_else(|| {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        format!("`{key}` of the URL must be one of {}", known.join(", "))
    })
}

fn number<T: FromStr>(text: &str, key: &str) -> Result<T, String> {
    text.parse().map_err(|_| {
        format!(
            "`{key}` of the URL is not a number it can be; a password with `/`, `:` or `@` in it \
             must be percent-encoded"
        )
    })
}

/// Seconds; zero and less say nothing.
fn seconds(text: &str, key: &str) -> Result<Option<Duration>, String> {
    let seconds = number::<i32>(text, key)?;
    Ok(u64::try_from(seconds).ok().filter(|seconds| *seconds > 0).map(Duration::from_secs))
}

fn decode(text: &str) -> Result<String, String> {
    let decoded = String::from_utf8(percent::decode(text));
    match decoded {
        Ok(text) if !text.contains('\0') => Ok(text),
        Ok(_) | Err(_) => Err("a part of the URL is not text once decoded".to_owned()),
    }
}
