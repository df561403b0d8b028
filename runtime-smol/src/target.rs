//! URLs of receivers, taken apart, and where redirects lead.

use hyper::Uri;

/// Where a request goes.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// Whether to speak TLS.
    pub(crate) https: bool,
    /// Host and port as the `Host` header shows them.
    pub(crate) authority: String,
    /// The host, an IPv6 address without its brackets.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
    /// Path and query, starting with a slash.
    pub(crate) path: String,
}

impl Target {
    /// Takes an absolute URL apart. The error never quotes it.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let (scheme, rest) = url.split_once("://").ok_or("the URL has no scheme")?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err("unsupported protocol scheme".into()),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = match authority.rsplit_once(':') {
            // A colon inside brackets belongs to an IPv6 address.
            Some((host, port)) if !port.contains(']') => (host, port),
            _ => (authority, ""),
        };
        let port = match port {
            "" if https => 443,
            "" => 80,
            port => port.parse().map_err(|_| "invalid port in the URL")?,
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        let slash = if path.starts_with('/') { "" } else { "/" };
        let path = format!("{slash}{path}");
        if host.is_empty() || Uri::try_from(&path).is_err() {
            return Err("the URL cannot be used".into());
        }
        Ok(Self { https, authority: authority.into(), host: host.into(), port, path })
    }

    /// Returns where a `Location` header leads from here.
    pub(crate) fn follow(&self, location: &str) -> Result<Self, String> {
        let scheme = if self.https { "https" } else { "http" };
        let location = &encode(location);
        let has_scheme = location.split(['/', '?', '#']).next().is_some_and(|s| s.contains(':'));
        if has_scheme {
            return Self::parse(location);
        }
        if location.starts_with("//") {
            return Self::parse(&format!("{scheme}:{location}"));
        }
        let base = self.path.split('?').next().unwrap_or_default();
        let path = match location.as_bytes().first() {
            Some(b'/') => normal(location),
            Some(b'?') => format!("{base}{location}"),
            None | Some(b'#') => self.path.clone(),
            Some(_) => {
                let folder = &base[..=base.rfind('/').unwrap_or(0)];
                normal(&format!("{folder}{location}"))
            }
        };
        Self::parse(&format!("{scheme}://{}{path}", self.authority))
    }

    /// Tells whether `other` may see the credentials meant for this host: itself and what is below.
    pub(crate) fn trusts(&self, other: &Self) -> bool {
        let (a, b) = (self.host.to_ascii_lowercase(), other.host.to_ascii_lowercase());
        b == a || (b.ends_with(&a) && b[..b.len() - a.len()].ends_with('.') && !a.contains(':'))
    }
}

/// Removes `.` and `..` from a path.
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

/// Percent-encodes what a request line cannot carry.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_graphic() && !br#""<>\^`{|}"#.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(target: Result<Target, String>) -> String {
        let t = target.expect("a good URL");
        format!("{} {} {} {}", t.https, t.authority, t.port, t.path)
    }

    #[test]
    fn urls_are_taken_apart() {
        assert_eq!(show(Target::parse("http://h")), "false h 80 /");
        assert_eq!(show(Target::parse("HTTPS://u:p@h:8443?q#f")), "true h:8443 8443 /?q");
        assert_eq!(show(Target::parse("https://[::1]/a?b=/c")), "true [::1] 443 /a?b=/c");
        assert_eq!(Target::parse("http://[::1]:9/").expect("good").host, "::1");
        for bad in ["", "h/p", "ftp://h/", "http:///p", "http://h:99999/", "http://h/a b"] {
            assert!(Target::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn redirects_lead_somewhere() {
        let base = Target::parse("http://h:1/a/b?q").expect("good");
        let to = |location| show(base.follow(location));
        assert_eq!(to("https://x/y"), "true x 443 /y");
        assert_eq!(to("//x/y"), "false x 80 /y");
        assert_eq!(to("/y/../z?r"), "false h:1 1 /z?r");
        assert_eq!(to("c d"), "false h:1 1 /a/c%20d");
        assert_eq!(to("../../.."), "false h:1 1 /");
        assert_eq!(to("?r"), "false h:1 1 /a/b?r");
        assert!(base.follow("mailto:x").is_err());
    }

    #[test]
    fn credentials_stay_home() {
        let at = |host: &str| Target::parse(&format!("http://{host}/")).expect("good");
        assert!(at("a.b").trusts(&at("A.b:1")) && at("a.b").trusts(&at("x.a.b")));
        assert!(!at("a.b").trusts(&at("xa.b")) && !at("x.a.b").trusts(&at("a.b")));
    }
}
