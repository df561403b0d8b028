//! What is true in a run: when alerts fire, what is silenced, and what goes wrong when.

use std::time::Duration;

use campana_core::time::Instant;

use super::mix::Mix;
use crate::{chance::Chance, host::HostId};

/// Alerts begin and end at multiples of this, and servers evaluate their rules in between.
pub(super) const EVALUATION: Duration = Duration::from_secs(15);

/// A span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) from: Instant,
    pub(super) until: Instant,
}

impl Span {
    /// Tells whether the spans have a moment in common.
    pub(super) fn meets(self, other: Self) -> bool {
        self.from <= other.until && other.from <= self.until
    }

    /// Returns the span with some time before and after it.
    pub(super) fn widened(self, before: Duration, after: Duration) -> Self {
        let before = u64::try_from(before.as_nanos()).unwrap_or(u64::MAX);
        let from = Instant::from_nanos(self.from.as_nanos().saturating_sub(before));
        Self { from, until: self.until + after }
    }
}

/// An alert and when it fires.
#[derive(Clone, Debug)]
pub(super) struct Alert {
    pub(super) name: String,
    pub(super) instance: String,
    /// In order. The last one may end after the run.
    pub(super) fires: Vec<Span>,
}

impl Alert {
    /// Returns the name that notices have for it.
    pub(super) fn label(&self) -> String {
        format!("{}/{}", self.name, self.instance)
    }

    /// Returns the span in which it fires at a time.
    pub(super) fn firing_at(&self, at: Instant) -> Option<Span> {
        self.fires.iter().copied().find(|span| span.from <= at && at < span.until)
    }

    /// Returns the last span that was over at a time.
    pub(super) fn over_at(&self, at: Instant) -> Option<Span> {
        self.fires.iter().rev().copied().find(|span| span.until <= at)
    }
}

/// Something that went wrong.
#[derive(Clone, Debug)]
pub(super) enum Trouble {
    /// Hosts of one set and the others did not hear each other, or one way only.
    Cut(Vec<HostId>),
    /// A host was down.
    Down(HostId),
    /// The receiver did not simply answer 200 at once.
    Receiver,
    /// A host's clock stepped.
    Step,
    /// A host's disk took nothing.
    Disk,
    /// A Prometheus was down.
    Prometheus,
    /// A host got no posts.
    Deaf(HostId),
}

/// A silence that a host was asked for.
#[derive(Clone, Debug)]
pub(super) struct Silence {
    pub(super) name: String,
    pub(super) by: HostId,
    /// From the acknowledgement, or from the question without one, to its end.
    pub(super) span: Span,
    /// Whether the host acknowledged it. If not, it may be in force all the same.
    pub(super) is_promised: bool,
}

/// Everything that is true.
#[derive(Clone, Debug, Default)]
pub(super) struct Truth {
    pub(super) alerts: Vec<Alert>,
    /// When each fire of each alert first reached a host; `None` for never.
    pub(super) reached: Vec<Vec<Option<Instant>>>,
    pub(super) troubles: Vec<(Span, Trouble)>,
    pub(super) silences: Vec<Silence>,
    /// How far the clocks can differ.
    pub(super) skew: Duration,
}

/// The end of what does not end.
pub(super) const NEVER: Instant = Instant::from_nanos(u64::MAX / 2);

impl Truth {
    /// Draws when alerts fire, between `from` and `until`.
    pub(super) fn draw(chance: &mut Chance, mix: &Mix, from: Instant, until: Instant) -> Self {
        let mut alerts = Vec::new();
        for group in 0..mix.groups {
            for instance in 0..mix.instances {
                let mut fires = Vec::new();
                let mut at = from + EVALUATION * (1 + chance.below(20) as u32);
                while at < until {
                    let end = at + EVALUATION * (4 + chance.below(60) as u32);
                    let end = if end < until { end } else { NEVER };
                    fires.push(Span { from: at, until: end });
                    at = end + EVALUATION * (2 + chance.below(30) as u32);
                }
                let (name, instance) = (format!("Group{group}"), format!("i{instance}"));
                alerts.push(Alert { name, instance, fires });
            }
        }
        let reached = alerts.iter().map(|alert| vec![None; alert.fires.len()]).collect();
        Self { alerts, reached, ..Self::default() }
    }
}
