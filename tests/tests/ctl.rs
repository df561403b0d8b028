//! campanactl: every command next to the real amtool on the same server and the same files, what is
//! better than there, and what happens when a server misbehaves.
#![allow(clippy::print_stderr, reason = "a skipped test says so")]

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::TcpListener,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use campana_tests::drivers::{PEERS, Program, built_program, peer};
use tempfile::TempDir;

/// A folder to work in, with our program under the name of the original.
struct Desk {
    folder: TempDir,
    ours: PathBuf,
}

/// What a call did.
#[derive(Debug)]
struct Did {
    code: i32,
    out: String,
    err: String,
}

/// How far two calls agree.
enum Expect {
    /// Output, exit code, and whether there is an error or a warning.
    Same,
    /// All but the named output, for this reason.
    Differs(&'static str),
}

use Expect::{Differs, Same};

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ours = folder.path().join("amtool");
        symlink(built_program("campanactl"), &ours).expect("a link");
        for (name, text) in FILES {
            fs::write(folder.path().join(name), text).expect("the folder is ours");
        }
        Self { folder, ours }
    }

    fn run(&self, program: &Path, args: &[&str], input: &str) -> Did {
        let mut child = Command::new(program)
            .args(args)
            .current_dir(self.folder.path())
            .env("HOME", self.folder.path())
            .env_remove("NO_COLOR")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", program.display()));
        let mut stdin = child.stdin.take().expect("it is piped");
        // A program that does not read its input may be gone already.
        stdin.write_all(input.as_bytes()).ok();
        drop(stdin);
        let output = child.wait_with_output().expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Did {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    fn ours(&self, args: &[&str]) -> Did {
        self.run(&self.ours, args, "")
    }

    /// Compares a call with the original's and returns what is wrong.
    fn compare(
        &self,
        amtool: &Path,
        args: &[&str],
        input: &str,
        expect: &Expect,
    ) -> Option<String> {
        let (theirs, ours) = (self.run(amtool, args, input), self.run(&self.ours, args, input));
        let line = args.join(" ");
        let agree = plain(&theirs.out) == plain(&ours.out)
            && theirs.code == ours.code
            && class(&theirs.err) == class(&ours.err);
        match expect {
            Same if agree => {
                eprintln!("| `{line}` | equal |");
                None
            }
            Differs(reason) if !agree => {
                eprintln!("| `{line}` | {reason} |");
                None
            }
            Same => Some(format!("{line}\n  amtool: {theirs:?}\n  ours:   {ours:?}")),
            Differs(reason) => Some(format!("{line}: equal, not {reason:?}")),
        }
    }
}

/// Whether a call was silent, warned, or failed.
fn class(err: &str) -> &'static str {
    match err {
        err if err.contains("error") || err.contains("Error") => "error",
        "" => "",
        _ => "warning",
    }
}

/// A text without what differs from call to call: ids, and times to the second.
fn plain(text: &str) -> String {
    let is_id =
        |word: &str| word.len() == 36 && word.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let (mut out, mut word) = (String::new(), String::new());
    for c in text.chars().chain(['\n']) {
        if c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.') {
            word.push(c);
            continue;
        }
        let is_time = word.len() > 7 && word.matches(':').count() == 2 && !word.starts_with("http");
        out.push_str(match word.as_str() {
            word if is_id(word) => "ID",
            _ if is_time => "TIME",
            word => word,
        });
        word.clear();
        out.push(c);
    }
    out
}

#[track_caller]
fn all_right(problems: Vec<String>) {
    assert!(problems.is_empty(), "{} differ:\n{}", problems.len(), problems.join("\n"));
}

/// The original, or a word that it is missing.
fn amtool() -> Option<PathBuf> {
    let found = peer("amtool");
    if found.is_none() {
        eprintln!("skipped: {PEERS} names no folder with amtool");
    }
    found
}

