//! Passwords, headers, and the rate of requests.

use std::{thread, time::Instant};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use campana_tests::http::{self, Answer};

use super::{PATIENCE, Program, TLS, Test, wait};

/// `ann` has `secret`, `bob` has `p:w ord`, `eve` has `geheim`; each hash has another cost.
pub(super) const USERS: &str = "basic_auth_users:
  ann: $2y$04$abcdefghijklmnopqrstuu2r9OfJnfCsdneAXAGHnS4UpFFP8WIrW
  bob: $2a$06$abcdefghijklmnopqrstuunjRB3aHDvPF1oP9B4ZNQXBDSNK6MY12
  'x': $2b$05$abcdefghijklmnopqrstuuVWu8RjbNovPZWAMRdd7iqaaG0mI53Uu
";

pub(super) fn basic(user_and_password: &str) -> String {
    format!("Authorization: Basic {}\r\n", STANDARD.encode(user_and_password))
}

fn ask(program: &Program, line: &str, headers: &str) -> Answer {
    let to = program.address();
    let text = format!("{line} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n{headers}\r\n");
    http::raw(to, text.as_bytes()).expect("it answers")
}

fn status(program: &Program, user_and_password: &str) -> u16 {
    ask(program, "GET /api/v2/status", &basic(user_and_password)).status
}

pub(super) fn users_have_passwords(name: &'static str) {
    let test = Test::new(name);
    let program = test.start(USERS);
    for line in [
        "GET /",
        "GET /-/healthy",
        "GET /metrics",
        "HEAD /-/ready",
        "GET /api/v2/alerts",
        "DELETE /api/v2/silence/x",
        "OPTIONS /api/v2/alerts",
        "GET /nowhere",
    ] {
        let answer = ask(&program, line, "");
        assert_eq!(answer.status, 401, "{line}");
        assert_eq!(answer.header("www-authenticate"), Some("Basic"), "{line}");
        let body = if line.starts_with("HEAD") { "" } else { "Unauthorized\n" };
        assert_eq!(answer.text(), body, "{line}");
    }
    let body = "[{}]".repeat(100_000);
    let answer = program.request("POST", "/api/v2/alerts", body.as_bytes()).expect("it answers");
    assert_eq!(answer.status, 401);
    // Twice, since what was right is remembered.
    for _ in 0..2 {
        for right in ["ann:secret", "bob:p:w ord", "x:geheim"] {
            assert_eq!(status(&program, right), 200, "{right}");
        }
        for wrong in ["ann:geheim", "ann:", "ann", "", "bob:p", "nobody:secret", ":", "x:geheim "] {
            assert_eq!(status(&program, wrong), 401, "{wrong}");
        }
    }
    let lower = basic("ann:secret").replace("Basic", "bAsIc");
    assert_eq!(ask(&program, "GET /metrics", &lower).status, 200);
    let other = basic("ann:secret").replace("Basic", "Bearer");
    assert_eq!(ask(&program, "GET /metrics", &other).status, 401);
    let metrics = ask(&program, "GET /metrics", &basic("ann:secret")).text();
    assert!(!metrics.contains("code=\"401\""), "who is refused is not counted, as upstream");
    let log = program.log().join("\n");
    assert!(!log.contains("secret") && !log.contains("$2y$"), "{log}");
}

pub(super) fn many_wrong_passwords_lock_nobody_out(name: &'static str) {
    let test = Test::new(name);
    let program = test.start(USERS);
    assert_eq!(status(&program, "ann:secret"), 200);
    thread::scope(|scope| {
        let guesses: Vec<_> = (0..90)
            .map(|n| {
                scope.spawn({
                    let program = &program;
                    move || status(program, &format!("u{n}:x"))
                })
            })
            .collect();
        // Who was right before does not wait in line.
        let began = Instant::now();
        while !guesses.iter().all(thread::ScopedJoinHandle::is_finished) {
            assert_eq!(status(&program, "ann:secret"), 200);
            assert!(began.elapsed() < PATIENCE * 10, "the guesses take too long");
        }
        for guess in guesses {
            let status = guess.join().expect("no panic");
            assert!(status == 401 || status == 503, "{status}");
        }
    });
    assert_eq!(status(&program, "x:geheim"), 200);
}

pub(super) fn users_are_replaced_while_it_runs(name: &'static str) {
    let test = Test::new(name);
    let program = test.start(USERS);
    assert_eq!(status(&program, "ann:secret"), 200);
    test.write("web.yml", &USERS.replace("ann:", "carl:"));
    wait("carl is known", || status(&program, "carl:secret") == 200);
    assert_eq!(status(&program, "ann:secret"), 401);
    test.write("web.yml", "basic_auth_users: {carl: nonsense}\n");
    wait("the broken file is seen", || {
        assert_eq!(status(&program, "carl:secret"), 200, "what works stays");
        program.log().iter().any(|line| line.contains("not a bcrypt hash"))
    });
    let told = program.log().iter().filter(|line| line.contains("not a bcrypt hash")).count();
    assert_eq!(told, 1, "once is enough");
    test.write("web.yml", "");
    wait("nobody needs a password", || ask(&program, "GET /-/healthy", "").status == 200);
}

pub(super) fn headers_are_set(name: &'static str) {
    let test = Test::new(name);
    let policy = |answer: &Answer| answer.header("content-security-policy").map(str::to_owned);
    let plain = test.run(&[]).expect("it runs");
    for page in ["/", "/silences", "/status", "/silences/new"] {
        let answer = ask(&plain, &format!("GET {page}"), "");
        let policy = policy(&answer).unwrap_or_default();
        assert!(policy.contains("default-src 'none'"), "{page}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert_eq!(answer.header("x-frame-options"), Some("deny"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    }
    drop(plain);
    let headers = "http_server_config:\n  headers:\n    Strict-Transport-Security: max-age=3600\n    \
                   X-Frame-Options: SAMEORIGIN\n    Content-Security-Policy: \"default-src 'self'\"\n";
    let program = test.start(&format!("{TLS}{headers}{USERS}"));
    let client = test.pki().client(None);
    for (line, user, status) in [
        ("GET /", "ann:secret", 200),
        ("GET /-/healthy", "ann:secret", 200),
        ("GET /api/v2/silences", "ann:secret", 200),
        ("GET /", "ann:wrong", 401),
        ("GET /nowhere", "ann:secret", 404),
    ] {
        let answer = client.ask(program.address(), line, &basic(user)).expect("it answers");
        assert_eq!(answer.status, status, "{line}");
        assert_eq!(answer.header("strict-transport-security"), Some("max-age=3600"), "{line}");
        assert_eq!(answer.header("x-frame-options"), Some("SAMEORIGIN"), "{line}");
        assert_eq!(policy(&answer).as_deref(), Some("default-src 'self'"), "{line}");
        let count = answer.head.to_lowercase().matches("content-security-policy").count();
        assert_eq!(count, 1, "{line}");
    }
}

pub(super) fn the_rate_is_limited(name: &'static str) {
    let test = Test::new(name);
    let program = test.start("rate_limit: {interval: 1h, burst: 5}\n");
    let answers: Vec<Answer> = (0..7).map(|_| ask(&program, "GET /-/healthy", "")).collect();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429]);
    assert_eq!(answers[6].text(), "Too Many Requests\n");
    let program = test.start("rate_limit: {interval: 100ms, burst: 1}\n");
    wait("a token comes back", || ask(&program, "GET /-/healthy", "").status == 200);
    wait("and another", || ask(&program, "GET /-/healthy", "").status == 200);
}
