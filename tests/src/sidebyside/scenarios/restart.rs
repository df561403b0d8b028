//! Ending and starting again.

use std::{
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{
    super::{
        Bench, Goal, Server,
        client::post_all,
        load::{self, Groups},
    },
    MIB, config,
    notify::{keeps_alerts, wait_for},
};
use crate::sink::Sink;

const GROUPS: usize = 100_000;
const SILENCES: usize = 10_000;
const MORE: usize = 100;
const ALERTS: &str = "/api/v2/alerts";

pub(super) fn restart(bench: &mut Bench) -> Result<(), String> {
    let groups = if bench.has_size(GROUPS) { GROUPS } else { 1000 };
    let ends = load::from_now(Duration::from_secs(3 * 3600));
    let alerts = load::alerts(0, groups, Groups::Each, &ends);
    let more = load::alerts(groups, groups + MORE, Groups::Each, &ends);
    bench.each(&format!("{groups} groups"), |bench, which| {
        let sink = Sink::open().map_err(|e| e.to_string())?;
        let mut server = bench.start(which, &config(&sink.url(), "1s", "10h"), &[])?;
        // The silences come last: each new alert costs Alertmanager some milliseconds beside them.
        post_all(server.address(), ALERTS, &alerts, 4)?;
        wait_for(&sink, groups, Duration::from_secs(600))?;
        post_all(server.address(), "/api/v2/silences", &load::silences(0, SILENCES), 4)?;
        let began = Instant::now();
        server.restart(true)?;
        let (both, ready) = (began.elapsed(), server.ready_after);
        let milliseconds = |span: Duration| span.as_secs_f64() * 1000.0;
        let goal = Goal::Most(600.0, 600.0);
        bench.note("start until ready", "ms", goal, which, milliseconds(ready));
        bench.note("stop", "ms", Goal::None, which, milliseconds(both.saturating_sub(ready)));
        bench.note("memory after it", "MiB", Goal::None, which, server.resident()? / MIB);
        check(bench, &server, groups)?;
        // The senders repeat themselves, which must not lead to a word. To Alertmanager the alerts
        // are new, so there a part of them has to do.
        let repeated = if keeps_alerts(which) { alerts.len() } else { alerts.len().min(16) };
        let before = sink.count();
        post_all(server.address(), ALERTS, &alerts[..repeated], 4)?;
        thread::sleep(Duration::from_secs(5));
        let again = (sink.count() - before) as f64;
        bench.note("told again after it", "groups", Goal::Most(0.0, 0.0), which, again);
        kill(bench, &mut server, &sink, &more)
    })
}

/// Checks that what was there is there.
fn check(bench: &mut Bench, server: &Server, groups: usize) -> Result<(), String> {
    let which = server.which;
    let silences = ask(server, "/api/v2/silences")?;
    if silences != SILENCES {
        return Err(format!("{silences} of {SILENCES} silences after the start"));
    }
    if keeps_alerts(which) {
        let alerts = ask(server, ALERTS)?;
        if alerts != groups {
            return Err(format!("{alerts} of {groups} alerts after the start"));
        }
        bench.note("alerts restored", "", Goal::None, which, alerts as f64);
    }
    Ok(())
}

fn ask(server: &Server, path: &str) -> Result<usize, String> {
    let mut client = server.connect()?;
    client.get(path).map_err(|e| e.to_string())?;
    let list: Value = serde_json::from_slice(client.body()).map_err(|e| e.to_string())?;
    list.as_array().map(Vec::len).ok_or_else(|| format!("{path} is no list"))
}

/// Ends the server without a warning, right after news.
fn kill(
    bench: &mut Bench,
    server: &mut Server,
    sink: &Sink,
    more: &[Vec<u8>],
) -> Result<(), String> {
    let which = server.which;
    let silences = load::silences(SILENCES, SILENCES + MORE);
    post_all(server.address(), "/api/v2/silences", &silences, 4)?;
    let before = sink.count();
    post_all(server.address(), ALERTS, more, 2)?;
    wait_for(sink, before + MORE, Duration::from_secs(30))?;
    thread::sleep(Duration::from_millis(1000));
    server.restart(false)?;
    bench.note(
        "start after `kill -9`",
        "ms",
        Goal::None,
        which,
        server.ready_after.as_secs_f64() * 1000.0,
    );
    let lost = (SILENCES + MORE).saturating_sub(ask(server, "/api/v2/silences")?);
    bench.note("silences lost", "of 100", Goal::Most(0.0, 0.0), which, lost as f64);
    let before = sink.count();
    post_all(server.address(), ALERTS, more, 2)?;
    thread::sleep(Duration::from_secs(4));
    let again = (sink.count() - before) as f64;
    bench.note("told again", "of 100", Goal::Most(0.0, 0.0), which, again);
    Ok(())
}
