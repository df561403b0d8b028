//! The four kinds of metrics, as plain numbers.

/// A number that only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter(pub u64);

impl Counter {
    /// Adds one.
    pub fn increase(&mut self) {
        self.add(1);
    }

    /// Adds `n`. Stops at the largest number.
    pub fn add(&mut self, n: u64) {
        self.0 = self.0.saturating_add(n);
    }
}

/// A number that goes up and down.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gauge(pub f64);

impl Gauge {
    /// Sets the value from a count.
    pub fn set_count(&mut self, n: u64) {
        self.0 = n as f64;
    }
}

/// The bounds most histograms of durations have, in seconds.
pub const SECONDS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How many observations fell below each of `N` bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Histogram<const N: usize> {
    bounds: &'static [f64; N],
    /// Observations per bound, not cumulated.
    buckets: [u64; N],
    sum: f64,
    count: u64,
}

impl<const N: usize> Histogram<N> {
    /// Makes an empty histogram. The bounds must rise.
    pub const fn new(bounds: &'static [f64; N]) -> Self {
        Self { bounds, buckets: [0; N], sum: 0.0, count: 0 }
    }

    /// Records one observation. What is not a number is ignored.
    pub fn observe(&mut self, value: f64) {
        if value.is_nan() {
            return;
        }
        if let Some(bucket) = self.bounds.iter().position(|&bound| value <= bound) {
            self.buckets[bucket] += 1;
        }
        self.sum += value;
        self.count += 1;
    }

    /// Returns each bound with the number of observations at or below it.
    pub fn cumulated(&self) -> impl Iterator<Item = (f64, u64)> {
        self.bounds.iter().zip(&self.buckets).scan(0, |total, (&bound, &n)| {
            *total += n;
            Some((bound, *total))
        })
    }

    /// Returns the sum and the number of observations.
    pub const fn totals(&self) -> Summary {
        Summary { sum: self.sum, count: self.count }
    }
}

/// The sum and the number of observations.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Summary {
    /// The sum of what was observed.
    pub sum: f64,
    /// How often something was observed.
    pub count: u64,
}

impl Summary {
    /// Records one observation. What is not a number is ignored.
    pub fn observe(&mut self, value: f64) {
        if !value.is_nan() {
            self.sum += value;
            self.count += 1;
        }
    }
}
