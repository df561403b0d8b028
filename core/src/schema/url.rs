//! URLs as Alertmanager accepts them.

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
};
use core::fmt::Write as _;

use super::{Context, Field};
use crate::{
    template::escape_query,
    yaml::{Abort, At, Out},
};

/// An `http` or `https` URL that is no secret; empty when it is not set. A password in it is shown
/// as `xxxxx`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Url(pub String);

impl Url {
    /// Makes a URL of a text that is one.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Takes over the URL of `global` if none is set here.
    ///
    /// # Errors
    /// Neither is set, as when the one of `global` is null; `name` is whose URL it is.
    pub fn or_global(&mut self, global: &Self, name: &str) -> Result<(), String> {
        if self.0.is_empty() {
            *self = global.clone();
        }
        if self.0.is_empty() {
            return Err(format!("no global {name} URL set"));
        }
        Ok(())
    }

    /// Returns the URL with a slash at the end of its path.
    #[must_use]
    pub fn with_slash(&self) -> Self {
        let end = self.0.find(['?', '#']).unwrap_or(self.0.len());
        let (path, rest) = self.0.split_at(end);
        if path.is_empty() || path.ends_with('/') {
            self.clone()
        } else {
            Self(format!("{path}/{rest}"))
        }
    }

    /// Returns the URL with `tail` behind its path, as it is, and with pairs added to its query,
    /// escaped.
    pub fn extended(&self, tail: &str, query: &[(&str, &str)]) -> String {
        let url = self.0.split('#').next().unwrap_or_default();
        let (path, known) = url.split_once('?').unwrap_or((url, ""));
        let mut out = format!("{path}{tail}");
        let pairs = query
            .iter()
            .map(|(key, value)| format!("{}={}", escape_query(key), escape_query(value)));
        let known = (!known.is_empty()).then(|| known.to_owned());
        for (i, pair) in known.into_iter().chain(pairs).enumerate() {
            out.push(if i == 0 { '?' } else { '&' });
            out.push_str(&pair);
        }
        out
    }
}

impl Field for Url {
    fn read(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if let Some(text) = at.text() {
            self.0 = parse(text).map_err(|error| at.fail(error))?;
        }
        Ok(())
    }

    fn print(&self) -> Out {
        Out::text(&redact(&self.0))
    }

    fn is_zero(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns a URL with the password in it, if there is one, replaced.
pub fn redact(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else { return url.to_owned() };
    match rest[..at].split_once(':') {
        Some((user, _)) => format!("{scheme}://{user}:xxxxx{}", &rest[at..]),
        None => url.to_owned(),
    }
}

/// Where mail is handed in: `host:port`. Both are empty when it is not set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Smarthost {
    /// A name or an address, without brackets; may be empty.
    pub host: String,
    /// A number or the name of a service.
    pub port: String,
}

impl Smarthost {
    fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let Some((host, port)) = rest.split_once(']') else {
                    return Err(format!("address {text}: missing ']' in address"));
                };
                let Some(port) = port.strip_prefix(':') else {
                    return Err(format!("address {text}: missing port in address"));
                };
                (host, port)
            }
            None => {
                let Some((host, port)) = text.rsplit_once(':') else {
                    return Err(format!("address {text}: missing port in address"));
                };
                if host.contains(':') {
                    return Err(format!(
                        "address {text}: too many colons in address; write [address]:port"
                    ));
                }
                (host, port)
            }
        };
        if port.is_empty() {
            return Err(format!("address {text:?}: port cannot be empty"));
        }
        if host.contains(['[', ']']) || port.contains(['[', ']', ':']) {
            return Err(format!("address {text}: unexpected bracket or colon in address"));
        }
        Ok(Self { host: host.to_owned(), port: port.to_owned() })
    }
}

