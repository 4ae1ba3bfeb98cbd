# shellcheck shell=bash
# A root, an intermediate, its OCSP signer, and one certificate for each state a server can be in.
# Beside them the authorities that things go wrong with: a retired root, an expired certificate of
# the intermediate, one of the same name with another key, and two that stand in a row.
#
#   pki/root.pem                 what to trust            pki/intermediate.pem
#   pki/NAME.pem  NAME.leaf.pem  chain as served, leaf    pki/private/NAME.key
#   pki/ocsp/STATE.der           OCSP answers             pki/intermediate.crl

# name: the SNI name, and the SAN unless `san` says otherwise · key · its life, relative to now ·
# revocation: where it says to ask (ocsp, crl, must = OCSP with must-staple) · san · what is
# stapled: a file of pki/ocsp, `live` (nginx asks the responder itself), `off` · what is sent:
# see `chain`. Every row has one fault at most: what its name says.
certificates() {
  cat <<'TABLE'
login          ec  -30d  +60d  ocsp  login          good          full
expiring       ec  -88d  +48h  ocsp  expiring       good          full
expired        ec  -93d  -3d   ocsp  expired        good          full
notyet         ec  +1d   +91d  ocsp  notyet         good          full
overdue        ec  -70d  +20d  ocsp  overdue        good          full
short          ec  -60h  +100h none  short          off           full
wrongname      ec  -30d  +60d  ocsp  other          good          full
nointermediate ec  -30d  +60d  ocsp  nointermediate good          leaf
stapled        ec  -30d  +60d  ocsp  stapled        live          full
nostaple       ec  -30d  +60d  ocsp  nostaple       off           full
muststaple     ec  -30d  +60d  must  muststaple     off           full
stalestaple    ec  -30d  +60d  ocsp  stalestaple    stale         full
unknownstaple  ec  -30d  +60d  ocsp  unknownstaple  unknown       full
otherstaple    ec  -30d  +60d  ocsp  otherstaple    other         full
revoked        ec  -30d  +60d  ocsp  revoked        revoked       full
noocsp         ec  -30d  +60d  crl   noocsp         off           full
crlrevoked     ec  -30d  +60d  crl   crlrevoked     off           full
rsa            rsa -30d  +60d  ocsp  rsa            good          full
dual-rsa       rsa -30d  +60d  ocsp  dual           live          full
dual-ecdsa     ec  -30d  +60d  ocsp  dual           live          full
crlexpired     ec  -30d  +60d  oldcrl crlexpired    off           full
nocn           ec  -30d  +60d  crl   nocn           off           full
cnonly         ec  -30d  +60d  crl   cnonly         off           full
wildcard       ec  -30d  +60d  crl   *              off           full
two.labels     ec  -30d  +60d  crl   *              off           full
crosssign      ec  -30d  +60d  ocsp  crosssign      good          cross
oldissuer      ec  -30d  +60d  ocsp  oldissuer      good          old
wrongorder     ec  -30d  +60d  none  wrongorder     off           disordered
latestaple     ec  -30d  +60d  must  latestaple     live          full
tls12          ec  -30d  +60d  ocsp  tls12          good          full
oldtls         ec  -30d  +60d  crl   oldtls         off           full
earlydata      ec  -30d  +60d  crl   earlydata      off           full
fleet          ec  -2d   +88d  crl   fleet          off           full
fleet-old      ec  -62d  +28d  crl   fleet          off           full
ipsan          ec  -30d  +60d  crl   ipsan          off           full
staples        ec  -30d  +60d  ocsp  *.staple       off           full
many           ec  -30d  +60d  ocsp  *.many         good          full
db             ec  -30d  +60d  crl   db             off           full
TABLE
}

# The names a server is reached by: the two halves of `dual` share one, and the two nodes of
# `fleet`. `staples` has a name for each answer that is stapled to it, `many` all below it.
tls_names() {
  certificates | sed 's/ .*//; s/-\(rsa\|ecdsa\|old\)$//; /^\(staples\|many\)$/d' | uniq
  staples | sed 's/$/.staple/'
}

ocsp_url() { echo "http://127.0.0.1:${LAB_PORTS[ocsp]}/"; }
crl_url() { echo "http://127.0.0.1:${LAB_PORTS[http]}/crl/${1-intermediate}.crl"; }

