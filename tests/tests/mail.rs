//! Mails: both programs hand them in at a real mail server, as Alertmanager does, and cope with
//! servers that refuse, stall and die.
#![allow(clippy::print_stderr, reason = "a test that cannot be set up here says so")]

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::Command,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use campana_tests::{
    cluster::original,
    drivers::{Program, built_program},
};
use serde_json::{Value, json};
use tempfile::TempDir;

campana_tests::on_both! {
    a_mail_is_handed_in,
    mails_equal_alertmanagers,
    starttls_and_plain,
    starttls_is_required,
    implicit_tls_and_login,
    cram_md5,
    xoauth2,
    strangers_certificates_are_refused,
    wrong_passwords_are_explained,
    refused_recipients_are_explained,
    a_server_that_stalls_is_given_up,
    a_server_that_dies_is_asked_again_with_the_same_id,
    a_slow_goodbye_is_no_failure,
}

const PASSWORD: &str = "s3cret-word";
/// How long anything may take that should happen soon.
const SOON: Duration = Duration::from_secs(20);

/// Returns a Python with aiosmtpd, if there is one.
fn python() -> Option<&'static str> {
    static PYTHON: OnceLock<Option<String>> = OnceLock::new();
    let find = || {
        let own = env::var("CAMPANA_MAIL_PYTHON").ok();
        let candidates = own.into_iter().chain(["python3", "/usr/bin/python3"].map(String::from));
        candidates.into_iter().find(|python| {
            let output = Command::new(python).args(["-c", "import aiosmtpd"]).output();
            output.is_ok_and(|output| output.status.success())
        })
    };
    let found = PYTHON.get_or_init(find).as_deref();
    if found.is_none() {
        eprintln!("skipped: no Python with aiosmtpd, which is the package python3-aiosmtpd");
    }
    found
}

/// A mail server of its own, and what it got.
struct Server {
    program: Program,
    folder: TempDir,
}

impl Server {
    /// Starts one; `None` where that is not possible.
    fn start(mut how: Value) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        how["out"] = at("mails").to_str().into();
        let python = python()?;
        if how.get("tls").is_some() {
            certificate(folder.path())?;
            how["cert"] = at("cert.pem").to_str().into();
            how["key"] = at("key.pem").to_str().into();
        }
        let mut command = Command::new(python);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail/server.py");
        command.arg(script).arg(how.to_string());
        let program = Program::spawn(command, "listening").expect("the mail server starts");
        Some(Self { program, folder })
    }

    fn mails(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder.path().join("mails")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    #[track_caller]
    fn mail(&self, sender: &Program) -> Value {
        let got = wait(|| !self.mails().is_empty());
        assert!(got, "no mail:\n{}", [sender.log(), self.program.log()].concat().join("\n"));
        self.mails().remove(0)
    }

    /// The settings that find it and trust it.
    fn keys(&self) -> String {
        let ca = self.folder.path().join("cert.pem");
        let address = self.program.address();
        format!("smarthost: '{address}', tls_config: {{ca_file: '{}'}}", ca.display())
    }
}

/// Makes a certificate for 127.0.0.1, its own authority; `None` where there is no openssl.
fn certificate(folder: &Path) -> Option<()> {
    let made = Command::new("openssl")
        .current_dir(folder)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-nodes", "-days", "2", "-subj", "/CN=mail.test"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", "key.pem", "-out", "cert.pem"])
        .output();
    let Ok(made) = made else {
        eprintln!("skipped: there is no openssl");
        return None;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    Some(())
}

fn wait(mut is_done: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + SOON;
    while Instant::now() < end {
        if is_done() {
            return true;
        }
        thread::sleep(Duration::from_millis(20));
    }
    false
}

/// A program that mails about one alert.
struct Sender {
    program: Program,
    _folder: TempDir,
}

impl Sender {
    /// Starts it with these settings besides the addresses, and posts an alert.
    fn start(executable: &Path, keys: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("config.yml");
        let text = format!(
            "route: {{receiver: mail, group_by: [alertname], group_wait: 0s, group_interval: 1s}}\n\
             receivers:\n- name: mail\n  email_configs:\n  - {{to: 'Team <a@b.test>, c@d.test', \
             from: am@b.test, {keys}}}\n"
        );
        fs::write(&config, text).expect("the folder is ours");
        let data = folder.path().join("data");
        let flags = ["--log.level=debug".into(), "--web.external-url=http://am.test/".into()];
        let program = Program::start(executable, &config, &data, &flags).expect("it runs");
        let alert = json!([{
            "labels": {"alertname": "Löw", "instance": "a"},
            "annotations": {"summary": ".a line that begins with a dot\n.\nand ends with blanks  "},
        }]);
        let answer = program.request("POST", "/api/v2/alerts", alert.to_string().as_bytes());
        assert_eq!(answer.expect("it answers").status, 200);
        Self { program, _folder: folder }
    }

