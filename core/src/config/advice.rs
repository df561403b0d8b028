//! Advice on a configuration that is legal and still likely not what was meant: parts that can
//! never act, and timings that come out differently than they read.

mod logic;
#[cfg(test)]
mod tests;

use alloc::{borrow::ToOwned as _, format, string::String, vec::Vec};
use core::time::Duration;

use super::{Config, decode};
use crate::{
    id::RouteId,
    inhibit,
    label::Matcher,
    limits::ADVICE_PAIRS_MAX,
    route::{Route, Tree},
    schema::Warning,
    time::duration::format_prometheus,
    yaml::{self, Node, Problem, Value},
};

/// Returns what is worth a second look, in the order of the file's sections.
///
/// `text` is what the configuration was read from; the advice points to places in it.
pub fn advise(config: &Config, text: &[u8]) -> Vec<Warning> {
    let root = decode(text).ok().and_then(|text| yaml::load(text).ok().flatten());
    let mut advisor = Advisor { root, found: Vec::new(), pairs_left: ADVICE_PAIRS_MAX };
    let root = config.tree.root();
    advisor.route(&config.tree, root, "route", &mut Vec::new());
    for (i, rule) in config.inhibit_rules.iter().enumerate() {
        advisor.rule(rule, &format!("inhibit_rules[{i}]"));
    }
    for (i, receiver) in config.receivers.iter().enumerate().filter(|(_, r)| !r.used) {
        let text = format!("receiver {:?} is not used by any route", receiver.name);
        advisor.note(&format!("receivers[{i}]"), text);
    }
    advisor.found
}

struct Advisor {
    root: Option<Node>,
    found: Vec<Warning>,
    /// How many more pairs of routes are compared.
    pairs_left: usize,
}

impl Advisor {
    fn note(&mut self, path: &str, text: String) {
        let node = self.root.as_ref().and_then(|root| find(root, path));
        let (line, column) = node.map_or((1, 1), |node| (node.line, node.column));
        self.found.push(Warning(Problem { line, column, path: path.to_owned(), text }));
    }

