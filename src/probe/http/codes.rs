//! What the kind `http` can say.

use crate::model::code::Code;
use crate::model::outcome::Outcome;

/// Every code, in the order of the manual.
pub(super) static ALL: &[&Code] = &[
    &OK,
    &STATUS,
    &THROTTLED,
    &HEADER,
    &BODY,
    &BODY_TOO_LARGE,
    &BODY_ENCODED,
    &SLOW,
    &NO_NUMBER,
    &REFUSED,
    &CLOSED,
    &TLS,
    &REDIRECT_LOOP,
    &NO_ADDRESS,
];

/// All is as it should be.
pub(super) static OK: Code = Code {
    id: "http.ok",
    summary: "the address answers as it should",
    doc: "The status, the headers, the body and the time are what the check asks for, at this address.",
    default: Outcome::Pass,
};

/// The status is another.
pub(super) static STATUS: Code = Code {
    id: "http.status",
    summary: "the answer has another status than expected",
    doc: "The address answered, but with a status the check does not accept. The beginning of the body, or \
          where a redirect leads, stands under `actual`.\n\n\
          At a launch: a 5xx means the service behind this address is not up; a 404 that the release or its \
          route has not arrived; a 3xx that the URL in the checklist is not the final one (name that one, or \
          set `follow: true`); a 401 or 403 that the check needs credentials.\n\n\
          When only one of several addresses answers so, that node missed the roll-out: look at it, not at \
          the load balancer.\n\n\
          By hand: `curl -i --resolve HOST:PORT:ADDRESS URL`.",
    default: Outcome::Fail,
};

/// Asked too often.
pub(super) static THROTTLED: Code = Code {
    id: "http.throttled",
    summary: "the server says that it was asked too often",
    doc: "The answer was 429 (RFC 6585 §4): the server, or something before it, counts requests and wants \
          fewer of them. What it answers to everybody else was not seen, so nothing is known.\n\n\
          By default this is tried again as often as the check's `retry` says. Have the machine that looks \
          excepted from the limit, or look less often; where 429 is the right answer, name it under \
          `status`.",
    default: Outcome::Unknown,
};

/// A header is missing or different.
pub(super) static HEADER: Code = Code {
    id: "http.header",
    summary: "a header is missing or has another value",
    doc: "A header named under `headers` is not in the answer, or none of its values matches the regular \
          expression.\n\n\
          At a launch this is usually a node that still runs the old release, a security header lost in a \
          new proxy configuration, or a cache that answers instead of the service.\n\n\
          By hand: `curl -sI URL`. Proxies may rewrite headers: compare an answer of the service itself.",
    default: Outcome::Fail,
};

/// The body does not match.
pub(super) static BODY: Code = Code {
    id: "http.body",
    summary: "the body does not have what was expected",
    doc: "The whole body was read and the regular expression under `body` is nowhere in it. Its beginning \
          stands under `actual`.\n\n\
          At a launch: the page may be an error page sent with status 200, or the old release. Mind that the \
          expression is searched in the raw body: JSON may have blanks after colons, HTML its entities.\n\n\
          By hand: `curl -s URL | grep -E 'EXPRESSION'`.",
    default: Outcome::Fail,
};

/// Too much to search.
pub(super) static BODY_TOO_LARGE: Code = Code {
    id: "http.body-too-large",
    summary: "the body is larger than what is searched",
    doc: "The regular expression under `body` is not in the first 1 MiB of the body, and the body goes on. \
          Whether the rest has it was not looked at, so nothing is known.\n\n\
          Ask a smaller page: a health or version URL is made for this. By hand: `curl -s URL | wc -c`.",
    default: Outcome::Unknown,
};

/// Not asked for, and not searched.
pub(super) static BODY_ENCODED: Code = Code {
    id: "http.body-encoded",
    summary: "the body came compressed although that was not asked for",
    doc: "The server sent a `Content-Encoding` without having been offered one, so the body was not unpacked \
          (a few kilobytes can unpack to gigabytes) and could not be searched.\n\n\
          Mend the server, which breaks RFC 9110 §12.5.3, or check a header instead of the body. By hand: \
          `curl -sI URL`.",
    default: Outcome::Unknown,
};

