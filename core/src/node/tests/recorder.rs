//! Recorded events, against those that Alertmanager 0.33.1 recorded of the same course of things.

use alloc::string::ToString as _;

use super::*;

const REAL: &str = include_str!("../../../testdata/events.jsonl");

const COURSE: &str = include_str!("../../../testdata/events.yml");

const FILE: &str = "  file_outputs: [{path: /e.jsonl}]\n";

fn rig(outputs: &str) -> Rig {
    let mut options = Options { config_file: Some("c.yml".into()), ..Options::default() };
    options.features.event_recorder = true;
    Rig::with_options(options, &format!("{COURSE}{outputs}"), Saved::default(), 0)
}

/// Replaces the texts that differ from run to run: times, random names, and what was built.
fn normal(line: &str) -> String {
    let mut out = Vec::new();
    let mut key = "";
    for (i, part) in line.split('"').enumerate() {
        let is_time = part.starts_with("20") && part.ends_with('Z');
        let is_uuid = part.len() == 36 && part.split('-').count() == 5;
        let is_built = ["version", "buildContext", "instance"].contains(&key);
        out.push(match i % 2 == 1 && (is_time || is_uuid || (is_built && part != key)) {
            true => "*",
            false => part,
        });
        if i % 2 == 1 {
            key = if key == part { "" } else { part };
        }
    }
    out.join("\"")
}

fn normals(lines: &str) -> Vec<String> {
    let mut lines: Vec<String> = lines.lines().map(normal).collect();
    lines.sort();
    lines
}

fn recorded(rig: &Rig) -> String {
    String::from_utf8(rig.seen.recorded.clone()).expect("text")
}

type Pairs<'a> = &'a [(&'a str, &'a str)];

fn post(rig: &mut Rig, alerts: &[(Pairs<'_>, Pairs<'_>, Option<u64>, Option<u64>)]) {
    let mut batch = AlertBatch::new();
    for (labels, annotations, start, end) in alerts {
        let labels = Labels::from_pairs(labels.iter().copied());
        let annotations = Labels::from_pairs(annotations.iter().copied());
        let stamp = |ms: &u64| Stamp::utc(at(*ms).wall);
        let times = (start.as_ref().map(stamp), end.as_ref().map(stamp));
        batch.push_labels(&labels, &annotations, "", times);
    }
    rig.input(Input::Call(CallId(1), Call::PostAlerts(batch)));
}

fn silence(rig: &mut Rig, id: Option<Arc<str>>, by: &str, comment: &str, since: Timestamp) {
    let matcher = |name, op, value| Matcher::new(name, op, value).expect("valid");
    let set = vec![matcher("alertname", Op::Equal, "Sil"), matcher("x", Op::NotRegex, "y.*")];
    let draft = Draft {
        id,
        matcher_sets: vec![Matchers::sorted(set)],
        starts_at: since,
        ends_at: at(3_600_000).wall,
        created_by: by.into(),
        comment: comment.into(),
        annotations: Default::default(),
    };
    rig.input(Input::Call(CallId(2), Call::PutSilence(draft.into())));
}

fn last_silence(rig: &Rig) -> Arc<str> {
    match rig.seen.replies.iter().rev().find(|reply| matches!(reply, Reply::SilencePut(_))) {
        Some(Reply::SilencePut(Ok(id))) => id.0.clone(),
        other => panic!("{other:?}"),
    }
}

/// Plays the course of things that was recorded.
fn play(rig: &mut Rig) {
    rig.until(60_000);
    silence(rig, None, "me", "c", Timestamp::ZERO);
    rig.until(61_200);
    let firing: &[(&str, &str)] = &[("alertname", "A"), ("severity", "critical"), ("i", "1")];
    post(
        rig,
        &[
            // The alert that makes the group is a new one, so that the group waits.
            (&[("alertname", "A"), ("severity", "warning"), ("i", "2")], &[], None, None),
            (firing, &[("summary", "s")], Some(1000), None),
            (&[("alertname", "Sil")], &[], None, None),
            (&[("alertname", "T"), ("team", "x"), ("sev", "a")], &[], None, None),
        ],
    );
    rig.until(63_700);
    post(rig, &[(firing, &[], Some(1000), Some(62_700))]);
    let id = last_silence(rig);
    silence(rig, Some(id), "me2", "c2", at(58_700).wall);
    rig.until(68_700);
    rig.input(Input::Shutdown);
    assert!(rig.seen.stopped);
}

#[test]
fn events_are_those_of_the_original() {
    let mut rig = rig(FILE);
    play(&mut rig);
    let (found, expected) = (normals(&recorded(&rig)), normals(REAL));
    for (lines, others, what) in [(&found, &expected, "more"), (&expected, &found, "less")] {
        let mut others = others.clone();
        for line in lines {
            let place = others.iter().position(|other| other == line);
            others.remove(place.unwrap_or_else(|| panic!("{what}: {line}")));
        }
    }
}

#[test]
fn without_the_feature_nothing_is_recorded_and_with_it_kafka_is_refused() {
    let options = Options::default();
    let text = format!("{COURSE}{FILE}  kafka_outputs: [{{brokers: [b:1], topic: t}}]\n");
    let config = load_config(text.as_bytes(), &options).expect("valid without the feature");
    assert!(config.event_recorder.is_none());
    let mut rig = Rig::new(&format!("{COURSE}{FILE}"));
    play(&mut rig);
    assert!(rig.seen.recorded.is_empty());

    let mut options = options;
    options.features.event_recorder = true;
    let error = load_config(text.as_bytes(), &options).expect_err("no Kafka").to_string();
    assert!(error.contains("kafka_outputs are not available"), "{error}");
}

