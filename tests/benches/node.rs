//! What the owner of a node spends on an input, and what the parts below it cost.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use campana_core::{
    api::{Head, Site},
    cli::{Options, resolve_external_url},
    label::Labels,
    node::load_config,
    silence,
};
use campana_tests::load::{self, CONFIG, FLUSH_ONCE, Host};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// Alerts of one POST: what Prometheus sends at once.
const POST: usize = 64;

/// A POST of known alerts, out of few and out of many, in the order they came first and in another.
fn refresh(c: &mut Criterion) {
    let mut group = c.benchmark_group("refresh");
    group.throughput(Throughput::Elements(POST as u64));
    for (name, each, step) in
        [("of 1000", 1, 1), ("of 100000", 100, 1), ("of 100000, out of order", 100, 7919)]
    {
        let mut host = Host::with_alerts(CONFIG, 1000, each);
        let count = 1000 * each;
        let posts: Vec<_> = (0..count / POST)
            .map(|n| {
                let places = (n * POST..(n + 1) * POST).map(|place| place * step % count);
                load::batch(places.map(|place| (place / each, place % each)))
            })
            .collect();
        let mut turn = posts.iter().cycle();
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| {
                typical(rounds, || {
                    let batch = turn.next().expect("a cycle has no end").clone();
                    timed(|| host.post(batch))
                })
            });
        });
    }
    group.finish();
}

/// A POST of alerts nobody has seen, into groups that exist and into new ones.
fn new_alert(c: &mut Criterion) {
    let mut group = c.benchmark_group("new alert");
    group.throughput(Throughput::Elements(POST as u64));
    for (name, groups) in [("joins a group", 1000), ("makes a group", usize::MAX)] {
        let mut host = Host::with_alerts(CONFIG, 1000, 1);
        let mut posted = 1000;
        group.bench_function(name, |b| {
            b.iter_custom(|rounds| {
                typical(rounds, || {
                    if posted > 100_000 {
                        host = Host::with_alerts(CONFIG, 1000, 1);
                        posted = 1000;
                    }
                    let batch = load::batch((posted..posted + POST).map(|i| (i % groups, i)));
                    posted += POST;
                    timed(|| host.post(batch))
                })
            });
        });
    }
    group.finish();
}

/// A new alert from its POST to the end of the pipeline, beside silences that do not match it.
fn silences(c: &mut Criterion) {
    let mut group = c.benchmark_group("silences");
    for count in [0, 100, 10_000] {
        let mut host = Host::new(FLUSH_ONCE);
        host.silence(count);
        let mut posted = 0;
        group.bench_function(format!("new alert to its flush beside {count}"), |b| {
            b.iter_custom(|rounds| {
                typical(rounds, || {
                    posted += 1;
                    let batch = load::batch([(posted, posted)]);
                    let post = timed(|| host.post(batch));
                    host.pass(Duration::from_secs(30));
                    post + host.settle().owner
                })
            });
        });
        let view = host.node.view();
        let mut scratch = silence::Scratch::default();
        let labels: Vec<Labels> = (0..100).map(|n| load::labels(n, n)).collect();
        group.throughput(Throughput::Elements(100));
        group.bench_function(format!("100 look-ups among {count}"), |b| {
            b.iter_custom(|rounds| {
                typical(rounds, || {
                    timed(|| {
                        for labels in &labels {
                            black_box(view.silences.silences(labels, host.now.wall, &mut scratch));
                        }
                    })
                })
            });
        });
        group.throughput(Throughput::Elements(1));
    }
    group.finish();
}

/// Alerts through 500 routes beside each other.
fn routing(c: &mut Criterion) {
    let options = Options::default();
    let text = load::many_routes(500);
    let config = load_config(text.as_bytes(), &options).expect("valid");
    let alerts: Vec<Labels> = (0..500).map(|n| load::labels(n, n)).collect();
    let mut group = c.benchmark_group("routing");
    group.throughput(Throughput::Elements(500));
    group.bench_function("500 alerts through 500 routes", |b| {
        let mut routes = Vec::new();
        b.iter_custom(|rounds| {
            typical(rounds, || {
                routes.clear();
                timed(|| alerts.iter().for_each(|labels| config.tree.matches(labels, &mut routes)))
            })
        });
        assert_eq!(routes.len(), 500);
    });
    group.finish();
}

