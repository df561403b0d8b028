//! Routes and inhibition: where an alert goes, and what mutes it.

use std::collections::{BTreeMap, BTreeSet};

use campana_core::{
    config::parts,
    hash::sha256_hex,
    id::AlertId,
    inhibit::{Inhibitor, Scratch},
    label::Labels,
    route::{GroupBy, Route, Tree},
    time::duration::format_go_span,
};
use serde_json::{Value as Json, json};

use super::{Answer, Question, config, data, fields};

/// `route`: the routes that label sets go to, and the whole tree if asked for.
pub(super) fn route(question: &Question) -> Answer {
    let tree = config::load(question)?.tree;
    let order = numbers(&tree);
    let mut sets = Vec::new();
    if let Some(labels) = question.get("labels") {
        sets.push(data::labels(labels)?);
    }
    if let Some(more) = question.get("label_sets") {
        sets.extend(data::label_sets(more)?);
    }
    let matches = sets.iter().map(|labels| {
        let mut found = Vec::new();
        tree.matches(labels, &mut found);
        let routes = found.into_iter().map(|id| {
            let route = tree.route(id);
            matched(show(route, &order), route, labels)
        });
        routes.collect::<Vec<Json>>()
    });
    let mut answer = fields([("matches", json!(matches.collect::<Vec<_>>()))]);
    if question.flag("single") {
        let all: Vec<Json> = tree.iter().map(|route| show(route, &order)).collect();
        answer.insert("tree".into(), all.into());
    }
    Ok(answer)
}

/// Numbers the routes as the original does: children before their parent.
fn numbers(tree: &Tree) -> BTreeMap<u32, usize> {
    fn visit(tree: &Tree, route: &Route, numbers: &mut BTreeMap<u32, usize>) {
        for &child in &route.children {
            visit(tree, tree.route(child), numbers);
        }
        numbers.insert(route.id.0, numbers.len());
    }
    let mut numbers = BTreeMap::new();
    visit(tree, tree.root(), &mut numbers);
    numbers
}

fn show(route: &Route, order: &BTreeMap<u32, usize>) -> Json {
    let names = |list: &[std::sync::Arc<str>]| match list {
        [] => Json::Null,
        list => list.iter().map(|name| Json::from(&**name)).collect(),
    };
    let (all, group_by) = match &route.group_by {
        GroupBy::All => (true, Vec::new()),
        GroupBy::Names(names) => (false, names.iter().map(|name| name.to_string()).collect()),
    };
    json!({
        "receiver": &*route.receiver,
        "key": &*route.key,
        "route_id": &*route.path,
        "idx": order.get(&route.id.0),
        "matchers": route.matchers.to_string(),
        "continue": route.continues,
        "group_by": group_by,
        "group_by_all": all,
        "group_wait": format_go_span(route.group_wait),
        "group_interval": format_go_span(route.group_interval),
        "repeat_interval": format_go_span(route.repeat_interval),
        "mute_time_intervals": names(&route.mute_time_intervals),
        "active_time_intervals": names(&route.active_time_intervals),
    })
}

fn matched(mut shown: Json, route: &Route, labels: &Labels) -> Json {
    let group = route.group_labels(labels);
    let key = route.group_key(&group);
    shown["group_labels"] = group.iter().collect::<BTreeMap<_, _>>().into_iter().collect();
    shown["group_fingerprint"] = group.fingerprint().to_string().into();
    shown["group_key_hash"] = sha256_hex(&key).into();
    shown["group_key"] = key.into();
    shown
}

/// `inhibit`: which label sets are muted, given alerts that may mute them.
pub(super) fn inhibit(question: &Question) -> Answer {
    let rules = parts::inhibit_rules(&question.bytes("yaml")?, question.mode()?)
        .map_err(|error| super::Failure::at("load", error))?;
    let (alerts, now) = (data::alerts(question)?, question.now()?);
    let id = |at: usize| AlertId(u32::try_from(at).unwrap_or(u32::MAX));
    let mut inhibitor = Inhibitor::new(rules);
    let mut live = BTreeSet::new();
    for (at, alert) in alerts.iter().enumerate() {
        inhibitor.on_alert(id(at), &alert.labels);
        if !alert.is_resolved(now) {
            live.insert(id(at));
        }
    }
    let mut sets: Vec<Labels> = alerts.iter().map(|alert| alert.labels.clone()).collect();
    if let Some(more) = question.get("label_sets") {
        sets.extend(data::label_sets(more)?);
    }
    let (index, mut scratch) = (inhibitor.index(), Scratch::default());
    let mut query = index.query(|id| live.contains(&id), &mut scratch);
    let results = sets.iter().map(|labels| {
        let found = query.inhibited_by(labels);
        let by = found.as_ref().map(|found| {
            let source = &alerts[found.source.0 as usize];
            source.labels.fingerprint().to_string()
        });
        json!({
            "fingerprint": labels.fingerprint().to_string(),
            "inhibited": found.is_some(),
            "inhibited_by": by.into_iter().collect::<Vec<_>>(),
        })
    });
    Ok(fields([("results", results.collect::<Vec<_>>().into())]))
}
