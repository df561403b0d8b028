//! The sockets of gossip: packets, streams, and looking up names.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs as _, UdpSocket},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use async_io::{Async, Timer};
use campana_core::{
    cli::Options,
    cluster::{Settings, StreamCommand, StreamEvent, local_addresses},
    event::Event,
    id::{ResolveId, StreamId},
    limits::{ACCEPT_PAUSE, GOSSIP_LINGER, GOSSIP_SOCKETS_MAX, GOSSIP_WRITES_MAX},
    node::{Input, gossip_start},
};
use smol::{
    Executor, channel, future,
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    listen,
    log::Log,
    node::Mailbox,
    tls::{self, Peers},
};

/// More than any packet has.
const PACKET_BYTES_MAX: usize = 65_536;
/// What is read from a stream at once.
const READ_BYTES: usize = 16 << 10;
/// What the kernel shall hold of packets that came; as much of it as the system allows.
const RECEIVE_BUFFER: usize = 2 << 20;
/// Ports that are tried until one is free for packets and for streams.
const PORTS_TRIED: usize = 16;

/// The open sockets, on one address.
pub(crate) struct Sockets {
    streams: TcpListener,
    /// With TLS there are no packets of their own.
    packets: Option<UdpSocket>,
    tls: Option<Peers>,
}

/// Opens the sockets, where they are wanted, and finds out how to take part.
pub(crate) fn open(log: &Log, options: &Options) -> Result<Option<(Sockets, Settings)>, Event> {
    let Some(address) = &options.cluster.listen_address else { return Ok(None) };
    let failed = |address: &str, err| Event::ListenFailed { address: address.into(), err };
    let tls = options.cluster.tls_config.as_ref();
    let tls = tls.map(|file| tls::peers(file).map_err(|err| failed("--cluster.tls-config", err)));
    let sockets = bind(address, tls.transpose()?).map_err(|e| failed(address, e.to_string()))?;
    let bound = sockets.streams.local_addr().map_err(|e| failed(address, e.to_string()))?;
    let (settings, event) = gossip_start(options, canonical(bound), own_addresses())
        .map_err(|err| failed("--cluster.advertise-address", err))?;
    event.iter().for_each(|event| log.write(event));
    Ok(Some((sockets, settings)))
}

/// Opens the sockets on `host:port`; for port 0 on one that is free.
fn bind(address: &str, tls: Option<Peers>) -> io::Result<Sockets> {
    let mut tries = PORTS_TRIED;
    loop {
        tries -= 1;
        let streams = listen::bind(address)?;
        if tls.is_some() {
            return Ok(Sockets { streams, packets: None, tls });
        }
        match bind_packets(streams.local_addr()?) {
            // Another program has the port that this one was given for streams.
            Err(e) if e.kind() == ErrorKind::AddrInUse && tries > 0 && address.ends_with(":0") => {}
            packets => return Ok(Sockets { streams, packets: Some(packets?), tls }),
        }
    }
}

fn bind_packets(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!address.ip().is_unspecified())?;
    }
    // Linux gives what it may and reports no error.
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Returns the addresses that this host uses towards others; only without any all it has, since
/// those of bridges for containers lead nowhere. Sends nothing.
fn own_addresses() -> Vec<IpAddr> {
    // Addresses reserved for documentation: the route there is the default one.
    let ways = [("0.0.0.0:0", "198.51.100.1:9"), ("[::]:0", "[2001:db8::1]:9")];
    let used = ways.into_iter().filter_map(|(from, to)| {
        let socket = UdpSocket::bind(from).ok()?;
        socket.connect(to).ok()?;
        Some(socket.local_addr().ok()?.ip())
    });
    let used: Vec<IpAddr> = used.collect();
    if !used.is_empty() {
        return used;
    }
    let trie = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    local_addresses(&trie).collect()
}

/// A stream that tells the peer when this side has closed it. An `Async` tells nothing until it is
/// dropped, and a peer that sent records waits for the word.
fn closing(stream: Async<TcpStream>) -> smol::net::TcpStream {
    stream.into()
}

/// An address without the detour over IPv6 that sockets for both families make.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Everything that gossips.
pub(crate) struct Gossip {
    executor: &'static Executor<'static>,
    mailbox: &'static Mailbox,
    packets: Option<Async<UdpSocket>>,
    tls: Option<Peers>,
    listener: Async<TcpListener>,
    /// Whether packets go through a socket for both families.
    is_v6: bool,
    /// How long a write may take.
    patience: Duration,
    /// The queues of what is to be written, until the node closes the stream.
    streams: Mutex<BTreeMap<StreamId, channel::Sender<Vec<u8>>>>,
    /// Streams of peers that are open.
    accepted: AtomicUsize,
    /// Streams that may still have to write something.
    writing: AtomicUsize,
}

