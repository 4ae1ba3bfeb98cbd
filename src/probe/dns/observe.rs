//! The look: authorities first, then every resolver, cold and warm.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use tokio::io::AsyncReadExt as _;

use super::authority::Inquiry;
use super::observation::{
    Asked, AuthorityTold, DnsSeen, QuestionSeen, ResolverSeen, ResolverTold, Snooping, Warmth,
};
use super::param::{Dnssec, DomainName, Resolver, Until};
use super::snoop::{Snooped, snoop, weigh};
use super::{Authorities, Dns, MAX_NAMES, Wanted};
use crate::model::fault::{Fault, Sight};
use crate::model::latency::Latency;
use crate::model::time::humane;
use crate::net::dns::{
    Answer, Ask, Checking, Client, Flag, Pace, Patience, Rate, Rcode, Recursion, Server, Type,
    fqdn, system_servers,
};
use crate::probe::ProbeCx;

/// Two entries that end within this time of each other are one: a TTL counts whole seconds, and
/// the answer takes its time.
const SAME_ENTRY: i64 = 2;

/// The longest pause between two looks of a check that waits: TTLs are counted in minutes.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The largest file of names, in bytes: 100000 names of the longest kind.
const MAX_FILE: u64 = 32 << 20;

pub(super) async fn observe(dns: &Dns, cx: &ProbeCx) -> Result<DnsSeen, Fault> {
    let more = match &dns.names_file {
        Some(path) => read_names(cx, path).await?,
        None => Vec::new(),
    };
    let questions = dns.wanted(&more);
    let servers = resolvers(&dns.resolvers);
    enough_time(dns, cx, questions.len(), &servers)?;
    let begun = cx.clock.tick();
    let mut seen = look(dns, cx, questions.clone(), &servers).await?;
    let mut pause = Duration::from_secs(1);
    while dns.until == Some(Until::Propagated) && !super::judge::is_propagated(dns, &seen, cx) {
        // A look that could not be finished would tell less than the one before it.
        let took = begun.elapsed() / seen.looks;
        if cx.remaining() < pause + took * 2 {
            break;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
        let looks = seen.looks + 1;
        seen = DnsSeen { looks, ..look(dns, cx, questions.clone(), &servers).await? };
    }
    Ok(seen)
}

/// Whether so many questions can be asked at all in the time there is. With less, every one of them
/// would be given up before its answer could come.
fn enough_time(
    dns: &Dns,
    cx: &ProbeCx,
    questions: usize,
    servers: &[Result<Server, Fault>],
) -> Result<(), Fault> {
    let pace = dns.slowest_of(servers.iter().flatten().copied());
    let needed = dns.spacing(questions, pace) + dns.pause();
    let Rate::PerSecond(rate) = pace.rate else { return Ok(()) };
    if needed < cx.remaining() {
        return Ok(());
    }
    Err(Fault::Local {
        what: format!("asking {questions} questions"),
        reason: format!(
            "at {rate} a second and with every round they take {0}, and the check has {1}; set \
             `rate`, or a `timeout` longer than {0}",
            humane(needed),
            humane(cx.allowance)
        ),
    })
}

/// One look at everything.
async fn look(
    dns: &Dns,
    cx: &ProbeCx,
    questions: Vec<Wanted>,
    servers: &[Result<Server, Fault>],
) -> Result<DnsSeen, Fault> {
    let asks = asks(&questions)?;
    let pace = dns.slowest_of(servers.iter().flatten().copied());
    let spacing = dns.spacing(questions.len(), pace) + dns.pause();
    let base = cx.remaining().saturating_sub(spacing);
    let first = servers.iter().find_map(|server| server.as_ref().ok().copied());

    let inquiry = Inquiry {
        asks: &asks,
        checking: match dns.dnssec {
            Dnssec::Off => Checking::Default,
            Dnssec::Auto | Dnssec::Require => Checking::Signatures,
        },
        rate: dns.rate,
        patience: Patience::about(base.mul_f64(0.35).min(Duration::from_secs(5))),
        until: cx.clock.tick() + base.mul_f64(0.4) + spacing.mul_f64(0.5),
    };
    let (told, zones) = inquiry.run(&dns.authorities, first).await;
    let gates: Vec<Asked> = gates(dns, &questions, &told);
    let open: Vec<usize> = (0..asks.len()).filter(|index| gates[*index] == Asked::Yes).collect();

    let looks = servers.iter().map(|server| async {
        match server {
            Ok(server) => Ok(ask_resolver(dns, cx, *server, &asks, &open).await),
            Err(fault) => Err(fault.clone()),
        }
    });
    let looked = join_all(looks).await;
    Ok(DnsSeen { zones, ..assemble(questions, told, gates, &open, looked) })
}

async fn read_names(cx: &ProbeCx, path: &std::path::Path) -> Result<Vec<DomainName>, Fault> {
    let what = || format!("reading names from {}", path.display());
    let unreadable = |reason: String| Fault::Local { what: what(), reason };
    let full = cx.path(path);
    let read = async {
        let mut text = String::new();
        let file = tokio::fs::File::open(&full).await?;
        // One byte more, to see that there is more: what is no plain file has no size to ask for.
        file.take(MAX_FILE + 1).read_to_string(&mut text).await?;
        Ok::<String, std::io::Error>(text)
    };
    let text = cx.within(what(), read).await?.map_err(|e| Fault::from_io(what(), &e))?;
    if u64::try_from(text.len()).is_ok_and(|size| size > MAX_FILE) {
        return Err(unreadable(format!("it has more than {MAX_FILE} bytes")));
    }
    let mut names = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let word = line.split('#').next().unwrap_or_default().trim();
        if word.is_empty() {
            continue;
        }
        let name =
            word.parse().map_err(|error| unreadable(format!("line {}: {error}", number + 1)))?;
        names.push(name);
    }
    if names.is_empty() {
        return Err(unreadable("it has no names".to_owned()));
    }
    if names.len() > MAX_NAMES {
        return Err(unreadable(format!("{} names are more than {MAX_NAMES}", names.len())));
    }
    Ok(names)
}

