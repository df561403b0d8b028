//! The webhook is sent, its record is gossiped, the peers stay quiet: in every kind of cluster.

use std::path::Path;

use campana_tests::{
    cluster::{Member, original, wait_ready},
    drivers::built_program,
    walk::{Processes, Simulated, walk},
};

fn processes(executables: [&Path; 3]) {
    let a = Member::start(executables[0], "a", &[], &[]);
    let b = Member::start(executables[1], "b", &[&a], &[]);
    let c = Member::start(executables[2], "c", &[&a, &b], &[]);
    wait_ready(&[&a, &b, &c]);
    walk(&mut Processes([a, b, c]));
}

#[test]
fn simulated() {
    (1..6).for_each(|seed| walk(&mut Simulated::new(seed)));
}

#[test]
fn campana() {
    processes([&built_program("campana"); 3]);
}

#[test]
fn small_campana() {
    processes([&built_program("campana-std"); 3]);
}

#[test]
#[ignore = "the original may tell what it saw before its wait, when the end comes during that"]
fn mixed() {
    let Some(original) = original("mixed") else { return };
    let (campana, small) = (built_program("campana"), built_program("campana-std"));
    processes([&campana, &original, &small]);
    processes([&original, &small, &campana]);
}
