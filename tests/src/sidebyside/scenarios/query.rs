//! Questions, at rest and under load.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{
    super::{
        Bench, Goal, Server,
        client::{Client, post_all},
        load::{self, Groups},
        percentile,
    },
    quiet,
};

const ALERTS: &str = "/api/v2/alerts";
const ONE: &str = "/api/v2/alerts?filter=alertname%3D%22HighRequestLatency0000007%22";
const GROUPS: &str = "/api/v2/alerts/groups";

pub(super) fn query(bench: &mut Bench) -> Result<(), String> {
    for (size, asked) in [(10_000, 10), (100_000, 3)] {
        if !bench.has_size(size) {
            continue;
        }
        let ends = load::from_now(Duration::from_secs(3600));
        let bodies = load::alerts(0, size, Groups::Some(1000), &ends);
        bench.each(&format!("{size} alerts"), |bench, which| {
            let server = bench.start(which, &quiet(), &[])?;
            post_all(server.address(), ALERTS, &bodies, 4)?;
            server.rest()?;
            for (path, name) in [(ALERTS, "all"), (ONE, "one name"), (GROUPS, "groups")] {
                ask(bench, &server, &format!("{size}, {name}"), path, asked)?;
            }
            ask_under_load(bench, &server, &bodies, size, asked)?;
            post_meanwhile(bench, &server, &bodies[..1], size)
        })?;
    }
    Ok(())
}

/// Asks some times on a server that does nothing else.
fn ask(
    bench: &mut Bench,
    server: &Server,
    what: &str,
    path: &str,
    times: usize,
) -> Result<(), String> {
    let mut client = server.connect()?;
    let cpu = server.cpu()?;
    let mut took = Vec::new();
    for _ in 0..times {
        took.push(client.get(path).map_err(|e| e.to_string())?.took);
    }
    server.rest()?;
    let (which, cpu) = (server.which, (server.cpu()? - cpu) * 1000.0 / times as f64);
    let half = percentile(&mut took, 50).as_secs_f64() * 1000.0;
    bench.note(&format!("{what}: CPU"), "ms", Goal::Part(0.04), which, cpu);
    bench.note(&format!("{what}: half of the answers"), "ms", Goal::Part(0.04), which, half);
    Ok(())
}

/// Asks while somebody posts as fast as the server takes it.
fn ask_under_load(
    bench: &mut Bench,
    server: &Server,
    bodies: &[Vec<u8>],
    size: usize,
    times: usize,
) -> Result<(), String> {
    let is_over = AtomicBool::new(false);
    let mut took = thread::scope(|scope| {
        let poster = scope.spawn(|| keep_posting(server, bodies, &is_over));
        let ask = || -> Result<Vec<Duration>, String> {
            let mut client = server.connect()?;
            let ask = |_| client.get(ALERTS).map(|a| a.took).map_err(|e| e.to_string());
            (0..times * 2).map(ask).collect()
        };
        let took = ask();
        is_over.store(true, Ordering::Relaxed);
        poster.join().expect("a client does not panic")?;
        took
    })?;
    for (part, name) in [(50, "half"), (99, "99 %")] {
        let value = percentile(&mut took, part).as_secs_f64() * 1000.0;
        let what = format!("{size}, all, under load: {name} of the answers");
        bench.note(&what, "ms", Goal::Part(0.04), server.which, value);
    }
    Ok(())
}

fn keep_posting(server: &Server, bodies: &[Vec<u8>], is_over: &AtomicBool) -> Result<(), String> {
    let mut client = server.connect()?;
    for body in bodies.iter().cycle() {
        if is_over.load(Ordering::Relaxed) {
            return Ok(());
        }
        client.post(ALERTS, body).map_err(|e| e.to_string())?;
    }
    Ok(())
}

/// Posts small bodies, first alone, then while somebody reads everything.
fn post_meanwhile(
    bench: &mut Bench,
    server: &Server,
    bodies: &[Vec<u8>],
    size: usize,
) -> Result<(), String> {
    let mut client = server.connect()?;
    let mut alone = post_paced(&mut client, &bodies[0], Duration::from_secs(2), None)?;
    let is_over = AtomicBool::new(false);
    let mut beside = thread::scope(|scope| {
        let reader = scope.spawn(|| -> Result<(), String> {
            let mut client = server.connect()?;
            for _ in 0..3 {
                client.get(ALERTS).map_err(|e| e.to_string())?;
            }
            is_over.store(true, Ordering::Relaxed);
            Ok(())
        });
        let took = post_paced(&mut client, &bodies[0], Duration::from_secs(120), Some(&is_over));
        reader.join().expect("a client does not panic")?;
        took
    })?;
    let [alone, beside] =
        [&mut alone, &mut beside].map(|took| percentile(took, 99).as_secs_f64() * 1000.0);
    let which = server.which;
    bench.note(&format!("{size}: small post, 99 %, alone"), "ms", Goal::None, which, alone);
    let what = format!("{size}: small post, 99 %, more while all are read");
    bench.note(&what, "ms", Goal::Most(2.0, 2.0), which, (beside - alone).max(0.0));
    Ok(())
}

/// Posts a body every five milliseconds.
fn post_paced(
    client: &mut Client,
    body: &[u8],
    most: Duration,
    is_over: Option<&AtomicBool>,
) -> Result<Vec<Duration>, String> {
    let began = Instant::now();
    let mut took = Vec::new();
    while began.elapsed() < most && !is_over.is_some_and(|over| over.load(Ordering::Relaxed)) {
        took.push(client.post(ALERTS, body).map_err(|e| e.to_string())?.took);
        thread::sleep(Duration::from_millis(5));
    }
    Ok(took)
}
