use alloc::{
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};

use serde_json::Value;

use super::*;
use crate::notify::HttpConfig;
use crate::{
    label::Labels,
    notify::{
        Answer, Attempt, Cause, Fed, Job, Kind, SendError, SendErrorKind, Step, Told,
        fixture::{attempt, firing, job, resolved, told},
        smtp::Want,
    },
};

const RECORDED: &str = include_str!("recorded.jsonl");

fn config() -> EmailConfig {
    let mut config = EmailConfig {
        to: "a@b".into(),
        from: "c@d".into(),
        smarthost: Smarthost { host: "mail.example".into(), port: "25".into() },
        ..EmailConfig::default()
    };
    config.inherit(&Global::default()).expect("all is there");
    config.require_tls = Some(false);
    config
}

fn of(config: EmailConfig, alerts: Vec<Told>) -> Job {
    let mut job = job(alerts, Kind::Email(Box::new(config)), HttpConfig::default());
    let Some(integration) = alloc::sync::Arc::get_mut(&mut job.integration) else { return job };
    integration.send_resolved = integration.kind.send_resolved();
    job
}

#[track_caller]
fn session(step: Step) -> Session {
    match step {
        Step::Mail(session) => *session,
        step => panic!("{step:?}"),
    }
}

#[track_caller]
fn error(job: &Job) -> String {
    match attempt().step(job, Fed::Start) {
        Step::Done(Outcome::Fail { error, cause: Cause::Other }) => error,
        step => panic!("{step:?}"),
    }
}

#[track_caller]
fn mail(job: &Job) -> (Vec<String>, String) {
    let session = session(attempt().step(job, Fed::Start));
    let text = String::from_utf8(session.mail().content.clone()).expect("ASCII");
    let (head, body) = text.split_once("\r\n\r\n").expect("an empty line");
    (head.split("\r\n").map(String::from).collect(), body.into())
}

/// Hides what differs from mail to mail, and sorts the headers, as the recorded ones are.
fn normalized(content: &[u8]) -> String {
    let text = core::str::from_utf8(content).expect("ASCII");
    let (head, body) = text.split_once("\r\n\r\n").expect("an empty line");
    let boundary = head.split_once("boundary=").expect("a boundary").1;
    let boundary = boundary.split("\r\n").next().unwrap_or_default();
    assert_eq!(boundary.len(), 60);
    let mut lines: Vec<&str> = head
        .split("\r\n")
        .map(|line| match line.split_once(": ").expect("a header").0 {
            "Date" => "Date: DATE",
            "Message-Id" => "Message-Id: <ID>",
            _ => line,
        })
        .collect();
    lines.sort_unstable();
    format!("{}\r\n\r\n{body}", lines.join("\r\n")).replace(boundary, "BOUNDARY")
}

fn recorded_job(case: &Value) -> Job {
    let request = &case["request"];
    let labels = |value: &Value| {
        let pairs = value.as_object().into_iter().flatten();
        Labels::from_pairs(pairs.map(|(k, v)| (k.as_str(), v.as_str().expect("a text"))))
    };
    let alerts = request["alerts"].as_array().expect("alerts").iter().rev().map(|alert| {
        let text = |key: &str| alert[key].as_str().unwrap_or_default();
        let (starts, ends) = (text("startsAt"), text("endsAt"));
        let annotations = labels(&alert["annotations"]);
        told(labels(&alert["labels"]), annotations, starts, ends, text("generatorURL"))
    });
    let config = EmailConfig {
        headers: [("X-A".to_string(), "1".to_string())].into(),
        text: "hi {{ .Status }}".into(),
        // The recording leaves the choice of alerts out.
        send_resolved: true,
        ..config()
    };
    let mut job = of(config, alerts.collect());
    let notification = alloc::sync::Arc::get_mut(&mut job.notification).expect("only ours");
    notification.group_labels = labels(&request["group_labels"]);
    job
}

#[test]
fn mails_are_those_of_alertmanager() {
    let mut count = 0;
    for line in RECORDED.lines() {
        let case: Value = serde_json::from_str(line).expect("JSON");
        let session = session(attempt().step(&recorded_job(&case), Fed::Start));
        let expected = case["response"]["body"].as_str().expect("a mail");
        assert_eq!(normalized(&session.mail().content), expected, "case {count}");
        assert_eq!(
            (&*session.mail().from, &session.mail().to[..]),
            ("c@d", &["a@b".to_string()][..])
        );
        count += 1;
    }
    assert_eq!(count, 3);
}

