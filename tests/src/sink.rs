//! Webhook receivers on real sockets: they write down what they get and answer as told.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
    thread,
    time::{Duration, Instant},
};

use crate::scenario::Behaviour;

/// How often a sink looks for connections; also the error of a change to [`Behaviour::Refuses`].
const POLL: Duration = Duration::from_millis(3);
/// More than any notification of a scenario.
const BODY_MAX: usize = 64 << 20;

/// A request that came.
#[derive(Clone, Debug)]
pub struct Received {
    /// When its body was complete.
    pub at: Instant,
    /// Method and path.
    pub line: String,
    /// The body.
    pub body: Vec<u8>,
    /// The status it was answered with; 0 for none.
    pub status: u16,
}

/// A receiver on a port of its own. Dropping it closes everything.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    behaviour: Behaviour,
    received: Vec<Received>,
    connections: Vec<TcpStream>,
    closing: bool,
}

impl Sink {
    /// Opens a receiver that answers 200.
    ///
    /// # Errors
    /// When no port can be had.
    pub fn open() -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(Shared {
            behaviour: Behaviour::Answers(200),
            received: Vec::new(),
            connections: Vec::new(),
            closing: false,
        }));
        let state = shared.clone();
        thread::spawn(move || accept(address, listener, &state));
        Ok(Self { address, shared })
    }

    /// Returns the URL that posts to it.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Changes how requests are answered from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        let mut shared = lock(&self.shared);
        if behaviour == Behaviour::Refuses {
            shared.close_connections();
        }
        shared.behaviour = behaviour;
    }

    /// Returns what came so far.
    pub fn received(&self) -> Vec<Received> {
        lock(&self.shared).received.clone()
    }

    /// Returns when the last request came.
    pub fn last_at(&self) -> Option<Instant> {
        lock(&self.shared).received.last().map(|received| received.at)
    }

    /// Returns how many requests came so far.
    pub fn count(&self) -> usize {
        lock(&self.shared).received.len()
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        shared.closing = true;
        shared.close_connections();
    }
}

impl Shared {
    fn close_connections(&mut self) {
        for connection in self.connections.drain(..) {
            // It may be closed already, which is as well.
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().expect("no thread panics with the lock held")
}

fn accept(address: SocketAddr, listener: TcpListener, shared: &Arc<Mutex<Shared>>) {
    let mut listener = Some(listener);
    loop {
        {
            let state = lock(shared);
            if state.closing {
                return;
            }
            if state.behaviour == Behaviour::Refuses {
                listener = None;
            } else if listener.is_none() {
                listener = TcpListener::bind(address).ok();
            }
        }
        while let Some(stream) = listener.as_ref().and_then(take) {
            let mut state = lock(shared);
            state.connections.extend(stream.try_clone());
            let shared = shared.clone();
            thread::spawn(move || serve(stream, &shared));
        }
        thread::sleep(POLL);
    }
}

fn take(listener: &TcpListener) -> Option<TcpStream> {
    listener.set_nonblocking(true).ok()?;
    let (stream, _) = listener.accept().ok()?;
    stream.set_nonblocking(false).ok()?;
    stream.set_nodelay(true).ok()?;
    Some(stream)
}

/// Answers requests of one connection until either side closes it.
fn serve(stream: TcpStream, shared: &Mutex<Shared>) {
    let Ok(mut writer) = stream.try_clone() else { return };
    let mut reader = BufReader::new(stream);
    while let Ok(Some((line, body))) = read_request(&mut reader) {
        let behaviour = lock(shared).behaviour.clone();
        let status = match behaviour {
            Behaviour::Answers(status) | Behaviour::AsksToWait(status, _) => status,
            Behaviour::AnswersAfter(_) => 200,
            Behaviour::Hangs | Behaviour::Refuses => 0,
        };
        lock(shared).received.push(Received { at: Instant::now(), line, body, status });
        let header = match behaviour {
            Behaviour::AnswersAfter(wait) => {
                thread::sleep(wait);
                String::new()
            }
            Behaviour::AsksToWait(_, seconds) => format!("Retry-After: {seconds}\r\n"),
            Behaviour::Answers(_) => String::new(),
            // Read on, to notice when the other side gives up.
            Behaviour::Hangs | Behaviour::Refuses => continue,
        };
        let text = format!("HTTP/1.1 {status} Told\r\n{header}Content-Length: 0\r\n\r\n");
        if writer.write_all(text.as_bytes()).is_err() {
            return;
        }
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> io::Result<Option<(String, Vec<u8>)>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let (mut length, mut chunked) = (0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        let line = line.to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0).min(BODY_MAX);
        }
        chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
    }
    let body = if chunked { read_chunks(reader)? } else { read_exactly(reader, length)? };
    let line = first.trim().trim_end_matches(" HTTP/1.1").to_owned();
    Ok(Some((line, body)))
}

fn read_exactly(reader: &mut BufReader<TcpStream>, length: usize) -> io::Result<Vec<u8>> {
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(body)
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).unwrap_or(0).min(BODY_MAX);
        body.extend(read_exactly(reader, size)?);
        reader.read_line(&mut line)?;
        if size == 0 {
            return Ok(body);
        }
    }
}
