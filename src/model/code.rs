//! Codes: the stable names of everything a finding can say.

use super::outcome::Outcome;

/// The stable name of one thing that can be right or wrong, with its page in the manual.
///
/// `id` is `kind.what-is-wrong`, named after the fault; scripts, waivers and `explain` hang on it.
#[derive(Debug, PartialEq, Eq)]
pub struct Code {
    /// Such as `tls.staple-expired`.
    pub id: &'static str,
    /// One line: what a finding with this code says.
    pub summary: &'static str,
    /// The page of `explain`: what it means, why it matters at a launch, how to fix it. Markdown.
    pub doc: &'static str,
    /// The outcome a finding has unless the judge says otherwise.
    pub default: Outcome,
}

/// Declares codes, each with its name here, its identifier, what it is by default, its summary and its
/// page, and `ALL` of them in the order of the manual; before them stands who may see them.
macro_rules! codes {
    ($vis:vis, $($name:ident $id:literal $outcome:ident $summary:literal $doc:literal)*) => {
        $(#[doc = $summary]
        $vis static $name: $crate::model::code::Code = $crate::model::code::Code {
            id: $id,
            summary: $summary,
            doc: $doc,
            default: $crate::model::outcome::Outcome::$outcome,
        };)*
        /// Every code, in the order of the manual.
        $vis static ALL: &[&$crate::model::code::Code] = &[$(&$name),*];
    };
}
pub(crate) use codes;

/// Codes of the engine itself: what can keep any kind of check from being answered.
pub mod engine {

