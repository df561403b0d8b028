//! Reloads: read, parse elsewhere, then change over in one step.
//!
//! Until the new configuration has been read and resolved completely, nothing changes. Alerts,
//! silences, the log and every group that exists in both configurations live on, with ticks and
//! flushes under way; see [`crate::group::Groups::compare`].

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use super::{Node, Output, Work, flush::log_key};
use crate::{
    api::Reply,
    config::{Config, ConfigError, TemplateFile},
    event::Event,
    group::{Next, Routed},
    id::{AlertId, CallId, ReadId, WorkId},
    time::Now,
};

/// The reload under way, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct State {
    phase: Phase,
    /// Whether it only says what it would change.
    is_rehearsal: bool,
    callers: Vec<CallId>,
    /// Requests that came while a reload was under way: one more answers them all, since the file
    /// may have changed after it was read.
    again: Option<Vec<CallId>>,
    /// The same for rehearsals, which come after.
    rehearse_again: Vec<CallId>,
}

#[derive(Debug, Default)]
enum Phase {
    #[default]
    Idle,
    Reading(ReadId),
    Globbing(ReadId, Box<Config>),
    Parsing(WorkId),
}

impl State {
    pub(super) fn is_reading(&self, id: ReadId) -> bool {
        matches!(self.phase, Phase::Reading(reading) if reading == id)
    }

    pub(super) fn is_parsing(&self, id: WorkId) -> bool {
        matches!(self.phase, Phase::Parsing(parsing) if parsing == id)
    }

    /// Forgets the reload under way and returns who waits for it.
    pub(super) fn give_up(&mut self) -> Vec<CallId> {
        let state = core::mem::take(self);
        let again = state.again.unwrap_or_default();
        state.callers.into_iter().chain(again).chain(state.rehearse_again).collect()
    }
}

impl Node {
    pub(super) fn on_reload_call(&mut self, call: CallId, dry_run: bool) {
        if dry_run {
            self.reload.rehearse_again.push(call);
            return self.begin_waiting();
        }
        self.log(Event::ReloadRequested { by: "api".into() });
        self.request_reload(Some(call));
    }

    pub(super) fn on_hangup(&mut self) {
        if self.stopping.is_none() {
            self.log(Event::ReloadRequested { by: "signal".into() });
            self.request_reload(None);
        }
    }

    pub(super) fn on_config_read(&mut self, content: Result<Vec<u8>, String>) {
        match content {
            Ok(text) => self.parse_config(text),
            Err(error) => {
                let file = self.options.config_file.clone().unwrap_or_default();
                self.fail_reload(format!(
                    "couldn't load configuration (--config.file={file}): {error}"
                ));
            }
        }
    }

    pub(super) fn on_config(&mut self, now: Now, id: WorkId, result: Result<Config, ConfigError>) {
        if !self.reload.is_parsing(id) {
            return self.ignore("configuration", id.0);
        }
        match result {
            Ok(config) if config.templates.is_none() => self.read_templates(config),
            Ok(config) if self.reload.is_rehearsal => {
                let report = self.rehearse(now, &config);
                self.end_rehearsal(&Ok(report));
            }
            Ok(config) => {
                self.apply(now, Arc::new(config));
                self.end_reload(&Ok(()));
            }
            Err(error) => self.fail_reload(error.to_string()),
        }
    }

    /// Goes on with the files that hold templates.
    fn read_templates(&mut self, config: Config) {
        let id = ReadId(self.ids.read.next());
        let needs = Box::new(config.needs());
        self.reload.phase = Phase::Globbing(id, Box::new(config));
        self.outputs.push_back(Output::Glob(id, needs));
    }

    pub(super) fn on_templates(&mut self, id: ReadId, files: Result<Vec<TemplateFile>, String>) {
        let config = match core::mem::take(&mut self.reload.phase) {
            Phase::Globbing(globbing, config) if globbing == id => config,
            phase => {
                self.reload.phase = phase;
                return self.ignore("templates", id.0);
            }
        };
        match files {
            Ok(files) => self.parse(Work::CompleteConfig { config, files }),
            Err(error) => self.fail_reload(error),
        }
    }

    /// Leaves everything as it is and says why.
    pub(super) fn fail_reload(&mut self, err: String) {
        if self.reload.is_rehearsal {
            return self.end_rehearsal(&Err(err));
        }
        let file = self.options.config_file.clone().unwrap_or_default();
        self.metrics.record_reload_failed();
        self.log(Event::ConfigurationFailed { file, err: err.clone() });
        self.end_reload(&Err(err));
    }

    fn request_reload(&mut self, caller: Option<CallId>) {
        self.reload.again.get_or_insert_default().extend(caller);
        self.begin_waiting();
    }

