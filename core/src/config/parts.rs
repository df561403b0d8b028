//! Sections of a configuration by themselves, for tools and tests that ask about one only.

use alloc::{borrow::ToOwned as _, string::String, vec::Vec};

use super::{ConfigError, decode, dump, raw, resolve};
use crate::{
    inhibit,
    interval::Spec,
    label::Mode,
    schema::Context,
    yaml::{self, Abort, At, Log, Problem},
};

/// Reads a list of calendar rules, as `time_intervals` of a named interval holds them.
///
/// # Errors
/// The text is not YAML, or breaks a rule.
pub fn intervals(text: &[u8]) -> Result<Vec<Spec>, ConfigError> {
    list(text, Mode::Fallback, |at, _| raw::interval::read_spec(at))
}

/// Prints calendar rules as the effective configuration shows them.
pub fn print_intervals(specs: &[Spec]) -> String {
    dump::specs(specs).emit()
}

/// Reads a list of inhibition rules, as `inhibit_rules` holds them.
///
/// # Errors
/// The text is not YAML, or breaks a rule.
pub fn inhibit_rules(text: &[u8], mode: Mode) -> Result<Vec<inhibit::Rule>, ConfigError> {
    let rules = list(text, mode, raw::inhibit::read)?;
    Ok(rules.iter().map(resolve::build_rule).collect())
}

fn list<T>(
    bytes: &[u8],
    mode: Mode,
    read: impl Fn(&At<'_>, &Context<'_>) -> Result<T, Abort>,
) -> Result<Vec<T>, ConfigError> {
    let fail = |problems: Vec<Problem>| ConfigError { file: "(text)".to_owned(), problems };
    let text = decode(bytes).map_err(|problem| fail([problem].into()))?;
    let root = yaml::load(text).map_err(|problem| fail([problem].into()))?;
    let Some(root) = root else { return Ok(Vec::new()) };
    let (log, context) = (Log::default(), Context::new(mode, ""));
    let mut items = Vec::new();
    At::root(&root, &log)
        .items(|_, item| {
            items.push(read(&item, &context)?);
            Ok(())
        })
        .map_err(|Abort(problem)| fail([*problem].into()))?;
    let problems = log.into_inner();
    if problems.is_empty() { Ok(items) } else { Err(fail(problems)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_read_by_themselves() {
        let specs = intervals(b"[{months: ['january:march'], weekdays: [Sunday]}]").expect("valid");
        assert_eq!(print_intervals(&specs), "- weekdays: [sunday]\n  months: [\"1:3\"]\n");
        assert_eq!(print_intervals(&[]), "[]\n");
        assert!(intervals(b"[{mnths: []}]").is_err());
        assert!(intervals(b"{").is_err());
        let rules = inhibit_rules(b"[{source_matchers: [a=b], equal: [c]}]", Mode::Fallback);
        assert_eq!(rules.expect("valid")[0].equal.len(), 1);
        assert!(inhibit_rules(b"[{equal: ['']}]", Mode::Fallback).is_err());
    }
}
