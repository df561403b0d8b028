//! The examples of `docs/WEBHOOK.md`: each configuration loads, and posts what stands below it.
#![allow(clippy::disallowed_methods, reason = "tests read documents")]
#![allow(missing_docs, clippy::unwrap_used)]

use std::{fs, path::Path, sync::Arc, time::Duration};

use campana_core::{
    alert::Alert,
    config::{Config, Origin, Rules, load},
    label::{Labels, Mode},
    nflog::Reason,
    notify::{Attempt, Exchange, Fed, Job, Notification, Step, Told},
    time::{Stamp, Timestamp},
};

/// What stands in fences of a language, in order.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    text.split(&*fence).skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

fn read(text: &str) -> Config {
    let origin = Origin { file: "WEBHOOK.md", directory: "" };
    let rules = Rules { mode: Mode::Fallback, retention: Duration::from_secs(120 * 3600) };
    load(text.as_bytes(), &origin, &rules).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn told() -> Told {
    let labels = [("alertname", "DiskFull"), ("instance", "db1"), ("severity", "critical")];
    let labels = Labels::from_pairs(labels);
    let now = Timestamp::from_parts(1_709_251_200, 0);
    Told {
        fingerprint: labels.fingerprint(),
        hash: labels.nflog_hash(),
        resolved: false,
        alert: Alert {
            labels,
            annotations: Labels::from_pairs([("summary", "Disk full: /var")]),
            generator_url: "".into(),
            starts_at: Stamp::utc(now),
            ends_at: Stamp::ZERO,
            updated_at: now,
            timeout: false,
        },
    }
}

/// The request of the only receiver; files hold their own name.
fn post(config: &Config) -> Exchange {
    let job = Job {
        notification: Arc::new(Notification {
            receiver: "x".into(),
            group_key: "{}:{alertname=\"DiskFull\"}".into(),
            group_labels: Labels::from_pairs([("alertname", "DiskFull")]),
            route_labels: Labels::empty(),
            alerts: vec![told()].into(),
            external_url: "http://am.example:9093".into(),
            tick: Timestamp::from_parts(1_709_251_200, 0),
            flush: 1,
        }),
        integration: config.receivers[0].integrations[0].clone(),
        reason: Reason::FirstNotification,
        user_agent: "x".into(),
        environment: Arc::default(),
        hostname: "h.example".into(),
        templates: config.templates.clone().unwrap(),
        stored: Default::default(),
    };
    let mut attempt = Attempt::new(job.notification.tick, 7, Arc::default());
    let mut fed = Fed::Start;
    loop {
        fed = match attempt.step(&job, fed) {
            Step::Read(path) => Fed::File(Ok(format!("https://h.example{path}\n").into())),
            Step::Send(exchange) => return exchange,
            step => panic!("{step:?}"),
        };
    }
}

#[test]
fn examples_post_what_the_document_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/WEBHOOK.md");
    let text = fs::read_to_string(path).unwrap();
    let (configs, bodies) = (blocks(&text, "yaml"), blocks(&text, "json"));
    assert_eq!((configs.len(), bodies.len()), (2, 2));
    let exchanges: Vec<Exchange> = configs.iter().map(|text| post(&read(text))).collect();
    for (exchange, body) in exchanges.iter().zip(bodies) {
        assert_eq!(std::str::from_utf8(&exchange.body).unwrap(), body);
    }
    assert_eq!(exchanges[0].url.expose(), "https://ntfy.example.org/");
    let header = |name: &str| {
        let line = exchanges[0].headers.iter().find(|(known, _)| &**known == name);
        line.map(|(_, value)| value.expose())
    };
    let token = "Bearer https://h.example/etc/campana/ntfy-token";
    assert_eq!(header("Authorization"), Some(token));
    assert_eq!(header("X-Proxy-Key"), Some("https://h.example/etc/campana/proxy-key"));
    assert_eq!(exchanges[1].url.expose(), "https://h.example/etc/campana/google-chat-url");
}
