//! Three members.

use std::{
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    super::{
        Bench, Goal, Server, Which,
        client::post_all,
        load::{self, Groups},
        micros_each, percentile,
    },
    config,
    notify::compare,
    quiet,
};
use crate::{cluster::free_address, sink::Sink};

const STORM: usize = 5000;
const SETTLING: Duration = Duration::from_secs(60);

/// Changes a second, and for how many.
const RATE: usize = 1000;
const SECONDS: usize = 5;
const CONNECTIONS: usize = 4;

/// Between two silences whose way is measured: of no length that the gossip interval is a multiple
/// of, so that they fall on all parts of it.
const PAUSE: Duration = Duration::from_millis(103);
/// How long a silence may be under way.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) fn gossip(bench: &mut Bench) -> Result<(), String> {
    bench.each("three members", |bench, which| {
        let members = start(bench, which, &quiet())?;
        spread(bench, &members, "at rest", 40)?;
        change(bench, &members)
    })?;
    let storm = if bench.has_size(STORM) { STORM } else { 500 };
    bench.each("a storm", |bench, which| {
        let sink = Sink::open().map_err(|e| e.to_string())?;
        let members = start(bench, which, &config(&sink.url(), "5s", "10h"))?;
        fire(bench, &members, &sink, storm)
    })
}

