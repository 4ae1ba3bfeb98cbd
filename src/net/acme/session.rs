//! One order from its beginning to its end, each step on its own (RFC 8555 §7).

use std::time::{Duration, Instant};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use serde_json::{Value, json};

use super::account::AccountKey;
use super::problem::{Problem, retry_after};
use super::{Directory, Meta, Stage, Trouble, at_home};
use crate::clock::Clock;
use crate::model::fault::Fault;
use crate::model::text::{clip, one_line};
use crate::model::time::Span;
use crate::net::ari::base64url;
use crate::net::http::{Answer, Client, End, Exchange, HttpUrl, Limits, Request};

/// The largest answer that is read; a chain of certificates is some kilobytes.
const ANSWER: usize = 64 << 10;

/// The most certificates of a chain that are read.
const CERTIFICATES: usize = 10;

/// How often a request is made anew because its nonce was refused (§6.5).
const NONCES: usize = 12;

/// The longest nonce, and the longest token, that is taken for one.
const WORD: usize = 256;

/// The pauses between two looks at what is under way, where the authority names none.
const PAUSES: [Duration; 4] = [
    Duration::from_millis(200),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// How far a pause that the authority names is followed.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15);

/// A client of one authority, with an account key of its own.
pub struct Session {
    client: Client,
    home: HttpUrl,
    directory: Directory,
    key: AccountKey,
    account: Option<HttpUrl>,
    nonce: Option<String>,
    /// When everything has to be over.
    until: Instant,
    /// How often a nonce was refused, and the request made anew.
    pub refused_nonces: u32,
}

/// An order that was placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    url: HttpUrl,
    authorization: HttpUrl,
    finalize: HttpUrl,
}

/// What is left to be proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// Nothing.
    Known,
    /// That this challenge is answered.
    Wanted(Challenge),
}

/// An http-01 challenge (§8.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    url: HttpUrl,
    /// The last part of the path that is asked for: letters, digits, `-` and `_` only.
    pub token: String,
    /// What has to be answered there.
    pub answer: String,
}

impl Session {
    /// Reads the directory at `home` and makes a key. The client must be one for its host.
    ///
    /// # Errors
    /// A [`Fault`] when there is no directory to be read.
    pub async fn open(client: Client, home: &HttpUrl, until: Instant) -> Result<Self, Fault> {
        let answer = exchange(&client, home, &Request::get(home), until).await?;
        let unreadable = |reason| unreadable(home, reason);
        if answer.status != 200 {
            return Err(unreadable(format!("HTTP {}", answer.status)));
        }
        let directory = Directory::read(home, &answer.body).map_err(unreadable)?;
        Ok(Self {
            client,
            home: home.clone(),
            directory,
            key: AccountKey::fresh()?,
            account: None,
            nonce: None,
            until,
            refused_nonces: 0,
        })
    }

    /// What the directory says about itself.
    #[must_use]
    pub const fn meta(&self) -> &Meta {
        &self.directory.meta
    }

