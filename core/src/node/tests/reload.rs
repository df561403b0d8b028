//! Reloads: what they leave alone, what moves along, and what a rehearsal says.

use proptest::prelude::*;

use super::*;

const BY_TEAM: &str = "
route:
  receiver: hook
  group_by: [alertname]
  group_wait: 2s
  group_interval: 5s
  repeat_interval: 1h
  routes:
    - receiver: db
      matchers: [team=db]
receivers:
  - name: hook
    webhook_configs: [{url: 'http://127.0.0.1:1/'}]
  - name: db
    webhook_configs: [{url: 'http://127.0.0.1:2/'}]
";

fn reload(rig: &mut Rig, config: &str) {
    rig.seen.config = config.into();
    rig.input(Input::Call(CallId(9), Call::Reload { dry_run: false }));
    let reply = rig.seen.replies.last();
    assert!(matches!(reply, Some(Reply::Reloaded(Ok(())))), "{reply:?}");
}

#[test]
fn advice_on_a_configuration_is_logged_at_each_load() {
    let mut rig = Rig::new(BY_TEAM);
    let logged = |rig: &Rig| {
        let is_advice = |event: &&Event| {
            matches!(event, Event::ConfigurationWarning { warning }
                if warning.contains("is not used by any route"))
        };
        rig.seen.events.iter().filter(is_advice).count()
    };
    assert_eq!(logged(&rig), 0);
    for times in 1..3 {
        reload(&mut rig, "route: {receiver: a}\nreceivers: [{name: a}, {name: b}]");
        assert_eq!(logged(&rig), times);
    }
}

fn rehearse(rig: &mut Rig, config: &str) -> serde_json::Value {
    rig.seen.config = config.into();
    rig.input(Input::Call(CallId(9), Call::Reload { dry_run: true }));
    match rig.seen.replies.last() {
        Some(Reply::Rehearsed(Ok(report))) => serde_json::from_str(report).expect("JSON"),
        reply => panic!("no report: {reply:?}"),
    }
}

#[test]
fn a_group_that_moves_to_another_route_is_not_told_again() {
    let mut rig = Rig::new(BY_TEAM);
    rig.post(&[("alertname", "A"), ("team", "db")], None);
    rig.until(4000);
    let wider = BY_TEAM.replace("[team=db]", "['team=~db|sql']");
    let report = rehearse(&mut rig, &wider);
    assert_eq!(report["rekeyedCount"], 1, "{report}");
    assert_eq!(report["rekeyed"][0]["from"], "{}/{team=\"db\"}:{alertname=\"A\"}");
    assert_eq!(report["rekeyed"][0]["to"], "{}/{team=~\"db|sql\"}:{alertname=\"A\"}");
    assert_eq!(report["notificationsCount"], 0, "{report}");
    let before = rig.node.deadline();
    reload(&mut rig, &wider);
    assert_eq!(rig.node.deadline(), before);
    rig.until(60_000);
    assert_eq!(rig.sent_at(), [2000]);
    rig.post(&[("alertname", "A"), ("team", "db")], Some(60_000));
    rig.until(70_000);
    assert_eq!(rig.sent_at().len(), 2, "its end is told by way of the new route");
}

#[test]
fn what_is_in_flight_while_a_group_moves_is_not_told_again() {
    let mut rig = Rig::new(BY_TEAM);
    rig.seen.status = 503;
    rig.post(&[("alertname", "A"), ("team", "db")], None);
    rig.until(2000);
    rig.seen.status = 200;
    reload(&mut rig, &BY_TEAM.replace("[team=db]", "['team=~db|sql']"));
    rig.until(60_000);
    let told = rig.seen.sent.len();
    assert_eq!(told, 2, "one that failed and one that did not: {:?}", rig.sent_at());
}

#[test]
fn a_rehearsal_says_what_would_be_sent_and_changes_nothing() {
    let mut rig = Rig::new(BY_TEAM);
    rig.post(&[("alertname", "A"), ("team", "db")], None);
    rig.post(&[("alertname", "B")], None);
    rig.until(4000);
    let other = BY_TEAM.replace("receiver: db\n", "receiver: hook\n");
    let report = rehearse(&mut rig, &other);
    assert_eq!((&report["kept"], &report["createdCount"]), (&1.into(), &1.into()), "{report}");
    assert_eq!(report["dropped"][0]["receiver"], "db");
    assert_eq!(report["notifications"][0]["receiver"], "hook");
    assert_eq!(report["notifications"][0]["integration"], "webhook[0]");
    assert_eq!(report["notifications"][0]["reason"], "first notification");
    assert_eq!(rig.node.config.tree.root().children.len(), 1);
    rig.until(30_000);
    assert_eq!(rig.sent_at(), [2000, 2000]);

    let more =
        BY_TEAM.replace("url: 'http://127.0.0.1:1/'}", "url: 'http://a/'}, {url: 'http://b/'}");
    let report = rehearse(&mut rig, &more);
    let integrations: Vec<&str> = report["notifications"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|caused| caused["integration"].as_str())
        .collect();
    assert_eq!(integrations, ["webhook[1]"], "only who is new is told");

    rig.seen.config = "route: {}".into();
    rig.input(Input::Call(CallId(9), Call::Reload { dry_run: true }));
    assert!(matches!(rig.seen.replies.last(), Some(Reply::Rehearsed(Err(_)))));
}

/// What happens to a node in a run.
#[derive(Clone, Debug)]
enum Happening {
    Post(u8, bool),
    Wait(u16),
    Reload,
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let one = prop_oneof![
        (0..6_u8, any::<bool>()).prop_map(|(name, ends)| Happening::Post(name, ends)),
        (1..9000_u16).prop_map(Happening::Wait),
        Just(Happening::Reload),
    ];
    prop::collection::vec(one, 1..24)
}

fn run(happenings: &[Happening], reloads: bool) -> Vec<(u64, String)> {
    let mut rig = Rig::new(BY_TEAM);
    let mut now = 0;
    for happening in happenings {
        match *happening {
            Happening::Post(name, ends) => {
                let name = alloc::format!("A{name}");
                let team = if name.ends_with(['1', '3']) { "db" } else { "web" };
                rig.post(&[("alertname", &name), ("team", team)], ends.then_some(now));
            }
            Happening::Wait(ms) => {
                now += u64::from(ms);
                rig.until(now);
            }
            Happening::Reload if reloads => {
                let sent = rig.seen.sent.len();
                let before = rig.node.deadline();
                reload(&mut rig, BY_TEAM);
                assert_eq!((rig.seen.sent.len(), rig.node.deadline()), (sent, before));
                let report = rehearse(&mut rig, BY_TEAM);
                for what in ["rekeyed", "created", "dropped", "notifications"] {
                    assert_eq!(report[what], serde_json::json!([]), "{report}");
                }
            }
            Happening::Reload => {}
        }
    }
    rig.until(now + 20_000);
    rig.seen.sent
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, reloads of the same file have no effect.
    #[test]
    fn reloads_of_the_same_file_have_no_effect(happenings in happenings()) {
        prop_assert_eq!(run(&happenings, true), run(&happenings, false));
    }
}
