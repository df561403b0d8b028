//! Answers of many pieces: whole over every kind of connection, and in nobody's way.
#![allow(clippy::disallowed_methods, reason = "the client uses the global executor")]

use std::{
    future::Future,
    io::{Read as _, Write as _},
    net::SocketAddr,
};

use campana_tests::http;
use futures_rustls::TlsConnector;
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, Response,
    body::{Body as _, Bytes, Incoming},
    client::conn::http2::{self, SendRequest},
    rt::Executor,
};
use smol::net::TcpStream;
use smol_hyper::rt::FuturesIo;

use super::{PATIENCE, Program, TLS, Test};

/// More than the system keeps for a client that does not read: 10 MB.
const ALERTS: usize = 4000;

const LIST: &str = "/api/v2/alerts";

/// Bodies of posts that make them.
fn posts() -> Vec<Vec<u8>> {
    let alert = |n: usize| {
        let text = format!("{n:04}").repeat(560);
        format!(
            r#"{{"labels": {{"alertname": "N{n}"}}, "annotations": {{"text": "{text}"}},
            "startsAt": "2026-01-01T00:00:00Z", "endsAt": "2999-01-01T00:00:00Z"}}"#
        )
    };
    let numbers: Vec<usize> = (0..ALERTS).collect();
    let body = |part: &[usize]| part.iter().map(|&n| alert(n)).collect::<Vec<_>>().join(",");
    numbers.chunks(1000).map(|part| format!("[{}]", body(part)).into_bytes()).collect()
}

/// Returns a list without the times at which its alerts arrived.
fn timeless(body: &[u8]) -> String {
    let text = std::str::from_utf8(body).expect("JSON is text");
    let mut parts = text.split("\"updatedAt\":\"");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + part.split_once('"').map_or(part, |(_, rest)| rest))
}

/// Compares without printing megabytes.
#[track_caller]
fn assert_whole(body: &[u8], whole: &str) {
    let body = timeless(body);
    assert!(body == whole, "{} bytes instead of {}", body.len(), whole.len());
}

/// Fills a program that speaks plain HTTP and one that speaks TLS with the same alerts. Returns
/// both, and what the first answers.
fn fill(test: &Test) -> (Program, Program, String) {
    let (plain, secure) = (test.run(&[]).expect("it runs"), test.start(TLS));
    for body in posts() {
        let answer = plain.request("POST", LIST, &body).expect("it answers");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let head = format!(
            "POST {LIST} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut line = test.pki().client(None).connect(secure.address()).expect("they agree");
        let answer = http::talk(&mut line, &[head.as_bytes(), &body].concat()).expect("it answers");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
    let answer = plain.request("GET", LIST, b"").expect("it answers");
    let whole = timeless(&answer.body);
    assert_eq!(whole.matches("\"alertname\"").count(), ALERTS);
    assert!(whole.len() > 9_000_000 && whole.ends_with("}]\n"), "{}", whole.len());
    (plain, secure, whole)
}

pub(super) fn long_answers_arrive_whole(name: &'static str) {
    let test = Test::new(name);
    let (plain, secure, whole) = fill(&test);
    let client = test.pki().client(None);
    let answer = client.ask(secure.address(), &format!("GET {LIST}"), "").expect("it answers");
    assert_whole(&answer.body, &whole);
    // A client of old knows no chunks.
    let old = format!("GET {LIST} HTTP/1.0\r\nHost: x\r\n\r\n");
    let answer = http::raw(plain.address(), old.as_bytes()).expect("it answers");
    assert_eq!(answer.header("transfer-encoding"), None);
    assert_whole(&answer.body, &whole);
    if name == "campana" {
        smol::block_on(over_http2(&test, secure.address(), &whole));
    }
}

pub(super) fn who_stops_reading_holds_up_nobody(name: &'static str) {
    let test = Test::new(name);
    let (plain, secure, whole) = fill(&test);
    let get = format!("GET {LIST} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    // More of each than there are threads that could wait for them.
    let mut slow: Vec<_> = (0..8)
        .map(|_| {
            let mut line = std::net::TcpStream::connect(plain.address()).expect("it listens");
            line.set_read_timeout(Some(PATIENCE)).expect("a socket");
            line.write_all(get.as_bytes()).expect("it is open");
            line.read_exact(&mut [0; 12]).expect("it begins");
            line
        })
        .collect();
    let client = test.pki().client(None);
    let mut secret: Vec<_> = (0..8)
        .map(|_| {
            let mut line = client.connect(secure.address()).expect("they agree");
            line.write_all(get.as_bytes()).expect("it is open");
            line.read_exact(&mut [0; 12]).expect("it begins");
            line
        })
        .collect();
    for program in [&plain, &secure] {
        let ask = |path: &str| match std::ptr::eq(program, &plain) {
            true => program.request("GET", path, b"").expect("it answers"),
            false => {
                let line = format!("GET {path}");
                client.ask(program.address(), &line, "").expect("it answers")
            }
        };
        assert_eq!(ask("/-/healthy").status, 200);
        assert_whole(&ask(LIST).body, &whole);
    }
    // Whoever goes on reading gets the rest.
    let mut rest = Vec::new();
    slow[7].read_to_end(&mut rest).expect("it goes on");
    assert!(rest.len() > whole.len() && rest.ends_with(b"\r\n0\r\n\r\n"), "{}", rest.len());
    rest.clear();
    secret[7].read_to_end(&mut rest).expect("it goes on");
    assert!(rest.len() > whole.len() && rest.ends_with(b"\r\n0\r\n\r\n"), "{}", rest.len());
}

#[derive(Clone)]
struct Tasks;

impl<F: Future<Output: Send + 'static> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        smol::spawn(future).detach();
    }
}

type Sender = SendRequest<Empty<Bytes>>;

async fn get(sender: &mut Sender, path: &str) -> Response<Incoming> {
    let request = Request::get(format!("https://x{path}")).body(Empty::new());
    sender.send_request(request.expect("a request")).await.expect("it answers")
}

/// One that stops reading in the middle, others beside it on the same connection, and then the
/// rest of the first.
async fn over_http2(test: &Test, to: SocketAddr, whole: &str) {
    let settings = test.pki().client_of(None, &[&rustls::version::TLS13], &["h2"]).settings();
    let stream = TcpStream::connect(to).await.expect("it listens");
    let stream = TlsConnector::from(settings).connect(to.ip().into(), stream).await;
    let mut settings = http2::Builder::new(Tasks);
    settings.initial_stream_window_size(100_000).initial_connection_window_size(1 << 20);
    let io = FuturesIo::new(stream.expect("they agree"));
    let (mut sender, connection) = settings.handshake(io).await.expect("they agree");
    let driven = smol::spawn(connection);
    let mut slow = get(&mut sender, LIST).await.into_body();
    let frame = slow.frame().await.expect("it begins").expect("it begins");
    let mut body = frame.into_data().expect("data").to_vec();
    for _ in 0..2 {
        let small = get(&mut sender, "/-/healthy").await.into_body().collect().await;
        assert_eq!(&small.expect("whole").to_bytes()[..], b"OK");
        let large = get(&mut sender, LIST).await.into_body().collect().await;
        assert_whole(&large.expect("whole").to_bytes(), whole);
    }
    assert!(!slow.is_end_stream());
    body.extend_from_slice(&slow.collect().await.expect("whole").to_bytes());
    assert_whole(&body, whole);
    // One that is given up does not hold up what follows.
    drop(get(&mut sender, LIST).await);
    assert_eq!(get(&mut sender, "/-/healthy").await.status(), 200);
    drop((sender, driven));
}
