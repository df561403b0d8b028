//! How alerts end.

use campana_tests::scenario::{Scenario, alert, at, firing, resolved};
use serde_json::json;

pub(crate) fn all() -> Vec<Scenario> {
    crate::list![
        the_end_is_told_with_the_next_tick,
        some_end_and_then_all,
        what_ends_before_the_first_tick_was_nothing,
        an_announced_end_comes_by_itself,
        silence_of_the_client_is_the_end_after_resolve_timeout,
        a_refresh_puts_off_resolve_timeout,
        what_fires_again_after_its_end_is_new,
        what_fires_again_between_two_ticks_is_not_news,
        the_end_is_not_told_without_send_resolved,
    ]
}

const CONFIG: &str = "
route: {receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 2s}
receivers: [{name: team, webhook_configs: [{url: '{{sink}}'}]}]
";

fn the_end_is_told_with_the_next_tick(s: Scenario) -> Scenario {
    let told = resolved(["A"]).reason("all alerts resolved");
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.6)
        .resolve([alert("A")])
        .expect("default", at(3.0), told.body(json!({"status": "resolved"})))
        .until(5.5)
}

fn some_end_and_then_all(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A").label("i", "1"), alert("A").label("i", "2")])
        .expect("default", at(1.0), firing(["A 1", "A 2"]))
        .at(1.6)
        .resolve([alert("A").label("i", "1")])
        .expect(
            "default",
            at(3.0),
            firing(["A 2"]).resolved(["A 1"]).reason("some alerts resolved"),
        )
        .at(3.6)
        .resolve([alert("A").label("i", "2")])
        .expect("default", at(5.0), resolved(["A 2"]).reason("all alerts resolved"))
        .until(7.5)
}

fn what_ends_before_the_first_tick_was_nothing(s: Scenario) -> Scenario {
    s.config(CONFIG).at(0.0).post([alert("A")]).at(0.4).resolve([alert("A")]).until(3.5)
}

fn an_announced_end_comes_by_itself(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A").ends(1.8)])
        .expect("default", at(1.0), firing(["A"]))
        .expect("default", at(3.0), resolved(["A"]))
}

fn silence_of_the_client_is_the_end_after_resolve_timeout(s: Scenario) -> Scenario {
    s.config(format!("global: {{resolve_timeout: 2s}}\n{CONFIG}"))
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .expect("default", at(3.0), resolved(["A"]))
}

fn a_refresh_puts_off_resolve_timeout(s: Scenario) -> Scenario {
    s.config(format!("global: {{resolve_timeout: 2s}}\n{CONFIG}"))
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.5)
        .post([alert("A")])
        .expect("default", at(5.0), resolved(["A"]))
}

fn what_fires_again_after_its_end_is_new(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.6)
        .resolve([alert("A")])
        .expect("default", at(3.0), resolved(["A"]))
        .at(3.6)
        .post([alert("A")])
        .expect("default", at(4.6), firing(["A"]).reason("first notification"))
        .until(7.0)
}

fn what_fires_again_between_two_ticks_is_not_news(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.6)
        .resolve([alert("A")])
        .at(2.2)
        .post([alert("A")])
        .until(5.5)
}

fn the_end_is_not_told_without_send_resolved(s: Scenario) -> Scenario {
    s.config(CONFIG.replace("url:", "send_resolved: false, url:"))
        .at(0.0)
        .post([alert("A").label("i", "1"), alert("A").label("i", "2")])
        .expect("default", at(1.0), firing(["A 1", "A 2"]))
        .at(1.6)
        .resolve([alert("A").label("i", "1"), alert("A").label("i", "2")])
        .at(3.6)
        .post([alert("A").label("i", "1")])
        .expect("default", at(4.6), firing(["A 1"]).reason("first notification"))
        .at(5.2)
        .resolve([alert("A").label("i", "1")])
        .post([alert("A").label("i", "2")])
        .expect("default", at(6.6), firing(["A 2"]).reason("new alerts added"))
}
