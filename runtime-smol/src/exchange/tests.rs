use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    thread,
    time::Duration,
};

use campana_core::notify::Secret;

use super::*;

/// Answers one connection after the other with the given pieces, one per request, and returns what
/// was asked. An empty piece closes the connection.
fn server(connections: Vec<Vec<String>>) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/hook?k", listener.local_addr().expect("bound"));
    let asked = thread::spawn(move || {
        let mut asked = Vec::new();
        for answers in connections {
            let (mut stream, _) = listener.accept().expect("a client");
            for answer in answers.iter().filter(|answer| !answer.is_empty()) {
                let mut request = Vec::new();
                let mut buf = [0; 4096];
                let done = |r: &[u8]| {
                    let text = String::from_utf8_lossy(r).into_owned();
                    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
                    let length = head.lines().find_map(|l| l.strip_prefix("Content-Length: "));
                    body.len() >= length.map_or(0, |l| l.parse::<usize>().expect("a number"))
                };
                while !done(&request) {
                    let n = stream.read(&mut buf).expect("readable");
                    if n == 0 {
                        return asked;
                    }
                    request.extend_from_slice(&buf[..n]);
                }
                asked.push(String::from_utf8(request).expect("text"));
                stream.write_all(answer.as_bytes()).expect("written");
            }
        }
        asked
    });
    (url, asked)
}

fn client() -> &'static Client {
    let executor: &'static Executor<'static> = Box::leak(Box::default());
    Box::leak(Box::new(Client::new(executor, Egress::default())))
}