fn start(bench: &Bench, which: Which, config: &str) -> Result<Vec<Server>, String> {
    let addresses: Vec<_> = (0..3).map(|_| free_address()).collect();
    let mut members = Vec::new();
    for (number, address) in addresses.iter().enumerate() {
        let mut flags = vec![
            format!("--cluster.listen-address={address}"),
            format!("--cluster.peer-name=member{number}"),
        ];
        flags.extend(addresses[..number].iter().map(|peer| format!("--cluster.peer={peer}")));
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        members.push(bench.start(which, config, &flags)?);
    }
    let end = Instant::now() + SETTLING;
    for member in &members {
        while !is_settled(member)? {
            if Instant::now() > end {
                return Err("the cluster does not settle".into());
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
    Ok(members)
}

fn is_settled(member: &Server) -> Result<bool, String> {
    let mut client = member.connect()?;
    client.get("/api/v2/status").map_err(|e| e.to_string())?;
    let status: Value = serde_json::from_slice(client.body()).map_err(|e| e.to_string())?;
    let cluster = &status["cluster"];
    Ok(cluster["status"] == "ready" && cluster["peers"].as_array().is_some_and(|p| p.len() == 3))
}

/// Makes silences on the first member and waits for each on the third.
fn spread(bench: &mut Bench, members: &[Server], when: &str, count: usize) -> Result<(), String> {
    let mut took = Vec::new();
    let mut waiting: Vec<(String, Instant)> = Vec::new();
    let (mut first, mut last) = (members[0].connect()?, members[2].connect()?);
    let mut bodies = load::silences(1_000_000, 1_000_000 + count).into_iter();
    let mut due = Instant::now();
    while took.len() < count {
        if Instant::now() >= due
            && let Some(body) = bodies.next()
        {
            due += PAUSE;
            first.post("/api/v2/silences", &body).map_err(|e| e.to_string())?;
            let answer: Value = serde_json::from_slice(first.body()).map_err(|e| e.to_string())?;
            let id = answer["silenceID"].as_str().unwrap_or("?");
            waiting.push((format!("/api/v2/silence/{id}"), Instant::now()));
        }
        let mut later = Vec::new();
        for (path, since) in waiting {
            let is_there = last.get(&path).map_err(|e| e.to_string())?.status == 200;
            match is_there || since.elapsed() > PATIENCE {
                true => took.push(since.elapsed()),
                false => later.push((path, since)),
            }
        }
        waiting = later;
        thread::sleep(Duration::from_millis(1));
    }
    for (part, name, goal) in [(50, "half", Goal::None), (99, "99 %", Goal::Most(400.0, 400.0))] {
        let value = percentile(&mut took, part).as_secs_f64() * 1000.0;
        let what = format!("a silence on all, {when}: {name}");
        bench.note(&what, "ms", goal, members[0].which, value);
    }
    Ok(())
}

/// Makes a thousand changes a second for some seconds, on the first member.
fn change(bench: &mut Bench, members: &[Server]) -> Result<(), String> {
    let count = RATE * SECONDS;
    let bodies = load::silences(2_000_000, 2_000_000 + count);
    let known = active(&members[0])?;
    let sent_before = sent(members)?;
    let used = cpu(members)?;
    let took = post_in_time(&members[0], &bodies)?;
    // Whatever is sent by gossip is there by then.
    thread::sleep(Duration::from_secs(2));
    let used = cpu(members)? - used;
    let which = members[0].which;
    let what = |what: &str| format!("1,000 changes a second: {what}");
    bench.note(&what("reached"), "a second", Goal::None, which, count as f64 / took.as_secs_f64());
    let busy = used / SECONDS as f64 * 100.0;
    bench.note(&what("CPU of all"), "%", Goal::Part(0.2), which, busy);
    let bytes = (sent(members)? - sent_before) / count as f64;
    bench.note(&what("gossip"), "bytes each", Goal::None, which, bytes);
    let mut on_all = count as f64;
    for member in members {
        on_all = on_all.min(active(member)? - known);
    }
    let what = |what: &str| format!("1,000 changes a second: on all 2 s later{what}");
    bench.note(&what(""), "%", Goal::None, which, on_all / count as f64 * 100.0);
    let each = micros_each(used, on_all as usize);
    bench.note(&what(", CPU of all for each"), "µs", Goal::None, which, each);
    Ok(())
}

/// Posts a body every millisecond over some connections, so that a slow answer does not hold up
/// the next body, and returns how long that took.
fn post_in_time(to: &Server, bodies: &[Vec<u8>]) -> Result<Duration, String> {
    let next = AtomicUsize::new(0);
    let began = Instant::now();
    let post = || -> Result<(), String> {
        let mut client = to.connect()?;
        loop {
            let number = next.fetch_add(1, Relaxed);
            let Some(body) = bodies.get(number) else { return Ok(()) };
            let due = began + Duration::from_secs(1) * number as u32 / RATE as u32;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let answer = client.post("/api/v2/silences", body).map_err(|e| e.to_string())?;
            if answer.status != 200 {
                return Err(format!("a silence was answered {}", answer.status));
            }
        }
    };
    thread::scope(|scope| {
        let posts: Vec<_> = (0..CONNECTIONS).map(|_| scope.spawn(post)).collect();
        posts.into_iter().try_for_each(|post| post.join().expect("a client does not panic"))
    })?;
    Ok(began.elapsed())
}

/// Posts alerts of many groups to all members at once.
fn fire(bench: &mut Bench, members: &[Server], sink: &Sink, groups: usize) -> Result<(), String> {
    let which = members[0].which;
    let ends = load::from_now(Duration::from_secs(3600));
    let bodies = load::alerts(0, groups, Groups::Each, &ends);
    let used = cpu(members)?;
    thread::scope(|scope| {
        let posts: Vec<_> = members
            .iter()
            .map(|member| scope.spawn(|| post_all(member.address(), "/api/v2/alerts", &bodies, 2)))
            .collect();
        posts
            .into_iter()
            .try_for_each(|post| post.join().expect("a client does not panic").map(drop))
    })?;
    let posted = Instant::now();
    thread::sleep(Duration::from_secs(5));
    spread(bench, members, "in a storm", 10)?;
    // The last had a turn after `group_wait` and twice the timeout of a peer.
    thread::sleep(Duration::from_secs(42).saturating_sub(posted.elapsed()));
    let (lost, doubled) = compare(sink, groups);
    let none = Goal::Most(0.0, 0.0);
    let what = format!("{groups} groups at once");
    bench.note(&format!("{what}: told twice"), "groups", none, which, doubled as f64);
    bench.note(&format!("{what}: lost"), "groups", none, which, lost as f64);
    let each = (cpu(members)? - used) * 1e6 / groups as f64;
    bench.note(&format!("{what}: CPU of all, each"), "µs", Goal::Part(0.2), which, each);
    Ok(())
}

fn cpu(members: &[Server]) -> Result<f64, String> {
    members.iter().map(Server::cpu).sum()
}

/// Returns the bytes of gossip that the members sent.
fn sent(members: &[Server]) -> Result<f64, String> {
    let name = "alertmanager_cluster_messages_sent_size_total";
    members.iter().map(|member| metric(member, name)).sum()
}

/// Returns how many silences a member has.
fn active(member: &Server) -> Result<f64, String> {
    metric(member, "alertmanager_silences{state=\"active\"}")
}

/// Returns the sum of the samples whose names begin with `start`.
fn metric(member: &Server, start: &str) -> Result<f64, String> {
    let mut client = member.connect()?;
    client.get("/metrics").map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(client.body()).into_owned();
    let lines = text.lines().filter(|line| line.starts_with(start));
    Ok(lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum())
}
