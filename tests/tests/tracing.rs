//! Traces on real sockets: both programs tell a collector, over gRPC and over HTTP, of flushes,
//! notifications, and requests from both sides.
#![allow(clippy::disallowed_methods, reason = "the collectors share the global executor")]

use std::{
    collections::BTreeMap,
    fs,
    io::Read as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use campana_core::wire::protobuf::{Reader, Value};
use campana_tests::{
    drivers::{Program, built_program},
    http::raw,
    sink::Sink,
};
use flate2::read::GzDecoder;
use futures_rustls::TlsAcceptor;
use http_body_util::{BodyExt as _, Full};
use hyper::{
    HeaderMap, Request, Response,
    body::{Bytes, Incoming},
    rt::Executor,
    server::conn::{http1, http2},
    service::service_fn,
};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    server::WebPkiClientVerifier,
};
use smol::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use smol_hyper::rt::FuturesIo;

/// How long anything may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(40);

const PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

campana_tests::on_both! {
    spans_go_out_by_grpc,
    spans_go_out_by_grpc_packed,
    spans_go_out_by_grpc_over_tls,
    spans_go_out_by_http_packed,
    spans_that_wait_go_out_at_the_end,
    a_collector_that_refuses_is_said_once,
}

/// What a collector was told.
#[derive(Clone, Debug)]
struct Heard {
    path: String,
    headers: BTreeMap<String, String>,
    /// Whether it came packed.
    packed: bool,
    message: Vec<u8>,
}

struct Collector {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

#[derive(Clone)]
struct Tasks;

impl<F: Future<Output: Send + 'static> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        smol::spawn(future).detach();
    }
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut out).expect("it is packed");
    out
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Returns the path of a certificate or key.
fn pem(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/tls").join(name)
}

/// TLS of a server that wants clients to prove who they are, and to speak HTTP/2.
fn tls() -> TlsAcceptor {
    let read = |name| fs::read(pem(name)).expect("a file of the tests");
    let chain = |name| CertificateDer::from_pem_slice(&read(name)).expect("a certificate");
    let provider = Arc::new(ring::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(chain("ca.pem")).expect("a root");
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let builder = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_client_cert_verifier(verifier.build().expect("a verifier"));
    let key = PrivateKeyDer::from_pem_slice(&read("server.key")).expect("a key");
    let mut made = builder.with_single_cert(vec![chain("server.pem")], key).expect("settings");
    made.alpn_protocols = vec![b"h2".to_vec()];
    TlsAcceptor::from(Arc::new(made))
}

impl Collector {
    /// Opens one that speaks HTTP/2, and answers with that status of gRPC; or else HTTP/1.
    fn open(grpc: Option<&'static str>, tls: Option<TlsAcceptor>) -> Self {
        let listener = smol::block_on(TcpListener::bind("127.0.0.1:0")).expect("a port");
        let address = listener.local_addr().expect("it has one");
        let heard: Arc<Mutex<Vec<Heard>>> = Arc::default();
        let all = heard.clone();
        smol::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let all = all.clone();
                let service = service_fn(move |request| take(all.clone(), request, grpc));
                let tls = tls.clone();
                smol::spawn(async move {
                    let stream: Box<dyn Stream> = match tls {
                        None => Box::new(stream),
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => Box::new(stream),
                            Err(_) => return,
                        },
                    };
                    let stream = FuturesIo::new(stream);
                    let done = match grpc {
                        Some(_) => {
                            http2::Builder::new(Tasks).serve_connection(stream, service).await
                        }
                        None => http1::Builder::new().serve_connection(stream, service).await,
                    };
                    // A client that goes away ends the connection, and nothing else.
                    done.ok();
                })
                .detach();
            }
        })
        .detach();
        Self { address, heard }
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("no thread panics with it").clone()
    }

    fn spans(&self) -> Vec<Span> {
        self.heard().iter().flat_map(|heard| spans(&heard.message)).collect()
    }

    /// Waits until a span with that name came, and returns all.
    fn wait(&self, name: &str) -> Vec<Span> {
        let began = Instant::now();
        loop {
            let spans = self.spans();
            if spans.iter().any(|span| span.name == name) {
                return spans;
            }
            assert!(began.elapsed() < PATIENCE, "no {name} in {spans:#?}");
            thread::sleep(Duration::from_millis(50));
        }
    }
}

