//! A machine: its clocks, its disk, and the program on it.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use campana_core::{
    api::{Reply, Site},
    cli::{self, ExternalUrl, Invocation, Options, resolve_external_url},
    drive,
    event::Event,
    id::{CallId, SendId},
    metrics::Traffic,
    nflog,
    node::{Done, Input, Node, Output, Start, Work, gossip_settings, load_config},
    persist::{self, Saved, Step},
    rng::Seed,
    silence::Id,
    time::{Instant, Now, Timestamp},
};

use crate::{clock::Clock, disk::Disk, streams::address};

/// Where a host keeps its configuration.
const CONFIG_FILE: &str = "config.yml";
const PORT: u16 = 9093;

/// A host of a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostId(pub u32);

/// What a host starts with.
#[derive(Clone, Debug)]
pub struct HostSpec {
    /// The configuration file.
    pub config: String,
    /// Command-line flags besides `--config.file`.
    pub flags: Vec<String>,
    /// The host's wall clock.
    pub clock: Clock,
    /// Whether it takes part in a cluster. Hosts find each other by `--cluster.peer=host0:9094`,
    /// where the number is that of the [`HostId`].
    pub gossips: bool,
}

impl HostSpec {
    /// Makes a host with a configuration, no flags and a right clock.
    pub fn new(config: impl Into<String>) -> Self {
        Self { config: config.into(), flags: Vec::new(), clock: Clock::default(), gossips: false }
    }

    /// Makes a host that takes part in a cluster, with the hosts of these numbers as its peers.
    pub fn in_cluster(config: impl Into<String>, peers: impl Iterator<Item = u32>) -> Self {
        let flags = peers.map(|peer| format!("--cluster.peer=host{peer}:9094")).collect();
        Self { flags, gossips: true, ..Self::new(config) }
    }
}

/// What a host confirmed: to clients, and in its log.
#[derive(Debug, Default)]
pub(crate) struct Confirmed {
    silences: BTreeSet<Id>,
    /// Log entries with their times: of sending, and of the end of what must be remembered.
    log: BTreeMap<nflog::Key, (Timestamp, Timestamp)>,
    /// Whether the node said that its journal fails: what it does meanwhile it cannot promise.
    is_broken: bool,
}

impl Confirmed {
    pub(crate) fn silence(&mut self, id: &Id) {
        self.silences.insert(id.clone());
    }

    /// Notes what a node said: that its journal fails or is back, and that a notification was
    /// delivered.
    pub(crate) fn told(&mut self, node: &Node, event: &Event) {
        match event {
            Event::AppendFailed { .. } => self.is_broken = true,
            Event::AppendRecovered { .. } => self.is_broken = false,
            _ => {}
        }
        let Event::NotifySuccess { receiver, integration, group_key, .. } = event else { return };
        if self.is_broken {
            return;
        }
        let Some((name, index)) = integration.trim_end_matches(']').split_once('[') else { return };
        let (group_key, receiver) = (group_key.clone(), receiver.clone());
        let (integration, index) = (name.into(), index.parse().unwrap_or(0));
        let key = nflog::Key { group_key, receiver, integration, index };
        if let Some(entry) = node.nflog().get(&key) {
            self.log.insert(key, (entry.timestamp, entry.expires_at));
        }
    }

    /// Returns what a node that has just started does not know.
    fn lost(&self, node: &Node, now: Timestamp) -> Vec<String> {
        let view = node.view();
        let silences = self.silences.iter().filter(|id| view.silences.get(&id.0).is_none());
        let silences = silences.map(|id| format!("silence {id}"));
        let is_lost = |(key, (at, expires_at)): &(&nflog::Key, &(Timestamp, Timestamp))| {
            let known = node.nflog().get(key).is_some_and(|entry| entry.timestamp >= *at);
            // What has expired may have been forgotten; clocks may have stepped by some seconds.
            !known && *expires_at > now + Duration::from_secs(60)
        };
        let entries = self.log.iter().filter(is_lost).map(|(key, _)| format!("log entry {key}"));
        silences.chain(entries).collect()
    }
}

/// What a host asks of the world.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) output: Output,
    /// Which run of the program asks.
    pub(crate) run: u32,
}

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) disk: Disk,
    pub(crate) site: Site,
    pub(crate) traffic: Traffic,
    pub(crate) inbox: VecDeque<Input>,
    pub(crate) replies: BTreeMap<CallId, Reply>,
    /// Exchanges under way that were not canceled.
    pub(crate) sends: BTreeSet<SendId>,
    pub(crate) log: Vec<(Timestamp, Event)>,
    /// When the node wants its next turn.
    pub(crate) wake_at: Option<Instant>,
    /// The latest wake-up that was put to the heap, so that none is put twice.
    pub(crate) armed_at: Option<Instant>,
    /// Counts the runs of the program, so that what was meant for an earlier one gets lost.
    pub(crate) run: u32,
    /// `None` while the program does not run.
    pub(crate) node: Option<Node>,
    pub(crate) calls: u64,
    /// What it confirmed, and must know after its next start.
    pub(crate) confirmed: Confirmed,
    pub(crate) clock: Clock,
    /// Packets and bytes of gossip it has sent.
    pub(crate) packets: u64,
    pub(crate) gossip_bytes: u64,
    id: HostId,
    gossips: bool,
    options: Arc<Options>,
    external: ExternalUrl,
}