    /// Waits for a line of the log, and checks that no secret is anywhere in the log.
    #[track_caller]
    fn wait_log(&self, text: &str) {
        let found = self.program.wait_log(text, SOON);
        let log = self.program.log().join("\n");
        assert!(found, "no {text:?}:\n{log}");
        assert!(!log.contains(PASSWORD), "{log}");
    }
}

/// Hides boundary, id and date of a message, and sorts its headers.
fn normalize(content: &str) -> String {
    let (head, body) = content.split_once("\r\n\r\n").expect("an empty line");
    let boundary = head.split_once("boundary=").expect("a boundary").1;
    let boundary = boundary.split("\r\n").next().unwrap_or_default();
    let mut lines: Vec<&str> = head
        .split("\r\n")
        .map(|line| match line.split_once(": ") {
            Some(("Date", _)) => "Date: DATE",
            Some(("Message-Id", _)) => "Message-Id: <ID>",
            _ => line,
        })
        .collect();
    lines.sort_unstable();
    format!("{}\r\n\r\n{body}", lines.join("\r\n")).replace(boundary, "BOUNDARY")
}

const ACCOUNT: &str = "auth_username: user, auth_password: s3cret-word, auth_secret: s3cret-word";
const TEXT: &str = "text: '{{ range .Alerts }}{{ .Annotations.summary }}{{ end }}'";

fn a_mail_is_handed_in(executable: &Path) {
    let Some(server) = Server::start(json!({})) else { return };
    let keys =
        format!("smarthost: '{}', require_tls: false, hello: am.test", server.program.address());
    let sender = Sender::start(executable, &keys);
    let mail = server.mail(&sender.program);
    assert_eq!((&mail["hello"], &mail["from"]), (&json!("am.test"), &json!("am@b.test")));
    assert_eq!(mail["to"], json!(["a@b.test", "c@d.test"]));
    assert_eq!((&mail["tls"], &mail["auth"]), (&json!(false), &json!(null)));
}

fn mails_equal_alertmanagers(executable: &Path) {
    let Some(server) = Server::start(json!({})) else { return };
    let Some(original) = original("alertmanager") else { return };
    let keys = format!(
        "smarthost: '{}', require_tls: false, {TEXT}, headers: {{x-full: '{{{{ .Status }}}} ü'}}",
        server.program.address()
    );
    let senders = [&original, executable].map(|program| Sender::start(program, &keys));
    assert!(wait(|| server.mails().len() == 2), "{}", senders[1].program.log().join("\n"));
    let (mut first, mut second) = (server.mails().remove(0), server.mails().remove(1));
    for mail in [&mut first, &mut second] {
        mail["content"] = normalize(mail["content"].as_str().expect("a text")).into();
    }
    assert_eq!(first, second);
    let content = first["content"].as_str().unwrap_or_default();
    assert!(content.contains("\r\n.a line that begins"), "{content}");
}

#[track_caller]
fn logs_in(executable: &Path, how: Value, keys: &str) {
    let Some(server) = Server::start(how.clone()) else { return };
    let sender = Sender::start(executable, &format!("{}, {ACCOUNT}{keys}", server.keys()));
    let mail = server.mail(&sender.program);
    assert_eq!((&mail["tls"], &mail["auth"]), (&json!(how.get("tls").is_some()), &how["auth"]));
}

fn starttls_and_plain(executable: &Path) {
    logs_in(executable, json!({"tls": "starttls", "auth": "PLAIN"}), "");
}

fn implicit_tls_and_login(executable: &Path) {
    let how = json!({"tls": "implicit", "auth": "LOGIN"});
    logs_in(executable, how, ", force_implicit_tls: true");
}

fn cram_md5(executable: &Path) {
    let Some(server) = Server::start(json!({"auth": "CRAM-MD5"})) else { return };
    let keys = format!("smarthost: '{}', require_tls: false, {ACCOUNT}", server.program.address());
    let sender = Sender::start(executable, &keys);
    assert_eq!(server.mail(&sender.program)["auth"], "CRAM-MD5");
}

fn xoauth2(executable: &Path) {
    let how = json!({"tls": "starttls", "auth": "XOAUTH2"});
    logs_in(executable, how, ", auth_mechanism: XOAUTH2");
}

fn starttls_is_required(executable: &Path) {
    let Some(server) = Server::start(json!({})) else { return };
    let keys = format!("smarthost: '{}'", server.program.address());
    let sender = Sender::start(executable, &keys);
    sender.wait_log("does not advertise the STARTTLS extension");
    assert!(server.mails().is_empty());
}

fn strangers_certificates_are_refused(executable: &Path) {
    let Some(server) = Server::start(json!({"tls": "starttls"})) else { return };
    let keys = format!("smarthost: '{}'", server.program.address());
    let sender = Sender::start(executable, &keys);
    sender.wait_log("send STARTTLS command: tls: ");
    assert!(server.mails().is_empty());
}

