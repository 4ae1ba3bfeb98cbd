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
