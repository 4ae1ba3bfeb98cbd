//! `gonogo silence`: the silences that runs have made, shown, ended, extended and audited.

pub(super) mod args;
mod places;
mod show;

use std::time::Duration;

use anyhow::{Context, bail};

use self::args::{AuditArgs, ExpireArgs, ExtendArgs, ListArgs, SilenceCommand};
use self::places::{Found, Planned, Site, Source, source};
use super::args::{ColourChoice, EngineArgs, ListFormat};
use super::run::{Origin, carry_out};
use super::{env, exit, output};
use crate::clock::Clock;
use crate::model::fault::Fault;
use crate::model::text::{count, one_line};
use crate::model::time::{Span, humane};
use crate::probe::silence::GOSSIP;
use crate::probe::silence::ending::Ending;
use crate::probe::silence::fleet::{Changed, Listed, Listing, Until, Which};

/// Does what the words say.
pub(super) fn run(command: &SilenceCommand, choice: ColourChoice) -> anyhow::Result<u8> {
    match command {
        SilenceCommand::List(args) => list(args, choice),
        SilenceCommand::Expire(args) => expire(args, choice),
        SilenceCommand::Extend(args) => extend(args, choice),
        SilenceCommand::Audit(args) => audit(args, choice),
    }
}

fn list(args: &ListArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    let desk = match Desk::open(source(&args.places, args.which.run.as_deref(), choice)?)? {
        Ok(desk) => desk,
        Err(code) => return Ok(code),
    };
    let named = args.which.run.is_some() || !args.which.ids.is_empty();
    let which = match named.then(|| desk.source.which(&args.which, &desk.planned)).flatten() {
        Some(which) => which,
        None if args.all => Which::Anybodys,
        None => Which::Ours,
    };
    let listings = desk.wait(&async |site| site.fleet.list(&which).await);
    match args.format {
        ListFormat::Json => {
            let all = Listing {
                silences: listings.iter().flat_map(|(_, l)| l.silences.clone()).collect(),
                unseen: listings.iter().flat_map(|(_, l)| l.unseen.clone()).collect(),
            };
            let json = serde_json::to_string_pretty(&all).context("writing JSON")?;
            desk.say(&json)?;
        }
        ListFormat::Text => {
            for (site, listing) in &listings {
                for listed in &listing.silences {
                    desk.say(&show::silence(listed, site.urls.len(), &desk.past))?;
                }
            }
            let silences: usize = listings.iter().map(|(_, l)| l.silences.len()).sum();
            let urls: usize = desk.sites.iter().map(|site| site.urls.len()).sum();
            let (silences, urls) = (count(silences, "silence"), count(urls, "Alertmanager"));
            desk.say(&format!("{silences} on {urls}"))?;
        }
    }
    let unseen: Vec<(String, Fault)> =
        listings.into_iter().flat_map(|(_, listing)| listing.unseen).collect();
    Ok(desk.unseen(&unseen, exit::GO))
}

fn expire(args: &ExpireArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    let desk = match Desk::open(source(&args.places, args.which.run.as_deref(), choice)?)? {
        Ok(desk) => desk,
        Err(code) => return Ok(code),
    };
    let which = match (args.older_than, desk.which(&args.which)?) {
        (Some(age), _) => Which::OursBefore(
            Clock.now().saturating_sub(age.signed()).context("--older-than: before all time")?,
        ),
        (None, which) => which,
    };
    let before = desk.wait(&async |site| site.fleet.list(&which).await);
    let ids: Vec<String> = ids(&before);
    if ids.is_empty() {
        return desk.nothing(&which, &before);
    }
    // Asked before they end: afterwards nobody knows who was quiet because of them.
    let heard = desk.wait(&async |site| site.fleet.aftermath(&ids).await);
    let mut unseen = Vec::new();
    let mut code = exit::GO;
    if args.dry_run {
        for (site, listing) in before {
            for listed in &listing.silences {
                desk.say(&format!(
                    "would end\n{}",
                    show::silence(listed, site.urls.len(), &desk.past)
                ))?;
            }
            unseen.extend(listing.unseen);
        }
    } else {
        let ending = ending(args.reason.as_deref());
        for (_, ended) in desk.wait(&async |site| site.fleet.expire(&which, &ending, GOSSIP).await)
        {
            match ended {
                Ok(Changed { done, unseen: silent, unnoted }) => {
                    for (listed, _) in &done {
                        desk.say(&show::ended(listed, Clock.now()))?;
                    }
                    unseen.extend(silent);
                    desk.unnoted(&unnoted);
                }
                Err(fault) => code = desk.fault(&fault),
            }
        }
    }
    for (_, heard) in heard {
        desk.say(&show::heard(&heard, args.dry_run))?;
    }
    Ok(desk.unseen(&unseen, code))
}

