//! The loop: takes the next thing from the heap, lets it happen, and puts what follows.

mod gossip;

use std::{collections::BTreeSet, time::Duration};

use campana_core::{
    api::{Action, Admit, Head, Reply, Response, Side},
    event::{Event, Level},
    id::{CallId, SendId},
    metrics::Process,
    node::{Input, Node, Output},
    notify::{Exchange, SendError, SendErrorKind, smtp::Session},
    persist::Append,
    time::{Instant, Timestamp},
};

use crate::{
    chance::Chance,
    heap::Heap,
    host::{Asked, Host, HostId, HostSpec},
    network::Network,
    receivers::{Fate, Receivers},
    streams::{Side as StreamSide, Streams},
    trace::Trace,
};

/// Where the monotonic clock begins; not zero, so that nothing relies on that.
const START: Instant = Instant::from_nanos(1_000_000_000_000);
/// Rounds without the clock moving after which a run counts as stuck.
const ROUNDS_MAX: u32 = 100_000;
/// How long a caller waits for its answer.
const CALL_PATIENCE: Duration = Duration::from_secs(60);

/// Hosts, receivers and what is to come.
#[derive(Debug)]
pub struct World {
    now: Instant,
    seed: u64,
    heap: Heap<Thing>,
    hosts: Vec<Host>,
    /// The network; change it at any time.
    pub network: Network,
    receivers: Receivers,
    streams: Streams,
    trace: Trace,
}

/// What a host sends to a receiver.
#[derive(Debug)]
enum Sent {
    Mail(Box<Session>),
    Request(Box<Exchange>),
}

/// Something to come.
#[derive(Debug)]
enum Thing {
    /// A request reaches its receiver.
    Arrives { host: HostId, run: u32, id: SendId, sent: Sent },
    /// Something happens to a node.
    Input { host: HostId, run: u32, input: Box<Input> },
    /// A packet that something held up tries again.
    Held { from: HostId, to: HostId, bytes: Vec<u8> },
    /// A packet arrives.
    Packet { from: HostId, to: HostId, bytes: Vec<u8> },
    /// A piece of a stream arrives.
    Piece { number: u64, to: StreamSide },
    /// What was written to a file is to be on the disk.
    Syncs { host: HostId, run: u32, append: Append, result: Result<(), String> },
    /// A file is to be on the disk.
    Saves { host: HostId, run: u32, save: Box<Output> },
    /// A host wants a turn.
    Wakes { host: HostId, run: u32 },
}

impl World {
    /// Makes an empty world. All chance comes from the seed.
    pub fn new(seed: u64) -> Self {
        Self {
            now: START,
            seed,
            heap: Heap::default(),
            hosts: Vec::new(),
            network: Network::new(seed),
            receivers: Receivers::default(),
            streams: Streams::default(),
            trace: Trace::new(),
        }
    }

    /// Adds a host and starts its program.
    ///
    /// # Errors
    /// What is wrong with its flags or its configuration.
    pub fn add_host(&mut self, spec: HostSpec) -> Result<HostId, String> {
        let id = HostId(u32::try_from(self.hosts.len()).expect("worlds are small"));
        self.hosts.push(Host::new(id, spec)?);
        self.start(id)?;
        Ok(id)
    }

    /// Starts the program of a host that does not run.
    ///
    /// # Errors
    /// What is wrong with its files.
    pub fn start(&mut self, id: HostId) -> Result<(), String> {
        let (now, seed) = (self.now, self.seed);
        self.host_mut(id).start(now, seed)?;
        self.trace.note(now, format_args!("{id:?} starts"));
        self.take_turn(id);
        self.settle();
        Ok(())
    }

    /// Ends the program of a host without a warning.
    pub fn kill(&mut self, id: HostId) {
        self.trace.note(self.now, format_args!("{id:?} is killed"));
        self.break_streams_of(id);
        self.host_mut(id).crash();
    }

    /// Takes the power of a host away: the program ends, and what was not synced may be lost.
    pub fn cut_power(&mut self, id: HostId) {
        self.kill(id);
        let mut chance = Chance::new(self.seed ^ self.now.as_nanos(), 9);
        self.host_mut(id).disk.lose_power(&mut chance);
    }

    /// Ends the program of a host as a service manager does, and waits for its end.
    ///
    /// # Errors
    /// That it does not end.
    pub fn stop(&mut self, id: HostId) -> Result<(), String> {
        self.put(id, Input::Shutdown);
        let until = self.now + CALL_PATIENCE;
        while self.host(id).node.is_some() {
            if !self.step(until) {
                return Err(format!("it does not end: {}", self.pending(id)));
            }
        }
        Ok(())
    }

    /// Asks the program of a host to end, and does not wait for it.
    pub fn ask_to_stop(&mut self, id: HostId) {
        self.put(id, Input::Shutdown);
    }

