//! A relay of gossip: packets and streams go through it to one member, until it is cut.
//!
//! The member advertises the relay's address, so that its peers write there. It does what network
//! namespaces with a cable between them would do, without the rights to make them.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use crate::cluster::free_address;

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
    member: SocketAddr,
    is_cut: AtomicBool,
    is_closed: AtomicBool,
    streams: Mutex<Vec<TcpStream>>,
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
            member,
            is_cut: AtomicBool::new(false),
            is_closed: AtomicBool::new(false),
            streams: Mutex::new(Vec::new()),
        });
        let shared = state.clone();
        thread::spawn(move || pass_packets(&packets, &shared));
        let shared = state.clone();
        thread::spawn(move || accept(&listener, &shared));
        Ok(Self { address, state })
    }

    /// Cuts the way or heals it. Packets are lost while it is cut, and streams are broken.
    pub fn cut(&self, is_cut: bool) {
        self.state.is_cut.store(is_cut, SeqCst);
        if is_cut {
            self.state.break_streams();
        }
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
        if from != state.member && !state.is_cut.load(SeqCst) {
            // Packets may be lost.
            let _ = packets.send_to(&buffer[..length], state.member);
        }
    }
}

fn accept(listener: &TcpListener, state: &State) {
    while !state.is_closed.load(SeqCst) {
        match listener.accept() {
            Ok((stream, _)) if !state.is_cut.load(SeqCst) => {
                // A member that does not listen breaks the stream.
                let _ = join(stream, state);
            }
            Ok(_) => {}
            Err(_) => thread::sleep(POLL),
        }
    }
}

fn join(peer: TcpStream, state: &State) -> io::Result<()> {
    peer.set_nonblocking(false)?;
    let member = TcpStream::connect_timeout(&state.member, Duration::from_secs(1))?;
    let ends = [peer.try_clone()?, member.try_clone()?];
    let mut streams = state.streams();
    // Looked at with the lock held, so that no stream slips past a cut.
    if state.is_cut.load(SeqCst) {
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
