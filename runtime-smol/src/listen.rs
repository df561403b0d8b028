//! Listeners and the connections they accept.

use std::{
    future::Future,
    io,
    net::{
        IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream,
        ToSocketAddrs as _,
    },
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use async_io::{Async, Timer};
use campana_core::{
    api::PLAIN_ON_TLS,
    event::Event,
    limits::{
        ACCEPT_BACKLOG, ACCEPT_PAUSE, HEADER_BYTES_MAX, HEADER_WAIT, HTTP2_STREAMS_MAX,
        HTTP2_WINDOW_BYTES, REFUSED_BODY_WAIT,
    },
};
use futures_rustls::TlsAcceptor;
use hyper::{
    server::conn::{http1, http2},
    service::service_fn,
};
use rustls::ServerConfig;
use smol::{
    Executor, channel, future,
    io::{AsyncReadExt as _, AsyncWriteExt as _},
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    pace::{Paced, Phase},
    serve::{Door, respond},
    web::Watch,
    wire::Wire,
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
    let http = Arc::new(Http::new(hall.door.executor));
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

/// How HTTP is spoken.
struct Http {
    one: http1::Builder,
    two: http2::Builder<Tasks>,
}

impl Http {
    fn new(executor: &'static Executor<'static>) -> Self {
        let (mut one, mut two) = (http1::Builder::new(), http2::Builder::new(Tasks(executor)));
        // Header names as Go writes them, for clients that look too closely.
        one.max_header_size(HEADER_BYTES_MAX).title_case_headers(true);
        two.max_header_list_size(HEADER_BYTES_MAX as u32)
            .max_concurrent_streams(HTTP2_STREAMS_MAX)
            .initial_stream_window_size(HTTP2_WINDOW_BYTES)
            .initial_connection_window_size(HTTP2_WINDOW_BYTES);
        Self { one, two }
    }
}

/// Runs the requests of a connection that carries several at once.
#[derive(Clone)]
struct Tasks(&'static Executor<'static>);

impl<F> hyper::rt::Executor<F> for Tasks
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, task: F) {
        self.0.spawn(task).detach();
    }
}

/// Drives a connection to its end, or lets it finish when no more requests are taken.
macro_rules! drive {
    ($hall:expr, $connection:expr) => {{
        let mut connection = pin!($connection);
        let finished = async {
            // What goes wrong on a connection is the client's business.
            connection.as_mut().await.ok();
            true
        };
        let stopped = async {
            $hall.stop.recv().await.ok();
            false
        };
        if !future::or(finished, stopped).await {
            connection.as_mut().graceful_shutdown();
            connection.await.ok();
        }
    }};
}

/// Serves one connection until either side has enough.
async fn serve(hall: &'static Hall, http: &Http, stream: Async<TcpStream>) {
    // Only a hint to the system; answers arrive without it too.
    stream.get_ref().set_nodelay(true).ok();
    if let Some(watch) = hall.door.watch
        && let Some(tls) = watch.tls()
    {
        // Larger than what a connection without TLS needs.
        return Box::pin(encrypted(hall, http, stream, watch, tls)).await;
    }
    let phase = Phase::new();
    let io = Wire::vectored(Paced::new(stream, phase.clone()));
    let service = service_fn(move |request| respond(hall.door, phase.clone(), request));
    drive!(hall, http.one.serve_connection(io, service));
}

/// The same under TLS. The handshake has as long as the head of a request has.
async fn encrypted(
    hall: &'static Hall,
    http: &Http,
    stream: Async<TcpStream>,
    watch: &'static Watch,
    mut tls: Arc<ServerConfig>,
) {
    let late = async {
        Timer::after(HEADER_WAIT).await;
        Ok(0)
    };
    let mut first = [0];
    match future::or(stream.peek(&mut first), late).await {
        Ok(1) if first[0].is_ascii_uppercase() => {
            // Few bytes, and the socket is new.
            (&stream).write_all(PLAIN_ON_TLS).await.ok();
            return discard(&stream).await;
        }
        Ok(1) => {}
        _ => return,
    }
    if watch.is_due() {
        smol::unblock(|| watch.look()).await;
        tls = watch.tls().unwrap_or(tls);
    }
    let phase = Phase::new();
    let paced = Paced::new(stream, phase.clone());
    let stream = match TlsAcceptor::from(tls).accept(paced).await {
        Ok(stream) => stream,
        Err(e) => {
            let err = e.to_string();
            return hall.door.log.write(&Event::HandshakeFailed { err });
        }
    };
    let shared = phase.clone();
    let is_two = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let io = Wire::new(stream);
    let service = service_fn(move |request| respond(hall.door, phase.clone(), request));
    if is_two {
        shared.share();
        drive!(hall, http.two.serve_connection(io, service));
    } else {
        drive!(hall, http.one.serve_connection(io, service));
    }
}

/// Reads on for a moment, so that the client gets to see what it was told.
async fn discard(stream: &Async<TcpStream>) {
    stream.get_ref().shutdown(Shutdown::Write).ok();
    let rest = async {
        let mut buffer = [0; 1024];
        while (&mut &*stream).read(&mut buffer).await.is_ok_and(|n| n > 0) {}
    };
    let late = async {
        Timer::after(REFUSED_BODY_WAIT).await;
    };
    future::or(rest, late).await;
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
