//! Compares what came with what was expected, and shows both on one timeline.

use std::fmt::Write as _;

use serde_json::Value;

use crate::scenario::{Expected, alerts_of};

/// A notification that reached a sink.
#[derive(Clone, Debug, PartialEq)]
pub struct Notice {
    /// Seconds on the scenario's timeline.
    pub at: f64,
    /// Where.
    pub sink: String,
    /// The webhook's JSON.
    pub body: Value,
    /// The status it was answered with; 0 for none.
    pub status: u16,
}

/// How far from its time a notification may come, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Tolerance {
    /// Too soon by so much.
    pub early: f64,
    /// Too late by so much.
    pub late: f64,
}

impl Tolerance {
    /// Less than any difference that a scenario means: rounding of decimal seconds.
    pub const NONE: Self = Self { early: 1e-6, late: 1e-6 };

    fn admits(self, expected: &Expected, notice: &Notice) -> bool {
        let window = expected.window;
        (window.from - self.early..=window.to + self.late).contains(&notice.at)
    }
}

/// What a step of the play did, for the timeline.
#[derive(Clone, Debug)]
pub struct Done {
    /// Seconds on the scenario's timeline.
    pub at: f64,
    /// What was done.
    pub text: String,
    /// What was wrong with the outcome.
    pub failure: Option<String>,
}

/// Returns the timeline, marked where something is wrong, unless all is as expected.
///
/// # Errors
/// The marked timeline.
pub fn judge(
    done: &[Done],
    expected: &[&Expected],
    notices: &[Notice],
    tolerance: Tolerance,
) -> Result<(), String> {
    let mut counts = vec![0; expected.len()];
    let mut taken_by: Vec<Option<usize>> = Vec::with_capacity(notices.len());
    for notice in notices {
        let fits = |(i, e): &(usize, &&Expected)| {
            counts[*i] < e.most
                && e.sink == notice.sink
                && tolerance.admits(e, notice)
                && e.told.difference(&notice.body).is_none()
        };
        let candidates = expected.iter().enumerate().filter(fits);
        let first = candidates.min_by(|(_, a), (_, b)| a.window.to.total_cmp(&b.window.to));
        let taken = first.map(|(i, _)| i);
        if let Some(i) = taken {
            counts[i] += 1;
        }
        taken_by.push(taken);
    }
    let missing = expected.iter().zip(&counts).any(|(e, count)| *count < e.least);
    let failed = done.iter().any(|done| done.failure.is_some());
    if !missing && !failed && taken_by.iter().all(Option::is_some) {
        return Ok(());
    }
    let mut lines = Vec::new();
    for done in done {
        let note = done.failure.as_ref().map(|why| format!("   <-- FAILED: {why}"));
        lines.push((done.at, 0, format!("do      {}{}", done.text, note.unwrap_or_default())));
    }
    for (e, count) in expected.iter().zip(&counts) {
        let note = match (*count < e.least, e.least) {
            (false, _) => String::new(),
            (true, 1) => "   <-- MISSING".to_owned(),
            (true, least) => format!("   <-- CAME {count} TIMES INSTEAD OF {least}"),
        };
        let text = format!("expect  {}: {} {}{note}", e.sink, e.told, e.window);
        lines.push((e.window.from, 1, text));
    }
    for (notice, taken) in notices.iter().zip(&taken_by) {
        let note = match taken {
            Some(_) => String::new(),
            None => format!("   <-- UNEXPECTED: {}", why_not(notice, expected, &counts, tolerance)),
        };
        let (alerts, reason) = (alerts_of(&notice.body), &notice.body["notification_reason"]);
        let (sink, group) = (&notice.sink, &notice.body["groupKey"]);
        let status = notice.status;
        let text = format!("came    {sink}: {alerts} {reason} {group} -> {status}{note}");
        lines.push((notice.at, 2, text));
    }
    lines.sort_by(|a, b| (a.0, a.1).partial_cmp(&(b.0, b.1)).expect("times are numbers"));
    let mut out = String::new();
    for (at, _, text) in lines {
        writeln!(out, "{at:9.3}  {text}").expect("strings take everything");
    }
    Err(out)
}

/// Explains what keeps a notification from the expectation nearest in time.
fn why_not(
    notice: &Notice,
    expected: &[&Expected],
    counts: &[usize],
    tolerance: Tolerance,
) -> String {
    let distance = |e: &Expected| (e.window.from - notice.at).max(notice.at - e.window.to).max(0.0);
    let same_sink = expected.iter().zip(counts).filter(|(e, _)| e.sink == notice.sink);
    let nearest = same_sink.min_by(|(a, _), (b, _)| distance(a).total_cmp(&distance(b)));
    let Some((nearest, count)) = nearest else { return "nothing is expected here".into() };
    match nearest.told.difference(&notice.body) {
        _ if *count >= nearest.most => format!("the one expected {} has come", nearest.window),
        Some(difference) => format!("{difference} than expected {}", nearest.window),
        None if tolerance.admits(nearest, notice) => "too many".into(),
        None => format!("{:.3} s off", distance(nearest)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scenario::{Scenario, at, between, firing};

    fn notice(at: f64, names: &[&str]) -> Notice {
        let alert = |name: &&str| json!({"status": "firing", "labels": {"alertname": name}});
        let alerts: Vec<Value> = names.iter().map(alert).collect();
        Notice { at, sink: "default".into(), body: json!({"alerts": alerts}), status: 200 }
    }

    fn verdict(scenario: &Scenario, notices: &[Notice]) -> Result<(), String> {
        let expected: Vec<&Expected> = scenario.expected.iter().collect();
        judge(&[], &expected, notices, Tolerance { early: 0.0, late: 0.2 })
    }

    #[test]
    fn everything_must_be_accounted_for() {
        let scenario = Scenario::new("s")
            .expect("default", at(1.0), firing(["A"]))
            .expect("default", between(2.0, 3.0), firing(["A", "B"]))
            .times(1, 2);
        let good = [notice(1.1, &["A"]), notice(2.0, &["B", "A"]), notice(2.5, &["A", "B"])];
        assert_eq!(verdict(&scenario, &good), Ok(()));
        assert_eq!(verdict(&scenario, &good[..2]), Ok(()));
        let text = verdict(&scenario, &good[..1]).expect_err("one is missing");
        assert!(text.contains("MISSING"), "{text}");
        let late = [notice(1.4, &["A"]), notice(2.0, &["B", "A"])];
        let text = verdict(&scenario, &late).expect_err("one is late");
        assert!(text.contains("UNEXPECTED: 0.400 s off"), "{text}");
    }
}
