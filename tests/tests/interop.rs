//! Real clusters on real sockets: of our own programs, and together with the original.
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::{
    fs,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use campana_tests::{
    drivers::{PEERS, Program, built_program, peer},
    sink::Sink,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A cluster settles after at least four looks, two seconds apart; the machine may be loaded.
const SETTLING: Duration = Duration::from_secs(40);
/// Gossip reaches a few members within some ticks of 200 ms.
const SPREADING: Duration = Duration::from_secs(2);
/// The head start of each member before the next one notifies.
const PEER_TIMEOUT: Duration = Duration::from_secs(3);

const CONFIG: &str = "
route: {receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 2s}
receivers:
- {name: team, webhook_configs: [{url: '{{sink}}'}]}
";

/// One instance, with a receiver of its own that stands for the same team.
struct Member {
    name: String,
    program: Program,
    gossip: SocketAddr,
    sink: Sink,
    _folder: TempDir,
}

impl Member {
    fn start(executable: &Path, name: &str, peers: &[&Self], flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let sink = Sink::open().expect("a free port");
        let config = folder.path().join("config.yml");
        fs::write(&config, CONFIG.replace("{{sink}}", &sink.url())).expect("the folder is ours");
        let gossip = free_address();
        let mut command = Command::new(executable);
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.path={}", folder.path().join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--log.level=debug"])
            .arg(format!("--cluster.listen-address={gossip}"))
            .arg(format!("--cluster.peer-name={name}"))
            .arg(format!("--cluster.peer-timeout={}s", PEER_TIMEOUT.as_secs()))
            .args(peers.iter().map(|peer| format!("--cluster.peer={}", peer.gossip)))
            .args(flags);
        let program = Program::spawn(command, "msg=\"Listening on\"").expect("it runs");
        Self { name: name.into(), program, gossip, sink, _folder: folder }
    }

    fn json(&self, path: &str) -> Value {
        let answer = self.program.request("GET", path, b"").expect("it answers");
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    /// Returns the names of the peers it sees once it is ready.
    fn peers(&self) -> Vec<String> {
        let cluster = &self.json("/api/v2/status")["cluster"];
        if cluster["status"] != "ready" {
            return Vec::new();
        }
        let peers = cluster["peers"].as_array().into_iter().flatten();
        peers.map(|peer| peer["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    fn silence(&self, value: &str) -> String {
        let body = json!({
            "matchers": [{"name": "alertname", "value": value, "isRegex": false}],
            "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
            "createdBy": "me", "comment": "why",
        });
        let answer = self.program.request("POST", "/api/v2/silences", body.to_string().as_bytes());
        let answer = answer.expect("it answers");
        assert_eq!(answer.status, 200, "{}", answer.text());
        let id: Value = serde_json::from_slice(&answer.body).expect("JSON");
        id["silenceID"].as_str().expect("an id").to_owned()
    }

    fn expire(&self, id: &str) {
        let answer = self.program.request("DELETE", &format!("/api/v2/silence/{id}"), b"");
        assert_eq!(answer.expect("it answers").status, 200);
    }

    /// Returns the state of a silence; empty when it is not known.
    fn state_of(&self, id: &str) -> String {
        let silence = self.json(&format!("/api/v2/silence/{id}"));
        silence["status"]["state"].as_str().unwrap_or_default().to_owned()
    }

    fn post(&self, alert: &str, ends: Option<&str>) {
        let labels = json!({"alertname": alert});
        let body = match ends {
            Some(ends) => {
                json!([{"labels": labels, "startsAt": "2020-01-01T00:00:00Z", "endsAt": ends}])
            }
            None => json!([{"labels": labels, "startsAt": "2020-01-01T00:00:00Z"}]),
        };
        let answer = self.program.request("POST", "/api/v2/alerts", body.to_string().as_bytes());
        assert_eq!(answer.expect("it answers").status, 200);
    }

    /// Returns what its receiver was told: `status alertname`.
    fn told(&self) -> Vec<String> {
        let received = self.sink.received();
        let told = received.iter().map(|request| {
            let body: Value = serde_json::from_slice(&request.body).expect("JSON");
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            format!("{} {}", text(&body["status"]), text(&body["groupLabels"]["alertname"]))
        });
        told.collect()
    }
}

/// Returns an address that is free for packets and for streams.
fn free_address() -> SocketAddr {
    let pair = (0..100).find_map(|_| {
        let streams = TcpListener::bind("127.0.0.1:0").ok()?;
        let address = streams.local_addr().ok()?;
        UdpSocket::bind(address).ok().map(|_| address)
    });
    pair.expect("a free port")
}

/// Waits until something is so.
#[track_caller]
fn wait(what: &str, members: &[&Member], patience: Duration, is_so: impl Fn() -> bool) {
    let end = Instant::now() + patience;
    while !is_so() {
        if Instant::now() >= end {
            for member in members {
                let seen = member.json("/api/v2/status")["cluster"].clone();
                eprintln!("{}: {seen}\n{:?}", member.name, member.told());
                eprintln!("{}\n", member.program.log().join("\n"));
            }
            panic!("not in {patience:?}: {what}");
        }
        thread::sleep(Duration::from_millis(50));
    }
}

#[track_caller]
fn wait_ready(members: &[&Member]) {
    let mut names: Vec<&str> = members.iter().map(|member| &*member.name).collect();
    names.sort_unstable();
    for member in members {
        wait(&format!("{names:?} seen by {}", member.name), members, SETTLING, || {
            member.peers() == names
        });
    }
}

/// A silence that one got is on all; and so is its end.
#[track_caller]
fn share_silence(from: &Member, members: &[&Member]) {
    let id = from.silence("Quiet");
    for member in members {
        let what = format!("the silence of {} on {}", from.name, member.name);
        wait(&what, members, SPREADING, || member.state_of(&id) == "active");
    }
    from.expire(&id);
    for member in members {
        let what = format!("the end of the silence of {} on {}", from.name, member.name);
        wait(&what, members, SPREADING, || member.state_of(&id) == "expired");
    }
}

/// All get the same alert; the first tells the receiver and the others stay quiet.
#[track_caller]
fn share_log(first: &Member, members: &[&Member], alert: &str) {
    members.iter().for_each(|member| member.post(alert, None));
    let firing = format!("firing {alert}");
    wait(&format!("{} tells {firing}", first.name), members, SPREADING * 2, || {
        first.told().contains(&firing)
    });
    thread::sleep(PEER_TIMEOUT * members.len() as u32);
    let told = |member: &Member| member.told().iter().filter(|told| **told == firing).count();
    for member in members {
        let expected = usize::from(member.name == first.name);
        assert_eq!(told(member), expected, "{} tells {firing}", member.name);
    }
}

/// The first is killed; the next one sends what is due, and nothing else.
#[track_caller]
fn take_over(mut first: Member, next: &Member, alert: &str) {
    first.program.kill();
    let before = next.told();
    next.post(alert, Some("2021-01-01T00:00:00Z"));
    let resolved = format!("resolved {alert}");
    // It waits for the first until it knows that it is gone.
    wait(&format!("{} tells {resolved}", next.name), &[next], PEER_TIMEOUT * 4, || {
        next.told().contains(&resolved)
    });
    assert_eq!(next.told()[before.len()..], [resolved]);
}

fn ours_among_themselves(name: &str) {
    let executable = built_program(name);
    let a = Member::start(&executable, "a", &[], &[]);
    let b = Member::start(&executable, "b", &[&a], &[]);
    let mut c = Member::start(&executable, "c", &[&a], &[]);
    wait_ready(&[&a, &b, &c]);
    for from in [&a, &b, &c] {
        share_silence(from, &[&a, &b, &c]);
    }
    share_log(&a, &[&a, &b, &c], "Disk");
    // Who ends says so; nobody has to notice. It saves its state before, which a busy disk delays.
    c.program.signal(Signal::TERM);
    assert_eq!(c.program.wait(), Ok(0));
    wait("c has left", &[&a, &b], SPREADING, || {
        [&a, &b].iter().all(|member| member.peers() == ["a", "b"])
    });
    // Who joins later gets everything.
    let id = b.silence("Old");
    let d = Member::start(&executable, "d", &[&b], &[]);
    wait_ready(&[&a, &b, &d]);
    wait("what b knew is on d", &[&b, &d], SPREADING, || d.state_of(&id) == "active");
    d.post("Disk", None);
    thread::sleep(PEER_TIMEOUT * 3);
    assert_eq!(d.told(), Vec::<String>::new(), "a has told it");
    take_over(a, &b, "Disk");
    for member in [&b, &d] {
        let log = member.program.log();
        let bad = log.iter().any(|line| line.contains("level=ERROR"));
        assert!(!bad, "{}: {log:#?}", member.name);
    }
}

/// Returns the original, if it is there.
fn original(name: &str) -> Option<PathBuf> {
    let found = peer("alertmanager");
    if found.is_none() {
        eprintln!("skipped for {name}: {PEERS} names no folder with alertmanager");
    }
    found
}

fn with_the_original(name: &str) {
    let Some(original) = original(name) else { return };
    let ours = built_program(name);
    // Who is first in the order of names notifies; who starts second joins.
    for we_are_first in [true, false] {
        let (first, second) = if we_are_first { (&ours, &original) } else { (&original, &ours) };
        let a = Member::start(first, "a", &[], &[]);
        let early = a.silence("Early");
        let b = Member::start(second, "b", &[&a], &[]);
        wait_ready(&[&a, &b]);
        wait("what a knew is on b", &[&a, &b], SPREADING, || b.state_of(&early) == "active");
        share_silence(&a, &[&a, &b]);
        share_silence(&b, &[&a, &b]);
        share_log(&a, &[&a, &b], "Disk");
        take_over(a, &b, "Disk");
    }
}

/// Writes certificates and the settings that demand them; `None` where there is no openssl.
fn tls_settings(folder: &Path) -> Option<String> {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    let steps = [
        format!("req -x509 {key} -keyout ca.key -out ca.pem -days 9 -subj /CN=ca"),
        format!("req {key} -keyout peer.key -out peer.csr -subj /CN=peer"),
        "x509 -req -in peer.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 9 -extfile ext \
         -out peer.pem"
            .into(),
    ];
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).expect("the folder is ours");
        path.display().to_string()
    };
    write("ext", "subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n");
    for step in steps {
        let mut command = Command::new("openssl");
        let output = command.current_dir(folder).args(step.split_whitespace()).output();
        let Ok(output) = output else {
            eprintln!("skipped: there is no openssl");
            return None;
        };
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let settings = "
tls_server_config:
  {cert_file: peer.pem, key_file: peer.key, client_ca_file: ca.pem,
   client_auth_type: RequireAndVerifyClientCert}
tls_client_config: {ca_file: ca.pem, cert_file: peer.pem, key_file: peer.key}
";
    Some(format!("--cluster.tls-config={}", write("tls.yml", settings)))
}

/// Over TLS, where both sides have to show a certificate; the label keeps others out as well.
fn with_tls(name: &str, other: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(tls) = tls_settings(folder.path()) else { return };
    let flags = [&*tls, "--cluster.label=us"];
    let ours = built_program(name);
    let a = Member::start(other, "a", &[], &flags);
    let b = Member::start(&ours, "b", &[&a], &flags);
    let mut c = Member::start(&ours, "c", &[&a], &flags);
    let stranger = Member::start(&ours, "d", &[&a, &b], &["--cluster.label=us"]);
    wait_ready(&[&a, &b, &c]);
    for from in [&a, &b, &c] {
        share_silence(from, &[&a, &b, &c]);
    }
    share_log(&a, &[&a, &b, &c], "Disk");
    c.program.signal(Signal::TERM);
    wait("c has left", &[&a, &b], SPREADING * 2, || {
        [&a, &b].iter().all(|member| member.peers() == ["a", "b"])
    });
    assert_eq!(c.program.wait(), Ok(0));
    wait_ready(&[&stranger]);
    take_over(a, &b, "Disk");
}

#[test]
fn campanas_gossip_over_tls() {
    with_tls("campana", &built_program("campana"));
}

#[test]
fn campana_gossips_over_tls_with_alertmanager() {
    let Some(original) = original("campana") else { return };
    with_tls("campana", &original);
}

#[test]
fn campanas_form_a_cluster() {
    ours_among_themselves("campana");
}

#[test]
fn campana_clusters_with_alertmanager() {
    with_the_original("campana");
}

#[test]
fn small_campanas_form_a_cluster() {
    ours_among_themselves("campana-std");
}

#[test]
fn small_campana_clusters_with_alertmanager() {
    with_the_original("campana-std");
}

#[test]
fn small_campanas_gossip_over_tls() {
    with_tls("campana-std", &built_program("campana"));
}

#[test]
fn small_campana_gossips_over_tls_with_alertmanager() {
    let Some(original) = original("campana-std") else { return };
    with_tls("campana-std", &original);
}
