//! Gossip: one socket for packets, one listener, and the streams, all served by one thread that
//! polls. Without a cluster none of it exists.

use std::{
    collections::{BTreeMap, VecDeque},
    fs,
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use campana_core::{
    cli::Options,
    cluster::{self, StreamCommand, StreamEvent},
    event::Event,
    id::{ResolveId, StreamId},
    limits::{
        ACCEPT_PAUSE, GOSSIP_BULK_STREAMS_MAX, GOSSIP_DIALS_MAX, GOSSIP_PACKED_BYTES_MAX,
        GOSSIP_STREAMS_MAX,
    },
    node::{Input, gossip_start},
};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::{listen, log::Log, node::Mailbox};

/// The stack of the thread: no deep calls, and its buffer is elsewhere.
const STACK: usize = 64 << 10;

/// Bytes that one read takes at most. No packet is longer.
const READ_BYTES: usize = 64 << 10;

/// Packets that are read before others get their turn.
const PACKETS_AT_ONCE: usize = 256;

/// Bytes of packets that the system may keep for us, as memberlist asks for.
const PACKETS_WAITING: usize = 2 << 20;

/// Ports that are tried when any will do: one that is free for streams may be taken for packets.
const PORTS_TRIED: usize = 16;

/// How long a stream that the node closed may take to write the rest and hear the peer's end.
const LINGER: Duration = Duration::from_secs(10);

/// Streams open at once, those that only linger included. Further ones of peers are closed.
const STREAMS_MAX: usize = GOSSIP_STREAMS_MAX + GOSSIP_BULK_STREAMS_MAX + GOSSIP_DIALS_MAX + 64;

/// The sockets, bound before the node is made.
pub(crate) struct Doors {
    tcp: TcpListener,
    udp: UdpSocket,
}

/// Opens the sockets and decides how to take part; `None` where the flags want no cluster.
pub(crate) fn open(
    options: &Options,
    log: Log,
) -> Result<Option<(Doors, cluster::Settings)>, Event> {
    let Some(listen) = &options.cluster.listen_address else { return Ok(None) };
    let refuse = |address: &str, err| Event::ListenFailed { address: address.into(), err };
    if options.cluster.tls_config.is_some() {
        let err = "this version cannot do that, and without it gossip would be open to others";
        return Err(refuse("--cluster.tls-config", err.into()));
    }
    let (doors, bound) = Doors::open(listen).map_err(|e| refuse(listen, e.to_string()))?;
    let (settings, event) = gossip_start(options, bound, own_addresses())
        .map_err(|err| refuse("--cluster.advertise-address", err))?;
    event.iter().for_each(|event| log.write(event));
    Ok(Some((doors, settings)))
}

/// Returns the host's addresses, first those by which it reaches others.
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
    let trie = fs::read_to_string("/proc/net/fib_trie").unwrap_or_default();
    let outgoing = [outgoing(v4), outgoing(v6)].into_iter().flatten();
    outgoing.chain(cluster::local_addresses(&trie)).collect()
}

