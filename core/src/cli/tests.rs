use alloc::{
    borrow::ToOwned as _,
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::time::Timestamp;

fn call(argv: &[&str]) -> Result<Invocation, String> {
    let argv: Vec<String> = argv.iter().map(|&word| word.to_owned()).collect();
    parse(&argv, &mut |path| match path {
        "flags" => Ok("# notes\n--log.silences\n\n--data.retention\n5d\n".to_owned()),
        "loop" => Ok("@loop".to_owned()),
        _ => Err("no such file or directory".to_owned()),
    })
}

fn options(argv: &[&str]) -> Options {
    let mut words = alloc::vec!["/usr/bin/campana"];
    words.extend(argv);
    match call(&words).expect("valid") {
        Invocation::Run(options) => *options,
        Invocation::Print(text) => panic!("printed {text}"),
    }
}

fn error(argv: &[&str]) -> String {
    let mut words = alloc::vec!["./campana"];
    words.extend(argv);
    let text = call(&words).expect_err("refused");
    let text = text.strip_prefix("campana: error: ").expect("names the program");
    text.strip_suffix(", try --help").expect("points to the help").to_owned()
}

#[test]
fn defaults_are_alertmanagers() {
    let o = options(&[]);
    assert_eq!(o, Options::default());
    assert_eq!((o.config_file, o.storage_path.as_str()), (None, "data/"));
    assert_eq!(o.data_retention, Duration::from_secs(120 * 3600));
    assert_eq!(o.web_listen_addresses, [":9093"]);
    assert_eq!(o.cluster.reconnect_timeout, Duration::from_secs(6 * 3600));
    assert_eq!((o.web_timeout, o.web_get_concurrency), (None, None));
    assert!(
        o.cluster.listen_address.as_deref() == Some("0.0.0.0:9094") && o.cluster.peers.is_empty()
    );
    let Ok(Invocation::Run(o)) = call(&["/bin/alertmanager"]) else { panic!("runs") };
    assert_eq!(o.config_file.as_deref(), Some("alertmanager.yml"));
    assert_eq!((o.get_concurrency(2), o.get_concurrency(32)), (8, 32));
}

#[test]
fn values_come_in_both_forms() {
    let o = options(&[
        "--config.file=/etc/a=b.yml",
        "--storage.path",
        "/var/lib/x",
        "--data.retention",
        "1w2d",
        "--log.silences",
        "--web.listen-address=127.0.0.1:0",
        "--web.listen-address",
        "[::1]:9093",
        "--silences.max-silences=-3",
        "--web.get-concurrency=3",
        "--web.timeout=-1s",
        "--log.level=WARN",
        "--log.format=json",
        "--cluster.listen-address=",
        "--cluster.gossip-interval=0.2s",
        "--enable-feature=classic-mode,receiver-name-in-metrics",
        "--no-web.systemd-socket",
    ]);
    assert_eq!(o.config_file.as_deref(), Some("/etc/a=b.yml"));
    assert_eq!(o.storage_path, "/var/lib/x");
    assert_eq!(o.data_retention, Duration::from_secs(9 * 86_400));
    assert!(o.log_silences && o.cluster.listen_address.is_none() && !o.web_systemd_socket);
    assert_eq!(o.web_listen_addresses, ["127.0.0.1:0", "[::1]:9093"]);
    assert_eq!((o.silences_max, o.get_concurrency(64), o.web_timeout), (0, 3, None));
    assert_eq!((o.log_level, o.log_format), (Level::Warn, Format::Json));
    assert_eq!(o.features.names(), ["receiver-name-in-metrics", "classic-mode"]);
    let o = options(&["@flags", "--no-cluster.allow-insecure-public-advertise-address-discovery"]);
    assert!(o.log_silences);
    assert_eq!(o.data_retention, Duration::from_secs(5 * 86_400));
}

#[test]
fn mistakes_get_the_dialects_texts() {
    for (argv, text) in [
        (
            &["--data.retention=1h", "--data.retention=2h"][..],
            "flag 'data.retention' cannot be repeated",
        ),
        (&["--log.silences", "--no-log.silences"], "flag 'log.silences' cannot be repeated"),
        (&["--nope"], "unknown long flag '--nope'"),
        (&["--no-storage.path"], "unknown long flag '--no-storage.path'"),
        (&["-x"], "unknown short flag '-x'"),
        (&["--storage.path"], "expected argument for flag '--storage.path'"),
        (&["--storage.path", "--log.silences"], "expected argument for flag '--storage.path'"),
        (&["serve"], "unexpected serve"),
        (&["--log.silences=true"], "unexpected true"),
        (&["--", "x"], "unexpected x"),
        (&["@gone"], "open gone: no such file or directory"),
        (&["@loop"], "more than 10000 arguments"),
        (&["--config.file="], "--config.file must not be empty"),
        (&["--storage.path="], "--storage.path must not be empty"),
        (&["--alerts.gc-interval=0s"], "--alerts.gc-interval must be greater than 0"),
        (&["--data.retention=-1h"], "--data.retention must be greater than 0"),
        (&["--enable-feature=classic-mode,"], "unknown option '' for --enable-feature"),
        (
            &["--enable-feature=classic-mode,utf8-strict-mode"],
            "cannot have both classic and UTF-8 modes enabled",
        ),
        (
            &["--auto-gomemlimit.ratio=0"],
            "--auto-gomemlimit.ratio must be greater than 0 and less than or equal to 1",
        ),
        (
            &["--log.level=loud"],
            "invalid value \"loud\" for flag '--log.level': \
             must be one of debug, info, warn, error",
        ),
    ] {
        assert_eq!(error(argv), text, "{argv:?}");
    }
    for argv in [
        "--data.retention=5",
        "--web.listen-address=9093",
        "--web.listen-address=::1:9093",
        "--web.listen-address=:x",
        "--web.listen-address=vsock://:9093",
        "--web.external-url=ftp://x/",
        "--notify.deny-egress=10.0.0.0/40",
        "--notify.allow-egress=10.0.0.0/8",
        "--silences.max-silences=many",
        "--auto-gomemlimit.ratio=NaN",
    ] {
        error(&[argv]);
    }
}

#[test]
fn help_and_version_print() {
    let Ok(Invocation::Print(text)) = call(&["/x/alertmanager", "--log.silences", "-h", "--nope"])
    else {
        panic!("help wins over what follows")
    };
    assert!(text.starts_with("usage: alertmanager [<flags>]\n"));
    assert!(text.contains("      --config.file=\"alertmanager.yml\"\n"));
    assert!(text.contains("      --data.retention=120h   "));
    assert!(text.contains("      --web.listen-address=\":9093\"\n"));
    assert!(text.lines().all(|line| line.len() <= 90 && line.trim_end() == line));
    for flag in flags::FLAGS {
        assert!(text.contains(flag.name));
    }
    let Ok(Invocation::Print(text)) = call(&["alertmanager", "--version"]) else {
        panic!("prints the version")
    };
    assert!(text.starts_with("alertmanager, version 0.34.0 (branch: "));
    let heads: Vec<String> =
        text.lines().skip(1).map(|line| line.chars().take(19).collect::<String>()).collect();
    assert_eq!(
        heads,
        [
            "  build user:      ",
            "  build date:      ",
            "  go version:      ",
            "  platform:        ",
            "  tags:            "
        ]
    );
    let Ok(Invocation::Print(text)) = call(&["campana-std", "--version"]) else {
        panic!("prints the version")
    };
    assert!(text.starts_with("campana-std, version 0.1.0 (branch: "));
    assert!(
        text.lines().next().is_some_and(|l| l.ends_with("compatible with Alertmanager 0.34.0)"))
    );
}

#[test]
fn the_start_is_told() {
    let told = |argv: &[&str]| -> Vec<&'static str> {
        options(argv).start_events().iter().map(|e| e.record(Timestamp::EPOCH).msg).collect()
    };
    assert_eq!(told(&["--cluster.listen-address="]), ["Starting campana", "Build context"]);
    assert_eq!(
        told(&["--enable-feature=classic-mode,auto-gomemlimit"])[2..],
        ["Feature enabled", "Feature enabled", "Setting has no effect"]
    );
    assert!(options(&["--enable-feature=group-key-in-metrics"]).detail().group_keys);
}

