//! The inner connections: from the gate to tiny_http, within the process.
//!
//! They are Unix sockets in a private directory that is gone before the first client comes, so
//! nobody else can ever connect, and tiny_http never accepts again. Neither side closes them: what
//! could make tiny_http hang up, such as a head it cannot read, does not pass the gate.

use std::{
    env, fs,
    io::{self, Read, Write as _},
    os::unix::{
        fs::DirBuilderExt as _,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use campana_core::limits::{BODIES_BYTES_MAX, HEADER_BYTES_MAX};
use tiny_http::{Response, Server};

use crate::{
    clock,
    frame::Frame,
    line::Line,
    serve::{Long, TICKET},
};

/// Requests that are answered at once; further ones wait. Enough to keep the cores of a small host
/// busy while some requests wait for the node.
pub(crate) const INNER_MAX: usize = 8;

/// How long a request waits for an inner connection.
const TURN_WAIT: Duration = Duration::from_secs(30);

/// The longest a streamed answer may keep an inner connection from others.
const STREAM_WAIT: Duration = Duration::from_secs(60);

/// The inner connections that nobody uses at the moment.
pub(crate) struct Inner {
    free: Mutex<Vec<UnixStream>>,
    back: Condvar,
}

impl Inner {
    /// Starts a tiny_http server and connects to it, through a directory below one of `places`.
    pub(crate) fn start(places: &[&Path]) -> io::Result<(Self, Server)> {
        let directory = private_directory(places)?;
        let path = directory.join("s");
        let made = connect(&path);
        // Best effort: an empty directory that only we may enter harms nobody.
        fs::remove_file(&path).ok();
        fs::remove_dir(&directory).ok();
        let (free, server) = made?;
        Ok((Self { free: Mutex::new(free), back: Condvar::new() }, server))
    }

    /// Returns how many connections are free.
    #[cfg(test)]
    pub(crate) fn free_len(&self) -> usize {
        self.free.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Takes a free connection; `None` when none came free in time.
    pub(crate) fn take(&self) -> Option<Taken<'_>> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.back.wait_timeout_while(free, TURN_WAIT, |free| free.is_empty());
        let stream = waited.unwrap_or_else(PoisonError::into_inner).0.pop()?;
        Some(Taken { inner: self, stream: Some(stream) })
    }
}

fn private_directory(places: &[&Path]) -> io::Result<PathBuf> {
    let temporary = env::temp_dir();
    let mut last = io::Error::other("no place for a directory");
    // Nobody can be there first if the name cannot be guessed.
    let [a, b, c, d, ..] = clock::seed()?;
    let name = format!(".campana-{a:02x}{b:02x}{c:02x}{d:02x}");
    for place in places.iter().copied().chain([&*temporary]) {
        let directory = place.join(&name);
        match fs::DirBuilder::new().mode(0o700).create(&directory) {
            // Longer paths do not fit into a socket's address.
            Ok(()) if directory.as_os_str().len() < 100 => return Ok(directory),
            Ok(()) => drop(fs::remove_dir(&directory)),
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// Starts the server and makes the connections, one after the other: tiny_http may put several
/// that come at once behind one thread, which serves the first of them for ever.
fn connect(path: &Path) -> io::Result<(Vec<UnixStream>, Server)> {
    let listener = UnixListener::bind(path)?;
    let server = Server::from_listener(listener, None).map_err(io::Error::other)?;
    let free: io::Result<_> = (0..INNER_MAX)
        .map(|_| {
            let mut stream = UnixStream::connect(path)?;
            prove(&mut stream, &server)?;
            Ok(stream)
        })
        .collect();
    Ok((free?, server))
}

/// Sends a request over a connection, so that it is known to be taken in before clients can use up
/// the process's files.
fn prove(stream: &mut UnixStream, server: &Server) -> io::Result<()> {
    stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")?;
    let late = || io::Error::other("the HTTP server does not start: too few files?");
    let request = server.recv_timeout(Duration::from_secs(5))?.ok_or_else(late)?;
    request.respond(Response::empty(204))?;
    read_head(stream)?;
    Ok(())
}

/// One inner connection in use. It goes back when its answer was read to the end.
pub(crate) struct Taken<'a> {
    inner: &'a Inner,
    stream: Option<UnixStream>,
}

impl Taken<'_> {
    /// Sends a request of a connection that has no body.
    pub(crate) fn send(&mut self, frame: &Frame, id: u64) -> io::Result<()> {
        let mut head = frame.head.clone();
        head.extend_from_slice(format!("{TICKET}: {id}\r\n\r\n").as_bytes());
        self.stream.as_mut().expect("held until the answer was read").write_all(&head)
    }

    /// Passes the answer on. One that fits into the budget frees the connection first, so that a
    /// client who reads slowly holds up nobody. Returns what `long` does when the answer is there:
    /// what is left of one that goes on, for the caller to send.
    pub(crate) fn relay(
        mut self,
        client: &mut Line<'_>,
        frame: &mut Frame,
        mut held: Share,
        long: impl FnOnce() -> Option<Long>,
    ) -> io::Result<Option<Long>> {
        let mut stream = self.stream.take().expect("held until the answer was read");
        let (head, mut part) = read_head(&mut stream)?;
        let long = long().filter(|_| !frame.is_head);
        frame.close |= long.is_some() && frame.is_old;
        let (mut out, length) = rewrite(&head, frame, long.is_some());
        let rest = length.saturating_sub(part.len());
        out.append(&mut part);
        client.set_due(Instant::now() + STREAM_WAIT);
        if held.grow(rest) {
            out.reserve_exact(rest);
            (&mut stream).take(rest as u64).read_to_end(&mut out)?;
            self.give_back(stream);
            client.write_all(&out)?;
            return client.flush().map(|()| long);
        }
        let mut result = client.write_all(&out);
        let mut source = stream.take(rest as u64);
        if result.is_ok() {
            result = io::copy(&mut source, client).and_then(|_| client.flush());
        }
        // What a client left behind is not the next one's.
        io::copy(&mut source, &mut io::sink())?;
        self.give_back(source.into_inner());
        result.map(|()| long)
    }

    /// Passes on what `answer` makes, as [`relay`](Self::relay) does. This connection is only held
    /// meanwhile: it stands for the turn of one request among those that are answered at once.
    pub(crate) fn hold(
        mut self,
        client: &mut Line<'_>,
        frame: &mut Frame,
        answer: impl FnOnce(&Frame) -> (Vec<u8>, Option<Long>),
    ) -> io::Result<Option<Long>> {
        let (answer, long) = answer(frame);
        let stream = self.stream.take().expect("held until the answer was made");
        self.give_back(stream);
        let long = long.filter(|_| !frame.is_head);
        frame.close |= long.is_some() && frame.is_old;
        let end = answer.windows(4).position(|w| w == b"\r\n\r\n");
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        let (mut out, _) = rewrite(&answer[..end + 2], frame, long.is_some());
        out.extend_from_slice(&answer[end + 4..]);
        client.set_due(Instant::now() + STREAM_WAIT);
        client.write_all(&out)?;
        client.flush().map(|()| long)
    }

    fn give_back(&self, stream: UnixStream) {
        self.inner.free.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
        self.inner.back.notify_one();
    }
}

/// Reads up to the end of an answer's head, and what came along of its body.
fn read_head(stream: &mut UnixStream) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let mut bytes = vec![0; 4096];
    let mut used = 0;
    loop {
        let n = stream.read(&mut bytes[used..])?;
        let from = used.saturating_sub(3);
        used += n;
        if let Some(at) = bytes[from..used].windows(4).position(|w| w == b"\r\n\r\n") {
            let part = bytes[from + at + 4..used].to_vec();
            bytes.truncate(from + at + 2);
            return Ok((bytes, part));
        }
        if n == 0 || used > HEADER_BYTES_MAX {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.resize(used + 4096, 0);
    }
}

/// Turns tiny_http's head into the client's, and tells how long the body is. Of an answer that goes
/// on that is the first chunk, whose line is written too.
fn rewrite(head: &[u8], frame: &Frame, goes_on: bool) -> (Vec<u8>, usize) {
    let mut out = Vec::with_capacity(head.len() + 64);
    let mut length = 0;
    let mut lines = head.split_inclusive(|&b| b == b'\n');
    let status = lines.next().unwrap_or_default();
    out.extend_from_slice(status);
    let is_empty = [b" 204 ", b" 304 "].iter().any(|code| status.get(8..13) == Some(&code[..]));
    for line in lines {
        let lower = line.to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix(b"content-length:") {
            length = str::from_utf8(value).ok().and_then(|v| v.trim().parse().ok()).unwrap_or(0);
            if is_empty || goes_on {
                continue;
            }
        }
        if !lower.starts_with(b"server:") {
            out.extend_from_slice(line);
        }
    }
    let is_chunked = goes_on && !frame.is_old;
    out.extend_from_slice(if is_chunked { b"Transfer-Encoding: chunked\r\n" } else { b"" });
    out.extend_from_slice(match (frame.close, frame.is_old) {
        (true, _) => b"Connection: close\r\n\r\n",
        (false, true) => b"Connection: keep-alive\r\n\r\n",
        (false, false) => b"\r\n",
    });
    if is_chunked {
        out.extend_from_slice(format!("{length:x}\r\n").as_bytes());
    }
    (out, if is_empty || frame.is_head { 0 } else { length })
}

/// The bytes that bodies of requests and answers take in the gate, together.
#[derive(Debug, Default)]
pub(crate) struct Budget(AtomicUsize);

/// One request's part of the budget.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Share {
    /// Makes a share of nothing.
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self { budget, bytes: 0 }
    }

    /// Takes more bytes; `false` if there are too few left.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let fits = |used: usize| Some(used + bytes).filter(|sum| *sum <= BODIES_BYTES_MAX);
        let has = self.budget.0.fetch_update(Relaxed, Relaxed, fits).is_ok();
        self.bytes += if has { bytes } else { 0 };
        has
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.fetch_sub(self.bytes, Relaxed);
    }
}
