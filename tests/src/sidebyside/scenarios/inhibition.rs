//! Alerts that inhibit others.

use std::{
    fmt::Write as _,
    time::{Duration, Instant},
};

use super::{
    super::{Bench, Goal, client::post_all, load, micros_each},
    notify::wait_for,
};
use crate::sink::Sink;

const COUNT: usize = 10_000;
const GROUPS: usize = 1000;
const RULES: usize = 100;

pub(super) fn inhibition(bench: &mut Bench) -> Result<(), String> {
    let ends = load::from_now(Duration::from_secs(3600));
    let sources = load::marked(0, COUNT, &ends, "\"role\":\"source\",");
    let targets = load::marked(0, COUNT, &ends, "\"role\":\"target\",");
    bench.each(&format!("{RULES} rules"), |bench, which| {
        let sink = Sink::open().map_err(|e| e.to_string())?;
        let server = bench.start(which, &rules(&sink.url()), &[])?;
        let (cpu, began) = (server.cpu()?, Instant::now());
        post_all(server.address(), "/api/v2/alerts", &sources, 4)?;
        post_all(server.address(), "/api/v2/alerts", &targets, 4)?;
        // Targets are told by nobody; each source's group is, and at once, since its alerts are
        // older than its wait.
        wait_for(&sink, GROUPS, Duration::from_secs(120))?;
        let wall = began.elapsed().as_secs_f64();
        server.rest()?;
        let each = micros_each(server.cpu()? - cpu, COUNT * 2);
        bench.note("CPU per alert, until told", "µs", Goal::Part(0.1), which, each);
        bench.note("until told", "s", Goal::None, which, wall);
        let more = sink.count() - GROUPS;
        bench.note("told though inhibited", "groups", Goal::Most(0.0, 0.0), which, more as f64);
        let cpu = server.cpu()?;
        let answer = server.connect()?.get("/api/v2/alerts").map_err(|e| e.to_string())?;
        let took = answer.took.as_secs_f64() * 1000.0;
        bench.note("all alerts", "ms", Goal::Part(0.1), which, took);
        server.rest()?;
        let cpu = (server.cpu()? - cpu) * 1000.0;
        bench.note("all alerts: CPU", "ms", Goal::Part(0.1), which, cpu);
        Ok(())
    })
}

fn rules(url: &str) -> String {
    let mut text = format!(
        "route: {{receiver: team, group_by: [alertname, role], group_wait: 3s, \
         group_interval: 10h, repeat_interval: 40w}}\n\
         receivers: [{{name: team, webhook_configs: [{{url: '{url}'}}]}}]\ninhibit_rules:\n"
    );
    for rule in 0..RULES {
        // The first rule is the one that matters; the others have sources that never come.
        let role = if rule == 0 { "source".into() } else { format!("other{rule}") };
        writeln!(
            text,
            "- {{source_matchers: ['role=\"{role}\"'], target_matchers: ['role=\"target\"'], \
             equal: [instance]}}"
        )
        .expect("a string takes everything");
    }
    text
}
