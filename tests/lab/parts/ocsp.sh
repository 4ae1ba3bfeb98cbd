# shellcheck shell=bash
# The OCSP responder, and OCSP answers in every state as files.
#
# `openssl ocsp -port` binds every interface and cannot be told otherwise, and one silent client
# blocks it. So socat listens, on loopback, and OpenSSL makes each answer as a CGI program would:
# see ocsp-answer.

# ocsp_file STATE NAME [OPTION…]: the answer about the certificate NAME. No nonce, as for a staple.
# The options come first: a digest must stand before the certificate it is used for.
ocsp_file() {
  local state=$1 name=$2
  shift 2
  local -a validity=(-ndays 7)
  if [ "$state" = nonextupdate ]; then validity=(); fi
  openssl ocsp "$@" -issuer "$PKI/intermediate.pem" -cert "$PKI/$name.leaf.pem" -no_nonce \
    -reqout "$PKI/ocsp/$state.request.der"
  "${faketime[@]}" openssl ocsp -index "${index:-$PKI/ca/intermediate.index}" \
    -CA "$PKI/intermediate.pem" -rsigner "$PKI/ocsp-signer.leaf.pem" \
    -rkey "$PKI/private/ocsp-signer.key" -reqin "$PKI/ocsp/$state.request.der" \
    "${validity[@]}" "${damage[@]}" -respout "$PKI/ocsp/$state.der"
}

# One good answer for each name that staples from a file, and one file for each way to be wrong.
ocsp_answers() {
  local name staple _
  local -a faketime=(env) damage=()
  local index=''
  while read -r name _ _ _ _ _ staple _; do
    if [ "$staple" = good ]; then ocsp_file "good-$name" "$name"; fi
  done < <(certificates)
  cp "$PKI/ocsp/good-login.der" "$PKI/ocsp/good.der"
  ocsp_file revoked revoked
  ocsp_file sha256 login -sha256
  ocsp_file nonextupdate login
  # About another certificate of the same issuer.
  ocsp_file other rsa
  index=/dev/null
  ocsp_file unknown unknownstaple
  index=''
  damage=(-badsig)
  ocsp_file badsignature login
  damage=()
  # Valid for a week, from ten days ago.
  faketime=(faketime -f -10d)
  ocsp_file stale stalestaple
  # OCSPResponse { responseStatus tryLater(3) }: an answer without an answer in it.
  printf '\x30\x03\x0a\x01\x03' >"$PKI/ocsp/trylater.der"
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
