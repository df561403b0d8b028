//! The decision whether a group's state is news to an integration.

use alloc::{collections::BTreeMap, string::String};
use core::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Entry, Value};
use crate::time::Timestamp;

/// Why a notification is sent. Templates and the webhook's body show the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reason {
    /// The integration knows nothing of the group, or only that all was well.
    FirstNotification,
    /// An alert fires that did not fire in the last notification.
    NewAlertsAdded,
    /// Nothing fires any more.
    AllAlertsResolved,
    /// Some alerts were resolved while others fire on.
    SomeAlertsResolved,
    /// Nothing changed, but `repeat_interval` has passed.
    RepeatIntervalElapsed,
    /// No reason: nothing is to be sent.
    None,
    /// Not decided by the log, as for a test notification.
    Unknown,
}

impl Reason {
    /// Returns Alertmanager's text for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FirstNotification => "first notification",
            Self::NewAlertsAdded => "new alerts added",
            Self::AllAlertsResolved => "all alerts resolved",
            Self::SomeAlertsResolved => "some alerts resolved",
            Self::RepeatIntervalElapsed => "repeat interval elapsed",
            Self::None => "none",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why nothing is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SkipReason {
    /// Nothing fires and nothing was ever sent.
    NothingFiring,
    /// Nothing fires and the last notification said so already.
    AlreadyResolved,
    /// A peer before this one in line is at it.
    ClaimedByPeer,
    /// The last notification still holds.
    RepeatNotDue {
        /// A flush later than this repeats it.
        due_at: Timestamp,
    },
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NothingFiring => "nothing is firing and nothing was sent before",
            Self::ClaimedByPeer => "a peer before this one is delivering it",
            Self::AlreadyResolved => "the last notification already said that all is resolved",
            Self::RepeatNotDue { .. } => "nothing is new and the repeat interval has not passed",
        })
    }
}

/// What to do about one integration of a group that flushes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// Send, for this reason.
    Notify(Reason),
    /// Send nothing, for this reason.
    Skip(SkipReason),
}

/// Compares a group's present alerts with what the integration was last told.
///
/// `firing` and `resolved` are notification-log hashes, ascending; `tick` is the time the flush
/// was due. An expired record counts like any other: only a sweep removes it.
pub fn decide(
    entry: Option<&Entry>,
    firing: &[u64],
    resolved: &[u64],
    send_resolved: bool,
    tick: Timestamp,
    repeat_interval: Duration,
) -> Decision {
    debug_assert!(firing.is_sorted() && resolved.is_sorted(), "hash lists are ascending");
    let Some(entry) = entry else {
        return if firing.is_empty() {
            Decision::Skip(SkipReason::NothingFiring)
        } else {
            Decision::Notify(Reason::FirstNotification)
        };
    };
    if !is_subset(firing, &entry.firing) {
        return Decision::Notify(if entry.firing.is_empty() {
            Reason::FirstNotification
        } else {
            Reason::NewAlertsAdded
        });
    }
    if firing.is_empty() {
        // Even without send_resolved: the log must learn that nothing fires, or a later refire
        // would look like old news.
        return if entry.firing.is_empty() {
            Decision::Skip(SkipReason::AlreadyResolved)
        } else {
            Decision::Notify(Reason::AllAlertsResolved)
        };
    }
    if send_resolved && !is_subset(resolved, &entry.resolved) {
        return Decision::Notify(Reason::SomeAlertsResolved);
    }
    let due_at = entry.timestamp + repeat_interval;
    if due_at < tick {
        Decision::Notify(Reason::RepeatIntervalElapsed)
    } else {
        Decision::Skip(SkipReason::RepeatNotDue { due_at })
    }
}

/// Returns what an integration kept from its last notification: nothing for a first one.
pub fn kept_data(entry: Option<&Entry>, reason: Reason) -> BTreeMap<String, Value> {
    match entry {
        Some(entry) if reason != Reason::FirstNotification => entry.receiver_data.clone(),
        _ => BTreeMap::new(),
    }
}

