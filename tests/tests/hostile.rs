//! Bad input, bad clients, bad files and bad times: both programs stay up, say what is wrong, and
//! go on.
#![allow(clippy::print_stderr, reason = "a test that cannot be set up here says so")]

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use campana_tests::{
    drivers::{Program, built_program},
    http,
};
use rustix::process::Signal;
use tempfile::TempDir;

campana_tests::on_both! {
    bodies_that_are_no_alerts_are_refused,
    odd_but_valid_bodies_are_taken,
    large_bodies_are_refused,
    heads_that_are_too_large_or_ambiguous_are_refused,
    slow_and_broken_clients_are_cut_off,
    long_answers_arrive_whole_at_the_clients_pace,
    many_connections_do_not_stop_it,
    a_bad_start_is_explained,
    help_and_version_are_printed,
    a_bad_reload_is_explained_and_changes_nothing,
    signals_reload_and_end_it,
    a_lost_data_directory_is_loud_and_survived,
    a_full_disk_is_loud_and_survived,
    a_damaged_checkpoint_is_not_taken_for_none,
}

const CONFIG: &str = "
route: {receiver: team, group_wait: 1h}
receivers: [{name: team}]
";

/// A program in a folder of its own.
struct Test {
    folder: TempDir,
    program: Program,
}

impl Test {
    fn start(executable: &Path, flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("config.yml"), CONFIG).expect("the folder is ours");
        Self { program: run(executable, folder.path(), flags).expect("it runs"), folder }
    }

    fn config(&self) -> PathBuf {
        self.folder.path().join("config.yml")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    #[track_caller]
    fn post(&self, body: &[u8]) -> http::Answer {
        self.program.request("POST", "/api/v2/alerts", body).expect("it answers")
    }

    #[track_caller]
    fn metric(&self, sample: &str) -> f64 {
        let page = self.program.request("GET", "/metrics", b"").expect("it answers").text();
        let line = page.lines().find_map(|line| line.strip_prefix(&format!("{sample} ")));
        let line = line.unwrap_or_else(|| panic!("there is no {sample}"));
        line.parse().expect("a number")
    }

    /// It still does its work.
    #[track_caller]
    fn is_well(&self) {
        let body = br#"[{"labels": {"alertname": "StillHere"}}]"#;
        assert_eq!(self.post(body).status, 200);
        let list = self.program.request("GET", "/api/v2/alerts", b"").expect("it answers");
        assert!(list.text().contains("StillHere"), "{}", list.text());
        let log = self.program.log();
        assert!(!log.iter().any(|line| line.contains("panicked")), "{log:#?}");
    }

    #[track_caller]
    fn logs(&self, text: &str) {
        let found = self.program.wait_log(text, Duration::from_secs(10));
        assert!(found, "{text:?} is missing in {:#?}", self.program.log());
    }
}

fn run(executable: &Path, folder: &Path, flags: &[&str]) -> Result<Program, String> {
    let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
    Program::start(executable, &folder.join("config.yml"), &folder.join("data"), &flags)
}

fn bodies_that_are_no_alerts_are_refused(executable: &Path) {
    let test = Test::start(executable, &[]);
    let deep = "[".repeat(200_000);
    let bad: [&[u8]; 15] = [
        b"[",
        b"nul",
        b"{}",
        b"\"text\"",
        b"[1]",
        b"[null]",
        b"[{}]",
        b"[{\"labels\": null}]",
        b"[{\"labels\": []}]",
        b"[{\"labels\": {}}]",
        b"[{\"labels\": {\"a\": null}}]",
        b"[{\"labels\": {\"a\": {\"b\": \"c\"}}}]",
        b"[{\"labels\": {\"\": \"x\"}}]",
        b"[{\"labels\": {\"a\": \"b\"}, \"startsAt\": \"yesterday\"}]",
        deep.as_bytes(),
    ];
    for body in bad {
        let answer = test.post(body);
        let shown = String::from_utf8_lossy(&body[..body.len().min(80)]);
        assert!(
            (400..500).contains(&answer.status),
            "{shown}: {} {}",
            answer.status,
            answer.text()
        );
        assert!(answer.text().len() > 2, "{shown}: it does not say why");
    }
    assert_eq!(
        test.program.request("GET", "/api/v2/alerts", b"").expect("it answers").text().trim(),
        "[]"
    );
    let silence = br#"{"matchers": [null], "startsAt": "2099-01-01T00:00:00Z", "comment": "c",
        "endsAt": "2099-01-02T00:00:00Z", "createdBy": "x"}"#;
    let answer = test.program.request("POST", "/api/v2/silences", silence).expect("it answers");
    assert!((400..500).contains(&answer.status), "{} {}", answer.status, answer.text());
    test.is_well();
}

