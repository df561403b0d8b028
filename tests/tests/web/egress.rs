//! Where notifications may not go.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use super::{Program, Test, wait};

/// A server that answers everything with a redirect, or with 200, and counts connections.
struct Server {
    at: SocketAddr,
    count: Arc<AtomicUsize>,
}

impl Server {
    fn start(host: &str, location: Option<String>) -> Self {
        let listener = TcpListener::bind((host, 0)).expect("a port");
        let at = listener.local_addr().expect("bound");
        let count = Arc::<AtomicUsize>::default();
        let counted = count.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                counted.fetch_add(1, Relaxed);
                let location = location.clone();
                thread::spawn(move || {
                    let mut lines = BufReader::new(&stream).lines().map_while(Result::ok);
                    // A client that leaves is none of our business.
                    while lines.next().is_some_and(|line| !line.is_empty()) {}
                    let answer = match location {
                        Some(to) => format!("HTTP/1.1 307 x\r\nLocation: {to}\r\n"),
                        None => "HTTP/1.1 200 OK\r\n".to_owned(),
                    };
                    let end = "Content-Length: 0\r\nConnection: close\r\n\r\n";
                    (&stream).write_all((answer + end).as_bytes()).ok();
                });
            }
        });
        Self { at, count }
    }

    fn count(&self) -> usize {
        self.count.load(Relaxed)
    }
}

/// Starts the program with a receiver for each name, and posts an alert for each.
fn tell(test: &Test, receivers: &[(&str, String)], flags: &[&str]) -> Program {
    let route = |(name, _): &(&str, String)| {
        format!("  - {{receiver: {name}, matchers: [alertname={name}]}}\n")
    };
    let receiver = |(name, text): &(&str, String)| format!("- name: {name}\n  {text}\n");
    let config = format!(
        "route:\n  receiver: none\n  group_wait: 0s\n  group_by: [alertname]\n  routes:\n{}\
         receivers:\n- name: none\n{}",
        receivers.iter().map(route).collect::<String>(),
        receivers.iter().map(receiver).collect::<String>(),
    );
    test.write("config.yml", &config);
    let program = test.run(flags).expect("it runs");
    let alerts: Vec<String> = receivers
        .iter()
        .map(|(name, _)| format!(r#"{{"labels": {{"alertname": "{name}"}}}}"#))
        .collect();
    let body = format!("[{}]", alerts.join(","));
    let answer = program.request("POST", "/api/v2/alerts", body.as_bytes()).expect("it answers");
    assert_eq!(answer.status, 200, "{answer:?}");
    program
}

fn webhook(url: &str) -> String {
    format!("webhook_configs: [{{url: '{url}'}}]")
}

/// Waits until the log says that a receiver's notification failed for good, at its first attempt.
#[track_caller]
fn wait_denied(program: &Program, receiver: &str, address: &str) {
    let told = || {
        let log = program.log();
        let found = log.iter().find(|line| {
            line.contains("Notify for alerts failed") && line.contains(&format!("{receiver}/"))
        });
        found.cloned()
    };
    wait(&format!("{receiver} fails: {:#?}", program.log()), || told().is_some());
    let line = told().unwrap_or_default();
    let reason = format!("connections to {address} are denied by --notify.deny-egress");
    assert!(line.contains(&reason), "{line}");
    assert!(line.contains("unrecoverable"), "{line}");
}

pub(super) fn denied_addresses_are_not_told(name: &'static str) {
    let test = Test::new(name);
    let server = Server::start("127.0.0.1", None);
    let port = server.at.port();
    let receivers = [
        ("digits", webhook(&format!("http://127.0.0.1:{port}/x"))),
        ("named", webhook(&format!("http://localhost:{port}/x"))),
        ("mapped", webhook(&format!("http://[::ffff:127.0.0.1]:{port}/x"))),
        ("zero", webhook(&format!("http://0.0.0.0:{port}/x"))),
        ("metadata", webhook("http://169.254.169.254/latest/meta-data/")),
    ];
    let program = tell(&test, &receivers, &["--notify.deny-egress=loopback,::1"]);
    wait_denied(&program, "digits", "127.0.0.1");
    wait_denied(&program, "mapped", "::ffff:127.0.0.1");
    wait_denied(&program, "zero", "0.0.0.0");
    wait_denied(&program, "metadata", "169.254.169.254");
    wait("named fails", || {
        let log = program.log();
        log.iter().any(|line| line.contains("named/") && line.contains("are denied by"))
    });
    assert_eq!(server.count(), 0);
    drop(program);

    let allowed = ["--notify.deny-egress=loopback", "--notify.allow-egress=127.0.0.1"];
    let _program = tell(&test, &receivers[..2], &allowed);
    wait("those allowed are told", || server.count() >= 2);
    let error = test.run(&["--notify.deny-egress=everything"]).expect_err("no range");
    assert!(error.contains("none of metadata, loopback, private"), "{error}");
}

pub(super) fn redirects_proxies_and_mail_are_guarded(name: &'static str) {
    let test = Test::new(name);
    let inside = Server::start("127.0.0.2", None);
    let target = format!("http://{}/", inside.at);
    let redirecting = Server::start("127.0.0.1", Some(target.clone()));
    let proxy = Server::start("127.0.0.1", None);
    let through = |proxy: SocketAddr, url: &str| {
        format!("webhook_configs: [{{url: '{url}', http_config: {{proxy_url: 'http://{proxy}'}}}}]")
    };
    let receivers = [
        ("redirected", webhook(&format!("http://{}/", redirecting.at))),
        ("proxied", through(proxy.at, &target)),
        ("byproxy", through(inside.at, "http://example.invalid/")),
        (
            "mailed",
            format!(
                "email_configs: [{{to: a@x, from: b@x, smarthost: '{}', require_tls: false}}]",
                inside.at
            ),
        ),
        ("good", through(proxy.at, "http://example.invalid/")),
    ];
    let program = tell(&test, &receivers, &["--notify.deny-egress=127.0.0.2/32"]);
    for receiver in ["redirected", "proxied", "byproxy", "mailed"] {
        wait_denied(&program, receiver, "127.0.0.2");
    }
    wait("the proxy relays what it may", || proxy.count() == 1);
    assert_eq!((inside.count(), redirecting.count()), (0, 1));
}