fn exchange(url: &str) -> Exchange {
    Exchange {
        method: "POST",
        url: Secret::new(url),
        headers: vec![
            ("Content-Type".into(), Secret::new("application/json")),
            ("Authorization".into(), Secret::new("Bearer x")),
        ],
        body: Arc::from(*b"{}"),
        timeout: None,
        http: Arc::default(),
        proxies: Arc::default(),
        reads_answer: false,
        signing: None,
        gzip: false,
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nX-A: b\r\n\r\n{body}", body.len())
}

fn send(client: &'static Client, exchange: Exchange) -> Result<Answer, SendError> {
    let at = Instant::now().checked_add(Duration::from_secs(5));
    async_io::block_on(client.deliver(exchange, at))
}

#[test]
fn a_connection_is_used_again_until_it_is_closed() {
    let (url, asked) = server(vec![vec![ok("one"), ok("two"), String::new()], vec![ok("three")]]);
    let client = client();
    for (n, text) in ["one", "two", "three"].into_iter().enumerate() {
        if n == 2 {
            thread::sleep(Duration::from_millis(50));
        }
        let answer = send(client, exchange(&url)).expect("an answer");
        assert_eq!((answer.status, answer.body.as_slice()), (200, text.as_bytes()));
        assert_eq!(answer.header("x-a"), Some("b"));
    }
    let asked = asked.join().expect("served");
    assert_eq!(asked.len(), 3);
    let host = url.strip_prefix("http://").and_then(|u| u.split('/').next()).expect("a host");
    assert_eq!(
        asked[0],
        format!(
            "POST /hook?k HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\
             \r\nAuthorization: Bearer x\r\nContent-Length: 2\r\n\r\n{{}}"
        )
    );
}

#[test]
fn redirects_are_followed_as_asked() {
    let to = |status: u16, location: &str| {
        format!("HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    };
    let (url, asked) = server(vec![vec![to(307, "/a"), to(303, "b"), ok("there")]]);
    assert_eq!(send(client(), exchange(&url)).expect("an answer").body, b"there");
    let asked = asked.join().expect("served");
    assert!(asked[1].starts_with("POST /a HTTP/1.1\r\n") && asked[1].ends_with("\r\n\r\n{}"));
    assert!(asked[2].starts_with("GET /b HTTP/1.1\r\nHost: "));
    assert!(asked[2].ends_with("\r\n\r\n") && !asked[2].contains("Content-"), "{}", asked[2]);

    let (elsewhere, asked) = server(vec![vec![ok("")]]);
    let elsewhere = elsewhere.replace("127.0.0.1", "localhost");
    let (url, _) = server(vec![vec![to(302, &elsewhere)]]);
    send(client(), exchange(&url)).expect("an answer");
    assert!(!asked.join().expect("served")[0].contains("Authorization"));

    let (url, _) = server(vec![vec![to(302, "/a")]]);
    let mut stay = exchange(&url);
    stay.http = Arc::new(HttpConfig { follow_redirects: false, ..HttpConfig::default() });
    assert_eq!(send(client(), stay).expect("an answer").status, 302);

    let (url, _) = server(vec![(0..12).map(|_| to(302, "/a")).collect()]);
    let error = send(client(), exchange(&url)).expect_err("no end");
    assert_eq!(error.message, "stopped after 10 redirects");
}

#[test]
fn failures_have_kinds_and_keep_secrets() {
    let (url, _) = server(vec![vec![String::new()]]);
    let error = send(client(), exchange(&url)).expect_err("closed");
    assert_eq!(error.kind, SendErrorKind::Connection);
    let refused = send(client(), exchange("http://127.0.0.1:1/secret")).expect_err("refused");
    assert_eq!(refused.kind, SendErrorKind::Connection);
    assert_eq!(refused.message, "connect: connection refused");
    let invalid = send(client(), exchange("http://127.0.0.1:x/secret")).expect_err("invalid");
    assert_eq!(invalid.kind, SendErrorKind::Invalid);

    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut slow = exchange(&format!("http://{}/", silent.local_addr().expect("bound")));
    slow.timeout = Some(Duration::from_millis(30));
    let late = send(client(), slow).expect_err("late");
    assert_eq!((late.kind, &*late.message), (SendErrorKind::Timeout, "context deadline exceeded"));
}

#[test]
fn large_answers_are_cut() {
    let (url, _) = server(vec![vec![ok(&"x".repeat(100_000)), ok("next")]]);
    let client = client();
    let answer = send(client, exchange(&url)).expect("an answer");
    assert_eq!(answer.body.len(), ANSWER_BYTES_MAX);
    assert_eq!(send(client, exchange(&url)).expect("an answer").body, b"next");
    let (url, _) = server(vec![vec![ok(&"x".repeat(5_000_000))], vec![ok("new")]]);
    assert_eq!(send(client, exchange(&url)).expect("an answer").body.len(), ANSWER_BYTES_MAX);
}

/// A server on TLS that speaks HTTP/2 where it is offered, and answers with the number of the
/// connection and what it heard.
fn tls_server(executor: &'static Executor<'static>) -> String {
    use hyper::{server::conn, service::service_fn};
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};

    let chain = CertificateDer::from_pem_slice(SERVER_CERT).expect("a certificate");
    let key = PrivateKeyDer::from_pem_slice(SERVER_KEY).expect("a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut settings = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![chain], key)
        .expect("settings");
    settings.alpn_protocols = BOTH.iter().map(|name| name.to_vec()).collect();
    let acceptor = futures_rustls::TlsAcceptor::from(Arc::new(settings));
    let listener = Async::<TcpListener>::bind(([127, 0, 0, 1], 0)).expect("a port");
    let port = listener.get_ref().local_addr().expect("bound").port();
    let serve = async move {
        for number in 0.. {
            let (stream, _) = listener.accept().await.expect("a client");
            let stream = acceptor.accept(stream).await.expect("a handshake");
            let is_two = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
            let answer = service_fn(move |request: Request<Incoming>| async move {
                let (head, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                let host =
                    head.headers.get("host").map_or("none", |host| host.to_str().unwrap_or("?"));
                let heard = format!(
                    "{number} {:?} {} host={host} {}",
                    head.version,
                    head.uri.path(),
                    String::from_utf8_lossy(&body)
                );
                Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::from(heard))))
            });
            executor
                .spawn(async move {
                    let stream = Wire::new(stream);
                    if is_two {
                        let builder = conn::http2::Builder::new(Tasks(executor));
                        drop(builder.serve_connection(stream, answer).await);
                    } else {
                        drop(conn::http1::Builder::new().serve_connection(stream, answer).await);
                    }
                })
                .detach();
        }
    };
    executor.spawn(serve).detach();
    format!("https://localhost:{port}/hook")
}

const SERVER_CERT: &[u8] = include_bytes!("../../../tests/testdata/tls/server.pem");
const SERVER_KEY: &[u8] = include_bytes!("../../../tests/testdata/tls/server.key");

#[test]
fn http_2_is_spoken_where_it_is_offered_and_wanted() {
    let executor: &'static Executor<'static> = Box::leak(Box::default());
    thread::spawn(|| async_io::block_on(executor.run(future::pending::<()>())));
    let url = tls_server(executor);
    let client: &'static Client = Box::leak(Box::new(Client::new(executor, Egress::default())));
    let ask = |enable_http2: bool| {
        let ca = campana_core::notify::http::TextSource::Inline(
            include_str!("../../../tests/testdata/tls/ca.pem").into(),
        );
        let tls = campana_core::notify::http::TlsConfig { ca: Some(ca), ..Default::default() };
        let http = HttpConfig { tls: Some(tls), enable_http2, ..HttpConfig::default() };
        let exchange = Exchange { http: Arc::new(http), ..exchange(&url) };
        let at = Instant::now().checked_add(Duration::from_secs(30));
        let answer = async_io::block_on(client.deliver(exchange, at)).expect("an answer");
        String::from_utf8(answer.body).expect("text")
    };
    assert_eq!(ask(true), "0 HTTP/2.0 /hook host=none {}");
    assert_eq!(ask(true), "0 HTTP/2.0 /hook host=none {}", "the connection is used again");
    let plain = ask(false);
    assert!(plain.starts_with("1 HTTP/1.1 /hook host=localhost:"), "{plain}");
}