/// A number is missing.
pub(super) static NO_NUMBER: Code = Code {
    id: "http.no-number",
    summary: "the body does not have a number that was asked for",
    doc: "The body is no JSON, or has no number at a pointer of `numbers`, in one of the samples. Whatever \
          `expect` says of it is unknown too.\n\n\
          At a launch: the release may name it differently, or the endpoint may be switched off.\n\n\
          Look: `curl -s URL | jq .`. A pointer is written with slashes, `/db/InUse`; a slash inside a name is \
          `~1`, and a tilde `~0` (RFC 6901).",
    default: Outcome::Unknown,
};

/// Too slow.
pub(super) static SLOW: Code = Code {
    id: "http.slow",
    summary: "the answer took longer than allowed",
    doc: "The whole exchange with this address (connecting, TLS, the answer and its body, and redirects that \
          were followed) took longer than `max_latency`.\n\n\
          It is one request, and a cold cache or a first connection makes it slow: run it again before you \
          believe it. When it stays slow at one address, look at that node; at all, at the way there. The \
          observation tells the time to the first byte from the whole.\n\n\
          By hand: `curl -so /dev/null -w '%{time_connect} %{time_appconnect} %{time_starttransfer} \
          %{time_total}\\n' URL`.",
    default: Outcome::Fail,
};

/// Nothing listens.
pub(super) static REFUSED: Code = Code {
    id: "http.refused",
    summary: "the address refused or reset the connection",
    doc: "The host answered, and said no: nothing listens on the port, or something in between resets the \
          connection.\n\n\
          At a launch: the service is not started on this node, listens on another port or only on loopback, \
          or a firewall rejects. Players who get this address will fail.\n\n\
          By hand: `nc -vz ADDRESS PORT`; on the node `ss -ltnp`.",
    default: Outcome::Fail,
};

/// Closed early.
pub(super) static CLOSED: Code = Code {
    id: "http.closed",
    summary: "the connection was closed before the answer was complete",
    doc: "The connection was accepted and then closed without a complete answer: before the status line, in \
          the TLS handshake, or in the middle of the body.\n\n\
          Typical causes: a load balancer without a healthy backend, a process that crashes on the request, \
          plain HTTP spoken to a TLS port, a proxy's response limit.\n\n\
          By hand: `curl -v URL`; then the log of the server for the same second.",
    default: Outcome::Fail,
};

/// No trust, or no handshake.
pub(super) static TLS: Code = Code {
    id: "http.tls",
    summary: "the TLS handshake failed",
    doc: "The address answered, but no connection could be made that is trusted: the certificate has expired, \
          is for another name, its issuer is not trusted here, or the port does not speak TLS at all. The \
          message has the reason.\n\n\
          Clients will refuse it likewise. The kind `tls` looks at all of this closely. For a private \
          authority, name its file under `ca`.\n\n\
          By hand: `openssl s_client -connect ADDRESS:PORT -servername HOST </dev/null`.",
    default: Outcome::Fail,
};

/// In a circle.
pub(super) static REDIRECT_LOOP: Code = Code {
    id: "http.redirect-loop",
    summary: "the redirects do not end",
    doc: "`follow` is set, and the redirects come back to where they were, or are more than ten.\n\n\
          The classic at a launch: TLS ends at the load balancer, the service sees plain HTTP and redirects \
          to https://, for ever. Set `X-Forwarded-Proto`, and let the service trust it.\n\n\
          By hand: `curl -sIL --max-redirs 10 URL | grep -i '^location'`.",
    default: Outcome::Fail,
};

/// No such name.
pub(super) static NO_ADDRESS: Code = Code {
    id: "http.no-address",
    summary: "the host's name has no address",
    doc: "The resolver of this machine answered that the name does not exist, or has neither an A nor an AAAA \
          record. So nobody was asked; with `follow` it can be the host that a redirect leads to, and \
          the finding says who redirects.\n\n\
          At a launch: the record is missing, misspelt, or not visible from here (split horizon). By hand: \
          `dig HOST A` and `dig HOST AAAA`.",
    default: Outcome::Fail,
};
