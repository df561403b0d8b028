//! The labels of a route: templates that are rendered for each flush of a group.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::cell::RefCell;

use super::{Notification, data::Data, render::template_data};
use crate::{
    label::Labels,
    limits::{ROUTE_LABEL_BYTES_MAX, ROUTE_LABEL_DEPTH_MAX, ROUTE_LABEL_STEPS_MAX},
    nflog::Reason,
    template::{Env, Limits, Set, Text, Value},
    time::Timestamp,
};

/// The templates of a route's labels by name.
pub type Templates = BTreeMap<Arc<str>, Arc<str>>;

/// A label that failed, and why.
pub type Failed = (Arc<str>, String);

/// Tells whether a label's value is a template.
pub fn is_template(value: &str) -> bool {
    value.contains("{{")
}

/// Renders the labels of a route for a notification that does not have them yet. Labels whose
/// templates fail are left out and returned beside the others.
///
/// A label may ask for another one with `routeLabels`; each is rendered once, when it is first
/// asked for. This runs on the node's own thread, so the limits are tighter than elsewhere.
pub fn render(
    templates: &Templates,
    notification: &Notification,
    set: &Set,
    now: Timestamp,
) -> (Labels, Vec<Failed>) {
    if !templates.values().any(|value| is_template(value)) {
        return (Labels::from_pairs(templates), Vec::new());
    }
    let data = Data::of_all(notification, Reason::Unknown);
    let data = Value::Data(Arc::new(template_data(&data)));
    let resolver =
        Resolver { templates, set, data, now, done: RefCell::default(), open: RefCell::default() };
    let (mut pairs, mut failed) = (Vec::new(), Vec::new());
    for name in templates.keys() {
        match resolver.value(name) {
            Ok(value) => pairs.push((name.clone(), value)),
            Err(error) => failed.push((name.clone(), error)),
        }
    }
    (Labels::from_pairs(pairs), failed)
}

struct Resolver<'a> {
    templates: &'a Templates,
    set: &'a Set,
    data: Value,
    now: Timestamp,
    done: RefCell<BTreeMap<&'a str, Result<Text, String>>>,
    /// The labels that wait for each other, the first asked for first.
    open: RefCell<Vec<&'a str>>,
}

impl Resolver<'_> {
    /// Returns the value of a label; empty for one that does not exist.
    fn value(&self, name: &str) -> Result<Text, String> {
        let Some((name, template)) = self.templates.get_key_value(name) else {
            return Ok("".into());
        };
        if let Some(value) = self.done.borrow().get(&**name) {
            return value.clone();
        }
        let open = self.open.borrow().clone();
        if let Some(first) = open.iter().position(|waiting| *waiting == &**name) {
            let mut cycle = open[first..].join(" -> ");
            cycle.push_str(&format!(" -> {name}"));
            return Err(format!("route label cycle detected: {cycle}"));
        }
        if open.len() >= ROUTE_LABEL_DEPTH_MAX {
            return Err(format!("more than {ROUTE_LABEL_DEPTH_MAX} route labels wait for another"));
        }
        self.open.borrow_mut().push(name);
        let resolve = |other: &str| self.value(other);
        let limits = Limits {
            steps: ROUTE_LABEL_STEPS_MAX,
            output: ROUTE_LABEL_BYTES_MAX,
            depth: Limits::default().depth / ROUTE_LABEL_DEPTH_MAX,
        };
        let env = Env { now: self.now, limits, route_label: Some(&resolve) };
        let value = self.set.render(template, &self.data, &env);
        self.open.borrow_mut().pop();
        let value = value.map(Text::from).map_err(|error| error.to_string());
        self.done.borrow_mut().insert(name, value.clone());
        value
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::notify::fixture::{firing, notification};

    fn rendered(labels: &[(&str, &str)]) -> (String, Vec<String>) {
        let templates = labels.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let notification = notification("x", vec![firing("A")]);
        let set = Set::with_defaults();
        let (labels, failed) = render(&templates.collect(), &notification, &set, Timestamp::EPOCH);
        (
            labels.to_string(),
            failed.into_iter().map(|(name, why)| format!("{name}: {why}")).collect(),
        )
    }

    #[test]
    fn labels_are_rendered_and_may_use_each_other() {
        let (labels, failed) = rendered(&[
            ("a", "{{ routeLabels \"b\" }}/{{ .Status }}"),
            ("b", "{{ len .Alerts }}{{ routeLabels \"none\" }}"),
            ("plain", "x"),
            ("why", "{{ .NotificationReason }}"),
        ]);
        assert_eq!(labels, r#"{a="1/firing", b="1", plain="x", why="unknown"}"#);
        assert!(failed.is_empty(), "{failed:?}");
    }

    #[test]
    fn failing_labels_are_left_out() {
        let (labels, failed) = rendered(&[
            ("a", "{{ routeLabels \"b\" }}"),
            ("b", "{{ routeLabels \"a\" }}"),
            ("c", "{{ .Nope }}"),
            ("d", "{{ range 99999999 }}xxxxxxxx{{ end }}"),
            ("e", "fine"),
        ]);
        assert_eq!(labels, r#"{e="fine"}"#);
        assert_eq!(failed.len(), 4, "{failed:?}");
        assert!(failed[0].contains("route label cycle detected: a -> b -> a"), "{failed:?}");
        assert!(failed[2].contains("can't evaluate field Nope"), "{failed:?}");
    }
}
