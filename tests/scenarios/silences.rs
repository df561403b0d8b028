//! Muting by hand.

use campana_tests::scenario::{Scenario, alert, at, eq, firing, resolved, silence};
use serde_json::json;

pub(crate) fn all() -> Vec<Scenario> {
    crate::list![
        a_silence_mutes_until_it_is_expired,
        a_silence_ends_by_itself,
        a_pending_silence_mutes_from_its_start,
        a_changed_silence_mutes_something_else,
        every_silence_must_end,
        a_silence_matches_by_expression_and_negation,
        what_fires_again_after_a_silenced_end_is_no_news,
        a_silence_for_a_group_in_the_middle,
        a_silence_says_how_it_is,
    ]
}

const CONFIG: &str = "
route: {receiver: team, group_by: [alertname], group_wait: 1s, group_interval: 2s}
receivers: [{name: team, webhook_configs: [{url: '{{sink}}'}]}]
";

fn a_silence_mutes_until_it_is_expired(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .silence(silence("quiet", [eq("alertname", "A")]))
        .post([alert("A"), alert("B")])
        .expect("default", at(1.0), firing(["B"]))
        .at(2.0)
        .expire_silence("quiet")
        .expect("default", at(3.0), firing(["A"]).reason("first notification"))
}

fn a_silence_ends_by_itself(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .silence(silence("quiet", [eq("alertname", "A")]).ends(1.8))
        .post([alert("A")])
        .expect("default", at(3.0), firing(["A"]))
}

fn a_pending_silence_mutes_from_its_start(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .silence(silence("quiet", [eq("alertname", "A")]).starts(1.6))
        .get("/api/v2/silence/{quiet}", json!({"status": {"state": "pending"}}))
        .post([alert("A").label("i", "1")])
        .expect("default", at(1.0), firing(["A 1"]))
        .at(1.4)
        .post([alert("A").label("i", "2")])
        .at(2.2)
        .get("/api/v2/silence/{quiet}", json!({"status": {"state": "active"}}))
        .until(5.5)
}

fn a_changed_silence_mutes_something_else(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .silence(silence("quiet", [eq("i", "1")]))
        .post([alert("A").label("i", "1"), alert("A").label("i", "2")])
        .expect("default", at(1.0), firing(["A 2"]))
        .at(1.6)
        .silence(silence("quiet", [eq("i", "2")]))
        .expect("default", at(3.0), firing(["A 1"]).reason("new alerts added"))
        .at(4.0)
        .get(
            "/api/v2/silences",
            json!([
                {"id": "{quiet}", "status": {"state": "active"}, "matchers": [{"value": "2"}]},
                {"status": {"state": "expired"}, "matchers": [{"value": "1"}]},
            ]),
        )
}

fn every_silence_must_end(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .silence(silence("one", [eq("alertname", "A")]))
        .silence(silence("two", [eq("team", "x")]))
        .post([alert("A").label("team", "x")])
        .at(1.5)
        .get("/api/v2/alerts", json!([{"status": {"silencedBy": ["*", "*"]}}]))
        .expire_silence("one")
        .get("/api/v2/alerts", json!([{"status": {"silencedBy": ["{two}"]}}]))
        .at(3.5)
        .expire_silence("two")
        .get("/api/v2/alerts", json!([{"status": {"state": "active", "silencedBy": []}}]))
        .expect("default", at(5.0), firing(["A x"]))
}

fn a_silence_matches_by_expression_and_negation(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .silence(silence("some", [eq("i", "1|2").regex(), eq("team", "x").negated()]))
        .post([
            alert("A").label("i", "1"),
            alert("A").label("i", "2").label("team", "y"),
            alert("A").label("i", "2").label("team", "x"),
            alert("A").label("i", "12"),
        ])
        .expect("default", at(1.0), firing(["A 2 x", "A 12"]))
}

fn what_fires_again_after_a_silenced_end_is_no_news(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A")])
        .expect("default", at(1.0), firing(["A"]))
        .at(1.4)
        .silence(silence("quiet", [eq("alertname", "A")]))
        .at(1.8)
        .resolve([alert("A")])
        .at(3.5)
        .expire_silence("quiet")
        .at(3.7)
        .post([alert("A")])
        .until(7.2)
}

fn a_silence_for_a_group_in_the_middle(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A").label("i", "1"), alert("A").label("i", "2")])
        .expect("default", at(1.0), firing(["A 1", "A 2"]))
        .at(1.5)
        .silence(silence("quiet", [eq("i", "1")]))
        .at(1.9)
        .resolve([alert("A").label("i", "2")])
        .expect("default", at(3.0), resolved(["A 2"]).reason("all alerts resolved"))
        .at(3.5)
        .expire_silence("quiet")
        .expect("default", at(5.0), firing(["A 1"]).reason("first notification"))
}

fn a_silence_says_how_it_is(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .silence(silence("quiet", [eq("alertname", "A")]))
        .get(
            "/api/v2/silence/{quiet}",
            json!({
                "id": "{quiet}",
                "status": {"state": "active"},
                "comment": "quiet",
                "createdBy": "scenario",
                "startsAt": "*",
                "endsAt": "*",
                "updatedAt": "*",
                "matchers": [
                    {"name": "alertname", "value": "A", "isRegex": false, "isEqual": true}
                ],
            }),
        )
        .get("/api/v2/silences?filter=alertname%3DB", json!([]))
        .get("/api/v2/silences?filter=alertname%3DA", json!([{"id": "{quiet}"}]))
        .at(0.5)
        .expire_silence("quiet")
        .get("/api/v2/silence/{quiet}", json!({"status": {"state": "expired"}}))
        .get("/api/v2/silences?expired=false", json!([]))
        .ours()
        .differs_on_oracle("0.33 ignores the parameter")
        .expire_silence("quiet")
}
