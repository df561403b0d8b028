//! What the bodies of requests say: posted alerts and posted silences.
//!
//! The checks come in Alertmanager's order, because the first failure is the one a client is told.
//! A body that breaks a rule of its schema is read to its end all the same: malformed JSON further
//! on counts more.

mod alerts;
mod silence;
#[cfg(test)]
mod tests;

use alloc::{borrow::Cow, format, string::String};

pub(super) use self::{alerts::alerts, silence::silence};
use super::json::{Fault, Parser};
use crate::time::{Stamp, rfc3339::parse_api};

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It holds more than one request may.
    TooMany(String),
    /// It is not the JSON it should be.
    Malformed(String),
    /// A field breaks a rule of the schema: the rule's code and the text.
    Invalid(u16, String),
    /// It is well formed, but what it asks for cannot be.
    Refused(String),
}

/// The rule that a field must be there.
const REQUIRED: u16 = 602;
/// The rule that a field must be of a type or format.
const TYPE: u16 = 601;
/// The rule that a list must have some elements.
const MIN_ITEMS: u16 = 612;

fn required(field: &str) -> Refusal {
    Refusal::Invalid(REQUIRED, format!("{field} in body is required"))
}

fn malformed(body: &str, fault: &Fault) -> Refusal {
    Refusal::Malformed(format!("parsing {body} body from \"\" failed, because {}", fault.0))
}

/// Reads a time; `None` for `null`.
fn time(parser: &mut Parser<'_>) -> Result<Option<Stamp>, Fault> {
    match parser.text("value of type string")? {
        Some(text) => stamp(&text).map(Some),
        None => Ok(None),
    }
}

fn stamp(text: &str) -> Result<Stamp, Fault> {
    parse_api(text).map_err(|e| Fault(format!("{e}")))
}

/// Reads a text that `null` leaves as it was.
fn text_or_keep<'a>(
    parser: &mut Parser<'a>,
    target: &str,
    field: &mut Cow<'a, str>,
) -> Result<(), Fault> {
    if let Some(text) = parser.text(target)? {
        *field = text;
    }
    Ok(())
}
