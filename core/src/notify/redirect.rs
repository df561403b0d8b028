//! Redirects: where an answer sends a request, and what goes along.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{Answer, Exchange, Secret, SendError, SendErrorKind, request};

/// Header lines that say who we are, and so are only for the host they were meant for.
const CREDENTIALS: [&str; 6] = [
    "authorization",
    "cookie",
    "cookie2",
    "proxy-authorization",
    "proxy-authenticate",
    "www-authenticate",
];

/// Header lines that describe a body.
const OF_BODY: [&str; 4] =
    ["content-encoding", "content-language", "content-location", "content-type"];

impl Exchange {
    /// Returns the request that an answer to this one asks for, or `None` when the answer is final:
    /// it is no redirect, says not where to, or redirects are not followed.
    ///
    /// 301, 302 and 303 become a GET without a body; 307 and 308 repeat the request. Credentials
    /// go along only to the host of `first`, the request that began the chain, and to hosts below.
    ///
    /// # Errors
    /// The target is no HTTP URL.
    pub fn redirected(&self, first: &Self, answer: &Answer) -> Option<Result<Self, SendError>> {
        if !self.http.follow_redirects || !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
            return None;
        }
        let location = answer.header("location").filter(|location| !location.is_empty())?;
        let url = resolve(self.url.expose(), location)
            .and_then(|url| request::usable_url(&url).map_err(String::from));
        let url = match url {
            Ok(url) => url,
            Err(why) => {
                let message = format!("failed to follow a redirect: {why}");
                return Some(Err(SendError { kind: SendErrorKind::Connection, message }));
            }
        };
        let mut next = self.clone();
        let mut dropped = Vec::new();
        if answer.status < 307 {
            next.body = Vec::new().into();
            if next.method != "HEAD" {
                next.method = "GET";
            }
            dropped.extend(OF_BODY);
        }
        if !trusts(host(first.url.expose()), host(&url)) {
            dropped.extend(CREDENTIALS);
        }
        next.headers.retain(|(name, _)| !dropped.iter().any(|d| name.eq_ignore_ascii_case(d)));
        next.url = Secret::new(url);
        Some(Ok(next))
    }
}

/// Returns the absolute URL that `location` means on a page at `base`, itself absolute.
fn resolve(base: &str, location: &str) -> Result<String, String> {
    let has_scheme = location.split(['/', '?', '#']).next().is_some_and(|s| s.contains(':'));
    if has_scheme {
        return Ok(location.to_string());
    }
    let (scheme, rest) = base.split_once("://").ok_or("the URL has no scheme")?;
    if location.starts_with("//") {
        return Ok(format!("{scheme}:{location}"));
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = match location.as_bytes().first() {
        Some(b'/') => normal(location),
        Some(b'?' | b'#') | None => format!("{path}{location}"),
        Some(_) => normal(&format!("{}/{location}", path.rsplit_once('/').map_or("", |p| p.0))),
    };
    Ok(format!("{scheme}://{authority}{path}"))
}

/// Removes `.` and `..` from a path, which may have a query.
fn normal(path: &str) -> String {
    let (path, query) = path.split_at(path.find(['?', '#']).unwrap_or(path.len()));
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        kept.push("");
    }
    format!("/{}{query}", kept.join("/"))
}

/// Returns the host of an absolute URL, without its port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    match authority.rsplit_once(':') {
        // A colon inside brackets belongs to an IPv6 address.
        Some((host, port)) if !port.contains(']') => host,
        _ => authority,
    }
}