    /// Replaces the configuration file of a host, for its next reload or start.
    pub fn write_config(&mut self, id: HostId, text: &str) {
        self.host_mut(id).write_config(text);
    }

    /// Makes a request to a host and runs the world until it is answered.
    ///
    /// # Errors
    /// That the host does not run, or that no answer comes.
    pub fn request(
        &mut self,
        id: HostId,
        method: &str,
        target: &str,
        body: &[u8],
    ) -> Result<Response, String> {
        self.trace.note(self.now, format_args!("{id:?} {method} {target}"));
        self.trace.note_bytes(body);
        let length = body.len().to_string();
        let headers = [("Content-Type", "application/json"), ("Content-Length", length.as_str())];
        let head = Head { method, target, headers: &headers };
        let now = self.now;
        let host = self.host_mut(id);
        let wall = host.now(now).wall;
        let node = host.node.as_ref().ok_or("connection refused")?;
        if let Admit::Respond(response) = host.site.admit(&head) {
            return Ok(response);
        }
        let handled = host.site.handle(&head, body);
        host.log.extend(handled.events.into_iter().map(|event| (wall, event)));
        match handled.action {
            Action::Respond(response) => Ok(response),
            Action::Query(query) => {
                let side = Side {
                    traffic: &host.traffic,
                    process: Process::default(),
                    packets_dropped: 0,
                    give_way: || (),
                };
                Ok(query.answer(&host.site, &node.view(), wall, &side))
            }
            Action::Call(call) => {
                host.calls += 1;
                let call_id = CallId(host.calls);
                self.put(id, Input::Call(call_id, call));
                let reply = self.wait_reply(id, call_id)?;
                if let Reply::SilencePut(Ok(silence)) = &reply {
                    self.host_mut(id).confirmed.silence(silence);
                }
                Ok(self.host(id).site.reply(&head, reply))
            }
        }
    }

    /// Runs until a time of the world's clock.
    ///
    /// # Panics
    /// When the world is stuck: things happen for ever and the clock does not move.
    pub fn run_until(&mut self, until: Instant) {
        while self.step(until) {}
        self.now = self.now.max(until);
    }

    /// Runs for a while; panics as [`Self::run_until`].
    pub fn run_for(&mut self, span: Duration) {
        self.run_until(self.now + span);
    }

    /// Returns the world's clock.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Returns how long the world has run.
    pub fn age(&self) -> Duration {
        self.now.since(START)
    }

    /// Returns how old the world was at a time of its clock.
    pub fn age_at(&self, at: Instant) -> Duration {
        at.since(START)
    }

    /// Returns the wall clock of a host.
    pub fn wall(&self, id: HostId) -> Timestamp {
        self.host(id).now(self.now).wall
    }

    /// Returns the receivers and what they got.
    pub fn receivers(&self) -> &Receivers {
        &self.receivers
    }

    /// Returns the receivers, to change how they behave.
    pub fn receivers_mut(&mut self) -> &mut Receivers {
        &mut self.receivers
    }

    /// Returns a host's disk, to break it.
    pub fn disk_mut(&mut self, id: HostId) -> &mut crate::Disk {
        &mut self.host_mut(id).disk
    }

    /// Returns a host's wall clock, to set it.
    pub fn clock_mut(&mut self, id: HostId) -> &mut crate::Clock {
        &mut self.host_mut(id).clock
    }

    /// Returns the node of a host, unless it does not run.
    pub fn node(&self, id: HostId) -> Option<&Node> {
        self.host(id).node.as_ref()
    }

    /// Returns the hosts.
    pub fn host_ids(&self) -> impl Iterator<Item = HostId> + use<> {
        (0..self.hosts.len() as u32).map(HostId)
    }

    /// Returns the log of a host.
    pub fn log(&self, id: HostId) -> &[(Timestamp, Event)] {
        &self.host(id).log
    }

    /// Returns the log lines of level error of all hosts.
    pub fn errors(&self) -> Vec<String> {
        let log = self.hosts.iter().flat_map(|host| &host.log);
        let errors = log.filter(|(_, event)| event.level() == Level::Error);
        errors.map(|(_, event)| format!("{event:?}")).collect()
    }

    /// Returns the trace; its digest is the same for every run of the same seed and inputs.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Keeps the lines of the trace from now on.
    pub fn keep_trace_lines(&mut self) {
        self.trace.keep_lines();
    }

    /// Returns what is under way on a host, in words.
    pub fn pending(&self, id: HostId) -> String {
        self.host(id).node.as_ref().map_or_else(|| "it does not run".into(), |node| node.pending())
    }

    /// Lets everything of the next time happen, if that is not after `until`. Returns whether there
    /// was anything.
    fn step(&mut self, until: Instant) -> bool {
        let Some(at) = self.heap.next_at().filter(|&at| at <= until) else { return false };
        self.now = self.now.max(at);
        self.settle();
        true
    }

