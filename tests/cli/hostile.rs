//! Servers that mean harm, or are broken in ways no real one can be made to be: what they send never
//! ends, comes a byte at a time, or is garbage.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A server on a free port of loopback that does the same to everybody, each in a thread. It counts
/// what it could send.
pub(crate) struct Server {
    pub(crate) port: u16,
    sent: Arc<AtomicU64>,
}

/// One connection of a [`Server`].
pub(crate) struct Victim {
    stream: TcpStream,
    sent: Arc<AtomicU64>,
}

impl Server {
    pub(crate) fn new(serve: impl Fn(&mut Victim) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let sent = Arc::new(AtomicU64::new(0));
        let (counter, serve) = (Arc::clone(&sent), Arc::new(serve));
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (serve, sent) = (Arc::clone(&serve), Arc::clone(&counter));
                std::thread::spawn(move || serve(&mut Victim { stream, sent }));
            }
        });
        Self { port, sent }
    }

    /// How many bytes it could send so far, to everybody.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Reads an HTTP request, sends `head`, then `piece` for ever, or until nobody takes it.
    pub(crate) fn flood(head: &'static str, piece: Vec<u8>) -> Self {
        Self::new(move |victim| {
            victim.request();
            let mut more = victim.send(head.as_bytes());
            while more {
                more = victim.send(&piece);
            }
        })
    }

    /// Sends these bytes at once, then listens until the other side goes away.
    pub(crate) fn saying(bytes: &'static [u8]) -> Self {
        Self::new(move |victim| {
            victim.send(bytes);
            victim.listen();
        })
    }

    /// Sends `head` at once, then one byte a second of `bytes`, over and over.
    pub(crate) fn dripping(head: &'static [u8], bytes: &'static [u8]) -> Self {
        Self::new(move |victim| {
            let mut more = victim.send(head);
            for byte in bytes.iter().cycle() {
                if !more {
                    return;
                }
                std::thread::sleep(Duration::from_secs(1));
                more = victim.send(&[*byte]);
            }
        })
    }

    /// Accepts and says nothing, for ever.
    pub(crate) fn silent() -> Self {
        Self::new(Victim::listen)
    }

    /// Answers every HTTP request by what `answer` makes of its path.
    pub(crate) fn answering(answer: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self::new(move |victim| {
            loop {
                let request = victim.request();
                let Some(path) = request.split(' ').nth(1) else { return };
                if !victim.send(answer(path).as_bytes()) {
                    return;
                }
            }
        })
    }
}

impl Victim {
    /// Sends bytes and counts them; whether they were taken.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> bool {
        let taken = self.stream.write_all(bytes).is_ok();
        if taken {
            self.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        }
        taken
    }

    /// Reads the head of an HTTP request, and its body where it says its length.
    pub(crate) fn request(&mut self) -> String {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && matches!(self.stream.read(&mut byte), Ok(1)) {
            head.push(byte[0]);
        }
        let text = String::from_utf8_lossy(&head).into_owned();
        let length = text.to_lowercase().split("content-length: ").nth(1).map(str::to_owned);
        let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        // A request without its body is as good as none.
        let read = self.stream.read_exact(&mut body);
        if read.is_ok() { text + &String::from_utf8_lossy(&body) } else { String::new() }
    }

    /// Reads until the other side goes away.
    pub(crate) fn listen(&mut self) {
        let mut piece = [0; 4096];
        while matches!(self.stream.read(&mut piece), Ok(1..)) {}
    }
}

/// A socket for datagrams that are never answered.
pub(crate) fn deaf() -> (UdpSocket, u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = socket.local_addr().expect("an address").port();
    (socket, port)
}

/// An HTTP answer with this body.
pub(crate) fn http(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}