fn odd_but_valid_bodies_are_taken(executable: &Path) {
    let test = Test::start(executable, &[]);
    let good: [&[u8]; 7] = [
        b"[{\"labels\": {\"alertname\": \"first\"}}] what follows the value is not looked at",
        b"[{\"labels\": {\"alertname\": \"bad\xff\"}}]",
        br#"[{"labels": {"alertname": "lone\ud800"}}]"#,
        br#"[{"labels": {"alertname": "zero\u0000"}}]"#,
        br#"[{"labels": {"alertname": "unknown"}, "more": [{"x": 1}]}]"#,
        "[{\"labels\": {\"alertname\": \"ünïcode 🔔\", \"größe\": \"1\"}}]".as_bytes(),
        b" [ { \"labels\" : { \"a\" : \"b\" , \"empty\" : \"\" } } ] \n",
    ];
    for body in good {
        let answer = test.post(body);
        let shown = String::from_utf8_lossy(body);
        assert_eq!(answer.status, 200, "{shown}: {}", answer.text());
    }
    let long = format!(r#"[{{"labels": {{"alertname": "{}"}}}}]"#, "x".repeat(1 << 20));
    assert_eq!(test.post(long.as_bytes()).status, 200);
    for path in ["/api/v2/alerts", "/api/v2/alerts/groups", "/metrics"] {
        let answer = test.program.request("GET", path, b"").expect("it answers");
        assert_eq!(answer.status, 200);
        assert!(String::from_utf8(answer.body).is_ok(), "{path} is UTF-8");
    }
    test.is_well();
}

fn large_bodies_are_refused(executable: &Path) {
    let test = Test::start(executable, &[]);
    let to = test.program.address();
    let head = |rest: &str| {
        format!(
            "POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{rest}\r\n\r\n"
        )
    };
    let announced = http::raw(to, head("Content-Length: 10000000000").as_bytes());
    assert_eq!(announced.expect("it answers").status, 413);
    let mut stream = TcpStream::connect(to).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a socket");
    stream.write_all(head("Transfer-Encoding: chunked").as_bytes()).expect("it reads");
    let chunk = [b"100000\r\n".as_slice(), &vec![b' '; 1 << 20], b"\r\n"].concat();
    let mut sent = 0;
    while sent < 200 && stream.write_all(&chunk).is_ok() {
        sent += 1;
    }
    let mut answer = Vec::new();
    // It may break the connection after its answer, or in place of it.
    let _ = stream.read_to_end(&mut answer);
    let text = String::from_utf8_lossy(&answer);
    assert!(sent < 200 || text.contains(" 413 "), "it read {sent} MiB and said {text:?}");
    let silence = vec![b' '; 2 << 20];
    let answer = test.program.request("POST", "/api/v2/silences", &silence).expect("it answers");
    assert_eq!(answer.status, 413);
    test.is_well();
}

fn heads_that_are_too_large_or_ambiguous_are_refused(executable: &Path) {
    let test = Test::start(executable, &[]);
    let to = test.program.address();
    let large = format!("GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n", "y".repeat(1 << 20));
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "y".repeat(1 << 20));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "a: b\r\n".repeat(100_000));
    for head in [&large, &long, &many] {
        // The rest of what was sent may break the connection before the answer is read.
        if let Ok(answer) = http::raw(to, head.as_bytes()) {
            assert!((400..500).contains(&answer.status), "{}", answer.head);
        }
    }
    let post = "POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let bad = [
        format!("{post}Content-Length: 2\r\nContent-Length: 3\r\n\r\n[]"),
        format!("{post}Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        format!("{post}Content-Length: -1\r\n\r\n"),
        format!("{post}Content-Length: two\r\n\r\n[]"),
        format!("{post}Transfer-Encoding: gzip\r\n\r\n[]"),
        format!("{post}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        "GET / HTTP/9.9\r\nHost: x\r\n\r\n".to_owned(),
        "nonsense\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nbad header\r\n\r\n".to_owned(),
        "\0\0\0\0\r\n\r\n".to_owned(),
    ];
    for request in &bad {
        // No answer but a closed connection is as well.
        if let Ok(answer) = http::raw(to, request.as_bytes()) {
            assert!(answer.status >= 400, "{request:?}: {}", answer.head);
        }
    }
    let close = "Connection: close\r\n\r\n";
    let unknown = http::raw(to, format!("BREW / HTTP/1.1\r\nHost: x\r\n{close}").as_bytes());
    let status = unknown.expect("it answers").status;
    assert!((400..502).contains(&status), "{status}");
    let old = http::raw(to, b"GET /-/healthy HTTP/1.0\r\n\r\n").expect("it answers");
    assert_eq!((old.status, old.text().as_str()), (200, "OK"));
    test.is_well();
}