impl Doors {
    /// Binds both sockets to the same address and port.
    fn open(address: &str) -> io::Result<(Self, SocketAddr)> {
        let mut tries = PORTS_TRIED;
        loop {
            let tcp = listen::bind(address)?;
            let bound = tcp.local_addr()?;
            tries -= 1;
            match packets(bound) {
                Ok(udp) => {
                    tcp.set_nonblocking(true)?;
                    return Ok((Self { tcp, udp }, bound));
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
    udp: UdpSocket,
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
        let Doors { tcp, udp } = doors;
        let bell = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let desk = Arc::new(Desk { commands: Mutex::default(), bell });
        let gossip =
            Self { udp: udp.try_clone()?, is_v6: udp.local_addr()?.is_ipv6(), desk: desk.clone() };
        let mut thread = Thread {
            tcp,
            udp,
            desk,
            mailbox,
            log,
            streams: BTreeMap::new(),
            accepted: 0,
            pause: None,
            buffer: vec![0; READ_BYTES],
        };
        let builder = thread::Builder::new().name("gossip".into()).stack_size(STACK);
        builder.spawn(move || thread.run())?;
        Ok(gossip)
    }

    /// Sends a packet, or drops it when the system has no room.
    pub(crate) fn send(&self, to: SocketAddr, bytes: &[u8]) {
        let to = match to.ip() {
            // A socket of the newer family knows the older one's addresses by these names.
            IpAddr::V4(ip) if self.is_v6 => (ip.to_ipv6_mapped(), to.port()).into(),
            _ => to,
        };
        self.udp.send_to(bytes, to).ok();
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
    udp: UdpSocket,
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

/// A stream that is open, being opened or being closed.
struct Stream {
    socket: TcpStream,
    is_connecting: bool,
    /// The peer has said everything.
    is_heard: bool,
    unsent: VecDeque<u8>,
    /// Until when it may linger; the node has closed it.
    ends: Option<Instant>,
    /// The peer was told that nothing more comes.
    is_shut: bool,
}

impl Stream {
    fn new(socket: TcpStream, is_connecting: bool) -> Self {
        // Only a hint to the system.
        socket.set_nodelay(true).ok();
        let unsent = VecDeque::new();
        Self { socket, is_connecting, is_heard: false, unsent, ends: None, is_shut: false }
    }

    /// Starts to connect. The result shows when the socket can be written to.
    fn connect(to: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_nonblocking(true)?;
        match socket.connect(&to.into()) {
            Err(e) if !is_under_way(&e) => Err(e),
            _ => Ok(Self::new(socket.into(), true)),
        }
    }

    fn wants(&self) -> PollFlags {
        let mut wants = PollFlags::empty();
        wants.set(PollFlags::OUT, self.is_connecting || !self.unsent.is_empty());
        wants.set(PollFlags::IN, !self.is_connecting && !self.is_heard);
        wants
    }

    /// Writes what the socket takes.
    fn write(&mut self) -> io::Result<()> {
        while !self.is_connecting && !self.unsent.is_empty() {
            match self.socket.write(self.unsent.as_slices().0) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// Goes on closing. Tells whether nothing is left of it.
    fn is_over(&mut self, now: Instant) -> bool {
        let Some(ends) = self.ends else { return false };
        if !self.is_shut && self.unsent.is_empty() {
            // The peer hears an end and not a break, even while it still writes.
            self.is_shut = true;
            self.socket.shutdown(Shutdown::Write).ok();
        }
        self.is_connecting || ends <= now || (self.is_shut && self.is_heard)
    }
}

fn is_under_way(e: &io::Error) -> bool {
    e.kind() == io::ErrorKind::WouldBlock
        || e.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
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
        let ends = self.streams.values().filter_map(|stream| stream.ends);
        let until = ends.chain(self.pause).min();
        let within = until.map(|until| until.saturating_duration_since(now));
        let within = within.and_then(|within| Timespec::try_from(within).ok());

        let always = [self.desk.bell.as_fd(), self.udp.as_fd()];
        let door = self.pause.is_none().then(|| self.tcp.as_fd());
        let mut fds: Vec<PollFd<'_>> = always.map(readable).into();
        let streams = self.streams.iter();
        let streams =
            streams.map(|(&id, stream)| (id, PollFd::new(&stream.socket, stream.wants())));
        let (ids, polled): (Vec<_>, Vec<_>) = streams.unzip();
        fds.extend(polled);
        fds.extend(door.map(readable));
        if poll(&mut fds, within.as_ref()).is_err() {
            // A signal, or no memory for a moment: look again.
            return Ready::default();
        }
        let flags: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        let woken = ids.into_iter().zip(flags[2..].iter().copied());
        let tcp = door.is_some() && flags.last().is_some_and(|flags| !flags.is_empty());
        Ready {
            bell: !flags[0].is_empty(),
            udp: !flags[1].is_empty(),
            tcp,
            streams: woken.filter(|(_, flags)| !flags.is_empty()).collect(),
        }
    }

    fn take_packets(&mut self) {
        for _ in 0..PACKETS_AT_ONCE {
            let Ok((n, from)) = self.udp.recv_from(&mut self.buffer) else { return };
            let (from, bytes) = (canonical(from), self.buffer[..n].to_vec());
            self.mailbox.offer(Input::Datagram { from, bytes });
        }
    }

    fn accept(&mut self) {
        match self.tcp.accept() {
            Ok((socket, from)) => {
                if self.streams.len() >= STREAMS_MAX || socket.set_nonblocking(true).is_err() {
                    return;
                }
                self.accepted += 1;
                let id = StreamId::accepted(self.accepted);
                self.streams.insert(id, Stream::new(socket, false));
                self.tell(id, StreamEvent::Accepted { from: canonical(from) });
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(_) => {
                // No files or memory: others may free some.
                self.log.write(&Event::ConnectionsLimited { limit: STREAMS_MAX as u64 });
                self.pause = Some(Instant::now() + ACCEPT_PAUSE);
            }
        }
    }

    /// Does what the node wants with a stream.
    fn obey(&mut self, id: StreamId, command: StreamCommand) {
        match command {
            StreamCommand::Open { to } => match Stream::connect(to) {
                Ok(stream) => drop(self.streams.insert(id, stream)),
                Err(e) => self.tell(id, StreamEvent::Failed(e.to_string())),
            },
            StreamCommand::Write(bytes) => {
                let Some(stream) = self.streams.get_mut(&id) else { return };
                stream.unsent.extend(bytes);
                let written = match stream.unsent.len() > GOSSIP_PACKED_BYTES_MAX {
                    true => Err(io::Error::other("the peer reads too slowly")),
                    false => stream.write(),
                };
                if let Err(e) = written {
                    self.fail(id, &e);
                }
            }
            StreamCommand::Close => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.ends = Some(Instant::now() + LINGER);
                }
            }
        }
    }

    /// Does what a stream's socket is ready for.
    fn serve(&mut self, id: StreamId, flags: PollFlags) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        if stream.is_connecting {
            match SockRef::from(&stream.socket).take_error() {
                Ok(None) => {
                    stream.is_connecting = false;
                    self.tell(id, StreamEvent::Connected);
                }
                Ok(Some(e)) | Err(e) => self.fail(id, &e),
            }
            return;
        }
        if let Err(e) = stream.write() {
            return self.fail(id, &e);
        }
        if stream.is_heard {
            // Neither reading nor writing: the connection is broken, and polling would not rest.
            if flags.intersects(PollFlags::ERR | PollFlags::HUP) {
                self.fail(id, &io::ErrorKind::ConnectionReset.into());
            }
            return;
        }
        match stream.socket.read(&mut self.buffer) {
            Ok(0) => {
                stream.is_heard = true;
                self.tell(id, StreamEvent::Closed);
            }
            Ok(n) => self.tell(id, StreamEvent::Data(self.buffer[..n].to_vec())),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => self.fail(id, &e),
        }
    }

    fn fail(&mut self, id: StreamId, e: &io::Error) {
        self.tell(id, StreamEvent::Failed(e.to_string()));
        self.streams.remove(&id);
    }

    /// Tells the node about a stream that it has not closed. Waits while the owner is busy, and so
    /// do the peers.
    fn tell(&self, id: StreamId, event: StreamEvent) {
        if self.streams.get(&id).is_none_or(|stream| stream.ends.is_none()) {
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
