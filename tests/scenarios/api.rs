//! What readers see, and what writers are told.

use campana_tests::scenario::{Scenario, alert, at, eq, firing, silence};
use serde_json::{Value, json};

pub(crate) fn all() -> Vec<Scenario> {
    crate::list![
        alerts_are_listed_and_filtered,
        groups_are_listed,
        a_silenced_alert_is_suppressed,
        an_ended_alert_is_no_longer_listed,
        the_status_tells_who_this_is,
        receivers_are_listed_even_unused,
        a_post_with_bad_alerts_takes_the_good_ones,
        a_post_that_is_not_understood_is_refused,
        bad_silences_are_refused,
        bad_filters_are_refused,
        health_readiness_and_what_is_gone,
    ]
}

const CONFIG: &str = "
route:
  receiver: team
  group_by: [alertname]
  group_wait: 1s
  group_interval: 2s
  routes: [{receiver: db, matchers: [team=db]}]
receivers:
- {name: team, webhook_configs: [{url: '{{sink}}'}]}
- {name: db}
- {name: unused}
";

fn alerts_are_listed_and_filtered(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([
            alert("A").label("team", "db").annotation("summary", "s"),
            alert("B").label("x", "1").label("team", "db"),
        ])
        .get("/api/v2/alerts?filter=x%3D%221%22", json!([{"labels": {"alertname": "B"}}]))
        .get("/api/v2/alerts?filter=x%3D%22%22", json!([{"labels": {"alertname": "A"}}]))
        .get("/api/v2/alerts?receiver=d.", json!(["*", "*"]))
        .get("/api/v2/alerts?receiver=d", json!([]))
        .get("/api/v2/alerts?active=false", json!([]))
        .get(
            "/api/v2/alerts?filter=alertname%3DA",
            json!([{
                "labels": {"alertname": "A", "team": "db"},
                "annotations": {"summary": "s"},
                "receivers": [{"name": "db"}],
                "status": {
                    "state": "active", "silencedBy": [], "inhibitedBy": [], "mutedBy": []
                },
                "startsAt": "*", "endsAt": "*", "updatedAt": "*", "fingerprint": "*",
            }]),
        )
}

fn groups_are_listed(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("B"), alert("A").label("i", "2"), alert("A").label("i", "1")])
        .at(0.2)
        .get(
            "/api/v2/alerts/groups",
            json!([
                {
                    "labels": {"alertname": "A"},
                    "receiver": {"name": "team"},
                    "alerts": [{"labels": {"i": "1"}}, {"labels": {"i": "2"}}],
                },
                {"labels": {"alertname": "B"}, "alerts": [{"receivers": [{"name": "team"}]}]},
            ]),
        )
        .get("/api/v2/alerts/groups?filter=i%3D1", json!([{"alerts": [{"labels": {"i": "1"}}]}]))
        .get("/api/v2/alerts/groups?receiver=nobody", json!([]))
        .expect("default", at(1.0), firing(["A 1", "A 2"]))
        .expect("default", at(1.0), firing(["B"]))
}

fn a_silenced_alert_is_suppressed(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A").label("team", "db")])
        .silence(silence("quiet", [eq("alertname", "A")]))
        .get(
            "/api/v2/alerts",
            json!([{"status": {"state": "suppressed", "silencedBy": ["{quiet}"]}}]),
        )
        .get("/api/v2/alerts?silenced=false", json!([]))
        .get("/api/v2/alerts/groups?silenced=false", json!([]))
}

fn an_ended_alert_is_no_longer_listed(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .post([alert("A").label("team", "db")])
        .get("/api/v2/alerts", json!(["*"]))
        .at(0.3)
        .resolve([alert("A").label("team", "db")])
        .at(0.5)
        .get("/api/v2/alerts", json!([]))
}

fn the_status_tells_who_this_is(s: Scenario) -> Scenario {
    s.config(CONFIG).at(0.0).get(
        "/api/v2/status",
        json!({
            "cluster": {"status": "disabled", "peers": []},
            "config": {"original": "*"},
            "uptime": "*",
            "versionInfo": {"version": "*", "revision": "*", "branch": "*", "goVersion": "*"},
        }),
    )
}

