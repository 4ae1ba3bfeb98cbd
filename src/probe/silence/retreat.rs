//! Ending the silence of a launch that is NO-GO.

use super::ending::Ending;
use super::fleet::{Fleet, Which};
use super::{GOSSIP, Silence, marker};
use crate::model::fault::Fault;
use crate::model::text::{count, one_line};
use crate::probe::ProbeCx;

/// The Alertmanagers, and the silences of this launch among theirs.
async fn meant(probe: &Silence, cx: &ProbeCx) -> Result<(Fleet, Which), Fault> {
    let access = probe.access.based(&cx.base);
    let fleet = Fleet::find(&probe.alertmanagers, &access, probe.patience(cx)).await?;
    let key = marker::key(&cx.id, &probe.matchers);
    Ok((fleet, Which::KeyWithin(key, probe.window(&cx.times))))
}

pub(super) async fn remains(probe: &Silence, cx: &ProbeCx) -> Result<Option<String>, Fault> {
    let (fleet, which) = meant(probe, cx).await?;
    let listing = fleet.list(&which).await;
    match (listing.silences.as_slice(), listing.unseen.first()) {
        ([], Some((_, fault))) => Err(fault.clone()),
        ([], None) => Ok(None),
        (some, _) => {
            let ids: Vec<String> = some.iter().map(|one| one_line(&one.silence.id)).collect();
            Ok(Some(format!("end silence {}, because the verdict is NO-GO", ids.join(", "))))
        }
    }
}

pub(super) async fn undo(probe: &Silence, cx: &ProbeCx) -> Result<String, Fault> {
    let (fleet, which) = meant(probe, cx).await?;
    let by = format!("{} (run {})", cx.operator.as_deref().unwrap_or("gonogo"), cx.run.short());
    let ending = Ending::new(cx.clock.now(), &by, "the verdict was NO-GO");
    let ended = fleet.expire(&which, &ending, GOSSIP.min(cx.remaining())).await?;
    // A member that says nothing may go on silencing.
    if let Some((_, fault)) = ended.unseen.into_iter().next() {
        return Err(fault);
    }
    let unnoted = match ended.unnoted.first() {
        Some((_, fault)) => {
            format!("; who ended it could not be written into its comment: {fault}")
        }
        None => String::new(),
    };
    let ended = count(ended.done.len(), "silence");
    Ok(format!("{ended} ended, seen on every Alertmanager{unnoted}"))
}
