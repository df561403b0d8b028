//! Which proxy a request goes through: a pure decision, as Go's clients make it.

mod exceptions;
#[cfg(test)]
mod tests;

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use self::exceptions::Exceptions;
use super::{Environment, Secret, http::ProxyConfig, request::decode};

/// What decides which proxy a request goes through.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Proxies {
    http: Option<Arc<Proxy>>,
    https: Option<Arc<Proxy>>,
    /// `None`: every request goes through it, even to this host itself.
    exceptions: Option<Exceptions>,
}

/// A proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct Proxy {
    /// How it is spoken to.
    pub kind: ProxyKind,
    /// Its host, an IPv6 address without its brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Who we are to it: user and password.
    pub(super) user: Option<(Secret, Secret)>,
    /// Header lines of `CONNECT` requests, sorted.
    pub(super) connect_header: Vec<(Arc<str>, Secret)>,
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// HTTP.
    Http,
    /// HTTP under TLS.
    Https,
    /// SOCKS version 5; the proxy resolves names.
    Socks5,
}

impl Proxies {
    /// Takes the settings, and the environment where they refer to it.
    ///
    /// # Errors
    /// A proxy's URL cannot be used. The error never quotes it.
    pub fn new(config: &ProxyConfig, environment: &Environment) -> Result<Self, String> {
        let header = &config.connect_header;
        if config.from_environment {
            let first = |names: [&str; 2]| {
                names.iter().find_map(|name| environment.get(*name)).map(Secret::expose)
            };
            let proxy = |names| first(names).map(|url| Proxy::guess(url, header)).transpose();
            let exceptions = first(["NO_PROXY", "no_proxy"]).unwrap_or_default();
            return Ok(Self {
                http: proxy(["HTTP_PROXY", "http_proxy"])?,
                https: proxy(["HTTPS_PROXY", "https_proxy"])?,
                exceptions: Some(Exceptions::parse(exceptions)),
            });
        }
        let Some(url) = config.url.as_ref().filter(|url| !url.is_empty()) else {
            return Ok(Self::default());
        };
        let (proxy, exceptions) = if config.no_proxy.is_empty() {
            (Arc::new(Proxy::parse(url.expose(), header)?), None)
        } else {
            let exceptions = Exceptions::parse(&config.no_proxy);
            (Proxy::guess(url.expose(), header)?, Some(exceptions))
        };
        Ok(Self { http: Some(proxy.clone()), https: Some(proxy), exceptions })
    }

    /// Returns the proxy for requests to a host, `None` where they go directly.
    pub fn of(&self, https: bool, host: &str, port: u16) -> Option<&Arc<Proxy>> {
        let proxy = if https { self.https.as_ref() } else { self.http.as_ref() };
        let direct = self.exceptions.as_ref().is_some_and(|but| but.hold(host, port));
        proxy.filter(|_| !direct)
    }

    /// Returns what error texts must not show.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let proxies = self.http.iter().chain(&self.https);
        proxies.flat_map(|proxy| {
            let user = proxy.user.iter().map(|(_, password)| password);
            user.chain(proxy.connect_header.iter().map(|(_, value)| value)).map(Secret::expose)
        })
    }
}

impl Proxy {
    /// Takes a URL that may lack its scheme.
    fn guess(url: &str, header: &[(Arc<str>, Vec<Secret>)]) -> Result<Arc<Self>, String> {
        let has_host = url.split_once("://").is_some_and(|(_, rest)| !rest.is_empty());
        let url = if has_host { url.to_owned() } else { format!("http://{url}") };
        Self::parse(&url, header).map(Arc::new)
    }

    fn parse(url: &str, header: &[(Arc<str>, Vec<Secret>)]) -> Result<Self, String> {
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err("the proxy's URL has no scheme; write http://host:port".into());
        };
        let (kind, default) = match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyKind::Http, 80),
            "https" => (ProxyKind::Https, 443),
            "socks5" | "socks5h" => (ProxyKind::Socks5, 1080),
            _ => return Err("the proxy URL's scheme is none of http, https and socks5".into()),
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (user, authority) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        let (host, port) =
            split(authority, default).ok_or("the proxy's URL has no usable host and port")?;
        let user = user.map(|user| {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            (Secret::new(decode(user)), Secret::new(decode(password)))
        });
        let mut connect_header: Vec<_> = header
            .iter()
            .flat_map(|(name, values)| values.iter().map(|value| (name.clone(), value.clone())))
            .collect();
        connect_header.sort_by(|(a, _), (b, _)| a.cmp(b));
        for (name, value) in &connect_header {
            if !super::request::is_line(name, value.expose()) {
                return Err("proxy_connect_header holds what cannot be a header line".into());
            }
        }
        Ok(Self { kind, host: host.to_owned(), port, user, connect_header })
    }

    /// Returns what `Proxy-Authorization` carries, if we have a name there.
    pub(super) fn authorization(&self) -> Option<Secret> {
        let (user, password) = self.user.as_ref()?;
        let pair = format!("{}:{}", user.expose(), password.expose());
        Some(Secret::new(format!("Basic {}", STANDARD.encode(pair))))
    }
}

/// Returns the host, without brackets, and the port of an authority.
pub(super) fn split(authority: &str, default: u16) -> Option<(&str, u16)> {
    let (host, port) = match authority.rsplit_once(':') {
        // A colon inside brackets belongs to an IPv6 address.
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (authority, ""),
    };
    let port = if port.is_empty() { default } else { port.parse().ok()? };
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    (!host.is_empty()).then_some((host, port))
}

/// Returns `host:port`, an IPv6 address in brackets.
pub(super) fn join(host: &str, port: u16) -> String {
    match host.contains(':') {
        true => format!("[{host}]:{port}"),
        false => host.to_string() + ":" + &port.to_string(),
    }
}