/// The flushes of a group of 1,000 alerts: the first, and one that has nothing new to say.
fn flush(c: &mut Criterion) {
    let mut group = c.benchmark_group("flush of 1000 alerts");
    let fresh = || {
        let mut host = Host::with_alerts(CONFIG, 1, 1000);
        host.pass(Duration::from_secs(30));
        host
    };
    group.bench_function("first, owner", |b| {
        b.iter_custom(|rounds| typical(rounds, || fresh().settle().owner));
    });
    group.bench_function("first, workers", |b| {
        b.iter_custom(|rounds| typical(rounds, || fresh().settle().workers));
    });
    let mut host = fresh();
    assert_eq!(host.settle().sent, 1);
    let mut flushes = 0;
    group.bench_function("nothing new, owner", |b| {
        b.iter_custom(|rounds| {
            typical(rounds, || {
                flushes += 1;
                if flushes % 16 == 0 {
                    // Before it repeats.
                    host = fresh();
                    host.settle();
                }
                host.pass(Duration::from_secs(301));
                let effort = host.settle();
                assert_eq!(effort.sent, 0);
                effort.owner
            })
        });
    });
    group.finish();
}

/// Groups of one alert each that fall due together, as many as one call flushes.
fn burst(c: &mut Criterion) {
    let mut group = c.benchmark_group("flush of 64 groups of one alert");
    group.throughput(Throughput::Elements(64));
    let fresh = || {
        let mut host = Host::with_alerts(CONFIG, 64, 1);
        host.pass(Duration::from_secs(30));
        host
    };
    group.bench_function("first, owner", |b| {
        b.iter_custom(|rounds| {
            typical(rounds, || {
                let effort = fresh().settle();
                assert_eq!(effort.sent, 64);
                effort.owner
            })
        });
    });
    group.bench_function("nothing new, owner", |b| {
        b.iter_custom(|rounds| {
            typical(rounds, || {
                let mut host = fresh();
                host.settle();
                host.pass(Duration::from_secs(301));
                let effort = host.settle();
                assert_eq!(effort.sent, 0);
                effort.owner
            })
        });
    });
    group.finish();
}

/// A POST from its JSON to the batch, off the owner's thread.
fn decode(c: &mut Criterion) {
    let options = Options::default();
    let url = resolve_external_url(&options, "localhost", 9093).expect("the default is valid");
    let site = Site::new(&options, &url, 1);
    let body = load::body((0..POST).map(|i| (i, i)));
    let length = body.len().to_string();
    let headers = [("Content-Type", "application/json"), ("Content-Length", length.as_str())];
    let head = Head { method: "POST", target: "/api/v2/alerts", headers: &headers };
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(POST as u64));
    group.bench_function("POST of 64 alerts", |b| {
        b.iter_custom(|rounds| {
            typical(rounds, || timed(|| drop(site.handle(&head, black_box(body.as_bytes())))))
        });
    });
    group.finish();
}

/// A view of many alerts for one reader.
fn view(c: &mut Criterion) {
    let host = Host::with_alerts(CONFIG, 1000, 100);
    c.bench_function("view of 100000 alerts", |b| b.iter(|| host.node.view()));
}

/// Returns the median of the rounds, times their number: on a machine that does other things too,
/// some rounds are broken off in the middle.
fn typical(rounds: u64, mut run: impl FnMut() -> Duration) -> Duration {
    let mut spans: Vec<Duration> = (0..rounds).map(|_| run()).collect();
    spans.sort_unstable();
    spans[spans.len() / 2] * u32::try_from(rounds).expect("few rounds")
}

fn timed(run: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    run();
    begin.elapsed()
}

criterion_group! {
    name = all;
    config = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    targets = refresh, new_alert, silences, routing, flush, burst, decode, view
}
criterion_main!(all);
