//! Secrets: planted wherever one can stand and echoed in every form, and found in nothing that is
//! written.

use std::process::Command;

use serde_json::Value;

use crate::hostile::{Server, http};
use crate::support::{Desk, Ran, list};

/// What must be found nowhere. It has what percent-encoding, JSON, base64, a shell and HTML write in
/// another way.
const TOKEN: &str = "s3cr3t \"T0ken\"/+&<ä>%41";
const PASSWORD: &str = "p4ssw0rd-hunter-22";
const COMMON_NAME: &str = "cn-s3cr3t-77";

/// Every way a secret is written that still tells it.
fn forms(secret: &str) -> Vec<String> {
    let percent: String = secret
        .bytes()
        .map(|b| {
            if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
                char::from(b).to_string()
            } else {
                format!("%{b:02X}")
            }
        })
        .collect();
    let json = Value::from(secret).to_string();
    let json = json[1..json.len() - 1].to_owned();
    let ascii: String = json
        .chars()
        .map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", u32::from(c)) })
        .collect();
    let hex: String = secret.bytes().map(|b| format!("{b:02x}")).collect();
    let html = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;");
    // The beginning of it is cut off somewhere, and still tells most of it.
    let cut: String = secret.chars().take(secret.chars().count() * 2 / 3).collect();
    vec![
        secret.to_owned(),
        percent.to_lowercase(),
        percent.replace("%20", "+"),
        percent.replace('%', "%25"),
        percent,
        json.replace('/', "\\/"),
        json,
        ascii,
        hex.to_uppercase(),
        hex,
        html,
        secret.to_lowercase(),
        secret.to_uppercase(),
        cut,
    ]
}

fn base64(text: &str) -> String {
    let output = Command::new("sh")
        .args(["-c", "printf %s \"$0\" | base64 -w0", text])
        .output()
        .expect("base64");
    String::from_utf8(output.stdout).expect("ASCII")
}

/// A server that says everything back, in its headers, its body, and in a redirect.
fn echo() -> Server {
    Server::new(|victim| {
        loop {
            let request = victim.request();
            let Some(path) = request.split(' ').nth(1) else { return };
            let said: String =
                forms(TOKEN).join(" ; ") + &base64(TOKEN) + &request.replace("\r\n", " | ");
            // A header is ASCII: of the forms, those that are.
            let header =
                forms(TOKEN).into_iter().filter(|form| form.is_ascii()).collect::<Vec<_>>();
            let header = header.join(" ; ") + &base64(TOKEN);
            let answer = if path.starts_with("/moved") {
                format!(
                    "HTTP/1.1 302 Found\r\nlocation: /to{path}\r\nx-echo: {header}\r\ncontent-length: 0\r\n\r\n"
                )
            } else {
                let long = "x".repeat(281) + &said;
                http(&format!("{long}{said}")).replacen(
                    "\r\n",
                    &format!("\r\nx-echo: {header}\r\n"),
                    1,
                )
            };
            if !victim.send(answer.as_bytes()) {
                return;
            }
        }
    })
}

/// Postgres, MySQL and Redis answer with an error that says the password back.
fn tell_tale(message: Vec<u8>) -> Server {
    Server::new(move |victim| {
        victim.send(&message);
        victim.listen();
    })
}

fn pg_error() -> Vec<u8> {
    let fields = format!("SFATAL\0C28P01\0Mpassword {PASSWORD} is wrong\0D{TOKEN}\0\0");
    let mut message = b"E".to_vec();
    message.extend(u32::try_from(fields.len() + 4).expect("short").to_be_bytes());
    message.extend(fields.as_bytes());
    message
}

fn mysql_error() -> Vec<u8> {
    let text = format!("\u{0}\u{4}#28000Access denied with {PASSWORD} and {TOKEN}");
    let mut body = vec![0xff, 0x15];
    body.extend(text.as_bytes());
    let length = u32::try_from(body.len()).expect("short").to_le_bytes();
    [&length[..3], &[0], &body].concat()
}