const FILES: [(&str, &str); 10] = [
    ("a.tmpl", "{{ define \"x\" }}hi {{ .Status }}{{ end }}"),
    ("bad.tmpl", "{{ define \"y\" }}bad"),
    ("data.json", r#"{"receiver":"<r>","alerts":[{"labels":{"a":"b"},"status":"firing"}]}"#),
    ("baddata.json", r#"{"receiver":5}"#),
    ("bad.yml", "foo: bar\n"),
    ("notyaml.yml", "a: b: c\n"),
    (
        "templates.yml",
        "route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: ['a.t*', none.tmpl]\n",
    ),
    ("badtemplates.yml", "route: {receiver: a}\nreceivers: [{name: a}]\ntemplates: [bad.tmpl]\n"),
    ("small.yml", "route: {receiver: a}\nreceivers: [{name: a}]\n"),
    ("tree.yml", TREE),
];

const TREE: &str = "
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 1h
  routes:
  - receiver: team-db
    matchers: ['team=\"db\"']
    continue: true
    routes:
    - receiver: db-page
      matchers: ['severity=\"page\"', 'foo!~\"a.*\"']
    - receiver: db-mail
      match_re: {env: 'a|b'}
  - receiver: web
    match: {team: web}
  - receiver: hook
    group_by: [x]
receivers:
- name: hook
  webhook_configs: [{url: 'http://127.0.0.1:9/secret'}]
- {name: team-db}
- {name: db-page}
- {name: db-mail}
- {name: web}
inhibit_rules:
- {source_matchers: [severity=page], target_matchers: [severity=warn], equal: [alertname]}
";

const WARNS: &str = "the original warns of its own default URL; here only of one that is given";

const STDERR: &str = "old syntax is warned of on standard error";

#[test]
fn offline_commands_are_amtools() {
    let Some(amtool) = amtool() else { return };
    let desk = Desk::new();
    let texts = "errors name line and column";
    let render = |text: &'static str| {
        vec!["template", "render", "--template.glob=a.tmpl", "--template.text", text]
    };
    let with = |mut args: Vec<&'static str>, more: &[&'static str]| {
        args.extend(more);
        args
    };
    let cases: Vec<(Vec<&str>, Expect)> = vec![
        (vec!["check-config", "tree.yml"], Same),
        (vec!["check-config", "small.yml", "tree.yml"], Same),
        (vec!["check-config", "templates.yml"], Same),
        (vec!["check-config", "badtemplates.yml"], Differs(texts)),
        (vec!["check-config", "bad.yml"], Differs(texts)),
        (vec!["check-config", "notyaml.yml", "small.yml"], Differs(texts)),
        (vec!["check-config", "nowhere.yml"], Same),
        (vec!["check-config", "."], Same),
        (vec!["config", "routes", "--config.file=tree.yml"], Differs(WARNS)),
        (vec!["config", "routes", "show", "--config.file=nowhere.yml"], Same),
        (vec!["--alertmanager.url=http://x", "config", "routes", "--config.file=tree.yml"], Same),
        (
            render(
                "{{ .Receiver }} {{ template \"x\" . }}{{ range .Alerts }}{{ .Labels }}{{ end }}",
            ),
            Same,
        ),
        (render("{{ toJson .CommonLabels }}{{ .GroupLabels.SortedPairs }}"), Same),
        (with(render("<b>{{ .ExternalURL }}"), &["--template.type=html"]), Same),
        (
            with(render("{{ .Receiver }}{{ len .Alerts.Firing }}"), &["--template.data=data.json"]),
            Same,
        ),
        (with(render("x"), &["--template.data=baddata.json"]), Same),
        (with(render("x"), &["--template.data=nowhere.json"]), Same),
        (with(render("x"), &["--template.type=pdf"]), Same),
        (render("{{ .Foo }}"), Same),
        (render("{{ template \"nope\" }}"), Same),
        (
            render("{{ template \"slack.default.title\" . }}"),
            Differs("the default templates are there, as in the server"),
        ),
        (vec!["template", "render", "--template.glob=a.tmpl"], Same),
        (vec!["template", "render", "--template.glob=bad.tmpl", "--template.text=x"], Same),
        (vec!["template", "render", "--template.glob=none*", "--template.text=x"], Same),
        (vec!["template", "render", "--template.glob=[", "--template.text=x"], Same),
        (vec!["template"], Same),
        (vec![], Differs("the help has its own words")),
        (vec!["--help"], Differs("the help has its own words")),
        (vec!["--version"], Differs("the version is this program's")),
        (vec!["bogus"], Same),
        (vec!["help", "bogus"], Same),
        (vec!["--bogus"], Same),
        (vec!["alert", "--bogus"], Same),
        (vec!["-o", "yaml", "alert"], Same),
        (vec!["--timeout=x", "alert"], Same),
        (vec!["--enable-feature=x", "alert"], Same),
        (vec!["--http.config.file=nowhere", "alert"], Same),
        (vec!["--alertmanager.url=http://127.0.0.1:1", "alert"], Same),
        (vec!["--alertmanager.url=http://127.0.0.1:1", "silence", "import"], Same),
    ];
    let mut problems: Vec<String> =
        cases.iter().filter_map(|(args, expect)| desk.compare(&amtool, args, "", expect)).collect();
    problems.extend(desk.compare(&amtool, &["check-config"], TREE, &Same));
    for labels in [
        &[][..],
        &["team=db", "severity=page"],
        &["team=db", "severity=page", "foo=ab"],
        &["team=db", "env=b"],
        &["team=web"],
    ] {
        for tree in [&["--tree"][..], &[]] {
            let args = ["--alertmanager.url=http://x", "config", "routes", "test"];
            let args = [&args[..], &["--config.file=tree.yml"], tree, labels].concat();
            problems.extend(desk.compare(&amtool, &args, "", &Same));
        }
    }
    for (more, expect) in [
        (&["--verify.receivers=web", "team=web"][..], Same),
        (
            &["--verify.receivers=other", "team=web"],
            Differs("the warning is an error on standard error"),
        ),
        (&["team!=web"], Same),
        (&["web"], Same),
        (&["team=\"web"], Same),
        (&["x=y z"], Differs(STDERR)),
    ] {
        let args = ["--alertmanager.url=http://x", "config", "routes", "test"];
        let args = [&args[..], &["--config.file=tree.yml"], more].concat();
        problems.extend(desk.compare(&amtool, &args, "", &expect));
    }
    all_right(problems);
}

