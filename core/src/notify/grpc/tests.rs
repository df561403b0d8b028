use alloc::vec;

use proptest::prelude::*;

use super::*;

fn settings(gzip: bool) -> Settings {
    Settings {
        host: "c".into(),
        port: 4317,
        authority: "c:4317".into(),
        tls: None,
        path: "/a.B/C",
        gzip,
        headers: vec![(Arc::from("x-key"), Secret::new("v"))],
    }
}

/// Returns what the call says next.
fn said(call: &mut Call) -> Vec<u8> {
    match call.next() {
        Want::Write(bytes) => bytes,
        other => panic!("{other:?}"),
    }
}

fn frames(mut bytes: Vec<u8>) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(frame) = Frame::take(&mut bytes).expect("sound frames") {
        frames.push(frame);
    }
    assert!(bytes.is_empty());
    frames
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    http2::write(&mut out, kind, flags, stream, payload);
    out
}

fn block(lines: &[(&str, &str)]) -> Vec<u8> {
    let mut out = Vec::new();
    lines.iter().for_each(|(name, value)| hpack::encode(&mut out, name, value));
    out
}

/// Begins a call and returns the data that it sends at once.
fn begun(message: Vec<u8>) -> (Call, Vec<u8>) {
    let mut call = Call::new(settings(false), message);
    let first = said(&mut call);
    let rest = first.strip_prefix(http2::PREFACE).expect("the preface").to_vec();
    let data = frames(rest).into_iter().filter(|it| it.kind == kind::DATA);
    let data = data.flat_map(|it| it.payload).collect();
    call.feed(&frame(kind::SETTINGS, 0, 0, &[]));
    (call, data)
}

fn answer(call: &mut Call, trailers: &[(&str, &str)]) {
    call.feed(&frame(kind::HEADERS, flag::END_HEADERS, 1, &block(&[(":status", "200")])));
    call.feed(&frame(kind::DATA, 0, 1, &[0; 5]));
    let flags = flag::END_HEADERS | flag::END_STREAM;
    call.feed(&frame(kind::HEADERS, flags, 1, &block(trailers)));
}

fn error(call: &Call) -> String {
    call.result().expect_err("it fails").message
}

#[test]
fn a_call_is_made_and_answered() {
    let mut call = Call::new(settings(false), b"hello".to_vec());
    let first = said(&mut call);
    let first = frames(first.strip_prefix(http2::PREFACE).expect("the preface").to_vec());
    let kinds: Vec<u8> = first.iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [kind::SETTINGS, kind::HEADERS, kind::DATA]);
    let fields = hpack::Decoder::default().decode(&first[1].payload, 4096).expect("a block");
    let find = |name: &str| {
        let found = fields.iter().find(|(known, _)| known == name.as_bytes());
        String::from_utf8_lossy(&found.expect("it is there").1).into_owned()
    };
    assert_eq!([find(":path"), find(":scheme"), find("te")], ["/a.B/C", "http", "trailers"]);
    assert_eq!([find(":authority"), find("x-key")], ["c:4317", "v"]);
    assert_eq!(first[2].payload, b"\0\0\0\0\x05hello");
    assert!(first[2].has(flag::END_STREAM));
    assert!(matches!(call.next(), Want::Read(_)));
    call.feed(&frame(kind::SETTINGS, 0, 0, &[]));
    assert_eq!(said(&mut call), frame(kind::SETTINGS, flag::ACK, 0, &[]));
    call.feed(&frame(kind::PING, 0, 0, b"12345678"));
    assert_eq!(said(&mut call), frame(kind::PING, flag::ACK, 0, b"12345678"));
    answer(&mut call, &[("grpc-status", "0")]);
    assert!(matches!(call.next(), Want::Done(Ok(Answer { status: 200, .. }))));
}

#[test]
fn a_message_is_packed_where_that_is_asked_for() {
    let mut call = Call::new(settings(true), b"hello".to_vec());
    assert!(matches!(call.next(), Want::Pack(bytes) if bytes == b"hello"));
    call.feed(b"p");
    let first = said(&mut call);
    let first = frames(first.strip_prefix(http2::PREFACE).expect("the preface").to_vec());
    assert_eq!(first[2].payload, b"\x01\0\0\0\x01p");
    let fields = hpack::Decoder::default().decode(&first[1].payload, 4096).expect("a block");
    assert!(fields.contains(&(b"grpc-encoding".to_vec(), b"gzip".to_vec())));
}

