//! The node as a whole, driven by hand on virtual time.

use alloc::{format, string::String, sync::Arc, vec, vec::Vec};
use core::time::Duration;

mod journal;
mod light;
mod muting;
mod recorder;
mod reload;
mod tracing;

use super::*;
use crate::{
    alert::AlertBatch,
    drive::{self, Execute},
    label::{Labels, Matcher, Matchers, Op},
    notify::{Answer, Exchange},
    persist::{self, Saved},
    rng::Seed,
    silence::Draft,
    time::{Instant, Stamp},
};

const CONFIG: &str = "
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 2s
  group_interval: 5s
  repeat_interval: 12s
receivers:
  - name: hook
    webhook_configs: [{url: 'http://127.0.0.1:1/'}]
inhibit_rules:
  - source_matchers: [sev=crit]
    target_matchers: [sev=warn]
    equal: [job]
";

/// What a run left behind.
#[derive(Default)]
struct Seen {
    queue: VecDeque<Input>,
    sent: Vec<(u64, String)>,
    exchanges: Vec<Exchange>,
    replies: Vec<Reply>,
    saved: Option<Vec<u8>>,
    journals: alloc::collections::BTreeMap<String, Vec<u8>>,
    disk_error: Option<String>,
    /// Whether appends are never answered.
    disk_hangs: bool,
    events: Vec<Event>,
    /// Whether results wait until they are asked for.
    by_step: bool,
    config: String,
    status: u16,
    now_ms: u64,
    /// How far the wall clock has jumped.
    jump_ms: i64,
    stopped: bool,
    calls: Vec<crate::notify::grpc::Call>,
    is_traced: bool,
    /// What was recorded of events.
    recorded: Vec<u8>,
    /// How much work was handed over.
    works: usize,
}

impl Execute for Seen {
    fn execute(&mut self, output: Output) {
        match output {
            Output::Work(id, work) => {
                self.works += 1;
                self.queue.push_back(Input::Worked(id, work.run()));
            }
            Output::Send(id, exchange, _) => {
                let body = String::from_utf8_lossy(&exchange.body).into_owned();
                self.sent.push((self.now_ms, body));
                self.exchanges.push(*exchange);
                let answer = Answer { status: self.status, ..Answer::default() };
                self.queue.push_back(Input::Sent(id, Ok(answer)));
            }
            Output::Mail(id, session, _) => {
                self.sent.push((self.now_ms, session.mail().to.join(",")));
                let answer = Answer { status: 250, ..Answer::default() };
                self.queue.push_back(Input::Sent(id, Ok(answer)));
            }
            Output::Grpc(id, call, _) => {
                self.calls.push(*call);
                self.queue
                    .push_back(Input::Sent(id, Ok(Answer { status: 200, ..Answer::default() })));
            }
            Output::Trace(is_on) => self.is_traced = is_on,
            Output::Glob(id, _) => self.queue.push_back(Input::Globbed(id, Ok(Vec::new()))),
            Output::Read(id, _) => {
                let text = self.config.clone().into_bytes();
                self.queue.push_back(Input::Read(id, Ok(text)));
            }
            Output::Append(append) => {
                if self.disk_hangs {
                    return;
                }
                let result = match &self.disk_error {
                    Some(error) => Err(error.clone()),
                    None => {
                        let file = self.journals.entry(append.file).or_default();
                        file.truncate(append.offset as usize);
                        file.extend_from_slice(&append.bytes);
                        Ok(())
                    }
                };
                self.queue.push_back(Input::Appended(append.id, result));
            }
            Output::Record(id, _, bytes) => {
                self.recorded.extend_from_slice(&bytes);
                let result = self.disk_error.clone().map_or(Ok(()), Err);
                self.queue.push_back(Input::Recorded(id, result));
            }
            Output::Remove(name) => drop(self.journals.remove(&name)),
            Output::Save(id, ..) if self.disk_error.is_some() => {
                self.queue.push_back(Input::Saved(id, Err("full".into())));
            }
            Output::Save(id, _, bytes) => {
                self.saved = Some(bytes);
                self.queue.push_back(Input::Saved(id, Ok(())));
            }
            Output::Reply(_, reply) => self.replies.push(reply),
            Output::Log(event) => {
                let is_expected =
                    self.status != 200 || self.disk_error.is_some() || self.disk_hangs;
                let is_error = event.level() == crate::event::Level::Error;
                assert!(!is_error || is_expected, "{event:?}");
                self.events.push(event);
            }
            Output::Cancel(_) => {}
            Output::Datagram { .. } | Output::Resolve(..) | Output::Stream(..) => {
                panic!("a node without a cluster gossips")
            }
            Output::Stopped => self.stopped = true,
        }
    }

