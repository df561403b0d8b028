//! `campana-sim`: runs drawn from seeds, one to look at or many to count.

use std::{
    io::{self, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

use campana_core::time::duration;
use campana_sim::{
    membership,
    swarm::{Kinds, Outcome, Plan, Table, run},
};

const USAGE: &str = "\
usage: campana-sim run --seed N [options]      one run, with its timeline when it fails
       campana-sim many --seeds N [options]    many runs, and a table
       campana-sim membership [--nodes N]... [--seeds N] [--jobs N] [--write]
                                               membership against SWIM and Lifeguard

options: --nodes K          hosts in the cluster (one to five, drawn by the seed)
         --duration SPAN    how long faults act (30m)
         --faults LIST      all, none, or some of
                            network,partitions,crashes,clocks,receivers,disks,prometheus,posts
         --timeline         run: show the timeline also when nothing is wrong
         --trace            run: with every packet, log line and file in it
         --from N           many: the first seed (1)
         --within SPAN      many: begin no run after this much real time
         --jobs N           many and membership: runs at the same time (2)
         --write FILE       many: write the table to a file, too
";

/// Where the part of the page begins that other tests fill.
const REAL_CLUSTERS: &str = "\n## Real clusters\n";
/// Every so manieth seed is run twice.
const TWICE_EVERY: u64 = 10;

#[derive(Debug)]
struct Arguments {
    plan: Plan,
    seeds: u64,
    jobs: u64,
    timeline: bool,
    within: Option<Duration>,
    write: Option<String>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let Some((verb, rest)) = words.split_first() else { return usage("say `run` or `many`") };
    if words.iter().any(|word| matches!(word.as_str(), "--help" | "-h" | "help")) {
        // Nothing is left to do when even this cannot be said.
        let _ = writeln!(io::stdout(), "{USAGE}");
        return ExitCode::SUCCESS;
    }
    if verb == "membership" {
        return membership::command(rest)
            .map_or_else(|error| usage(&error), |()| ExitCode::SUCCESS);
    }
    let arguments = match read(rest) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error),
    };
    let result = match verb.as_str() {
        "run" => run_one(&arguments),
        "many" => run_many(&arguments),
        _ => return usage(&format!("unknown command {verb:?}")),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => usage(&error.to_string()),
    }
}

fn usage(error: &str) -> ExitCode {
    // Nothing is left to do when even this cannot be said.
    let _ = writeln!(io::stderr(), "campana-sim: {error}\n\n{USAGE}");
    ExitCode::from(2)
}

fn read(words: &[String]) -> Result<Arguments, String> {
    let plan = Plan {
        seed: 1,
        nodes: None,
        duration: Duration::from_secs(1800),
        faults: Kinds::ALL,
        traces: false,
    };
    let mut arguments =
        Arguments { plan, seeds: 100, jobs: 2, timeline: false, within: None, write: None };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--timeline" || word == "--trace" {
            arguments.timeline = true;
            arguments.plan.traces |= word == "--trace";
            continue;
        }
        let value = words.next().ok_or_else(|| format!("{word} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{word}: {value:?} is no number"));
        match word.as_str() {
            "--seed" | "--from" => arguments.plan.seed = number()?,
            "--seeds" => arguments.seeds = number()?,
            "--jobs" => arguments.jobs = number()?.max(1),
            "--nodes" => match number()? {
                nodes @ 1..=1000 => arguments.plan.nodes = Some(nodes as u32),
                _ => return Err("--nodes must be between 1 and 1000".into()),
            },
            "--duration" => arguments.plan.duration = span(value)?,
            "--faults" => arguments.plan.faults = Kinds::read(value)?,
            "--within" => arguments.within = Some(span(value)?),
            "--write" => arguments.write = Some(value.clone()),
            _ => return Err(format!("unknown option {word:?}")),
        }
    }
    Ok(arguments)
}

fn span(text: &str) -> Result<Duration, String> {
    duration::parse_prometheus(text).map_err(|e| format!("{text}: {e}"))
}

/// Runs a plan; a panic is a problem like any other.
fn attempt(plan: Plan) -> Result<Outcome, String> {
    catch_unwind(AssertUnwindSafe(|| run(plan))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("PANIC: {}", text.unwrap_or_default()))
    })
}

