//! Reloads: read, parse elsewhere, then change over in one step.
//!
//! Until the new configuration has been read and resolved completely, nothing changes. Alerts,
//! silences, the log and every group that exists in both configurations live on; see
//! [`crate::group::Groups::reroute`].

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use super::{Node, Output, Work};
use crate::{
    api::Reply,
    config::{Config, ConfigError, TemplateFile},
    event::Event,
    id::{AlertId, CallId, ReadId, WorkId},
    time::Now,
};

/// The reload under way, and who waits for it.
#[derive(Debug, Default)]
pub(super) struct State {
    phase: Phase,
    callers: Vec<CallId>,
    /// Requests that came while a reload was under way: one more answers them all, since the file
    /// may have changed after it was read.
    again: Option<Vec<CallId>>,
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
        state.callers.into_iter().chain(state.again.unwrap_or_default()).collect()
    }
}

impl Node {
    pub(super) fn on_reload_call(&mut self, call: CallId) {
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
        let globs = config.template_globs.clone();
        self.reload.phase = Phase::Globbing(id, Box::new(config));
        self.outputs.push_back(Output::Glob(id, globs));
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
        let file = self.options.config_file.clone().unwrap_or_default();
        self.metrics.record_reload_failed();
        self.log(Event::ConfigurationFailed { file, err: err.clone() });
        self.end_reload(&Err(err));
    }

    fn request_reload(&mut self, caller: Option<CallId>) {
        if !matches!(self.reload.phase, Phase::Idle) {
            self.reload.again.get_or_insert_default().extend(caller);
            return;
        }
        self.reload.callers.extend(caller);
        self.begin_reload();
    }

    fn begin_reload(&mut self) {
        match &self.options.config_file {
            Some(file) => {
                let path: Arc<str> = Arc::from(file.as_str());
                self.log(Event::ConfigurationLoading { file: path.to_string() });
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
        if let Some(callers) = self.reload.again.take() {
            self.reload.callers = callers;
            self.begin_reload();
        }
    }

    fn apply(&mut self, now: Now, config: Arc<Config>) {
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
        self.groups.reroute(now, &old.tree, &self.config.tree, &self.alerts);
        for id in ids {
            let entry = self.alerts.get_mut(id).expect("listed above");
            if entry.groups > 0 {
                entry.groups = entry.routes.len() as u32;
            }
        }
        self.deliveries.configure(self.config.template_set());
        self.announce_config(now);
    }
}
