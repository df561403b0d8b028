//! Gossip: one socket for packets, one listener, and the streams, all served by one thread that
//! polls. Without a cluster none of it exists.

use std::{
    collections::{BTreeMap, VecDeque},
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket},
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use campana_core::{
    cli::Options,
    cluster::{self, StreamCommand, StreamEvent},
    config,
    event::Event,
    id::{ResolveId, StreamId},
    limits::{
        ACCEPT_PAUSE, GOSSIP_BULK_STREAMS_MAX, GOSSIP_DIALS_MAX, GOSSIP_PIPES_MAX,
        GOSSIP_STREAMS_MAX,
    },
    node::{Input, gossip_start},
};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustls::pki_types::ServerName;
use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    files, listen,
    log::Log,
    node::Mailbox,
    stream::{News, Stream, Tls},
    trust,
};

/// The stack of the thread: no deep calls, and its buffer is elsewhere.
const STACK: usize = 64 << 10;

/// The same with TLS, whose handshakes have deep calls.
const TLS_STACK: usize = 256 << 10;

/// Bytes that one read takes at most. No packet is longer.
const READ_BYTES: usize = 64 << 10;

/// Packets that are read before others get their turn.
const PACKETS_AT_ONCE: usize = 256;

/// Bytes of packets that the system may keep for us, as memberlist asks for.
const PACKETS_WAITING: usize = 2 << 20;

/// Ports that are tried when any will do: one that is free for streams may be taken for packets.
const PORTS_TRIED: usize = 16;

/// Streams open at once, those that only linger included. Further ones of peers are closed. With
/// TLS those that carry packets come on top.
const STREAMS_MAX: usize = GOSSIP_STREAMS_MAX + GOSSIP_BULK_STREAMS_MAX + GOSSIP_DIALS_MAX + 64;

/// The sockets, bound before the node is made.
pub(crate) struct Doors {
    tcp: TcpListener,
    /// `None` with TLS, which has no packets of its own.
    udp: Option<UdpSocket>,
    tls: Option<Tls>,
}

/// Opens the sockets and decides how to take part; `None` where the flags want no cluster.
pub(crate) fn open(
    options: &Options,
    log: Log,
) -> Result<Option<(Doors, cluster::Settings)>, Event> {
    let Some(listen) = &options.cluster.listen_address else { return Ok(None) };
    let refuse = |address: &str, err| Event::ListenFailed { address: address.into(), err };
    let tls = options.cluster.tls_config.as_deref().map(read_tls);
    let tls = tls.transpose().map_err(|err| refuse("--cluster.tls-config", err))?;
    let (doors, bound) = Doors::open(listen, tls).map_err(|e| refuse(listen, e.to_string()))?;
    let (settings, event) =
        gossip_start(options, bound, own_addresses()).map_err(|err| refuse(listen, err))?;
    event.iter().for_each(|event| log.write(event));
    Ok(Some((doors, settings)))
}

fn read_tls(path: &str) -> Result<Tls, String> {
    let directory = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let origin = config::Origin { file: path, directory };
    let read = config::gossip_tls(&files::read(path)?, &origin).map_err(|e| e.to_string())?;
    let name = read.client.server_name.as_deref().map(|name| ServerName::try_from(name.to_owned()));
    Ok(Tls {
        server: trust::peer_server(&read.server)?,
        client: trust::client(&read.client)?,
        name: name.transpose().map_err(|_| "invalid server name")?,
    })
}

/// Returns the addresses by which the host reaches others, or all it has.
fn own_addresses() -> Vec<IpAddr> {
    // Documentation addresses, whom nobody has. Connecting sends nothing.
    let [v4, v6]: [(IpAddr, IpAddr); 2] = [
        (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::new(192, 0, 2, 1).into()),
        (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into()),
    ];
    let outgoing = |(any, to): (IpAddr, IpAddr)| {
        let socket = UdpSocket::bind((any, 0)).ok()?;
        socket.connect((to, 9)).ok()?;
        Some(socket.local_addr().ok()?.ip())
    };
    let used: Vec<IpAddr> = [outgoing(v4), outgoing(v6)].into_iter().flatten().collect();
    if !used.is_empty() {
        return used;
    }
    // Only without any: the addresses of bridges for containers lead nowhere.
    let trie = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    cluster::local_addresses(&trie).collect()
}

impl Doors {
    /// Binds both sockets to the same address and port.
    fn open(address: &str, tls: Option<Tls>) -> io::Result<(Self, SocketAddr)> {
        let mut tries = PORTS_TRIED;
        loop {
            let tcp = listen::bind(address)?;
            let bound = tcp.local_addr()?;
            tries -= 1;
            match tls.is_none().then(|| packets(bound)).transpose() {
                Ok(udp) => {
                    tcp.set_nonblocking(true)?;
                    return Ok((Self { tcp, udp, tls }, bound));
                }
                Err(e) if address.ends_with(":0") && tries > 0 && is_taken(&e) => {}
                Err(e) => return Err(e),
            }
        }
    }
}

