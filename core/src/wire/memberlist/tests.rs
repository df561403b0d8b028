//! Recorded packets and streams, and laws.

use alloc::{format, string::ToString as _, vec};
use core::net::{IpAddr, Ipv4Addr};

use proptest::{collection::vec as bytes_of, prelude::*};

use super::{body::kind, pack::*, *};
use crate::{
    limits::*,
    wire::{
        msgpack::{Reader, unexpected},
        vectors::*,
    },
};

fn local(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}

fn ping(seq_no: u32, node: &str, source_node: &str, port: u16) -> Ping {
    let (node, source_node) = (node.into(), source_node.into());
    Ping { seq_no, node, source: Some(local(port)), source_node }
}

fn ack(seq_no: u32) -> Message {
    Message::Ack(Ack { seq_no, payload: vec![] })
}

fn alive(node: &str, incarnation: u32, port: u16) -> Message {
    let (addr, meta) = (local(port), vec![]);
    Message::Alive(Alive { incarnation, node: node.into(), addr, meta, vsn: VSN })
}

fn suspect(node: &str, from: &str) -> Message {
    Message::Suspect(Suspect { incarnation: 1, node: node.into(), from: from.into() })
}

fn dead(node: &str, from: &str, incarnation: u32) -> Message {
    Message::Dead(Dead { incarnation, node: node.into(), from: from.into() })
}

fn user(text: &str) -> Message {
    Message::User(hex(text))
}

fn node(name: &str, port: u16) -> PushNode {
    let (name, addr, state) = (name.into(), local(port), NodeState::Alive);
    PushNode { name, addr, meta: vec![], incarnation: 1, state, vsn: VSN }
}

fn exchange(join: bool, nodes: Vec<PushNode>, user_state: Vec<u8>) -> StreamMessage {
    StreamMessage::PushPull(PushPull { join, nodes, user_state })
}

/// The empty parts `nfl` and `sil`.
const EMPTY_STATE: &str = "0a050a036e666c0a050a0373696c";

fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    encode_message(message, &mut out);
    out
}

fn decoded(label: &[u8], bytes: &[u8]) -> Result<Vec<Message>, PacketError> {
    let mut out = Vec::new();
    decode_packet(label, bytes, &mut out).map(|()| out)
}

fn read_stream(label: &[u8], bytes: &[u8]) -> Option<Result<StreamMessage, StreamError>> {
    StreamReader::new(label).push(bytes)
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let (algorithm, packed) = read_packed(&mut Reader::new(&bytes[1..])).unwrap();
    unpack(algorithm, &packed, 1 << 20).unwrap()
}

/// Takes the layers of a recorded packet apart: whether it has a checksum, and its parts.
fn layers(label: &[u8], packet: &[u8]) -> (bool, Vec<Vec<u8>>) {
    let mut rest = packet[label_bytes(label)..].to_vec();
    let checksum = rest[0] == kind::CRC;
    if checksum {
        rest.drain(..5);
    }
    if rest[0] == kind::COMPRESS {
        rest = unpacked(&rest);
    }
    if rest[0] != kind::COMPOUND {
        return (checksum, vec![rest]);
    }
    let count = usize::from(rest[1]);
    let mut at = 2 + 2 * count;
    let parts = rest[2..at].chunks(2).map(|len| {
        let len = usize::from(u16::from_be_bytes([len[0], len[1]]));
        at += len;
        rest[at - len..at].to_vec()
    });
    let parts = parts.collect();
    (checksum, parts)
}

/// Writes nil metadata, which only Go's codec tells from empty one, as empty.
fn without_nil(bytes: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for at in 0..out.len().saturating_sub(5) {
        if &out[at..at + 6] == b"\xa4Meta\xc0" {
            out[at + 5] = 0xa0;
        }
    }
    out
}