fn wrong_passwords_are_explained(executable: &Path) {
    let how = json!({"tls": "starttls", "auth": "PLAIN"});
    let Some(server) = Server::start(how) else { return };
    let keys = format!("{}, auth_username: user, auth_password: wr0ng-word", server.keys());
    let sender = Sender::start(executable, &keys);
    sender.wait_log("PLAIN auth: 535");
    assert!(!sender.program.log().join("\n").contains("wr0ng-word"));
}

fn refused_recipients_are_explained(executable: &Path) {
    let how = json!({"tls": "starttls", "auth": "PLAIN", "refuse": "c@d.test"});
    let Some(server) = Server::start(how) else { return };
    let sender = Sender::start(executable, &format!("{}, {ACCOUNT}", server.keys()));
    // The server repeats the password, and nobody else does.
    sender.wait_log("send RCPT command: 550 5.1.1 no such user: <redacted>");
    assert!(server.mails().is_empty());
}

/// A mail server that does what it is told with each mail, in turn.
struct Script {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    mails: Arc<std::sync::Mutex<Vec<String>>>,
}

/// What becomes of a mail.
#[derive(Clone, Copy)]
enum Fate {
    /// It is accepted.
    Accept,
    /// It is accepted, and nothing is said any more.
    AcceptAndHang,
    /// It is read to its end, and the connection breaks.
    Die,
    /// It is read, and nothing is said.
    Hang,
}

impl Script {
    fn start(fates: &'static [Fate]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let script = Self {
            address: listener.local_addr().expect("it listens"),
            connections: Arc::default(),
            mails: Arc::default(),
        };
        let (connections, mails) = (script.connections.clone(), script.mails.clone());
        thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming().map_while(Result::ok) {
                let number = connections.fetch_add(1, Relaxed);
                let fate = fates.get(number).or(fates.last()).copied().unwrap_or(Fate::Accept);
                let (stream, mail) = serve(stream, fate);
                mails.lock().expect("no panics").extend(mail);
                held.extend(stream);
            }
        });
        script
    }

    fn keys(&self) -> String {
        format!("smarthost: '{}', require_tls: false", self.address)
    }

    fn mails(&self) -> Vec<String> {
        self.mails.lock().expect("no panics").clone()
    }
}

/// Serves one connection. Returns it where it must stay open, and the mail.
fn serve(mut stream: TcpStream, fate: Fate) -> (Option<TcpStream>, Option<String>) {
    let mut lines = BufReader::new(stream.try_clone().expect("a descriptor"));
    let mut mail = None;
    // A client that is gone is noticed when reading.
    stream.write_all(b"220 mail.test\r\n").ok();
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|count| count > 0) {
        let answer = match line.split_whitespace().next().unwrap_or_default() {
            "DATA" => "354 go on\r\n",
            "QUIT" => return (None, mail),
            _ => "250 fine\r\n",
        };
        stream.write_all(answer.as_bytes()).ok();
        if line.starts_with("DATA") {
            let mut content = String::new();
            while !content.ends_with("\r\n.\r\n") {
                if lines.read_line(&mut content).unwrap_or(0) == 0 {
                    return (None, mail);
                }
            }
            mail = Some(content);
            match fate {
                Fate::Accept => stream.write_all(b"250 taken\r\n").ok(),
                Fate::AcceptAndHang => {
                    stream.write_all(b"250 taken\r\n").ok();
                    return (Some(stream), mail);
                }
                Fate::Die => return (None, mail),
                Fate::Hang => return (Some(stream), mail),
            };
        }
        line.clear();
    }
    (None, mail)
}

fn a_server_that_stalls_is_given_up(executable: &Path) {
    let script = Script::start(&[Fate::Hang, Fate::Accept]);
    let sender = Sender::start(executable, &script.keys());
    sender.wait_log("context deadline exceeded");
    // The next flush tells it again.
    assert!(wait(|| script.mails().len() >= 2), "{}", sender.program.log().join("\n"));
}

fn a_server_that_dies_is_asked_again_with_the_same_id(executable: &Path) {
    let script = Script::start(&[Fate::Die, Fate::Accept]);
    let sender = Sender::start(executable, &script.keys());
    sender.wait_log("delivery failure: EOF");
    assert!(wait(|| script.mails().len() == 2), "{}", sender.program.log().join("\n"));
    // Some flushes later it was still not told again.
    thread::sleep(Duration::from_secs(3));
    let id = |mail: &String| {
        let line = mail.lines().find(|line| line.starts_with("Message-Id: "));
        line.expect("an id").to_owned()
    };
    let ids: Vec<String> = script.mails().iter().map(id).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[0], ids[1]);
}

fn a_slow_goodbye_is_no_failure(executable: &Path) {
    let script = Script::start(&[Fate::AcceptAndHang]);
    let sender = Sender::start(executable, &script.keys());
    sender.wait_log("Notify success");
    thread::sleep(Duration::from_secs(2));
    assert_eq!(script.mails().len(), 1);
    assert_eq!(script.connections.load(Relaxed), 1);
}
