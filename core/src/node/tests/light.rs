//! Which work the owner does itself.

use super::*;
use crate::limits::{
    FLUSHES_PER_CALL_MAX, LIGHT_ALERT_BYTES_MAX, LIGHT_ALERTS_MAX, LIGHT_WORK_PER_TURN_MAX,
    RECEIVER_SENDS_MAX,
};

/// Posts alerts with `label` and lets them be told; returns how much work was handed over for it.
fn handed_over(rig: &mut Rig, alerts: usize, label: &str) -> usize {
    let sent = rig.seen.sent.len();
    for alert in 0..alerts {
        rig.post(&[("alertname", "A"), ("n", &format!("{alert}")), ("text", label)], None);
    }
    let before = rig.seen.works;
    rig.until(rig.seen.now_ms + 2000);
    assert_eq!(rig.seen.sent.len(), sent + 1, "one notification");
    rig.seen.works - before
}

fn with_hook(settings: &str) -> Rig {
    Rig::new(&CONFIG.replace("url: 'http://127.0.0.1:1/'", settings))
}

#[test]
fn a_few_alerts_to_a_webhook_are_told_without_another_thread() {
    assert_eq!(handed_over(&mut Rig::new(CONFIG), 1, ""), 0);
    assert_eq!(handed_over(&mut Rig::new(CONFIG), LIGHT_ALERTS_MAX, ""), 0);
}

#[test]
fn what_may_take_long_is_handed_over() {
    // Its rendering, and the reading of its answer.
    assert_eq!(handed_over(&mut Rig::new(CONFIG), LIGHT_ALERTS_MAX + 1, ""), 2, "many alerts");
    let long = "x".repeat(LIGHT_ALERT_BYTES_MAX);
    assert_eq!(handed_over(&mut Rig::new(CONFIG), 1, &long), 2, "long alerts");
    let url = "url: 'http://127.0.0.1:1/{{ .Receiver }}'";
    assert_eq!(handed_over(&mut with_hook(url), 1, ""), 2, "a template in the URL");
    let payload = "url: 'http://127.0.0.1:1/', payload: {a: '{{ .Receiver }}'}";
    assert_eq!(handed_over(&mut with_hook(payload), 1, ""), 2, "a template in the body");
}

#[test]
fn a_burst_does_not_keep_inputs_waiting() {
    // Enough receivers for all to be told at once.
    let receivers = 2 * FLUSHES_PER_CALL_MAX / RECEIVER_SENDS_MAX;
    let mut config = String::from(
        "route: {receiver: r0, group_by: [alertname], group_wait: 2s, group_interval: 1h, routes: [",
    );
    for receiver in 0..receivers {
        config += &format!("{{receiver: r{receiver}, matchers: [r={receiver}]}}, ");
    }
    config += "]}\nreceivers:\n";
    for receiver in 0..receivers {
        let hook = "{url: 'http://127.0.0.1:1/'}";
        config += &format!("- {{name: r{receiver}, webhook_configs: [{hook}, {hook}]}}\n");
    }
    let mut rig = Rig::new(&config);
    for group in 0..FLUSHES_PER_CALL_MAX {
        let (name, receiver) = (format!("A{group}"), format!("{}", group % receivers));
        rig.post(&[("alertname", &name), ("r", &receiver)], None);
    }
    let before = rig.seen.works;
    rig.until(4000);
    let told = 2 * FLUSHES_PER_CALL_MAX;
    assert_eq!(rig.seen.sent.len(), told, "all are told");
    assert_eq!(rig.seen.works - before, told - LIGHT_WORK_PER_TURN_MAX, "what is left of one turn");
}
