//! The gate between the network and tiny_http.
//!
//! tiny_http knows no timeouts and no limits, and its accept thread dies when files run out. So it
//! never meets a client: the gate owns the listeners, reads each request whole under deadlines and
//! limits, and only then passes it on, built anew, over one of a few inner connections that were
//! made before the first client came. A request that has a body is answered by the connection's
//! own thread. Slow clients cost a small thread each and nothing else.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use campana_core::{
    api::{PLAIN_ON_TLS, Response, Rest},
    event::Event,
    limits::{
        ACCEPT_PAUSE, ANSWER_PIECE_BYTES, BODY_WAIT, HEADER_BYTES_MAX, HEADER_WAIT, IDLE_WAIT,
        REFUSED_BODY_WAIT,
    },
};
use tiny_http::StatusCode;

use crate::{
    caught::caught,
    frame::{self, Body, Frame, Refusal},
    inner::{Budget, Inner, Share},
    line::Line,
    log::Log,
    serve::{Desk, STACK},
};

/// The least that is read at once.
const FILL: usize = 4096;

/// How long a new client waits for the room of one that was idle.
const ROOM_WAIT: Duration = Duration::from_secs(1);

/// The gate, shared by the threads of listeners and connections.
pub(crate) struct Gate {
    inner: Inner,
    desk: Arc<Desk>,
    budget: Arc<Budget>,
    connections_max: usize,
    open: Mutex<Open>,
    room: Condvar,
    log: Log,
}

/// The connections that are open.
#[derive(Default)]
struct Open {
    last: u64,
    connections: BTreeMap<u64, Connection>,
    is_closing: bool,
    complained: Option<Instant>,
}

struct Connection {
    stream: Arc<TcpStream>,
    /// Since when it waits for a request; `None` while one is read or answered.
    idle_since: Option<Instant>,
}

/// Why a connection ends.
enum End {
    /// The client is gone or too slow for an answer.
    Gone,
    /// It is told this first.
    Refused(Refusal),
    /// It is told that its body is too large.
    TooLarge,
}

impl From<io::Error> for End {
    fn from(_: io::Error) -> Self {
        Self::Gone
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl Gate {
    /// Makes a gate that lets so many connections in at once.
    pub(crate) fn new(inner: Inner, desk: Arc<Desk>, connections_max: usize, log: Log) -> Self {
        let (open, room) = (Mutex::default(), Condvar::new());
        Self { inner, desk, budget: Arc::default(), connections_max, open, room, log }
    }

    /// Starts to accept connections.
    pub(crate) fn open(self: &Arc<Self>, listener: TcpListener) -> io::Result<()> {
        let gate = self.clone();
        let accept = move || gate.accept(&listener);
        thread::Builder::new().name("accept".into()).stack_size(STACK).spawn(accept).map(drop)
    }

    /// Stops accepting and has connections end after the request they are at.
    pub(crate) fn close(&self) {
        let mut open = self.connections();
        open.is_closing = true;
        for connection in open.connections.values().filter(|c| c.idle_since.is_some()) {
            // What has arrived can still be read and is answered.
            connection.stream.shutdown(Shutdown::Read).ok();
        }
    }

    /// Tells whether no connection is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.connections().connections.is_empty()
    }

    /// Returns how many connections are open.
    pub(crate) fn len(&self) -> u64 {
        self.connections().connections.len() as u64
    }

    fn connections(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            let accepted = listener.accept();
            if self.connections().is_closing {
                return;
            }
            match accepted {
                Ok((stream, _)) => self.admit(Arc::new(stream)),
                Err(e) if e.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(_) => {
                    // No files or memory: those who are connected may free some.
                    self.complain();
                    thread::sleep(ACCEPT_PAUSE);
                }
            }
        }
    }