fn is_taken(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::AddrInUse
}

fn packets(bound: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(bound), Type::DGRAM, Some(Protocol::UDP))?;
    if bound.is_ipv6() {
        socket.set_only_v6(!bound.ip().is_unspecified())?;
    }
    // The system gives as much of it as it allows.
    socket.set_recv_buffer_size(PACKETS_WAITING).ok();
    socket.set_nonblocking(true)?;
    socket.bind(&bound.into())?;
    Ok(socket.into())
}

/// The owner's end of gossip. Nothing here waits.
pub(crate) struct Gossip {
    udp: Option<UdpSocket>,
    is_v6: bool,
    desk: Arc<Desk>,
}

/// Where the owner leaves what the thread is to do.
struct Desk {
    commands: Mutex<VecDeque<(StreamId, StreamCommand)>>,
    bell: OwnedFd,
}

impl Desk {
    fn commands(&self) -> MutexGuard<'_, VecDeque<(StreamId, StreamCommand)>> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gossip {
    /// Starts the thread.
    pub(crate) fn start(doors: Doors, mailbox: Mailbox, log: Log) -> io::Result<Self> {
        let Doors { tcp, udp, tls } = doors;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let desk = Arc::new(Desk { commands: Mutex::default(), bell });
        let gossip = Self {
            udp: udp.as_ref().map(UdpSocket::try_clone).transpose()?,
            is_v6: tcp.local_addr()?.is_ipv6(),
            desk: desk.clone(),
        };
        let (stack, streams_max) = match tls {
            None => (STACK, STREAMS_MAX),
            Some(_) => (TLS_STACK, STREAMS_MAX + 2 * GOSSIP_PIPES_MAX),
        };
        let mut thread = Thread {
            tcp,
            udp,
            tls,
            streams_max,
            desk,
            mailbox,
            log,
            streams: BTreeMap::new(),
            accepted: 0,
            pause: None,
            buffer: vec![0; READ_BYTES],
        };
        let builder = thread::Builder::new().name("gossip".into()).stack_size(stack);
        builder.spawn(move || thread.run())?;
        Ok(gossip)
    }

    /// Sends a packet, or drops it when the system has no room.
    pub(crate) fn send(&self, to: SocketAddr, bytes: &[u8]) {
        let Some(udp) = &self.udp else { return };
        let to = match to.ip() {
            // A socket of the newer family knows the older one's addresses by these names.
            IpAddr::V4(ip) if self.is_v6 => (ip.to_ipv6_mapped(), to.port()).into(),
            _ => to,
        };
        udp.send_to(bytes, to).ok();
    }

    /// Has something done with a stream.
    pub(crate) fn command(&self, id: StreamId, command: StreamCommand) {
        self.desk.commands().push_back((id, command));
        // It can only fail when it rings already.
        rustix::io::write(&self.desk.bell, &1_u64.to_ne_bytes()).ok();
    }
}

/// Looks a host up; may wait. An address stands for itself.
pub(crate) fn resolve(id: ResolveId, host: &str) -> Input {
    let found = std::net::ToSocketAddrs::to_socket_addrs(&(host, 0));
    let addresses = found.map(|all| all.map(|address| address.ip().to_canonical()));
    Input::Resolved(id, addresses.map(Iterator::collect).map_err(|e| e.to_string()))
}

/// The thread that serves the sockets.
struct Thread {
    tcp: TcpListener,
    udp: Option<UdpSocket>,
    tls: Option<Tls>,
    /// How many streams may be open.
    streams_max: usize,
    desk: Arc<Desk>,
    mailbox: Mailbox,
    log: Log,
    streams: BTreeMap<StreamId, Stream>,
    /// How many streams peers have opened so far.
    accepted: u64,
    /// Until when nobody is accepted, because files ran out.
    pause: Option<Instant>,
    buffer: Vec<u8>,
}

impl Thread {
    fn run(&mut self) {
        loop {
            let ready = self.wait();
            if ready.bell {
                let mut count = [0; 8];
                rustix::io::read(&self.desk.bell, &mut count).ok();
            }
            // Also without the bell: nothing waits for the next turn.
            let commands = std::mem::take(&mut *self.desk.commands());
            commands.into_iter().for_each(|(id, command)| self.obey(id, command));
            if ready.udp {
                self.take_packets();
            }
            if ready.tcp {
                self.accept();
            }
            for (id, flags) in ready.streams {
                self.serve(id, flags);
            }
            let now = Instant::now();
            self.streams.retain(|_, stream| !stream.is_over(now));
        }
    }

