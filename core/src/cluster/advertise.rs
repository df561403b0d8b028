//! The address that peers are told.

use alloc::string::{String, ToString as _};
use core::net::{IpAddr, SocketAddr};

use super::types::{is_unroutable, split_host_port};

/// What [`advertised`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertised {
    /// The address to tell peers.
    pub address: SocketAddr,
    /// Whether peers elsewhere are configured that cannot reach this address.
    pub is_unroutable: bool,
}

/// Finds the address to tell peers (reference A.2): the one given; else a specific bind address;
/// else the host's private address, or where `allow_public` says so, its public one.
///
/// `bind` carries the port that is really bound. `private` and `public` are what the host has, if
/// anything. Without any the unspecified address itself is told, as upstream does.
///
/// # Errors
/// The given address is not `IP:port`.
pub fn advertised(
    given: Option<&str>,
    bind: SocketAddr,
    private: Option<IpAddr>,
    public: Option<IpAddr>,
    allow_public: bool,
    peers: &[String],
) -> Result<Advertised, String> {
    let address = match given {
        Some(text) => {
            let bad =
                |err: String| alloc::format!("failed to parse advertise address {text:?}: {err}");
            let (host, port) = split_host_port(text).map_err(bad)?;
            let ip: IpAddr = host.parse().map_err(|_| bad("not an IP address".to_string()))?;
            SocketAddr::new(ip.to_canonical(), port)
        }
        None if bind.ip().is_unspecified() => {
            let found = private.or(public.filter(|_| allow_public)).unwrap_or(bind.ip());
            SocketAddr::new(found, bind.port())
        }
        None => bind,
    };
    let is_unroutable = is_unroutable(address.ip()) && peers.iter().any(|peer| is_elsewhere(peer));
    Ok(Advertised { address, is_unroutable })
}

/// Tells whether a configured peer is on another host: an address that is not a loopback one, or a
/// name other than `localhost`.
pub(super) fn is_elsewhere(peer: &str) -> bool {
    let host = split_host_port(peer).map_or(peer, |(host, _)| host);
    match host.parse::<IpAddr>() {
        Ok(ip) => !ip.is_loopback(),
        Err(_) => host != "localhost",
    }
}

/// Picks the host's private and public address out of those it has, the best first; either may be
/// missing. Private are those of RFC 1918, 4193 and 6598.
pub fn own_addresses(own: impl IntoIterator<Item = IpAddr>) -> (Option<IpAddr>, Option<IpAddr>) {
    let (mut private, mut public) = (None, None);
    for ip in own {
        if is_private(ip) {
            private = private.or(Some(ip));
        } else if is_public(ip) {
            public = public.or(Some(ip));
        }
    }
    (private, public)
}

/// Reads the IPv4 addresses that are the host's own out of Linux's `/proc/net/fib_trie`.
pub fn local_addresses(trie: &str) -> impl Iterator<Item = IpAddr> {
    let mut last = None;
    trie.lines().filter_map(move |line| {
        let line = line.trim_start();
        if let Some(ip) = line.strip_prefix("|-- ") {
            last = ip.trim().parse().ok();
        }
        last.filter(|_| line.starts_with("/32 host LOCAL"))
    })
}

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            ip.is_private() || (a == 100 && b & 0xc0 == 64)
        }
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

fn is_public(ip: IpAddr) -> bool {
    let is_bound_to_link = match ip {
        IpAddr::V4(ip) => ip.is_link_local() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    !(is_unroutable(ip) || ip.is_multicast() || is_bound_to_link)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIE: &str = r"
Main:
  +-- 0.0.0.0/0 3 0 4
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 10.0.0.0/24 2 0 2
        |-- 10.0.0.0
           /24 link UNICAST
        |-- 10.0.0.7
           /32 host LOCAL
        |-- 10.0.0.255
           /32 link BROADCAST
     |-- 127.0.0.1
        /32 host LOCAL
";

    #[test]
    fn own_addresses_are_told_apart() {
        let read = |text: &str| text.parse::<IpAddr>().expect("an address");
        let local: alloc::vec::Vec<_> = local_addresses(TRIE).collect();
        assert_eq!(local, [read("10.0.0.7"), read("127.0.0.1")]);
        for (own, private, public) in [
            (&["127.0.0.1", "169.254.1.1", "fe80::1", "0.0.0.0"][..], None, None),
            (&["8.8.8.8", "172.16.0.1", "10.0.0.1"], Some("172.16.0.1"), Some("8.8.8.8")),
            (&["172.32.0.1", "100.64.0.1"], Some("100.64.0.1"), Some("172.32.0.1")),
            (&["fd00::1", "2001:db8::1"], Some("fd00::1"), Some("2001:db8::1")),
        ] {
            let found = own_addresses(own.iter().map(|ip| read(ip)));
            assert_eq!(found, (private.map(read), public.map(read)), "{own:?}");
        }
    }

    fn find(given: Option<&str>, bind: &str, allow_public: bool) -> String {
        let bind = bind.parse().expect("an address");
        let public = Some(IpAddr::from([1, 2, 3, 4]));
        advertised(given, bind, None, public, allow_public, &[])
            .map_or_else(|err| err, |found| found.address.to_string())
    }

    #[test]
    fn the_given_address_wins() {
        assert_eq!(find(Some("10.0.0.1:9"), "0.0.0.0:1", true), "10.0.0.1:9");
        assert_eq!(find(Some("[::ffff:10.0.0.1]:9"), "0.0.0.0:1", true), "10.0.0.1:9");
        assert!(find(Some("host:9"), "0.0.0.0:1", true).contains("failed to parse advertise"));
        assert_eq!(find(None, "10.0.0.1:1", true), "10.0.0.1:1");
        assert_eq!(find(None, "0.0.0.0:1", true), "1.2.3.4:1");
        assert_eq!(find(None, "0.0.0.0:1", false), "0.0.0.0:1");
    }

    #[test]
    fn unroutable_addresses_are_told() {
        let bind = SocketAddr::from(([127, 0, 0, 1], 1));
        for (peer, warned) in [("a:1", true), ("localhost:1", false), ("127.0.0.9:1", false)] {
            let found = advertised(None, bind, None, None, false, &[peer.to_string()]);
            assert_eq!(found.map(|found| found.is_unroutable), Ok(warned), "{peer}");
        }
    }
}
