//! The event recorder: what happened to alerts, silences and notifications, as JSON for machines.
//!
//! It exists only with the feature of that name, and only then an event is made. Events gather
//! while an input is handled and are handed to the outputs at its end, in one write each; what
//! comes during a write waits for its end.

mod json;
mod record;
mod sink;
mod webhook;

use alloc::{
    boxed::Box,
    collections::{BTreeMap, VecDeque},
    format,
    string::String,
    sync::Arc,
    vec::Vec,
};

use self::{
    json::Json,
    sink::File,
    webhook::{Hands, State, Webhook},
};
use super::{Node, Output};
use crate::{
    event::Event,
    id::{Counter, FlightId, GroupId, ReadId, RecordId, SendId},
    limits::{EVENT_DRAIN, EVENTS_PER_WRITE_MAX, EVENTS_WAITING_MAX},
    metrics::Recorder as Counts,
    notify::{Answer, Fed, SendError},
    rng::Rng,
    time::{self, Deadline, Instant, Now, earliest},
};

/// The types of events: how metrics call them, and their place in the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    label: &'static str,
    key: &'static str,
}

const fn kind(label: &'static str, key: &'static str) -> Kind {
    Kind { label, key }
}

/// One event, ready to go out.
#[derive(Debug)]
struct Line {
    kind: Kind,
    text: String,
}

/// The recorder of a node.
#[derive(Debug)]
pub(super) struct Recorder {
    instance: Arc<str>,
    user_agent: String,
    waiting: VecDeque<Arc<Line>>,
    files: Vec<File>,
    webhooks: Vec<Webhook>,
    /// What a reload took away and still has events, and when it is given up.
    leaving: Vec<(Instant, Webhook)>,
    record_ids: Counter,
    nonces: Rng,
    /// The name of each group in events; with its key, since ids are used again.
    names: BTreeMap<GroupId, (Arc<str>, uuid::Uuid)>,
    /// What was muted in the groups of flushes under way, as the notification log's hashes.
    muted: BTreeMap<FlightId, Arc<[u64]>>,
    is_ending: bool,
    counts: Counts,
}

impl Recorder {
    pub(super) fn new(instance: Arc<str>, user_agent: String, rng: Rng) -> Self {
        Self {
            instance,
            user_agent,
            waiting: VecDeque::new(),
            files: Vec::new(),
            webhooks: Vec::new(),
            leaving: Vec::new(),
            record_ids: Counter::default(),
            nonces: rng,
            names: BTreeMap::new(),
            muted: BTreeMap::new(),
            is_ending: false,
            counts: Counts::default(),
        }
    }

    /// Tells whether there is anybody to tell.
    fn is_open(&self) -> bool {
        !self.files.is_empty() || !self.webhooks.is_empty()
    }

    pub(super) fn is_idle(&self) -> bool {
        let webhooks = self.webhooks.iter().chain(self.leaving.iter().map(|(_, it)| it));
        self.waiting.is_empty()
            && self.files.iter().all(|file| file.busy.is_none())
            && webhooks.into_iter().all(Webhook::is_idle)
    }

    /// Returns what the outputs are called.
    #[cfg(test)]
    pub(super) fn labels(&self) -> Vec<&str> {
        let webhooks = self.webhooks.iter().map(|webhook| &**webhook.label());
        self.files.iter().map(|file| &*file.label).chain(webhooks).collect()
    }

    /// Returns what metrics show.
    pub(super) fn counts(&self) -> Arc<Counts> {
        Arc::new(self.counts.clone())
    }

    pub(super) fn deadline(&self) -> Option<Deadline> {
        let webhooks = self.webhooks.iter().map(Webhook::deadline);
        let leaving = self.leaving.iter().map(|(at, it)| earliest(Some(*at), it.deadline()));
        let at = webhooks.chain(leaving).fold(None, earliest)?;
        Some(Deadline { at, reason: time::Reason::Event })
    }

    fn push(&mut self, kind: Kind, text: String) {
        if self.waiting.len() >= EVENTS_WAITING_MAX {
            return self.counts.record_dropped(kind.label);
        }
        self.waiting.push_back(Arc::new(Line { kind, text }));
    }

    /// Hands the events that wait to the outputs, unless one of them still writes.
    fn hand_out(&mut self, now: Instant, outputs: &mut VecDeque<Output>) {
        let counts = &mut self.counts;
        while !self.waiting.is_empty() && self.files.iter().all(|file| file.busy.is_none()) {
            let count = self.waiting.len().min(EVENTS_PER_WRITE_MAX);
            let lines: Vec<Arc<Line>> = self.waiting.drain(..count).collect();
            for webhook in &mut self.webhooks {
                for line in &lines {
                    let result = match webhook.push(now, line) {
                        true => Ok(line.text.len()),
                        false => {
                            counts.record_output_drops(webhook.label(), 1);
                            continue;
                        }
                    };
                    counts.record_event(line.kind.label, webhook.label(), result);
                }
            }
            for file in &mut self.files {
                let id = RecordId(self.record_ids.next());
                outputs.push_back(file.write(id, lines.clone()));
            }
        }
        counts.set_waiting(self.waiting.len() as u64);
    }
}

