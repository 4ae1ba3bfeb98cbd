//! The bytes between the probe and the server: bounded, and listened to while the session begins.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

use crate::net::channel::Io;

/// The most a session may be sent in all: an answer of a probe's statement is a few kilobytes.
const MOST: u64 = 16 << 20;

/// A connection to the server, TLS already done.
pub(super) struct Wire {
    io: Box<dyn Io>,
    read: u64,
    greeting: Greeting,
}

/// Reads along until the server is ready for a query, for the one thing the client library keeps
/// to itself: the process id of `BackendKeyData`. A server sends its own, a pooler makes one up.
struct Greeting {
    head: Vec<u8>,
    /// Bytes of the current message that are still to come and do not matter.
    skip: usize,
    over: bool,
    pid: KeyPid,
}

/// The process id the session was greeted with; shared, because the library swallows the stream.
#[derive(Clone)]
pub(super) struct KeyPid(Arc<AtomicI64>);

impl KeyPid {
    /// No process id is this small.
    const NONE: i64 = i64::MIN;

    pub(super) fn get(&self) -> Option<i32> {
        i32::try_from(self.0.load(Ordering::Relaxed)).ok()
    }
}

impl Wire {
    pub(super) fn new(io: Box<dyn Io>) -> (Self, KeyPid) {
        let pid = KeyPid(Arc::new(AtomicI64::new(KeyPid::NONE)));
        let greeting = Greeting { head: Vec::new(), skip: 0, over: false, pid: pid.clone() };
        (Self { io, read: 0, greeting }, pid)
    }
}

impl Greeting {
    /// A message is a type byte, a length that counts itself, and the rest (PostgreSQL manual,
    /// "Message Formats").
    fn listen(&mut self, mut bytes: &[u8]) {
        while !self.over && !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = &bytes[skipped..];
            let Some((&byte, rest)) = bytes.split_first() else { return };
            self.head.push(byte);
            bytes = rest;
            self.heed();
        }
    }

    /// Looks at what is known of the current message.
    fn heed(&mut self) {
        let [kind, a, b, c, d, body @ ..] = self.head.as_slice() else { return };
        let length = u32::from_be_bytes([*a, *b, *c, *d]);
        let rest = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(4);
        match kind {
            b'Z' => self.over = true,
            b'K' if rest >= 4 => {
                let [a, b, c, d] = *body else { return };
                self.pid.0.store(i32::from_be_bytes([a, b, c, d]).into(), Ordering::Relaxed);
                self.skip = rest - 4;
                self.head.clear();
            }
            _ => {
                self.skip = rest;
                self.head.clear();
            }
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let this = &mut *self;
        std::task::ready!(Pin::new(&mut this.io).poll_read(cx, buf))?;
        let new = &buf.filled()[before..];
        this.read += new.len() as u64;
        if this.read > MOST {
            let most = format!("more than {} MiB of answers", MOST >> 20);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, most)));
        }
        this.greeting.listen(new);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Tells the client library that TLS is done already, and what a password can be bound to.
pub(super) struct Done(pub(super) Option<Vec<u8>>);

/// A wire with the TLS channel's own mark (RFC 5929 §4, `tls-server-end-point`).
pub(super) struct Bound {
    wire: Wire,
    end_point: Option<Vec<u8>>,
}

impl TlsConnect<Wire> for Done {
    type Stream = Bound;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<Bound>>;

    fn connect(self, wire: Wire) -> Self::Future {
        std::future::ready(Ok(Bound { wire, end_point: self.0 }))
    }
}

impl TlsStream for Bound {
    fn channel_binding(&self) -> ChannelBinding {
        self.end_point
            .clone()
            .map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl AsyncRead for Bound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, buf)
    }
}

impl AsyncWrite for Bound {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_heard_however_the_bytes_are_cut() {
        let mut greeting = vec![b'R', 0, 0, 0, 8, 0, 0, 0, 0, b'S', 0, 0, 0, 8, b'a', 0, b'b', 0];
        greeting.extend([b'K', 0, 0, 0, 12, 0, 0, 1, 2, 9, 9, 9, 9, b'Z', 0, 0, 0, 5, b'I']);
        for size in 1..=greeting.len() {
            let pid = KeyPid(Arc::new(AtomicI64::new(KeyPid::NONE)));
            let mut ear = Greeting { head: Vec::new(), skip: 0, over: false, pid: pid.clone() };
            for chunk in greeting.chunks(size) {
                ear.listen(chunk);
            }
            assert_eq!((pid.get(), ear.over), (Some(258), true), "in pieces of {size}");
        }
    }

    #[test]
    fn garbage_is_no_key() {
        let pid = KeyPid(Arc::new(AtomicI64::new(KeyPid::NONE)));
        let mut ear = Greeting { head: Vec::new(), skip: 0, over: false, pid: pid.clone() };
        ear.listen(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        assert_eq!(pid.get(), None);
    }
}