    fn run(&mut self, work: Work) -> Done {
        work.run()
    }
}

struct Rig {
    node: Node,
    seen: Seen,
}

impl Rig {
    fn new(config: &str) -> Self {
        Self::with(config, Saved::default(), 0)
    }

    fn with(config: &str, saved: Saved, now_ms: u64) -> Self {
        let options = Options { config_file: Some("c.yml".into()), ..Options::default() };
        Self::with_options(options, config, saved, now_ms)
    }

    fn with_options(options: Options, config: &str, saved: Saved, now_ms: u64) -> Self {
        let start = Start {
            config: Arc::new(load_config(config.as_bytes(), &options).expect("valid")),
            options: Arc::new(options),
            external_url: Arc::from("http://am"),
            hostname: Arc::from("am"),
            gossip: None,
            saved,
            seed: Seed::from_number(1),
        };
        let seen = Seen { config: config.into(), status: 200, now_ms, ..Seen::default() };
        let mut rig = Self { node: Node::new(at(now_ms), start), seen };
        rig.settle();
        rig
    }

    /// Runs until virtual time `ms`, stopping at each deadline on the way.
    fn until(&mut self, ms: u64) {
        loop {
            let next = self.node.deadline().map(|d| d.at.as_nanos().div_ceil(1_000_000));
            match next.filter(|&next| next <= ms) {
                Some(next) => {
                    self.seen.now_ms = next.max(self.seen.now_ms);
                    self.node.handle(self.now(), Input::Timeout);
                    self.settle();
                }
                None => break,
            }
        }
        self.seen.now_ms = ms;
    }

    fn input(&mut self, input: Input) {
        self.seen.queue.push_back(input);
        self.settle();
    }

    fn settle(&mut self) {
        loop {
            if self.seen.by_step {
                return self.step();
            }
            let mut queue = core::mem::take(&mut self.seen.queue);
            let now = self.now();
            drive::turn(&mut self.node, now, || queue.pop_front(), &mut self.seen);
            // What one turn did not take comes before what it asked for.
            queue.append(&mut self.seen.queue);
            self.seen.queue = queue;
            if self.seen.queue.is_empty() {
                return;
            }
        }
    }

    /// Takes one input, if there is one, and carries out what follows.
    fn step(&mut self) {
        let (now, mut next) = (self.now(), self.seen.queue.pop_front());
        drive::turn(&mut self.node, now, || next.take(), &mut self.seen);
    }

    fn now(&self) -> Now {
        let Now { instant, wall } = at(self.seen.now_ms);
        Now {
            instant,
            wall: Timestamp::from_nanos(wall.as_nanos() + self.seen.jump_ms * 1_000_000),
        }
    }

    fn post(&mut self, labels: &[(&str, &str)], ends_ms: Option<u64>) {
        let mut batch = AlertBatch::new();
        let labels = Labels::from_pairs(labels.iter().copied());
        let end = ends_ms.map(|ms| Stamp::utc(at(ms).wall));
        batch.push_labels(&labels, &Labels::empty(), "", (None, end));
        self.input(Input::Call(CallId(1), Call::PostAlerts(batch)));
    }

    fn sent_at(&self) -> Vec<u64> {
        self.seen.sent.iter().map(|(ms, _)| *ms).collect()
    }
}

fn at(ms: u64) -> Now {
    Now {
        instant: Instant::from_nanos(ms * 1_000_000),
        wall: Timestamp::from_parts(1_700_000_000, 0) + Duration::from_millis(ms),
    }
}

