//! What strangers may send to the port of gossip: it is counted, told once, and survived, by
//! processes on loopback.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use campana_core::{
    limits::GOSSIP_LINGER,
    wire::memberlist::{
        Alive, Dead, Message, NodeState, PushNode, PushPull, StreamMessage, VSN, encode_message,
        encode_stream, packets,
    },
};
use campana_tests::{
    cluster::{CONFIG, Member, SETTLING, SPREADING, Setup, free_address, wait, wait_ready},
    drivers::built_program,
};

/// Members that come and go.
const STRANGERS: u16 = 3_000;
/// What the process may grow by meanwhile: the largest stream that it unpacks, some of them at a
/// time, and what the allocator keeps.
const GROWTH_MAX_KIB: usize = 256 << 10;
/// Packets that are sent without a pause; a socket holds more.
const BURST: usize = 50;

fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    encode_message(message, &mut out);
    out
}

fn alive(node: &str, addr: SocketAddr, vsn: [u8; 6]) -> Vec<u8> {
    let node = node.into();
    encoded(&Message::Alive(Alive { incarnation: 1, node, addr, meta: Vec::new(), vsn }))
}

/// An address of this host where nobody listens.
fn nobody(n: u16) -> SocketAddr {
    let [high, low] = n.to_be_bytes();
    (Ipv4Addr::new(127, 9, high, low), 9).into()
}

/// The fields of a member but for its name, with versions as they come.
fn fields(out: &mut Vec<u8>, name: &[u8], count: u8, state: &[u8], versions: &[u8]) {
    out.push(0x80 | count);
    out.extend(b"\xa4Addr\xa4\x7f\x09\x09\x09\xabIncarnation\x01\xa4Meta\xa0");
    out.extend(name);
    out.extend(b"\xa4Port\x09");
    out.extend(state);
    out.extend(b"\xa3Vsn");
    out.push(0xa0 | versions.len() as u8);
    out.extend(versions);
}

/// Packets that are none, or that nobody should believe.
fn bad_packets(own_name: &str) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    // Chance, and a good packet with a byte changed.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % below
    };
    let good = packets(b"", &[alive("m", nobody(1), VSN)], true).next().expect("one packet");
    for _ in 0..1_000 {
        let length = draw(1_400);
        all.push((0..length).map(|_| draw(256) as u8).collect());
        let mut mutated = good.clone();
        let place = draw(mutated.len());
        mutated[place] ^= 1 << draw(8);
        all.push(mutated);
    }
    // Another cluster's label, and half a label.
    all.extend(packets(b"other", &[alive("l", nobody(2), VSN)], true));
    all.extend([b"\xf4\x05oth".to_vec(), b"\xf4\0\x02\x80".to_vec()]);
    // Versions that are wrong, or too few.
    for vsn in [[0; 6], [6, 5, 2, 0, 0, 0], [1, 0, 2, 0, 0, 0]] {
        all.extend(packets(b"", &[alive("v", nobody(3), vsn)], true));
    }
    for count in 1..=4 {
        let mut packet = vec![4];
        fields(&mut packet, b"\xa4Node\xa1w", 6, b"", &VSN[..count]);
        all.push(packet);
    }
    // The own name from elsewhere.
    for _ in 0..20 {
        all.extend(packets(b"", &[alive(own_name, nobody(4), VSN)], true));
    }
    // A megabyte of zeros takes a packet of some kilobytes.
    all.extend(packets(b"", &[vec![0; 1 << 20]], true));
    assert!(all.iter().all(|packet| packet.len() < 65_000), "they fit");
    all
}

/// Streams that are none, or that nobody should believe.
fn bad_streams() -> Vec<Vec<u8>> {
    let node = PushNode {
        name: "n".into(),
        addr: nobody(5),
        meta: Vec::new(),
        incarnation: 1,
        state: NodeState::Alive,
        vsn: VSN,
    };
    let exchange =
        |nodes, user_state| StreamMessage::PushPull(PushPull { join: true, nodes, user_state });
    let whole = encode_stream(b"", &exchange(vec![node.clone()], (0..=255).collect()));
    let mut all: Vec<Vec<u8>> = (0..whole.len()).step_by(7).map(|n| whole[..n].to_vec()).collect();
    // Too few versions, which end released versions of the original.
    for count in 1..=4 {
        let mut stream = b"\x06\x83\xa4Join\xc3\xa5Nodes\x01\xacUserStateLen\0".to_vec();
        fields(&mut stream, b"\xa4Name\xa1w", 7, b"\xa5State\0", &VSN[..count]);
        all.push(stream);
    }
    let vsn = [7, 9, 8, 0, 0, 0];
    all.push(encode_stream(b"", &exchange(vec![PushNode { vsn, ..node.clone() }], Vec::new())));
    all.push(encode_stream(b"other", &exchange(vec![node], Vec::new())));
    // What unpacks to more than a stream may hold, and what announces more than it has.
    all.push(encode_stream(b"", &StreamMessage::User(vec![0; 30 << 20])));
    all.push(b"\x06\x83\xa4Join\xc3\xa5Nodes\xce\x7f\xff\xff\xff\xacUserStateLen\0".to_vec());
    all.push(b"\x09\x82\xa4Algo\0\xa3Buf\xdb\xff\xff\xff\xff".to_vec());
    all.push(vec![0x63]);
    all
}

