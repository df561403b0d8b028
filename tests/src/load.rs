//! Load for benches and for the tests of costs: alerts of a realistic size, and a node to put them
//! to, driven by hand on virtual time.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{self, Duration},
};

use campana_core::{
    alert::AlertBatch,
    api::Call,
    cli::Options,
    drive::{self, Execute},
    id::CallId,
    label::{Labels, Matcher, Matchers, Op},
    node::{Done, Input, Node, Output, Start, Work, load_config},
    notify::Answer,
    persist::Saved,
    rng::Seed,
    silence::Draft,
    time::{Instant, Now, Stamp, Timestamp},
};

/// When hosts start, by the wall clock.
pub const START: Timestamp = Timestamp::from_parts(1_700_000_000, 0);

/// One route that groups by alert name, with the intervals of a default installation.
pub const CONFIG: &str = "
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 30s
  group_interval: 5m
  repeat_interval: 4h
receivers:
  - name: hook
    webhook_configs: [{url: 'http://127.0.0.1:1/'}]
";

/// As [`CONFIG`], but a group flushes once and then rests.
pub const FLUSH_ONCE: &str = "
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 30s
  group_interval: 20w
  repeat_interval: 20w
receivers:
  - name: hook
    webhook_configs: [{url: 'http://127.0.0.1:1/'}]
";

/// Returns a configuration of this many routes beside each other, each for one `service`.
pub fn many_routes(count: usize) -> String {
    let mut text = String::from("route:\n  receiver: hook\n  group_by: [alertname]\n  routes:\n");
    for n in 0..count {
        text +=
            &format!("    - matchers: ['service=\"service-{n:04}\"', 'severity=~\"warn.*\"']\n");
    }
    text + "receivers:\n  - name: hook\n    webhook_configs: [{url: 'http://127.0.0.1:1/'}]\n"
}

/// Returns the labels of an alert: ten pairs, about 220 bytes.
pub fn labels(group: usize, instance: usize) -> Labels {
    Labels::from_pairs([
        ("alertname", format!("HighRequestLatency{group:05}").as_str()),
        ("cluster", "prod-eu-west-1"),
        ("container", "frontend"),
        ("endpoint", "http-metrics"),
        ("instance", &format!("10.{}.{}:9100", instance / 250, instance % 250)),
        ("job", "kubernetes-pods"),
        ("namespace", "checkout"),
        ("pod", &format!("frontend-7d9c5b8f4-{instance:06}")),
        ("service", &format!("service-{:04}", group % 500)),
        ("severity", "warning"),
    ])
}

/// Returns the annotations of an alert: two texts of about 100 bytes.
pub fn annotations(instance: usize) -> Labels {
    let tail = "for the last ten minutes, which is above the objective of 300 milliseconds";
    Labels::from_pairs([
        ("description", format!("Latency of instance {instance} is high {tail}")),
        ("summary", format!("Requests to instance {instance} are slow {tail}")),
    ])
}

/// Returns a batch of alerts: `(group, instance)` each.
pub fn batch(alerts: impl IntoIterator<Item = (usize, usize)>) -> AlertBatch {
    // As from a client that says itself when an alert ends; here, not soon.
    batch_until(alerts, START + Duration::from_secs(365 * 86_400))
}

/// Returns a batch of alerts that end at a time.
pub fn batch_until(alerts: impl IntoIterator<Item = (usize, usize)>, end: Timestamp) -> AlertBatch {
    let mut batch = AlertBatch::new();
    for (group, instance) in alerts {
        let url = "http://prometheus.example:9090/graph?g0.expr=latency&g0.tab=1";
        let times = (Some(Stamp::utc(START)), Some(Stamp::utc(end)));
        batch.push_labels(&labels(group, instance), &annotations(instance), url, times);
    }
    batch
}

/// Returns the body of a POST of alerts as Prometheus sends it.
pub fn body(alerts: impl IntoIterator<Item = (usize, usize)>) -> String {
    let object = |labels: &Labels| {
        let pairs = labels.iter().map(|(name, value)| (name.to_string(), value.into()));
        serde_json::Value::Object(pairs.collect())
    };
    let list: Vec<_> = alerts
        .into_iter()
        .map(|(group, instance)| {
            serde_json::json!({
                "annotations": object(&annotations(instance)),
                "endsAt": "2023-11-14T23:20:00.123456789Z",
                "startsAt": "2023-11-14T22:13:20.123456789Z",
                "generatorURL": "http://prometheus.example:9090/graph?g0.expr=latency&g0.tab=1",
                "labels": object(&labels(group, instance)),
            })
        })
        .collect();
    serde_json::to_string(&list).expect("plain JSON")
}

/// Returns silence number `n`, which matches no alert of [`labels`]: by turns of one instance that
/// does not exist, of a pattern of instances, and of a group of names.
pub fn foreign_silence(n: usize, now: Timestamp) -> Draft {
    let matcher = |name, op, value: &str| Matcher::new(name, op, value).expect("a valid matcher");
    let matchers = match n % 3 {
        0 => vec![
            matcher("cluster", Op::Equal, "prod-eu-west-1"),
            matcher("instance", Op::Equal, &format!("192.168.0.{n}:9100")),
        ],
        1 => vec![matcher("pod", Op::Regex, &format!("backend-{n}-.*"))],
        _ => vec![matcher("alertname", Op::Regex, &format!("DiskFull{n}|DiskSlow{n}"))],
    };
    Draft {
        id: None,
        matcher_sets: vec![Matchers::new(matchers)],
        starts_at: now,
        ends_at: now + Duration::from_secs(1_000_000),
        created_by: Arc::from("somebody"),
        comment: Arc::from("planned work"),
        annotations: Default::default(),
    }
}