    codes! {
        pub,
        TIMEOUT "gonogo.timeout" Unknown "no answer within the time allowed"
            "The target was asked and did not answer in time, so nothing was learnt: it may be slow, \
             down, or hidden by a firewall that drops packets.\n\nAt a launch this is a HOLD, not a \
             NO-GO: nobody knows.\n\nTry the command under `by hand` from the same machine. If the \
             target is known to be slow, raise the check's `timeout`; if it flaps, give it a `retry`."
        UNREACHABLE "gonogo.unreachable" Unknown "the target could not be reached from here"
            "This machine could not send to the target: no route, no such network, or an address \
             family it does not have. That says nothing about the target itself.\n\nRun the check \
             from a machine that can reach it, or name other `addresses`."
        NAME "gonogo.name-unresolved" Unknown "the target's name could not be looked up"
            "The name could not be turned into an address because no resolver answered. The target \
             itself was never contacted.\n\nTry `dig NAME`; check the machine's resolver; name the \
             `addresses` to probe where the kind has them."
        DENIED "gonogo.denied" Unknown "the probe lacks a privilege it needs to see the answer"
            "The target answered, but not to this user: what it shows without the privilege would be \
             misleading, so it is not used.\n\nGrant the named privilege, or run the check as a role \
             that has it."
        SECRET "gonogo.secret-missing" Unknown "a secret the check needs is not there"
            "The checklist names a secret by `${env:…}` or `${file:…}` and it is not set, not \
             readable or empty, so the check was not tried.\n\nSet the variable or the file where \
             the run happens; `gonogo lint` does not need it."
        UNREADABLE "gonogo.answer-unreadable" Unknown "the target's answer could not be understood"
            "Something answered, but not in the protocol that was expected, or with more than the \
             probe accepts. It may be the wrong port, a proxy in between, or a broken server.\n\n\
             Look at the raw answer with the command under `by hand`."
        LOCAL "gonogo.local" Unknown "this machine could not do its part"
            "A local limit or file stood in the way: open-file limit, memory, an unreadable file. \
             The target was not judged.\n\nThe message names the limit; raise it or free it, and \
             run again."
        NOT_ALLOWED "gonogo.not-allowed" Unknown "the person running it has not allowed this"
            "The check does something a checklist alone may not decide, such as running a program. \
             It was not done.\n\nRead what it would run in `gonogo plan`, then add the flag the \
             message names."
        INTERRUPTED "gonogo.interrupted" Unknown "the run was interrupted before this was answered"
            "The run was stopped (Ctrl-C, SIGTERM) before the check had an answer. The record keeps \
             what was known by then.\n\nRun it again."
        DEADLINE "gonogo.deadline" Unknown "the run's deadline came before this was answered"
            "`--deadline` ended the run before the check had an answer.\n\nGive the run more time, \
             raise `--jobs`, or look at which checks took long."
        NOT_APPLIED "gonogo.not-applied" Pending "a change was held back because a blocker failed"
            "`--apply` was given, but a blocking check before this one failed, so the change was not \
             made.\n\nMend or waive what failed and run again."
        NOT_RECORDED "gonogo.not-recorded" Pending "a change was held back because no record of it can be kept"
            "`--apply` was given, and the run's event log cannot be written: the disk is full or \
             read-only, or there is no home directory. What is about to be changed must be on the disk \
             first, so that somebody can find it should the run be killed; so the change was not made. \
             The other checks are judged as ever.\n\nThe message names the log and what the system said. \
             Make room, or let the log go elsewhere (`GONOGO_STATE_DIR`), and run again."
        WAIVER_EXPIRED "gonogo.waiver-expired" Fail "a waiver has run out"
            "Somebody accepted a fault of this check until a certain time, and that time has passed. \
             Nobody accepts it any more, so this fails until it is looked at again.\n\nMend the fault \
             and take the waiver out, or have somebody renew it with a new `until` and a reason."
        WAIVER_UNUSED "gonogo.waiver-unused" Warn "a waiver covers nothing"
            "A waiver names this check, but nothing it could cover was found. It may be mended, or the \
             waiver's `code` or `target` may be misspelt. A waiver of several checks (`tls.*`) is said to \
             be unused once, at the first of them, where all were looked at and it covers nothing at \
             any.\n\nTake the waiver out: left in, it would \
             hide the next fault."
        EXPECT "gonogo.expectation" Fail "what the list expects of the facts is not so"
            "An expression under `expect` is false for what was seen. The finding shows the expression \
             and the values of its parts.\n\nLook at the observation in the record, or with \
             `--verbose`; `gonogo explain KIND` lists what an observation has."
        EXPECT_NO_DATA "gonogo.expectation-no-data" Unknown "what the list expects cannot be judged"
            "An expression under `expect` needs a value that was not seen this time: it is missing or \
             null. A missing value is never a pass.\n\nLook at the observation in the record for why \
             it is absent."
        NO_FINDING "gonogo.nothing-judged" Unknown "the probe looked but judged nothing"
            "The probe came back without a single finding. Nothing judged is not a pass.\n\nThis is \
             a defect of the tool unless the check asks for nothing; please report it."
        SHARD_MISSING "gonogo.shard-missing" Unknown "no shard of the run looked at this"
            "The records that were merged are shards of one run, and none of them has an answer for \
             this check: a shard is missing, or the shards were run with different selections. What \
             nobody looked at is not known to be right.\n\nFind the shard's record (a CI job that \
             failed, an artifact that was not kept), run that shard again with the same `--shard I/N`, \
             and merge again."
        VANTAGES_DIFFER "gonogo.vantages-differ" Warn "the vantage points do not agree, and its quorum is reached"
            "Enough vantage points find this check right for its `quorum`, but not all of them do. What \
             the others found stands beside this finding.\n\nSomebody's players are behind the vantage \
             point that differs: look at what it saw before you launch."
        QUORUM_OPEN "gonogo.quorum-open" Unknown "too few vantage points looked"
            "The check's `quorum` asks for more vantage points than have looked at it. Nobody who looked \
             found it wrong, and nobody knows what the others would have seen.\n\nRun the list from the \
             missing vantage points (`--vantage NAME`) and merge all records again."
        BUG "gonogo.bug" Unknown "a defect of gonogo itself"
            "A probe ended in a way it never should. The other checks are not affected, and this one \
             is unknown.\n\nPlease report it with the run's event log."
    }
}