/// Who ends silences from this command line, and why.
fn ending(reason: Option<&str>) -> Ending {
    let host = env::host().map_or_else(String::new, |host| format!("@{host}"));
    let by = format!("{}{host}", env::operator());
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    Ending::new(Clock.now(), &by, reason.unwrap_or("no reason given"))
}

fn extend(args: &ExtendArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    let desk = match Desk::open(source(&args.places, args.which.run.as_deref(), choice)?)? {
        Ok(desk) => desk,
        Err(code) => return Ok(code),
    };
    let which = desk.which(&args.which)?;
    let until = match (&args.to, args.by) {
        (Some(to), _) => {
            let launch = desk.source.launch();
            if matches!(to, crate::model::time::Moment::Offset(_)) && launch.is_none() {
                bail!("--to {to} counts from a launch; name a checklist or a run, or an instant");
            }
            let to = to.resolve(launch.unwrap_or_else(|| Clock.now()));
            if to <= Clock.now() {
                bail!(
                    "--to is over already; to end a silence now there is `gonogo silence expire`"
                );
            }
            Until::At(to)
        }
        (None, Some(by)) => Until::Longer(by),
        (None, None) => bail!("say --to TIME or --by D"),
    };
    let before = desk.wait(&async |site| site.fleet.list(&which).await);
    if ids(&before).is_empty() {
        return desk.nothing(&which, &before);
    }
    let reason = args.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
    for listed in before.iter().flat_map(|(_, listing)| &listing.silences) {
        desk.not_too_long(listed, until, reason)?;
    }
    let mut unseen = Vec::new();
    let mut code = exit::GO;
    if args.dry_run {
        for (_, listing) in before {
            for listed in &listing.silences {
                desk.say(&show::would_change(listed, until))?;
            }
            unseen.extend(listing.unseen);
        }
        return Ok(desk.unseen(&unseen, code));
    }
    let changed = desk.wait(&async |site| site.fleet.extend(&which, until, reason, GOSSIP).await);
    for (_, changed) in changed {
        match changed {
            Ok(Changed { done, unseen: silent, unnoted: _ }) => {
                for (listed, id) in &done {
                    desk.say(&show::changed(listed, id, until))?;
                }
                unseen.extend(silent);
            }
            Err(fault) => code = desk.fault(&fault),
        }
    }
    Ok(desk.unseen(&unseen, code))
}

/// Looks at the `silence` checks alone, for the times of the run, and reports what they saw.
fn audit(args: &AuditArgs, choice: ColourChoice) -> anyhow::Result<u8> {
    let outputs = output::parse(&args.output.output)?;
    if !args.places.alertmanagers.is_empty() {
        bail!("an audit compares with a plan; name a checklist or a run instead of --alertmanager");
    }
    let mut source = match source(&args.places, args.run.as_deref(), choice)? {
        Found::Source(source) => source,
        Found::Refused(code) => return Ok(code),
    };
    let run = source.run.as_ref().map(|record| record.header.run.short());
    let of_run = run.map_or_else(String::new, |run| format!(", run {run}"));
    if let Some(list) = &mut source.checklist {
        // A name of its own: what follows the last run of the list must not find its audit.
        list.name = format!("Audit of the silences of {}{of_run}", list.name);
    }
    let mut planned = source.plan()?;
    places::AUDIT.clone_into(&mut planned.phase);
    let engine = EngineArgs::looking();
    let origin = Origin { git: None, shard: None, resumes: None };
    carry_out(&planned, origin, &engine, &args.output, &outputs, choice)
}

/// What a verb works with.
struct Desk {
    source: Source,
    planned: Vec<Planned>,
    sites: Vec<Site>,
    past: show::Past,
    runtime: tokio::runtime::Runtime,
}

