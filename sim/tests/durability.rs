//! Power that fails at any moment, on disks that tear what was not synced.

use std::time::Duration;

use campana_sim::{Chance, Fleet, HostSpec};

const CONFIG: &str = "
route: {receiver: pager, group_by: [alertname], group_wait: 2s, group_interval: 5s}
receivers: [{name: pager, webhook_configs: [{url: 'http://pager/'}]}]
";

/// Silences and log entries are checked at every start of a host, whatever the flags; alerts here.
#[test]
fn nothing_that_was_confirmed_is_lost_when_the_power_fails() {
    for seed in 0..40 {
        let mut chance = Chance::new(seed, 1);
        let mut fleet = Fleet::unsettled(seed, 1, |_| {
            let mut spec = HostSpec::new(CONFIG);
            spec.flags.push("--storage.sync=always".into());
            spec.flags.push("--data.maintenance-interval=3s".into());
            spec
        })
        .expect("it starts");
        let host = fleet.host(0);
        let mut posted = Vec::new();
        for round in 0..12 {
            fleet.world.disk_mut(host).delay = Duration::from_millis(chance.below(40));
            for n in 0..chance.below(6) {
                let name = format!("A{round}x{n}");
                fleet.post(0, &name, "i", Some(86_400.0)).expect("it answers");
                posted.push(name);
                fleet.silence(0, "Other", 86_400.0).expect("it answers");
                fleet.run(chance.unit() * 2.0);
            }
            fleet.world.cut_power(host);
            fleet.run(chance.unit() * 2.0);
            fleet.world.start(host).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            let view = fleet.world.node(host).expect("it runs").view();
            let known: Vec<&str> = view
                .alerts
                .iter()
                .filter_map(|(_, entry)| entry.alert.labels.get("alertname"))
                .collect();
            for name in &posted {
                assert!(known.contains(&&**name), "seed {seed}, round {round}: {name} is lost");
            }
        }
        assert!(fleet.world.errors().is_empty(), "seed {seed}: {:?}", fleet.world.errors());
    }
}
