//! Laws that hold for every kind of integration: a template that fails sends nothing and is final,
//! and no printed form shows a secret.
#![allow(missing_docs, clippy::unwrap_used)]

use std::{sync::Arc, time::Duration};

use campana_core::{
    alert::Alert,
    config::{Config, Origin, Rules, load},
    label::{Labels, Mode},
    nflog::Reason,
    notify::{
        Answer, Attempt, Fed, Integration, Job, Notification, Outcome, Step, Told,
        integration::LISTS,
    },
    time::{Stamp, Timestamp},
};

/// Of each kind the least that loads, with `s3cret` in all that is secret, and a text of it that is
/// a template without being one by default.
const KINDS: [(&str, &str, &str); 19] = [
    ("discord_configs", "webhook_url: 'http://h.example/s3cret'", "content"),
    (
        "email_configs",
        "to: a@b.example, from: c@d.example, smarthost: 'h:25', \
      auth_username: u, auth_password: s3cret, auth_secret: s3cret, require_tls: false",
        "text",
    ),
    ("incidentio_configs", "url: 'http://h.example/', alert_source_token: s3cret", ""),
    ("pagerduty_configs", "routing_key: s3cret", "class"),
    ("slack_configs", "api_url: 'http://h.example/s3cret'", "channel"),
    ("webhook_configs", "url: 'http://h.example/s3cret'", "payload"),
    ("opsgenie_configs", "api_key: s3cret", "note"),
    ("wechat_configs", "api_secret: s3cret, corp_id: c", "corp_id"),
    ("pushover_configs", "user_key: s3cret, token: s3cret", "device"),
    ("victorops_configs", "api_key: s3cret, routing_key: r", "routing_key"),
    (
        "sns_configs",
        "topic_arn: 'arn:aws:sns:us-east-2:123456789012:T', \
      sigv4: {region: us-east-2, access_key: AKIA, secret_key: s3cret}",
        "subject",
    ),
    ("telegram_configs", "bot_token: 's3cret:tok', chat_id: 1", "message"),
    ("webex_configs", "room_id: r, http_config: {authorization: {credentials: s3cret}}", "message"),
    ("msteams_configs", "webhook_url: 'http://h.example/s3cret'", "summary"),
    ("msteamsv2_configs", "webhook_url: 'http://h.example/s3cret'", "title"),
    (
        "jira_configs",
        "api_url: 'http://h.example/', project: P, issue_type: Bug, \
      http_config: {basic_auth: {username: u, password: s3cret}}",
        "project",
    ),
    ("rocketchat_configs", "token: s3cret, token_id: s3cret, channel: c", "emoji"),
    ("mattermost_configs", "webhook_url: 'http://h.example/s3cret'", "channel"),
    ("log_configs", "", ""),
];

const BROKEN: &str = "'{{ .Nope }}'";

