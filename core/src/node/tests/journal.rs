//! Crashes: what was confirmed is there again, and nothing is told twice.

use super::*;
use crate::{
    event::Event,
    persist::{Found, Sync, recover},
};

/// Ends the run without a warning, and starts another from what is on the disk.
fn crash(rig: Rig, config: &str, now_ms: u64) -> Rig {
    let saved = recover(files(&rig.seen), false).expect("readable").saved;
    Rig::with(config, saved, now_ms)
}

fn files(seen: &Seen) -> Vec<Found> {
    let checkpoint = seen.saved.clone().map(|bytes| (persist::CHECKPOINT_FILE.into(), bytes));
    let journals = seen.journals.iter().map(|(name, bytes)| (name.clone(), bytes.clone()));
    journals.chain(checkpoint).map(|(name, bytes)| Found { name, bytes }).collect()
}

fn silence(rig: &mut Rig, name: &str) {
    let matcher = Matcher::new("alertname", Op::Equal, name).expect("valid");
    let draft = Draft {
        id: None,
        matcher_sets: vec![Matchers::new(vec![matcher])],
        starts_at: rig.now().wall,
        ends_at: rig.now().wall + Duration::from_secs(100_000),
        created_by: "me".into(),
        comment: "".into(),
        annotations: Default::default(),
    };
    rig.input(Input::Call(CallId(7), Call::PutSilence(draft.into())));
}

#[test]
fn a_crash_loses_nothing_that_was_confirmed_and_repeats_nothing() {
    let mut rig = Rig::new(CONFIG);
    silence(&mut rig, "B");
    assert!(matches!(rig.seen.replies.last(), Some(Reply::SilencePut(Ok(_)))));
    rig.post(&[("alertname", "A")], None);
    rig.until(3000);
    assert_eq!(rig.sent_at(), [2000]);
    assert!(rig.seen.saved.is_none(), "no checkpoint so far");

    let mut rig = crash(rig, CONFIG, 4000);
    assert!(rig.seen.saved.is_some(), "what was read is written down at once");
    assert!(rig.seen.journals.keys().all(|name| name.ends_with('2')), "{:?}", rig.seen.journals);
    rig.post(&[("alertname", "A")], None);
    rig.post(&[("alertname", "B")], None);
    rig.until(16_900);
    assert!(rig.sent_at().is_empty(), "A was told, B is silenced");
    // The group's ticks go on at 2, 7, 12, 17 s; the first at least 12 s after the last word is 17.
    rig.until(17_000);
    assert_eq!(rig.sent_at(), [17_000]);
}

#[test]
fn a_group_keeps_its_tick_over_a_crash() {
    let mut rig = Rig::new(CONFIG);
    rig.post(&[("alertname", "A")], None);
    rig.until(1500);
    // Dead from 1.5 to 1.6 s: the tick at 2 s is not moved.
    let mut rig = crash(rig, CONFIG, 1600);
    rig.until(1900);
    assert!(rig.sent_at().is_empty());
    rig.until(3500);
    assert_eq!(rig.sent_at(), [2000]);
    // Dead over the tick at 7 s: it is made up when the warm-up ends.
    rig.post(&[("alertname", "A"), ("job", "x")], None);
    let mut rig = crash(rig, CONFIG, 8000);
    let warm_up = rig.node.groups.warms_until(rig.now().instant).expect("it has begun");
    let ends = warm_up.as_nanos() / 1_000_000;
    rig.until(ends);
    assert_eq!(rig.sent_at(), [ends]);
}

#[test]
fn a_flush_that_a_crash_cut_off_is_made_again() {
    for with_checkpoint in [false, true] {
        let mut rig = Rig::new(CONFIG);
        rig.post(&[("alertname", "A")], None);
        rig.until(1900);
        rig.seen.status = 503;
        // The first attempt fails; the second is seconds away.
        rig.until(2001);
        assert_eq!(rig.sent_at(), [2000]);
        if with_checkpoint {
            rig.node.checkpoint();
            rig.settle();
        }
        rig.seen.now_ms = 2100;
        let mut rig = crash(rig, CONFIG, 2100);
        let warm_up = rig.node.groups.warms_until(rig.now().instant).expect("it has begun");
        let ends = warm_up.as_nanos() / 1_000_000;
        rig.until(ends);
        assert_eq!(rig.sent_at().len(), 1, "at {:?}", rig.sent_at());
    }
}

#[test]
fn an_end_that_was_heard_is_told_after_a_crash() {
    let mut rig = Rig::new(CONFIG);
    rig.post(&[("alertname", "A")], None);
    rig.until(3000);
    rig.post(&[("alertname", "A")], Some(3000));
    let mut rig = crash(rig, CONFIG, 5000);
    rig.until(20_000);
    assert_eq!(rig.sent_at(), [7000]);
    assert!(rig.seen.sent[0].1.contains("\"status\":\"resolved\""));
}

#[test]
fn a_refresh_is_written_within_a_second() {
    let mut rig = Rig::new(CONFIG);
    rig.post(&[("alertname", "A")], None);
    rig.until(2500);
    let before: usize = rig.seen.journals.values().map(Vec::len).sum();
    rig.post(&[("alertname", "A")], None);
    assert_eq!(rig.seen.journals.values().map(Vec::len).sum::<usize>(), before);
    rig.until(3600);
    let after: usize = rig.seen.journals.values().map(Vec::len).sum();
    assert!((1..70).contains(&(after - before)), "{} bytes for a refresh", after - before);
    let rig = crash(rig, CONFIG, 70_000);
    let (_, entry) = rig.node.alerts.iter().next().expect("restored");
    assert_eq!(entry.alert.ends_at.at, at(302_500).wall, "resolve_timeout after the refresh");
}

