//! campana and Alertmanager side by side: the same work, by turns, on one machine.
//!
//! A scenario does its work on every server once a round, one server after the other, so that what
//! disturbs the machine disturbs all of them alike. What counts is the ratio within a round; the
//! page shows its median and its range.

pub mod client;
mod curve;
mod figures;
mod load;
mod page;
mod picture;
mod scenarios;
mod server;

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    path::PathBuf,
    time::{Duration, Instant},
};

pub use self::{
    curve::draw_growth,
    figures::{Figures, Goal, Row},
    page::write_page,
    picture::draw,
    scenarios::{Scenario, find, names},
    server::{Server, Which},
};

/// How a run of scenarios is made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Rounds of every scenario.
    pub rounds: usize,
    /// Sizes outside are left out.
    pub sizes: RangeInclusive<usize>,
    /// The programs, by what they are.
    pub programs: BTreeMap<Which, PathBuf>,
    /// `campana-std` built for small hosts, if that is to be measured, too.
    pub small: Option<PathBuf>,
}

/// A run under way: what was measured so far, and how the user hears of it.
#[derive(Debug)]
pub struct Bench {
    plan: Plan,
    figures: Figures,
    scenario: &'static str,
    began: Instant,
}

impl Bench {
    /// Begins a run.
    pub fn new(plan: Plan) -> Self {
        Self { plan, figures: Figures::default(), scenario: "", began: Instant::now() }
    }

    /// Plays a scenario and returns what it measured.
    ///
    /// # Errors
    /// What a server did not do as it should.
    pub fn play(&mut self, scenario: Scenario) -> Result<Figures, String> {
        self.scenario = scenario.name;
        (scenario.play)(self).map_err(|error| format!("{}: {error}", scenario.name))?;
        Ok(std::mem::take(&mut self.figures))
    }

    /// Does some work on each server, by turns, in every round.
    fn each(
        &mut self,
        what: &str,
        mut work: impl FnMut(&mut Self, Which) -> Result<(), String>,
    ) -> Result<(), String> {
        let rounds = self.plan.rounds;
        let servers: Vec<Which> = self.plan.programs.keys().copied().collect();
        for round in 1..=rounds {
            for &which in &servers {
                self.say(&format!("{what}, round {round} of {rounds}, {which}"));
                work(self, which).map_err(|error| format!("{what}, {which}: {error}"))?;
            }
        }
        Ok(())
    }

    /// Returns whether a size is within the plan.
    fn has_size(&self, size: usize) -> bool {
        self.plan.sizes.contains(&size)
    }

    /// Starts a server with a configuration and flags besides the usual ones.
    fn start(&self, which: Which, config: &str, flags: &[&str]) -> Result<Server, String> {
        Server::start(which, &self.plan.programs[&which], config, flags)
    }

    /// Starts the program for small hosts, when it is the turn of the one that it is a build of.
    fn start_small(&self, which: Which, config: &str) -> Result<Option<Server>, String> {
        let small = self.plan.small.as_ref().filter(|_| which == Which::CampanaStd);
        small.map(|path| Server::start(which, path, config, &[])).transpose()
    }

    /// Notes a figure.
    fn note(&mut self, what: &str, unit: &'static str, goal: Goal, which: Which, value: f64) {
        self.say(&format!("  {what}: {} {unit}", page::short(value)));
        self.figures.note(self.scenario, what, unit, goal, which, value);
    }

    #[allow(clippy::print_stderr, reason = "progress")]
    fn say(&self, text: &str) {
        eprintln!("{:7.1} {}: {text}", self.began.elapsed().as_secs_f64(), self.scenario);
    }
}

/// Returns microseconds for one of so many things.
fn micros_each(seconds: f64, count: usize) -> f64 {
    seconds * 1e6 / count.max(1) as f64
}

/// Returns a value so that a part of all values is not above it; `part` is in percent.
fn percentile(values: &mut [Duration], part: usize) -> Duration {
    values.sort_unstable();
    let place = (values.len() * part / 100).min(values.len().saturating_sub(1));
    values.get(place).copied().unwrap_or_default()
}