async fn take(
    all: Arc<Mutex<Vec<Heard>>>,
    request: Request<Incoming>,
    grpc: Option<&'static str>,
) -> Result<Response<http_body_util::combinators::BoxBody<Bytes, hyper::Error>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let text =
        |value: &hyper::header::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
    let headers: BTreeMap<String, String> =
        parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let body = body.collect().await?.to_bytes();
    let (packed, message) = match grpc {
        Some(_) => (body[0] == 1, &body[5..]),
        None => (headers.get("content-encoding").is_some_and(|it| it == "gzip"), &body[..]),
    };
    let message = if packed { unpacked(message) } else { message.to_vec() };
    let path = parts.uri.path().to_owned();
    all.lock().expect("no thread panics with it").push(Heard { path, headers, packed, message });
    let never = |never| match never {};
    let body = Full::new(Bytes::from_static(&[0; 5])).map_err(never);
    let body = match grpc {
        None => body.boxed(),
        Some(status) => {
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", status.parse().expect("a number"));
            trailers.insert("grpc-message", "not%20now".parse().expect("a text"));
            body.with_trailers(async { Some(Ok(trailers)) }).boxed()
        }
    };
    Ok(Response::builder().header("content-type", "application/grpc").body(body).expect("valid"))
}

/// A span, as far as it matters.
#[derive(Clone, Debug)]
struct Span {
    service: String,
    trace: Vec<u8>,
    id: Vec<u8>,
    parent: Vec<u8>,
    name: String,
    kind: u64,
}

type Fields<T> = Vec<(u32, T)>;

/// Returns the fields of a message: bytes and numbers by their number.
fn fields(bytes: &[u8]) -> (Fields<Vec<u8>>, Fields<u64>) {
    let (mut reader, mut texts, mut numbers) = (Reader::new(bytes, 0), Vec::new(), Vec::new());
    while let Some((number, value)) = reader.field().expect("well formed") {
        match value {
            Value::Bytes(bytes) => texts.push((number, bytes.as_bytes().to_vec())),
            Value::Number(value) => numbers.push((number, value)),
            _ => {}
        }
    }
    (texts, numbers)
}

fn parts(bytes: &[u8], field: u32) -> Vec<Vec<u8>> {
    let (texts, _) = fields(bytes);
    texts.into_iter().filter(|(number, _)| *number == field).map(|(_, bytes)| bytes).collect()
}

fn spans(message: &[u8]) -> Vec<Span> {
    let resource = parts(message, 1).remove(0);
    let attributes = parts(&parts(&resource, 1).remove(0), 1);
    let find = |pair: &&Vec<u8>| parts(pair, 1)[0] == b"service.name";
    let service = attributes.iter().find(find).expect("a name");
    let service = parts(&parts(service, 2)[0], 1).remove(0);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let span = |bytes: Vec<u8>| Span {
        service: text(&service),
        trace: parts(&bytes, 1).remove(0),
        id: parts(&bytes, 2).remove(0),
        parent: parts(&bytes, 4).pop().unwrap_or_default(),
        name: text(&parts(&bytes, 5)[0]),
        kind: fields(&bytes).1.iter().find(|(number, _)| *number == 6).map_or(0, |it| it.1),
    };
    let scopes = parts(&resource, 2);
    scopes.iter().flat_map(|scope| parts(scope, 2)).map(span).collect()
}

struct Test {
    collector: Collector,
    _sink: Sink,
    _folder: tempfile::TempDir,
    program: Program,
}

impl Test {
    fn new(executable: &Path, grpc: Option<&'static str>, more: &str) -> Self {
        let acceptor = more.contains("ca_file").then(tls);
        let insecure = acceptor.is_none();
        let (collector, sink) = (Collector::open(grpc, acceptor), Sink::open().expect("a port"));
        let folder = tempfile::tempdir().expect("a folder");
        let kind = if grpc.is_some() { "grpc" } else { "http" };
        let config = format!(
            "route: {{receiver: r, group_wait: 100ms, group_interval: 1s}}\n\
             receivers: [{{name: r, webhook_configs: [{{url: '{}'}}]}}]\n\
             tracing: {{client_type: {kind}, endpoint: 'localhost:{}', insecure: {insecure}, sampling_fraction: 1,\n\
             \x20 headers: {{X-Key: {{secrets: [s3cret]}}}}{more}}}\n",
            sink.url(),
            collector.address.port()
        );
        let file = folder.path().join("config.yml");
        fs::write(&file, config).expect("written");
        let data = folder.path().join("data");
        let program = Program::start(executable, &file, &data, &[]).expect("it runs");
        Self { collector, _sink: sink, _folder: folder, program }
    }

