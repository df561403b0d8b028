//! `campana-sim membership`.

use std::{
    fs,
    io::{self, Write as _},
    path::Path,
    time::Instant,
};

use super::{Plan, report};

const USAGE: &str = "usage: campana-sim membership [--nodes N]... [--seeds N] [--jobs N] [--write]";

/// Measures membership as the words of a command line ask, and prints the tables or writes them to
/// `sim/MEMBERSHIP.md` of the sources. Progress goes to the error output.
///
/// # Errors
/// What is wrong with the words, or what went wrong, in words.
pub fn command(words: &[String]) -> Result<(), String> {
    let mut args = words.iter();
    let mut plan = Plan { sizes: Vec::new(), ..Plan::default() };
    let mut writes = false;
    while let Some(arg) = args.next() {
        let mut number = || args.next().and_then(|n| n.parse::<u64>().ok()).ok_or(USAGE);
        match arg.as_str() {
            "--nodes" => plan.sizes.push(number()?.clamp(2, 10_000) as usize),
            "--seeds" => plan.seeds = number()?,
            "--jobs" => plan.side_by_side = number()? > 1,
            "--write" => writes = true,
            _ => return Err(USAGE.into()),
        }
    }
    if plan.sizes.is_empty() {
        plan.sizes = Plan::default().sizes;
    }
    let began = Instant::now();
    let progress = |text: &str| {
        let _ = writeln!(io::stderr(), "{text}");
    };
    let text = report(&plan, progress, || began.elapsed()).map_err(|error| error.to_string())?;
    if writes {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("MEMBERSHIP.md");
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    } else {
        io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string())
    }
}
