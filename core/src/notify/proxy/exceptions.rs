//! `no_proxy`: what is reached without the proxy.

use alloc::{format, string::String, vec::Vec};
use core::net::IpAddr;

/// The targets that are reached without a proxy: this host, and what the list names.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Exceptions(Vec<Exception>);

#[derive(Clone, Debug, PartialEq)]
enum Exception {
    All,
    /// Addresses that begin with the same bits.
    Network(IpAddr, u8),
    Address(IpAddr, Option<u16>),
    Domain {
        /// With a dot in front, lower case.
        suffix: String,
        /// Whether the domain itself is meant too, and not only what is below it.
        itself: bool,
        port: Option<u16>,
    },
}

impl Exceptions {
    /// Reads a list separated by commas. What is no exception is passed over, as in Go.
    pub(super) fn parse(list: &str) -> Self {
        let mut read = Vec::new();
        for entry in list.split(',') {
            let entry = entry.trim().to_lowercase();
            if entry == "*" {
                return Self([Exception::All].into());
            }
            read.extend(Exception::parse(&entry));
        }
        Self(read)
    }

    /// Tells whether a target is reached without the proxy.
    pub(super) fn hold(&self, host: &str, port: u16) -> bool {
        if host == "localhost" {
            return true;
        }
        let address = host.parse::<IpAddr>().ok().map(plain);
        if address.is_some_and(|address| address.is_loopback()) {
            return true;
        }
        let host = host.trim().to_lowercase();
        self.0.iter().any(|exception| exception.holds(&host, address, port))
    }
}

/// An IPv4 address is the same in its IPv6 clothes.
fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

impl Exception {
    fn parse(entry: &str) -> Option<Self> {
        if let Some((address, bits)) = entry.split_once('/')
            && let Ok(address) = address.parse::<IpAddr>()
            && let Ok(bits) = bits.parse::<u8>()
            && bits <= if address.is_ipv4() { 32 } else { 128 }
        {
            return Some(Self::Network(address, bits));
        }
        let (host, port) = match entry.rsplit_once(':') {
            _ if entry.parse::<IpAddr>().is_ok() => (entry, None),
            Some((host, port)) if !port.contains(']') => match port.parse() {
                Ok(port) => (host, Some(port)),
                // A port that no target has.
                Err(_) => return None,
            },
            _ => (entry, None),
        };
        let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
        if let Ok(address) = host.parse() {
            return Some(Self::Address(plain(address), port));
        }
        let host = host.strip_prefix('*').filter(|rest| rest.starts_with('.')).unwrap_or(host);
        match host.strip_prefix('.') {
            _ if host.is_empty() => None,
            Some(_) => Some(Self::Domain { suffix: host.into(), itself: false, port }),
            None => Some(Self::Domain { suffix: format!(".{host}"), itself: true, port }),
        }
    }

    fn holds(&self, host: &str, address: Option<IpAddr>, to: u16) -> bool {
        match self {
            Self::All => true,
            Self::Network(network, bits) => address.is_some_and(|it| is_in(it, *network, *bits)),
            Self::Address(known, port) => {
                address == Some(*known) && port.is_none_or(|port| port == to)
            }
            Self::Domain { suffix, itself, port } => {
                let matches = host.ends_with(&**suffix) || (*itself && *host == suffix[1..]);
                matches && port.is_none_or(|port| port == to)
            }
        }
    }
}

fn is_in(address: IpAddr, network: IpAddr, bits: u8) -> bool {
    let same = |a: u128, b: u128, width: u32| {
        let rest = width - u32::from(bits);
        a.checked_shr(rest).unwrap_or(0) == b.checked_shr(rest).unwrap_or(0)
    };
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => {
            same(u128::from(a.to_bits()), u128::from(b.to_bits()), 32)
        }
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}
