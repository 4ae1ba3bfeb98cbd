//! CAA (RFC 8659): which authorities may issue for a name, and by which account and challenge
//! (RFC 8657). Pure.

/// The property tags that are understood, beside those for other certificates than a server's.
const KNOWN: [&str; 6] =
    ["issue", "issuewild", "iodef", "contactemail", "contactphone", "issuemail"];

/// The flag that makes a tag one that must be understood (RFC 8659 §4.1).
const CRITICAL: u8 = 128;

/// Who asks for the certificate, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    /// The authority's domain, such as `letsencrypt.org`.
    pub(super) authority: &'a str,
    /// The account at the authority.
    pub(super) account: Option<&'a str>,
    /// The challenge, such as `http-01`.
    pub(super) method: &'a str,
    /// Whether the name is a wildcard.
    pub(super) wildcard: bool,
}

/// One CAA record.
struct Property<'a> {
    flags: u8,
    tag: String,
    value: &'a str,
}

/// Why a record set does not allow a request; `None` when it does. The records are in
/// presentation form: `0 issue "letsencrypt.org"`.
pub(super) fn refusal(records: &[String], request: Request<'_>) -> Option<String> {
    let properties: Vec<Property<'_>> = records.iter().filter_map(|text| read(text)).collect();
    let strange = properties
        .iter()
        .find(|one| one.flags & CRITICAL != 0 && !KNOWN.contains(&one.tag.as_str()));
    if let Some(strange) = strange {
        return Some(format!("the critical tag {} is not understood", strange.tag));
    }
    let tagged = |tag: &str| properties.iter().filter(|one| one.tag == tag).collect::<Vec<_>>();
    let wild = tagged("issuewild");
    // issuewild is for wildcards only, and for these replaces issue (RFC 8659 §4.3).
    let relevant = if request.wildcard && !wild.is_empty() { wild } else { tagged("issue") };
    if relevant.is_empty() {
        return None;
    }
    let refusals: Vec<String> =
        relevant.iter().filter_map(|one| deny(one.value, request)).collect();
    // One record that allows is enough.
    (refusals.len() == relevant.len()).then(|| {
        let mut refusals = refusals;
        refusals.dedup();
        refusals.join("; ")
    })
}

/// Why one `issue` value does not allow a request.
fn deny(value: &str, request: Request<'_>) -> Option<String> {
    let mut parts = value.split(';').map(str::trim);
    let authority = parts.next().unwrap_or_default();
    if authority.is_empty() {
        return Some("nobody may issue".to_owned());
    }
    if !authority.trim_end_matches('.').eq_ignore_ascii_case(request.authority) {
        return Some(format!("only {authority} may issue"));
    }
    for part in parts.filter(|part| !part.is_empty()) {
        // What is malformed allows nobody (RFC 8659 §4.2).
        let Some((name, value)) = part.split_once('=') else {
            return Some(format!("the parameter {part} cannot be read"));
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        match (name.as_str(), request.account) {
            ("accounturi", Some(account)) if value != account => {
                return Some(format!("only the account {value} may ask"));
            }
            ("accounturi", None) => {
                return Some(format!(
                    "only the account {value} may ask, and `account` is not given"
                ));
            }
            ("validationmethods", _)
                if !value.split(',').any(|one| one.trim().eq_ignore_ascii_case(request.method)) =>
            {
                return Some(format!("only {value} may be used"));
            }
            _ => {}
        }
    }
    None
}

/// Reads a record; one that cannot be read says nothing.
fn read(text: &str) -> Option<Property<'_>> {
    let (flags, rest) = text.split_once(' ')?;
    let (tag, value) = rest.split_once(' ')?;
    let value = value.trim().trim_start_matches('"').trim_end_matches('"');
    Some(Property { flags: flags.parse().ok()?, tag: tag.to_ascii_lowercase(), value })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Request<'_> =
        Request { authority: "letsencrypt.org", account: None, method: "http-01", wildcard: false };

    fn check(records: &[&str], request: Request<'_>, refused: Option<&str>) {
        let records: Vec<String> = records.iter().map(|text| (*text).to_owned()).collect();
        let refusal = refusal(&records, request);
        match (&refusal, refused) {
            (None, None) => {}
            (Some(words), Some(part)) if words.contains(part) => {}
            _ => panic!("{records:?}: {refusal:?}, not {refused:?}"),
        }
    }

    #[test]
    fn issue_names_who_may() {
        let wild = Request { wildcard: true, ..PLAIN };
        check(&[r#"0 issue "letsencrypt.org""#], PLAIN, None);
        check(&[r#"0 ISSUE "LetsEncrypt.org""#], PLAIN, None);
        check(&[r#"0 issue "pki.goog""#], PLAIN, Some("only pki.goog"));
        check(&[r#"0 issue "pki.goog""#, r#"0 issue "letsencrypt.org""#], PLAIN, None);
        check(&[r#"0 issue ";""#], PLAIN, Some("nobody"));
        check(&[r#"0 iodef "mailto:a@b.example""#], PLAIN, None);
        check(&[r#"0 issuewild ";""#], PLAIN, None);
        check(&[r#"0 issuewild ";""#], wild, Some("nobody"));
        check(&[r#"0 issue ";""#, r#"0 issuewild "letsencrypt.org""#], wild, None);
        check(&[r#"0 issue "letsencrypt.org""#], wild, None);
        check(&[r#"128 strange "x""#, r#"0 issue "letsencrypt.org""#], PLAIN, Some("critical"));
        check(&[r#"0 strange "x""#], PLAIN, None);
        check(&[r#"128 issue "letsencrypt.org""#], PLAIN, None);
    }

    #[test]
    fn accounts_and_methods_are_binding() {
        let account = |account| Request { account: Some(account), ..PLAIN };
        let bound = r#"0 issue "letsencrypt.org; accounturi=https://acme.example/acct/1""#;
        check(&[bound], account("https://acme.example/acct/1"), None);
        check(&[bound], account("https://acme.example/acct/2"), Some("only the account"));
        check(&[bound], PLAIN, Some("`account` is not given"));
        let methods = r#"0 issue "letsencrypt.org; validationmethods=dns-01,tls-alpn-01""#;
        check(&[methods], PLAIN, Some("only dns-01"));
        check(&[methods], Request { method: "dns-01", ..PLAIN }, None);
        let bare = r#"0 issue "letsencrypt.org; validationmethods""#;
        check(&[bare], PLAIN, Some("cannot be read"));
        check(&[bare, r#"0 issue "letsencrypt.org; ""#], PLAIN, None);
    }
}
