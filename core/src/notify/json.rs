//! Bodies as Go's `encoding/json` writes them: fields in the order given, maps sorted.

use alloc::{format, string::String};

use serde_json::Value as Json;

use crate::{template::json_number, wire::json::write_string};

/// A JSON object under construction.
#[derive(Debug)]
pub struct Object {
    out: String,
}

impl Default for Object {
    fn default() -> Self {
        Self::new()
    }
}

impl Object {
    /// Begins an object.
    pub fn new() -> Self {
        Self { out: String::from("{") }
    }

    fn key(&mut self, key: &str) {
        if self.out.len() > 1 {
            self.out.push(',');
        }
        write_string(&mut self.out, key);
        self.out.push(':');
    }

    /// Adds a text.
    pub fn text(&mut self, key: &str, text: &str) -> &mut Self {
        self.key(key);
        write_string(&mut self.out, text);
        self
    }

    /// Adds a text unless it is empty.
    pub fn some_text(&mut self, key: &str, text: &str) -> &mut Self {
        if text.is_empty() { self } else { self.text(key, text) }
    }

    /// Adds JSON that is written already: an object, a list, a number.
    pub fn raw(&mut self, key: &str, json: &str) -> &mut Self {
        self.key(key);
        self.out.push_str(json);
        self
    }

    /// Adds a truth value.
    pub fn boolean(&mut self, key: &str, value: bool) -> &mut Self {
        self.raw(key, if value { "true" } else { "false" })
    }

    /// Adds a whole number.
    pub fn number(&mut self, key: &str, value: i64) -> &mut Self {
        self.raw(key, &format!("{value}"))
    }

    /// Adds a value of any shape.
    pub fn value(&mut self, key: &str, value: &Json) -> &mut Self {
        self.key(key);
        write_value(&mut self.out, value);
        self
    }

    /// Returns the object, without a line feed behind it.
    pub fn done(&mut self) -> String {
        let mut out = core::mem::take(&mut self.out);
        out.push('}');
        out
    }
}

/// Writes a list of JSON that is written already.
pub fn list<T: AsRef<str>>(items: impl IntoIterator<Item = T>) -> String {
    let mut out = String::from("[");
    for item in items {
        if out.len() > 1 {
            out.push(',');
        }
        out.push_str(item.as_ref());
    }
    out.push(']');
    out
}

/// Returns a text as JSON.
pub fn text(text: &str) -> String {
    let mut out = String::new();
    write_string(&mut out, text);
    out
}

/// Appends a value; keys are sorted, floats have Go's form.
pub fn write_value(out: &mut String, value: &Json) {
    match value {
        Json::Null => out.push_str("null"),
        Json::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Json::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            // A number that JSON has is finite, and only others have no form.
            Some(float) => out.push_str(&json_number(float).unwrap_or_default()),
            None => out.push_str(&format!("{number}")),
        },
        Json::String(text) => write_string(out, text),
        Json::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_value(out, item);
            }
            out.push(']');
        }
        Json::Object(entries) => {
            out.push('{');
            for (i, (key, item)) in entries.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_string(out, key);
                out.push(':');
                write_value(out, item);
            }
            out.push('}');
        }
    }
}
