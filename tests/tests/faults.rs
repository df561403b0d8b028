//! Hosts that misbehave under real programs: disks that are full or broken and come back, and wall
//! clocks that step by an hour. What was confirmed holds, nothing is told twice, and the program
//! says what is wrong.
#![allow(clippy::print_stderr, reason = "a test that cannot be set up here says so")]

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use campana_tests::{
    drivers::{Program, built_program},
    shim::Shim,
    sink::Sink,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Errors of the system, by Linux's numbers.
const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// How long anything may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(30);

const CONFIG: &str = "
route: {receiver: hook, group_by: [alertname], group_wait: 100ms, group_interval: 1s,
  repeat_interval: 24h}
receivers: [{name: hook, webhook_configs: [{url: '{{sink}}'}]}]
";

campana_tests::on_both! {
    a_full_disk_that_gets_room_again,
    a_disk_that_fails_and_recovers,
    a_small_file_system_that_fills_up,
    clocks_that_step_by_an_hour,
}

/// A program on a host of its own.
struct Test {
    executable: PathBuf,
    folder: TempDir,
    sink: Sink,
    shim: Option<Shim>,
    program: Program,
    /// Silences whose creation was answered with 200.
    confirmed: Vec<String>,
}

impl Test {
    /// Starts a program behind a shim; `None` where there is none.
    fn with_shim(executable: &Path) -> Option<Self> {
        let shim = Shim::new().expect("a folder")?;
        let (folder, sink) = prepare();
        let mut command = command(executable, folder.path(), &folder.path().join("data"));
        shim.apply(&mut command, folder.path());
        let program = Program::spawn(command, "msg=\"Listening on\"").expect("it runs");
        let executable = executable.to_owned();
        Some(Self { executable, folder, sink, shim: Some(shim), program, confirmed: Vec::new() })
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn shim(&self) -> &Shim {
        self.shim.as_ref().expect("it was started with one")
    }

    /// Starts the program again on the same data; by the host's clock as it is.
    fn restart(&mut self, data: &Path) {
        self.program.kill();
        let mut command = command(&self.executable, self.folder.path(), data);
        if let Some(shim) = &self.shim {
            shim.apply(&mut command, self.folder.path());
        }
        self.program = Program::spawn(command, "msg=\"Listening on\"").expect("it runs again");
    }

    /// Posts alerts that do not end soon, and returns the status.
    fn post(&self, names: &[&str]) -> u16 {
        let alert = |name: &&str| {
            json!({"labels": {"alertname": name}, "startsAt": "2020-01-01T00:00:00Z",
                "endsAt": "2099-01-01T00:00:00Z"})
        };
        let body = Value::from(names.iter().map(alert).collect::<Vec<_>>()).to_string();
        self.program.request("POST", "/api/v2/alerts", body.as_bytes()).expect("it answers").status
    }

    /// Makes a silence, notes it where that is confirmed, and returns the status.
    fn silence(&mut self, name: &str) -> u16 {
        let body = json!({
            "matchers": [{"name": "alertname", "value": name, "isRegex": false}],
            "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2099-01-01T00:00:00Z",
            "createdBy": "me", "comment": "x".repeat(200),
        });
        let answer = self.program.request("POST", "/api/v2/silences", body.to_string().as_bytes());
        let answer = answer.expect("it answers");
        let id: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if answer.status == 200 {
            self.confirmed.push(id["silenceID"].as_str().expect("an id").to_owned());
        }
        answer.status
    }

    fn states(&self) -> Vec<(String, String)> {
        let answer = self.program.request("GET", "/api/v2/silences", b"").expect("it answers");
        let list: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = list.as_array().expect("a list").iter();
        list.map(|it| (text(&it["id"]), text(&it["status"]["state"]))).collect()
    }

    /// All confirmed silences are there and have not ended. By a clock that went back one may not
    /// have begun.
    #[track_caller]
    fn has_all_silences(&self) {
        let states = self.states();
        for id in &self.confirmed {
            let state = states.iter().find(|(known, _)| known == id).map(|(_, state)| &**state);
            let lives = matches!(state, Some("active" | "pending"));
            assert!(lives, "{id} is {state:?}: {:#?}", self.program.log());
        }
    }

    fn metric(&self, name: &str) -> f64 {
        let page = self.program.request("GET", "/metrics", b"").expect("it answers").text();
        let value = page.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
        value.and_then(|value| value.parse().ok()).expect("it has this metric")
    }

    /// How often a group was told.
    fn told(&self, name: &str) -> usize {
        let key = format!("\"groupLabels\":{{\"alertname\":\"{name}\"}}");
        let received = self.sink.received();
        received.iter().filter(|it| String::from_utf8_lossy(&it.body).contains(&key)).count()
    }

    #[track_caller]
    fn wait(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so(self) {
            assert!(Instant::now() < end, "{what}: {:#?}", self.program.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// The disk has failed: changes hold and are told, but nothing is confirmed, and it says so.
    #[track_caller]
    fn is_loud(&mut self, error: &str, news: &str) {
        assert_eq!(self.silence("Unconfirmed"), 503, "{:#?}", self.program.log());
        assert!(self.program.wait_log(error, PATIENCE), "{:#?}", self.program.log());
        self.wait("the metric says it", |test| test.metric("campana_journal_healthy") == 0.0);
        // Alerts are what it is there for: they are taken and told all the same.
        self.post(&[news]);
        self.wait("it tells", |test| test.told(news) == 1);
        assert_eq!(self.program.request("GET", "/-/healthy", b"").expect("it answers").status, 200);
    }

    /// The disk is well again: promises are given again, and kept.
    #[track_caller]
    fn recovers(&mut self) {
        self.wait("it is healthy", |test| test.metric("campana_journal_healthy") == 1.0);
        assert_eq!(self.silence("After"), 200);
        self.has_all_silences();
    }

    /// After the next start nothing is missing, and nothing is told again.
    #[track_caller]
    fn kept(&self, names: &[&str]) {
        self.has_all_silences();
        self.post(names);
        thread::sleep(Duration::from_secs(3));
        for name in names {
            assert_eq!(self.told(name), 1, "{name}: {:#?}", self.program.log());
        }
    }
}

fn prepare() -> (TempDir, Sink) {
    let (folder, sink) = (tempfile::tempdir().expect("a folder"), Sink::open().expect("a port"));
    let config = CONFIG.replace("{{sink}}", &sink.url());
    fs::write(folder.path().join("config.yml"), config).expect("the folder is ours");
    fs::create_dir(folder.path().join("data")).expect("the folder is ours");
    (folder, sink)
}

fn command(executable: &Path, folder: &Path, data: &Path) -> Command {
    let mut command = Command::new(executable);
    command.args(arguments(folder, data));
    command
}

fn arguments(folder: &Path, data: &Path) -> Vec<String> {
    vec![
        format!("--config.file={}", folder.join("config.yml").display()),
        format!("--storage.path={}", data.display()),
        "--web.listen-address=127.0.0.1:0".into(),
        "--cluster.listen-address=".into(),
        "--dispatch.warm-up=0s".into(),
    ]
}

/// Both a write that breaks off in the middle and a sync that fails.
fn disk(executable: &Path, (writes, syncs): (i32, i32), error: &str) {
    let Some(mut test) = Test::with_shim(executable) else { return };
    assert_eq!((test.silence("Before"), test.post(&["A"])), (200, 200));
    test.wait("it tells", |test| test.told("A") == 1);
    test.shim().fail(writes, syncs);
    test.is_loud(error, "B");
    // Killed while the disk is bad: what was confirmed before is there.
    let copy = test.folder.path().join("copy");
    copy_all(&test.data(), &copy);
    test.shim().fail(0, 0);
    test.recovers();
    let data = test.data();
    test.restart(&data);
    test.kept(&["A", "B"]);
    let only_first = test.confirmed.drain(..).next();
    test.confirmed.extend(only_first);
    test.restart(&copy);
    test.has_all_silences();
}

fn a_full_disk_that_gets_room_again(executable: &Path) {
    disk(executable, (ENOSPC, 0), "No space left on device");
}

fn a_disk_that_fails_and_recovers(executable: &Path) {
    disk(executable, (0, EIO), "Input/output error");
    disk(executable, (EIO, EIO), "Input/output error");
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir(to).expect("the folder is ours");
    for entry in fs::read_dir(from).expect("it is there") {
        let path = entry.expect("it is there").path();
        fs::copy(&path, to.join(path.file_name().expect("a file"))).expect("there is room");
    }
}

/// A real file system of half a megabyte, in a name space of the program's own.
fn a_small_file_system_that_fills_up(executable: &Path) {
    let may_mount = Command::new("unshare").args(["-m", "true"]).output();
    if !may_mount.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    let (folder, sink) = prepare();
    let data = folder.path().join("data");
    let mut command = Command::new("unshare");
    let script = r#"mount -t tmpfs -o size=512k tmpfs "$1" && shift && exec "$@""#;
    command.args(["-m", "sh", "-c", script, "sh"]).arg(&data).arg(executable);
    command.args(arguments(folder.path(), &data));
    let program = Program::spawn(command, "msg=\"Listening on\"").expect("it runs");
    let executable = executable.to_owned();
    let mut test = Test { executable, folder, sink, shim: None, program, confirmed: Vec::new() };
    assert_eq!((test.silence("Before"), test.post(&["A"])), (200, 200));
    test.wait("it tells", |test| test.told("A") == 1);
    // What another program leaves there, as seen from outside.
    let pid = test.program.pid();
    let inside = PathBuf::from(format!("/proc/{pid}/root{}", data.display()));
    let ballast = inside.join("ballast");
    let mut file = fs::File::create(&ballast).expect("we may look into it");
    while file.write_all(&[b'x'; 4096]).is_ok() {}
    drop(file);
    // What is left of the last page is soon used up.
    let full = (0..100).any(|n| test.silence(&format!("Fills{n}")) == 503);
    assert!(full, "100 silences of 200 bytes fit into one page");
    test.is_loud("No space left on device", "B");
    fs::remove_file(&ballast).expect("it is ours");
    test.recovers();
    // As a kill would leave it: the file system goes with the program.
    test.program.signal(Signal::STOP);
    let copy = test.folder.path().join("copy");
    copy_all(&inside, &copy);
    test.restart(&copy);
    test.kept(&["A", "B"]);
}

fn clocks_that_step_by_an_hour(executable: &Path) {
    const HOUR: i64 = 3600;
    let Some(mut test) = Test::with_shim(executable) else { return };
    // Begun long ago, so that it mutes by all clocks that follow: its begin is a time of the clock.
    test.shim().step_clock(-2 * HOUR);
    assert_eq!((test.silence("Quiet"), test.post(&["A", "Quiet"])), (200, 200));
    test.wait("it tells", |test| test.told("A") == 1);
    let mut names = vec!["A".to_owned()];
    // Forth, back, further back than it began, and right again; once more over restarts.
    for (round, hours) in [1, 0, -1, 0, 1, -1, 0].into_iter().enumerate() {
        test.shim().step_clock(hours * HOUR);
        if round >= 4 {
            let data = test.data();
            test.restart(&data);
        }
        let name = format!("S{round}");
        names.push(name.clone());
        let all: Vec<&str> = names.iter().map(|name| &**name).chain(["Quiet"]).collect();
        assert_eq!(test.post(&all), 200, "{hours} h");
        test.wait("what is new is told", |test| test.told(&name) == 1);
        assert_eq!(test.silence(&format!("Other{round}")), 200, "{hours} h");
        // Some ticks of every group go by.
        thread::sleep(Duration::from_millis(2500));
        for name in &names {
            assert_eq!(test.told(name), 1, "{name} at {hours} h: {:#?}", test.program.log());
        }
        assert_eq!(test.told("Quiet"), 0, "{hours} h");
        test.has_all_silences();
        // A change of this moment counts, whatever the clock said before.
        let id = test.confirmed.remove(1);
        let path = format!("/api/v2/silence/{id}");
        let answer = test.program.request("DELETE", &path, b"").expect("it answers");
        assert_eq!(answer.status, 200, "{hours} h");
        let states = test.states();
        let state = states.iter().find(|(known, _)| *known == id).map(|(_, state)| &**state);
        assert_eq!(state, Some("expired"), "{hours} h");
        assert!(!test.program.log().iter().any(|line| line.contains("panicked")));
    }
}
