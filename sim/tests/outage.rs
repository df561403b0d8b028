//! A receiver that fails for an hour while many groups wait for it.

use std::{collections::BTreeSet, env, fs};

use campana_sim::{
    Behaviour, Fleet,
    fleet::{PAGER, config},
};

/// Returns the memory that this process occupies, in bytes.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it is there");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number");
    kib * 1024
}

/// `CAMPANA_OUTAGE_GROUPS=10000` plays it large, which wants a release build.
#[test]
fn a_receiver_that_fails_for_an_hour_is_told_everything_afterwards_and_costs_no_more() {
    let wanted = env::var("CAMPANA_OUTAGE_GROUPS").ok();
    let groups: usize = wanted.map_or(300, |text| text.parse().expect("a number of groups"));
    let mut fleet = Fleet::new(1, 1, &config("30s", "5m", "4h")).expect("it settles");
    fleet.world.receivers_mut().behave(PAGER, Behaviour::Refuses);
    let day = Some(86_400.0);
    for group in 0..groups {
        fleet.post_all(&format!("Group{group}"), "a", day).expect("posted");
    }
    fleet.run(600.0);
    let early = resident();
    // Whoever watches: posts and silences are taken as ever meanwhile.
    for step in 0..5 {
        fleet.run(600.0);
        fleet.post_all("Group0", "a", day).expect("posted");
        fleet.silence(0, &format!("Other{step}"), 60.0).expect("made");
    }
    let late = resident();
    println!("{groups} groups: {early} bytes after ten minutes, {late} after an hour");
    assert!(fleet.notices(PAGER).is_empty());
    // The log of the simulator grows with every notification that failed; the node does not.
    let events = (groups * 12 * 2048) as u64;
    assert!(late < early * 2 + events, "{early} bytes after ten minutes, {late} after an hour");

    fleet.world.receivers_mut().behave(PAGER, Behaviour::answers(200));
    fleet.run(600.0);
    let notices = fleet.notices(PAGER);
    let told: BTreeSet<&String> = notices.iter().map(|notice| &notice.group).collect();
    assert_eq!((told.len(), notices.len()), (groups, groups), "everything once");
}
