//! One walk over every kind of cluster: the webhook is sent, its record is gossiped, the peers stay
//! quiet. Simulated hosts, processes of either program and the original take the same steps.

use std::{thread, time::Duration};

use campana_sim::{Fleet, HostSpec, fleet::PAGER};
use serde_json::json;

use crate::cluster::{Member, PEER_TIMEOUT, SETTLING};

/// The metric that counts the messages with records that a member got.
const HEARD: &str = "alertmanager_cluster_messages_received_total{msg_type=\"update\"}";
/// What every member is configured with. Groups rest for longer than the last in line waits for its
/// turn: the original decides on what it saw before that wait, and tells it once more where the end
/// is told meanwhile. Here every wait is over when the next flush tells the end.
pub const CONFIG: &str = "
route: {receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 12s}
receivers:
- {name: team, webhook_configs: [{url: '{{sink}}'}]}
";

/// The steps of a wait.
const STEP: Duration = Duration::from_millis(100);

/// How much later than it should a member may be, since the machine may be loaded.
const MARGIN: Duration = Duration::from_secs(2);

/// Three members that know each other and tell one team. The first in line has number 0.
pub trait Trio {
    /// Posts an alert, or its end, to every member.
    fn post(&mut self, alert: &str, is_over: bool);
    /// Lets time pass.
    fn pass(&mut self, span: Duration);
    /// Returns which member told what, as `firing Down`, those of a member in order.
    fn told(&self) -> Vec<(usize, String)>;
    /// Returns a member's page of metrics.
    fn metrics(&mut self, member: usize) -> String;
}

/// Takes the walk: an alert begins, and is over.
///
/// # Panics
/// Where a cluster leaves the way.
pub fn walk(trio: &mut dyn Trio) {
    let mut expected = Vec::new();
    for (is_over, status) in [(false, "firing"), (true, "resolved")] {
        let before = [1, 2].map(|peer| heard(trio, peer));
        trio.post("Down", is_over);
        expected.push((0, format!("{status} Down")));
        wait(trio, "the webhook is sent", |trio| trio.told() == expected);
        for (peer, before) in [1, 2].into_iter().zip(before) {
            wait(trio, "its record is gossiped", |trio| heard(trio, peer) > before);
        }
        // Everybody's turn has come and gone: the last one's began two timeouts after the flush.
        trio.pass(PEER_TIMEOUT * 2 + MARGIN);
        assert_eq!(trio.told(), expected, "the peers stay quiet");
    }
}

fn heard(trio: &mut dyn Trio, member: usize) -> f64 {
    let page = trio.metrics(member);
    let value = page.lines().find_map(|line| line.strip_prefix(HEARD)?.trim().parse().ok());
    value.unwrap_or_else(|| panic!("member {member} has no {HEARD}"))
}

#[track_caller]
fn wait(trio: &mut dyn Trio, what: &str, is_so: impl Fn(&mut dyn Trio) -> bool) {
    let mut waited = Duration::ZERO;
    while !is_so(trio) {
        assert!(waited < SETTLING, "not in time: {what}; told {:?}", trio.told());
        trio.pass(STEP);
        waited += STEP;
    }
}

/// Simulated hosts.
#[derive(Debug)]
pub struct Simulated(Fleet);

impl Simulated {
    /// Makes a cluster that has settled.
    ///
    /// # Panics
    /// When it does not settle.
    pub fn new(seed: u64) -> Self {
        let config = CONFIG.replace("{{sink}}", &format!("http://{PAGER}/"));
        let fleet = Fleet::unsettled(seed, 3, |_| {
            let mut spec = HostSpec::new(config.as_str());
            spec.flags.push(format!("--cluster.peer-timeout={}s", PEER_TIMEOUT.as_secs()));
            spec
        });
        let mut fleet = fleet.expect("they start");
        fleet.settle(3, Duration::from_secs(60)).expect("they settle");
        Self(fleet)
    }
}

impl Trio for Simulated {
    fn post(&mut self, alert: &str, is_over: bool) {
        self.0.post_all(alert, "", is_over.then_some(-1.0)).expect("they take it");
    }

    fn pass(&mut self, span: Duration) {
        self.0.world.run_for(span);
    }

    fn told(&self) -> Vec<(usize, String)> {
        let told = self.0.notices(PAGER).into_iter().map(|notice| {
            let (status, alerts) = match notice.firing.is_empty() {
                false => ("firing", notice.firing),
                true => ("resolved", notice.resolved),
            };
            let name = alerts[0].trim_end_matches('/').to_owned();
            (notice.from.0 as usize, format!("{status} {name}"))
        });
        told.collect()
    }

    fn metrics(&mut self, member: usize) -> String {
        let host = self.0.host(member);
        let answer = self.0.world.request(host, "GET", "/metrics", b"").expect("it answers");
        String::from_utf8(answer.body).expect("text")
    }
}

/// Processes on loopback.
#[derive(Debug)]
pub struct Processes(pub [Member; 3]);

impl Trio for Processes {
    fn post(&mut self, alert: &str, is_over: bool) {
        // What began long ago would have to wait after a start.
        let mut body = json!([{"labels": {"alertname": alert}}]);
        if is_over {
            body[0]["endsAt"] = "2021-01-01T00:00:00Z".into();
        }
        for Member { program, .. } in &self.0 {
            let answer = program.request("POST", "/api/v2/alerts", body.to_string().as_bytes());
            assert_eq!(answer.expect("it answers").status, 200);
        }
    }

    fn pass(&mut self, span: Duration) {
        thread::sleep(span);
    }

    fn told(&self) -> Vec<(usize, String)> {
        let members = self.0.iter().enumerate();
        let told = members.flat_map(|(n, member)| member.told().into_iter().map(move |t| (n, t)));
        told.collect()
    }

    fn metrics(&mut self, member: usize) -> String {
        let answer = self.0[member].program.request("GET", "/metrics", b"").expect("it answers");
        answer.text()
    }
}
