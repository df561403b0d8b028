//! Bodies of the API over a small node, compared with the files of `testdata/api`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p campana-core --test api_golden` writes the files anew.
#![allow(clippy::disallowed_methods, reason = "tests read and write golden files")]

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use campana_core::{
    alert::{Mark, RouteLists, Store, Upserted, times},
    api::{Action, Admit, Call, Head, Response, Side, Site},
    cli::{Options, resolve_external_url},
    config::{Origin, Rules, load},
    cow::Snapshot,
    group::{Groups, Placed},
    id::GroupId,
    inhibit::Inhibitor,
    label::{Matcher, Matchers, Mode, Op},
    metrics::{Metrics, Process, Traffic},
    silence::{Id, Limits, Silence, Silences},
    time::{Instant, Now, Timestamp},
    view::{AlertFilter, Scratch, View},
};
use uuid::Uuid;

/// 2026-01-02T03:04:05.678Z
const WALL: Timestamp = Timestamp::from_parts(1_767_323_045, 678_901_234);

const CONFIG: &str = r#"
route:
  receiver: default
  group_by: [alertname]
  labels: {team: none}
  routes:
    - receiver: team-x
      matchers: ['team="x"']
      labels: {team: x}
      continue: true
    - receiver: pager
      matchers: ['severity="critical"']
      group_by: [team]
      mute_time_intervals: [nights]
inhibit_rules:
  - source_matchers: ['severity="critical"']
    target_matchers: ['severity="warning"']
    equal: [instance]
time_intervals:
  - name: nights
    time_intervals: [{times: [{start_time: '00:00', end_time: '06:00'}]}]
receivers:
  - name: default
  - name: team-x
    labels: {team: x, "odd<name": "&"}
    webhook_configs: [{url: 'http://127.0.0.1:1/secret'}]
  - name: pager
    labels: {team: ""}
  - name: unused
"#;

const ALERTS: &str = r#"[
 {"labels":{"alertname":"Disk","instance":"b","job":"node","severity":"warning","team":"x"},
  "annotations":{"summary":"90% < \"full\" & rising","empty":""},
  "startsAt":"2026-01-02T01:00:00.123456789+02:00",
  "generatorURL":"http://prom:9090/graph?g0.expr=up%3D%3D0&g0.tab=1"},
 {"labels":{"alertname":"Disk","instance":"a","job":"node","severity":"warning"}},
 {"labels":{"alertname":"Down","instance":"a","severity":"critical","team":"x"},
  "startsAt":"2026-01-02T03:00:00Z","endsAt":"2026-01-02T04:00:00Z"},
 {"labels":{"alertname":"Over","instance":"a"},
  "startsAt":"2026-01-01T00:00:00Z","endsAt":"2026-01-01T01:00:00Z"},
 {"labels":{"alertname":"Quiet","日本":"é"}}
]"#;

fn site() -> Site {
    let options = Options::default();
    let external = resolve_external_url(&options, "host", 9093).expect("a valid URL");
    Site::new(&options, &external, 4)
}

fn post(site: &Site, target: &str, body: &str) -> Call {
    let length = body.len().to_string();
    let headers = [("content-type", "application/json"), ("content-length", &*length)];
    let head = Head { method: "POST", target, headers: &headers };
    assert!(matches!(site.admit(&head), Admit::Read { .. }));
    match site.handle(&head, body.as_bytes()).action {
        Action::Call(call) => call,
        action => panic!("{action:?}"),
    }
}

fn post_silence(site: &Site, silences: &mut Silences, now: Timestamp, id: u128, body: &str) {
    let Call::PutSilence(draft) = post(site, "/api/v2/silences", body) else { panic!("a silence") };
    silences.set(now, *draft, || Uuid::from_u128(id)).expect("an acceptable silence");
}