impl Field for Smarthost {
    fn read(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if let Some(text) = at.text() {
            if text.is_empty() {
                *self = Self::default();
                return Ok(());
            }
            *self = Self::parse(text)
                .map_err(|error| at.fail(format!("{error}; write for example mail.local:25")))?;
        }
        Ok(())
    }

    fn print(&self) -> Out {
        Out::text(&self.to_string())
    }

    fn is_zero(&self) -> bool {
        self.host.is_empty() && self.port.is_empty()
    }
}

impl core::fmt::Display for Smarthost {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.host {
            host if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

/// Checks an `http` or `https` URL and returns it as it is sent: blanks and letters outside of
/// ASCII percent-encoded.
///
/// # Errors
/// Says what is wrong without repeating the URL, which may carry a key.
pub fn parse(text: &str) -> Result<String, String> {
    if text.bytes().any(|b| b < b' ' || b == 0x7f) {
        return Err("net/url: invalid control character in URL".into());
    }
    let (scheme, rest) = match text.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
        Some(("", _)) => return Err("missing protocol scheme".into()),
        Some((first, _)) if !first.contains(['/', '?', '#']) => {
            return Err("first path segment in URL cannot contain colon".into());
        }
        _ => return Err(bad_scheme("")),
    };
    if !matches!(&*scheme.to_ascii_lowercase(), "http" | "https") {
        return Err(bad_scheme(scheme));
    }
    let Some(rest) = rest.strip_prefix("//") else { return Err(missing_host()) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let (user, host) = match authority.rfind('@') {
        Some(at) => (&authority[..=at], &authority[at + 1..]),
        None => ("", authority),
    };
    check_user(user)?;
    check_host(host)?;
    let path = tail.split(['?', '#']).next().unwrap_or_default();
    check_escapes(path)?;
    let mut out = format!("{}://{user}{host}", scheme.to_ascii_lowercase());
    encode_path(&mut out, path);
    encode(&mut out, &tail[path.len()..]);
    // A mark without anything behind it says nothing.
    if out.ends_with('#') {
        out.pop();
    }
    Ok(out)
}

/// Checks a name and a password before a host, with the `@` behind them.
fn check_user(user: &str) -> Result<(), String> {
    let is_valid = |c: char| c.is_ascii_alphanumeric() || "-._:~!$&'()*+,;=%@".contains(c);
    if !user.chars().all(is_valid) {
        return Err("net/url: invalid userinfo".into());
    }
    check_escapes(user)
}

/// Appends a path, as it is if it is valid; else everything in it that may be is percent-encoded,
/// as Go does it.
fn encode_path(out: &mut String, path: &str) {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.~$&+,/:;=@%".contains(c);
    if path.chars().all(|c| is_plain(c) || "!'()*[]".contains(c)) {
        out.push_str(path);
        return;
    }
    for c in path.chars() {
        if is_plain(c) {
            out.push(c);
        } else {
            let mut buffer = [0; 4];
            c.encode_utf8(&mut buffer).bytes().for_each(|b| {
                write!(out, "%{b:02X}").expect("a String takes every write");
            });
        }
    }
}

/// Appends a path and query; what a URL cannot hold, percent-encoded.
fn encode(out: &mut String, tail: &str) {
    for c in tail.chars() {
        let mut buffer = [0; 4];
        match c {
            '!'..='~' if !matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}') => {
                out.push(c);
            }
            c => c.encode_utf8(&mut buffer).bytes().for_each(|b| {
                write!(out, "%{b:02X}").expect("a String takes every write");
            }),
        }
    }
}