# An offset such as -30d or +48h as the time `openssl ca` reads.
moment() {
  local amount=${1%[dh]} unit=3600
  [ "${1: -1}" = h ] || unit=86400
  date -u -d "@$(($(date +%s) + amount * unit))" +%Y%m%d%H%M%SZ
}

ca_conf() {
  cat <<CONF
[$1]
database = $PKI/ca/$1.index
certificate = $PKI/$1.pem
private_key = $PKI/private/$1.key
new_certs_dir = $PKI/ca
rand_serial = yes
unique_subject = no
default_md = sha256
default_crl_days = 7
policy = any
[any]
commonName = optional
CONF
}

# The extensions of a certificate, by what it is for: root, intermediate, ocsp-signer, or for a
# server one of ocsp, must, crl, none.
extensions() {
  case $1 in
  root | outer)
    echo 'basicConstraints = critical, CA:TRUE'
    echo 'keyUsage = critical, keyCertSign, cRLSign'
    ;;
  intermediate)
    echo 'basicConstraints = critical, CA:TRUE, pathlen:0'
    echo 'keyUsage = critical, keyCertSign, cRLSign'
    ;;
  ocsp-without-purpose)
    echo 'basicConstraints = critical, CA:FALSE'
    echo 'keyUsage = critical, digitalSignature'
    ;;
  ocsp-signer)
    echo 'basicConstraints = critical, CA:FALSE'
    echo 'keyUsage = critical, digitalSignature'
    # Only with this purpose does a delegate's answer count (RFC 6960 section 4.2.2.2); noCheck
    # spares the client from asking whether the delegate itself is revoked.
    echo 'extendedKeyUsage = OCSPSigning'
    echo 'noCheck = ignored'
    ;;
  *)
    echo 'basicConstraints = critical, CA:FALSE'
    echo 'keyUsage = critical, digitalSignature'
    echo 'extendedKeyUsage = serverAuth'
    ;;
  esac
  echo 'subjectKeyIdentifier = hash'
  [ "$1" = root ] || echo 'authorityKeyIdentifier = keyid'
  case $1 in
  ocsp | must) echo "authorityInfoAccess = OCSP;URI:$(ocsp_url)" ;;
  crl) echo "crlDistributionPoints = URI:$(crl_url)" ;;
  oldcrl) echo "crlDistributionPoints = URI:$(crl_url expired)" ;;
  esac
  if [ "$1" = must ]; then echo 'tlsfeature = status_request'; fi
}

key() {
  case $2 in
  ec) openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 ;;
  rsa) openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 ;;
  esac >"$PKI/private/$1.key"
  chmod 600 "$PKI/private/$1.key"
}

# issue CA NAME FROM TO [SUBJECT]: signs a certificate for the key NAME with the extensions on
# stdin. The subject `-` is an empty one.
issue() {
  local ca=$1 name=$2 from=$3 to=$4 subject=/CN=${5:-$2.$LAB_ZONE}
  if [ "${5-}" = - ]; then subject=/; fi
  cat >"$PKI/ca/$name.ext"
  # The intermediate's certificate is read by the CA section even where the root signs itself.
  local -a sign=(-config "$PKI/ca/$ca.cnf" -name "$ca")
  if [ "$ca" = "$name" ]; then sign+=(-selfsign -keyfile "$PKI/private/$ca.key"); fi
  openssl req -new -config "$PKI/ca/$ca.cnf" -key "$PKI/private/$name.key" \
    -subj "$subject" -out "$PKI/ca/$name.csr"
  openssl ca "${sign[@]}" -batch -notext -in "$PKI/ca/$name.csr" -extfile "$PKI/ca/$name.ext" \
    -startdate "$(moment "$from")" -enddate "$(moment "$to")" -out "$PKI/$name.leaf.pem"
}

# authority NAME ISSUER FROM TO [KIND [SUBJECT]]: an authority with a key of its own.
authority() {
  local name=$1 issuer=$2 from=$3 to=$4
  : >"$PKI/ca/$name.index"
  { ca_conf "$name"; printf '[req]\ndistinguished_name = any\n'; } >"$PKI/ca/$name.cnf"
  key "$name" ec
  extensions "${5:-$name}" | issue "$issuer" "$name" "$from" "$to" "${6:-gonogo lab $name}"
  mv "$PKI/$name.leaf.pem" "$PKI/$name.pem"
}

