//! One run: what was drawn happens, then everything heals, then the checkers look.

use std::time::Duration;

use campana_core::time::Instant;

use super::{
    check::{self, Findings},
    mix::{Kind, Kinds, Mix},
    prometheus::{Post, Prometheus},
    truth::{EVALUATION, Silence, Trouble, Truth},
};
use crate::{
    chance::Chance,
    fleet::{self, Fleet, PAGER},
    heap::Heap,
    host::HostSpec,
    network::{Fault, FaultId, Link},
    receivers::Behaviour,
};

/// How long healed hosts may take to agree.
const PATIENCE: Duration = Duration::from_secs(600);
/// How long a post takes at most.
const POST_DELAY_MAX: Duration = Duration::from_millis(500);

/// The first group's alerts mute those of the second.
const INHIBITION: &str = "
inhibit_rules:
- source_matchers: [alertname=Group0]
  target_matchers: [alertname=Group1]
  equal: [instance]
";

/// What is to be run.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// Where all chance comes from.
    pub seed: u64,
    /// How many hosts there are; otherwise the seed draws one to five.
    pub nodes: Option<u32>,
    /// How long faults act.
    pub duration: Duration,
    /// Which faults may be drawn.
    pub faults: Kinds,
    /// Whether the timeline has every packet, log line and file of the trace, too.
    pub traces: bool,
}

/// What a run showed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The plan.
    pub plan: Plan,
    /// What was drawn.
    pub mix: Mix,
    /// The fingerprint of everything that happened.
    pub digest: u64,
    /// What the checkers found.
    pub findings: Findings,
    /// What happened when, in words.
    pub timeline: Vec<String>,
    /// How much time passed in the world.
    pub virtual_time: Duration,
    /// From the end of the faults until all hosts see each other and know the same.
    pub agreed_after: Option<Duration>,
    /// Bytes of gossip per host and second.
    pub bytes_per_second: f64,
}

/// Something the outside does.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Evaluate(usize),
    Post { host: usize, posts: Vec<Post> },
    Put { number: usize, faults: Vec<Fault> },
    Lift(usize),
    Kill(usize),
    CutPower(usize),
    Stop(usize),
    Start(usize),
    Behave(Behaviour),
    Step(usize, i64),
    Disk(usize, bool),
    PrometheusDown(usize),
    PrometheusUp(usize),
    Deafen(usize, bool),
    Silence { host: usize, group: u64, seconds: u64 },
}

/// A run under way.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) plan: Plan,
    pub(super) mix: Mix,
    pub(super) fleet: Fleet,
    pub(super) truth: Truth,
    pub(super) agenda: Heap<Action>,
    pub(super) chance: Chance,
    pub(super) problems: Vec<String>,
    timeline: Vec<(Instant, String)>,
    servers: [Prometheus; 2],
    put: Vec<(usize, Vec<FaultId>)>,
    deaf: Vec<bool>,
}

/// Runs a plan.
///
/// # Errors
/// That the cluster could not even start.
pub fn run(plan: Plan) -> Result<Outcome, String> {
    let mut runner = Runner::new(plan)?;
    let safe_until = runner.fleet.world.now() + plan.duration;
    runner.draw(safe_until);
    runner.run_until(safe_until);
    let agreed_after = runner.heal();
    let [_, interval, _] = runner.mix.timing;
    let live_until = runner.fleet.world.now() + interval * 2 + runner.turns() + PATIENCE / 4;
    runner.run_until(live_until);
    runner.compare_at_last();
    let findings = check::check(&runner);
    if !findings.problems.is_empty() {
        // What was left to do says where to look.
        for id in runner.fleet.hosts().to_vec() {
            let pending = runner.fleet.world.pending(id);
            runner.note(format!("pending at {id:?}: {pending}"));
        }
    }
    Ok(runner.outcome(findings, agreed_after))
}

