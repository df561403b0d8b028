//! A client with one connection that stays open: it costs as little as it can, since it shares the
//! machine with what it measures.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

/// How long an answer may take: the original needs minutes for some.
const PATIENCE: Duration = Duration::from_secs(900);

/// An answer whose body was read and counted.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Bytes of its body.
    pub length: usize,
    /// From the first byte of the request to the last of the answer.
    pub took: Duration,
}

/// A connection.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    host: String,
    body: Vec<u8>,
}

impl Client {
    /// Opens a connection.
    ///
    /// # Errors
    /// That nobody listens.
    pub fn connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let stream = BufReader::with_capacity(1 << 17, stream);
        Ok(Self { stream, host: to.to_string(), body: Vec::new() })
    }

    /// Gets a page.
    ///
    /// # Errors
    /// That the connection broke, or that the answer is not HTTP.
    pub fn get(&mut self, path: &str) -> io::Result<Answer> {
        self.ask("GET", path, b"")
    }

    /// Posts JSON.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn post(&mut self, path: &str, body: &[u8]) -> io::Result<Answer> {
        self.ask("POST", path, body)
    }

    /// Returns the last answer's body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    fn ask(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        let mut bytes = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            self.host,
            body.len()
        )
        .into_bytes();
        bytes.extend_from_slice(body);
        let began = Instant::now();
        self.stream.get_mut().write_all(&bytes)?;
        let status = self.read_answer()?;
        Ok(Answer { status, length: self.body.len(), took: began.elapsed() })
    }

    fn read_answer(&mut self) -> io::Result<u16> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        let bad = || io::Error::new(io::ErrorKind::InvalidData, "no HTTP answer");
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(bad)?;
        let (mut length, mut is_chunked) = (0, false);
        loop {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 || line == "\r\n" {
                break;
            }
            line.make_ascii_lowercase();
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(|_| bad())?;
            }
            is_chunked |= line.starts_with("transfer-encoding:") && line.contains("chunked");
        }
        self.body.clear();
        if !is_chunked {
            self.body.resize(length, 0);
            self.stream.read_exact(&mut self.body)?;
            return Ok(status);
        }
        loop {
            line.clear();
            self.stream.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim(), 16).map_err(|_| bad())?;
            let end = self.body.len();
            self.body.resize(end + size, 0);
            self.stream.read_exact(&mut self.body[end..])?;
            self.stream.read_line(&mut line)?;
            if size == 0 {
                return Ok(status);
            }
        }
    }
}

/// Posts bodies over some connections at once and returns how long each took.
///
/// # Errors
/// That a post failed or was refused.
pub fn post_all(
    to: SocketAddr,
    path: &str,
    bodies: &[Vec<u8>],
    connections: usize,
) -> Result<Vec<Duration>, String> {
    let share = bodies.len().div_ceil(connections).max(1);
    thread::scope(|scope| {
        let workers: Vec<_> = bodies
            .chunks(share)
            .map(|part| scope.spawn(move || post_some(to, path, part)))
            .collect();
        let mut took = Vec::new();
        for worker in workers {
            took.extend(worker.join().expect("a client does not panic")?);
        }
        Ok(took)
    })
}

fn post_some(to: SocketAddr, path: &str, bodies: &[Vec<u8>]) -> Result<Vec<Duration>, String> {
    let mut client = Client::connect(to).map_err(|e| e.to_string())?;
    let mut took = Vec::with_capacity(bodies.len());
    for body in bodies {
        let answer = client.post(path, body).map_err(|e| e.to_string())?;
        if answer.status != 200 {
            let text = String::from_utf8_lossy(client.body()).into_owned();
            return Err(format!("{path} was answered {}: {text}", answer.status));
        }
        took.push(answer.took);
    }
    Ok(took)
}
