//! Who is told.

use campana_tests::scenario::{Scenario, alert, at, firing};
use serde_json::json;

pub(crate) fn all() -> Vec<Scenario> {
    crate::list![
        the_first_child_that_matches_takes_the_alert,
        continue_lets_the_next_child_have_it_too,
        a_child_inherits_what_it_does_not_set,
        a_child_may_be_slower_than_its_parent,
        the_old_match_and_match_re_work,
        a_negative_matcher_takes_what_lacks_the_label,
        an_expression_must_match_the_whole_value,
        a_grandchild_goes_before_its_parent,
        every_integration_of_a_receiver_is_told,
        the_same_alert_in_two_groups_resolves_in_both,
    ]
}

/// A tree with the given children, and receivers `root`, `a` and `b` with sinks of their names.
fn config(routes: &str) -> String {
    let mut text = format!(
        "
route:
  receiver: root
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  routes:
{routes}
receivers:
"
    );
    for name in ["root", "a", "b"] {
        let url = format!("{{{{sink:{name}}}}}");
        text += &format!("- {{name: {name}, webhook_configs: [{{url: '{url}'}}]}}\n");
    }
    text
}

fn the_first_child_that_matches_takes_the_alert(s: Scenario) -> Scenario {
    s.config(config(
        "  - {receiver: a, matchers: [severity=critical]}
  - {receiver: b, matchers: ['severity=~\"critical|warning\"']}",
    ))
    .at(0.0)
    .post([
        alert("C").label("severity", "critical"),
        alert("W").label("severity", "warning"),
        alert("I").label("severity", "info"),
    ])
    .expect(
        "a",
        at(1.0),
        firing(["C critical"])
            .receiver("a")
            .body(json!({"groupKey": "{}/{severity=\"critical\"}:{alertname=\"C\"}"})),
    )
    .expect("b", at(1.0), firing(["W warning"]))
    .expect("root", at(1.0), firing(["I info"]))
}

fn continue_lets_the_next_child_have_it_too(s: Scenario) -> Scenario {
    s.config(config(
        "  - {receiver: a, matchers: [team=x], continue: true}
  - {receiver: b, matchers: [team=x]}",
    ))
    .at(0.0)
    .post([alert("A").label("team", "x")])
    .expect("a", at(1.0), firing(["A x"]))
    .expect("b", at(1.0), firing(["A x"]))
}

fn a_child_inherits_what_it_does_not_set(s: Scenario) -> Scenario {
    s.config(config("  - {matchers: [team=x], group_by: [team]}"))
        .at(0.0)
        .post([alert("A").label("team", "x"), alert("B").label("team", "x"), alert("C")])
        .expect("root", at(1.0), firing(["A x", "B x"]).group_labels([("team", "x")]))
        .expect("root", at(1.0), firing(["C"]).group_labels([("alertname", "C")]))
}

fn a_child_may_be_slower_than_its_parent(s: Scenario) -> Scenario {
    s.config(config("  - {receiver: a, matchers: [team=x], group_wait: 2s, group_interval: 1s}"))
        .at(0.0)
        .post([alert("A").label("team", "x"), alert("A")])
        .expect("root", at(1.0), firing(["A"]))
        .expect("a", at(2.0), firing(["A x"]))
        .at(2.4)
        .post([alert("A").label("team", "x").label("z", "1")])
        .expect("a", at(3.0), firing(["A x", "A x 1"]))
}

fn the_old_match_and_match_re_work(s: Scenario) -> Scenario {
    s.config(config(
        "  - {receiver: a, match: {team: x}, match_re: {severity: 'c.*'}}
  - {receiver: b, match_re: {team: 'x|y'}}",
    ))
    .at(0.0)
    .post([
        alert("A").label("team", "x").label("severity", "critical"),
        alert("A").label("team", "x").label("severity", "info"),
        alert("A").label("team", "y"),
        alert("A").label("team", "z"),
    ])
    .expect("a", at(1.0), firing(["A critical x"]))
    .expect("b", at(1.0), firing(["A info x", "A y"]))
    .expect("root", at(1.0), firing(["A z"]))
}

fn a_negative_matcher_takes_what_lacks_the_label(s: Scenario) -> Scenario {
    s.config(config("  - {receiver: a, matchers: ['severity!=info', 'team!~\"x.*\"']}"))
        .at(0.0)
        .post([
            alert("A"),
            alert("A").label("severity", "info"),
            alert("A").label("team", "xy"),
            alert("A").label("team", "yx"),
        ])
        .expect("a", at(1.0), firing(["A", "A yx"]))
        .expect("root", at(1.0), firing(["A info", "A xy"]))
}

fn an_expression_must_match_the_whole_value(s: Scenario) -> Scenario {
    s.config(config("  - {receiver: a, matchers: ['team=~\"x|y\"']}"))
        .at(0.0)
        .post([alert("A").label("team", "x"), alert("A").label("team", "xx")])
        .expect("a", at(1.0), firing(["A x"]))
        .expect("root", at(1.0), firing(["A xx"]))
}

fn a_grandchild_goes_before_its_parent(s: Scenario) -> Scenario {
    s.config(config(
        "  - receiver: a
    matchers: [team=x]
    routes:
    - {receiver: b, matchers: [severity=critical], group_by: ['...']}",
    ))
    .at(0.0)
    .post([
        alert("A").label("team", "x").label("severity", "critical"),
        alert("A").label("team", "x").label("severity", "info"),
    ])
    .expect(
        "b",
        at(1.0),
        firing(["A critical x"]).group_labels([
            ("alertname", "A"),
            ("severity", "critical"),
            ("team", "x"),
        ]),
    )
    .expect("a", at(1.0), firing(["A info x"]).group_labels([("alertname", "A")]))
}

fn every_integration_of_a_receiver_is_told(s: Scenario) -> Scenario {
    s.config(
        "
route: {receiver: team, group_wait: 1s, group_interval: 2s}
receivers:
- name: team
  webhook_configs:
  - {url: '{{sink:one}}'}
  - {url: '{{sink:two}}', send_resolved: false}
",
    )
    .at(0.0)
    .post([alert("A")])
    .expect("one", at(1.0), firing(["A"]))
    .expect("two", at(1.0), firing(["A"]))
    .at(1.6)
    .resolve([alert("A")])
    .expect("one", at(3.0), firing([]).resolved(["A"]))
}

fn the_same_alert_in_two_groups_resolves_in_both(s: Scenario) -> Scenario {
    s.config(config(
        "  - {receiver: a, matchers: [team=x], continue: true}
  - {receiver: b, matchers: [team=x], group_interval: 3s}",
    ))
    .at(0.0)
    .post([alert("A").label("team", "x")])
    .expect("a", at(1.0), firing(["A x"]))
    .expect("b", at(1.0), firing(["A x"]))
    .at(1.6)
    .resolve([alert("A").label("team", "x")])
    .expect("a", at(3.0), firing([]).resolved(["A x"]))
    .expect("b", at(4.0), firing([]).resolved(["A x"]))
    .until(5.5)
}