/// Sends packets with pauses, so that the process can read them.
fn send(packets: &[Vec<u8>], to: SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a free port");
    for burst in packets.chunks(BURST) {
        for packet in burst {
            socket.send_to(packet, to).expect("loopback takes it");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a stream and ends it; reads what is answered until the other side ends it too.
fn call(to: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(SETTLING)).expect("it is not zero");
    // It may be refused before it was read to its end.
    let _ = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    let _ = stream.read_to_end(&mut Vec::new());
}

/// Sends a message on a stream that stays open on this side. Who has read it closes the stream, and
/// a peer sends nothing more before; returns how long that took.
fn receipt(from: SocketAddr) -> Duration {
    let mut stream = TcpStream::connect(from).expect("it listens");
    stream.set_read_timeout(Some(SETTLING)).expect("it is not zero");
    let began = Instant::now();
    stream.write_all(&encode_stream(b"", &StreamMessage::User(Vec::new()))).expect("it reads");
    let _ = stream.read_to_end(&mut Vec::new());
    began.elapsed()
}

fn resident_kib(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).expect("a number")
}

fn metric(member: &Member, name: &str) -> f64 {
    let page = member.program.request("GET", "/metrics", b"").expect("it answers").text();
    let value = page.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("{name} is missing"))
}

fn strangers_are_survived(executable: &Path) {
    let (name, gossip) = ("a", free_address());
    let setup = Setup { executable, name, gossip, config: CONFIG, log: "info" };
    let a = Member::start_as(setup, &[], &["--cluster.tcp-timeout=2s"]);
    wait_ready(&[&a]);
    let receipt = (0..10).map(|_| receipt(a.gossip)).min().expect("some");
    assert!(receipt < GOSSIP_LINGER / 2, "{receipt:?}");
    // An address for documentation, where no way leads.
    let far: Vec<_> =
        packets(b"", &[alive("far", "192.0.2.1:9".parse().expect("one"), VSN)], true).collect();
    send(&far, a.gossip);
    wait("far is seen", &[&a], SPREADING, || a.peers() == ["a", "far"]);
    wait("far is found out", &[&a], SETTLING, || a.peers() == ["a"]);
    let before = resident_kib(a.program.id());
    send(&bad_packets("a"), a.gossip);
    bad_streams().iter().for_each(|stream| call(a.gossip, stream));
    // Strangers join and leave in one breath, for ever.
    let coming_and_going: Vec<Vec<u8>> = (0..STRANGERS)
        .flat_map(|n| {
            let name = format!("stranger-{n}");
            let come = alive(&name, nobody(n), VSN);
            let node = name.clone();
            let go = encoded(&Message::Dead(Dead { incarnation: 1, node, from: name }));
            packets(b"", &[come, go], true).collect::<Vec<_>>()
        })
        .collect();
    send(&coming_and_going, a.gossip);
    let growth = resident_kib(a.program.id()).saturating_sub(before);
    assert!(growth < GROWTH_MAX_KIB, "{growth} KiB more");
    assert!(metric(&a, "campana_cluster_messages_refused_total") > 100.0);
    assert!(metric(&a, "alertmanager_cluster_peer_name_conflicts_total") > 0.0);
    let log = a.program.log();
    let told = |text: &str| log.iter().filter(|line| line.contains(text)).count();
    assert_eq!(told("Refused gossip"), 1);
    assert_eq!(told("Two peers use the same name"), 1);
    // Who is really there finds its way in.
    let b = Member::start(executable, "b", &[&a], &[]);
    wait_ready(&[&a, &b]);
    let id = a.silence("Quiet");
    wait("the silence of a on b", &[&a, &b], SPREADING, || b.state_of(&id) == "active");
}

#[test]
fn campana_survives_strangers() {
    strangers_are_survived(&built_program("campana"));
}

#[test]
fn small_campana_survives_strangers() {
    strangers_are_survived(&built_program("campana-std"));
}