/// Plays all commands that need a server on one.
fn online(server: &Path) {
    let Some(amtool) = amtool() else { return };
    let desk = Desk::new();
    let config = desk.folder.path().join("tree.yml");
    let server = Program::start(server, &config, &desk.folder.path().join("data"), &[]);
    let server = server.unwrap_or_else(|e| panic!("{e}"));
    let url = format!("--alertmanager.url={}", server.url());
    let mut problems = Vec::new();
    let mut both = |args: &[&str], input: &str, expect: &Expect| {
        let args = [&[url.as_str(), "--no-version-check"], args].concat();
        problems.extend(desk.compare(&amtool, &args, input, expect));
    };
    for (args, expect) in writes() {
        both(&args, "", &expect);
    }
    for (args, expect) in reads() {
        both(&args, "", &expect);
    }
    let run = |args: &[&str]| {
        let did = desk.ours(&[&[url.as_str(), "--no-version-check"], args].concat());
        assert_eq!(did.code, 0, "{args:?}: {did:?}");
        did.out
    };
    let ids = run(&["silence", "query", "-q", "--created-by=me"]);
    let ids: Vec<&str> = ids.lines().collect();
    let (first, second) = (ids[0], ids[1]);
    let all = run(&["silence", "query", "-o", "json"]);
    for (args, expect) in [
        (vec!["silence", "query", "--id", first], Same),
        (vec!["silence", "update", first, "-d", "4h", "-c", "changed"], Same),
        (vec!["silence", "update", first, second, "-d", "5h", "-o", "extended"], Same),
        (vec!["silence", "update", first, "-q", "-d", "6h"], Differs("an id, not an address")),
        (vec!["silence", "update", first, "-d", "0s"], Same),
        (vec!["silence", "update", first, "--end=2020-01-01T00:00:00Z"], Same),
        (vec!["silence", "expire", first], Same),
        (vec!["silence", "expire", first, second], Same),
        (vec!["silence", "expire", "nope"], Same),
        (vec!["silence", "expire", "8e0b2f7a-5d64-4c4b-8a2b-0a1b2c3d4e5f"], Same),
        (vec!["silence", "update", "8e0b2f7a-5d64-4c4b-8a2b-0a1b2c3d4e5f"], Same),
        (vec!["silence", "query", "--expired", "-q"], Same),
        (vec!["silence", "query", "--expired", "--within", "1h", "-o", "extended"], Same),
    ] {
        both(&args, "", &expect);
    }
    let only = "an array and nothing else is read";
    for (input, expect) in [
        (all.as_str(), Same),
        ("[]", Same),
        ("", Same),
        ("garbage", Same),
        ("[{}]", Same),
        ("{}", Differs(only)),
        ("[] garbage", Differs(only)),
    ] {
        both(&["silence", "import", "--worker=1"], input, &expect);
        both(&["silence", "import", "--worker=1", "--force"], input, &expect);
    }
    all_right(problems);
}

