//! Comparing JSON with what a test cares about.

use serde_json::Value;

/// Returns where `actual` lacks something of `wanted`, or `None`.
///
/// Objects may have more keys than wanted; arrays must have as many elements, in order; the string
/// `"*"` stands for anything that is there; `null` for anything or nothing.
pub fn difference(wanted: &Value, actual: &Value) -> Option<String> {
    compare("$", wanted, actual)
}

fn compare(path: &str, wanted: &Value, actual: &Value) -> Option<String> {
    match (wanted, actual) {
        (Value::Null, _) => None,
        (Value::String(any), actual) if any == "*" && !actual.is_null() => None,
        (Value::Object(wanted), Value::Object(actual)) => {
            wanted.iter().find_map(|(key, value)| match actual.get(key) {
                Some(actual) => compare(&format!("{path}.{key}"), value, actual),
                None if value.is_null() => None,
                None => Some(format!("{path}.{key} is missing")),
            })
        }
        (Value::Array(wanted), Value::Array(found)) => {
            if wanted.len() != found.len() {
                let (has, wants) = (found.len(), wanted.len());
                return Some(format!("{path} has {has} elements instead of {wants}: {actual}"));
            }
            let pairs = wanted.iter().zip(found).enumerate();
            pairs.into_iter().find_map(|(i, (w, a))| compare(&format!("{path}[{i}]"), w, a))
        }
        _ if wanted == actual => None,
        _ => Some(format!("{path} is {actual} instead of {wanted}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn more_keys_are_fine_and_fewer_are_not() {
        let actual = json!({"a": 1, "b": [{"c": "x", "d": null}]});
        assert_eq!(difference(&json!({"b": [{"c": "*"}]}), &actual), None);
        assert_eq!(difference(&Value::Null, &actual), None);
        let told = |wanted: Value| difference(&wanted, &actual).expect("they differ");
        assert_eq!(told(json!({"e": 1})), "$.e is missing");
        assert!(told(json!({"b": []})).starts_with("$.b has 1 elements instead of 0"));
        assert_eq!(told(json!({"b": [{"c": "y"}]})), "$.b[0].c is \"x\" instead of \"y\"");
    }
}
