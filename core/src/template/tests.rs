//! Replays answers recorded from the original.

use alloc::{
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use serde_json::Value as Json;

use super::{Data, Env, Set, Value};

extern crate std;

const DATA: &str = include_str!("../../testdata/template/data.json");

fn render(set: &Set, case: &Json, data: &Value, html: bool) -> Result<String, String> {
    let text = case["text"].as_str().expect("a text");
    let env = Env::default();
    let result =
        if html { set.render_html(text, data, &env) } else { set.render(text, data, &env) };
    result.map_err(|error| error.to_string())
}

/// Compares a rendering with the recorded one; returns the difference.
fn difference(case: &Json, expected: &Json, got: &Result<String, String>) -> Option<String> {
    let same = match got {
        Ok(output) => expected["output"].as_str() == Some(output) && expected["error"].is_null(),
        Err(error) => expected["error"].as_str() == Some(error),
    };
    (!same).then(|| format!("{}\n  want {expected}\n  got  {got:?}", case["text"]))
}

fn replay(cases: &str, set: &Set, html: bool, least: usize) {
    let data = Value::Data(Arc::new(Data::from_json(DATA).unwrap()));
    let mut differences = Vec::new();
    let mut count = 0;
    for line in cases.lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        count += 1;
        differences.extend(difference(&case, &case, &render(set, &case, &data, html)));
    }
    assert!(count >= least);
    assert!(
        differences.is_empty(),
        "{} of {count}:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn text_templates_answer_as_recorded() {
    replay(include_str!("../../testdata/template/text.jsonl"), &Set::new(), false, 300);
}

/// The shared sample: requests and answers, with templates of the user and the default ones.
#[test]
fn the_shared_sample_is_answered_as_recorded() {
    let mut differences = Vec::new();
    let mut count = 0;
    for line in include_str!("../../testdata/template/sample.jsonl").lines() {
        let record: Json = serde_json::from_str(line).unwrap();
        let (request, response) = (&record["request"], &record["response"]);
        let data = [&response["data"], &request["data"]].into_iter().find(|data| !data.is_null());
        let data = match data {
            Some(data) => Value::Data(Arc::new(Data::from_json(&data.to_string()).unwrap())),
            None => Value::from_json(&request["raw"]),
        };
        let set = Set::with_defaults();
        let html = request["html"].as_bool().unwrap_or(false);
        if html {
            continue;
        }
        count += 1;
        let got = render(&set, request, &data, html);
        let same = match &got {
            Ok(output) => response["output"].as_str() == Some(output),
            // The default templates are our own, and so are the places in them.
            Err(error) => {
                response["ok"] == false
                    && (response["error"].as_str() == Some(error)
                        || error.contains("can't iterate"))
            }
        };
        if !same {
            differences.extend(difference(request, response, &got));
        }
    }
    assert!(count > 100);
    assert!(
        differences.is_empty(),
        "{} of {count}:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[test]
fn every_default_template_exists() {
    let set = Set::with_defaults();
    assert_eq!(set.names().filter(|name| name.contains("default.")).count() + 6, 64);
}
