//! Listeners and the connections they accept.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use async_io::{Async, Timer};
use campana_core::{
    event::Event,
    limits::{ACCEPT_BACKLOG, ACCEPT_PAUSE, HEADER_BYTES_MAX},
};
use hyper::{server::conn::http1, service::service_fn};
use smol::{channel, future};
use smol_hyper::rt::FuturesIo;
use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    pace::{Paced, Phase},
    serve::{Door, respond},
};

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

/// What all listeners share.
pub(crate) struct Hall {
    /// Who answers requests.
    pub(crate) door: &'static Door,
    /// Connections that may be open at once.
    pub(crate) connections_max: usize,
    /// Connections that are open.
    pub(crate) open: AtomicUsize,
    /// Is closed when no more connections are taken and those that are open shall finish.
    pub(crate) stop: channel::Receiver<()>,
}

/// Accepts connections until told to stop. `alive` is dropped when the last of them is gone.
pub(crate) async fn accept(
    hall: &'static Hall,
    listener: Async<TcpListener>,
    alive: channel::Sender<()>,
) {
    let mut http = http1::Builder::new();
    // Header names as Go writes them, for clients that look too closely.
    http.max_header_size(HEADER_BYTES_MAX).title_case_headers(true);
    let http = Arc::new(http);
    let mut stop = pin!(hall.stop.recv());
    let mut complaints = Complaints::default();
    loop {
        let next = async { Some(listener.accept().await) };
        let stopped = async {
            stop.as_mut().await.ok();
            None
        };
        match future::or(stopped, next).await {
            None => return,
            Some(Ok((stream, _))) => {
                if hall.open.load(Relaxed) >= hall.connections_max {
                    // Closing the socket tells the client at once; waiting would not.
                    drop(stream);
                    let limit = hall.connections_max as u64;
                    complaints.write(hall, || Event::ConnectionsLimited { limit });
                    continue;
                }
                let open = Open::new(hall);
                let (http, alive) = (http.clone(), alive.clone());
                let serve = async move {
                    let _held = (open, alive);
                    serve(hall, &http, stream).await;
                };
                hall.door.executor.spawn(serve).detach();
            }
            // No descriptors or memory: those who are connected may free some.
            Some(Err(e)) => {
                if !is_clients_fault(&e) {
                    let limit = hall.open.load(Relaxed) as u64;
                    complaints.write(hall, || Event::ConnectionsLimited { limit });
                    Timer::after(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

fn is_clients_fault(e: &io::Error) -> bool {
    matches!(e.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted)
}

/// Serves one connection until either side has enough.
async fn serve(hall: &'static Hall, http: &http1::Builder, stream: Async<TcpStream>) {
    // Only a hint to the system; answers arrive without it too.
    stream.get_ref().set_nodelay(true).ok();
    let phase = Phase::new();
    let io = FuturesIo::new(Paced::new(stream, phase.clone()));
    let service = service_fn(move |request| respond(hall.door, phase.clone(), request));
    let mut connection = pin!(http.serve_connection(io, service));
    let finished = async {
        // What goes wrong on a connection is the client's business.
        connection.as_mut().await.ok();
        true
    };
    let stopped = async {
        hall.stop.recv().await.ok();
        false
    };
    if !future::or(finished, stopped).await {
        connection.as_mut().graceful_shutdown();
        connection.await.ok();
    }
}

/// Counts a connection while it is open.
struct Open(&'static Hall);

impl Open {
    fn new(hall: &'static Hall) -> Self {
        hall.open.fetch_add(1, Relaxed);
        Self(hall)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

/// Keeps a flood of connections from flooding the log.
#[derive(Default)]
struct Complaints {
    last: Option<Instant>,
}

impl Complaints {
    fn write(&mut self, hall: &Hall, event: impl FnOnce() -> Event) {
        if self.last.is_none_or(|last| last.elapsed() > Duration::from_secs(10)) {
            self.last = Some(Instant::now());
            hall.door.log.write(&event());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_open_where_asked() {
        let at = |address| bind(address).map(|l| l.local_addr().expect("bound").ip().to_string());
        assert_eq!(at("127.0.0.1:0").expect("free"), "127.0.0.1");
        assert_eq!(at("localhost:0").map(|ip| ip.len() > 2).ok(), Some(true));
        assert!(at("127.0.0.1").is_err() && at("127.0.0.1:x").is_err());
    }
}
