//! Clusters of real processes on loopback: members with receivers of their own, and a relay that
//! can cut the way between two of them.
#![allow(clippy::print_stderr, reason = "a failed or skipped test says what it saw")]

use std::{
    fs,
    net::{SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    drivers::{EXACT, PEERS, Program, peer},
    sink::Sink,
};

/// A cluster settles after at least four looks, two seconds apart; the machine may be loaded.
pub const SETTLING: Duration = Duration::from_secs(40);
/// Gossip reaches a few members within some ticks of 200 ms.
pub const SPREADING: Duration = Duration::from_secs(2);
/// The head start of each member before the next one notifies.
pub const PEER_TIMEOUT: Duration = Duration::from_secs(3);

/// What a failed wait shows of each member's log and notifications.
const SHOWN_MAX: usize = 400;

/// One group for each alert name, told soon and again when it changes.
pub const CONFIG: &str = "
route: {receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 2s}
receivers:
- {name: team, webhook_configs: [{url: '{{sink}}'}]}
";

/// How a member starts.
#[derive(Clone, Copy, Debug)]
pub struct Setup<'a> {
    /// The program.
    pub executable: &'a Path,
    /// Its name among its peers.
    pub name: &'a str,
    /// Where it listens for gossip.
    pub gossip: SocketAddr,
    /// Its configuration; `{{sink}}` stands for its receiver.
    pub config: &'a str,
    /// The level of its log.
    pub log: &'a str,
}

/// One instance, with a receiver of its own that stands for the same team.
#[derive(Debug)]
pub struct Member {
    /// Its name among its peers.
    pub name: String,
    /// The process.
    pub program: Program,
    /// Where it listens for gossip.
    pub gossip: SocketAddr,
    /// What it tells its notifications.
    pub sink: Sink,
    flags: Vec<String>,
    _folder: TempDir,
}

impl Member {
    /// Starts a member with [`CONFIG`] on a free port.
    pub fn start(executable: &Path, name: &str, peers: &[&Self], flags: &[&str]) -> Self {
        let setup =
            Setup { executable, name, gossip: free_address(), config: CONFIG, log: "debug" };
        Self::start_as(setup, peers, flags)
    }

    /// Starts a member that joins its peers.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn start_as(setup: Setup<'_>, peers: &[&Self], flags: &[&str]) -> Self {
        let Setup { executable, name, gossip, .. } = setup;
        let folder = tempfile::tempdir().expect("a folder");
        let sink = Sink::open().expect("a free port");
        let config = folder.path().join("config.yml");
        fs::write(&config, setup.config.replace("{{sink}}", &sink.url())).expect("it is ours");
        let mut all = vec![
            format!("--config.file={}", config.display()),
            format!("--storage.path={}", folder.path().join("data").display()),
            "--web.listen-address=127.0.0.1:0".into(),
            format!("--log.level={}", setup.log),
            format!("--cluster.listen-address={gossip}"),
            format!("--cluster.peer-name={name}"),
            format!("--cluster.peer-timeout={}s", PEER_TIMEOUT.as_secs()),
        ];
        all.extend(peers.iter().map(|peer| format!("--cluster.peer={}", peer.gossip)));
        if !executable.ends_with("alertmanager") {
            // Old alerts are told at once, as by the original.
            all.extend(EXACT.iter().map(|&flag| flag.to_owned()));
        }
        all.extend(flags.iter().map(|&flag| flag.to_owned()));
        let program = spawn(executable, &all);
        Self { name: name.into(), program, gossip, sink, flags: all, _folder: folder }
    }

    /// Ends it as an operator would, and starts another program in its place: same name, same
    /// addresses of gossip, same data.
    ///
    /// # Panics
    /// When the one does not end or the other does not come up.
    pub fn replace(&mut self, executable: &Path) {
        self.program.signal(Signal::TERM);
        assert_eq!(self.program.wait(), Ok(0), "{}", self.name);
        self.program = spawn(executable, &self.flags);
    }

    /// Returns what it answers to a GET; null for what is no JSON.
    ///
    /// # Panics
    /// When it does not answer.
    pub fn json(&self, path: &str) -> Value {
        let answer = self.program.request("GET", path, b"").expect("it answers");
        serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
    }

    /// Returns the names of the peers it sees once it is ready.
    pub fn peers(&self) -> Vec<String> {
        let cluster = &self.json("/api/v2/status")["cluster"];
        if cluster["status"] != "ready" {
            return Vec::new();
        }
        let peers = cluster["peers"].as_array().into_iter().flatten();
        peers.map(|peer| peer["name"].as_str().unwrap_or_default().to_owned()).collect()
    }

    /// Silences an alert name and returns the silence's id.
    ///
    /// # Panics
    /// When it is refused.
    pub fn silence(&self, value: &str) -> String {
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

    /// Ends a silence.
    ///
    /// # Panics
    /// When it is refused.
    pub fn expire(&self, id: &str) {
        let answer = self.program.request("DELETE", &format!("/api/v2/silence/{id}"), b"");
        assert_eq!(answer.expect("it answers").status, 200);
    }

    /// Returns the state of a silence; empty when it is not known.
    pub fn state_of(&self, id: &str) -> String {
        let silence = self.json(&format!("/api/v2/silence/{id}"));
        silence["status"]["state"].as_str().unwrap_or_default().to_owned()
    }

    /// Posts one alert.
    ///
    /// # Panics
    /// When it is refused.
    pub fn post(&self, alert: &str, ends: Option<&str>) {
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
    ///
    /// # Panics
    /// When that was no JSON.
    pub fn told(&self) -> Vec<String> {
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
///
/// # Panics
/// When there is none.
pub fn free_address() -> SocketAddr {
    let pair = (0..100).find_map(|_| {
        let streams = TcpListener::bind("127.0.0.1:0").ok()?;
        let address = streams.local_addr().ok()?;
        UdpSocket::bind(address).ok().map(|_| address)
    });
    pair.expect("a free port")
}

/// Waits until something is so.
///
/// # Panics
/// When it is not so in time, after printing what the members saw.
#[track_caller]
pub fn wait(what: &str, members: &[&Member], patience: Duration, is_so: impl Fn() -> bool) {
    let end = Instant::now() + patience;
    while !is_so() {
        if Instant::now() >= end {
            for member in members {
                let seen = member.json("/api/v2/status")["cluster"].clone();
                let (told, log) = (member.told(), member.program.log());
                eprintln!("{}: {seen}\n{:?}", member.name, &told[..told.len().min(SHOWN_MAX)]);
                eprintln!("{}\n", log[log.len().saturating_sub(SHOWN_MAX)..].join("\n"));
            }
            panic!("not in {patience:?}: {what}");
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until all members are ready and see exactly each other.
///
/// # Panics
/// When that takes too long.
#[track_caller]
pub fn wait_ready(members: &[&Member]) {
    let mut names: Vec<&str> = members.iter().map(|member| &*member.name).collect();
    names.sort_unstable();
    for member in members {
        wait(&format!("{names:?} seen by {}", member.name), members, SETTLING, || {
            member.peers() == names
        });
    }
}

fn spawn(executable: &Path, flags: &[String]) -> Program {
    let mut command = Command::new(executable);
    command.args(flags);
    Program::spawn(command, "msg=\"Listening on\"").expect("it runs")
}

/// Returns the original, if it is there; says so if not.
pub fn original(name: &str) -> Option<PathBuf> {
    let found = peer("alertmanager");
    if found.is_none() {
        eprintln!("skipped for {name}: {PEERS} names no folder with alertmanager");
    }
    found
}
