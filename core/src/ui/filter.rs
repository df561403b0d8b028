//! Filters as people type them: matchers, and questions to the alert itself.

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

use crate::{
    id::AlertId,
    label::{Matcher, Mode, parse},
    limits::FILTERS_MAX,
    time::{Timestamp, duration},
    view::{Glimpse, View},
};

/// What filters ask of an alert.
#[derive(Clone, Debug, Default)]
pub(super) struct Filters {
    /// What its labels must satisfy.
    pub(super) matchers: Vec<Matcher>,
    /// What else it must be.
    asks: Vec<Ask>,
    /// Each filter as it is shown.
    pub(super) shown: Vec<String>,
    /// What could not be read: the text, and why.
    pub(super) errors: Vec<(String, String)>,
}

#[derive(Clone, Debug)]
enum Ask {
    /// `@age>1h`: older, or younger.
    Age { older: bool, than: Duration },
    /// `@state=active`
    State { is: bool, state: String },
    /// `@receiver=team`, with a matcher for the name.
    Receiver(Matcher),
    /// `@fingerprint=...`
    Fingerprint(Matcher),
}

impl Filters {
    /// Reads texts, each one filter or several: with or without braces, separated by commas.
    pub(super) fn parse(mode: Mode, texts: &[String]) -> Self {
        let mut filters = Self::default();
        for text in texts.iter().take(FILTERS_MAX) {
            let text = text.trim();
            if let Some(ask) = text.strip_prefix('@') {
                match read_ask(ask) {
                    Ok(_) if filters.shown.iter().any(|shown| shown == text) => {}
                    Ok(ask) => {
                        filters.asks.push(ask);
                        filters.shown.push(text.to_owned());
                    }
                    Err(why) => filters.errors.push((text.to_owned(), why)),
                }
                continue;
            }
            match read_matchers(mode, text) {
                Ok(matchers) => {
                    for matcher in matchers {
                        let text = format!("{matcher}");
                        if !filters.shown.contains(&text) {
                            filters.shown.push(text);
                            filters.matchers.push(matcher);
                        }
                    }
                }
                Err(why) => filters.errors.push((text.to_owned(), why)),
            }
        }
        filters
    }

    /// Returns how many questions there are beside the matchers.
    pub(super) fn asks(&self) -> usize {
        self.asks.len()
    }

    /// Tells whether an alert satisfies what is asked beside the matchers, in a group that is
    /// `muted` or not.
    pub(super) fn admits(
        &self,
        view: &View,
        id: AlertId,
        seen: Glimpse,
        muted: bool,
        now: Timestamp,
    ) -> bool {
        if self.asks.is_empty() {
            return true;
        }
        let Some(entry) = view.alerts.get(id.0) else { return false };
        self.asks.iter().all(|ask| match ask {
            Ask::Age { older, than } => {
                let age = now.since(entry.alert.starts_at.at);
                if *older { age > *than } else { age < *than }
            }
            Ask::State { is, state } => {
                let holds = match &**state {
                    "active" => !seen.is_muted() && !muted,
                    "suppressed" => seen.is_muted() || muted,
                    "silenced" => seen.is_silenced,
                    "inhibited" => seen.is_inhibited,
                    _ => muted,
                };
                holds == *is
            }
            Ask::Receiver(matcher) => {
                let tree = view.config.tree.iter().as_slice();
                // A route that a reload took away is no route any more.
                let routes = entry.routes.iter().filter_map(|id| tree.get(id.0 as usize));
                let mut receivers = routes.map(|route| route.receiver.as_bytes());
                receivers.any(|receiver| matcher.matches_value(receiver))
            }
            Ask::Fingerprint(matcher) => {
                matcher.matches_value(entry.fingerprint.to_string().as_bytes())
            }
        })
    }
}

/// Reads matchers liberally: links in the wild have braces or not, and commas at their ends.
fn read_matchers(mode: Mode, text: &str) -> Result<Vec<Matcher>, String> {
    let inner = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let inner = inner.trim().trim_end_matches(',').trim();
    if inner.is_empty() {
        return Ok(Vec::new());
    }
    let parsed = parse::matchers(mode, &format!("{{{inner}}}")).map_err(|e| e.to_string())?;
    Ok(parsed.matchers)
}

fn read_ask(text: &str) -> Result<Ask, String> {
    const STATES: [&str; 5] = ["active", "suppressed", "silenced", "inhibited", "muted"];
    if let Some(rest) = text.strip_prefix("age") {
        let rest = rest.trim();
        let (older, span) = match (rest.strip_prefix('>'), rest.strip_prefix('<')) {
            (Some(span), _) => (true, span),
            (_, Some(span)) => (false, span),
            _ => return Err("write for example @age>1h or @age<30m".into()),
        };
        let than = duration::parse_prometheus(span.trim()).map_err(|e| e.to_string())?;
        return Ok(Ask::Age { older, than });
    }
    // The names behind the sign are names of labels, so the parser of matchers reads them.
    let Some(matcher) = read_matchers(Mode::Classic, text)?.pop() else {
        return Err("write for example @state=active".into());
    };
    match matcher.name() {
        "receiver" => Ok(Ask::Receiver(matcher)),
        "fingerprint" => Ok(Ask::Fingerprint(matcher)),
        "state" if STATES.contains(&matcher.value()) => {
            Ok(Ask::State { is: matcher.op().is_positive(), state: matcher.value().to_owned() })
        }
        "state" => Err(format!("unknown state; there are {}", STATES.join(", "))),
        name => {
            let known = "@age, @state, @receiver and @fingerprint";
            Err(format!("there is no @{name}; there are {known}"))
        }
    }
}
