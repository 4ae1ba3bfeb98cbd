//! Filling in `${…}`: after the YAML was parsed, so that a value can never break the document.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use crate::model::fault::Fault;
use crate::model::node::{Content, Key, Node, Place, Problem, Text};
use crate::model::secret::Secrets;
use crate::model::text::did_you_mean;

/// Where secrets come from.
pub trait SecretSource {
    /// The value of an environment variable.
    ///
    /// # Errors
    /// Why there is none, as the end of a sentence: `is not set`.
    fn env(&self, name: &str) -> Result<String, String>;
    /// The contents of a file.
    ///
    /// # Errors
    /// Why there is none, as the end of a sentence: `cannot be read: …`.
    fn file(&self, path: &Path) -> Result<String, String>;
    /// Whether secrets are looked at. Where they are not, one that is not there is no mistake.
    fn looks(&self) -> bool {
        true
    }
}

/// Secrets are not looked at: for `lint` and `plan`, which must work where no secret is.
#[derive(Debug, Clone, Copy)]
pub struct NoSecrets;

impl SecretSource for NoSecrets {
    fn env(&self, _: &str) -> Result<String, String> {
        Err("was not looked at".to_owned())
    }

    fn file(&self, _: &Path) -> Result<String, String> {
        Err("was not looked at".to_owned())
    }

    fn looks(&self) -> bool {
        false
    }
}

/// Fills in references, and keeps account of secrets and mistakes.
pub struct Filler<'a> {
    vars: BTreeMap<String, Var>,
    source: &'a dyn SecretSource,
    secrets: &'a Secrets,
    /// The folder of each file, which the paths written in it start from.
    folders: HashMap<usize, PathBuf>,
    /// Everything wrong with references.
    pub problems: Vec<Problem>,
    /// Secrets that are not there, since the last [`Filler::take_missing`].
    missing: Vec<(Place, Fault)>,
}

enum Var {
    Raw(Node),
    /// Being filled in: meeting it again is a cycle.
    Open,
    /// Filled in, but for these secrets.
    Done(Node, Vec<Fault>),
}

