//! What conditions say about each other. Everything told here is certain; what cannot be decided by
//! looking at single values is passed over.

use alloc::{format, string::String, sync::Arc, vec, vec::Vec};

use super::both;
use crate::label::{Matcher, Op};

/// Tells why no label set satisfies all conditions, if that is certain.
pub(super) fn contradiction(matchers: &[&Matcher]) -> Option<String> {
    for (i, matcher) in matchers.iter().enumerate() {
        let same: Vec<&Matcher> =
            matchers.iter().copied().filter(|other| other.name() == matcher.name()).collect();
        if is_never(matcher) {
            return Some(format!("{matcher} holds for no value"));
        }
        match values(matcher) {
            // Each value of a condition that has few is refused by another one.
            Some(values) => {
                let holds =
                    |value: &Arc<str>| same.iter().all(|m| m.matches_value(value.as_bytes()));
                if values.iter().any(holds) {
                    continue;
                }
                let Some(first) = values.first() else {
                    return Some(format!("{matcher} holds for no value"));
                };
                let other = same.iter().find(|other| !other.matches_value(first.as_bytes()))?;
                return Some(both(matcher, other));
            }
            // Only no value at all is left, and another condition wants one.
            None if is_empty_only(matcher) => {
                let other = matchers[i..]
                    .iter()
                    .chain(&matchers[..i])
                    .find(|other| other.name() == matcher.name() && !other.matches_empty());
                if let Some(other) = other {
                    return Some(both(matcher, other));
                }
            }
            None => {}
        }
    }
    None
}

/// Tells whether every label set that satisfies the strong conditions satisfies the weak one.
pub(super) fn implies(strong: &[&Matcher], weak: &Matcher) -> bool {
    if is_always(weak) {
        return true;
    }
    let mut same = strong.iter().filter(|matcher| matcher.name() == weak.name()).peekable();
    let wants_any = (weak.op() == Op::NotEqual && weak.value().is_empty())
        || (weak.op() == Op::Regex && bare(weak.value()) == ".+");
    same.any(|matcher| {
        matcher.op() == weak.op() && matcher.value() == weak.value()
            || wants_any && !matcher.matches_empty()
            || values(matcher)
                .is_some_and(|values| values.iter().all(|v| weak.matches_value(v.as_bytes())))
    })
}

/// Tells whether the conditions ask for a label to be there.
pub(super) fn requires(matchers: &[&Matcher], name: &str) -> bool {
    matchers.iter().any(|matcher| matcher.name() == name && !matcher.matches_empty())
}

/// Tells whether no value of a label satisfies both lists of conditions.
pub(super) fn differ(a: &[&Matcher], b: &[&Matcher], name: &str) -> bool {
    let of = |list: &[&Matcher]| -> Vec<Matcher> {
        list.iter().filter(|m| m.name() == name).map(|m| (*m).clone()).collect()
    };
    let all: Vec<Matcher> = of(a).into_iter().chain(of(b)).collect();
    contradiction(&all.iter().collect::<Vec<_>>()).is_some()
}

/// Tells whether a condition holds for every value, and for no value.
pub(super) fn is_always(matcher: &Matcher) -> bool {
    matcher.op() == Op::Regex && bare(matcher.value()) == ".*"
}

fn is_never(matcher: &Matcher) -> bool {
    matcher.op() == Op::NotRegex && bare(matcher.value()) == ".*"
}

fn is_empty_only(matcher: &Matcher) -> bool {
    matcher.op() == Op::NotRegex && bare(matcher.value()) == ".+"
}

/// The values that satisfy a condition, where they are few.
fn values(matcher: &Matcher) -> Option<Vec<Arc<str>>> {
    match matcher.op() {
        Op::Equal => Some(vec![Arc::from(matcher.value())]),
        Op::Regex => matcher.regex()?.literals().map(<[_]>::to_vec),
        Op::NotEqual | Op::NotRegex => None,
    }
}

/// An expression without the anchors that `match_re` puts around it.
fn bare(expression: &str) -> &str {
    let inner = expression.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$"));
    let expression = inner.unwrap_or(expression);
    expression.strip_prefix('^').unwrap_or(expression).trim_end_matches('$')
}
