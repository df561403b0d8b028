//! The words with a proxy before a connection leads to its target: `CONNECT`, or SOCKS 5.

use alloc::{format, string::String, sync::Arc, vec, vec::Vec};
use core::net::IpAddr;

use crate::{
    limits::PROXY_HEAD_BYTES_MAX,
    notify::{
        SendError, SendErrorKind,
        proxy::{self, Proxy, ProxyKind},
    },
};

/// A way through a proxy that is being opened: a machine that is fed what the proxy says.
#[derive(Clone, Debug)]
pub struct Tunnel {
    proxy: Arc<Proxy>,
    host: String,
    port: u16,
    state: State,
    heard: Vec<u8>,
}

/// What is to be done next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TunnelStep {
    /// Write these bytes, then go on with none heard.
    Write(Vec<u8>),
    /// Read, and go on with what was heard.
    Read,
    /// The connection leads to the target.
    Open,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Begin,
    Connecting,
    Greeting,
    Proving,
    Asking,
}

impl Tunnel {
    pub(super) fn new(proxy: Arc<Proxy>, host: &str, port: u16) -> Self {
        Self { proxy, host: host.into(), port, state: State::Begin, heard: Vec::new() }
    }

    /// Goes on with the bytes that the proxy said since.
    ///
    /// # Errors
    /// The proxy refuses, or speaks another language.
    pub fn step(&mut self, heard: &[u8]) -> Result<TunnelStep, SendError> {
        self.heard.extend_from_slice(heard);
        match self.state {
            State::Begin if self.proxy.kind == ProxyKind::Socks5 => {
                let methods: &[u8] = if self.proxy.user.is_some() { &[0, 2] } else { &[0] };
                let mut hello = vec![5, methods.len() as u8];
                hello.extend_from_slice(methods);
                Ok(self.say(State::Greeting, hello))
            }
            State::Begin => {
                let request = self.connect_request();
                Ok(self.say(State::Connecting, request))
            }
            State::Connecting => self.connected(),
            State::Greeting | State::Proving | State::Asking => self.socks(),
        }
    }

    fn say(&mut self, next: State, bytes: Vec<u8>) -> TunnelStep {
        self.state = next;
        self.heard.clear();
        TunnelStep::Write(bytes)
    }

    fn connect_request(&self) -> Vec<u8> {
        let target = proxy::join(&self.host, self.port);
        let mut head = format!(
            "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nUser-Agent: Go-http-client/1.1\r\n"
        );
        let authorization = self.proxy.authorization();
        let is_own = |name: &str| name.eq_ignore_ascii_case("Proxy-Authorization");
        for (name, value) in &self.proxy.connect_header {
            if authorization.is_none() || !is_own(name) {
                head += &format!("{name}: {}\r\n", value.expose());
            }
        }
        if let Some(value) = authorization {
            head += &format!("Proxy-Authorization: {}\r\n", value.expose());
        }
        head += "\r\n";
        head.into_bytes()
    }

    fn connected(&self) -> Result<TunnelStep, SendError> {
        let ended = self.heard.windows(4).any(|window| window == b"\r\n\r\n");
        if !ended && self.heard.len() < PROXY_HEAD_BYTES_MAX {
            return Ok(TunnelStep::Read);
        }
        let head = String::from_utf8_lossy(&self.heard);
        let mut words = head.lines().next().unwrap_or_default().splitn(3, ' ');
        match (words.next(), words.next(), words.next()) {
            _ if !ended => Err(refused("proxyconnect tcp: the proxy's answer is too long")),
            (Some(version), Some("200"), _) if version.starts_with("HTTP/1.") => {
                Ok(TunnelStep::Open)
            }
            (Some(version), Some(_), Some(reason))
                if version.starts_with("HTTP/1.") && !reason.is_empty() =>
            {
                Err(refused(reason))
            }
            (Some(version), Some(_), _) if version.starts_with("HTTP/1.") => {
                Err(refused("unknown status code"))
            }
            _ => Err(refused("proxyconnect tcp: malformed HTTP response")),
        }
    }

    fn socks(&mut self) -> Result<TunnelStep, SendError> {
        const OTHER: &str = "socks connect tcp: unexpected protocol version";
        let heard = &*self.heard;
        match (self.state, heard) {
            (State::Greeting, [5, 0, ..]) | (State::Proving, [_, 0, ..]) => {
                let request = self.socks_request()?;
                Ok(self.say(State::Asking, request))
            }
            (State::Greeting, [5, 2, ..]) if let Some((user, password)) = &self.proxy.user => {
                let (user, password) = (user.expose().as_bytes(), password.expose().as_bytes());
                let (Ok(user_len), Ok(password_len)) =
                    (u8::try_from(user.len()), u8::try_from(password.len()))
                else {
                    return Err(refused("socks connect tcp: invalid username/password"));
                };
                let proof = [&[1, user_len], user, &[password_len], password].concat();
                Ok(self.say(State::Proving, proof))
            }
            (State::Greeting, [5, _, ..]) => {
                Err(refused("socks connect tcp: no acceptable authentication methods"))
            }
            (State::Proving, [_, _, ..]) => {
                Err(refused("socks connect tcp: username/password authentication failed"))
            }
            (State::Asking, [5, 0, _, kind, rest @ ..]) => {
                let address = match (kind, rest) {
                    (1, _) => 4,
                    (4, _) => 16,
                    (3, [length, ..]) => 1 + usize::from(*length),
                    (3, []) => return Ok(TunnelStep::Read),
                    _ => return Err(refused("socks connect tcp: unknown address type")),
                };
                let is_whole = rest.len() >= address + 2;
                Ok(if is_whole { TunnelStep::Open } else { TunnelStep::Read })
            }
            (State::Asking, [5, code, ..]) if *code != 0 => {
                Err(refused(&format!("socks connect tcp: unknown error {}", meaning(*code))))
            }
            (State::Proving, _) | (_, [] | [5, ..]) => Ok(TunnelStep::Read),
            _ => Err(refused(OTHER)),
        }
    }

    fn socks_request(&self) -> Result<Vec<u8>, SendError> {
        let mut request = vec![5, 1, 0];
        match self.host.parse() {
            Ok(IpAddr::V4(address)) => {
                request.push(1);
                request.extend(address.octets());
            }
            Ok(IpAddr::V6(address)) => {
                request.push(4);
                request.extend(address.octets());
            }
            Err(_) => {
                let length = u8::try_from(self.host.len())
                    .map_err(|_| refused("socks connect tcp: FQDN too long"))?;
                request.extend([3, length]);
                request.extend(self.host.as_bytes());
            }
        }
        request.extend(self.port.to_be_bytes());
        Ok(request)
    }
}

/// What a SOCKS proxy means by a code.
const fn meaning(code: u8) -> &'static str {
    match code {
        1 => "general SOCKS server failure",
        2 => "connection not allowed by ruleset",
        3 => "network unreachable",
        4 => "host unreachable",
        5 => "connection refused",
        6 => "TTL expired",
        7 => "command not supported",
        8 => "address type not supported",
        _ => "unknown code",
    }
}

fn refused(message: &str) -> SendError {
    SendError { kind: SendErrorKind::Connection, message: message.into() }
}