#[test]
fn an_alert_is_notified_after_group_wait_and_repeated_at_the_tick_after_repeat_interval() {
    let mut rig = Rig::new(CONFIG);
    rig.post(&[("alertname", "A")], None);
    rig.until(40_000);
    // Ticks at 2, 7, 12, 17 …; the first one more than 12 s after 2 is 17.
    assert_eq!(rig.sent_at(), [2000, 17_000, 32_000]);
    assert!(rig.seen.sent[0].1.contains("\"notification_reason\":\"first notification\""));
    assert!(rig.seen.sent[1].1.contains("\"notification_reason\":\"repeat interval elapsed\""));
}

#[test]
fn a_resolved_alert_is_told_once_and_leaves() {
    let mut rig = Rig::new(CONFIG);
    rig.post(&[("alertname", "A")], None);
    rig.until(3000);
    rig.post(&[("alertname", "A")], Some(3000));
    rig.until(60_000);
    assert_eq!(rig.sent_at(), [2000, 7000]);
    assert!(rig.seen.sent[1].1.contains("\"status\":\"resolved\""));
    assert!(rig.node.groups.is_empty());
    assert_eq!(rig.node.alerts.iter().map(|(_, entry)| entry.groups).sum::<u32>(), 0);
    rig.post(&[("alertname", "A")], None);
    rig.until(70_000);
    assert_eq!(rig.sent_at(), [2000, 7000, 62_000], "a refire makes a new group");
}

#[test]
fn an_alert_that_resolves_before_the_first_flush_is_never_told() {
    let mut rig = Rig::new(CONFIG);
    rig.post(&[("alertname", "A")], None);
    rig.until(1000);
    rig.post(&[("alertname", "A")], Some(1000));
    rig.until(60_000);
    assert!(rig.sent_at().is_empty());
    assert!(rig.node.groups.is_empty());
}

#[test]
fn silences_and_inhibition_mute() {
    let mut rig = Rig::new(CONFIG);
    rig.post(&[("alertname", "A"), ("sev", "warn"), ("job", "x")], None);
    rig.post(&[("alertname", "B"), ("sev", "crit"), ("job", "x")], None);
    rig.post(&[("alertname", "C")], None);
    let matcher = Matcher::new("alertname", Op::Equal, "C").expect("no regex");
    let draft = Draft {
        id: None,
        matcher_sets: vec![Matchers::new(vec![matcher])],
        starts_at: Timestamp::ZERO,
        ends_at: at(20_000).wall,
        created_by: "me".into(),
        comment: "c".into(),
        annotations: Default::default(),
    };
    rig.input(Input::Call(CallId(2), Call::PutSilence(Box::new(draft))));
    assert!(matches!(rig.seen.replies.last(), Some(Reply::SilencePut(Ok(_)))));
    rig.until(10_000);
    assert_eq!(rig.sent_at(), [2000]);
    assert!(rig.seen.sent[0].1.contains("\"alertname\":\"B\""));
    rig.until(22_000);
    assert!(rig.seen.sent.iter().any(|(ms, body)| *ms == 20_000 && body.contains("\"C\"")));
    assert!(!rig.seen.sent.iter().any(|(_, body)| body.contains("\"A\"")));
}

#[test]
fn a_reload_of_the_same_file_changes_nothing() {
    let mut rig = Rig::new(CONFIG);
    rig.post(&[("alertname", "A")], None);
    rig.until(4000);
    let before = rig.node.deadline();
    rig.input(Input::Call(CallId(9), Call::Reload { dry_run: false }));
    assert!(matches!(rig.seen.replies.last(), Some(Reply::Reloaded(Ok(())))));
    assert_eq!(rig.node.deadline(), before);
    rig.until(20_000);
    assert_eq!(rig.sent_at(), [2000, 17_000]);
}