#[test]
fn headers_can_be_replaced_and_added() {
    let config = EmailConfig {
        to: "Jürgen <x@y>, z@y".into(),
        headers: [
            ("Subject", "{{ .Status }}\r\nBcc: evil@x"),
            ("From", "Alert <c@d>"),
            ("Message-Id", "<mine>"),
            ("X-Z", ""),
        ]
        .map(|(k, v)| (k.to_string(), v.to_string()))
        .into(),
        html: String::new(),
        ..config()
    };
    let (head, body) = mail(&of(config, [firing("A")].into()));
    assert_eq!(
        head[..6],
        [
            "From: Alert <c@d>",
            "Message-Id: <mine>",
            "Subject: =?utf-8?q?firing=0D=0ABcc:_evil@x?=",
            "To: =?utf-8?q?J=C3=BCrgen_<x@y>,_z@y?=",
            "X-Z: ",
            "Date: Fri, 01 Mar 2024 00:00:01 +0000",
        ]
    );
    assert!(head[6].starts_with("Content-Type: multipart/alternative;  boundary="));
    assert_eq!(head[7..], ["MIME-Version: 1.0"]);
    assert!(body.starts_with("\r\n--"), "{body}");
}

#[test]
fn all_attempts_share_the_id_of_a_mail() {
    let job = of(config(), [firing("A")].into());
    let (head, _) = mail(&job);
    let id = head.iter().find(|line| line.starts_with("Message-Id")).expect("an id");
    assert!(id.starts_with("Message-Id: <1709251200000000000."), "{id}");
    assert!(id.ends_with("@am.example>"), "{id}");
    let mut later = Attempt::new(
        crate::time::Timestamp::from_parts(1_709_260_000, 0),
        8,
        alloc::sync::Arc::default(),
    );
    let content = session(later.step(&job, Fed::Start)).mail().content.clone();
    let text = String::from_utf8(content).expect("ASCII");
    assert!(text.contains(id.as_str()), "{text}");
    let mut other = job;
    alloc::sync::Arc::get_mut(&mut other.notification).expect("only ours").flush = 2;
    assert!(!mail(&other).0.contains(id));
}

#[test]
fn threads_are_by_group_and_day() {
    let thread = |by: &str| {
        let threading = Threading { enabled: true, thread_by_date: by.into() };
        mail(&of(EmailConfig { threading, ..config() }, [firing("A")].into())).0
    };
    // The beginning of the hash of the key `{}:{}`.
    let daily = thread("daily");
    let hash = "cc9772a1ec901d26";
    assert_eq!(daily[4], format!("References: <alert-{hash}-2024-03-01@alertmanager>"));
    assert_eq!(daily[5], format!("In-Reply-To: <alert-{hash}-2024-03-01@alertmanager>"));
    assert_eq!(thread("none")[4], format!("References: <alert-{hash}-@alertmanager>"));
}

#[test]
fn nothing_is_sent_when_a_text_fails() {
    let broken = "{{ template \"none\" . }}".to_string();
    let with = |change: &dyn Fn(&mut EmailConfig)| {
        let mut config = config();
        change(&mut config);
        error(&of(config, [firing("A")].into()))
    };
    for error in [
        with(&|config| config.to.clone_from(&broken)),
        with(&|config| config.from.clone_from(&broken)),
        with(&|config| config.text.clone_from(&broken)),
        with(&|config| config.html.clone_from(&broken)),
        with(&|config| drop(config.headers.insert("Subject".into(), broken.clone()))),
    ] {
        assert!(error.starts_with("failed to template: "), "{error}");
    }
    assert_eq!(
        with(&|config| config.to = "a".into()),
        "parse 'to' addresses: missing '@' or angle-addr"
    );
    assert_eq!(
        with(&|config| config.from = "{{/**/}}".into()),
        "parse 'from' addresses: no address"
    );
    assert_eq!(
        with(&|config| config.from = "a@b, c@d".into()),
        "must be exactly one 'from' address (got: 2)"
    );
    assert_eq!(
        with(&|config| config.smarthost.port = "post".into()),
        "unknown port in smarthost mail.example:post"
    );
    assert_eq!(
        with(&|config| drop(config.headers.insert("X Y".into(), "x".into()))),
        "\"X Y\" is no name of a header"
    );
}