impl Desk {
    /// Looks up the Alertmanagers; the exit code where there were mistakes to show instead.
    fn open(found: Found) -> anyhow::Result<Result<Self, u8>> {
        let source = match found {
            Found::Source(source) => *source,
            Found::Refused(code) => return Ok(Err(code)),
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("starting")?;
        let planned = source.planned()?;
        let sites = runtime.block_on(source.sites(&planned))?;
        let past = show::Past::read(env::runs().as_deref());
        Ok(Ok(Self { source, planned, sites, past, runtime }))
    }

    /// Asks every site, one after the other.
    fn wait<T>(&self, ask: &impl AsyncFn(&Site) -> T) -> Vec<(&Site, T)> {
        self.runtime.block_on(async {
            let mut all = Vec::new();
            for site in &self.sites {
                all.push((site, ask(site).await));
            }
            all
        })
    }

    /// Which silences are meant; saying none is no way to mean all.
    fn which(&self, args: &args::WhichArgs) -> anyhow::Result<Which> {
        self.source.which(args, &self.planned).context(
            "which silences? name a checklist, --run RUN, --id ID, or --ours for all that gonogo made",
        )
    }

    /// One line or more of the result.
    fn say(&self, text: &str) -> anyhow::Result<()> {
        let text = self.source.secrets().redact(text);
        output::stdout(format!("{text}\n").as_bytes()).context("writing")
    }

    /// Says why nothing was learnt or done, and gives the exit code of that.
    fn fault(&self, fault: &Fault) -> u8 {
        output::stderr(&format!("error: {}", fault.redacted(&self.source.secrets())));
        exit::HOLD
    }

    /// Names the Alertmanagers that did not answer; the exit code with them.
    fn unseen(&self, unseen: &[(String, Fault)], code: u8) -> u8 {
        for (url, fault) in unseen {
            let fault = fault.redacted(&self.source.secrets());
            output::stderr(&format!("error: {url} was not seen: {fault}"));
        }
        if unseen.is_empty() { code } else { exit::HOLD }
    }

    /// Names the silences that do not say who ended them.
    fn unnoted(&self, unnoted: &[(String, Fault)]) {
        for (id, fault) in unnoted {
            let (id, fault) = (one_line(id), fault.redacted(&self.source.secrets()));
            let what = format!("who ended {id} could not be written into its comment");
            output::stderr(&format!("warning: {what}: {fault}"));
        }
    }

    /// Nothing that is not over was meant: whether it is over, or never was.
    fn nothing(&self, which: &Which, listings: &[(&Site, Listing)]) -> anyhow::Result<u8> {
        let unseen: Vec<(String, Fault)> =
            listings.iter().flat_map(|(_, listing)| listing.unseen.clone()).collect();
        if !unseen.is_empty() {
            return Ok(self.unseen(&unseen, exit::HOLD));
        }
        let mut known = false;
        for (_, history) in self.wait(&async |site| site.fleet.history(which).await) {
            match history {
                Ok(silences) => {
                    for silence in silences {
                        known = true;
                        self.say(&show::over(&silence))?;
                    }
                }
                Err(fault) => return Ok(self.fault(&fault)),
            }
        }
        if known {
            return Ok(exit::GO);
        }
        output::stderr(
            "error: no such silence is known there; `gonogo silence list` shows what is",
        );
        Ok(exit::NOTHING_RAN)
    }

    /// The longest a silence may last by the check that made it, unless there is a reason.
    fn not_too_long(
        &self,
        listed: &Listed,
        until: Until,
        reason: Option<&str>,
    ) -> anyhow::Result<()> {
        let check = self.planned.iter().find(|check| Some(&check.key) == listed.key.as_ref());
        let most = check.map_or(Span::from_secs(4 * 3_600), |check| check.max_for);
        let silence = &listed.silence;
        let length = until.of(silence.ends_at).duration_since(silence.starts_at);
        if reason.is_none() && length > most.signed() {
            let of = check.map_or_else(String::new, |check| format!(" of {}", check.id));
            bail!(
                "{} would last {}, longer than {most} (`max_for`{of}); say why with --reason",
                one_line(&silence.id),
                humane(Duration::from_secs(length.unsigned_abs().as_secs())),
            );
        }
        Ok(())
    }
}

/// The names of all silences listed.
fn ids(listings: &[(&Site, Listing)]) -> Vec<String> {
    let all = listings.iter().flat_map(|(_, listing)| &listing.silences);
    all.map(|listed| listed.silence.id.clone()).collect()
}
