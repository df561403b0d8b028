//! The check of a `generatorURL`: what Go's `url.ParseRequestURI` accepts.

/// Tells whether a text is a request URI: an absolute URL or an absolute path.
pub(super) fn is_request_uri(text: &str) -> bool {
    // Without an early end it looks at many bytes at once.
    if text.bytes().fold(false, |any, b| any | (b < 0x20) | (b == 0x7f)) {
        return false;
    }
    if text == "*" {
        return true;
    }
    let Some((has_scheme, rest)) = scheme(text) else { return false };
    let rest = memchr::memchr(b'?', rest.as_bytes()).map_or(rest, |at| &rest[..at]);
    if !rest.starts_with('/') {
        // `mailto:x` is opaque and taken as it is.
        return has_scheme;
    }
    let Some(rest) = rest.strip_prefix("//").filter(|_| has_scheme) else {
        return has_valid_escapes(rest);
    };
    let end = memchr::memchr(b'/', rest.as_bytes()).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    is_authority(authority) && has_valid_escapes(path)
}

/// Splits off a scheme and tells whether there is one; `None` for a text that starts with a colon.
fn scheme(text: &str) -> Option<(bool, &str)> {
    for (i, byte) in text.bytes().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if i > 0 => {}
            b':' if i == 0 => return None,
            b':' => return Some((true, &text[i + 1..])),
            _ => break,
        }
    }
    Some((false, text))
}

fn is_authority(authority: &str) -> bool {
    let Some((user, host)) = authority.rsplit_once('@') else { return is_host(authority) };
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(&b);
    user.bytes().all(allowed) && has_valid_escapes(user) && is_host(host)
}

fn is_host(host: &str) -> bool {
    let (name, port) = match host.strip_prefix('[') {
        Some(inner) => match inner.rsplit_once(']') {
            Some((name, port)) => (name.split("%25").next().unwrap_or(name), port),
            None => return false,
        },
        None => host.split_at(memchr::memrchr(b':', host.as_bytes()).unwrap_or(host.len())),
    };
    let is_port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
    let allowed = |b: u8| {
        !b.is_ascii() || b.is_ascii_alphanumeric() || b"-_.~!$&'()*+,;=:[]<>\"%".contains(&b)
    };
    // A host may escape bytes outside ASCII only.
    let escapes_high = memchr::memchr_iter(b'%', name.as_bytes()).all(|at| {
        let digit = name.as_bytes().get(at + 1);
        digit.is_some_and(|b| matches!(b, b'8' | b'9' | b'a'..=b'f' | b'A'..=b'F'))
    });
    is_port && name.bytes().all(allowed) && has_valid_escapes(name) && escapes_high
}

fn has_valid_escapes(text: &str) -> bool {
    memchr::memchr_iter(b'%', text.as_bytes()).all(|at| {
        let digits = text.as_bytes().get(at + 1..at + 3);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use super::is_request_uri;

    #[test]
    fn accepts_what_go_accepts() {
        for good in [
            "http://prom:9090/graph?g0.expr=up%3D%3D0&g0.tab=1",
            "http://prom/x?bad%escape",
            "/relative",
            "//two/slashes",
            "*",
            "mailto:x y",
            "http://",
            "https://u:p%20w@[::1]:80/a#b",
            "http://é.example:/",
            "http://[fe80::1%25en0]:80/",
            "http://h%C3%A9/",
            "a+b.c-1:x",
            "/ü %41",
        ] {
            assert!(is_request_uri(good), "{good}");
        }
        for bad in [
            "foo",
            "",
            ":x",
            "foo bar",
            "1http://x",
            "http://a b/",
            "http://h:port/",
            "http://h/%zz",
            "http://h/%4",
            "http://[::1/",
            "http://h%41/",
            "http://u ser@h/",
            "http://h#f",
            "http://h/\n",
            "../up",
        ] {
            assert!(!is_request_uri(bad), "{bad}");
        }
    }
}
