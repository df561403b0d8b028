//! The tables of `MEMBERSHIP.md`.

use std::{fmt::Write as _, time::Duration};

use super::{Crash, Errors, Fault, Life, Unfinished, err, formula, live};

/// What to measure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Sizes of clusters.
    pub sizes: Vec<usize>,
    /// Seeds of clusters up to 10 members; above, a fifth of it, a tenth with faults, and from 500
    /// members on a fiftieth; at least one.
    pub seeds: u64,
    /// Whether plain SWIM and Lifeguard are measured side by side, on two cores.
    pub side_by_side: bool,
}

impl Default for Plan {
    fn default() -> Self {
        Self { sizes: vec![3, 10, 100, 1000], seeds: 50, side_by_side: true }
    }
}

impl Plan {
    fn seeds(&self, n: usize) -> u64 {
        let part = match n {
            0..=10 => 1,
            11..500 => 5,
            _ => 50,
        };
        (self.seeds / part).max(1)
    }

    /// Returns the words of the command line that ask for this plan, beyond the defaults.
    fn options(&self) -> String {
        let default = Self::default();
        let mut options = String::new();
        if self.sizes != default.sizes {
            options.extend(self.sizes.iter().map(|n| format!(" --nodes {n}")));
        }
        if self.seeds != default.seeds {
            options += &format!(" --seeds {}", self.seeds);
        }
        options
    }

    fn seeds_with_faults(&self, n: usize) -> u64 {
        let part = match n {
            0..=10 => 1,
            11..=FAULTY_LONG_MAX => 10,
            _ => 50,
        };
        (self.seeds / part).max(1)
    }
}

/// How long faulty members are watched.
const FAULT_SPAN: Duration = Duration::from_secs(300);
/// Clusters above this size are watched with one fault only, and for [`FAULT_SPAN_SHORT`]: with a
/// thousand members that takes half an hour.
const FAULTY_LONG_MAX: usize = 500;
const FAULT_SPAN_SHORT: Duration = Duration::from_secs(60);
/// Who uses what, in the tables' order.
const ARMS: [(bool, &str); 2] = [(false, "SWIM"), (true, "Lifeguard")];

const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// The faults that are tried, and their names.
const FAULTS: [(&str, Fault); 5] = [
    ("blocked 4 s of 5 s", Fault::Blocked { stopped: secs(4), running: secs(1) }),
    ("blocked 16 s of 18 s", Fault::Blocked { stopped: secs(16), running: secs(2) }),
    ("blocked 32 s of 34 s", Fault::Blocked { stopped: secs(32), running: secs(2) }),
    ("paused 16 s of 18 s", Fault::Paused { stopped: secs(16), running: secs(2) }),
    ("40 % of packets lost", Fault::Lossy { permille: 400 }),
];

/// Measures everything and returns it as Markdown. `progress` is told what is done; `clock` tells
/// how much real time has passed.
///
/// # Errors
/// A measurement did not come to an end.
pub fn report(
    plan: &Plan,
    mut progress: impl FnMut(&str),
    clock: impl Fn() -> Duration + Sync,
) -> Result<String, Unfinished> {
    let mut lives = Vec::new();
    let mut speeds = Vec::new();
    for &n in &plan.sizes {
        let crashes = if n < 100 { 3 } else { 5 };
        let run = |lifeguard| {
            let began = clock();
            let lives = (0..plan.seeds(n)).map(|seed| live(n, seed, lifeguard, crashes));
            let lives: Result<Vec<Life>, Unfinished> = lives.collect();
            (lives, clock().saturating_sub(began))
        };
        for ((lifeguard, arm), (all, real)) in ARMS.into_iter().zip(both(plan, run)) {
            let all = all?;
            let took: Duration = all.iter().map(|life| life.took).sum();
            progress(&format!("{n} members, {arm}: {took:.0?} virtual in {real:.1?}"));
            speeds.push((n, arm, took, real));
            lives.push((n, lifeguard, all));
        }
    }
    let mut errors = Vec::new();
    for &n in &plan.sizes {
        let (faults, span) = match n {
            ..=FAULTY_LONG_MAX => (&FAULTS[..], FAULT_SPAN),
            _ => (&FAULTS[1..2], FAULT_SPAN_SHORT),
        };
        for &(name, fault) in faults {
            let run = |lifeguard| {
                let mut sum = Errors::default();
                for seed in 0..plan.seeds_with_faults(n) {
                    sum.add(err(n, seed, lifeguard, faulty(n), fault, span)?);
                }
                Ok(sum)
            };
            for ((_, arm), sum) in ARMS.into_iter().zip(both(plan, run)) {
                let sum: Errors = sum?;
                progress(&format!("{n} members, {arm}, {name}: {} verdicts", sum.verdicts));
                errors.push((n, name, arm, sum));
            }
        }
    }
    let mut out = HEAD.replace("{options}", &plan.options());
    detection(&mut out, &lives);
    convergence(&mut out, &lives);
    at_rest(&mut out, &lives);
    mistakes(&mut out, plan, &errors);
    speed(&mut out, &speeds);
    Ok(out)
}

