//! What the kind says beside its findings: complaints, the summary, the commands by hand.

use super::judge::resolver::{ms, warm_until};
use super::{
    Asked, Authorities, Complaint, Dns, DnsSeen, Dnssec, JudgeCx, MAX_ROUNDS, QuestionSeen,
    Resolver, Wanted, Warm, canonical,
};
use crate::model::text::{count, quote};
use crate::net::dns::{Server, Via};

/// How many commands by hand are worth reading.
const MAX_COMMANDS: usize = 20;

/// What the types of the parameters cannot refuse.
pub(super) fn complaints(dns: &Dns) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    let mut complain = |key: Option<&'static str>, message: &str, help: Option<&str>| {
        complaints.push(Complaint {
            key,
            message: message.to_owned(),
            help: help.map(str::to_owned),
        });
    };
    let nothing = dns.names.is_empty() && dns.names_file.is_none();
    if nothing && dns.records.is_empty() && dns.client_subnet.is_empty() {
        complain(
            None,
            "there is no name to ask for",
            Some("give `names`, such as [login.example.com]"),
        );
    }
    if dns.types.is_empty() && (!dns.names.is_empty() || dns.names_file.is_some()) {
        complain(
            Some("types"),
            "without a type no name is asked for",
            Some("leave `types` out for [A, AAAA]"),
        );
    }
    if dns.resolvers.is_empty() {
        match &dns.authorities {
            Authorities::Auto => complain(
                Some("resolvers"),
                "without a resolver the zones' name servers cannot be found",
                Some("name one, or list the `authorities`"),
            ),
            Authorities::Off => {
                complain(
                    Some("resolvers"),
                    "there is nobody to ask",
                    Some("leave `resolvers` out for [system]"),
                );
            }
            Authorities::At(_) => {}
        }
    }
    if dns.authorities == Authorities::At(Vec::new()) {
        complain(
            Some("authorities"),
            "the list is empty",
            Some("write `off` to believe the resolvers"),
        );
    }
    if dns.dnssec == Dnssec::Require && dns.authorities == Authorities::Off {
        complain(
            Some("dnssec"),
            "signatures are asked of the authorities, and those are off",
            Some("set `authorities` to `auto` or a list"),
        );
    }
    let known = !dns.records.is_empty() || !dns.client_subnet.is_empty();
    if dns.until.is_some() && dns.authorities == Authorities::Off && !known {
        complain(
            Some("until"),
            "nothing says which records to wait for",
            Some("give `records`, or let the `authorities` be asked"),
        );
    }
    if let Authorities::At(servers) = &dns.authorities
        && servers.iter().any(|server| server.via != Via::Udp)
    {
        complain(
            Some("authorities"),
            "authoritative servers are asked over UDP and TCP alone",
            Some("write IP or IP:PORT"),
        );
    }
    for (label, region) in &dns.client_subnet {
        if region.records.is_empty() {
            complain(
                Some("client_subnet"),
                &format!("{label}: without `records` nothing is asked"),
                Some("give the records its clients must get"),
            );
        }
    }
    let own = dns.records.iter().map(|records| ("records", records));
    let regional = dns.client_subnet.values().flat_map(|region| &region.records);
    for (key, (question, values)) in own.chain(regional.map(|records| ("client_subnet", records))) {
        for value in values {
            if let Err(error) = canonical(question.kind, value) {
                complain(Some(key), &format!("{question}: {error}"), None);
            }
        }
    }
    complaints.extend(dns.warm.iter().flat_map(warm_complaints));
    complaints
}

fn warm_complaints(warm: &Warm) -> Vec<Complaint> {
    let measures = warm.p95.is_some() || warm.hit_ratio.is_some();
    let rounds = "set `rounds` to 1 or more";
    [
        (warm.rounds > MAX_ROUNDS, "more than 100 rounds", None),
        (warm.rounds == 0 && measures, "without a round there is nothing to measure", Some(rounds)),
        (warm.rounds == 0 && warm.snoop, "without a round `snoop` asks nothing", Some(rounds)),
        (
            warm.hit_ratio.is_some_and(|least| least.get() <= 0.0),
            "a `hit_ratio` of 0 asks for nothing",
            Some("leave it out, or ask for more"),
        ),
    ]
    .into_iter()
    .filter(|(wrong, _, _)| *wrong)
    .map(|(_, message, help)| Complaint {
        key: Some("warm"),
        message: message.to_owned(),
        help: help.map(str::to_owned),
    })
    .collect()
}

