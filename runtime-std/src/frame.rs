//! The framing of requests, read strictly and written anew.
//!
//! tiny_http is lenient where leniency lets one client's bytes pass for another's request. So no
//! byte of a client reaches it as sent: a head is taken apart here, refused when it can be read in
//! two ways, and what goes on is built from the parts.

use campana_core::{api::Head, limits::HEADERS_MAX};

/// Why a request is refused before anybody has seen it: the status and a text.
pub(crate) type Refusal = (u16, &'static str);

/// What a head says about the request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The head to pass on: neither length of the body nor the blank line at the end.
    pub(crate) head: Vec<u8>,
    /// How the body is delimited.
    pub(crate) body: Body,
    /// Whether the client wants the connection closed after the answer.
    pub(crate) close: bool,
    /// Whether the client waits for a `100 Continue` before it sends the body.
    pub(crate) expects: bool,
    /// Whether the answer has no body, whatever it says.
    pub(crate) is_head: bool,
    /// Whether the client must be told that the connection stays open.
    pub(crate) is_old: bool,
}

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Length(u64),
    Chunked,
}

impl Frame {
    /// Shows the head as the site wants it.
    pub(crate) fn with_head<T>(&self, look: impl FnOnce(&Head<'_>) -> T) -> T {
        let text = str::from_utf8(&self.head).expect("it was made of ASCII");
        let mut lines = text.lines();
        let mut line = lines.next().unwrap_or_default().split(' ');
        let (method, target) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
        let mut headers: Vec<_> = lines.filter_map(|line| line.split_once(": ")).collect();
        let length;
        match self.body {
            Body::Chunked => headers.push(("Transfer-Encoding", "chunked")),
            Body::Length(0) => {}
            Body::Length(n) => {
                length = n.to_string();
                headers.push(("Content-Length", &length));
            }
        }
        look(&Head { method, target, headers: &headers })
    }
}

const MALFORMED: Refusal = (400, "malformed request");

/// Returns where a head ends, blank line included. Looks only at what was not `seen` before.
pub(crate) fn head_end(bytes: &[u8], seen: usize) -> Result<Option<usize>, Refusal> {
    for at in seen..bytes.len() {
        if bytes[at] == b'\n' {
            if at == 0 || bytes[at - 1] != b'\r' {
                return Err((400, "a line of the head does not end in CRLF"));
            }
            if bytes[..at - 1].ends_with(b"\r\n") {
                return Ok(Some(at + 1));
            }
        }
    }
    Ok(None)
}

/// Takes a whole head apart.
pub(crate) fn parse(head: &[u8]) -> Result<Frame, Refusal> {
    let mut lines =
        head.split(|&b| b == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let mut frame = request_line(lines.next().unwrap_or_default())?;
    let (mut length, mut chunked, mut hosts) = (None, false, 0);
    let (mut wants_close, mut wants_open) = (false, false);
    for (count, line) in lines.take_while(|line| !line.is_empty()).enumerate() {
        if count >= HEADERS_MAX {
            return Err((431, "too many header lines"));
        }
        let (name, value) = header(line)?;
        match &*name.to_ascii_lowercase() {
            b"content-length" => {
                let n = number(value)?;
                if length.is_some_and(|length| length != n) {
                    return Err((400, "two different lengths of the body"));
                }
                length = Some(n);
            }
            b"transfer-encoding" if frame.is_old || chunked => return Err(MALFORMED),
            b"transfer-encoding" if value.eq_ignore_ascii_case(b"chunked") => chunked = true,
            b"transfer-encoding" => return Err((501, "unsupported transfer encoding")),
            b"connection" => {
                for token in value.split(|&b| b == b',').map(<[u8]>::trim_ascii) {
                    wants_close |= token.eq_ignore_ascii_case(b"close");
                    wants_open |= token.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            b"expect" if value.eq_ignore_ascii_case(b"100-continue") => {
                frame.expects = !frame.is_old;
            }
            b"expect" => return Err((417, "unsupported expectation")),
            b"keep-alive" | b"proxy-connection" | b"te" | b"trailer" | b"upgrade" => {}
            // Ours alone: see `TICKET`.
            b"campana-connection" => {}
            lower => {
                hosts += usize::from(lower == b"host");
                frame.head.extend_from_slice(name);
                frame.head.extend_from_slice(b": ");
                // Nothing here reads such bytes, and tiny_http would hang up on them.
                frame.head.extend(value.iter().map(|&b| if b.is_ascii() { b } else { b'?' }));
                frame.head.extend_from_slice(b"\r\n");
            }
        }
    }
    if hosts > 1 || (hosts == 0 && !frame.is_old) {
        return Err((400, "missing or repeated Host header"));
    }
    frame.body = match (chunked, length) {
        (true, Some(_)) => return Err((400, "both Transfer-Encoding and Content-Length")),
        (true, None) => Body::Chunked,
        (false, length) => Body::Length(length.unwrap_or(0)),
    };
    frame.close = wants_close || (frame.is_old && !wants_open);
    Ok(frame)
}

fn request_line(line: &[u8]) -> Result<Frame, Refusal> {
    let mut parts = line.split(|&b| b == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(MALFORMED);
    };
    let is_old = match version {
        b"HTTP/1.1" => false,
        b"HTTP/1.0" => true,
        version if version.starts_with(b"HTTP/") => return Err((505, "unsupported version")),
        _ => return Err(MALFORMED),
    };
    if !is_token(method) || target.is_empty() || target.iter().any(|b| *b <= b' ' || *b == 0x7f) {
        return Err(MALFORMED);
    }
    let mut head = Vec::with_capacity(256);
    head.extend_from_slice(method);
    head.push(b' ');
    for &byte in target {
        if byte.is_ascii() {
            head.push(byte);
        } else {
            head.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    head.extend_from_slice(b" HTTP/1.1\r\n");
    let is_head = method == b"HEAD";
    let body = Body::Length(0);
    Ok(Frame { head, body, close: false, expects: false, is_head, is_old })
}

fn header(line: &[u8]) -> Result<(&[u8], &[u8]), Refusal> {
    let colon = line.iter().position(|&b| b == b':').ok_or(MALFORMED)?;
    let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
    let is_control = |b: &u8| (*b < b' ' && *b != b'\t') || *b == 0x7f;
    // A name that is no token covers continued lines and blanks before the colon.
    if !is_token(name) || value.iter().any(is_control) {
        return Err((400, "malformed header"));
    }
    Ok((name, value))
}

fn is_token(text: &[u8]) -> bool {
    let is_mark = |b| b"!#$%&'*+-.^_`|~".contains(b);
    !text.is_empty() && text.iter().all(|b| b.is_ascii_alphanumeric() || is_mark(b))
}

fn number(digits: &[u8]) -> Result<u64, Refusal> {
    let text = str::from_utf8(digits).ok().filter(|d| d.bytes().all(|b| b.is_ascii_digit()));
    text.and_then(|text| text.parse().ok()).ok_or((400, "malformed Content-Length"))
}

/// Reads the line before a chunk, without its line end: the length in hexadecimal digits.
/// Extensions are passed over.
pub(crate) fn chunk_length(line: &[u8]) -> Result<u64, Refusal> {
    const BAD: Refusal = (400, "malformed chunk");
    let digits = line.split(|&b| b == b';').next().unwrap_or_default().trim_ascii_end();
    if digits.is_empty() || digits.len() > 15 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(BAD);
    }
    let text = str::from_utf8(digits).map_err(|_| BAD)?;
    u64::from_str_radix(text, 16).map_err(|_| BAD)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(head: &str) -> Result<Frame, Refusal> {
        assert_eq!(head_end(head.as_bytes(), 0), Ok(Some(head.len())), "{head:?}");
        parse(head.as_bytes())
    }

    fn status(head: &str) -> u16 {
        frame(head).expect_err("refused").0
    }

    #[test]
    fn a_head_is_built_anew() {
        let given = "POST /a?b=\u{fc} HTTP/1.1\r\nhost: x\r\nX-A:  b\u{fc} \r\nTE: chunked\r\n\
                     Transfer-Encoding: Chunked\r\nConnection: close, x\r\n\
                     Expect: 100-continue\r\n\r\n";
        let frame = frame(given).expect("accepted");
        let want = "POST /a?b=%C3%BC HTTP/1.1\r\nhost: x\r\nX-A: b??\r\n";
        assert_eq!(String::from_utf8_lossy(&frame.head), want);
        assert_eq!(frame.body, Body::Chunked);
        assert!(frame.close && frame.expects && !frame.is_head);
        frame.with_head(|head| {
            assert_eq!((head.method, head.target), ("POST", "/a?b=%C3%BC"));
            let want = [("host", "x"), ("X-A", "b??"), ("Transfer-Encoding", "chunked")];
            assert_eq!(head.headers, want);
        });
    }

    #[test]
    fn connections_stay_open_as_asked() {
        let close = |head| frame(head).expect("accepted").close;
        assert!(!close("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!(close("GET / HTTP/1.0\r\n\r\n"));
        assert!(!close("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"));
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let with = |headers: &str| status(&format!("POST / HTTP/1.1\r\nHost: x\r\n{headers}\r\n"));
        assert_eq!(with("Content-Length: 4\r\nTransfer-Encoding: chunked\r\n"), 400);
        assert_eq!(with("Content-Length: 4\r\nContent-Length: 5\r\n"), 400);
        assert_eq!(with("Content-Length: +4\r\n"), 400);
        assert_eq!(with("Content-Length: 99999999999999999999\r\n"), 400);
        assert_eq!(with("Transfer-Encoding: gzip, chunked\r\n"), 501);
        assert_eq!(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400);
        assert_eq!(with("X : y\r\n"), 400);
        assert_eq!(with("X: y\r\n z\r\n"), 400);
        assert_eq!(with("X: a\rb\r\n"), 400);
        assert_eq!(with("Host: y\r\n"), 400);
        assert_eq!(with("Expect: much\r\n"), 417);
        assert_eq!(status("GET / HTTP/1.1\r\n\r\n"), 400);
        assert_eq!(status("GET  / HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
        assert_eq!(status("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), 505);
        assert_eq!(status("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
        assert!(head_end(b"GET / HTTP/1.1\nHost: x\n\n", 0).is_err());
        assert_eq!(head_end(b"GET / HTTP/1.1\r\nHost", 0), Ok(None));
    }

    #[test]
    fn chunk_lengths() {
        assert_eq!(chunk_length(b"1aF"), Ok(0x1af));
        assert_eq!(chunk_length(b"0;x=y"), Ok(0));
        for bad in [&b""[..], b"-1", b"0x1", b" 1", b"g", b"1000000000000000"] {
            assert!(chunk_length(bad).is_err(), "{bad:?}");
        }
    }
}
