//! Looking at what a test order needs, without ordering: whether the directory is one for tests,
//! what it says about itself, and whether an order was made that still counts.

use super::permit::places;
use super::{Made, OrderEnd, OrderSeen, TestOrder};
use crate::model::facts::Facts;
use crate::model::fault::{Fault, Sight};
use crate::net::acme::{Meta, Session};
use crate::net::http::{Access, Client};
use crate::probe::ProbeCx;
use crate::probe::acme::{Acme, Observation};

/// What is known of the order. A directory that is not for tests is not contacted, and neither is
/// one where an order has gone through.
pub(in crate::probe::acme) async fn look(
    acme: &Acme,
    order: &TestOrder,
    cx: &ProbeCx,
) -> OrderSeen {
    let directory = order.directory.shown();
    let mut seen = OrderSeen { directory, refused: None, meta: None, made: None, before: None };
    match cx.made.as_deref().map(Facts::read) {
        Some(Ok(made)) => {
            seen.made = Some(made);
            return seen;
        }
        // No other order is made for it.
        Some(Err(error)) => {
            let message = format!("the order that was made cannot be read: {error}");
            seen.meta = Some(Sight::Fault(Fault::Bug { message }));
            return seen;
        }
        None => {}
    }
    match last(acme, order, cx) {
        Some(made) if counts(&made, order, cx) => {
            seen.made = Some(made);
            return seen;
        }
        other => seen.before = other,
    }
    match ask(acme, order, cx).await {
        Ok(Err(reason)) => seen.refused = Some(reason),
        Ok(Ok(meta)) => seen.meta = Some(Ok(meta).into()),
        Err(fault) => seen.meta = Some(Err(fault).into()),
    }
    seen
}

/// The last order for the same name at the same directory that an earlier run knew of.
fn last(acme: &Acme, order: &TestOrder, cx: &ProbeCx) -> Option<Made> {
    let mut made: Vec<Made> = cx
        .earlier
        .iter()
        .filter_map(|look| look.observation.read::<Observation>().ok())
        .filter_map(|seen| seen.order)
        .flat_map(|order| [order.made, order.before])
        .flatten()
        .filter(|made| made.name == acme.base() && made.directory == order.directory.shown())
        .collect();
    made.sort_by_key(|made| made.at);
    made.pop()
}

/// Whether an order of an earlier run spares this one from making another.
fn counts(made: &Made, order: &TestOrder, cx: &ProbeCx) -> bool {
    let age = cx.clock.now().duration_since(made.at);
    let issued = match made.end {
        OrderEnd::Issued(_) => true,
        OrderEnd::Refused { .. } | OrderEnd::NotOffered(_) => false,
    };
    // An order from the future is one of another clock.
    issued && !age.is_negative() && age < order.valid_for.signed()
}

async fn ask(acme: &Acme, order: &TestOrder, cx: &ProbeCx) -> Result<Result<Meta, String>, Fault> {
    Ok(match open(acme, order, cx, cx.clock.tick() + cx.remaining()).await? {
        Ok(session) => Ok(session.meta().clone()),
        Err(reason) => Err(reason),
    })
}

/// A session at the directory, or why nobody may open one there.
pub(super) async fn open(
    acme: &Acme,
    order: &TestOrder,
    cx: &ProbeCx,
    until: std::time::Instant,
) -> Result<Result<Session, String>, Fault> {
    let resolver = acme.resolver.map(|server| server.address);
    let places = match places(&order.directory, resolver, cx.remaining() / 2).await? {
        Ok(places) => places,
        Err(reason) => return Ok(Err(reason)),
    };
    let access = Access::trusting(order.ca.as_ref().map(|ca| cx.path(ca)));
    let client = Client::new(&order.directory, &places, &access).await?;
    Session::open(client, &order.directory, until).await.map(Ok)
}