    /// Begins what waits, when nothing is under way: reloads first, then rehearsals.
    fn begin_waiting(&mut self) {
        if !matches!(self.reload.phase, Phase::Idle) {
            return;
        }
        if let Some(callers) = self.reload.again.take() {
            self.reload.is_rehearsal = false;
            self.reload.callers = callers;
            self.begin_reload();
        } else if !self.reload.rehearse_again.is_empty() {
            self.reload.is_rehearsal = true;
            self.reload.callers = core::mem::take(&mut self.reload.rehearse_again);
            self.begin_reload();
        }
    }

    fn begin_reload(&mut self) {
        match &self.options.config_file {
            Some(file) => {
                let path: Arc<str> = Arc::from(file.as_str());
                if !self.reload.is_rehearsal {
                    self.log(Event::ConfigurationLoading { file: path.to_string() });
                }
                let id = ReadId(self.ids.read.next());
                self.reload.phase = Phase::Reading(id);
                self.outputs.push_back(Output::Read(id, path));
            }
            None => self.parse_config(crate::config::default_text().as_bytes().to_vec()),
        }
    }

    fn parse_config(&mut self, text: Vec<u8>) {
        self.parse(Work::LoadConfig { text, options: self.options.clone() });
    }

    fn parse(&mut self, work: Work) {
        let id = WorkId(self.ids.work.next());
        self.reload.phase = Phase::Parsing(id);
        self.outputs.push_back(Output::Work(id, work));
    }

    fn end_reload(&mut self, result: &Result<(), String>) {
        self.reload.phase = Phase::Idle;
        for call in core::mem::take(&mut self.reload.callers) {
            self.outputs.push_back(Output::Reply(call, Reply::Reloaded(result.clone())));
        }
        self.begin_waiting();
    }

    fn end_rehearsal(&mut self, result: &Result<String, String>) {
        self.reload.phase = Phase::Idle;
        for call in core::mem::take(&mut self.reload.callers) {
            self.outputs.push_back(Output::Reply(call, Reply::Rehearsed(result.clone())));
        }
        self.begin_waiting();
    }

    fn apply(&mut self, now: Now, config: Arc<Config>) {
        let mut before = self.group_states(now);
        let old = core::mem::replace(&mut self.config, config);
        if self.config.inhibit_rules != old.inhibit_rules {
            let alerts = self.alerts.iter().map(|(id, entry)| (id, &entry.alert.labels));
            self.inhibitor.replace_rules(self.config.inhibit_rules.clone(), alerts);
        }
        let ids: Vec<AlertId> = self.alerts.iter().map(|(id, _)| id).collect();
        self.route_lists = Default::default();
        for &id in &ids {
            self.find_routes(id);
        }
        let routed = self.alerts.iter().filter(|(_, entry)| entry.groups > 0);
        let routed = routed.map(|(id, entry)| Routed {
            id,
            labels: &entry.alert.labels,
            starts_at: entry.alert.starts_at.at,
            routes: &entry.routes,
        });
        let change = self.groups.compare(&old.tree, &self.config.tree, routed);
        let moved: Vec<(Arc<str>, Arc<str>, Arc<str>)> =
            change.rekeyed.iter().filter_map(|next| self.moved(next)).collect();
        self.groups.reroute(now, &self.config.tree, change);
        for (receiver, from, to) in moved {
            self.copy_log(now, &receiver, &from, &to);
        }
        for id in ids {
            let entry = self.alerts.get_mut(id).expect("listed above");
            if entry.groups > 0 {
                entry.groups = entry.routes.len() as u32;
            }
        }
        // What integrations remember stays while they are the same.
        let is_same = self.config.receivers == old.receivers;
        self.deliveries.configure(self.config.template_set(), is_same);
        self.configure_tracing();
        self.configure_recorder(now);
        before.sort_unstable();
        self.note_groups_besides(now, &before);
        self.announce_config(now);
    }

    /// Returns the receiver, the old and the new key of a group that goes on under another route.
    fn moved(&self, next: &Next) -> Option<(Arc<str>, Arc<str>, Arc<str>)> {
        let route = self.config.tree.route(next.route);
        let old = self.groups.get(next.id?)?.key.clone();
        Some((route.receiver.clone(), old, Arc::from(route.group_key(&next.labels))))
    }

    /// Lets the log know by another key what was told of a group.
    pub(super) fn copy_log(
        &mut self,
        now: Now,
        receiver: &Arc<str>,
        from: &Arc<str>,
        to: &Arc<str>,
    ) {
        let config = self.config.clone();
        let known = config.receivers.iter().find(|known| known.name == *receiver);
        for integration in known.map_or(&[][..], |receiver| &receiver.integrations) {
            let key = |group_key| log_key(group_key, receiver, integration);
            let Some(entry) = self.nflog.get(&key(from)).cloned() else { continue };
            if self.nflog.merge(now.wall, key(to), entry) {
                self.note_log(now, &key(to));
                self.gossip_log(now, &key(to));
            }
        }
    }
}
