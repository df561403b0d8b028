//! How much memory alerts take, and that known ones take none: counted by the allocator.

//! The counts are the whole process's, so the checks run one after the other, without a harness
//! whose threads would be counted too.

use std::{alloc::System, io::Write as _, time::Duration};

use campana_core::{api::Call, id::CallId, node::Input};
use campana_tests::load::{self, CONFIG, Host};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

fn main() {
    let checks: [(&str, fn()); 6] = [
        (
            "a_refresh_that_moves_the_end_allocates_nothing",
            a_refresh_that_moves_the_end_allocates_nothing,
        ),
        ("a_refresh_allocates_nothing", a_refresh_allocates_nothing),
        (
            "a_refresh_under_a_reader_copies_each_chunk_once",
            a_refresh_under_a_reader_copies_each_chunk_once,
        ),
        (
            "a_new_alert_allocates_its_texts_and_little_else",
            a_new_alert_allocates_its_texts_and_little_else,
        ),
        (
            "a_flush_allocates_per_group_and_not_per_alert",
            a_flush_allocates_per_group_and_not_per_alert,
        ),
        ("memory_follows_the_texts_of_alerts", memory_follows_the_texts_of_alerts),
    ];
    for (name, check) in checks {
        say(&format!("test {name} ..."));
        check();
    }
    say(&format!("\n{} passed, 0 failed", checks.len()));
}

fn say(text: &str) {
    writeln!(std::io::stdout(), "{text}").ok();
}

/// Counts the allocations of a call.
fn allocations(run: impl FnOnce()) -> u64 {
    let region = Region::new(ALLOCATOR);
    run();
    let stats = region.change();
    (stats.allocations + stats.reallocations) as u64
}

fn a_refresh_allocates_nothing() {
    let mut host = Host::with_alerts(CONFIG, 1000, 1);
    let mut refresh = |count: usize| {
        let batch = load::batch((0..count).map(|i| (i, 0)));
        let input = Input::Call(CallId(1), Call::PostAlerts(batch));
        allocations(|| host.handle(input))
    };
    // A larger batch than ever before makes a buffer grow.
    refresh(1000);
    for count in [1, 64, 1000] {
        assert_eq!(refresh(count), 0, "for {count} known alerts");
    }
}

/// As Prometheus posts: each time with a later end, which the journal has to know.
fn a_refresh_that_moves_the_end_allocates_nothing() {
    let mut host = Host::with_alerts(CONFIG, 1000, 1);
    host.settle();
    for minute in 0..4 {
        host.pass(Duration::from_secs(2));
        host.settle();
        let end = load::START + Duration::from_secs(400 * 86_400 + minute * 60);
        let batch = load::batch_until((0..1000).map(|i| (i, 0)), end);
        let input = Input::Call(CallId(1), Call::PostAlerts(batch));
        let count = allocations(|| host.handle(input));
        // The first time buffers grow.
        assert!(minute == 0 || count == 0, "{count} allocations in minute {minute}");
    }
}

fn a_refresh_under_a_reader_copies_each_chunk_once() {
    let mut host = Host::with_alerts(CONFIG, 1000, 1);
    let refresh = |host: &mut Host| {
        let input = Input::Call(CallId(1), Call::PostAlerts(load::batch((0..64).map(|i| (i, 0)))));
        allocations(|| host.handle(input))
    };
    refresh(&mut host);
    let view = host.node.view();
    assert!(refresh(&mut host) <= 4, "a chunk and its parts");
    assert_eq!(refresh(&mut host), 0, "the chunk is the node's own now");
    drop(view);
}

/// Allocations of handling an input.
fn cost(host: &mut Host, input: Input) -> u64 {
    allocations(|| host.handle(input))
}

fn post(alerts: impl Iterator<Item = (usize, usize)>) -> Input {
    Input::Call(CallId(1), Call::PostAlerts(load::batch(alerts)))
}

fn a_new_alert_allocates_its_texts_and_little_else() {
    // Labels, annotations, link; the rest is tables that grow.
    let mut host = Host::with_alerts(CONFIG, 100, 1);
    let joining = cost(&mut host, post((1000..2000).map(|i| (i % 100, i))));
    assert!(joining < 4000, "{joining} allocations for 1000 alerts");
    // And the group: its labels, key, members and places.
    let founding = cost(&mut host, post((2000..3000).map(|i| (i, i))));
    assert!(founding < 11_000, "{founding} allocations for 1000 groups");
}

fn a_flush_allocates_per_group_and_not_per_alert() {
    let mut host = Host::with_alerts(CONFIG, 1, 1000);
    host.pass(Duration::from_secs(30));
    let first = cost(&mut host, Input::Timeout);
    assert!(first < 40, "{first} allocations for the first flush");
    let mut host = Host::with_alerts(CONFIG, 200, 1);
    host.pass(Duration::from_secs(30));
    host.settle();
    host.pass(Duration::from_secs(301));
    let idle = cost(&mut host, Input::Timeout);
    assert!(idle < 200 * 12, "{idle} allocations for 200 flushes that tell nothing");
}

/// Returns the bytes in use per alert, and those of its labels and annotations among them.
fn bytes_per_alert(groups: usize, each: usize) -> (f64, f64) {
    let mut host = Host::new(CONFIG);
    let region = Region::new(ALLOCATOR);
    let mut texts = 0;
    for group in 0..groups {
        let batch = load::batch((0..each).map(|instance| (group, instance)));
        texts +=
            batch.iter().map(|alert| alert.labels.len() + alert.annotations.len()).sum::<usize>();
        host.post(batch);
    }
    let count = (groups * each) as f64;
    let stats = region.change();
    let used = stats.bytes_allocated as f64 - stats.bytes_deallocated as f64;
    (used / count, texts as f64 / count)
}

fn memory_follows_the_texts_of_alerts() {
    for (groups, each, factor) in [(10, 1000, 2.0), (10_000, 1, 2.5)] {
        let (used, texts) = bytes_per_alert(groups, each);
        say(&format!(
            "{groups} groups of {each}: {used:.0} bytes an alert, {texts:.0} of them texts"
        ));
        assert!(used <= factor * texts, "{groups} groups of {each}: {used:.0} bytes an alert");
    }
}