fn external(url: &str, prefix: &str) -> Result<(String, String), String> {
    let options = Options {
        web_external_url: Some(url.to_string()).filter(|url| !url.is_empty()),
        web_route_prefix: Some(prefix.to_string()).filter(|prefix| !prefix.is_empty()),
        ..Options::default()
    };
    resolve_external_url(&options, "host", 9093).map(|url| (url.text, url.route_prefix))
}

#[test]
fn external_urls_resolve() {
    for (url, prefix, text, route) in [
        ("", "", "http://host:9093", "/"),
        ("", "am/", "http://host:9093", "/am"),
        ("https://am.example/", "", "https://am.example", "/"),
        ("HTTP://am.example/a/b//", "", "http://am.example/a/b", "/a/b"),
        ("http://h/a%20b/", "", "http://h/a%20b", "/a b"),
        ("http://u:p@[::1]:9/am?x=1", "/", "http://u:p@[::1]:9/am?x=1", "/"),
    ] {
        assert_eq!(
            external(url, prefix),
            Ok((text.to_owned(), route.to_owned())),
            "{url} {prefix}"
        );
    }
    for url in [
        "ftp://x",
        "x.example/am",
        "http://",
        "http:///am",
        "http://h:99999/",
        "http://h/%zz",
        "http://a b",
    ] {
        assert!(external(url, "").is_err(), "{url}");
    }
    let text = external("http://user:secret@h:port", "").expect_err("bad port");
    assert!(!text.contains("secret"), "{text}");
}

const WORD: &str = "(--)?(no-)?[a-z.@=\\-]{0,24}|\
    --(log.level|data.retention|web.external-url|web.listen-address)=.{0,12}";

proptest! {
    #[test]
    fn parsing_never_panics(words in prop::collection::vec(WORD, 0..6)) {
        let mut argv = alloc::vec!["campana".to_owned()];
        argv.extend(words);
        let _ = parse(&argv, &mut |_| Ok(String::new()));
    }
}