# again NAME OF ISSUER FROM TO: another certificate for the name and the key of an authority.
again() {
  cp "$PKI/private/$2.key" "$PKI/private/$1.key"
  extensions intermediate | issue "$3" "$1" "$4" "$5" "gonogo lab $2"
  mv "$PKI/$1.leaf.pem" "$PKI/$1.pem"
}

authorities() {
  authority root root -400d +3000d
  authority intermediate root -200d +1500d
  authority oldroot oldroot -3000d -10d root
  again cross intermediate oldroot -800d -10d
  again oldintermediate intermediate root -400d -2d
  # The same name, another key.
  authority twin root -200d +1500d intermediate 'gonogo lab intermediate'
  authority outer root -200d +1500d
  authority inner outer -200d +1500d intermediate
  ocsp_signers
}

# Who signs OCSP answers: the one who may, and three who may not. Old enough to have signed the
# answers that are out of date.
ocsp_signers() {
  local name
  for name in ocsp-signer ocsp-expired ocsp-without-purpose ocsp-of-root; do key "$name" ec; done
  extensions ocsp-signer | issue intermediate ocsp-signer -100d +100d 'gonogo lab OCSP'
  extensions ocsp-signer | issue intermediate ocsp-expired -100d -2d 'gonogo lab expired OCSP'
  extensions ocsp-without-purpose |
    issue intermediate ocsp-without-purpose -100d +100d 'gonogo lab OCSP without purpose'
  extensions ocsp-signer | issue root ocsp-of-root -100d +100d 'gonogo lab OCSP of the root'
}

# The names in a server's certificate.
alternative_names() {
  case $1 in
  # The database is reached by address, the others by name.
  db) echo "subjectAltName = DNS:db.$LAB_ZONE, DNS:localhost, IP:127.0.0.1, IP:::1" ;;
  ipsan) echo 'subjectAltName = IP:127.0.0.4' ;;
  cnonly) ;;
  *) echo "subjectAltName = DNS:$2.$LAB_ZONE" ;;
  esac
}

# chain NAME WHAT: what is sent with a certificate.
chain() {
  case $2 in
  full) cat "$PKI/$1.leaf.pem" "$PKI/intermediate.pem" ;;
  leaf) cat "$PKI/$1.leaf.pem" ;;
  # A cross-signature of a root long gone, which nobody needs, before the one that is needed.
  cross) cat "$PKI/$1.leaf.pem" "$PKI/cross.pem" "$PKI/intermediate.pem" ;;
  # The only certificate of the issuer that is sent has expired.
  old) cat "$PKI/$1.leaf.pem" "$PKI/oldintermediate.pem" ;;
  disordered) cat "$PKI/$1.leaf.pem" "$PKI/outer.pem" "$PKI/inner.pem" ;;
  esac >"$PKI/$1.pem"
}

server_certificates() {
  local name kind from to where san sent issuer subject _
  while read -r name kind from to where san _ sent; do
    key "$name" "$kind"
    issuer=intermediate subject=$san.$LAB_ZONE
    case $name in
    wrongorder) issuer=inner ;;
    # As Let's Encrypt issues them.
    nocn) subject=- ;;
    esac
    { extensions "$where"; alternative_names "$name" "$san"; } |
      issue "$issuer" "$name" "$from" "$to" "$subject"
    chain "$name" "$sent"
  done < <(certificates)
  for name in revoked crlrevoked; do
    openssl ca -config "$PKI/ca/intermediate.cnf" -name intermediate \
      -revoke "$PKI/$name.leaf.pem" -crl_reason keyCompromise
  done
  revocation_list intermediate
  faketime -f -10d bash -c "$(declare -f revocation_list); PKI='$PKI' revocation_list expired"
}

# revocation_list NAME: the intermediate's, good for a week.
revocation_list() {
  openssl ca -config "$PKI/ca/intermediate.cnf" -name intermediate -gencrl |
    openssl crl -outform DER -out "$PKI/$1.crl"
}

pki_steps() {
  authorities
  server_certificates
  ocsp_answers
}

pki_up() {
  mkdir -p "$PKI/ca" "$PKI/private" "$PKI/ocsp"
  chmod 700 "$PKI/private"
  logged pki pki_steps
  give "$PKI/private" "$PKI/ca"
}