fn writes() -> Vec<(Vec<&'static str>, Expect)> {
    let literal = "what has an operator is not the name of an alert";
    vec![
        (
            vec![
                "alert",
                "add",
                "DiskFull",
                "instance=i1",
                "team=db",
                "--annotation=summary=\"DB <is> & down\"",
                "--generator-url=http://g/x",
                "--start=2026-01-31T05:00:00+02:00",
                "--end=2099-01-31T05:00:00+02:00",
            ],
            Same,
        ),
        (vec!["alert", "add", "alertname=Other", "x=y", "--start=2026-02-01T00:00:00Z"], Same),
        (vec!["alert", "add"], Same),
        (vec!["alert", "add", "a!=b"], Same),
        (vec!["alert", "add", "a", "b"], Same),
        (vec!["alert", "add", "a", "--start=bad"], Same),
        (vec!["alert", "add", "a", "--annotation=x"], Same),
        (vec!["alert", "add", "a", "--generator-url=::"], Same),
        (
            vec![
                "silence",
                "add",
                "DiskFull",
                "x=~a.*|b",
                "y!=z",
                "-c",
                "why & <how>",
                "-a",
                "me",
                "-d",
                "2h30m",
                "--annotation=ticket=J1",
            ],
            Same,
        ),
        (
            vec![
                "silence",
                "add",
                "team=db",
                "-c",
                "later",
                "-a",
                "me",
                "--start=2098-01-01T00:00:00+02:00",
                "--end=2099-01-01T00:00:00+02:00",
            ],
            Same,
        ),
        (vec!["silence", "add", "a=b", "-c", "by the user"], Same),
        (vec!["silence", "add", "a=b", "--no-require-comment", "-a", "quiet"], Same),
        (vec!["silence", "add"], Same),
        (vec!["silence", "add", "-c", "x"], Same),
        (vec!["silence", "add", "a=b"], Same),
        (vec!["silence", "add", "a=b", "-c", "x", "-d", "0s"], Same),
        (vec!["silence", "add", "a=b", "-c", "x", "-d", "1x"], Same),
        (vec!["silence", "add", "a=b", "-c", "x", "--start=bad"], Same),
        (vec!["silence", "add", "a=b", "-c", "x", "--end=2020-01-01T00:00:00Z"], Same),
        (vec!["silence", "add", "a=b", "c", "-c", "x"], Same),
        (vec!["silence", "add", "foo=~(", "-c", "x"], Differs(literal)),
        (vec!["silence", "expire"], Same),
        (vec!["silence", "update"], Same),
    ]
}

fn reads() -> Vec<(Vec<&'static str>, Expect)> {
    let literal = "what has an operator is not the name of an alert";
    let braces = "braces hold matchers";
    let mut cases: Vec<(Vec<&str>, Expect)> = vec![
        (vec!["alert", "query", "foo=~("], Differs(literal)),
        (vec!["alert", "query", "{team=\"db\"}"], Differs(braces)),
        (vec!["silence", "query", "foo=~("], Differs(literal)),
        (vec!["config", "show", "-o", "extended"], Differs("texts, not addresses")),
        (vec!["alert", "-rhook"], Differs("a value may follow its letter at once")),
        (vec!["alert", "query", "team=a b"], Differs(STDERR)),
    ];
    let same: &[&[&str]] = &[
        &["alert"],
        &["alert", "query"],
        &["alert", "-o", "extended"],
        &["alert", "-o", "json"],
        &["alert", "query", "DiskFull"],
        &["alert", "query", "team=db", "-o", "json"],
        &["alert", "query", "team=~d.*", "nope=1"],
        &["alert", "-a", "-s", "-i", "-u"],
        &["alert", "-sia"],
        &["alert", "-r", "db.*"],
        &["alert", "-r", "("],
        &["alert", "query", "a=b", "c("],
        &["--date.format=2006 Jan _2 15.04", "alert"],
        &["silence"],
        &["silence", "-o", "extended"],
        &["silence", "query", "-o", "json"],
        &["silence", "query", "x=~a.*|b"],
        &["silence", "query", "DiskFull"],
        &["silence", "query", "--within", "1h"],
        &["silence", "query", "--within", "3h"],
        &["silence", "query", "--id", "nope"],
        &["silence", "query", "--created-by", "quiet", "-o", "extended"],
        &["silence", "query", "--expired"],
        &["cluster"],
        &["cluster", "show", "-o", "extended"],
        &["cluster", "-o", "json"],
        &["config"],
        &["config", "show", "-o", "json"],
        &["config", "routes"],
        &["config", "routes", "test", "--tree", "team=db", "severity=page"],
        &["config", "routes", "test", "team=web"],
    ];
    cases.extend(same.iter().map(|args| (args.to_vec(), Same)));
    cases
}

