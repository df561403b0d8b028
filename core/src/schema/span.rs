//! The three spellings of durations.

use alloc::format;
use core::{ops::ControlFlow, time::Duration};

use super::{Context, Field};
use crate::{
    time::duration::{self, format_go, format_prometheus},
    yaml::{Abort, At, Out, scalar::Resolved},
};

/// A duration in Prometheus' form: `1h30m`, `2d`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span(pub Duration);

/// Reads a duration in Prometheus' form; `None` for null and for a collected mistake.
///
/// # Errors
/// The text is no duration.
pub fn read_span(at: &At<'_>) -> Result<Option<Duration>, Abort> {
    let Some(text) = at.text() else { return Ok(None) };
    duration::parse_prometheus(text).map(Some).map_err(|error| {
        at.fail(format!("{error}; write whole numbers with units, such as 30s, 5m or 1h30m"))
    })
}

impl Field for Span {
    fn read(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if let Some(span) = read_span(at)? {
            self.0 = span;
        }
        Ok(())
    }

    fn print(&self) -> Out {
        Out::text(&format_prometheus(self.0))
    }

    fn is_zero(&self) -> bool {
        self.0.is_zero()
    }
}

/// A duration in Go's form, in nanoseconds; a bare number counts nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GoSpan(pub i64);

impl GoSpan {
    /// Returns the duration if it is a limit at all: zero and less mean none.
    pub fn limit(self) -> Option<Duration> {
        u64::try_from(self.0).ok().filter(|ns| *ns > 0).map(Duration::from_nanos)
    }
}

impl Field for GoSpan {
    fn read(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let ns = match at.resolved() {
            ControlFlow::Continue(Resolved::Null) => return Ok(()),
            ControlFlow::Continue(Resolved::Int(ns)) => i64::try_from(ns).ok(),
            ControlFlow::Continue(Resolved::Float(ns)) => {
                (ns.abs() < 9_223_372_036_854_775_808.0).then_some(ns as i64)
            }
            ControlFlow::Continue(_) => {
                at.node.text().and_then(|text| duration::parse_go(text).ok())
            }
            ControlFlow::Break(()) => None,
        };
        match ns {
            Some(ns) => self.0 = ns,
            None => {
                let advice = "write a number with a unit from ns to h, such as 1.5s";
                at.wrong_type("time.Duration", advice);
            }
        }
        Ok(())
    }

    fn print(&self) -> Out {
        Out::text(&format_go(self.0))
    }

    fn is_zero(&self) -> bool {
        self.0 == 0
    }
}

/// A duration in Go's form that has to have a unit, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextSpan(pub i64);

impl Field for TextSpan {
    fn read(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if let Some(text) = at.text().filter(|_| !at.node.is_null()) {
            self.0 = duration::parse_go(text).map_err(|error| {
                at.fail(format!("{error}; write a number with a unit from ns to h, such as 1.5s"))
            })?;
        }
        Ok(())
    }

    fn print(&self) -> Out {
        Out::text(&format_go(self.0))
    }

    fn is_zero(&self) -> bool {
        self.0 == 0
    }
}
