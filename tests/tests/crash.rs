//! Programs that are killed at random moments under load, against a model of what they confirmed.
//!
//! * A silence whose creation or end was answered with 200 is there, or has ended, after the next
//!   start.
//! * A notification is *confirmed* when the program says so in its log (`Notify success`). Its log
//!   entry is on the disk then, and the same notification is not sent again. One that the receiver
//!   took and that was not confirmed before the kill may be sent again.
//! * An alert whose post was answered with 200 is there after the next start where
//!   `--storage.sync=always` promises that.
//!
//! `CAMPANA_KILLS=200` makes as many kills as it says instead of a few, and
//! `CAMPANA_CRASH_SECONDS=100` as many as fit into that time.
#![allow(clippy::print_stderr, reason = "the figures are the result")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env, fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::{Duration, Instant},
};

use campana_core::persist::{Found, Saved, is_state, recover};
use campana_tests::{
    drivers::{Program, built_program, peer},
    http,
    sink::Sink,
};
use tempfile::TempDir;

/// Kills of the short version.
const KILLS: usize = 12;

#[test]
fn campana_keeps_what_it_confirmed() {
    let figures = run(&built_program("campana"), 1);
    figures.assert_nothing_is_lost();
}

#[test]
fn campana_std_keeps_what_it_confirmed() {
    let figures = run(&built_program("campana-std"), 2);
    figures.assert_nothing_is_lost();
}

/// Nothing is asserted: this is the measurement that the others are compared with.
#[test]
#[ignore = "a measurement of another program"]
fn alertmanager_for_comparison() {
    match peer("alertmanager") {
        Some(executable) => drop(run(&executable, 3)),
        None => eprintln!("skipped: there is no Alertmanager here"),
    }
}

/// Tells whether there is to be one more kill.
fn goes_on(kills: usize, began: Instant) -> bool {
    let number = |name| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    match (number("CAMPANA_KILLS"), number("CAMPANA_CRASH_SECONDS")) {
        (Some(wanted), _) => (kills as u64) < wanted,
        (None, Some(seconds)) => began.elapsed() < Duration::from_secs(seconds),
        (None, None) => kills < KILLS,
    }
}

/// What was counted.
#[derive(Debug, Default)]
struct Figures {
    kills: usize,
    silences: usize,
    silences_lost: usize,
    ends: usize,
    ends_lost: usize,
    alerts: usize,
    alerts_lost: usize,
    /// Of these, those that were promised.
    promised_lost: usize,
    told: usize,
    confirmed: usize,
    entries_lost: usize,
    repeated: usize,
    repeated_in_flight: usize,
    untold: usize,
}

impl Figures {
    fn table(&self, name: &str, took: Duration) -> String {
        let kept = self.silences + self.ends + self.confirmed;
        let lost = self.silences_lost + self.ends_lost + self.entries_lost + self.promised_lost;
        let rows = [
            ("kills", self.kills),
            ("acknowledged records", kept + self.alerts),
            ("lost", lost),
            ("repeated", self.repeated),
            ("  silences confirmed", self.silences),
            ("  of these lost", self.silences_lost),
            ("  ends of silences confirmed", self.ends),
            ("  of these lost", self.ends_lost),
            ("  notifications confirmed", self.confirmed),
            ("  log entries of these lost", self.entries_lost),
            ("  repeated, in flight at the kill", self.repeated_in_flight),
            ("  alerts answered with 200", self.alerts),
            ("  of these lost, promised", self.promised_lost),
            ("  of these lost, not promised", self.alerts_lost - self.promised_lost),
            ("  alerts that nobody was told of", self.untold),
        ];
        let mut table = format!("\n{:<36}{:>10}\n", format!("{name}, {} s", took.as_secs()), "");
        for (what, count) in rows {
            table += &format!("{what:<36}{count:>10}\n");
        }
        table
    }

    fn assert_nothing_is_lost(&self) {
        assert!(self.silences > self.kills && self.confirmed > self.kills, "too little load");
        let Self {
            silences_lost, ends_lost, promised_lost, entries_lost, repeated, untold, ..
        } = self;
        let bad = [silences_lost, ends_lost, promised_lost, entries_lost, repeated, untold];
        assert_eq!(bad, [&0; 6], "{self:#?}");
    }
}

