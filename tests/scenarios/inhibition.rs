//! Alerts that mute others.

use campana_tests::scenario::{Scenario, alert, at, firing, resolved};
use serde_json::json;

pub(crate) fn all() -> Vec<Scenario> {
    crate::list![
        a_source_mutes_its_targets_with_equal_labels,
        the_target_is_told_when_its_source_has_ended,
        a_missing_label_equals_an_empty_one,
        no_alert_inhibits_itself,
        a_plain_source_inhibits_an_alert_of_both_sides,
        a_plain_source_is_not_hidden_by_a_later_one_of_both_sides,
        one_of_two_sources_is_enough,
        a_muted_end_is_never_told,
        a_silenced_source_still_inhibits,
        rules_are_not_chained,
    ]
}

/// Groups by alert name, with the given inhibition rules.
fn config(rules: &str) -> String {
    format!(
        "
route: {{receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 2s}}
receivers: [{{name: team, webhook_configs: [{{url: '{{{{sink}}}}'}}]}}]
inhibit_rules:
{rules}
"
    )
}

const DOWN_MUTES_SLOW: &str = "
- {source_matchers: [alertname=Down], target_matchers: [alertname=Slow], equal: [host]}";

fn a_source_mutes_its_targets_with_equal_labels(s: Scenario) -> Scenario {
    s.config(config(DOWN_MUTES_SLOW))
        .at(0.0)
        .post([
            alert("Down").label("host", "a"),
            alert("Slow").label("host", "a"),
            alert("Slow").label("host", "b"),
        ])
        .expect("default", at(1.0), firing(["Down a"]))
        .expect("default", at(1.0), firing(["Slow b"]))
        .at(1.5)
        .get(
            "/api/v2/alerts?filter=alertname%3DSlow&filter=host%3Da",
            json!([{"status": {"state": "suppressed", "inhibitedBy": ["*"], "silencedBy": []}}]),
        )
        .get("/api/v2/alerts?inhibited=false&filter=host%3Da", json!([{"labels": {"host": "a"}}]))
        .until(3.5)
}

fn the_target_is_told_when_its_source_has_ended(s: Scenario) -> Scenario {
    s.config(config(DOWN_MUTES_SLOW))
        .at(0.0)
        .post([alert("Down").label("host", "a"), alert("Slow").label("host", "a")])
        .expect("default", at(1.0), firing(["Down a"]))
        .at(1.6)
        .resolve([alert("Down").label("host", "a")])
        .expect("default", at(3.0), resolved(["Down a"]))
        .expect("default", at(3.0), firing(["Slow a"]).reason("first notification"))
}

fn a_missing_label_equals_an_empty_one(s: Scenario) -> Scenario {
    s.config(config(DOWN_MUTES_SLOW))
        .at(0.0)
        .post([alert("Down"), alert("Slow"), alert("Slow").label("host", "a")])
        .expect("default", at(1.0), firing(["Down"]))
        .expect("default", at(1.0), firing(["Slow a"]))
}

fn no_alert_inhibits_itself(s: Scenario) -> Scenario {
    let rules =
        "- {source_matchers: ['alertname=~\"A|B\"'], target_matchers: ['alertname=~\".+\"']}";
    s.config(config(rules))
        .at(0.0)
        .post([alert("A"), alert("B"), alert("C")])
        .expect("default", at(1.0), firing(["A"]))
        .expect("default", at(1.0), firing(["B"]))
        .until(3.5)
}

const TEAM_MUTES_WARNINGS: &str =
    "- {source_matchers: [team=x], target_matchers: [severity=warning]}";

fn a_plain_source_inhibits_an_alert_of_both_sides(s: Scenario) -> Scenario {
    s.config(config(TEAM_MUTES_WARNINGS))
        .at(0.0)
        .post([
            alert("Both").label("team", "x").label("severity", "warning"),
            alert("Source").label("team", "x"),
        ])
        .expect("default", at(1.0), firing(["Source x"]))
        .until(3.5)
}

fn a_plain_source_is_not_hidden_by_a_later_one_of_both_sides(s: Scenario) -> Scenario {
    s.config(config(TEAM_MUTES_WARNINGS))
        .at(0.0)
        .post([alert("Source").label("team", "x")])
        .at(0.2)
        .post([alert("Both").label("team", "x").label("severity", "warning")])
        .expect("default", at(1.0), firing(["Source x"]))
        .expect("default", at(1.2), firing(["Both warning x"]))
        .oracle()
        .differs_on_oracle("it indexes one source per rule, and the later one hides the other")
        .until(3.5)
}

fn one_of_two_sources_is_enough(s: Scenario) -> Scenario {
    s.config(config(DOWN_MUTES_SLOW))
        .at(0.0)
        .post([
            alert("Down").label("host", "a").label("from", "p1"),
            alert("Slow").label("host", "a"),
        ])
        .at(0.2)
        .post([alert("Down").label("host", "a").label("from", "p2")])
        .expect("default", at(1.0), firing(["Down p1 a", "Down p2 a"]))
        .at(1.6)
        .resolve([alert("Down").label("host", "a").label("from", "p2")])
        .expect("default", at(3.0), firing(["Down p1 a"]).resolved(["Down p2 a"]))
        .expect("default", at(3.0), firing(["Slow a"]))
        .oracle()
        .differs_on_oracle(
            "it indexes one source per rule and forgets the other until it is resent",
        )
        .until(3.6)
}

fn a_muted_end_is_never_told(s: Scenario) -> Scenario {
    s.config(config(DOWN_MUTES_SLOW))
        .at(0.0)
        .post([alert("Slow").label("host", "a")])
        .expect("default", at(1.0), firing(["Slow a"]))
        .at(1.4)
        .post([alert("Down").label("host", "a")])
        .expect("default", at(2.4), firing(["Down a"]))
        .at(1.9)
        .resolve([alert("Slow").label("host", "a")])
        .at(3.5)
        .resolve([alert("Down").label("host", "a")])
        .expect("default", at(4.4), resolved(["Down a"]))
        .until(5.6)
}

fn a_silenced_source_still_inhibits(s: Scenario) -> Scenario {
    use campana_tests::scenario::{eq, silence};
    s.config(config(DOWN_MUTES_SLOW))
        .at(0.0)
        .silence(silence("quiet", [eq("alertname", "Down")]))
        .post([alert("Down").label("host", "a"), alert("Slow").label("host", "a")])
        .until(3.5)
}

fn rules_are_not_chained(s: Scenario) -> Scenario {
    let rules = "
- {source_matchers: [alertname=A], target_matchers: [alertname=B]}
- {source_matchers: [alertname=B], target_matchers: [alertname=C]}";
    s.config(config(rules))
        .at(0.0)
        .post([alert("A"), alert("B"), alert("C")])
        .expect("default", at(1.0), firing(["A"]))
        .until(3.5)
}