impl Node {
    /// Opens the outputs of the configuration in force, and closes those it does not name.
    pub(super) fn configure_recorder(&mut self, now: Now) {
        let Some(recorder) = &mut self.recorder else { return };
        let config = self.config.event_recorder.clone().unwrap_or_default();
        let paths = config.file_outputs.iter().map(|output| Some(&*output.path));
        let mut old = core::mem::take(&mut recorder.files);
        for path in paths.chain(config.stdout_outputs.iter().map(|_| None)) {
            let known = old.iter().position(|file| file.path.as_deref() == path);
            let file = known.map(|place| old.swap_remove(place)).unwrap_or_else(|| {
                let mut file = File::new(path);
                let id = RecordId(recorder.record_ids.next());
                self.outputs.push_back(file.write(id, Vec::new()));
                file
            });
            recorder.files.push(file);
        }
        let mut old = core::mem::take(&mut recorder.webhooks);
        for output in &config.webhook_outputs {
            let known = old.iter().position(|webhook| webhook.is_of(output));
            let webhook = known.map(|place| old.swap_remove(place)).unwrap_or_else(|| {
                Webhook::new(output, &recorder.user_agent, &self.options.environment)
            });
            recorder.counts.record_output_drops(webhook.label(), 0);
            recorder.webhooks.push(webhook);
        }
        let until = now.instant + EVENT_DRAIN;
        recorder.leaving.extend(old.into_iter().map(|webhook| (until, webhook)));
    }

    /// Hands on what was recorded while an input was handled.
    pub(super) fn hand_events_out(&mut self, now: Now) {
        let Some(recorder) = &mut self.recorder else { return };
        recorder.hand_out(now.instant, &mut self.outputs);
        let is_ending = recorder.is_ending;
        self.with_webhooks(now, |webhook, hands| webhook.work(hands, is_ending));
        let Some(recorder) = &mut self.recorder else { return };
        for (until, webhook) in &mut recorder.leaving {
            if *until <= now.instant {
                webhook.give_up(&mut self.outputs);
            }
        }
        recorder.leaving.retain(|(_, webhook)| !webhook.is_idle());
    }

    fn with_webhooks(&mut self, now: Now, mut act: impl FnMut(&mut Webhook, &mut Hands<'_>)) {
        let Some(recorder) = &mut self.recorder else { return };
        let mut events = Vec::new();
        let mut hands = Hands {
            now,
            ids: &mut self.ids,
            nonces: &mut recorder.nonces,
            outputs: &mut self.outputs,
            events: &mut events,
        };
        let leaving = recorder.leaving.iter_mut().map(|(_, webhook)| webhook);
        recorder.webhooks.iter_mut().chain(leaving).for_each(|it| act(it, &mut hands));
        events.into_iter().for_each(|event| self.log(event));
    }

    /// Takes how a write went.
    pub(super) fn on_recorded(&mut self, id: RecordId, result: Result<(), String>) {
        let Some(recorder) = &mut self.recorder else { return self.ignore("record", id.0) };
        let is_it = |file: &&mut File| file.busy.as_ref().is_some_and(|(busy, _)| *busy == id);
        // A reload may have taken the output away.
        let Some(file) = recorder.files.iter_mut().find(is_it) else { return };
        let Some((_, lines)) = file.busy.take() else { return };
        let counts = &mut recorder.counts;
        for line in &lines {
            let result = result.as_ref().map(|()| line.text.len() + 1).map_err(|_| ());
            counts.record_event(line.kind.label, &file.label, result);
        }
        let was_failing = core::mem::replace(&mut file.is_failing, result.is_err());
        if let Err(err) = result
            && !was_failing
        {
            let (output, events) = (file.label.clone(), lines.len() as u64);
            self.log(Event::EventsNotWritten { output, events, err });
        }
    }

    /// Takes how a post went. Tells whether it was one of an event.
    pub(super) fn event_sent(
        &mut self,
        now: Now,
        id: SendId,
        result: &Result<Answer, SendError>,
    ) -> bool {
        self.feed_webhook(now, State::Sending(id), || Fed::Sent(result.clone()))
    }

    /// Takes a file. Tells whether a post waited for it.
    pub(super) fn event_read(
        &mut self,
        now: Now,
        id: ReadId,
        content: &Result<Vec<u8>, String>,
    ) -> bool {
        self.feed_webhook(now, State::Reading(id), || Fed::File(content.clone()))
    }

    fn feed_webhook(&mut self, now: Now, state: State, fed: impl Fn() -> Fed) -> bool {
        let mut is_found = false;
        self.with_webhooks(now, |webhook, hands| {
            if webhook.awaits(state) {
                is_found = true;
                webhook.feed(state, fed(), hands);
            }
        });
        is_found
    }

    /// Tells whether events are wanted.
    pub(super) fn is_recording(&self) -> bool {
        self.recorder.as_ref().is_some_and(|recorder| recorder.is_open())
    }

    /// Keeps an event for the outputs.
    fn record(&mut self, now: Now, kind: Kind, write: impl FnOnce(&mut Json)) {
        let Some(recorder) = &mut self.recorder else { return };
        let position = self.cluster.as_ref().map_or(0, |cluster| cluster.position());
        let mut json = Json::default();
        json.object(|json| {
            json.time("@timestamp", now.wall);
            json.text("instance", &recorder.instance);
            json.member("data", |json| json.member(kind.key, write));
            if position > 0 {
                json.key("clusterPosition");
                json.0.push_str(&format!("{position}"));
            }
        });
        recorder.push(kind, json.0);
    }

    /// Gives up the events that still wait, at the end of a shutdown's patience.
    pub(super) fn give_events_up(&mut self) {
        if let Some(mut recorder) = self.recorder.take() {
            recorder.webhooks.iter_mut().for_each(|it| it.give_up(&mut self.outputs));
        }
    }
}

/// Makes the recorder of a node whose flags ask for one.
pub(super) fn start(
    is_on: bool,
    instance: &Arc<str>,
    user_agent: &str,
    rng: Rng,
) -> Option<Box<Recorder>> {
    is_on.then(|| Box::new(Recorder::new(instance.clone(), user_agent.into(), rng)))
}
