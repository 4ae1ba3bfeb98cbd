//! Kind `dns` over TLS and HTTPS: the lab's resolver behind a TLS front of the test's own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gonogo::clock::Clock;
use gonogo::model::fault::Fault;
use gonogo::model::outcome::Outcome;
use gonogo::net::dns::{Answer, Ask, Client, Pace, Patience, Recursion, Server, Via, fqdn};
use gonogo::net::pki::roots::Roots;
use gonogo::net::tls::provider;
use gonogo::probe::dns::Dns;
use hickory_proto::rr::RecordType;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::support::{lab, look};

/// A TLS front with the lab's certificate for 127.0.0.1; `talk` handles each connection.
#[expect(clippy::disallowed_methods, reason = "a server of the test's own")]
async fn front<F, T>(protocol: &[u8], talk: F) -> SocketAddr
where
    F: Fn(tokio_rustls::server::TlsStream<TcpStream>) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    let pki = PathBuf::from(lab("LAB_PKI"));
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(pki.join("db.pem"))
        .expect("a certificate")
        .map(|certificate| certificate.expect("a certificate"))
        .collect();
    let key = PrivateKeyDer::from_pem_file(pki.join("private/db.key")).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::clone(provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a pair");
    config.alpn_protocols = vec![protocol.to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust the certificate leaves here.
            if let Ok(stream) = acceptor.accept(stream).await {
                tokio::spawn(talk(stream));
            }
        }
    });
    address
}

/// Passes bytes on to the lab's resolver over TCP.
async fn over_tls() -> SocketAddr {
    let resolver = lab("LAB_DNS_RESOLVER");
    front(b"dot", move |mut stream| {
        let resolver = resolver.clone();
        async move {
            let mut behind = TcpStream::connect(resolver).await.expect("the lab's resolver");
            let _ = tokio::io::copy_bidirectional(&mut stream, &mut behind).await;
        }
    })
    .await
}

/// Answers POSTs by asking the lab's resolver, as if a cache had kept the answers for 10 seconds.
async fn over_https() -> SocketAddr {
    let resolver = lab("LAB_DNS_RESOLVER");
    front(b"http/1.1", move |mut stream| {
        let resolver = resolver.clone();
        async move {
            while let Some(question) = posted(&mut stream).await {
                let mut behind = TcpStream::connect(&resolver).await.expect("the lab's resolver");
                let length = u16::try_from(question.len()).expect("short").to_be_bytes();
                behind.write_all(&length).await.expect("sent");
                behind.write_all(&question).await.expect("sent");
                let length = behind.read_u16().await.expect("a length");
                let mut answer = vec![0; usize::from(length)];
                behind.read_exact(&mut answer).await.expect("an answer");
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/dns-message\r\nage: 10\r\n\
                     content-length: {length}\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await.expect("sent");
                stream.write_all(&answer).await.expect("sent");
            }
        }
    })
    .await
}

/// The body of the next POST.
async fn posted<S: tokio::io::AsyncRead + Unpin>(stream: &mut S) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
    assert!(head.starts_with("post /dns-query "), "{head}");
    assert!(head.contains("content-type: application/dns-message"), "{head}");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.expect("a length").parse().expect("a number")];
    stream.read_exact(&mut body).await.ok()?;
    Some(body)
}

async fn ask(server: Server, count: usize) -> Vec<Result<Answer, Fault>> {
    let roots = Roots::file(lab("LAB_CA").as_ref()).await.expect("the lab's root");
    let mut client = Client::trusting(server, Pace::for_server(&server, None), roots);
    let asks: Vec<Ask> = (0..count)
        .map(|n| {
            let name = fqdn(&format!("n{n:03}.{}", lab("LAB_ZONE"))).expect("a name");
            Ask::new(name, RecordType::A, Recursion::Desired)
        })
        .collect();
    let until = Clock.tick() + Duration::from_secs(5);
    client.ask_all(&asks, Patience::about(Duration::from_secs(3)), until, Answer::read).await
}

#[tokio::test]
async fn answers_come_over_tls_and_https() {
    let (tls, https) = (over_tls().await, over_https().await);
    for (via, address) in [(Via::Tls, tls), (Via::Https, https)] {
        let answers = ask(Server { via, address }, 50).await;
        for (n, answer) in answers.into_iter().enumerate() {
            let answer = answer.unwrap_or_else(|fault| panic!("{via:?}: {fault}"));
            assert_eq!(answer.records, [format!("192.0.2.{}", n + 1)]);
            assert_eq!(answer.via, via);
            if via == Via::Https {
                assert!(answer.ttl <= Some(290), "the age is taken off: {:?}", answer.ttl);
            }
        }
    }
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_unknown() {
    for server in [format!("tls://{}", over_tls().await), format!("https://{}", over_https().await)]
    {
        let parameters = json!({
            "names": [format!("match.{}", lab("LAB_ZONE"))],
            "types": ["A"],
            "resolvers": [server],
            "authorities": "off",
        });
        let look = look::<Dns>(parameters).await;
        assert_eq!(look.outcome(), Outcome::Unknown, "{:#?}", look.findings);
        assert!(look.findings[0].message.contains("ertificate"), "{:#?}", look.findings);
    }
}

#[tokio::test]
async fn tls_without_a_listener_or_an_answer_is_unknown() {
    let deaf = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let deaf = deaf.local_addr().expect("an address");
    for server in [lab("LAB_CLOSED"), deaf.to_string()] {
        for scheme in ["tls", "https"] {
            let parameters = json!({
                "names": ["a.example"],
                "types": ["A"],
                "resolvers": [format!("{scheme}://{server}")],
                "authorities": "off",
            });
            let look = look::<Dns>(parameters).await;
            assert_eq!(look.outcome(), Outcome::Unknown, "{:#?}", look.findings);
        }
    }
}
