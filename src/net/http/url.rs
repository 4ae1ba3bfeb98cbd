//! URLs of HTTP, read once and shown without their secrets.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;
use serde::{Deserialize, Serialize};

use crate::model::schema::text_schema;

/// An `http://` or `https://` URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HttpUrl(Url);

text_schema!(
    HttpUrl,
    "HttpUrl",
    "A URL that begins with http:// or https://.",
    "format": "uri",
    "pattern": "^[Hh][Tt][Tt][Pp][Ss]?://."
);

impl HttpUrl {
    /// The URL as the client wants it.
    #[must_use]
    pub const fn url(&self) -> &Url {
        &self.0
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.0.scheme()
    }

    /// The host: a name in ASCII, or an address without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default().trim_matches(['[', ']'])
    }

    /// The host as an address, when it is one.
    #[must_use]
    pub fn ip(&self) -> Option<IpAddr> {
        self.host().parse().ok()
    }

    /// The port, the scheme's own where none is written.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or(80)
    }

    /// `HOST:PORT`, an IPv6 address in brackets.
    #[must_use]
    pub fn authority(&self) -> String {
        format!("{}:{}", self.0.host_str().unwrap_or_default(), self.port())
    }

    /// Scheme, host, port and path: without credentials, query and fragment, which can be secret.
    #[must_use]
    pub fn shown(&self) -> String {
        let port = self.0.port().map_or_else(String::new, |port| format!(":{port}"));
        let host = self.0.host_str().unwrap_or_default();
        let path = self.0.path();
        let path = if path == "/" { "" } else { path };
        format!("{}://{host}{port}{path}", self.scheme())
    }

    /// The URL a `Location` leads to; `None` when it leads out of HTTP or nowhere.
    #[must_use]
    pub fn follow(&self, location: &str) -> Option<Self> {
        let mut url = self.0.join(location).ok()?;
        url.set_fragment(None);
        Self::new(url).ok()
    }

    /// Why this is no URL that others begin with, and what to write; `None` where it is one. What follows
    /// a `#` is never sent (RFC 9110 §7.1): it is the address of a page in a browser.
    #[must_use]
    pub fn no_base(&self) -> Option<(String, String)> {
        self.0.fragment()?;
        Some(("a base URL has no `#`".to_owned(), format!("write {}", self.shown())))
    }

    /// The URL of a path below this one, whether or not this one ends with a slash.
    #[must_use]
    pub fn below(&self, path: &str, query: &[(&str, &str)]) -> Self {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{path}", self.0.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Self(url)
    }

    fn new(url: Url) -> Result<Self, String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the scheme is {}, not http or https", url.scheme()));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("the host is missing".to_owned());
        }
        if url.port() == Some(0) {
            return Err("the port is a number from 1 to 65535".to_owned());
        }
        Ok(Self(url))
    }
}

impl FromStr for HttpUrl {
    type Err = String;

    // The text itself stays out of the message: it can hold a password.
    fn from_str(text: &str) -> Result<Self, String> {
        let bad = |why: String| format!("not a URL such as https://host/path: {why}");
        let text = text.trim();
        let http = |scheme: &str| {
            let begins = text.get(..scheme.len());
            begins.is_some_and(|begins| begins.eq_ignore_ascii_case(scheme))
        };
        // `host:8080/x` would be a URL of the scheme `host`.
        if !text.contains("://") && !http("http:") && !http("https:") {
            return Err(bad("it does not begin with http:// or https://".to_owned()));
        }
        let url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
        Self::new(url).map_err(bad)
    }
}

impl TryFrom<String> for HttpUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<HttpUrl> for String {
    fn from(url: HttpUrl) -> Self {
        url.0.into()
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_shown_without_their_secrets() {
        for (text, shown, authority) in [
            ("https://u:p@a.example/x?token=1#f", "https://a.example/x", "a.example:443"),
            ("http://[::1]:8080/", "http://[::1]:8080", "[::1]:8080"),
            ("HTTP://A.example", "http://a.example", "a.example:80"),
        ] {
            let url: HttpUrl = text.parse().expect(text);
            assert_eq!((url.to_string().as_str(), url.authority().as_str()), (shown, authority));
        }
        for bad in
            ["a.example", "ftp://a", "http://", "http://:80", "/x", "http://a:0", "http://a b"]
        {
            assert!(bad.parse::<HttpUrl>().is_err(), "{bad}");
        }
        for bare in ["127.0.0.1:80/x", "a.example/x", "localhost:80"] {
            let error = bare.parse::<HttpUrl>().expect_err("no scheme");
            assert!(error.ends_with("it does not begin with http:// or https://"), "{error}");
        }
        let error = "http://u:hunter2@a:99999/".parse::<HttpUrl>().expect_err("a bad port");
        assert!(!error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_path_is_put_below_a_prefix() {
        for (base, url) in [
            ("http://a", "http://a/api/v2/status"),
            ("http://a/", "http://a/api/v2/status"),
            ("http://a/am", "http://a/am/api/v2/status"),
            ("http://a/am/", "http://a/am/api/v2/status"),
        ] {
            let base: HttpUrl = base.parse().expect(base);
            assert_eq!(base.below("api/v2/status", &[]).to_string(), url);
        }
    }

    #[test]
    fn the_address_of_a_page_is_no_base() {
        let page: HttpUrl = "http://a:9093/am/#/alerts".parse().expect("a URL");
        let help = page.no_base().map(|(_, help)| help);
        assert_eq!(help.as_deref(), Some("write http://a:9093/am/"));
        assert_eq!("http://a:9093/am/".parse::<HttpUrl>().expect("a URL").no_base(), None);
    }

    #[test]
    fn redirects_stay_within_http() {
        let url: HttpUrl = "https://a.example/x/y?z".parse().expect("a URL");
        for (location, to) in [
            ("/w", Some("https://a.example/w")),
            ("w", Some("https://a.example/x/w")),
            ("//b.example/", Some("https://b.example")),
            ("javascript:alert(1)", None),
            ("file:///etc/passwd", None),
        ] {
            assert_eq!(url.follow(location).map(|u| u.to_string()).as_deref(), to, "{location}");
        }
    }
}
