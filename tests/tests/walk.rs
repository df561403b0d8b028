//! The webhook is sent, its record is gossiped, the peers stay quiet: in every kind of cluster.

use std::path::Path;

use campana_tests::{
    cluster::{Member, Setup, free_address, original, wait_ready},
    drivers::built_program,
    walk::{CONFIG, Processes, Simulated, walk},
};

fn processes(executables: [&Path; 3]) {
    let addresses = [(); 3].map(|()| free_address());
    let members = [0, 1, 2].map(|n| {
        let (executable, name, gossip) = (executables[n], ["a", "b", "c"][n], addresses[n]);
        let setup = Setup { executable, name, gossip, config: CONFIG, log: "debug" };
        let peers = addresses[..n].iter().map(|peer| format!("--cluster.peer={peer}"));
        let peers: Vec<String> = peers.collect();
        Member::start_as(setup, &[], &peers.iter().map(|peer| &**peer).collect::<Vec<_>>())
    });
    let [a, b, c] = &members;
    wait_ready(&[a, b, c]);
    walk(&mut Processes(members));
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
fn mixed() {
    let Some(original) = original("mixed") else { return };
    processes([&built_program("campana"), &original, &built_program("campana-std")]);
}

#[test]
fn mixed_behind_the_original() {
    let Some(original) = original("mixed") else { return };
    processes([&original, &built_program("campana-std"), &built_program("campana")]);
}

#[test]
fn mixed_before_two_originals() {
    let Some(original) = original("mixed") else { return };
    processes([&built_program("campana"), &original, &original]);
}
