//! From the file as typed to what the node runs on: names looked up across sections, options
//! handed down, integrations made.

use alloc::{
    borrow::ToOwned as _,
    collections::{BTreeMap, BTreeSet},
    format,
    string::String,
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

use super::{
    Config, Receiver, Rules, Warning, dump,
    raw::{
        File,
        inhibit::{InhibitRule, Side},
        receiver,
        route::Route,
    },
    whole,
};
use crate::{
    inhibit,
    interval::{Intervals, TimeInterval},
    label::{Labels, Matcher, Matchers, Op},
    notify::{Integration, Kind},
    route::{Draft, GROUP_INTERVAL, GroupBy, REPEAT_INTERVAL, Tree},
    yaml::{Problem, decode::Spot},
};

/// Resolves a file; the hash is left to the caller, who has the text.
///
/// # Errors
/// All rules that are broken across sections.
pub(super) fn resolve(
    file: &mut File,
    rules: &Rules,
    warnings: Vec<Warning>,
) -> Result<Config, Vec<Problem>> {
    let mut checks = Checks { problems: Vec::new(), warnings };
    for (field, text) in file.global.conflicts() {
        checks.problems.push(file.global_spot.problem(field, text));
    }
    checks.inherit(file);
    let file = &*file;
    let names = checks.receiver_names(file);
    let intervals = checks.intervals(file);
    let Some(root) = &file.route else {
        let text = "no routes provided; add at least `route: {receiver: NAME}`";
        checks.problems.push(whole(text.to_owned()));
        return Err(checks.problems);
    };
    checks.root(root);
    checks.route(root, &names, &intervals);
    if !checks.problems.is_empty() {
        checks.problems.sort_by_key(|problem| (problem.line, problem.column));
        return Err(checks.problems);
    }
    checks.timing(root, (GROUP_INTERVAL, REPEAT_INTERVAL), rules.retention);
    let tree = Tree::new(draft(root));
    let used: BTreeSet<&str> = tree.iter().map(|route| &*route.receiver).collect();
    let receivers =
        file.receivers.iter().map(|raw| build_receiver(raw, used.contains(&*raw.name))).collect();
    Ok(Config {
        original: Arc::from(dump::dump(file)),
        hash: 0,
        resolve_timeout: file.global.resolve_timeout.0,
        template_globs: file.templates.clone(),
        templates: None,
        receivers,
        inhibit_rules: file.inhibit_rules.iter().map(build_rule).collect(),
        intervals,
        tracing: file.tracing.clone(),
        event_recorder: file.event_recorder.clone(),
        warnings: checks.warnings,
        tree,
    })
}

struct Checks {
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

impl Checks {
    /// Fills in what integrations take over from `global`.
    fn inherit(&mut self, file: &mut File) {
        let mut slashed = Vec::new();
        for entry in file.receivers.iter_mut().flat_map(|receiver| &mut receiver.entries) {
            slashed.push(match &entry.kind {
                Kind::Opsgenie(config) if config.api_url.0.is_empty() => "opsgenie",
                Kind::Wechat(config) if config.api_url.0.is_empty() => "wechat",
                Kind::Victorops(config) if config.api_url.0.is_empty() => "victorops",
                _ => "",
            });
            if let Err(text) = entry.kind.inherit(&file.global) {
                self.problems.push(entry.spot.problem("", text));
            }
        }
        // As in the original, a URL that is taken over prints as it is used.
        let global = &mut file.global;
        for (name, url) in [
            ("opsgenie", &mut global.opsgenie_api_url),
            ("wechat", &mut global.wechat_api_url),
            ("victorops", &mut global.victorops_api_url),
        ] {
            if slashed.contains(&name) {
                *url = url.with_slash();
            }
        }
    }

    fn receiver_names<'a>(&mut self, file: &'a File) -> BTreeSet<&'a str> {
        let mut names = BTreeSet::new();
        for receiver in &file.receivers {
            if !names.insert(&*receiver.name) {
                let text = format!(
                    "notification config name {:?} is not unique; rename one of the receivers",
                    receiver.name
                );
                self.problems.push(receiver.spot.problem("name", text));
            }
        }
        names
    }

    fn intervals(&mut self, file: &File) -> Intervals {
        let mut intervals = Intervals::new();
        let muting = file.mute_time_intervals.iter().map(|raw| ("mute time interval", raw));
        for (what, raw) in
            muting.chain(file.time_intervals.iter().map(|raw| ("time interval", raw)))
        {
            let interval = TimeInterval { specs: raw.specs.clone() };
            if intervals.insert(Arc::from(&*raw.name), interval).is_some() {
                let text = format!("{what} {:?} is not unique; rename one of them", raw.name);
                self.problems.push(raw.spot.problem("name", text));
            }
        }
        intervals
    }

    /// Checks what only the root must or must not have.
    fn root(&mut self, root: &Route) {
        let mut refuse = |is_wrong: bool, field: &str, text: &str| {
            if is_wrong {
                self.problems.push(root.spot.problem(field, text));
            }
        };
        refuse(
            root.receiver.is_empty(),
            "receiver",
            "root route must specify a default receiver; add receiver: NAME",
        );
        let matchers =
            !(root.equal.is_empty() && root.regex.is_empty() && root.matchers.is_empty());
        refuse(matchers, "", "root route must not have any matchers; move them to a child route");
        refuse(
            !root.mute.is_empty(),
            "mute_time_intervals",
            "root route must not have any mute time intervals; move them to a child route",
        );
        refuse(
            !root.active.is_empty(),
            "active_time_intervals",
            "root route must not have any active time intervals; move them to a child route",
        );
        refuse(
            root.continues,
            "continue",
            "cannot have continue in root route; remove it, every alert starts at the root",
        );
    }

    /// Checks the names that a route and those below it refer to.
    fn route(&mut self, route: &Route, receivers: &BTreeSet<&str>, intervals: &Intervals) {
        if !route.receiver.is_empty() && !receivers.contains(&*route.receiver) {
            let advice = match receivers.len() {
                0 => String::from("define it under receivers"),
                1..=10 => {
                    let known: Vec<&str> = receivers.iter().copied().collect();
                    format!("defined are: {}", known.join(", "))
                }
                _ => String::from("define it under receivers, or check the spelling"),
            };
            let name = &route.receiver;
            let text = format!("undefined receiver {name:?} used in route; {advice}");
            self.problems.push(route.receiver_spot.problem("receiver", text));
        }
        for (name, spot) in route.active.iter().chain(&route.mute) {
            if intervals.get(name).is_none() {
                let text = format!(
                    "undefined time interval {name:?} used in route; define it under time_intervals"
                );
                self.problems.push(spot.problem("", text));
            }
        }
        route.routes.iter().for_each(|child| self.route(child, receivers, intervals));
    }

    /// Warns of timings that do not do what they seem to.
    fn timing(&mut self, route: &Route, parent: (Duration, Duration), retention: Duration) {
        let interval = route.group_interval.unwrap_or(parent.0);
        let repeat = route.repeat_interval.unwrap_or(parent.1);
        if route.group_interval.is_some() || route.repeat_interval.is_some() {
            if repeat > retention {
                self.warn(
                    &route.spot,
                    "repeat_interval is greater than the data retention period. \
                    It can lead to notifications being repeated more often than expected.",
                );
            }
            if repeat < interval {
                self.warn(
                    &route.spot,
                    "repeat_interval is less than group_interval. \
                    Notifications will not repeat until the next group_interval.",
                );
            }
        } else if parent == (GROUP_INTERVAL, REPEAT_INTERVAL)
            && repeat > retention
            && route.spot.path.as_ref() == "route"
        {
            self.warn(
                &route.spot,
                "repeat_interval is greater than the data retention period. \
                It can lead to notifications being repeated more often than expected.",
            );
        }
        route.routes.iter().for_each(|child| self.timing(child, (interval, repeat), retention));
    }

    fn warn(&mut self, spot: &Spot, text: &str) {
        self.warnings.push(Warning(spot.problem("", text)));
    }
}

