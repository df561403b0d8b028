//! The HTTP side: durations and sizes by handler, and the gate for GET requests.

use alloc::{collections::BTreeMap, string::String};

use super::{
    kinds::{Counter, Histogram, SECONDS},
    text::{Kind, Page},
};

const SIZES: [f64; 7] = [1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8];

const METHODS: [&str; 9] =
    ["get", "post", "delete", "head", "options", "put", "patch", "connect", "trace"];

/// Too many GET requests run already: the answer is 503.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateFull {
    /// How many may run.
    pub limit: u32,
}

/// What the runtime's HTTP side counts, behind one lock.
#[derive(Clone, Debug, PartialEq)]
pub struct Traffic {
    limit: u32,
    running: u32,
    pub(super) exceeded: Counter,
    scrapes: BTreeMap<u16, Counter>,
    durations: BTreeMap<(&'static str, &'static str, u16), Histogram<11>>,
    sizes: BTreeMap<(&'static str, &'static str), Histogram<7>>,
}

impl Traffic {
    /// Makes counts at zero, and a gate for this many GET requests at once.
    pub fn new(get_limit: u32) -> Self {
        Self {
            limit: get_limit,
            running: 0,
            exceeded: Counter::default(),
            scrapes: [200, 500, 503].map(|code| (code, Counter::default())).into(),
            durations: BTreeMap::new(),
            sizes: BTreeMap::new(),
        }
    }

    /// Lets a request in. Each success must be followed by one [`Traffic::end`] of the same
    /// method. Only GET requests are limited.
    pub fn begin(&mut self, method: &str) -> Result<(), GateFull> {
        if !method.eq_ignore_ascii_case("get") {
            return Ok(());
        }
        if self.running >= self.limit {
            self.exceeded.increase();
            return Err(GateFull { limit: self.limit });
        }
        self.running += 1;
        Ok(())
    }

    /// Lets a request out.
    pub fn end(&mut self, method: &str) {
        if method.eq_ignore_ascii_case("get") {
            self.running = self.running.saturating_sub(1);
        }
    }

    /// Records an answer: the request's path without the route prefix, its method, the status, the
    /// time it took and the bytes of the body.
    pub fn record(&mut self, path: &str, method: &str, code: u16, seconds: f64, bytes: u64) {
        let Some(handler) = handler_label(path) else { return };
        let method = METHODS
            .into_iter()
            .find(|known| known.eq_ignore_ascii_case(method))
            .unwrap_or("unknown");
        // Answers have three-digit codes; anything else would be a client's way to add series.
        let code = if (100..600).contains(&code) { code } else { 0 };
        self.durations
            .entry((handler, method, code))
            .or_insert_with(|| Histogram::new(&SECONDS))
            .observe(seconds);
        if !handler.starts_with("/api/v2/") {
            self.sizes
                .entry((handler, method))
                .or_insert_with(|| Histogram::new(&SIZES))
                .observe(bytes as f64);
        }
        if handler == "/metrics"
            && let Some(counter) = self.scrapes.get_mut(&code)
        {
            counter.increase();
        }
    }

    /// Puts the counts on a page.
    pub fn collect(&self, page: &mut Page) {
        let family = page.family(
            "alertmanager_http_request_duration_seconds",
            Kind::Histogram,
            "Time a request took.",
        );
        for ((handler, method, code), histogram) in &self.durations {
            let code = alloc::format!("{code}");
            family
                .histogram(&[("code", &code), ("handler", handler), ("method", method)], histogram);
        }
        let family = page.family(
            "alertmanager_http_response_size_bytes",
            Kind::Histogram,
            "Size of an answer's body.",
        );
        for ((handler, method), histogram) in &self.sizes {
            family.histogram(&[("handler", handler), ("method", method)], histogram);
        }
        let get = [("method", "get")];
        page.family("alertmanager_http_requests_in_flight", Kind::Gauge, "Requests being served.")
            .number(&get, f64::from(self.running));
        page.family(
            "alertmanager_http_concurrency_limit_exceeded_total",
            Kind::Counter,
            "Requests turned away because too many were being served.",
        )
        .count(&get, self.exceeded);
        let family = page.family(
            "promhttp_metric_handler_requests_total",
            Kind::Counter,
            "Scrapes by status.",
        );
        for (code, &counter) in &self.scrapes {
            family.count(&[("code", &alloc::format!("{code}"))], counter);
        }
        page.gauge(
            "promhttp_metric_handler_requests_in_flight",
            "Scrapes being served: this one.",
            1.0,
        );
    }
}

/// Returns the value of the label `handler` for a request's path without the route prefix, or
/// `None` for a path that no handler serves. Unknown paths of API v2 share one value.
pub fn handler_label(path: &str) -> Option<&'static str> {
    const PLAIN: [&str; 12] = [
        "/",
        "/favicon.ico",
        "/metrics",
        "/-/healthy",
        "/-/ready",
        "/-/reload",
        "/api/v2/alerts",
        "/api/v2/alerts/groups",
        "/api/v2/openapi.yaml",
        "/api/v2/receivers",
        "/api/v2/silences",
        "/api/v2/status",
    ];
    let plain = PLAIN.into_iter().find(|&known| known == path);
    plain.or_else(|| {
        [
            ("/assets/", "/assets/*path"),
            ("/debug/", "/debug/*subpath"),
            ("/api/v1/", "/api/v1/*path"),
            ("/api/v2/silence/", "/api/v2/silence/{silenceID}"),
            ("/api/v2/", "/api/v2/{unknown}"),
        ]
        .into_iter()
        .find_map(|(prefix, label)| path.starts_with(prefix).then_some(label))
    })
}

/// The page of one scrape: the node's metrics, the traffic and the process, as text.
///
/// `names` holds the values of the parameter `name[]`; an empty list means every family. `more`
/// adds the families of parts above this one.
pub fn scrape(
    metrics: &super::Metrics,
    traffic: &Traffic,
    process: &super::Process,
    names: &[String],
    more: impl FnOnce(&mut Page),
) -> String {
    let mut page = Page::new();
    metrics.collect(&mut page);
    traffic.collect(&mut page);
    process.collect(&mut page);
    more(&mut page);
    let mut out = String::with_capacity(32 * 1024);
    page.write_text(names, &mut out);
    out
}
