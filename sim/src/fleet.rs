//! A cluster under test: hosts that know each other, and verbs for what is done to them.

use std::{collections::BTreeMap, time::Duration};

use campana_core::{
    cluster::Status,
    time::{Instant, Stamp, Timestamp, rfc3339::write_millis},
};

use crate::{
    host::{HostId, HostSpec},
    notice::Notice,
    world::World,
};

/// The receiver of [`Fleet::new`]'s configuration.
pub const PAGER: &str = "pager";

/// Hosts that gossip, in a world of their own.
#[derive(Debug)]
pub struct Fleet {
    /// The world, to change anything.
    pub world: World,
    hosts: Vec<HostId>,
}

/// A configuration with one webhook, the receiver [`PAGER`], and groups by `alertname`.
pub fn config(group_wait: &str, group_interval: &str, repeat_interval: &str) -> String {
    format!(
        "
route:
  receiver: team
  group_by: [alertname]
  group_wait: {group_wait}
  group_interval: {group_interval}
  repeat_interval: {repeat_interval}
receivers:
- name: team
  webhook_configs: [{{url: 'http://{PAGER}/hook'}}]
"
    )
}

impl Fleet {
    /// Makes a cluster of hosts with the same configuration, on a local network, and waits until
    /// it has settled. The hosts' names sort by their numbers, so host 0 is the first to send.
    ///
    /// # Errors
    /// What is wrong with the configuration, or that it does not settle.
    pub fn new(seed: u64, count: u32, config: &str) -> Result<Self, String> {
        let mut fleet = Self::unsettled(seed, count, |_| HostSpec::new(config))?;
        fleet.settle(count as usize, Duration::from_secs(120))?;
        Ok(fleet)
    }

    /// Makes a cluster and lets no time pass. The flags and names of the cluster are added to each
    /// host's.
    ///
    /// # Errors
    /// What is wrong with a host.
    pub fn unsettled(
        seed: u64,
        count: u32,
        spec: impl Fn(u32) -> HostSpec,
    ) -> Result<Self, String> {
        let mut world = World::new(seed);
        world.network.link.delay = Duration::from_micros(200);
        world.network.link.jitter = Duration::from_micros(300);
        world.network.delay = Duration::from_millis(2);
        // Large clusters are told of some peers and find the others.
        let peers_max = 8;
        let hosts = (0..count).map(|number| {
            let mut spec = spec(number);
            spec.gossips = true;
            let peers = (0..count).filter(|peer| *peer != number).take(peers_max);
            spec.flags.extend(peers.map(|peer| format!("--cluster.peer=host{peer}:9094")));
            spec.flags.push(format!("--cluster.peer-name=n{number:04}"));
            world.add_host(spec)
        });
        let hosts = hosts.collect::<Result<_, _>>()?;
        Ok(Self { world, hosts })
    }

    /// Returns a host.
    pub fn host(&self, number: usize) -> HostId {
        self.hosts[number]
    }

    /// Returns all hosts.
    pub fn hosts(&self) -> &[HostId] {
        &self.hosts
    }

    /// Runs for a while.
    pub fn run(&mut self, seconds: f64) {
        self.world.run_for(Duration::from_secs_f64(seconds));
    }

    /// Runs until every host that runs sees `count` members and may notify.
    ///
    /// # Errors
    /// Who sees what, when `patience` is over.
    pub fn settle(&mut self, count: usize, patience: Duration) -> Result<Duration, String> {
        let began = self.world.now();
        loop {
            if self.views().all(|(_, members, ready)| members == count && ready) {
                return Ok(self.world.now().since(began));
            }
            if self.world.now().since(began) > patience {
                return Err(format!("not settled: {:?}", self.views().collect::<Vec<_>>()));
            }
            self.world.run_for(Duration::from_millis(100));
        }
    }

    /// Returns of every host that runs: how many members it sees, and whether it may notify.
    pub fn views(&self) -> impl Iterator<Item = (HostId, usize, bool)> {
        self.hosts.iter().filter_map(|&id| {
            let view = self.world.node(id)?.view();
            let cluster = view.cluster.as_ref()?;
            Some((id, cluster.peers.len(), cluster.status == Status::Ready))
        })
    }

    /// Posts an alert to one host. `ends` is how far its end lies from now, in seconds.
    ///
    /// # Errors
    /// That the host does not run, or refuses.
    pub fn post(
        &mut self,
        number: usize,
        name: &str,
        instance: &str,
        ends: Option<f64>,
    ) -> Result<(), String> {
        let id = self.hosts[number];
        let end = ends.map(|seconds| self.stamp(Instant::from_nanos(0), seconds));
        let body = body(&[(name, instance, None, end.as_deref())]);
        expect_ok(self.world.request(id, "POST", "/api/v2/alerts", body.as_bytes())?)
    }

    /// Posts an alert to every host that runs, with its end as [`Self::post`] has it.
    ///
    /// # Errors
    /// That one refuses.
    pub fn post_all(
        &mut self,
        name: &str,
        instance: &str,
        ends: Option<f64>,
    ) -> Result<(), String> {
        for number in 0..self.hosts.len() {
            if self.world.node(self.hosts[number]).is_some() {
                self.post(number, name, instance, ends)?;
            }
        }
        Ok(())
    }