    /// Serves a connection on a thread of its own. At the limit the one that idled longest gives
    /// way; if all are busy, the new one is closed.
    fn admit(self: &Arc<Self>, stream: Arc<TcpStream>) {
        let mut open = self.connections();
        if open.connections.len() >= self.connections_max {
            let idle = open.connections.values_mut().filter(|c| c.idle_since.is_some());
            if let Some(longest) = idle.min_by_key(|c| c.idle_since) {
                longest.stream.shutdown(Shutdown::Read).ok();
                longest.idle_since = None;
                let full = |open: &mut Open| open.connections.len() >= self.connections_max;
                let waited = self.room.wait_timeout_while(open, ROOM_WAIT, full);
                open = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        if open.connections.len() >= self.connections_max {
            drop(open);
            return self.complain();
        }
        open.last += 1;
        let id = open.last;
        let connection = Connection { stream: stream.clone(), idle_since: None };
        open.connections.insert(id, connection);
        drop(open);
        let gate = self.clone();
        let serve = move || {
            let _leave = Leave { gate: &gate, id };
            gate.serve(id, &stream);
        };
        let thread = thread::Builder::new().name("connection".into()).stack_size(STACK);
        if thread.spawn(serve).is_err() {
            self.leave(id);
            self.complain();
        }
    }

    fn leave(&self, id: u64) {
        self.connections().connections.remove(&id);
        self.room.notify_all();
    }

    /// Tells the log about a refused connection, but not about each of a flood.
    fn complain(&self) {
        let mut open = self.connections();
        if open.complained.is_none_or(|at| at.elapsed() > Duration::from_secs(10)) {
            open.complained = Some(Instant::now());
            drop(open);
            self.log.write(&Event::ConnectionsLimited { limit: self.connections_max as u64 });
        }
    }

    /// Notes whether a connection waits for a request, and returns whether it should not.
    fn set_idle(&self, id: u64, is_idle: bool) -> bool {
        let mut open = self.connections();
        let is_closing = open.is_closing;
        if let Some(connection) = open.connections.get_mut(&id) {
            connection.idle_since = is_idle.then(Instant::now);
        }
        is_closing
    }

    fn serve(&self, id: u64, stream: &TcpStream) {
        // Only a hint to the system; answers arrive without it too.
        stream.set_nodelay(true).ok();
        self.set_idle(id, true);
        let Some(line) = self.greet(stream) else { return };
        let mut client = Client { line, read: Vec::new(), deadline: Instant::now() };
        let mut wait = HEADER_WAIT;
        loop {
            client.deadline = Instant::now() + wait;
            let is_closing = self.set_idle(id, true);
            if client.read.is_empty() && (is_closing || !client.fill().is_ok_and(|n| n > 0)) {
                return;
            }
            self.set_idle(id, false);
            match self.exchange(id, &mut client) {
                Ok(true) => wait = IDLE_WAIT,
                Ok(false) => return client.hang_up(),
                Err(End::Gone) => return,
                Err(End::Refused(refusal)) => {
                    client.refuse(refusal).ok();
                    return client.hang_up();
                }
                Err(End::TooLarge) => {
                    client.respond(&self.desk.too_large(), false, true).ok();
                    return client.hang_up();
                }
            }
        }
    }

    /// Agrees on TLS, where it is spoken.
    fn greet<'a>(&self, stream: &'a TcpStream) -> Option<Line<'a>> {
        let mut line = Line::new(stream, Instant::now() + HEADER_WAIT);
        let Some(watch) = self.desk.watch() else { return Some(line) };
        if watch.tls().is_none() {
            return Some(line);
        }
        if line.peek().ok()?.is_ascii_uppercase() {
            line.write_all(PLAIN_ON_TLS).ok();
            Client { line, read: Vec::new(), deadline: Instant::now() }.hang_up();
            return None;
        }
        if watch.is_due() {
            watch.look();
        }
        if let Err(e) = line.secure(watch.tls()?) {
            self.log.write(&Event::HandshakeFailed { err: e.to_string() });
            return None;
        }
        Some(line)
    }

