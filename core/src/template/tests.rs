//! Replays answers recorded from the original.

use alloc::{
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use serde_json::Value as Json;

use super::{Data, Env, Limits, Set, Value};

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

#[test]
fn html_templates_answer_as_recorded() {
    replay(include_str!("../../testdata/template/html.jsonl"), &Set::new(), true, 60);
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
    assert!(count > 200);
    assert!(
        differences.is_empty(),
        "{} of {count}:\n{}",
        differences.len(),
        differences.join("\n")
    );
}

/// The default templates with firing alerts, resolved ones, both, and none. A line break at the end
/// was lost when the answers were recorded.
#[test]
fn default_templates_answer_as_recorded() {
    let set = Set::with_defaults();
    let all = Data::from_json(DATA).unwrap();
    let mut differences = Vec::new();
    for line in include_str!("../../testdata/template/defaults.jsonl").lines() {
        let case: Json = serde_json::from_str(line).unwrap();
        let wanted = case["alerts"].as_array().unwrap();
        let alerts = all.alerts.as_ref().unwrap();
        let alerts: Vec<_> =
            wanted.iter().map(|i| alerts[i.as_u64().unwrap() as usize].clone()).collect();
        let data = Value::Data(Arc::new(Data { alerts: Some(alerts.into()), ..all.clone() }));
        let html = case["html"] == true;
        let got = render(&set, &case, &data, html)
            .map(|output| output.strip_suffix('\n').map(String::from).unwrap_or(output));
        differences.extend(difference(&case, &case, &got));
    }
    assert!(differences.is_empty(), "{}:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn every_default_template_exists() {
    let set = Set::with_defaults();
    assert_eq!(set.names().filter(|name| name.contains("default.")).count() + 6, 64);
}

/// Pieces that templates are made of, well and badly.
const WORDS: &[&str] = &[
    "{{",
    "}}",
    "{{- ",
    " -}}",
    "{{ . }}",
    "{{ end }}",
    "{{ else }}",
    "{{ if .Status }}",
    "{{ range .Alerts }}",
    "{{ range 3 }}",
    "{{ with .GroupLabels }}",
    "{{ break }}",
    "{{ define \"a\" }}",
    "{{ template \"a\" . }}",
    "{{ template \"\" . }}",
    "{{/*",
    "*/}}",
    "{{ $x := 1 }}",
    "{{ $x = list $x $x }}",
    "{{ $x }}",
    "printf \"%*[2]d%v%q\" ",
    "index ",
    "slice ",
    "len ",
    "(",
    ")",
    "|",
    " . ",
    "$",
    ".Alerts",
    ".Labels",
    "nil",
    "1e9",
    "-1",
    "'a'",
    "\"",
    "`",
    "\\",
    "é",
    "\n",
    " ",
    "<a href=\"",
    "\">",
    "<script>",
    "</script>",
    "<style>",
    "<!--",
    "-->",
    "//",
    "/",
    "'",
    "?",
    "=",
    "<",
    ">",
    "&amp;",
    "{",
    "}",
    "${",
    "title ",
    "date ",
    "reReplaceAll \"(\" ",
    "humanizeDuration ",
    "toJson ",
    "html ",
    "eq ",
    "lt ",
    "and ",
    "tz ",
];

/// Such a piece, or any text.
fn piece() -> impl proptest::strategy::Strategy<Value = String> {
    use proptest::prelude::*;
    prop_oneof![
        8 => proptest::sample::select(WORDS).prop_map(String::from),
        1 => any::<String>(),
    ]
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2000))]

    /// Whatever a template is, it ends with a text or an error, in bounded time.
    #[test]
    fn nothing_panics(pieces in proptest::collection::vec(piece(), 0..24)) {
        let text = pieces.concat();
        let data = Value::Data(Arc::new(Data::from_json(DATA).unwrap()));
        let limits = Limits { steps: 20_000, output: 1 << 16, ..Limits::default() };
        let env = Env { limits, ..Env::default() };
        let _ = Set::new().render(&text, &data, &env);
        let _ = Set::new().render_html(&text, &data, &env);
    }
}

