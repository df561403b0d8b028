//! When a group speaks, and when it says the same again.

use campana_tests::scenario::{Scenario, alert, at, between, firing};

pub(crate) fn all() -> Vec<Scenario> {
    crate::list![
        an_old_alert_is_told_at_once,
        an_old_alert_does_not_hasten_a_young_group,
        a_group_wait_of_zero_is_no_wait,
        nothing_is_told_before_the_start_delay,
        a_refresh_says_nothing,
        a_repeat_comes_with_the_first_tick_after_its_interval,
        a_repeat_at_the_interval_itself_is_too_early,
        news_put_off_the_repeat,
    ]
}

fn config(timing: &str) -> String {
    format!(
        "
route: {{receiver: team, group_by: [alertname], {timing}}}
receivers: [{{name: team, webhook_configs: [{{url: '{{{{sink}}}}'}}]}}]
"
    )
}

fn an_old_alert_is_told_at_once(s: Scenario) -> Scenario {
    s.config(config("group_wait: 2s, group_interval: 2s"))
        .at(0.5)
        .post([alert("A").starts(-60.0)])
        .expect("default", at(0.5), firing(["A"]))
        .at(1.0)
        .post([alert("A").label("i", "1")])
        .expect("default", at(2.5), firing(["A", "A 1"]))
}

fn an_old_alert_does_not_hasten_a_young_group(s: Scenario) -> Scenario {
    s.config(config("group_wait: 1500ms, group_interval: 2s"))
        .at(0.0)
        .post([alert("A").label("i", "1")])
        .at(0.3)
        .post([alert("A").label("i", "2").starts(-60.0)])
        .expect("default", at(1.5), firing(["A 1", "A 2"]))
}

fn a_group_wait_of_zero_is_no_wait(s: Scenario) -> Scenario {
    s.config(config("group_wait: 0s, group_interval: 1s")).at(0.2).post([alert("A")]).expect(
        "default",
        at(0.2),
        firing(["A"]),
    )
}

fn nothing_is_told_before_the_start_delay(s: Scenario) -> Scenario {
    s.config(config("group_wait: 500ms, group_interval: 1s"))
        .flag("--dispatch.start-delay=2s")
        .at(0.0)
        .post([alert("A")])
        .at(1.2)
        .post([alert("B").starts(-60.0)])
        .expect("default", between(1.4, 2.0), firing(["A"]))
        .expect("default", between(1.4, 2.0), firing(["B"]))
        .at(2.6)
        .post([alert("C")])
        .expect("default", at(3.1), firing(["C"]))
}

fn a_refresh_says_nothing(s: Scenario) -> Scenario {
    s.config(config("group_wait: 1s, group_interval: 1s, repeat_interval: 1h"))
        .at(0.0)
        .post([alert("A").annotation("value", "1")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.5)
        .post([alert("A").annotation("value", "2")])
        .at(2.5)
        .post([alert("A").annotation("value", "3")])
        .until(4.5)
}

fn a_repeat_comes_with_the_first_tick_after_its_interval(s: Scenario) -> Scenario {
    s.config(config("group_wait: 1s, group_interval: 1s, repeat_interval: 1500ms"))
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]).reason("first notification"))
        .expect("default", at(3.0), firing(["A"]).reason("repeat interval elapsed"))
        .expect("default", at(5.0), firing(["A"]).reason("repeat interval elapsed"))
        .until(6.4)
}

fn a_repeat_at_the_interval_itself_is_too_early(s: Scenario) -> Scenario {
    s.config(config("group_wait: 1s, group_interval: 1s, repeat_interval: 2s"))
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .expect("default", at(4.0), firing(["A"]).reason("repeat interval elapsed"))
        .until(5.4)
        .simulated_only("a tick that is late by more than its request took decides otherwise")
}

fn news_put_off_the_repeat(s: Scenario) -> Scenario {
    s.config(config("group_wait: 1s, group_interval: 1s, repeat_interval: 2500ms"))
        .at(0.0)
        .post([alert("A").label("i", "1")])
        .expect("default", at(1.0), firing(["A 1"]))
        .at(2.4)
        .post([alert("A").label("i", "2")])
        .expect("default", at(3.0), firing(["A 1", "A 2"]).reason("new alerts added"))
        .expect("default", at(6.0), firing(["A 1", "A 2"]).reason("repeat interval elapsed"))
}
