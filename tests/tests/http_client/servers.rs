//! Servers that write down what they hear: receivers, token servers and proxies.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    path::PathBuf,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use rustls::{
    RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};

/// A request that was heard.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    /// Which connection it came over.
    pub(crate) connection: usize,
    /// Method and target.
    pub(crate) line: String,
    /// The header lines, as they came.
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Heard {
    /// Returns the value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    /// Returns all values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let pairs = self.headers.iter().filter_map(|line| line.split_once(": "));
        pairs.filter(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

/// What a server does with a request: the bytes of its answer.
type Answer = fn(&Heard) -> String;

/// A server on a port of its own. It lives as long as the test.
pub(crate) struct Server {
    pub(crate) port: u16,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// How a server speaks TLS.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Tls {
    None,
    Server,
    /// Clients must prove who they are.
    Mutual,
}

/// Returns the path of a certificate or key.
pub(crate) fn pem(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/tls").join(name)
}

trait Both: Read + Write + Send {}
impl<T: Read + Write + Send> Both for T {}

impl Server {
    pub(crate) fn start(tls: Tls, answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let settings = settings(tls);
        let shared = heard.clone();
        thread::spawn(move || {
            for (connection, stream) in listener.incoming().map_while(Result::ok).enumerate() {
                let (shared, settings) = (shared.clone(), settings.clone());
                stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
                // A client that goes away ends the connection, and nothing else.
                thread::spawn(move || match settings {
                    None => serve(stream, None, connection, &shared, answer).ok(),
                    Some(settings) => {
                        let plain = stream.try_clone().ok()?;
                        let session = ServerConnection::new(settings).ok()?;
                        let both = StreamOwned::new(session, stream);
                        serve(both, Some(plain), connection, &shared, answer).ok()
                    }
                });
            }
        });
        Self { port, heard }
    }

    /// Returns what was heard so far.
    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("no panic with the lock held").clone()
    }

    /// Returns what was heard for a target that ends so.
    pub(crate) fn at(&self, end: &str) -> Vec<Heard> {
        self.heard().into_iter().filter(|heard| heard.line.ends_with(end)).collect()
    }
}

fn settings(tls: Tls) -> Option<Arc<ServerConfig>> {
    if tls == Tls::None {
        return None;
    }
    let read = |name| fs::read(pem(name)).expect("a file of the tests");
    let chain = |name| CertificateDer::from_pem_slice(&read(name)).expect("a certificate");
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("versions");
    let builder = if tls == Tls::Mutual {
        let mut roots = RootCertStore::empty();
        roots.add(chain("ca.pem")).expect("a root");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
        builder.with_client_cert_verifier(verifier.build().expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let key = PrivateKeyDer::from_pem_slice(&read("server.key")).expect("a key");
    Some(Arc::new(builder.with_single_cert(vec![chain("server.pem")], key).expect("settings")))
}

fn serve(
    stream: impl Both,
    plain: Option<TcpStream>,
    connection: usize,
    shared: &Mutex<Vec<Heard>>,
    answer: Answer,
) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first)? == 0 {
            return Ok(());
        }
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            headers.push(line.trim_end().to_owned());
        }
        let line = first.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
        let mut heard = Heard { connection, line, headers, body: String::new() };
        let length = heard.header("content-length").and_then(|it| it.parse().ok()).unwrap_or(0);
        let mut body = vec![0; length];
        reader.read_exact(&mut body)?;
        heard.body = String::from_utf8_lossy(&body).into_owned();
        let text = answer(&heard);
        shared.lock().expect("no panic with the lock held").push(heard);
        reader.get_mut().write_all(text.as_bytes())?;
        reader.get_mut().flush()?;
        if text.contains("Connection: close") {
            if let Some(plain) = plain {
                plain.shutdown(Shutdown::Both)?;
            }
            return Ok(());
        }
    }
}

/// A proxy that opens tunnels, with `CONNECT` or SOCKS 5, and answers other requests itself.
pub(crate) fn tunnels() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("bound").port();
    let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
    let shared = heard.clone();
    thread::spawn(move || {
        for (connection, stream) in listener.incoming().map_while(Result::ok).enumerate() {
            let shared = shared.clone();
            thread::spawn(move || tunnel(stream, connection, &shared).ok());
        }
    });
    Server { port, heard }
}

fn tunnel(mut client: TcpStream, connection: usize, shared: &Mutex<Vec<Heard>>) -> io::Result<()> {
    let mut first = [0; 1];
    client.peek(&mut first)?;
    let mut headers = Vec::new();
    let line = if first == [5] {
        let mut hello = [0; 2];
        client.read_exact(&mut hello)?;
        client.read_exact(&mut vec![0; hello[1].into()])?;
        client.write_all(&[5, 0])?;
        let mut asked = [0; 5];
        client.read_exact(&mut asked)?;
        let mut rest = vec![0; usize::from(asked[4]) + 2];
        client.read_exact(&mut rest)?;
        let (host, port) = rest.split_at(rest.len() - 2);
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
        let port = u16::from_be_bytes([port[0], port[1]]);
        format!("SOCKS {}:{port}", String::from_utf8_lossy(host))
    } else {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte)?;
            head.extend(byte);
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.trim_end().lines();
        let line = lines.next().unwrap_or_default().trim_end_matches(" HTTP/1.1").to_owned();
        headers.extend(lines.map(str::to_owned));
        let answer = if line.starts_with("CONNECT ") { "200 OK" } else { "405 No" };
        client.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes())?;
        line
    };
    let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let body = String::new();
    let heard = Heard { connection, line, headers, body };
    shared.lock().expect("no panic with the lock held").push(heard);
    let mut server = TcpStream::connect(target)?;
    let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || io::copy(&mut from, &mut to).ok());
    io::copy(&mut server, &mut client)?;
    client.shutdown(Shutdown::Both)
}