/// A program and everything that it confirmed.
struct Trial {
    executable: PathBuf,
    folder: TempDir,
    sink: Sink,
    is_campana: bool,
    began: Instant,
    /// Silences that were confirmed, and whether their end was.
    silences: BTreeMap<String, bool>,
    /// Alerts whose post was answered, and by which run.
    alerts: BTreeMap<String, usize>,
    /// Groups whose notification was confirmed, and by which run.
    confirmed: BTreeMap<String, usize>,
    /// When each run began.
    runs: Vec<Instant>,
    figures: Figures,
}

/// What clients of one run were told.
#[derive(Default)]
struct Heard {
    created: Vec<String>,
    ended: Vec<String>,
    /// Ends that were asked for; those not in `ended` may hold or not.
    maybe_ended: Vec<String>,
    posted: Vec<String>,
}

fn run(executable: &Path, seed: u64) -> Figures {
    let mut trial = Trial::new(executable);
    let mut chance = Chance(seed);
    while goes_on(trial.figures.kills, trial.began) {
        trial.round(trial.figures.kills, &mut chance);
    }
    trial.end();
    let name = executable.file_name().unwrap_or_default().to_string_lossy();
    eprintln!("{}", trial.figures.table(&name, trial.began.elapsed()));
    trial.figures
}