impl Runner {
    fn new(plan: Plan) -> Result<Self, String> {
        let mut chance = Chance::new(plan.seed, 2);
        let mix = Mix::draw(&mut chance, plan.faults, plan.nodes);
        let mix_nodes = mix.nodes as usize;
        let [wait, interval, repeat] = mix.timing.map(|span| format!("{}s", span.as_secs()));
        let mut config = fleet::config(&wait, &interval, &repeat);
        if mix.inhibits {
            config += INHIBITION;
        }
        let mut truth = Truth::default();
        let has_clocks = mix.kinds.has(Kind::Clocks);
        let mut clock = || {
            let mut clock = crate::Clock::default();
            if has_clocks {
                clock.offset_ns = chance.below(40_000_000_000) as i64 - 20_000_000_000;
                clock.drift_ppm = chance.below(400) as i64 - 200;
                clock.monotonic_ppm = chance.below(4000) as i64 - 2000;
            }
            clock
        };
        let clocks: Vec<crate::Clock> = (0..mix.nodes).map(|_| clock()).collect();
        let mut fleet = Fleet::unsettled(plan.seed, mix.nodes, |number| {
            let mut spec = HostSpec::new(config.as_str());
            spec.clock = clocks[number as usize];
            if plan.traces {
                spec.flags.push("--log.level=debug".into());
            }
            spec
        })?;
        if plan.traces {
            fleet.world.keep_trace_lines();
        }
        fleet.world.network.link = mix.link;
        for host in fleet.hosts().to_vec() {
            fleet.world.disk_mut(host).delay = Duration::from_millis(plan.seed % 16);
        }
        fleet.world.network.delay = mix.to_receiver;
        for id in fleet.hosts().to_vec() {
            fleet.world.disk_mut(id).delay = mix.disk_delay;
        }
        truth.skew = Duration::from_secs(if has_clocks { 45 } else { 0 });
        Ok(Self {
            plan,
            mix,
            fleet,
            truth,
            agenda: Heap::default(),
            chance,
            problems: Vec::new(),
            timeline: Vec::new(),
            servers: Default::default(),
            put: Vec::new(),
            deaf: vec![false; mix_nodes],
        })
    }

    /// Returns how long the last host in line waits for those before it.
    pub(super) fn turns(&self) -> Duration {
        Duration::from_secs(15) * self.mix.nodes.saturating_sub(1)
    }

    /// Draws everything that will happen until a time.
    fn draw(&mut self, until: Instant) {
        let from = self.fleet.world.now();
        let skew = self.truth.skew;
        self.truth = Truth::draw(&mut self.chance, &self.mix, from, until);
        self.truth.skew = skew;
        for server in 0..2 {
            let phase = self.chance.between(Duration::from_secs(2), Duration::from_secs(13));
            self.agenda.push(from + phase, Action::Evaluate(server));
        }
        self.draw_faults(from, until);
        for _ in 0..self.chance.below(4) {
            let at = from + self.chance.between(Duration::ZERO, until.since(from));
            let host = self.chance.below(u64::from(self.mix.nodes)) as usize;
            let group = self.chance.below(self.mix.groups);
            let seconds = 60 + self.chance.below(1200);
            self.agenda.push(at, Action::Silence { host, group, seconds });
        }
    }

    /// Lets happen what is on the agenda.
    fn run_until(&mut self, until: Instant) {
        while let Some(at) = self.agenda.next_at().filter(|&at| at <= until) {
            self.fleet.world.run_until(at);
            let now = self.fleet.world.now();
            while let Some(action) = self.agenda.pop_due(now) {
                self.act(action);
            }
        }
        self.fleet.world.run_until(until);
    }

