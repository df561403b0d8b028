use alloc::{
    borrow::ToOwned as _,
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{
    alert::AlertBatch,
    label::{Labels, Mode, Op},
    limits::{ALERTS_PER_POST_MAX, LABELS_PER_ALERT_MAX},
    time::Timestamp,
};

/// An alert as a reader of the batch sees it.
#[derive(Debug, PartialEq)]
struct Plain {
    labels: Labels,
    annotations: Labels,
    generator_url: String,
    times: (Option<Stamp>, Option<Stamp>),
    invalid: Option<String>,
}

fn plain(batch: &AlertBatch) -> Vec<Plain> {
    let alerts = batch.iter().map(|posted| {
        assert_eq!(Labels::from_packed(posted.labels).fingerprint(), posted.fingerprint);
        Plain {
            labels: Labels::from_packed(posted.labels),
            annotations: Labels::from_packed(posted.annotations),
            generator_url: posted.generator_url.to_owned(),
            times: (posted.starts_at, posted.ends_at),
            invalid: posted.invalid.map(str::to_owned),
        }
    });
    alerts.collect()
}

fn read(body: &str) -> Vec<Plain> {
    plain(&alerts(body.as_bytes(), Mode::Fallback).expect("a good body"))
}

fn pairs(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

#[test]
fn keys_nulls_duplicates_and_what_follows() {
    let alerts = read(
        r#" [ {"LABELS":{"b":"1","a":null,"b":"2"},"x":[{"y":[]}],"annotations":{"n":null},
        "labelſ":{"c":"3"},"startsAt":null,"STARTSAT":"2024-01-01T00:00:00+02:00",
        "startsAt":null,"endsAt":"","generatorURL":"http://x","generatorurl":null} ] trailing"#,
    );
    let [alert] = &*alerts else { panic!("one alert") };
    assert_eq!(alert.labels, pairs(&[("b", "2"), ("c", "3")]));
    assert_eq!(alert.annotations, pairs(&[("n", "")]));
    assert_eq!(alert.generator_url, "http://x");
    assert_eq!(alert.times.0.expect("given").offset_minutes, 120);
    assert_eq!(alert.times.1.expect("given").at, Timestamp::EPOCH);
    assert_eq!(alert.invalid, None);
    assert!(read("null").is_empty() && read("[]").is_empty());
    let alerts = read(r#"[{"labels":{"a":"1"},"annotations":{"x":"y"},"annotations":null}]"#);
    assert_eq!(alerts[0].annotations, Labels::empty());
}

#[test]
fn what_is_no_text_becomes_replacement_characters() {
    let posted = alerts(b"[{\"labels\":{\"alertname\":\"bad\xff\"}}]", Mode::Utf8).expect("good");
    let posted = posted.iter().next().expect("one alert");
    assert_eq!(posted.fingerprint.to_string(), "70d2e4badaba9548");
    let alerts = read(r#"[{"labels":{"a":"\ud800\u00e9"}}]"#);
    assert_eq!(alerts[0].labels, pairs(&[("a", "\u{fffd}é")]));
}

#[test]
fn what_is_wrong_with_labels_is_left_to_the_owner() {
    let invalid = |body: &str, mode| {
        let batch = alerts(body.as_bytes(), mode).expect("well formed");
        plain(&batch).remove(0).invalid
    };
    for (body, mode, want) in [
        (r#"[{"labels":{}}]"#, Mode::Utf8, Some("at least one label pair required")),
        (r#"[{"labels":{"a":""}}]"#, Mode::Utf8, Some("at least one label pair required")),
        (r#"[{"labels":{"a-b":"1"}}]"#, Mode::Utf8, None),
        (
            r#"[{"labels":{"a-b":"1"}}]"#,
            Mode::Classic,
            Some("invalid label set: invalid name \"a-b\""),
        ),
        (r#"[{"labels":{"a-b":"","c":"1"}}]"#, Mode::Classic, None),
        (r#"[{"labels":{"a-b":"1","c":"1","a-b":""}}]"#, Mode::Classic, None),
        (r#"[{"labels":{"":"1"}}]"#, Mode::Fallback, Some("invalid label set: invalid name \"\"")),
        (
            r#"[{"labels":{"a":"1"},"annotations":{"":""}}]"#,
            Mode::Fallback,
            Some("invalid annotations: invalid name \"\""),
        ),
    ] {
        assert_eq!(invalid(body, mode).as_deref(), want, "{body}");
    }
    // One alert's problem must not stick to the next.
    let both = read(r#"[{"labels":{"":"1"},"annotations":{"":""}},{"labels":{"a":"1"}}]"#);
    assert_eq!((both[0].invalid.is_some(), &both[1].invalid), (true, &None));
    let many: BTreeMap<String, &str> =
        (0..=LABELS_PER_ALERT_MAX).map(|n| (format!("l{n}"), "x")).collect();
    let body = json!([{ "labels": many }]).to_string();
    let want = format!("invalid label set: more than {LABELS_PER_ALERT_MAX} pairs");
    assert_eq!(invalid(&body, Mode::Utf8), Some(want));
}

#[test]
fn a_request_holds_a_bounded_number_of_alerts() {
    let body = |n| format!("[{}]", alloc::vec![r#"{"labels":{"a":"b"}}"#; n].join(","));
    let full = alerts(body(ALERTS_PER_POST_MAX).as_bytes(), Mode::Utf8).expect("just fits");
    assert_eq!(full.len(), ALERTS_PER_POST_MAX);
    let over = alerts(body(ALERTS_PER_POST_MAX + 1).as_bytes(), Mode::Utf8);
    assert!(matches!(over, Err(Refusal::TooMany(_))));
}

#[test]
fn silences_are_read() {
    let draft = silence(
        br#"{"id":"x","matchers":[{"name":"a","value":"b","isRegex":false,"isEqual":null},
        {"name":"a","value":"b|c","isRegex":true,"isEqual":false}],"comment":"c","createdBy":"me",
        "startsAt":"0001-01-01T00:00:00Z","endsAt":"2030-01-01T00:00:00Z",
        "annotations":{"":"v"}} more"#,
    )
    .expect("a good body");
    assert_eq!(draft.id.as_deref(), Some("x"));
    let ops: Vec<Op> = draft.matcher_sets[0].iter().map(|matcher| matcher.op()).collect();
    assert_eq!(ops, [Op::Equal, Op::NotRegex]);
    assert!(draft.starts_at.is_zero());
    assert_eq!((&*draft.comment, &*draft.created_by), ("c", "me"));
    assert_eq!(draft.annotations.get("").map(|v| &**v), Some("v"));
}

/// Reads alerts the slow way, from a whole document. Keys must have their usual case and no
/// duplicates.
fn naive(document: &Value) -> Option<Vec<Plain>> {
    let text = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Some(String::new()),
        Some(Value::String(text)) => Some(text.clone()),
        Some(_) => None,
    };
    let set = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Some(None),
        Some(Value::Object(map)) => {
            let pairs = map.iter().map(|(name, value)| Some((name.clone(), text(Some(value))?)));
            pairs.collect::<Option<BTreeMap<_, _>>>().map(Some)
        }
        Some(_) => None,
    };
    let time = |value: Option<&Value>| match value {
        None | Some(Value::Null) => Some(None),
        Some(Value::String(text)) => parse_api(text).ok().map(Some),
        Some(_) => None,
    };
    let alert = |value: &Value| {
        let fields = value.as_object()?;
        let mut labels = set(fields.get("labels"))??;
        labels.retain(|_, value| !value.is_empty());
        let annotations = set(fields.get("annotations"))?.unwrap_or_default();
        let generator_url = text(fields.get("generatorURL"))?;
        if !generator_url.is_empty() && !crate::api::uri::is_request_uri(&generator_url) {
            return None;
        }
        let bad = |set: &BTreeMap<String, String>| set.contains_key("");
        let invalid = if labels.is_empty() {
            Some("at least one label pair required".to_owned())
        } else if bad(&labels) {
            Some("invalid label set: invalid name \"\"".to_owned())
        } else {
            bad(&annotations).then(|| "invalid annotations: invalid name \"\"".to_owned())
        };
        Some(Plain {
            labels: Labels::from_pairs(labels),
            annotations: Labels::from_pairs(annotations),
            generator_url,
            times: (time(fields.get("startsAt"))?, time(fields.get("endsAt"))?),
            invalid,
        })
    };
    match document {
        Value::Null => Some(Vec::new()),
        Value::Array(alerts) => alerts.iter().map(alert).collect(),
        _ => None,
    }
}

fn any_set() -> impl Strategy<Value = Value> {
    let texts = prop_oneof![8 => "[ab\"\\\\é<]{0,3}", 2 => Just("日本\u{2028}".to_owned())];
    let value = prop_oneof![
        12 => texts.clone().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    let set = proptest::collection::btree_map(texts, value, 0..4);
    prop_oneof![
        12 => set.prop_map(|map| Value::Object(map.into_iter().collect())),
        1 => Just(Value::Null),
        1 => Just(json!({ "a": 1 })),
        1 => Just(json!([])),
    ]
}

fn any_alert() -> impl Strategy<Value = Value> {
    let time = proptest::sample::select(
        &["2024-01-01T00:00:00Z", "2024-02-03T04:05:06.789+02:00", "", "2024-01-01", "never"][..],
    );
    let url = proptest::sample::select(&["", "http://x/y?z=1", "/x", "foo"][..]);
    let field = |name: &'static str, value: BoxedStrategy<Value>| {
        proptest::option::of(value.prop_map(move |value| (name, value)))
    };
    (
        field("labels", any_set().boxed()),
        field("annotations", any_set().boxed()),
        field("startsAt", time.clone().prop_map(Value::from).boxed()),
        field("endsAt", time.prop_map(Value::from).boxed()),
        field("generatorURL", url.prop_map(Value::from).boxed()),
        field("other", any_set().boxed()),
    )
        .prop_map(|(a, b, c, d, e, f)| {
            let fields = [a, b, c, d, e, f].into_iter().flatten();
            Value::Object(fields.map(|(name, value)| (name.to_owned(), value)).collect())
        })
}

proptest! {
    #[test]
    fn decodes_what_a_naive_decoder_decodes(list in proptest::collection::vec(any_alert(), 0..4)) {
        let document = Value::Array(list);
        let body = document.to_string();
        let got = alerts(body.as_bytes(), Mode::Fallback);
        let want = naive(&document);
        prop_assert_eq!(got.as_ref().ok().map(plain), want, "{} {:?}", body, got.err());
    }

    #[test]
    fn damaged_bodies_never_panic(
        list in proptest::collection::vec(any_alert(), 1..3),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut body = Value::Array(list).to_string().into_bytes();
        for (at, byte) in damage {
            let at = at.index(body.len());
            body[at] = byte;
        }
        let _ = alerts(&body, Mode::Fallback);
        let _ = silence(&body);
        let cut = cut.index(body.len());
        let _ = alerts(&body[..cut], Mode::Classic);
        let _ = silence(&body[1..]);
    }
}
