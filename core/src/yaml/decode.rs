//! Typed values out of a tree.
//!
//! Unknown keys, repeated keys and values of the wrong type are collected over the whole document
//! and reported together. A rule that a value breaks ([`At::fail`]) ends the reading at once and is
//! reported alone, as Alertmanager does it.

use alloc::{
    boxed::Box,
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::{cell::RefCell, fmt, ops::ControlFlow};

use super::{Node, Value, scalar::Resolved};

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// The path of the field, as `receivers[0].webhook_configs[1].url`; may be empty.
    pub path: String,
    /// What is wrong, and what would be right.
    pub text: String,
}

/// `LINE:COLUMN: path: text`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.text)
    }
}

/// A broken rule: ends the reading and is reported alone.
#[derive(Debug)]
pub struct Abort(pub Box<Problem>);

/// What is wrong so far.
pub type Log = RefCell<Vec<Problem>>;

/// A place in the document: a node, its path, and the log that complaints go to.
#[derive(Clone)]
pub struct At<'a> {
    /// The value.
    pub node: &'a Node,
    path: Arc<str>,
    field: &'a str,
    /// The key, for values in a map.
    key: Option<&'a Node>,
    log: &'a Log,
}

/// A place that can be kept after reading, for checks across sections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spot {
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
    /// The path of the enclosing map.
    pub path: Arc<str>,
}

impl Spot {
    /// Makes a problem with a field of the map at this place; an empty name means the map itself.
    pub fn problem(&self, field: &str, text: impl Into<String>) -> Problem {
        let path = join(&self.path, field);
        Problem { line: self.line, column: self.column, path, text: text.into() }
    }
}

fn join(path: &str, field: &str) -> String {
    match (path, field) {
        ("", field) => field.to_string(),
        (path, "") => path.to_string(),
        (path, field) => format!("{path}.{field}"),
    }
}

impl<'a> At<'a> {
    /// Starts at the root of a document.
    pub fn root(node: &'a Node, log: &'a Log) -> Self {
        Self { node, path: Arc::from(""), field: "", key: None, log }
    }

    /// Returns the path of the value.
    pub fn path(&self) -> String {
        join(&self.path, self.field)
    }

    /// Returns line and column to show: of a list or map its key's, since it may begin far below.
    fn place(&self) -> (u32, u32) {
        let node = match (&self.node.value, self.key) {
            (Value::List(_) | Value::Map(_), Some(key)) => key,
            _ => self.node,
        };
        (node.line, node.column)
    }

    /// Returns the place of the value, with its own path.
    pub fn spot(&self) -> Spot {
        let (line, column) = self.place();
        Spot { line, column, path: Arc::from(self.path()) }
    }

    /// Makes a problem with this value.
    pub fn problem(&self, text: impl Into<String>) -> Problem {
        let (line, column) = self.place();
        Problem { line, column, path: self.path(), text: text.into() }
    }

    /// Makes the end of the reading: the value breaks a rule.
    pub fn fail(&self, text: impl Into<String>) -> Abort {
        Abort(Box::new(self.problem(text)))
    }

    /// Collects a problem with this value and goes on.
    pub fn note(&self, text: impl Into<String>) {
        self.log.borrow_mut().push(self.problem(text));
    }

    /// Returns how many problems are collected so far.
    pub fn complaints(&self) -> usize {
        self.log.borrow().len()
    }

    fn mistyped(&self, wanted: &str, advice: &str) {
        let found = match &self.node.value {
            Value::Map(_) => String::from("!!map"),
            Value::List(_) => String::from("!!seq"),
            // What stands where a map belongs may well be the secret itself.
            Value::Scalar(scalar) if self.path().contains("http_config") && wanted == "a map" => {
                scalar.resolve().tag().to_string()
            }
            Value::Scalar(scalar) => {
                let text = &scalar.text;
                let shown = match text.char_indices().nth(10) {
                    Some(_) => {
                        let end = text.char_indices().nth(7).map_or(text.len(), |(at, _)| at);
                        format!("{}...", &text[..end])
                    }
                    None => text.to_string(),
                };
                format!("{} `{shown}`", scalar.resolve().tag())
            }
        };
        self.note(format!("cannot unmarshal {found} into {wanted}; {advice}"));
    }

    fn value(&self, key: &'a Node, node: &'a Node, path: &Arc<str>) -> Self {
        let field = key.text().unwrap_or_default();
        Self { node, path: path.clone(), field, key: Some(key), log: self.log }
    }

    /// Visits the keys of a map with fixed keys. Null counts as an empty map; anything else is
    /// collected as a wrong type, unknown and repeated keys likewise. Null values are visited too.
    ///
    /// # Errors
    /// What `visit` returns.
    pub fn fields(
        &self,
        keys: &[&str],
        mut visit: impl FnMut(&str, Self) -> Result<(), Abort>,
    ) -> Result<(), Abort> {
        if self.node.is_null() {
            return Ok(());
        }
        let Value::Map(entries) = &self.node.value else {
            self.mistyped("a map", "write `key: value` lines, indented");
            return Ok(());
        };
        let path: Arc<str> = Arc::from(self.path());
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for (i, (key, value)) in entries.iter().enumerate() {
            let name = key.text().unwrap_or_default();
            let of_key =
                Self { node: key, path: path.clone(), field: "", key: None, log: self.log };
            let is_merged = is_replaced(key, &entries[i + 1..]);
            // What alerts must look like adds up.
            let adds_up = ["match", "match_re", "matchers"].iter().any(|end| name.ends_with(end));
            if is_merged && !adds_up {
                continue;
            }
            if is_merged {
                // It does not count as written.
            } else if let Some(first) = seen.insert(name, key.line) {
                of_key.note(format!(
                    "field {name} already set; it is on line {first} as well, keep one of them"
                ));
                continue;
            }
            if !keys.contains(&name) {
                of_key.note(format!("field {name} not found; {}", advice(name, keys)));
                continue;
            }
            visit(name, self.value(key, value, &path))?;
        }
        Ok(())
    }