/// The packets S01 to S13 and S19, with what they hold.
fn recorded_packets() -> Vec<(&'static str, &'static [u8], Vec<Message>)> {
    let (sil, nfl) = (&S05[12..], &S06[12..]);
    vec![
        (S01, b"", vec![Message::Ping(ping(1, "alpha", "bravo", 23194))]),
        (S02, b"", vec![ack(1)]),
        (S03, b"", vec![alive("bravo", 1, 23194), alive("alpha", 1, 23094)]),
        (
            S04,
            b"",
            vec![
                alive("charlie", 1, 23294),
                alive("bravo", 1, 23194),
                alive("alpha", 1, 23094),
                user(sil),
                user(nfl),
            ],
        ),
        (S05, b"", vec![user(sil)]),
        (S06, b"", vec![user(nfl)]),
        (S07, b"", vec![ack(67), suspect("charlie", "alpha")]),
        (
            S08,
            b"",
            vec![Message::Ping(ping(68, "charlie", "bravo", 23194)), suspect("charlie", "bravo")],
        ),
        (
            S09,
            b"",
            vec![Message::IndirectPing(IndirectPing {
                seq_no: 68,
                target: local(23294),
                node: "charlie".into(),
                nack: true,
                source: Some(local(23194)),
                source_node: "bravo".into(),
            })],
        ),
        (S10, b"", vec![Message::Nack(Nack { seq_no: 68 })]),
        (S11, b"", vec![dead("charlie", "bravo", 1)]),
        (S12, b"", vec![dead("charlie", "charlie", 2)]),
        (S13, b"", vec![ack(68), alive("charlie", 2, 23294)]),
        (
            S19,
            b"prod",
            vec![
                Message::Ping(ping(1, "echo", "delta", 23494)),
                alive("delta", 1, 23494),
                alive("echo", 1, 23594),
            ],
        ),
    ]
}

#[test]
fn recorded_packets_are_read_and_written_alike() {
    for (packet, label, messages) in recorded_packets() {
        let bytes = hex(packet);
        assert_eq!(decoded(label, &bytes).as_ref(), Ok(&messages), "{packet}");
        let (checksum, parts) = layers(label, &bytes);
        let again: Vec<_> = packets(label, &parts, checksum).collect();
        assert_eq!(again, [bytes], "{packet}");
        let expected: Vec<_> = parts.iter().map(|part| without_nil(part)).collect();
        assert_eq!(messages.iter().map(encoded).collect::<Vec<_>>(), expected, "{packet}");
    }
    assert_eq!(unpacked(&hex(S04)[5..]), hex(S04_PLAIN));
    assert_eq!(unpacked(&hex(S19)[6..]), hex(S19_PLAIN));
}

#[test]
fn recorded_streams_are_read_and_written_alike() {
    let push_pull = |join, nodes| exchange(join, nodes, hex(EMPTY_STATE));
    let recorded: [(&str, &str, &[u8], StreamMessage); 8] = [
        (S14, S14_PLAIN, b"", push_pull(true, vec![node("bravo", 23194)])),
        (S15, S15_PLAIN, b"", push_pull(true, vec![node("alpha", 23094)])),
        (
            S16,
            S16_PLAIN,
            b"",
            exchange(
                false,
                vec![node("bravo", 23194), node("alpha", 23094)],
                hex(&S16_PLAIN[S16_PLAIN.len() - 512..]),
            ),
        ),
        (S17, S17_PLAIN, b"", StreamMessage::Ping(ping(68, "charlie", "alpha", 23094))),
        (S20, S20_PLAIN, b"prod", push_pull(true, vec![node("echo", 23594)])),
        (S21, S21_PLAIN, b"", push_pull(true, vec![node("delta", 23494)])),
        (
            S22,
            "0282a75061796c6f6164c0a55365714e6f2a",
            b"",
            StreamMessage::Ack(Ack { seq_no: 42, payload: vec![] }),
        ),
        (
            S23,
            "0d81a54572726f72d92543616e6e6f74206465636f6d707265737320756e6b6e6f776e20616c676f7269\
             74686d2037",
            b"",
            StreamMessage::Err("Cannot decompress unknown algorithm 7".into()),
        ),
    ];
    for (stream, plain, label, message) in recorded {
        let bytes = hex(stream);
        assert_eq!(read_stream(label, &bytes), Some(Ok(message.clone())), "{stream}");
        // The error's length is str8 above; what was recorded is raw.
        let plain = hex(&plain.replace("d925", "da0025"));
        assert_eq!(unpacked(&bytes[label_bytes(label)..]), plain);
        assert_eq!(pack(&plain), bytes[label_bytes(label)..]);
        assert_eq!(read_stream(b"", &plain), Some(Ok(message.clone())), "uncompressed");
        let again = encode_stream(label, &message);
        assert_eq!(unpacked(&again[label_bytes(label)..]), without_nil(&plain));
        if stream != S16 {
            assert_eq!(again, bytes, "{stream}");
        }
    }
    let Some(Ok(StreamMessage::User(oversize))) = read_stream(b"", &hex(S18)) else {
        panic!("S18 is a user message");
    };
    assert_eq!(oversize.len(), 1052);
    assert_eq!(encode_stream(b"", &StreamMessage::User(oversize)), hex(S18));
}