/// Runs plain SWIM and Lifeguard.
fn both<T: Send>(plan: &Plan, run: impl Fn(bool) -> T + Sync) -> [T; 2] {
    if !plan.side_by_side {
        return [run(false), run(true)];
    }
    std::thread::scope(|scope| {
        let swim = scope.spawn(|| run(false));
        let lifeguard = run(true);
        [swim.join().expect("a panic there is one here"), lifeguard]
    })
}

fn faulty(n: usize) -> usize {
    (n / 10).max(1)
}

type Lives = [(usize, bool, Vec<Life>)];

fn arm(lifeguard: bool) -> &'static str {
    if lifeguard { ARMS[1].1 } else { ARMS[0].1 }
}

fn detection(out: &mut String, lives: &Lives) {
    out.push_str(DETECTION);
    for (n, lifeguard, all) in lives {
        let of = |pick: fn(&Crash) -> Duration| {
            let crashes = all.iter().flat_map(|life| &life.crashes).map(pick);
            Spread::new(crashes.map(|span| span.as_secs_f64()).collect())
        };
        let (suspected, first, last) = (of(|c| c.suspected), of(|c| c.first), of(|c| c.last));
        let spread = of(|c| c.last.saturating_sub(c.first));
        line(
            out,
            &[
                n.to_string(),
                arm(*lifeguard).into(),
                suspected.values.len().to_string(),
                format!("{:.2}", suspected.mean()),
                format!("{:.2}", formula::first_suspicion(*n)),
                first.to_string(),
                format!("{:.2}", formula::first_death(*n, *lifeguard)),
                last.to_string(),
                format!("{:.2}", spread.mean()),
                format!("{:.2}", formula::dissemination(*n)),
                format!("{:.1}", formula::swim_dissemination_bound(*n)),
            ],
        );
    }
    let swim = formula::swim_first_detection();
    let suspicions = lives.iter().filter(|(_, lifeguard, _)| *lifeguard).map(|(n, ..)| {
        let (min, max) = (formula::suspicion_min(*n), formula::suspicion_max(*n));
        match *n < 4 {
            true => format!("{min:.1} s among {n}"),
            false => format!(
                "{max:.1}, {:.1} and {min:.1} s after no, one and two confirmations among {n}",
                formula::suspicion_after_one(*n)
            ),
        }
    });
    let suspicions = suspicions.collect::<Vec<_>>().join(", ");
    let _ = writeln!(
        out,
        "\nSWIM's own limit from the start of a period: {swim:.3} s. Suspicions last {suspicions}."
    );
}

