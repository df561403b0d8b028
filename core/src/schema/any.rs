//! Values without a fixed shape: payloads, details and fields that users write as they like.

use alloc::{
    boxed::Box,
    collections::BTreeSet,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use serde_json::{Map, Number, Value as Json};

use super::{Context, Field};
use crate::{
    template::format_float,
    yaml::{Abort, At, Node, Out, Value, emit::Key, load, scalar::Resolved},
};

/// A value without a fixed shape, as YAML 1.1 reads it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Any {
    /// Nothing.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Int(i128),
    /// Another number.
    Float(f64),
    /// A text; times are texts too.
    Text(Box<str>),
    /// A list.
    List(Vec<Self>),
    /// Keys and values in the order of the document, each key once.
    Map(Vec<(Self, Self)>),
}

impl Any {
    /// Makes a text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.into())
    }

    /// Takes over a node of a document.
    pub fn of(node: &Node) -> Self {
        match &node.value {
            Value::Scalar(scalar) => match scalar.resolve() {
                Resolved::Null => Self::Null,
                Resolved::Bool(value) => Self::Bool(value),
                Resolved::Int(value) => Self::Int(value),
                Resolved::Float(value) => Self::Float(value),
                Resolved::Time | Resolved::Text => Self::Text(scalar.text.clone()),
            },
            Value::List(items) => Self::List(items.iter().map(Self::of).collect()),
            Value::Map(entries) => {
                let mut map: Vec<(Self, Self)> = Vec::new();
                for (node, value) in entries {
                    let key = Self::of(node);
                    let known = map.iter_mut().find(|(known, _)| *known == key);
                    match known {
                        None => map.push((key, Self::of(value))),
                        // Merged entries come last and do not replace the map's own.
                        Some(_) if node.is_merged => {}
                        Some((_, known)) => *known = Self::of(value),
                    }
                }
                Self::Map(map)
            }
        }
    }

    /// Returns the value as JSON. Keys that are no texts are dropped with their values, as the
    /// original does; infinities become texts that JSON has no number for.
    ///
    /// # Errors
    /// Go's words for a number that JSON has no form for.
    pub fn to_json(&self) -> Result<Json, String> {
        Ok(match self {
            Self::Null => Json::Null,
            Self::Bool(value) => Json::Bool(*value),
            Self::Int(value) => number(*value),
            Self::Float(value) => match Number::from_f64(*value) {
                Some(number) => Json::Number(number),
                None => {
                    let text = format_float(*value, 'g', None);
                    return Err(format!("json: unsupported value: {text}"));
                }
            },
            Self::Text(text) => Json::String(text.to_string()),
            Self::List(items) => {
                Json::Array(items.iter().map(Self::to_json).collect::<Result<_, _>>()?)
            }
            Self::Map(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    if let Self::Text(key) = key {
                        map.insert(key.to_string(), value.to_json()?);
                    }
                }
                Json::Object(map)
            }
        })
    }

    /// Returns what sorts keys that are no texts: numbers and truth values by size, then null.
    fn key_size(&self) -> f64 {
        match self {
            Self::Bool(value) => f64::from(u8::from(*value)),
            Self::Int(value) => *value as f64,
            Self::Float(value) => *value,
            _ => f64::INFINITY,
        }
    }

    fn key_text(&self) -> String {
        match self {
            Self::Null => "null".into(),
            Self::Bool(value) => format!("{value}"),
            Self::Int(value) => format!("{value}"),
            Self::Float(value) => format_float(*value, 'g', None),
            Self::Text(text) => text.to_string(),
            Self::List(_) | Self::Map(_) => String::new(),
        }
    }
}

fn number(value: i128) -> Json {
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(value), _) => Json::Number(value.into()),
        (_, Ok(value)) => Json::Number(value.into()),
        // The reader of YAML makes no whole numbers beyond these.
        _ => Number::from_f64(value as f64).map_or(Json::Null, Json::Number),
    }
}

