//! Packets of MySQL's protocol, read with limits (MySQL source documentation, "Client/Server Protocol").

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::model::text::one_line;
use crate::net::channel::Io;

/// The longest packet that is read: no answer asked for here comes near it.
const LONGEST: usize = 1 << 20;

/// A connection that packets travel on.
pub(super) struct Packets {
    pub(super) io: Box<dyn Io>,
    pub(super) sequence: u8,
}

pub(super) fn garbage(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not an answer of MySQL: {why}"))
}

impl Packets {
    pub(super) async fn read(&mut self) -> io::Result<Vec<u8>> {
        let mut head = [0; 4];
        self.io.read_exact(&mut head).await?;
        let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
        if length > LONGEST || head[3] != self.sequence {
            return Err(garbage("a packet out of order or beyond all measure"));
        }
        self.sequence = self.sequence.wrapping_add(1);
        let mut body = vec![0; length];
        self.io.read_exact(&mut body).await?;
        Ok(body)
    }

    pub(super) async fn write(&mut self, body: &[u8]) -> io::Result<()> {
        let length = u32::try_from(body.len()).map_err(|_| garbage("too long to be sent"))?;
        let mut packet = length.to_le_bytes()[..3].to_vec();
        packet.push(self.sequence);
        packet.extend_from_slice(body);
        self.sequence = self.sequence.wrapping_add(1);
        self.io.write_all(&packet).await?;
        self.io.flush().await
    }
}

/// What is left of a packet while it is read.
pub(super) struct Cursor<'a>(pub(super) &'a [u8]);

impl<'a> Cursor<'a> {
    pub(super) fn take(&mut self, count: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) =
            self.0.split_at_checked(count).ok_or_else(|| garbage("it is cut off"))?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> io::Result<u8> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn number(&mut self, bytes: usize) -> io::Result<u64> {
        Ok(self.take(bytes)?.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
    }

    /// Up to the next zero byte, or all that is left.
    pub(super) fn until_zero(&mut self) -> &'a [u8] {
        let end = self.0.iter().position(|byte| *byte == 0).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest.get(1..).unwrap_or_default();
        taken
    }

    /// A length-encoded integer; `None` for NULL.
    pub(super) fn length(&mut self) -> io::Result<Option<u64>> {
        Ok(Some(match self.byte()? {
            0xfb => return Ok(None),
            0xfc => self.number(2)?,
            0xfd => self.number(3)?,
            0xfe => self.number(8)?,
            0xff => return Err(garbage("a length that is none")),
            small => small.into(),
        }))
    }

    /// A length-encoded text; `None` for NULL.
    pub(super) fn text(&mut self) -> io::Result<Option<String>> {
        let Some(length) = self.length()? else { return Ok(None) };
        let length = usize::try_from(length).map_err(|_| garbage("a length beyond all measure"))?;
        Ok(Some(String::from_utf8_lossy(self.take(length)?).into_owned()))
    }
}

/// The number, the SQLSTATE and the words of an error packet.
pub(super) fn error(packet: &[u8]) -> io::Result<(u16, String, String)> {
    let mut cursor = Cursor(packet.get(1..).unwrap_or_default());
    let number = u16::try_from(cursor.number(2)?).map_err(|_| garbage("no number"))?;
    // Before the handshake there is no SQLSTATE.
    let state = if cursor.0.first() == Some(&b'#') {
        String::from_utf8_lossy(&cursor.take(6)?[1..]).into_owned()
    } else {
        String::new()
    };
    Ok((number, one_line(&state), one_line(&String::from_utf8_lossy(cursor.0))))
}