fn silences(site: &Site) -> Silences {
    let mut silences = Silences::new(Duration::from_secs(3600), Limits::default(), Mode::Fallback);
    let silence = |matcher: &str, starts: &str, ends: &str, more: &str| {
        format!(
            r#"{{"matchers":[{matcher}],"startsAt":"2026-01-02T{starts}Z","endsAt":"2026-01-02T{ends}Z","createdBy":"me","comment":"<why>"{more}}}"#
        )
    };
    let quiet = r#"{"name":"alertname","value":"Quiet|Silent","isRegex":true}"#;
    let active = silence(quiet, "00:00:00", "09:00:00", r#","annotations":{"ticket":"T&1"}"#);
    post_silence(site, &mut silences, WALL, 1, &active);
    let other = r#"{"name":"a","value":"b","isRegex":false},{"name":"c","value":"","isRegex":false,"isEqual":false}"#;
    let pending = silence(other, "05:00:00", "06:00:00", "");
    post_silence(site, &mut silences, WALL, 2, &pending);
    let earlier = WALL - Duration::from_secs(600);
    let past = silence(other, "00:00:00", "03:00:00", "");
    post_silence(site, &mut silences, earlier, 3, &past);
    // Only a peer can bring several matcher sets.
    let set = |name, op, value| {
        Matchers::new(vec![Matcher::new(name, op, value).expect("a good expression")])
    };
    assert!(silences.merge(
        WALL,
        Silence {
            id: Id::from("00000000-0000-0000-0000-000000000004"),
            matcher_sets: vec![set("x", Op::Equal, "1"), set("y", Op::NotRegex, ".*")],
            starts_at: WALL,
            ends_at: WALL + Duration::from_secs(60),
            updated_at: WALL,
            created_by: "peer".into(),
            comment: "".into(),
            annotations: BTreeMap::new(),
        }
    ));
    silences
}

fn view() -> View {
    view_of(ALERTS)
}

fn view_of(alerts: &str) -> View {
    let site = site();
    let origin = Origin { file: "test.yml", directory: "" };
    let rules = Rules { mode: Mode::Fallback, retention: Duration::from_secs(1 << 20) };
    let config = load(CONFIG.as_bytes(), &origin, &rules).expect("a valid configuration");
    let now = Now { instant: Instant::from_nanos(0), wall: WALL };
    let Call::PostAlerts(batch) = post(&site, "/api/v2/alerts", alerts) else { panic!("alerts") };
    let (mut alerts, mut groups) = (Store::new(0), Groups::new(now.instant));
    let mut inhibitor = Inhibitor::new(config.inhibit_rules.clone());
    let mut lists = RouteLists::default();
    for posted in batch.iter() {
        assert_eq!(posted.invalid, None);
        let times = times(posted.starts_at, posted.ends_at, config.resolve_timeout, WALL);
        let times = times.expect("times in order");
        let Ok(Upserted::New(id)) = alerts.upsert(&posted, times, WALL) else { panic!("new") };
        let entry = alerts.get_mut(id).expect("stored");
        let mut routes = Vec::new();
        config.tree.matches(&entry.alert.labels, &mut routes);
        entry.routes = lists.share(&routes);
        entry.mark = [Mark::Active, Mark::Suppressed, Mark::Unprocessed][id.0 as usize % 3];
        inhibitor.on_alert(id, &entry.alert.labels);
        for &route in &routes {
            let labels = &entry.alert.labels;
            let starts_at = entry.alert.starts_at.at;
            match groups.place(now, config.tree.route(route), id, labels, starts_at) {
                Placed::Joined(_) | Placed::Made(_) => entry.groups += 1,
                Placed::Stayed(_) => {}
            }
        }
    }
    let muted: Vec<GroupId> = groups
        .iter()
        .filter(|(_, group)| &*config.tree.route(group.route).receiver == "pager")
        .map(|(id, _)| id)
        .collect();
    for id in muted {
        groups.get_mut(id).expect("just seen").muted_by = Arc::from(["nights".into()]);
    }
    View {
        config: Arc::new(config),
        alerts: alerts.snapshot(),
        groups: groups.snapshot(),
        silences: silences(&site).table(),
        inhibitor: inhibitor.index(),
        metrics: Metrics::default(),
        cluster: None,
        trail: Default::default(),
        at: Now { instant: Instant::from_nanos(0), wall: WALL },
        started_at: WALL,
    }
}

fn side(traffic: &Traffic) -> Side<'_> {
    Side { traffic, process: Process::default(), packets_dropped: 0, give_way: || () }
}

