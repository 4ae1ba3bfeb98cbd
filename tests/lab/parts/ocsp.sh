# shellcheck shell=bash
# The OCSP responder, and OCSP answers in every state as files.
#
# `openssl ocsp -port` binds every interface and cannot be told otherwise, and one silent client
# blocks it. So socat listens, on loopback, and OpenSSL makes each answer as a CGI program would:
# see ocsp-answer.

# ocsp_ask STATE [OPTION…]: the question. No nonce, as for a staple. A digest stands before the
# certificate it is used for.
ocsp_ask() {
  local state=$1
  shift
  openssl ocsp -issuer "$PKI/intermediate.pem" "$@" -no_nonce -reqout "$PKI/ocsp/$state.request.der"
}

# ocsp_answer STATE SIGNER [OPTION…]: the answer, good for a week. WHEN is the offset it is made at,
# CA whose certificates it is about, INDEX what is known about these.
ocsp_answer() {
  local state=$1 signer=$2 certificate
  shift 2
  certificate=$PKI/$signer.pem
  if [ ! -e "$certificate" ]; then certificate=$PKI/$signer.leaf.pem; fi
  faketime -f "${WHEN:-+0d}" openssl ocsp -index "${INDEX:-$PKI/ca/intermediate.index}" \
    -CA "$PKI/${CA:-intermediate}.pem" -rsigner "$certificate" -rkey "$PKI/private/$signer.key" \
    -reqin "$PKI/ocsp/$state.request.der" "$@" -respout "$PKI/ocsp/$state.der"
}

# ocsp_good STATE NAME: a good answer about the certificate NAME.
ocsp_good() {
  ocsp_ask "$1" -cert "$PKI/$2.leaf.pem"
  ocsp_answer "$1" ocsp-signer -ndays 7
}

# The answers that are stapled to the certificate `staples`, at NAME.staple: what openssl can be
# brought to say. What it cannot, a liar in the tests says: garbage, 64 KiB of it.
staples() {
  cat <<'LIST'
issuer
bykey
sha256
pair
nonextupdate
badsignature
future
trylater
serial
twin
nopurpose
ofroot
oldsigner
LIST
}

staples_up() {
  local of=$PKI/staples.leaf.pem state
  for state in issuer bykey nonextupdate badsignature future nopurpose ofroot oldsigner; do
    ocsp_ask "$state" -cert "$of"
  done
  ocsp_answer issuer intermediate -ndays 7
  ocsp_answer bykey ocsp-signer -ndays 7 -resp_key_id
  ocsp_answer nonextupdate ocsp-signer
  ocsp_answer badsignature ocsp-signer -ndays 7 -badsig
  WHEN=+2d ocsp_answer future ocsp-signer -ndays 7
  ocsp_answer nopurpose ocsp-without-purpose -ndays 7
  ocsp_answer ofroot ocsp-of-root -ndays 7
  ocsp_answer oldsigner ocsp-expired -ndays 7
  # The id of the certificate made with SHA-256 only, as RFC 9919 clients make it.
  ocsp_ask sha256 -sha256 -cert "$of"
  ocsp_answer sha256 ocsp-signer -ndays 7
  # Two parts, one for each hash: the first is about another certificate.
  ocsp_ask pair -sha1 -cert "$PKI/rsa.leaf.pem" -sha256 -cert "$of"
  ocsp_answer pair ocsp-signer -ndays 7
  ocsp_good serial rsa
  # The right serial number of an issuer with the right name, and another key.
  ocsp_ask twin -issuer "$PKI/twin.pem" -cert "$of"
  CA=twin ocsp_answer twin ocsp-signer -ndays 7
  # OCSPResponse { responseStatus tryLater(3) }: an answer without an answer in it.
  printf '\x30\x03\x0a\x01\x03' >"$PKI/ocsp/trylater.der"
}

# One good answer for each name that staples from a file, and one file for each way to be wrong.
ocsp_answers() {
  local name staple _
  while read -r name _ _ _ _ _ staple _; do
    if [ "$staple" = good ]; then ocsp_good "good-$name" "$name"; fi
  done < <(certificates)
  cp "$PKI/ocsp/good-login.der" "$PKI/ocsp/good.der"
  ocsp_good revoked revoked
  # About another certificate of the same issuer.
  ocsp_good other rsa
  ocsp_ask unknown -cert "$PKI/unknownstaple.leaf.pem"
  INDEX=/dev/null ocsp_answer unknown ocsp-signer -ndays 7
  # From ten days ago.
  ocsp_ask stale -cert "$PKI/stalestaple.leaf.pem"
  WHEN=-10d ocsp_answer stale ocsp-signer -ndays 7
  staples_up
}

ocsp_up() {
  # A copy, because the server may not be able to enter the repository.
  install -m 644 "$LAB_HOME/parts/ocsp-answer" "$LAB_DIR/pki/ca/ocsp-answer"
  start ocsp "$LAB_DIR/pki" \
    socat "TCP4-LISTEN:${LAB_PORTS[ocsp]},bind=127.0.0.1,reuseaddr,fork,max-children=16" \
    "EXEC:bash $LAB_DIR/pki/ca/ocsp-answer $LAB_DIR/pki"
  wait_for ocsp ocsp_says login good
}

ocsp_says() {
  openssl ocsp -issuer "$PKI/intermediate.pem" -cert "$PKI/$1.leaf.pem" -url "$(ocsp_url)" \
    -CAfile "$PKI/root.pem" -verify_other "$PKI/intermediate.pem" | grep -q ": $2"
}
