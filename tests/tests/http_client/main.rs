//! `http_config` on real sockets: both programs, and the original where it is at hand, talk to
//! receivers, token servers and proxies, which write down what they hear.
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

mod servers;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use campana_tests::drivers::{Program, built_program, peer};

use crate::servers::{Heard, Server, Tls, pem, tunnels};

/// How long notifications may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// All servers of one run.
struct Stage {
    plain: Server,
    tls: Server,
    mutual: Server,
    proxy: Server,
    tls_proxy: Server,
    tunnels: Server,
    denying: Server,
    tokens: Server,
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

fn ok(_: &Heard) -> String {
    OK.into()
}

fn relay(heard: &Heard) -> String {
    if heard.line.ends_with("/token-relayed") { give_token(heard) } else { OK.into() }
}

fn deny(_: &Heard) -> String {
    "HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        .into()
}

fn receive(heard: &Heard) -> String {
    let to = |status: &str, location: &str| {
        format!("HTTP/1.1 {status} x\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
    };
    let port = heard.header("host").and_then(|host| host.split(':').nth(1)).unwrap_or_default();
    let elsewhere = |path: &str| format!("http://localhost:{port}/{path}");
    match heard.line.rsplit('/').next().unwrap_or_default() {
        "see" => to("301", &elsewhere("seen")),
        "repeat" => to("307", &elsewhere("repeated")),
        "near" => to("308", "close"),
        "stay" => to("302", "/lost"),
        "broken" => "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 99\r\n\r\nhalf".into(),
        "stale" if heard.header("authorization") == Some("Bearer old") => {
            "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n".into()
        }
        _ => OK.into(),
    }
}

fn give_token(heard: &Heard) -> String {
    let is_basic = heard.header("authorization").is_some();
    let body = match heard.line.rsplit('/').next().unwrap_or_default() {
        "body" if is_basic => r#"{"error":"invalid_client"}"#,
        "none" => r#"{"error":"invalid_client","error_description":"t0ps3cret?"}"#,
        _ => r#"{"access_token":"tok","token_type":"bearer","expires_in":3600}"#,
    };
    let status = if body.contains("error") { 401 } else { 200 };
    format!(
        "HTTP/1.1 {status} x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

impl Stage {
    fn new() -> Self {
        Self {
            plain: Server::start(Tls::None, receive),
            tls: Server::start(Tls::Server, ok),
            mutual: Server::start(Tls::Mutual, ok),
            proxy: Server::start(Tls::None, relay),
            tls_proxy: Server::start(Tls::Server, ok),
            tunnels: tunnels(),
            denying: Server::start(Tls::None, deny),
            tokens: Server::start(Tls::None, give_token),
        }
    }

    /// Returns the cases: a name, the URL and the `http_config`.
    fn cases(&self) -> Vec<(&'static str, String, String)> {
        let plain = |path: &str| format!("http://127.0.0.1:{}/{path}", self.plain.port);
        let tls = |path: &str| format!("https://localhost:{}/{path}", self.tls.port);
        let by_address = format!("https://127.0.0.1:{}/name", self.tls.port);
        let mutual = |path: &str| format!("https://localhost:{}/{path}", self.mutual.port);
        let ca = format!("ca_file: '{}'", pem("ca.pem").display());
        let pair = format!(
            "{ca}, cert_file: '{}', key_file: '{}'",
            pem("client.pem").display(),
            pem("client.key").display()
        );
        let inline = format!(
            "ca: {:?}, cert: {:?}, key: {:?}",
            read("ca.pem"),
            read("client.pem"),
            read("client.key")
        );
        let proxy = format!("proxy_url: 'http://u:pr0xypass@localhost:{}'", self.proxy.port);
        let tls_proxy = format!("proxy_url: 'https://localhost:{}'", self.tls_proxy.port);
        let tunnels = format!(
            "proxy_url: 'http://u:pr0xypass@127.0.0.1:{}', proxy_connect_header: {{X-Way: [a, b]}}",
            self.tunnels.port
        );
        let socks = format!("proxy_url: 'socks5://127.0.0.1:{}'", self.tunnels.port);
        let denying = format!("proxy_url: 'http://u:pr0xypass@127.0.0.1:{}'", self.denying.port);
        let bearer = "authorization: {credentials: t0ps3cret}";
        let oauth2 = |path: &str, more: &str| {
            format!(
                "oauth2: {{client_id: id, client_secret: t0ps3cret, scopes: [a, b], \
                 endpoint_params: {{x: y}}, token_url: 'http://127.0.0.1:{}/{path}'{more}}}",
                self.tokens.port
            )
        };
        let jwt = format!(
            ", grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', \
             signature_algorithm: RS384, client_certificate_key_file: '{}'",
            pem("client.key").display()
        );
        let token_proxy = format!(", {proxy}");
        let unnamed = "http://nowhere.invalid/relayed".to_owned();
        vec![
            ("plain", plain("plain"), "basic_auth: {username: u, password: t0ps3cret}".into()),
            (
                "headers",
                plain("headers"),
                "http_headers: {x-a: {values: [1], secrets: [2]}}".into(),
            ),
            ("relayed", unnamed.clone(), proxy),
            ("tls_relayed", unnamed, format!("{tls_proxy}, tls_config: {{{ca}}}")),
            ("environment", "http://env.invalid/env".into(), "proxy_from_environment: true".into()),
            ("local", plain("local"), "proxy_from_environment: true".into()),
            ("connect", tls("connect"), format!("{tunnels}, tls_config: {{{ca}}}")),
            ("socks", tls("socks"), format!("{socks}, tls_config: {{{ca}}}")),
            ("denied", tls("denied"), format!("{denying}, tls_config: {{{ca}}}")),
            ("excepted", plain("excepted"), format!("{denying}, no_proxy: '10.0.0.0/8'")),
            ("trusted", tls("trusted"), format!("tls_config: {{{ca}, min_version: TLS13}}")),
            ("untrusted", tls("untrusted"), "tls_config: {max_version: TLS13}".into()),
            ("insecure", tls("insecure"), "tls_config: {insecure_skip_verify: true}".into()),
            ("name", by_address.clone(), format!("tls_config: {{{ca}, server_name: localhost}}")),
            ("misnamed", by_address, format!("tls_config: {{{ca}}}")),
            ("mutual", mutual("mutual"), format!("tls_config: {{{pair}}}")),
            ("inline", mutual("inline"), format!("tls_config: {{{inline}}}")),
            ("unproven", mutual("unproven"), format!("tls_config: {{{ca}}}")),
            ("see", plain("see"), bearer.into()),
            ("repeat", plain("repeat"), bearer.into()),
            ("near", plain("near"), bearer.into()),
            ("stay", plain("stay"), "follow_redirects: false".into()),
            ("broken", plain("broken"), "enable_http2: false".into()),
            ("token", plain("token"), oauth2("header", "")),
            ("token_body", plain("token_body"), oauth2("body", "")),
            ("token_none", plain("token_none"), oauth2("none", "")),
            ("token_proxy", plain("token_proxy"), oauth2("token-relayed", &token_proxy)),
            ("assertion", plain("assertion"), oauth2("assertion", &jwt)),
        ]
    }

    /// Returns how the targets end that must be heard of.
    fn ends(&self) -> Vec<String> {
        let fail = ["denied", "untrusted", "misnamed", "unproven", "stay", "token_none"];
        let cases = self.cases().into_iter().filter(|(name, ..)| !fail.contains(name));
        let end = |(name, url, _): (&str, String, String)| match name {
            "see" => "/seen".to_owned(),
            "repeat" => "/repeated".to_owned(),
            "near" => "/close".to_owned(),
            _ => url[url.rfind('/').unwrap_or_default()..].to_owned(),
        };
        cases.map(end).collect()
    }

    fn config(&self) -> String {
        let (mut routes, mut receivers) = (String::new(), String::new());
        for (name, url, http) in self.cases() {
            routes += &format!("  - {{receiver: {name}, matchers: ['case={name:?}']}}\n");
            receivers += &format!(
                "- name: {name}\n  webhook_configs: [{{url: '{url}', http_config: {{{http}}}}}]\n"
            );
        }
        format!(
            "route:\n  receiver: plain\n  group_by: ['...']\n  group_wait: 0s\n  \
             group_interval: 1s\n  routes:\n{routes}receivers:\n{receivers}"
        )
    }

    fn servers(&self) -> [(&'static str, &Server); 8] {
        [
            ("plain", &self.plain),
            ("tls", &self.tls),
            ("mutual", &self.mutual),
            ("proxy", &self.proxy),
            ("tls proxy", &self.tls_proxy),
            ("tunnels", &self.tunnels),
            ("denying", &self.denying),
            ("tokens", &self.tokens),
        ]
    }

    /// What all servers heard, without what must differ from run to run.
    fn said(&self) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for (name, server) in self.servers() {
            for heard in server.heard() {
                all.insert(format!("{name}: {}", self.plainly(&heard)));
            }
        }
        all
    }

    fn plainly(&self, heard: &Heard) -> String {
        let mut line = heard.line.clone();
        for (name, server) in self.servers() {
            line = line.replace(&format!(":{}", server.port), &format!(":{name}"));
        }
        let headers: BTreeMap<String, &str> = heard
            .headers
            .iter()
            .filter_map(|header| header.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .filter(|(name, _)| {
                // Go asks token servers for compression; the lengths depend on ports. It also tells
                // the targets of redirects where it comes from, which may be a secret.
                !matches!(&**name, "host" | "content-length" | "accept-encoding" | "referer")
            })
            .map(|(name, value)| {
                let value = if value.starts_with("Alertmanager/") { "Alertmanager" } else { value };
                (name, value)
            })
            .collect();
        let body = match heard.body.split_once("assertion=") {
            Some((_, rest)) => rest.split_once('&').map_or("", |(_, rest)| rest).to_owned(),
            None if heard.body.starts_with('{') => "{…}".to_owned(),
            None => heard.body.clone(),
        };
        format!("{line} {headers:?} {body}")
    }
}

fn read(name: &str) -> String {
    fs::read_to_string(pem(name)).expect("a file of the tests")
}

/// Starts a program and has every case notify; returns when nothing new comes.
fn play(executable: &Path, stage: &Stage) -> Program {
    let folder = tempfile::tempdir().expect("a folder");
    let config = folder.path().join("c.yml");
    fs::write(&config, stage.config()).expect("written");
    let mut command = Command::new(executable);
    command
        .arg(format!("--config.file={}", config.display()))
        .arg(format!("--storage.path={}", folder.path().join("data").display()))
        .args(["--web.listen-address=127.0.0.1:0", "--cluster.listen-address="])
        .env("HTTP_PROXY", format!("http://127.0.0.1:{}", stage.proxy.port))
        .env_remove("NO_PROXY")
        .env_remove("no_proxy");
    let program = Program::spawn(command, "msg=\"Listening on\"").expect("it starts");
    let names: Vec<_> = stage.cases().iter().map(|(name, ..)| *name).collect();
    post(&program, &names);
    let end = Instant::now() + PATIENCE;
    let is_there = |end: &String| stage.servers().iter().any(|(_, it)| !it.at(end).is_empty());
    while Instant::now() < end && !stage.ends().iter().all(is_there) {
        thread::sleep(Duration::from_millis(50));
    }
    thread::sleep(Duration::from_millis(500));
    program
}

fn post(program: &Program, cases: &[&str]) {
    let alerts: Vec<String> = cases
        .iter()
        .map(|case| format!(r#"{{"labels":{{"alertname":"A","case":"{case}"}}}}"#))
        .collect();
    let body = format!("[{}]", alerts.join(","));
    let answer = program.request("POST", "/api/v2/alerts", body.as_bytes()).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[track_caller]
fn one(server: &Server, end: &str) -> Heard {
    let mut heard = server.at(end);
    assert_eq!(heard.len(), 1, "{end}: {heard:#?}");
    heard.remove(0)
}

fn all_settings(name: &str) {
    let stage = Stage::new();
    let mut program = play(&built_program(name), &stage);
    let log = program.log().join("\n");
    let basic = one(&stage.plain, "/plain");
    assert_eq!(basic.header("authorization"), Some("Basic dTp0MHBzM2NyZXQ="));
    let headers = one(&stage.plain, "/headers");
    assert_eq!(headers.all("x-a"), ["1", "2"]);

    proxies(&stage);
    for (server, path) in [
        (&stage.tls, "/connect"),
        (&stage.tls, "/socks"),
        (&stage.tls, "/trusted"),
        (&stage.tls, "/insecure"),
        (&stage.tls, "/name"),
        (&stage.mutual, "/mutual"),
        (&stage.mutual, "/inline"),
        (&stage.plain, "/excepted"),
        (&stage.plain, "/broken"),
        (&stage.plain, "/local"),
    ] {
        assert!(one(server, path).line.starts_with("POST "), "{path}");
    }
    assert!(stage.tls.at("ed").iter().all(|heard| heard.line == "POST /trusted"));
    assert!(stage.mutual.at("/unproven").is_empty());
    redirects(&stage);
    tokens(&stage);
    let failed = |case: &str, why: &str| {
        let is_it = |line: &&str| line.contains(case) && line.contains(why);
        assert!(log.lines().any(|line| is_it(&line)), "{case}: {why}\n{log}");
    };
    failed("denied", "Proxy Authentication Required");
    failed("stay", "unexpected status code 302");
    failed("token_none", "invalid_client");
    failed("untrusted", "tls: ");
    failed("misnamed", "tls: ");
    for secret in ["t0ps3cret", "pr0xypass", "nowhere.invalid/"] {
        assert!(!log.contains(secret), "{secret}\n{log}");
    }
    // The end of an alert takes the connection of its begin, and its token.
    let tokens_before = stage.tokens.at("/header").len();
    let over = r#"[{"labels":{"alertname":"A","case":"token"},"endsAt":"2020-01-01T00:00:00Z"}]"#;
    program.request("POST", "/api/v2/alerts", over.as_bytes()).expect("an answer");
    let end = Instant::now() + PATIENCE;
    while stage.plain.at("/token").len() < 2 && Instant::now() < end {
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(stage.plain.at("/token").len(), 2);
    assert_eq!(stage.tokens.at("/header").len(), tokens_before);
    let connections = |server: &Server| {
        server.heard().iter().map(|heard| heard.connection).max().unwrap_or_default() + 1
    };
    assert!(connections(&stage.plain) < stage.plain.heard().len() + 1);
    assert_eq!(program.stop(), Ok(0));
}

fn proxies(stage: &Stage) {
    let relayed = one(&stage.proxy, "nowhere.invalid/relayed");
    assert_eq!(relayed.line, "POST http://nowhere.invalid/relayed");
    assert_eq!(relayed.header("host"), Some("nowhere.invalid"));
    assert_eq!(relayed.header("proxy-authorization"), Some("Basic dTpwcjB4eXBhc3M="));
    assert!(relayed.body.starts_with("{\"receiver\":\"relayed\""), "{relayed:?}");
    let by_tls = one(&stage.tls_proxy, "/relayed");
    assert_eq!(by_tls.header("proxy-authorization"), None);
    assert_eq!(one(&stage.proxy, "/env").line, "POST http://env.invalid/env");

    let tls = stage.tls.port;
    let connect = one(&stage.tunnels, &format!("CONNECT localhost:{tls}"));
    assert_eq!(connect.header("user-agent"), Some("Go-http-client/1.1"));
    assert_eq!(connect.header("proxy-authorization"), Some("Basic dTpwcjB4eXBhc3M="));
    assert_eq!(connect.all("x-way"), ["a", "b"]);
    one(&stage.tunnels, &format!("SOCKS localhost:{tls}"));
    let denied = stage.denying.heard();
    assert!(!denied.is_empty() && denied.iter().all(|heard| heard.line.starts_with("CONNECT ")));
}

fn redirects(stage: &Stage) {
    let bearer = Some("Bearer t0ps3cret");
    let seen = one(&stage.plain, "/seen");
    assert_eq!((&*seen.line, &*seen.body), ("GET /seen", ""));
    assert_eq!((seen.header("authorization"), seen.header("content-type")), (None, None));
    let repeated = one(&stage.plain, "/repeated");
    assert!(repeated.line.starts_with("POST ") && repeated.body.starts_with('{'));
    assert_eq!(repeated.header("authorization"), None);
    let close = one(&stage.plain, "/close");
    assert!(close.line.starts_with("POST ") && close.body.starts_with('{'));
    assert_eq!(close.header("authorization"), bearer);
    assert!(stage.plain.at("/lost").is_empty());
}

fn tokens(stage: &Stage) {
    for path in ["/token", "/token_body", "/token_proxy", "/assertion"] {
        let told = one(&stage.plain, path);
        assert_eq!(told.header("authorization"), Some("Bearer tok"), "{told:?}");
    }
    one(&stage.proxy, "/token-relayed");
    let asked = one(&stage.tokens, "/header");
    assert_eq!(asked.body, "grant_type=client_credentials&scope=a+b&x=y");
    assert_eq!(asked.header("authorization"), Some("Basic aWQ6dDBwczNjcmV0"));
    let asked = stage.tokens.at("/body");
    assert_eq!(asked.len(), 2);
    assert!(asked[1].body.starts_with("client_id=id&client_secret=t0ps3cret&"));
    assert_eq!(asked[1].header("authorization"), None);
    let assertion = one(&stage.tokens, "/assertion").body;
    let token = assertion.strip_prefix("assertion=").and_then(|rest| rest.split('&').next());
    // 256 bytes of signature.
    let signature = token.and_then(|token| token.rsplit('.').next());
    assert_eq!(signature.map(str::len), Some(342), "{assertion}");
}

#[test]
fn campana_honours_every_setting() {
    all_settings("campana");
}

#[test]
fn campana_std_honours_every_setting() {
    all_settings("campana-std");
}

/// What the original says to all those servers is what both programs say.
#[test]
fn the_original_says_the_same() {
    let Some(original) = peer("alertmanager") else {
        eprintln!("skipped: CAMPANA_PEERS names no folder with alertmanager");
        return;
    };
    let said = |executable: &Path| {
        let stage = Stage::new();
        let mut program = play(executable, &stage);
        program.kill();
        stage.said()
    };
    let original = said(&original);
    for name in ["campana", "campana-std"] {
        let ours = said(&built_program(name));
        let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| -> Vec<String> {
            a.difference(b).cloned().collect()
        };
        let (missing, more) = (only(&original, &ours), only(&ours, &original));
        assert!(
            missing.is_empty() && more.is_empty(),
            "{name}\nonly the original says {missing:#?}\nonly campana says {more:#?}"
        );
        eprintln!("{name}: {} requests are the same", ours.len());
    }
}
