//! `sidebyside`: measures campana beside Alertmanager and writes `BENCHMARKS.md`.
#![allow(clippy::print_stderr, clippy::print_stdout, reason = "a program for the terminal")]

use std::{
    collections::BTreeMap,
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use campana_tests::{
    drivers::{PEERS, built_program, peer},
    sidebyside::{Bench, Figures, Plan, Row, Which, draw, draw_growth, find, names, write_page},
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::Value;

const USAGE: &str = "usage: sidebyside [scenario..] [options]

Measures campana and campana-std beside Alertmanager, whose folder CAMPANA_PEERS names, and writes
BENCHMARKS.md and its pictures in docs/. Scenarios that are not named keep their older figures.
Run it in a release build, on a machine that does nothing else.

options: --rounds N    rounds of each scenario (5)
         --more        add them to those that were made at the same commit
         --size-min N  leave out what is smaller; its older figures stay
         --size-max N  leave out what is larger (1000000); likewise
         --only NAME   measure alertmanager, campana or campana-std alone; may be repeated
         --small FILE  campana-std built for small hosts (.ci/size), for its rows of idle
         --dry         print the page, write nothing
         --page        measure nothing, write the page of the kept figures anew
         --list        name the scenarios";

/// The sizes that are measured unless some are left out.
const SIZES: RangeInclusive<usize> = 0..=1_000_000;

struct Arguments {
    scenarios: Vec<String>,
    rounds: usize,
    sizes: RangeInclusive<usize>,
    only: Vec<Which>,
    small: Option<PathBuf>,
    more: bool,
    dry: bool,
    page: bool,
}

fn main() -> ExitCode {
    match read_arguments().and_then(|arguments| arguments.map_or(Ok(()), |it| run(&it))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sidebyside: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns what is to be done; `None` when everything was said.
fn read_arguments() -> Result<Option<Arguments>, String> {
    let mut arguments = Arguments {
        scenarios: Vec::new(),
        rounds: 5,
        sizes: SIZES,
        only: Vec::new(),
        small: None,
        more: false,
        dry: false,
        page: false,
    };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value\n\n{USAGE}"));
        let number = |text: String| text.parse().map_err(|_| format!("{text:?} is no number"));
        match word.as_str() {
            "--help" | "-h" => {
                println!("{USAGE}");
                return Ok(None);
            }
            "--list" => {
                names().for_each(|name| println!("{name}"));
                return Ok(None);
            }
            "--rounds" => arguments.rounds = number(value()?)?,
            "--size-min" => arguments.sizes = number(value()?)?..=*arguments.sizes.end(),
            "--size-max" => arguments.sizes = *arguments.sizes.start()..=number(value()?)?,
            "--only" => {
                let name = value()?;
                let which = Which::find(&name).ok_or(format!("{name:?} is none of the three"))?;
                arguments.only.push(which);
            }
            "--more" => arguments.more = true,
            "--small" => arguments.small = Some(value()?.into()),
            "--dry" => arguments.dry = true,
            "--page" => arguments.page = true,
            name if find(name).is_some() => arguments.scenarios.push(name.into()),
            _ => return Err(format!("{word:?} is no scenario and no option\n\n{USAGE}")),
        }
    }
    if arguments.more && !arguments.only.is_empty() {
        return Err("--more needs all three programs: a ratio is one within a round".into());
    }
    if arguments.scenarios.is_empty() {
        arguments.scenarios = names().map(str::to_owned).collect();
    }
    Ok(Some(arguments))
}

fn run(arguments: &Arguments) -> Result<(), String> {
    // Servers inherit it, and the sinks keep a connection for each notification under way.
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most })
        .map_err(|e| format!("cannot open many files: {e}"))?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("no folder above tests/")?;
    let kept = root.join("docs/benchmarks.json");
    let mut figures = read_kept(&kept);
    let place = |row: &Row| names().position(|name| name == row.scenario);
    figures.rows.sort_by_key(place);
    if arguments.page {
        return write(root, &kept, &figures);
    }
    let plan = Plan {
        rounds: arguments.rounds,
        sizes: arguments.sizes.clone(),
        programs: programs(&arguments.only)?,
        small: arguments.small.clone(),
    };
    let mut bench = Bench::new(plan);
    for name in &arguments.scenarios {
        let scenario = find(name).ok_or("a scenario that was there is gone")?;
        let new = bench.play(scenario)?;
        match arguments.more {
            true => figures.extend(name, &commit(root), new.rows),
            false => figures.replace(name, &commit(root), new.rows, arguments.sizes != SIZES),
        }
        figures.rows.sort_by_key(place);
        if !arguments.dry {
            write(root, &kept, &figures)?;
        }
    }
    if arguments.dry {
        println!("{}", write_page(&figures, &about(), ""));
    }
    Ok(())
}

fn programs(only: &[Which]) -> Result<BTreeMap<Which, PathBuf>, String> {
    let wanted = |which: &Which| only.is_empty() || only.contains(which);
    let mut programs = BTreeMap::new();
    for which in Which::ALL.into_iter().filter(wanted) {
        let path = match which {
            Which::Alertmanager => peer(which.name())
                .ok_or(format!("{PEERS} names no folder with alertmanager; see README.md"))?,
            _ => built_program(which.name()),
        };
        programs.insert(which, path);
    }
    Ok(programs)
}

fn read_kept(path: &Path) -> Figures {
    let text = fs::read_to_string(path).unwrap_or_default();
    let value: Value = serde_json::from_str(&text).unwrap_or(Value::Null);
    Figures::from_json(&value).unwrap_or_default()
}

fn write(root: &Path, kept: &Path, figures: &Figures) -> Result<(), String> {
    let limits = fs::read_to_string(root.join("docs/benchmark-limits.md")).unwrap_or_default();
    let json = serde_json::to_string_pretty(&figures.to_json()).map_err(|e| e.to_string())?;
    let files = [
        (kept.to_owned(), json + "\n"),
        (root.join("BENCHMARKS.md"), write_page(figures, &about(), &limits)),
        (root.join("docs/benchmarks.svg"), draw(figures)),
        (root.join("docs/growth.svg"), draw_growth(figures)),
    ];
    for (path, text) in files {
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
    }
    Ok(())
}

/// Returns the commit of the working tree, marked if its code is no longer that.
fn commit(root: &Path) -> String {
    let git = |arguments: &[&str]| Command::new("git").current_dir(root).args(arguments).output();
    let head = git(&["rev-parse", "--short", "HEAD"]).map(|output| output.stdout);
    let head = head.map_or("?".into(), |text| String::from_utf8_lossy(&text).trim().to_owned());
    let is_clean = git(&["diff", "--quiet", "HEAD", "--", "*.rs", "*.toml", "*.lock"])
        .is_ok_and(|output| output.status.success());
    if is_clean { head } else { head + " with changes" }
}

/// Returns on what machine it was measured, and beside what.
fn about() -> Vec<(String, String)> {
    let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let line = |text: String, key: &str| {
        let found = text.lines().find_map(|line| line.strip_prefix(key).map(str::to_owned));
        found.unwrap_or_default().trim_start_matches([' ', '\t', ':']).to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let cpu = line(file("/proc/cpuinfo"), "model name");
    vec![
        ("machine".into(), format!("{cores} cores, {cpu}")),
        ("memory".into(), line(file("/proc/meminfo"), "MemTotal")),
        ("Linux".into(), file("/proc/sys/kernel/osrelease").trim().to_owned()),
        ("beside".into(), "Alertmanager 0.33.1 (Debian sid 0.33.1-5)".into()),
    ]
}