impl<'a> Filler<'a> {
    /// A filler with variables as written.
    pub fn new(
        vars: BTreeMap<String, Node>,
        source: &'a dyn SecretSource,
        secrets: &'a Secrets,
        folders: HashMap<usize, PathBuf>,
    ) -> Self {
        Self {
            vars: vars.into_iter().map(|(name, node)| (name, Var::Raw(node))).collect(),
            source,
            secrets,
            folders,
            problems: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// Secrets that were missing in what was filled in since the last call, with the places of the
    /// texts that lack them.
    pub fn take_missing(&mut self) -> Vec<(Place, Fault)> {
        std::mem::take(&mut self.missing)
    }

    /// The same as mistakes, for what is no part of a check and has nothing it could be the fault
    /// of. None where secrets are not looked at.
    pub fn missing_is_wrong(&mut self) -> Vec<Problem> {
        let missing = self.take_missing().into_iter().filter(|_| self.source.looks());
        missing.map(|(place, fault)| Problem::new(place, fault.to_string())).collect()
    }

    /// Fills in a tree with some more variables, which are complete already.
    pub fn fill_with(&mut self, more: &[(String, Node)], node: &Node) -> Node {
        let outer: Vec<(&String, Option<Var>)> = more
            .iter()
            .map(|(name, value)| {
                (name, self.vars.insert(name.clone(), Var::Done(value.clone(), Vec::new())))
            })
            .collect();
        let filled = self.fill(node);
        for (name, value) in outer {
            match value {
                Some(value) => self.vars.insert(name.clone(), value),
                None => self.vars.remove(name),
            };
        }
        filled
    }

    /// All variables, filled in.
    pub fn variables(&mut self) -> BTreeMap<String, Node> {
        let names: Vec<String> = self.vars.keys().cloned().collect();
        let mut done = BTreeMap::new();
        for name in names {
            if let Some(node) = self.variable(&name, Place::default()) {
                done.insert(name, node);
            }
        }
        done
    }

    /// The tree with every reference filled in.
    pub fn fill(&mut self, node: &Node) -> Node {
        let content = match &node.content {
            Content::Text(text) => return self.fill_text(text, node.place),
            Content::List(items) => {
                Content::List(items.iter().map(|item| self.fill(item)).collect())
            }
            Content::Map(entries) => Content::Map(
                entries.iter().map(|(key, value)| (self.fill_key(key), self.fill(value))).collect(),
            ),
            Content::Null | Content::Bool(_) | Content::Number(..) => node.content.clone(),
        };
        Node { content, place: node.place }
    }

    /// A key with every reference filled in; it is shown everywhere, so it can hold no secret.
    fn fill_key(&mut self, key: &Key) -> Key {
        if !key.text.contains("${") {
            return key.clone();
        }
        let known = self.problems.len();
        let text = Text { value: key.text.clone(), shown: None };
        match self.fill_text(&text, key.place).content {
            Content::Text(Text { value, shown: None }) | Content::Number(_, value)
                if self.problems.len() == known =>
            {
                return Key { text: value, place: key.place };
            }
            Content::Text(Text { shown: None, .. }) | Content::Number(..) => {}
            Content::Text(_) => {
                let message = format!("the key `{}` would hold a secret", key.text);
                self.problems.push(
                    Problem::new(key.place, message).help("keys are shown; name no secret in one"),
                );
            }
            Content::Null | Content::Bool(_) | Content::List(_) | Content::Map(_) => {
                let message = format!("the key `{}` is no text once it is filled in", key.text);
                self.problems.push(Problem::new(key.place, message));
            }
        }
        key.clone()
    }

    fn fill_text(&mut self, text: &Text, place: Place) -> Node {
        let pieces = match split(&text.value) {
            Ok(pieces) => pieces,
            Err(message) => {
                self.problems.push(Problem::new(place, message).help(
                    "write ${name}, ${env:NAME} or ${file:PATH}; a literal ${ is written $${",
                ));
                return Node { content: Content::Text(text.clone()), place };
            }
        };
        if let [Piece::Reference(name)] = pieces.as_slice()
            && !name.contains(':')
        {
            // The whole text is one reference: the value keeps its type.
            let value = self.variable(name, place);
            return Node { place, ..value.unwrap_or_else(|| Node::text("", place)) };
        }
        let mut filled = Text { value: String::new(), shown: None };
        for piece in pieces {
            match piece {
                Piece::Literal(literal) => filled.push(literal, None),
                Piece::Reference(name) => self.append(&mut filled, name, place),
            }
        }
        self.note_user_info(&filled.value);
        Node { content: Content::Text(filled), place }
    }

    fn append(&mut self, filled: &mut Text, name: &str, place: Place) {
        let written = format!("${{{name}}}");
        if let Some((scheme, rest)) = name.split_once(':') {
            let value = match scheme {
                "env" => self.source.env(rest),
                "file" => {
                    let folder = self.folders.get(&place.file);
                    self.source.file(&folder.map_or_else(|| PathBuf::from(rest), |f| f.join(rest)))
                }
                _ => {
                    self.problems.push(
                        Problem::new(place, format!("unknown source `{scheme}` in `{written}`"))
                            .help("secrets come from ${env:NAME} or ${file:PATH}"),
                    );
                    return;
                }
            };
            match value {
                Ok(value) if !value.is_empty() => {
                    self.secrets.add_named(&value, &written);
                    filled.push(&value, Some(&written));
                }
                other => {
                    let reason = other.err().unwrap_or_else(|| "is empty".to_owned());
                    let fault = Fault::Secret { name: written.clone(), reason };
                    self.missing.push((place, fault));
                    filled.push("missing", Some(&written));
                }
            }
            return;
        }
        let Some(node) = self.variable(name, place) else { return };
        match node.content {
            Content::Text(text) => filled.push(&text.value, text.shown.as_deref()),
            Content::Number(_, text) => filled.push(&text, None),
            Content::Bool(value) => filled.push(if value { "true" } else { "false" }, None),
            Content::Null | Content::List(_) | Content::Map(_) => self.problems.push(
                Problem::new(
                    place,
                    format!("`{written}` is {} and cannot stand inside a text", node.describe()),
                )
                .help("let the reference be the whole value, or name a variable that is text"),
            ),
        }
    }

    fn variable(&mut self, name: &str, place: Place) -> Option<Node> {
        match self.vars.get(name) {
            Some(Var::Done(node, lacks)) => {
                // Whoever uses the variable lacks what it lacks.
                self.missing.extend(lacks.iter().map(|fault| (place, fault.clone())));
                return Some(node.clone());
            }
            Some(Var::Open) => {
                self.problems.push(Problem::new(
                    place,
                    format!("the variable `{name}` leads back to itself"),
                ));
                return None;
            }
            Some(Var::Raw(_)) => {}
            None => {
                let known: Vec<&str> = self.vars.keys().map(String::as_str).collect();
                let help = did_you_mean(name, known.iter().copied()).map_or_else(
                    || "define it under `vars:`, or give it with --var NAME=VALUE".to_owned(),
                    |near| format!("did you mean `${{{near}}}`?"),
                );
                let message = format!("`${{{name}}}` names no variable");
                self.problems.push(Problem::new(place, message).help(help));
                return None;
            }
        }
        let Some(Var::Raw(raw)) = self.vars.insert(name.to_owned(), Var::Open) else { return None };
        let before = self.missing.len();
        let node = self.fill(&raw);
        let lacks: Vec<Fault> = self.missing.drain(before..).map(|(_, fault)| fault).collect();
        self.missing.extend(lacks.iter().map(|fault| (place, fault.clone())));
        self.vars.insert(name.to_owned(), Var::Done(node.clone(), lacks));
        Some(node)
    }

    /// A password written into a URL is a secret too, wherever it came from (RFC 3986 §3.2.1): as
    /// it stands there, and as those who use it send it.
    fn note_user_info(&self, text: &str) {
        for password in passwords(text) {
            self.secrets.add(password);
            self.secrets.add(&decoded(password));
        }
    }
}

/// A URL with each password that is typed into it replaced by a reference; none where there is none.
#[must_use]
pub fn without_passwords(url: &str, reference: &str) -> Option<String> {
    let mut clean = url.to_owned();
    for password in passwords(url).into_iter().filter(|it| !it.is_empty() && !it.contains("${")) {
        for (before, after) in [(":", "@"), ("password=", "")] {
            let (typed, put) =
                (format!("{before}{password}{after}"), format!("{before}{reference}{after}"));
            clean = clean.replacen(&typed, &put, 1);
        }
    }
    (clean != url).then_some(clean)
}

/// The schemes whose options may be passwords.
const POSTGRES: [&str; 2] = ["postgres", "postgresql"];
/// The schemes whose URLs take a password as it is: the last `@` ends it, whatever stands before.
const LENIENT: [&str; 4] = ["mysql", "mariadb", "redis", "rediss"];
/// Options of a URL that are passwords.
const PASSWORD_OPTIONS: [&str; 2] = ["password", "sslpassword"];

/// The passwords that a URL holds, found as those who use it read it.
fn passwords(text: &str) -> Vec<&str> {
    let Some((scheme, rest)) = text.split_once("://") else { return Vec::new() };
    let is_one_of = |known: &[&str]| known.iter().any(|known| scheme.eq_ignore_ascii_case(known));
    let until = |ends: &[char]| rest.split(ends).next().unwrap_or_default();
    let postgres = is_one_of(&POSTGRES);
    let at = if postgres {
        // The options begin at the first `?` after a password, which may hold one itself.
        until(&['?']).rfind('@').or_else(|| rest.rfind('@'))
    } else if is_one_of(&LENIENT) {
        rest.rfind('@')
    } else {
        until(&['/', '?', '#']).rfind('@')
    };
    let (user_info, after) = at.map_or(("", rest), |at| (&rest[..at], &rest[at..]));
    let mut found: Vec<&str> = user_info.split_once(':').map(|(_, it)| it).into_iter().collect();
    let queries = [after, rest].into_iter().filter(|_| postgres);
    let queries = queries.filter_map(|text| Some(text.split_once('?')?.1));
    let pairs = queries.flat_map(|query| query.split('&')).filter_map(|pair| pair.split_once('='));
    let named = pairs.filter(|(key, _)| PASSWORD_OPTIONS.contains(key));
    found.extend(named.map(|(_, value)| value));
    found.dedup();
    found
}

/// A text without percent-encoding; a `%` that begins no escape stands for itself.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).filter(|_| *first == b'%');
        let escaped = digits
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Text {
    /// Appends a piece; `written` is how it may be shown, when it is a secret.
    fn push(&mut self, value: &str, written: Option<&str>) {
        if written.is_some() && self.shown.is_none() {
            self.shown = Some(self.value.clone());
        }
        self.value.push_str(value);
        if let Some(shown) = &mut self.shown {
            shown.push_str(written.unwrap_or(value));
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Piece<'a> {
    Literal(&'a str),
    Reference(&'a str),
}

/// Splits a text at its references.
fn split(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        // `$${` is a literal `${`: one dollar sign goes.
        if rest[..at].ends_with('$') {
            pieces.push(Piece::Literal(&rest[..at - 1]));
            pieces.push(Piece::Literal("${"));
            rest = &rest[at + 2..];
            continue;
        }
        if at > 0 {
            pieces.push(Piece::Literal(&rest[..at]));
        }
        let inside = &rest[at + 2..];
        let end = inside.find('}').ok_or_else(|| "`${` is not closed".to_owned())?;
        let name = &inside[..end];
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let good = match name.split_once(':') {
            Some((scheme, rest)) => !rest.is_empty() && scheme.chars().all(plain),
            None => !name.is_empty() && name.chars().all(plain),
        };
        if !good {
            return Err(format!("`${{{name}}}` is not a reference"));
        }
        pieces.push(Piece::Reference(name));
        rest = &inside[end + 1..];
    }
    if !rest.is_empty() || pieces.is_empty() {
        pieces.push(Piece::Literal(rest));
    }
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checklist::yaml;

    struct Fixed;

    impl SecretSource for Fixed {
        fn env(&self, name: &str) -> Result<String, String> {
            if name == "PW" { Ok("hunter22".to_owned()) } else { Err("is not set".to_owned()) }
        }

        fn file(&self, _: &Path) -> Result<String, String> {
            Err("cannot be read".to_owned())
        }
    }

    fn filled(vars: &str, text: &str) -> (Node, Vec<Problem>, Vec<Fault>) {
        let vars = yaml::parse(vars, 0).expect("vars");
        let vars = vars.entries().iter().map(|(k, v)| (k.text.clone(), v.clone())).collect();
        let secrets = Secrets::default();
        let mut filler = Filler::new(vars, &Fixed, &secrets, HashMap::new());
        let node = filler.fill(&yaml::parse(text, 1).expect("text"));
        let missing = filler.take_missing().into_iter().map(|(_, fault)| fault).collect();
        (node, filler.problems, missing)
    }

    #[test]
    fn references_are_filled_in_and_keep_their_type() {
        let vars = "{zone: a.example, n: 1.20, list: [x, y], deep: 'l.${zone}'}";
        for (text, json) in [
            ("'login.${zone}:443'", "\"login.a.example:443\""),
            ("'${n}'", "1.20"),
            ("'v${n}'", "\"v1.20\""),
            ("'${list}'", "[\"x\",\"y\"]"),
            ("'${deep}'", "\"l.a.example\""),
            ("'$${zone}'", "\"${zone}\""),
            ("'a $ b'", "\"a $ b\""),
            ("'a: [b, \"${zone}'", "\"a: [b, \\\"a.example\""),
            ("{'l.${zone} A': 1, '${n}': 2}", "{\"l.a.example A\":1,\"1.20\":2}"),
        ] {
            let (node, problems, _) = filled(vars, text);
            assert_eq!(problems, [], "{text}");
            let expected: serde_json::Value = serde_json::from_str(json).expect(json);
            assert_eq!(node.shown(), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_in_references_are_named() {
        for (vars, text, message) in [
            ("{zone: a}", "'${zoen}'", "`${zoen}` names no variable"),
            ("{a: '${b}', b: '${a}'}", "'${a}'", "the variable `a` leads back to itself"),
            ("{}", "'${'", "`${` is not closed"),
            ("{}", "'${a b}'", "`${a b}` is not a reference"),
            ("{l: [1]}", "'x${l}'", "`${l}` is a list and cannot stand inside a text"),
            ("{}", "'${vault:x}'", "unknown source `vault` in `${vault:x}`"),
            ("{}", "{'${zone}': 1}", "`${zone}` names no variable"),
            ("{l: [1]}", "{'${l}': 1}", "the key `${l}` is no text once it is filled in"),
            ("{}", "{'a${env:PW}': 1}", "the key `a${env:PW}` would hold a secret"),
        ] {
            let (_, problems, _) = filled(vars, text);
            let messages: Vec<&str> = problems.iter().map(|p| p.message.as_str()).collect();
            assert_eq!(messages, [message], "{text}");
        }
    }

    #[test]
    fn passwords_in_urls_are_found_as_those_who_use_them_read_them() {
        for (url, expected) in [
            ("http://u:p%40ss@h/", &["p%40ss"][..]),
            ("http://h/a:b@c", &[]),
            ("postgres://u:se/cr@et#@db/game", &["se/cr@et#"]),
            ("postgres://u:se?cret@db/game?password=x", &["se?cret", "x"]),
            ("postgres://u:pw@db/game?application_name=a@b", &["pw"]),
            ("postgresql://u@db/game?sslmode=require&password=p@ss", &["p@ss"]),
            ("redis://u:secret/@:@h", &["secret/@:"]),
            ("mysql://u:a@b?c@h/d", &["a@b?c"]),
            ("mysql://u@h/d", &[]),
            ("no url: at@all", &[]),
        ] {
            assert_eq!(passwords(url), expected, "{url}");
        }
        assert_eq!(decoded("p%40s%zs%"), "p@s%zs%");
        for (url, clean) in [
            ("postgres://u:u@u/u", Some("postgres://u:${env:P}@u/u")),
            (
                "postgres://u@h/d?password=x&sslmode=require",
                Some("postgres://u@h/d?password=${env:P}&sslmode=require"),
            ),
            ("postgres://u:${env:Q}@h", None),
            ("http://h/", None),
        ] {
            assert_eq!(without_passwords(url, "${env:P}").as_deref(), clean, "{url}");
        }
        let secrets = Secrets::default();
        let filler = Filler::new(BTreeMap::new(), &Fixed, &secrets, HashMap::new());
        filler.note_user_info("mysql://u:p%40ss%21word@h/d");
        assert_eq!(secrets.redact("not p@ss!word"), "not [redacted]");
    }

    #[test]
    fn secrets_are_used_but_shown_as_written() {
        let (node, problems, missing) = filled("{}", "'postgres://u:${env:PW}@h'");
        assert_eq!((problems, missing), (vec![], vec![]));
        assert_eq!(node.as_text(), Some("postgres://u:hunter22@h"));
        assert_eq!(node.shown(), "postgres://u:${env:PW}@h");
        let (_, problems, missing) = filled("{}", "'${env:NO}'");
        assert_eq!(problems, []);
        assert_eq!(missing[0].to_string(), "the secret ${env:NO} is not set");
    }
}
