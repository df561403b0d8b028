//! What becomes of muted alerts: when a silence ends, when they end themselves, and after a start.

use alloc::format;

use super::*;
use crate::alert::Alert;

fn silence(rig: &mut Rig, name: &str, ends_ms: u64) -> crate::silence::Id {
    let matcher = Matcher::new("alertname", Op::Equal, name).expect("no regex");
    let draft = Draft {
        id: None,
        matcher_sets: vec![Matchers::new(vec![matcher])],
        starts_at: Timestamp::ZERO,
        ends_at: at(ends_ms).wall,
        created_by: "me".into(),
        comment: "c".into(),
        annotations: Default::default(),
    };
    rig.input(Input::Call(CallId(5), Call::PutSilence(draft.into())));
    match rig.seen.replies.last() {
        Some(Reply::SilencePut(Ok(id))) => id.clone(),
        reply => panic!("no silence: {reply:?}"),
    }
}

#[test]
fn the_end_of_a_silence_is_told_at_once() {
    let mut rig = Rig::new(CONFIG);
    silence(&mut rig, "A", 9500);
    rig.post(&[("alertname", "A")], None);
    rig.post(&[("alertname", "B")], None);
    rig.until(9400);
    assert_eq!(rig.sent_at(), [2000], "only B");
    rig.until(14_000);
    assert_eq!(rig.sent_at(), [2000, 9500], "ticks are at 2, 7, 12");
    // From there on A's ticks are 14.5, 19.5, 24.5; the first more than 12 s later is 24.5.
    rig.until(26_000);
    let told = rig.seen.sent.iter().filter(|(_, body)| body.contains("\"alertname\":\"A\""));
    assert_eq!(told.map(|(ms, _)| *ms).collect::<Vec<_>>(), [9500, 24_500]);
}

#[test]
fn a_silence_that_is_ended_by_hand_unmutes_at_once() {
    let mut rig = Rig::new(CONFIG);
    let id = silence(&mut rig, "A", 3_600_000);
    rig.post(&[("alertname", "A")], None);
    rig.until(8000);
    assert!(rig.sent_at().is_empty());
    rig.input(Input::Call(CallId(6), Call::ExpireSilence(id)));
    rig.until(8001);
    assert_eq!(rig.sent_at(), [8000]);
}

#[test]
fn a_group_that_has_not_flushed_yet_still_waits() {
    let mut rig = Rig::new(CONFIG);
    let id = silence(&mut rig, "A", 3_600_000);
    rig.post(&[("alertname", "A")], None);
    rig.until(1000);
    rig.input(Input::Call(CallId(6), Call::ExpireSilence(id)));
    rig.until(4000);
    assert_eq!(rig.sent_at(), [2000]);
}

#[test]
fn an_end_under_a_silence_is_told_where_the_receiver_wants_it() {
    for (resolve_muted, want) in [(false, vec![2000]), (true, vec![2000, 7000])] {
        let config = CONFIG.replace("- name: hook", "- name: hook\n    resolve_muted: RM");
        let mut rig = Rig::new(&config.replace("RM", if resolve_muted { "true" } else { "false" }));
        rig.post(&[("alertname", "A")], None);
        rig.until(3000);
        silence(&mut rig, "A", 3_600_000);
        rig.post(&[("alertname", "A")], Some(4000));
        rig.until(60_000);
        assert_eq!(rig.sent_at(), want);
        assert!(rig.node.groups.is_empty());
    }
}

#[test]
fn an_end_under_a_silence_that_was_never_told_to_fire_is_not_told() {
    let mut rig =
        Rig::new(&CONFIG.replace("- name: hook", "- name: hook\n    resolve_muted: true"));
    silence(&mut rig, "A", 3_600_000);
    rig.post(&[("alertname", "A")], None);
    rig.until(3000);
    rig.post(&[("alertname", "A")], Some(4000));
    rig.until(60_000);
    assert!(rig.sent_at().is_empty());
}

/// A rig that starts long after its alerts, with one that it remembers.
fn late_rig(remembered: Option<Alert>) -> Rig {
    let alerts = remembered.into_iter().collect();
    Rig::with(CONFIG, Saved { alerts, ..Saved::default() }, 600_000)
}

fn post_old(rig: &mut Rig, labels: &[(&str, &str)], url: &str) {
    let mut batch = AlertBatch::new();
    let labels = Labels::from_pairs(labels.iter().copied());
    let times = (Some(Stamp::utc(at(0).wall)), Some(Stamp::utc(at(900_000).wall)));
    batch.push_labels(&labels, &Labels::empty(), url, times);
    rig.input(Input::Call(CallId(1), Call::PostAlerts(batch)));
}

const WARN: [(&str, &str); 3] = [("alertname", "W"), ("sev", "warn"), ("job", "x")];
const CRIT: [(&str, &str); 3] = [("alertname", "C"), ("sev", "crit"), ("job", "x")];

#[test]
fn an_inhibited_alert_that_comes_first_after_a_start_does_not_page() {
    let mut rig = late_rig(None);
    post_old(&mut rig, &WARN, "http://prom/a");
    rig.until(603_000);
    post_old(&mut rig, &CRIT, "http://prom/b");
    rig.until(614_000);
    assert!(rig.sent_at().is_empty(), "the warm-up takes 15 s");
    rig.until(620_000);
    assert_eq!(rig.sent_at(), [615_000]);
    assert!(rig.seen.sent[0].1.contains("\"alertname\":\"C\""));
    // What is as old but comes later is told at once.
    post_old(&mut rig, &[("alertname", "D")], "http://prom/a");
    rig.until(620_001);
    assert_eq!(rig.sent_at(), [615_000, 620_000]);
}