/// Tells whether `other` may see what is meant for `home`: it is the same host or one below.
fn trusts(home: &str, other: &str) -> bool {
    let (home, other) = (home.to_ascii_lowercase(), other.to_ascii_lowercase());
    let below = other.strip_suffix(&*home).is_some_and(|rest| rest.ends_with('.'));
    // An address has no hosts below it.
    let is_name = !home.starts_with('[') && home.bytes().any(|b| b.is_ascii_alphabetic());
    home == other || (below && is_name)
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use super::*;
    use crate::notify::HttpConfig;

    fn exchange(url: &str) -> Exchange {
        let header = |name: &str| (Arc::from(name), Secret::new("v"));
        Exchange {
            method: "POST",
            url: Secret::new(url),
            headers: ["Content-Type", "User-Agent", "Authorization", "X-Own"].map(header).into(),
            body: Arc::from(&b"body"[..]),
            timeout: None,
            http: Arc::new(HttpConfig::default()),
            proxies: Arc::default(),
            reads_answer: false,
            signing: None,
            gzip: false,
        }
    }

    fn answer(status: u16, location: &str) -> Answer {
        let headers = [("location".to_string(), location.to_string())].into();
        Answer { status, headers, body: Vec::new() }
    }

    fn names(exchange: &Exchange) -> Vec<&str> {
        exchange.headers.iter().map(|(name, _)| &**name).collect()
    }

    #[test]
    fn a_redirect_becomes_a_request() {
        let first = exchange("https://h/a");
        for status in [301, 302, 303] {
            let next = first.redirected(&first, &answer(status, "/b?c")).expect("followed");
            let next = next.expect("a target");
            assert_eq!(
                (next.method, next.url.expose(), &*next.body),
                ("GET", "https://h/b?c", &b""[..])
            );
            assert_eq!(names(&next), ["User-Agent", "Authorization", "X-Own"]);
        }
        for status in [307, 308] {
            let next = first.redirected(&first, &answer(status, "http://x/")).expect("followed");
            let next = next.expect("a target");
            assert_eq!(
                (next.method, next.url.expose(), &*next.body),
                ("POST", "http://x/", &b"body"[..])
            );
            assert_eq!(names(&next), ["Content-Type", "User-Agent", "X-Own"]);
            // Back home, what was dropped stays dropped.
            let back = next.redirected(&first, &answer(307, "https://h/")).expect("followed");
            assert_eq!(names(&back.expect("a target")), ["Content-Type", "User-Agent", "X-Own"]);
        }
    }

    #[test]
    fn final_answers() {
        let first = exchange("https://h/a");
        assert!(first.redirected(&first, &answer(200, "/b")).is_none());
        assert!(first.redirected(&first, &answer(304, "/b")).is_none());
        assert!(first.redirected(&first, &answer(302, "")).is_none());
        assert!(first.redirected(&first, &answer(302, "ftp://x/")).expect("followed").is_err());
        let http = HttpConfig { follow_redirects: false, ..HttpConfig::default() };
        let stays = Exchange { http: Arc::new(http), ..first.clone() };
        assert!(stays.redirected(&first, &answer(302, "/b")).is_none());
    }

    #[test]
    fn locations_are_resolved() {
        let to = |location| resolve("http://h:1/a/b?q#f", location).expect("a URL");
        assert_eq!(to("https://x/y"), "https://x/y");
        assert_eq!(to("//x/y"), "http://x/y");
        assert_eq!(to("/y/../z?r"), "http://h:1/z?r");
        assert_eq!(to("c"), "http://h:1/a/c");
        assert_eq!(to("../../.."), "http://h:1/");
        assert_eq!(to("?r"), "http://h:1/a/b?r");
        assert_eq!(resolve("http://h", "c").expect("a URL"), "http://h/c");
    }

    #[test]
    fn credentials_stay_home() {
        let trusts = |a: &str, b: &str| trusts(host(a), host(b));
        assert!(
            trusts("http://a.b/", "https://u:p@A.b:1/x") && trusts("http://a.b", "http://x.a.b")
        );
        assert!(!trusts("http://a.b/", "http://xa.b/") && !trusts("http://x.a.b/", "http://a.b/"));
        assert!(!trusts("http://1.2.3.4/", "http://9.1.2.3.4/"));
        assert!(trusts("http://[::1]:1/", "http://[::1]:2/"));
    }
}
