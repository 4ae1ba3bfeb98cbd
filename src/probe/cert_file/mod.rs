//! Kind `cert_file`: is a certificate on disk ready for the launch?

pub mod codes;
mod judge;
mod open;

use std::path::PathBuf;

use rustls::pki_types::{CertificateDer, ServerName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::tls::expiry::days;
use super::tls::{Renewal, Sent};
use super::{Complaint, JudgeCx, Probe, ProbeCx, Target};
use crate::model::code::Code;
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::peer::Peer;
use crate::model::text::{count, one_line};
use crate::model::time::Span;
use crate::net::pki::certificate::Certificate;
use crate::net::pki::path::Path;
use crate::net::pki::path::{self, Purpose};
use crate::net::pki::pkcs12::Opened;
use crate::net::pki::private_key::{Pair, compare};
use crate::net::pki::roots::Roots;

/// Is a certificate on disk ready for the launch: readable, valid until well after it, for the
/// right names, with the right key?
///
/// ```yaml
/// cert_file:
///   file: /etc/letsencrypt/live/login.example.com/fullchain.pem
///   key: /etc/letsencrypt/live/login.example.com/privkey.pem
///   names: [login.example.com]
/// ```
///
/// For certificates no endpoint shows: a client's for mutual TLS, one that is deployed but not
/// served yet, a bundle of authorities. The file is PEM (anything may stand around the
/// certificates), DER with one certificate, or PKCS#12 (`.p12`, `.pfx`). Of a PKCS#12 file the
/// certificate of its key counts as the first, and the key must belong to it.
///
/// The first certificate counts, together with those in the file that stand above it in its chain.
/// Where the first one is an authority's, the file is taken for a bundle, and each certificate in
/// it is looked at; one that has expired is then a warning as long as others are left.
///
/// Dates are judged as the kind `tls` judges them. Whether a server really serves the file is for
/// `tls` with `file` to say.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CertFile {
    /// The file with the certificate, relative to the checklist, such as
    /// `/etc/letsencrypt/live/login.example.com/fullchain.pem`.
    pub file: PathBuf,
    /// The file that holds the password of a PKCS#12 file, such as `/run/secrets/game.pass`; a line
    /// break at its end does not count. Default: the empty password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_file: Option<PathBuf>,
    /// The private key that belongs to it, a PEM file without a pass phrase. Only its public half
    /// is compared; nothing of it is shown or kept. Default: not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// Names and IP addresses the certificate must be for, such as `[login.example.com]`. Default:
    /// none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// What it is to be used as: `server`, or `client` for mutual TLS. Its purposes (extended key
    /// usage) must allow that. Default: whatever they allow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<Purpose>,
    /// The roots the certificates in the file must lead to: a PEM file, relative to the checklist,
    /// or `platform` for those this machine trusts. Not for a bundle of authorities. Default: not
    /// looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// By how much it must outlive the end of the launch window, such as `7d`. Default: `72h`.
    #[serde(default = "default_margin")]
    pub margin: Span,
    /// Warn when it has less than this left. Default: `30d` where a person renews it (see
    /// `renewal`), and not at all where a machine does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warn_within: Option<Span>,
    /// Who renews it. Default: `auto`.
    #[serde(default)]
    pub renewal: Renewal,
}

fn default_margin() -> Span {
    Span::from_secs(72 * 3600)
}

/// What was seen of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Observation {
    /// The certificates in it, in its order.
    pub certificates: Vec<Sent>,
    /// The certificates that name one another as issuer, from the first on; with the path to a
    /// root where `ca` asks for one.
    pub path: Path,
    /// The names asked for that the first certificate is not for, with the verifier's words.
    pub missing: Vec<(String, String)>,
    /// Whether the key is the certificate's, where one is named, or stands in a PKCS#12 file.
    pub key: Option<Sight<Pair>>,
    /// What the file's password came to.
    #[serde(default)]
    pub password: Password,
}

/// What the password of a file came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Password {
    /// It was right, or none was needed.
    #[default]
    Right,
    /// It was wrong: nothing in the file was seen.
    Wrong,
}

impl CertFile {
    async fn roots(&self, cx: &ProbeCx) -> Result<Option<std::sync::Arc<Roots>>, Fault> {
        Ok(match &self.ca {
            None => None,
            Some(ca) if ca.as_os_str() == "platform" => Some(Roots::platform()?),
            Some(ca) => Some(Roots::file(&cx.path(ca)).await?),
        })
    }

