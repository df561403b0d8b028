//! Counts what operations cost, and compares that with their budgets.
//!
//! `counts` compares; `counts --write` writes the budgets anew; `counts --show NAME...` prints the
//! counts of some operations, each divided by how often it is done. `counts --do NAME` is how it
//! runs itself under callgrind, which counts the instructions inside of [`measured`].

#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a program for the terminal")]

use std::{
    alloc::System,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    thread,
};

use campana_counts::{
    operations::{OPERATIONS, Operation},
    table::{self, Counts, Row},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// What callgrind counts in: a function of this program that is not inlined, see [`measured`].
const COUNTED: &str = "*counts::measured*";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args[..] {
        [] => check(),
        ["--write"] => write(),
        ["--show", ref names @ ..] => show(names),
        ["--do", name] => perform(name),
        _ => Err("usage: counts [--write | --show NAME...]".into()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("counts: {error}");
            ExitCode::FAILURE
        }
    }
}

fn budget_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("budget.txt")
}

fn check() -> Result<(), String> {
    let path = budget_file();
    let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
    let budgets = table::read(&text).map_err(|e| format!("{}: {e}", path.display()))?;
    let made_by = comments();
    let same = |comment: &String| text.lines().any(|line| line.trim_start_matches("# ") == comment);
    if cfg!(not(target_arch = "x86_64")) {
        println!("notice: the budgets are those of x86_64; nothing is compared");
        return Ok(());
    }
    let measured = measure_all(&OPERATIONS)?;
    print!("{}", table::write(&measured, &made_by));
    let findings = table::compare(&measured, &budgets);
    for hint in &findings.hints {
        println!("lower the budget (counts --write): {hint}");
    }
    for failure in &findings.failures {
        println!("over the budget: {failure}");
    }
    if let Some(other) = made_by.iter().find(|comment| !same(comment)) {
        println!("notice: here is {other}, the budgets were written with another");
    }
    match findings.failures.len() {
        0 => Ok(()),
        n => Err(format!("{n} figures are over their budgets, which are in {}", path.display())),
    }
}

fn write() -> Result<(), String> {
    let path = budget_file();
    let text = table::write(&measure_all(&OPERATIONS)?, &comments());
    fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
}

fn show(names: &[&str]) -> Result<(), String> {
    let chosen = |operation: &&Operation| {
        names.is_empty() || names.iter().any(|name| operation.name.contains(name))
    };
    let operations: Vec<Operation> = OPERATIONS.iter().filter(chosen).copied().collect();
    for Row { name, times, counts } in measure_all(&operations)? {
        let each = |figure: u64| figure as f64 / times as f64;
        let instructions = each(counts.instructions);
        let (allocations, bytes) = (each(counts.allocations), each(counts.bytes));
        println!("{name:<28} {instructions:>12.0} {allocations:>9.2} {bytes:>10.0}");
    }
    Ok(())
}

/// Returns what the counts depend on beside the sources.
fn comments() -> Vec<String> {
    let rustc = Command::new("rustc").arg("--version").output();
    let version = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    vec![version.unwrap_or_else(|_| "rustc unknown".into())]
}

/// Measures operations, two at a time.
fn measure_all(operations: &[Operation]) -> Result<Vec<Row>, String> {
    let half = operations.len().div_ceil(2);
    let (left, right) = operations.split_at(half);
    let all = |part: &[Operation]| part.iter().map(measure).collect::<Result<Vec<Row>, String>>();
    thread::scope(|scope| {
        let other = scope.spawn(|| all(right));
        let mut rows = all(left)?;
        rows.extend(other.join().map_err(|_| "a measurement panicked")??);
        Ok(rows)
    })
}

/// Runs one operation in a process of its own.
fn measure(operation: &Operation) -> Result<Row, String> {
    let name = operation.name;
    let own = std::env::current_exe().map_err(|e| e.to_string())?;
    let file = own.with_file_name(format!("counts-{}-{name}.callgrind", std::process::id()));
    // The environment and its length are part of what a process is given; all get none.
    let output = Command::new("valgrind")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .args(["--tool=callgrind", "--error-exitcode=9", "--collect-atstart=no"])
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(own)
        .args(["--do", name])
        .output()
        .map_err(|e| format!("valgrind: {e} (it is a package of that name)"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let profile = fs::read_to_string(&file).unwrap_or_default();
    fs::remove_file(&file).ok();
    let figures: Vec<u64> = said.split_whitespace().filter_map(|n| n.parse().ok()).collect();
    let instructions = instructions(&profile);
    match (&figures[..], instructions) {
        (&[allocations, bytes], Some(instructions)) if output.status.success() => Ok(Row {
            name: name.into(),
            times: operation.times,
            counts: Counts { instructions, allocations, bytes },
        }),
        _ => Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr))),
    }
}

/// Returns the sum of a profile of callgrind.
fn instructions(profile: &str) -> Option<u64> {
    let totals = profile.lines().find_map(|line| line.strip_prefix("totals:"))?;
    totals.trim().parse().ok().filter(|&count| count > 0)
}

/// Does an operation and prints its allocations and their bytes.
fn perform(name: &str) -> Result<(), String> {
    let operation = OPERATIONS.iter().find(|operation| operation.name == name);
    let operation = operation.ok_or_else(|| format!("there is no operation {name}"))?;
    let mut run = (operation.prepare)();
    let region = Region::new(ALLOCATOR);
    measured(&mut *run);
    let stats = region.change();
    println!("{} {}", stats.allocations + stats.reallocations, stats.bytes_allocated);
    Ok(())
}

/// Does what is counted.
#[inline(never)]
fn measured(run: &mut dyn FnMut()) {
    run();
}
