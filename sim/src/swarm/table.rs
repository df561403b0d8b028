//! What many runs showed, in one table.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use super::{Cause, Outcome};

/// The sum of many runs.
#[derive(Clone, Debug, Default)]
pub struct Table {
    /// Runs.
    pub runs: usize,
    /// Seeds whose runs had problems, with the first one.
    pub failed: BTreeMap<u64, String>,
    /// Runs that were made twice and were the same.
    pub same_twice: usize,
    told: usize,
    owed: usize,
    lost: usize,
    early_ends: usize,
    duplicates: BTreeMap<Cause, usize>,
    flaps: BTreeMap<Cause, usize>,
    virtual_time: Duration,
    agreed_after: Vec<Duration>,
    bytes_per_second: Vec<f64>,
}

impl Table {
    /// Adds a run.
    pub fn add(&mut self, outcome: &Outcome) {
        let findings = &outcome.findings;
        self.runs += 1;
        self.told += findings.told;
        self.owed += findings.owed;
        self.lost += findings.lost;
        self.early_ends += findings.early_ends;
        for (sum, counts) in
            [(&mut self.duplicates, &findings.duplicates), (&mut self.flaps, &findings.flaps)]
        {
            for (cause, count) in counts {
                *sum.entry(*cause).or_default() += count;
            }
        }
        self.virtual_time += outcome.virtual_time;
        self.agreed_after.extend(outcome.agreed_after);
        self.bytes_per_second.push(outcome.bytes_per_second);
        if let Some(problem) = findings.problems.first() {
            self.failed.insert(outcome.plan.seed, problem.clone());
        }
    }

    /// Adds a run that ended with a panic or did not begin.
    pub fn add_broken(&mut self, seed: u64, problem: String) {
        self.runs += 1;
        self.failed.insert(seed, problem);
    }

    /// Writes the table as Markdown. `real` is how long the runs took.
    pub fn write(&self, real: Duration) -> String {
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            writeln!(text, "| {name} | {value} |").expect("a string takes everything");
        };
        row("what", "value".to_owned());
        row("---", "---:".to_owned());
        row("runs", self.runs.to_string());
        row("runs made twice, with the same trace", self.same_twice.to_string());
        row("runs with a problem", self.failed.len().to_string());
        row("virtual hours", format!("{:.0}", self.virtual_time.as_secs_f64() / 3600.0));
        row("times faster than real time", {
            format!("{:.0}", self.virtual_time.as_secs_f64() / real.as_secs_f64().max(1e-9))
        });
        row("notifications", self.told.to_string());
        row("fires that had to be told", self.owed.to_string());
        row("of these lost", self.lost.to_string());
        let kinds = [("duplicates", &self.duplicates), ("flaps", &self.flaps)];
        for (name, counts) in kinds {
            row(name, counts.values().sum::<usize>().to_string());
            for cause in Cause::ALL {
                let count = counts.get(&cause).copied().unwrap_or_default();
                row(&format!("{name}: {}", cause.as_str()), count.to_string());
            }
        }
        row(
            "told as over while firing (clocks, restarts, lost posts)",
            self.early_ends.to_string(),
        );
        let mut agreed = self.agreed_after.clone();
        agreed.sort();
        for (name, part) in [("median", 50), ("99 %", 99), ("longest", 100)] {
            let place = (agreed.len() * part / 100).min(agreed.len().saturating_sub(1));
            let after = agreed.get(place).map_or(0.0, Duration::as_secs_f64);
            row(&format!("agreement after healing, {name}"), format!("{after:.0} s"));
        }
        let bytes = self.bytes_per_second.iter().sum::<f64>();
        let mean = bytes / self.bytes_per_second.len().max(1) as f64;
        row("gossip bytes per host and second", format!("{mean:.0}"));
        text
    }
}