#[test]
fn commands_on_campana_are_amtools() {
    online(&built_program("campana"));
}

#[test]
fn commands_on_campana_std_are_amtools() {
    online(&built_program("campana-std"));
}

#[test]
fn commands_on_alertmanager_are_amtools() {
    if let Some(alertmanager) = peer("alertmanager") {
        online(&alertmanager);
    }
}

/// Compares with a file of `tests/golden`, or writes it when `CAMPANA_GOLDEN=write`.
#[track_caller]
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name);
    if env::var("CAMPANA_GOLDEN").is_ok_and(|value| value == "write") {
        fs::write(&path, text).expect("the folder is there");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{name} differs; look at it, then set CAMPANA_GOLDEN=write. Now:\n{text}"
    );
}

#[test]
fn texts_made_of_the_table_are_kept() {
    let desk = Desk::new();
    let ours = built_program("campanactl");
    let print = |args: &[&str]| {
        let did = desk.run(&ours, args, "");
        assert!(did.code == 0 && did.err.is_empty(), "{args:?}: {did:?}");
        did.out
    };
    golden("campanactl-help.txt", &print(&["--help-long"]));
    golden("campanactl-help-silence-add.txt", &print(&["silence", "add", "--help"]));
    golden("campanactl.1", &print(&["manual"]));
    for shell in ["bash", "zsh", "fish"] {
        golden(&format!("campanactl.{shell}"), &print(&["completion", shell]));
    }
    assert_eq!(print(&["help", "silence", "add"]), print(&["silence", "add", "-h"]));
    // Help is given whatever else is wrong with the line.
    assert_eq!(print(&["silence", "add", "-h", "--bogus"]), print(&["silence", "add", "-h"]));
    assert!(desk.ours(&["--help"]).out.starts_with("usage: amtool "));
    assert!(desk.ours(&["--version"]).out.starts_with("amtool, version 0."));
    assert!(print(&["--version"]).starts_with("campanactl, version "));
    assert!(desk.ours(&["nope"]).err.starts_with("amtool: error: "));
}

#[test]
fn routes_are_drawn() {
    let desk = Desk::new();
    let draw = |form: &str| {
        let did = desk.ours(&["config", "routes", "--config.file=tree.yml", "--format", form]);
        assert!(did.code == 0 && did.err.is_empty(), "{did:?}");
        did.out
    };
    golden("routes.mmd", &draw("mermaid"));
    golden("routes.dot", &draw("dot"));
    assert_eq!(desk.ours(&["config", "routes", "--format=png"]).code, 1);
}

