//! The scenarios: what is done, and what has to come out.

mod gossip;
mod growth;
mod ingest;
mod inhibition;
mod notify;
mod query;
mod restart;
mod silences;

use super::Bench;

/// A scenario.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its name, as the user says it.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// Does it on every server, by turns.
    pub play: fn(&mut Bench) -> Result<(), String>,
}

const ALL: [Scenario; 13] = [
    Scenario {
        name: "idle",
        about: "A server with one route that nobody uses, two seconds after its start.",
        play: ingest::idle,
    },
    Scenario {
        name: "ingest",
        about: "Distinct alerts (10 labels, 2 annotations of 100 bytes, 1,000 groups) in posts of \
                64 over 4 connections that stay open.",
        play: ingest::ingest,
    },
    Scenario {
        name: "refresh",
        about: "The same alerts again, three times, while 4 readers ask for `/alerts/groups` once \
                a second each.",
        play: ingest::refresh,
    },
    Scenario {
        name: "memory",
        about: "Resident memory for each active alert, after one post of each, above that of the \
                idle server.",
        play: ingest::memory,
    },
    Scenario {
        name: "query",
        about: "Answers of the API, with and without somebody who posts known alerts over one \
                connection as fast as the server takes them.",
        play: query::query,
    },
    Scenario {
        name: "silences",
        about: "Silences with two matchers (one is a pattern) that match nothing; then new alerts \
                and one question for all of them.",
        play: silences::silences,
    },
    Scenario {
        name: "inhibition",
        about: "100 rules, 10,000 sources and 10,000 alerts that they inhibit, in 1,000 groups \
                each, until the groups of the sources were told.",
        play: inhibition::inhibition,
    },
    Scenario {
        name: "notify",
        about: "One alert in each of many groups, to a webhook, until all arrived. The alerts are \
                older than `group_wait`, so every group is told at once.",
        play: notify::notify,
    },
    Scenario {
        name: "latency",
        about: "From before the post of an alert until its webhook arrived, one after the other, \
                `group_wait: 0s`.",
        play: notify::latency,
    },
    Scenario {
        name: "resolve",
        about: "The alerts of 10,000 groups end, until all webhooks arrived (`group_interval: 5s`).",
        play: notify::resolve,
    },
    Scenario {
        name: "restart",
        about: "10,000 silences and the log of 100,000 groups (and, with campana, their alerts) \
                on disk; then 100 silences and 100 notifications more, and `kill -9`.",
        play: restart::restart,
    },
    Scenario {
        name: "gossip",
        about: "Three members: how soon a silence is on all, what 1,000 changes a second cost, and \
                5,000 groups that fire at once.",
        play: gossip::gossip,
    },
    Scenario {
        name: "growth",
        about: "What one more costs as there are more of them.",
        play: growth::growth,
    },
];

/// Returns a scenario by its name.
pub fn find(name: &str) -> Option<Scenario> {
    ALL.into_iter().find(|scenario| scenario.name == name)
}

/// Returns the names of all scenarios, in the order of the page.
pub fn names() -> impl Iterator<Item = &'static str> {
    ALL.iter().map(|scenario| scenario.name)
}

/// A configuration with one webhook, one route and its timing.
fn config(url: &str, wait: &str, interval: &str) -> String {
    format!(
        "route: {{receiver: team, group_by: [alertname], group_wait: {wait}, \
         group_interval: {interval}, repeat_interval: 40w}}\n\
         receivers: [{{name: team, webhook_configs: [{{url: '{url}'}}]}}]\n"
    )
}

/// A configuration under which nothing is told while a scenario lasts.
fn quiet() -> String {
    config("http://127.0.0.1:9/", "10h", "10h")
}

/// One megabyte, as memory is counted.
const MIB: f64 = 1024.0 * 1024.0;