/// A certificate whose subject has a secret in it, in PEM form.
fn certificate(desk: &Desk) {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "90",
        ])
        .args([
            "-keyout",
            "key.pem",
            "-out",
            "cert.pem",
            "-subj",
            &format!("/CN={COMMON_NAME}/O={COMMON_NAME}"),
        ])
        .current_dir(desk.path("."))
        .output()
        .expect("openssl");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

/// A list with secrets wherever one can stand.
fn planted(echo: u16, pg: u16, mysql: u16, redis: u16) -> String {
    let both = "${env:TOKEN}";
    let text = list(&[
        ("user-info", format!("http: {{ url: \"http://u:${{env:PASSWORD}}@127.0.0.1:{echo}/\", status: 204 }}")),
        ("query", format!("http: {{ url: \"http://127.0.0.1:{echo}/?key=${{env:PASSWORD}}\", body: never }}")),
        ("path", format!("http: {{ url: \"http://127.0.0.1:{echo}/moved/${{env:PASSWORD}}\", follow: true, headers: {{ x-none: \".\" }} }}")),
        ("header", format!("http: {{ url: \"http://127.0.0.1:{echo}/\", headers: {{ x-echo: \"{both}\" }}, body: \"{both}\" }}")),
        ("wanted", format!("http: {{ url: \"http://127.0.0.1:{echo}/\", body: \"${{file:pw}}\" }}")),
        ("postgres", format!("postgres_pool: {{ url: \"postgres://u:${{env:PASSWORD}}@127.0.0.1:{pg}/d?sslmode=disable\", demand: {{ connections: 1 }} }}")),
        ("mysql", format!("mysql_pool: {{ url: \"mysql://u:${{env:PASSWORD}}@127.0.0.1:{mysql}/d\", demand: {{ connections: 1 }} }}")),
        ("redis", format!("redis: {{ url: \"redis://:${{env:PASSWORD}}@127.0.0.1:{redis}/\", demand: {{ connections: 1 }} }}")),
        ("token", format!("alert_rules: {{ prometheus: \"http://127.0.0.1:{echo}\", rules: [R], access: {{ headers: {{ Authorization: \"Bearer ${{file:pw}}\" }} }} }}")),
        ("silence", format!("silence: {{ alertmanagers: [\"http://127.0.0.1:{echo}/${{file:pw}}\"], matchers: ['a=\"b\"'], for: 1h, comment: \"${{env:PASSWORD}}\" }}")),
        ("certificate", "cert_file: { file: cert.pem, names: [\"${env:PASSWORD}.example.com\"] }".to_owned()),
        ("cn", "cert_file: { file: cert.pem, ca: cert.pem }".to_owned()),
        ("missing-file", "cert_file: { file: \"/nowhere/${env:PASSWORD}/x.pem\" }".to_owned()),
        ("host", "timeout: 300ms, tcp: { endpoint: \"${env:PASSWORD}.invalid:443\" }".to_owned()),
        ("name", "timeout: 300ms, dns: { names: [\"${env:PASSWORD}.example.com\"], resolvers: [\"127.0.0.1:1\"], authorities: off }".to_owned()),
        ("env", "title: \"${env:PASSWORD}\", owner: \"${file:pw}\", runbook: \"https://x/${env:PASSWORD}\", command: { run: [sh, forms.sh], env: { A: \"${env:TOKEN}\", B: \"${file:pw}\" } }".to_owned()),
        ("argument", "command: { run: [sh, -c, 'echo \"$0\" >&2; exit 3', \"${env:TOKEN}\"] }".to_owned()),
        ("program", "command: { run: [\"./${env:PASSWORD}\"] }".to_owned()),
        ("folder", "command: { run: [pwd], cwd: \"${env:PASSWORD}\" }".to_owned()),
        ("ask", "manual: { ask: \"Is ${env:PASSWORD} changed?\" }".to_owned()),
        ("expectation", format!("http: {{ url: \"http://127.0.0.1:{echo}/\" }}, expect: [\"found != '${{env:PASSWORD}}'\"]")),
    ]);
    text.replace("name: Test", "name: \"Test ${env:PASSWORD}\"")
        .replace("name: Step", "name: \"Step ${env:PASSWORD}\"")
        .replace(
            "gonogo: 1\n",
            "gonogo: 1\nvars: { top: \"${env:PASSWORD}\", both: \"a ${env:TOKEN} b\" }\n",
        )
}

