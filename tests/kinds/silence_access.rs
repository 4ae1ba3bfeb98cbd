//! The kind `silence` where it has to be let in: TLS and mutual TLS, users, headers, a proxy, a path
//! prefix.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use gonogo::model::outcome::Outcome;
use gonogo::net::http::Access;
use gonogo::probe::silence::Silence;
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::silence::{apply, on_cluster, with};
use crate::silence_cluster::{Cluster, Setup};
use crate::support::{context, look_in};

/// A root, and two certificates by it: `server` for 127.0.0.1, and `client`.
fn certificates() -> TempDir {
    let dir = tempfile::tempdir().expect("a directory");
    let write = |name: &str, text: String| {
        std::fs::write(dir.path().join(name), text).expect("a file");
    };
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    write("ca.pem", params.self_signed(&key).expect("a certificate").pem());
    let issuer = Issuer::new(params, key);
    for (name, host, usage) in [
        ("server", vec!["127.0.0.1".to_owned()], ExtendedKeyUsagePurpose::ServerAuth),
        ("client", vec![], ExtendedKeyUsagePurpose::ClientAuth),
    ] {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(host).expect("parameters");
        params.extended_key_usages = vec![usage];
        params.is_ca = IsCa::ExplicitNoCa;
        write(&format!("{name}.pem"), params.signed_by(&key, &issuer).expect("signed").pem());
        write(&format!("{name}.key"), key.serialize_pem());
    }
    dir
}

/// The word behind this hash is `test`.
const WEB: &str = "
tls_server_config:
  cert_file: DIR/server.pem
  key_file: DIR/server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: DIR/ca.pem
basic_auth_users:
  me: $2b$12$hNf2lSsxfm0.i4a.1kVpSOVyBCfIB51VRjgBUyv6kdnyTlgWj81Ay
";

#[tokio::test]
async fn certificates_users_and_prefixes_are_shown_at_the_door() {
    let dir = certificates();
    let at = |name: &str| Some(dir.path().join(name));
    let access = Access {
        ca: at("ca.pem"),
        client_cert: at("client.pem"),
        client_key: at("client.key"),
        ..Access::default()
    };
    let setup = Setup {
        web_config: Some(WEB.replace("DIR", &dir.path().display().to_string())),
        prefix: "/am",
        before: "https://me:test@",
        access: access.clone(),
        ..Setup::default()
    };
    let cluster = Cluster::with(1, setup).await;
    let cx = context(Duration::from_secs(20));
    let parameters = with(on_cluster(&cluster).await, json!({ "access": access }));
    let (receipt, looked) = apply(&parameters, &cx).await;
    let receipt = receipt.expect("applied");
    assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
    assert!(!receipt.contains("test@") && !format!("{:?}", looked.findings).contains("test@"));

    // Without one of them it is not let in, and says why.
    let url = parameters["alertmanagers"][0].as_str().expect("a URL").to_owned();
    let stranger = url.replace("me:test@", "me:wrong@");
    let no_certificate = Access { client_cert: None, client_key: None, ..access.clone() };
    for (url, access, code, outcome) in [
        (stranger, access, "gonogo.denied", Outcome::Unknown),
        (url.clone(), no_certificate, "silence.tls", Outcome::Fail),
        (url, Access::default(), "silence.tls", Outcome::Fail),
    ] {
        let more = json!({ "alertmanagers": [url], "access": access });
        let looked = look_in::<Silence>(with(parameters.clone(), more), &cx).await;
        assert_eq!(looked.codes(outcome), [code], "{:?}", looked.findings);
    }
}

/// A server that tells the heads of the requests it gets, and is no Alertmanager.
async fn listener() -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    answering(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await
}

/// A server that tells the heads of the requests it gets, and answers each with these bytes.
async fn answering(answer: &'static [u8]) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let (tell, told) = mpsc::unbounded_channel();
    #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = vec![0; 8192];
            let read = stream.read(&mut head).await.unwrap_or_default();
            let _nobody = tell.send(String::from_utf8_lossy(&head[..read]).into_owned());
            let _gone = stream.write_all(answer).await;
        }
    });
    (address, told)
}

fn parameters(url: &str, access: &Value) -> Value {
    json!({
        "alertmanagers": [url], "matchers": ["service=order"], "from": "T-0", "for": "1h",
        "comment": "x", "access": access,
    })
}

