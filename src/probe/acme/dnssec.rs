//! The DNSSEC state of the name. Authorities have to validate what they look up (Baseline
//! Requirements 4.2.2.1, 3.2.2.8: since 15 March 2026), so broken signatures block every renewal,
//! whether or not the machine's own resolver validates.

use hickory_proto::rr::RecordType;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Acme, Observation, codes};
use crate::model::fault::{Fault, Sight};
use crate::model::finding::Finding;
use crate::model::text::one_line;
use crate::net::dns::{
    Answer, Ask, Checking, Client, Ede, Flag, Pace, Patience, Rcode, Recursion, Server, fqdn,
    system_servers,
};
use crate::probe::tls::expiry::when;
use crate::probe::{JudgeCx, ProbeCx};

/// What the resolver says of the name's signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Dnssec {
    /// The question, such as `login.example.com A`.
    pub question: String,
    /// How it was answered.
    pub state: State,
}

/// What became of the signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// There are none.
    Unsigned,
    /// There are some, good until this instant; the resolver says that it validated them.
    Validated(#[schemars(with = "String", extend("format" = "date-time"))] Timestamp),
    /// There are some, good until this instant by their own dates; the resolver validates nothing.
    Unvalidated(#[schemars(with = "String", extend("format" = "date-time"))] Timestamp),
    /// The resolver refuses the answer, and gives it to those who want it unvalidated; its words.
    Bogus(String),
    /// There was no answer to look at.
    NoAnswer,
}

impl State {
    /// Whether there are signatures.
    pub(super) const fn is_signed(&self) -> bool {
        match self {
            Self::Validated(_) | Self::Unvalidated(_) | Self::Bogus(_) => true,
            Self::Unsigned | Self::NoAnswer => false,
        }
    }
}

/// Looks at the signatures over the name's addresses.
pub(super) async fn look(acme: &Acme, cx: &ProbeCx) -> Result<Dnssec, Fault> {
    let server: Server = match acme.resolver {
        Some(server) => server,
        None => system_servers()?.swap_remove(0),
    };
    let name = fqdn(acme.base()).map_err(|bad| Fault::Bug { message: bad.to_string() })?;
    let mut client = Client::new(server, Pace::for_server(&server, None));
    let kinds = [RecordType::A, RecordType::AAAA];
    let asks = |checking: Checking| {
        kinds.map(|kind| Ask { checking, ..Ask::new(name.clone(), kind, Recursion::Desired) })
    };
    // Half of the time for the second question, which few need.
    let patience = Patience::about(cx.remaining() * 4 / 10);
    let until = cx.clock.tick() + cx.remaining();
    let answers = client.ask_all(&asks(Checking::Signatures), patience, until, Answer::read).await;
    let mut answers: Vec<Answer> = answers.into_iter().collect::<Result<_, Fault>>()?;
    // The family that has an address tells more than the one that has none.
    let place = answers.iter().position(Answer::is_positive);
    let place = place.or_else(|| answers.iter().position(|one| one.rcode == Rcode::SERVFAIL));
    let place = place.unwrap_or(0);
    let question = format!("{} {}", acme.base(), kinds[place]);
    let answer = answers.swap_remove(place);
    let state = if answer.is_positive() {
        match &answer.signed {
            None => State::Unsigned,
            Some(signed) if answer.has(Flag::Ad) => State::Validated(signed.until),
            Some(signed) => State::Unvalidated(signed.until),
        }
    } else if answer.rcode == Rcode::SERVFAIL {
        let again = client.ask_all(&asks(Checking::Off), patience, until, Answer::read).await;
        let given = again.into_iter().nth(place).and_then(Result::ok);
        match given {
            Some(given) if given.is_positive() => State::Bogus(words(&answer)),
            Some(_) | None => State::NoAnswer,
        }
    } else {
        State::NoAnswer
    };
    Ok(Dnssec { question, state })
}

/// A refusal in the resolver's words (RFC 8914), where it has any.
fn words(answer: &Answer) -> String {
    let said = answer.ede.iter().map(Ede::describe);
    one_line(&std::iter::once(answer.rcode.to_string()).chain(said).collect::<Vec<_>>().join(", "))
}

/// Why nothing is known of the signatures.
pub(super) fn silence(acme: &Acme, seen: &Observation) -> Option<Finding> {
    let Some(Sight::Fault(fault)) = &seen.dnssec else { return None };
    Some(Finding::fault(format!("{} DNSSEC", acme.base()), fault))
}

/// Judges what was seen; see [`silence`] for what was not.
pub(super) fn judge(seen: &Sight<Dnssec>, cx: &JudgeCx) -> Option<Finding> {
    let Sight::Seen(Dnssec { question, state }) = seen else { return None };
    let name = question.split(' ').next().unwrap_or_default();
    let good = "signatures that hold, or none";
    match state {
        State::NoAnswer => None,
        State::Unsigned => {
            let message = "the name is not signed, so there is nothing to validate";
            Some(Finding::new(&codes::DNSSEC_NOT_APPLICABLE, question, message))
        }
        State::Bogus(words) => {
            let message = format!("DNSSEC of {name} does not hold: the resolver refuses it");
            let finding = Finding::new(&codes::DNSSEC_BROKEN, question, message);
            Some(finding.expected(good).actual(words.clone()))
        }
        State::Validated(until) | State::Unvalidated(until) if *until < cx.now => {
            let message = format!("the signatures of {name} ran out at {}", when(*until));
            let finding = Finding::new(&codes::DNSSEC_BROKEN, question, message);
            Some(finding.expected(good).actual(format!("good until {}", when(*until))))
        }
        State::Validated(until) => {
            let message = format!("DNSSEC holds, signed until {}", when(*until));
            Some(Finding::new(&codes::DNSSEC_OK, question, message))
        }
        State::Unvalidated(until) => {
            let message = format!(
                "{name} is signed until {}, and this resolver does not validate it",
                when(*until)
            );
            let finding = Finding::new(&codes::DNSSEC_UNVALIDATED, question, message);
            Some(finding.expected("an answer that the resolver validated (AD)"))
        }
    }
}
