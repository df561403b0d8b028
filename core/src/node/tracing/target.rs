//! Where spans go: a collector, as the configuration names it.

use alloc::{format, string::String, sync::Arc, vec::Vec};
use core::time::Duration;

use super::TIMEOUT;
use crate::{
    config::raw::tracing::Tracing,
    notify::{Exchange, HttpConfig, Secret, grpc, way::Way},
};

/// The method of the collector's service.
const METHOD: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// The port of collectors for gRPC, where an endpoint cannot be read.
const PORT: u16 = 4317;

/// Where spans go.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) protocol: Protocol,
    pub(super) timeout: Duration,
    /// Traces are kept whose id, in a part of it, is below.
    pub(super) bound: u64,
}

/// How spans go there.
#[derive(Debug)]
pub(super) enum Protocol {
    Grpc(grpc::Settings),
    Http(Exchange),
}

/// Makes what an export needs.
pub(super) fn target(settings: &Tracing) -> Target {
    let fraction = settings.sampling_fraction.clamp(0.0, 1.0);
    let timeout = settings.timeout.0;
    Target {
        protocol: match &*settings.client_type {
            "http" => Protocol::Http(http(settings)),
            _ => Protocol::Grpc(grpc(settings)),
        },
        timeout: if timeout.is_zero() { TIMEOUT } else { timeout },
        bound: (fraction * (1_u64 << 63) as f64) as u64,
    }
}

fn headers(settings: &Tracing) -> impl Iterator<Item = (&str, Secret)> {
    settings.headers.iter().flatten().filter_map(|(name, header)| {
        let value = header.values.first().map(|value| Secret::new(value.as_str()));
        Some((&**name, value.or_else(|| header.secrets.first().cloned())?))
    })
}

fn http(settings: &Tracing) -> Exchange {
    let scheme = if settings.insecure { "http" } else { "https" };
    let mut lines: Vec<(Arc<str>, Secret)> = [
        ("Content-Type", "application/x-protobuf"),
        ("User-Agent", concat!("campana/", env!("CARGO_PKG_VERSION"))),
    ]
    .map(|(name, value)| (Arc::from(name), Secret::new(value)))
    .into();
    lines.extend(headers(settings).map(|(name, value)| (Arc::from(name), value)));
    let http = HttpConfig { tls: settings.tls_config.clone(), ..HttpConfig::default() };
    Exchange {
        method: "POST",
        url: Secret::new(format!("{scheme}://{}/v1/traces", settings.endpoint)),
        headers: lines,
        body: Arc::from([]),
        timeout: None,
        http: Arc::new(http),
        proxies: Arc::default(),
        reads_answer: false,
        signing: None,
        gzip: settings.compression == "gzip",
    }
}

fn grpc(settings: &Tracing) -> grpc::Settings {
    let way = Way::new(&format!("https://{}", settings.endpoint), None);
    let (host, port) = way.map_or_else(
        // Whoever connects there says what is wrong.
        |_| (settings.endpoint.clone(), PORT),
        |way| (way.host, way.port),
    );
    let tls = settings.tls_config.clone().unwrap_or_default();
    let lower = |(name, value): (&str, Secret)| {
        let name: String = name.to_ascii_lowercase();
        (Arc::from(name), value)
    };
    grpc::Settings {
        host,
        port,
        authority: settings.endpoint.clone(),
        tls: (!settings.insecure).then_some(tls),
        path: METHOD,
        gzip: settings.compression == "gzip",
        headers: headers(settings).map(lower).collect(),
    }
}
