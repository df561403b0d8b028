//! Every command next to the real amtool, on the same files and the same server.

use std::path::{Path, PathBuf};

use campana_tests::drivers::{PEERS, Program, built_program, peer};

use crate::{
    Desk,
    Expect::{self, Differs, Same},
    TREE,
};

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
