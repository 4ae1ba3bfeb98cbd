//! Everything a finding about a TLS endpoint can say.

use crate::model::code::codes;

codes! {
    pub,
    OK "tls.ok" Pass "the address serves the right certificate, and it outlives the launch"
        "The server proved to hold the key of a certificate that is for this name, leads to a \
         trusted root with nothing but what the server sent, and outlives the launch window by the \
         margin. The evidence stands in the finding."
    NO_ADDRESS "tls.no-address" Fail "the name has no address"
        "The resolver answered, and there is neither an A nor an AAAA record: no client can reach \
         the endpoint by this name.\n\nAt a launch this is usually a record that was not published, \
         or was published in another view of a split DNS.\n\nTry `dig NAME A NAME AAAA`; publish the \
         record, or name the `addresses` to probe."
    REFUSED "tls.refused" Fail "the connection is refused"
        "The host answered that nobody listens on the port (a TCP reset). Clients that meet this \
         address fail at once.\n\nStart the server, open the port on this address, or take the \
         address out of DNS. A host with both families often listens on IPv4 only.\n\nBy hand: \
         `nc -vz ADDRESS PORT`."
    STARTTLS_REFUSED "tls.starttls-refused" Fail "the server does not begin TLS when asked"
        "The server was asked for TLS in the words of its protocol (`starttls`) and did not agree: \
         TLS is switched off, it speaks another protocol, or it turns this client away before \
         that. The message has its words.\n\nSwitch TLS on (`ssl = on` in PostgreSQL, \
         `smtpd_tls_security_level` in Postfix), or mend the `starttls` of the check. By hand: \
         `openssl s_client -starttls PROTOCOL -connect ADDRESS`."
    HANDSHAKE_REFUSED "tls.handshake-refused" Fail "the server refuses the TLS handshake"
        "The server accepted the connection and then sent a TLS alert, reset or closed it. \
         `UnrecognisedName`: it has no certificate for the name. `ProtocolVersion`: it is older than \
         TLS 1.2. `HandshakeFailure`: no common suite, or it demands a client certificate.\n\nLook \
         at the server's log at the time of the finding; compare with `openssl s_client -connect \
         ADDRESS -servername NAME`."
    NOT_TLS "tls.not-tls" Fail "what answers is not TLS"
        "Something answered the handshake with bytes that are not TLS: plain HTTP on the TLS port, \
         a protocol that must be asked for TLS first (SMTP, PostgreSQL), or a proxy in between.\n\n\
         Look at the first bytes: `openssl s_client -connect ADDRESS`, or `nc ADDRESS PORT`. Mend \
         the listener or the port in the checklist."
    PROTOCOL_ERROR "tls.protocol-error" Fail "the server breaks the rules of TLS"
        "The handshake began as TLS and then broke its rules, so no strict client goes on. A \
         middlebox that rewrites handshakes and a broken TLS library look like this.\n\nTry the \
         command under `by hand` from another network; if it works there, the path is at fault."
    OVERSIZED "tls.oversized" Fail "the server sends more than 64 KiB in one handshake message"
        "The certificates and the staple together are larger than clients accept (64 KiB here, \
         about 100 KiB in OpenSSL), and cost every visitor several round trips.\n\nUsually a whole \
         trust store was configured as the chain, or a wrong file as the staple. Serve the \
         certificate and its intermediates only."
    KEY_NOT_PROVED "tls.key-not-proved" Fail "the server does not prove to hold its key"
        "The signature over the handshake does not fit the certificate that was shown: key and \
         certificate on the server do not belong together, or somebody replays a certificate.\n\n\
         Compare `openssl x509 -noout -pubkey -in CERT` with `openssl pkey -pubout -in KEY` on the \
         server."
    PQ_INTOLERANT "tls.pq-intolerant" Fail "handshakes with post-quantum key exchange get no answer"
        "The first message of a handshake with post-quantum key exchange (X25519MLKEM768) does not \
         fit one TCP segment. Something on the way, or the server, drops it, while a short one is \
         answered. Current browsers and many libraries send the long one: for them the endpoint is \
         down.\n\nBy hand: `openssl s_client -groups X25519MLKEM768` against `-groups X25519`. Update \
         the load balancer or firewall that reads the handshake in one piece. Try from another \
         network, to see on whose side it stands."
    SLOW "tls.slow" Fail "the TLS handshake takes longer than allowed"
        "The first handshake took longer than `max_handshake`, measured without the connection. At \
         a launch, when every player connects anew, handshakes are the first work the servers \
         do.\n\nCommon causes: RSA 4096 keys, a busy or throttled CPU, long chains that do not fit \
         the first flight. Use ECDSA certificates and resumption, or add servers."
    UNREADABLE "tls.unreadable-certificate" Fail "the server's certificate cannot be read"
        "What the server sent as its certificate is not a certificate (RFC 5280). No client can \
         use it.\n\nLook at it with `openssl s_client -connect ADDRESS -servername NAME -showcerts`; \
         put the right file in place and reload the server."
    EXPIRED "tls.expired" Fail "the certificate has expired"
        "The server's certificate is past its last second. Every client refuses it.\n\nRenew it now, \
         reload the server, and find out why the renewal did not happen. If the file on disk is \
         newer than what is served, the server was not reloaded."
    ISSUER_EXPIRED "tls.issuer-expired" Fail "an intermediate certificate of the path has expired"
        "The server's own certificate may be good, but an intermediate that no path avoids is past \
         its last second, and strict clients refuse the chain. Browsers often know a newer one and \
         hide the fault.\n\nFetch the authority's current intermediate, put it behind the \
         certificate in the chain file, and reload; renewing the certificate alone does not help \
         where the chain file is made by hand. Expired certificates that nobody needs for the path \
         are not counted."
    NOT_YET_VALID "tls.not-yet-valid" Fail "a certificate of the path is not valid yet"
        "The certificate begins in the future, so clients refuse it. Either it was rolled out too \
         early, or the clock of the machine that looks is wrong: check that first with \
         `timedatectl`. Five minutes of difference are allowed."
    EXPIRES_IN_WINDOW "tls.expires-in-window" Fail "a certificate ends before the launch window and its margin do"
        "A certificate of the path does not outlive the end of the launch window by `margin` (72 h \
         unless said otherwise). If something goes wrong with its renewal while everybody is busy \
         with the launch, the service goes dark.\n\nRenew it before the launch freeze. Certificates \
         of ten days or less, which are renewed before the launch anyhow, are judged by this only \
         near the launch."
    EXPIRES_SOON "tls.expires-soon" Warn "the certificate ends soon"
        "Less than `warn_within` is left (30 days unless said otherwise, and only where a person \
         renews the certificate). It still outlives the launch.\n\nPlan the renewal now. If a \
         machine renews it, say `renewal: acme`: then it is judged by whether that machine is late."
    RENEWAL_OVERDUE "tls.renewal-overdue" Warn "the certificate should have been renewed by now"
        "Certificates that a machine renews are replaced when a third of their life is left (half, \
         below ten days of life). This one is well past that point, so the renewal is not working: \
         trouble that shows weeks before the certificate ends.\n\nLook at the renewing machine's \
         log (certbot, lego, cert-manager: `kubectl describe certificate`), at CAA, at the http-01 \
         path on port 80. If a person renews it, say `renewal: manual`."
    RENEWS_IN_WINDOW "tls.renews-in-window" Warn "the certificate is due for renewal during the launch window"
        "The machine that renews this certificate will do so while the launch is on: a reload under \
         load, and a risk nobody needs then.\n\nRenew it before the freeze, or prove that the \
         servers take a new certificate without dropping connections."
    NAME_MISMATCH "tls.name-mismatch" Fail "the certificate is not for this name"
        "None of the certificate's alternative names covers the name asked for. Only alternative \
         names count: a common name does not (RFC 9525), a wildcard covers exactly one label, and \
         an IP address must be there as an address.\n\nOften the server does not know the name and \
         shows the certificate of its default host. Add the name to the server's configuration and \
         to the certificate."
    COMMON_NAME_ONLY "tls.common-name-only" Fail "the name stands in the certificate's common name only"
        "The certificate bears the name in its subject and has no alternative names. Clients have \
         not looked at the common name for years (RFC 9525 forbids it): browsers, Go, Java and this \
         check refuse it, some old libraries accept it, so it may have worked in tests.\n\nIssue it \
         again with the name as a `subjectAltName`. By hand: `openssl x509 -noout -ext \
         subjectAltName`."
    WILDCARD_DEPTH "tls.wildcard-depth" Fail "a wildcard does not reach as deep as the name"
        "An asterisk stands for exactly one label: `*.example.com` covers `login.example.com`, but \
         neither `eu.login.example.com` nor `example.com` itself (RFC 9525 §6.3).\n\nAdd the name, or \
         the wildcard one level deeper, to the certificate; or move the service one level up."
    INCOMPLETE_CHAIN "tls.incomplete-chain" Fail "the server does not send its intermediate certificate"
        "The certificate's issuer is neither sent nor a trusted root, so no path can be built. \
         Browsers often hide this by fetching or remembering the intermediate; game clients, SDKs, \
         `curl` and other servers fail.\n\nServe the full chain (`fullchain.pem`, not `cert.pem`) and \
         reload. If the issuer is a private root, name it with `ca`."
    UNTRUSTED "tls.untrusted" Fail "the chain does not end at a trusted root"
        "The certificates belong together, but the last one is issued by somebody the trust store \
         does not know: a private or retired authority, a self-signed certificate, or a second \
         intermediate is missing.\n\nFor a private authority name its root with `ca`. Otherwise \
         serve the chain the authority hands out. The finding says which trust store was used."
    INVALID_CHAIN "tls.invalid-chain" Fail "the chain breaks a rule of certificate paths"
        "The certificates are there, but may not be used like this: not for servers, an authority's \
         own certificate shown as a server's, names an authority may not issue for, a signature \
         that is not the issuer's, X.509 version 1. The message says which.\n\nHave the certificate \
         issued again with the right profile."
    WEAK_KEY "tls.weak-key" Fail "a certificate of the path has a weak key"
        "RSA keys below 2048 bits, and curves other than P-256, P-384 and P-521, are refused by \
         clients and forbidden to public authorities (Baseline Requirements 6.1.5).\n\nMake a new \
         key, P-256 unless something stands against it, and have the certificate issued again."
    WEAK_SIGNATURE "tls.weak-signature" Fail "a certificate of the path is signed with a broken hash"
        "MD2, MD5 and SHA-1 signatures can be forged; clients refuse them, and public authorities \
         may not use them. The signature of a root does not count.\n\nHave the certificate issued \
         again with SHA-256 or better."
    LIFETIME_TOO_LONG "tls.lifetime-too-long" Fail "the certificate lives longer than public authorities may let it"
        "Browsers and Apple's systems refuse a public certificate whose whole life is longer than \
         the Baseline Requirements (6.3.2) allow for its first day: 398 days before 15 March 2026, \
         200 from then, 100 from 15 March 2027, 47 from 15 March 2029. Any second above counts as a \
         day.\n\nHave it issued again. Certificates of private authorities are exempt."
    FEW_SCTS "tls.few-scts" Warn "the certificate is logged in too few transparency logs"
        "Chrome and Apple's systems want a public certificate to carry two signed timestamps of \
         certificate transparency logs (three above 180 days of life) and refuse it otherwise. A \
         server can also send them in the handshake or the staple, where this check does not \
         look.\n\nIf a browser shows ERR_CERTIFICATE_TRANSPARENCY_REQUIRED, have it issued again."
    WRONG_ORDER "tls.wrong-order" Warn "the certificates are sent in the wrong order"
        "Each certificate should be followed by its issuer's (RFC 8446 §4.4.2; a must in TLS 1.2). \
         Most clients sort them, some embedded ones do not.\n\nPut them into one file in the order \
         server, intermediate, next intermediate."
    ROOT_INCLUDED "tls.root-included" Pass "the root is sent along, which nobody needs"
        "A client either has the root or does not trust it, so sending it only makes every \
         handshake larger. Harmless; leave it out of the chain file when it is next touched."
    STALE_NODE "tls.stale-node" Fail "one server still has an older certificate than the others"
        "The addresses serve certificates of the same issuer for the same names, and this one ends \
         more than a day before the newest. It was not reached by the last renewal, or not \
         reloaded, and will expire alone: a part of the clients will fail while monitoring through \
         another address stays green.\n\nReload the server, and mend what hands the certificate \
         out. RSA and ECDSA certificates are compared apart."
    RESUMED "tls.resumed" Pass "sessions are resumed"
        "A second handshake resumed the session of the first, so a client that comes back costs the \
         server neither a signature nor a key exchange of the certificate's kind."
    NOT_RESUMED "tls.not-resumed" Warn "sessions are not resumed"
        "`resumption: want` asks for it, and a second handshake was a full one. When a launch makes \
         every client reconnect at once, full handshakes are what the CPUs drown in.\n\nServers behind \
         one address must share their session ticket keys (`ssl_session_ticket_key` in nginx) or \
         their session cache. By hand: `openssl s_client -reconnect`."
    EARLY_DATA "tls.early-data" Fail "the server takes data before the handshake is done"
        "In a resumed session the server accepts what the client sends in its first flight (0-RTT). \
         Who records that flight can send it again, and the server cannot tell: a purchase, a vote, a \
         login can happen twice (RFC 8446 §8). `early_data: refuse` asks for this.\n\nSwitch it off \
         (`ssl_early_data off` in nginx), or make sure that the application takes nothing but safe \
         requests early, and drop the demand. By hand: `openssl s_client -sess_out S`, then `-sess_in \
         S -early_data FILE`."
    NO_EARLY_DATA "tls.no-early-data" Pass "the server takes no data before the handshake is done"
        "A second handshake was offered with early data (0-RTT) where the first allowed it, and the \
         server did not take it. Nobody who records what a client sends first can send it again with \
         any effect."
    ALPN_REFUSED "tls.alpn-refused" Fail "the server does not speak an application protocol it should"
        "A protocol of `alpn` was offered alone, and the server refused the handshake or went on \
         without it. Without `h2` clients fall back to HTTP/1.1 and open many more connections; gRPC \
         clients give up.\n\nSwitch the protocol on (`http2 on` in nginx) on whatever ends TLS: a load \
         balancer in front decides, not the server behind it. By hand: `openssl s_client -alpn h2`."
    ALPN_OK "tls.alpn-ok" Pass "the server speaks the application protocols asked for"
        "Each protocol of `alpn` was offered alone, in a handshake of its own, and the server chose it \
         (RFC 7301). Clients that know only one of them find the server as well. That it is then \
         spoken well is for the kinds of that protocol to say."
    VERSION_ACCEPTED "tls.version-accepted" Fail "the server speaks a version of TLS it should not"
        "A version that `versions` does not name was offered alone, and the server went on with it. TLS \
         1.0 and 1.1 are forbidden since RFC 8996, and audits fail on them.\n\nTake it out \
         (`ssl_protocols TLSv1.2 TLSv1.3` in nginx; the first server block of an address decides for \
         all names on it). By hand: `openssl s_client -tls1_1 -cipher 'ALL:@SECLEVEL=0'`."
    VERSION_REFUSED "tls.version-refused" Fail "the server does not speak a version of TLS it should"
        "A version of `versions` was offered alone, and the server refused the handshake. Clients that \
         know no other, such as old consoles or SDKs for TLS 1.2, cannot connect.\n\nSwitch it on, on \
         whatever ends TLS. By hand: `openssl s_client -tls1_2` or `-tls1_3`."
    VERSIONS_OK "tls.versions-ok" Pass "the server speaks the versions of TLS asked for, and no other"
        "TLS 1.0, 1.1, 1.2 and 1.3 were offered alone, one after the other: the server took those of \
         `versions` and refused the others. Of the two oldest only the first message is sent, with the \
         suites servers of their time know."
    SUITE_REFUSED "tls.suite-refused" Fail "the server does not accept a cipher suite it should"
        "A suite of `suites` was offered alone, and the server refused the handshake. Clients that know \
         no other cannot connect. A suite for ECDSA needs an ECDSA certificate, one for RSA an RSA \
         certificate.\n\nMend the server's list of ciphers. By hand: `openssl s_client -cipher NAME`, or \
         `-ciphersuites NAME` for TLS 1.3."
    SUITES_OK "tls.suites-ok" Pass "the server accepts the cipher suites asked for"
        "Each suite of `suites` was offered alone, in a handshake of its own that was carried to its \
         end, so a client that knows only one of them can connect."
    CLOCK_WRONG "tls.clock-wrong" Unknown "this machine's clock cannot be believed"
        "At least two others (the endpoint itself, the OCSP responder, the server of the revocation \
         list) have another time, and nobody has this machine's within a minute. The IPv4 and the \
         IPv6 address of an endpoint count as one. Whether a certificate is in time cannot be said by \
         such a clock, so everything that depends on it is unknown.\n\nSet the clock (`timedatectl`, `chronyc tracking`), and look again."
    CLOCK_DIFFERS "tls.clock-differs" Warn "the other side has another time than this machine"
        "The only other clock that could be read differs by more than a minute. One of the two is wrong; \
         a server with a wrong clock refuses good tokens and client certificates, and lets OCSP answers \
         expire. Compare both with `chronyc tracking` or `timedatectl`."
    NOT_RELOADED "tls.not-reloaded" Fail "the server does not serve the certificate on disk"
        "The certificate in `file` is not the one that is served. Mostly it was renewed and the \
         server was not reloaded: everything looks renewed on disk, and the old certificate runs \
         out all the same. In Kubernetes, a secret mounted with `subPath` is never updated.\n\nReload \
         the server, and let the renewal do so by itself. Where the kinds of key differ this is a \
         warning, and none where the same address shows the one in `file` as well: a server may \
         have an RSA and an ECDSA certificate."
    FILE_OK "tls.file-ok" Pass "the server serves the certificate on disk"
        "The certificate served has the same SHA-256 as the first one in `file`."
    STAPLE_OK "tls.staple-ok" Pass "the staple is good"
        "The stapled OCSP answer is about this certificate, signed by its issuer or a responder the \
         issuer appointed, in time, and says that the certificate is not revoked."
    STAPLE_NOT_APPLICABLE "tls.staple-not-applicable" NotApplicable "the certificate names no OCSP responder"
        "Without an OCSP URL in the certificate no server can staple. Most public authorities have \
         given OCSP up in favour of revocation lists, Let's Encrypt among them. Nothing to do; \
         `ssl_stapling` can be taken out of the server's configuration."
    STAPLE_MISSING "tls.staple-missing" Warn "the server staples no OCSP answer"
        "The certificate names an OCSP responder, and none of several handshakes came with an \
         answer. Clients must ask the responder themselves, which is slow and tells it who visits. \
         With `stapling: require` this is a failure.\n\nSwitch stapling on, give the server the issuer's certificate \
         (`ssl_trusted_certificate` in nginx) and a `resolver`, and let it reach the responder. By \
         hand: `openssl s_client -status`."
    MUST_STAPLE_MISSING "tls.must-staple-missing" Fail "a must-staple certificate comes without a staple"
        "The certificate itself says that it counts only with a stapled OCSP answer (RFC 7633), and \
         none of several handshakes came with one. Firefox refuses the connection.\n\nSwitch stapling \
         on and let the server reach the responder, as under `tls.staple-missing`; or have the \
         certificate issued again without must-staple. Let's Encrypt has not issued such \
         certificates since May 2025."
    STAPLE_LATE "tls.staple-late" Warn "the first handshakes come without the staple a must-staple certificate needs"
        "The certificate is must-staple, and the first handshake came without a staple while a \
         later one had it. After every start or reload the first clients of each worker are \
         refused.\n\nPrime the staple before traffic arrives (`ssl_stapling_file` in nginx), or use \
         a certificate without must-staple."
    STAPLE_UNREADABLE "tls.staple-unreadable" Fail "the staple is not an OCSP answer"
        "The stapled bytes cannot be read as an OCSP answer, or have a critical part nobody \
         understands. Clients that look at staples end the connection.\n\nUsually a wrong file in \
         `ssl_stapling_file`: look at it with `openssl ocsp -respin FILE -text -noverify`."
    STAPLE_UNSUCCESSFUL "tls.staple-unsuccessful" Fail "the staple is an error message"
        "The server staples the responder's refusal (such as `TryLater` or `Unauthorized`) as if it \
         were an answer. Clients that look at staples end the connection.\n\nThe server should keep \
         its last good answer instead. Refresh the staple; ask the authority if it persists."
    STAPLE_WRONG_CERTIFICATE "tls.staple-wrong-certificate" Fail "the staple is about another certificate"
        "No part of the stapled answer is about the certificate that is served: the serial number \
         differs. After a renewal the old staple is often left in place.\n\nRefresh the staple for \
         the certificate in use and reload. By hand: `openssl s_client -status` shows the serial \
         number the answer is about."
    STAPLE_WRONG_ISSUER "tls.staple-wrong-issuer" Fail "the staple is about a certificate of another issuer"
        "The serial number is right, but the hashes of the issuer's name and key are those of \
         another issuer: a responder set up with the wrong issuer's certificate, or one that was not \
         told of the issuer's new key. Clients do not accept the answer.\n\nGive the server \
         (`ssl_trusted_certificate` in nginx) and the responder the certificate of the issuer that \
         signed the certificate in use. By hand: compare the `Issuer Key Hash` of `openssl s_client \
         -status` with that of `openssl ocsp -issuer ISSUER -cert CERT -req_text`."
    STAPLE_BAD_SIGNATURE "tls.staple-bad-signature" Fail "the staple's signature does not verify"
        "The answer was changed after it was signed, was signed with another key, or with an \
         algorithm that does not count any more (SHA-1).\n\nFetch a fresh answer; if that one is bad \
         as well, the responder is broken: tell the authority."
    STAPLE_UNAUTHORISED "tls.staple-unauthorised-responder" Fail "the staple is signed by somebody who may not"
        "The answer must be signed by the very authority that issued the certificate, or by a \
         responder with a certificate from that authority, made with the same key (RFC 6960 \
         §4.2.2.2). The root of the chain is not good enough, and neither is another authority below \
         it.\n\nA private responder is usually set up with the wrong certificate: issue one with the \
         purpose `OCSPSigning` from the issuing authority."
    STAPLE_SIGNER_PURPOSE "tls.staple-signer-purpose" Fail "the staple's signer has no certificate for signing OCSP answers"
        "The signer's certificate comes from the right authority, but it does not name the purpose \
         `OCSPSigning`, or its key may not sign. Otherwise every server of the authority could vouch \
         for itself; `anyExtendedKeyUsage` does not count (RFC 6960 §4.2.2.2).\n\nIssue the responder \
         a certificate with `extendedKeyUsage = OCSPSigning` and `keyUsage = digitalSignature`."
    STAPLE_SIGNER_EXPIRED "tls.staple-signer-expired" Fail "the certificate of the staple's signer is out of date"
        "The answer itself is in time, but the certificate of the responder that signed it has \
         expired, or is not valid yet. Clients refuse the answer.\n\nRenew the responder's \
         certificate and let the server fetch a new answer. Responders' certificates live for weeks; \
         automate their renewal as well."
    STAPLE_NOT_YET_VALID "tls.staple-not-yet-valid" Fail "the staple begins in the future"
        "`thisUpdate` is more than five minutes ahead of this machine's clock, so clients refuse \
         the answer. One of the two clocks is wrong: check this machine's first with `timedatectl`, \
         then the responder's."
    STAPLE_EXPIRED "tls.staple-expired" Fail "the staple has expired"
        "`nextUpdate` has passed: the server keeps serving an old answer and does not get a new \
         one. Clients that look at staples refuse it.\n\nLet the server reach the responder (DNS, \
         firewall, proxy) and reload it; where a file is stapled, mend the job that renews it. By \
         hand: `openssl s_client -status | grep Update`."
    STAPLE_WITHOUT_END "tls.staple-without-end" Fail "the staple does not say until when it holds"
        "`nextUpdate` is missing. Clients must reject such an answer (RFC 9919 §6). With a private \
         authority (`ca`) this is only a warning.\n\nSet a validity on the responder, such as \
         `openssl ocsp -ndays 7`."
    STAPLE_REVOKED "tls.staple-revoked" Fail "the staple says the certificate is revoked"
        "The authority has revoked this certificate, and the server itself says so in every \
         handshake. Clients that look at staples refuse the connection now, the others as soon as \
         they learn of it.\n\nFind out who revoked it and why; get a new certificate with a new key, \
         roll it out, and reload."
    STAPLE_UNKNOWN "tls.staple-unknown" Fail "the staple says the authority does not know the certificate"
        "The responder answered `unknown`: for the authority this certificate does not exist. \
         Clients treat it like a revoked one.\n\nJust after issuance this can pass within minutes; \
         otherwise the responder lost its database, or the certificate is forged. Ask the authority."
    STAPLE_UNVERIFIED "tls.staple-unverified" Unknown "the staple could not be verified"
        "The issuer's certificate is neither sent nor a trusted root, so the signature of the \
         staple cannot be checked, and nothing it says counts. Mend the chain first (see \
         `tls.incomplete-chain`) and look again."
    STAPLE_AGEING "tls.staple-ageing" Warn "the server is not refreshing its staple"
        "The staple is still valid, but a newer one has been available for long: it is older than \
         four days, or in the last hours of its life (Baseline Requirements 4.9.9), or will have \
         ended by the launch and is past half of its life. When it ends, it ends for every \
         client.\n\nLook at why the server does not refresh it: the responder out of reach, or a file \
         nobody renews. A reload often helps for now."
    NOT_REVOKED "tls.not-revoked" Pass "the certificate is not revoked"
        "The OCSP responder or the revocation list the certificate names was asked, what it said is \
         signed by the issuer and in time, and the certificate is not revoked."
    REVOKED "tls.revoked" Fail "the certificate is revoked"
        "The authority has revoked the certificate: its responder or its revocation list says so. \
         Browsers refuse it as soon as they learn of it, which takes minutes to days; that it still \
         works somewhere proves nothing.\n\nFind out who revoked it and why (`KeyCompromise` means a \
         new key), get a new certificate, roll it out and reload."
    REVOCATION_UNKNOWN "tls.revocation-unknown" Fail "the authority does not know the certificate"
        "The OCSP responder, asked about this certificate, answered `unknown`. Just after issuance \
         this can pass within minutes; otherwise the responder lost its database, or the \
         certificate was never issued by this authority. Ask the authority."
    CRL_EXPIRED "tls.crl-expired" Unknown "the revocation list has expired"
        "The list the certificate names is past its `nextUpdate`: the authority, or whoever copies \
         the list to where it is fetched, has stopped renewing it. Whether the certificate is \
         revoked is not known; strict clients refuse every certificate of the authority.\n\nFor a \
         private authority: publish a new list, and mend the job that does."
    REVOCATION_UNUSABLE "tls.revocation-unusable" Unknown "what was said about the revocation does not count"
        "The responder or the list answered, but the answer does not count: wrong signature, a \
         signer who may not sign, another certificate, another shard of the list, out of time, or \
         more than seven days old without a word on until when it holds. The message says which. Whether the certificate is revoked is not known.\n\nBy hand: `openssl \
         ocsp -issuer ISSUER -cert CERT -url URL`, or `openssl crl -inform DER -text`."
    REVOCATION_UNCHECKED "tls.revocation-unchecked" Unknown "nobody could be asked about the revocation"
        "The certificate names where its revocation can be asked for, but only in ways this check \
         does not follow, such as ldap://. Say `revocation: off` where that is accepted."
    NO_REVOCATION "tls.no-revocation" Fail "a public certificate that cannot be revoked"
        "A public certificate of more than seven days of life must name an OCSP responder or a \
         revocation list (Baseline Requirements 7.1.2.11.2). This one names neither: it was issued \
         wrongly, and the authority will have to revoke it within days.\n\nHave it issued again."
    REVOCATION_NOT_APPLICABLE "tls.revocation-not-applicable" NotApplicable "the certificate cannot be revoked"
        "It names neither an OCSP responder nor a revocation list. Certificates that live seven days \
         or less need none, and private authorities are free not to have any."
}
