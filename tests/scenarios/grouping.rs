//! How alerts come together.

use campana_tests::scenario::{Scenario, alert, at, firing};
use serde_json::json;

pub(crate) fn all() -> Vec<Scenario> {
    crate::list![
        a_group_waits_for_group_wait,
        groups_are_made_by_group_by,
        three_dots_give_each_alert_a_group,
        no_group_by_is_one_group,
        an_absent_group_label_is_left_out,
        a_new_alert_waits_for_the_next_tick,
        a_notification_tells_what_its_alerts_share,
    ]
}

fn config(group_by: &str) -> String {
    let timing = "group_wait: 1s, group_interval: 2s, repeat_interval: 1h";
    format!(
        "
route: {{receiver: team, {group_by} {timing}}}
receivers: [{{name: team, webhook_configs: [{{url: '{{{{sink}}}}'}}]}}]
"
    )
}

fn a_group_waits_for_group_wait(s: Scenario) -> Scenario {
    s.config(config("group_by: [alertname],"))
        .at(0.0)
        .post([alert("HighLoad").label("instance", "a")])
        .at(0.4)
        .post([alert("HighLoad").label("instance", "b")])
        .expect(
            "default",
            at(1.0),
            firing(["HighLoad a", "HighLoad b"])
                .group_labels([("alertname", "HighLoad")])
                .reason("first notification")
                .receiver("team"),
        )
        .until(3.5)
}

fn groups_are_made_by_group_by(s: Scenario) -> Scenario {
    s.config(config("group_by: [cluster],"))
        .at(0.0)
        .post([
            alert("Down").label("cluster", "x"),
            alert("Slow").label("cluster", "x"),
            alert("Down").label("cluster", "y"),
        ])
        .expect("default", at(1.0), firing(["Down x", "Slow x"]).group_labels([("cluster", "x")]))
        .expect("default", at(1.0), firing(["Down y"]).group_labels([("cluster", "y")]))
}

fn three_dots_give_each_alert_a_group(s: Scenario) -> Scenario {
    s.config(config("group_by: ['...'],"))
        .at(0.0)
        .post([alert("A").label("i", "1"), alert("A").label("i", "2")])
        .expect("default", at(1.0), firing(["A 1"]).group_labels([("alertname", "A"), ("i", "1")]))
        .expect("default", at(1.0), firing(["A 2"]).group_labels([("alertname", "A"), ("i", "2")]))
}

fn no_group_by_is_one_group(s: Scenario) -> Scenario {
    s.config(config("")).at(0.0).post([alert("A"), alert("B")]).expect(
        "default",
        at(1.0),
        firing(["A", "B"]).group_labels([]),
    )
}

fn an_absent_group_label_is_left_out(s: Scenario) -> Scenario {
    let with = [("alertname", "A"), ("cluster", "x")];
    s.config(config("group_by: [cluster, alertname],"))
        .at(0.0)
        .post([alert("A").label("cluster", "x"), alert("A"), alert("A").label("i", "1")])
        .expect("default", at(1.0), firing(["A x"]).group_labels(with))
        .expect("default", at(1.0), firing(["A", "A 1"]).group_labels([("alertname", "A")]))
}

fn a_new_alert_waits_for_the_next_tick(s: Scenario) -> Scenario {
    s.config(config("group_by: [alertname],"))
        .at(0.0)
        .post([alert("A").label("i", "1")])
        .expect("default", at(1.0), firing(["A 1"]))
        .at(1.6)
        .post([alert("A").label("i", "2")])
        .expect("default", at(3.0), firing(["A 1", "A 2"]).reason("new alerts added"))
        .until(5.5)
}

fn a_notification_tells_what_its_alerts_share(s: Scenario) -> Scenario {
    s.config(config("group_by: [alertname],"))
        .at(0.0)
        .post([
            alert("A").label("i", "2").label("team", "x").annotation("runbook", "r"),
            alert("A").label("i", "1").label("team", "x").annotation("runbook", "r"),
        ])
        .expect(
            "default",
            at(1.0),
            firing(["A 1 x", "A 2 x"]).body(json!({
                "status": "firing",
                "commonLabels": {"alertname": "A", "team": "x"},
                "commonAnnotations": {"runbook": "r"},
                "groupKey": "{}:{alertname=\"A\"}",
                "version": "4",
                "truncatedAlerts": 0,
                "externalURL": "*",
                "alerts": [
                    {"labels": {"i": "1"}, "endsAt": "0001-01-01T00:00:00Z", "fingerprint": "*"},
                    {"labels": {"i": "2"}, "startsAt": "*", "generatorURL": ""},
                ],
            })),
        )
}
