//! The parameters of GET requests, and the queries they make.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{head::parse_query, response::Response};
use crate::{
    event::Event,
    label::{Matcher, Mode, Regex, parse},
    limits::FILTERS_MAX,
    silence::States,
    ui::{Asset, Page},
    view::AlertFilter,
};

/// A read of the node's state, to be answered over a view.
#[derive(Clone, Debug)]
pub struct Query {
    pub(super) ask: Ask,
    pub(super) handler: &'static str,
    /// Whether the client sent an origin.
    pub(super) has_origin: bool,
}

/// What a query asks for.
#[derive(Clone, Debug)]
pub(super) enum Ask {
    Alerts(AlertFilter),
    Groups(AlertFilter),
    /// The families to show; all of them when there are no names.
    Metrics(Vec<String>),
    Receivers(Vec<Matcher>),
    Silence(String),
    Silences(States, Vec<Matcher>),
    Status,
    Page(Page),
    /// Asked like the rest, because answers to queries are packed.
    Asset(Asset),
    Explain(String),
}

/// The parameters of one request.
pub(super) struct Params {
    pairs: Vec<(String, String)>,
    mode: Mode,
    /// What the parameters give reason to log.
    pub(super) events: Vec<Event>,
}

impl Params {
    pub(super) fn new(query: &str, mode: Mode) -> Self {
        Self { pairs: parse_query(query), mode, events: Vec::new() }
    }

    /// Returns the values of a parameter.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.pairs.iter().filter(move |(n, _)| n == name).map(|(_, value)| &**value)
    }

    /// Reads a truth value as upstream's framework does: a few words are true, any other is false,
    /// the last one counts, and an empty one is not there.
    fn flag(&self, name: &str) -> bool {
        const TRUE: [&str; 10] =
            ["true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"];
        match self.all(name).last() {
            None | Some("") => true,
            Some(value) => TRUE.iter().any(|word| word.eq_ignore_ascii_case(value)),
        }
    }

    /// Reads a repeatable parameter of matchers, one each.
    fn matchers(&mut self, name: &str, what: &str) -> Result<Vec<Matcher>, Response> {
        let mut matchers = Vec::new();
        let mut events = Vec::new();
        for value in self.all(name) {
            if matchers.len() == FILTERS_MAX {
                let text = format!("{what}more than {FILTERS_MAX} values of {name}");
                return Err(Response::message(400, &text));
            }
            let (matcher, warning) = parse::matcher(self.mode, value)
                .map_err(|e| Response::message(400, &format!("{what}{e}")))?;
            if let Some(warning) = warning {
                events.push(Event::MatcherWarning {
                    input: value.to_string(),
                    origin: "api".to_string(),
                    warning: warning.to_string(),
                });
            }
            matchers.push(matcher);
        }
        self.events.append(&mut events);
        Ok(matchers)
    }

    pub(super) fn alert_filter(&mut self) -> Result<AlertFilter, Response> {
        let matchers = self.matchers("filter", "")?;
        let receiver = match self.all("receiver").last() {
            None | Some("") => None,
            Some(pattern) => Some(Regex::anchored(pattern).map_err(|e| {
                Response::message(400, &format!("failed to parse receiver param: {e}"))
            })?),
        };
        Ok(AlertFilter {
            active: self.flag("active"),
            silenced: self.flag("silenced"),
            inhibited: self.flag("inhibited"),
            muted: self.flag("muted"),
            matchers,
            receiver,
            receiver_matchers: self.receiver_matchers()?,
        })
    }

    pub(super) fn receiver_matchers(&mut self) -> Result<Vec<Matcher>, Response> {
        self.matchers("receiver_matchers", "failed to parse receiver_matchers param: ")
    }

    pub(super) fn silences(&mut self) -> Result<(States, Vec<Matcher>), Response> {
        let states = States {
            active: self.flag("active"),
            pending: self.flag("pending"),
            expired: self.flag("expired"),
        };
        Ok((states, self.matchers("filter", "")?))
    }
}
