//! The head of a request: method, target and headers.

use alloc::{
    borrow::Cow,
    string::{String, ToString as _},
    vec::Vec,
};

/// The head of a request, as the client sent it.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// Path and query as sent, still escaped.
    pub target: &'a str,
    /// Names in any case, with their values.
    pub headers: &'a [(&'a str, &'a str)],
}

impl<'a> Head<'a> {
    /// Returns the first value of a header.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|&(_, value)| value)
    }

    /// Returns the path, still escaped. Of an absolute URL only the path counts.
    pub(super) fn raw_path(&self) -> &'a str {
        let target = self.target.split(['?', '#']).next().unwrap_or_default();
        match target.split_once("://") {
            Some((scheme, rest)) if !scheme.contains('/') => {
                rest.find('/').map_or("/", |at| &rest[at..])
            }
            _ => target,
        }
    }

    /// Returns the query, still escaped.
    pub(super) fn raw_query(&self) -> Option<&'a str> {
        let target = self.target.split('#').next().unwrap_or_default();
        target.split_once('?').map(|(_, query)| query)
    }

    /// Tells whether a body follows.
    pub(super) fn has_body(&self) -> bool {
        self.content_length().unwrap_or(0) > 0 || self.header("transfer-encoding").is_some()
    }

    /// Returns the announced length of the body. One that is no number counts as none: the
    /// runtime's reader has to cope with it anyway.
    pub(super) fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }

    /// Returns the media type of the body without parameters, in lower case.
    pub(super) fn media_type(&self) -> String {
        let value = self.header("content-type").unwrap_or_default();
        let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if media_type.is_empty() { "application/octet-stream".to_string() } else { media_type }
    }

    /// Tells whether the client takes JSON.
    pub(super) fn accepts_json(&self) -> bool {
        let accept = self.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("accept"));
        let mut specs = accept.flat_map(|(_, value)| value.split(',')).filter_map(|spec| {
            let mut parts = spec.split(';').map(str::trim);
            let media = parts.next().filter(|media| !media.is_empty())?;
            let refused = parts
                .filter_map(|part| part.strip_prefix("q="))
                .any(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0));
            Some((media, refused))
        });
        let mut any = false;
        let taken = specs.any(|(media, refused)| {
            any = true;
            let fits = ["application/json", "application/*", "*/*"];
            !refused && fits.iter().any(|fit| media.eq_ignore_ascii_case(fit))
        });
        taken || !any
    }
}

/// Undoes the escapes of a path; `None` where one is not two hex digits.
pub(super) fn unescape_path(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    unescape(text, false).map(Cow::Owned)
}

/// Reads a query as Go does: pairs with a semicolon or a broken escape are passed over.
pub(super) fn parse_query(query: &str) -> Vec<(String, String)> {
    let pieces = query.split('&').filter(|piece| !piece.is_empty() && !piece.contains(';'));
    let pairs = pieces.filter_map(|piece| {
        let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
        Some((unescape(name, true)?, unescape(value, true)?))
    });
    pairs.collect()
}

fn unescape(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        bytes.push(match byte {
            b'%' => {
                let (digits, tail) = rest.split_at_checked(2)?;
                rest = tail;
                let digit = |b: u8| char::from(b).to_digit(16);
                let value = digit(digits[0])? * 16 + digit(digits[1])?;
                u8::try_from(value).ok()?
            }
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    Some(match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(bad) => super::json::lossy(bad.as_bytes()).into_owned(),
    })
}

/// Appends a path, escaped for a header.
pub(super) fn escape_path(out: &mut String, path: &str) {
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
}

/// Resolves empty segments, `.` and `..` of a path; a slash at the end stays.
pub(super) fn clean_path(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            segment => segments.push(segment),
        }
    }
    let mut clean = String::with_capacity(path.len() + 1);
    for segment in &segments {
        clean.push('/');
        clean.push_str(segment);
    }
    if clean.is_empty() || path.ends_with('/') {
        clean.push('/');
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_queries() {
        let head = |target| Head { method: "GET", target, headers: &[] };
        assert_eq!(head("/a?b?c#d").raw_path(), "/a");
        assert_eq!(head("/a?b?c#d").raw_query(), Some("b?c"));
        assert_eq!(head("http://h:1/a/b?c").raw_path(), "/a/b");
        assert_eq!(head("http://h").raw_path(), "/");
        assert_eq!(unescape_path("/a%2Fb").as_deref(), Some("/a/b"));
        assert_eq!(unescape_path("/a%2"), None);
        let pairs = parse_query("filter=a%3D%22b+c%22&x;y=1&bad=%zz&active&=v&&filter=%ff");
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let want = [("filter", "a=\"b c\""), ("active", ""), ("", "v"), ("filter", "\u{fffd}")];
        assert_eq!(pairs, want);
        for (path, clean) in [
            ("/", "/"),
            ("//x", "/x"),
            ("/a/./b/../c/", "/a/c/"),
            ("", "/"),
            ("/..", "/"),
            ("/a//b", "/a/b"),
        ] {
            assert_eq!(clean_path(path), clean, "{path}");
        }
        let mut out = String::new();
        escape_path(&mut out, "/a b/é");
        assert_eq!(out, "/a%20b/%C3%A9");
    }

    #[test]
    fn accepting_json() {
        for (accept, takes) in [
            ("application/json", true),
            ("text/html, */*;q=0.1", true),
            ("application/*", true),
            ("text/html", false),
            ("application/json;q=0", false),
            ("", true),
        ] {
            let headers = [("ACCEPT", accept)];
            let head = Head { method: "GET", target: "/", headers: &headers };
            assert_eq!(head.accepts_json(), takes, "{accept}");
        }
    }
}