/// What a program says of its environment.
const FORMS: &str = r#"echo "$A $B"
printf %s "$A" | base64 -w0
printf %s "u:$B" | base64 -w0 | tr -d =
printf %s "$A" | od -An -tx1 | tr -d ' \n'
printf '%s' "$B" | od -An -tx1 | tr -d ' \n' | tr a-f A-F
echo "$B" | tr a-z A-Z
echo "$A" >&2
exit 1
"#;

const FORMATS: [&str; 12] = [
    "table",
    "json",
    "jsonl",
    "junit",
    "tap",
    "markdown",
    "html",
    "pdf",
    "prometheus",
    "github",
    "gitlab",
    "nagios",
];

#[test]
fn no_secret_is_found_in_anything_that_is_written() {
    let desk = Desk::new();
    desk.write("pw", format!("{COMMON_NAME}\n"));
    desk.write("forms.sh", FORMS);
    certificate(&desk);
    let (echo, pg, mysql) = (echo(), tell_tale(pg_error()), tell_tale(mysql_error()));
    let redis = tell_tale(format!("-ERR wrong {PASSWORD} {TOKEN}\r\n").into_bytes());
    desk.write("list.yaml", planted(echo.port, pg.port, mysql.port, redis.port));
    let secretly = |arguments: &[&str]| {
        let mut command = desk.command(arguments);
        command
            .env("TOKEN", TOKEN)
            .env("PASSWORD", PASSWORD)
            .env("GONOGO_STATE_DIR", desk.path("state"));
        command.output().expect("the program starts")
    };
    let files: Vec<String> =
        FORMATS.iter().map(|format| format!("{format}=out/{format}")).collect();
    let mut arguments = vec!["run", "list.yaml", "--allow", "exec", "--verbose", "--timeout", "3s"];
    for file in &files {
        arguments.extend(["-o", file]);
    }
    let ran = secretly(&arguments);
    let said = Ran::of(&ran);
    assert_eq!(said.code, Some(1), "{}", said.stderr);
    let mut written =
        vec![("standard output".to_owned(), ran.stdout), ("standard error".to_owned(), ran.stderr)];
    for verbosely in [
        &["report", "-v"][..],
        &["plan", "list.yaml"],
        &["plan", "list.yaml", "-o", "json"],
        &["plan", "list.yaml", "-o", "sh"],
    ] {
        let output = secretly(verbosely);
        written.push((verbosely.join(" "), [output.stdout, output.stderr].concat()));
    }
    for folder in ["out", "state/runs"] {
        for entry in std::fs::read_dir(desk.path(folder)).expect("a folder") {
            let path = entry.expect("an entry").path();
            written.push((path.display().to_string(), std::fs::read(&path).expect("a file")));
        }
    }
    let shown =
        Command::new("pdftotext").arg("-layout").arg(desk.path("out/pdf")).arg("-").output();
    written.push(("the pages".to_owned(), shown.expect("pdftotext (poppler-utils)").stdout));
    assert_eq!(written.len(), 2 + 4 + FORMATS.len() + 1 + 1);
    let mut leaks = Vec::new();
    for (what, bytes) in &written {
        let text = String::from_utf8_lossy(bytes);
        for secret in [TOKEN, PASSWORD, COMMON_NAME] {
            let mut all = forms(secret);
            all.push(base64(secret).trim_end_matches('=').to_owned());
            for form in all {
                if let Some(at) = text.find(&form) {
                    let from = text[..at].char_indices().rev().nth(90).map_or(0, |(at, _)| at);
                    leaks.push(format!("{what}: {form}\n    …{}", &text[from..at + form.len()]));
                }
            }
        }
    }
    assert!(leaks.is_empty(), "{} leaks\n{}", leaks.len(), leaks.join("\n"));
}