impl Trial {
    fn new(executable: &Path) -> Self {
        let sink = Sink::open().expect("a free port");
        let folder = tempfile::tempdir().expect("a folder");
        let config = format!(
            "global: {{resolve_timeout: 48h}}\n\
             route: {{receiver: hook, group_by: [alertname], group_wait: 20ms, \
             group_interval: 1h, repeat_interval: 24h}}\n\
             receivers: [{{name: hook, webhook_configs: [{{url: '{}'}}]}}]\n",
            sink.url()
        );
        fs::write(folder.path().join("config.yml"), config).expect("the folder is ours");
        Self {
            is_campana: !executable.ends_with("alertmanager"),
            executable: executable.to_owned(),
            folder,
            sink,
            began: Instant::now(),
            silences: BTreeMap::new(),
            alerts: BTreeMap::new(),
            confirmed: BTreeMap::new(),
            runs: Vec::new(),
            figures: Figures::default(),
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn start(&mut self, flags: &[&str]) -> Program {
        let mut all = vec!["--log.level=debug".to_owned()];
        if self.is_campana {
            // Checkpoints come in between kills, and at the same time as they.
            all.extend(
                ["--data.maintenance-interval=150ms", "--dispatch.warm-up=0s"].map(Into::into),
            );
            all.extend(flags.iter().map(|flag| (*flag).to_owned()));
        }
        self.runs.push(Instant::now());
        let config = self.folder.path().join("config.yml");
        Program::start(&self.executable, &config, &self.data(), &all).expect("it starts")
    }

    /// One run: start, load, kill; then a look at what is left.
    fn round(&mut self, round: usize, chance: &mut Chance) {
        let is_always = chance.below(2) == 0;
        let mode = if is_always { "--storage.sync=always" } else { "--storage.sync=mixed" };
        let mut program = self.start(&[mode]);
        self.check_silences(&program);
        let old: Vec<String> = self.silences.keys().cloned().collect();
        let known: Vec<String> = self.alerts.keys().cloned().collect();
        let heard = Mutex::new(Heard::default());
        let over = AtomicBool::new(false);
        let life = Duration::from_millis(150 + chance.below(850));
        let seeds = [chance.bits(), chance.bits()];
        thread::scope(|scope| {
            let to = program.address();
            let (heard, over) = (&heard, &over);
            for seed in seeds {
                let old = &old;
                scope.spawn(move || silence(to, seed, old, heard, over));
            }
            scope.spawn(move || post(to, round, &known, heard, over));
            thread::sleep(life);
            program.kill();
            over.store(true, Relaxed);
        });
        self.figures.kills += 1;
        // The pipe holds what was written before the end.
        thread::sleep(Duration::from_millis(50));
        self.note(round, &heard.into_inner().expect("no thread panics"), &program.log());
        self.check_disk(round, is_always);
    }

    fn note(&mut self, round: usize, heard: &Heard, log: &[String]) {
        self.silences.extend(heard.created.iter().map(|id| (id.clone(), false)));
        for id in &heard.maybe_ended {
            self.silences.remove(id);
        }
        self.silences.extend(heard.ended.iter().map(|id| (id.clone(), true)));
        self.figures.silences += heard.created.len();
        self.figures.ends += heard.ended.len();
        self.figures.alerts += heard.posted.len();
        self.alerts.extend(heard.posted.iter().map(|name| (name.clone(), round)));
        for line in log.iter().filter(|line| line.contains("msg=\"Notify success\"")) {
            if let Some(name) = name_in(line) {
                self.confirmed.entry(name).or_insert(round);
                self.figures.confirmed += 1;
            }
        }
    }

    /// Asks for every silence that was ever confirmed.
    fn check_silences(&mut self, program: &Program) {
        let answer = program.request("GET", "/api/v2/silences", b"").expect("it answers");
        let list: serde_json::Value = serde_json::from_slice(&answer.body).expect("JSON");
        let state = |silence: &serde_json::Value| {
            let id = silence["id"].as_str()?.to_owned();
            Some((id, silence["status"]["state"].as_str()? == "expired"))
        };
        let there: BTreeMap<String, bool> =
            list.as_array().expect("a list").iter().filter_map(state).collect();
        let mut lost = Vec::new();
        for (id, has_ended) in &self.silences {
            match there.get(id) {
                Some(ended) if ended == has_ended => {}
                Some(_) if *has_ended => self.figures.ends_lost += 1,
                _ => self.figures.silences_lost += 1,
            }
            if there.get(id) != Some(has_ended) {
                lost.push(id.clone());
            }
        }
        // What is lost is counted once.
        for id in lost {
            self.silences.remove(&id);
        }
    }

    /// Looks for log entries and alerts in the files that the kill left.
    fn check_disk(&mut self, round: usize, is_always: bool) {
        let saved = read(&self.data());
        let entries: BTreeSet<String> =
            saved.nflog.iter().filter_map(|(key, _)| name_in(&key.group_key)).collect();
        let confirmed = self.confirmed.iter().filter(|(_, run)| **run == round);
        self.figures.entries_lost += confirmed.filter(|(name, _)| !entries.contains(*name)).count();
        let alerts: BTreeSet<&str> =
            saved.alerts.iter().filter_map(|alert| alert.labels.get("alertname")).collect();
        let posted = self.alerts.iter().filter(|(_, run)| **run == round);
        let lost = posted.filter(|(name, _)| !alerts.contains(&***name)).count();
        self.figures.alerts_lost += lost;
        self.figures.promised_lost += if is_always { lost } else { 0 };
    }

    /// Lets the program tell what is left to tell, and compares with what the receiver got.
    fn end(&mut self) {
        let program = self.start(&[]);
        self.check_silences(&program);
        let known: Vec<String> = self.alerts.keys().cloned().collect();
        for names in known.chunks(500) {
            post_alerts(program.address(), names);
        }
        let patience = Instant::now() + Duration::from_secs(20);
        while self.untold() > 0 && Instant::now() < patience {
            thread::sleep(Duration::from_millis(100));
        }
        thread::sleep(Duration::from_secs(1));
        self.figures.untold = self.untold();
        let mut copies: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for notice in self.sink.received() {
            let run = self.runs.iter().rposition(|began| *began <= notice.at).unwrap_or(0);
            let body = String::from_utf8_lossy(&notice.body).into_owned();
            if let Some(name) = name_in(&body) {
                copies.entry(name).or_default().push(run);
            }
        }
        for (name, runs) in copies {
            self.figures.told += runs.len();
            for pair in runs.windows(2) {
                let was_confirmed = self.confirmed.get(&name).is_some_and(|run| *run < pair[1]);
                if was_confirmed || pair[0] == pair[1] {
                    self.figures.repeated += 1;
                } else {
                    self.figures.repeated_in_flight += 1;
                }
            }
        }
    }

    /// Counts the alerts that nobody was told of.
    fn untold(&self) -> usize {
        let bodies = self.sink.received();
        let told: BTreeSet<String> = bodies
            .iter()
            .filter_map(|notice| name_in(&String::from_utf8_lossy(&notice.body)))
            .collect();
        self.alerts.keys().filter(|name| !told.contains(*name)).count()
    }
}

/// Reads the files of either program.
fn read(data: &Path) -> Saved {
    let files = fs::read_dir(data).expect("it is there").map(|entry| entry.expect("it is ours"));
    let found = files.filter_map(|entry| {
        let name = entry.file_name().into_string().ok().filter(|name| is_state(name))?;
        Some(Found { name, bytes: fs::read(entry.path()).ok()? })
    });
    recover(found.collect(), false).expect("a crash leaves nothing that is refused").saved
}

/// Finds the name of a group, `N` and digits, in a log line, a key or a body.
fn name_in(text: &str) -> Option<String> {
    let start = text.find("alertname=")? + "alertname=".len();
    let name = text[start..].trim_start_matches(['\\', '"']);
    let end = name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len());
    Some(name[..end].to_owned()).filter(|name| name.starts_with('N'))
}

/// Makes silences, and ends some of them, as fast as the answers come.
fn silence(
    to: std::net::SocketAddr,
    seed: u64,
    old: &[String],
    heard: &Mutex<Heard>,
    over: &AtomicBool,
) {
    let mut chance = Chance(seed);
    let body = br#"{"matchers":[{"name":"nothing","value":"at all","isRegex":false}],
        "startsAt":"2020-01-01T00:00:00Z","endsAt":"2120-01-01T00:00:00Z",
        "createdBy":"crash","comment":"to be kept"}"#;
    while !over.load(Relaxed) {
        let victim = old.get(chance.below(old.len() as u64 * 2) as usize);
        if let Some(id) = victim.filter(|_| chance.below(4) == 0) {
            heard.lock().expect("no thread panics").maybe_ended.push(id.clone());
            let answer = http::request(to, "DELETE", &format!("/api/v2/silence/{id}"), b"");
            if answer.is_ok_and(|answer| answer.status == 200) {
                heard.lock().expect("no thread panics").ended.push(id.clone());
            }
            continue;
        }
        let Ok(answer) = http::request(to, "POST", "/api/v2/silences", body) else { continue };
        let json: serde_json::Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        if let Some(id) = json["silenceID"].as_str().filter(|_| answer.status == 200) {
            heard.lock().expect("no thread panics").created.push(id.to_owned());
        }
    }
}