    /// Looks at a route and those below it. `above` are the conditions of those above.
    fn route<'a>(
        &mut self,
        tree: &'a Tree,
        route: &'a Route,
        path: &str,
        above: &mut Vec<&'a Matcher>,
    ) {
        let before = above.len();
        above.extend(route.matchers.iter());
        if let Some(why) = logic::contradiction(above) {
            self.note(path, format!("no alert can match this route: {why}"));
            above.truncate(before);
            return;
        }
        for matcher in route.matchers.iter().filter(|matcher| logic::is_always(matcher)) {
            self.note(
                path,
                format!(
                    "{matcher} holds for every alert, with and without the label; \
                     {}=~\".+\" asks for the label",
                    matcher.name()
                ),
            );
        }
        self.timing(tree, route, path);
        for (i, id) in route.children.iter().enumerate() {
            let child = tree.route(*id);
            let child_path = format!("{path}.routes[{i}]");
            let conditions: Vec<&Matcher> =
                above.iter().copied().chain(child.matchers.iter()).collect();
            let taken = self.taken(tree, &route.children[..i], &conditions);
            match taken {
                Some(other) => self.note(
                    &child_path,
                    format!(
                        "this route is never reached: {path}.routes[{other}] matches all of its \
                         alerts first and does not continue; move it up, or add continue: true \
                         there"
                    ),
                ),
                None => self.route(tree, child, &child_path, above),
            }
        }
        above.truncate(before);
    }

    /// Finds the first of some routes that leaves nothing for one with these conditions.
    fn taken(
        &mut self,
        tree: &Tree,
        earlier: &[RouteId],
        conditions: &[&Matcher],
    ) -> Option<usize> {
        // What cannot match at all is told as that.
        if earlier.is_empty() || logic::contradiction(conditions).is_some() {
            return None;
        }
        self.pairs_left = self.pairs_left.checked_sub(earlier.len())?;
        earlier.iter().position(|id| {
            let other = tree.route(*id);
            !other.continues && other.matchers.iter().all(|weak| logic::implies(conditions, weak))
        })
    }

    /// Tells of repetitions that come later than they read, where a route sets its own times.
    fn timing(&mut self, tree: &Tree, route: &Route, path: &str) {
        let times = |route: &Route| (route.group_interval, route.repeat_interval);
        if route.parent.is_some_and(|parent| times(tree.route(parent)) == times(route)) {
            return;
        }
        let (interval, repeat) = times(route);
        let real = real_repeat_interval(interval, repeat);
        // Shorter ones are told of when the file is read.
        let is_multiple = repeat.as_nanos().checked_rem(interval.as_nanos()).is_none_or(|r| r == 0);
        if repeat > interval && !is_multiple {
            let text = format!(
                "repeat_interval {} is not a multiple of group_interval {}: notifications repeat \
                 every {}",
                format_prometheus(repeat),
                format_prometheus(interval),
                format_prometheus(real),
            );
            self.note(path, text);
        }
    }

    fn rule(&mut self, rule: &inhibit::Rule, path: &str) {
        let source: Vec<&Matcher> = rule.source.iter().collect();
        let target: Vec<&Matcher> = rule.target.iter().collect();
        for (side, matchers) in [("source", &source), ("target", &target)] {
            if let Some(why) = logic::contradiction(matchers) {
                self.note(path, format!("no alert can match the {side}: {why}"));
                return;
            }
        }
        if let Some(name) = rule.equal.iter().find(|name| logic::differ(&source, &target, name)) {
            let text = format!(
                "this rule never inhibits: source and target cannot agree in {name}, which equal \
                 asks for"
            );
            self.note(path, text);
            return;
        }
        // Alerts without a name are rare enough.
        let may_miss = |name: &&str| {
            *name != "alertname"
                && !logic::requires(&source, name)
                && !logic::requires(&target, name)
        };
        let missing: Vec<&str> = rule.equal.iter().map(|name| &**name).filter(may_miss).collect();
        if !missing.is_empty() {
            let names = missing.join(", ");
            let advice: Vec<String> =
                missing.iter().map(|name| format!("{name}=~\".+\"")).collect();
            self.note(
                path,
                format!(
                    "alerts that lack a label agree in it: a source without {names} inhibits \
                     targets without {names}; add {} to the target if that is not meant",
                    advice.join(", ")
                ),
            );
        }
    }
}

/// Returns the time between two notifications that say the same, for an alert that stays: groups
/// are looked at every `group_interval`, and a look repeats when more than `repeat_interval` has
/// passed.
pub fn real_repeat_interval(group_interval: Duration, repeat_interval: Duration) -> Duration {
    let (interval, repeat) = (group_interval.as_nanos(), repeat_interval.as_nanos());
    let Some(whole) = repeat.checked_div(interval) else { return repeat_interval };
    let real = (whole + 1).saturating_mul(interval);
    Duration::from_nanos(u64::try_from(real).unwrap_or(u64::MAX))
}

/// Finds a node by a path such as `route.routes[1].routes[0]`.
fn find<'a>(root: &'a Node, path: &str) -> Option<&'a Node> {
    let mut node = root;
    for step in path.split('.') {
        let (key, item) = match step.split_once('[') {
            Some((key, item)) => (key, item.strip_suffix(']')?.parse::<usize>().ok()),
            None => (step, None),
        };
        let Value::Map(entries) = &node.value else { return None };
        let (found, value) = entries.iter().find(|(name, _)| name.text() == Some(key))?;
        node = match (item, &value.value) {
            (Some(item), Value::List(items)) => items.get(item)?,
            (Some(_), _) => return None,
            // A section is found by its key; what it holds may begin far below.
            (None, _) if path.len() == step.len() => found,
            (None, _) => value,
        };
    }
    Some(node)
}

/// Joins two matchers for a message.
fn both(a: &Matcher, b: &Matcher) -> String {
    format!("{a} and {b} exclude each other")
}
