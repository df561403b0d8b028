//! The operations: what is prepared, and what is counted.

use std::{hint::black_box, time::Duration};

use campana_core::{
    alert::{AlertBatch, Entry},
    api::{Action, Call, Head, Side, Site},
    cli::{Options, resolve_external_url},
    hash::xxh64,
    id::CallId,
    label::Labels,
    metrics::{Process, Traffic},
    nflog::{self, Reason},
    node::{Input, load_config},
    notify::{Notification, Told, data::Data, render::Render},
    persist::{CHECKPOINT_FILE, Found, recover},
    silence,
    template::Set,
    view,
};

use crate::load::{self, CONFIG, FLUSH_ONCE, Host, START};

mod gossip;

/// Alerts of one POST: what Prometheus sends at once.
const POST: usize = 64;

/// Something that is done often.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    /// Its name, without spaces.
    pub name: &'static str,
    /// How many times the counted part does it.
    pub times: u64,
    /// Prepares it and returns the counted part. Buffers have their size and caches are warm, as
    /// in a program that runs for a while.
    pub prepare: fn() -> Box<dyn FnMut()>,
}

const fn operation(name: &'static str, times: u64, prepare: fn() -> Box<dyn FnMut()>) -> Operation {
    Operation { name, times, prepare }
}

/// All that have a budget.
pub const OPERATIONS: [Operation; 22] = [
    operation("refresh", 64, refresh),
    operation("refresh-later-end", 64, refresh_later_end),
    operation("new-alert-joins-group", 64, || new_alert(100)),
    operation("new-alert-makes-group", 64, || new_alert(usize::MAX)),
    operation("flush-first", 64, flush_first),
    operation("flush-nothing-new", 64, flush_nothing_new),
    operation("flush-to-webhook", 16, flush_to_webhook),
    operation("dedup-100-alerts", 100, dedup),
    operation("silence-check-of-10", 100, || silence_check(10)),
    operation("silence-check-of-10000", 100, || silence_check(10_000)),
    operation("inhibition-check", 100, inhibition_check),
    operation("route-500-routes", 64, route),
    operation("swim-node-second", 50, gossip::swim),
    operation("packet-encode", 100, gossip::encode),
    operation("packet-decode", 100, gossip::decode),
    operation("template-title", 10, || template(r#"{{ template "slack.default.title" . }}"#)),
    operation("template-mail", 1, mail),
    operation("decode-post", 64, decode_post),
    operation("restart", 1000, restart),
    operation("get-alerts", 1000, || get("/api/v2/alerts")),
    operation("get-alerts-one-name", 1, || get("/api/v2/alerts?filter=service%3Dservice-0007")),
    operation("get-groups", 1000, || get("/api/v2/alerts/groups")),
];

fn post(batch: AlertBatch) -> Input {
    Input::Call(CallId(1), Call::PostAlerts(batch))
}

/// A known alert, posted as it is known.
fn refresh() -> Box<dyn FnMut()> {
    let mut host = Host::with_alerts(CONFIG, 500, 1);
    host.post(load::batch((0..POST).map(|i| (i, 0))));
    let mut input = Some(post(load::batch((0..POST).map(|i| (i, 0)))));
    Box::new(move || host.handle(input.take().expect("done once")))
}

/// A known alert as Prometheus posts it again: its end moves, which the journal has to know.
fn refresh_later_end() -> Box<dyn FnMut()> {
    let mut host = Host::with_alerts(CONFIG, 500, 1);
    let refresh = |minute: u64| {
        let end = START + Duration::from_secs(400 * 86_400 + minute * 60);
        post(load::batch_until((0..POST).map(|i| (i, 0)), end))
    };
    for minute in 0..2 {
        host.handle(refresh(minute));
        host.settle();
        host.pass(Duration::from_secs(2));
    }
    let mut input = Some(refresh(2));
    Box::new(move || host.handle(input.take().expect("done once")))
}

/// An alert nobody has seen, in one of some groups.
fn new_alert(groups: usize) -> Box<dyn FnMut()> {
    let mut host = Host::with_alerts(CONFIG, 500, 1);
    let mut input = Some(post(load::batch((1000..1000 + POST).map(|i| (i % groups, i)))));
    Box::new(move || host.handle(input.take().expect("done once")))
}

/// A host whose 64 groups are due.
fn due(config: &str, each: usize) -> Host {
    let mut host = Host::with_alerts(config, 64, each);
    host.pass(Duration::from_secs(30));
    host
}

/// The owner's part of a group's first flush: from the deadline to the work for others.
fn flush_first() -> Box<dyn FnMut()> {
    let mut host = due(CONFIG, 1);
    Box::new(move || host.handle(Input::Timeout))
}

/// A flush of a group that has been notified of everything.
fn flush_nothing_new() -> Box<dyn FnMut()> {
    let mut host = due(CONFIG, 1);
    assert_eq!(host.settle().sent, 64);
    host.pass(Duration::from_secs(301));
    Box::new(move || host.handle(Input::Timeout))
}

/// A flush of a group of ten alerts to its end, with the body that is rendered and the answer.
fn flush_to_webhook() -> Box<dyn FnMut()> {
    let mut host = Host::with_alerts(FLUSH_ONCE, 16, 10);
    host.pass(Duration::from_secs(30));
    Box::new(move || assert_eq!(host.settle().sent, 16))
}

/// The decision whether there is something new to say about a group of 100 alerts.
fn dedup() -> Box<dyn FnMut()> {
    let hash = |n: usize| xxh64(load::labels(n, n).as_bytes());
    let mut firing: Vec<u64> = (0..100).map(hash).collect();
    firing.sort_unstable();
    let until = START + Duration::from_secs(1_000_000);
    let entry = nflog::Entry::new(START, until, firing.clone(), Vec::new(), Default::default());
    Box::new(move || {
        let (tick, repeat) = (START + Duration::from_secs(300), Duration::from_secs(3600));
        for _ in 0..100 {
            let firing = black_box(&firing);
            black_box(nflog::decide(Some(&entry), firing, &[], true, tick, repeat));
        }
    })
}

/// Whether an alert is silenced, beside silences that do not match.
fn silence_check(count: usize) -> Box<dyn FnMut()> {
    let mut host = Host::new(CONFIG);
    host.silence(count);
    let table = host.node.view().silences.clone();
    let labels: Vec<Labels> = (0..100).map(|n| load::labels(n, n)).collect();
    let mut scratch = silence::Scratch::default();
    let now = host.now.wall;
    let mut run = move || {
        for labels in &labels {
            black_box(table.silences(labels, now, &mut scratch));
        }
    };
    run();
    Box::new(run)
}

/// Whether an alert is inhibited, with 100 rules, each for one service of a hundred.
fn inhibition_check() -> Box<dyn FnMut()> {
    let mut config = String::from(CONFIG) + "inhibit_rules:\n";
    for n in 0..100 {
        config += &format!(
            "  - source_matchers: ['severity=\"critical\"', 'service=\"service-{n:04}\"']\n    \
             target_matchers: ['severity=\"warning\"', 'service=\"service-{n:04}\"']\n    \
             equal: [cluster, namespace]\n"
        );
    }
    let mut host = Host::new(&config);
    let mut batch = AlertBatch::new();
    for n in 0..100 {
        let pairs = [
            ("alertname", format!("Down{n}")),
            ("cluster", "prod-eu-west-1".into()),
            ("namespace", if n % 2 == 0 { "checkout".into() } else { format!("other-{n}") }),
            ("service", format!("service-{n:04}")),
            ("severity", "critical".into()),
        ];
        batch.push_labels(&Labels::from_pairs(pairs), &Labels::empty(), "", (None, None));
    }
    host.post(batch);
    let view = host.node.view();
    let labels: Vec<Labels> = (0..100).map(|n| load::labels(n, n)).collect();
    let mut scratch = view::Scratch::default();
    let now = host.now.wall;
    let mut run = move || {
        let found = |labels| view.inhibiting(labels, now, &mut scratch).is_some();
        assert_eq!(labels.iter().map(found).filter(|found| *found).count(), 50);
    };
    run();
    Box::new(run)
}

/// The routes of an alert, out of 500 beside each other.
fn route() -> Box<dyn FnMut()> {
    let config = load_config(load::many_routes(500).as_bytes(), &Options::default());
    let tree = config.expect("valid").tree;
    let alerts: Vec<Labels> = (0..POST).map(|n| load::labels(n, n)).collect();
    let mut routes = Vec::new();
    let mut run = move || {
        routes.clear();
        alerts.iter().for_each(|labels| tree.matches(labels, &mut routes));
        assert_eq!(routes.len(), POST);
    };
    run();
    Box::new(run)
}

/// A notification of ten alerts.
fn notification() -> Notification {
    let host = Host::with_alerts(CONFIG, 1, 10);
    let told = |(_, entry): (u32, &Entry)| {
        Told::new(entry.alert.clone(), entry.fingerprint, entry.nflog_hash, START)
    };
    Notification {
        receiver: "team-checkout".into(),
        group_key: "{}:{alertname=\"HighRequestLatency00000\"}".into(),
        group_labels: Labels::from_pairs([("alertname", "HighRequestLatency00000")]),
        route_labels: Labels::empty(),
        alerts: host.node.view().alerts.iter().map(told).collect(),
        external_url: "http://alertmanager.example:9093".into(),
        tick: START,
        flush: 1,
    }
}

/// A line of a message.
fn template(text: &'static str) -> Box<dyn FnMut()> {
    let notification = notification();
    let set = Set::with_defaults();
    let run = move || {
        let data = Data::of_all(&notification, Reason::FirstNotification);
        let mut render = Render::new(data, &set, START);
        for _ in 0..10 {
            black_box(render.text(text));
        }
    };
    run();
    Box::new(run)
}

/// A whole mail.
fn mail() -> Box<dyn FnMut()> {
    let notification = notification();
    let set = Set::with_defaults();
    let run = move || {
        let data = Data::of_all(&notification, Reason::FirstNotification);
        let mut render = Render::new(data, &set, START);
        assert!(render.html(r#"{{ template "email.default.html" . }}"#).len() > 1000);
    };
    run();
    Box::new(run)
}

fn site() -> Site {
    let options = Options::default();
    let url = resolve_external_url(&options, "localhost", 9093).expect("the default is valid");
    Site::new(&options, &url, 1)
}

/// A POST from its JSON to the batch, off the owner's thread.
fn decode_post() -> Box<dyn FnMut()> {
    let (site, body) = (site(), load::body((0..POST).map(|i| (i, i))));
    let length = body.len().to_string();
    Box::new(move || {
        let headers = [("Content-Type", "application/json"), ("Content-Length", length.as_str())];
        let head = Head { method: "POST", target: "/api/v2/alerts", headers: &headers };
        let handled = site.handle(&head, black_box(body.as_bytes()));
        assert!(
            matches!(handled.action, Action::Call(Call::PostAlerts(batch)) if batch.len() == POST)
        );
    })
}

/// The start with a checkpoint of as many groups of one alert, all told, and of a tenth as many
/// silences.
fn restart() -> Box<dyn FnMut()> {
    let mut host = Host::with_alerts(CONFIG, 1000, 1);
    host.silence(100);
    host.pass(Duration::from_secs(30));
    assert_eq!(host.settle().sent, 1000);
    let file = Found { name: CHECKPOINT_FILE.into(), bytes: host.end() };
    let mut found = Some(vec![file]);
    Box::new(move || {
        let recovery = recover(found.take().expect("done once"), false).expect("not damaged");
        let host = Host::again(CONFIG, recovery.saved);
        assert_eq!(host.node.view().alerts.len(), 1000);
        std::mem::forget(host);
    })
}

/// The answer to a GET among 1,000 alerts in 100 groups.
fn get(target: &'static str) -> Box<dyn FnMut()> {
    let host = Host::with_alerts(CONFIG, 100, 10);
    let (site, view, now) = (site(), host.node.view(), host.now.wall);
    let traffic = Traffic::new(1);
    Box::new(move || {
        let head = Head { method: "GET", target, headers: &[] };
        let Action::Query(query) = site.handle(&head, b"").action else { panic!("a query") };
        let side = Side {
            traffic: &traffic,
            process: Process::default(),
            packets_dropped: 0,
            give_way: || (),
        };
        black_box(query.answer(&site, &view, now, &side));
    })
}