    fn act(&mut self, action: Action) {
        if !matches!(action, Action::Evaluate(_) | Action::Post { .. }) {
            self.note(format!("{action:?}"));
        }
        let hosts = self.fleet.hosts().to_vec();
        let world = &mut self.fleet.world;
        match action {
            Action::Evaluate(server) => self.evaluate(server),
            Action::Post { host, posts } => self.post(host, &posts),
            Action::Put { number, faults } => {
                let put = faults.into_iter().map(|fault| world.network.put(fault)).collect();
                self.put.push((number, put));
            }
            Action::Lift(number) => {
                for (_, ids) in self.put.iter().filter(|(put, _)| *put == number) {
                    ids.iter().for_each(|id| world.network.lift(*id));
                }
            }
            // By turns the program dies and the power fails.
            Action::Kill(host) if world.now().as_nanos().is_multiple_of(2) => {
                world.kill(hosts[host])
            }
            Action::Kill(host) => world.cut_power(hosts[host]),
            Action::CutPower(host) => world.cut_power(hosts[host]),
            Action::Stop(host) => world.ask_to_stop(hosts[host]),
            Action::Start(host) => self.start(host),
            Action::Behave(behaviour) => world.receivers_mut().behave(PAGER, behaviour),
            Action::Step(host, ns) => world.clock_mut(hosts[host]).offset_ns += ns,
            Action::Disk(host, fails) => {
                let error = fails.then(|| "no space left on device".to_owned());
                world.disk_mut(hosts[host]).save_error = error;
            }
            Action::PrometheusDown(server) => self.servers[server].is_down = true,
            Action::PrometheusUp(server) => self.servers[server].restart(),
            Action::Deafen(host, is_deaf) => self.deaf[host] = is_deaf,
            Action::Silence { host, group, seconds } => self.silence(host, group, seconds),
        }
    }

    fn evaluate(&mut self, server: usize) {
        let now = self.fleet.world.now();
        self.agenda.push(now + EVALUATION, Action::Evaluate(server));
        if self.servers[server].is_down {
            return;
        }
        let posts = self.servers[server].evaluate(now, &self.truth, self.mix.resend);
        if posts.is_empty() {
            return;
        }
        for host in 0..self.mix.nodes as usize {
            if self.chance.happens(self.mix.post_loss) {
                continue;
            }
            let at = now + self.chance.between(Duration::from_millis(1), POST_DELAY_MAX);
            self.agenda.push(at, Action::Post { host, posts: posts.clone() });
        }
    }

    fn post(&mut self, host: usize, posts: &[Post]) {
        let id = self.fleet.host(host);
        if self.deaf[host] || self.fleet.world.node(id).is_none() {
            return;
        }
        let times = posts
            .iter()
            .map(|post| (self.fleet.stamp(post.start, 0.0), self.fleet.stamp(post.end, 0.0)));
        let times: Vec<(String, String)> = times.collect();
        let alerts = posts.iter().zip(&times).map(|(post, (start, end))| {
            let alert = &self.truth.alerts[post.alert];
            (&*alert.name, &*alert.instance, Some(&**start), Some(&**end))
        });
        let body = fleet::body(&alerts.collect::<Vec<_>>());
        let now = self.fleet.world.now();
        match self.fleet.world.request(id, "POST", "/api/v2/alerts", body.as_bytes()) {
            Ok(response) if response.status == 200 => {
                for post in posts.iter().filter(|post| post.fires) {
                    let fires = &self.truth.alerts[post.alert].fires;
                    let fire = fires.iter().rposition(|fire| fire.from <= post.start);
                    if let Some(fire) = fire {
                        self.truth.reached[post.alert][fire].get_or_insert(now);
                    }
                }
            }
            // It may be on its way down.
            Ok(response) if response.status == 503 => {}
            Ok(response) => self.problems.push(format!("a post was answered {}", response.status)),
            Err(error) if error == "connection refused" => {}
            Err(error) => self.problems.push(format!("a post was not answered: {error}")),
        }
    }

    fn start(&mut self, host: usize) {
        let id = self.fleet.host(host);
        if self.fleet.world.node(id).is_some() {
            let is_stopping = self.fleet.world.pending(id).ends_with("stopping: true");
            if is_stopping {
                let at = self.fleet.world.now() + Duration::from_secs(1);
                self.agenda.push(at, Action::Start(host));
            }
            return;
        }
        if let Err(error) = self.fleet.world.start(id) {
            self.problems.push(format!("{id:?} does not start: {error}"));
        }
    }

