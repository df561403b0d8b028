//! Hostile loads on members of a cluster of two: clients that hold connections, send byte by byte
//! or send far too much, and receivers that never answer or always fail. Beside each load alerts
//! are posted and silences gossiped, which must go on; memory is measured and bounded.
//!
//! `CAMPANA_SIEGE=long` plays the full size, whose figures stand in `docs/LIMITS.md`.
#![allow(clippy::print_stderr, reason = "the figures are the result")]

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    path::Path,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use campana_tests::{
    cluster::{Member, Setup, free_address, wait_ready},
    drivers::built_program,
    http,
    scenario::Behaviour,
    sink::Sink,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

/// How long a post may take beside a load, and a silence to reach the other member, on a loaded
/// machine. A client that is turned away for the number of connections comes again.
const POST_MAX: Duration = Duration::from_secs(25);
const GOSSIP_MAX: Duration = Duration::from_secs(30);

campana_tests::on_both! {
    idle_and_slow_clients,
    bodies_of_a_hundred_megabytes,
    a_receiver_that_never_answers,
    a_receiver_that_always_fails,
}

/// The full size or a short one.
fn size(long: usize, short: usize) -> usize {
    if env::var_os("CAMPANA_SIEGE").is_some_and(|it| it == "long") { long } else { short }
}

/// Two members; the load is on the first.
struct Pair {
    a: Member,
    b: Member,
    /// What the receiver `bad` of the first member is.
    bad: Sink,
}

/// What was measured beside a load.
#[derive(Clone, Copy, Debug, Default)]
struct Beside {
    posts: usize,
    slowest_post: Duration,
    silences: usize,
    slowest_silence: Duration,
}

impl Pair {
    fn start(executable: &Path) -> Self {
        let bad = Sink::open().expect("a free port");
        let config = format!(
            "route: {{receiver: team, group_by: [alertname], group_wait: 100ms, \
             group_interval: 10s, routes: [{{matchers: [to=bad], receiver: bad}}]}}\n\
             receivers:\n- {{name: team, webhook_configs: [{{url: '{{{{sink}}}}'}}]}}\n\
             - {{name: bad, webhook_configs: [{{url: '{}'}}]}}\n",
            bad.url()
        );
        let start = |name, peers: &[&Member]| {
            let (gossip, config) = (free_address(), &*config);
            Member::start_as(Setup { executable, name, gossip, config, log: "info" }, peers, &[])
        };
        let a = start("a", &[]);
        let b = start("b", &[&a]);
        wait_ready(&[&a, &b]);
        Self { a, b, bad }
    }

    fn to(&self) -> SocketAddr {
        self.a.program.address()
    }

    /// Plays a load and prints a row: memory before, at most and after, and what went on beside.
    fn under(&self, what: &str, growth_max: f64, load: impl FnOnce()) {
        let pid = self.a.program.pid();
        let before = memory(pid, "VmRSS:");
        // From here on the peak counts anew.
        let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
        let over = AtomicBool::new(false);
        let beside = thread::scope(|scope| {
            let posts = scope.spawn(|| self.post_until(&over));
            let silences = scope.spawn(|| self.gossip_until(&over));
            load();
            over.store(true, Relaxed);
            let (posts, slowest_post) = posts.join().expect("no panic");
            let (silences, slowest_silence) = silences.join().expect("no panic");
            Beside { posts, slowest_post, silences, slowest_silence }
        });
        let peak = memory(pid, "VmHWM:");
        thread::sleep(Duration::from_secs(2));
        let after = memory(pid, "VmRSS:");
        let name = &self.a.program.log();
        assert!(!name.iter().any(|line| line.contains("panicked")), "{name:#?}");
        let Beside { posts, slowest_post, silences, slowest_silence } = beside;
        eprintln!(
            "siege: {what} | {before:.0} | {peak:.0} | {after:.0} | {posts} posts, slowest \
             {slowest_post:.1?} | {silences} silences, slowest {slowest_silence:.1?}"
        );
        assert!(posts > 0 && silences > 0, "nothing was done beside {what}");
        assert!(peak - before < growth_max, "{what}: {before} to {peak} MiB");
    }

    fn post_until(&self, over: &AtomicBool) -> (usize, Duration) {
        let (mut count, mut slowest) = (0, Duration::ZERO);
        while count == 0 || !over.load(Relaxed) {
            let began = Instant::now();
            let body = json!([{"labels": {"alertname": format!("P{}", count % 50)}}]).to_string();
            let post = || http::request(self.to(), "POST", "/api/v2/alerts", body.as_bytes());
            while post().map(|it| it.status).unwrap_or_default() != 200 {
                assert!(began.elapsed() < POST_MAX, "alerts are not taken");
                thread::sleep(Duration::from_millis(50));
            }
            (count, slowest) = (count + 1, slowest.max(began.elapsed()));
            thread::sleep(Duration::from_millis(100));
        }
        (count, slowest)
    }

    fn gossip_until(&self, over: &AtomicBool) -> (usize, Duration) {
        let (mut count, mut slowest) = (0, Duration::ZERO);
        while count == 0 || !over.load(Relaxed) {
            // From the member at rest to that under load, and the answer comes from the load's.
            let began = Instant::now();
            let id = self.b.silence(&format!("nobody{count}"));
            let path = format!("/api/v2/silence/{id}");
            while http::request(self.to(), "GET", &path, b"").map_or(0, |it| it.status) != 200 {
                assert!(began.elapsed() < GOSSIP_MAX, "gossip is not heard");
                thread::sleep(Duration::from_millis(50));
            }
            (count, slowest) = (count + 1, slowest.max(began.elapsed()));
            thread::sleep(Duration::from_millis(300));
        }
        (count, slowest)
    }

    /// Makes groups that go to the bad receiver.
    fn make_groups(&self, count: usize) {
        for first in (0..count).step_by(1000) {
            let alert = |n: usize| {
                json!({"labels": {"alertname": format!("G{n}"), "to": "bad"},
                    "annotations": {"summary": "Something has been going on for some time."},
                    "endsAt": "2099-01-01T00:00:00Z"})
            };
            let body: Vec<Value> = (first..(first + 1000).min(count)).map(alert).collect();
            let body = Value::from(body).to_string();
            let answer = self.a.program.request("POST", "/api/v2/alerts", body.as_bytes());
            assert_eq!(answer.expect("it answers").status, 200);
        }
    }
}

/// Returns a figure of a process in MiB.
fn memory(pid: u32, name: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix(name)).expect("Linux says it");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

/// Lets this process, and those it starts, have as many files open as it may.
fn raise_files(wanted: usize) -> usize {
    let now = getrlimit(Resource::Nofile);
    let most = now.maximum.unwrap_or(u64::MAX).min(wanted as u64 + 2000);
    let raised = Rlimit { current: Some(most), maximum: now.maximum };
    let _ = setrlimit(Resource::Nofile, raised);
    let now = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from(now).unwrap_or(usize::MAX).saturating_sub(2000)
}

fn open(to: SocketAddr, bytes: &[u8]) -> Option<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&to, Duration::from_secs(10)).ok()?;
    // One that is refused for the number of connections may break here.
    let _ = stream.write_all(bytes);
    Some(stream)
}

