//! The configuration as typed: every section read and checked by itself, nothing looked up across
//! sections yet.

pub mod global;
pub mod http;
pub mod inhibit;
pub mod interval;
pub mod receiver;
pub mod route;
pub mod url;

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::{cell::RefCell, ops::ControlFlow, time::Duration};

use self::{
    global::Global, inhibit::InhibitRule, interval::Interval, receiver::Receiver, route::Route,
};
use super::{
    Warning,
    yaml::{Abort, At, scalar::Resolved},
};
use crate::{
    label::{Matcher, Mode, is_classic_name, parse},
    time::duration,
};

/// The whole file.
#[derive(Debug, Default)]
pub struct File {
    /// `global`, defaults filled in.
    pub global: Global,
    /// `route`, if there is one.
    pub route: Option<Route>,
    /// `inhibit_rules`.
    pub inhibit_rules: Vec<InhibitRule>,
    /// `receivers`.
    pub receivers: Vec<Receiver>,
    /// `mute_time_intervals`, the older name of `time_intervals`.
    pub mute_time_intervals: Vec<Interval>,
    /// `time_intervals`.
    pub time_intervals: Vec<Interval>,
}

/// What the sections need besides the document.
pub struct Context<'a> {
    /// How names and matchers are read.
    pub mode: Mode,
    /// The folder that relative paths start from.
    pub directory: &'a str,
    /// What is suspicious but legal.
    pub warnings: RefCell<Vec<Warning>>,
}

impl Context<'_> {
    /// Notes something suspicious.
    pub fn warn(&self, at: &At<'_>, text: impl Into<String>) {
        self.warnings.borrow_mut().push(Warning(at.problem(text)));
    }

    /// Returns a path as seen from the configuration's folder.
    pub fn join(&self, path: &str) -> String {
        join(self.directory, path)
    }
}

const KEYS: [&str; 9] = [
    "global",
    "route",
    "inhibit_rules",
    "receivers",
    "templates",
    "mute_time_intervals",
    "time_intervals",
    "tracing",
    "event_recorder",
];

/// Reads the document. Mistyped and unknown keys are in the log afterwards.
///
/// # Errors
/// The first rule that a value breaks.
pub fn read(root: &At<'_>, context: &Context<'_>) -> Result<File, Abort> {
    let mut file = File::default();
    root.fields(&KEYS, |key, at| {
        match key {
            "global" => file.global = global::read(&at, context)?,
            "route" if !at.node.is_null() => file.route = Some(route::read(&at, context)?),
            "inhibit_rules" => {
                at.items(|_, item| {
                    file.inhibit_rules.push(inhibit::read(&item, context)?);
                    Ok(())
                })?;
            }
            "receivers" => {
                at.items(|_, item| {
                    file.receivers.push(receiver::read(&item, context)?);
                    Ok(())
                })?;
            }
            "mute_time_intervals" => {
                file.mute_time_intervals = interval::read_all(&at, "mute time interval")?;
            }
            "time_intervals" => file.time_intervals = interval::read_all(&at, "time interval")?,
            "templates" | "tracing" | "event_recorder" => refuse(&at, ""),
            _ => {}
        }
        Ok(())
    })?;
    Ok(file)
}

/// Collects that a key is not available, unless it says nothing.
fn refuse(at: &At<'_>, hint: &str) {
    use super::yaml::Value;
    let says_nothing = match &at.node.value {
        Value::Scalar(scalar) => scalar.resolve() == Resolved::Null || scalar.text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(entries) => entries.is_empty(),
    };
    if !says_nothing {
        at.note(format!("not available in this version of campana{hint}; remove it"));
    }
}

/// Reads a duration in Prometheus' form.
fn span(at: &At<'_>) -> Result<Option<Duration>, Abort> {
    let Some(text) = at.text() else { return Ok(None) };
    duration::parse_prometheus(text).map(Some).map_err(|error| {
        at.fail(format!("{error}; write whole numbers with units, such as 30s, 5m or 1h30m"))
    })
}

