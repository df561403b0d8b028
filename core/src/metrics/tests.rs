use alloc::{
    borrow::ToOwned as _,
    collections::BTreeSet,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};

use proptest::prelude::*;

use super::*;

fn text(metrics: &Metrics) -> String {
    let mut out = String::new();
    metrics.write_text(&mut out);
    out
}

/// Leaves out what depends on the build.
fn stable(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.contains("build_info{"));
    lines.map(|line| format!("{line}\n")).collect()
}

#[test]
fn fresh_metrics_match_the_golden_file() {
    let got = stable(&text(&Metrics::default()));
    assert!(got == include_str!("fresh.txt"), "the page has changed:\n{got}");
}

#[test]
fn families_come_once_and_in_order() {
    let mut metrics = Metrics::new(Detail::default());
    metrics.record_limited("A");
    metrics.notifications.record_suppressed(Suppressed::Silence, 3);
    metrics.set_alerts(AlertStates { active: 2, suppressed: 1, unprocessed: 0 });
    let mut traffic = Traffic::new(8);
    traffic.record("/metrics", "GET", 200, 0.02, 20_000);
    let process = Process { start_time_seconds: Some(1.7e9), ..Process::default() };
    let page = scrape(&metrics, &traffic, &process, &[], |_| {});
    let names: Vec<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ').map(|(name, _)| name))
        .collect();
    assert!(names.is_sorted());
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    assert!(page.contains("\nprocess_start_time_seconds 1.7e+09\n"));
    assert!(page.contains("\nalertmanager_alerts{state=\"active\"} 2\n"));
    assert!(page.contains("\nalertmanager_alerts_limited_total 1\n"));
    assert!(page.contains("\nalertmanager_notifications_suppressed_total{reason=\"silence\"} 3\n"));
    assert!(page.contains(
        "\nalertmanager_http_request_duration_seconds_bucket\
         {code=\"200\",handler=\"/metrics\",method=\"get\",le=\"0.025\"} 1\n"
    ));
    assert!(page.contains(
        "\nalertmanager_http_response_size_bytes_bucket\
         {handler=\"/metrics\",method=\"get\",le=\"1e+06\"} 1\n"
    ));
    let one = scrape(&metrics, &traffic, &process, &["alertmanager_receivers".to_owned()], |_| {});
    assert_eq!(one.lines().count(), 3, "{one}");
}

#[test]
fn features_add_labels() {
    let mut metrics =
        Metrics::new(Detail { alert_names: true, receiver_names: true, group_keys: true });
    assert!(!text(&metrics).contains("notifications_total"));
    metrics.notifications.seed([("webhook", "a"), ("email", "a"), ("unheard-of", "a")]);
    metrics.notifications.record_notification("webhook", "a");
    metrics.notifications.record_attempt("webhook", "a", 0.5, false);
    metrics.notifications.record_failed("webhook", "a", FailureReason::of_status(429));
    metrics.notifications.record_failed("unheard-of", "a", FailureReason::Other);
    metrics.record_limited("quo\"te\n");
    let key: Arc<str> = "{}:{}".into();
    let states = AlertStates { active: 1, suppressed: 0, unprocessed: 2 };
    metrics.set_group_alerts([(Arc::clone(&key), states), (key, states)]);
    let page = text(&metrics);
    for line in [
        "alertmanager_notifications_total{integration=\"email\",receiver_name=\"a\"} 0",
        "alertmanager_notifications_total{integration=\"webhook\",receiver_name=\"a\"} 1",
        "alertmanager_notification_latency_seconds_bucket\
         {integration=\"webhook\",receiver_name=\"a\",le=\"1\"} 1",
        "alertmanager_notification_requests_failed_total\
         {integration=\"webhook\",receiver_name=\"a\"} 1",
        "alertmanager_notifications_failed_total\
         {integration=\"webhook\",reason=\"rateLimited\",receiver_name=\"a\"} 1",
        "alertmanager_alerts_limited_total{alertname=\"quo\\\"te\\n\"} 1",
        "alertmanager_alerts{group_key=\"{}:{}\",state=\"unprocessed\"} 4",
    ] {
        assert!(page.contains(&format!("\n{line}\n")), "{line}\n{page}");
    }
    metrics.notifications.seed([("slack", "b")]);
    assert!(!text(&metrics).contains("receiver_name=\"a\""));
}