    /// Takes one request through. Tells whether the connection stays open.
    fn exchange(&self, id: u64, client: &mut Client<'_>) -> Result<bool, End> {
        client.deadline = Instant::now() + HEADER_WAIT;
        let head = client.head()?;
        let mut frame = frame::parse(&head)?;
        drop(head);
        let body_max = match frame.with_head(|head| self.desk.admit(head)) {
            Ok(body_max) => body_max,
            Err(response) => {
                // A body that nobody wants is not waited for.
                frame.close |= frame.body != Body::Length(0);
                client.respond(&response, frame.is_head, frame.close)?;
                return Ok(!frame.close);
            }
        };
        client.deadline = Instant::now() + BODY_WAIT;
        let mut held = Share::new(self.budget.clone());
        let body = client.body(&frame, body_max, &mut held)?;
        let mut inner = self.inner.take().ok_or((503, "too many requests"))?;
        let long = if frame.body == Body::Length(0) {
            inner.send(&frame, id)?;
            frame.close |= self.connections().is_closing;
            let long = || self.desk.take_long(id);
            let share = Share::new(self.budget.clone());
            inner.relay(&mut client.line, &mut frame, share, long)?
        } else {
            frame.close |= self.connections().is_closing;
            let answer = |frame: &Frame| self.desk.serve_here(frame, &body);
            inner.hold(&mut client.line, &mut frame, answer)?
        };
        drop((body, held));
        if let Some(mut long) = long {
            let result = self.go_on(&mut client.line, &mut long.rest, frame.is_old);
            self.desk.finish(&long);
            result?;
        }
        Ok(!frame.close)
    }

    /// Writes what is left of an answer, a piece at a time. A client of old gets it as it is, and
    /// knows the end by that of the connection.
    fn go_on(&self, line: &mut Line<'_>, rest: &mut Rest, is_old: bool) -> io::Result<()> {
        let mut held = Share::new(self.budget.clone());
        let piece = if held.grow(ANSWER_PIECE_BYTES) { ANSWER_PIECE_BYTES } else { 4096 };
        // The line before a chunk stands in front of it when its length is known.
        const ROOM: usize = 16;
        let mut out = Vec::with_capacity(piece + (8 << 10));
        loop {
            out.clear();
            out.extend_from_slice(&[0; ROOM]);
            let written = caught(|| rest.write(&mut out, ROOM + piece));
            let goes_on = written.map_err(|err| {
                self.log.write(&Event::WorkPanicked { err: err.clone() });
                io::Error::other(err)
            })?;
            let mut begin = ROOM;
            if !is_old {
                let before = format!("\r\n{:x}\r\n", out.len() - ROOM);
                begin = ROOM - before.len();
                out[begin..ROOM].copy_from_slice(before.as_bytes());
                out.extend_from_slice(if goes_on { b"" } else { b"\r\n0\r\n\r\n" });
            }
            line.write_all(&out[begin..])?;
            // Whatever was woken meanwhile on this core would wait for milliseconds.
            thread::yield_now();
            if !goes_on {
                return line.flush();
            }
        }
    }
}

/// Takes a connection off the list, however its thread ends.
struct Leave<'a> {
    gate: &'a Gate,
    id: u64,
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        // What nobody took, since the answer did not get that far.
        drop(self.gate.desk.take_long(self.id));
        self.gate.leave(self.id);
    }
}

/// What was read of a request, of which more must come.
fn some(read: io::Result<usize>) -> Result<usize, End> {
    match read {
        Ok(0) => Err(End::Gone),
        Ok(n) => Ok(n),
        Err(e) if matches!(e.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock) => {
            Err(End::Refused((408, "the request took too long")))
        }
        Err(_) => Err(End::Gone),
    }
}

/// The client's side of a connection.
struct Client<'a> {
    line: Line<'a>,
    /// Bytes that were read and not yet used.
    read: Vec<u8>,
    deadline: Instant,
}

