//! What outlives the process.

use campana_tests::scenario::{Scenario, alert, at, between, eq, firing, resolved, silence};
use serde_json::json;

pub(crate) fn all() -> Vec<Scenario> {
    crate::list![
        what_was_told_is_not_told_again_after_a_restart,
        silences_outlive_a_restart,
        alerts_outlive_a_restart,
        an_end_after_a_restart_is_told,
        a_killed_program_has_its_last_checkpoint,
        a_repeat_counts_from_before_the_restart,
    ]
}

const CONFIG: &str = "
route: {receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 2s}
receivers: [{name: team, webhook_configs: [{url: '{{sink}}'}]}]
";

fn what_was_told_is_not_told_again_after_a_restart(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.6)
        .restart()
        .at(2.6)
        .post([alert("A")])
        .until(6.0)
}

fn silences_outlive_a_restart(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .silence(silence("quiet", [eq("alertname", "A")]))
        .at(0.5)
        .restart()
        .at(1.5)
        .get("/api/v2/silences", json!([{"id": "{quiet}", "status": {"state": "active"}}]))
        .post([alert("A"), alert("B")])
        .expect("default", at(2.5), firing(["B"]))
        .until(4.5)
}

fn alerts_outlive_a_restart(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A")])
        .at(0.4)
        .restart()
        .expect("default", between(1.0, 2.2), firing(["A"]))
        .ours()
        .differs_on_oracle("it forgets its alerts")
        .until(5.0)
}

fn an_end_after_a_restart_is_told(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.6)
        .restart()
        .at(2.5)
        .resolve([alert("A")])
        .expect("default", between(2.5, 4.6), resolved(["A"]).reason("all alerts resolved"))
        .until(7.0)
}

fn a_killed_program_has_its_last_checkpoint(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .flag("--data.maintenance-interval=300ms")
        .at(0.0)
        .silence(silence("quiet", [eq("alertname", "A")]))
        .post([alert("B")])
        .expect("default", at(1.0), firing(["B"]))
        .at(2.0)
        .kill()
        .at(3.0)
        .post([alert("A"), alert("B")])
        .get("/api/v2/silences", json!([{"id": "{quiet}"}]))
        .until(5.5)
}

fn a_repeat_counts_from_before_the_restart(s: Scenario) -> Scenario {
    s.config(CONFIG.replace("group_interval: 2s", "group_interval: 1s, repeat_interval: 3s"))
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.5)
        .restart()
        .at(2.3)
        .post([alert("A")])
        .expect("default", between(4.0, 5.3), firing(["A"]).reason("repeat interval elapsed"))
        .until(6.0)
}
