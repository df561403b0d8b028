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
    assert_eq!(spans.len(), 3, "the request, the notification, the flush");
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&parts(&spans[0], 1)[0]), ids[1]);
    assert_eq!(hex(&parts(&spans[0], 2)[0]), ids[2]);
    assert_eq!(parts(&spans[0], 5)[0], b"HTTP POST");
    assert_eq!(parts(&spans[1], 5)[0], b"notify.Integration.Notify");
    assert_eq!(parts(&spans[2], 5)[0], b"dispatch.AggregationGroup.flush");
    for pair in spans.windows(2) {
        assert_eq!(parts(&pair[0], 4)[0], parts(&pair[1], 2)[0], "each is the child of the next");
    }
    assert!(parts(&spans[2], 4).is_empty());
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

#[test]
fn requests_of_clients_are_told_of_and_go_out_by_grpc() {
    let config = format!(
        "{CONFIG}tracing: {{endpoint: 'c:4317', tls_config: {{server_name: x}}, compression: gzip, \
         headers: {{X-Key: {{secrets: [s]}}}}}}\n"
    );
    let mut rig = Rig::new(&config);
    assert!(rig.seen.is_traced);
    let served = |parent: &str| {
        Box::new(Served {
            method: "GET".into(),
            route: "/api/v2/alerts".into(),
            status: 500,
            took: Duration::from_millis(3),
            parent: Some(parent.into()),
        })
    };
    let sampled = "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01";
    rig.input(Input::Served(served(sampled)));
    // Neither is a context of use, so the share of traces decides: none.
    for other in [&sampled.replace("-01", "-00"), "00-1-2-01", ""] {
        rig.input(Input::Served(served(other)));
    }
    rig.input(Input::Shutdown);
    assert!(rig.seen.stopped, "the spans went out first");
    assert_eq!(rig.seen.calls.len(), 1);
    let settings = rig.seen.calls[0].settings();
    assert_eq!((&*settings.host, settings.port, settings.gzip), ("c", 4317, true));
    assert_eq!(&*settings.headers[0].0, "x-key");
    assert!(settings.tls.is_some());
    let scope = parts(&parts(rig.seen.calls[0].message(), 1)[0], 2).remove(0);
    let spans = parts(&scope, 2);
    assert_eq!(spans.len(), 1);
    assert_eq!(parts(&spans[0], 1)[0], (1..17).collect::<Vec<u8>>());
    assert_eq!(parts(&spans[0], 4)[0], (0x11..0x19).collect::<Vec<u8>>());
    assert_eq!(parts(&spans[0], 5)[0], b"GET /api/v2/alerts");
    assert_eq!(parts(&spans[0], 15).len(), 1, "a failure");
}