/// Tells whether every element of one ascending list is in another.
fn is_subset(part: &[u64], whole: &[u64]) -> bool {
    let mut rest = whole.iter();
    part.iter().all(|hash| rest.find(|other| *other >= hash) == Some(hash))
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeSet, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_parts(secs, 0)
    }

    fn entry(firing: &[u64], resolved: &[u64]) -> Entry {
        Entry::new(at(0), at(9000), firing.into(), resolved.into(), BTreeMap::new())
    }

    #[test]
    fn the_table_from_top_to_bottom() {
        use Decision::{Notify, Skip};
        let not_due = Skip(SkipReason::RepeatNotDue { due_at: at(3600) });
        let none = None::<Entry>;
        type Row<'a> = (&'a Option<Entry>, &'a [u64], &'a [u64], bool, i64, Decision);
        #[rustfmt::skip]
        let rows: &[Row<'_>] = &[
            (&none, &[1], &[], true, 0, Notify(Reason::FirstNotification)),
            (&none, &[], &[1], true, 0, Skip(SkipReason::NothingFiring)),
            (&Some(entry(&[], &[1])), &[1], &[], true, 0, Notify(Reason::FirstNotification)),
            (&Some(entry(&[1], &[])), &[1, 2], &[], true, 0, Notify(Reason::NewAlertsAdded)),
            (&Some(entry(&[1, 2], &[])), &[], &[1, 2], true, 0, Notify(Reason::AllAlertsResolved)),
            (&Some(entry(&[1, 2], &[])), &[], &[1, 2], false, 0, Notify(Reason::AllAlertsResolved)),
            (&Some(entry(&[], &[1])), &[], &[1, 2], true, 9999, Skip(SkipReason::AlreadyResolved)),
            (&Some(entry(&[1, 2], &[])), &[1], &[2], true, 0, Notify(Reason::SomeAlertsResolved)),
            (&Some(entry(&[1, 2], &[])), &[1], &[2], false, 3600, not_due),
            (&Some(entry(&[1, 2], &[])), &[2], &[], true, 3600, not_due),
            (&Some(entry(&[1], &[])), &[1], &[], true, 3601, Notify(Reason::RepeatIntervalElapsed)),
        ];
        for (i, &(entry, firing, resolved, send_resolved, tick, want)) in rows.iter().enumerate() {
            let got = decide(entry.as_ref(), firing, resolved, send_resolved, at(tick), HOUR);
            assert_eq!(got, want, "row {i}");
        }
    }

    #[test]
    fn a_first_notification_starts_with_empty_data() {
        let mut old = entry(&[], &[]);
        old.receiver_data.insert("ts".into(), Value::Int(1));
        assert!(kept_data(Some(&old), Reason::FirstNotification).is_empty());
        assert_eq!(kept_data(Some(&old), Reason::NewAlertsAdded), old.receiver_data);
        assert!(kept_data(None, Reason::Unknown).is_empty());
    }

    fn hashes() -> impl Strategy<Value = Vec<u64>> {
        proptest::collection::btree_set(0u64..6, 0..5).prop_map(|set| set.into_iter().collect())
    }

    proptest! {
        #[test]
        fn subset_is_the_sets_subset(a in hashes(), b in hashes()) {
            let set = |v: &[u64]| v.iter().copied().collect::<BTreeSet<_>>();
            prop_assert_eq!(is_subset(&a, &b), set(&a).is_subset(&set(&b)));
        }

        #[test]
        fn what_was_just_logged_is_not_sent_again_before_it_is_due(
            firing in hashes(), resolved in hashes(), send in any::<bool>(), tick in 0i64..3600,
        ) {
            let logged = entry(&firing, &resolved);
            let decision = decide(Some(&logged), &firing, &resolved, send, at(tick), HOUR);
            prop_assert!(matches!(decision, Decision::Skip(_)));
        }

        #[test]
        fn an_alert_the_log_does_not_know_is_always_sent(
            known in hashes(), resolved in hashes(), mut firing in hashes(), send in any::<bool>(),
        ) {
            firing.push(99);
            let decision = decide(Some(&entry(&known, &[])), &firing, &resolved, send, at(0), HOUR);
            let is_first = known.is_empty();
            let want = if is_first { Reason::FirstNotification } else { Reason::NewAlertsAdded };
            prop_assert_eq!(decision, Decision::Notify(want));
        }

        #[test]
        fn a_log_that_knows_more_resolved_alerts_never_sends_more(
            firing in hashes(), resolved in hashes(), known in hashes(), tick in 0i64..8000,
        ) {
            let with = |resolved_known: &[u64]| {
                let logged = entry(&firing, resolved_known);
                decide(Some(&logged), &firing, &resolved, true, at(tick), HOUR)
            };
            let more: BTreeSet<u64> = known.iter().chain(&resolved).copied().collect();
            let more: Vec<u64> = more.into_iter().collect();
            if let Decision::Skip(_) = with(&known) {
                prop_assert!(matches!(with(&more), Decision::Skip(_)));
            }
            prop_assert_ne!(with(&more), Decision::Notify(Reason::SomeAlertsResolved));
        }
    }
}