    /// Sleeps until something can be done.
    fn wait(&mut self) -> Ready {
        let now = Instant::now();
        self.pause = self.pause.filter(|&until| until > now);
        let ends = self.streams.values().filter_map(Stream::ends);
        let until = ends.chain(self.pause).min();
        let within = until.map(|until| until.saturating_duration_since(now));
        let within = within.and_then(|within| Timespec::try_from(within).ok());

        let mut fds = vec![readable(self.desk.bell.as_fd())];
        for stream in self.streams.values() {
            let (socket, wants) = stream.wants();
            fds.push(PollFd::new(socket, wants));
        }
        let door = self.pause.is_none().then(|| readable(self.tcp.as_fd()));
        let packets = self.udp.as_ref().map(|udp| readable(udp.as_fd()));
        let (has_door, has_packets) = (door.is_some(), packets.is_some());
        fds.extend(door.into_iter().chain(packets));
        if poll(&mut fds, within.as_ref()).is_err() {
            // A signal, or no memory for a moment: look again.
            return Ready::default();
        }
        let mut flags = fds.iter().map(PollFd::revents);
        let mut next = || flags.next().unwrap_or(PollFlags::empty());
        let bell = !next().is_empty();
        let streams: Vec<_> = self.streams.keys().map(|&id| (id, next())).collect();
        Ready {
            bell,
            streams: streams.into_iter().filter(|(_, flags)| !flags.is_empty()).collect(),
            tcp: has_door && !next().is_empty(),
            udp: has_packets && !next().is_empty(),
        }
    }

    fn take_packets(&mut self) {
        let Some(udp) = &self.udp else { return };
        for _ in 0..PACKETS_AT_ONCE {
            let Ok((n, from)) = udp.recv_from(&mut self.buffer) else { return };
            let (from, bytes) = (canonical(from), self.buffer[..n].to_vec());
            self.mailbox.offer(Input::Datagram { from, bytes });
        }
    }

    fn accept(&mut self) {
        match self.tcp.accept() {
            Ok((socket, from)) => {
                if self.streams.len() >= self.streams_max {
                    return;
                }
                let Ok(stream) = Stream::accepted(socket, self.tls.as_ref()) else { return };
                self.accepted += 1;
                let id = StreamId::accepted(self.accepted);
                self.streams.insert(id, stream);
                self.tell(id, StreamEvent::Accepted { from: canonical(from) });
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => {
                // No files or memory: others may free some.
                self.log.write(&Event::ConnectionsLimited { limit: self.streams_max as u64 });
                self.pause = Some(Instant::now() + ACCEPT_PAUSE);
            }
        }
    }

    /// Does what the node wants with a stream.
    fn obey(&mut self, id: StreamId, command: StreamCommand) {
        match command {
            StreamCommand::Open { to } => match Stream::connect(to, self.tls.as_ref()) {
                Ok(stream) => drop(self.streams.insert(id, stream)),
                Err(e) => self.tell(id, StreamEvent::Failed(e.to_string())),
            },
            StreamCommand::Write(bytes) => {
                let Some(stream) = self.streams.get_mut(&id) else { return };
                if let Err(e) = stream.write(bytes) {
                    self.fail(id, &e);
                }
            }
            StreamCommand::Close => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.close();
                }
            }
        }
    }

    /// Does what a stream's socket is ready for. Waits while the owner is busy, and so do peers.
    fn serve(&mut self, id: StreamId, flags: PollFlags) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        let is_wanted = stream.ends().is_none();
        let tell = |news| {
            let event = match news {
                News::Connected => StreamEvent::Connected,
                News::Data(bytes) => StreamEvent::Data(bytes),
                News::Closed => StreamEvent::Closed,
            };
            if is_wanted {
                self.mailbox.push(Input::Stream(id, event));
            }
        };
        if let Err(e) = stream.serve(flags, &mut self.buffer, tell) {
            self.fail(id, &e);
        }
    }

    fn fail(&mut self, id: StreamId, e: &io::Error) {
        self.tell(id, StreamEvent::Failed(e.to_string()));
        self.streams.remove(&id);
    }

    /// Tells the node about a stream that it has not closed.
    fn tell(&self, id: StreamId, event: StreamEvent) {
        if self.streams.get(&id).is_none_or(|stream| stream.ends().is_none()) {
            self.mailbox.push(Input::Stream(id, event));
        }
    }
}

/// What the sockets are ready for.
#[derive(Default)]
struct Ready {
    bell: bool,
    udp: bool,
    tcp: bool,
    streams: Vec<(StreamId, PollFlags)>,
}

