//! Issues as Jira tells of them, and JSON as it takes it.

use alloc::{
    format,
    string::{String, ToString as _},
};
use core::fmt::Write as _;

use serde::de::IgnoredAny;
use serde_json::Value as Json;

/// An issue that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Issue {
    /// Its key, such as `OPS-7`.
    pub(super) key: String,
    /// Whether its status is one of those that mean done.
    pub(super) is_done: bool,
}

impl Issue {
    /// Reads the answer to a search: its first issue, if there is any.
    pub(super) fn read(body: &[u8]) -> Result<Option<Self>, String> {
        let json: Json = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let Some(issue) = json["issues"].get(0) else { return Ok(None) };
        let key = issue["key"].as_str().filter(|key| !key.is_empty());
        let key = key.ok_or("the issue found has no key")?.to_string();
        let is_done = issue["fields"]["status"]["statusCategory"]["key"] == "done";
        Ok(Some(Self { key, is_done }))
    }

    /// Returns the issue's path behind that of the API.
    pub(super) fn path(&self) -> String {
        let mut path = String::from("issue/");
        for byte in self.key.bytes() {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                path.push(char::from(byte));
            } else {
                write!(path, "%{byte:02X}").expect("a String takes every write");
            }
        }
        path
    }
}

/// Returns a JSON text without the blanks between its parts, its order kept, and escaped as in all
/// bodies; `None` if it is no JSON.
pub(super) fn compact(text: &str) -> Option<String> {
    serde_json::from_str::<IgnoredAny>(text).ok()?;
    let mut out = String::with_capacity(text.len());
    let (mut quoted, mut escaped) = (false, false);
    for c in text.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            ' ' | '\t' | '\n' | '\r' if !quoted => {}
            c => out.push(c),
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_compacted_as_it_is() {
        let text = " {\"b\": [1, 2.50,\n\"a < \\\" b\\\\\" , \"x y\"], \"a\":null}\n";
        let want = "{\"b\":[1,2.50,\"a \\u003c \\\" b\\\\\",\"x y\"],\"a\":null}";
        assert_eq!(compact(text).as_deref(), Some(want));
        assert_eq!(compact("5 x"), None);
        assert_eq!(compact(""), None);
    }

    #[test]
    fn the_first_issue_is_the_one() {
        let read = |text: &str| Issue::read(text.as_bytes());
        assert_eq!(read("{}"), Ok(None));
        assert_eq!(read(r#"{"issues":[]}"#), Ok(None));
        assert!(read("oh").is_err());
        assert!(read(r#"{"issues":[{}]}"#).is_err());
        let issue = read(r#"{"issues":[{"key":"a/b c"},{"key":"d"}]}"#).unwrap().unwrap();
        assert_eq!((&*issue.path(), issue.is_done), ("issue/a%2Fb%20c", false));
    }
}