fn ask(view: &View, target: &str) -> Response {
    let site = site();
    let head = Head { method: "GET", target, headers: &[("Origin", "http://x")] };
    let traffic = Traffic::new(8);
    let side = side(&traffic);
    match site.handle(&head, b"").action {
        Action::Query(query) => query.answer(&site, &Arc::new(view.clone()), WALL, &side),
        action => panic!("{target}: {action:?}"),
    }
}

#[test]
fn bodies_equal_the_recorded_ones() {
    let view = view();
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/api");
    let mut wrong = Vec::new();
    for (name, target) in [
        ("alerts", "/api/v2/alerts"),
        ("alerts-active", "/api/v2/alerts?inhibited=false&silenced=no"),
        ("alerts-suppressed", "/api/v2/alerts?active=false"),
        ("alerts-filter", "/api/v2/alerts?filter=team%3Dx&filter=severity%21~%22crit.*%22"),
        ("alerts-present", "/api/v2/alerts?filter=team%21%3D%22%22"),
        ("alerts-receiver", "/api/v2/alerts?receiver=team-.&active="),
        ("alerts-receiver-labels", "/api/v2/alerts?receiver_matchers=team%3Dx"),
        ("alerts-none", "/api/v2/alerts?receiver=team"),
        ("groups", "/api/v2/alerts/groups"),
        ("groups-unmuted", "/api/v2/alerts/groups?muted=false"),
        ("groups-receiver", "/api/v2/alerts/groups?receiver=pager&receiver_matchers=name%3D~p.%2A"),
        ("groups-none", "/api/v2/alerts/groups?filter=nope%3D1"),
        ("receivers", "/api/v2/receivers"),
        ("receivers-matchers", "/api/v2/receivers?receiver_matchers=team%21%3D%22%22"),
        ("silences", "/api/v2/silences"),
        ("silences-active", "/api/v2/silences?expired=false&pending=false"),
        ("silences-filter", "/api/v2/silences?filter=a%3Db"),
        ("silence", "/api/v2/silence/00000000-0000-0000-0000-000000000001"),
    ] {
        let response = ask(&view, target);
        assert_eq!(response.status, 200, "{target}");
        assert!(response.headers.contains(&("Access-Control-Allow-Origin", "*".into())));
        let body = String::from_utf8(response.body).expect("UTF-8");
        serde_json::from_str::<serde_json::Value>(&body).expect("valid JSON");
        let file = folder.join(format!("{name}.json"));
        if update {
            fs::write(&file, &body).expect("a writable folder");
        } else if fs::read_to_string(&file).unwrap_or_default() != body {
            wrong.push(format!("{name} ({target}):\n{body}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_list_in_pieces_equals_the_whole() {
    let view = Arc::new(view());
    let (site, traffic) = (site(), Traffic::new(8));
    let side = side(&traffic);
    for target in ["alerts", "alerts/groups", "silences", "alerts?filter=nope%3D1"] {
        let target = format!("/api/v2/{target}");
        let whole = ask(&view, &target).body;
        for piece in (1..whole.len() + 3).chain([usize::MAX]) {
            let head = Head { method: "GET", target: &target, headers: &[] };
            let Action::Query(query) = site.handle(&head, b"").action else { panic!("a query") };
            let (response, mut rest) = query.begin(&site, &view, WALL, &side, piece);
            let (mut all, mut out) = (response.body, Vec::new());
            while let Some(more) = &mut rest {
                let last = out.len();
                assert!(all.len() >= piece && (last == 0 || last >= piece), "a piece is full");
                out.clear();
                if !more.write(&mut out, piece) {
                    rest = None;
                }
                all.extend_from_slice(&out);
            }
            assert_eq!(String::from_utf8_lossy(&all), String::from_utf8_lossy(&whole), "{piece}");
        }
    }
}

#[test]
fn a_long_list_gives_way() {
    static TURNS: AtomicUsize = AtomicUsize::new(0);
    let turn = || {
        TURNS.fetch_add(1, Relaxed);
    };
    let alert = |i| format!(r#"{{"labels":{{"alertname":"Many","number":"{i}"}}}}"#);
    let view = view_of(&format!("[{}]", (0..5000).map(alert).collect::<Vec<_>>().join(",")));
    let everything = AlertFilter::default();
    let rows = view.list_alerts(&everything, WALL, turn);
    assert!(
        rows.as_slice().is_sorted_by_key(|row| row.fingerprint) && rows.as_slice().len() == 5000
    );
    assert!(TURNS.swap(0, Relaxed) >= 5, "looking at alerts and sorting them takes turns");
    let listed = view.list_groups(&everything, WALL, turn);
    assert_eq!(listed.alerts(&listed.groups[0]).len(), 5000);
    assert!(TURNS.swap(0, Relaxed) >= 20, "groups sort by labels, which takes longer");
    assert_eq!(view_of(ALERTS).list_alerts(&everything, WALL, turn).as_slice().len(), 4);
    assert_eq!(TURNS.load(Relaxed), 0, "a short list has no need to");
}

#[test]
fn the_status_has_alertmanagers_shape() {
    let view = view();
    let body = String::from_utf8(ask(&view, "/api/v2/status").body).expect("UTF-8");
    let begin = r#"{"cluster":{"peers":[],"status":"disabled"},"config":{"original":"global:\n"#;
    assert!(body.starts_with(begin), "{body}");
    assert!(body.contains("url: <secret>") && body.ends_with("\"version\":\"0.34.0\"}}\n"));
    let json: serde_json::Value = serde_json::from_str(&body).expect("valid JSON");
    assert_eq!(json["config"]["original"], *view.config.original);
    assert_eq!(json["uptime"], "2026-01-02T03:04:05.678Z");
    assert_eq!(json["versionInfo"]["branch"], "campana");
    let keys = ["branch", "buildDate", "buildUser", "goVersion", "revision", "version"];
    assert!(json["versionInfo"].as_object().expect("an object").keys().eq(keys));
}

#[test]
fn what_is_not_there_and_what_is_counted() {
    let view = view();
    let missing = ask(&view, "/api/v2/silence/00000000-0000-0000-0000-00000000000f");
    assert_eq!((missing.status, &*missing.body), (404, &b""[..]));
    assert_eq!(missing.handler, "/api/v2/silence/{silenceID}");
    let metrics = |target| {
        let response = ask(&view, target);
        assert!(response.compressible);
        String::from_utf8(response.body).expect("UTF-8")
    };
    let all = metrics("/metrics");
    for line in [
        "alertmanager_alerts{state=\"active\"} 1",
        "alertmanager_alerts{state=\"suppressed\"} 2",
        "alertmanager_alerts{state=\"unprocessed\"} 1",
        "alertmanager_silences{state=\"active\"} 2",
        "alertmanager_silences{state=\"pending\"} 1",
        "alertmanager_silences{state=\"expired\"} 1",
        "alertmanager_dispatcher_aggregation_groups 6",
    ] {
        assert!(all.lines().any(|l| l == line), "{line}\n{all}");
    }
    let one = metrics("/metrics?name[]=alertmanager_silences");
    assert_eq!(one.lines().count(), 5, "{one}");
}

#[test]
fn an_empty_node_answers_with_empty_lists() {
    let view = View {
        alerts: Snapshot::default(),
        groups: Snapshot::default(),
        silences: Arc::default(),
        ..view()
    };
    for path in ["alerts", "alerts/groups", "silences"] {
        assert_eq!(ask(&view, &format!("/api/v2/{path}")).body, b"[]\n");
    }
    assert!(view.list_groups(&AlertFilter::default(), WALL, || ()).groups.is_empty());
}

#[test]
fn a_look_up_for_one_alert_equals_the_list() {
    let view = view();
    let mut scratch = Scratch::default();
    let listed = view.list_alerts(&AlertFilter::default(), WALL, || ());
    for row in listed.as_slice() {
        let entry = view.alerts.get(row.id.0).expect("listed");
        assert_eq!(view.muting(entry, WALL, &mut scratch), *listed.muting(row));
    }
}