fn slow_and_broken_clients_are_cut_off(executable: &Path) {
    let test = Test::start(executable, &[]);
    let to = test.program.address();
    let post = "POST /api/v2/alerts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";
    let half = format!("{post}Content-Length: 100\r\n\r\n[{{");
    let open = |bytes: &str| {
        let mut stream = TcpStream::connect(to).expect("it listens");
        stream.write_all(bytes.as_bytes()).expect("it reads");
        stream.set_read_timeout(Some(Duration::from_secs(50))).expect("a socket");
        stream
    };
    // Those who leave in the middle are forgotten at once.
    for _ in 0..50 {
        open(&half).shutdown(Shutdown::Write).expect("a socket");
        drop(open(&half));
        drop(open("POST /api/v2/al"));
    }
    // Those who stay and say no more are cut off, the head after 10 s and the body after 30 s.
    let began = Instant::now();
    let (slow_head, slow_body) = (open("GET /-/heal"), open(&half));
    let ends = [(slow_head, 20), (slow_body, 45)].map(|(mut stream, limit)| {
        thread::spawn(move || {
            let ended = stream.read_to_end(&mut Vec::new());
            (began.elapsed() < Duration::from_secs(limit)
                && ended.as_ref().err().map(std::io::Error::kind)
                    != Some(std::io::ErrorKind::WouldBlock))
            .then_some(())
            .ok_or_else(|| format!("{ended:?} after {:?}", began.elapsed()))
        })
    });
    test.is_well();
    for end in ends {
        end.join().expect("no panic").expect("it is cut off");
    }
    test.is_well();
}

