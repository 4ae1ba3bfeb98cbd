//! Everything a finding about the renewal of a certificate can say.

use crate::model::code::codes;

codes! {
    pub,
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
    DNSSEC_OK "acme.dnssec-ok" Pass "the name is signed, and its signatures hold"
        "The resolver validated the name's addresses by DNSSEC, as authorities have to since 15 March 2026."
    DNSSEC_NOT_APPLICABLE "acme.dnssec-not-applicable" NotApplicable "the name is not signed"
        "There are no DNSSEC signatures over the name's addresses, so none can be broken."
    DNSSEC_BROKEN "acme.dnssec-broken" Fail "the name's DNSSEC signatures do not hold"
        "A resolver that validates refuses the name, and gives its addresses only to those who want them \
         unvalidated; or the signatures have run out by their own dates. Authorities have to validate, so every \
         renewal is refused, and people behind validating resolvers do not reach the name either.\n\nBy hand: \
         `delv NAME A`, `dig NAME A +dnssec` and `dig NAME A +cd`. Typical: the zone is not signed anew any \
         more, or the DS record at the parent names a key that is gone."
    DNSSEC_UNVALIDATED "acme.dnssec-unvalidated" Warn "the name is signed, and this resolver does not validate"
        "The answer came with signatures and without the resolver's word that they hold (AD). An authority will \
         validate them, and what it would find was not seen.\n\nName a resolver that validates under `resolver`, \
         or look by hand: `delv NAME A`."
    NO_ADDRESS "acme.no-address" Fail "the name has no address"
        "The authority would have nobody to ask: the resolver answered that there is neither an A \
         nor an AAAA record. Publish one, or renew with the dns-01 challenge.\n\nWith dns-01 nobody \
         needs an address, and this is said only where `directory` is given, as unknown: no \
         certificate in use was found to ask the authority about. Say under `addresses` where it is \
         in use."
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
    HTTP01_ON_DEMAND "acme.http01-on-demand" NotApplicable "port 80 is answered only while an order is under way"
        "The connection was refused, and the check says that it listens there itself during a test order \
         (`order.challenge.listen`). So nobody need listen there now; the order is what shows whether the \
         challenge gets through."
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
    ORDER_OK "acme.order-ok" Pass "a test order went through"
        "An authority for tests was asked for a certificate, found the answer to its challenge, and issued one \
         for this name, for the key it was asked with, valid at once and signed by what it sent along. All of \
         it was thrown away and the account closed. The message says for how long the certificate would have \
         been good: so long are those of the next renewal at the same authority.\n\nAn order of an earlier run \
         counts for `order.valid_for`."
    ORDER_NOT_MADE "acme.order-not-made" Pending "the test order has not been made yet"
        "Nothing was ordered. The message says what would be, where, and how the challenge would be answered.\n\n\
         Run again with `--apply`: one order is made, and a run that finds it younger than `order.valid_for` \
         makes no other. By hand: `certbot certonly --dry-run`."
    ORDER_TERMS "acme.order-terms" Pending "somebody has to agree to the authority's terms first"
        "The directory has terms of service, and an account cannot be opened without agreeing to them. That is \
         for a person to do: read them at the address in the message, then say `agree_terms: true` in `order`."
    ORDER_NOT_A_TEST "acme.order-not-a-test" Unknown "the directory is not known to be one for tests"
        "Nothing was ordered and the directory was not contacted. Test orders are made only at the staging \
         directories of public authorities and at loopback and private addresses: a real certificate counts \
         against rate limits that a launch may need, and stands in public logs for ever.\n\nUse \
         `https://acme-staging-v02.api.letsencrypt.org/directory`, or a test authority of your own such as \
         Pebble or step-ca."
    ORDER_CONNECTION "acme.order-connection" Fail "the authority could not fetch the answer to its challenge"
        "The authority tried to reach the name on port 80 and could not: refused, filtered, or no answer in \
         time. Its words name the address. The next renewal will fail in the same way.\n\nIs port 80 open from \
         outside, on every address the name has, IPv6 included? Is `order.challenge` answered by the machine \
         the name leads to?"
    ORDER_WRONG_ANSWER "acme.order-wrong-answer" Fail "the authority met another answer to its challenge"
        "Something answered at the path of the challenge, and not with what was put there: another machine, \
         another virtual host, a page for all paths, a redirect to a server without the file. The authority's \
         words show what it saw.\n\nFetch a file of your own through the name: `curl -L \
         http://NAME/.well-known/acme-challenge/test`. Is `webroot` the folder that this server serves, and does \
         every server behind the name have the file?"
    ORDER_DNS "acme.order-dns" Fail "the authority could not look the name up"
        "The authority's resolver found no address, or an error such as SERVFAIL; broken DNSSEC counts as one. \
         Its words say which name and type.\n\nBy hand: `dig NAME A +dnssec`, `delv NAME`, from outside."
    ORDER_CAA "acme.order-caa" Fail "CAA records kept the authority from issuing"
        "The authority found CAA records that do not allow it, or could not look them up. See \
         `acme.caa-forbids` and `acme.caa-broken`. At a staging directory the records are those of the real \
         one."
    ORDER_NAME "acme.order-name-rejected" Fail "the authority issues nothing for this name"
        "By its own rules the authority does not issue for the name: a reserved or forbidden name, one it takes \
         for dangerous, or one that no public authority can issue for. Its words say why. A renewal at the same \
         authority will be refused too."
    ORDER_NOT_OFFERED "acme.order-not-offered" Fail "the authority offers no http-01 for the name"
        "The authority wants the name to be proved in another way, and names which. A renewal by http-01 cannot \
         succeed there."
    ORDER_INVALID "acme.order-invalid" Fail "the order became invalid, and the authority does not say why"
        "The challenge or the order ended as `invalid` without a reason. Look at the log of the authority, if it \
         is yours; else look at `acme.ok` and its kin of the same check, and order again."
    ORDER_CERTIFICATE "acme.order-certificate" Fail "the certificate that was issued is not the right one"
        "An order ended with a certificate that could not be used: for another name or key, not valid at once, \
         or without the issuer's certificate. The message says which. A renewing program that installs what it \
         gets would break the site.\n\nThe authority is at fault, or something between it and this machine."
    ORDER_LEFTOVER "acme.order-leftover" Warn "the test order left something behind"
        "What was made for the order could not be taken away again: the file of the challenge, or the account \
         at the authority. The message says which. The file is harmless; remove it by hand. An account nobody \
         has the key of any more is harmless too."
    ORDER_RATE_LIMITED "acme.order-rate-limited" Unknown "the authority has had enough requests for now"
        "A rate limit of the authority was reached, so nothing was learnt about the name. Its words say which \
         limit, and until when. Limits of a staging directory are not those of the real one.\n\nWait as long as \
         it says. Do not run a check with `--apply` in a loop."
    ORDER_ACCOUNT "acme.order-account" Unknown "the authority opens no account for this check"
        "The directory wants to know its clients beforehand (external account binding), wants a person to do \
         something first, or does not accept the account. This check opens an account of its own for each \
         order and has no credentials, so nothing was learnt about the name.\n\nOrder at a directory that opens \
         accounts freely, such as the staging directory of Let's Encrypt."
    ORDER_AUTHORITY "acme.order-authority" Unknown "the authority has trouble of its own"
        "The authority answered with an error of its own (HTTP 5xx, `serverInternal`), so nothing was learnt \
         about the name. Look at its status page, and try again later."
    ORDER_NOT_UNDERSTOOD "acme.order-not-understood" Unknown "the authority and this check do not understand each other"
        "The authority refused a request as wrong in itself (`malformed`, `badCSR`, nonces over and over), or for \
         a reason this check does not know. Nothing was learnt about the name. Its words are in the message; one \
         of the two has a defect, or something between them changes requests."
}
