//! How long the first page of alerts takes and how large it is, on both programs.
//!
//! ```sh
//! cargo build --release
//! export CAMPANA_BIN=$PWD/target/release
//! cargo test -p campana-tests --test first_page -- --ignored --nocapture
//! ```
//!
//! It prints the tables of `docs/PAGES.md`, and fails where a promise of that page does not hold.
#![allow(clippy::print_stdout, reason = "the tables are what it is for")]

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    net::SocketAddr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use campana_core::time::{Stamp, Timestamp, rfc3339};
use campana_tests::{
    drivers::{Program, built_program},
    http,
};
use serde_json::{Value, json};

/// How many times each page is asked for.
const TIMES: usize = 15;

/// What the first page of [`MANY`] alerts may take at most, at the median.
const BOUND: Duration = Duration::from_millis(300);

/// The most alerts of the measurement.
const MANY: usize = 50_000;

/// What the first page and everything it loads may have at most, unpacked.
const BYTES_MAX: usize = 150_000;

/// Nothing is sent while pages are measured, and groups have 20 alerts at the mean.
const CONFIG: &str = "
route:
  receiver: on-call
  group_by: [alertname, cluster]
  group_wait: 2h
  routes:
    - {receiver: database, matchers: [team=\"team-1\"]}
    - {receiver: network, matchers: ['team=~\"team-(2|3)\"']}
receivers: [{name: on-call}, {name: database}, {name: network}]
inhibit_rules:
  - source_matchers: [severity=\"critical\"]
    target_matchers: [severity=\"info\"]
    equal: [cluster, instance]
";

/// The pages that are measured: what each shows, and its address.
const PAGES: [(&str, &str); 6] = [
    ("first page", "/"),
    ("one severity", "/?filter=severity%3D%22critical%22"),
    ("silenced and inhibited too", "/?silenced=true&inhibited=true&muted=true"),
    ("a question for the age", "/?filter=%40age%3E1h"),
    ("by labels of choice", "/?customGrouping=true&group=team,severity"),
    ("not grouped", "/?customGrouping=true&group="),
];

fn rfc3339(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("later than 1970").as_secs();
    let at = now.cast_signed() + seconds;
    let mut text = String::new();
    rfc3339::write_millis(&mut text, Stamp::utc(Timestamp::from_parts(at, 0)));
    text
}

/// Returns an alert with 8 labels and 2 annotations.
fn alert(n: usize, groups: usize) -> Value {
    let severity = ["critical", "warning", "warning", "info"][n % 4];
    let starts_at = rfc3339(-((n % 240) as i64) * 60);
    json!({
        "startsAt": starts_at,
        "endsAt": rfc3339(7200),
        "generatorURL": "http://prometheus.example:9090/graph?g0.expr=latency&g0.tab=1",
        "labels": {
            "alertname": format!("HighLatency{:04}", n % groups),
            "cluster": "eu-west-1",
            "instance": format!("host-{:05}:9100", n / 2),
            "job": "node",
            "pod": format!("frontend-7d9c5b8f4-{n:06}"),
            "service": format!("service-{}", n % 97),
            "severity": severity,
            "team": format!("team-{}", n % groups % 7),
        },
        "annotations": {
            "summary": format!("Requests to host {n} are slow for ten minutes"),
            "description": "The 99th percentile is above the objective of 300 milliseconds",
        },
    })
}

fn post(to: SocketAddr, path: &str, body: &Value) {
    let answer = http::request(to, "POST", path, body.to_string().as_bytes()).expect("it answers");
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Fills a server with alerts, some of which silences and others mute.
fn fill(to: SocketAddr, count: usize) {
    let groups = (count / 20).max(5);
    for from in (0..count).step_by(1000) {
        let batch = (from..count.min(from + 1000)).map(|n| alert(n, groups)).collect();
        post(to, "/api/v2/alerts", &Value::Array(batch));
    }
    for n in 0..50 {
        post(
            to,
            "/api/v2/silences",
            &json!({
                "matchers": [
                    {"name": "service", "value": format!("service-{n}"), "isRegex": false},
                    {"name": "instance", "value": "host-.*7:9100", "isRegex": true},
                ],
                "startsAt": rfc3339(0), "endsAt": rfc3339(7200),
                "createdBy": "maria", "comment": "Planned work",
            }),
        );
    }
}

fn fetch(to: SocketAddr, path: &str, packed: bool) -> http::Answer {
    let coding = if packed { "Accept-Encoding: gzip\r\n" } else { "" };
    let text = format!("GET {path} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n{coding}\r\n");
    let answer = http::raw(to, text.as_bytes()).expect("it answers");
    assert_eq!(answer.status, 200, "{path}: {}", answer.text());
    answer
}

/// Returns the addresses of all files that a page loads, and that those load.
fn loaded(to: SocketAddr, page: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut left: Vec<String> = ["src=\"", "link rel=\"stylesheet\" href=\"", "svg+xml\" href=\""]
        .iter()
        .flat_map(|sign| page.split(sign).skip(1))
        .filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
        .collect();
    while let Some(path) = left.pop() {
        if all.insert(path.clone()) && path.ends_with(".js") {
            let text = fetch(to, &path, false).text();
            let names = text.split("\"./").skip(1).filter_map(|rest| rest.split_once('"'));
            left.extend(names.map(|(name, _)| format!("/assets/{name}")));
        }
    }
    all
}

/// What a page took of [`TIMES`] requests.
#[derive(Clone, Copy)]
struct Took {
    median: Duration,
    slowest: Duration,
    /// Of the processor, at the mean: what others do on the machine does not count.
    cpu: Duration,
}

/// Returns the processor time that a process has had.
fn cpu(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, rest) = stat.rsplit_once(')').expect("the name stands in brackets");
    let ticks = rest.split_whitespace().skip(11).take(2).filter_map(|it| it.parse::<u64>().ok());
    // Linux tells programs of hundredths of a second, whatever its own tick.
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

fn time(program: &Program, path: &str) -> Took {
    let before = cpu(program.id());
    let times = (0..TIMES).map(|_| {
        let began = Instant::now();
        fetch(program.address(), path, false);
        began.elapsed()
    });
    let mut times: Vec<Duration> = times.collect();
    times.sort_unstable();
    let cpu = (cpu(program.id()) - before) / TIMES as u32;
    Took { median: times[TIMES / 2], slowest: times[TIMES - 1], cpu }
}

fn shown(took: Took) -> String {
    let [median, slowest, cpu] =
        [took.median, took.slowest, took.cpu].map(|time| time.as_secs_f64() * 1e3);
    format!("{median:.1} / {slowest:.1} / {cpu:.1} ms")
}

/// Measures servers with this many alerts, adds a line to each table, and returns what is wrong.
fn measure(count: usize, sizes: &mut String, kinds: &mut String) -> Vec<String> {
    let mut wrong = Vec::new();
    let data = tempfile::tempdir().expect("a folder for data");
    let config = data.path().join("config.yml");
    fs::write(&config, CONFIG).expect("it can be written");
    let mut firsts = Vec::new();
    let mut rows = vec![Vec::new(); PAGES.len()];
    let (mut size, mut whole, mut packed) = (0, 0, 0);
    for name in ["campana", "campana-std"] {
        let program = Program::start(&built_program(name), &config, &data.path().join(name), &[])
            .expect("it starts");
        let to = program.address();
        fill(to, count);
        let page = fetch(to, "/", false).text();
        let files = loaded(to, &page);
        assert!(files.len() > 5, "the files of the page are found: {files:?}");
        let sum = |packed| files.iter().map(|it| fetch(to, it, packed).body.len()).sum::<usize>();
        size = page.len();
        whole = size + sum(false);
        packed = fetch(to, "/", true).body.len() + sum(true);
        if whole >= BYTES_MAX {
            wrong.push(format!("the first page of {count} alerts loads {whole} bytes"));
        }
        for (row, (_, path)) in rows.iter_mut().zip(PAGES) {
            row.push(time(&program, path));
        }
        firsts.push(rows[0].last().copied().expect("it was measured"));
    }
    let kb = |bytes: usize| format!("{} kB", bytes.div_ceil(1000));
    let (first, second) = (shown(firsts[0]), shown(firsts[1]));
    let (size, whole, packed) = (kb(size), kb(whole), kb(packed));
    let _ = writeln!(sizes, "| {count} | {first} | {second} | {size} | {whole} | {packed} |");
    if count == MANY {
        for (row, (what, _)) in rows.iter().zip(PAGES) {
            let _ = writeln!(kinds, "| {what} | {} | {} |", shown(row[0]), shown(row[1]));
        }
        let slow = firsts.iter().filter(|took| took.median >= BOUND);
        wrong.extend(
            slow.map(|it| format!("the first page of {count} alerts took {:?}", it.median)),
        );
    }
    wrong
}

#[test]
#[ignore = "measures for a minute, and only release builds are worth it"]
fn first_page() {
    let mut sizes = String::from(
        "| alerts | `campana` | `campana-std` | page | everything | everything, packed by gzip |\n\
         |--:|--:|--:|--:|--:|--:|\n",
    );
    let mut kinds = format!("| of {MANY} | `campana` | `campana-std` |\n|---|--:|--:|\n");
    let mut wrong = Vec::new();
    for count in [100, 10_000, MANY] {
        wrong.extend(measure(count, &mut sizes, &mut kinds));
    }
    println!("Median, slowest and processor time of {TIMES} requests:\n\n{sizes}\n{kinds}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}
