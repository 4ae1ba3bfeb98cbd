//! Connections to databases as one type, plain or TLS: opening them, what is trusted, and what a failed
//! handshake says about the server.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{CertificateError, Error};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::model::fault::Fault;
use crate::net::tcp::{Dial, Refusal, dial};

/// A plain socket or a TLS stream over one.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// What came of connecting.
pub(super) enum Dialled {
    /// A connection, and the address it leads to.
    Open(Box<dyn Io>, String),
    /// The other side's own no.
    No(Refusal),
}

/// Connects to the first of these addresses that has a listener.
pub(super) async fn dial_any(
    addresses: &[SocketAddr],
    keepalive: Keepalive,
    limit: Duration,
) -> Result<Dialled, Fault> {
    let share = u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut last = None;
    for address in addresses {
        match dial(*address, limit / share).await {
            Ok(Dial::Open(stream, _)) => {
                let what = format!("setting keepalives on the connection to {address}");
                keepalive.set(&stream).map_err(|error| Fault::from_io(what, &error))?;
                return Ok(Dialled::Open(Box::new(stream), address.to_string()));
            }
            Ok(Dial::Refused(refusal)) => last = last.or(Some(Ok(Dialled::No(refusal)))),
            // What was not learnt of one address weighs more than a no of another.
            Err(fault) => last = Some(Err(fault)),
        }
    }
    last.unwrap_or_else(|| {
        Err(Fault::Bug { message: "a host without addresses was dialled".to_owned() })
    })
}

#[cfg(unix)]
pub(super) async fn unix(path: &Path) -> Result<Dialled, Fault> {
    use std::io::ErrorKind;
    match tokio::net::UnixStream::connect(path).await {
        Ok(stream) => Ok(Dialled::Open(Box::new(stream), path.display().to_string())),
        // Without a socket there is no listener: the file system says so for the server.
        Err(error)
            if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::ConnectionRefused) =>
        {
            Ok(Dialled::No(Refusal::Refused))
        }
        Err(error) => Err(Fault::from_io(format!("connecting to {}", path.display()), &error)),
    }
}

#[cfg(not(unix))]
pub(super) async fn unix(path: &Path) -> Result<Dialled, Fault> {
    let reason = "this system has no unix sockets".to_owned();
    Err(Fault::Local { what: format!("connecting to {}", path.display()), reason })
}

/// Whether an error says that the other side has ended the connection.
pub(super) fn has_ended(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof || Refusal::of(error).is_some()
}

/// When the operating system asks whether the other side is still there, as the URL has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Whether it asks at all.
    pub on: bool,
    /// After how much silence it asks first.
    pub idle: Option<Duration>,
    /// How long it waits before it asks again.
    pub interval: Option<Duration>,
    /// How many times it asks in vain.
    pub count: Option<u32>,
}

/// Where the URL says nothing the probe asks early: Linux would wait two hours, longer than every
/// load balancer and translator of addresses on the way keeps a silent connection.
const IDLE: Duration = Duration::from_secs(15);
const INTERVAL: Duration = Duration::from_secs(5);
const COUNT: u32 = 3;

impl Default for Keepalive {
    fn default() -> Self {
        Self { on: true, idle: None, interval: None, count: None }
    }
}

impl Keepalive {
    /// Sets it on a connection.
    ///
    /// # Errors
    /// What the operating system says.
    fn set(self, stream: &TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        if !self.on {
            return Ok(());
        }
        let wish = TcpKeepalive::new().with_time(self.idle.unwrap_or(IDLE));
        #[cfg(unix)]
        let wish = wish
            .with_interval(self.interval.unwrap_or(INTERVAL))
            .with_retries(self.count.unwrap_or(COUNT));
        SockRef::from(stream).set_tcp_keepalive(&wish)
    }
}

/// The largest file of certificates that is read.
const FILE_LIMIT: u64 = 4 << 20;

/// A file that cannot be used.
pub(super) fn unusable(file: &Path, reason: &str) -> Fault {
    Fault::Local { what: format!("reading {}", file.display()), reason: reason.to_owned() }
}

