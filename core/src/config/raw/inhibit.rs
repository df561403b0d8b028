//! `inhibit_rules[]`.

use alloc::{borrow::ToOwned as _, string::String, vec::Vec};

use super::{add_matchers, add_pairs, equal_map, label_names, regex_map};
use crate::{
    label::Matcher,
    schema::Context,
    yaml::{Abort, At},
};

/// An inhibition rule as typed.
#[derive(Debug, Default)]
pub struct InhibitRule {
    /// `name`.
    pub name: String,
    /// What selects the alerts that mute.
    pub source: Side,
    /// What selects the alerts that are muted.
    pub target: Side,
    /// `equal`.
    pub equal: Vec<String>,
}

/// The three ways to say what an alert must look like; all given ones must hold.
#[derive(Debug, Default)]
pub struct Side {
    /// `*_match` (deprecated), sorted.
    pub equal: Vec<(String, String)>,
    /// `*_match_re` (deprecated), sorted.
    pub regex: Vec<(String, String)>,
    /// `*_matchers`, sorted.
    pub matchers: Vec<Matcher>,
}

const KEYS: [&str; 8] = [
    "name",
    "source_match",
    "source_match_re",
    "source_matchers",
    "target_match",
    "target_match_re",
    "target_matchers",
    "equal",
];

/// Reads one rule. Null makes the empty rule, as in Alertmanager.
///
/// # Errors
/// The first rule that a value breaks.
pub fn read(at: &At<'_>, context: &Context<'_>) -> Result<InhibitRule, Abort> {
    let mut rule = InhibitRule::default();
    at.fields(&KEYS, |key, at| {
        match key {
            "name" => rule.name = at.text().unwrap_or_default().to_owned(),
            "source_match" => add_pairs(&mut rule.source.equal, equal_map(&at)?, &at),
            "source_match_re" => add_pairs(&mut rule.source.regex, regex_map(&at)?, &at),
            "source_matchers" => add_matchers(&mut rule.source.matchers, &at, context)?,
            "target_match" => add_pairs(&mut rule.target.equal, equal_map(&at)?, &at),
            "target_match_re" => add_pairs(&mut rule.target.regex, regex_map(&at)?, &at),
            "target_matchers" => add_matchers(&mut rule.target.matchers, &at, context)?,
            "equal" => rule.equal = label_names(&at, context, "equal")?,
            _ => {}
        }
        Ok(())
    })?;
    if rule.target.is_empty() && rule.source.is_empty() {
        context.warn(at, "an inhibition rule without any matcher lets every alert mute others");
    }
    Ok(rule)
}

impl Side {
    /// Tells whether nothing is asked of an alert.
    pub fn is_empty(&self) -> bool {
        self.equal.is_empty() && self.regex.is_empty() && self.matchers.is_empty()
    }
}
