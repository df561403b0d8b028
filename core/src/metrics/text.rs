//! The text format that Prometheus scrapes, version 0.0.4.

use alloc::{format, string::String, vec::Vec};
use core::fmt::Write as _;

use super::kinds::{Counter, Histogram, Summary};

/// The kind of a family, as its `# TYPE` line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts per bound.
    Histogram,
    /// Sum and count.
    Summary,
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// A label's name and value.
pub type Label<'a> = (&'static str, &'a str);

/// The families of one scrape, gathered from several sources.
#[derive(Clone, Debug, Default)]
pub struct Page {
    families: Vec<Family>,
}

/// Series of one name.
#[derive(Clone, Debug)]
pub struct Family {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    series: Vec<Series>,
}

#[derive(Clone, Debug)]
struct Series {
    labels: Vec<(&'static str, String)>,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Number(f64),
    Summary(Summary),
    Histogram(Vec<(f64, u64)>, Summary),
}

impl Page {
    /// Makes an empty page.
    pub const fn new() -> Self {
        Self { families: Vec::new() }
    }

    /// Adds a family and returns it, to get its series. A name must be added once only.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &'static str) -> &mut Family {
        self.families.push(Family { name, kind, help, series: Vec::new() });
        self.families.last_mut().expect("a family was just added")
    }

    /// Adds a counter without labels.
    pub fn counter(&mut self, name: &'static str, help: &'static str, counter: Counter) {
        self.family(name, Kind::Counter, help).count(&[], counter);
    }

    /// Adds a gauge without labels.
    pub fn gauge(&mut self, name: &'static str, help: &'static str, value: f64) {
        self.family(name, Kind::Gauge, help).number(&[], value);
    }

    /// Adds a summary without labels.
    pub fn summary(&mut self, name: &'static str, help: &'static str, summary: Summary) {
        self.family(name, Kind::Summary, help).push(&[], Value::Summary(summary));
    }

    /// Adds a histogram without labels.
    pub fn histogram<const N: usize>(
        &mut self,
        name: &'static str,
        help: &'static str,
        histogram: &Histogram<N>,
    ) {
        self.family(name, Kind::Histogram, help).histogram(&[], histogram);
    }

    /// Appends the page: families by name, series by their labels, families without series left
    /// out. With `names` only these families are written (the `name[]` parameter of a scrape).
    pub fn write_text(&mut self, names: &[String], out: &mut String) {
        self.families.sort_by_key(|family| family.name);
        for family in &mut self.families {
            let wanted = names.is_empty() || names.iter().any(|name| name == family.name);
            if wanted && !family.series.is_empty() {
                family.series.sort_by(|a, b| a.labels.cmp(&b.labels));
                family.write(out);
            }
        }
    }
}

impl Family {
    /// Adds a series with a plain number.
    pub fn number(&mut self, labels: &[Label<'_>], value: f64) {
        self.push(labels, Value::Number(value));
    }

    /// Adds a series with a counter.
    pub fn count(&mut self, labels: &[Label<'_>], counter: Counter) {
        self.number(labels, counter.0 as f64);
    }

    /// Adds a series with a histogram.
    pub fn histogram<const N: usize>(&mut self, labels: &[Label<'_>], histogram: &Histogram<N>) {
        self.push(labels, Value::Histogram(histogram.cumulated().collect(), histogram.totals()));
    }

    fn push(&mut self, labels: &[Label<'_>], value: Value) {
        let mut labels: Vec<_> =
            labels.iter().map(|&(name, value)| (name, String::from(value))).collect();
        labels.sort_unstable();
        self.series.push(Series { labels, value });
    }

    fn write(&self, out: &mut String) {
        let Self { name, kind, help, .. } = self;
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        let kind = kind.as_str();
        writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}").expect(INFALLIBLE);
        for series in &self.series {
            let line = |out: &mut String, suffix, le, value| {
                sample(out, name, suffix, &series.labels, le, value);
            };
            let totals = match &series.value {
                Value::Number(value) => {
                    line(out, "", None, *value);
                    continue;
                }
                Value::Summary(totals) => totals,
                Value::Histogram(buckets, totals) => {
                    for &(bound, n) in buckets {
                        line(out, "_bucket", Some(bound), n as f64);
                    }
                    line(out, "_bucket", Some(f64::INFINITY), totals.count as f64);
                    totals
                }
            };
            line(out, "_sum", None, totals.sum);
            line(out, "_count", None, totals.count as f64);
        }
    }
}

const INFALLIBLE: &str = "a String takes every write";

fn sample(
    out: &mut String,
    name: &str,
    suffix: &str,
    labels: &[(&'static str, String)],
    le: Option<f64>,
    value: f64,
) {
    out.push_str(name);
    out.push_str(suffix);
    let mut open = '{';
    for (label, value) in labels {
        out.push(open);
        open = ',';
        out.push_str(label);
        out.push_str("=\"");
        escape(value, out);
        out.push('"');
    }
    if let Some(bound) = le {
        out.push(open);
        open = ',';
        out.push_str("le=\"");
        number(bound, out);
        out.push('"');
    }
    if open == ',' {
        out.push('}');
    }
    out.push(' ');
    number(value, out);
    out.push('\n');
}

fn escape(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

/// Appends a number as Go's shortest form does: plain from 1e-4 to below 1e6, else with an
/// exponent of at least two digits.
pub(super) fn number(value: f64, out: &mut String) {
    if value.is_nan() {
        return out.push_str("NaN");
    }
    if value.is_infinite() {
        return out.push_str(if value > 0.0 { "+Inf" } else { "-Inf" });
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').expect("this form has an exponent");
    let exponent: i32 = exponent.parse().expect("the exponent is a small number");
    if (-4..6).contains(&exponent) {
        write!(out, "{value}").expect(INFALLIBLE);
    } else {
        let sign = if exponent < 0 { '-' } else { '+' };
        write!(out, "{digits}e{sign}{:02}", exponent.abs()).expect(INFALLIBLE);
    }
}