fn convergence(out: &mut String, lives: &Lives) {
    out.push_str(CONVERGENCE);
    for (n, lifeguard, all) in lives {
        let joined = all.iter().map(|life| life.joined.as_secs_f64());
        let healed: Vec<f64> =
            all.iter().filter_map(|life| life.healed).map(|span| span.as_secs_f64()).collect();
        let settled = all.iter().flat_map(|life| &life.settled).map(Duration::as_secs_f64);
        line(
            out,
            &[
                n.to_string(),
                arm(*lifeguard).into(),
                Spread::new(joined.collect()).to_string(),
                Spread::new(settled.collect()).to_string(),
                match healed.is_empty() {
                    true => "not measured".into(),
                    false => Spread::new(healed).to_string(),
                },
                all.iter().map(|life| life.false_deaths).sum::<u64>().to_string(),
            ],
        );
    }
}

fn at_rest(out: &mut String, lives: &Lives) {
    out.push_str(AT_REST);
    for (n, lifeguard, all) in lives {
        let rate = |pick: fn(&Life) -> u64| {
            let sum: u64 = all.iter().map(pick).sum();
            let span: f64 = all.iter().map(|life| life.rest.as_secs_f64()).sum();
            format!("{:.1}", sum as f64 / span / *n as f64)
        };
        line(
            out,
            &[
                n.to_string(),
                arm(*lifeguard).into(),
                rate(|life| life.sent_at_rest.packets),
                rate(|life| life.sent_at_rest.packet_bytes),
                rate(|life| life.sent_at_rest.stream_bytes),
            ],
        );
    }
}

fn mistakes(out: &mut String, plan: &Plan, errors: &[(usize, &str, &str, Errors)]) {
    out.push_str(MISTAKES);
    for (n, name, arm, sum) in errors {
        line(
            out,
            &[
                format!("{n}, {}", faulty(*n)),
                (*name).into(),
                (*arm).into(),
                plan.seeds_with_faults(*n).to_string(),
                sum.victims.to_string(),
                sum.verdicts.to_string(),
                sum.verdicts_of_sound.to_string(),
                sum.verdicts_on_faulty.to_string(),
                sum.suspicions.to_string(),
            ],
        );
    }
    let fewer = errors.chunks(2).filter_map(|arms| {
        let [(n, name, _, swim), (.., lifeguard)] = arms else { return None };
        let (swim, lifeguard) = (swim.verdicts_of_sound, lifeguard.verdicts_of_sound);
        (lifeguard > 0).then(|| format!("{:.1} ({n}, {name})", swim as f64 / lifeguard as f64))
    });
    let fewer: Vec<String> = fewer.collect();
    if !fewer.is_empty() {
        let _ = writeln!(out, "{FEWER} {}.", fewer.join(", "));
    }
}

fn speed(out: &mut String, speeds: &[(usize, &str, Duration, Duration)]) {
    out.push_str(SPEED);
    for (n, arm, took, real) in speeds {
        let factor = took.as_secs_f64() / real.as_secs_f64().max(1e-9);
        let (took, real) = (took.as_secs_f64(), real.as_secs_f64());
        line(
            out,
            &[
                n.to_string(),
                (*arm).into(),
                format!("{took:.0} s"),
                format!("{real:.1} s"),
                format!("{factor:.0}"),
            ],
        );
    }
}

fn line(out: &mut String, cells: &[String]) {
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}

/// Values in order.
struct Spread {
    values: Vec<f64>,
}

impl Spread {
    fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self { values }
    }

    fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / (self.values.len() as f64).max(1.0)
    }

    fn at(&self, share: f64) -> f64 {
        let place = ((self.values.len() as f64 * share).ceil() as usize).max(1) - 1;
        self.values.get(place).copied().unwrap_or(0.0)
    }
}

/// Mean, median, 99th percentile.
impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.2} / {:.2} / {:.2}", self.mean(), self.at(0.5), self.at(0.99))
    }
}

impl Errors {
    fn add(&mut self, other: Self) {
        self.victims += other.victims;
        self.verdicts += other.verdicts;
        self.verdicts_of_sound += other.verdicts_of_sound;
        self.verdicts_on_faulty += other.verdicts_on_faulty;
        self.suspicions += other.suspicions;
        self.took += other.took;
    }
}

