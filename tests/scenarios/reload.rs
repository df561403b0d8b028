//! Changing the configuration of a running program.

use campana_tests::scenario::{Scenario, alert, at, eq, firing, resolved, silence};

pub(crate) fn all() -> Vec<Scenario> {
    crate::list![
        a_reload_of_the_same_file_changes_nothing,
        a_reload_keeps_the_ticks,
        a_group_that_waits_goes_on_waiting,
        a_new_receiver_is_told_at_once,
        a_new_grouping_makes_new_groups,
        an_invalid_file_leaves_the_old_one_in_force,
        silences_outlive_a_reload,
        new_inhibition_rules_see_old_alerts,
        an_end_after_a_reload_is_told,
        a_shorter_interval_counts_at_once,
    ]
}

const CONFIG: &str = "
route: {receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 2s}
receivers:
- {name: team, webhook_configs: [{url: '{{sink}}'}]}
- {name: other, webhook_configs: [{url: '{{sink:other}}'}]}
";

const ANEW: &str = "it makes every group anew at a reload, flushes old ones at once and counts the \
                    interval from there";

fn a_reload_of_the_same_file_changes_nothing(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.6)
        .reload(CONFIG)
        .until(4.0)
}

fn a_reload_keeps_the_ticks(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A").label("i", "1")])
        .expect("default", at(1.0), firing(["A 1"]))
        .at(1.7)
        .reload(CONFIG)
        .at(2.2)
        .post([alert("A").label("i", "2")])
        .expect("default", at(3.0), firing(["A 1", "A 2"]))
        .ours()
        .expect("default", at(3.7), firing(["A 1", "A 2"]))
        .oracle()
        .differs_on_oracle(ANEW)
}

fn a_group_that_waits_goes_on_waiting(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A")])
        .at(0.6)
        .reload(CONFIG)
        .expect("default", at(1.0), firing(["A"]))
        .ours()
        .expect("default", at(1.6), firing(["A"]))
        .oracle()
        .differs_on_oracle(ANEW)
}

fn a_new_receiver_is_told_at_once(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.6)
        .reload(CONFIG.replace("receiver: team", "receiver: other"))
        .expect("other", at(1.6), firing(["A"]).receiver("other").reason("first notification"))
        .until(4.0)
}

fn a_new_grouping_makes_new_groups(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A").label("team", "x"), alert("B").label("team", "x")])
        .expect("default", at(1.0), firing(["A x"]))
        .expect("default", at(1.0), firing(["B x"]))
        .at(1.6)
        .reload(CONFIG.replace("[alertname]", "[team]"))
        .expect("default", at(1.6), firing(["A x", "B x"]).group_labels([("team", "x")]))
}

fn an_invalid_file_leaves_the_old_one_in_force(s: Scenario) -> Scenario {
    let sample = "alertmanager_config_last_reload_successful";
    s.config(CONFIG)
        .may_log_errors()
        .at(0.0)
        .metric(sample, 1.0)
        .post([alert("A")])
        .reload_fails("route: {receiver: nobody}\nreceivers: []\n")
        .metric(sample, 0.0)
        .at(0.4)
        .reload_fails("route: [")
        .expect("default", at(1.0), firing(["A"]))
        .at(1.6)
        .reload(CONFIG)
        .metric(sample, 1.0)
}

fn silences_outlive_a_reload(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .silence(silence("quiet", [eq("alertname", "A")]))
        .post([alert("A"), alert("B")])
        .expect("default", at(1.0), firing(["B"]))
        .at(1.6)
        .reload(CONFIG.replace("receiver: team", "receiver: other"))
        .expect("other", at(1.6), firing(["B"]))
        .until(3.5)
}

fn new_inhibition_rules_see_old_alerts(s: Scenario) -> Scenario {
    let rule = "inhibit_rules: [{source_matchers: [alertname=A], target_matchers: [alertname=B]}]";
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.6)
        .reload(format!("{CONFIG}{rule}\n"))
        .post([alert("B")])
        .until(4.5)
}

fn an_end_after_a_reload_is_told(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.6)
        .reload(CONFIG)
        .at(2.3)
        .resolve([alert("A")])
        .expect("default", at(3.0), resolved(["A"]))
        .ours()
        .expect("default", at(3.6), resolved(["A"]))
        .oracle()
        .differs_on_oracle(ANEW)
        .until(4.5)
}

fn a_shorter_interval_counts_at_once(s: Scenario) -> Scenario {
    s.config(CONFIG.replace("group_interval: 2s", "group_interval: 1m"))
        .at(0.0)
        .post([alert("A").label("i", "1")])
        .expect("default", at(1.0), firing(["A 1"]))
        .at(1.6)
        .reload(CONFIG)
        .at(2.2)
        .post([alert("A").label("i", "2")])
        .expect("default", at(3.6), firing(["A 1", "A 2"]))
}
