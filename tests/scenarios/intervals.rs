//! Muting by the clock. What is "always" and "never" is said with years, as no clock can be set.

use campana_tests::scenario::{Scenario, alert, at, firing};
use serde_json::json;

pub(crate) fn all() -> Vec<Scenario> {
    crate::list![
        a_mute_interval_mutes,
        outside_its_mute_interval_a_route_speaks,
        outside_its_active_interval_a_route_is_quiet,
        inside_one_of_its_active_intervals_a_route_speaks,
        intervals_are_not_inherited,
        a_group_names_what_mutes_it,
        a_reload_opens_the_interval,
    ]
}

/// A child route for `team=x` with the given settings.
fn config(settings: &str) -> String {
    format!(
        "
route:
  receiver: team
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  routes:
  - matchers: [team=x]
    {settings}
receivers: [{{name: team, webhook_configs: [{{url: '{{{{sink}}}}'}}]}}]
time_intervals:
- {{name: always, time_intervals: [{{years: ['2020:2100']}}]}}
- {{name: never, time_intervals: [{{years: ['1990']}}]}}
- {{name: all day, time_intervals: [{{times: [{{start_time: 00:00, end_time: 24:00}}]}}]}}
"
    )
}

fn a_mute_interval_mutes(s: Scenario) -> Scenario {
    s.config(config("mute_time_intervals: [never, all day]"))
        .at(0.0)
        .post([alert("A").label("team", "x"), alert("B")])
        .expect("default", at(1.0), firing(["B"]))
        .until(3.5)
}

fn outside_its_mute_interval_a_route_speaks(s: Scenario) -> Scenario {
    s.config(config("mute_time_intervals: [never]"))
        .at(0.0)
        .post([alert("A").label("team", "x")])
        .expect("default", at(1.0), firing(["A x"]))
}

fn outside_its_active_interval_a_route_is_quiet(s: Scenario) -> Scenario {
    s.config(config("active_time_intervals: [never]"))
        .at(0.0)
        .post([alert("A").label("team", "x")])
        .until(3.5)
}

fn inside_one_of_its_active_intervals_a_route_speaks(s: Scenario) -> Scenario {
    s.config(config("active_time_intervals: [never, always]"))
        .at(0.0)
        .post([alert("A").label("team", "x")])
        .expect("default", at(1.0), firing(["A x"]))
}

fn intervals_are_not_inherited(s: Scenario) -> Scenario {
    let child = "
    mute_time_intervals: [always]
    routes:
    - matchers: [severity=page]";
    s.config(config(child))
        .at(0.0)
        .post([
            alert("A").label("team", "x"),
            alert("A").label("team", "x").label("severity", "page"),
        ])
        .expect("default", at(1.0), firing(["A page x"]))
}

fn a_group_names_what_mutes_it(s: Scenario) -> Scenario {
    s.config(config("mute_time_intervals: [always, all day, never]"))
        .at(0.0)
        .post([alert("A").label("team", "x")])
        .at(1.6)
        .get(
            "/api/v2/alerts/groups",
            json!([{
                "labels": {"alertname": "A"},
                "receiver": {"name": "team"},
                "alerts": [{"status": {"state": "suppressed", "mutedBy": ["always", "all day"]}}],
            }]),
        )
        .get("/api/v2/alerts/groups?muted=false", json!([]))
        .get("/api/v2/alerts", json!([{"status": {"state": "active", "mutedBy": []}}]))
}

fn a_reload_opens_the_interval(s: Scenario) -> Scenario {
    s.config(config("mute_time_intervals: [always]"))
        .at(0.0)
        .post([alert("A").label("team", "x")])
        .at(1.6)
        .reload(config("mute_time_intervals: [never]"))
        .expect("default", at(3.0), firing(["A x"]))
        .ours()
        .expect("default", at(1.6), firing(["A x"]))
        .oracle()
        .differs_on_oracle("it makes every group anew at a reload and flushes old ones at once")
}