#[test]
fn a_broken_file_leaves_the_old_configuration() {
    let mut rig = Rig::new(CONFIG);
    rig.seen.status = 500; // errors are expected
    rig.seen.config = "route: {receiver: nobody}".into();
    rig.input(Input::Call(CallId(9), Call::Reload { dry_run: false }));
    let Some(Reply::Reloaded(Err(error))) = rig.seen.replies.last() else { panic!("refused") };
    assert!(error.contains("nobody"), "{error}");
    assert_eq!(rig.node.config.receivers[0].name.as_ref(), "hook");
}

#[test]
fn failures_are_retried_until_the_deadline_and_again_at_the_next_tick() {
    let mut rig = Rig::new(CONFIG);
    rig.seen.status = 503;
    rig.post(&[("alertname", "A")], None);
    rig.until(11_900);
    let attempts = rig.sent_at().len();
    assert!((4..14).contains(&attempts), "{attempts}");
    rig.until(12_000);
    rig.seen.status = 200;
    rig.until(20_000);
    let body = &rig.seen.sent.last().expect("sent").1;
    assert!(body.contains("\"first notification\""), "nothing was logged before");
    let sent = rig.sent_at().len();
    rig.until(23_000);
    assert_eq!(rig.sent_at().len(), sent, "told once is told");
}

#[test]
fn a_restart_from_the_checkpoint_repeats_nothing() {
    let mut rig = Rig::new(CONFIG);
    rig.post(&[("alertname", "A")], None);
    rig.until(4000);
    rig.input(Input::Shutdown);
    assert!(rig.seen.stopped);
    let saved = persist::decode(&rig.seen.saved.expect("saved")).expect("decodes");
    assert_eq!((saved.alerts.len(), saved.nflog.len()), (1, 1));
    let mut rig = Rig::with(CONFIG, saved, 5000);
    rig.until(13_900);
    assert!(rig.sent_at().is_empty());
    rig.until(40_000);
    assert!(!rig.sent_at().is_empty());
}

#[test]
fn a_shutdown_waits_for_what_is_under_way_and_no_longer_than_its_grace() {
    let mut rig = Rig::new(CONFIG);
    rig.post(&[("alertname", "A")], None);
    rig.seen.status = 503;
    rig.until(2000);
    rig.input(Input::Shutdown);
    assert!(!rig.seen.stopped, "an attempt waits for its next try");
    rig.input(Input::Call(CallId(7), Call::Reload { dry_run: false }));
    assert!(matches!(rig.seen.replies.last(), Some(Reply::Stopping)));
    rig.until(7100);
    assert!(rig.seen.stopped);
    assert!(rig.seen.saved.is_some());
    assert_eq!(rig.node.deadline(), None, "nothing wakes a node that has stopped");
}

#[test]
fn a_wall_clock_that_jumps_moves_no_tick() {
    for jump_ms in [-86_400_000, -3000, 3000, 100_000] {
        let mut rig = Rig::new(CONFIG);
        rig.post(&[("alertname", "A")], None);
        rig.until(4000);
        rig.seen.jump_ms = jump_ms;
        // A refresh, as Prometheus would send it by its own, right clock.
        rig.post(&[("alertname", "A")], None);
        rig.until(6900);
        assert_eq!(rig.sent_at(), [2000], "after a jump by {jump_ms} ms");
        rig.post(&[("alertname", "B")], None);
        rig.until(9500);
        assert_eq!(rig.sent_at().last(), Some(&8900), "a new group waits group_wait: {jump_ms} ms");
    }
}

#[test]
fn an_end_is_told_after_a_jump_back() {
    let mut rig = Rig::new(CONFIG);
    rig.post(&[("alertname", "A")], None);
    rig.until(4000);
    rig.seen.jump_ms = -3000;
    let end = rig.now().wall;
    let mut batch = AlertBatch::new();
    let labels = Labels::from_pairs([("alertname", "A")]);
    batch.push_labels(&labels, &Labels::empty(), "", (None, Some(Stamp::utc(end))));
    rig.input(Input::Call(CallId(1), Call::PostAlerts(batch)));
    rig.until(8000);
    assert_eq!(rig.sent_at(), [2000, 7000]);
    assert!(rig.seen.sent[1].1.contains("\"status\":\"resolved\""));
}