    fn post(&self) {
        let body = br#"[{"labels":{"alertname":"A"}}]"#;
        let answer = self.program.request("POST", "/api/v2/alerts", body).expect("it answers");
        assert_eq!(answer.status, 200);
    }

    /// Plays a notification, and checks what the collector is told of it.
    fn check(&self) -> Heard {
        self.post();
        let traceparent = "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01";
        let get = format!(
            "GET /api/v2/alerts HTTP/1.1\r\nHost: a\r\nTraceparent: {traceparent}\r\n\
             Connection: close\r\n\r\n"
        );
        let answer = raw(self.program.address(), get.as_bytes()).expect("it answers");
        assert_eq!(answer.status, 200);
        let spans = self.collector.wait("dispatch.AggregationGroup.flush");
        assert!(spans.iter().all(|span| span.service == "alertmanager"));
        let find = |name: &str| {
            let found = spans.iter().find(|span| span.name == name);
            found.unwrap_or_else(|| panic!("{name} in {spans:#?}")).clone()
        };
        let flush = find("dispatch.AggregationGroup.flush");
        let notification = find("notify.Integration.Notify");
        let request = find("HTTP POST");
        assert!(flush.parent.is_empty());
        assert_eq!((&notification.parent, &notification.trace), (&flush.id, &flush.trace));
        assert_eq!((&request.parent, &request.trace), (&notification.id, &flush.trace));
        assert_eq!((flush.kind, request.kind), (1, 3));
        let served = find("GET /api/v2/alerts");
        assert_eq!(served.kind, 2);
        assert_eq!(served.trace, (1..17).collect::<Vec<u8>>(), "the client's trace goes on");
        assert_eq!(served.parent, (0x11..0x19).collect::<Vec<u8>>());
        assert!(find("POST /api/v2/alerts").parent.is_empty());
        let heard = self.collector.heard().remove(0);
        assert_eq!(heard.headers["x-key"], "s3cret");
        heard
    }
}

fn spans_go_out_by_grpc(executable: &Path) {
    let heard = Test::new(executable, Some("0"), "").check();
    assert_eq!((&*heard.path, heard.packed), (PATH, false));
    assert_eq!(heard.headers["content-type"], "application/grpc");
}

fn spans_go_out_by_grpc_packed(executable: &Path) {
    let heard = Test::new(executable, Some("0"), ", compression: gzip").check();
    assert!(heard.packed);
    assert_eq!(heard.headers["grpc-encoding"], "gzip");
}

fn spans_go_out_by_grpc_over_tls(executable: &Path) {
    let more = format!(
        ",\n  tls_config: {{ca_file: {}, cert_file: {}, key_file: {}}}",
        pem("ca.pem").display(),
        pem("client.pem").display(),
        pem("client.key").display()
    );
    let heard = Test::new(executable, Some("0"), &more).check();
    assert_eq!(heard.path, PATH);
}

fn spans_go_out_by_http_packed(executable: &Path) {
    let heard = Test::new(executable, None, ", compression: gzip").check();
    assert_eq!((&*heard.path, heard.packed), ("/v1/traces", true));
}

fn spans_that_wait_go_out_at_the_end(executable: &Path) {
    let mut test = Test::new(executable, Some("0"), "");
    test.post();
    assert_eq!(test.program.stop().expect("it ends"), 0);
    let spans = test.collector.spans();
    assert!(spans.iter().any(|span| span.name == "POST /api/v2/alerts"), "{spans:#?}");
}

fn a_collector_that_refuses_is_said_once(executable: &Path) {
    let test = Test::new(executable, Some("14"), "");
    test.post();
    assert!(test.program.wait_log("code = Unavailable desc = not now", PATIENCE));
    test.post();
    let began = Instant::now();
    while test.collector.heard().len() < 2 {
        assert!(began.elapsed() < PATIENCE, "it goes on trying");
        thread::sleep(Duration::from_millis(50));
    }
    let log = test.program.log();
    let lines = log.iter().filter(|line| line.contains("Traces could not be exported"));
    assert_eq!(lines.count(), 1, "{log:#?}");
}