    /// Writes a time of the world as JSON has it: `at`, or now when that is zero, and some seconds.
    pub fn stamp(&self, at: Instant, plus: f64) -> String {
        let at = if at.as_nanos() == 0 { self.world.now() } else { at };
        let wall = crate::Clock::default().now(at).wall.as_nanos() + (plus * 1e9) as i64;
        let mut text = String::new();
        write_millis(&mut text, Stamp::utc(Timestamp::from_nanos(wall)));
        text
    }

    /// Silences an alert name on one host and returns the silence's id.
    ///
    /// # Errors
    /// That the host does not run, or refuses.
    pub fn silence(&mut self, number: usize, name: &str, seconds: f64) -> Result<String, String> {
        let id = self.hosts[number];
        let (start, end) = (
            self.stamp(Instant::from_nanos(0), -3600.0),
            self.stamp(Instant::from_nanos(0), seconds),
        );
        let body = format!(
            r#"{{"matchers":[{{"name":"alertname","value":"{name}","isRegex":false}}],
            "startsAt":"{start}","endsAt":"{end}","createdBy":"sim","comment":"quiet"}}"#
        );
        let response = self.world.request(id, "POST", "/api/v2/silences", body.as_bytes())?;
        let text = String::from_utf8_lossy(&response.body).into_owned();
        let value: serde_json::Value = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        value["silenceID"].as_str().map(str::to_owned).ok_or(text)
    }

    /// Ends a silence on one host.
    ///
    /// # Errors
    /// That the host does not run, or refuses.
    pub fn expire(&mut self, number: usize, silence: &str) -> Result<(), String> {
        let target = format!("/api/v2/silence/{silence}");
        expect_ok(self.world.request(self.hosts[number], "DELETE", &target, b"")?)
    }

    /// Tells whether a host knows a silence.
    pub fn has_silence(&self, number: usize, silence: &str) -> bool {
        let node = self.world.node(self.hosts[number]);
        node.is_some_and(|node| node.view().silences.get(silence).is_some())
    }

    /// Cuts hosts from all others, both ways.
    pub fn cut(&mut self, numbers: &[usize]) {
        let (inside, outside): (Vec<usize>, Vec<usize>) =
            (0..self.hosts.len()).partition(|number| numbers.contains(number));
        let ids = |numbers: Vec<usize>| numbers.iter().map(|&n| self.hosts[n]).collect::<Vec<_>>();
        let (inside, outside) = (ids(inside), ids(outside));
        self.world.network.cut(&inside, &outside);
    }

    /// Returns what a receiver was told and took, in order.
    pub fn notices(&self, receiver: &str) -> Vec<Notice> {
        let notices = self.world.receivers().received(receiver).iter().map(Notice::read);
        notices.filter(|notice| notice.accepted).collect()
    }

    /// Compares what the hosts that run know: silences and notification log, without what has
    /// expired.
    ///
    /// # Errors
    /// The first difference.
    pub fn compare(&self) -> Result<(), String> {
        let mut first: Option<(HostId, BTreeMap<String, String>)> = None;
        for &id in &self.hosts {
            let Some(state) = self.state(id) else { continue };
            let Some((other, known)) = &first else {
                first = Some((id, state));
                continue;
            };
            let keys = known.keys().chain(state.keys());
            for key in keys {
                if known.get(key) != state.get(key) {
                    return Err(format!(
                        "{other:?} and {id:?} differ in {key}:\n  {:?}\n  {:?}",
                        known.get(key),
                        state.get(key)
                    ));
                }
            }
        }
        Ok(())
    }

    fn state(&self, id: HostId) -> Option<BTreeMap<String, String>> {
        let node = self.world.node(id)?;
        // Far from the clocks' differences, so that all hosts agree what has expired.
        let soon = self.world.wall(self.hosts[0]) + Duration::from_secs(600);
        let view = node.view();
        let silences = view.silences.iter().filter(|silence| silence.ends_at > soon);
        let silences = silences.map(|silence| (silence.id.to_string(), format!("{silence:?}")));
        let log = node.nflog().iter().filter(|(_, entry)| entry.expires_at > soon);
        let log = log.map(|(key, entry)| (key.to_string(), format!("{entry:?}")));
        Some(silences.chain(log).collect())
    }
}

/// An alert to post: name, instance, start, end.
pub(crate) type Posted<'a> = (&'a str, &'a str, Option<&'a str>, Option<&'a str>);

/// Makes the body of a post.
pub(crate) fn body(alerts: &[Posted<'_>]) -> String {
    let mut text = String::from("[");
    for (index, (name, instance, start, end)) in alerts.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        text += &format!(r#"{comma}{{"labels":{{"alertname":"{name}","instance":"{instance}"}}"#);
        for (key, time) in [("startsAt", start), ("endsAt", end)] {
            if let Some(time) = time {
                text += &format!(r#","{key}":"{time}""#);
            }
        }
        text.push('}');
    }
    text + "]"
}

fn expect_ok(response: campana_core::api::Response) -> Result<(), String> {
    match response.status {
        200 => Ok(()),
        status => Err(format!("{status}: {}", String::from_utf8_lossy(&response.body))),
    }
}