#[test]
fn label_values_are_bounded() {
    let mut metrics = Metrics::new(Detail { alert_names: true, ..Detail::default() });
    for n in 0..METRIC_LABEL_VALUES_MAX + 50 {
        metrics.record_limited(&n.to_string());
    }
    metrics.record_limited("1");
    assert_eq!(metrics.limited.len(), METRIC_LABEL_VALUES_MAX + 1);
    assert_eq!(metrics.limited[OVERFLOW], Counter(50));
    assert_eq!(metrics.limited["1"], Counter(2));
}

#[test]
fn the_gate_limits_gets_only() {
    let mut traffic = Traffic::new(1);
    assert_eq!(traffic.begin("GET"), Ok(()));
    assert_eq!(traffic.begin("get"), Err(GateFull { limit: 1 }));
    assert_eq!(traffic.begin("POST"), Ok(()));
    traffic.end("POST");
    assert_eq!(traffic.begin("GET"), Err(GateFull { limit: 1 }));
    traffic.end("GET");
    assert_eq!(traffic.begin("GET"), Ok(()));
    assert_eq!(traffic.exceeded, Counter(2));
}

#[test]
fn handlers_fold() {
    for (path, label) in [
        ("/api/v2/alerts", Some("/api/v2/alerts")),
        ("/api/v2/alerts/groups", Some("/api/v2/alerts/groups")),
        ("/api/v2/silence/7c2b", Some("/api/v2/silence/{silenceID}")),
        ("/api/v2/anything/else", Some("/api/v2/{unknown}")),
        ("/api/v1/alerts", Some("/api/v1/*path")),
        ("/assets/x.js", Some("/assets/*path")),
        ("/nope", None),
    ] {
        assert_eq!(handler_label(path), label);
    }
}

#[test]
fn a_reload_and_its_failure_show() {
    let mut metrics = Metrics::default();
    metrics.record_reload(
        148_169_735_914_898,
        Timestamp::from_parts(1_700_000_000, 500_000_000),
        1,
        2,
        3,
    );
    let page = text(&metrics);
    assert!(page.contains("\nalertmanager_config_hash 1.48169735914898e+14\n"));
    assert!(page.contains("_timestamp_seconds 1.7000000005e+09\n"));
    assert!(page.contains("\nalertmanager_config_last_reload_successful 1\n"));
    metrics.record_reload_failed();
    let page = text(&metrics);
    assert!(page.contains("\nalertmanager_config_hash 1.48169735914898e+14\n"));
    assert!(page.contains("\nalertmanager_config_last_reload_successful 0\n"));
}

#[test]
fn numbers_look_like_gos() {
    for (value, shown) in [
        (0.0, "0"),
        (1.0, "1"),
        (-1.5, "-1.5"),
        (100_000.0, "100000"),
        (1e6, "1e+06"),
        (1_234_567.0, "1.234567e+06"),
        (0.0001, "0.0001"),
        (0.00001, "1e-05"),
        (f64::INFINITY, "+Inf"),
        (f64::NEG_INFINITY, "-Inf"),
        (f64::NAN, "NaN"),
    ] {
        let mut out = String::new();
        text::number(value, &mut out);
        assert_eq!(out, shown);
    }
}

proptest! {
    #[test]
    fn histograms_cumulate(values in prop::collection::vec(any::<f64>(), 0..40)) {
        let mut histogram = Histogram::new(&SECONDS);
        values.iter().for_each(|&value| histogram.observe(value));
        for (bound, n) in histogram.cumulated() {
            let expected = values.iter().filter(|&&value| value <= bound).count();
            prop_assert_eq!(n, expected as u64);
        }
        let counted = values.iter().filter(|value| !value.is_nan()).count();
        prop_assert_eq!(histogram.totals().count, counted as u64);
    }

    #[test]
    fn every_label_value_stays_on_its_line(name in any::<String>()) {
        let mut metrics = Metrics::new(Detail { alert_names: true, ..Detail::default() });
        let lines = text(&metrics).matches('\n').count();
        metrics.record_limited(&name);
        prop_assert_eq!(text(&metrics).matches('\n').count(), lines + 3);
    }
}