impl Client<'_> {
    /// Reads what has arrived, at the latest by the deadline. 0 is the end of the stream.
    fn fill(&mut self) -> io::Result<usize> {
        self.line.set_due(self.deadline);
        let used = self.read.len();
        self.read.resize(used + FILL, 0);
        let n = self.line.read(&mut self.read[used..]);
        self.read.truncate(used + n.as_ref().map_or(0, |n| *n));
        n
    }

    /// Reads more of a request, which must come.
    fn need(&mut self) -> Result<(), End> {
        let read = self.fill();
        some(read).map(drop)
    }

    fn head(&mut self) -> Result<Vec<u8>, End> {
        let mut seen = 0;
        loop {
            if let Some(end) = frame::head_end(&self.read, seen)? {
                let rest = self.read.split_off(end);
                return Ok(std::mem::replace(&mut self.read, rest));
            }
            seen = self.read.len();
            if seen > HEADER_BYTES_MAX {
                return Err(End::Refused((431, "the head is too large")));
            }
            self.need()?;
        }
    }

    fn body(&mut self, frame: &Frame, max: usize, held: &mut Share) -> Result<Vec<u8>, End> {
        let mut body = Vec::new();
        match frame.body {
            Body::Length(length) => {
                let length = bounded(max, length)?;
                if length > 0 {
                    self.invite(frame)?;
                    self.take_into(&mut body, length, held)?;
                }
            }
            Body::Chunked => {
                self.invite(frame)?;
                loop {
                    let length = frame::chunk_length(&self.line()?)?;
                    if length == 0 {
                        break;
                    }
                    let length = bounded(max - body.len(), length)?;
                    self.take_into(&mut body, length, held)?;
                    if !self.line()?.is_empty() {
                        return Err(End::Refused((400, "malformed chunk")));
                    }
                }
                // Trailers mean nothing here.
                let mut bytes = 0;
                loop {
                    let line = self.line()?;
                    bytes += line.len();
                    if line.is_empty() {
                        break;
                    }
                    if bytes > HEADER_BYTES_MAX {
                        return Err(End::Refused((431, "the trailers are too large")));
                    }
                }
            }
        }
        Ok(body)
    }

    /// Asks for the body if the client waits for that.
    fn invite(&mut self, frame: &Frame) -> io::Result<()> {
        if frame.expects && self.read.is_empty() {
            self.line.set_due(Instant::now() + HEADER_WAIT);
            self.line.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            self.line.flush()?;
        }
        Ok(())
    }

    fn take_into(&mut self, out: &mut Vec<u8>, n: usize, held: &mut Share) -> Result<(), End> {
        let end = out.len() + n;
        let mut arrived = self.read.len().min(n);
        out.extend_from_slice(&self.read[..arrived]);
        self.read.drain(..arrived);
        loop {
            // Memory is taken as bytes arrive, not as they are announced.
            if !held.grow(arrived) {
                return Err(End::Refused((503, "too many large requests")));
            }
            let used = out.len();
            if used == end {
                return Ok(());
            }
            // Room for a few times of that: who sends little costs little.
            out.resize(end.min(used + FILL.max(4 * used)), 0);
            self.line.set_due(self.deadline);
            let read = self.line.read(&mut out[used..]);
            out.truncate(used + read.as_ref().map_or(0, |n| *n));
            arrived = some(read)?;
        }
    }

    /// Takes a line of a chunked body, without its end.
    fn line(&mut self) -> Result<Vec<u8>, End> {
        loop {
            if let Some(end) = self.read.iter().position(|&b| b == b'\n') {
                let mut line: Vec<u8> = self.read.drain(..=end).collect();
                if !line.ends_with(b"\r\n") {
                    return Err(End::Refused((400, "malformed chunk")));
                }
                line.truncate(end - 1);
                return Ok(line);
            }
            if self.read.len() > HEADER_BYTES_MAX {
                return Err(End::Refused((400, "malformed chunk")));
            }
            self.need()?;
        }
    }

    fn refuse(&mut self, (status, text): Refusal) -> io::Result<()> {
        let body = format!("{status} {}: {text}", StatusCode(status).default_reason_phrase());
        let headers = vec![("Content-Type", "text/plain; charset=utf-8".into())];
        let body = body.into_bytes();
        self.respond(&Response { status, headers, body, ..Response::default() }, false, true)
    }

    /// Answers what never gets to tiny_http.
    fn respond(&mut self, response: &Response, is_head: bool, close: bool) -> io::Result<()> {
        let status = StatusCode(response.status);
        let mut out = format!("HTTP/1.1 {} {}\r\n", status.0, status.default_reason_phrase());
        let headers = response.headers.iter().filter(|(name, _)| *name != "Connection");
        for (name, value) in headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out.push_str(&format!("Content-Length: {}\r\n", response.body.len()));
        out.push_str(if close { "Connection: close\r\n\r\n" } else { "\r\n" });
        let mut out = out.into_bytes();
        if !is_head {
            out.extend_from_slice(&response.body);
        }
        self.line.set_due(Instant::now() + HEADER_WAIT);
        self.line.write_all(&out)?;
        self.line.flush()
    }

    /// Ends a connection so that the client sees the answer: closing a socket with unread bytes
    /// would break it off.
    fn hang_up(mut self) {
        self.line.end();
        self.deadline = Instant::now() + REFUSED_BODY_WAIT;
        while self.fill().is_ok_and(|n| n > 0) {
            self.read.clear();
        }
    }
}

