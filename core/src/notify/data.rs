//! The data of a notification, in the shape that bodies and templates show.

use alloc::{string::String, vec::Vec};
use core::cmp::Ordering;

use super::{Job, Notification, Told};
use crate::{label::Labels, nflog::Reason};

/// What one integration's notification shows.
#[derive(Clone, Debug)]
pub struct Data<'a> {
    /// The receiver's name with the characters of regular expressions escaped, as upstream has it.
    pub receiver: String,
    /// Whether any of `alerts` fires.
    pub firing: bool,
    /// The alerts, in the order of [`cmp_alerts`].
    pub alerts: Vec<&'a Told>,
    /// How many further alerts a limit cut off.
    pub truncated: u64,
    /// Why the notification is sent.
    pub reason: Reason,
    /// The labels the group was made by.
    pub group_labels: &'a Labels,
    /// The labels that all of `alerts` share.
    pub common_labels: Labels,
    /// The annotations that all of `alerts` share.
    pub common_annotations: Labels,
    /// The route's labels, rendered.
    pub route_labels: &'a Labels,
    /// Where this server is reached by users; no trailing slash.
    pub external_url: &'a str,
    /// The group's key.
    pub group_key: &'a str,
}

impl<'a> Data<'a> {
    /// Collects the data of a job, about at most `max_alerts` alerts; 0 means all.
    ///
    /// The limit comes first: everything else sees only the alerts that are left.
    pub fn new(job: &'a Job, max_alerts: u64) -> Self {
        let mut alerts = sorted(job.told());
        let mut truncated = 0;
        if max_alerts > 0
            && let Ok(max) = usize::try_from(max_alerts)
            && alerts.len() > max
        {
            truncated = (alerts.len() - max) as u64;
            alerts.truncate(max);
        }
        Self { truncated, ..Self::about(&job.notification, alerts, job.reason) }
    }

    /// Collects the data of a whole notification, whoever is told.
    pub fn of_all(notification: &'a Notification, reason: Reason) -> Self {
        Self::about(notification, sorted(notification.alerts.iter()), reason)
    }

    fn about(notification: &'a Notification, alerts: Vec<&'a Told>, reason: Reason) -> Self {
        Self {
            receiver: quote_meta(&notification.receiver),
            firing: alerts.iter().any(|told| !told.resolved),
            truncated: 0,
            reason,
            group_labels: &notification.group_labels,
            common_labels: common(alerts.iter().map(|told| &told.alert.labels)),
            common_annotations: common(alerts.iter().map(|told| &told.alert.annotations)),
            route_labels: &notification.route_labels,
            external_url: &notification.external_url,
            group_key: &notification.group_key,
            alerts,
        }
    }

    /// Returns `firing` or `resolved`.
    pub const fn status(&self) -> &'static str {
        status(!self.firing)
    }
}

/// Returns the word for an alert's status.
pub const fn status(resolved: bool) -> &'static str {
    if resolved { "resolved" } else { "firing" }
}

/// Orders alerts by their labels as notifications list them: by `job`, then `instance`, where
/// having the label comes before lacking it; then as [`Labels::cmp_by_set`].
pub fn cmp_alerts(a: &Labels, b: &Labels) -> Ordering {
    key(a).cmp(&key(b)).then_with(|| a.cmp_by_set(b))
}

/// What [`cmp_alerts`] looks at first.
pub type Key<'a> = (bool, Option<&'a [u8]>, bool, Option<&'a [u8]>);

/// Returns the key, so that whoever sorts many looks it up once for each.
pub fn key(labels: &Labels) -> Key<'_> {
    let (job, instance) = (labels.get_bytes(b"job"), labels.get_bytes(b"instance"));
    (job.is_none(), job, instance.is_none(), instance)
}

fn sorted<'a>(alerts: impl Iterator<Item = &'a Told>) -> Vec<&'a Told> {
    // The keys are looked up once per alert, not once per comparison.
    let mut keyed: Vec<_> = alerts.map(|told| (key(&told.alert.labels), told)).collect();
    keyed.sort_by(|(a, told), (b, other)| {
        a.cmp(b).then_with(|| told.alert.labels.cmp_by_set(&other.alert.labels))
    });
    keyed.into_iter().map(|(_, told)| told).collect()
}

/// Returns the pairs of the first set that every other set agrees with.
///
/// A missing name agrees with an empty value, as upstream: only annotations have empty values.
fn common<'a>(mut sets: impl Iterator<Item = &'a Labels>) -> Labels {
    let Some(first) = sets.next() else { return Labels::empty() };
    let mut pairs: Vec<_> = first.iter_bytes().collect();
    for set in sets {
        if pairs.is_empty() {
            break;
        }
        let mut others = set.iter_bytes().peekable();
        pairs.retain(|&(name, value)| {
            while others.next_if(|&(other, _)| other < name).is_some() {}
            others.next_if(|&(other, _)| other == name).map_or(&[][..], |(_, value)| value) == value
        });
    }
    if pairs.len() == first.len() {
        return first.clone();
    }
    let mut kept = pairs.iter().peekable();
    first.filter(|name| kept.next_if(|(other, _)| *other == name.as_bytes()).is_some())
}

/// Escapes what has a meaning in regular expressions, as Go's `regexp.QuoteMeta`.
pub fn quote_meta(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if r"\.+*?()|[]{}^$".contains(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use alloc::{format, string::ToString as _};

    use super::*;

    fn set(pairs: &[(&str, &str)]) -> Labels {
        Labels::from_pairs(pairs.iter().copied())
    }

    #[test]
    fn alerts_are_ordered_by_job_and_instance_first() {
        let order = [
            set(&[("job", "a"), ("instance", "1"), ("z", "9")]),
            set(&[("job", "a"), ("instance", "1"), ("z", "9"), ("y", "1")]),
            set(&[("job", "a"), ("instance", "2")]),
            set(&[("job", "a")]),
            set(&[("job", "b"), ("instance", "0")]),
            set(&[("instance", "1"), ("x", "1")]),
            set(&[("a", "1")]),
            set(&[("a", "2")]),
        ];
        for pair in order.windows(2) {
            assert_eq!(cmp_alerts(&pair[0], &pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(cmp_alerts(&pair[1], &pair[0]), Ordering::Greater, "{pair:?}");
        }
    }

    #[test]
    fn common_pairs_are_in_every_set() {
        let sets = [
            set(&[("a", "1"), ("b", "2"), ("c", "3"), ("e", "")]),
            set(&[("0", "0"), ("a", "1"), ("b", "x"), ("c", "3")]),
            set(&[("a", "1"), ("c", "3"), ("d", "4")]),
        ];
        assert_eq!(common(sets.iter()), set(&[("a", "1"), ("c", "3"), ("e", "")]));
        assert_eq!(common(sets[..1].iter()), sets[0]);
        assert!(common([].iter()).is_empty());
        assert!(common([&sets[0], &set(&[("x", "y"), ("e", "f")])].into_iter()).is_empty());
    }

    #[test]
    fn receivers_are_quoted_for_expressions() {
        assert_eq!(quote_meta("all.x"), r"all\.x");
        assert_eq!(quote_meta(r"a\b+*?()|[]{}^$-ü"), r"a\\b\+\*\?\(\)\|\[\]\{\}\^\$-ü");
        assert_eq!(format!("{} {}", status(true), status(false)), "resolved firing".to_string());
    }
}
