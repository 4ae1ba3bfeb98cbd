//! Kind `dns` and resolvers that are asked without recursion what they have in their cache, and fail,
//! drop the question, or show it.

use gonogo::model::outcome::Outcome;
use gonogo::probe::dns::{Dns, Snooping};
use hickory_proto::op::{Message, ResponseCode};
use serde_json::json;

use crate::dns_liars::{ask, bytes, failing, good, liar, reply};
use crate::support::Looked;

/// Two rounds of warmth, whose hits are asked for without recursion too; `quiet` says what the server
/// does with a question without recursion, by whether its name is the one that is asked for.
async fn snoop(quiet: impl Fn(&Message, bool) -> Vec<Vec<u8>> + Send + 'static) -> Looked<Dns> {
    let server = liar(move |question, _| {
        let wanted = question.queries[0].name.to_ascii().starts_with("login.");
        if question.metadata.recursion_desired {
            vec![bytes(&good(question))]
        } else {
            quiet(question, wanted)
        }
    });
    ask(server.await, json!({ "warm": { "rounds": 1, "snoop": true } })).await
}

#[tokio::test]
async fn an_error_to_a_question_without_recursion_says_nothing_of_the_cache() {
    let seen = |look: &Looked<Dns>| {
        let seen = look.seen.as_ref().expect("something was seen");
        let warm = seen.questions[0].resolvers[0].warm.clone().expect("warm answers");
        (seen.resolvers[0].snooping, warm.cached, warm.misses)
    };
    let fail = |question: &Message| vec![bytes(&failing(question, ResponseCode::ServFail, None))];

    // An answer beside it proves nothing either: what failed may have been looked for.
    let look = snoop(
        move |question, wanted| {
            if wanted { vec![bytes(&good(question))] } else { fail(question) }
        },
    );
    assert_eq!(seen(&look.await), (Some(Snooping::Refused), None, 0));

    // It keeps to RD=0 for the name nobody has, and fails with the one it was asked for.
    let look = snoop(
        move |question, wanted| {
            if wanted { fail(question) } else { vec![bytes(&reply(question))] }
        },
    );
    assert_eq!(seen(&look.await), (Some(Snooping::Shown), None, 0));

    let look = snoop(|question, wanted| {
        let shown = if wanted { good(question) } else { reply(question) };
        vec![bytes(&shown)]
    });
    assert_eq!(seen(&look.await), (Some(Snooping::Shown), Some(true), 0));
}

#[tokio::test]
async fn a_resolver_that_drops_questions_without_recursion_is_not_counted_as_cold() {
    let look = snoop(|_, _| vec![]).await;
    assert_eq!(look.outcome(), Outcome::Pass, "{:#?}", look.findings);
    let said = look.findings.iter().find(|f| f.code == "dns.cache-not-observable");
    assert!(said.expect("it").message.contains("does not answer questions without"), "{said:?}");
    let seen = look.seen.as_ref().expect("something was seen");
    assert_eq!(seen.resolvers[0].snooping, Some(Snooping::Silent));
}
