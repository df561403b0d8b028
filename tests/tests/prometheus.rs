//! The real Prometheus and the real amtool against our programs, and against the original, which
//! shows that the test asks for the right things.
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::{
    fs,
    path::Path,
    process::{Command, Output},
    thread,
    time::{Duration, Instant},
};

use campana_tests::{
    drivers::{PEERS, Program, built_program, peer},
    sink::Sink,
};
use rustix::process::Signal;
use serde_json::Value;

#[test]
fn campana_serves_prometheus_and_amtool() {
    serve("campana");
}

#[test]
fn campana_std_serves_prometheus_and_amtool() {
    serve("campana-std");
}

#[test]
fn alertmanager_serves_prometheus_and_amtool() {
    serve("alertmanager");
}

fn serve(name: &str) {
    let (Some(prometheus), Some(amtool)) = (peer("prometheus"), peer("amtool")) else {
        eprintln!("skipped: {PEERS} does not name the folder of the real programs");
        return;
    };
    let executable = peer(name).unwrap_or_else(|| built_program(name));
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let sink = Sink::open().expect("a sink");
    let config = folder.join("config.yml");
    fs::write(&config, CONFIG.replace("{{sink}}", &sink.url())).expect("the folder is ours");
    let program = Program::start(&executable, &config, &folder.join("data"), &[]).expect("it runs");

    let prometheus = start_prometheus(&prometheus, folder, &program, "1");
    let told = wait_told(&sink, "firing");
    let alert = &told["alerts"][0];
    assert_eq!(told["groupLabels"]["alertname"], "Always");
    assert_eq!(told["receiver"], "team");
    assert_eq!(alert["labels"]["severity"], "page");
    assert_eq!(alert["labels"]["datacenter"], "here", "the external label of Prometheus");
    assert_eq!(alert["annotations"]["summary"], "It is 1.");
    let url = alert["generatorURL"].as_str().expect("a text");
    assert!(url.contains("/graph?g0.expr=vector"), "{url}");

    use_amtool(&Amtool { amtool: &amtool, url: program.url(), home: folder });

    write_rule(folder, "2");
    prometheus.signal(Signal::HUP);
    let told = wait_told(&sink, "resolved");
    assert_eq!(told["alerts"][0]["status"], "resolved");
    if name == "alertmanager" {
        return; // It takes a refused request for an error of its own.
    }
    let errors: Vec<String> =
        program.log().into_iter().filter(|line| line.contains("level=ERROR")).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

const CONFIG: &str = "
route:
  receiver: team
  group_by: [alertname]
  group_wait: 200ms
  group_interval: 1s
  routes: [{receiver: db, matchers: [service=db]}]
receivers:
- {name: team, webhook_configs: [{url: '{{sink}}'}]}
- {name: db}
";

fn write_rule(folder: &Path, limit: &str) {
    let rule = format!(
        "
groups:
- name: g
  interval: 1s
  rules:
  - alert: Always
    expr: vector(1) >= {limit}
    labels: {{severity: page}}
    annotations: {{summary: 'It is {{{{ $value }}}}.'}}
"
    );
    fs::write(folder.join("rules.yml"), rule).expect("the folder is ours");
}

fn start_prometheus(executable: &Path, folder: &Path, to: &Program, limit: &str) -> Program {
    write_rule(folder, limit);
    let config = format!(
        "
global: {{evaluation_interval: 1s, external_labels: {{datacenter: here}}}}
rule_files: [rules.yml]
alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{}']}}]}}]}}
",
        to.address()
    );
    let path = folder.join("prometheus.yml");
    fs::write(&path, config).expect("the folder is ours");
    let mut command = Command::new(executable);
    command
        .arg(format!("--config.file={}", path.display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
        .args(["--web.listen-address=127.0.0.1:0", "--rules.alert.resend-delay=1s"]);
    Program::spawn(command, "msg=\"Listening on\"").expect("Prometheus runs")
}

fn wait_told(sink: &Sink, status: &str) -> Value {
    let end = Instant::now() + Duration::from_secs(40);
    while Instant::now() < end {
        let received = sink.received();
        let bodies = received.iter().filter_map(|r| serde_json::from_slice(&r.body).ok());
        if let Some(body) = bodies.into_iter().find(|body: &Value| body["status"] == status) {
            return body;
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("nothing {status} was told: {:?}", sink.received());
}

struct Amtool<'a> {
    amtool: &'a Path,
    url: String,
    home: &'a Path,
}

impl Amtool<'_> {
    fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.amtool);
        command.env("HOME", self.home).arg(format!("--alertmanager.url={}", self.url));
        command.args(arguments).output().expect("amtool runs")
    }

    /// Runs it, which must succeed, and returns what it prints.
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "amtool {arguments:?}: {text}{error}");
        text
    }
}

#[track_caller]
fn has(text: &str, part: &str) {
    assert!(text.contains(part), "{part:?} is missing in:\n{text}");
}

fn use_amtool(amtool: &Amtool<'_>) {
    let alerts = amtool.run(&["alert", "query"]);
    has(&alerts, "Always");
    has(&alerts, "It is 1.");
    let alerts: Value =
        serde_json::from_str(&amtool.run(&["-o", "json", "alert", "query", "severity=~p.*"]))
            .expect("JSON");
    assert_eq!(alerts[0]["receivers"][0]["name"], "team");
    assert!(!amtool.run(&["alert", "query", "severity=none"]).contains("Always"));
    amtool.run(&["alert", "add", "Extra", "service=db", "--annotation=summary=by hand"]);
    has(&amtool.run(&["alert", "query", "--receiver=db"]), "by hand");

    let add = ["silence", "add", "-a", "me", "-c", "quiet", "-d", "1h", "alertname=Extra"];
    let id = amtool.run(&add).trim().to_owned();
    has(&amtool.run(&["silence", "query"]), &id);
    has(&amtool.run(&["silence", "query", "-q"]), &id);
    assert!(!amtool.run(&["alert", "query"]).contains("Extra"));
    has(&amtool.run(&["alert", "query", "--silenced"]), "Extra");
    let exported = amtool.run(&["-o", "json", "silence", "query"]);
    has(&exported, "\"comment\":\"quiet\"");
    amtool.run(&["silence", "update", "-c", "longer", "-d", "2h", &id]);
    has(&amtool.run(&["silence", "query"]), "longer");
    let id = amtool.run(&["silence", "query", "-q"]).trim().to_owned();
    amtool.run(&["silence", "expire", &id]);
    assert_eq!(amtool.run(&["silence", "query", "-q"]).trim(), "");
    has(&amtool.run(&["silence", "query", "--expired", "-q"]), &id);
    let file = amtool.home.join("silences.json");
    fs::write(&file, exported).expect("the folder is ours");
    has(&amtool.run(&["silence", "import", &file.display().to_string()]), "-");
    has(&amtool.run(&["silence", "query"]), "quiet");
    let refused = amtool.output(&["silence", "add", "-a", "me", "-c", "c", "alertname=~.*"]);
    assert!(!refused.status.success());
    assert!(!amtool.output(&["silence", "expire", "nonsense"]).status.success());

    let config = amtool.run(&["config", "show"]);
    has(&config, "receiver: team");
    has(&config, "service=\"db\"");
    has(&amtool.run(&["config", "routes"]), "receiver: db");
    assert_eq!(amtool.run(&["config", "routes", "test", "service=db"]).trim(), "db");
    has(&amtool.run(&["cluster", "show"]), "disabled");
}