    /// Opens an account that nobody can be reached by.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn register(&mut self, agreed: bool) -> Result<(), Trouble> {
        let url = self.directory.new_account.clone();
        let mut payload = json!({});
        if agreed {
            payload["termsOfServiceAgreed"] = json!(true);
        }
        let answer = self.post(Stage::Account, &url, Some(&payload)).await?;
        self.account = Some(self.location(&answer)?);
        Ok(())
    }

    /// Orders a certificate for one name.
    ///
    /// # Errors
    /// Why there is no order.
    pub async fn order(&mut self, name: &str) -> Result<Order, Trouble> {
        let url = self.directory.new_order.clone();
        let payload = json!({"identifiers": [{"type": "dns", "value": name}]});
        let answer = self.post(Stage::Order, &url, Some(&payload)).await?;
        let url = self.location(&answer)?;
        let body: OrderBody = self.read(&answer)?;
        let [authorization] = body.authorizations.as_slice() else {
            let reason = "an order for one name has not one authorization".to_owned();
            return Err(unreadable(&self.home, reason).into());
        };
        Ok(Order {
            url,
            authorization: self.url(authorization)?,
            finalize: self.url(&body.finalize)?,
        })
    }

    /// What the authority wants to be proved.
    ///
    /// # Errors
    /// Why that is not known, or that it is not http-01.
    pub async fn challenge(&mut self, order: &Order) -> Result<Proof, Trouble> {
        let answer = self.post(Stage::Proof, &order.authorization, None).await?;
        let body: Authorization = self.read(&answer)?;
        if body.status == "valid" {
            return Ok(Proof::Known);
        }
        let Some(offered) = body.challenges.iter().find(|one| one.kind == "http-01") else {
            let kinds = body.challenges.iter().take(CERTIFICATES).map(|one| clip(&one.kind, 40));
            return Err(Trouble::NotOffered(kinds.collect()));
        };
        let token = offered.token.as_deref().unwrap_or_default();
        if !is_word(token) {
            let reason = format!("a challenge with the token `{}`", clip(token, 40));
            return Err(unreadable(&self.home, reason).into());
        }
        Ok(Proof::Wanted(Challenge {
            url: self.url(&offered.url)?,
            token: token.to_owned(),
            answer: format!("{token}.{}", self.key.thumbprint()),
        }))
    }

    /// Says that the challenge is answered, and waits for the authority to have looked.
    ///
    /// # Errors
    /// Why the name is not proved.
    pub async fn prove(&mut self, order: &Order, challenge: &Challenge) -> Result<(), Trouble> {
        self.post(Stage::Proof, &challenge.url, Some(&json!({}))).await?;
        let waiting = ["pending", "processing"];
        let url = order.authorization.clone();
        let body: Authorization = self.settled(Stage::Proof, &url, &waiting).await?;
        if body.status == "valid" {
            return Ok(());
        }
        let errors = body.challenges.iter().filter_map(|one| one.error.as_ref());
        Err(self.ended(Stage::Proof, &body.status, errors.into_iter().next()))
    }

    /// Asks for the certificate, and waits for it; returns where it is.
    ///
    /// # Errors
    /// Why it is not issued.
    pub async fn issue(&mut self, order: &Order, request: &[u8]) -> Result<HttpUrl, Trouble> {
        // The proof of a name is not seen by all parts of an authority at once (§7.4: "ready").
        let body: OrderBody = self.settled(Stage::Issue, &order.url, &["pending"]).await?;
        if body.status == "ready" {
            let payload = json!({"csr": base64url(request)});
            self.post(Stage::Issue, &order.finalize, Some(&payload)).await?;
        }
        let waiting = ["ready", "processing"];
        let body: OrderBody = self.settled(Stage::Issue, &order.url, &waiting).await?;
        match body.certificate.as_deref() {
            Some(url) if body.status == "valid" => Ok(self.url(url)?),
            Some(_) | None => Err(self.ended(Stage::Issue, &body.status, body.error.as_ref())),
        }
    }

    /// Fetches the certificate and what was sent with it, its own first.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub async fn download(
        &mut self,
        url: &HttpUrl,
    ) -> Result<Vec<CertificateDer<'static>>, Trouble> {
        let answer = self.post(Stage::Download, url, None).await?;
        let chain: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&answer.body).take(CERTIFICATES).collect();
        let chain = chain.map_err(|error| unreadable(url, format!("not PEM: {error}")))?;
        if chain.is_empty() {
            return Err(unreadable(url, "no certificate in it".to_owned()).into());
        }
        Ok(chain)
    }

    /// Closes the account, within `most`; whether that is known to have been done.
    pub async fn leave(&mut self, most: Duration) -> bool {
        let Some(account) = self.account.clone() else { return true };
        self.until = Clock.tick() + most;
        let payload = json!({"status": "deactivated"});
        self.post(Stage::Account, &account, Some(&payload)).await.is_ok()
    }

    /// Looks at something until it is in none of these states.
    async fn settled<T>(
        &mut self,
        stage: Stage,
        url: &HttpUrl,
        waiting: &[&str],
    ) -> Result<T, Trouble>
    where
        T: HasStatus + for<'de> Deserialize<'de>,
    {
        let begun = Clock.tick();
        for turn in 0.. {
            let answer = self.post(stage, url, None).await?;
            let body: T = self.read(&answer)?;
            if !waiting.contains(&body.status()) {
                return Ok(body);
            }
            let asked = retry_after(&answer, Clock.now()).map(Duration::from_secs);
            let pause = match asked {
                Some(asked) => asked.clamp(SHORTEST, LONGEST),
                None => PAUSES[turn.min(PAUSES.len() - 1)],
            };
            let left = self.until.saturating_duration_since(Clock.tick());
            if left <= pause {
                let status = clip(body.status(), 40);
                let what = format!("{} at {}, still {status}", stage.doing(), self.home.shown());
                let after = Span::from(begun.elapsed());
                return Err(Fault::Timeout { what, after }.into());
            }
            tokio::time::sleep(pause).await;
        }
        Err(Fault::Bug { message: "an endless wait ended".to_owned() }.into())
    }

    /// The end of something that should have become valid.
    fn ended(&self, stage: Stage, status: &str, error: Option<&Value>) -> Trouble {
        match error {
            Some(error) => Trouble::Problem(stage, Problem::of(error)),
            None if status == "invalid" => Trouble::Problem(stage, Problem::of(&Value::Null)),
            None => {
                let reason = format!("{} ended as `{}`", stage.doing(), clip(status, 40));
                unreadable(&self.home, reason).into()
            }
        }
    }

    /// Sends a signed request, anew where only its nonce was refused.
    async fn post(
        &mut self,
        stage: Stage,
        url: &HttpUrl,
        payload: Option<&Value>,
    ) -> Result<Answer, Trouble> {
        let mut refused = None;
        for _ in 0..NONCES {
            let nonce = self.take_nonce().await?;
            let account = self.account.as_ref().map(|url| url.url().as_str());
            let body = self.key.sign(account, &nonce, url.url().as_str(), payload)?;
            let request = Request {
                method: reqwest::Method::POST,
                json: Some(&body),
                media: "application/jose+json",
                ..Request::get(url)
            };
            let answer = exchange(&self.client, &self.home, &request, self.until).await?;
            self.nonce = nonce_of(&answer);
            if (200..300).contains(&answer.status) {
                return Ok(answer);
            }
            let Some(problem) = Problem::in_answer(&answer, Clock.now()) else {
                let reason = format!("HTTP {} while {}", answer.status, stage.doing());
                return Err(unreadable(&self.home, reason).into());
            };
            if problem.kind != "badNonce" {
                return Err(Trouble::Problem(stage, problem));
            }
            self.refused_nonces += 1;
            refused = Some(problem);
        }
        match refused {
            Some(problem) => Err(Trouble::Problem(stage, problem)),
            None => Err(Fault::Bug { message: "a request was never sent".to_owned() }.into()),
        }
    }

    /// A nonce that was handed out, or a new one (§7.2).
    async fn take_nonce(&mut self) -> Result<String, Fault> {
        if let Some(nonce) = self.nonce.take() {
            return Ok(nonce);
        }
        let url = self.directory.new_nonce.clone();
        let request = Request { method: reqwest::Method::HEAD, ..Request::get(&url) };
        let answer = exchange(&self.client, &self.home, &request, self.until).await?;
        nonce_of(&answer)
            .ok_or_else(|| unreadable(&url, format!("HTTP {} without a nonce", answer.status)))
    }

    /// Where what was just made is.
    fn location(&self, answer: &Answer) -> Result<HttpUrl, Fault> {
        match answer.header("location") {
            Some(location) => self.url(location),
            None => Err(unreadable(&self.home, "an answer without a Location".to_owned())),
        }
    }

    fn url(&self, text: &str) -> Result<HttpUrl, Fault> {
        at_home(&self.home, text).map_err(|reason| unreadable(&self.home, reason))
    }

    fn read<T: for<'de> Deserialize<'de>>(&self, answer: &Answer) -> Result<T, Fault> {
        serde_json::from_slice(&answer.body)
            .map_err(|error| unreadable(&self.home, one_line(&error.to_string())))
    }
}