#[test]
fn a_disk_that_fails_breaks_promises_and_no_notification() {
    let mut rig = Rig::new(CONFIG);
    rig.post(&[("alertname", "A")], None);
    rig.until(1000);
    rig.seen.disk_error = Some("no space left on device".into());
    silence(&mut rig, "B");
    let Some(Reply::NotStored(text)) = rig.seen.replies.last() else { panic!("a promise") };
    assert!(text.contains("in force") && text.contains("no space left"), "{text}");
    silence(&mut rig, "C");
    assert!(matches!(rig.seen.replies.last(), Some(Reply::NotStored(_))), "at once");
    assert_eq!(rig.node.silences.counts(rig.now().wall).active, 2);
    rig.until(3000);
    assert_eq!(rig.sent_at(), [2000], "notifications go on");
    let failures = |seen: &Seen| {
        let failed = |event: &&Event| matches!(event, Event::AppendFailed { .. });
        seen.events.iter().filter(failed).count()
    };
    assert_eq!(failures(&rig.seen), 1, "an outage is told once");
    rig.seen.disk_error = None;
    rig.until(15_000);
    assert!(rig.seen.events.iter().any(|event| matches!(event, Event::AppendRecovered { .. })));
    silence(&mut rig, "D");
    assert!(matches!(rig.seen.replies.last(), Some(Reply::SilencePut(Ok(_)))));
    let rig = crash(rig, CONFIG, 16_000);
    assert_eq!(rig.node.silences.counts(rig.now().wall).active, 3);
    assert_eq!(rig.node.nflog.len(), 1);
}

#[test]
fn a_disk_that_hangs_breaks_promises_too() {
    let mut rig = Rig::new(CONFIG);
    rig.seen.disk_hangs = true;
    silence(&mut rig, "B");
    assert!(rig.seen.replies.is_empty(), "it is not on disk yet");
    rig.until(9900);
    assert!(rig.seen.replies.is_empty());
    rig.until(10_100);
    assert!(matches!(rig.seen.replies.last(), Some(Reply::NotStored(_))));
    rig.seen.disk_hangs = false;
    rig.until(30_000);
    assert!(rig.node.journal.error().is_none(), "a checkpoint brought it back");
}

#[test]
fn each_mode_waits_for_what_it_promises() {
    for (sync, silences_wait, alerts_wait) in [
        (Sync::Mixed, true, false),
        (Sync::Always, true, true),
        (Sync::Interval, true, false),
        (Sync::Never, true, false),
    ] {
        // In every mode a change waits to be written, and a repetition only where that is promised.
        let options = Options { storage_sync: sync, ..Options::default() };
        let mut rig = Rig::with_options(options, CONFIG, Saved::default(), 0);
        rig.post(&[("alertname", "A")], None);
        rig.until(100);
        rig.seen.replies.clear();
        rig.seen.disk_hangs = true;
        rig.post(&[("alertname", "A")], None);
        assert_eq!(rig.seen.replies.is_empty(), alerts_wait, "{sync:?}");
        rig.post(&[("alertname", "B")], None);
        assert_eq!(rig.seen.replies.len(), usize::from(!alerts_wait), "{sync:?}");
        rig.until(11_000);
        assert_eq!(rig.seen.replies.len(), 2, "a disk that hangs holds nobody up for ever");
        let mut rig = Rig::with_options(
            Options { storage_sync: sync, ..Options::default() },
            CONFIG,
            Saved::default(),
            0,
        );
        rig.seen.disk_hangs = true;
        silence(&mut rig, "B");
        assert_eq!(rig.seen.replies.is_empty(), silences_wait, "{sync:?}");
    }
    let options = Options { storage_journal: false, ..Options::default() };
    let mut rig = Rig::with_options(options, CONFIG, Saved::default(), 0);
    silence(&mut rig, "B");
    assert_eq!((rig.seen.replies.len(), rig.seen.journals.len()), (1, 0));
}

#[test]
fn no_step_of_a_checkpoint_loses_anything() {
    let options = || Options {
        maintenance_interval: Duration::from_secs(1),
        config_file: Some("c.yml".into()),
        ..Options::default()
    };
    let mut rig = Rig::with_options(options(), CONFIG, Saved::default(), 0);
    let mut names = Vec::new();
    // Each step of the checkpoint at 1 s, 2 s, ... is one input; what is on the disk after any
    // number of inputs must hold all silences that were confirmed by then.
    rig.seen.by_step = true;
    for n in 0..12u64 {
        silence(&mut rig, &alloc::format!("S{n}"));
        names.push(n);
        for step in 0..12 {
            rig.step();
            let confirmed = rig.seen.replies.len();
            let saved = recover(files(&rig.seen), false).expect("readable").saved;
            assert!(saved.silences.len() >= confirmed, "round {n}, step {step}");
        }
        let deadline = rig.node.deadline().expect("it goes on").at.as_nanos() / 1_000_000;
        rig.seen.now_ms = deadline.max(rig.seen.now_ms);
        rig.seen.queue.push_back(Input::Timeout);
    }
    assert_eq!(rig.seen.replies.len(), 12);
    assert!(rig.seen.saved.is_some());
    assert!(rig.seen.journals.len() < 5, "{:?}", rig.seen.journals.keys());
}
