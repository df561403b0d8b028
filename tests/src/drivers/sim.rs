//! Plays scenarios in the simulator, on virtual time, to the nanosecond.

use std::time::Duration;

use campana_core::time::Timestamp;
use campana_sim::{HostId, HostSpec, World};
use serde_json::Value;

use crate::{
    judge::{Notice, Tolerance},
    play::{Outcome, Target, play},
    scenario::{Behaviour, Scenario},
};

/// How long a program is down between its end and its new start.
const DOWN: Duration = Duration::from_millis(200);

/// Plays a scenario twice: the outcome must be right, and the runs must be the same.
///
/// # Errors
/// The timeline of what went wrong, with the log, or where the runs differ.
pub fn run(scenario: &Scenario) -> Result<(), String> {
    let first = once(scenario)?;
    let second = once(scenario)?;
    if first.trace().digest() == second.trace().digest() {
        return Ok(());
    }
    let pairs = first.trace().lines().iter().zip(second.trace().lines());
    let differ = pairs.into_iter().find(|(a, b)| a != b);
    Err(format!("two runs of the same seed differ, first here: {differ:?}"))
}

fn once(scenario: &Scenario) -> Result<World, String> {
    let mut world = World::new(1);
    world.keep_trace_lines();
    let mut spec = HostSpec::new(Scenario::render(&scenario.config, url));
    spec.flags = super::EXACT.iter().map(|flag| (*flag).to_owned()).collect();
    spec.flags.extend_from_slice(&scenario.flags);
    let host = world.add_host(spec)?;
    let mut target = Simulated { world, host, sinks: scenario.sinks() };
    match play(scenario, &mut target, false, Tolerance::NONE) {
        Ok(()) => Ok(target.world),
        Err(timeline) => {
            let mut text = format!("{timeline}\nlog:\n");
            for (wall, event) in target.world.log(host) {
                event.write_line(*wall, campana_core::event::Format::Logfmt, &mut text);
                text.truncate(text.trim_end().len());
                text.push('\n');
            }
            Err(text)
        }
    }
}

fn url(sink: &str) -> String {
    format!("http://{sink}/hook")
}

/// A world with one host.
#[derive(Debug)]
struct Simulated {
    world: World,
    host: HostId,
    sinks: Vec<String>,
}

impl Target for Simulated {
    fn advance(&mut self, to: f64) {
        let to = Duration::from_secs_f64(to);
        self.world.run_for(to.saturating_sub(self.world.age()));
    }

    fn now(&self) -> f64 {
        self.world.age().as_secs_f64()
    }

    fn wall(&self) -> Timestamp {
        self.world.wall(self.host)
    }

    fn request(&mut self, method: &str, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>), String> {
        let response = self.world.request(self.host, method, path, body)?;
        Ok((response.status, response.body))
    }

    fn behave(&mut self, sink: &str, behaviour: Behaviour) {
        use campana_sim::Behaviour as Sim;
        let behaviour = match behaviour {
            Behaviour::Answers(status) => Sim::answers(status),
            Behaviour::AnswersAfter(after) => {
                Sim::Answers { status: 200, headers: Vec::new(), after }
            }
            Behaviour::AsksToWait(status, seconds) => Sim::Answers {
                status,
                headers: vec![("retry-after".to_owned(), seconds.to_string())],
                after: Duration::ZERO,
            },
            Behaviour::Hangs => Sim::Hangs,
            Behaviour::Refuses => Sim::Refuses,
        };
        self.world.receivers_mut().behave(sink, behaviour);
    }

    fn write_config(&mut self, text: &str) {
        self.world.write_config(self.host, &Scenario::render(text, url));
    }

    fn restart(&mut self, clean: bool) -> Result<(), String> {
        if clean {
            self.world.stop(self.host)?;
        } else {
            self.world.kill(self.host);
        }
        self.world.run_for(DOWN);
        self.world.start(self.host)
    }

    fn outcome(&mut self) -> Outcome {
        let mut notices = Vec::new();
        for sink in &self.sinks {
            let received = self.world.receivers().received(sink);
            notices.extend(received.iter().map(|received| Notice {
                at: self.world.age_at(received.at).as_secs_f64(),
                sink: sink.clone(),
                body: serde_json::from_slice(&received.body).unwrap_or(Value::Null),
                status: received.status,
            }));
        }
        notices.sort_by(|a, b| a.at.total_cmp(&b.at));
        Outcome { notices, errors: self.world.errors() }
    }
}
