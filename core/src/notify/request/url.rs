//! The URL of a request, as clients can use it.

use alloc::string::String;
use core::fmt::Write as _;

/// A URL taken apart as far as a request needs it. Holds secrets, so it is not printable.
pub(super) struct Target {
    /// The URL without user and fragment, percent-encoded where it must be.
    pub(super) url: String,
    /// User and password, decoded.
    pub(super) user: Option<(String, String)>,
}

impl Target {
    /// Takes a URL apart. The error never quotes it.
    pub(super) fn parse(url: &str) -> Result<Self, &'static str> {
        if url.contains("{{") {
            return Err("the URL holds a template, and templates in URLs are not supported");
        }
        if url.contains(|c: char| c.is_ascii_control()) {
            return Err("the URL holds a control character");
        }
        let (scheme, rest) = url.split_once("://").ok_or("the URL has no scheme")?;
        let is = |name| scheme.eq_ignore_ascii_case(name);
        let scheme = if is("http") {
            "http://"
        } else if is("https") {
            "https://"
        } else {
            return Err("the URL's scheme is neither http nor https");
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        if host.is_empty() || host.starts_with(':') {
            return Err("the URL has no host");
        }
        if !host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~:[]%".contains(&b)) {
            return Err("the URL's host holds a character that hosts cannot have");
        }
        let user = user.map(|user| {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            (decode(user), decode(password))
        });
        let mut url = String::with_capacity(scheme.len() + rest.len());
        url.push_str(scheme);
        url.push_str(host);
        encode(&mut url, path);
        Ok(Self { url, user })
    }
}

/// Appends a path and query; what the request line cannot carry, percent-encoded.
fn encode(out: &mut String, path: &str) {
    for c in path.chars() {
        if c.is_ascii_graphic() && !r#""<>\^`{|}"#.contains(c) {
            out.push(c);
            continue;
        }
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            write!(out, "%{byte:02X}").expect("a String takes every write");
        }
    }
}

/// Resolves `%xx`; what is no such escape stays.
pub(in crate::notify) fn decode(text: &str) -> String {
    let mut bytes = alloc::vec::Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let digit = |at: usize| char::from(*tail.get(at)?).to_digit(16);
        match (*first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            (byte, ..) => {
                bytes.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