/// Returns what a rendered text means where a structure may stand: a number, a list and so on.
/// `None` keeps the text.
///
/// # Errors
/// Go's words for a number that JSON has no form for.
pub fn retype(text: &str) -> Result<Option<Json>, String> {
    // A text over the limits of documents, or none that is YAML, stays a text.
    let Ok(node) = load(text) else { return Ok(None) };
    match node.as_ref().map_or(Any::Null, Any::of) {
        Any::Text(_) => Ok(None),
        value => value.to_json().map(Some),
    }
}

/// Writes keys that are no texts first.
fn print_map(entries: &[(Any, Any)]) -> Out {
    let (texts, mut others): (Vec<_>, Vec<_>) =
        entries.iter().partition(|(key, _)| matches!(key, Any::Text(_)));
    others.sort_by(|(a, _), (b, _)| a.key_size().total_cmp(&b.key_size()));
    let mut all: Vec<(Key, Out)> =
        others.iter().map(|(key, value)| (Key::bare(&key.key_text()), value.print())).collect();
    let texts = Out::sorted(texts.iter().map(|(key, value)| (key.key_text(), value.print())));
    if let Out::Map(texts) = texts {
        all.extend(texts);
    }
    Out::Map(all)
}

/// Collects keys that stand twice in a map.
fn note_repeated(node: &Node, at: &At<'_>) {
    match &node.value {
        Value::Scalar(_) => {}
        Value::List(items) => items.iter().for_each(|item| note_repeated(item, at)),
        Value::Map(entries) => {
            let mut seen = BTreeSet::new();
            for (key, value) in entries {
                let shown = Any::of(key).key_text();
                if !seen.insert((shown.clone(), key.text().is_some())) {
                    at.note(format!("key {shown:?} already set in map; keep one of them"));
                }
                note_repeated(value, at);
            }
        }
    }
}

impl Field for Any {
    fn read(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        note_repeated(at.node, at);
        *self = Self::of(at.node);
        Ok(())
    }

    fn print(&self) -> Out {
        match self {
            Self::Null | Self::Bool(_) | Self::Int(_) => Out::Bare(self.key_text()),
            Self::Float(value) => Out::Bare(match value {
                value if value.is_nan() => ".nan".into(),
                value if value.is_infinite() && *value > 0.0 => ".inf".into(),
                value if value.is_infinite() => "-.inf".into(),
                value => format_float(*value, 'g', None),
            }),
            Self::Text(text) => Out::text(text),
            Self::List(items) => Out::List(items.iter().map(Self::print).collect()),
            Self::Map(entries) => print_map(entries),
        }
    }

    fn is_zero(&self) -> bool {
        *self == Self::Null
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rendered_texts_become_what_yaml_reads() {
        for (text, want) in [
            ("", "null"),
            ("  ", "null"),
            ("~", "null"),
            ("5", "5"),
            ("+1", "1"),
            ("010", "8"),
            ("0x10", "16"),
            ("1_000", "1000"),
            ("1.50", "1.5"),
            ("true ", "true"),
            ("n", "false"),
            ("# Alerts firing", "null"),
            ("Summary: disk full", r#"{"Summary":"disk full"}"#),
            ("x:", r#"{"x":null}"#),
            ("- x", r#"["x"]"#),
            ("-", "[null]"),
            ("[FIRING:1] Foo", r#"["FIRING:1"]"#),
            ("{}", "{}"),
            ("[]", "[]"),
            ("x: 1\ny: 2", r#"{"x":1}"#),
            ("18446744073709551615", "18446744073709551615"),
        ] {
            let got = retype(text).expect("a value JSON has").expect("no text");
            assert_eq!(got.to_string(), want, "{text:?}");
        }
        for text in
            ["2026-01-01", "12:30:45", "text # c", "'q'", "@u", "*al", "!!str 5", "=", "a: b\nc"]
        {
            assert_eq!(retype(text), Ok(None), "{text:?}");
        }
        assert!(retype(".inf").is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,40}", like in "[-\\[\\]{}:,&*!#|>'\"%@` \\n0-9a-z]{0,24}") {
            let _ = (retype(&text), retype(&like));
        }
    }
}
