//! Bounds that the operator sets.

use campana_tests::scenario::{Scenario, alert, at, eq, firing, resolved, silence};
use serde_json::{Value, json};

pub(crate) fn all() -> Vec<Scenario> {
    crate::list![
        max_alerts_cuts_what_is_told,
        an_alert_name_has_so_many_alerts,
        so_many_silences_and_no_more,
        a_silence_may_not_be_too_large,
    ]
}

const CONFIG: &str = "
route: {receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 2s}
receivers: [{name: team, webhook_configs: [{url: '{{sink}}', max_alerts: 1}]}]
";

fn max_alerts_cuts_what_is_told(s: Scenario) -> Scenario {
    let all = [alert("A").label("i", "1"), alert("A").label("i", "2"), alert("A").label("i", "3")];
    s.config(CONFIG)
        .at(0.0)
        .post(all.clone())
        .expect("default", at(1.0), firing(["A 1"]).body(json!({"truncatedAlerts": 2})))
        .at(1.6)
        .resolve(all)
        .expect("default", at(3.0), resolved(["A 1"]).body(json!({"truncatedAlerts": 2})))
}

fn an_alert_name_has_so_many_alerts(s: Scenario) -> Scenario {
    s.config(CONFIG.replace(", max_alerts: 1", ""))
        .flag("--alerts.per-alertname-limit=1")
        .at(0.0)
        .post([alert("A").label("i", "1")])
        .post([alert("A").label("i", "2"), alert("B")])
        .get("/api/v2/alerts?filter=alertname%3DA", json!([{"labels": {"i": "1"}}]))
        .metric("alertmanager_alerts_limited_total", 1.0)
        .expect("default", at(1.0), firing(["A 1"]))
        .expect("default", at(1.0), firing(["B"]))
        .at(1.6)
        .resolve([alert("A").label("i", "1")])
        .post([alert("A").label("i", "2")])
        .expect("default", at(3.0), firing(["A 2"]).resolved(["A 1"]))
}

fn so_many_silences_and_no_more(s: Scenario) -> Scenario {
    let body = r#"{"matchers":[{"name":"a","value":"b","isRegex":false}],"createdBy":"x",
        "startsAt":"2099-01-01T00:00:00Z","endsAt":"2099-01-02T00:00:00Z","comment":"c"}"#;
    let error = json!("exceeded maximum number of silences: 1 (limit: 1)");
    s.config(CONFIG)
        .flag("--silences.max-silences=1")
        .at(0.0)
        .silence(silence("one", [eq("alertname", "A")]))
        .request("POST", "/api/v2/silences", body, 400, error)
        .get("/api/v2/silences", json!([{"id": "{one}"}]))
}

fn a_silence_may_not_be_too_large(s: Scenario) -> Scenario {
    let body = r#"{"matchers":[{"name":"a","value":"b","isRegex":false}],"createdBy":"x",
        "startsAt":"2099-01-01T00:00:00Z","endsAt":"2099-01-02T00:00:00Z","comment":"COMMENT"}"#
        .replace("COMMENT", &"c".repeat(1000));
    s.config(CONFIG)
        .flag("--silences.max-silence-size-bytes=500")
        .at(0.0)
        .silence(silence("small", [eq("alertname", "A")]))
        .request("POST", "/api/v2/silences", &body, 400, Value::Null)
}
