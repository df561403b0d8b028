//! Limits under TLS and in front of it.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use campana_tests::http;

use super::{TLS, Test};

pub(super) fn plain_http_is_told_off(name: &'static str) {
    let test = Test::new(name);
    let program = test.start(TLS);
    let answer = http::request(program.address(), "GET", "/", b"").expect("it answers");
    assert_eq!(answer.status, 400);
    assert_eq!(answer.text(), "Client sent an HTTP request to an HTTPS server.\n");
    assert_eq!(test.pki().client(None).status(program.address()), Ok(200));
}

pub(super) fn slow_handshakes_are_cut_off(name: &'static str) {
    let test = Test::new(name);
    let program = test.start(TLS);
    let to = program.address();
    // Nothing, the beginning of a handshake, something else, and a handshake without a request.
    let beginnings: [&[u8]; 3] = [b"", &[22, 3, 1, 2, 0, 1], b"\x80\x00nonsense"];
    let ends: Vec<_> = beginnings
        .into_iter()
        .map(|bytes| {
            let mut stream = TcpStream::connect(to).expect("it listens");
            stream.write_all(bytes).expect("it is open");
            stream.set_read_timeout(Some(Duration::from_secs(50))).expect("a socket");
            let began = Instant::now();
            thread::spawn(move || {
                // An alert may come first.
                let ended = stream.read_to_end(&mut Vec::new());
                let late = ended.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock);
                !late && began.elapsed() < Duration::from_secs(40)
            })
        })
        .collect();
    let mut silent = test.pki().client(None).connect(to).expect("they agree");
    silent.sock.set_read_timeout(Some(Duration::from_secs(50))).expect("a socket");
    assert_eq!(test.pki().client(None).status(to), Ok(200));
    for end in ends {
        assert!(end.join().expect("no panic"), "it is cut off");
    }
    let began = Instant::now();
    let ended = silent.read(&mut [0; 100]);
    let late = ended.is_err_and(|e| e.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!late && began.elapsed() < Duration::from_secs(40));
    assert_eq!(test.pki().client(None).status(to), Ok(200));
}

pub(super) fn limits_hold_under_tls(name: &'static str) {
    let test = Test::new(name);
    let program = test.start(TLS);
    let (client, to) = (test.pki().client(None), program.address());
    let long = format!("X-Long: {}\r\n", "x".repeat(80 << 10));
    let answer = client.ask(to, "GET /-/healthy", &long).expect("it answers");
    assert_eq!(answer.status, 431);
    let many: String = (0..2000).map(|n| format!("X-{n}: x\r\n")).collect();
    let status = client.ask(to, "GET /-/healthy", &many).expect("it answers").status;
    assert_eq!(status, 431);
    let json = "Content-Type: application/json\r\nContent-Length: 99999999\r\n";
    let answer = client.ask(to, "POST /api/v2/alerts", json).expect("it answers");
    assert_eq!(answer.status, 413);
    // An answer larger than any buffer arrives whole.
    let alerts: Vec<String> = (0..3000)
        .map(|n| format!(r#"{{"labels": {{"alertname": "N{n}", "x": "{}"}}}}"#, "y".repeat(300)))
        .collect();
    let body = format!("[{}]", alerts.join(","));
    let head = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let text =
        format!("POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n{body}");
    let mut connection = client.connect(to).expect("they agree");
    let answer = http::talk(&mut connection, text.as_bytes()).expect("it answers");
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = client.ask(to, "GET /api/v2/alerts", "").expect("it answers");
    assert_eq!(answer.text().matches("\"alertname\"").count(), 3000);
}

pub(super) fn nothing_is_there_to_debug(name: &'static str) {
    let test = Test::new(name);
    let program = test.run(&[]).expect("it runs");
    for path in
        ["/debug/pprof/", "/debug/pprof/heap", "/debug/pprof/cmdline", "/debug/vars", "/debug"]
    {
        let answer = program.request("GET", path, b"").expect("it answers");
        assert_eq!(answer.status, 404, "{path}");
    }
}