#[test]
fn what_is_changed_in_place_is_an_update() {
    let mut rig = rig(FILE);
    silence(&mut rig, None, "me", "c", Timestamp::ZERO);
    let id = last_silence(&rig);
    silence(&mut rig, Some(id.clone()), "me2", "<\"é\u{1}\u{2028}", Timestamp::ZERO);
    let events = recorded(&rig);
    let update = events.lines().find(|line| line.contains("silenceUpdated")).expect("an update");
    let head = format!(
        "{{\"@timestamp\":\"2023-11-14T22:13:20Z\",\"instance\":\"am\",\"data\":{{\
         \"silenceUpdated\":{{\"silence\":{{\"id\":\"{id}\",\"matchers\":[{{\"type\":\"TYPE_EQUAL\","
    );
    assert!(update.starts_with(&head), "{update}");
    assert!(update.contains("\"comment\":\"<\\\"é\\u0001\u{2028}\""), "{update}");
    rig.input(Input::Call(CallId(3), Call::ExpireSilence(crate::silence::Id(id))));
    assert_eq!(recorded(&rig), events, "an end is no update");
}

#[test]
fn a_post_that_fails_is_tried_again_and_given_up() {
    let mut rig = rig("  webhook_outputs: [{url: 'http://u:p@h:1/e?k=1#f', workers: 1}]\n");
    assert_eq!(rig.seen.exchanges.len(), 1, "the start");
    rig.seen.status = 500;
    silence(&mut rig, None, "me", "c", Timestamp::ZERO);
    let post = |rig: &Rig| rig.seen.exchanges.last().expect("a post").clone();
    rig.until(1000);
    assert_eq!(rig.seen.exchanges.len(), 3);
    assert_eq!(post(&rig).url.expose(), "http://h:1/e?k=1");
    let has_user = |(name, value): &(Arc<str>, crate::notify::Secret)| {
        (&**name, value.expose()) == ("Authorization", "Basic dTpw")
    };
    assert!(post(&rig).headers.iter().any(has_user));
    rig.until(2000);
    assert_eq!(rig.seen.exchanges.len(), 4);
    let is_end = |event: &&Event| matches!(event, Event::EventPostGivenUp { .. });
    assert_eq!(rig.seen.events.iter().filter(is_end).count(), 1);
    rig.until(60_000);
    assert_eq!(rig.seen.exchanges.len(), 4, "it is given up");

    rig.seen.status = 200;
    silence(&mut rig, None, "me", "c", Timestamp::ZERO);
    assert!(post(&rig).body.starts_with(b"{\"@timestamp\":"));
    let mut page = crate::metrics::Page::new();
    rig.node.view().metrics.collect(&mut page);
    let mut text = String::new();
    page.write_text(&[], &mut text);
    let count = "alertmanager_events_recorded_total{event_type=\"silence_created\",\
                 output=\"webhook:http://h:1/e\",result=\"success\"} 2\n";
    assert!(text.contains(count), "{text}");
    assert!(text.contains("alertmanager_event_recorder_queue_length 0\n"), "{text}");
}

#[test]
fn events_share_a_post_where_that_is_asked_for() {
    let mut rig =
        rig("  webhook_outputs: [{url: 'http://h:1/', batch: true, batch_max_events: 3, \
         batch_flush_interval: 1s}]\n");
    silence(&mut rig, None, "a", "c", Timestamp::ZERO);
    assert!(rig.seen.exchanges.is_empty(), "two wait for a third");
    silence(&mut rig, None, "b", "c", Timestamp::ZERO);
    silence(&mut rig, None, "c", "c", Timestamp::ZERO);
    rig.until(2000);
    let counts = rig.seen.exchanges.iter().map(|exchange| {
        let body = String::from_utf8_lossy(&exchange.body).into_owned();
        assert!(body.starts_with("[{") && body.ends_with("}]"), "{body}");
        body.matches("@timestamp").count()
    });
    assert_eq!(counts.collect::<Vec<_>>(), [3, 1]);
    rig.input(Input::Shutdown);
    assert!(rig.seen.stopped, "the last event waits for no others");
    assert_eq!(rig.seen.exchanges.len(), 3);
}

#[test]
fn a_file_that_fails_is_said_once_and_the_rest_goes_on() {
    let mut rig = rig(FILE);
    rig.seen.disk_error = Some("full".into());
    silence(&mut rig, None, "a", "c", Timestamp::ZERO);
    silence(&mut rig, None, "b", "c", Timestamp::ZERO);
    let is_it = |event: &&Event| matches!(event, Event::EventsNotWritten { .. });
    assert_eq!(rig.seen.events.iter().filter(is_it).count(), 1);
    rig.seen.disk_error = None;
    rig.seen.recorded.clear();
    silence(&mut rig, None, "c", "c", Timestamp::ZERO);
    assert_eq!(recorded(&rig).lines().count(), 1);
}

#[test]
fn outputs_follow_the_configuration() {
    let mut rig = rig(FILE);
    rig.seen.config = format!("{COURSE}  stdout_outputs: [{{}}]\n");
    rig.input(Input::Hangup);
    silence(&mut rig, None, "a", "c", Timestamp::ZERO);
    let files = &rig.node.recorder.as_ref().expect("it is on");
    assert_eq!(files.labels(), ["stdout"]);
}