fn read(text: &str) -> Config {
    let origin = Origin { file: "f.yml", directory: "" };
    let rules = Rules { mode: Mode::Fallback, retention: Duration::from_secs(120 * 3600) };
    load(text.as_bytes(), &origin, &rules).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn config(list: &str, settings: &str) -> String {
    format!("route: {{receiver: x}}\nreceivers:\n- name: x\n  {list}: [{{{settings}}}]\n")
}

fn job(config: &Config, integration: &Arc<Integration>) -> Job {
    let labels = Labels::from_pairs([("alertname", "Down"), ("severity", "critical")]);
    let now = Timestamp::from_parts(1_709_251_200, 0);
    let told = Told {
        fingerprint: labels.fingerprint(),
        hash: labels.nflog_hash(),
        resolved: false,
        alert: Alert {
            labels,
            annotations: Labels::from_pairs([("summary", "It is down.")]),
            generator_url: "http://h.example/graph".into(),
            starts_at: Stamp::utc(now),
            ends_at: Stamp::ZERO,
            updated_at: now,
            timeout: false,
        },
    };
    Job {
        notification: Arc::new(Notification {
            receiver: "x".into(),
            group_key: "{}:{}".into(),
            group_labels: Labels::empty(),
            route_labels: Labels::empty(),
            alerts: vec![told].into(),
            external_url: "http://am.example:9093".into(),
            tick: now,
            flush: 1,
        }),
        integration: integration.clone(),
        reason: Reason::FirstNotification,
        user_agent: "x".into(),
        environment: Arc::default(),
        hostname: "h.example".into(),
        templates: config.templates.clone().unwrap(),
        stored: Default::default(),
    }
}

/// Plays one attempt against a side that answers 400 with all it was told; returns whether anything
/// left, the end if there is one, and all printed forms.
fn play(job: &Job) -> (bool, Option<Outcome>, String) {
    let mut attempt = Attempt::new(job.notification.tick, 7, Arc::default());
    let mut seen = format!("{job:?}");
    let mut fed = Fed::Start;
    let mut has_sent = false;
    loop {
        let step = attempt.step(job, fed);
        seen += &format!("{step:?}{attempt:?}");
        fed = match step {
            Step::Read(_) => Fed::File(Ok("s3cret".into())),
            Step::Done(outcome) => return (has_sent, Some(outcome), seen),
            Step::Send(exchange) => {
                has_sent = true;
                let mut body = exchange.url.expose().as_bytes().to_vec();
                body.extend(b" ");
                body.extend(&*exchange.body);
                Fed::Sent(Ok(Answer { status: 400, headers: Vec::new(), body }))
            }
            _ => return (true, None, seen),
        };
    }
}

fn fails_before_sending(text: &str) {
    let config = read(text);
    for integration in &config.receivers[0].integrations {
        let (has_sent, end, _) = play(&job(&config, integration));
        assert!(!has_sent, "something left: {text}");
        let is_final = matches!(&end, Some(Outcome::Fail { error, .. })
            if error.starts_with("failed to template: "));
        assert!(is_final, "{end:?} {text}");
    }
}

/// The printed configuration once for every text that is a template by default, with that one
/// broken.
fn broken_defaults(original: &str) -> Vec<String> {
    let lines: Vec<&str> = original.lines().collect();
    let is_template = |line: &&str| line.split_once(": ").is_some_and(|(_, v)| v.contains("{{"));
    let places = lines.iter().enumerate().filter(|(_, line)| is_template(line));
    places
        .map(|(place, line)| {
            let broken = format!("{}: {BROKEN}", line.split_once(": ").unwrap().0);
            let mut lines = lines.clone();
            lines[place] = &broken;
            lines.join("\n")
        })
        .collect()
}

#[test]
fn every_kind_has_its_row() {
    for list in LISTS {
        assert!(KINDS.iter().any(|(known, ..)| known == list), "{list} is not tried");
    }
}

#[test]
fn broken_templates_send_nothing_and_are_final() {
    let mut tried = 0;
    for (list, settings, field) in KINDS.iter().filter(|(list, ..)| LISTS.contains(list)) {
        for text in broken_defaults(&read(&config(list, settings)).original) {
            fails_before_sending(&text);
            tried += 1;
        }
        if !field.is_empty() {
            // A field that the row sets is taken out of it.
            let others = settings.split(", ").filter(|part| !part.starts_with(*field));
            let others = others.collect::<Vec<_>>().join(", ");
            let settings = format!("{others}, {field}: {BROKEN}");
            fails_before_sending(&config(list, settings.trim_start_matches(", ")));
            tried += 1;
        }
    }
    assert!(tried > 60, "only {tried}");
}

#[test]
fn printed_forms_show_no_secret() {
    for (list, settings, _) in KINDS.iter().filter(|(list, ..)| LISTS.contains(list)) {
        let config = read(&config(list, settings));
        assert!(!config.original.contains("s3cret"), "{}", config.original);
        let integration = &config.receivers[0].integrations[0];
        let (_, end, seen) = play(&job(&config, integration));
        assert!(!seen.contains("s3cret"), "{list}: {end:?} {seen}");
        assert!(!format!("{integration:?}").contains("s3cret"), "{list}");
    }
}