fn long_answers_arrive_whole_at_the_clients_pace(executable: &Path) {
    let test = Test::start(executable, &[]);
    let to = test.program.address();
    let text = "é<x>".repeat(100);
    for part in 0..10 {
        let alerts = (0..400).map(|n| {
            let labels = format!(r#""alertname": "A{part}", "instance": "{n}""#);
            format!(r#"{{"labels": {{{labels}}}, "annotations": {{"summary": "{text}"}}}}"#)
        });
        let body = format!("[{}]", alerts.collect::<Vec<_>>().join(","));
        assert_eq!(test.post(body.as_bytes()).status, 200);
    }
    for path in ["/api/v2/alerts", "/api/v2/alerts/groups"] {
        let whole = test.program.request("GET", path, b"").expect("it answers").text();
        let list: serde_json::Value = serde_json::from_str(&whole).expect("valid JSON");
        assert_eq!(list.to_string().matches("fingerprint").count(), 4000);
        assert!(whole.len() > 4 << 20 && whole.ends_with("]\n"), "{}", whole.len());
        let ask = |line: &str, rest: &str| {
            let mut stream = TcpStream::connect(to).expect("it listens");
            stream.set_read_timeout(Some(Duration::from_secs(50))).expect("a socket");
            stream
                .write_all(format!("GET {line}\r\nHost: x\r\n{rest}\r\n").as_bytes())
                .expect("room");
            stream
        };
        // Who knows no chunks gets the same, however slowly it reads.
        let mut stream = ask(&format!("{path} HTTP/1.0"), "");
        let (mut answer, mut buffer) = (Vec::new(), vec![0; 50_000]);
        loop {
            let n = stream.read(&mut buffer).expect("it goes on");
            answer.extend_from_slice(&buffer[..n]);
            thread::sleep(Duration::from_millis(3));
            if n == 0 {
                break;
            }
        }
        let answer = String::from_utf8(answer).expect("UTF-8");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(!head.to_ascii_lowercase().contains("chunked"), "{head}");
        assert!(body == whole, "{head}\n{} of {} bytes", body.len(), whole.len());
        // Who goes away is forgotten, and the connection of who stays can be used again.
        for _ in 0..20 {
            ask(&format!("{path} HTTP/1.1"), "").read_exact(&mut [0; 1000]).expect("it begins");
        }
        let mut twice = ask(
            &format!("{path} HTTP/1.1"),
            "\r\nGET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n",
        );
        answer_ends_with_ok(&mut twice);
    }
    test.is_well();
}

#[track_caller]
fn answer_ends_with_ok(stream: &mut TcpStream) {
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("it ends");
    assert!(answer.ends_with(b"\r\n\r\nOK"), "{}", answer.len());
}

fn many_connections_do_not_stop_it(executable: &Path) {
    let test = Test::start(executable, &[]);
    let to = test.program.address();
    let mut idle = Vec::new();
    for i in 0..1500 {
        let Ok(mut stream) = TcpStream::connect(to) else { break };
        // Some say nothing, some half a head, some are between two requests.
        let bytes: &[u8] = match i % 3 {
            0 => b"",
            1 => b"GET / HT",
            _ => b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n",
        };
        // A connection that was refused for their number may break here.
        let _ = stream.write_all(bytes);
        idle.push(stream);
    }
    assert!(idle.len() > 1000, "{}", idle.len());
    // A client that was turned away comes again.
    let end = Instant::now() + Duration::from_secs(20);
    while test.program.request("GET", "/-/healthy", b"").is_err() {
        assert!(Instant::now() < end, "it serves nobody while others idle");
        thread::sleep(Duration::from_millis(100));
    }
    drop(idle);
    thread::sleep(Duration::from_millis(300));
    test.is_well();
}

/// Runs a program that must end by itself.
fn output(executable: &Path, arguments: &[&str]) -> (i32, String, String) {
    let mut child = Command::new(executable)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it is there");
    let end = Instant::now() + Duration::from_secs(20);
    while child.try_wait().expect("it is ours").is_none() {
        if Instant::now() > end {
            child.kill().expect("it is ours");
            panic!("{arguments:?}: it does not end: {:?}", child.wait_with_output());
        }
        thread::sleep(Duration::from_millis(10));
    }
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it is ours");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

fn a_bad_start_is_explained(executable: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("good.yml"), CONFIG).expect("the folder is ours");
    fs::write(path("bad.yml"), "route: {receiver: nobody}\nreceivers: []\n").expect("ours");
    fs::write(path("typo.yml"), format!("{CONFIG}\nbogus: 1\n")).expect("ours");
    fs::write(path("broken.yml"), "route: [\n").expect("ours");
    fs::write(path("file"), "").expect("ours");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let taken = taken.local_addr().expect("a port").to_string();
    let with = |config: &str, more: &[&str]| {
        let mut arguments = vec![
            format!("--config.file={}", path(config)),
            format!("--storage.path={}", path("data")),
            "--web.listen-address=127.0.0.1:0".to_owned(),
            "--cluster.listen-address=".to_owned(),
        ];
        for flag in more {
            // The last of a name counts for the test, not for the program.
            let name = flag.split('=').next().expect("a name");
            arguments.retain(|argument| !argument.starts_with(&format!("{name}=")));
            arguments.push((*flag).to_owned());
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        output(executable, &arguments)
    };
    let listen = format!("--web.listen-address={taken}");
    let storage = format!("--storage.path={}/below", path("file"));
    let cases: [(&str, &[&str], &str); 10] = [
        ("missing.yml", &[], "missing.yml"),
        ("bad.yml", &[], "nobody"),
        ("typo.yml", &[], "bogus"),
        ("broken.yml", &[], "broken.yml"),
        ("good.yml", &["--no-such-flag"], "--no-such-flag"),
        ("good.yml", &["--data.retention=five"], "five"),
        ("good.yml", &["--enable-feature=nonsense"], "nonsense"),
        ("good.yml", &["--web.external-url=ftp://x"], "ftp"),
        ("good.yml", &[&listen], &taken),
        ("good.yml", &[&storage], "file"),
    ];
    for (config, flags, said) in cases {
        let (code, _, error) = with(config, flags);
        assert_eq!(code, 1, "{config} {flags:?}: {error}");
        assert!(error.contains(said), "{config} {flags:?} does not say {said}: {error}");
        assert!(!error.contains("panicked"), "{error}");
    }
}

fn help_and_version_are_printed(executable: &Path) {
    let (code, text, error) = output(executable, &["--help"]);
    assert_eq!((code, error.as_str()), (0, ""));
    for flag in ["--config.file", "--storage.path", "--web.listen-address", "--data.retention"] {
        assert!(text.contains(flag), "{flag} is missing in:\n{text}");
    }
    let (code, text, error) = output(executable, &["--version"]);
    assert_eq!((code, error.as_str()), (0, ""));
    assert!(text.contains("version"), "{text}");
    assert_eq!(output(executable, &["-h"]).0, 0);
}

fn a_bad_reload_is_explained_and_changes_nothing(executable: &Path) {
    let test = Test::start(executable, &[]);
    let sample = "alertmanager_config_last_reload_successful";
    assert_eq!(test.metric(sample), 1.0);
    let reload = || test.program.request("POST", "/-/reload", b"").expect("it answers");
    let bad: [(&[u8], &str); 5] = [
        (b"route: {receiver: nobody}\nreceivers: []\n", "nobody"),
        (b"route: [\n", "config.yml"),
        (b"\xff\xfe\x00", ""),
        (b"", "route"),
        (b"a: &a [*a, *a]\n", ""),
    ];
    for (text, said) in bad {
        fs::write(test.config(), text).expect("the folder is ours");
        let answer = reload();
        let shown = String::from_utf8_lossy(text);
        assert_eq!(answer.status, 500, "{shown:?}: {}", answer.text());
        assert!(answer.text().contains("failed to reload config"), "{}", answer.text());
        assert!(answer.text().contains(said), "{shown:?}: {}", answer.text());
        assert_eq!(test.metric(sample), 0.0);
    }
    fs::remove_file(test.config()).expect("the folder is ours");
    assert_eq!(reload().status, 500);
    let status = test.program.request("GET", "/api/v2/status", b"").expect("it answers").text();
    assert!(status.contains("receiver: team"), "{status}");
    fs::write(test.config(), CONFIG).expect("the folder is ours");
    assert_eq!(reload().status, 200);
    assert_eq!(test.metric(sample), 1.0);
    test.is_well();
}

fn signals_reload_and_end_it(executable: &Path) {
    let mut test = Test::start(executable, &[]);
    fs::write(test.config(), CONFIG.replace("team", "crew")).expect("the folder is ours");
    test.program.signal(Signal::HUP);
    let end = Instant::now() + Duration::from_secs(10);
    let status = || test.program.request("GET", "/api/v2/status", b"").expect("it answers").text();
    while !status().contains("receiver: crew") {
        assert!(Instant::now() < end, "it does not reload");
        thread::sleep(Duration::from_millis(20));
    }
    fs::write(test.config(), "route: [\n").expect("the folder is ours");
    test.program.signal(Signal::HUP);
    test.logs("level=ERROR");
    fs::write(test.config(), CONFIG).expect("the folder is ours");
    test.is_well();
    for signal in [Signal::TERM, Signal::INT] {
        let began = Instant::now();
        test.program.signal(signal);
        assert_eq!(test.program.wait(), Ok(0), "{:#?}", test.program.log());
        assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
        let files = fs::read_dir(test.data()).expect("it is there").count();
        assert_eq!(files, 1, "the checkpoint and nothing else");
        test.program = run(executable, test.folder.path(), &[]).expect("it runs again");
        let list = test.program.request("GET", "/api/v2/alerts", b"").expect("it answers").text();
        assert!(list.contains("StillHere"), "{list}");
    }
}

fn a_lost_data_directory_is_loud_and_survived(executable: &Path) {
    let mut test = Test::start(executable, &["--data.maintenance-interval=200ms"]);
    test.is_well();
    fs::remove_dir_all(test.data()).expect("the folder is ours");
    // A file in its place, so that it cannot be made again.
    fs::write(test.data(), "").expect("the folder is ours");
    test.logs("level=ERROR");
    test.is_well();
    assert!(test.metric("alertmanager_nflog_maintenance_errors_total") >= 1.0);
    test.program.signal(Signal::TERM);
    // What could not be saved is lost, which it must say but cannot mend.
    test.program.wait().expect("it ends all the same");
}

fn a_full_disk_is_loud_and_survived(executable: &Path) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("config.yml"), CONFIG).expect("the folder is ours");
    fs::create_dir(path("data")).expect("the folder is ours");
    let mut command = Command::new("unshare");
    let script = r#"mount -t tmpfs -o size=64k tmpfs "$1" && shift && exec "$@""#;
    command.args(["-m", "sh", "-c", script, "sh", &path("data")]).arg(executable);
    command.arg(format!("--config.file={}", path("config.yml")));
    command.arg(format!("--storage.path={}", path("data")));
    command.args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="]);
    command.arg("--data.maintenance-interval=200ms");
    let may_mount = Command::new("unshare").args(["-m", "true"]).output();
    if !may_mount.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    let program = Program::spawn(command, "msg=\"Listening on\"").expect("it runs");
    let test = Test { folder, program };
    let text = "x".repeat(200);
    let alert = |i: u32| format!(r#"{{"labels": {{"alertname": "A{i}", "text": "{text}"}}}}"#);
    let alerts: Vec<String> = (0..1000).map(alert).collect();
    assert_eq!(test.post(format!("[{}]", alerts.join(",")).as_bytes()).status, 200);
    test.logs("No space left on device");
    test.is_well();
}

fn a_damaged_checkpoint_is_not_taken_for_none(executable: &Path) {
    let mut test = Test::start(executable, &[]);
    test.is_well();
    assert_eq!(test.program.stop(), Ok(0));
    let file = fs::read_dir(test.data()).expect("it is there").next().expect("a checkpoint");
    let file = file.expect("a checkpoint").path();
    let mut bytes = fs::read(&file).expect("it is ours");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, &bytes).expect("it is ours");
    let error = run(executable, test.folder.path(), &[]).expect_err("it must not start");
    assert!(error.contains("exit status: 1") && error.contains("checkpoint"), "{error}");
    assert_eq!(fs::read(&file).expect("it is ours"), bytes, "what is left of it is not touched");
}