    /// Lets everything happen that is due now, and what follows from it at once.
    fn settle(&mut self) {
        for _ in 0..ROUNDS_MAX {
            let mut dirty = BTreeSet::new();
            while let Some(thing) = self.heap.pop_due(self.now) {
                dirty.extend(self.happen(thing));
            }
            if dirty.is_empty() {
                return;
            }
            for id in dirty {
                self.take_turn(id);
            }
        }
        let pending: Vec<String> =
            (0..self.hosts.len()).map(|i| self.pending(HostId(i as u32))).collect();
        panic!("the clock does not move (seed {}): {pending:?}", self.seed);
    }

    /// Lets one thing happen; returns the host whose node has to know.
    fn happen(&mut self, thing: Thing) -> Option<HostId> {
        let now = self.now;
        let (host, run) = match thing {
            // It was sent; that its sender has died since does not stop it.
            Thing::Arrives { host, run, id, sent } => {
                self.arrive(host, run, id, sent);
                return None;
            }
            Thing::Held { from, to, bytes } => {
                self.carry_packet(from, to, bytes);
                return None;
            }
            Thing::Packet { from, to, bytes } => return self.packet_arrives(from, to, bytes),
            Thing::Piece { number, to } => return self.piece_arrives(number, to),
            Thing::Input { host, run, .. }
            | Thing::Saves { host, run, .. }
            | Thing::Syncs { host, run, .. }
            | Thing::Wakes { host, run } => (host, run),
        };
        let it = self.host_mut(host);
        if it.run != run || it.node.is_none() {
            return None;
        }
        match thing {
            Thing::Arrives { .. }
            | Thing::Held { .. }
            | Thing::Packet { .. }
            | Thing::Piece { .. } => None,
            Thing::Input { input, .. } => {
                if let Input::Sent(id, _) = &*input
                    && !it.sends.remove(id)
                {
                    return None;
                }
                it.inbox.push_back(*input);
                Some(host)
            }
            Thing::Saves { save, .. } => {
                let Output::Save(id, name, content) = *save else {
                    unreachable!("only saves are put here");
                };
                let result = it.disk.save(name, &content);
                it.inbox.push_back(Input::Saved(id, result));
                Some(host)
            }
            Thing::Syncs { append, result, .. } => {
                if append.sync && result.is_ok() {
                    let end = append.offset + append.bytes.len() as u64;
                    it.disk.sync(&append.file, end);
                }
                it.inbox.push_back(Input::Appended(append.id, result));
                Some(host)
            }
            Thing::Wakes { .. } => {
                if it.armed_at.is_some_and(|at| at <= now) {
                    it.armed_at = None;
                }
                it.wake_at.is_some_and(|at| at <= now).then_some(host)
            }
        }
    }

    fn arrive(&mut self, host: HostId, run: u32, id: SendId, sent: Sent) {
        let fate = match sent {
            Sent::Request(exchange) => {
                self.trace.note(self.now, format_args!("{host:?} tells {:?}", exchange.method));
                self.trace.note_bytes(&exchange.body);
                self.receivers.take(self.now, host, &exchange)
            }
            Sent::Mail(session) => {
                self.trace.note(self.now, format_args!("{host:?} mails {:?}", session.mail()));
                self.trace.note_bytes(&session.mail().content);
                self.receivers.take_mail(self.now, host, *session)
            }
        };
        if let Fate::After(wait, result) = fate {
            let at = self.now + wait + self.network.delay;
            let input = Box::new(Input::Sent(id, result));
            self.heap.push(at, Thing::Input { host, run, input });
        }
    }

    fn take_turn(&mut self, id: HostId) {
        let now = self.now;
        let asked = self.host_mut(id).turn(now);
        for asked in asked {
            self.carry_out(id, asked);
        }
        let host = self.host_mut(id);
        let run = host.run;
        if let Some(at) = host.wake_at.map(|at| at.max(now))
            && host.armed_at != Some(at)
        {
            host.armed_at = Some(at);
            self.heap.push(at, Thing::Wakes { host: id, run });
        }
    }

    fn append(&mut self, host: HostId, run: u32, append: Append, file_at: Instant) {
        self.trace.note(self.now, format_args!("{host:?} appends to {}", append.file));
        self.trace.note_bytes(&append.bytes);
        let disk = &mut self.host_mut(host).disk;
        let result = disk.append(&append.file, append.offset, &append.bytes);
        self.heap.push(file_at, Thing::Syncs { host, run, append, result });
    }

    /// Carries out what no run is about.
    fn take_lightly(&mut self, host: HostId, run: u32, output: &Output, at: Instant) {
        let input = match output {
            Output::Grpc(send, ..) => Input::Sent(*send, Ok(Default::default())),
            Output::Record(record, ..) => Input::Recorded(*record, Ok(())),
            _ => return,
        };
        self.heap.push(at, Thing::Input { host, run, input: Box::new(input) });
    }

