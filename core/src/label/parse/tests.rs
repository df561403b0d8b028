use alloc::{format, string::ToString as _};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::label::{Labels, Matchers};

const VECTORS: &str = include_str!("../../../testdata/matchers.jsonl");

fn mode(value: &Value) -> Mode {
    match value.as_str() {
        Some("classic") => Mode::Classic,
        Some("utf8") => Mode::Utf8,
        _ => Mode::Fallback,
    }
}

fn parse(mode: Mode, input: &str, single: bool) -> Result<Parsed, ParseError> {
    if single {
        let (matcher, warning) = matcher(mode, input)?;
        return Ok(Parsed { matchers: alloc::vec![matcher], warning });
    }
    matchers(mode, input)
}

fn check(request: &Value, response: &Value) {
    let input = request["input"].as_str().unwrap();
    let parsed = parse(mode(&request["mode"]), input, request["single"] == true);
    let parsed = match parsed {
        Ok(parsed) => parsed,
        Err(error) => {
            assert_eq!(response["ok"], false, "{request}: {error}");
            let expected = response["error"].as_str().unwrap();
            assert_eq!(error.to_string(), expected, "{request}");
            return;
        }
    };
    assert_eq!(response["ok"], true, "{request}: {response}");
    let expected = response["matchers"].as_array().unwrap();
    assert_eq!(parsed.matchers.len(), expected.len(), "{request}");
    for (matcher, expected) in parsed.matchers.iter().zip(expected) {
        assert_eq!(matcher.name(), expected["name"], "{request}");
        assert_eq!(matcher.op().as_str(), expected["op"], "{request}");
        assert_eq!(matcher.value(), expected["value"], "{request}");
        assert_eq!(matcher.to_string(), expected["string"].as_str().unwrap(), "{request}");
    }
    let list = Matchers::new(parsed.matchers);
    assert_eq!(list.to_string(), response["string"].as_str().unwrap(), "{request}");
    let sets = request["label_sets"].as_array().map_or(&[][..], |sets| sets);
    let matches = response["matches_sets"].as_array().map_or(&[][..], |matches| matches);
    assert_eq!(sets.len(), matches.len());
    for (set, matches) in sets.iter().zip(matches) {
        let pairs = set.as_object().unwrap().iter().map(|(n, v)| (n, v.as_str().unwrap()));
        assert_eq!(list.matches(&Labels::from_pairs(pairs)), *matches, "{request} {set}");
    }
    let expected = response["warnings"].as_array().map_or(&[][..], |warnings| warnings);
    assert_eq!(usize::from(parsed.warning.is_some()), expected.len(), "{request}");
    let Some(warning) = parsed.warning else { return };
    assert_eq!(warning.to_string(), expected[0]["msg"].as_str().unwrap(), "{request}");
    match warning {
        Warning::Disagreement { input } => {
            assert_eq!(input, expected[0]["input"]);
            assert_eq!(expected[0].get("suggestion"), None, "{request}");
        }
        Warning::Suggestion { input, error, suggestion } => {
            assert_eq!(input, expected[0]["input"]);
            assert_eq!(error.to_string(), expected[0]["err"].as_str().unwrap(), "{request}");
            assert_eq!(suggestion, expected[0]["suggestion"], "{request}");
        }
    }
}

#[test]
fn every_recorded_answer_is_given() {
    let mut count = 0;
    for line in VECTORS.lines() {
        let vector: Value = serde_json::from_str(line).unwrap();
        check(&vector["request"], &vector["response"]);
        count += 1;
    }
    assert_eq!(count, 227);
}

#[test]
fn fallback_prefers_the_classic_reading() {
    for (input, string, warned) in [
        ("", "{}", true),
        ("{}", "{}", true),
        ("a=", r#"{a=""}"#, true),
        ("a==b", r#"{a="=b"}"#, true),
        (r#"a="\d+""#, r#"{a="\\d+"}"#, true),
        (r#"a="\xf0\x9f\x99\x82""#, r#"{a="\\xf0\\x9f\\x99\\x82"}"#, true),
        ("a=~a{2}", r#"{a=~"a{2"}"#, true),
        ("{a=b", r#"{a="b"}"#, true),
        ("a=b}", r#"{a="b"}"#, true),
        ("}", "{}", true),
        ("a='b'", r#"{a="'b'"}"#, true),
        ("a=b c", r#"{a="b c"}"#, true),
        ("a-b=c", r#"{a-b="c"}"#, false),
        ("🙂=a", r#"{🙂="a"}"#, false),
        (r#""a b"="c d""#, r#"{"a b"="c d"}"#, false),
        (r#"a=b, c!~"d.*""#, r#"{a="b",c!~"d.*"}"#, false),
    ] {
        let parsed = matchers(Mode::Fallback, input).unwrap();
        assert_eq!(parsed.warning.is_some(), warned, "{input}");
        assert_eq!(Matchers::new(parsed.matchers).to_string(), string, "{input}");
    }
}

#[test]
fn utf8_errors_tell_columns() {
    for (input, error) in [
        ("{ ", "0:1: end of input: expected close brace"),
        ("{a=b, ", "0:5: end of input: expected close brace"),
        ("a=b,,", "4:5: unexpected ,: expected a matcher or close brace after comma"),
        ("{a=b} é", "6:7: é: expected end of input"),
        ("{a=b}~", "5:6: ~: invalid input: expected end of input"),
        ("é é", "2:3: unexpected é: expected an operator such as '=', '!=', '=~' or '!~'"),
    ] {
        assert_eq!(matchers(Mode::Utf8, input).unwrap_err().to_string(), error, "{input}");
    }
}

#[test]
fn long_texts_are_refused() {
    let text = format!("a={}", "b".repeat(MATCHERS_BYTES));
    for mode in [Mode::Classic, Mode::Fallback, Mode::Utf8] {
        let too_long = ParseError::TooLong { bytes: text.len() };
        assert_eq!(matchers(mode, &text), Err(too_long.clone()));
        assert_eq!(matcher(mode, &text), Err(too_long));
        assert!(matchers(mode, &text[..MATCHERS_BYTES]).is_ok());
    }
}

fn any_mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Classic), Just(Mode::Fallback), Just(Mode::Utf8)]
}

proptest! {
    #[test]
    fn never_panics(mode in any_mode(), input in r#"[ab1 ,{}=!~\\"'`é🙂.n]{0,16}"#) {
        let list = matchers(mode, &input);
        if let Ok((matcher, _)) = matcher(mode, &input) {
            prop_assert!(mode == Mode::Classic || !input.starts_with('{'), "{}", matcher);
        }
        // The canonical text is valid in the UTF-8 grammar, save that it never quotes no name.
        if let Ok(parsed) = list && parsed.matchers.iter().all(|m| !m.name().is_empty()) {
            let text = Matchers::new(parsed.matchers.clone()).to_string();
            prop_assert_eq!(matchers(Mode::Utf8, &text).unwrap().matchers, parsed.matchers);
        }
    }

    #[test]
    fn canonical_text_is_read_back(name in "[a-z_:]{1,4}", value in any::<String>()) {
        let matcher = Matcher::new(&name, Op::Equal, &value).unwrap();
        let text = matcher.to_string();
        for mode in [Mode::Classic, Mode::Fallback] {
            let read = matchers(mode, &text).unwrap().matchers;
            prop_assert_eq!(&read, core::slice::from_ref(&matcher));
        }
    }
}