#[test]
fn structures_of_the_newer_codec_are_read() {
    let same = |text: &str, message: Message| {
        assert_eq!(decoded(b"", &hex(text)), Ok(vec![message.clone()]), "{text}");
        assert_eq!(encoded(&message), without_nil(&hex(text)));
    };
    let bare = Ping { seq_no: 300, node: "alpha".into(), source: None, source_node: "".into() };
    same("0082a44e6f6465a5616c706861a55365714e6fcd012c", Message::Ping(bare));
    same(
        "0486a441646472a47f000001ab496e6361726e6174696f6e01a44d657461a0a44e6f6465a5616c706861\
         a4506f7274cd5a36a356736ea6010502000000",
        alive("alpha", 1, 23094),
    );
    same(
        "0486a441646472a47f000001ab496e6361726e6174696f6eccc8a44d657461c0a44e6f6465da00246162\
         636465666768696a6b6c6d6e6f707172737475767778797a30313233343536373839a4506f72745ea356\
         736ea6010502000000",
        alive("abcdefghijklmnopqrstuvwxyz0123456789", 200, 94),
    );
    let nil = hex("0282a75061796c6f6164c0a55365714e6fce00011170");
    assert_eq!(decoded(b"", &nil), Ok(vec![ack(70_000)]));
    // Lengths in the signed family of numbers.
    let bytes =
        [hex("0683a44a6f696ec2a54e6f64657300ac5573657253746174654c656ed10100"), vec![7; 256]]
            .concat();
    assert_eq!(read_stream(b"", &bytes), Some(Ok(exchange(false, vec![], vec![7; 256]))));
    let bytes = [hex("0881aa557365724d73674c656ed100c8"), vec![7; 200]].concat();
    assert_eq!(read_stream(b"", &bytes), Some(Ok(StreamMessage::User(vec![7; 200]))));
    let node_map = "87a441646472a47f000001ab496e6361726e6174696f6e01a44d657461c0a44e616d65a5627261\
                    766fa4506f7274cd5a9aa5537461746500a356736ea6010502000000";
    assert_eq!(body::read_node(&mut Reader::new(&hex(node_map))), Ok(node("bravo", 23194)));
    let error = StreamMessage::Err("x".into());
    assert_eq!(read_stream(b"", &hex("0d81a54572726f72a178")), Some(Ok(error)));
    let packed = hex("0982a4416c676f00a3427566b70005083a05254c1e366fc29001566a4a99384ede040808");
    assert_eq!(decoded(b"", &packed), Ok(vec![ack(1)]));
    let ack = StreamMessage::Ack(Ack { seq_no: 1, payload: vec![] });
    assert_eq!(encode_stream(b"", &ack), packed);
    let (nodes, state) = (vec![node("a", 1); 130], vec![0; 100_000]);
    let large = exchange(true, nodes, state);
    assert_eq!(read_stream(b"", &encode_stream(b"", &large)), Some(Ok(large)));
}

#[test]
fn what_alertmanager_tolerates_is_tolerated() {
    // A structure as an array, with its fields in the order of declaration.
    let expected = Ping { seq_no: 42, node: "alpha".into(), source: None, source_node: "".into() };
    for text in [
        "00922aa5616c706861",
        "0082d904 4e6f6465 a5616c706861 d9055365714e6f d02a",
        "0082a44e6f6465c405616c706861a55365714e6f2a",
        "0083a14ec0a44e6f6465a5616c706861a55365714e6f2a",
        "0082a44e6f6465a5616c706861a55365714e6f2affff",
    ] {
        let bytes = hex(&text.replace(' ', ""));
        assert_eq!(decoded(b"", &bytes), Ok(vec![Message::Ping(expected.clone())]), "{text}");
        let answer = read_stream(b"", &bytes);
        assert_eq!(answer, Some(Ok(StreamMessage::Ping(expected.clone()))), "{text}");
    }
    assert_eq!(decoded(b"", &hex("0281a55365714e6f01")), Ok(vec![ack(1)]));
    // A ping on a stream with no name, and a member without versions.
    let anyone = Ping { seq_no: 42, node: "".into(), source: None, source_node: "".into() };
    let bytes = hex("0081a55365714e6f2a");
    assert_eq!(read_stream(b"", &bytes), Some(Ok(StreamMessage::Ping(anyone))));
    for vsn in ["", "a356736ea401050200"] {
        let map = if vsn.is_empty() { "82" } else { "83" };
        let text = format!("{map}a441646472a47f000001a44e616d65a162{vsn}");
        let mut expected = node("b", 0);
        (expected.vsn, expected.incarnation) = ([0; 6], 0);
        assert_eq!(body::read_node(&mut Reader::new(&hex(&text))), Ok(expected));
    }
    assert_eq!(read_stream(b"", &[0x63]), Some(Err(StreamError::Kind(0x63))));
}