/// Checks a text that may be any URL, as a proxy's, and returns it percent-encoded where it must
/// be.
///
/// # Errors
/// Says what is wrong without repeating the URL, which may hold a password.
pub fn parse_any(text: &str) -> Result<String, String> {
    if text.bytes().any(|b| b < b' ' || b == 0x7f) {
        return Err("net/url: invalid control character in URL".into());
    }
    let (scheme, rest) = match text.split_once(':') {
        Some(("", _)) => return Err("missing protocol scheme".into()),
        Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
        Some((first, _)) if !first.contains(['/', '?', '#']) => {
            return Err("first path segment in URL cannot contain colon".into());
        }
        _ => ("", text),
    };
    let mut out = match scheme {
        "" => String::new(),
        scheme => format!("{}:", scheme.to_ascii_lowercase()),
    };
    let rest = match rest.strip_prefix("//") {
        None => rest,
        Some(rest) => {
            let (authority, tail) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
            let host = authority.rfind('@').map_or(authority, |at| &authority[at + 1..]);
            check_escapes(&authority[..authority.len() - host.len()])?;
            if !host.is_empty() {
                check_host(host)?;
            }
            if !(authority.is_empty() && tail.is_empty()) {
                out += "//";
            }
            out += authority;
            tail
        }
    };
    check_escapes(rest.split('?').next().unwrap_or_default())?;
    encode(&mut out, rest);
    Ok(out)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

fn bad_scheme(scheme: &str) -> String {
    format!("unsupported scheme {scheme:?} for URL; write http://… or https://…")
}

fn missing_host() -> String {
    "missing host for URL; write for example http://host:port/path".into()
}

fn check_host(host: &str) -> Result<(), String> {
    let (name, port) = match (host.strip_prefix('['), host.rfind(':')) {
        (Some(rest), _) => {
            let Some((name, port)) = rest.split_once(']') else {
                return Err("missing ']' in host".into());
            };
            (name, port)
        }
        (None, Some(at)) => host.split_at(at),
        (None, None) => (host, ""),
    };
    let digits = port.strip_prefix(':').unwrap_or(port);
    if (!port.is_empty() && !port.starts_with(':')) || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(format!("invalid port {port:?} after host"));
    }
    if host.is_empty() {
        return Err(missing_host());
    }
    if let Some(c) = name.chars().find(|c| matches!(c, ' ' | '\\' | '^' | '`' | '{' | '|' | '}')) {
        return Err(format!("invalid character {c:?} in host name"));
    }
    if name.contains('[') {
        return Err("invalid IP-literal".into());
    }
    check_escapes(name)?;
    // Only letters outside of ASCII, and the mark of a zone, may be escaped in a host.
    let escaped = name.match_indices('%').filter_map(|(at, _)| name.get(at + 1..at + 3));
    match escaped.into_iter().find(|hex| *hex != "25" && hex.starts_with(|c| c < '8')) {
        Some(hex) => Err(format!("invalid URL escape \"%{hex}\"")),
        None => Ok(()),
    }
}

fn check_escapes(text: &str) -> Result<(), String> {
    for (at, _) in text.match_indices('%') {
        let hex = text.as_bytes().get(at + 1..at + 3);
        if !hex.is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) {
            return Err("invalid URL escape: % must be followed by two hex digits".into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_http_urls_only() {
        assert_eq!(parse("http://h/a b?c=ü").as_deref(), Ok("http://h/a%20b?c=%C3%BC"));
        assert_eq!(parse("HTTPS://u:p@[::1]:80/%20").as_deref(), Ok("https://u:p@[::1]:80/%20"));
        assert_eq!(parse("http://h:").as_deref(), Ok("http://h:"));
        for (text, part) in [
            ("", "unsupported scheme \"\""),
            ("/a", "unsupported scheme \"\""),
            ("ftp://h", "unsupported scheme \"ftp\""),
            ("host:80", "unsupported scheme \"host\""),
            ("1h:80", "first path segment"),
            ("http://", "missing host"),
            ("http:h", "missing host"),
            ("http:///x", "missing host"),
            ("http://h:x", "invalid port"),
            ("http://a b/", "in host name"),
            ("http://h/%zz", "escape"),
            ("http://h/\n", "control"),
            ("://h", "missing protocol scheme"),
            ("http://[::1", "missing ']'"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