    fn carry_out(&mut self, id: HostId, asked: Asked) {
        let Asked { output, run } = asked;
        let now = self.now;
        let file_at = now + self.host(id).disk_delay();
        let answer = |input| Thing::Input { host: id, run, input: Box::new(input) };
        match output {
            Output::Append(append) => self.append(id, run, append, file_at),
            Output::Remove(name) => {
                self.trace.note(now, format_args!("{id:?} removes {name}"));
                self.host_mut(id).disk.remove(&name);
            }
            Output::Cancel(send) => {
                self.trace.note(now, format_args!("{id:?} cancels {send}"));
                self.host_mut(id).sends.remove(&send);
            }
            Output::Datagram { to, bytes } => self.send_packet(id, to, bytes),
            Output::Resolve(resolve, name) => self.resolve(id, run, resolve, &name),
            Output::Stream(stream, command) => self.command(id, run, stream, command),
            Output::Log(event) => {
                self.trace.note(now, format_args!("{id:?} logs {event:?}"));
                let host = self.host_mut(id);
                let wall = host.now(now).wall;
                if let Some(node) = &host.node {
                    host.confirmed.told(node, &event);
                }
                host.log.push((wall, event));
            }
            Output::Glob(read, needs) => {
                let globs = &needs.globs;
                self.trace.note(now, format_args!("{id:?} reads {globs:?}"));
                let files = self.host(id).disk.glob(globs);
                self.heap.push(file_at, answer(Input::Globbed(read, files)));
            }
            Output::Read(read, path) => {
                self.trace.note(now, format_args!("{id:?} reads {path}"));
                let content = self.host(id).disk.read(&path);
                self.heap.push(file_at, answer(Input::Read(read, content)));
            }
            Output::Reply(call, reply) => {
                self.trace.note(now, format_args!("{id:?} replies {reply:?}"));
                let earlier = self.host_mut(id).replies.insert(call, reply);
                assert!(earlier.is_none(), "{id:?} answers call {call} twice");
            }
            Output::Save(save, name, content) => {
                self.trace.note(now, format_args!("{id:?} saves {name}"));
                self.trace.note_bytes(&content);
                let save = Box::new(Output::Save(save, name, content));
                self.heap.push(file_at, Thing::Saves { host: id, run, save });
            }
            Output::Mail(send, session, deadline) => {
                let given_up = self.host(id).clock.world_at(deadline);
                self.send(id, run, send, Sent::Mail(session), given_up);
            }
            Output::Send(send, exchange, deadline) => {
                let own = exchange.timeout.map(|timeout| now + timeout);
                let deadline = self.host(id).clock.world_at(deadline);
                let given_up = own.map_or(deadline, |own| deadline.min(own));
                self.send(id, run, send, Sent::Request(exchange), given_up);
            }
            Output::Grpc(..) | Output::Record(..) | Output::Trace(_) => {
                self.take_lightly(id, run, &output, file_at);
            }
            Output::Stopped => {
                self.trace.note(now, format_args!("{id:?} has stopped"));
                self.break_streams_of(id);
                self.host_mut(id).crash();
            }
            Output::Work(work, job) => self.heap.push(now, answer(Input::Worked(work, job.run()))),
        }
    }

    fn send(&mut self, host: HostId, run: u32, id: SendId, sent: Sent, given_up: Instant) {
        let now = self.now;
        let error = SendError {
            kind: SendErrorKind::Timeout,
            message: "context deadline exceeded".to_owned(),
        };
        self.host_mut(host).sends.insert(id);
        self.heap.push(now + self.network.delay, Thing::Arrives { host, run, id, sent });
        let input = Box::new(Input::Sent(id, Err(error)));
        self.heap.push(given_up.max(now), Thing::Input { host, run, input });
    }

    /// Puts an input and lets it happen at once.
    fn put(&mut self, id: HostId, input: Input) {
        let run = self.host(id).run;
        self.heap.push(self.now, Thing::Input { host: id, run, input: Box::new(input) });
        self.settle();
    }

    fn wait_reply(&mut self, id: HostId, call: CallId) -> Result<Reply, String> {
        let until = self.now + CALL_PATIENCE;
        loop {
            if let Some(reply) = self.host_mut(id).replies.remove(&call) {
                return Ok(reply);
            }
            if !self.step(until) {
                return Err(format!("no reply: {}", self.pending(id)));
            }
        }
    }

    fn host(&self, id: HostId) -> &Host {
        &self.hosts[id.0 as usize]
    }

    fn host_mut(&mut self, id: HostId) -> &mut Host {
        &mut self.hosts[id.0 as usize]
    }
}
