//! An event in the shape of a log line.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use super::{Level, Part, Signal, SilenceChange};
use crate::time::Timestamp;

/// A log line before it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Record<'a> {
    /// When it happened.
    pub wall: Timestamp,
    /// How much it matters.
    pub level: Level,
    /// The place it comes from: file and name of the event.
    pub source: &'static str,
    /// What happened.
    pub msg: &'static str,
    /// The rest, in the order it is shown.
    pub fields: Vec<(&'static str, Value<'a>)>,
}

/// The value of a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// A text.
    Text(&'a str),
    /// A whole number.
    Count(u64),
    /// Yes or no.
    Flag(bool),
    /// A span of time, shown as Go does.
    Span(Duration),
    /// A point in time, shown with whole seconds.
    Time(Timestamp),
    /// Several texts.
    List(&'a [Arc<str>]),
    /// Not shown, because the message or the component tells it.
    Hidden,
}

/// What can be a field of an event.
pub(super) trait Field {
    fn value(&self) -> Value<'_>;
}

macro_rules! fields {
    ($($ty:ty: $this:ident => $value:expr;)*) => {$(
        impl Field for $ty {
            fn value(&self) -> Value<'_> {
                let $this = self;
                $value
            }
        }
    )*};
}

fields! {
    String: text => Value::Text(text);
    Arc<str>: text => Value::Text(text);
    u64: n => Value::Count(*n);
    u32: n => Value::Count(u64::from(*n));
    u16: n => Value::Count(u64::from(*n));
    bool: b => Value::Flag(*b);
    Duration: span => Value::Span(*span);
    Timestamp: at => Value::Time(*at);
    Vec<Arc<str>>: list => Value::List(list);
    Part: _part => Value::Hidden;
    Signal: _signal => Value::Hidden;
    SilenceChange: _change => Value::Hidden;
}

impl<'a> Record<'a> {
    pub(super) fn push(&mut self, key: &'static str, value: Value<'a>) {
        if value != Value::Hidden {
            self.fields.push((key, value));
        }
    }
}
