//! The switchboard: a node is a value; you tell it what happened and what time it is, and it tells
//! you what to do and when to come back.
//!
//! Parts never hold references to parts. The node owns them all, takes itself apart where an input
//! concerns several, and hands each what it needs. One file per family of inputs.

mod alerts;
mod boot;
mod claims;
mod delivery;
mod flush;
mod gossip;
mod io;
mod journal;
mod maintain;
mod pipeline;
mod recorder;
mod rehearse;
mod reload;
mod silences;
#[cfg(test)]
mod tests;
mod tracing;
mod unmute;
mod warm_up;

use alloc::{boxed::Box, collections::VecDeque, string::String, sync::Arc, vec::Vec};

pub use self::{
    boot::{Start, gossip_settings, gossip_start, load_config},
    gossip::{EncodedState, FullState, Records},
    io::{Done, Input, Output, Work},
    pipeline::{Decision, Stage},
    tracing::Served,
};
use crate::{
    alert::{RouteLists, Store},
    api::{Call, Reply},
    cli::Options,
    cluster::Cluster,
    config::Config,
    delivery::{Deliveries, Ids},
    event::Event,
    group::Groups,
    id::{AlertId, CallId, Counter, ReadId, RouteId, WorkId},
    inhibit::Inhibitor,
    metrics::Metrics,
    nflog::Log,
    persist::{Journal, Schedule},
    rng::Rng,
    silence::Silences,
    time::{Deadline, Now, Reason, Timestamp, earliest},
    trail::Trail,
    view::{ClusterView, View},
};

/// An alert manager of one host, as a deterministic state machine. See the crate's documentation
/// for the contract.
#[derive(Debug)]
pub struct Node {
    options: Arc<Options>,
    config: Arc<Config>,
    external_url: Arc<str>,
    alerts: Store,
    route_lists: RouteLists,
    groups: Groups,
    silences: Silences,
    trail: Trail,
    ends: unmute::Ends,
    awaited: warm_up::Awaited,
    inhibitor: Inhibitor,
    nflog: Log,
    cluster: Option<Cluster>,
    claims: claims::Claims,
    deliveries: Deliveries,
    tracer: tracing::Tracer,
    recorder: Option<Box<recorder::Recorder>>,
    journal: Journal,
    /// What waits for the journal, in the order of the appends: for which, and whether that must be
    /// on disk.
    promises: VecDeque<(u64, bool, journal::Promised)>,
    schedule: Schedule,
    metrics: Metrics,
    reload: reload::State,
    stopping: Option<maintain::Stopping>,
    ids: Ids,
    save_ids: Counter,
    /// The first journal file that the checkpoint under way does not cover.
    covered_to: u64,
    silence_ids: Rng,
    outputs: VecDeque<Output>,
    scratch: Scratch,
    started_at: Timestamp,
    /// The latest `now` seen, to notice a monotonic clock that goes back.
    now: Now,
    /// Whether the last call left ripe groups behind.
    has_backlog: bool,
}

/// Buffers that are reused from call to call.
#[derive(Debug, Default)]
struct Scratch {
    routes: Vec<RouteId>,
    known: Vec<Option<AlertId>>,
    muting: pipeline::Scratch,
}

impl Node {
    /// Takes one input.
    ///
    /// Never fails: what is wrong with an input is answered by outputs. Any number of calls may
    /// come before [`poll`](Self::poll) drains the outputs.
    ///
    /// # Panics
    /// When the monotonic clock goes back, which breaks the runtime's part of the contract.
    pub fn handle(&mut self, now: Now, input: Input) {
        assert!(now.instant >= self.now.instant, "the monotonic clock went back");
        self.now = now;
        match input {
            Input::Appended(id, result) => self.on_appended(now, id, result),
            Input::Call(id, call) => self.on_call(now, id, call),
            Input::Datagram { from, bytes } => self.on_datagram(now, from, &bytes),
            Input::Hangup => self.on_hangup(),
            Input::Globbed(id, files) => self.on_templates(id, files),
            Input::Recorded(id, result) => self.on_recorded(id, result),
            Input::Read(id, content) => self.on_read(now, id, content),
            Input::Resolved(id, result) => self.on_resolved(now, id, result),
            Input::Saved(id, result) => self.on_saved(now, id, result),
            Input::Sent(id, result) => {
                if !self.trace_sent(now, id, &result) && !self.event_sent(now, id, &result) {
                    if !self.deliveries.on_sent(&mut self.ids, id, result) {
                        self.ignore("exchange", id.0);
                    }
                    self.pump(now);
                }
            }
            Input::Served(served) => self.trace_served(now, &served),
            Input::Shutdown => self.on_shutdown(now),
            Input::Stream(id, event) => self.on_stream(now, id, event),
            Input::Timeout => self.on_timeout(now),
            Input::Worked(id, done) => self.on_worked(now, id, done),
        }
        if self.stopping.is_none() {
            self.unmute(now);
        }
        self.hand_events_out(now);
        self.try_stop();
    }

