//! What receivers answer, of any status, headers and body, to every integration: redirects,
//! `Retry-After`, JSON and XML answers, tokens. It ends, and no text of an error is long.
#![no_main]

use std::sync::{Arc, LazyLock};

use campana_core::{
    alert::Alert,
    config::{self, Config, Origin, Rules},
    label::{Labels, Mode},
    nflog::Reason,
    notify::{Answer, Attempt, Fed, Job, Notification, Outcome, Step, Told},
    time::{Stamp, Timestamp},
};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_parts(1_704_067_200, 0);
const CONFIG: &str = include_str!("../receivers.yml");

static CONFIGURED: LazyLock<Config> = LazyLock::new(|| {
    let origin = Origin { file: "c.yml", directory: "" };
    let rules = Rules { mode: Mode::Fallback, retention: std::time::Duration::from_secs(432_000) };
    let config = config::load(CONFIG.as_bytes(), &origin, &rules).expect("valid");
    config.complete(&[]).expect("there are no files")
});

type Raw<'a> = (u16, &'a str, &'a str, &'a [u8]);

fuzz_target!(|input: (u8, Vec<Raw<'_>>)| {
    let (which, answers) = input;
    let receiver = &CONFIGURED.receivers[0];
    let integration = &receiver.integrations[usize::from(which) % receiver.integrations.len()];
    let job = Job {
        notification: notification(),
        integration: integration.clone(),
        reason: Reason::FirstNotification,
        user_agent: "fuzz".into(),
        environment: Arc::default(),
        hostname: "host".into(),
        templates: CONFIGURED.template_set(),
        stored: Default::default(),
    };
    let mut answers = answers.into_iter();
    let mut attempt = Attempt::new(NOW, 1, Arc::default());
    let mut fed = Fed::Start;
    for _ in 0..64 {
        fed = match attempt.step(&job, fed) {
            Step::Done(outcome) => return look(&outcome),
            Step::Print(_) => return,
            Step::Read(_) => {
                Fed::File(Ok(answers.next().map_or(Vec::new(), |(.., body)| body.to_vec())))
            }
            Step::Mail(_) => Fed::Sent(Ok(Answer { status: 250, ..Answer::default() })),
            Step::Send(exchange) => {
                let Some((status, name, value, body)) = answers.next() else { return };
                let named = (name.to_ascii_lowercase(), value.to_owned());
                let headers = vec![
                    named,
                    ("retry-after".to_owned(), value.to_owned()),
                    ("location".to_owned(), value.to_owned()),
                ];
                let answer = Answer { status, headers, body: body.to_vec() };
                if let Some(Ok(next)) = exchange.redirected(&exchange, &answer) {
                    let _ = next.way();
                }
                Fed::Sent(Ok(answer))
            }
        };
    }
    panic!("the attempt does not end");
});

fn look(outcome: &Outcome) {
    if let Outcome::Retry { error, .. } | Outcome::Fail { error, .. } = outcome {
        assert!(error.len() < 64 << 10, "{} bytes of an error", error.len());
    }
}

fn notification() -> Arc<Notification> {
    let labels = Labels::from_pairs([("alertname", "A"), ("job", "x")]);
    let alert = Alert {
        labels: labels.clone(),
        annotations: Labels::from_pairs([("summary", "s")]),
        generator_url: "http://prom/graph".into(),
        starts_at: Stamp::utc(NOW),
        ends_at: Stamp::ZERO,
        updated_at: NOW,
        timeout: false,
    };
    let told = Told::new(alert, labels.fingerprint(), labels.nflog_hash(), NOW);
    Arc::new(Notification {
        receiver: "r".into(),
        group_key: "{}:{alertname=\"A\"}".into(),
        group_labels: labels,
        route_labels: Labels::empty(),
        alerts: Arc::from(vec![told]),
        external_url: "http://am".into(),
        tick: NOW,
        flush: 1,
    })
}
