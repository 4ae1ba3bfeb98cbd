//! Replies of Redis (RESP, version 2), read with limits.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

use crate::model::text::one_line;

/// The longest line, the longest text and the longest reply that are read, in bytes.
const LINE: u64 = 64 << 10;
const LONGEST: u64 = 4 << 20;
const WHOLE: u64 = 16 << 20;
/// The most items of a list, and the deepest lists in lists.
const MOST: usize = 10_000;
const DEEPEST: u32 = 8;

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Text of any kind.
    Text(String),
    /// A number.
    Number(i64),
    /// A list.
    List(Vec<Reply>),
    /// Nothing.
    Nil,
    /// An error, whose first word is its kind, such as `NOAUTH`.
    Error(String),
}

impl Reply {
    /// The text of a text.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) | Self::List(_) | Self::Nil | Self::Error(_) => None,
        }
    }

    /// The items of a list; none of anything else.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            Self::Text(_) | Self::Number(_) | Self::Nil | Self::Error(_) => &[],
        }
    }
}

fn garbage(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("not a reply of Redis: {why}"))
}

/// Reads one reply.
pub(super) async fn read<R: AsyncBufRead + Unpin + Send>(from: &mut R) -> io::Result<Reply> {
    let mut from = (&mut *from).take(WHOLE);
    let reply = read_within(&mut from, DEEPEST).await;
    if reply.is_err() && from.limit() == 0 {
        return Err(garbage("it is longer than any answer asked for"));
    }
    reply
}

async fn read_within<R: AsyncBufRead + Unpin + Send>(
    from: &mut R,
    depth: u32,
) -> io::Result<Reply> {
    let line = line(from).await?;
    let kind = line.chars().next().ok_or_else(|| garbage("an empty line"))?;
    let rest = line.get(kind.len_utf8()..).unwrap_or_default();
    match kind {
        '+' => Ok(Reply::Text(rest.to_owned())),
        '-' => Ok(Reply::Error(one_line(rest))),
        ':' => rest.parse().map(Reply::Number).map_err(|_| garbage("no number")),
        '$' => bulk(from, rest).await,
        '*' if depth > 0 => {
            let Some(count) = length(rest, MOST as u64)? else { return Ok(Reply::Nil) };
            let mut items = Vec::new();
            for _ in 0..count {
                items.push(Box::pin(read_within(from, depth - 1)).await?);
            }
            Ok(Reply::List(items))
        }
        _ => Err(garbage(&format!("it begins with `{}`", one_line(&kind.to_string())))),
    }
}

async fn bulk<R: AsyncBufRead + Unpin + Send>(from: &mut R, length: &str) -> io::Result<Reply> {
    let Some(length) = self::length(length, LONGEST)? else { return Ok(Reply::Nil) };
    let mut bytes = Vec::new();
    (&mut *from).take(length + 2).read_to_end(&mut bytes).await?;
    if bytes.len() as u64 != length + 2 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    bytes.truncate(bytes.len() - 2);
    Ok(Reply::Text(String::from_utf8_lossy(&bytes).into_owned()))
}

/// A length; `None` for -1, which is how nothing is said.
fn length(text: &str, most: u64) -> io::Result<Option<u64>> {
    match text.parse::<i64>() {
        Ok(-1) => Ok(None),
        Ok(length) => match u64::try_from(length) {
            Ok(length) if length <= most => Ok(Some(length)),
            Ok(_) | Err(_) => Err(garbage("a length beyond all measure")),
        },
        Err(_) => Err(garbage("no length")),
    }
}

async fn line<R: AsyncBufRead + Unpin + Send>(from: &mut R) -> io::Result<String> {
    let mut bytes = Vec::new();
    // Errors and simple texts are short; a line of more is no Redis.
    (&mut *from).take(LINE).read_until(b'\n', &mut bytes).await?;
    if bytes.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = bytes.strip_suffix(b"\r\n").ok_or_else(|| garbage("a line without its end"))?;
    Ok(String::from_utf8_lossy(line).into_owned())
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn reply(bytes: &[u8]) -> io::Result<Reply> {
        let mut from = bytes;
        read(&mut from).now_or_never().expect("all is there")
    }

    #[test]
    fn replies_are_read_and_garbage_is_not() {
        for (bytes, expected) in [
            ("+PONG\r\n", Reply::Text("PONG".to_owned())),
            ("-NOAUTH first\r\n", Reply::Error("NOAUTH first".to_owned())),
            (":-7\r\n", Reply::Number(-7)),
            ("$3\r\na\r\n\r\n", Reply::Text("a\r\n".to_owned())),
            ("$-1\r\n", Reply::Nil),
            ("*-1\r\n", Reply::Nil),
            ("*2\r\n:1\r\n*0\r\n", Reply::List(vec![Reply::Number(1), Reply::List(Vec::new())])),
        ] {
            assert_eq!(reply(bytes.as_bytes()).expect(bytes), expected);
        }
        let deep = "*1\r\n".repeat(20);
        for bytes in [
            "",
            "\r\n",
            "HTTP/1.1 400\r\n",
            "$99999999999\r\n",
            "$3\r\nab",
            ":x\r\n",
            "*99999999\r\n",
            "+no end",
            deep.as_str(),
        ] {
            assert!(reply(bytes.as_bytes()).is_err(), "{bytes}");
        }
    }

    #[test]
    fn a_reply_has_an_end_however_it_is_composed() {
        // Each of its texts may be as long as this, and five of them may not.
        let text = format!("${}\r\n{}\r\n", 4 << 20, "a".repeat(4 << 20));
        assert!(reply(format!("*3\r\n{}", text.repeat(3)).as_bytes()).is_ok());
        let error = reply(format!("*5\r\n{}", text.repeat(5)).as_bytes()).expect_err("too long");
        assert!(error.to_string().contains("longer than any answer"), "{error}");
    }
}