fn readable(fd: BorrowedFd<'_>) -> PollFd<'_> {
    PollFd::from_borrowed_fd(fd, PollFlags::IN)
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpStream,
        sync::mpsc::Receiver,
        time::Duration,
    };

    use campana_core::event::{Format, Level};

    use super::*;
    use crate::node::Message;

    const WAIT: Duration = Duration::from_secs(10);

    fn start() -> (Gossip, SocketAddr, Receiver<Message>) {
        let log = Log { level: Level::Error, format: Format::Json };
        let (doors, bound) = Doors::open("127.0.0.1:0", None).expect("free ports");
        let (mailbox, inbox) = Mailbox::new();
        (Gossip::start(doors, mailbox, log).expect("a thread"), bound, inbox)
    }

    fn next(inbox: &Receiver<Message>) -> Input {
        match inbox.recv_timeout(WAIT) {
            Ok(Message::Input(input)) => input,
            _ => panic!("nothing was told"),
        }
    }

    #[test]
    fn a_peers_stream_is_read_answered_and_ended() {
        let (gossip, bound, inbox) = start();
        let mut peer = TcpStream::connect(bound).expect("it listens");
        let own = peer.local_addr().expect("connected");
        let Input::Stream(id, StreamEvent::Accepted { from }) = next(&inbox) else {
            panic!("not accepted")
        };
        assert_eq!((id, from), (StreamId::accepted(1), own));
        peer.write_all(b"question").expect("open");
        let Input::Stream(_, StreamEvent::Data(bytes)) = next(&inbox) else { panic!("no data") };
        assert_eq!(bytes, b"question");
        // More than a socket takes at once, and what the peer still says disturbs nobody.
        gossip.command(id, StreamCommand::Write(vec![7; 8 << 20]));
        gossip.command(id, StreamCommand::Write(b"end".to_vec()));
        gossip.command(id, StreamCommand::Close);
        peer.write_all(b"more").expect("open");
        let mut answer = Vec::new();
        peer.read_to_end(&mut answer).expect("an orderly end");
        assert_eq!((answer.len(), &answer[8 << 20..]), ((8 << 20) + 3, &b"end"[..]));
        drop(peer);
        assert!(inbox.recv_timeout(Duration::from_millis(50)).is_err(), "it was closed");
    }

    #[test]
    fn streams_are_opened_or_fail() {
        let (gossip, _, inbox) = start();
        let peer = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let to = peer.local_addr().expect("bound");
        gossip.command(StreamId(1), StreamCommand::Open { to });
        assert!(matches!(next(&inbox), Input::Stream(StreamId(1), StreamEvent::Connected)));
        gossip.command(StreamId(1), StreamCommand::Write(b"hello".to_vec()));
        let (mut socket, _) = peer.accept().expect("it calls");
        let mut read = [0; 5];
        socket.read_exact(&mut read).expect("bytes");
        assert_eq!(&read, b"hello");
        socket.shutdown(std::net::Shutdown::Write).expect("open");
        assert!(matches!(next(&inbox), Input::Stream(StreamId(1), StreamEvent::Closed)));
        gossip.command(StreamId(1), StreamCommand::Close);
        assert_eq!(socket.read(&mut read).expect("an orderly end"), 0);
        drop(peer);
        gossip.command(StreamId(2), StreamCommand::Open { to });
        assert!(matches!(next(&inbox), Input::Stream(StreamId(2), StreamEvent::Failed(_))));
    }

    #[test]
    fn packets_travel_both_ways() {
        let (gossip, bound, inbox) = start();
        let peer = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        peer.set_read_timeout(Some(WAIT)).expect("a socket");
        let own = peer.local_addr().expect("bound");
        gossip.send(own, b"ping");
        let mut buffer = [0; 16];
        let (n, from) = peer.recv_from(&mut buffer).expect("a packet");
        assert_eq!((&buffer[..n], from), (&b"ping"[..], bound));
        peer.send_to(b"ack", bound).expect("sent");
        let Input::Datagram { from, bytes } = next(&inbox) else { panic!("no packet") };
        assert_eq!((from, &*bytes), (own, &b"ack"[..]));
    }

    #[test]
    fn hosts_are_looked_up() {
        let local = IpAddr::from([127, 0, 0, 1]);
        let Input::Resolved(ResolveId(1), found) = resolve(ResolveId(1), "127.0.0.1") else {
            panic!("not resolved")
        };
        assert_eq!(found, Ok(vec![local]));
        let Input::Resolved(_, found) = resolve(ResolveId(2), "localhost") else {
            panic!("not resolved")
        };
        assert!(found.is_ok_and(|found| found.contains(&local)));
    }
}
