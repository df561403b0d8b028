//! Matchers and the hashes of label sets.

use campana_core::{
    hash::fnv1a,
    label::{
        Labels, Matcher, Matchers,
        parse::{self, Warning},
    },
};
use serde_json::{Value as Json, json};

use super::{Answer, Failure, Fields, Question, data, fields};

/// `matchers`: reads matchers, prints them, and asks them about label sets.
pub(super) fn matchers(question: &Question) -> Answer {
    let (mode, bytes) = (question.mode()?, question.bytes("input")?);
    let Ok(input) = std::str::from_utf8(&bytes) else {
        return Err(Failure::new("the matchers are not UTF-8"));
    };
    let (list, warning) = if question.flag("single") {
        let (matcher, warning) = parse::matcher(mode, input).map_err(Failure::new)?;
        (vec![matcher], warning)
    } else {
        let parsed = parse::matchers(mode, input).map_err(Failure::new)?;
        (parsed.matchers, parsed.warning)
    };
    let shown: Vec<Json> = list.iter().map(show).collect();
    let list = Matchers::new(list);
    let mut answer = fields([("matchers", shown.into()), ("string", format!("{list}").into())]);
    if let Some(warning) = warning {
        answer.insert("warnings".into(), json!([show_warning(&warning)]));
    }
    if let Some(labels) = question.get("labels") {
        answer.insert("matches".into(), list.matches(&data::labels(labels)?).into());
    }
    if let Some(sets) = question.get("label_sets") {
        let sets = data::label_sets(sets)?;
        let matches: Vec<bool> = sets.iter().map(|labels| list.matches(labels)).collect();
        answer.insert("matches_sets".into(), matches.into());
    }
    Ok(answer)
}

fn show(matcher: &Matcher) -> Json {
    json!({
        "name": matcher.name(),
        "op": matcher.op().as_str(),
        "value": matcher.value(),
        "string": matcher.to_string(),
    })
}

fn show_warning(warning: &Warning) -> Json {
    let msg = warning.to_string();
    match warning {
        Warning::Suggestion { input, error, suggestion } => json!({
            "input": input, "err": error.to_string(), "suggestion": suggestion, "msg": msg,
            "origin": "oracle",
        }),
        Warning::Disagreement { input } => json!({"input": input, "msg": msg, "origin": "oracle"}),
    }
}

/// `fingerprint`: the hashes of label sets.
pub(super) fn fingerprint(question: &Question) -> Answer {
    let mut answer = Fields::new();
    if let Some(labels) = question.get("labels") {
        answer = hashes(&data::labels(labels)?);
    }
    if let Some(sets) = question.get("label_sets") {
        let sets = data::label_sets(sets)?;
        let results: Vec<Json> = sets.iter().map(|set| hashes(set).into()).collect();
        answer.insert("results".into(), results.into());
    }
    Ok(answer)
}

fn hashes(labels: &Labels) -> Fields {
    fields([
        ("fingerprint", labels.fingerprint().to_string().into()),
        ("nflog_hash", labels.nflog_hash().to_string().into()),
        ("string", labels.to_string().into()),
        ("fast", format!("{:016x}", fast(labels)).into()),
    ])
}

/// The original's quicker hash, which it answers too but uses for nothing that is seen outside.
fn fast(labels: &Labels) -> u64 {
    let hash = |(name, value): (&[u8], &[u8])| fnv1a(&[name, &[0xFF], value].concat());
    let hashes = labels.iter_bytes().map(hash);
    hashes.reduce(|a, b| a ^ b).unwrap_or_else(|| fnv1a(b""))
}
