//! What is posted: alerts of a realistic size, and silences.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use campana_core::time::{Stamp, Timestamp, rfc3339::write_millis};

/// Alerts of a POST, as Prometheus sends them.
pub(super) const BATCH: usize = 64;

/// How alerts are spread over groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Groups {
    /// So many, with the alerts spread evenly.
    Some(usize),
    /// One for each alert.
    Each,
}

/// Returns a time from now, as JSON has it.
pub(super) fn from_now(span: Duration) -> String {
    at(SystemTime::now() + span)
}

/// Returns a time before now, as JSON has it.
pub(super) fn before_now(span: Duration) -> String {
    at(SystemTime::now() - span)
}

fn at(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).expect("it is after 1970");
    let time = Timestamp::from_parts(since.as_secs() as i64, since.subsec_nanos());
    let mut text = String::new();
    write_millis(&mut text, Stamp::utc(time));
    text
}

type Pairs<const N: usize> = [(&'static str, String); N];

/// Ten labels and two annotations of 100 bytes: the texts of an alert.
fn texts(n: usize, groups: Groups) -> (Pairs<10>, Pairs<2>) {
    let group = match groups {
        Groups::Some(count) => n % count,
        Groups::Each => n,
    };
    let tail = "for ten minutes, which is above the objective of this service; see the run book";
    let labels = [
        ("alertname", format!("HighRequestLatency{group:07}")),
        ("cluster", "prod-eu-west-1".into()),
        ("container", "frontend".into()),
        ("endpoint", "http-metrics".into()),
        ("instance", format!("10.{}.{}.{}:9100", n >> 16 & 255, n >> 8 & 255, n & 255)),
        ("job", "kubernetes-pods".into()),
        ("namespace", "checkout".into()),
        ("pod", format!("frontend-7d9c5b8f4-{n:08}")),
        ("service", format!("service-{:04}", group % 500)),
        ("severity", "warning".into()),
    ];
    let annotations = [
        ("description", format!("latency of {n:08} {tail}{:.<3}", "")),
        ("summary", format!("requests to {n:08} {tail}")),
    ];
    (labels, annotations)
}

/// Returns the bodies of POSTs of alerts number `from` to `to`, [`BATCH`] each, that end at a time.
pub(super) fn alerts(from: usize, to: usize, groups: Groups, ends: &str) -> Vec<Vec<u8>> {
    let starts = before_now(Duration::from_secs(60));
    let numbers: Vec<usize> = (from..to).collect();
    numbers.chunks(BATCH).map(|part| body(part, groups, &starts, ends, "")).collect()
}

/// As [`alerts`], with a label more on each: ` "name":"value",`.
pub(super) fn marked(from: usize, to: usize, ends: &str, label: &str) -> Vec<Vec<u8>> {
    let starts = before_now(Duration::from_secs(60));
    let numbers: Vec<usize> = (from..to).collect();
    let groups = Groups::Some(1000);
    numbers.chunks(BATCH).map(|part| body(part, groups, &starts, ends, label)).collect()
}

fn body(numbers: &[usize], groups: Groups, starts: &str, ends: &str, more: &str) -> Vec<u8> {
    let mut text = String::with_capacity(numbers.len() * 800);
    let mut fill = |numbers: &[usize]| -> std::fmt::Result {
        text.push('[');
        for (place, &n) in numbers.iter().enumerate() {
            let (labels, annotations) = texts(n, groups);
            let comma = if place == 0 { "" } else { "," };
            write!(text, "{comma}{{\"labels\":{{{more}")?;
            for (place, (name, value)) in labels.iter().enumerate() {
                let comma = if place == 0 { "" } else { "," };
                write!(text, "{comma}\"{name}\":\"{value}\"")?;
            }
            text.push_str("},\"annotations\":{");
            for (place, (name, value)) in annotations.iter().enumerate() {
                let comma = if place == 0 { "" } else { "," };
                write!(text, "{comma}\"{name}\":\"{value}\"")?;
            }
            write!(
                text,
                "}},\"startsAt\":\"{starts}\",\"endsAt\":\"{ends}\",\"generatorURL\":\
                 \"http://prometheus.example:9090/graph?g0.expr=latency&g0.tab=1\"}}"
            )?;
        }
        text.push(']');
        Ok(())
    };
    fill(numbers).expect("a string takes everything");
    text.into_bytes()
}

/// Returns the bytes of the distinct texts of so many alerts: what must be kept at least.
pub(super) fn distinct_bytes(count: usize, groups: Groups) -> usize {
    let mut seen = BTreeSet::new();
    let mut sum = 0;
    for n in 0..count {
        let (labels, annotations) = texts(n, groups);
        for (_, value) in labels.into_iter().chain(annotations) {
            let length = value.len();
            if seen.insert(value) {
                sum += length;
            }
        }
    }
    sum
}

/// Returns the bodies of silences with two matchers each, one of them a pattern, that match no
/// alert.
pub(super) fn silences(from: usize, to: usize) -> Vec<Vec<u8>> {
    let (starts, ends) =
        (before_now(Duration::from_secs(1)), from_now(Duration::from_secs(86_400)));
    let silence = |n: usize| {
        format!(
            "{{\"matchers\":[{{\"name\":\"alertname\",\"value\":\"DiskFull{n}\",\"isRegex\":false}},\
             {{\"name\":\"instance\",\"value\":\"192.168.{}.{}:.*\",\"isRegex\":true}}],\
             \"startsAt\":\"{starts}\",\"endsAt\":\"{ends}\",\"createdBy\":\"somebody\",\
             \"comment\":\"planned work\"}}",
            n >> 8 & 255,
            n & 255
        )
        .into_bytes()
    };
    (from..to).map(silence).collect()
}
