//! The language: what happens when, and what must come of it.
//!
//! ```
//! use campana_tests::scenario::{Scenario, alert, at, firing};
//!
//! let config = "
//! route: {receiver: team, group_wait: 1s}
//! receivers: [{name: team, webhook_configs: [{url: '{{sink}}'}]}]
//! ";
//! let scenario = Scenario::new("a_group_waits")
//!     .config(config)
//!     .at(0.0)
//!     .post([alert("HighLoad").label("instance", "a")])
//!     .expect("default", at(1.0), firing(["HighLoad a"]));
//! assert_eq!(scenario.sinks(), ["default"]);
//! ```

mod alert;
mod expect;
mod step;

use serde_json::Value;

pub use self::{
    alert::{AlertSpec, alert},
    expect::{Expected, Told, Window, alerts_of, at, between, firing, key_of, resolved},
    step::{Behaviour, Matcher, SilenceSpec, Step, Timed, eq, silence},
};

/// Who a step or an expectation is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Audience {
    /// Every driver.
    #[default]
    All,
    /// Our own programs and the simulator.
    Ours,
    /// The original.
    Oracle,
}

impl Audience {
    /// Tells whether a driver is meant.
    pub fn includes(self, oracle: bool) -> bool {
        match self {
            Self::All => true,
            Self::Ours => !oracle,
            Self::Oracle => oracle,
        }
    }
}

/// A test: a configuration, what happens to the program, and what it must tell.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Unique; also the name of the test.
    pub name: &'static str,
    /// YAML; `{{sink}}` and `{{sink:name}}` stand for the URLs of webhook receivers.
    pub config: String,
    /// Flags besides those that every driver sets.
    pub flags: Vec<String>,
    /// What happens, in order of time.
    pub steps: Vec<Timed>,
    /// Every notification that must come; any other fails the test.
    pub expected: Vec<Expected>,
    /// Whether events of level error are part of the plot.
    pub may_log_errors: bool,
    /// Why the original is expected to behave otherwise.
    pub differs_on_oracle: Option<&'static str>,
    /// Why the original cannot play it at all.
    pub skipped_on_oracle: Option<&'static str>,
    /// Why only the simulator can play it.
    pub simulated_only: Option<&'static str>,
    until: Option<f64>,
    now: f64,
    last: Last,
}

/// What [`Scenario::ours`] and its like refer to.
#[derive(Clone, Copy, Debug)]
enum Last {
    Step,
    Expected,
}