fn asks(questions: &[Wanted]) -> Result<Vec<Ask>, Fault> {
    let mut asks: Vec<Ask> = Vec::with_capacity(questions.len());
    let mut last = "";
    for Wanted { question, region } in questions {
        // The types of one name follow each other, and reading a name is not free.
        let name = match asks.last() {
            Some(ask) if question.name.as_str() == last => ask.name.clone(),
            Some(_) | None => fqdn(question.name.as_str())
                .map_err(|error| Fault::Bug { message: error.to_string() })?,
        };
        last = question.name.as_str();
        let subnet = region.as_ref().map(|(_, subnet)| *subnet);
        asks.push(Ask { subnet, ..Ask::new(name, question.kind.wire(), Recursion::Desired) });
    }
    Ok(asks)
}

/// The servers to ask as resolvers, each once.
fn resolvers(written: &[Resolver]) -> Vec<Result<Server, Fault>> {
    let mut servers: Vec<Result<Server, Fault>> = Vec::new();
    for resolver in written {
        let found = match resolver {
            Resolver::At(server) => vec![Ok(*server)],
            Resolver::System => match system_servers() {
                Ok(found) => found.into_iter().map(Ok).collect(),
                Err(fault) => vec![Err(fault)],
            },
        };
        for server in found {
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
    }
    servers
}

/// Whether each question may go to the resolvers.
fn gates(dns: &Dns, questions: &[Wanted], told: &[Vec<AuthorityTold>]) -> Vec<Asked> {
    if dns.authorities == Authorities::Off {
        return vec![Asked::Yes; questions.len()];
    }
    let published: std::collections::HashSet<&str> = questions
        .iter()
        .zip(told)
        .filter(|(wanted, told)| wanted.question.kind == Type::A && gate(told) == Asked::Yes)
        .map(|(wanted, _)| wanted.question.name.as_str())
        .collect();
    questions
        .iter()
        .zip(told)
        .map(|(Wanted { question, .. }, told)| {
            let none_wanted = dns.records.get(question).is_some_and(Vec::is_empty);
            // Every client asks for AAAA beside A, so the absence of one is known everywhere.
            let beside = question.kind == Type::Aaaa
                && published.contains(question.name.as_str())
                && valid(told).all(|answer| answer.rcode == Rcode::NOERROR);
            match gate(told) {
                Asked::NotPublished if none_wanted || beside => Asked::Yes,
                gate @ (Asked::Yes | Asked::NotPublished | Asked::AuthorityUnknown) => gate,
            }
        })
        .collect()
}

/// The answers given with authority.
fn valid(told: &[AuthorityTold]) -> impl Iterator<Item = &Answer> {
    told.iter().filter_map(|told| told.answer.seen()).filter(|answer| answer.has(Flag::Aa))
}

fn gate(told: &[AuthorityTold]) -> Asked {
    if valid(told).next().is_none() {
        Asked::AuthorityUnknown
    } else if valid(told).all(is_published) {
        Asked::Yes
    } else {
        Asked::NotPublished
    }
}

/// Whether an authority has the records, or an alias that leads out of its zones.
fn is_published(answer: &Answer) -> bool {
    answer.is_positive()
        || (answer.rcode == Rcode::NOERROR
            && !answer.chain.is_empty()
            && !answer.is_loop()
            && answer.soa.is_none())
}

/// What one resolver said to the open questions, in their order, and how fast.
struct Looked {
    server: Server,
    told: Vec<ResolverTold>,
    cold: Vec<f64>,
    warm: Vec<f64>,
    asked: usize,
    answered: usize,
    snooping: Option<Snooping>,
}

async fn ask_resolver(
    dns: &Dns,
    cx: &ProbeCx,
    server: Server,
    asks: &[Ask],
    open: &[usize],
) -> Looked {
    let pace = Pace::for_server(&server, dns.rate);
    let mut client = Client::new(server, pace);
    let shown = server.to_string();
    let asks: Vec<Ask> = open.iter().map(|index| asks[*index].clone()).collect();
    let rounds = dns.rounds();
    let left = cx.remaining();
    let until = cx.clock.tick() + left;
    let turns = 1 + rounds as usize + usize::from(dns.snoops());
    let spacing = pace.duration(asks.len() * turns).mul_f64(1.25);
    let base = left.saturating_sub(spacing + dns.pause());
    let cold_share = if rounds == 0 { 0.95 } else { 0.7 };
    let patience = Patience::about(base.mul_f64(cold_share).min(Duration::from_secs(10)));
    let cold = client.ask_all(&asks, patience, until, Answer::read).await;

    let mut look = Looked {
        server,
        cold: cold.iter().flatten().map(|answer| answer.millis).collect(),
        warm: Vec::new(),
        asked: asks.len(),
        answered: cold.iter().flatten().count(),
        snooping: None,
        told: cold
            .into_iter()
            .map(|answer| ResolverTold {
                server: shown.clone(),
                cold: Sight::from(answer),
                unchecked: None,
                warm: None,
            })
            .collect(),
    };
    look_unchecked(dns, &mut client, &asks, patience, until, &mut look.told).await;
    // Only what was answered can be warm; a silent server is not asked in vain again.
    let again: Vec<usize> =
        (0..asks.len()).filter(|index| look.told[*index].cold.seen().is_some()).collect();
    if rounds == 0 || again.is_empty() {
        return look;
    }
    tokio::time::sleep(dns.pause().min(cx.remaining())).await;
    let asks: Vec<Ask> = again.iter().map(|index| asks[*index].clone()).collect();
    let snooped =
        if dns.snoops() { snoop(&mut client, &asks, patience, until).await } else { None };
    let mut traces: Vec<Vec<Answer>> = vec![Vec::new(); again.len()];
    let mut silent = vec![0_u32; again.len()];
    for round in 0..rounds {
        let left = until.saturating_duration_since(cx.clock.tick());
        let share = left.saturating_sub(spacing) / (rounds - round);
        let patience = Patience::about(share.mul_f64(0.9));
        let answers = client.ask_all(&asks, patience, until, Answer::read).await;
        look.asked += asks.len();
        for (index, answer) in answers.into_iter().enumerate() {
            match answer {
                Ok(answer) => {
                    look.answered += 1;
                    look.warm.push(answer.millis);
                    traces[index].push(answer);
                }
                Err(_) => silent[index] += 1,
            }
        }
    }
    let cached = |n: usize| snooped.as_ref().and_then(|snooped| snooped.cached[n]);
    for (n, ((index, trace), silent)) in again.into_iter().zip(traces).zip(silent).enumerate() {
        let told = &mut look.told[index];
        if let Sight::Seen(cold) = &told.cold {
            let mut warmth = warmth(cold, &trace, silent);
            weigh(&mut warmth, cached(n));
            told.warm = Some(warmth);
        }
    }
    look.snooping = snooped.map(|Snooped { regard, .. }| regard);
    look
}

/// Asks what failed once more without verification: what works then failed by its signatures.
async fn look_unchecked(
    dns: &Dns,
    client: &mut Client,
    asks: &[Ask],
    patience: Patience,
    until: std::time::Instant,
    told: &mut [ResolverTold],
) {
    if dns.dnssec == Dnssec::Off {
        return;
    }
    let failed: Vec<usize> = (0..told.len())
        .filter(|index| {
            told[*index].cold.seen().is_some_and(|answer| answer.rcode == Rcode::SERVFAIL)
        })
        .collect();
    let asks: Vec<Ask> = failed
        .iter()
        .map(|index| Ask { checking: Checking::Off, ..asks[*index].clone() })
        .collect();
    let answers = client.ask_all(&asks, patience, until, Answer::read).await;
    for (index, answer) in failed.into_iter().zip(answers) {
        told[index].unchecked = answer.ok().map(Box::new);
    }
}

/// What the warm answers prove about the cache.
fn warmth(cold: &Answer, trace: &[Answer], silent: u32) -> Warmth {
    let mut warmth = Warmth {
        hits: 0,
        misses: 0,
        unproved: 0,
        silent,
        cached: None,
        caches: 0,
        until: None,
        changed: changed(cold, trace),
    };
    let mut ends: Vec<Timestamp> = Vec::new();
    if let Some(end) = cold.expires() {
        ends.push(end);
    }
    for warm in trace {
        if let (Some(cold_ttl), Some(warm_ttl)) = (cold.keep(), warm.keep()) {
            let (cold_end, warm_end) = (end(cold, cold_ttl), end(warm, warm_ttl));
            let same = near(cold_end, warm_end);
            let waited = warm.at.duration_since(cold.at).as_secs() >= 1;
            match (same, waited) {
                (true, _) if warm_ttl < cold_ttl => warmth.hits += 1,
                (false, true) => warmth.misses += 1,
                (true | false, _) => warmth.unproved += 1,
            }
            if warm.ttl.is_some() && !ends.iter().any(|end| near(*end, warm_end)) {
                ends.push(warm_end);
            }
        }
    }
    warmth.caches = ends.len();
    warmth.until = ends.into_iter().min();
    warmth
}

/// The warm answers that say something else than the cold one, each thing said once.
fn changed(cold: &Answer, trace: &[Answer]) -> Vec<Answer> {
    let mut changed: Vec<Answer> = Vec::new();
    for warm in trace {
        // That the cold one had expired and this one has not is no change for the worse.
        let known = says_the_same(cold, warm) && (is_stale(cold) || !is_stale(warm));
        let same = |other: &Answer| says_the_same(other, warm) && is_stale(other) == is_stale(warm);
        if !known && !changed.iter().any(same) {
            changed.push(warm.clone());
        }
    }
    changed
}

/// Whether two answers lead to the same records by the same aliases; TTLs apart.
fn says_the_same(one: &Answer, other: &Answer) -> bool {
    let aliases = |answer: &Answer| -> Vec<String> {
        answer.chain.iter().map(|link| link.to.clone()).collect()
    };
    one.rcode == other.rcode && one.records == other.records && aliases(one) == aliases(other)
}

fn is_stale(answer: &Answer) -> bool {
    answer.stale().is_some()
}

/// When an entry of so many seconds ends.
fn end(answer: &Answer, ttl: u32) -> Timestamp {
    let ttl = jiff::SignedDuration::from_secs(i64::from(ttl));
    answer.at.saturating_add(ttl).unwrap_or(answer.at)
}

fn near(a: Timestamp, b: Timestamp) -> bool {
    a.duration_since(b).as_secs().abs() <= SAME_ENTRY
}

/// Puts together who said what.
fn assemble(
    questions: Vec<Wanted>,
    authorities: Vec<Vec<AuthorityTold>>,
    gates: Vec<Asked>,
    open: &[usize],
    looked: Vec<Result<Looked, Fault>>,
) -> DnsSeen {
    let mut seen: Vec<QuestionSeen> = questions
        .into_iter()
        .zip(authorities)
        .zip(gates)
        .map(|((Wanted { question, region }, authorities), asked)| QuestionSeen {
            name: question.name.into(),
            kind: question.kind,
            region: region.map(|(label, _)| label),
            authorities,
            asked,
            resolvers: Vec::with_capacity(looked.len()),
        })
        .collect();
    let mut resolvers = Vec::new();
    let (mut cold, mut warm) = (Vec::new(), Vec::new());
    for look in looked {
        match look {
            Ok(look) => {
                cold.extend(&look.cold);
                warm.extend(&look.warm);
                resolvers.push(as_a_whole(&look));
                for (index, told) in open.iter().zip(look.told) {
                    seen[*index].resolvers.push(told);
                }
            }
            Err(fault) => resolvers.push(ResolverSeen {
                server: "system".to_owned(),
                asked: 0,
                answered: 0,
                cold: None,
                warm: None,
                warm_until: None,
                hit_ratio: None,
                unproved_ratio: None,
                snooping: None,
                fault: Some(fault),
            }),
        }
    }
    DnsSeen {
        looks: 1,
        questions: seen,
        zones: Vec::new(),
        warm_until: resolvers.iter().filter_map(|resolver| resolver.warm_until).min(),
        resolvers,
        latency: Latency::of(warm),
        cold: Latency::of(cold),
    }
}

fn as_a_whole(look: &Looked) -> ResolverSeen {
    let warm = || look.told.iter().filter_map(|told| told.warm.as_ref());
    let hits: u32 = warm().map(|warm| warm.hits).sum();
    let unproved: u32 = warm().map(|warm| warm.unproved + warm.silent).sum();
    let all = hits + unproved + warm().map(|warm| warm.misses).sum::<u32>();
    let share = |part: u32| (all > 0).then(|| f64::from(part) / f64::from(all));
    ResolverSeen {
        server: look.server.to_string(),
        asked: look.asked,
        answered: look.answered,
        cold: Latency::of(look.cold.clone()),
        warm: Latency::of(look.warm.clone()),
        warm_until: look
            .told
            .iter()
            .filter_map(|told| match &told.warm {
                Some(warm) => warm.until,
                None => told.cold.seen().and_then(Answer::expires),
            })
            .min(),
        hit_ratio: share(hits),
        unproved_ratio: share(unproved),
        snooping: look.snooping,
        fault: None,
    }
}
