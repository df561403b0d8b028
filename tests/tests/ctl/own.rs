//! What amtool does not have: texts made of the table, pictures, timelines, advice; and the files
//! with defaults.

use std::{env, fs, path::Path};

use campana_tests::drivers::built_program;

use crate::Desk;

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