const HEAD: &str = "# Membership: measured against SWIM and Lifeguard

Written by `cargo run --release -p campana-sim -- membership{options} --write`; the same seeds give the same
figures, but for the last table. Members run with Alertmanager's defaults: a probe
every second, 500 ms for the direct answer, three relays, gossip to three members every 200 ms. One
way takes 0.2 to 2 ms. \"SWIM\" is the same code without Lifeguard: no health score, no nacks, no
word to the suspect with its ping, suspicions of the fixed least length. Gossip ticks and the TCP
probe, which memberlist adds to SWIM, are in both. Both arms run on the same seeds, 0 to one less
than their number. Spreads are mean / median / 99th percentile, in seconds.
";

const DETECTION: &str = "
## Crashes

A member ends without a word. The first suspicion and the first verdict of death, by any member;
then the verdict by all. Expected are: `(n - 1) / n + 1` periods for the first suspicion, since
members probe round-robin at times of their own; the least length of a suspicion more for the first
verdict, and with Lifeguard what the confirmations may take longer; `log4 n + ln(n) / 3` gossip
ticks from the first verdict to the last. The first suspicion of the others starts their own clocks,
so the last verdict may come sooner than gossip alone could bring it. SWIM's bound is `2 ln n`
periods.

| Members | Detector | Crashes | Suspected | expected | First verdict | expected | Last verdict | \
Last - first | expected | bound |
|--:|---|--:|--:|--:|---|--:|---|--:|--:|--:|
";

const CONVERGENCE: &str = "
## Joining, settling, and after a partition

All members start within a second and know three of them. *Joined*: from the last start until every
member sees every other. *Settled*: from each one's start; five polls of 2 s are the least, once the
known peers have answered. *Healed*: the cluster is cut into halves until each half holds the other
dead, and a minute longer; the time is from the end of the cut until every member sees every other
again; failed peers are called every 10 s. Whom gossip left out by chance the next full exchange
tells, with 100 members within 180 s: the longest times are such. *False deaths*: verdicts on members
that were alive, apart from the partition.

| Members | Detector | Joined | Settled | Healed | False deaths |
|--:|---|---|---|---|--:|
";

const AT_REST: &str = "
## Traffic at rest

What one member sends in a second while nothing happens, without the headers of UDP, TCP and IP.
SWIM's claim is that packets and their bytes do not depend on the number of members. Streams are the
full exchanges, every 60 s up to 32 members, and every 360 s at 1,000; their states grow with the
cluster.

| Members | Detector | Packets | Packet bytes | Stream bytes |
|--:|---|--:|--:|--:|
";

const MISTAKES: &str = "
## Verdicts of death on members that were sound

A tenth of the members, at least one, are faulty for 300 virtual seconds; among 1,000 for 60, with one
fault, since that takes half an hour. *Blocked* neither reads nor sends, but its timers run: the anomaly
of the Lifeguard paper. *Paused* stands still as a whole, and on waking reads what has arrived before it
looks at its timers. A member that stands still holds 277
packets, as a socket with Linux's default buffer. A victim is counted once from the first member that
holds it dead to the last one that takes that back; verdicts are counted at every member that gives
or believes them (the paper's FP), and those that sound members gave apart (its FP⁻). Sums over all
seeds.

| Members, faulty | Fault | Detector | Seeds | Victims | Verdicts | by sound members | \
Verdicts on the faulty | Suspicions |
|--:|---|---|--:|--:|--:|--:|--:|--:|
";

const FEWER: &str = "
The Lifeguard paper tells of 50 to 100 times fewer false positives. Three members are too few to
confirm a suspicion, which the longer suspicions need; and memberlist waits for two confirmations
where the paper waits for three. Here sound members err less often with Lifeguard, by these factors
(a fault that made none of them err is left out):";

const SPEED: &str = "
## How fast this was simulated

The runs of the first three tables, one core for each detector.

| Members | Detector | Virtual | Real | Times faster |
|--:|---|--:|--:|--:|
";
