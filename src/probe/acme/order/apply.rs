//! Making the order. Everything it makes lives as long as it: the key of the account, the key of the
//! certificate, the certificate, the answer to the challenge.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::answer::{Place, Planted, serve};
use super::look::open;
use super::{Made, OrderEnd, TestOrder, facts};
use crate::model::facts::Facts;
use crate::model::fault::Fault;
use crate::model::text::one_line;
use crate::net::acme::{CertificateRequest, Challenge, Order, Proof, Session, Trouble};
use crate::probe::acme::Acme;
use crate::probe::tls::expiry::days;
use crate::probe::{ProbeCx, Receipt};

/// What closing the account may take.
const FAREWELL: Duration = Duration::from_secs(3);

/// The order that is to be made, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change(pub(super) String);

impl Change {
    /// As one line.
    pub(in crate::probe::acme) fn line(&self) -> String {
        self.0.clone()
    }
}

/// Makes one order.
pub(in crate::probe::acme) async fn apply(
    acme: &Acme,
    order: &TestOrder,
    cx: &ProbeCx,
) -> Result<Receipt, Fault> {
    let begun = cx.clock.tick();
    let place = match (&order.challenge.webroot, order.challenge.listen) {
        (Some(webroot), _) => {
            let what = format!("looking at {}", webroot.display());
            cx.within(what, Place::webroot(cx.path(webroot))).await??
        }
        (None, Some(listen)) => Place::listen(listen).await?,
        (None, None) => {
            return Err(Fault::Bug { message: "an order without an answer".to_owned() });
        }
    };
    let time = order.within.get().min(cx.remaining().saturating_sub(FAREWELL));
    let mut session = match open(acme, order, cx, begun + time).await? {
        Ok(session) => session,
        Err(reason) => {
            let what = format!("ordering at {}", order.directory.shown());
            return Err(Fault::Local { what, reason });
        }
    };
    let mut work = Work { acme, order, cx, place, asked: Mutex::default(), left: Vec::new() };
    let end = work.through(&mut session).await;
    if !session.leave(FAREWELL.min(cx.remaining())).await {
        work.left.push("the account at the authority is not known to be closed".to_owned());
    }
    let end = match end {
        Ok(end) => end,
        Err(Trouble::Problem(stage, problem)) => OrderEnd::Refused { stage, problem },
        Err(Trouble::NotOffered(kinds)) => OrderEnd::NotOffered(kinds),
        Err(Trouble::Fault(fault)) => return Err(told(fault, &work.left)),
    };
    let asked = work.asked.into_inner().unwrap_or_else(PoisonError::into_inner);
    let made = Made {
        at: cx.clock.now(),
        name: acme.base().to_owned(),
        directory: order.directory.shown(),
        millis: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        refused_nonces: session.refused_nonces,
        asked_by: asked.iter().map(ToString::to_string).collect(),
        left: work.left,
        end,
    };
    let facts = Facts::of(&made)
        .map_err(|error| Fault::Bug { message: format!("writing the order: {error}") })?;
    Ok(Receipt { line: line(&made), facts: Some(facts) })
}

/// A fault, with what could not be cleaned up in its words.
fn told(fault: Fault, left: &[String]) -> Fault {
    if left.is_empty() {
        return fault;
    }
    let left = format!("left behind: {}", left.join("; "));
    match fault {
        Fault::Timeout { what, after } => {
            Fault::Timeout { what: format!("{what} ({left})"), after }
        }
        Fault::Unreachable { what, reason } => {
            Fault::Unreachable { what, reason: format!("{reason}; {left}") }
        }
        Fault::Unreadable { what, reason } => {
            Fault::Unreadable { what, reason: format!("{reason}; {left}") }
        }
        Fault::Local { what, reason } => Fault::Local { what, reason: format!("{reason}; {left}") },
        Fault::Name { name, reason } => Fault::Name { name, reason: format!("{reason}; {left}") },
        Fault::Denied { what, need } => Fault::Denied { what: format!("{what} ({left})"), need },
        Fault::Bug { message } => Fault::Bug { message: format!("{message}; {left}") },
        other @ (Fault::Secret { .. }
        | Fault::NotAllowed { .. }
        | Fault::Interrupted
        | Fault::Deadline) => other,
    }
}

