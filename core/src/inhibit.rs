//! Inhibition: alerts that mute other alerts.
//!
//! A target is muted while *some* source is live: one that fires, agrees with the target in the
//! rule's `equal` labels, and, where the target matches both sides of the rule, matches the source
//! side only. Alertmanager keeps one source for each combination of `equal` values and so forgets
//! the others when that one resolves; here all of them count.

mod index;

#[cfg(test)]
mod tests;

pub use self::index::{Index, Inhibition, Inhibitor, Query, Scratch};

use alloc::{sync::Arc, vec::Vec};

use crate::label::Matchers;

/// One inhibition rule: while a source fires, targets with equal labels are muted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// The rule's name, if it has one; names need not be unique.
    pub name: Option<Arc<str>>,
    /// What selects the alerts that mute. An empty list selects all.
    pub source: Matchers,
    /// What selects the alerts that are muted. An empty list selects all.
    pub target: Matchers,
    /// The labels in which source and target must agree; a missing label counts as empty.
    pub equal: Vec<Arc<str>>,
}