#[test]
fn limits_stop_what_does_not_end() {
    let data = Value::Nil;
    let error = |text: &str| Set::new().render(text, &data, &Env::default()).unwrap_err().0;
    assert!(error("{{ template \"\" . }}").contains("exceeded maximum template depth"));
    assert!(error("{{ range 100000000 }}{{ end }}").contains("steps"));
    assert!(error("{{ range 100000000 }}aaaaaaaaaaaaaaaaaaaaaaaaaa{{ end }}").contains("exceeded"));
    let doubling = "{{ $s := \"xxxxxxxx\" }}{{ range 60 }}{{ $s = print $s $s }}{{ end }}";
    assert!(error(doubling).contains("result too large"));
    let nesting = "{{ $s := list }}{{ range 1000 }}{{ $s = list $s }}{{ end }}{{ $s }}";
    assert!(error(nesting).contains("result too large"));
    let sharing = "{{ $s := list 1 }}{{ range 90 }}{{ $s = list $s $s }}{{ end }}{{ $s }}";
    assert!(error(sharing).contains("bytes of output"));
    assert!(error(&("{{ ".to_string() + &"(".repeat(5000))).contains("levels deep"));
    assert!(error(&"{{ if 1 }}".repeat(5000)).contains("levels deep"));
}

#[test]
fn texts_are_cut_as_recorded() {
    for line in include_str!("../../testdata/template/truncate.jsonl").lines() {
        let record: Json = serde_json::from_str(line).unwrap();
        let (request, response) = (&record["request"], &record["response"]);
        // Recorded inputs that are not UTF-8 cannot reach us.
        let Some(input) = request["input"].as_str() else { continue };
        let max = request["n"].as_u64().unwrap() as usize;
        let (output, cut) = match request["unit"].as_str() {
            Some("bytes") => super::truncate_bytes(input, max),
            _ => super::truncate_chars(input, max),
        };
        if response["ok"] == false {
            continue;
        }
        assert_eq!(response["output"].as_str(), Some(&*output), "{record}");
        assert_eq!(response["truncated"], cut, "{record}");
    }
}

#[test]
fn the_deepest_template_fits_a_small_stack() {
    let deep = format!("{{{{ {}1{} }}}}", "print (".repeat(190), ")".repeat(190));
    let text = format!(
        "{{{{ define \"r\" }}}}{{{{ if gt . 0 }}}}{{{{ template \"r\" (len (slice \"{}\" 0 .)) }}}}{{{{ end }}}}{deep}{{{{ end }}}}{{{{ template \"r\" 40 }}}}",
        "x".repeat(50)
    );
    let run = move || {
        let _ = Set::new().render(&text, &Value::Nil, &Env::default());
        let _ = Set::new().render_html(&text, &Value::Nil, &Env::default());
    };
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).unwrap();
    thread.join().unwrap();
}

#[test]
fn structures_are_rendered_and_retyped() {
    let node: Json = serde_json::from_str(
        r#"{"{{ .k }}": ["{{ .n }}", "x{{ .n }}", {"a": "{{ .s }}"}], "t": true, "e": ""}"#,
    )
    .unwrap();
    let data = Value::from_json(&serde_json::json!({"k": "key", "n": 5, "s": "text"}));
    let retype = |text: &str| serde_json::from_str::<Json>(text).ok();
    let env = Env::default();
    let got = Set::new().render_structure(&node, &data, &env, &retype).unwrap();
    let want = serde_json::json!({"key": [5, "x5", {"a": "text"}], "t": true, "e": ""});
    assert_eq!(got, want);
    let broken = serde_json::json!(["{{"]);
    let error = Set::new().render_structure(&broken, &data, &env, &retype).unwrap_err();
    assert_eq!(error.to_string(), "template: :1: unclosed action");
}
