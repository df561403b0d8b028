//! Receivers that do not take what they are sent.

use campana_tests::scenario::{
    Behaviour::{Answers, AnswersAfter, AsksToWait, Hangs, Refuses},
    Scenario, alert, at, between, firing, resolved,
};
use std::time::Duration;

pub(crate) fn all() -> Vec<Scenario> {
    crate::list![
        a_server_error_is_tried_again,
        a_client_error_waits_for_the_next_tick,
        the_wait_that_a_receiver_asks_for_is_kept,
        a_receiver_that_hangs_is_given_up_and_tried_again,
        a_refused_connection_is_tried_again,
        a_flush_ends_at_its_deadline_and_the_next_begins,
        only_the_integration_that_failed_is_tried_again,
        a_slow_receiver_is_told_once,
        what_ends_while_its_receiver_fails_was_nothing,
        an_end_waits_for_its_receiver,
    ]
}

const CONFIG: &str = "
route: {receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 2s}
receivers: [{name: team, webhook_configs: [{url: '{{sink}}'}]}]
";

fn a_server_error_is_tried_again(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .sink("default", Answers(500))
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]).reason("first notification"))
        .expect("default", between(1.25, 4.5), firing(["A"]).reason("first notification"))
        .times(1, 8)
        .at(2.0)
        .sink("default", Answers(200))
        .until(7.0)
}

fn a_client_error_waits_for_the_next_tick(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .may_log_errors()
        .sink("default", Answers(400))
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .expect("default", at(3.0), firing(["A"]).reason("first notification"))
        .at(4.0)
        .sink("default", Answers(200))
        .expect("default", at(5.0), firing(["A"]).reason("first notification"))
        .until(7.5)
}

fn the_wait_that_a_receiver_asks_for_is_kept(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .may_log_errors()
        .sink("default", AsksToWait(503, 2))
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.15)
        .sink("default", Answers(200))
        .expect("default", between(3.0, 3.1), firing(["A"]))
        .ours()
        .expect("default", between(1.25, 1.75), firing(["A"]))
        .oracle()
        .differs_on_oracle("it ignores Retry-After")
        .until(5.5)
}

fn a_receiver_that_hangs_is_given_up_and_tried_again(s: Scenario) -> Scenario {
    s.config(CONFIG.replace("url:", "timeout: 1s, url:"))
        .sink("default", Hangs)
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.6)
        .sink("default", Answers(200))
        .expect("default", between(2.0, 2.2), firing(["A"]))
        .until(5.5)
}

fn a_refused_connection_is_tried_again(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .sink("default", Refuses)
        .at(0.0)
        .post([alert("A")])
        .at(1.7)
        .sink("default", Answers(200))
        .expect("default", between(1.7, 4.5), firing(["A"]))
        .until(6.0)
}

fn a_flush_ends_at_its_deadline_and_the_next_begins(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .may_log_errors()
        .sink("default", Answers(500))
        .at(0.0)
        .post([alert("A")])
        .expect("default", between(1.0, 10.0), firing(["A"]))
        .times(4, 20)
        .at(10.6)
        .sink("default", Answers(200))
        .expect("default", between(10.0, 11.1), firing(["A"]))
        .times(1, 2)
        .until(14.0)
}

fn only_the_integration_that_failed_is_tried_again(s: Scenario) -> Scenario {
    s.config(
        "
route: {receiver: team, group_wait: 1s, group_interval: 2s}
receivers:
- name: team
  webhook_configs:
  - {url: '{{sink:good}}'}
  - {url: '{{sink:bad}}'}
",
    )
    .may_log_errors()
    .sink("bad", Answers(404))
    .at(0.0)
    .post([alert("A")])
    .expect("good", at(1.0), firing(["A"]))
    .expect("bad", at(1.0), firing(["A"]))
    .expect("bad", at(3.0), firing(["A"]))
    .at(3.6)
    .resolve([alert("A")])
    .expect("good", at(5.0), resolved(["A"]))
    .until(7.5)
}

fn a_slow_receiver_is_told_once(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .sink("default", AnswersAfter(Duration::from_millis(2500)))
        .at(0.0)
        .post([alert("A").label("i", "1")])
        .expect("default", at(1.0), firing(["A 1"]))
        .at(2.4)
        .post([alert("A").label("i", "2")])
        .sink("default", Answers(200))
        .expect("default", between(3.5, 3.6), firing(["A 1", "A 2"]))
        .until(6.5)
}

fn what_ends_while_its_receiver_fails_was_nothing(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .may_log_errors()
        .sink("default", Answers(400))
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.6)
        .resolve([alert("A")])
        .until(5.5)
}

fn an_end_waits_for_its_receiver(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .may_log_errors()
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.6)
        .sink("default", Answers(400))
        .resolve([alert("A")])
        .expect("default", at(3.0), resolved(["A"]))
        .at(3.6)
        .sink("default", Answers(200))
        .expect("default", at(5.0), resolved(["A"]).reason("all alerts resolved"))
        .until(7.5)
}