impl Scenario {
    /// Begins a scenario.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            config: String::new(),
            flags: Vec::new(),
            steps: Vec::new(),
            expected: Vec::new(),
            may_log_errors: false,
            differs_on_oracle: None,
            skipped_on_oracle: None,
            simulated_only: None,
            until: None,
            now: 0.0,
            last: Last::Step,
        }
    }

    /// Sets the configuration the program starts with.
    pub fn config(mut self, text: impl Into<String>) -> Self {
        self.config = text.into();
        self
    }

    /// Adds a flag, such as `--alerts.per-alertname-limit=1`.
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// Moves to a point of the timeline, in seconds since the program was ready.
    ///
    /// # Panics
    /// When the time goes back.
    pub fn at(mut self, seconds: f64) -> Self {
        assert!(seconds >= self.now, "{}: steps go back to {seconds}", self.name);
        self.now = seconds;
        self
    }

    /// Plays on until this time, to see that nothing more comes.
    pub fn until(mut self, seconds: f64) -> Self {
        self.until = Some(seconds);
        self
    }

    /// Posts alerts, which must be taken.
    pub fn post<const N: usize>(self, alerts: [AlertSpec; N]) -> Self {
        self.step(Step::Post(alerts.to_vec()))
    }

    /// Posts the alerts as ended now.
    pub fn resolve<const N: usize>(self, alerts: [AlertSpec; N]) -> Self {
        self.step(Step::Post(alerts.map(|alert| alert.ends(0.0)).to_vec()))
    }

    /// Creates a silence, or updates the one of the same name.
    pub fn silence(self, silence: SilenceSpec) -> Self {
        self.step(Step::Silence(silence))
    }

    /// Ends the silence of a name.
    pub fn expire_silence(self, name: &'static str) -> Self {
        self.step(Step::ExpireSilence(name))
    }

    /// Changes the configuration file and reloads it, which must succeed.
    pub fn reload(self, text: impl Into<String>) -> Self {
        self.step(Step::Reload { text: text.into(), succeeds: true })
    }

    /// Changes the configuration file and reloads it, which must fail.
    pub fn reload_fails(self, text: impl Into<String>) -> Self {
        self.step(Step::Reload { text: text.into(), succeeds: false })
    }

    /// Changes how a sink answers.
    pub fn sink(self, sink: &'static str, behaviour: Behaviour) -> Self {
        self.step(Step::Behave(sink, behaviour))
    }

    /// Reads a path; the answer must have status 200 and contain the given JSON, see
    /// [`crate::subset`]. `{name}` in strings stands for the id of the silence of that name.
    pub fn get(self, path: &str, json: Value) -> Self {
        self.request("GET", path, "", 200, json)
    }

    /// Makes any request; the answer must have this status and contain the given JSON.
    /// `Value::Null` accepts any body.
    pub fn request(self, method: &str, path: &str, body: &str, status: u16, json: Value) -> Self {
        self.step(Step::Request {
            method: method.to_owned(),
            path: path.to_owned(),
            body: body.to_owned(),
            status,
            json,
        })
    }

    /// Reads `/metrics`; the sample with this name and these labels must have this value.
    pub fn metric(self, sample: &str, value: f64) -> Self {
        self.step(Step::Metric { sample: sample.to_owned(), value })
    }

    /// Ends the program as a service manager does and starts it again.
    pub fn restart(self) -> Self {
        self.step(Step::Restart { clean: true })
    }

    /// Ends the program without a warning and starts it again.
    pub fn kill(self) -> Self {
        self.step(Step::Restart { clean: false })
    }

    /// Expects one notification at a sink.
    pub fn expect(mut self, sink: &'static str, window: Window, told: Told) -> Self {
        self.expected.push(Expected::new(sink, window, told));
        self.last = Last::Expected;
        self
    }

    /// Expects the last named notification at least and at most so often in its window.
    ///
    /// # Panics
    /// When nothing is expected yet.
    pub fn times(mut self, least: usize, most: usize) -> Self {
        let expected = self.expected.last_mut().expect("an expectation comes first");
        (expected.least, expected.most) = (least, most);
        self
    }

    /// Allows events of level error, which else fail the run.
    pub fn may_log_errors(mut self) -> Self {
        self.may_log_errors = true;
        self
    }

    /// The last step or expectation is not for the original.
    pub fn ours(self) -> Self {
        self.audience(Audience::Ours)
    }

    /// The last step or expectation is for the original only.
    pub fn oracle(self) -> Self {
        self.audience(Audience::Oracle)
    }

    /// Says why some expectations are not for everyone.
    pub fn differs_on_oracle(mut self, reason: &'static str) -> Self {
        self.differs_on_oracle = Some(reason);
        self
    }

    /// Says why the original cannot play this.
    pub fn skipped_on_oracle(mut self, reason: &'static str) -> Self {
        self.skipped_on_oracle = Some(reason);
        self
    }

    /// Says why only the simulator can play this.
    pub fn simulated_only(mut self, reason: &'static str) -> Self {
        self.simulated_only = Some(reason);
        self
    }

    /// Returns the names of the sinks that the configurations mention, sorted.
    pub fn sinks(&self) -> Vec<String> {
        let reloads = self.steps.iter().filter_map(|timed| match &timed.step {
            Step::Reload { text, .. } => Some(text.as_str()),
            _ => None,
        });
        let mut names: Vec<String> = std::iter::once(self.config.as_str())
            .chain(reloads)
            .flat_map(|text| text.split("{{sink").skip(1))
            .filter_map(|rest| rest.split_once("}}"))
            .map(|(name, _)| if name.is_empty() { "default" } else { &name[1..] }.to_owned())
            .collect();
        names.sort();
        names.dedup();
        names
    }

    /// Returns when the play ends: as told, or a moment after the last thing that happens.
    pub fn end(&self, oracle: bool) -> f64 {
        let steps = self.steps.iter().map(|timed| timed.at);
        let expected = self.expected.iter().filter(|e| e.audience.includes(oracle));
        let last = steps.chain(expected.map(|e| e.window.to)).fold(0.0, f64::max);
        self.until.unwrap_or(0.0).max(last + 0.5)
    }

    /// Fills the placeholders of a configuration.
    pub fn render(text: &str, url: impl Fn(&str) -> String) -> String {
        let mut pieces = text.split("{{sink");
        let mut out = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let (name, rest) = piece.split_once("}}").expect("a placeholder ends with braces");
            out.push_str(&url(if name.is_empty() { "default" } else { &name[1..] }));
            out.push_str(rest);
        }
        out
    }

    fn step(mut self, step: Step) -> Self {
        self.steps.push(Timed { at: self.now, step, audience: Audience::All });
        self.last = Last::Step;
        self
    }

    fn audience(mut self, audience: Audience) -> Self {
        match self.last {
            Last::Step => self.steps.last_mut().expect("a step comes first").audience = audience,
            Last::Expected => {
                self.expected.last_mut().expect("an expectation comes first").audience = audience;
            }
        }
        self
    }
}
