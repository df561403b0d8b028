//! The tools that people have, over HTTPS, with a password and a certificate.

use std::{
    path::Path,
    process::{Command, Output},
    thread,
    time::Duration,
};

use campana_tests::{
    drivers::{PEERS, Program, built_program, peer},
    http::{self, Answer},
};

use super::{
    TLS, Test,
    users::{USERS, basic},
    wait,
};

/// Starts the program so that only who has both comes in, and writes what clients need.
fn start(test: &Test) -> Program {
    test.pki().issue("ca", "good", "DNS:good.example");
    let verify = ", client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert}";
    test.write(
        "http.yml",
        "basic_auth: {username: ann, password: secret}\n\
         tls_config: {ca_file: ca.pem, cert_file: good.pem, key_file: good.key}\n",
    );
    test.write("wrong.yml", &super::read(&test.pki().path("http.yml")).replace("secret", "guess"));
    test.write("bare.yml", "tls_config: {ca_file: ca.pem}\n");
    test.start(&format!("{}{USERS}", TLS.replace('}', verify)))
}

struct Tool<'a> {
    executable: &'a Path,
    test: &'a Test,
    url: String,
}

impl Tool<'_> {
    fn output(&self, file: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(self.executable);
        let file = self.test.pki().path(file);
        command.env("HOME", self.test.pki().path("home")).current_dir(self.test.pki().path(""));
        command.arg(format!("--alertmanager.url={}", self.url));
        command.arg(format!("--http.config.file={}", file.display()));
        command.args(arguments).output().expect("it runs")
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> String {
        let output = self.output("http.yml", arguments);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {text}{error}");
        text
    }

    fn comes_in(&self) {
        self.run(&["alert", "add", "Extra", "service=db", "--annotation=summary=by hand"]);
        assert!(self.run(&["alert", "query"]).contains("by hand"));
        let add = ["silence", "add", "-a", "me", "-c", "quiet", "-d", "1h", "alertname=Extra"];
        let id = self.run(&add).trim().to_owned();
        assert!(self.run(&["silence", "query"]).contains(&id));
        assert!(!self.run(&["alert", "query"]).contains("Extra"));
        self.run(&["silence", "expire", &id]);
        assert!(self.run(&["config", "show"]).contains("receiver: team"));
        for (file, part) in [("wrong.yml", "401"), ("bare.yml", "")] {
            let output = self.output(file, &["alert", "query"]);
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success(), "{file}");
            assert!(error.contains(part) && !error.contains("guess"), "{file}: {error}");
        }
    }
}

pub(super) fn the_tool_comes_in(name: &'static str) {
    let test = Test::new(name);
    let program = start(&test);
    let url = format!("https://{}", program.address());
    Tool { executable: &built_program("campanactl"), test: &test, url }.comes_in();
}

pub(super) fn amtool_and_prometheus_come_in(name: &'static str) {
    let (Some(prometheus), Some(amtool)) = (peer("prometheus"), peer("amtool")) else {
        eprintln!("skipped: {PEERS} does not name the folder of the real programs");
        return;
    };
    let test = Test::new(name);
    let program = start(&test);
    let url = format!("https://{}", program.address());
    let tool = Tool { executable: &amtool, test: &test, url };
    tool.comes_in();

    test.write(
        "rules.yml",
        "groups: [{name: g, interval: 1s, rules: [{alert: Always, expr: vector(1)}]}]\n",
    );
    let http = super::read(&test.pki().path("http.yml"));
    let http: Vec<String> = http.lines().map(|line| format!("    {line}\n")).collect();
    let to = program.address();
    test.write(
        "prometheus.yml",
        &format!(
            "global: {{evaluation_interval: 1s}}\nrule_files: [rules.yml]\nalerting:\n  \
             alertmanagers:\n  - scheme: https\n{}    static_configs: [{{targets: ['{to}']}}]\n",
            http.concat()
        ),
    );
    let mut command = Command::new(prometheus);
    command
        .arg(format!("--config.file={}", test.pki().path("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", test.pki().path("tsdb").display()))
        .args(["--web.listen-address=127.0.0.1:0", "--rules.alert.resend-delay=1s"]);
    let prometheus = Program::spawn(command, "msg=\"Listening on\"").expect("Prometheus runs");
    wait(&format!("Prometheus comes in: {:#?}", prometheus.log()), || {
        thread::sleep(Duration::from_millis(400));
        tool.run(&["alert", "query"]).contains("Always")
    });
}

/// What an answer says, as far as it is the guard's: status, headers, and the body of a refusal.
fn said(answer: &Answer) -> (u16, Vec<Option<String>>, String) {
    let names = [
        "www-authenticate",
        "strict-transport-security",
        "x-frame-options",
        "x-content-type-options",
        "content-type",
    ];
    // Pages are not compared, and what goes well is not the guard's.
    let is_refused = answer.status >= 400;
    let wanted = if is_refused { &names[..] } else { &names[..3] };
    let headers = wanted.iter().map(|name| answer.header(name).map(str::to_owned)).collect();
    (answer.status, headers, if is_refused { answer.text() } else { String::new() })
}

/// Status, headers of the guard, body.
type Told = (u16, Vec<Option<String>>, String);

fn answers(name: &'static str) -> Vec<(String, Told)> {
    let test = Test::new(name);
    let headers = "http_server_config: {headers: {Strict-Transport-Security: max-age=1, \
                   X-Frame-Options: deny}}\n";
    let program = test.start(&format!("{TLS}{headers}{USERS}"));
    let (client, to) = (test.pki().client(None), program.address());
    let mut all = Vec::new();
    for line in ["GET /-/healthy", "GET /api/v2/silences", "HEAD /-/ready", "POST /-/reload"] {
        for user in ["", "ann:secret", "ann:wrong", "nobody:secret", "ann", "ann:", "x:geheim"] {
            let header = if user.is_empty() { String::new() } else { basic(user) };
            let answer = client.ask(to, line, &format!("{header}Content-Length: 0\r\n"));
            all.push((format!("{line} {user}"), said(&answer.expect("it answers"))));
        }
    }
    let plain = http::request(to, "GET", "/", b"").expect("it answers");
    all.push(("plain HTTP".into(), (plain.status, Vec::new(), plain.text())));
    drop(program);
    let program = test.start("rate_limit: {interval: 1h, burst: 2}\n");
    for n in 0..4 {
        let answer = program.request("GET", "/-/healthy", b"").expect("it answers");
        all.push((format!("request {n}"), said(&answer)));
    }
    all
}

#[test]
fn the_original_refuses_in_the_same_words() {
    if peer("alertmanager").is_none() {
        eprintln!("skipped: {PEERS} does not name the folder of the real programs");
        return;
    }
    let expected = answers("alertmanager");
    for name in ["campana", "campana-std"] {
        for (ours, theirs) in answers(name).iter().zip(&expected) {
            assert_eq!(ours, theirs, "{name}");
        }
    }
}
