//! The way of one request: whom to connect to, what to say to a proxy, and what the request line
//! holds. Runtimes only carry it out.

mod tunnel;

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    sync::Arc,
};

pub use self::tunnel::{Tunnel, TunnelStep};
use super::{
    Exchange, Secret, SendError, SendErrorKind,
    proxy::{self, Proxy, ProxyKind},
};

/// The way of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Way {
    /// Whether TLS is spoken with the target.
    pub https: bool,
    /// Host and port as the `Host` header shows them.
    pub authority: String,
    /// The target's host, an IPv6 address without its brackets.
    pub host: String,
    /// The target's port.
    pub port: u16,
    /// Path and query, starting with a slash.
    pub path: Secret,
    /// The proxy in between.
    pub proxy: Option<Arc<Proxy>>,
}

/// What two requests must have in common to share a connection, besides their TLS settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    proxy: Option<Arc<Proxy>>,
    /// `None` where a proxy relays requests to any host.
    target: Option<(bool, String, u16)>,
}

impl Exchange {
    /// Returns the request's way.
    ///
    /// # Errors
    /// The URL cannot be used. The error never quotes it.
    pub fn way(&self) -> Result<Way, SendError> {
        let mut way = Way::new(self.url.expose(), None)?;
        way.proxy = self.proxies.of(way.https, &way.host, way.port).cloned();
        Ok(way)
    }
}

impl Way {
    /// Returns the way to an absolute URL through a proxy, or directly.
    ///
    /// # Errors
    /// The URL cannot be used. The error never quotes it.
    pub fn new(url: &str, proxy: Option<Arc<Proxy>>) -> Result<Self, SendError> {
        let invalid = |message: &str| SendError {
            kind: SendErrorKind::Invalid,
            message: message.to_string(),
        };
        let (https, rest) = match url.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (false, rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (true, rest),
            Some(_) => return Err(invalid("unsupported protocol scheme")),
            None => return Err(invalid("the URL has no scheme")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = proxy::split(authority, if https { 443 } else { 80 })
            .ok_or_else(|| invalid("the URL has no usable host and port"))?;
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Self {
            https,
            authority: authority.to_owned(),
            host: host.to_owned(),
            port,
            path: Secret::new(format!("{slash}{path}")),
            proxy,
        })
    }

    /// Returns host and port to connect to.
    pub fn dial(&self) -> (&str, u16) {
        match &self.proxy {
            Some(proxy) => (&proxy.host, proxy.port),
            None => (&self.host, self.port),
        }
    }

    /// Returns the host to expect in the certificate of the proxy, where TLS is spoken with it.
    pub fn proxy_tls(&self) -> Option<&str> {
        let proxy = self.proxy.as_deref().filter(|proxy| proxy.kind == ProxyKind::Https)?;
        Some(&proxy.host)
    }

    /// Tells whether TLS is spoken with anybody.
    pub fn needs_tls(&self) -> bool {
        self.https || self.proxy_tls().is_some()
    }

    /// Returns what opens the way through the proxy before the target hears anything.
    pub fn tunnel(&self) -> Option<Tunnel> {
        let proxy = self.proxy.as_ref().filter(|_| !self.is_relayed())?;
        Some(Tunnel::new(proxy.clone(), &self.host, self.port))
    }

    /// Tells whether the proxy itself takes the request and sends it on.
    pub fn is_relayed(&self) -> bool {
        !self.https && self.proxy.as_ref().is_some_and(|proxy| proxy.kind != ProxyKind::Socks5)
    }

    /// Returns what stands in the request line: path and query, or the whole URL for a proxy.
    pub fn target(&self) -> String {
        match self.is_relayed() {
            true => format!("http://{}{}", self.authority, self.path.expose()),
            false => self.path.expose().to_owned(),
        }
    }

    /// Returns the value of `Proxy-Authorization`, for a request that the proxy sends on.
    pub fn proxy_authorization(&self) -> Option<Secret> {
        self.proxy.as_ref().filter(|_| self.is_relayed())?.authorization()
    }

    /// Returns what requests that share connections have in common.
    pub fn peer(&self) -> Peer {
        let target = (self.https, self.host.clone(), self.port);
        Peer { proxy: self.proxy.clone(), target: (!self.is_relayed()).then_some(target) }
    }

    /// Makes the error of a connection that could not be made; `why` says what went wrong on the
    /// way to [`dial`](Self::dial).
    pub fn broken(&self, why: &str) -> SendError {
        let place = match self.proxy.as_deref() {
            None => "",
            Some(Proxy { kind: ProxyKind::Socks5, .. }) => "socks connect tcp: ",
            Some(_) => "proxyconnect tcp: ",
        };
        SendError { kind: SendErrorKind::Connection, message: format!("{place}{why}") }
    }
}
