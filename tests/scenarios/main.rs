//! Every scenario on every driver, as one test each: `sim::name`, `campana::name`,
//! `campana-std::name`, `oracle::name`.
//!
//! Arguments are as for other tests: parts of names, `--exact`, `--list`; `--test-threads=N` says
//! how many play at once, which mostly sleep. The oracle needs the environment variable
//! `CAMPANA_PEERS`, the folder of the real programs.
#![allow(clippy::print_stdout, reason = "it reports as test programs do")]

mod api;
mod failures;
mod grouping;
mod inhibition;
mod intervals;
mod limits;
mod reload;
mod resolving;
mod restart;
mod routing;
mod silences;
mod timing;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use campana_tests::{
    drivers::{PEERS, built_program, peer, process, sim},
    scenario::Scenario,
};

/// Names each scenario by its function.
macro_rules! list {
    ($($name:ident),* $(,)?) => {
        vec![$($name(campana_tests::scenario::Scenario::new(stringify!($name)))),*]
    };
}
use list;

/// Enough to overlap the sleeping, few enough for two cores to stay in time.
const THREADS: usize = 24;
const DRIVERS: [&str; 4] = ["sim", "campana", "campana-std", "oracle"];

fn all() -> Vec<Scenario> {
    let files = [
        api::all(),
        failures::all(),
        grouping::all(),
        inhibition::all(),
        intervals::all(),
        limits::all(),
        reload::all(),
        resolving::all(),
        restart::all(),
        routing::all(),
        silences::all(),
        timing::all(),
    ];
    files.into_iter().flatten().collect()
}

/// One scenario on one driver.
struct Test {
    driver: &'static str,
    scenario: Scenario,
}

impl Test {
    fn name(&self) -> String {
        format!("{}::{}", self.driver, self.scenario.name)
    }

    /// Plays it; `Ok(Some(..))` says why it was not played.
    fn run(&self) -> Result<Option<&'static str>, String> {
        let oracle = self.driver == "oracle";
        let reason = match self.driver {
            "sim" => None,
            "oracle" => self.scenario.skipped_on_oracle.or(self.scenario.simulated_only),
            _ => self.scenario.simulated_only,
        };
        if reason.is_some() {
            return Ok(reason);
        }
        let played = match self.driver {
            "sim" => sim::run(&self.scenario),
            "oracle" => {
                let executable = peer("alertmanager").expect("looked for before");
                process::run(&self.scenario, &executable, oracle)
            }
            program => process::run(&self.scenario, &built_program(program), oracle),
        };
        played.map(|()| None)
    }
}

fn main() -> ExitCode {
    let (mut filters, mut exact, mut listing, mut threads) = (Vec::new(), false, false, THREADS);
    for argument in env::args().skip(1) {
        match argument.as_str() {
            "--exact" => exact = true,
            "--list" => listing = true,
            flag if flag.starts_with("--") => {
                if let Some(count) = flag.strip_prefix("--test-threads=") {
                    threads = count.parse().unwrap_or(THREADS).max(1);
                }
            }
            filter => filters.push(filter.to_owned()),
        }
    }
    let wanted = |name: &str| {
        filters.is_empty()
            || filters
                .iter()
                .any(|filter| if exact { name == filter } else { name.contains(filter) })
    };
    let mut tests: Vec<Test> = DRIVERS
        .into_iter()
        .flat_map(|driver| all().into_iter().map(move |scenario| Test { driver, scenario }))
        .filter(|test| wanted(&test.name()))
        .collect();
    if !listing && peer("alertmanager").is_none() && tests.iter().any(|t| t.driver == "oracle") {
        println!("the oracle is skipped: {PEERS} does not name the folder of the real programs");
        tests.retain(|test| test.driver != "oracle");
    }
    if listing {
        tests.iter().for_each(|test| println!("{}: test", test.name()));
        return ExitCode::SUCCESS;
    }
    run(&tests, threads)
}

fn run(tests: &[Test], threads: usize) -> ExitCode {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let started = Instant::now();
                    let result = catch_unwind(AssertUnwindSafe(|| test.run()))
                        .unwrap_or_else(|_| Err("it panicked".into()));
                    let took = started.elapsed().as_secs_f64();
                    let name = test.name();
                    match result {
                        Ok(None) => println!("test {name} ... ok ({took:.1} s)"),
                        Ok(Some(why)) => println!("test {name} ... skipped: {why}"),
                        Err(why) => {
                            println!("test {name} ... FAILED ({took:.1} s)");
                            failures.lock().expect("not poisoned").push((name, why));
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("not poisoned");
    for (name, why) in &failures {
        println!("\n---- {name}\n{why}");
    }
    let (failed, all) = (failures.len(), tests.len());
    println!("\n{all} scenarios, {failed} failed");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