    fn silence(&mut self, host: usize, group: u64, seconds: u64) {
        let name = format!("Group{group}");
        let by = self.fleet.host(host);
        let asked = self.fleet.world.now();
        let answer = self.fleet.silence(host, &name, seconds as f64);
        let from = match &answer {
            Err(error) if error == "connection refused" => return,
            // In force perhaps, but nobody promised.
            Err(_) => None,
            Ok(_) => Some(self.fleet.world.now()),
        };
        // The host's clock ends it.
        let ends = asked + Duration::from_secs(seconds).saturating_sub(self.truth.skew);
        let span = super::truth::Span { from: from.unwrap_or(asked), until: ends.max(asked) };
        let is_promised = from.is_some();
        self.truth.silences.push(Silence { name, by, span, is_promised });
        self.note(match answer {
            Ok(id) => format!("{by:?} has made {id}"),
            Err(error) => format!("{by:?} did not promise a silence: {error}"),
        });
    }

    /// Ends every fault and waits until the hosts agree.
    fn heal(&mut self) -> Option<Duration> {
        self.note("everything heals".to_owned());
        let link = Link { delay: Duration::from_millis(1), ..Link::default() };
        let world = &mut self.fleet.world;
        world.network.heal();
        world.network.link = link;
        world.receivers_mut().behave(PAGER, Behaviour::answers(200));
        self.mix.post_loss = 0.0;
        self.deaf.fill(false);
        for host in 0..self.mix.nodes as usize {
            self.act(Action::Disk(host, false));
            self.start(host);
        }
        self.servers.iter_mut().for_each(|server| server.is_down = false);
        let began = self.fleet.world.now();
        let count = self.mix.nodes as usize;
        while self.fleet.world.now().since(began) < PATIENCE {
            let sees_all = |(_, members, ready): (_, usize, bool)| members == count && ready;
            let are_there = self.fleet.views().count() == count;
            if are_there && self.fleet.views().all(sees_all) && self.fleet.compare().is_ok() {
                return Some(self.fleet.world.now().since(began));
            }
            self.run_until(self.fleet.world.now() + Duration::from_secs(1));
        }
        let views: Vec<_> = self.fleet.views().collect();
        let pending = self.fleet.hosts().iter().map(|&id| self.fleet.world.pending(id));
        let pending: Vec<String> = pending.collect();
        self.problems.push(format!(
            "not healed after {PATIENCE:?}: {views:?}; {:?}; {pending:?}",
            self.fleet.compare()
        ));
        None
    }

    /// News may be on its way at any moment, so agreement is looked for in several.
    fn compare_at_last(&mut self) {
        let mut result = Ok(());
        for _ in 0..60 {
            result = self.fleet.compare();
            if result.is_ok() {
                return;
            }
            self.run_until(self.fleet.world.now() + Duration::from_millis(900));
        }
        if let Err(error) = result {
            self.problems.push(format!("no agreement at the end: {error}"));
        }
    }

    pub(super) fn note(&mut self, text: String) {
        self.timeline.push((self.fleet.world.now(), text));
    }

    pub(super) fn trouble(&mut self, from: Instant, until: Instant, trouble: Trouble) {
        self.truth.troubles.push((super::truth::Span { from, until }, trouble));
    }

    fn outcome(self, findings: Findings, agreed_after: Option<Duration>) -> Outcome {
        let Self { plan, mix, fleet, mut timeline, truth, .. } = self;
        timeline.extend(check::story(&fleet, &truth));
        timeline.extend(fleet.world.trace().lines().iter().cloned());
        timeline.sort_by_key(|(at, _)| *at);
        let line = |(at, text): &(Instant, String)| {
            format!("{:10.3} {text}", fleet.world.age_at(*at).as_secs_f64())
        };
        let virtual_time = fleet.world.age();
        let bytes: u64 = fleet.hosts().iter().map(|&id| fleet.world.gossip_sent(id).0).sum();
        let host_seconds = f64::from(mix.nodes) * virtual_time.as_secs_f64();
        Outcome {
            plan,
            mix,
            digest: fleet.world.trace().digest(),
            findings,
            timeline: timeline.iter().map(line).collect(),
            virtual_time,
            agreed_after,
            bytes_per_second: bytes as f64 / host_seconds,
        }
    }
}
