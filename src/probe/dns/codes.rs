//! The codes of kind `dns` and their pages.

use crate::model::code::codes;

codes! {
    pub(super),
    OK "dns.ok" Pass "the answer is right"
        "The server answered, and everything the check asks for holds: the records, their TTL, the \
         time it took. The finding shows the records and how long they may be kept.\n\nIt speaks \
         for the server named in the target alone, at the moment it was asked."
    NXDOMAIN "dns.nxdomain" Fail "the name does not exist"
        "The server says NXDOMAIN: there is no such name, whatever the type.\n\nFrom an authority: \
         the record was never published, or in another zone or view. The resolvers are then not \
         asked, since they would remember the absence for the zone's negative TTL. From a resolver \
         alone: it asked too early and keeps the absence, or it sees another zone.\n\nPublish the \
         record; for a resolver, wait for the TTL of the SOA in its answer or flush the name \
         there.\n\nBy hand: `dig @SERVER NAME TYPE`, and look at `status:` and the SOA."
    NO_DATA "dns.no-data" Fail "the name exists, but has no record of this type"
        "The server says NOERROR without a record (NODATA): the name has other types only.\n\nA \
         missing AAAA beside an A is not a fault and shows as not applicable. Any other is: clients \
         that ask for it get nothing.\n\nPublish the record, or take the type out of the check.\n\n\
         By hand: `dig @SERVER NAME TYPE +noall +comments +answer +authority`."
    SERVFAIL "dns.servfail" Fail "the resolver could not find an answer"
        "The resolver says SERVFAIL: it tried and failed. Common causes are name servers that do \
         not answer it, a broken delegation, and DNSSEC signatures that do not verify; the extended \
         error (EDE), when the resolver gives one, says which.\n\nClients behind this resolver get \
         no address at all. A failure is remembered for up to five minutes (RFC 9520), so wait \
         before you believe a repair did not help.\n\nBy hand: `dig @RESOLVER NAME TYPE`, then with \
         `+cd`: if that works, it is DNSSEC."
    REFUSED "dns.refused" Fail "the resolver refuses to answer"
        "The resolver says REFUSED: it does not serve this machine, or not this name.\n\nIf players \
         use it, find out whether it refuses them too; if only this machine is not allowed, run the \
         check from one that is, or name another resolver.\n\nBy hand: `dig @RESOLVER NAME TYPE`."
    BLOCKED "dns.blocked" Fail "the resolver blocks the name on purpose"
        "The resolver says so itself, by an extended error: blocked, censored, filtered or \
         prohibited (RFC 8914). DNS works; a policy hides the name.\n\nAsk the resolver's operator \
         to take the name off the list, or tell support which players are affected.\n\nBy hand: \
         `dig @RESOLVER NAME TYPE`, and look at the `EDE:` line."
    ERROR_ANSWER "dns.error-answer" Fail "the server answers with an error of its own"
        "The server's response code is neither NOERROR nor one of the usual refusals (NOTIMP, \
         FORMERR, NOTAUTH, …), or its answer is cut short even over TCP.\n\nThe server, or a \
         middlebox before it, is broken for this question; clients get nothing usable.\n\nBy hand: \
         `dig @SERVER NAME TYPE` and `dig +tcp @SERVER NAME TYPE`."
    WRONG_ANSWER "dns.wrong-answer" Fail "the records are not the ones expected"
        "The server's records are not exactly those under `records`; order makes no difference. The \
         finding shows both.\n\nPlayers are sent to the wrong place, or will be. Publish the right \
         records, or correct the checklist.\n\nBy hand: `dig @SERVER NAME TYPE +noall +answer`."
    STALE_ANSWER "dns.stale-answer" Fail "the resolver says something else than the authority"
        "The resolver's records differ from those all authorities serve now: it keeps an old \
         answer, or asks a server that has one.\n\nPlayers behind it go to the old place until the \
         TTL shown runs out. Wait for that, flush the name at the resolver (public ones have a web \
         page for it), and lower the TTL well before the next change.\n\nNames that answer by region \
         differ on purpose: give `records`, or `authorities: off`.\n\nBy hand: `dig @RESOLVER NAME \
         TYPE`, and the same at the authority with `+norecurse`."
    WRONG_REGION "dns.wrong-region" Fail "clients of a network get other records than they should"
        "The server, asked on behalf of the network under `client_subnet`, gives other records than \
         those expected there: players of that region are sent to the wrong place.\n\nCorrect the \
         name's rules for regions at the DNS provider; their list of networks may also place this \
         one elsewhere.\n\nBy hand: `dig @AUTHORITY NAME TYPE +norecurse +subnet=NETWORK`."
    SUBNET_IGNORED "dns.subnet-ignored" Unknown "the server takes no notice of the client's network"
        "The server's answer does not repeat the client subnet (RFC 7871), so it is the same for \
         every client, or depends on the asker's own address. What clients of that network get \
         cannot be told from here. For resolvers that answer otherwise this is not applicable: most \
         public ones, 1.1.1.1 among them, do not pass the network on.\n\nAsk the DNS provider whether it supports EDNS \
         client subnet, or run the check from a machine in that region.\n\nBy hand: `dig @SERVER \
         NAME TYPE +subnet=NETWORK`, and look for `CLIENT-SUBNET`."
    EXPIRED_ANSWER "dns.expired-answer" Warn "the resolver serves an answer that has expired"
        "The resolver marks its answer as stale (EDE 3 or 19, RFC 8767): it could not reach the \
         authorities and serves what it had. That is not a warm cache; it lives for seconds at a \
         time.\n\nFind out why the resolver does not reach the zone's name servers.\n\nBy hand: \
         `dig @RESOLVER NAME TYPE`, and look at the `EDE:` line."
    TTL_TOO_LONG "dns.ttl-too-long" Fail "a TTL is longer than allowed"
        "A record on the way to the answer, aliases included, may be kept longer than `max_ttl`. A \
         change made now is not seen everywhere before that.\n\nLower the TTL at the zone at least \
         one old TTL before the change (the finding says by when); a resolver that still keeps the long one must first run it \
         down. Raise it again after the launch.\n\nBy hand: `dig @AUTHORITY NAME TYPE +norecurse \
         +noall +answer`; the number is the TTL."
    SLOW "dns.slow" Fail "the resolver answers too slowly"
        "An answer took longer than `max_latency`, or the warm answers' 95th percentile is above \
         `warm.p95`. Every first connection of a player waits for this.\n\nCold answers are slow \
         when authorities are far away or do not answer; warm ones when the resolver is overloaded \
         or far from here. Where warm questions go without an answer, a rate limit perhaps, its \
         speed is unknown.\n\nBy hand: `dig @RESOLVER NAME TYPE`, and look at `Query time`."
    NOT_WARM "dns.not-warm" Fail "the resolver does not answer from its cache"
        "Fewer warm answers than `warm.hit_ratio` came from the cache entry made by the cold round: \
         their TTL began anew or ran differently. The resolver has many caches behind one address, \
         does not cache, or the TTL is too short.\n\nMore `rounds` warm more of its caches; a \
         longer TTL keeps them warm.\n\nBy hand: ask twice, two seconds apart: `dig @RESOLVER NAME \
         TYPE +noall +answer`; the TTL must have gone down by two."
    UNPROVED "dns.warmth-unproved" Unknown "it cannot be told whether answers come from the cache"
        "`warm.hit_ratio` is asked for, but the answers prove neither hit nor miss: their TTL does \
         not move. Some resolvers rewrite TTLs; a TTL of 0 is never cached.\n\nAsk such a resolver \
         for `warm.p95` instead.\n\nBy hand: `dig @RESOLVER NAME TYPE +noall +answer`, twice."
    NOT_OBSERVABLE "dns.cache-not-observable" NotApplicable "the resolver does not show its cache"
        "`warm.snoop` asks the resolver for what it has in its cache, by questions without recursion \
         (RD=0). This one refuses them, does not answer them, or finds the answer all the same. \
         Unbound refuses them unless told `allow_snoop`; public resolvers mostly ignore the flag. It \
         says nothing about the resolver's health, and nothing is judged by it.\n\nBy hand: `dig \
         @RESOLVER NAME TYPE +norecurse`."
    ENDS_EARLY "dns.warmth-ends-early" Warn "what is warm now is cold again at the launch"
        "A resolver keeps an answer for its TTL at most, and the first of them runs out before T-0: \
         what was warmed now is of no use to the first players.\n\nRun the check again within the \
         last TTL before the launch, or in a loop shorter than the TTL; or raise the TTL, if the \
         records are not about to change.\n\nBy hand: `dig @RESOLVER NAME TYPE +noall +answer`; the \
         number is the seconds left."
    PRIVATE_ADDRESS "dns.private-address" Fail "an address is of no use to the public"
        "The check says `public: true`, and a record holds an address that is private, reserved, or \
         for documentation, loopback or multicast use. Nobody outside can reach it; it may be \
         a zone for inside use that has leaked, or a forgotten placeholder.\n\nPublish the public \
         address.\n\nBy hand: `dig @SERVER NAME TYPE +short`."
    HINT_DIFFERS "dns.hint-differs" Fail "an HTTPS or SVCB record points at other addresses"
        "The record's `ipv4hint` or `ipv6hint` has an address that the name's A or AAAA records do \
         not have. Browsers may use the hints instead of the records (RFC 9460 §7.3), so they stay \
         at the old place after a change of A and AAAA.\n\nChange the hints together with the \
         records, or leave them out.\n\nBy hand: `dig @SERVER NAME HTTPS +short`, and the same for \
         A and AAAA."
    SIGNATURE_EXPIRES "dns.signature-expires" Fail "a DNSSEC signature ends before the release window does"
        "The authority serves records whose signature (RRSIG) has expired, expires before the end of \
         the release window, or is not good yet. From that moment resolvers that verify answer \
         SERVFAIL: the name is gone for their users. Within three days after the window it is a \
         warning.\n\nFind out why the zone is not signed anew (a stopped signer, a lost key, a \
         secondary that gets no transfers) and sign it.\n\nBy hand: `dig @AUTHORITY NAME TYPE \
         +norecurse +dnssec`; the first of the two dates in the RRSIG is its end."
    UNSIGNED "dns.unsigned" Fail "records are not signed"
        "The check says `dnssec: require`, or some records of the answer are signed and others are \
         not, and the authority sent no signature for these. A resolver that verifies refuses \
         unsigned records in a signed zone.\n\nSign the zone, and see that every server has the \
         signed copy.\n\nBy hand: `dig @AUTHORITY NAME TYPE +norecurse +dnssec`."
    BOGUS "dns.bogus" Fail "the resolver rejects the answer's signatures"
        "The resolver answers SERVFAIL, but gives the records when asked not to verify them (CD=1): \
         the signatures do not hold. Expired signatures, a DS record at the parent for a key that \
         is gone, or a server with an old copy of the zone are the usual causes; the extended \
         error says which, if the resolver gives one.\n\nAll clients of resolvers that verify have \
         lost the name. Sign anew, or have the parent's DS removed and wait for its TTL.\n\nBy \
         hand: `dig @RESOLVER NAME TYPE`, then `dig @RESOLVER NAME TYPE +cd`."
    AUTHORITY_DISAGREES "dns.authority-disagrees" Fail "the authorities do not say the same"
        "Two authoritative servers of the name give different answers: one of them has an old copy \
         of the zone, or they are not copies at all. Resolvers pick one at random, so players see \
         either.\n\nCompare the serial numbers; force a transfer to the server that is behind \
         (`rndc retransfer ZONE`, `nsd-control force_transfer ZONE`), and see why NOTIFY did not \
         arrive.\n\nBy hand: `dig @SERVER NAME TYPE +norecurse`, for each server in the finding."
    TTL_DIFFERS "dns.ttl-differs" Warn "the authorities serve different TTLs for the same records"
        "The records are the same on all authoritative servers, but not for how long they may be \
         kept: one server has a copy of the zone from before the TTL was changed, or its own \
         settings. Until it has caught up, some resolvers keep the longer TTL.\n\nBring the server \
         up to date before you count on the shorter TTL for a change.\n\nBy hand: `dig @SERVER NAME \
         TYPE +norecurse +noall +answer`, for each server in the finding."
    SERIAL_DIFFERS "dns.serial-differs" Warn "the authorities have different copies of the zone"
        "The SOA serial numbers differ between the zone's servers: one has not got the last change. \
         The records of this check may still be the same; others may not. Where records differ, that \
         is a finding of its own. Some providers number each server on its own; there it means \
         nothing.\n\nWait for the refresh, or force a transfer to the server that is behind.\n\nBy \
         hand: `dig @SERVER ZONE SOA +norecurse +short`, for each server."
    NO_TCP "dns.no-tcp" Warn "a server of the zone refuses TCP"
        "The server answers over UDP but refuses TCP on the same port (RFC 7766 requires it). \
         Answers that do not fit into a datagram, signed ones and long TXT records above all, cannot \
         be had from it.\n\nOpen TCP port 53 at the server and in the firewalls before it.\n\nBy \
         hand: `dig +tcp @SERVER ZONE SOA +norecurse`."
    DELEGATION_DIFFERS "dns.delegation-differs" Warn "the parent and the zone name different servers"
        "The NS records at the parent (the registry) and those in the zone itself are not the same. \
         Resolvers use either; a server only one of them names is asked less, or is gone already.\n\n\
         Make the two lists equal. Changes at the parent take as long as the parent's TTL, often one \
         or two days.\n\nBy hand: `dig @PARENT-SERVER ZONE NS +norecurse`, then the same at one of \
         the zone's own servers."
    FEW_SERVERS "dns.few-servers" Warn "the zone hangs on one server or one network"
        "The zone is served by a single address, or all its servers are in one network (/24, for \
         IPv6 /48). One outage, and no name of the zone can be found.\n\nAdd a server elsewhere, or \
         a second provider. Anycast services may hide many servers behind few addresses.\n\nBy \
         hand: `dig ZONE NS`, and the addresses of each."
    LAME "dns.lame" Fail "a server of the zone does not serve it"
        "The server is named as an authority for the name but does not answer as one (no AA flag): \
         it refuses, fails, or refers elsewhere. Resolvers lose time on it, and fail when all are \
         like that.\n\nConfigure the zone there, or take the server out of the delegation and the \
         zone's NS records.\n\nBy hand: `dig @SERVER NAME TYPE +norecurse`; `flags:` must have `aa`."
    INTERCEPTED "dns.intercepted" Unknown "something else answers in the authority's place"
        "The answer came from a resolver (RA flag, no AA flag) although an authoritative server was \
         asked: a network on the way redirects port 53, or the address listed is a resolver's. \
         What the authority says is not known.\n\nRun the check from a network that lets DNS \
         through, correct `authorities`, or set it to `off`.\n\nBy hand: `dig @SERVER NAME TYPE \
         +norecurse`; `flags:` has `ra` and no `aa`."
    END_UNKNOWN "dns.end-unknown" Unknown "the zone only knows an alias that leads out of it"
        "The authorities have an alias to a name in another zone, and no resolver was asked for what \
         is there, so the records at the end are not known.\n\nName `resolvers`, or ask for the \
         type CNAME if the alias itself is what matters.\n\nBy hand: `dig @AUTHORITY NAME TYPE \
         +norecurse +noall +answer`, then the same for the target."
    CNAME_LOOP "dns.cname-loop" Fail "the aliases lead in a circle"
        "The CNAME records lead back to one of themselves, or never end; no client finds an \
         address. The finding shows the chain.\n\nPoint one of the aliases at the real name.\n\nBy \
         hand: `dig @AUTHORITY NAME CNAME +norecurse`, for each name in the chain."
    DANGLING_CNAME "dns.dangling-cname" Fail "an alias leads to a name that does not exist"
        "The name is an alias, and the name at the end of the chain is NXDOMAIN. Clients find \
         nothing; and where the target belongs to a cloud service, a stranger may be able to \
         register it and take the name over.\n\nCreate the target, or remove the alias.\n\nBy hand: \
         `dig @SERVER NAME TYPE`, and look at the last CNAME."
    CNAME_BESIDE_DATA "dns.cname-beside-data" Fail "an alias stands beside other records"
        "The authority has a CNAME and other records at the same name, or a CNAME at the start of a \
         zone, where SOA and NS always stand. A name that is an alias can have nothing else \
         (RFC 1034 §3.6.2): resolvers keep whichever they saw first, so mail, addresses or the whole \
         zone come and go.\n\nUse the provider's ALIAS or ANAME at the start of a zone, or plain \
         addresses; elsewhere remove the alias or the other records.\n\nBy hand: `dig @AUTHORITY \
         NAME CNAME +norecurse`, then the same for the type in the finding."
    LONG_CHAIN "dns.long-chain" Warn "the chain of aliases is long"
        "More than eight CNAME records lead to the answer. Every cold link costs resolvers a \
         look-up, the shortest TTL rules them all, and some resolvers stop following.\n\nPoint the \
         name nearer to its end.\n\nBy hand: `dig NAME TYPE +noall +answer`."
}