    /// Visits the entries of a map with free keys; repeated keys are collected.
    ///
    /// # Errors
    /// What `visit` returns.
    pub fn entries(
        &self,
        mut visit: impl FnMut(&'a str, Self) -> Result<(), Abort>,
    ) -> Result<(), Abort> {
        if self.node.is_null() {
            return Ok(());
        }
        let Value::Map(entries) = &self.node.value else {
            self.mistyped("a map", "write `key: value` lines, indented");
            return Ok(());
        };
        let path: Arc<str> = Arc::from(self.path());
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        for (key, value) in entries {
            let name = key.text().unwrap_or_default();
            if let Some(first) = seen.insert(name, key.line) {
                let of_key =
                    Self { node: key, path: path.clone(), field: "", key: None, log: self.log };
                of_key.note(format!(
                    "key {name:?} already set in map; it is on line {first} as well, keep one"
                ));
                continue;
            }
            visit(name, self.value(key, value, &path))?;
        }
        Ok(())
    }

    /// Visits the elements of a list. Returns whether the value was a list: null is not one and is
    /// passed over, anything else is collected as a wrong type.
    ///
    /// # Errors
    /// What `visit` returns.
    pub fn items(
        &self,
        mut visit: impl FnMut(usize, Self) -> Result<(), Abort>,
    ) -> Result<bool, Abort> {
        if self.node.is_null() {
            return Ok(false);
        }
        let Value::List(items) = &self.node.value else {
            self.mistyped("a list", "write `- ` before each element, or `[a, b]`");
            return Ok(false);
        };
        let path = self.path();
        for (index, node) in items.iter().enumerate() {
            let path = Arc::from(format!("{path}[{index}]"));
            visit(index, Self { node, path, field: "", key: None, log: self.log })?;
        }
        Ok(true)
    }

    /// Reads a text: any scalar in its own spelling. `None` for what is not set and for a collected
    /// mistake; an unquoted `Null` is an empty text.
    pub fn text(&self) -> Option<&'a str> {
        if self.node.is_null() {
            return (!self.node.is_unset()).then_some("");
        }
        let text = self.node.text();
        if text.is_none() {
            self.mistyped("string", "write a single value here");
        }
        text
    }

    /// Reads a list of texts, null elements as empty; `None` for null and for a collected mistake.
    pub fn texts(&self) -> Option<Vec<Self>> {
        let mut list = Vec::new();
        let done = self.items(|_, item| {
            if item.node.is_null() || item.text().is_some() {
                list.push(item);
            }
            Ok(())
        });
        matches!(done, Ok(true)).then_some(list)
    }

    /// Reads a truth value; `None` for null and for a collected mistake.
    pub fn boolean(&self) -> Option<bool> {
        match self.resolved() {
            ControlFlow::Continue(Resolved::Bool(value)) => Some(value),
            ControlFlow::Continue(Resolved::Null) => None,
            _ => {
                self.mistyped("bool", "write true or false, without quotes");
                None
            }
        }
    }

    /// Reads a whole number from 0 on; `None` for null and for a collected mistake.
    pub fn unsigned(&self) -> Option<u64> {
        let value = match self.resolved() {
            ControlFlow::Continue(Resolved::Null) => return None,
            ControlFlow::Continue(Resolved::Int(value)) => u64::try_from(value).ok(),
            ControlFlow::Continue(Resolved::Float(value)) => {
                // As the original reads them: 1e3 is 1000, 2.5 is 2.
                (value > -1.0 && value < 18_446_744_073_709_551_616.0).then_some(value as u64)
            }
            _ => None,
        };
        if value.is_none() {
            self.mistyped("uint64", "write a whole number from 0 on, without quotes");
        }
        value
    }

    /// Reads what a scalar means; breaks for lists and maps.
    pub fn resolved(&self) -> ControlFlow<(), Resolved> {
        match &self.node.value {
            Value::Scalar(scalar) => ControlFlow::Continue(scalar.resolve()),
            _ => ControlFlow::Break(()),
        }
    }

    /// Collects that a value has the wrong type.
    pub fn wrong_type(&self, wanted: &str, advice: &str) {
        self.mistyped(wanted, advice);
    }
}

/// Tells whether a later entry takes the place of an earlier one because one of them was merged in.
/// Only keys of fixed maps do that; in free maps any key that repeats is a mistake.
fn is_replaced(key: &Node, later: &[(Node, Node)]) -> bool {
    later.iter().any(|(next, _)| (key.is_merged || next.is_merged) && key.text() == next.text())
}

/// What to write instead of an unknown key.
fn advice(name: &str, keys: &[&str]) -> String {
    let near = keys.iter().map(|key| (distance(name, key), key)).min();
    match near {
        Some((steps, key)) if steps <= 2 && steps < name.chars().count() => {
            format!("did you mean {key}?")
        }
        _ => format!("known here: {}", keys.join(", ")),
    }
}

/// Returns how many single-character edits lead from one word to the other, at most 9.
fn distance(a: &str, b: &str) -> usize {
    if a.len().abs_diff(b.len()) > 8 {
        return 9;
    }
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let swap = corner + usize::from(x != *y);
            corner = row[j + 1];
            row[j + 1] = swap.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[b.len()].min(9)
}
