//! Plays scenarios on a real program, in real time.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use campana_core::time::Timestamp;
use serde_json::Value;
use tempfile::TempDir;

use super::Program;
use crate::{
    judge::{Notice, Tolerance},
    play::{Outcome, Target, play},
    scenario::{Behaviour, Scenario},
    sink::Sink,
};

/// A loaded machine is late by this much now and then; scenarios leave more room between events.
/// Early is only what the clocks' reading costs.
pub const TOLERANCE: Tolerance = Tolerance { early: 0.05, late: 0.4 };

/// Plays a scenario on an executable.
///
/// # Errors
/// The timeline of what went wrong, with the program's log.
pub fn run(scenario: &Scenario, executable: &Path, oracle: bool) -> Result<(), String> {
    let mut target = Process::start(scenario, executable)?;
    play(scenario, &mut target, oracle, TOLERANCE)
        .map_err(|timeline| format!("{timeline}\nlog:\n{}\n", target.log().join("\n")))
}

/// A program with its files and its sinks.
#[derive(Debug)]
struct Process {
    executable: PathBuf,
    flags: Vec<String>,
    folder: TempDir,
    sinks: BTreeMap<String, Sink>,
    program: Program,
    earlier_log: Vec<String>,
    started: Instant,
}

impl Process {
    fn start(scenario: &Scenario, executable: &Path) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let open = |name: String| Sink::open().map(|sink| (name, sink));
        let sinks = scenario.sinks().into_iter().map(open).collect::<Result<BTreeMap<_, _>, _>>();
        let sinks = sinks.map_err(|e| e.to_string())?;
        write_config(folder.path(), &sinks, &scenario.config);
        let is_campana = !executable.ends_with("alertmanager");
        let exact = super::EXACT.iter().filter(|_| is_campana).map(|flag| (*flag).to_owned());
        let flags: Vec<String> = exact.chain(scenario.flags.iter().cloned()).collect();
        let program = start(executable, folder.path(), &flags)?;
        let executable = executable.to_owned();
        let (earlier_log, started) = (Vec::new(), Instant::now());
        Ok(Self { executable, flags, folder, sinks, program, earlier_log, started })
    }

    fn log(&self) -> Vec<String> {
        let mut log = self.earlier_log.clone();
        log.extend(self.program.log());
        log
    }
}

impl Target for Process {
    fn advance(&mut self, to: f64) {
        let until = self.started + Duration::from_secs_f64(to);
        thread::sleep(until.saturating_duration_since(Instant::now()));
    }

    fn now(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
        Timestamp::from_parts(since.as_secs() as i64, since.subsec_nanos())
    }

    fn request(&mut self, method: &str, path: &str, body: &[u8]) -> Result<(u16, Vec<u8>), String> {
        let answer = self.program.request(method, path, body).map_err(|e| e.to_string())?;
        Ok((answer.status, answer.body))
    }

    fn behave(&mut self, sink: &str, behaviour: Behaviour) {
        self.sinks[sink].behave(behaviour);
    }

    fn write_config(&mut self, text: &str) {
        write_config(self.folder.path(), &self.sinks, text);
    }

    fn restart(&mut self, clean: bool) -> Result<(), String> {
        if clean {
            let code = self.program.stop()?;
            if code != 0 {
                return Err(format!("exit code {code}"));
            }
        } else {
            self.program.kill();
        }
        self.earlier_log.extend(self.program.log());
        self.program = start(&self.executable, self.folder.path(), &self.flags)?;
        Ok(())
    }

    fn outcome(&mut self) -> Outcome {
        let mut notices = Vec::new();
        for (name, sink) in &self.sinks {
            notices.extend(sink.received().into_iter().map(|received| Notice {
                at: received.at.saturating_duration_since(self.started).as_secs_f64(),
                sink: name.clone(),
                body: serde_json::from_slice(&received.body).unwrap_or(Value::Null),
                status: received.status,
            }));
        }
        notices.sort_by(|a, b| a.at.total_cmp(&b.at));
        let errors = self.log().into_iter().filter(|line| line.contains("level=ERROR")).collect();
        Outcome { notices, errors }
    }
}

fn start(executable: &Path, folder: &Path, flags: &[String]) -> Result<Program, String> {
    Program::start(executable, &folder.join("config.yml"), &folder.join("data"), flags)
}

fn write_config(folder: &Path, sinks: &BTreeMap<String, Sink>, text: &str) {
    let text = Scenario::render(text, |name| sinks[name].url());
    fs::write(folder.join("config.yml"), text).expect("the folder is ours");
}