impl Gossip {
    /// Makes the sockets ready.
    pub(crate) fn new(
        executor: &'static Executor<'static>,
        mailbox: &'static Mailbox,
        sockets: Sockets,
        patience: Duration,
    ) -> io::Result<Self> {
        Ok(Self {
            executor,
            mailbox,
            is_v6: sockets.streams.local_addr()?.is_ipv6(),
            packets: sockets.packets.map(Async::new).transpose()?,
            tls: sockets.tls,
            listener: Async::new(sockets.streams)?,
            patience,
            streams: Mutex::default(),
            accepted: AtomicUsize::new(0),
            writing: AtomicUsize::new(0),
        })
    }

    /// Starts to receive.
    pub(crate) fn start(&'static self) {
        if let Some(packets) = &self.packets {
            self.executor.spawn(self.receive(packets)).detach();
        }
        self.executor.spawn(self.accept()).detach();
    }

    async fn receive(&self, packets: &Async<UdpSocket>) {
        let mut buffer = vec![0; PACKET_BYTES_MAX];
        loop {
            match packets.recv_from(&mut buffer).await {
                Ok((len, from)) => {
                    let from = canonical(from);
                    let bytes = buffer[..len].to_vec();
                    // Without room it is lost, as packets may be; peers repeat themselves.
                    self.mailbox.try_gossip(Input::Datagram { from, bytes });
                }
                // Something a packet of ours met on its way, or no memory.
                Err(_) => {
                    Timer::after(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Sends a packet, or loses it where the system has no room.
    pub(crate) fn send(&self, to: SocketAddr, bytes: &[u8]) {
        let to = match to {
            SocketAddr::V4(v4) if self.is_v6 => {
                SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port()))
            }
            to => to,
        };
        // Whether it arrives is for the peer to say.
        self.packets.as_ref().map(|packets| packets.get_ref().send_to(bytes, to));
    }

    async fn accept(&'static self) {
        let mut last = 0;
        loop {
            match self.listener.accept().await {
                Ok((stream, from)) => {
                    if self.accepted.load(Relaxed) >= GOSSIP_SOCKETS_MAX {
                        // Closing the socket tells the peer at once; waiting would not.
                        continue;
                    }
                    last += 1;
                    self.accepted.fetch_add(1, Relaxed);
                    let (id, from) = (StreamId::accepted(last), canonical(from));
                    let commands = self.enter(id);
                    self.executor
                        .spawn(async move {
                            self.tell(id, StreamEvent::Accepted { from }).await;
                            let opened = future::or(self.greet(stream), given_up(&commands)).await;
                            match opened {
                                Ok(wire) => self.carry(id, wire, &commands).await,
                                Err(e) => self.tell(id, StreamEvent::Failed(e.to_string())).await,
                            }
                            self.accepted.fetch_sub(1, Relaxed);
                        })
                        .detach();
                }
                // No descriptors or memory: streams that end may free some.
                Err(_) => {
                    Timer::after(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Does what the node wants of a stream. Never waits.
    pub(crate) fn command(&'static self, id: StreamId, command: StreamCommand) {
        match command {
            StreamCommand::Open { to } => {
                let commands = self.enter(id);
                self.executor.spawn(self.dial(id, to, commands)).detach();
            }
            StreamCommand::Write(bytes) => {
                let streams = self.lock();
                let queued = streams.get(&id).map(|queue| queue.try_send(bytes));
                if let Some(Err(channel::TrySendError::Full(_))) = queued {
                    let event = StreamEvent::Failed("the peer does not read".into());
                    self.mailbox.push(Input::Stream(id, event));
                }
            }
            // Whoever writes learns it when everything is written.
            StreamCommand::Close => drop(self.lock().remove(&id)),
        }
    }

    fn enter(&self, id: StreamId) -> channel::Receiver<Vec<u8>> {
        let (sender, receiver) = channel::bounded(GOSSIP_WRITES_MAX);
        self.lock().insert(id, sender);
        receiver
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamId, channel::Sender<Vec<u8>>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn tell(&self, id: StreamId, event: StreamEvent) {
        self.mailbox.gossip(Input::Stream(id, event)).await;
    }

    async fn dial(&self, id: StreamId, to: SocketAddr, commands: channel::Receiver<Vec<u8>>) {
        match future::or(self.connect(to), given_up(&commands)).await {
            Ok(wire) => {
                self.tell(id, StreamEvent::Connected).await;
                self.carry(id, wire, &commands).await;
            }
            Err(e) => self.tell(id, StreamEvent::Failed(e.to_string())).await,
        }
    }

    async fn connect(&self, to: SocketAddr) -> io::Result<Box<dyn Wire>> {
        let stream = Async::<TcpStream>::connect(to).await?;
        // Only a hint to the system; bytes arrive without it too.
        stream.get_ref().set_nodelay(true).ok();
        let stream = closing(stream);
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let name = tls.server_name.clone().unwrap_or_else(|| to.ip().into());
        Ok(Box::new(tls.connector.connect(name, stream).await?))
    }

    /// Does what comes before the first byte of a stream that a peer opened.
    async fn greet(&self, stream: Async<TcpStream>) -> io::Result<Box<dyn Wire>> {
        stream.get_ref().set_nodelay(true).ok();
        let stream = closing(stream);
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        Ok(Box::new(tls.acceptor.accept(stream).await?))
    }

    /// Carries bytes both ways until the node closes the stream.
    async fn carry(
        &self,
        id: StreamId,
        wire: Box<dyn Wire>,
        commands: &channel::Receiver<Vec<u8>>,
    ) {
        let (mut reader, mut writer) = smol::io::split(wire);
        self.writing.fetch_add(1, Relaxed);
        let written = {
            let reading = async {
                self.read(id, &mut reader).await;
                future::pending().await
            };
            future::or(self.write(id, &mut writer, commands), reading).await
        };
        let closed = async { written && writer.close().await.is_ok() };
        let is_closed = future::or(closed, too_late(self.patience)).await;
        self.writing.fetch_sub(1, Relaxed);
        if is_closed {
            // What the peer still sends must be read, or the system throws away what the peer has
            // not read yet.
            let mut rest = [0; 1024];
            let drained = async {
                while matches!(reader.read(&mut rest).await, Ok(1..)) {}
                true
            };
            future::or(drained, too_late(GOSSIP_LINGER)).await;
        }
    }

    async fn read(&self, id: StreamId, reader: &mut (impl AsyncRead + Unpin)) {
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let event = match reader.read(&mut buffer).await {
                Ok(0) => StreamEvent::Closed,
                Ok(len) => StreamEvent::Data(buffer[..len].to_vec()),
                Err(e) if e.kind() == ErrorKind::UnexpectedEof => {
                    StreamEvent::Failed("the peer broke it off".into())
                }
                Err(e) => StreamEvent::Failed(e.to_string()),
            };
            let is_last = !matches!(event, StreamEvent::Data(_));
            self.tell(id, event).await;
            if is_last {
                return;
            }
        }
    }

    /// Writes until the node closes the stream; tells whether everything could be written.
    async fn write(
        &self,
        id: StreamId,
        writer: &mut (impl AsyncWrite + Unpin),
        commands: &channel::Receiver<Vec<u8>>,
    ) -> bool {
        while let Ok(bytes) = commands.recv().await {
            let write = async {
                writer.write_all(&bytes).await?;
                writer.flush().await
            };
            let late = async {
                Timer::after(self.patience).await;
                Err(ErrorKind::TimedOut.into())
            };
            if let Err(e) = future::or(write, late).await {
                self.tell(id, StreamEvent::Failed(e.to_string())).await;
                return false;
            }
        }
        true
    }

    /// Closes all streams once everything that the node wrote is with the system; waits a little
    /// for that.
    pub(crate) async fn finish(&self) {
        self.lock().clear();
        let finished = async {
            while self.writing.load(Relaxed) > 0 {
                Timer::after(Duration::from_millis(2)).await;
            }
            true
        };
        future::or(finished, too_late(GOSSIP_LINGER)).await;
    }

    /// Looks up a host's addresses.
    pub(crate) fn resolve(&'static self, id: ResolveId, host: String) {
        if let Ok(ip) = host.parse::<IpAddr>() {
            return self.mailbox.push(Input::Resolved(id, Ok(vec![ip])));
        }
        let look_up = smol::unblock(move || {
            let found = (host.as_str(), 0).to_socket_addrs().map_err(|e| e.to_string())?;
            let mut ips: Vec<IpAddr> = found.map(|address| address.ip().to_canonical()).collect();
            ips.dedup();
            Ok(ips)
        });
        let answer = async move { self.mailbox.push(Input::Resolved(id, look_up.await)) };
        self.executor.spawn(answer).detach();
    }
}

/// A stream, with or without TLS.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

async fn too_late(span: Duration) -> bool {
    Timer::after(span).await;
    false
}

/// Ends when the node gives up a stream that is not open yet. Nothing is written before it is, so
/// only the end of the queue can be next.
async fn given_up<T>(commands: &channel::Receiver<Vec<u8>>) -> io::Result<T> {
    commands.recv().await.ok();
    Err(ErrorKind::TimedOut.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_and_streams_share_a_port() {
        let sockets = bind("127.0.0.1:0", None).expect("a free port");
        let bound = sockets.streams.local_addr().expect("bound");
        let packets = sockets.packets.expect("there is no TLS");
        assert_eq!(packets.local_addr().expect("bound"), bound);
        let taken = bind(&bound.to_string(), None).err().map(|e| e.kind());
        assert_eq!(taken, Some(ErrorKind::AddrInUse));
        assert!(bind("127.0.0.1", None).is_err() && bind("127.0.0.1:x", None).is_err());
        let mapped: SocketAddr = "[::ffff:10.0.0.1]:9".parse().expect("an address");
        assert_eq!(canonical(mapped).to_string(), "10.0.0.1:9");
    }
}
