//! Everything a finding about a certificate on disk can say.

use crate::model::code::codes;

codes! {
    pub,
    OK "cert_file.ok" Pass "the certificate on disk is ready for the launch"
        "The file could be read, its certificate is inside its dates and outlives the launch window \
         by the margin, and everything else that was asked for is right. The evidence stands in the \
         finding."
    UNREADABLE "cert_file.unreadable" Fail "a certificate in the file cannot be read"
        "The file was opened, and what stands where a certificate should is none: a cut-off copy, a \
         key or a request in its place, a page of HTML. A server that is reloaded with it will not \
         start.\n\nLook at it with `openssl x509 -in FILE -noout -text`, and put the right file in \
         place before anything is reloaded. Behind a first certificate that can be read this is a \
         warning: some programs skip it, others refuse the whole file."
    EXPIRED "cert_file.expired" Fail "a certificate in the file has expired"
        "The certificate, or one of those that stand behind it in the file and above it in the \
         chain, is past its end. In a bundle of authorities an expired one is only a warning as long \
         as others are left.\n\nRenew it, replace the file, and reload whoever reads it."
    NOT_YET_VALID "cert_file.not-yet-valid" Fail "a certificate in the file is not valid yet"
        "It begins in the future. Either it was rolled out too early, or the clock of this machine \
         is wrong: check that first with `timedatectl`. Five minutes of difference are allowed."
    EXPIRES_IN_WINDOW "cert_file.expires-in-window" Fail "a certificate in the file ends before the launch window and its margin do"
        "It does not outlive the end of the launch window by `margin` (72 h unless said otherwise). \
         Renew it before the launch freeze, and reload whoever reads it."
    EXPIRES_SOON "cert_file.expires-soon" Warn "the certificate in the file ends soon"
        "Less than `warn_within` is left (30 days unless said otherwise, and only where a person \
         renews the certificate). It still outlives the launch. Plan the renewal now."
    RENEWAL_OVERDUE "cert_file.renewal-overdue" Warn "the certificate in the file should have been renewed by now"
        "Certificates that a machine renews are replaced when a third of their life is left (half, \
         below ten days of life). This one is well past that, so the renewal is not working, or \
         writes to another place.\n\nLook at the renewing machine's log. If a person renews it, say \
         `renewal: manual`."
    RENEWS_IN_WINDOW "cert_file.renews-in-window" Warn "the certificate in the file is due for renewal during the launch window"
        "The file will be replaced, and its reader reloaded, while the launch is on. Renew it before \
         the freeze, or prove that a reload drops nothing."
    NAME_MISSING "cert_file.name-missing" Fail "the certificate is not for a name it should be for"
        "A name of `names` is covered by none of the certificate's alternative names. Only these \
         count: a common name does not, and a wildcard covers exactly one label (RFC 9525).\n\nHave it \
         issued again with the name."
    PURPOSE_MISSING "cert_file.purpose-missing" Fail "the certificate may not be used for what it should be"
        "The certificate lists its purposes (extended key usage), and the one of `purpose` is not among \
         them. The other side of the handshake refuses it: a server one that is for servers only where \
         a client shows it, and the other way round.\n\nHave it issued again for `serverAuth` or \
         `clientAuth`. By hand: `openssl x509 -in FILE -noout -ext extendedKeyUsage`."
    PURPOSE_ENDS "cert_file.purpose-ends" Warn "a client's certificate comes from a public authority"
        "Public authorities take the purpose `clientAuth` out of their certificates: Let's Encrypt has since \
         July 2026, the others follow, because browsers accept roots for servers only. This certificate \
         still has it; the one after the next renewal will not, and mutual TLS ends then.\n\nMove the clients \
         to certificates of an authority of your own before that."
    WRONG_PASSWORD "cert_file.wrong-password" Fail "the password does not open the file"
        "The PKCS#12 file is under another password than the one in `password_file`, so whatever loads \
         the two at the launch will not start. The file's own checksum says so: it is not \
         damaged.\n\nPut the right password in place, or write the file again with the one that is \
         there. By hand: `openssl pkcs12 -in FILE -passin file:PASSWORD_FILE -noout`."
    KEY_MISMATCH "cert_file.key-mismatch" Fail "the key on disk is not the certificate's"
        "The public half of the private key differs from the one in the certificate. A server that \
         is reloaded with the two will not start, or serve the old pair from memory until it is \
         restarted: at the worst moment.\n\nCompare `openssl x509 -noout -pubkey -in CERT` with \
         `openssl pkey -pubout -in KEY`, and put the pair back together."
    UNTRUSTED "cert_file.untrusted" Fail "the certificates in the file do not lead to a trusted root"
        "No path leads from the first certificate to a root of `ca` with nothing but what is in the \
         file: an intermediate is missing, or the authority is another one.\n\nUse the file with the \
         full chain. The message has the verifier's words.\n\nWhere the file is a bundle of \
         authorities this is unknown: no path is looked for. Leave `ca` out."
    WEAK_KEY "cert_file.weak-key" Fail "a certificate in the file has a weak key"
        "RSA keys below 2048 bits, and curves other than P-256, P-384 and P-521, are refused by \
         clients. Make a new key and have the certificate issued again."
    WEAK_SIGNATURE "cert_file.weak-signature" Fail "a certificate in the file is signed with a broken hash"
        "MD2, MD5 and SHA-1 signatures can be forged; clients refuse them. Have the certificate \
         issued again with SHA-256 or better."
}
