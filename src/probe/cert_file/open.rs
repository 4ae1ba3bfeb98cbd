//! Opening the file, whatever it is: PEM, DER or PKCS#12.

use super::{CertFile, Observation, Password};
use crate::model::fault::Fault;
use crate::net::pki::file;
use crate::net::pki::path::{Obstacle, Path};
use crate::net::pki::pkcs12::{self, Opened, Store};
use crate::probe::ProbeCx;

/// Opens the file.
pub(super) async fn open(this: &CertFile, cx: &ProbeCx) -> Result<Opened, Fault> {
    let path = cx.path(&this.file);
    let bytes = cx.within("reading the file", file::read(&path)).await??;
    if !pkcs12::is_one(&bytes) {
        let certificates = file::certificates_in(&path, bytes)?;
        return Ok(Opened::Store(Store { certificates, pair: None }));
    }
    let password = match &this.password_file {
        None => String::new(),
        Some(file) => {
            let read = cx.within("reading the password", file::read(&cx.path(file))).await??;
            // What is not text cannot be the password; it opens nothing, and is never shown.
            String::from_utf8_lossy(&read).trim_end_matches(['\r', '\n']).to_owned()
        }
    };
    let what = format!("opening {}", path.display());
    let opened = cx.within(what.clone(), apart(bytes, password)).await?;
    match opened {
        Ok(Opened::WrongPassword) if this.password_file.is_none() => {
            Err(Fault::Denied { what, need: "its password: name a `password_file`".to_owned() })
        }
        Ok(opened) => Ok(opened),
        Err(reason) => Err(Fault::Local { what, reason }),
    }
}

/// Opens on a thread of its own, which nobody waits for when the time is over: a file says itself
/// how often its password is hashed, and may say a thousand million times.
async fn apart(bytes: Vec<u8>, password: String) -> Result<Opened, String> {
    let (send, receive) = tokio::sync::oneshot::channel();
    let work = move || {
        // Where the time is over, nobody listens.
        let _heard = send.send(pkcs12::open(&bytes, &password));
    };
    let thread = std::thread::Builder::new().name("pkcs12".to_owned()).spawn(work);
    thread.map_err(|error| error.to_string())?;
    receive.await.map_err(|_| "the file cannot be understood".to_owned())?
}

/// What is seen of a file under another password.
pub(super) fn locked() -> Observation {
    Observation {
        certificates: Vec::new(),
        path: Path::Broken {
            certificates: Vec::new(),
            obstacle: Obstacle::Unreadable,
            reason: "the password is another one".to_owned(),
        },
        missing: Vec::new(),
        key: None,
        password: Password::Wrong,
    }
}
