//! Answering the challenge of a test order: with a file, or by listening. Both end with the order.

use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::model::fault::Fault;
use crate::net::acme::Challenge;

/// Where an authority looks (RFC 8555 §8.3).
const FOLDERS: [&str; 2] = [".well-known", "acme-challenge"];

/// How many may ask at the same time; authorities look from some five places.
const AT_ONCE: usize = 32;

/// How long one of them may take, and how much it may say.
const PATIENCE: Duration = Duration::from_secs(10);
const REQUEST: usize = 8 << 10;

/// Something that can answer, made before anything is ordered.
pub(super) enum Place {
    /// A folder that is served.
    Webroot(PathBuf),
    /// A port that is listened at.
    Listener(TcpListener),
}

impl Place {
    /// # Errors
    /// [`Fault::Local`] when this machine cannot answer in this way.
    pub(super) async fn webroot(folder: PathBuf) -> Result<Self, Fault> {
        let local = |reason: String| Fault::Local {
            what: format!("answering the challenge in {}", folder.display()),
            reason,
        };
        let found = tokio::fs::metadata(&folder).await.map_err(|error| local(error.to_string()))?;
        if found.is_dir() { Ok(Self::Webroot(folder)) } else { Err(local("no folder".to_owned())) }
    }

    /// # Errors
    /// [`Fault::Local`] when this machine cannot answer in this way.
    pub(super) async fn listen(at: SocketAddr) -> Result<Self, Fault> {
        TcpListener::bind(at).await.map(Self::Listener).map_err(|error| Fault::Local {
            what: format!("listening at {at} for the challenge"),
            reason: error.to_string(),
        })
    }
}

/// A file that is there for an authority, and gone with this value.
#[derive(Debug)]
pub(super) struct Planted {
    file: PathBuf,
    /// The folders that were made for it, outermost first.
    folders: Vec<PathBuf>,
    there: bool,
}

impl Planted {
    /// Puts the answer where the web server finds it. Nothing that is there is touched.
    pub(super) fn plant(webroot: &Path, challenge: &Challenge) -> io::Result<Self> {
        let mut planted = Self { file: webroot.to_owned(), folders: Vec::new(), there: false };
        for name in FOLDERS {
            planted.file.push(name);
            match DirBuilder::new().mode(0o755).create(&planted.file) {
                Ok(()) => {
                    planted.folders.push(planted.file.clone());
                    // Whatever the umask: the web server is somebody else.
                    std::fs::set_permissions(&planted.file, Permissions::from_mode(0o755))?;
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        planted.file.push(&challenge.token);
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o644).open(&planted.file)?;
        planted.there = true;
        file.write_all(challenge.answer.as_bytes())?;
        file.set_permissions(Permissions::from_mode(0o644))?;
        Ok(planted)
    }

    /// The file, in words.
    pub(super) fn file(&self) -> String {
        self.file.display().to_string()
    }

    /// Takes everything away again; what could not be, as words.
    pub(super) fn remove(mut self) -> Option<String> {
        let removed = self.clear();
        removed.err().map(|error| format!("the file {}: {error}", self.file.display()))
    }

    fn clear(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.there) {
            std::fs::remove_file(&self.file)?;
        }
        for folder in std::mem::take(&mut self.folders).iter().rev() {
            match std::fs::remove_dir(folder) {
                // Somebody else answers a challenge of theirs there by now.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => break,
                other => other?,
            }
        }
        Ok(())
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        // Cut off by a deadline: there is nobody left to tell.
        let _removed = self.clear();
    }
}

/// Answers whoever asks, for as long as it is waited for; notes who asked for the answer.
pub(super) async fn serve(
    listener: &TcpListener,
    challenge: &Challenge,
    asked: &Mutex<Vec<IpAddr>>,
) {
    let mut open = FuturesUnordered::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < AT_ONCE => match accepted {
                Ok((stream, from)) => open.push(async move {
                    let answered = tokio::time::timeout(PATIENCE, talk(stream, challenge)).await;
                    (from.ip(), matches!(answered, Ok(Ok(true))))
                }),
                // No descriptors, or the other side is gone already: the next may do better.
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            },
            Some((from, answered)) = open.next() => {
                let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
                if answered && asked.len() < AT_ONCE && !asked.contains(&from) {
                    asked.push(from);
                }
            }
        }
    }
}

/// One request and its answer; whether it was the challenge that was asked for.
async fn talk(mut stream: TcpStream, challenge: &Challenge) -> io::Result<bool> {
    let mut request = Vec::new();
    let mut piece = [0; 1024];
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        let read = stream.read(&mut piece).await?;
        if read == 0 || request.len() > REQUEST {
            return Ok(false);
        }
        request.extend_from_slice(&piece[..read]);
    }
    let wanted = format!("GET /{}/{} HTTP/1.", FOLDERS.join("/"), challenge.token);
    let ours = request.starts_with(wanted.as_bytes());
    let (status, body) =
        if ours { ("200 OK", challenge.answer.as_str()) } else { ("404 Not Found", "") };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(ours)
}