/// Posts what is known again, as Prometheus does after a restart, and then new alerts.
fn post(
    to: std::net::SocketAddr,
    round: usize,
    known: &[String],
    heard: &Mutex<Heard>,
    over: &AtomicBool,
) {
    let newest = known.len().saturating_sub(200);
    post_alerts(to, &known[newest..]);
    for n in 0.. {
        if over.load(Relaxed) {
            return;
        }
        let name = format!("N{round}x{n}");
        if post_alerts(to, std::slice::from_ref(&name)) {
            heard.lock().expect("no thread panics").posted.push(name);
        }
        thread::sleep(Duration::from_millis(8));
    }
}

fn post_alerts(to: std::net::SocketAddr, names: &[String]) -> bool {
    let alerts: Vec<String> = names
        .iter()
        .map(|name| {
            format!(
                r#"{{"labels":{{"alertname":"{name}"}},"startsAt":"2026-01-01T00:00:00Z",
                "endsAt":"2120-01-01T00:00:00Z"}}"#
            )
        })
        .collect();
    let body = format!("[{}]", alerts.join(","));
    http::request(to, "POST", "/api/v2/alerts", body.as_bytes())
        .is_ok_and(|answer| answer.status == 200)
}

/// Chance from a seed (SplitMix64).
struct Chance(u64);

impl Chance {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        if end == 0 { 0 } else { self.bits() % end }
    }
}
