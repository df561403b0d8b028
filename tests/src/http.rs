//! A small HTTP client: one request a connection, for tests.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The head: status line and headers.
    pub head: String,
    /// The body, with any chunks joined.
    pub body: Vec<u8>,
}

impl Answer {
    /// Returns the body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// Returns the value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }
}

/// Makes one request; a body is sent as JSON.
///
/// # Errors
/// What went wrong with the connection, or that the answer is not HTTP.
pub fn request(to: SocketAddr, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n");
    if !body.is_empty() || method == "POST" {
        text += &format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    }
    let mut bytes = (text + "\r\n").into_bytes();
    bytes.extend_from_slice(body);
    raw(to, &bytes)
}

/// Sends bytes as they are and reads one answer.
///
/// # Errors
/// As [`request`].
pub fn raw(to: SocketAddr, bytes: &[u8]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    talk(&mut stream, bytes)
}

/// Sends bytes over a connection and reads one answer, up to the end of the stream.
///
/// # Errors
/// As [`request`].
pub fn talk(stream: &mut (impl Read + Write), bytes: &[u8]) -> io::Result<Answer> {
    // A server may answer and close before it has read everything; its answer still counts.
    let written = stream.write_all(bytes).and_then(|()| stream.flush());
    let mut all = Vec::new();
    match (stream.read_to_end(&mut all), written) {
        (Err(error), _) if all.is_empty() => return Err(error),
        (_, Err(error)) if all.is_empty() => return Err(error),
        _ => {}
    }
    parse(&all)
}

fn parse(all: &[u8]) -> io::Result<Answer> {
    let bad = || {
        let text = String::from_utf8_lossy(&all[..all.len().min(200)]).into_owned();
        io::Error::new(io::ErrorKind::InvalidData, format!("not an HTTP answer: {text:?}"))
    };
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(bad)?;
    let head = String::from_utf8_lossy(&all[..end]).into_owned();
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(bad)?;
    let mut answer = Answer { status, head, body: all[end + 4..].to_vec() };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = dechunk(&answer.body).ok_or_else(bad)?;
    }
    Ok(answer)
}

fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?;
        let size = usize::from_str_radix(size.split(';').next()?.trim(), 16).ok()?;
        rest = &rest[end + 2..];
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined() {
        let answer = parse(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
        );
        let answer = answer.expect("a good answer");
        assert_eq!((answer.status, answer.text().as_str()), (200, "abcde"));
        assert!(parse(b"nonsense").is_err());
    }
}