fn draft(raw: &Route) -> Draft {
    let arcs = |names: &[(String, Spot)]| {
        names.iter().map(|(name, _)| Arc::from(&**name)).collect::<Vec<Arc<str>>>()
    };
    let mut labels = BTreeMap::new();
    for (name, value) in &raw.labels {
        labels.insert(Arc::from(&**name), Arc::from(&**value));
    }
    Draft {
        receiver: (!raw.receiver.is_empty()).then(|| Arc::from(&*raw.receiver)),
        matchers: conditions(&raw.equal, &raw.regex, &raw.matchers),
        continues: raw.continues,
        group_by: raw.group_by.as_ref().map(|names| {
            if names.iter().any(|name| name == "...") {
                return GroupBy::All;
            }
            let mut names: Vec<Arc<str>> = names.iter().map(|n| Arc::from(&**n)).collect();
            names.sort();
            GroupBy::Names(names)
        }),
        group_wait: raw.group_wait,
        group_interval: raw.group_interval,
        repeat_interval: raw.repeat_interval,
        mute_time_intervals: arcs(&raw.mute),
        active_time_intervals: arcs(&raw.active),
        labels,
        children: raw.routes.iter().map(draft).collect(),
    }
}

/// Joins the three ways to write conditions. Expressions of `match_re` carry their anchors in the
/// value, since keys of routes and groups show them so.
fn conditions(
    equal: &[(String, String)],
    regex: &[(String, String)],
    matchers: &[Matcher],
) -> Vec<Matcher> {
    let mut all = matchers.to_vec();
    let new = |name: &str, op, value: &str| {
        Matcher::new(name, op, value).expect("expressions were compiled when they were read")
    };
    all.extend(equal.iter().map(|(name, value)| new(name, Op::Equal, value)));
    let wrapped = regex.iter().map(|(name, value)| new(name, Op::Regex, &format!("^(?:{value})$")));
    all.extend(wrapped);
    all
}

pub(super) fn build_rule(raw: &InhibitRule) -> inhibit::Rule {
    let side = |side: &Side| Matchers::sorted(conditions(&side.equal, &side.regex, &side.matchers));
    inhibit::Rule {
        name: (!raw.name.is_empty()).then(|| Arc::from(&*raw.name)),
        source: side(&raw.source),
        target: side(&raw.target),
        equal: raw.equal.iter().map(|name| Arc::from(&**name)).collect(),
    }
}

fn build_receiver(raw: &receiver::Receiver, used: bool) -> Receiver {
    let mut integrations = Vec::new();
    let mut next = BTreeMap::new();
    for entry in &raw.entries {
        let index = next.entry(entry.kind.name()).or_insert(0_u32);
        integrations.push(Arc::new(Integration {
            name: entry.kind.name(),
            kind: entry.kind.clone(),
            index: *index,
            send_resolved: entry.kind.send_resolved(),
            http: Arc::new(entry.kind.http()),
        }));
        *index += 1;
    }
    let name: Arc<str> = Arc::from(&*raw.name);
    let labels = Labels::from_pairs(raw.labels.iter().cloned());
    Receiver { name, labels, resolve_muted: raw.resolve_muted, integrations, used }
}
