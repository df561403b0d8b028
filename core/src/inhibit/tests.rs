use alloc::{collections::BTreeMap, string::String, vec, vec::Vec};
use core::cell::Cell;

use proptest::prelude::*;
use serde::Deserialize;

use super::*;
use crate::{
    id::AlertId,
    label::{Labels, Matcher, Op},
};

fn matchers(list: &[(&str, Op, &str)]) -> Matchers {
    Matchers::new(list.iter().map(|(n, op, v)| Matcher::new(n, *op, v).expect("ok")).collect())
}

fn rule(source: &[(&str, Op, &str)], target: &[(&str, Op, &str)], equal: &[&str]) -> Rule {
    Rule {
        name: None,
        source: matchers(source),
        target: matchers(target),
        equal: equal.iter().map(|name| Arc::from(*name)).collect(),
    }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    Labels::from_pairs(pairs.iter().copied())
}

fn inhibitor(rules: Vec<Rule>, alerts: &[Labels]) -> Inhibitor {
    let mut inhibitor = Inhibitor::new(rules);
    for (id, labels) in (0..).map(AlertId).zip(alerts) {
        inhibitor.on_alert(id, labels);
    }
    inhibitor
}

/// Returns the id of the source that mutes each alert, given which alerts fire.
fn muted(inhibitor: &Inhibitor, alerts: &[Labels], live: &[bool]) -> Vec<Option<u32>> {
    let (index, mut scratch) = (inhibitor.index(), Scratch::default());
    let mut query = index.query(|id| live[id.0 as usize], &mut scratch);
    alerts.iter().map(|target| Some(query.inhibited_by(target)?.source.0)).collect()
}

#[derive(Deserialize)]
struct Vector {
    request: Request,
    response: Response,
}