fn run_one(arguments: &Arguments) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    let outcome = match attempt(arguments.plan) {
        Ok(outcome) => outcome,
        Err(error) => {
            writeln!(out, "seed {}: {error}", arguments.plan.seed)?;
            return Ok(false);
        }
    };
    let again = attempt(arguments.plan).map(|again| again.digest);
    let is_same = again == Ok(outcome.digest);
    let is_good = outcome.findings.problems.is_empty() && is_same;
    if !is_good || arguments.timeline {
        for line in &outcome.timeline {
            writeln!(out, "{line}")?;
        }
    }
    writeln!(out, "seed {}, trace {:016x}, {:?}", outcome.plan.seed, outcome.digest, outcome.mix)?;
    if !is_same {
        writeln!(out, "PROBLEM: the second run of this seed differs: {again:?}")?;
    }
    for problem in &outcome.findings.problems {
        writeln!(out, "PROBLEM: {problem}")?;
    }
    let findings = &outcome.findings;
    writeln!(
        out,
        "{} notifications, {} owed, {} lost, duplicates {:?}, flaps {:?}, agreed after {:?}",
        findings.told,
        findings.owed,
        findings.lost,
        findings.duplicates,
        findings.flaps,
        outcome.agreed_after
    )?;
    Ok(is_good)
}

fn run_many(arguments: &Arguments) -> io::Result<bool> {
    let began = std::time::Instant::now();
    let first = arguments.plan.seed;
    let next = AtomicU64::new(0);
    let table = Mutex::new(Table::default());
    thread::scope(|scope| {
        for _ in 0..arguments.jobs {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let is_late = arguments.within.is_some_and(|span| began.elapsed() > span);
                    if is_late || number >= arguments.seeds {
                        return;
                    }
                    one_of_many(arguments, first + number, &table, began);
                }
            });
        }
    });
    let table = table.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut text = format!(
        "Seeds {first} to {}, {}, faults ({}) for {} s of each run.\n\n",
        first + table.runs as u64 - 1,
        match arguments.plan.nodes {
            Some(nodes) => format!("{nodes} nodes"),
            None => "one to five nodes".to_owned(),
        },
        arguments.plan.faults,
        arguments.plan.duration.as_secs()
    );
    text += &table.write(began.elapsed());
    let mut out = io::stdout().lock();
    writeln!(out, "\n{text}")?;
    for (seed, problem) in &table.failed {
        writeln!(out, "seed {seed}: {problem}")?;
    }
    if let Some(file) = &arguments.write {
        // What real clusters showed is not ours to write.
        let old = std::fs::read_to_string(file).unwrap_or_default();
        let kept = old.find(REAL_CLUSTERS).map_or("", |place| &old[place..]);
        std::fs::write(file, results(arguments, &text, &table) + kept)?;
    }
    Ok(table.failed.is_empty())
}

fn one_of_many(arguments: &Arguments, seed: u64, table: &Mutex<Table>, began: std::time::Instant) {
    let plan = Plan { seed, ..arguments.plan };
    let outcome = attempt(plan);
    let is_twice = seed.is_multiple_of(TWICE_EVERY);
    let again = is_twice.then(|| attempt(plan).map(|again| again.digest));
    let mut table = table.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match outcome {
        Ok(mut outcome) => {
            match again {
                Some(again) if again != Ok(outcome.digest) => {
                    outcome.findings.problems.insert(0, "TWO RUNS DIFFER".to_owned());
                }
                Some(_) => table.same_twice += 1,
                None => {}
            }
            table.add(&outcome);
        }
        Err(error) => table.add_broken(seed, error),
    }
    if table.runs.is_multiple_of(100) {
        let (runs, failed) = (table.runs, table.failed.len());
        let after = began.elapsed().as_secs();
        // Progress that nobody reads is no failure.
        let _ = writeln!(io::stderr(), "{runs} runs after {after} s, {failed} with a problem");
    }
}

/// Writes the page of results.
fn results(arguments: &Arguments, text: &str, table: &Table) -> String {
    let mut page = format!(
        "# Results of the simulator\n\n\
         Written by `cargo run --release -p campana-sim -- many --seeds {} --from {}{} \
         --duration {}s --faults {} --write sim/RESULTS.md`. Membership alone is measured in \
         [MEMBERSHIP.md](MEMBERSHIP.md).\n\n{text}",
        table.runs,
        arguments.plan.seed,
        arguments.plan.nodes.map(|nodes| format!(" --nodes {nodes}")).unwrap_or_default(),
        arguments.plan.duration.as_secs(),
        arguments.plan.faults
    );
    if !table.failed.is_empty() {
        page += "\n## Runs with a problem\n\n";
        for (seed, problem) in &table.failed {
            let first = problem.lines().next().unwrap_or_default();
            page += &format!("- seed {seed}: {first}\n");
        }
    }
    page
}