    /// Takes the next output; call until it returns `None`.
    #[must_use = "outputs must be carried out"]
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front().or_else(|| self.poll_journal())
    }

    /// Returns when the node wants an [`Input::Timeout`], and for what.
    pub fn deadline(&self) -> Option<Deadline> {
        if self.has_backlog {
            return Some(Deadline { at: self.now.instant, reason: Reason::Backlog });
        }
        let cluster = self.cluster.as_ref().and_then(Cluster::deadline);
        let others =
            earliest(earliest(cluster, self.claims.deadline()), self.deliveries.deadline());
        let others = earliest(others, self.journal.deadline());
        let others = earliest(others, self.tracer.deadline());
        let recorder = self.recorder.as_ref().and_then(|recorder| recorder.deadline());
        let others = earliest(others, recorder);
        if let Some(stopping) = &self.stopping {
            return if stopping.is_over() {
                None
            } else {
                earliest(stopping.deadline(self.now.instant), others)
            };
        }
        let group = self.groups.next_at().map(|at| Deadline { at, reason: Reason::Group });
        let group = earliest(group, self.unmute_deadline());
        earliest(earliest(group, self.schedule.deadline()), others)
    }

    /// Returns the state for readers. Cheap, and cheapest when no earlier view is alive.
    pub fn view(&self) -> Arc<View> {
        Arc::new(View {
            config: self.config.clone(),
            alerts: self.alerts.snapshot(),
            groups: self.groups.snapshot(),
            silences: self.silences.table(),
            inhibitor: self.inhibitor.index(),
            metrics: self.metrics_for_readers(),
            cluster: self.cluster.as_ref().map(ClusterView::new).map(Arc::new),
            trail: self.trail.clone(),
            at: self.now,
            started_at: self.started_at,
        })
    }

    fn metrics_for_readers(&self) -> Metrics {
        let mut metrics = self.metrics.clone();
        metrics.recorder = self.recorder.as_ref().map(|recorder| recorder.counts());
        metrics
    }

    /// Returns the notification log, for whoever compares nodes.
    pub fn nflog(&self) -> &Log {
        &self.nflog
    }

    /// Returns what is under way, in words, for a simulation that does not come to rest.
    pub fn pending(&self) -> String {
        alloc::format!(
            "{} groups ({} flushing), {} deliveries, saving: {}, reload: {:?}, stopping: {}",
            self.groups.len(),
            self.groups.in_flight(),
            self.deliveries.len(),
            self.schedule.is_saving(),
            self.reload,
            self.stopping.is_some(),
        )
    }

    fn on_call(&mut self, now: Now, id: CallId, call: Call) {
        if self.stopping.is_some() {
            self.outputs.push_back(Output::Reply(id, Reply::Stopping));
            return;
        }
        match call {
            Call::ExpireSilence(silence) => self.expire_silence(now, id, &silence),
            Call::PostAlerts(batch) => self.post_alerts(now, id, &batch),
            Call::PutSilence(draft) => self.put_silence(now, id, *draft),
            Call::Reload { dry_run } => self.on_reload_call(id, dry_run),
        }
    }

    fn on_timeout(&mut self, now: Now) {
        self.has_backlog = false;
        self.with_cluster(now, Cluster::on_timeout);
        self.deliveries.on_timeout(now.instant, &mut self.ids);
        self.pump(now);
        self.repeat_claims(now);
        self.export_spans(now);
        self.watch_journal(now);
        if self.stopping.is_some() {
            self.on_grace(now);
            return;
        }
        self.unmute(now);
        self.maintain(now);
        self.flush_due(now);
    }

    fn on_read(&mut self, now: Now, id: ReadId, content: Result<Vec<u8>, String>) {
        if self.reload.is_reading(id) {
            self.on_config_read(content);
        } else if self.event_read(now, id, &content) {
            // A post of an event goes on.
        } else if self.deliveries.on_read(&mut self.ids, id, content) {
            self.pump(now);
        } else {
            self.ignore("file", id.0);
        }
    }

    fn on_worked(&mut self, now: Now, id: WorkId, done: Done) {
        match done {
            Done::Step(step) => {
                if !self.deliveries.on_worked(now.instant, &mut self.ids, id, *step) {
                    self.ignore("step", id.0);
                }
                self.pump(now);
            }
            Done::Checkpoint(bytes) => self.on_checkpoint(id, bytes),
            Done::Config(result) => self.on_config(now, id, *result),
            Done::Records(records, source) => self.on_records(now, *records, source),
            Done::State(state) => self.on_state_encoded(now, state),
            Done::Panicked(text) => self.on_panicked(now, id, text),
        }
    }

    /// A job that panicked fails like any other; the node goes on.
    fn on_panicked(&mut self, now: Now, id: WorkId, err: String) {
        self.log(Event::WorkPanicked { err: err.clone() });
        if self.deliveries.on_work_lost(now.instant, &mut self.ids, id) {
            self.pump(now);
        } else if self.reload.is_parsing(id) {
            self.fail_reload(err);
        } else if self.schedule.is_saving() {
            self.on_encode_lost(now);
        }
    }

    /// Has an event printed, unless the flags say that nobody wants to see it.
    fn log(&mut self, event: Event) {
        if event.level() >= self.options.log_level {
            self.outputs.push_back(Output::Log(event));
        }
    }

    fn ignore(&mut self, what: &str, id: u64) {
        self.metrics.record_ignored_input();
        self.log(Event::InputIgnored { what: what.into(), id });
    }
}
