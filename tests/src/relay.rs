//! A relay of gossip: packets and streams go through it to one member, until it is cut for some.
//!
//! The member advertises the relay's address, so that its peers write there. It does what network
//! namespaces with a cable between them would do, without the rights to make them.

use std::{
    fs, io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use crate::cluster::{Member, free_address};

/// How often its threads look whether it is closed.
const POLL: Duration = Duration::from_millis(20);

/// The way to one member. Dropping it closes it.
#[derive(Debug)]
pub struct Relay {
    /// Where peers reach the member.
    pub address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    address: SocketAddr,
    member: SocketAddr,
    is_closed: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
    strangers: Mutex<Vec<Stranger>>,
}

/// A member for which the way is cut.
#[derive(Clone, Copy, Debug)]
struct Stranger {
    /// Where its packets come from.
    gossip: SocketAddr,
    /// Whose streams are its own: they come from any port.
    process: u32,
}

impl Relay {
    /// Opens the way to a member.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn open(member: SocketAddr) -> io::Result<Self> {
        let address = free_address();
        let packets = UdpSocket::bind(address)?;
        packets.set_read_timeout(Some(POLL))?;
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let state = Arc::new(State {
            address,
            member,
            is_closed: AtomicBool::new(false),
            streams: Mutex::new(Vec::new()),
            strangers: Mutex::new(Vec::new()),
        });
        let shared = state.clone();
        thread::spawn(move || pass_packets(&packets, &shared));
        let shared = state.clone();
        thread::spawn(move || accept(&listener, &shared));
        Ok(Self { address, state })
    }

    /// Cuts the way for these members, and heals it for all others. Their packets are lost, and all
    /// streams are broken.
    pub fn cut_for(&self, members: &[&Member]) {
        let strangers = members
            .iter()
            .map(|member| Stranger { gossip: member.gossip, process: member.program.id() });
        *self.state.strangers() = strangers.collect();
        self.state.break_streams();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.is_closed.store(true, SeqCst);
        self.state.break_streams();
    }
}

impl State {
    fn streams(&self) -> MutexGuard<'_, Vec<TcpStream>> {
        self.streams.lock().expect("no thread panics with the lock held")
    }

    fn strangers(&self) -> MutexGuard<'_, Vec<Stranger>> {
        self.strangers.lock().expect("no thread panics with the lock held")
    }

    fn lets_packets_pass(&self, from: SocketAddr) -> bool {
        from != self.member && self.strangers().iter().all(|stranger| stranger.gossip != from)
    }

    fn lets_stream_pass(&self, from: SocketAddr) -> bool {
        let strangers = self.strangers().clone();
        if strangers.is_empty() {
            return true;
        }
        let Some(socket) = socket_of(from, self.address) else { return false };
        let is_strange = strangers.iter().any(|stranger| has_socket(stranger.process, &socket));
        // Whoever closed it meanwhile could not be found, and may be a stranger.
        !is_strange && socket_of(from, self.address) == Some(socket)
    }

    fn break_streams(&self) {
        for stream in self.streams().drain(..) {
            // It may have ended already, which is as well.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pass_packets(packets: &UdpSocket, state: &State) {
    let mut buffer = [0; 1 << 16];
    while !state.is_closed.load(SeqCst) {
        let Ok((length, from)) = packets.recv_from(&mut buffer) else { continue };
        if state.lets_packets_pass(from) {
            // Packets may be lost.
            let _ = packets.send_to(&buffer[..length], state.member);
        }
    }
}

fn accept(listener: &TcpListener, state: &State) {
    while !state.is_closed.load(SeqCst) {
        match listener.accept() {
            Ok((stream, from)) if state.lets_stream_pass(from) => {
                // A member that does not listen breaks the stream.
                let _ = join(stream, from, state);
            }
            Ok(_) => {}
            Err(_) => thread::sleep(POLL),
        }
    }
}

/// Returns the name by which `/proc` knows the socket that is connected from an address to another;
/// `None` when no process has it open. Both ends count: on a busy machine several processes use the
/// same port towards different places.
fn socket_of(from: SocketAddr, to: SocketAddr) -> Option<String> {
    let ends = [printed(from)?, printed(to)?];
    let table = fs::read_to_string("/proc/net/tcp").ok()?;
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let row = rows.find(|row| row.get(1..3) == Some(&[&*ends[0], &*ends[1]]))?;
    let inode = row.get(9).filter(|inode| **inode != "0")?;
    Some(format!("socket:[{inode}]"))
}

/// Returns an address as `/proc/net/tcp` has it: as the number that the kernel has in memory.
fn printed(address: SocketAddr) -> Option<String> {
    let SocketAddr::V4(v4) = address else { return None };
    let ip = u32::from_ne_bytes(v4.ip().octets());
    Some(format!("{ip:08X}:{:04X}", v4.port()))
}

fn has_socket(process: u32, socket: &str) -> bool {
    let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    open.filter_map(|entry| fs::read_link(entry.path()).ok())
        .any(|target| target.to_str() == Some(socket))
}

fn join(peer: TcpStream, from: SocketAddr, state: &State) -> io::Result<()> {
    peer.set_nonblocking(false)?;
    let member = TcpStream::connect_timeout(&state.member, Duration::from_secs(1))?;
    let ends = [peer.try_clone()?, member.try_clone()?];
    let mut streams = state.streams();
    // Looked at again with the lock held, so that no stream slips past a cut.
    if !state.lets_stream_pass(from) {
        return Ok(());
    }
    streams.extend(ends);
    drop(streams);
    let (mut from_peer, mut to_peer) = (peer.try_clone()?, peer);
    let (mut from_member, mut to_member) = (member.try_clone()?, member);
    thread::spawn(move || {
        let _ = io::copy(&mut from_peer, &mut to_member);
        let _ = to_member.shutdown(Shutdown::Write);
    });
    thread::spawn(move || {
        let _ = io::copy(&mut from_member, &mut to_peer);
        let _ = to_peer.shutdown(Shutdown::Write);
    });
    Ok(())
}