#[test]
fn a_mistake_in_a_list_is_shown_without_the_secret_that_made_it() {
    for (body, secret) in [
        ("http: { url: \"${env:S}\" }", "not a url p4ssw0rd"),
        ("tcp: { endpoint: \"${env:S}\" }", "p4ssw0rd no port"),
        (
            "postgres_pool: { url: \"${env:S}\", demand: { connections: 1 } }",
            "mysql://u:p4ssw0rd@h/d",
        ),
        ("redis: { url: \"redis://h:${env:S}/\", demand: { connections: 1 } }", "p4ssw0rd"),
        ("timeout: \"${env:S}\", tcp: { endpoint: \"h:1\" }", "p4ssw0rd"),
        ("http: { url: \"http://h/\", body: \"(${env:S}\" }", "p4ssw0rd"),
        ("http: { url: \"http://h/\" }, expect: [\"${env:S}(\"]", "p4ssw0rd"),
        (
            "silence: { alertmanagers: [\"http://h\"], matchers: [\"${env:S}\"], for: 1h, comment: c }",
            "p4ssw0rd{",
        ),
        ("dns: { names: [\"${env:S}\"] }", "p4ssw0rd..example"),
    ] {
        let desk = Desk::new();
        desk.write("list.yaml", list(&[("a", body.to_owned())]));
        let mut command = desk.command(&["run", "list.yaml", "-o", "json", "--timeout", "300ms"]);
        let ran = Ran::of(&command.env("S", secret).output().expect("the program starts"));
        assert_eq!(ran.code, Some(2), "{body}: {} {}", ran.stderr, ran.stdout);
        assert!(ran.stderr.contains("list.yaml:6:"), "{body}: {}", ran.stderr);
        assert!(
            !ran.stderr.contains("p4ssw0rd") && !ran.stdout.contains("p4ssw0rd"),
            "{body}: {} {}",
            ran.stderr,
            ran.stdout
        );
    }
}

#[test]
fn secrets_in_waivers_and_passwords_written_into_urls_are_not_shown() {
    let desk = Desk::new();
    let waiver =
        "{ check: a, reason: \"see ${env:TICKET}\", by: Ann, until: \"2999-01-01T00:00:00Z\" }";
    let url = "postgres://u:se/cr3t%21pw@127.0.0.1:1/d?sslmode=disable&password=0th3r";
    let text = list(&[
        ("a", crate::support::tcp(crate::support::closed_port())),
        ("b", format!("postgres_pool: {{ url: \"{url}\", demand: {{ connections: 1 }} }}")),
        ("c", "command: { run: [echo, 'said se/cr3t!pw'] }".to_owned()),
    ]);
    desk.write("list.yaml", format!("waivers: [{waiver}]\n{text}"));
    let arguments = ["run", "list.yaml", "--allow", "exec", "-o", "json", "--timeout", "2s"];
    let mut command = desk.command(&arguments);
    let ran = Ran::of(&command.env("TICKET", "t1ck3t-77").output().expect("the program starts"));
    let record: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    let excused = &crate::support::check(&record, "a")["findings"][0]["waived"];
    assert_eq!(excused["reason"], "see [redacted]", "{record:#}");
    let log = std::fs::read_to_string(&desk.logs()[0]).expect("a log");
    for secret in ["t1ck3t-77", "se/cr3t", "0th3r"] {
        for text in [&ran.stdout, &ran.stderr, &log] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
}
