//! `route`: the routing tree as typed.

use alloc::{
    borrow::ToOwned as _,
    collections::BTreeSet,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

use super::{add_matchers, add_pairs, equal_map, regex_map, text_map};
use crate::{
    label::Matcher,
    schema::{Context, read_span},
    yaml::{Abort, At, decode::Spot},
};

/// A route as typed.
#[derive(Debug, Default)]
pub struct Route {
    /// Where it stands.
    pub spot: Spot,
    /// `receiver`; empty means the parent's.
    pub receiver: String,
    /// Where the receiver's name stands, with the path of the route.
    pub receiver_spot: Spot,
    /// `group_by` as written, `...` included; `None` means the parent's.
    pub group_by: Option<Vec<String>>,
    /// `match` (deprecated), sorted.
    pub equal: Vec<(String, String)>,
    /// `match_re` (deprecated), sorted.
    pub regex: Vec<(String, String)>,
    /// `matchers`, sorted.
    pub matchers: Vec<Matcher>,
    /// `mute_time_intervals`, with the place of each name.
    pub mute: Vec<(String, Spot)>,
    /// `active_time_intervals`, with the place of each name.
    pub active: Vec<(String, Spot)>,
    /// `continue`.
    pub continues: bool,
    /// `routes`.
    pub routes: Vec<Self>,
    /// `group_wait`; `None` means the parent's.
    pub group_wait: Option<Duration>,
    /// `group_interval`; `None` means the parent's.
    pub group_interval: Option<Duration>,
    /// `repeat_interval`; `None` means the parent's.
    pub repeat_interval: Option<Duration>,
    /// `labels`, sorted; merged with the parent's.
    pub labels: Vec<(String, String)>,
}

const KEYS: [&str; 13] = [
    "receiver",
    "group_by",
    "match",
    "match_re",
    "matchers",
    "mute_time_intervals",
    "active_time_intervals",
    "continue",
    "routes",
    "group_wait",
    "group_interval",
    "repeat_interval",
    "labels",
];

/// Reads a route and those below it.
///
/// # Errors
/// The first rule that a value breaks.
pub fn read(at: &At<'_>, context: &Context<'_>) -> Result<Route, Abort> {
    let mut route = Route { spot: at.spot(), ..Route::default() };
    at.fields(&KEYS, |key, at| {
        match key {
            "receiver" => {
                route.receiver = at.text().unwrap_or_default().to_owned();
                let (line, column) = (at.node.line, at.node.column);
                route.receiver_spot = Spot { line, column, path: route.spot.path.clone() };
            }
            "group_by" => route.group_by = group_by(&at, context)?,
            "match" => add_pairs(&mut route.equal, equal_map(&at)?, &at),
            "match_re" => add_pairs(&mut route.regex, regex_map(&at)?, &at),
            "matchers" => add_matchers(&mut route.matchers, &at, context)?,
            "mute_time_intervals" => route.mute = interval_names(&at),
            "active_time_intervals" => route.active = interval_names(&at),
            "continue" => route.continues = at.boolean().unwrap_or(false),
            "routes" => {
                at.items(|_, item| {
                    if item.node.is_null() {
                        return Err(item.fail("a route is null; give it settings or remove it"));
                    }
                    route.routes.push(read(&item, context)?);
                    Ok(())
                })?;
            }
            "group_wait" => route.group_wait = read_span(&at)?,
            "group_interval" => route.group_interval = positive(&at, key)?,
            "repeat_interval" => route.repeat_interval = positive(&at, key)?,
            _ => route.labels = labels(&at, context)?,
        }
        Ok(())
    })?;
    Ok(route)
}

fn positive(at: &At<'_>, key: &str) -> Result<Option<Duration>, Abort> {
    match read_span(at)? {
        Some(Duration::ZERO) => Err(at.fail(format!("{key} cannot be zero"))),
        span => Ok(span),
    }
}

fn group_by(at: &At<'_>, context: &Context<'_>) -> Result<Option<Vec<String>>, Abort> {
    let Some(items) = at.texts() else { return Ok(None) };
    let mut names: Vec<String> = Vec::new();
    let mut seen = BTreeSet::new();
    for item in &items {
        let name = item.text().unwrap_or_default();
        if name != "..." && !context.mode.allows_name(name) {
            return Err(item.fail(format!("invalid label name {name:?} in group_by list")));
        }
        names.push(name.to_string());
    }
    if names.iter().any(|name| name == "...") && names.iter().any(|name| name != "...") {
        return Err(at.fail(
            "cannot have wildcard group_by (`...`) and other labels at the same time; keep one",
        ));
    }
    match names.iter().find(|name| *name != "..." && !seen.insert(*name)) {
        Some(name) => Err(at.fail(format!("duplicated label {name:?} in group_by"))),
        None => Ok(Some(names)),
    }
}

fn interval_names(at: &At<'_>) -> Vec<(String, Spot)> {
    let items = at.texts().unwrap_or_default();
    items.iter().map(|i| (i.text().unwrap_or_default().to_owned(), i.spot())).collect()
}

fn labels(at: &At<'_>, context: &Context<'_>) -> Result<Vec<(String, String)>, Abort> {
    let labels = text_map(at)?;
    match labels.iter().find(|(name, _)| !context.mode.allows_name(name)) {
        Some((name, _)) => Err(at.fail(format!("invalid label name {name:?} in route labels"))),
        None => Ok(labels),
    }
}
