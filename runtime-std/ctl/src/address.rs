//! The server's URL, and the escapes of URLs.

use crate::session::Failure;

/// Where a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    /// Scheme, host, port and path, without a slash at the end and without a user.
    pub(crate) url: String,
    /// Host and port, for messages.
    pub(crate) host_port: String,
    /// User and password of the URL.
    pub(crate) user: Option<(String, String)>,
}

impl Address {
    /// Reads `--alertmanager.url`. A scheme that is missing is http, and a host localhost:9093.
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let wrong = |why: &str| Err(format!("invalid --alertmanager.url {text:?}: {why}"));
        if text.chars().any(|c| c.is_control() || c == ' ') {
            return wrong("it has a space or a control character");
        }
        let (scheme, tail) = text.split_once("://").unwrap_or(("http", text));
        let scheme = scheme.to_ascii_lowercase();
        if !matches!(scheme.as_str(), "http" | "https") {
            return wrong("only http and https are supported");
        }
        let tail = &tail[..tail.find(['?', '#']).unwrap_or(tail.len())];
        let (authority, path) = tail.split_at(tail.find('/').unwrap_or(tail.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let host = if host.is_empty() { "localhost:9093" } else { host };
        let (name, port) = match host.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => (name, Some(port)),
            _ => (host, None),
        };
        if name.is_empty() || (name.contains(':') && !name.starts_with('[')) {
            return wrong("its host cannot be read; write an IPv6 address in brackets");
        }
        if port.is_some_and(|port| port.parse::<u16>().is_err()) {
            return wrong("its port is not a number from 0 to 65535");
        }
        let user = user.map(|user| {
            let (name, password) = user.split_once(':').unwrap_or((user, ""));
            (decode(name), decode(password))
        });
        let default = if scheme == "https" { "443" } else { "80" };
        Ok(Self {
            url: format!("{scheme}://{host}{}", path.trim_end_matches('/')),
            host_port: format!("{name}:{}", port.unwrap_or(default)),
            user,
        })
    }
}

/// Decodes `%XX`; what is no escape stays.
fn decode(text: &str) -> String {
    let digit = |at: usize| text.as_bytes().get(at).and_then(|b| char::from(*b).to_digit(16));
    let (mut bytes, mut at) = (Vec::new(), 0);
    while let Some(&byte) = text.as_bytes().get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                bytes.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Appends a text as part of a query.
pub(crate) fn percent(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
}

/// Returns a text as one segment of a path.
pub(crate) fn segment(text: &str) -> String {
    let mut out = String::new();
    percent(&mut out, text);
    out.replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_are_completed() {
        let url = |text: &str| Address::parse(text).map(|a| (a.url, a.host_port));
        let ok = |url: &str, host: &str| Ok((url.to_owned(), host.to_owned()));
        assert_eq!(url("http://a:1/"), ok("http://a:1", "a:1"));
        assert_eq!(url("https://a/am/?x"), ok("https://a/am", "a:443"));
        assert_eq!(url("a:9"), ok("http://a:9", "a:9"));
        assert_eq!(url("http://"), ok("http://localhost:9093", "localhost:9093"));
        assert_eq!(url("http://[::1]:5"), ok("http://[::1]:5", "[::1]:5"));
        for bad in ["ftp://a", "http://a:x", "http://a b", "http://::1"] {
            assert!(url(bad).is_err(), "{bad}");
        }
        let user = Address::parse("http://me:p%40ss@h").expect("it is fine").user;
        assert_eq!(user, Some(("me".to_owned(), "p@ss".to_owned())));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}|(https?://)?[a-z:@/%\\[\\]0-9]{0,30}") {
            Address::parse(&text).ok();
            percent(&mut String::new(), &text);
        }
    }
}