#[test]
fn a_long_message_waits_for_windows() {
    let (mut call, mut data) = begun(vec![7; 200_000]);
    assert_eq!(data.len(), 65_535);
    said(&mut call);
    for (stream, more) in [(0, 200_000_u32), (1, 100_000), (1, 100_000)] {
        call.feed(&frame(kind::WINDOW_UPDATE, 0, stream, &more.to_be_bytes()));
        if let Want::Write(bytes) = call.next() {
            for frame in frames(bytes) {
                assert!(frame.payload.len() <= PAYLOAD_MAX);
                data.extend(frame.payload);
            }
        }
    }
    assert_eq!(data.len(), 200_005);
    // A server may make the windows of streams smaller, even less than nothing.
    let (mut call, data) = begun(vec![7; 100_000]);
    assert_eq!(data.len(), 65_535);
    call.feed(&frame(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]));
    said(&mut call);
    call.feed(&frame(kind::WINDOW_UPDATE, 0, 0, &1000_u32.to_be_bytes()));
    call.feed(&frame(kind::WINDOW_UPDATE, 0, 1, &1000_u32.to_be_bytes()));
    assert!(matches!(call.next(), Want::Read(_)), "the stream still owes");
    call.feed(&frame(kind::WINDOW_UPDATE, 0, 1, &65_535_u32.to_be_bytes()));
    assert_eq!(frames(said(&mut call))[0].payload.len(), 1000);
}

#[test]
fn what_the_server_says_of_a_failure_is_told() {
    let (mut call, _) = begun(Vec::new());
    answer(&mut call, &[("grpc-status", "14"), ("grpc-message", "try%20later %C3%A9 100%")]);
    assert_eq!(error(&call), "rpc error: code = Unavailable desc = try later é 100%");

    let (mut call, _) = begun(Vec::new());
    let flags = flag::END_HEADERS | flag::END_STREAM;
    let lines = block(&[(":status", "200"), ("grpc-status", "77")]);
    let (first, second) = lines.split_at(9);
    call.feed(&frame(kind::HEADERS, flag::END_STREAM, 1, first));
    call.feed(&frame(kind::CONTINUATION, flags & flag::END_HEADERS, 1, second));
    assert_eq!(error(&call), "rpc error: code = 77 desc = ", "in one piece, in two frames");

    let (mut call, _) = begun(Vec::new());
    let lines = block(&[(":status", "503")]);
    call.feed(&frame(kind::HEADERS, flags, 1, &lines));
    assert_eq!(error(&call), "unexpected status code 503");

    let (mut call, _) = begun(Vec::new());
    answer(&mut call, &[("x", "y")]);
    assert_eq!(error(&call), "the server does not say how the call went");
}

#[test]
fn broken_connections_and_broken_servers_end_it() {
    let ends = |bytes: &[u8], text: &str| {
        let (mut call, _) = begun(Vec::new());
        call.feed(bytes);
        assert_eq!(error(&call), text, "{bytes:?}");
        assert!(matches!(call.next(), Want::Done(Err(_))));
    };
    ends(&[], "EOF: the server closed the connection");
    ends(&frame(kind::RST_STREAM, 0, 1, &[0, 0, 0, 2]), "the server reset the stream (error 2)");
    ends(&frame(kind::GOAWAY, 0, 0, &[0; 8]), "the server goes away");
    ends(&frame(kind::PUSH_PROMISE, 0, 1, &[0; 4]), "http2: a frame out of place");
    ends(&frame(kind::DATA, 0, 1, &[0; 4]), "http2: data before the headers");
    ends(&frame(kind::HEADERS, 12, 1, &[200, 0]), "http2: too much padding");
    ends(&frame(kind::HEADERS, 4, 1, &[0xff]), "http2: broken headers");
    ends(&frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4]), "http2: a wrong change of the window");
    ends(&frame(kind::SETTINGS, 0, 0, &[0; 5]), "http2: settings of a wrong length");
    ends(&[255; 9], "http2: a frame is too long");
    let mut cut = frame(kind::HEADERS, 0, 1, &[]);
    cut.extend(frame(kind::PING, 0, 0, &[0; 8]));
    ends(&cut, "http2: a header block breaks off");

    let mut call = Call::new(settings(false), Vec::new());
    said(&mut call);
    call.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    assert_eq!(error(&call), "the server does not speak HTTP/2");
    let (mut call, _) = begun(Vec::new());
    for _ in 0..1000 {
        call.feed(&frame(99, 0, 0, &[0; 10_000]));
    }
    assert_eq!(error(&call), "the server says too much");
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(
        pieces in proptest::collection::vec(any::<Vec<u8>>(), 0..8),
        frames in proptest::collection::vec(
            (0_u8..11, any::<u8>(), 0_u32..3, proptest::collection::vec(any::<u8>(), 0..40)),
            0..20,
        ),
    ) {
        let (mut call, _) = begun(vec![1; 70_000]);
        for (kind, flags, stream, payload) in frames {
            call.feed(&frame(kind, flags, stream, &payload));
            call.next();
        }
        let (mut other, _) = begun(Vec::new());
        for piece in pieces {
            call.feed(&piece);
            other.feed(&piece);
            other.next();
        }
    }
}