#[test]
fn labels_must_match() {
    let (plain, labelled) = (hex(S02), [&b"\xf4\x04prod"[..], &hex(S02)].concat());
    assert_eq!(decoded(b"prod", &labelled), Ok(vec![ack(1)]));
    for (label, bytes, error) in [
        (&b"prod"[..], &plain[..], LabelError::Missing),
        (b"", &labelled, LabelError::Foreign),
        (b"prod2", &labelled, LabelError::Foreign),
        (b"prod", b"\xf4\x05prod", LabelError::Damaged),
        (b"prod", b"\xf4\0\x02\x80", LabelError::Damaged),
        (b"prod", b"\xf4", LabelError::Damaged),
    ] {
        assert_eq!(decoded(label, bytes), Err(PacketError::Label(error)));
        if bytes.len() > 6 {
            assert_eq!(read_stream(label, bytes), Some(Err(StreamError::Label(error))));
        }
    }
    let twice = [b"\xf4\x04prod", &labelled[..]].concat();
    assert_eq!(decoded(b"prod", &twice), Err(PacketError::Kind(kind::LABEL)));
    assert_eq!(packet_room(b""), 1398);
    assert_eq!(packet_room(b"prod"), 1392);
}

#[test]
fn a_damaged_part_does_not_spoil_the_others() {
    let mut out = Vec::new();
    let parts = [hex(S02), vec![], vec![99], hex("0081a44e6f6465c3"), hex(S10)];
    let packet = packets(b"", &parts, false).next().unwrap();
    assert_eq!(decode_packet(b"", &packet, &mut out), Err(PacketError::Empty));
    assert_eq!(out, [ack(1), Message::Nack(Nack { seq_no: 68 })]);
    out.clear();
    let cut = decode_packet(b"", &packet[..packet.len() - 1], &mut out);
    assert_eq!((cut, out), (Err(PacketError::Empty), vec![ack(1)]));
    let body = PacketError::Body { kind: 0, error: unexpected(6, "a byte string") };
    assert_eq!(decoded(b"", &hex("0081a44e6f6465c3")), Err(body));
    assert_eq!(decoded(b"", b""), Err(PacketError::Empty));
    assert_eq!(decoded(b"", &hex("0c000000000281")), Err(PacketError::Checksum));
    for compound in ["07", "0702", "07020001", "07010001"] {
        assert_eq!(decoded(b"", &hex(compound)), Err(PacketError::Truncated), "{compound}");
    }
    let text = decoded(b"", &hex("0982a4416c676f07a3427566a3616263")).unwrap_err().to_string();
    assert_eq!(text, "cannot decompress unknown algorithm 7");
    assert_eq!(packets(b"", &vec![hex(S10); 256], false).count(), 2);
    let unpacked = PacketError::Unpack(UnpackError::Damaged);
    assert_eq!(decoded(b"", &hex("0982a4416c676f00a3427566a0")), Err(unpacked));
}