#[test]
fn a_timeline_tells_when_and_why() {
    let desk = Desk::new();
    fs::write(
        desk.folder.path().join("times.yml"),
        "
route:
  receiver: hook
  group_wait: 10s
  routes:
  - {receiver: quiet, matchers: [team=db], group_interval: 15m, repeat_interval: 20m, continue: true}
  - {receiver: hook, matchers: [team=db], mute_time_intervals: [evening]}
time_intervals:
- {name: evening, time_intervals: [{times: [{start_time: '20:00', end_time: '24:00'}]}]}
receivers:
- {name: hook, webhook_configs: [{url: 'http://127.0.0.1:9/'}, {url: 'http://127.0.0.1:9/b'}]}
- {name: quiet, webhook_configs: [{url: 'http://127.0.0.1:9/', send_resolved: false}]}
",
    )
    .expect("the folder is ours");
    let run = |more: &[&str]| {
        let args = ["timeline", "--config.file=times.yml", "--from=2026-01-31T19:50:00Z"];
        let did = desk.ours(&[&args[..], more].concat());
        assert!(did.code == 0 && did.err.is_empty(), "{did:?}");
        did.out
    };
    golden("timeline.txt", &run(&["alertname=X", "team=db"]));
    golden("timeline-resolved.txt", &run(&["alertname=X", "team=db", "--resolve-after=3m"]));
    let json: serde_json::Value =
        serde_json::from_str(&run(&["alertname=X", "--for=1m", "-o", "json"])).expect("JSON");
    assert_eq!(json[0]["afterSeconds"], 10.0);
    assert_eq!(json[0]["notifications"][1]["integration"], "webhook[1]");
    for bad in [&["--for=x"][..], &["--resend=0s"], &["team"], &["--config.file=bad.yml"]] {
        assert_eq!(desk.ours(&[&["timeline"], bad].concat()).code, 1, "{bad:?}");
    }
}

#[test]
fn advice_is_given_and_is_no_error() {
    let desk = Desk::new();
    let text = "
route:
  receiver: a
  group_interval: 15m
  repeat_interval: 20m
  routes:
  - {receiver: a, matchers: [team=~db|web]}
  - {receiver: a, matchers: [team=db]}
  - {receiver: a, matchers: [team=x, team=y]}
receivers: [{name: a}, {name: b}]
inhibit_rules:
- {source_matchers: [s=p], target_matchers: [s=w], equal: [site]}
";
    let did = desk.run(&desk.ours, &["check-config"], text);
    assert_eq!(did.code, 0, "{did:?}");
    assert!(did.out.contains("SUCCESS"), "{did:?}");
    for (place, advice) in [
        ("2:1: route: ", "notifications repeat every 30m"),
        ("8:5: route.routes[1]: ", "never reached"),
        ("9:5: route.routes[2]: ", "no alert can match"),
        ("10:24: receivers[1]: ", "not used"),
        ("12:3: inhibit_rules[0]: ", "without site"),
    ] {
        let found = did.err.lines().any(|line| {
            line.starts_with(&format!("Warning: /dev/stdin:{place}")) && line.contains(advice)
        });
        assert!(found, "{place}{advice}\n{}", did.err);
    }
    assert_eq!(did.err.lines().count(), 5, "{}", did.err);
}

#[test]
fn defaults_come_from_files() {
    let desk = Desk::new();
    let home = desk.folder.path();
    let write = |path: &str, text: &str| {
        let path = home.join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("the folder is ours");
        fs::write(path, text).expect("the folder is ours");
    };
    write(".config/prometheus/amtool.yml", "alertmanager.url: http://127.0.0.1:2\noutput: json\n");
    assert!(desk.ours(&["alert"]).err.contains("127.0.0.1:2"));
    write(
        ".config/amtool/config.yml",
        "alertmanager.url: http://127.0.0.1:1\ncomment_required: false\n",
    );
    let did = desk.ours(&["silence", "add", "a=b"]);
    assert!(did.err.contains("127.0.0.1:1"), "{did:?}");
    assert!(desk.ours(&["--alertmanager.url=http://127.0.0.1:3", "alert"]).err.contains(":3/"));
    write(".config/amtool/config.yml", "output: [1]\n");
    let did = desk.ours(&["alert"]);
    assert!(did.code == 1 && did.err.contains("could not load config file"), "{did:?}");
    write(".config/amtool/config.yml", "output: yaml\n");
    assert!(desk.ours(&["alert"]).err.contains("enum value must be one of"));
}

/// A server that gives one answer to all requests, and tells what it was asked.
fn answering(answer: String) -> (String, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let asked = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
            head.push(byte[0]);
        }
        stream.write_all(answer.as_bytes()).ok();
        String::from_utf8_lossy(&head).into_owned()
    });
    (url, asked)
}

fn http_answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