#[test]
fn the_warm_up_ends_when_all_known_senders_have_sent() {
    let remembered = Alert {
        labels: Labels::from_pairs([("alertname", "R")]),
        annotations: Labels::empty(),
        generator_url: "http://prom-b:9090/graph".into(),
        starts_at: Stamp::utc(at(0).wall),
        ends_at: Stamp::utc(at(900_000).wall),
        updated_at: at(1).wall,
        timeout: false,
    };
    let mut rig = late_rig(Some(remembered));
    rig.until(601_000);
    post_old(&mut rig, &WARN, "http://prom-a:9090/graph");
    rig.until(602_000);
    assert!(rig.sent_at().is_empty());
    post_old(&mut rig, &CRIT, "http://prom-b:9090/graph");
    rig.until(602_001);
    assert_eq!(rig.sent_at(), [602_000, 602_000], "R and C");
}

#[test]
fn young_alerts_do_not_wait_for_the_warm_up() {
    let mut rig = late_rig(None);
    rig.post(&[("alertname", "A")], None);
    rig.until(603_000);
    assert_eq!(rig.sent_at(), [602_000]);
}

/// Takes inputs that came at one moment in one turn, the group's tick among what is due.
fn at_once(rig: &mut Rig, ms: u64, inputs: impl IntoIterator<Item = Input>) {
    rig.seen.now_ms = ms;
    rig.seen.queue.extend(inputs);
    rig.settle();
}

fn posted(alerts: &[&[(&str, &str)]]) -> Input {
    let mut batch = AlertBatch::new();
    for labels in alerts {
        let labels = Labels::from_pairs(labels.iter().copied());
        batch.push_labels(&labels, &Labels::empty(), "", (None, None));
    }
    Input::Call(CallId(1), Call::PostAlerts(batch))
}

#[test]
fn what_mutes_an_alert_may_come_after_it_in_the_same_moment() {
    let silenced = |rig: &mut Rig| silence(rig, "W", 3_600_000);
    // No wait: the tick is the moment of the post.
    for wait in ["0s", "2s"] {
        let config = CONFIG.replace("group_wait: 2s", &format!("group_wait: {wait}"));
        let names = |rig: &Rig| {
            let bodies: String = rig.seen.sent.iter().map(|(_, body)| &**body).collect();
            (bodies.contains("\"alertname\":\"W\""), bodies.contains("\"alertname\":\"C\""))
        };
        // In one post.
        let mut rig = Rig::new(&config);
        at_once(&mut rig, 100, [posted(&[&WARN, &CRIT])]);
        rig.until(4000);
        assert_eq!(names(&rig), (false, true), "{wait}");
        // In two posts that are there together.
        let mut rig = Rig::new(&config);
        at_once(&mut rig, 100, [posted(&[&WARN]), posted(&[&CRIT])]);
        rig.until(4000);
        assert_eq!(names(&rig), (false, true), "{wait}");
        // The silence comes behind the alert.
        let mut rig = Rig::new(&config);
        rig.seen.queue.push_back(posted(&[&WARN]));
        silenced(&mut rig);
        rig.until(4000);
        assert_eq!(names(&rig), (false, false), "{wait}");
    }
}

#[test]
fn a_tick_sees_what_came_before_it_was_handled() {
    // The source and the tick are there at the same moment, and also when the tick is late.
    for ms in [2000, 2600] {
        let mut rig = Rig::new(CONFIG);
        rig.post(&WARN, None);
        at_once(&mut rig, ms, [posted(&[&CRIT])]);
        rig.until(4999);
        assert!(
            !rig.seen.sent.iter().any(|(_, body)| body.contains("\"alertname\":\"W\"")),
            "{ms}"
        );
        let mut rig = Rig::new(CONFIG);
        rig.post(&WARN, None);
        rig.seen.now_ms = ms;
        silence(&mut rig, "W", 3_600_000);
        rig.until(4999);
        assert!(rig.sent_at().is_empty(), "{ms}");
    }
}

#[test]
fn a_silence_that_takes_the_place_of_another_leaves_no_gap() {
    let mut rig = Rig::new(CONFIG);
    let id = silence(&mut rig, "W", 3_600_000);
    rig.post(&WARN, None);
    rig.until(8000);
    // The old one ends, and the new one is there in the same moment.
    rig.seen.queue.push_back(Input::Call(CallId(6), Call::ExpireSilence(id)));
    silence(&mut rig, "W", 3_600_000);
    rig.until(20_000);
    assert!(rig.sent_at().is_empty());
}

#[test]
fn after_a_start_the_tick_of_the_warm_up_sees_all_that_came() {
    let mut rig = late_rig(None);
    post_old(&mut rig, &WARN, "http://prom/a");
    let mut late = late_rig(None);
    post_old(&mut late, &WARN, "http://prom/a");
    at_once(&mut late, 615_000, [posted(&[&CRIT])]);
    late.until(618_000);
    assert!(!late.seen.sent.iter().any(|(_, body)| body.contains("\"alertname\":\"W\"")));
    rig.seen.now_ms = 615_000;
    silence(&mut rig, "W", 3_600_000);
    rig.until(640_000);
    assert!(rig.sent_at().is_empty());
}