#[test]
fn bombs_are_refused() {
    // A compound in a compound and so on; compression in compression.
    let mut nested = hex(S10);
    for _ in 0..GOSSIP_NESTING_MAX {
        nested = [&[kind::COMPOUND, 1, 0, nested.len() as u8][..], &nested].concat();
    }
    assert_eq!(decoded(b"", &nested), Ok(vec![Message::Nack(Nack { seq_no: 68 })]));
    nested = [&[kind::COMPOUND, 1, 0, nested.len() as u8][..], &nested].concat();
    assert_eq!(decoded(b"", &nested), Err(PacketError::Nesting));
    // A million bytes of one user message take a packet of some kilobytes.
    let bomb = pack(&vec![kind::USER; 1 << 20]);
    assert!(bomb.len() < 4096);
    let too_large = |limit| UnpackError::TooLarge { limit };
    let refused = Err(PacketError::Unpack(too_large(GOSSIP_UNPACKED_BYTES_MAX)));
    assert_eq!(decoded(b"", &bomb), refused);
    // The parts of a compound share one allowance.
    let half = pack(&vec![kind::USER; GOSSIP_UNPACKED_BYTES_MAX / 2 + 1]);
    let mut out = Vec::new();
    let packet = packets(b"", &[half.clone(), half.clone(), half], false).next().unwrap();
    let result = decode_packet(b"", &packet, &mut out);
    let refused = matches!(result, Err(PacketError::Unpack(UnpackError::TooLarge { limit }))
        if limit < GOSSIP_UNPACKED_BYTES_MAX / 2);
    assert!(refused && out.len() == 1, "{result:?}");
    // Streams: what comes out, and what is announced.
    let bomb = pack(&vec![kind::USER; GOSSIP_STREAM_BYTES_MAX + 1]);
    let refused = StreamError::Unpack(too_large(GOSSIP_STREAM_BYTES_MAX));
    assert_eq!(read_stream(b"", &bomb), Some(Err(refused)));
    for (text, what) in [
        ("0683a44a6f696ec2a54e6f646573cd2711ac5573657253746174654c656e00", "members"),
        ("0683a44a6f696ec2a54e6f64657300ac5573657253746174654c656ece01400001", "state"),
        ("0881aa557365724d73674c656ecf7fffffffffffffff", "state"),
        ("0081a44e6f6465db00100000", "structure"),
        ("0982a4416c676f00a3427566dbffffffff", "compressed bytes"),
    ] {
        match read_stream(b"", &hex(text)) {
            Some(Err(StreamError::TooLarge { what: found, .. })) => assert_eq!(found, what),
            other => panic!("{text}: {other:?}"),
        }
    }
    // An endless list of fields.
    for head in ["00dfffffffff", "09dfffffffff"] {
        let endless = [&hex(head)[..], &[0xa0; GOSSIP_STRUCT_BYTES_MAX]].concat();
        assert!(matches!(read_stream(b"", &endless), Some(Err(StreamError::TooLarge { .. }))));
    }
}

#[test]
fn only_versions_of_5_take_a_checksum() {
    assert!(takes_checksum(&VSN));
    assert!(!takes_checksum(&[1, 4, 2, 0, 0, 0]));
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9é]{0,8}", Just("x".repeat(GOSSIP_NAME_BYTES_MAX))]
}

fn address() -> impl Strategy<Value = SocketAddr> {
    let ip = prop_oneof![
        any::<[u8; 4]>().prop_map(IpAddr::from),
        any::<[u8; 16]>().prop_map(|octets| IpAddr::from(octets).to_canonical())
    ];
    (ip, any::<u16>()).prop_map(SocketAddr::from)
}

fn source() -> impl Strategy<Value = Option<SocketAddr>> {
    proptest::option::of(address().prop_filter("set", |source| source.port() != 0))
}

fn any_ping() -> impl Strategy<Value = Ping> {
    (any::<u32>(), name(), source(), name()).prop_map(|(seq_no, node, source, source_node)| Ping {
        seq_no,
        node,
        source,
        source_node,
    })
}

fn any_ack() -> impl Strategy<Value = Ack> {
    (any::<u32>(), bytes_of(any::<u8>(), 0..70))
        .prop_map(|(seq_no, payload)| Ack { seq_no, payload })
}

fn message() -> impl Strategy<Value = Message> {
    let accusation = || (any::<u32>(), name(), name());
    prop_oneof![
        any_ping().prop_map(Message::Ping),
        (any_ping(), address(), any::<bool>()).prop_map(|(ping, target, nack)| {
            let Ping { seq_no, node, source, source_node } = ping;
            Message::IndirectPing(IndirectPing { seq_no, target, node, nack, source, source_node })
        }),
        any_ack().prop_map(Message::Ack),
        any::<u32>().prop_map(|seq_no| Message::Nack(Nack { seq_no })),
        accusation().prop_map(|(incarnation, node, from)| {
            Message::Suspect(Suspect { incarnation, node, from })
        }),
        accusation().prop_map(|(incarnation, node, from)| Message::Dead(Dead {
            incarnation,
            node,
            from
        })),
        any_node().prop_map(|node| {
            let PushNode { name: node, addr, meta, incarnation, state: _, vsn } = node;
            Message::Alive(Alive { incarnation, node, addr, meta, vsn })
        }),
        bytes_of(any::<u8>(), 0..300).prop_map(Message::User),
    ]
}