#[test]
fn the_servers_word_decides() {
    let job = of(config(), [firing("A"), resolved("B")].into());
    let mut attempt = attempt();
    let begun = attempt.clone();
    session(attempt.step(&job, Fed::Start));
    let answer = Answer { status: 250, ..Answer::default() };
    let step = attempt.step(&job, Fed::Sent(Ok(answer)));
    assert!(matches!(step, Step::Done(Outcome::Delivered)), "{step:?}");
    for kind in [SendErrorKind::Connection, SendErrorKind::Timeout] {
        let mut attempt = begun.clone();
        session(attempt.step(&job, Fed::Start));
        let error = SendError { kind, message: "send RCPT command: 550 no".into() };
        let step = attempt.step(&job, Fed::Sent(Err(error)));
        let Step::Done(Outcome::Retry { error, cause: Cause::Other, .. }) = step else {
            panic!("{step:?}")
        };
        assert_eq!(error, "send RCPT command: 550 no");
    }
}

/// What the client says first to a server that offers a mechanism.
fn login_line(config: EmailConfig, files: &[&str], offers: &str) -> String {
    let job = of(config, [firing("A")].into());
    let mut attempt = attempt();
    let mut step = attempt.step(&job, Fed::Start);
    for content in files {
        assert!(matches!(step, Step::Read(_)), "{step:?}");
        step = attempt.step(&job, Fed::File(Ok(content.as_bytes().to_vec())));
    }
    let mut session = session(step);
    let mut says = vec![format!("250-x\r\n250 AUTH {offers}\r\n"), "220 x\r\n".into()];
    loop {
        match session.next() {
            Want::Write(bytes) if says.is_empty() => {
                return String::from_utf8(bytes).expect("text").trim_end().to_string();
            }
            Want::Write(_) => {}
            Want::Read(_) => session.feed(says.pop().unwrap_or_default().as_bytes()),
            want => panic!("{want:?}"),
        }
    }
}

#[test]
fn credentials_come_from_settings_or_files() {
    let account = || EmailConfig {
        smarthost: Smarthost { host: String::new(), port: "submission".into() },
        auth_username: "user".into(),
        auth_password: Secret::new("password"),
        ..config()
    };
    assert_eq!(login_line(account(), &[], "PLAIN"), "AUTH PLAIN AHVzZXIAcGFzc3dvcmQ=");
    let from_file = EmailConfig { auth_password_file: "/p".into(), ..account() };
    assert_eq!(login_line(from_file, &["other\n"], "PLAIN"), "AUTH PLAIN AHVzZXIAb3RoZXI=");
    let token = EmailConfig { auth_mechanism: "XOAUTH2".into(), ..account() };
    let line = login_line(token, &[], "PLAIN XOAUTH2");
    assert_eq!(line, "AUTH XOAUTH2 dXNlcj11c2VyAWF1dGg9QmVhcmVyIHBhc3N3b3JkAQE=");
    let unused = EmailConfig { auth_password_file: "/p".into(), ..config() };
    assert_eq!(unused.files(), []);
    assert_eq!(login_line(unused, &[], "PLAIN"), "MAIL FROM:<c@d>");
}

#[test]
fn what_is_not_said_is_taken_from_the_global_section() {
    let global = Global {
        smtp_from: "g@h".into(),
        smtp_hello: "am".into(),
        smtp_smarthost: Smarthost { host: "g".into(), port: "465".into() },
        smtp_auth_username: "u".into(),
        smtp_auth_password: Secret::new("p"),
        smtp_auth_secret_file: "/s".into(),
        smtp_auth_identity: "i".into(),
        smtp_require_tls: false,
        ..Global::default()
    };
    let mut config = EmailConfig { to: "a@b".into(), ..EmailConfig::default() };
    config.inherit(&global).expect("all is there");
    assert_eq!((&*config.from, &*config.hello), ("g@h", "am"));
    assert_eq!((&*config.auth_username, config.auth_password.expose()), ("u", "p"));
    assert_eq!((&*config.auth_secret_file, &*config.auth_identity), ("/s", "i"));
    assert_eq!(config.security(), Security::Implicit);
    config.force_implicit_tls = Some(false);
    assert_eq!(config.security(), Security::None);
    config.require_tls = Some(true);
    assert_eq!(config.security(), Security::Required);
    let mut own = EmailConfig { auth_password_file: "/p".into(), ..EmailConfig::default() };
    own.inherit(&global).expect("all is there");
    assert!(own.auth_password.is_empty());
    let missing = |global: &Global| EmailConfig::default().inherit(global).expect_err("missing");
    assert_eq!(missing(&Global::default()), "no global SMTP smarthost set");
    let half = Global { smtp_from: String::new(), ..global };
    assert_eq!(missing(&half), "no global SMTP from set");
}
