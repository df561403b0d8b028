//! Spans, and how a collector is told of them.

use alloc::{format, string::String, vec::Vec};
use core::time::Duration;

use crate::{
    api::{Head, Response},
    metrics::{Build, handler_label},
    time::Timestamp,
    wire::protobuf::{write_bytes, write_message, write_number, write_set_fixed},
};

/// A request of a client that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Its method.
    pub method: String,
    /// Its path without the route prefix, with words for what differs from request to request.
    pub route: String,
    /// The status of the answer.
    pub status: u16,
    /// How long it took.
    pub took: Duration,
    /// The header `traceparent`, if it had one.
    pub parent: Option<String>,
}

impl Served {
    /// Takes note of an answer.
    pub fn new(head: &Head<'_>, response: &Response, took: Duration) -> Self {
        Self {
            method: head.method.into(),
            route: handler_label(&response.handler).unwrap_or("other").into(),
            status: response.status,
            took,
            parent: head.header("traceparent").map(Into::into),
        }
    }
}

/// What other spans need to know of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parent {
    pub(super) trace: [u8; 16],
    pub(super) id: [u8; 8],
    pub(super) is_sampled: bool,
}

impl Parent {
    /// Reads the header `traceparent`; `None` if it is of no use.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let (version, trace, id) = (parts.next()?, parts.next()?, parts.next()?);
        let [version] = bytes(version)?;
        let [flags] = bytes(parts.next()?)?;
        let (trace, id) = (bytes(trace)?, bytes(id)?);
        let is_whole = parts.next().is_none() || version > 0;
        let is_usable = version < 255 && is_whole && trace != [0; 16] && id != [0; 8];
        is_usable.then_some(Self { trace, id, is_sampled: flags & 1 == 1 })
    }
}

/// Reads digits in lower case.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut out = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(pairs) {
        let digit = |c: u8| match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'a'..=b'f' => Some(c - b'a' + 10),
            _ => None,
        };
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(out)
}

/// The kinds of spans, by their numbers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Internal = 1,
    Server = 2,
    Client = 3,
}

/// What one span says.
#[derive(Debug)]
pub(super) struct Span {
    pub(super) own: Parent,
    pub(super) parent: Option<[u8; 8]>,
    pub(super) kind: Kind,
    pub(super) name: String,
    pub(super) began: Timestamp,
    pub(super) ended: Timestamp,
    pub(super) attributes: Vec<(&'static str, Attribute)>,
    /// What went wrong; the text may be empty.
    pub(super) error: Option<String>,
}

/// A value.
#[derive(Debug)]
pub(super) enum Attribute {
    Text(String),
    Int(u64),
}

impl Attribute {
    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
}

impl Span {
    /// Notes the answer to a request; from the status `bad` on it is a failure.
    pub(super) fn answered(&mut self, status: u16, bad: u16) {
        let status_code = Attribute::Int(u64::from(status));
        self.attributes.push(("http.response.status_code", status_code));
        self.error = (status >= bad).then(String::new);
    }
}

/// Returns the host of a URL, with its port: all of it that holds no key.
pub(super) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit('@').next().unwrap_or_default()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes an `ExportTraceServiceRequest`.
pub(super) fn encode(spans: &[Span]) -> Vec<u8> {
    let mut out = Vec::new();
    write_message(&mut out, 1, |out| {
        write_message(out, 1, |out| {
            attribute(out, 1, "service.name", &Attribute::text("alertmanager"));
            attribute(out, 1, "service.version", &Attribute::text(Build::this().version));
        });
        write_message(out, 2, |out| {
            write_message(out, 1, |out| write_bytes(out, 1, b"campana"));
            spans.iter().for_each(|span| write_message(out, 2, |out| write_span(out, span)));
        });
    });
    out
}

fn write_span(out: &mut Vec<u8>, span: &Span) {
    /// A status that says that something went wrong.
    const ERROR: u64 = 2;
    let nanos = |at: Timestamp| u64::try_from(at.as_nanos()).unwrap_or_default();
    write_bytes(out, 1, &span.own.trace);
    write_bytes(out, 2, &span.own.id);
    if let Some(parent) = &span.parent {
        write_bytes(out, 4, parent);
    }
    write_bytes(out, 5, span.name.as_bytes());
    write_number(out, 6, span.kind as u64);
    write_set_fixed(out, 7, nanos(span.began));
    write_set_fixed(out, 8, nanos(span.ended));
    for (key, value) in &span.attributes {
        attribute(out, 9, key, value);
    }
    if let Some(error) = &span.error {
        write_message(out, 15, |out| {
            write_bytes(out, 2, error.as_bytes());
            write_number(out, 3, ERROR);
        });
    }
}

fn attribute(out: &mut Vec<u8>, field: u32, key: &str, value: &Attribute) {
    write_message(out, field, |out| {
        write_bytes(out, 1, key.as_bytes());
        write_message(out, 2, |out| match value {
            Attribute::Text(text) => write_bytes(out, 1, text.as_bytes()),
            Attribute::Int(number) => write_number(out, 3, *number),
        });
    });
}
