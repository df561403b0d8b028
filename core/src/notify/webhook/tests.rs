use alloc::{
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec,
    vec::Vec,
};
use core::{str::from_utf8, time::Duration};

use serde_json::Value;

use super::WebhookConfig;
use crate::{
    label::Labels,
    nflog::Reason,
    notify::{
        Answer, Attempt, Cause, Exchange, Fed, HttpConfig, Job, Kind, Notification, Outcome,
        Secret, SecretSource, SendError, SendErrorKind, Step, Told,
        fixture::{attempt, firing, job, notification, resolved, told, webhook},
        http::{Auth, Header, TextSource},
        secret::TemplateUrl,
    },
    schema::GoSpan,
};

fn of(config: WebhookConfig, alerts: Vec<Told>) -> Job {
    job(alerts, Kind::Webhook(config.into()), HttpConfig::default())
}

fn sent(step: Step) -> Exchange {
    match step {
        Step::Send(exchange) => exchange,
        other => panic!("no exchange: {other:?}"),
    }
}

fn done(step: Step) -> Outcome {
    match step {
        Step::Done(outcome) => outcome,
        other => panic!("not done: {other:?}"),
    }
}

fn body(job: &Job) -> Value {
    let exchange = sent(attempt().step(job, Fed::Start));
    serde_json::from_slice(&exchange.body).expect("the body is JSON")
}

fn labels(value: &Value) -> Labels {
    let pairs = value.as_object().into_iter().flatten();
    Labels::from_pairs(pairs.map(|(name, value)| (name, value.as_str().expect("a text"))))
}

fn recorded_job(case: &Value) -> Job {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_string();
    let alerts = case["alerts"].as_array().expect("a list").iter().rev().map(|alert| {
        told(
            labels(&alert["labels"]),
            labels(&alert["annotations"]),
            &text(&alert["startsAt"]),
            &text(&alert["endsAt"]),
            &text(&alert["generatorURL"]),
        )
    });
    let mut config = webhook();
    config.url = TemplateUrl(Secret::new(text(&case["request"]["url"])));
    let mut job = of(config, Vec::new());
    job.notification = Arc::new(Notification {
        group_labels: labels(&case["group_labels"]),
        group_key: text(&case["group_key"]).into(),
        ..notification("x", alerts.collect())
    });
    if case["reason"] == "repeat interval elapsed" {
        job.reason = Reason::RepeatIntervalElapsed;
    }
    job
}

/// What Alertmanager 0.33.1 sent, and how it judged the answers.
#[test]
fn requests_equal_alertmanagers() {
    for line in include_str!("recorded.jsonl").lines() {
        let case: Value = serde_json::from_str(line).expect("a recorded case");
        let job = recorded_job(&case);
        let mut attempt = attempt();
        let exchange = sent(attempt.step(&job, Fed::Start));
        let request = &case["request"];
        assert_eq!(exchange.method, request["method"]);
        assert_eq!(exchange.url.expose(), request["url"]);
        for (name, value) in &exchange.headers {
            assert_eq!(value.expose(), request["headers"][&**name], "{name}");
        }
        // Route labels are newer than the recording.
        let body = request["body"].as_str().expect("a text");
        let body = body.replace(",\"externalURL\"", ",\"routeLabels\":{},\"externalURL\"");
        assert_eq!(from_utf8(&exchange.body).expect("UTF-8"), body);

        let answer = Answer {
            status: case["answer"]["status"].as_u64().expect("a code") as u16,
            headers: Vec::new(),
            body: case["answer"]["body"].as_str().expect("a text").into(),
        };
        let (error, retry) = match done(attempt.step(&job, Fed::Sent(Ok(answer)))) {
            Outcome::Delivered => (Value::Null, false),
            Outcome::Fail { error, .. } => (error.into(), false),
            Outcome::Retry { error, .. } => (error.into(), true),
        };
        assert_eq!((&error, &Value::from(retry)), (&case["error"], &case["retry"]));
    }
}

#[test]
fn the_limit_on_alerts_comes_before_everything_else() {
    let mut config = webhook();
    config.max_alerts = 1;
    let alerts = vec![firing("b"), resolved("a"), firing("c")];
    let short = body(&of(config.clone(), alerts.clone()));
    assert_eq!(short["truncatedAlerts"], 2);
    assert_eq!(short["status"], "resolved");
    assert_eq!(short["commonLabels"]["alertname"], "a");
    assert_eq!(short["alerts"].as_array().map(Vec::len), Some(1));

    config.max_alerts = 3;
    let all = body(&of(config, alerts));
    assert_eq!((&all["truncatedAlerts"], &all["status"]), (&0.into(), &"firing".into()));
    assert_eq!(all["commonLabels"], serde_json::json!({}));
}

#[test]
fn resolved_alerts_are_left_out_without_send_resolved() {
    let mut job = of(webhook(), vec![firing("b"), resolved("a")]);
    Arc::get_mut(&mut job.integration).expect("not shared").send_resolved = false;
    let body = body(&job);
    assert_eq!(body["alerts"].as_array().map(Vec::len), Some(1));
    assert_eq!(body["commonLabels"]["alertname"], "b");
}

#[test]
fn names_and_route_labels_are_shown() {
    let mut job = of(webhook(), vec![firing("b")]);
    job.notification = Arc::new(Notification {
        route_labels: Labels::from_pairs([("team", "<a>")]),
        ..notification("all.x", vec![firing("b")])
    });
    let body = body(&job);
    assert_eq!(body["receiver"], "all\\.x");
    assert_eq!(body["routeLabels"]["team"], "<a>");
}

