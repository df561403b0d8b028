//! Notifications out.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    super::{
        Bench, Goal, Which,
        client::post_all,
        load::{self, Groups},
        micros_each, percentile,
    },
    MIB, config,
};
use crate::sink::Sink;

const ALERTS: &str = "/api/v2/alerts";

/// Waits until a sink got so many requests.
///
/// # Errors
/// That it did not.
pub(super) fn wait_for(sink: &Sink, count: usize, patience: Duration) -> Result<(), String> {
    let end = Instant::now() + patience;
    while sink.count() < count {
        if Instant::now() > end {
            return Err(format!("{} of {count} webhooks after {patience:?}", sink.count()));
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(())
}

pub(super) fn notify(bench: &mut Bench) -> Result<(), String> {
    for size in [10_000, 100_000] {
        if !bench.has_size(size) {
            continue;
        }
        let ends = load::from_now(Duration::from_secs(3600));
        let bodies = load::alerts(0, size, Groups::Each, &ends);
        bench.each(&format!("{size} groups"), |bench, which| {
            let sink = Sink::open().map_err(|e| e.to_string())?;
            let server = bench.start(which, &config(&sink.url(), "1s", "10h"), &[])?;
            let (cpu, idle, began) = (server.cpu()?, server.resident()?, Instant::now());
            post_all(server.address(), ALERTS, &bodies, 4)?;
            wait_for(&sink, size, Duration::from_secs(300))?;
            let wall = began.elapsed().as_secs_f64();
            server.rest()?;
            let each = micros_each(server.cpu()? - cpu, size);
            bench.note(&format!("{size}: CPU each"), "µs", Goal::Part(0.1), which, each);
            bench.note(&format!("{size}: all told"), "s", Goal::None, which, wall);
            let most = server.peak()? / MIB;
            bench.note(&format!("{size}: most memory"), "MiB", Goal::Part(0.05), which, most);
            let more = (server.peak()? - idle) / size as f64;
            bench.note(&format!("{size}: memory per group"), "bytes", Goal::None, which, more);
            let (lost, doubled) = compare(&sink, size);
            let none = Goal::Most(0.0, 0.0);
            bench.note(&format!("{size}: lost"), "groups", none, which, lost as f64);
            bench.note(&format!("{size}: told twice"), "groups", none, which, doubled as f64);
            Ok(())
        })?;
    }
    Ok(())
}

/// Returns how many groups were not told, and how many tellings were too many.
pub(super) fn compare(sink: &Sink, size: usize) -> (usize, usize) {
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    for received in sink.received() {
        let body: Value = serde_json::from_slice(&received.body).unwrap_or(Value::Null);
        *told.entry(body["groupKey"].to_string()).or_default() += 1;
    }
    (size.saturating_sub(told.len()), told.values().map(|times| times - 1).sum())
}

pub(super) fn latency(bench: &mut Bench) -> Result<(), String> {
    const COUNT: usize = 300;
    bench.each("one alert after the other", |bench, which| {
        let sink = Sink::open().map_err(|e| e.to_string())?;
        let server = bench.start(which, &config(&sink.url(), "0s", "10h"), &[])?;
        let mut client = server.connect()?;
        let ends = load::from_now(Duration::from_secs(3600));
        let mut took = Vec::with_capacity(COUNT);
        for n in 0..COUNT {
            let body = load::alerts(n, n + 1, Groups::Each, &ends).remove(0);
            let began = Instant::now();
            client.post(ALERTS, &body).map_err(|e| e.to_string())?;
            wait_for(&sink, n + 1, Duration::from_secs(20))?;
            let at = sink.last_at().ok_or("nothing came")?;
            took.push(at.saturating_duration_since(began));
            thread::sleep(Duration::from_millis(3));
        }
        let [half, most] = [50, 99].map(|part| percentile(&mut took, part).as_secs_f64() * 1000.0);
        bench.note("half", "ms", Goal::Most(0.5, 0.5), which, half);
        bench.note("99 %", "ms", Goal::Most(2.0, 2.0), which, most);
        Ok(())
    })
}

pub(super) fn resolve(bench: &mut Bench) -> Result<(), String> {
    const SIZE: usize = 10_000;
    bench.each(&format!("{SIZE} groups"), |bench, which| {
        let sink = Sink::open().map_err(|e| e.to_string())?;
        let server = bench.start(which, &config(&sink.url(), "1s", "5s"), &[])?;
        let ends = load::from_now(Duration::from_secs(3600));
        post_all(server.address(), ALERTS, &load::alerts(0, SIZE, Groups::Each, &ends), 4)?;
        wait_for(&sink, SIZE, Duration::from_secs(120))?;
        let idle = idle_ticks(&server)?;
        let ended = load::before_now(Duration::from_millis(1));
        let bodies = load::alerts(0, SIZE, Groups::Each, &ended);
        let (cpu, began) = (server.cpu()?, Instant::now());
        post_all(server.address(), ALERTS, &bodies, 4)?;
        wait_for(&sink, SIZE * 2, Duration::from_secs(120))?;
        let wall = began.elapsed().as_secs_f64();
        let each = micros_each(server.cpu()? - cpu, SIZE);
        bench.note("CPU each", "µs", Goal::Part(0.1), which, each);
        bench.note("all told", "s", Goal::None, which, wall);
        let each = micros_each(idle, SIZE);
        bench.note("CPU of a tick with nothing to say", "µs", Goal::None, which, each);
        // As many again must not come: everything is told once as firing and once as over.
        thread::sleep(Duration::from_secs(6));
        let more = (sink.count() - SIZE * 2) as f64;
        bench.note("told twice", "groups", Goal::Most(0.0, 0.0), which, more);
        Ok(())
    })
}

/// Returns the CPU seconds of one interval in which every group looks and has nothing to say.
fn idle_ticks(server: &super::super::Server) -> Result<f64, String> {
    thread::sleep(Duration::from_secs(1));
    let cpu = server.cpu()?;
    thread::sleep(Duration::from_secs(5));
    Ok(server.cpu()? - cpu)
}

/// Whether a server keeps its alerts when it ends.
pub(super) fn keeps_alerts(which: Which) -> bool {
    which != Which::Alertmanager
}