/// One line: `24 answers on 3 resolvers, warm until 10:04:05 UTC; p95 14 ms (cold 186 ms)`.
pub(super) fn summary(seen: &DnsSeen, cx: &JudgeCx) -> String {
    let answered: usize = seen.resolvers.iter().map(|resolver| resolver.answered).sum();
    let mut text = if seen.resolvers.is_empty() {
        let answers = seen
            .questions
            .iter()
            .flat_map(|question| &question.authorities)
            .filter(|told| told.answer.seen().is_some())
            .count();
        count(answers, "answer") + " of authorities"
    } else {
        format!("{} on {}", count(answered, "answer"), count(seen.resolvers.len(), "resolver"))
    };
    let unpublished = seen.questions.iter().filter(|q| q.asked == Asked::NotPublished).count();
    if unpublished > 0 {
        text.push_str(&format!(", {unpublished} not published"));
    }
    if seen.looks > 1 {
        text.push_str(&format!(" after {} looks", seen.looks));
    }
    if let Some(until) = seen.warm_until {
        text.push_str(&format!(", {}", warm_until(cx, until)));
    }
    match (&seen.latency, &seen.cold) {
        (Some(warm), Some(cold)) => {
            text.push_str(&format!("; p95 {} (cold {})", ms(warm.p95), ms(cold.p95)));
        }
        (Some(one), None) | (None, Some(one)) => {
            text.push_str(&format!("; p95 {}", ms(one.p95)));
        }
        (None, None) => {}
    }
    text
}

/// The questions with something odd first: what a person wants to see again.
fn by_interest(seen: &DnsSeen) -> impl Iterator<Item = &QuestionSeen> {
    let is_odd = |question: &&QuestionSeen| {
        let authorities = question.authorities.iter().map(|told| told.answer.seen());
        let resolvers = question.resolvers.iter().map(|told| told.cold.seen());
        let mut said = authorities
            .chain(resolvers)
            .map(|answer| answer.map(|answer| (answer.rcode, &answer.records)));
        let first = said.next();
        question.asked != Asked::Yes
            || first.is_none_or(|first| first.is_none() || said.any(|other| other != first))
    };
    let odd = seen.questions.iter().filter(is_odd);
    odd.chain(seen.questions.iter().filter(move |question| !is_odd(question)))
}

/// The same questions with `dig`.
pub(super) fn reproduce(dns: &Dns, seen: Option<&DnsSeen>) -> Vec<String> {
    let mut authorities: Vec<String> = match &dns.authorities {
        Authorities::At(servers) => servers.iter().map(Server::dig).collect(),
        Authorities::Auto | Authorities::Off => Vec::new(),
    };
    if let (Authorities::Auto, Some(seen)) = (&dns.authorities, seen) {
        let told = seen.questions.iter().flat_map(|question| &question.authorities);
        for server in told.filter_map(|told| told.server.parse::<Server>().ok()) {
            let dig = server.dig();
            if !authorities.contains(&dig) && authorities.len() < 4 {
                authorities.push(dig);
            }
        }
    }
    let subnet = |label: Option<&String>| {
        let region = label.and_then(|label| dns.client_subnet.get(label));
        region.map(|region| format!(" +subnet={}", region.subnet)).unwrap_or_default()
    };
    let questions: Vec<String> = match seen {
        Some(seen) => by_interest(seen)
            .map(|q| format!("{} {}{}", quote(&q.name), q.kind, subnet(q.region.as_ref())))
            .collect(),
        None => dns
            .wanted(&[])
            .iter()
            .map(|Wanted { question, region }| {
                let subnet = subnet(region.as_ref().map(|(label, _)| label));
                format!("{} {}{subnet}", quote(question.name.as_str()), question.kind)
            })
            .collect(),
    };
    let mut commands = Vec::new();
    for question in questions {
        for server in &authorities {
            commands.push(format!("dig {server} {question} +norecurse +noall +answer +comments"));
        }
        for resolver in &dns.resolvers {
            let server = match resolver {
                Resolver::System => String::new(),
                Resolver::At(server) => format!("{} ", server.dig()),
            };
            commands.push(format!("dig {server}{question} +noall +answer +comments"));
        }
        if commands.len() >= MAX_COMMANDS {
            break;
        }
    }
    commands.truncate(MAX_COMMANDS);
    commands
}