#[derive(Deserialize)]
struct Request {
    alerts: Vec<Alert>,
    yaml: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Alert {
    labels: BTreeMap<String, String>,
    ends_at: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    results: Vec<Answer>,
}

#[derive(Deserialize)]
struct Answer {
    fingerprint: String,
    inhibited_by: Vec<String>,
}

/// The rules of the recorded requests; their YAML is read by a higher layer.
fn recorded_rules(yaml: &str) -> Vec<Rule> {
    let sev = |op, value| [("sev", op, value)];
    match yaml {
        "[]" => vec![],
        "[{source_matchers: [sev=crit], target_matchers: [sev=~\"warn|info\"]}]" => {
            vec![rule(&sev(Op::Equal, "crit"), &sev(Op::Regex, "warn|info"), &[])]
        }
        "[{source_matchers: [sev=crit], target_matchers: [sev=warn], equal: [c]}, \
         {source_matchers: [sev=warn], target_matchers: [sev=info], equal: [c]}]" => vec![
            rule(&sev(Op::Equal, "crit"), &sev(Op::Equal, "warn"), &["c"]),
            rule(&sev(Op::Equal, "warn"), &sev(Op::Equal, "info"), &["c"]),
        ],
        other => panic!("no rules written down for {other}"),
    }
}

#[test]
fn alerts_are_inhibited_as_recorded() {
    for line in include_str!("../../testdata/inhibit.jsonl").lines() {
        let vector: Vector = serde_json::from_str(line).expect("a vector");
        let alerts: Vec<Labels> =
            vector.request.alerts.iter().map(|a| Labels::from_pairs(&a.labels)).collect();
        let live: Vec<bool> = vector.request.alerts.iter().map(|a| a.ends_at.is_none()).collect();
        let inhibitor = inhibitor(recorded_rules(&vector.request.yaml), &alerts);
        let got = muted(&inhibitor, &alerts, &live);
        for ((alert, answer), got) in alerts.iter().zip(&vector.response.results).zip(got) {
            let print = |labels: &Labels| alloc::format!("{}", labels.fingerprint());
            assert_eq!(print(alert), answer.fingerprint);
            let got = got.map(|source| print(&alerts[source as usize]));
            assert_eq!(got.as_slice(), answer.inhibited_by, "{alert}");
        }
    }
}

#[test]
fn every_live_source_counts() {
    let rules = vec![rule(&[("s", Op::Equal, "1")], &[("t", Op::Equal, "1")], &["c"])];
    let alerts = [
        labels(&[("s", "1")]),
        labels(&[("s", "1"), ("x", "y"), ("c", "")]),
        labels(&[("s", "1"), ("t", "1")]),
        labels(&[("t", "1"), ("c", "")]),
        labels(&[("t", "1"), ("c", "other")]),
    ];
    let mut inhibitor = inhibitor(rules, &alerts);
    let of = |inhibitor: &Inhibitor, live: [bool; 3]| {
        muted(inhibitor, &alerts, &[live[0], live[1], live[2], true, true])
    };
    let both = Some(0);
    assert_eq!(of(&inhibitor, [true; 3]), [None, None, both, both, None]);
    assert_eq!(of(&inhibitor, [false, true, true])[2..4], [Some(1), Some(1)]);
    // Only the two-sided source is left: it mutes the plain target, and not itself.
    assert_eq!(of(&inhibitor, [false, false, true])[2..4], [None, Some(2)]);
    assert_eq!(of(&inhibitor, [false; 3])[2..4], [None, None]);
    let frozen = inhibitor.clone();
    inhibitor.on_removed(AlertId(0), &alerts[0]);
    inhibitor.on_removed(AlertId(0), &alerts[0]);
    assert_eq!(of(&inhibitor, [true; 3])[2..4], [Some(1), Some(1)]);
    inhibitor.on_removed(AlertId(1), &alerts[1]);
    inhibitor.on_removed(AlertId(2), &alerts[2]);
    assert_eq!(of(&inhibitor, [true; 3])[2..4], [None, None]);
    assert_eq!(of(&frozen, [true; 3])[2..4], [both, both], "readers keep what they saw");
    inhibitor.replace_rules(
        vec![rule(&[], &[("t", Op::Equal, "1")], &["c"])],
        [(AlertId(4), &alerts[4])],
    );
    assert_eq!(muted(&inhibitor, &alerts, &[true; 5]), [None; 5]);
    inhibitor
        .replace_rules(vec![rule(&[("s", Op::Equal, "1")], &[], &[])], [(AlertId(0), &alerts[0])]);
    // With every alert a target, all sources are two-sided, and so are the targets among them.
    let source = Some(0);
    assert_eq!(muted(&inhibitor, &alerts, &[true; 5]), [None, None, None, source, source]);
}

#[test]
fn the_first_rule_that_inhibits_is_reported() {
    let t = ("t", Op::Equal, "1");
    let rules = vec![
        rule(&[("s", Op::Equal, "none")], &[t], &[]),
        rule(&[("s", Op::Equal, "2")], &[t], &[]),
        rule(&[("s", Op::Equal, "1")], &[t], &[]),
    ];
    let alerts = [labels(&[("s", "1")]), labels(&[("s", "2")]), labels(&[("t", "1")])];
    let (index, mut scratch) = (inhibitor(rules, &alerts).index(), Scratch::default());
    assert_eq!(index.rules().len(), 3);
    let mut query = index.query(|_| true, &mut scratch);
    let got = query.inhibited_by(&alerts[2]);
    assert_eq!(got, Some(Inhibition { source: AlertId(1), rule: 1 }));
    let mut query = index.query(|id| id != AlertId(1), &mut scratch);
    let got = query.inhibited_by(&alerts[2]);
    assert_eq!(got, Some(Inhibition { source: AlertId(0), rule: 2 }));
}

#[test]
fn dead_sources_are_passed_once_for_a_query() {
    let rules = vec![rule(&[("s", Op::Equal, "1")], &[("t", Op::Equal, "1")], &[])];
    let mut inhibitor = Inhibitor::new(rules);
    for id in 0..10_000 {
        inhibitor.on_alert(AlertId(id), &labels(&[("s", "1")]));
    }
    let target = labels(&[("t", "1")]);
    let (index, mut scratch, asked) = (inhibitor.index(), Scratch::default(), Cell::new(0));
    for last in [Some(9_000), None, Some(0)] {
        asked.set(0);
        let is_live = |id: AlertId| {
            asked.set(asked.get() + 1);
            Some(id.0) == last
        };
        let mut query = index.query(is_live, &mut scratch);
        for _ in 0..1000 {
            assert_eq!(query.inhibited_by(&target).map(|i| i.source.0), last);
        }
        assert!(asked.get() < 20_000, "{}", asked.get());
    }
}

/// The definition: some other live alert matches the source side, agrees in the `equal` labels,
/// and does not match both sides together with the target.
fn is_muted(rules: &[Rule], alerts: &[Labels], live: &[bool], target: &Labels) -> Option<u32> {
    let value = |labels: &Labels, name: &str| String::from(labels.get(name).unwrap_or_default());
    rules.iter().filter(|rule| rule.target.matches(target)).find_map(|rule| {
        let eligible = |source: &Labels| {
            rule.source.matches(source)
                && rule.equal.iter().all(|name| value(source, name) == value(target, name))
                && !(rule.source.matches(target) && rule.target.matches(source))
        };
        (0..alerts.len()).find(|&i| live[i] && eligible(&alerts[i])).map(|i| i as u32)
    })
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let op = prop_oneof![4 => Just(Op::Equal), 2 => Just(Op::NotEqual), 1 => Just(Op::Regex)];
    let matcher =
        ("[abc]", op, "[01]?").prop_map(|(n, op, v)| Matcher::new(&n, op, &v).expect("ok"));
    let side = proptest::collection::vec(matcher, 0..3);
    let equal = proptest::collection::vec("[abc]".prop_map(Arc::from), 0..3);
    (side.clone(), side, equal).prop_map(|(source, target, equal)| Rule {
        name: None,
        source: Matchers::new(source),
        target: Matchers::new(target),
        equal,
    })
}

fn any_alert() -> impl Strategy<Value = (Labels, bool, bool)> {
    let pairs = proptest::collection::vec(("[abc]", "[01]?"), 0..4);
    (pairs.prop_map(Labels::from_pairs), any::<bool>(), proptest::bool::weighted(0.2))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_index_agrees_with_the_definition(
        rules in proptest::collection::vec(any_rule(), 0..5),
        alerts in proptest::collection::vec(any_alert(), 0..30),
    ) {
        let sets: Vec<Labels> = alerts.iter().map(|(labels, ..)| labels.clone()).collect();
        let mut inhibitor = inhibitor(rules.clone(), &sets);
        let stored: Vec<bool> = alerts.iter().map(|(_, _, removed)| !removed).collect();
        for (i, labels) in sets.iter().enumerate() {
            if stored[i] {
                inhibitor.on_alert(AlertId(i as u32), labels);
            } else {
                inhibitor.on_removed(AlertId(i as u32), labels);
            }
        }
        // A removed alert must not count even if its id is live again, for another alert.
        let fires: Vec<bool> = alerts.iter().map(|(_, fires, _)| *fires).collect();
        let counts: Vec<bool> = fires.iter().zip(&stored).map(|(f, s)| *f && *s).collect();
        let want: Vec<_> = sets.iter().map(|t| is_muted(&rules, &sets, &counts, t)).collect();
        prop_assert_eq!(muted(&inhibitor, &sets, &fires), want);
    }
}