/// What came of it, for a person.
fn line(made: &Made) -> String {
    let end = match &made.end {
        OrderEnd::Issued(issued) => {
            let life = issued.certificate.not_after.duration_since(issued.certificate.not_before);
            format!("issued for {}, then thrown away", days(life))
        }
        OrderEnd::Refused { stage, problem } => {
            format!("refused while {}: {}", stage.doing(), super::judge::brief(problem))
        }
        OrderEnd::NotOffered(kinds) => format!("http-01 is not offered, only {}", kinds.join(", ")),
    };
    let left = match made.left.as_slice() {
        [] => String::new(),
        left => format!("; left behind: {}", left.join("; ")),
    };
    one_line(&format!("ordered at {}: {end}{left}", made.directory))
}

struct Work<'a> {
    acme: &'a Acme,
    order: &'a TestOrder,
    cx: &'a ProbeCx,
    place: Place,
    asked: Mutex<Vec<IpAddr>>,
    left: Vec<String>,
}

impl Work<'_> {
    /// From the account to the certificate.
    async fn through(&mut self, session: &mut Session) -> Result<OrderEnd, Trouble> {
        let name = self.acme.base();
        session.register(self.order.agree_terms).await?;
        let order = session.order(name).await?;
        match session.challenge(&order).await? {
            Proof::Known => {}
            Proof::Wanted(challenge) => self.prove(session, &order, &challenge).await?,
        }
        let request = CertificateRequest::new(name)?;
        let url = session.issue(&order, &request.der).await?;
        let chain = session.download(&url).await?;
        let issued = facts::read_issued(&chain, name, &request.public_key(), self.cx.clock.now())?;
        Ok(OrderEnd::Issued(Box::new(issued)))
    }

    async fn prove(
        &mut self,
        session: &mut Session,
        order: &Order,
        challenge: &Challenge,
    ) -> Result<(), Trouble> {
        match &self.place {
            Place::Listener(listener) => tokio::select! {
                proved = session.prove(order, challenge) => proved,
                () = serve(listener, challenge, &self.asked) => {
                    Err(Fault::Bug { message: "the listener ended".to_owned() }.into())
                }
            },
            Place::Webroot(folder) => {
                let planted = plant(folder.clone(), challenge.clone(), self.cx).await?;
                let proved = session.prove(order, challenge).await;
                self.left.extend(remove(planted, self.cx).await);
                proved
            }
        }
    }
}

/// Takes away what was planted, on a thread of its own as well; what could not be, as words.
async fn remove(planted: Planted, cx: &ProbeCx) -> Option<String> {
    let file = planted.file();
    let work = tokio::task::spawn_blocking(move || planted.remove());
    match cx.within("taking the answer to the challenge away", work).await {
        Ok(Ok(left)) => left,
        Ok(Err(_)) | Err(_) => Some(format!("the file {file}: not known to be gone")),
    }
}

/// Plants on a thread of its own: a folder may be one of another machine that does not answer. What
/// is planted after nobody waits any more is gone at once.
async fn plant(
    folder: std::path::PathBuf,
    challenge: Challenge,
    cx: &ProbeCx,
) -> Result<Planted, Fault> {
    let what = format!("putting the answer to the challenge into {}", folder.display());
    let work = tokio::task::spawn_blocking(move || Planted::plant(&folder, &challenge));
    match cx.within(what.clone(), work).await? {
        Ok(Ok(planted)) => Ok(planted),
        Ok(Err(error)) => Err(Fault::Local { what, reason: error.to_string() }),
        Err(error) => Err(Fault::Bug { message: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_behind_is_told_with_every_fault() {
        let left = ["the file /x: denied".to_owned()];
        let text = |text: &str| text.to_owned();
        for fault in [
            Fault::Name { name: text("a.example"), reason: text("no answer") },
            Fault::Denied { what: text("ordering"), need: text("an account") },
            Fault::Bug { message: text("oops") },
            Fault::Local { what: text("ordering"), reason: text("no room") },
            Fault::Unreachable { what: text("ordering"), reason: text("no route") },
            Fault::Unreadable { what: text("ordering"), reason: text("no JSON") },
        ] {
            let words = told(fault.clone(), &left).to_string();
            assert!(words.contains("left behind: the file /x: denied"), "{words}");
            assert_eq!(told(fault.clone(), &[]), fault);
        }
    }
}