prop_compose! {
    fn any_node()(
        name in name(), addr in address(), meta in bytes_of(any::<u8>(), 0..50),
        incarnation: u32, vsn: [u8; 6],
        state in proptest::sample::select(&[
            NodeState::Alive, NodeState::Suspect, NodeState::Dead, NodeState::Left,
        ][..]),
    ) -> PushNode {
        PushNode { name, addr, meta, incarnation, state, vsn }
    }
}

fn stream_message() -> impl Strategy<Value = StreamMessage> {
    let bytes = || bytes_of(any::<u8>(), 0..3000);
    prop_oneof![
        any_ping().prop_map(StreamMessage::Ping),
        any_ack().prop_map(StreamMessage::Ack),
        (any::<bool>(), bytes_of(any_node(), 0..6), bytes())
            .prop_map(|(join, nodes, state)| exchange(join, nodes, state)),
        bytes().prop_map(StreamMessage::User),
        name().prop_map(StreamMessage::Err),
    ]
}

/// Changes, cuts or extends bytes at places given by `edits`.
fn mutated(mut bytes: Vec<u8>, edits: &[(usize, u8)]) -> Vec<u8> {
    for &(at, byte) in edits {
        let at = at % (bytes.len() + 1);
        match byte % 4 {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, byte),
            _ if at < bytes.len() => bytes[at] = byte,
            _ => bytes.push(byte),
        }
    }
    bytes
}

proptest! {
    // Compression is slow without optimization.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn packets_read_back(
        messages in bytes_of(message(), 1..20), label in "[a-z]{0,9}", checksum: bool,
    ) {
        let parts: Vec<_> = messages.iter().map(encoded).collect();
        let packet = packets(label.as_bytes(), &parts, checksum).next().expect("one packet");
        prop_assert_eq!(decoded(label.as_bytes(), &packet), Ok(messages));
    }

    #[test]
    fn streams_read_back_from_any_pieces(
        message in stream_message(), label in "[a-z]{0,9}", packed: bool, piece in 1usize..200,
    ) {
        let mut bytes = encode_stream(label.as_bytes(), &message);
        if !packed {
            let plain = unpacked(&bytes[label_bytes(label.as_bytes())..]);
            bytes.truncate(label_bytes(label.as_bytes()));
            bytes.extend(plain);
        }
        let mut reader = StreamReader::new(label.as_bytes());
        let mut pieces = bytes.chunks(piece).peekable();
        while let Some(piece) = pieces.next() {
            let result = reader.push(piece);
            if pieces.peek().is_some() {
                prop_assert_eq!(result, None);
            } else {
                prop_assert_eq!(result, Some(Ok(message.clone())));
            }
        }
        prop_assert!(reader.is_done());
        prop_assert_eq!(reader.push(b"more"), None);
    }

    #[test]
    fn packed_bytes_come_back(
        unit in bytes_of(any::<u8>(), 1..3000), times in 1usize..12,
    ) {
        let plain = unit.repeat(times);
        let packed = pack(&plain);
        prop_assert_eq!(unpacked(&packed), &plain[..]);
        let (_, buffer) = read_packed(&mut Reader::new(&packed[1..])).expect("a packed message");
        let limit = plain.len() - 1;
        prop_assert_eq!(unpack(0, &buffer, limit), Err(UnpackError::TooLarge { limit }));
        prop_assert_eq!(unpack(0, &buffer[..buffer.len() - 1], 1 << 20), Err(UnpackError::Damaged));
    }

    #[test]
    fn no_packet_makes_the_reader_panic(
        messages in bytes_of(message(), 1..5), checksum: bool,
        edits in bytes_of(any::<(usize, u8)>(), 0..6), noise in bytes_of(any::<u8>(), 0..100),
    ) {
        let parts: Vec<_> = messages.iter().map(encoded).collect();
        let packet = packets(b"", &parts, checksum).next().expect("one packet");
        let _ = decoded(b"", &mutated(packet, &edits));
        for part in parts {
            let _ = decoded(b"", &mutated(part, &edits));
        }
        let _ = decoded(b"", &noise);
        let _ = unpack(0, &noise, 1000);
    }

    #[test]
    fn no_stream_makes_the_reader_panic(
        message in stream_message(), edits in bytes_of(any::<(usize, u8)>(), 0..6),
        noise in bytes_of(any::<u8>(), 0..100), piece in 1usize..100,
    ) {
        let packed = encode_stream(b"", &message);
        for bytes in [unpacked(&packed), packed, noise] {
            let mut reader = StreamReader::new(b"");
            for piece in mutated(bytes, &edits).chunks(piece) {
                reader.push(piece);
            }
        }
    }
}
