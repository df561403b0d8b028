//! GET requests of any query, all the way to the answer, JSON and pages, over a state with alerts,
//! groups and silences; and the names and passwords of such requests.
#![no_main]

use std::{
    sync::{Arc, LazyLock},
    time::Duration,
};

use campana_core::{
    alert::AlertBatch,
    api::{Action, Call, Guard, Head, Side, Site},
    cli::{ExternalUrl, Options},
    config::{Origin, web},
    id::CallId,
    label::{Labels, Matcher, Matchers, Op},
    metrics::{Process, Traffic},
    node::{Input, Node, Start, load_config},
    persist::Saved,
    rng::Seed,
    silence::Draft,
    time::{Instant, Now, Timestamp},
    view::View,
};
use libfuzzer_sys::fuzz_target;

const NOW: Timestamp = Timestamp::from_parts(1_704_067_200, 0);
const PATHS: [&str; 13] = [
    "/api/v2/alerts",
    "/api/v2/alerts/groups",
    "/api/v2/silences",
    "/api/v2/receivers",
    "/api/v2/silence/0",
    "/api/v2/alerts/0/explain",
    "/metrics",
    "/",
    "/alerts",
    "/silences",
    "/silences/new",
    "/status",
    "/explain",
];

static VIEW: LazyLock<Arc<View>> = LazyLock::new(view);

fuzz_target!(|request: (u8, &str, &str)| {
    let (path, query, authorization) = request;
    let path = PATHS[usize::from(path) % PATHS.len()];
    let targets = [
        format!("{path}?{query}"),
        // As a client writes it that escapes what it must.
        format!("{path}?filter={}", escape(query)),
        format!("{path}{query}"),
    ];
    let external = ExternalUrl { text: "http://am".into(), route_prefix: "/".into() };
    let site = Site::new(&Options::default(), &external, 1);
    let origin = Origin { file: "web.yml", directory: "" };
    let users =
        "basic_auth_users: {a: $2y$05$abcdefghijklmnopqrstuuwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ2}";
    let users = Arc::new(web(users.as_bytes(), &origin).expect("valid"));
    for target in &targets {
        let headers = [("Authorization", authorization)];
        let head = Head { method: "GET", target, headers: &headers };
        let _ = Guard::new(users.clone(), [0; 32]).check(Instant::from_nanos(0), &head);
        let _ = site.admit(&head);
        if let Action::Query(query) = site.handle(&head, b"").action {
            let traffic = Traffic::new(1);
            let process = Process::default();
            let side = Side { traffic: &traffic, process, packets_dropped: 0, give_way: || () };
            let answer = query.answer(&site, &VIEW, NOW, &side);
            assert!(std::str::from_utf8(&answer.body).is_ok());
        }
    }
});

fn escape(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

fn view() -> Arc<View> {
    let config = "route: {receiver: a, group_by: [job], routes: [{matchers: [job=x], receiver: b}]}
receivers: [{name: a, webhook_configs: [{url: 'http://h/'}]}, {name: b}]
inhibit_rules: [{source_matchers: [sev=crit], target_matchers: [sev=warn], equal: [job]}]";
    let options = Arc::new(Options { config_file: Some("c.yml".into()), ..Options::default() });
    let now = Now { instant: Instant::from_nanos(0), wall: NOW };
    let start = Start {
        config: Arc::new(load_config(config.as_bytes(), &options).expect("valid")),
        options,
        external_url: "http://am".into(),
        hostname: "am".into(),
        saved: Saved::default(),
        gossip: None,
        seed: Seed::from_number(1),
    };
    let mut node = Node::new(now, start);
    let mut batch = AlertBatch::new();
    for (name, sev, job) in [("A", "crit", "x"), ("B", "warn", "x"), ("C", "warn", "ÿ <\"&'>")] {
        let labels = Labels::from_pairs([("alertname", name), ("sev", sev), ("job", job)]);
        batch.push_labels(&labels, &labels, "http://prom/graph?a=b", (None, None));
    }
    node.handle(now, Input::Call(CallId(1), Call::PostAlerts(batch)));
    let draft = Draft {
        id: None,
        matcher_sets: vec![Matchers::new(vec![
            Matcher::new("job", Op::Regex, "x|y").expect("valid"),
        ])],
        starts_at: NOW,
        ends_at: NOW + Duration::from_secs(3600),
        created_by: "me".into(),
        comment: "c".into(),
        annotations: Default::default(),
    };
    node.handle(now, Input::Call(CallId(2), Call::PutSilence(Box::new(draft))));
    while node.poll().is_some() {}
    node.view()
}
