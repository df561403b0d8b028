//! Spans of requests, and their way to a collector.

use super::*;
use crate::wire::protobuf::{Reader, Value};

fn config(more: &str) -> String {
    format!(
        "{CONFIG}tracing: {{client_type: http, endpoint: 'c:4318', insecure: true, \
         headers: {{X-Key: {{secrets: [s]}}}}, {more}}}\n"
    )
}

/// Returns a header of a request.
fn header(exchange: &Exchange, name: &str) -> Option<String> {
    let found = exchange.headers.iter().find(|(known, _)| &**known == name);
    found.map(|(_, value)| value.expose().into())
}

/// Returns the fields of a message with a number, as their bytes.
fn parts(bytes: &[u8], field: u32) -> Vec<Vec<u8>> {
    let (mut reader, mut found) = (Reader::new(bytes, 0), Vec::new());
    while let Some((number, value)) = reader.field().expect("well formed") {
        if let (true, Value::Bytes(bytes)) = (number == field, value) {
            found.push(bytes.as_bytes().to_vec());
        }
    }
    found
}

#[test]
fn a_request_carries_its_context_and_a_batch_of_spans_goes_to_the_collector() {
    let mut rig = Rig::new(&config("sampling_fraction: 1"));
    rig.post(&[("alertname", "A")], None);
    rig.until(2500);
    let context = header(&rig.seen.exchanges[0], "Traceparent").expect("a context");
    let ids: Vec<&str> = context.split('-').collect();
    assert_eq!((ids[0], ids[1].len(), ids[2].len(), ids[3]), ("00", 32, 16, "01"));
    rig.until(7500);
    assert_eq!(rig.seen.exchanges.len(), 2, "the spans wait for others, 5 s");
    let export = &rig.seen.exchanges[1];
    assert_eq!(export.url.expose(), "http://c:4318/v1/traces");
    assert_eq!(header(export, "X-Key").as_deref(), Some("s"));
    assert_eq!(header(export, "Traceparent"), None);
    let scope = parts(&parts(&export.body, 1)[0], 2).remove(0);
    let spans = parts(&scope, 2);
    assert_eq!(spans.len(), 1);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&parts(&spans[0], 1)[0]), ids[1]);
    assert_eq!(hex(&parts(&spans[0], 2)[0]), ids[2]);
    assert_eq!(parts(&spans[0], 5)[0], b"HTTP POST");
}

#[test]
fn what_is_not_sampled_is_marked_and_not_exported() {
    let mut rig = Rig::new(&config("sampling_fraction: 0"));
    rig.post(&[("alertname", "A")], None);
    rig.until(12_000);
    assert_eq!(rig.seen.exchanges.len(), 1);
    let context = header(&rig.seen.exchanges[0], "Traceparent").expect("a context");
    assert!(context.ends_with("-00"), "{context}");

    let mut rig = Rig::new(CONFIG);
    rig.post(&[("alertname", "A")], None);
    rig.until(12_000);
    assert_eq!(header(&rig.seen.exchanges[0], "Traceparent"), None);
}

#[test]
fn a_collector_that_fails_is_said_once_and_stops_nothing() {
    let mut rig = Rig::new(&config("sampling_fraction: 1"));
    rig.seen.status = 503;
    rig.post(&[("alertname", "A")], None);
    rig.until(30_000);
    let is_trace = |event: &&Event| matches!(event, Event::TracesNotExported { .. });
    assert_eq!(rig.seen.events.iter().filter(is_trace).count(), 1);
    let exports = |rig: &Rig| {
        let urls = rig.seen.exchanges.iter().map(|exchange| exchange.url.expose());
        urls.filter(|url| url.ends_with("/v1/traces")).count()
    };
    assert!(exports(&rig) > 1, "it goes on trying");
    assert!(rig.seen.exchanges.len() > exports(&rig) + 1, "receivers are told as ever");
}
