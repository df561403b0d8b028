//! Opening listeners.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs as _},
};

use campana_core::limits::ACCEPT_BACKLOG;
use socket2::{Domain, Protocol, Socket, Type};

/// Opens one listener for `host:port`. A host that stands for every interface listens on both
/// families, as Alertmanager's do.
pub(crate) fn bind(address: &str) -> io::Result<TcpListener> {
    let (host, port) =
        address.rsplit_once(':').ok_or_else(|| invalid("missing port in address"))?;
    let host = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let port = port.parse::<u16>().map_err(|_| invalid("the port is not a number"))?;
    let everywhere = match host.parse::<IpAddr>() {
        Ok(ip) => ip.is_unspecified(),
        Err(_) => host.is_empty(),
    };
    if everywhere {
        let both = open(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
        // A host without IPv6 cannot even make such a socket.
        return match both {
            Err(e) if e.kind() != io::ErrorKind::AddrInUse => {
                open(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
            }
            both => both,
        };
    }
    let mut last = invalid("the host has no address");
    for address in (host, port).to_socket_addrs()? {
        match open(address) {
            Ok(listener) => return Ok(listener),
            Err(e) => last = e,
        }
    }
    Err(last)
}

fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(ACCEPT_BACKLOG)?;
    Ok(socket.into())
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_open_where_asked() {
        let at = |address| bind(address).map(|l| l.local_addr().expect("bound").ip().to_string());
        assert_eq!(at("127.0.0.1:0").expect("free"), "127.0.0.1");
        assert!(["::", "0.0.0.0"].contains(&at(":0").expect("free").as_str()));
        assert!(at("127.0.0.1").is_err() && at("127.0.0.1:x").is_err());
    }
}
