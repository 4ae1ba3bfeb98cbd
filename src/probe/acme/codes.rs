//! Everything a finding about the renewal of a certificate can say.

use crate::model::code::Code;
use crate::model::outcome::Outcome;

macro_rules! codes {
    ($($name:ident $id:literal $outcome:ident $summary:literal $doc:literal)*) => {
        $(#[doc = $summary]
        pub static $name: Code = Code {
            id: $id, summary: $summary, doc: $doc, default: Outcome::$outcome,
        };)*
        /// Every code of the kind, in the order of the manual.
        pub static ALL: &[&Code] = &[$(&$name),*];
    };
}

codes! {
    OK "acme.ok" Pass "the challenge can be answered here"
        "An authority that walks the way of the http-01 challenge from this machine would get an \
         answer from this address. It would look from several places of the world, this check looks \
         from one."
    CAA_OK "acme.caa-ok" Pass "CAA allows the authority to issue"
        "The CAA records nearest to the name (RFC 8659) allow this authority, this account and this \
         challenge, or there are none, which allows everybody."
    CAA_FORBIDS "acme.caa-forbids" Fail "CAA forbids the authority to issue"
        "The nearest CAA record set above the name does not name the authority, names another \
         account (`accounturi`) or leaves out the challenge (`validationmethods`), or has a critical \
         tag nobody understands. The next renewal will be refused.\n\nBy hand: `dig NAME CAA`, then \
         each name above it, until one has records. Add `0 issue \"letsencrypt.org\"` (or `issuewild` \
         for wildcards) where the finding says."
    CAA_BROKEN "acme.caa-broken" Fail "the CAA records cannot be looked up"
        "A name on the way answers CAA with an error such as SERVFAIL. Authorities must treat that \
         as a refusal, and since 15 March 2026 they must also validate DNSSEC: broken signatures \
         block every renewal.\n\nBy hand: `dig NAME CAA`, and `delv NAME CAA`. Old name servers and \
         load balancers answer types they do not know with an error: update them."
    NO_ADDRESS "acme.no-address" Fail "the name has no address"
        "The authority would have nobody to ask: the resolver answered that there is neither an A \
         nor an AAAA record. Publish one, or renew with the dns-01 challenge."
    HTTP01_REFUSED "acme.http01-refused" Fail "port 80 does not answer the challenge"
        "The connection for the http-01 challenge was refused, reset or closed. The challenge comes \
         over plain HTTP on port 80, first over IPv6 where the name has such an address; an AAAA \
         record that leads to a closed port breaks the renewal even when IPv4 is perfect.\n\nOpen port \
         80 on the address for `/.well-known/acme-challenge/`, or take the address out of DNS."
    HTTP01_FORBIDDEN "acme.http01-forbidden" Fail "the challenge is turned away"
        "The path of the challenge answers 401, 403, 407, 429 or 451: a firewall for web \
         applications, a geographic block, a login or a rate limit stands before it. The authority \
         will be turned away as well, from several places of the world.\n\nLet \
         `/.well-known/acme-challenge/` through, before all other rules."
    HTTP01_BROKEN "acme.http01-broken" Fail "the challenge is answered with an error"
        "The path of the challenge answers with a server error, or one that says that the server \
         does not know the name (400, 421). The challenge's file would not be served.\n\nLook at what \
         answers on port 80 of this address for this host name."
    HTTP01_REDIRECTS "acme.http01-redirects" Fail "the challenge is redirected to where an authority does not follow"
        "Authorities follow at most ten redirects, only to http:// and https://, only to the ports \
         80 and 443 (the certificate there does not matter). This one goes elsewhere, in circles, or \
         nowhere.\n\nBy hand: `curl -sIL http://NAME/.well-known/acme-challenge/x`. Answer the \
         challenge before the redirect to HTTPS."
    HTTP01_CATCH_ALL "acme.http01-catch-all" Warn "any path answers with a page"
        "A path that cannot exist answers 200 with HTML: a parking page, a captive network, or an \
         application that answers everything. The challenge's file works only if it is served before \
         that.\n\nPut a file there and fetch it through the name: `curl \
         http://NAME/.well-known/acme-challenge/test`."
    ALPN01_OK "acme.alpn01-ok" Pass "the tls-alpn-01 challenge is answered here"
        "The server chose the protocol acme-tls/1 on its TLS port: whoever answers the challenge is \
         there, and nothing before it ends TLS by itself. An authority looks from several places of \
         the world, this check looks from one."
    ALPN01_REFUSED "acme.alpn01-refused" Fail "the TLS port does not answer the challenge"
        "The connection for the tls-alpn-01 challenge was refused, reset or closed, or what answers is \
         not TLS. The challenge comes to port 443 of every address, first over IPv6 where the name has \
         such an address.\n\nOpen the port on the address, or take the address out of DNS."
    ALPN01_NOT_CHOSEN "acme.alpn01-not-chosen" Warn "TLS answers, but not the protocol of the challenge"
        "The server speaks TLS and did not choose acme-tls/1. Some clients (lego, Caddy) answer it only \
         while a challenge is under way; but a CDN or load balancer that ends TLS by itself never does, \
         and then the renewal fails (RFC 8737).\n\nLook at who ends TLS on this address. Behind a load \
         balancer use http-01 or dns-01, or let it pass the protocol on. By hand: `openssl s_client \
         -alpn acme-tls/1`."
    ARI_OK "acme.ari-ok" Pass "the authority wants no renewal during the launch"
        "The authority was asked when it wants the certificate in use to be renewed (RFC 9773). The \
         time it suggests has not passed, and does not meet the launch window."
    ARI_IN_WINDOW "acme.ari-in-window" Warn "the authority wants a renewal during the launch window"
        "The time in which the authority wants the certificate to be renewed (RFC 9773) meets the \
         launch window: machines that follow it will renew, and reload servers, while the launch is \
         on.\n\nRenew before the freeze, once; or prove that a reload drops nothing."
    ARI_OVERDUE "acme.ari-overdue" Fail "the authority wanted the certificate to be renewed before now"
        "The suggested time lies wholly in the past. Authorities move it there when a certificate was \
         or will soon be revoked, often with a day's notice (RFC 9773 §4.2); or the renewing machine does \
         not work. The message has the page that says why, where there is one.\n\nRenew now: a renewal \
         that names the certificate it replaces is exempt from rate limits."
    ARI_UNKNOWN "acme.ari-unknown" Warn "the authority does not know the certificate in use"
        "The directory answers 404 for the certificate that is served: another authority issued it \
         (name its `directory`), or the servers show an old or a default certificate."
    ARI_NOT_APPLICABLE "acme.ari-not-applicable" NotApplicable "the authority gives no renewal information"
        "The directory names no place to ask when to renew (RFC 9773). Whether the renewal is late is \
         judged by `tls` from the certificate's own life."
    RATE_LIMIT_NEAR "acme.rate-limit-near" Warn "certificates for the same names were issued often lately"
        "The addresses show several certificates for the same names that were issued within the last \
         seven days. Let's Encrypt issues five in that time and then one every 34 hours, and there is no \
         exception; failed attempts count as well, five an hour. A renewal forced before the launch may \
         be the one too many.\n\nLet the servers share one certificate, and try renewals against the \
         staging directory first."
    DNS01_OK "acme.dns01-ok" Pass "the name of the dns-01 challenge can be looked up"
        "`_acme-challenge` below the name answers, directly or through its alias. Whether the \
         renewing machine may write there is not seen from here."
    DNS01_BROKEN "acme.dns01-broken" Fail "the name of the dns-01 challenge cannot be looked up"
        "`_acme-challenge` below the name answers with an error such as SERVFAIL: a delegation to \
         servers that do not answer for it, or broken DNSSEC. The challenge cannot be seen.\n\nBy \
         hand: `dig _acme-challenge.NAME TXT +trace`."
    DNS01_LEFTOVERS "acme.dns01-leftovers" Warn "old challenges were left in DNS"
        "`_acme-challenge` holds many TXT records of challenges long past. Authorities read a limited \
         number of them, and a large answer needs TCP: one day the right one is not found.\n\nRemove \
         them, and mend the hook that should."
}
