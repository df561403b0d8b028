//! Silences: what users muted, for how long, and which of them mute an alert.
//!
//! [`Silences`] owns the state and its rules (create, update, expire, merge, forget); [`Table`] is
//! the read side, which readers share and which answers for an alert at a cost that follows the
//! silences that match it, not their total.

mod set;
mod size;
mod table;
mod tiers;
pub mod wire;

#[cfg(test)]
mod tests;

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};
use core::{borrow::Borrow, cmp::Ordering, fmt};

use serde::{Deserialize, Serialize};

pub use self::{
    set::{Change, InvalidSilence, Limits, NotFound, Set, SetError, Silences},
    table::{Counts, Scratch, States, Table},
};
use crate::{
    label::{Labels, Matchers, read_shared},
    time::Timestamp,
};

/// A silence's name: a UUID when it was made here, any text when a peer or a file brought it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id(pub Arc<str>);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Id {
    fn from(text: &str) -> Self {
        Self(Arc::from(text))
    }
}

/// Ids are looked up by their text without making an `Id` first.
impl Borrow<str> for Id {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// One silence: it mutes the alerts that match one of its matcher sets while it is active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Its name.
    pub id: Id,
    /// The conditions: an alert must satisfy every matcher of at least one set.
    pub matcher_sets: Vec<Matchers>,
    /// When it begins to mute.
    pub starts_at: Timestamp,
    /// When it ends; at this instant it mutes no longer.
    pub ends_at: Timestamp,
    /// When it was last written: of two versions the later one counts.
    pub updated_at: Timestamp,
    /// Who made it.
    #[serde(deserialize_with = "read_shared")]
    pub created_by: Arc<str>,
    /// Why it was made.
    #[serde(deserialize_with = "read_shared")]
    pub comment: Arc<str>,
    /// Free names and values that other tools keep with it.
    pub annotations: BTreeMap<Arc<str>, Arc<str>>,
}

/// Where a silence stands at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum State {
    /// It mutes.
    Active,
    /// It will mute.
    Pending,
    /// It has ended.
    Expired,
}

impl State {
    /// Returns the API's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Silence {
    /// Returns where the silence stands at `now`.
    pub fn state(&self, now: Timestamp) -> State {
        if now < self.starts_at {
            State::Pending
        } else if now < self.ends_at {
            State::Active
        } else {
            State::Expired
        }
    }

    /// Tells whether a label set satisfies one of the matcher sets.
    ///
    /// A set without matchers, which only a peer or a file can bring, selects nothing here: a
    /// damaged silence must not mute everything.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matcher_sets.iter().any(|set| !set.is_empty() && set.matches(labels))
    }

    /// Orders two versions of one silence: the later update is the greater one; versions of one
    /// instant are ordered by their content, so that all peers keep the same.
    pub fn cmp_version(&self, other: &Self) -> Ordering {
        self.updated_at.cmp(&other.updated_at).then_with(|| {
            if self == other {
                return Ordering::Equal;
            }
            let bytes = |silence| postcard::to_allocvec(silence).expect("plain data encodes");
            bytes(self).cmp(&bytes(other))
        })
    }
}

/// A silence as it was posted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Draft {
    /// The silence to change; `None` makes a new one.
    pub id: Option<Arc<str>>,
    /// The conditions.
    pub matcher_sets: Vec<Matchers>,
    /// When it shall begin; [`Timestamp::ZERO`] means now.
    pub starts_at: Timestamp,
    /// When it shall end.
    pub ends_at: Timestamp,
    /// Who makes it.
    pub created_by: Arc<str>,
    /// Why.
    pub comment: Arc<str>,
    /// Free names and values; they replace the stored ones.
    pub annotations: BTreeMap<Arc<str>, Arc<str>>,
}