fn idle_and_slow_clients(executable: &Path) {
    let wanted = size(10_000, 1500);
    let count = wanted.min(raise_files(wanted));
    if count < wanted {
        eprintln!("notice: only {count} of {wanted} connections may be opened here");
    }
    let pair = Pair::start(executable);
    let name = executable.file_name().unwrap_or_default().to_string_lossy().into_owned();
    pair.under(&format!("{name}, {count} idle and half-open connections"), 400.0, || {
        let kinds: [&[u8]; 4] = [
            b"",
            b"GET / HT",
            b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n",
            b"POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
              Content-Length: 100\r\n\r\n[{",
        ];
        let mut idle = Vec::new();
        for n in 0..count {
            let Some(stream) = open(pair.to(), kinds[n % kinds.len()]) else { continue };
            if n % 8 == 7 {
                // Nobody will read an answer, and nothing more comes.
                let _ = stream.shutdown(Shutdown::Write);
            }
            idle.push(stream);
        }
        thread::sleep(Duration::from_secs(size(20, 3) as u64));
    });
    let count = size(2000, 300);
    pair.under(&format!("{name}, {count} clients that send a byte a second"), 400.0, || {
        let head = b"GET /api/v2/alerts HTTP/1.1\r\nHost: x\r\nX: ";
        let mut slow: Vec<_> = (0..count).filter_map(|_| open(pair.to(), head)).collect();
        for _ in 0..size(30, 5) {
            slow.retain_mut(|stream| stream.write_all(b"y").is_ok());
            thread::sleep(Duration::from_secs(1));
        }
    });
}

fn bodies_of_a_hundred_megabytes(executable: &Path) {
    const MEGABYTE: usize = 1 << 20;
    let pair = Pair::start(executable);
    let name = executable.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let clients = size(16, 4);
    // At most 8 large bodies at once, of 32 MiB each and the room to grow there.
    pair.under(&format!("{name}, {clients} bodies of 100 MB"), 800.0, || {
        thread::scope(|scope| {
            for n in 0..clients {
                let to = pair.to();
                scope.spawn(move || {
                    let framing =
                        ["Transfer-Encoding: chunked", "Content-Length: 104857600"][n % 2];
                    let head = format!(
                        "POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\n\
                         Content-Type: application/json\r\n{framing}\r\n\r\n"
                    );
                    let Some(mut stream) = open(to, head.as_bytes()) else { return };
                    let plain = vec![b' '; MEGABYTE];
                    let chunk = [b"100000\r\n".as_slice(), &plain, b"\r\n"].concat();
                    let piece = if n % 2 == 0 { &chunk } else { &plain };
                    let sent = (0..100).take_while(|_| stream.write_all(piece).is_ok()).count();
                    let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
                    let mut answer = Vec::new();
                    let _ = stream.read_to_end(&mut answer);
                    let text = String::from_utf8_lossy(&answer);
                    assert!(sent < 100 || text.contains(" 413 "), "{sent} MiB: {text}");
                });
            }
        });
    });
}

fn a_receiver_that_never_answers(executable: &Path) {
    receiver(executable, Behaviour::Hangs, "never answers");
}

fn a_receiver_that_always_fails(executable: &Path) {
    receiver(executable, Behaviour::Answers(500), "always fails");
}

fn receiver(executable: &Path, behaviour: Behaviour, how: &str) {
    let pair = Pair::start(executable);
    pair.bad.behave(behaviour);
    let (groups, seconds) = (size(10_000, 500), size(60, 5) as u64);
    let name = executable.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let what = format!("{name}, {groups} groups to a receiver that {how}, {seconds} s");
    pair.under(&what, 400.0, || {
        pair.make_groups(groups);
        thread::sleep(Duration::from_secs(seconds));
        assert!(pair.bad.count() > 0, "it is tried");
        // The other receiver is told as ever.
        assert_eq!(
            pair.a
                .program
                .request("POST", "/api/v2/alerts", br#"[{"labels": {"alertname": "Aside"}}]"#)
                .map(|it| it.status)
                .ok(),
            Some(200)
        );
        let end = Instant::now() + Duration::from_secs(30);
        while !pair.a.told().iter().any(|told| told.contains("Aside")) {
            assert!(Instant::now() < end, "the receiver at rest is not told");
            thread::sleep(Duration::from_millis(100));
        }
    });
}
