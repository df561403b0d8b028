use alloc::string::ToString as _;

use super::*;
use crate::notify::Kind;

const ORIGIN: Origin<'_> = Origin { file: "f.yml", directory: "/etc/am" };
const RULES: Rules = Rules { mode: Mode::Fallback, retention: Duration::from_secs(120 * 3600) };

fn error(text: &str) -> String {
    load(text.as_bytes(), &ORIGIN, &RULES).expect_err(text).to_string()
}

#[test]
fn the_default_prints_to_the_log() {
    let config = load(default_text().as_bytes(), &ORIGIN, &RULES).expect("valid");
    let receiver = &config.receivers[0];
    assert!(receiver.used);
    assert_eq!(receiver.labels.to_string(), "{name=\"log\"}");
    let [log] = &receiver.integrations[..] else { panic!("one integration") };
    assert_eq!((log.name, log.index, log.send_resolved), ("log", 0, true));
    assert!(matches!(log.kind, Kind::Log(_)));
    assert_eq!(config.resolve_timeout, Duration::from_secs(300));
    assert!(config.warnings.is_empty(), "{:?}", config.warnings);
}

#[test]
fn mistakes_are_collected_and_broken_rules_stand_alone() {
    let text = "route:\n  receivr: a\n  continue: maybe\nreceivers:\n- name: a\n  name: b\n";
    assert_eq!(
        error(text),
        "f.yml:2:3: route: field receivr not found; did you mean receiver?\n\
         f.yml:3:13: route.continue: cannot unmarshal !!str `maybe` into bool; write true or \
         false, without quotes\n\
         f.yml:6:3: receivers[0]: field name already set; it is on line 5 as well, keep one of them"
    );
    let text = "bogus: 1\nroute:\n  group_wait: 5\n";
    assert!(error(text).starts_with("f.yml:3:15: route.group_wait: not a valid duration string"));
}

#[test]
fn text_that_is_no_yaml_is_refused() {
    assert!(error("").contains("no route provided in config"));
    assert!(error("# nothing\n").contains("no route provided in config"));
    assert!(error("~").contains("no route provided in config"));
    assert!(error("receivers: []").contains("no routes provided"));
    let bytes = load(b"route:\n  a: \xff", &ORIGIN, &RULES).expect_err("bytes").to_string();
    assert!(bytes.starts_with("f.yml:2:6: yaml: invalid UTF-8"), "{bytes}");
    assert!(load(&[b' '; CONFIG_BYTES_MAX + 1], &ORIGIN, &RULES).is_err());
    let with_mark = alloc::format!("\u{feff}{}", default_text());
    assert!(load(with_mark.as_bytes(), &ORIGIN, &RULES).is_ok());
}

#[test]
fn hostile_documents_hit_a_limit() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_string();
    for (from, to) in "abcdefgh".chars().zip("bcdefghi".chars()) {
        text.push_str(&alloc::format!(
            "{to}: &{to} [{}]\n",
            alloc::vec![alloc::format!("*{from}"); 10].join(", ")
        ));
    }
    assert!(error(&text).contains("excessive aliasing"), "{}", error(&text));
    assert!(error("a: &a [*a]").contains("contains itself"));
    assert!(!error(&"[".repeat(100_000)).is_empty());
    assert!(!error(&"- ".repeat(100_000)).is_empty());
}

#[test]
fn paths_are_joined_as_text() {
    use crate::schema::join;
    assert_eq!(join("/etc/am", "a/../b"), "/etc/am/b");
    assert_eq!(join("/etc/am", "../../../b"), "/b");
    assert_eq!(join("conf", "../../b"), "../b");
    assert_eq!(join("conf", "/b"), "/b");
    assert_eq!(join(".", "b"), "b");
    assert_eq!(join("", "b"), "b");
}
