//! What the event recorder reports.

use alloc::{collections::BTreeMap, sync::Arc};

use super::{
    Counter,
    text::{Kind, Page},
};

/// Counts of the event recorder, if it is on. Types of events are given in the words of the labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorder {
    recorded: BTreeMap<(&'static str, Arc<str>, bool), Counter>,
    bytes: BTreeMap<(&'static str, Arc<str>), Counter>,
    dropped: BTreeMap<&'static str, Counter>,
    output_drops: BTreeMap<Arc<str>, Counter>,
    waiting: u64,
}

impl Recorder {
    /// Records that an event was given to an output, with the bytes it takes there, or not.
    pub fn record_event(
        &mut self,
        event: &'static str,
        output: &Arc<str>,
        result: Result<usize, ()>,
    ) {
        let key = (event, output.clone(), result.is_ok());
        self.recorded.entry(key).or_default().increase();
        if let Ok(bytes) = result {
            self.bytes.entry((event, output.clone())).or_default().add(bytes as u64);
        }
    }

    /// Records that there was no room for an event.
    pub fn record_dropped(&mut self, event: &'static str) {
        self.dropped.entry(event).or_default().increase();
    }

    /// Records that an output had no room for events; none at all make the output known.
    pub fn record_output_drops(&mut self, output: &Arc<str>, events: u64) {
        self.output_drops.entry(output.clone()).or_default().add(events);
    }

    /// Sets how many events wait to be handed to the outputs.
    pub fn set_waiting(&mut self, events: u64) {
        self.waiting = events;
    }

    pub(super) fn collect(&self, page: &mut Page) {
        let family = page.family(
            "alertmanager_events_recorded_total",
            Kind::Counter,
            "Events given to outputs of the event recorder.",
        );
        for ((event, output, ok), &counter) in &self.recorded {
            let result = if *ok { "success" } else { "error" };
            let labels = [("event_type", *event), ("output", output), ("result", result)];
            family.count(&labels, counter);
        }
        let family = page.family(
            "alertmanager_event_recorder_bytes_written_total",
            Kind::Counter,
            "Bytes given to outputs of the event recorder.",
        );
        for ((event, output), &counter) in &self.bytes {
            family.count(&[("event_type", *event), ("output", output)], counter);
        }
        page.gauge(
            "alertmanager_event_recorder_queue_length",
            "Events that wait to be given to the outputs.",
            self.waiting as f64,
        );
        let family = page.family(
            "alertmanager_events_dropped_total",
            Kind::Counter,
            "Events dropped because too many wait.",
        );
        for (event, &counter) in &self.dropped {
            family.count(&[("event_type", *event)], counter);
        }
        let family = page.family(
            "alertmanager_event_output_drops_total",
            Kind::Counter,
            "Events dropped because too many wait for an output.",
        );
        for (output, &counter) in &self.output_drops {
            family.count(&[("output", &**output)], counter);
        }
    }
}