    /// What it is to be used as: what the check says, else what the certificate is for.
    fn purpose(&self, leaf: Option<&Certificate>) -> Purpose {
        let only_client = |leaf: &Certificate| {
            let allows = |purpose: Purpose| leaf.purposes.iter().any(|one| one == purpose.usage());
            allows(Purpose::Client) && !allows(Purpose::Server)
        };
        match self.purpose {
            Some(purpose) => purpose,
            None if leaf.is_some_and(only_client) => Purpose::Client,
            None => Purpose::Server,
        }
    }

    fn missing(&self, leaf: &CertificateDer<'_>) -> Vec<(String, String)> {
        let judged = self.names.iter().filter_map(|name| {
            let words = match ServerName::try_from(name.as_str()) {
                Ok(server) => path::names(leaf, &server).err()?,
                Err(error) => error.to_string(),
            };
            Some((name.clone(), one_line(&words)))
        });
        judged.collect()
    }
}

impl Probe for CertFile {
    const KIND: &'static str = "cert_file";
    const SUMMARY: &'static str = "Is a certificate on disk ready for the launch?";
    const CODES: &'static [&'static Code] = codes::ALL;
    const TARGET: Target = Target::One("file");
    type Observation = Observation;

    fn complaints(&self) -> Vec<Complaint> {
        let bad = self.names.iter().find(|name| ServerName::try_from(name.as_str()).is_err());
        let complaint = bad.map(|name| Complaint {
            key: Some("names"),
            message: format!("`{name}` is no name a certificate can be for"),
            help: Some("write a DNS name without wildcard, or an IP address".to_owned()),
        });
        complaint.into_iter().collect()
    }

    fn peers(&self) -> Vec<Peer> {
        vec![Peer::new("file", self.file.display().to_string())]
    }

    async fn observe(&self, cx: &ProbeCx) -> Result<Observation, Fault> {
        let (found, inside) = match open::open(self, cx).await? {
            Opened::Store(store) => (store.certificates, store.pair),
            Opened::WrongPassword => return Ok(open::locked()),
        };
        let roots = cx.within("reading the roots", self.roots(cx)).await??;
        let leaf = &found[0];
        let key = match &self.key {
            None => inside.map(Sight::Seen),
            Some(key) => {
                let compared = cx.within("reading the key", compare(&cx.path(key), leaf)).await;
                Some(compared.and_then(|compared| compared).into())
            }
        };
        Ok(Observation {
            certificates: found.iter().map(Sent::read).collect(),
            path: path::build_for(
                self.purpose(Certificate::read(leaf).ok().as_ref()),
                &found,
                roots.as_deref().unwrap_or(&Roots::none()),
                cx.clock.now(),
            ),
            missing: self.missing(leaf),
            key,
            password: Password::Right,
        })
    }

    fn judge(&self, seen: &Observation, cx: &JudgeCx) -> Vec<Finding> {
        judge::judge(self, seen, cx)
    }

    fn summary(&self, seen: &Observation, cx: &JudgeCx) -> String {
        if seen.password == Password::Wrong {
            return "the password does not open the file".to_owned();
        }
        let all = count(seen.certificates.len(), "certificate");
        let ends = judge::counted(seen).map(|found| found.not_after).min();
        match ends {
            Some(end) => {
                let left = days(end.duration_since(cx.now));
                format!("{all}, good until {} ({left})", end.strftime("%-d %b %Y"))
            }
            None => format!("{all}, the first cannot be read"),
        }
    }

    fn names_files(&self) -> bool {
        let more = [&self.key, &self.password_file].into_iter().flatten();
        more.chain([&self.file]).any(|file| file.is_relative())
    }

    fn reproduce(&self, _: Option<&Observation>) -> Vec<String> {
        let quoted = |path: &PathBuf| crate::model::text::quote(&path.display().to_string());
        let file = quoted(&self.file);
        if let Some(password) = &self.password_file {
            let password = quoted(password);
            return vec![format!("openssl pkcs12 -in {file} -passin file:{password} -nokeys")];
        }
        let mut commands = vec![format!(
            "openssl x509 -in {file} -noout -subject -issuer -dates -ext subjectAltName"
        )];
        if let Some(key) = &self.key {
            commands.push(format!("openssl x509 -in {file} -noout -pubkey | openssl md5"));
            commands.push(format!("openssl pkey -in {} -pubout | openssl md5", quoted(key)));
        }
        commands
    }
}
