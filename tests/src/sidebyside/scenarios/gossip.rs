//! Three members.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    super::{
        Bench, Goal, Server, Which,
        client::post_all,
        load::{self, Groups},
        percentile,
    },
    config,
    notify::compare,
};
use crate::{cluster::free_address, sink::Sink};

const STORM: usize = 5000;
const SETTLING: Duration = Duration::from_secs(60);

pub(super) fn gossip(bench: &mut Bench) -> Result<(), String> {
    let storm = if bench.has_size(STORM) { STORM } else { 500 };
    bench.each("three members", 3, |bench, which| {
        let sink = Sink::open().map_err(|e| e.to_string())?;
        let members = start(bench, which, &config(&sink.url(), "5s", "10h"))?;
        spread(bench, &members, "at rest", 100)?;
        change(bench, &members)?;
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
    let (mut first, mut last) = (members[0].connect()?, members[2].connect()?);
    for body in load::silences(1_000_000, 1_000_000 + count) {
        first.post("/api/v2/silences", &body).map_err(|e| e.to_string())?;
        let began = Instant::now();
        let answer: Value = serde_json::from_slice(first.body()).map_err(|e| e.to_string())?;
        let path = format!("/api/v2/silence/{}", answer["silenceID"].as_str().unwrap_or("?"));
        while last.get(&path).map_err(|e| e.to_string())?.status != 200 {
            if began.elapsed() > Duration::from_secs(30) {
                break;
            }
            thread::sleep(Duration::from_millis(1));
        }
        took.push(began.elapsed());
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
    const SECONDS: usize = 5;
    let bodies = load::silences(2_000_000, 2_000_000 + SECONDS * 1000);
    let before = (cpu(members)?, sent(members)?);
    let mut client = members[0].connect()?;
    let began = Instant::now();
    for (number, body) in bodies.iter().enumerate() {
        let due = began + Duration::from_millis(number as u64);
        thread::sleep(due.saturating_duration_since(Instant::now()));
        client.post("/api/v2/silences", body).map_err(|e| e.to_string())?;
    }
    thread::sleep(Duration::from_secs(2));
    let span = began.elapsed().as_secs_f64();
    let which = members[0].which;
    let used = (cpu(members)? - before.0) / span * 100.0;
    bench.note("1,000 changes a second: CPU of all", "%", Goal::Part(0.2), which, used);
    let bytes = (sent(members)? - before.1) / (SECONDS * 1000) as f64;
    bench.note("1,000 changes a second: gossip", "bytes each", Goal::None, which, bytes);
    Ok(())
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
    thread::sleep(Duration::from_secs(5));
    spread(bench, members, "in a storm", 10)?;
    // Everybody had a turn after three times the timeout of a peer.
    thread::sleep(Duration::from_secs(40));
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
    let mut sum = 0.0;
    for member in members {
        let mut client = member.connect()?;
        client.get("/metrics").map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(client.body()).into_owned();
        let name = "alertmanager_cluster_messages_sent_size_total";
        let lines = text.lines().filter(|line| line.starts_with(name));
        sum += lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum::<f64>();
    }
    Ok(sum)
}