fn receivers_are_listed_even_unused(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .get("/api/v2/receivers", json!([{"name": "team"}, {"name": "db"}, {"name": "unused"}]))
}

fn a_post_with_bad_alerts_takes_the_good_ones(s: Scenario) -> Scenario {
    let body = r#"[{"labels": {"alertname": "Good", "team": "db"}}, {"labels": {}},
        {"labels": {"alertname": "Bad"}, "startsAt": "2026-01-02T00:00:00Z",
         "endsAt": "2026-01-01T00:00:00Z"}]"#;
    s.config(CONFIG)
        .at(0.0)
        .request("POST", "/api/v2/alerts", body, 400, json!("*"))
        .get("/api/v2/alerts", json!([{"labels": {"alertname": "Good"}}]))
}

fn a_post_that_is_not_understood_is_refused(s: Scenario) -> Scenario {
    let post = |s: Scenario, body: &str, status| {
        s.request("POST", "/api/v2/alerts", body, status, Value::Null)
    };
    let mut s = s.config(CONFIG).at(0.0);
    s = post(s, "[", 400);
    s = post(s, "{}", 400);
    s = post(s, r#"[{"labels": {"a": 1}}]"#, 400);
    s = post(s, r#"[{"annotations": {}}]"#, 422);
    s = post(s, r#"[{"labels": {"a": "b"}, "generatorURL": "not a url"}]"#, 422);
    s = post(s, "[]", 200);
    s = post(s, "null", 200);
    s.get("/api/v2/alerts", json!([]))
}

fn bad_silences_are_refused(s: Scenario) -> Scenario {
    let body = |matchers: &str, starts: &str, ends: &str| {
        format!(
            r#"{{"matchers":[{matchers}],"startsAt":"{starts}","endsAt":"{ends}",
            "createdBy":"x","comment":"c"}}"#
        )
    };
    let good = r#"{"name":"a","value":"b","isRegex":false}"#;
    let (early, late) = ("2098-01-01T00:00:00Z", "2099-01-01T00:00:00Z");
    let path = "/api/v2/silences";
    let unknown = "/api/v2/silence/00000000-0000-4000-8000-000000000000";
    s.config(CONFIG)
        .at(0.0)
        .request("POST", path, &body(good, late, early), 400, json!("*"))
        .request(
            "POST",
            path,
            &body(good, "2001-01-01T00:00:00Z", "2002-01-01T00:00:00Z"),
            400,
            json!("*"),
        )
        .request("POST", path, &body("", early, late), 422, Value::Null)
        .request(
            "POST",
            path,
            &body(r#"{"name":"a","value":"(","isRegex":true}"#, early, late),
            400,
            json!("*"),
        )
        .request(
            "POST",
            path,
            &body(r#"{"name":"a","value":".*","isRegex":true}"#, early, late),
            400,
            json!("*"),
        )
        .request("POST", path, r#"{"comment":"c"}"#, 422, Value::Null)
        .request("GET", unknown, "", 404, Value::Null)
        .request("DELETE", unknown, "", 404, Value::Null)
        .request("DELETE", "/api/v2/silence/nonsense", "", 422, Value::Null)
        .get(path, json!([]))
}

fn bad_filters_are_refused(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .request("GET", "/api/v2/alerts?filter=nonsense", "", 400, json!("*"))
        .request("GET", "/api/v2/alerts?receiver=(", "", 400, json!("*"))
        .request("GET", "/api/v2/alerts/groups?filter=a%3D~%22(%22", "", 400, json!("*"))
        .request("GET", "/api/v2/silences?filter=%7Ba%3Db%7D", "", 400, json!("*"))
}

fn health_readiness_and_what_is_gone(s: Scenario) -> Scenario {
    s.config(CONFIG)
        .at(0.0)
        .request("GET", "/-/healthy", "", 200, Value::Null)
        .request("HEAD", "/-/ready", "", 200, Value::Null)
        .request("GET", "/api/v1/alerts", "", 410, json!({"status": "deprecated"}))
        .request("GET", "/nowhere", "", 404, Value::Null)
        .request("GET", "/-/reload", "", 405, Value::Null)
        .request("GET", "/api/v2/nowhere", "", 404, Value::Null)
}
