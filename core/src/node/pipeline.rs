//! The stages a flush goes through before anybody is told.
//!
//! Upstream's order, as one list: inhibition, active time, mute time, silence. (Settling comes
//! before, with the cluster; waiting, deduplication, retries and the log come after, per
//! integration, in [`crate::delivery`] and [`super::delivery`].) Each stage looks at the flush and
//! answers with a decision that says why; a stage that leaves nothing ends the list.

use alloc::{sync::Arc, vec::Vec};

use crate::{
    alert::{Mark, Store},
    config::Config,
    id::AlertId,
    inhibit,
    label::Labels,
    metrics::Suppressed,
    route::Route,
    silence,
    time::Timestamp,
};

/// A flush on its way through the stages.
#[derive(Debug)]
pub(super) struct Flush<'a> {
    pub(super) route: &'a Route,
    /// When the tick was due, by the wall clock: what time intervals are asked about.
    pub(super) tick: Timestamp,
    /// The wall clock now: what silences and alerts are asked about.
    pub(super) now: Timestamp,
    /// The alerts, ascending, that are told as resolved even while they are muted.
    pub(super) closing: Vec<AlertId>,
    /// The alerts that nothing muted so far.
    pub(super) alerts: Vec<AlertId>,
    /// What the stages found out about each alert that was muted or let through.
    pub(super) marks: Vec<(AlertId, Mark)>,
    /// The intervals that mute the group; `None` while no stage has looked.
    pub(super) muted_by: Option<Vec<Arc<str>>>,
}

/// What the stages look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct World<'a> {
    pub(super) config: &'a Config,
    pub(super) alerts: &'a Store,
    pub(super) inhibitor: &'a inhibit::Index,
    pub(super) silences: &'a silence::Table,
}

/// Buffers that are reused from flush to flush.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub(super) silences: silence::Scratch,
    pub(super) inhibit: inhibit::Scratch,
}

/// What a stage says about a flush.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is muted.
    Pass,
    /// These alerts, ascending, are muted.
    Mute(Suppressed, Vec<AlertId>),
    /// The whole group is muted, by these intervals.
    MuteGroup(Suppressed, Vec<Arc<str>>),
    /// The group is in none of its mute intervals; clears what an earlier flush found.
    Unmute,
}

/// One stage: its name in explanations, and its rule.
#[derive(Clone, Copy)]
pub struct Stage {
    /// The stage's name.
    pub name: &'static str,
    decide: fn(&Flush<'_>, World<'_>, &mut Scratch) -> Decision,
}

/// The stages, in their order.
pub(super) const STAGES: [Stage; 4] = [
    Stage { name: "inhibit", decide: inhibit },
    Stage { name: "active time", decide: active_time },
    Stage { name: "mute time", decide: mute_time },
    Stage { name: "silence", decide: silence },
];

/// Runs the stages. `on_muted` hears how many alerts each reason took.
pub(super) fn run(
    flush: &mut Flush<'_>,
    world: World<'_>,
    scratch: &mut Scratch,
    mut on_muted: impl FnMut(Suppressed, usize),
) {
    for stage in &STAGES {
        if flush.alerts.is_empty() {
            return;
        }
        match (stage.decide)(flush, world, scratch) {
            Decision::Pass => {}
            Decision::Unmute => flush.muted_by = Some(Vec::new()),
            Decision::Mute(reason, muted) => {
                on_muted(reason, muted.len());
                flush.alerts.retain(|id| muted.binary_search(id).is_err());
                flush.marks.extend(muted.into_iter().map(|id| (id, Mark::Suppressed)));
            }
            Decision::MuteGroup(reason, names) => {
                on_muted(reason, flush.alerts.len());
                flush.alerts.clear();
                flush.muted_by = Some(names);
            }
        }
    }
    flush.marks.extend(flush.alerts.iter().map(|&id| (id, Mark::Active)));
}

fn inhibit(flush: &Flush<'_>, world: World<'_>, scratch: &mut Scratch) -> Decision {
    if world.config.inhibit_rules.is_empty() {
        return Decision::Pass;
    }
    let is_live =
        |id: AlertId| world.alerts.get(id).is_some_and(|entry| !entry.alert.is_resolved(flush.now));
    let mut query = world.inhibitor.query(is_live, &mut scratch.inhibit);
    mute(flush, Suppressed::Inhibition, |id| {
        query.inhibited_by(labels_of(world.alerts, id)).is_some()
    })
}

fn active_time(flush: &Flush<'_>, world: World<'_>, _: &mut Scratch) -> Decision {
    let names = &flush.route.active_time_intervals;
    if names.is_empty() || !world.config.intervals.holding(names, flush.tick).is_empty() {
        return Decision::Pass;
    }
    Decision::MuteGroup(Suppressed::ActiveTimeInterval, names.clone())
}

fn mute_time(flush: &Flush<'_>, world: World<'_>, _: &mut Scratch) -> Decision {
    let holding = world.config.intervals.holding(&flush.route.mute_time_intervals, flush.tick);
    if holding.is_empty() {
        return Decision::Unmute;
    }
    Decision::MuteGroup(Suppressed::MuteTimeInterval, holding)
}

fn silence(flush: &Flush<'_>, world: World<'_>, scratch: &mut Scratch) -> Decision {
    if world.silences.is_empty() {
        return Decision::Pass;
    }
    mute(flush, Suppressed::Silence, |id| {
        let labels = labels_of(world.alerts, id);
        world.silences.silences(labels, flush.now, &mut scratch.silences)
    })
}

fn mute(
    flush: &Flush<'_>,
    reason: Suppressed,
    mut is_muted: impl FnMut(AlertId) -> bool,
) -> Decision {
    let is_open = |id: &AlertId| flush.closing.binary_search(id).is_err();
    let open = flush.alerts.iter().copied().filter(is_open);
    let muted: Vec<AlertId> = open.filter(|&id| is_muted(id)).collect();
    if muted.is_empty() { Decision::Pass } else { Decision::Mute(reason, muted) }
}

fn labels_of(alerts: &Store, id: AlertId) -> &Labels {
    &alerts.get(id).expect("members of groups are in the store").alert.labels
}
