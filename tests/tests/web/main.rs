//! The web side's protection on real sockets, in both programs: TLS, users, limits, sockets from
//! the service manager, and where notifications may not go.
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod egress;
mod limits;
mod long;
mod peers;
mod pki;
mod users;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::fd::OwnedFd,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use campana_tests::drivers::{Program, built_program, peer};
use rustls::version::{TLS12, TLS13};
use tempfile::TempDir;

use crate::pki::Pki;

/// Every test on both programs.
macro_rules! on_both {
    ($($place:ident :: $name:ident),* $(,)?) => {
        mod campana {
            $(#[test] fn $name() { super::$place::$name("campana"); })*
        }
        mod campana_std {
            $(#[test] fn $name() { super::$place::$name("campana-std"); })*
        }
    };
}

on_both! {
    tls::certificates_are_replaced_while_it_runs,
    tls::clients_show_the_certificates_that_are_asked_for,
    tls::versions_suites_and_groups_are_chosen,
    tls::http2_is_offered_where_the_library_has_it,
    tls::a_bad_file_is_explained,
    tls::sockets_are_handed_over,
    users::users_have_passwords,
    users::many_wrong_passwords_lock_nobody_out,
    users::users_are_replaced_while_it_runs,
    users::headers_are_set,
    users::the_rate_is_limited,
    limits::plain_http_is_told_off,
    limits::slow_handshakes_are_cut_off,
    limits::limits_hold_under_tls,
    limits::nothing_is_there_to_debug,
    long::long_answers_arrive_whole,
    long::who_stops_reading_holds_up_nobody,
    egress::denied_addresses_are_not_told,
    egress::redirects_proxies_and_mail_are_guarded,
    peers::the_tool_comes_in,
    peers::amtool_and_prometheus_come_in,
}

/// How long a change may take to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

const CONFIG: &str = "
route: {receiver: team, group_wait: 1h}
receivers: [{name: team}]
";

/// A program in a folder with certificates: of an authority `ca`, a `server`, a client `good`; and
/// a client of a `stranger`.
struct Test {
    folder: TempDir,
    name: &'static str,
}

impl Test {
    fn new(name: &'static str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("config.yml"), CONFIG).expect("the folder is ours");
        let test = Self { folder, name };
        test.pki().authority("ca");
        test.pki().issue("ca", "server", "IP:127.0.0.1,DNS:localhost");
        test
    }

    fn pki(&self) -> Pki<'_> {
        Pki(self.folder.path())
    }

    fn write(&self, name: &str, text: &str) {
        let (new, path) = (self.folder.path().join("new"), self.folder.path().join(name));
        fs::write(&new, text).expect("the folder is ours");
        fs::rename(new, path).expect("the folder is ours");
    }

    /// Starts the program with a web configuration.
    fn start(&self, web: &str) -> Program {
        self.write("web.yml", web);
        self.run(&[&self.web_flag()]).expect("it runs")
    }

    fn web_flag(&self) -> String {
        format!("--web.config.file={}", self.folder.path().join("web.yml").display())
    }

    fn run(&self, flags: &[&str]) -> Result<Program, String> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        // Of its own: several may run at once.
        let data = self.folder.path().join(format!("data{}", COUNT.fetch_add(1, Relaxed)));
        let flags: Vec<String> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let config = self.folder.path().join("config.yml");
        let executable = peer(self.name).unwrap_or_else(|| built_program(self.name));
        Program::start(&executable, &config, &data, &flags)
    }
}

/// Waits until something holds, which it must in time.
#[track_caller]
fn wait(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}: not in time");
        thread::sleep(Duration::from_millis(100));
    }
}

const TLS: &str = "tls_server_config: {cert_file: server.pem, key_file: server.key}\n";

mod tls {
    use super::*;

