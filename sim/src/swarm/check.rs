//! The checkers: what was told against what was true.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use campana_core::{
    event::{Event, Level},
    time::Instant,
};

use super::{
    causes::Cause,
    run::Runner,
    truth::{Alert, EVALUATION, Silence, Span, Trouble, Truth},
};
use crate::{
    fleet::{Fleet, PAGER},
    notice::Notice,
};

/// What the checkers found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Notifications that the receiver took.
    pub told: usize,
    /// Fires of alerts that had to be told.
    pub owed: usize,
    /// Those that were not.
    pub lost: usize,
    /// Notifications that said nothing new, by cause.
    pub duplicates: BTreeMap<Cause, usize>,
    /// Alerts told as firing after they were told as over, by cause.
    pub flaps: BTreeMap<Cause, usize>,
    /// Alerts told as over that fired.
    pub early_ends: usize,
    /// Everything that must not be, in words.
    pub problems: Vec<String>,
}

/// Time that passes between a rule's evaluation and a flush that knows it, besides waits.
const SLACK: Duration = Duration::from_secs(45);

pub(super) fn check(runner: &Runner) -> Findings {
    let notices = runner.fleet.notices(PAGER);
    let mut findings =
        Findings { told: notices.len(), problems: runner.problems.clone(), ..Findings::default() };
    check_told(runner, &notices, &mut findings);
    check_ends(runner, &notices, &mut findings);
    check_repeats(runner, &notices, &mut findings);
    check_flaps(runner, &notices, &mut findings);
    check_silences(runner, &notices, &mut findings);
    check_inhibitions(runner, &notices, &mut findings);
    check_log(runner, &mut findings);
    findings
}

fn seconds(runner: &Runner, at: Instant) -> f64 {
    runner.fleet.world.age_at(at).as_secs_f64()
}

/// Returns how long a fire must last so that it has to be told.
fn needed(runner: &Runner, span: Span) -> Duration {
    let [wait, interval, _] = runner.mix.timing;
    // A flush that nobody answers lasts this long, and the group waits for its end.
    let flush = interval + runner.turns();
    // At the beginning a cluster settles first.
    let mut needed = wait + interval + flush + SLACK + runner.truth.skew * 2;
    if span.from.since(runner.fleet.world.born_at()) < Duration::from_secs(120) {
        needed += Duration::from_secs(60);
    }
    for (when, trouble) in &runner.truth.troubles {
        if !when.widened(flush, flush).meets(span) {
            continue;
        }
        needed += match trouble {
            Trouble::Receiver => when.until.since(when.from) + flush,
            Trouble::Down(_) | Trouble::Deaf(_) => {
                when.until.since(when.from) + flush + runner.mix.resend + SLACK * 2
            }
            Trouble::Cut(_) | Trouble::Prometheus => flush,
            Trouble::Step | Trouble::Disk => Duration::ZERO,
        };
    }
    needed
}

fn is_silenced(runner: &Runner, name: &str, span: Span) -> bool {
    let around = runner.truth.skew + SLACK;
    let silences = runner.truth.silences.iter();
    silences.into_iter().any(|s| s.name == name && s.span.widened(around, around * 3).meets(span))
}

/// Tells whether an alert is inhibited at some moment of a span.
fn is_inhibited(runner: &Runner, alert: &Alert, span: Span) -> bool {
    let around = runner.truth.skew + SLACK;
    source(runner, alert).is_some_and(|source| {
        source.fires.iter().any(|fire| fire.widened(around, around * 3).meets(span))
    })
}

/// Returns the alert that inhibits another while it fires.
fn source<'a>(runner: &'a Runner, alert: &Alert) -> Option<&'a Alert> {
    let is_target = runner.mix.inhibits && alert.name == "Group1";
    let mut alerts = runner.truth.alerts.iter().filter(|_| is_target);
    alerts.find(|source| source.name == "Group0" && source.instance == alert.instance)
}

/// An alert that fires long enough, is not muted and reached a host is told.
fn check_told(runner: &Runner, notices: &[Notice], findings: &mut Findings) {
    let end = runner.fleet.world.now();
    for (alert, reached) in runner.truth.alerts.iter().zip(&runner.truth.reached) {
        let label = alert.label();
        for (fire, reached) in alert.fires.iter().zip(reached) {
            let Some(reached) = *reached else { continue };
            let span = Span { from: reached, until: fire.until.min(end) };
            let lasts = span.until.since(span.from);
            let is_muted =
                is_silenced(runner, &alert.name, span) || is_inhibited(runner, alert, span);
            if lasts < needed(runner, span) || is_muted {
                continue;
            }
            findings.owed += 1;
            let told = |notice: &&Notice| {
                notice.at >= fire.from && notice.at <= span.until && notice.firing.contains(&label)
            };
            // What is still told as firing from before needs no second word.
            let is_told = notices.iter().any(|n| told(&n)) || {
                let before = notices.iter().rev().find(|n| n.at < fire.from && mentions(n, &label));
                before.is_some_and(|notice| notice.firing.contains(&label))
            };
            if !is_told {
                findings.lost += 1;
                findings.problems.push(format!(
                    "LOST: {label}, reached a host at {:.1}, fired until {:.1}",
                    seconds(runner, span.from),
                    seconds(runner, span.until)
                ));
            }
        }
    }
}