fn with_files() -> Job {
    let config = WebhookConfig { url_file: "url".into(), ..WebhookConfig::default() };
    let http = HttpConfig {
        auth: Auth::Basic {
            username: Some(TextSource::File("user".into())),
            password: Some(SecretSource::File("pass".into())),
        },
        headers: vec![(
            "x-key".into(),
            Header {
                values: vec!["one".into()],
                secrets: vec![Secret::new("two2")],
                files: vec!["key".into(), "pass".into()],
            },
        )],
        ..HttpConfig::default()
    };
    job(vec![firing("a")], Kind::Webhook(config.into()), http)
}

fn feed(attempt: &mut Attempt, job: &Job, content: &str) -> Step {
    attempt.step(job, Fed::File(Ok(content.into())))
}

fn wants(step: &Step, path: &str) {
    assert!(matches!(step, Step::Read(wanted) if **wanted == *path), "{path}: {step:?}");
}

#[test]
fn files_are_read_one_by_one_and_before_the_request() {
    let job = with_files();
    let mut attempt = attempt();
    wants(&attempt.step(&job, Fed::Start), "url");
    wants(&feed(&mut attempt, &job, "\n http://h.example/p4th-of-hook\r\n"), "user");
    wants(&feed(&mut attempt, &job, "me "), "pass");
    wants(&feed(&mut attempt, &job, "p:wörd\n"), "key");
    let exchange = sent(feed(&mut attempt, &job, "thr\tee\n"));
    assert_eq!(exchange.url.expose(), "http://h.example/p4th-of-hook");
    let lines: Vec<_> = exchange.headers.iter().map(|(n, v)| (&**n, v.expose())).collect();
    assert_eq!(
        lines,
        [
            ("Content-Type", "application/json"),
            ("User-Agent", "Alertmanager/0.33.1"),
            ("Authorization", "Basic bWU6cDp3w7ZyZA=="),
            ("X-Key", "one"),
            ("X-Key", "two2"),
            ("X-Key", "thr\tee"),
            ("X-Key", "p:wörd"),
        ]
    );
    assert!(matches!(
        attempt.step(&job, Fed::Sent(Ok(Answer { status: 204, ..Answer::default() }))),
        Step::Done(Outcome::Delivered)
    ));
}

#[test]
fn secrets_never_show() {
    const SECRETS: [&str; 6] = ["p4th", "wörd", "two2", "thr", "bWU6c", "116, 104, 114"];
    let job = with_files();
    let mut attempt = attempt();
    let mut seen = format!("{job:?}");
    attempt.step(&job, Fed::Start);
    for content in ["http://h.example/p4th-of-hook", "me", "p:wörd", "thr ee"] {
        let fed = Fed::File(Ok(content.into()));
        seen += &format!("{fed:?}");
        let step = attempt.step(&job, fed);
        seen += &format!("{step:?} {attempt:?}");
    }
    let echo = "no route /p4th-of-hook for Basic bWU6cDp3w7ZyZA== (p:wörd), thr ee, two2; GET \
                http://h.example/p4th-of-hook";
    let answers = [
        Ok(Answer { status: 404, headers: Vec::new(), body: echo.into() }),
        Err(SendError { kind: SendErrorKind::Connection, message: echo.into() }),
    ];
    for answer in answers {
        let step = attempt.clone().step(&job, Fed::Sent(answer));
        let text = format!("{step:?}");
        assert!(text.contains("no route <redacted> for Basic <redacted>"), "{text}");
        seen += &text;
    }
    for secret in SECRETS {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
}

#[test]
fn unreadable_files_end_the_attempt() {
    let job = with_files();
    let mut attempt = attempt();
    attempt.step(&job, Fed::Start);
    let gone = || Fed::File(Err("no such file".into()));
    assert_eq!(
        done(attempt.clone().step(&job, gone())),
        Outcome::Fail {
            error: "unable to read url_file url: no such file".into(),
            cause: Cause::Other
        }
    );
    let step = attempt.clone().step(&job, Fed::File(Ok(vec![0xff])));
    assert!(matches!(done(step), Outcome::Fail { error, .. } if error.contains("UTF-8")));
    feed(&mut attempt, &job, "http://h");
    assert_eq!(
        done(attempt.step(&job, gone())),
        Outcome::Retry {
            error: "Post \"<redacted>\": unable to read basic auth username file user: no such \
                    file"
                .into(),
            cause: Cause::Other,
            retry_after: None
        }
    );
}

#[test]
fn an_empty_url_is_an_error() {
    let config = WebhookConfig { url_file: "url".into(), ..WebhookConfig::default() };
    let job = of(config, vec![firing("a")]);
    let mut attempt = attempt();
    attempt.step(&job, Fed::Start);
    let error = String::from("webhook URL is empty after templating");
    assert_eq!(done(feed(&mut attempt, &job, " \n")), Outcome::Fail { error, cause: Cause::Other });
}

#[test]
fn a_timeout_names_the_configured_limit() {
    let config = WebhookConfig { timeout: GoSpan(5_000_000_000), ..webhook() };
    let job = of(config, vec![firing("a")]);
    let mut attempt = attempt();
    let exchange = sent(attempt.step(&job, Fed::Start));
    assert_eq!(exchange.timeout, Some(Duration::from_secs(5)));
    let error =
        SendError { kind: SendErrorKind::Timeout, message: "context deadline exceeded".into() };
    let text = "Post \"<redacted>\": context deadline exceeded: configured webhook timeout \
                reached (5s)";
    assert_eq!(
        done(attempt.step(&job, Fed::Sent(Err(error)))),
        Outcome::Retry { error: text.into(), cause: Cause::Other, retry_after: None }
    );
}