/// Checks that a body may have so many bytes more.
fn bounded(room: usize, more: u64) -> Result<usize, End> {
    usize::try_from(more).ok().filter(|more| *more <= room).ok_or(End::TooLarge)
}

#[cfg(test)]
mod tests {
    use campana_core::{
        api::Site,
        cli::{ExternalUrl, Options},
        event::{Format, Level},
    };

    use super::*;
    use crate::{inner::INNER_MAX, node::Mailbox};

    /// Starts a gate before a site whose node is gone, and returns where it listens.
    fn start(connections_max: usize) -> (Arc<Gate>, std::net::SocketAddr) {
        let log = Log { level: Level::Error, format: Format::Logfmt };
        let external = ExternalUrl { text: "http://x".into(), route_prefix: "/".into() };
        let site = Site::new(&Options::default(), &external, 1);
        let desk = Arc::new(Desk::new(site, Mailbox::new().0, log, None));
        let (inner, server) = Inner::start(&[]).expect("a server");
        desk.start(server).expect("threads");
        let gate = Arc::new(Gate::new(inner, desk, connections_max, log));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        gate.open(listener).expect("a thread");
        (gate, address)
    }

    /// Sends bytes, ends the stream, and returns all that comes back.
    fn send(address: std::net::SocketAddr, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).expect("accepted");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time");
        stream.write_all(bytes).ok();
        stream.shutdown(Shutdown::Write).ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok();
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[test]
    fn requests_follow_each_other_on_one_connection() {
        let (gate, address) = start(8);
        let get = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
        let body = "GET /-/healthy HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\
                    3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n";
        let answer = send(address, [get, body, get].concat().as_bytes());
        assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 3, "{answer}");
        let both = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\
                    Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
        let answer = send(address, [both, get].concat().as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400") && answer.matches("HTTP/").count() == 1);
        assert_eq!(gate.inner.free_len(), INNER_MAX);
    }

    #[test]
    fn nothing_that_passes_breaks_an_inner_connection() {
        let (gate, address) = start(8);
        let odd = [
            "A!#$ * HTTP/1.1\r\nHost:\r\nX:\r\nY: :\t:\r\n\r\n",
            "CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n",
            "HEAD http://x/-/healthy HTTP/1.1\r\nHost: x\r\nTE: chunked\r\nUpgrade: x\r\n\
             Connection: upgrade\r\n\r\n",
            "GET /\\\"<>^{}|` HTTP/1.0\r\nX-A: \u{fc}\r\nContent-Length: 00\r\n\r\n",
            "OPTIONS / HTTP/1.1\r\nHost: x\r\nContent-Length: 2000\r\n\r\n",
        ];
        let mut draw = 1u64;
        for round in 0..400 {
            let mut bytes = odd[round % odd.len()].as_bytes().to_vec();
            // The first rounds send them as they are, the others with a few bytes changed.
            for _ in 0..round / 100 {
                draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (draw >> 33) as usize % bytes.len();
                bytes[at] = (draw >> 25) as u8;
            }
            bytes.extend_from_slice(&[b'b'; 2000][..round % 2 * 2000]);
            let answer = send(address, &bytes);
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 "), "{answer}");
        }
        assert_eq!(gate.inner.free_len(), INNER_MAX);
    }

    #[test]
    fn the_longest_idle_connection_gives_way() {
        let (gate, address) = start(2);
        let idle: Vec<_> = (0..2)
            .map(|n| {
                let stream = TcpStream::connect(address).expect("accepted");
                let arrived = |gate: &Gate| gate.len() == n + 1;
                while !arrived(&gate) {
                    thread::sleep(Duration::from_millis(1));
                }
                thread::sleep(Duration::from_millis(20));
                stream
            })
            .collect();
        let answer = send(address, b"GET /-/healthy HTTP/1.0\r\n\r\n");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!((&idle[0]).read(&mut [0]).ok(), Some(0), "the first was closed");
        gate.close();
        assert_eq!((&idle[1]).read(&mut [0]).ok(), Some(0), "the end closes all");
    }
}
