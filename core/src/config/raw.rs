//! The configuration as typed: every section read and checked by itself, nothing looked up across
//! sections yet.

pub mod inhibit;
pub mod interval;
pub mod receiver;
pub mod recorder;
pub mod route;
pub mod tracing;

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use self::{
    inhibit::InhibitRule, interval::Interval, receiver::Receiver, recorder::EventRecorder,
    route::Route, tracing::Tracing,
};
use crate::{
    label::{Matcher, is_classic_name, parse},
    notify::Global,
    schema::{Context, Field as _},
    yaml::{Abort, At, decode::Spot},
};

/// The whole file.
#[derive(Debug, Default)]
pub struct File {
    /// `global`, defaults filled in.
    pub global: Global,
    /// Where `global` stands.
    pub global_spot: Spot,
    /// `templates`: patterns, relative ones as seen from the configuration's folder.
    pub templates: Vec<String>,
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
    /// `tracing`.
    pub tracing: Option<Tracing>,
    /// `event_recorder`.
    pub event_recorder: Option<EventRecorder>,
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
            "global" => {
                file.global_spot = at.spot();
                file.global.read(&at, context)?;
            }
            "templates" => {
                file.templates.read(&at, context)?;
                file.templates.iter_mut().for_each(|glob| *glob = context.join(glob));
            }
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
            "tracing" => file.tracing.read(&at, context)?,
            "event_recorder" => file.event_recorder.read(&at, context)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(file)
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

/// Adds pairs to those of a map that was merged in.
fn add_pairs(all: &mut Vec<(String, String)>, pairs: Vec<(String, String)>, at: &At<'_>) {
    for (name, value) in pairs {
        if all.iter().any(|(known, _)| *known == name) {
            at.note(format!("key {name:?} already set in map that is merged in"));
        }
        all.push((name, value));
    }
    all.sort();
}

/// Reads a list of matchers, each element one or several; sorted.
fn add_matchers(all: &mut Vec<Matcher>, at: &At<'_>, context: &Context<'_>) -> Result<(), Abort> {
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
    Ok(())
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