#[test]
fn credentials_and_headers_are_sent() {
    let desk = Desk::new();
    let ask = |url: &str, more: &[&str]| {
        let (server, asked) = answering(http_answer("200 OK", "", "[]"));
        let url = url.replace("SERVER", server.trim_start_matches("http://"));
        let url = format!("--alertmanager.url={url}");
        let did = desk.ours(&[&[url.as_str(), "--no-version-check"], more, &["alert"]].concat());
        (did, asked.join().expect("it answers"))
    };
    let (did, head) = ask("http://me:p%40ss@SERVER/pre/fix/", &[]);
    assert_eq!((did.code, did.err.as_str()), (0, ""));
    assert!(head.starts_with("GET /pre/fix/api/v2/alerts?active=true&"), "{head}");
    assert!(head.to_lowercase().contains("authorization: basic bwu6cebzcw=="), "{head}");
    let path = desk.folder.path().join("http.yml");
    fs::write(desk.folder.path().join("token"), "t0ken\n").expect("the folder is ours");
    fs::write(
        &path,
        "authorization: {credentials_file: token}\nhttp_headers: {X-Scope: {values: [a, b]}}\n",
    )
    .expect("the folder is ours");
    let flag = format!("--http.config.file={}", path.display());
    let (did, head) = ask("http://SERVER", &[&flag]);
    assert_eq!((did.code, did.err.as_str()), (0, ""));
    let head = head.to_lowercase();
    assert!(head.contains("authorization: bearer t0ken\r\n"), "{head}");
    assert!(head.contains("x-scope: a\r\n") && head.contains("x-scope: b\r\n"), "{head}");
    let refused = |text: &str, url: &str| {
        fs::write(&path, text).expect("the folder is ours");
        let url = format!("--alertmanager.url={url}");
        let did = desk.ours(&[&url, &flag, "alert"]);
        assert_eq!(did.code, 1, "{did:?}");
        did.err
    };
    assert!(refused("", "http://a:b@127.0.0.1:1").contains("remove one"));
    assert!(refused("nonsense: 1", "http://127.0.0.1:1").contains("http.yml:1:1: field nonsense"));
    let missing = "tls_config: {ca_file: nowhere.pem}";
    assert!(refused(missing, "https://127.0.0.1:1").contains("127.0.0.1:1"));
}

#[test]
fn servers_that_misbehave_are_told_of() {
    let desk = Desk::new();
    let ask = |answer: String, args: &[&str]| {
        let (url, asked) = answering(answer);
        let url = format!("--alertmanager.url={url}");
        let did = desk.ours(&[&[url.as_str(), "--no-version-check"], args].concat());
        asked.join().expect("it answers");
        did
    };
    let page = "<!DOCTYPE html><title>Log in</title>";
    for (answer, text) in [
        (http_answer("200 OK", "", page), "a proxy asks for a login"),
        (http_answer("502 Bad Gateway", "", page), "[GET /alerts][502] the answer is a web page"),
        (http_answer("500 Oh", "", "{\"code\":500,\"message\":\"no\"}"), "[GET /alerts][500] no"),
        (http_answer("401 Who", "", ""), "[401] the server asks for a user"),
        (http_answer("404 No", "", ""), "[404] not found"),
        (http_answer("200 OK", "", "{}"), "is not what an alert manager says"),
        (http_answer("200 OK", "", ""), "is not what an alert manager says"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n[".to_owned(), "Get \"http://127.0.0.1:"),
        ("SSH-2.0-x\r\n\r\n".to_owned(), "Get \"http://127.0.0.1:"),
        (String::new(), "Get \"http://127.0.0.1:"),
    ] {
        let did = ask(answer.clone(), &["alert"]);
        assert!(did.code == 1 && did.out.is_empty(), "{answer}: {did:?}");
        assert!(did.err.contains(text) && did.err.lines().count() == 1, "{answer}: {did:?}");
    }
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let posted = http_answer("200 OK", date, "{\"silenceID\":\"an-id\"}");
    let did = ask(posted, &["silence", "add", "a=b", "-c", "x"]);
    assert_eq!((did.code, did.out.as_str()), (0, "an-id\n"));
    assert!(did.err.contains("ahead of the server's"), "{did:?}");
    let did = desk.ours(&["--alertmanager.url=ftp://x", "alert"]);
    assert!(did.err.contains("only http and https"), "{did:?}");
}

#[test]
fn a_silent_server_is_given_up() {
    let desk = Desk::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("--alertmanager.url=http://{}", listener.local_addr().expect("bound"));
    let did = desk.ours(&[&url, "--timeout=300ms", "alert"]);
    assert!(did.code == 1 && did.err.contains("context deadline exceeded"), "{did:?}");
}
