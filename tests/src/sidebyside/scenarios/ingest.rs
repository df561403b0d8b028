//! Alerts in: new ones, known ones, and what they occupy.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{
    super::{
        Bench, Goal, Server,
        client::{Client, post_all},
        load::{self, Groups},
        micros_each, percentile,
    },
    MIB, quiet,
};

const HOUR: Duration = Duration::from_secs(3600);
const CONNECTIONS: usize = 4;
const PATH: &str = "/api/v2/alerts";

pub(super) fn idle(bench: &mut Bench) -> Result<(), String> {
    bench.each("an idle server", |bench, which| {
        let server = bench.start(which, &quiet(), &[])?;
        look(bench, &server, "")?;
        drop(server);
        match bench.start_small(which, &quiet())? {
            Some(server) => look(bench, &server, "built for small hosts: "),
            None => Ok(()),
        }
    })
}

/// Notes what a server occupies that has nothing to do.
fn look(bench: &mut Bench, server: &Server, of: &str) -> Result<(), String> {
    thread::sleep(Duration::from_secs(2));
    let (resident, size) = (server.resident()? / MIB, server.size()? / MIB);
    bench.note(&format!("{of}memory"), "MiB", Goal::Most(16.0, 8.0), server.which, resident);
    let what = format!("{of}size of the program");
    bench.note(&what, "MiB", Goal::None, server.which, size);
    let ready = server.ready_after.as_secs_f64() * 1000.0;
    let what = format!("{of}start until ready");
    bench.note(&what, "ms", Goal::Most(30.0, 30.0), server.which, ready);
    Ok(())
}

pub(super) fn ingest(bench: &mut Bench) -> Result<(), String> {
    for size in [10_000, 100_000, 1_000_000] {
        if !bench.has_size(size) {
            continue;
        }
        let bodies = load::alerts(0, size, Groups::Some(1000), &load::from_now(HOUR));
        bench.each(&format!("{size} new alerts"), |bench, which| {
            let server = bench.start(which, &quiet(), &[])?;
            post(bench, &server, &bodies, size, &format!("{size} new"), 1.0 / 25.0)
        })?;
    }
    Ok(())
}

/// Posts and notes what it cost.
fn post(
    bench: &mut Bench,
    server: &Server,
    bodies: &[Vec<u8>],
    size: usize,
    what: &str,
    part: f64,
) -> Result<(), String> {
    let which = server.which;
    let (cpu, began) = (server.cpu()?, Instant::now());
    let mut took = post_all(server.address(), PATH, bodies, CONNECTIONS)?;
    let wall = began.elapsed().as_secs_f64();
    server.rest()?;
    let cpu = server.cpu()? - cpu;
    let each = micros_each(cpu, size);
    bench.note(&format!("{what}: CPU per alert"), "µs", Goal::Part(part), which, each);
    let each = micros_each(wall, size);
    bench.note(&format!("{what}: time per alert"), "µs", Goal::None, which, each);
    let p99 = percentile(&mut took, 99).as_secs_f64() * 1000.0;
    bench.note(&format!("{what}: post, 99 %"), "ms", Goal::None, which, p99);
    bench.note(&format!("{what}: memory"), "MiB", Goal::None, which, server.resident()? / MIB);
    bench.note(&format!("{what}: most memory"), "MiB", Goal::None, which, server.peak()? / MIB);
    Ok(())
}

pub(super) fn refresh(bench: &mut Bench) -> Result<(), String> {
    for size in [10_000, 100_000] {
        if !bench.has_size(size) {
            continue;
        }
        let first = load::alerts(0, size, Groups::Some(1000), &load::from_now(HOUR));
        bench.each(&format!("{size} known alerts"), |bench, which| {
            let server = bench.start(which, &quiet(), &[])?;
            post_all(server.address(), PATH, &first, CONNECTIONS)?;
            server.rest()?;
            let again = load::alerts(0, size, Groups::Some(1000), &load::from_now(HOUR * 2));
            let cpu = server.cpu()?;
            for _ in 0..3 {
                post_all(server.address(), PATH, &again, CONNECTIONS)?;
            }
            let each = micros_each(server.cpu()? - cpu, size * 3);
            let what = format!("{size} known: CPU per alert");
            bench.note(&what, "µs", Goal::Part(1.0 / 30.0), which, each);
            server.rest()?;
            read_meanwhile(bench, &server, &again, size)
        })?;
    }
    Ok(())
}

fn read_meanwhile(
    bench: &mut Bench,
    server: &Server,
    bodies: &[Vec<u8>],
    size: usize,
) -> Result<(), String> {
    let is_over = AtomicBool::new(false);
    let (cpu, began) = (server.cpu()?, Instant::now());
    let wall = thread::scope(|scope| {
        let readers: Vec<_> =
            (0..4).map(|_| scope.spawn(|| read(server.address(), &is_over))).collect();
        let posted = (0..3).try_for_each(|_| post_all(server.address(), PATH, bodies, 4).map(drop));
        let wall = began.elapsed().as_secs_f64();
        is_over.store(true, Ordering::Relaxed);
        for reader in readers {
            reader.join().expect("a reader does not panic")?;
        }
        posted.map(|()| wall)
    })?;
    let (which, each) = (server.which, micros_each(server.cpu()? - cpu, size * 3));
    let what = format!("{size} known, with readers: CPU per alert");
    bench.note(&what, "µs", Goal::Part(1.0 / 30.0), which, each);
    let what = format!("{size} known, with readers: time per alert");
    bench.note(&what, "µs", Goal::None, which, micros_each(wall, size * 3));
    Ok(())
}

/// Asks for all groups, once a second or as fast as the answers come.
fn read(to: SocketAddr, is_over: &AtomicBool) -> Result<(), String> {
    let mut client = Client::connect(to).map_err(|e| e.to_string())?;
    while !is_over.load(Ordering::Relaxed) {
        let began = Instant::now();
        client.get("/api/v2/alerts/groups").map_err(|e| e.to_string())?;
        while began.elapsed() < Duration::from_secs(1) && !is_over.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(5));
        }
    }
    Ok(())
}

pub(super) fn memory(bench: &mut Bench) -> Result<(), String> {
    let cases = [
        (100_000, Groups::Some(100), "100 groups"),
        (100_000, Groups::Each, "a group each"),
        (1_000_000, Groups::Some(100), "100 groups"),
        (1_000_000, Groups::Each, "a group each"),
    ];
    for (size, groups, how) in cases {
        if !bench.has_size(size) {
            continue;
        }
        let least = load::distinct_bytes(size, groups) as f64 / size as f64;
        let bodies = load::alerts(0, size, groups, &load::from_now(HOUR));
        bench.each(&format!("{size} alerts in {how}"), |bench, which| {
            let server = bench.start(which, &quiet(), &[])?;
            let idle = server.resident()?;
            post_all(server.address(), PATH, &bodies, CONNECTIONS)?;
            server.rest()?;
            let each = (server.resident()? - idle) / size as f64;
            let part = if groups == Groups::Each { 1.0 / 20.0 } else { 0.25 };
            let what = format!("{size} in {how}");
            bench.note(&what, "bytes per alert", Goal::Part(part), which, each);
            let what = format!("{size} in {how}, of the bytes of distinct texts");
            bench.note(&what, "×", Goal::Most(2.0, 2.0), which, each / least);
            Ok(())
        })?;
    }
    Ok(())
}