#[tokio::test]
async fn headers_and_proxies_are_used() {
    let (address, mut told) = listener().await;
    let headers: BTreeMap<&str, &str> =
        [("Authorization", "Bearer t0ken"), ("X-Scope-OrgID", "games")].into();
    let cx = context(Duration::from_secs(5));
    let direct = parameters(
        &format!("http://{address}/mimir/alertmanager/"),
        &json!({ "headers": headers }),
    );
    let looked = look_in::<Silence>(direct, &cx).await;
    assert_eq!(looked.codes(Outcome::Unknown), ["gonogo.answer-unreadable"]);
    let head = told.recv().await.expect("a request").to_lowercase();
    for line in [
        "get /mimir/alertmanager/api/v2/status http/1.1\r\n",
        "\r\nauthorization: bearer t0ken\r\n",
        "\r\nx-scope-orgid: games\r\n",
        concat!("\r\nuser-agent: gonogo/", env!("CARGO_PKG_VERSION"), "\r\n"),
    ] {
        assert!(head.contains(line), "{line:?} {head}");
    }

    let proxied =
        parameters("http://am.example.test:9093", &json!({ "proxy": format!("http://{address}") }));
    look_in::<Silence>(proxied, &cx).await;
    let head = told.recv().await.expect("a request");
    assert!(head.starts_with("GET http://am.example.test:9093/api/v2/status "), "{head}");
}

/// A proxy as they stand before networks: it passes `GET http://…` on and opens tunnels for `CONNECT`.
/// It knows one host, by a name that nobody else knows, and tells the first lines of what it gets.
async fn proxy(upstream: SocketAddr) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("its address");
    let (tell, told) = mpsc::unbounded_channel();
    #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let tell = tell.clone();
            #[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                    if stream.read_buf(&mut head).await.unwrap_or_default() == 0 {
                        return;
                    }
                }
                let text = String::from_utf8_lossy(&head).into_owned();
                let _nobody = tell.send(text.lines().next().unwrap_or_default().to_owned());
                let mut server = tokio::net::TcpStream::connect(upstream).await.expect("it runs");
                if text.starts_with("CONNECT ") {
                    let open = b"HTTP/1.1 200 Connection established\r\n\r\n";
                    stream.write_all(open).await.expect("they listen");
                } else {
                    server.write_all(&head).await.expect("it listens");
                }
                let _ended = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
            });
        }
    });
    (address, told)
}

#[tokio::test]
async fn a_silence_is_made_through_a_proxy_with_and_without_tls() {
    let dir = certificates();
    let ca = dir.path().join("ca.pem");
    let web = format!(
        "tls_server_config: {{ cert_file: {0}/server.pem, key_file: {0}/server.key }}",
        dir.path().display()
    );
    let secure = Setup {
        web_config: Some(web),
        before: "https://",
        access: Access { ca: Some(ca.clone()), ..Access::default() },
        ..Setup::default()
    };
    for (setup, scheme, first) in [
        (Setup::default(), "http", "GET http://am.example.test:"),
        // The certificate is for the address, so that the tunnel is to the address.
        (secure, "https", "CONNECT 127.0.0.1:"),
    ] {
        let cluster = Cluster::with(1, setup).await;
        let parameters = on_cluster(&cluster).await;
        let real = cluster.urls()[0].clone();
        let upstream: SocketAddr =
            real.trim_start_matches("https://").trim_start_matches("http://").parse().expect("it");
        let (address, mut told) = proxy(upstream).await;
        let host = if scheme == "http" { "am.example.test" } else { "127.0.0.1" };
        let parameters = with(
            parameters,
            json!({
                "alertmanagers": [format!("{scheme}://{host}:{}", upstream.port())],
                "access": { "proxy": format!("http://{address}"), "ca": ca },
            }),
        );
        let (receipt, looked) = apply(&parameters, &context(Duration::from_secs(20))).await;
        receipt.expect("applied");
        assert_eq!(looked.outcome(), Outcome::Pass, "{:?}", looked.findings);
        let line = told.recv().await.expect("a request");
        assert!(line.starts_with(first), "{line}");
        assert_eq!(cluster.members[0].silences().await.len(), 1);
    }
}

#[tokio::test]
async fn a_proxy_that_is_down_or_says_no_is_no_word_of_the_alertmanager() {
    let cx = context(Duration::from_secs(5));
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let closed = free.local_addr().expect("its address");
    drop(free);
    let (strict, _told) =
        answering(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").await;
    for (proxy, url, code) in [
        (closed, "http://am.example.test:9093", "gonogo.unreachable"),
        (closed, "https://am.example.test:9093", "gonogo.unreachable"),
        (strict, "http://am.example.test:9093", "gonogo.denied"),
    ] {
        let proxied = parameters(url, &json!({ "proxy": format!("http://{proxy}") }));
        let looked = look_in::<Silence>(proxied, &cx).await;
        assert_eq!(looked.codes(Outcome::Fail), [""; 0], "{url}: {:?}", looked.findings);
        assert_eq!(looked.codes(Outcome::Unknown), [code], "{url}: {:?}", looked.findings);
        let message = &looked.findings[0].message;
        assert!(message.contains(&format!("http://{proxy}")), "{message}");
    }
}