    pub(super) fn certificates_are_replaced_while_it_runs(name: &'static str) {
        let test = Test::new(name);
        let program = test.start(TLS);
        let (pki, to) = (test.pki(), program.address());
        let has_http2 = name == "campana";
        assert!(program.wait_log(&format!("TLS is enabled.\" http2={has_http2}"), PATIENCE));
        let client = pki.client(None);
        let shown = || {
            let connection = client.connect(to).expect("they agree");
            let chain = connection.conn.peer_certificates().expect("there is one");
            chain[0].clone().into_owned()
        };
        let first = pki.certificate("server");
        assert_eq!(shown(), first);
        let mut kept = client.connect(to).expect("they agree");
        let mut ask = move || {
            let get = "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n";
            kept.write_all(get.as_bytes()).expect("it is open");
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n\r\nOK") {
                let mut byte = [0];
                kept.read_exact(&mut byte).expect("it answers");
                answer.push(byte[0]);
            }
        };
        ask();

        pki.issue("ca", "server", "IP:127.0.0.1");
        let second = pki.certificate("server");
        wait("the second certificate is shown", || shown() == second);
        ask();

        fs::write(pki.path("server.pem"), "nonsense").expect("the folder is ours");
        wait("the broken file is seen", || {
            assert_eq!(shown(), second, "what works stays");
            program.wait_log("keeping the one in force", Duration::from_millis(10))
        });
        test.write("web.yml", "basic_auth_users: {}\n");
        wait("that TLS cannot end is told", || {
            assert_eq!(client.status(to), Ok(200));
            program.wait_log("TLS cannot be switched on or off", Duration::from_millis(10))
        });
        test.write("web.yml", TLS);
        pki.issue("ca", "server", "IP:127.0.0.1");
        let third = pki.certificate("server");
        wait("the third certificate is shown", || shown() == third);
        ask();
    }

    pub(super) fn clients_show_the_certificates_that_are_asked_for(name: &'static str) {
        let test = Test::new(name);
        let pki = test.pki();
        pki.issue("ca", "good", "DNS:good.example,URI:spiffe://x/good");
        pki.issue("ca", "other", "DNS:other.example,DNS:*.good.example");
        pki.authority("strangers");
        pki.issue("strangers", "stranger", "DNS:good.example");
        let ca = "client_ca_file: ca.pem";
        let sans = "client_allowed_sans: [me@good.example, 'spiffe://x/good']";
        // Who comes in: without a certificate, `good`, `other`, and a `stranger`.
        let cases = [
            ("NoClientCert", String::new(), [true, true, true, true]),
            ("RequestClientCert", String::new(), [true, true, true, true]),
            ("RequireAnyClientCert", String::new(), [false, true, true, true]),
            ("VerifyClientCertIfGiven", ca.into(), [true, true, true, false]),
            ("RequireAndVerifyClientCert", ca.into(), [false, true, true, false]),
            ("RequireAndVerifyClientCert", format!("{ca}, {sans}"), [false, true, false, false]),
            ("VerifyClientCertIfGiven", format!("{ca}, {sans}"), [true, true, false, false]),
        ];
        for (kind, more, expected) in cases {
            let program = test.start(&format!(
                "tls_server_config: {{cert_file: server.pem, key_file: server.key, \
                 client_auth_type: {kind}, {more}}}\n"
            ));
            let shown = [None, Some("good"), Some("other"), Some("stranger")];
            for (shown, expected) in shown.into_iter().zip(expected) {
                for version in [&TLS12, &TLS13] {
                    let client = pki.client_of(shown, &[version], &[]);
                    let status = client.status(program.address());
                    let text = format!("{kind} {more} {shown:?} {version:?}: {status:?}");
                    assert_eq!(status == Ok(200), expected, "{text}\n{:#?}", program.log());
                }
            }
        }
        // Authorities are files that may change too.
        let verify = format!("{TLS}  ").replace(
            '}',
            &format!(", {ca}, client_auth_type: {}}}", { "RequireAndVerifyClientCert" }),
        );
        let program = test.start(&verify);
        let (good, stranger) = (pki.client(Some("good")), pki.client(Some("stranger")));
        assert_eq!(good.status(program.address()), Ok(200));
        test.write("web.yml", &verify.replace("ca.pem", "strangers.pem"));
        wait("others are trusted", || stranger.status(program.address()) == Ok(200));
        assert!(good.status(program.address()).is_err());
    }

    pub(super) fn versions_suites_and_groups_are_chosen(name: &'static str) {
        let test = Test::new(name);
        let pki = test.pki();
        let with = |more: &str| test.start(&TLS.replace('}', &format!(", {more}}}")));
        let agree = |program: &Program, version| {
            let client = pki.client_of(None, &[version], &[]);
            let connection = client.connect(program.address()).ok()?;
            let suite = connection.conn.negotiated_cipher_suite()?;
            let group = connection.conn.negotiated_key_exchange_group()?;
            Some(format!("{:?} {:?}", suite.suite(), group.name()))
        };
        let program = with("min_version: TLS13");
        assert!(agree(&program, &TLS12).is_none() && agree(&program, &TLS13).is_some());
        let program = with("max_version: TLS12, min_version: TLS10");
        assert!(agree(&program, &TLS12).is_some() && agree(&program, &TLS13).is_none());
        let suite = "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256";
        let program = with(&format!("cipher_suites: [{suite}], curve_preferences: [CurveP384]"));
        assert_eq!(agree(&program, &TLS12), Some(format!("{suite} secp384r1")));
        let thirteen = agree(&program, &TLS13).expect("not chosen by this");
        assert!(thirteen.ends_with("secp384r1"), "{thirteen}");
    }

    pub(super) fn http2_is_offered_where_the_library_has_it(name: &'static str) {
        let test = Test::new(name);
        test.write("web.yml", TLS);
        // More than the eight that are the default, and come at once below.
        let program = test.run(&[&test.web_flag(), "--web.get-concurrency=100"]).expect("it runs");
        let chosen = |program: &Program, offered: &[&str]| {
            let client = test.pki().client_of(None, &[&TLS13], offered);
            let connection = client.connect(program.address()).map_err(|e| e.to_string())?;
            let chosen = connection.conn.alpn_protocol().unwrap_or_default();
            Ok::<_, String>(String::from_utf8_lossy(chosen).into_owned())
        };
        let best = if name == "campana" { "h2" } else { "http/1.1" };
        assert_eq!(chosen(&program, &["h2", "http/1.1"]), Ok(best.to_owned()));
        assert_eq!(chosen(&program, &["http/1.1"]), Ok("http/1.1".to_owned()));
        assert_eq!(chosen(&program, &[]), Ok(String::new()));
        let one = test.start(&format!("{TLS}http_server_config: {{http2: false}}\n"));
        assert_eq!(chosen(&one, &["h2", "http/1.1"]), Ok("http/1.1".to_owned()));
        drop(one);

        let curl = |arguments: &[&str]| {
            let mut command = Command::new("curl");
            command.args(["-sS", "--max-time", "20", "--cacert"]).arg(test.pki().path("ca.pem"));
            command.args(["-w", " %{http_version} %{http_code}\n", "--http2"]).args(arguments);
            command.output().map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        };
        let url = |path: &str| format!("https://{}{path}", program.address());
        let Ok(answer) = curl(&[&url("/-/healthy")]) else {
            eprintln!("skipped: there is no curl");
            return;
        };
        let version = if name == "campana" { "2" } else { "1.1" };
        assert_eq!(answer, format!("OK {version} 200\n"));
        // Several at once on one connection, with bodies, an error, and one that is too large.
        let json = ["-H", "Content-Type: application/json", "-d"];
        let alerts = r#"[{"labels": {"alertname": "Two"}}]"#;
        let to = url("/api/v2/alerts");
        let post = [&json[..], &[alerts, &to]].concat();
        assert_eq!(curl(&post).expect("it runs"), format!(" {version} 200\n"));
        let large = test.pki().path("large");
        fs::write(&large, vec![b'['; 40 << 20]).expect("the folder is ours");
        let large = format!("@{}", large.display());
        let post = [&json[..2], &["--data-binary", &large, &to]].concat();
        let answer = curl(&post).expect("it runs");
        assert!(answer.ends_with("413\n") || answer.ends_with(" 000\n"), "{answer}");
        let many = vec![to.clone(); 40];
        let many: Vec<&str> = ["-Z"].into_iter().chain(many.iter().map(String::as_str)).collect();
        let answer = curl(&many).expect("it runs");
        assert_eq!(answer.matches("\"alertname\":\"Two\"").count(), 40, "{answer}");
        assert_eq!(answer.matches(" 200\n").count(), 40, "{answer}");
    }

    pub(super) fn a_bad_file_is_explained(name: &'static str) {
        let test = Test::new(name);
        for (web, part) in [
            ("tls_server_config: {cert_file: server.pem}", "missing one of key or key_file"),
            (&*TLS.replace("server.key", "gone.key"), "gone.key"),
            (&*TLS.replace("server.key", "ca.key"), "unable to use the server certificate"),
            (&*TLS.replace('}', ", max_version: TLS11}"), "no usable TLS version"),
            (&*TLS.replace('}', ", cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}"), "not available"),
            (&*TLS.replace('}', ", curve_preferences: [CurveP521]}"), "CurveP521"),
            ("basic_auth_users: {me: secret}", "not a bcrypt hash"),
            ("nonsense: 1", "field nonsense not found"),
        ] {
            test.write("web.yml", web);
            let error = test.run(&[&test.web_flag()]).expect_err(web);
            assert!(error.contains(part) && error.contains("exit status: 1"), "{web}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        let error = test.run(&["--web.config.file=nowhere.yml"]).expect_err("there is no file");
        assert!(error.contains("nowhere.yml"), "{error}");
        let error = test.run(&["--web.systemd-socket"]).expect_err("there are no sockets");
        assert!(error.contains("no socket activation file descriptors found"), "{error}");
    }

    pub(super) fn sockets_are_handed_over(name: &'static str) {
        let test = Test::new(name);
        test.write("web.yml", TLS);
        let start = |standard_input: Stdio| {
            let mut command = Command::new("sh");
            // The shell keeps its number when it becomes the program.
            let script = "exec 3<&0 </dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec \"$@\"";
            command.args(["-c", script, "sh"]).arg(built_program(name));
            command.arg(format!("--config.file={}", test.pki().path("config.yml").display()));
            command.arg(format!("--storage.path={}", test.pki().path("data").display()));
            command.args(["--web.systemd-socket", "--web.listen-address=127.0.0.1:1"]);
            command.args(["--cluster.listen-address=", &test.web_flag()]);
            spawn(command, standard_input)
        };
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let at = listener.local_addr().expect("bound");
        // The manager keeps its own and hands it to the next one too.
        for _ in 0..2 {
            let handed = listener.try_clone().expect("a file");
            let mut program = start(OwnedFd::from(handed).into()).expect("it runs");
            assert_eq!(program.address(), at);
            assert_eq!(test.pki().client(None).status(at), Ok(200));
            assert_eq!(program.stop(), Ok(0));
        }
        let file = fs::File::open(test.pki().path("config.yml")).expect("it was written");
        let error = start(file.into()).expect_err("a file is no socket");
        assert!(error.contains("no listening TCP socket"), "{error}");
    }

    /// Starts a program whose standard input is given, which the drivers take away.
    fn spawn(command: Command, standard_input: Stdio) -> Result<Program, String> {
        Program::spawn_with(command, standard_input, "msg=\"Listening on\"")
    }
}

/// Reads a file of the folder.
fn read(path: &Path) -> String {
    fs::read_to_string(path).expect("it was written")
}