/// A node with its clock; what it asks for is done at once.
pub struct Host {
    /// The node.
    pub node: Node,
    /// The time by the host's clocks.
    pub now: Now,
}

/// What it took to bring a node to rest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Effort {
    /// Requests sent.
    pub sent: usize,
    /// Time in the node.
    pub owner: Duration,
    /// Time in computations off the owner's thread.
    pub workers: Duration,
}

impl Host {
    /// Starts a node with a configuration.
    pub fn new(config: &str) -> Self {
        Self::again(config, Saved::default())
    }

    /// Starts a node with a configuration and what the last run left behind.
    pub fn again(config: &str, saved: Saved) -> Self {
        let options = Options { config_file: Some("c.yml".into()), ..Options::default() };
        let now = Now { instant: Instant::from_nanos(0), wall: START };
        let start = Start {
            config: Arc::new(load_config(config.as_bytes(), &options).expect("valid")),
            options: Arc::new(options),
            external_url: Arc::from("http://am"),
            hostname: Arc::from("am"),
            saved,
            gossip: None,
            seed: Seed::from_number(1),
        };
        let mut host = Self { node: Node::new(now, start), now };
        host.drain();
        host
    }

    /// Starts a node that knows `groups` groups of `each` alerts, none of them flushed yet.
    pub fn with_alerts(config: &str, groups: usize, each: usize) -> Self {
        let mut host = Self::new(config);
        for group in 0..groups {
            host.post(batch((0..each).map(|instance| (group, instance))));
        }
        host
    }

    /// Adds silences that match no alert.
    pub fn silence(&mut self, count: usize) {
        for n in 0..count {
            let draft = Box::new(foreign_silence(n, self.now.wall));
            self.handle(Input::Call(CallId(1), Call::PutSilence(draft)));
        }
    }

    /// Posts a batch and drops the answer.
    pub fn post(&mut self, batch: AlertBatch) {
        self.handle(Input::Call(CallId(1), Call::PostAlerts(batch)));
    }

    /// Hands an input to the node and drops what it asks for.
    pub fn handle(&mut self, input: Input) {
        self.node.handle(self.now, input);
        self.drain();
    }

    /// Lets time pass; nothing is handled.
    pub fn pass(&mut self, span: Duration) {
        self.now = Now { instant: self.now.instant + span, wall: self.now.wall + span };
    }

    /// Ends the node and returns its checkpoint.
    pub fn end(mut self) -> Vec<u8> {
        let (mut effort, mut checkpoint) = (Effort::default(), Vec::new());
        let mut inputs = VecDeque::from([Input::Shutdown]);
        while let Some(input) = inputs.pop_front() {
            self.node.handle(self.now, input);
            while let Some(mut output) = self.node.poll() {
                if let Output::Save(_, _, bytes) = &mut output {
                    checkpoint = std::mem::take(bytes);
                }
                inputs.extend(carry_out(output, &mut effort));
            }
        }
        checkpoint
    }

    /// Plays turns at the present time until nothing is left to do, with receivers that take
    /// everything.
    pub fn settle(&mut self) -> Effort {
        let mut effort = Effort::default();
        let mut inputs = VecDeque::new();
        loop {
            let mut outputs = Outputs(Vec::new());
            let begin = time::Instant::now();
            let next = || inputs.pop_front();
            let deadline = drive::turn(&mut self.node, self.now, next, &mut outputs);
            effort.owner += begin.elapsed();
            for output in outputs.0 {
                inputs.extend(carry_out(output, &mut effort));
            }
            if inputs.is_empty() && deadline.is_none_or(|next| next.at > self.now.instant) {
                return effort;
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.node.poll() {
            // A disk that takes everything at once.
            if let Output::Append(append) = output {
                self.node.handle(self.now, Input::Appended(append.id, Ok(())));
            }
        }
    }
}

struct Outputs(Vec<Output>);

impl Execute for Outputs {
    fn execute(&mut self, output: Output) {
        self.0.push(output);
    }

    fn run(&mut self, work: Work) -> Done {
        work.run()
    }
}

fn carry_out(output: Output, effort: &mut Effort) -> Option<Input> {
    Some(match output {
        Output::Work(id, work) => {
            let begin = time::Instant::now();
            let done = work.run();
            effort.workers += begin.elapsed();
            Input::Worked(id, done)
        }
        Output::Mail(id, ..) | Output::Send(id, ..) => {
            effort.sent += 1;
            Input::Sent(id, Ok(Answer { status: 200, ..Answer::default() }))
        }
        Output::Save(id, ..) => Input::Saved(id, Ok(())),
        Output::Append(append) => Input::Appended(append.id, Ok(())),
        Output::Record(id, ..) => Input::Recorded(id, Ok(())),
        _ => return None,
    })
}