impl Host {
    pub(crate) fn new(id: HostId, spec: HostSpec) -> Result<Self, String> {
        let mut argv = vec!["campana".to_owned(), format!("--config.file={CONFIG_FILE}")];
        argv.extend(spec.flags);
        let invocation = cli::parse(&argv, &mut |path| Err(format!("{path}: no such file")))?;
        let Invocation::Run(options) = invocation else {
            return Err("the flags ask for a text and not for a run".into());
        };
        let external = resolve_external_url(&options, "host", PORT)?;
        let site = Site::new(&options, &external, 2);
        let mut disk = Disk::default();
        disk.write(CONFIG_FILE, spec.config.as_bytes());
        Ok(Self {
            disk,
            traffic: Traffic::new(u32::try_from(site.get_max()).unwrap_or(u32::MAX)),
            site,
            inbox: VecDeque::new(),
            replies: BTreeMap::new(),
            sends: BTreeSet::new(),
            log: Vec::new(),
            wake_at: None,
            armed_at: None,
            run: 0,
            node: None,
            calls: 0,
            confirmed: Confirmed::default(),
            options: Arc::new(*options),
            external,
            clock: spec.clock,
            packets: 0,
            gossip_bytes: 0,
            id,
            gossips: spec.gossips,
        })
    }

    /// Starts the program from what is on the disk.
    pub(crate) fn start(&mut self, at: Instant, seed: u64) -> Result<(), String> {
        let text = self.disk.read(CONFIG_FILE)?;
        let mut config = load_config(&text, &self.options).map_err(|e| e.to_string())?;
        if config.templates.is_none() {
            let files = self.disk.glob(&config.template_globs)?;
            config = config.complete(&files).map_err(|e| e.to_string())?;
        }
        let saved = self.recover(at)?;
        let gossip = match self.gossips {
            true => Some(gossip_settings(&self.options, address(self.id))?),
            false => None,
        };
        self.run += 1;
        let start = Start {
            options: self.options.clone(),
            hostname: format!("host{}", self.id.0).into(),
            external_url: self.external.text.as_str().into(),
            config: Arc::new(config),
            saved,
            gossip,
            seed: Seed::from_number(
                seed.wrapping_mul(1_000_003)
                    .wrapping_add(u64::from(self.run))
                    .wrapping_add(u64::from(self.id.0) << 32),
            ),
        };
        let node = Node::new(self.now(at), start);
        self.confirmed.is_broken = false;
        let lost = self.confirmed.lost(&node, self.now(at).wall);
        self.node = Some(node);
        match lost.is_empty() {
            true => Ok(()),
            false => Err(format!("it has lost what it confirmed: {lost:?}")),
        }
    }

    /// Reads what the last run left, as the runtimes do.
    fn recover(&mut self, at: Instant) -> Result<Saved, String> {
        let wall = self.now(at).wall;
        let mut found = self.disk.all();
        found.retain(|file| persist::is_state(&file.name));
        let recovery = persist::recover(found, self.options.storage_repair)?;
        self.log.extend(recovery.events.into_iter().map(|event| (wall, event)));
        for step in recovery.steps {
            match step {
                Step::Copy { from, to } => {
                    let bytes = self.disk.read(&from)?;
                    self.disk.write(&to, &bytes);
                }
                Step::Write(file) => self.disk.write(&file.name, &file.bytes),
                Step::Remove(name) => self.disk.remove(&name),
            }
        }
        Ok(recovery.saved)
    }

    /// Ends the program without a warning: everything in memory and on its way is gone.
    pub(crate) fn crash(&mut self) {
        self.node = None;
        self.inbox.clear();
        self.sends.clear();
        self.wake_at = None;
        self.armed_at = None;
    }

    /// Returns the host's clocks at a time of the world.
    pub(crate) fn now(&self, at: Instant) -> Now {
        self.clock.now(at)
    }

    /// Lets the node take one turn, and returns what it asks for.
    pub(crate) fn turn(&mut self, at: Instant) -> Vec<Asked> {
        let now = self.now(at);
        let Some(node) = &mut self.node else { return Vec::new() };
        let mut asked = Collect { outputs: Vec::new(), run: self.run };
        let inbox = &mut self.inbox;
        let deadline = drive::turn(node, now, || inbox.pop_front(), &mut asked);
        // Inputs that the turn left want another one at once.
        let again = (!inbox.is_empty()).then_some(at);
        self.wake_at = again.or(deadline.map(|deadline| self.clock.world_at(deadline.at)));
        asked.outputs
    }

    /// Replaces the configuration file; a reload reads it.
    pub(crate) fn write_config(&mut self, text: &str) {
        self.disk.write(CONFIG_FILE, text.as_bytes());
    }

    /// Returns how long reads and saves take.
    pub(crate) fn disk_delay(&self) -> Duration {
        self.disk.delay
    }
}

struct Collect {
    outputs: Vec<Asked>,
    run: u32,
}

impl drive::Execute for Collect {
    fn execute(&mut self, output: Output) {
        self.outputs.push(Asked { output, run: self.run });
    }

    fn run(&mut self, work: Work) -> Done {
        work.run()
    }
}
