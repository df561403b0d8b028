//! The program from outside: what it prints, and how it ends when it cannot start. That this file
//! exists also makes `cargo test` build the program, which the scenarios start.

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_campana-std"));
    command.args(arguments).output().expect("the program was built with this test")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn version_and_help_go_to_standard_output() {
    let version = run(&["--version"]);
    assert!(version.status.success());
    assert!(text(&version.stdout).contains("compatible with Alertmanager 0.34"), "{version:?}");
    let help = run(&["--help"]);
    assert!(help.status.success());
    assert!(text(&help.stdout).contains("--config.file"), "{help:?}");
}

#[test]
fn a_flag_of_a_missing_part_is_refused_with_its_reason() {
    let refused = run(&["--web.listen-address=vsock://:9093"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("not available in this version"), "{refused:?}");
}

#[test]
fn a_broken_configuration_ends_the_start() {
    let refused = run(&["--config.file=tests/no-such-file.yml"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("tests/no-such-file.yml"), "{refused:?}");
}