fn mentions(notice: &Notice, label: &String) -> bool {
    notice.firing.contains(label) || notice.resolved.contains(label)
}

/// What was told as firing and is long over was told as over, too; nothing is told as over that
/// fires.
fn check_ends(runner: &Runner, notices: &[Notice], findings: &mut Findings) {
    let end = runner.fleet.world.now();
    let is_quiet = !runner.truth.troubles.iter().any(|(_, trouble)| {
        matches!(
            trouble,
            Trouble::Down(_) | Trouble::Receiver | Trouble::Prometheus | Trouble::Deaf(_)
        )
    });
    for alert in &runner.truth.alerts {
        let label = alert.label();
        let last = notices.iter().rev().find(|notice| mentions(notice, &label));
        let over = alert.over_at(end).filter(|_| alert.firing_at(end).is_none());
        if let (Some(last), Some(over)) = (last, over)
            && last.firing.contains(&label)
            && is_quiet
            && end.since(over.until) > needed(runner, Span { from: over.until, until: end })
            && !is_silenced(runner, &alert.name, Span { from: over.from, until: end })
            && !is_inhibited(runner, alert, Span { from: over.from, until: end })
        {
            findings.problems.push(format!("NOT ENDED: {label} was last told as firing"));
        }
        for notice in notices.iter().filter(|notice| notice.resolved.contains(&label)) {
            let Some(fire) = alert.firing_at(notice.at) else { continue };
            if notice.at.since(fire.from) < SLACK + runner.turns() + runner.truth.skew {
                continue;
            }
            findings.early_ends += 1;
            let is_explained = !is_quiet || !runner.truth.skew.is_zero();
            if !is_explained && runner.mix.post_loss == 0.0 {
                let at = seconds(runner, notice.at);
                findings.problems.push(format!("ENDED EARLY: {label} at {at:.1}"));
            }
        }
    }
    let mut begun = BTreeSet::new();
    for notice in notices {
        if notice.firing.is_empty() && !begun.contains(&notice.group) {
            let at = seconds(runner, notice.at);
            findings.problems.push(format!("END BEFORE BEGINNING: {} at {at:.1}", notice.group));
        }
        begun.insert(&notice.group);
    }
}

/// Nothing is told twice unless something explains it.
fn check_repeats(runner: &Runner, notices: &[Notice], findings: &mut Findings) {
    let [_, _, repeat] = runner.mix.timing;
    let tolerance = runner.truth.skew * 2 + Duration::from_secs(5);
    let mut last: BTreeMap<&str, &Notice> = BTreeMap::new();
    for notice in notices {
        let Some(before) = last.insert(&notice.group, notice) else { continue };
        let is_subset = |part: &[String], whole: &[String]| part.iter().all(|a| whole.contains(a));
        let is_news = !is_subset(&notice.firing, &before.firing)
            || !is_subset(&notice.resolved, &before.resolved)
            || notice.firing.is_empty() && !before.firing.is_empty()
            || notice.at.since(before.at) + tolerance > repeat;
        if is_news {
            continue;
        }
        let cause = runner.explain(before, notice);
        *findings.duplicates.entry(cause).or_default() += 1;
        if cause == Cause::Unexplained {
            findings.problems.push(format!(
                "DUPLICATE: {} by {:?} at {:.3}, told by {:?} at {:.3}",
                notice.group,
                notice.from,
                seconds(runner, notice.at),
                before.from,
                seconds(runner, before.at)
            ));
        }
    }
}

/// What was told as over is not told as firing again unless it fired again.
fn check_flaps(runner: &Runner, notices: &[Notice], findings: &mut Findings) {
    for alert in &runner.truth.alerts {
        let label = alert.label();
        let mut over: Option<&Notice> = None;
        for notice in notices {
            if notice.resolved.contains(&label) {
                over = Some(notice);
            } else if notice.firing.contains(&label)
                && let Some(before) = over.take()
                && !fired_between(alert, before.at, notice.at)
            {
                let cause = runner.explain(before, notice);
                *findings.flaps.entry(cause).or_default() += 1;
                if cause == Cause::Unexplained {
                    findings.problems.push(format!(
                        "FLAP: {label} by {:?} at {:.3}, over by {:?} at {:.3}",
                        notice.from,
                        seconds(runner, notice.at),
                        before.from,
                        seconds(runner, before.at)
                    ));
                }
            }
        }
    }
}

