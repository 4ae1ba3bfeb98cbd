//! What the kind `silence` can say.

use crate::model::code::codes;

codes! {
    pub(super),
    OK "silence.ok" Pass "the silence is there and covers its window"
        "This Alertmanager holds a silence with the marker of this check and its matchers, which lasts through \
         the window; every firing alert that matches is silenced by it.\n\n\
         It is looked for on each Alertmanager on its own. By hand: `amtool silence query -o extended`."
    NOT_APPLIED "silence.not-applied" Pending "the silence has not been made yet"
        "No Alertmanager of this cluster holds the silence. The message says what it would keep quiet: the \
         alerting rules that can match, the alerts that fire now, and from when to when.\n\n\
         Read it as the preview it is: are these the alerts you expect, and only those? Then run again with \
         `--apply`. Applying twice leaves one silence.\n\n\
         By hand: `amtool alert query MATCHER…` shows what fires and matches."
    COVERED "silence.covered" Pass "how much of its window the silence covered"
        "The window of the silence has begun. The message compares what was planned with what was covered, in \
         seconds; `seen` has each silence with its maker and its times. It is in the audit \
         (`gonogo silence audit`), and in every run of the check from then on.\n\n\
         By hand: `amtool silence query --expired -o extended`. Alertmanager forgets silences five days after \
         their end."
    GAP "silence.gap" Warn "a part of the window was not covered"
        "For this stretch of the planned window there was no silence: it was made late, ended early, or one had \
         ended before the next began. What fired then has paged.\n\n\
         Ending a silence early because the release went well is right. Alertmanager does not record who ended \
         one; `gonogo silence expire` and `on_no_go: end` write who, when and why into its comment, and the \
         message repeats it. Where it says that nobody left word, somebody ended it with another tool: ask \
         those who can (`createdBy` and the comments under `seen` tell who made it)."
    KEPT_QUIET "silence.kept-quiet" Pass "an alert that fired and was silenced"
        "This alert fired while the silence was at work. The times come from the series `ALERTS` of the check's \
         `prometheus`, looked at every 15 seconds or so; without one they are those between the first and the last \
         look, of this and of earlier runs, that saw it silenced.\n\n\
         An alert that nobody expected here is worth a look: the silence may have hidden a real fault."
    WILL_BE_HEARD "silence.will-be-heard" Pass "an alert that fires and will be heard when the silence ends"
        "The alert fires now, and nothing but this silence keeps it quiet. When the silence ends its receivers \
         are told, within the group's interval.\n\n\
         Is it known, and will it have ended by then? Else extend the silence: `gonogo silence extend`."
    MISSING "silence.missing-on-member" Fail "one member of the cluster lacks the silence"
        "Other members of the cluster hold the silence, this one does not. Members tell each other within \
         seconds, and exchange everything once a minute; after that a member that lacks it will page.\n\n\
         The member may have been restarted before it had written the silence down (it does so every 15 \
         minutes and when it ends), or be cut off from the others. Look at `/api/v2/status` of both: does \
         each list the other under `cluster.peers`? Are TCP and UDP 9094 open between them?\n\n\
         By hand: `amtool --alertmanager.url=URL silence query` on each member. Wait a minute and run the \
         check again before you do anything else."
    NOT_EFFECTIVE "silence.not-effective" Fail "the silence is active, and alerts it matches are still loud"
        "The silence is there and active, and an alert that fires here and matches it does not name it under \
         `silencedBy`. So this alert will page.\n\n\
         Run again: an alert that arrived this very moment may not have been seen. If it stays, compare the \
         alert's labels in `/api/v2/alerts` with the matchers, and restart the member: its silences may be \
         damaged."
    DUPLICATE "silence.duplicate" Warn "several silences of this check cover the same window"
        "More than one silence with this check's marker covers the window. They do no harm together, but one \
         of them that is ended later ends nothing, which surprises.\n\n\
         It happens when members of a cluster could not see each other while the silence was made. Run with \
         `--apply`, or expire all but one: `amtool silence expire ID`."
    LEFTOVER "silence.leftover" Warn "a silence of this check is there for another time than planned"
        "A silence with this check's marker exists that has nothing to do with the present window: the launch \
         was moved, or this is the list of the next release and the last one's silence has not ended. Or it \
         covers the window and lasts longer than planned: it was extended, or the plan was longer when it was \
         made.\n\n\
         A forgotten silence eats real alerts. If it is not wanted any more: `amtool silence expire ID`; if it \
         lasts too long: `gonogo silence extend` with an earlier end as `--to`."
    WIDER "silence.wider-exists" Warn "somebody else's silence covers all that this one would"
        "Another silence, with fewer or wider matchers, is there in the same time and keeps quiet all that this \
         one does. So ending ours early will not bring the alerts back, and neither will its end.\n\n\
         Ask the one who made it (its name and comment are given): is it still wanted? By hand: \
         `amtool silence query -o extended`, `amtool silence expire ID`."
    SEPARATE "silence.separate-clusters" Warn "the Alertmanagers do not form one cluster"
        "The Alertmanagers named are clustered, but not all with each other, so that what one knows does not \
         reach the others. A silence is made in each cluster.\n\n\
         If they are meant to be one cluster, it is split now: each part pages on its own, and after it heals \
         there will be twins of the silence. Look at `cluster.peers` in `/api/v2/status` of each. If they \
         are separate on purpose, this is only for you to know."
    MEMBER_DOWN "silence.member-down" Fail "an Alertmanager refuses connections"
        "A configured Alertmanager answers on no connection: it is not running, or something rejects what is \
         sent to it. Whether it holds the silence cannot be seen, and the redundancy of alerting is gone.\n\n\
         Start it, and run the check again; it learns of silences from its cluster. By hand: \
         `curl -sS URL/-/ready`."
    TLS "silence.tls" Fail "no TLS connection to an Alertmanager can be made"
        "The Alertmanager answers, and the handshake fails: its certificate is not trusted, has expired or is \
         for another name, or it wants a certificate from us and got none that it accepts. The message has the \
         reason. Nothing was asked of it.\n\n\
         Name the authority's file under `access.ca`, and for mutual TLS `access.client_cert` and \
         `access.client_key`. By hand: `openssl s_client -connect HOST:PORT -servername HOST </dev/null`."
    NO_SCOPE "silence.no-scope" Fail "no matcher confines the silence to what is being released"
        "No matcher asks for a certain value of a label that tells services, clusters or environments apart. \
         `alertname` and `severity` do not: the same alert exists for every service. A lone negative matcher \
         such as `env!=\"dev\"` silences nearly everything, including alerts that have no such label.\n\n\
         Add a matcher such as `service=\"order\"`; `service=~\"order|payment\"` will do as well."
    TOO_BROAD "silence.too-broad" Fail "the silence would hit most of all alerts"
        "More than three quarters of all alerting rules (or, without `prometheus`, of the alerts that fire) \
         would be silenced. After that a real incident in another corner makes no sound.\n\n\
         Narrow the matchers to what is being released. By hand: `amtool alert query MATCHER…`."
    MATCHES_ANYTHING "silence.matches-anything" Fail "an expression matches any value"
        "A matcher with `=~` accepts whatever value it is given (`.+`, `.*`, `[\\s\\S]+`), so it says nothing, \
         or only that the label is there. It is usually a placeholder that was forgotten, and it makes a \
         silence look narrower than it is.\n\n\
         Write the values you mean, or leave the matcher out."
    TOUCHES_PROTECTED "silence.touches-protected" Fail "the silence would hit what must stay loud"
        "Something that `never` protects would be silenced: an alert that fires, a rule that can fire, or what \
         the matchers themselves name. It is a warning where a label comes from the rule's expression, so that \
         only the firing alert will show it. By default that is `Watchdog` and `DeadMansSwitch`, alerts that fire \
         always: when they fall silent, alerting is broken.\n\n\
         Add a matcher that leaves it out, such as `severity!=\"page\"`, or decide that it need not be \
         protected in this release and change `never`."
    TOO_LONG "silence.too-long" Fail "the silence would last longer than allowed"
        "From its beginning to its end it would last longer than `max_for` (4 hours unless the check says \
         otherwise). A long silence is forgotten, and then eats real alerts.\n\n\
         Make it as long as the rollout, and extend it should the rollout last; or raise `max_for` where the \
         length is meant."
    EMPTY_WINDOW "silence.empty-window" Fail "the silence would end before it begins"
        "The end is not after the beginning, so there is nothing to silence. Without `for` and `to` a silence \
         lasts as long as the release window, and without `window` in the checklist that has no length.\n\n\
         Name `for` or `to`, or give the checklist a `launch` and a `window`. Mind offsets: `T-1h` is before \
         the launch, `T+1h` after it."
    WINDOW_OVER "silence.window-over" Fail "the time of the silence has passed"
        "It would have ended before now, so making it would silence nothing.\n\n\
         Was the launch moved and `launch` left as it was? Is the clock of this machine right (`date -u`)?"
    EMPTY_COMMENT "silence.empty-comment" Fail "the silence would not say why it is there"
        "Alertmanager accepts a silence without a reason; the person who meets it at night cannot tell whether \
         it may be ended.\n\n\
         Say what is being released and whom to ask."
    NOT_COVERED "silence.not-covered" Fail "an alert that must be silenced would not be"
        "The check names this alert under `alerts`, and the silence would not touch it: a matcher leaves it \
         out, or no rule has this name. So it would page in the middle of the rollout.\n\n\
         Compare the labels in the message with the matchers, letter by letter. It is a warning where a matcher \
         asks for a label that comes from the rule's expression, and `unknown` where the \
         alert does not fire and no `prometheus` is named whose rules would tell its labels."
    MATCHES_NOTHING "silence.matches-nothing" Warn "no known alert would be silenced"
        "No alerting rule of the Prometheus named, and no alert that fires, matches. The silence would be made \
         and would silence nothing: more often a slip of the pen than a plan.\n\n\
         Compare the matchers with `amtool alert query` and the labels of your rules. It is right only when \
         the alerts come from somewhere else than this Prometheus."
}