/// Reads a duration in Go's form, in nanoseconds; a bare number counts nanoseconds.
fn go_span(at: &At<'_>) -> Option<i64> {
    let ns = match at.resolved() {
        ControlFlow::Continue(Resolved::Null) => return None,
        ControlFlow::Continue(Resolved::Int(ns)) => i64::try_from(ns).ok(),
        ControlFlow::Continue(_) => at.node.text().and_then(|text| duration::parse_go(text).ok()),
        ControlFlow::Break(()) => None,
    };
    if ns.is_none() {
        at.wrong_type("time.Duration", "write a number with a unit from ns to h, such as 1.5s");
    }
    ns
}

/// Reads a map of texts; null values are empty.
fn text_map(at: &At<'_>) -> Result<Vec<(String, String)>, Abort> {
    let mut map = Vec::new();
    at.entries(|key, value| {
        if value.node.is_null() || value.text().is_some() {
            let text = value.text().unwrap_or_default();
            map.push((key.to_string(), text.to_string()));
        }
        Ok(())
    })?;
    map.sort();
    Ok(map)
}

/// Reads `match`: names in the classic form, values compared for equality.
fn equal_map(at: &At<'_>) -> Result<Vec<(String, String)>, Abort> {
    let map = text_map(at)?;
    match map.iter().find(|(name, _)| !is_classic_name(name)) {
        Some((name, _)) => Err(bad_classic_name(at, name)),
        None => Ok(map),
    }
}

/// Reads `match_re`: names in the classic form, values that compile.
fn regex_map(at: &At<'_>) -> Result<Vec<(String, String)>, Abort> {
    let mut map = Vec::new();
    at.entries(|name, value| {
        if value.node.is_null() {
            return Err(value.fail(format!(
                "invalid regexp value for {name:?}; write an expression, or remove the entry"
            )));
        }
        let Some(text) = value.text() else { return Ok(()) };
        if let Err(error) = Matcher::new(name, crate::label::Op::Regex, text) {
            return Err(value.fail(error.to_string()));
        }
        map.push((name.to_string(), text.to_string()));
        Ok(())
    })?;
    if let Some((name, _)) = map.iter().find(|(name, _)| !is_classic_name(name)) {
        return Err(bad_classic_name(at, name));
    }
    map.sort();
    Ok(map)
}

fn bad_classic_name(at: &At<'_>, name: &str) -> Abort {
    at.fail(format!(
        "invalid label name {name:?}; names here consist of letters, digits and _, use matchers \
         for others"
    ))
}

/// Reads a list of matchers, each element one or several; sorted.
fn matcher_list(at: &At<'_>, context: &Context<'_>) -> Result<Vec<Matcher>, Abort> {
    let mut all = Vec::new();
    at.items(|_, item| {
        let Some(text) = (if item.node.is_null() { Some("") } else { item.text() }) else {
            return Ok(());
        };
        let parsed = parse::matchers(context.mode, text)
            .map_err(|error| item.fail(format!("{error}; write for example severity=\"page\"")))?;
        if let Some(warning) = parsed.warning {
            context.warn(&item, warning_text(&warning));
        }
        all.extend(parsed.matchers);
        Ok(())
    })?;
    all.sort();
    Ok(all)
}

fn warning_text(warning: &parse::Warning) -> String {
    match warning {
        parse::Warning::Suggestion { input, error, suggestion } => {
            let error = error.to_string();
            format!("{warning} input={input:?} err={error:?} suggestion={suggestion:?}")
        }
        parse::Warning::Disagreement { input } => format!("{warning} input={input:?}"),
    }
}

/// Reads a list of label names that the mode allows.
fn label_names(at: &At<'_>, context: &Context<'_>, list: &str) -> Result<Vec<String>, Abort> {
    let mut names = Vec::new();
    for item in at.texts().unwrap_or_default() {
        let name = item.text().unwrap_or_default();
        if !context.mode.allows_name(name) {
            return Err(item.fail(format!("invalid label name {name:?} in {list} list")));
        }
        names.push(name.to_string());
    }
    Ok(names)
}

/// Joins a relative path to a folder and removes `.`, `..` and doubled slashes, without looking at
/// any file. Absolute and empty paths stay as they are.
pub fn join(directory: &str, path: &str) -> String {
    if path.is_empty() || path.starts_with('/') || directory.is_empty() {
        return path.to_string();
    }
    let full = format!("{directory}/{path}");
    let rooted = full.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in full.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => String::from("."),
        (false, path) => path,
    }
}