/// Asks once, and reads the whole answer.
async fn exchange(
    client: &Client,
    home: &HttpUrl,
    request: &Request<'_>,
    until: Instant,
) -> Result<Answer, Fault> {
    let time = until.saturating_duration_since(Clock.tick());
    match client.send(request, Limits { time, bytes: ANSWER }).await? {
        Exchange::Answered(answer) => match answer.end {
            End::Whole => Ok(answer),
            End::Limit => {
                Err(unreadable(home, format!("an answer of more than {} KiB", ANSWER >> 10)))
            }
            End::Broken(denial) => Err(unreachable(home, denial.to_string())),
            End::Fault(fault) => Err(fault),
        },
        Exchange::Denied(denial) => Err(unreachable(home, denial.to_string())),
    }
}

fn unreachable(url: &HttpUrl, reason: String) -> Fault {
    Fault::Unreachable { what: format!("asking {}", url.shown()), reason }
}

fn unreadable(url: &HttpUrl, reason: String) -> Fault {
    Fault::Unreadable { what: format!("asking {}", url.shown()), reason }
}

fn nonce_of(answer: &Answer) -> Option<String> {
    answer.header("replay-nonce").filter(|nonce| is_word(nonce)).map(str::to_owned)
}

/// Whether a text is base64 for URLs and nothing else (§6.5.1, §8.1): a token becomes the name of a
/// file.
fn is_word(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=WORD).contains(&text.len()) && text.bytes().all(good)
}

trait HasStatus {
    fn status(&self) -> &str;
}

#[derive(Deserialize)]
struct OrderBody {
    status: String,
    #[serde(default)]
    authorizations: Vec<String>,
    #[serde(default)]
    finalize: String,
    certificate: Option<String>,
    error: Option<Value>,
}

impl HasStatus for OrderBody {
    fn status(&self) -> &str {
        &self.status
    }
}

#[derive(Deserialize)]
struct Authorization {
    status: String,
    #[serde(default)]
    challenges: Vec<Offered>,
}

impl HasStatus for Authorization {
    fn status(&self) -> &str {
        &self.status
    }
}

#[derive(Deserialize)]
struct Offered {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    url: String,
    token: Option<String>,
    error: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::is_word;

    #[test]
    fn a_token_is_no_path() {
        assert!(is_word("DGyRejmCefe7v4NfDGDKfA-_"));
        for bad in ["", "..", "../x", "a/b", "a b", "a\0", "a\n", "ä", &"a".repeat(257)] {
            assert!(!is_word(bad), "{bad:?}");
        }
    }
}