/// Tells whether an alert that was told as over had reason to be told as firing again.
fn fired_between(alert: &Alert, over: Instant, again: Instant) -> bool {
    let ended = alert.over_at(over).map(|span| span.until);
    alert.fires.iter().any(|fire| fire.from <= again && ended.is_none_or(|ended| fire.from > ended))
}

/// A host obeys the silences it acknowledged.
fn check_silences(runner: &Runner, notices: &[Notice], findings: &mut Findings) {
    let mut grace = runner.mix.to_receiver + Duration::from_secs(1);
    let has = |wanted: &dyn Fn(&Trouble) -> bool| {
        runner.truth.troubles.iter().any(|(_, trouble)| wanted(trouble))
    };
    // What is being repeated was decided before.
    if has(&|trouble| matches!(trouble, Trouble::Receiver)) {
        grace += runner.mix.timing[1] + runner.turns();
    }
    if has(&|trouble| matches!(trouble, Trouble::Step)) {
        return;
    }
    let promised = runner.truth.silences.iter().filter(|silence| silence.is_promised);
    for Silence { name, by, span, .. } in promised {
        let is_down = has(&|trouble| matches!(trouble, Trouble::Down(id) if id == by));
        let broken = notices.iter().find(|notice| {
            let alerts = notice.firing.iter().chain(&notice.resolved);
            let is_it = alerts.into_iter().any(|a| a.split('/').next() == Some(name));
            is_it && notice.from == *by && notice.at > span.from + grace && notice.at < span.until
        });
        if let Some(notice) = broken.filter(|_| !is_down) {
            let at = seconds(runner, notice.at);
            findings.problems.push(format!("NOT SILENCED: {name} by {by:?} at {at:.1}"));
        }
    }
}

/// Nobody tells an alert that is inhibited, where every host knows what inhibits it.
fn check_inhibitions(runner: &Runner, notices: &[Notice], findings: &mut Findings) {
    let is_known =
        runner.mix.post_loss == 0.0
            && runner.truth.skew.is_zero()
            && runner.truth.troubles.iter().all(|(_, trouble)| {
                matches!(trouble, Trouble::Cut(_) | Trouble::Disk | Trouble::Step)
            });
    if !is_known {
        return;
    }
    // Two evaluations, the posts, and a request that was on its way.
    let grace = EVALUATION * 2 + Duration::from_secs(1) + runner.mix.to_receiver;
    for alert in &runner.truth.alerts {
        let Some(source) = source(runner, alert) else { continue };
        let label = alert.label();
        let is_mute =
            |at: Instant| source.fires.iter().any(|fire| fire.from + grace < at && at < fire.until);
        let told = |notice: &&Notice| notice.firing.contains(&label) && is_mute(notice.at);
        if let Some(notice) = notices.iter().find(told) {
            let at = seconds(runner, notice.at);
            findings.problems.push(format!("NOT INHIBITED: {label} at {at:.1}"));
        }
    }
}

/// Nothing is logged as an error unless a fault explains it.
fn check_log(runner: &Runner, findings: &mut Findings) {
    for id in runner.fleet.world.host_ids() {
        let log = runner.fleet.world.log(id);
        for (_, event) in log.iter().filter(|(_, event)| event.level() == Level::Error) {
            let is_explained = runner.truth.troubles.iter().any(|(_, trouble)| match event {
                Event::NotifyFailed { .. } => match trouble {
                    Trouble::Receiver => true,
                    // Who stands alone and is stopped cuts off what it has not told yet.
                    Trouble::Down(host) => *host == id,
                    _ => false,
                },
                Event::MaintenanceFailed { .. } | Event::AppendFailed { .. } => {
                    matches!(trouble, Trouble::Disk)
                }
                _ => false,
            });
            if !is_explained {
                findings.problems.push(format!("ERROR at {id:?}: {event:?}"));
            }
        }
    }
}

/// Returns what was told and what was true, for the timeline.
pub(super) fn story(fleet: &Fleet, truth: &Truth) -> Vec<(Instant, String)> {
    let mut story = Vec::new();
    for received in fleet.world.receivers().received(PAGER) {
        let notice = Notice::read(received);
        let taken = if notice.accepted { "told" } else { "said in vain" };
        story.push((
            notice.at,
            format!(
                "  {:?} {taken} {}: firing {:?}, resolved {:?} ({})",
                notice.from, notice.group, notice.firing, notice.resolved, notice.reason
            ),
        ));
    }
    for alert in &truth.alerts {
        for fire in &alert.fires {
            story.push((fire.from, format!("      {} fires", alert.label())));
            if fire.until < fleet.world.now() {
                story.push((fire.until, format!("      {} is over", alert.label())));
            }
        }
    }
    story
}