/// A file, as far as one of certificates goes. A pipe is none: nobody knows when its other end
/// writes, and no time-out ends the wait.
pub(super) fn read(file: &Path) -> Result<Vec<u8>, Fault> {
    use std::io::Read;
    if is_pipe(file) {
        return Err(unusable(file, "it is a pipe, and must be a file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(file)
        .and_then(|open| open.take(FILE_LIMIT + 1).read_to_end(&mut bytes))
        .map_err(|error| unusable(file, &error.to_string()))?;
    if bytes.len() as u64 > FILE_LIMIT {
        return Err(unusable(file, &format!("it is larger than {} MiB", FILE_LIMIT >> 20)));
    }
    Ok(bytes)
}

#[cfg(unix)]
fn is_pipe(file: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(file).is_ok_and(|it| it.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_: &Path) -> bool {
    false
}

/// The certificates of a PEM file. At least one of them can be read.
pub(super) fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&read(file)?).collect();
    let found = found.map_err(|error| unusable(file, &error.to_string()))?;
    if found.is_empty() {
        return Err(unusable(file, "it holds no certificate in PEM form"));
    }
    if !found.iter().any(|der| X509Certificate::from_der(der).is_ok()) {
        return Err(unusable(file, "what it holds as certificates are none"));
    }
    Ok(found)
}

/// The root certificates of the system.
pub(super) fn system_roots() -> Result<Vec<CertificateDer<'static>>, Fault> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let reason = found.errors.first().map_or("there are none".to_owned(), ToString::to_string);
        return Err(Fault::Local { what: "reading the system's root certificates".into(), reason });
    }
    Ok(found.certs)
}

/// The name a certificate is verified for: libpq takes `host`, also where `hostaddr` says where to
/// connect to.
///
/// # Errors
/// When it can stand in no certificate.
pub(super) fn server_name(host: &str) -> Result<ServerName<'static>, Fault> {
    ServerName::try_from(host.to_owned()).map_err(|error| Fault::Local {
        what: format!("asking {host} for TLS"),
        reason: error.to_string(),
    })
}

/// Why a handshake failed, as far as it is the certificate's or the server's doing.
pub(super) enum Handshake {
    /// The certificate is not to be trusted.
    Untrusted(String),
    /// The server gave up with an alert, or cannot do what rustls asks for.
    Refused(String),
}

/// What an error of the handshake says about the server; `None` when it says nothing.
#[expect(clippy::wildcard_enum_match_arm, reason = "the others are this side's, or unreadable")]
pub(super) fn verdict(error: &io::Error) -> Option<Handshake> {
    match error.get_ref()?.downcast_ref::<Error>()? {
        Error::InvalidCertificate(reason) => Some(Handshake::Untrusted(say(reason))),
        Error::AlertReceived(alert) => {
            Some(Handshake::Refused(format!("the server ended the handshake: {alert:?}")))
        }
        Error::PeerIncompatible(reason) => {
            Some(Handshake::Refused(format!("the server cannot do what is asked: {reason:?}")))
        }
        other @ Error::NoCertificatesPresented => Some(Handshake::Refused(other.to_string())),
        _ => None,
    }
}

/// A certificate's fault in words.
#[expect(clippy::wildcard_enum_match_arm, reason = "rustls has good words for the others")]
fn say(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "its issuer is not among the trusted roots, or an intermediate is missing".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        other => Error::InvalidCertificate(other.clone()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_without_certificates_are_faults_and_pipes_are_not_waited_for() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("ca.pem");
        let block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "no PEM", block] {
            std::fs::write(&file, text).expect("a file");
            assert!(matches!(certificates(&file), Err(Fault::Local { .. })), "{text}");
        }
        let pipe = dir.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
        assert!(made.success());
        let Err(Fault::Local { reason, .. }) = read(&pipe) else { panic!("a pipe was read") };
        assert!(reason.contains("a pipe"), "{reason}");
    }
}
