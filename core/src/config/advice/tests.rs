use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::time::Duration;

use proptest::prelude::*;

use super::{advise, logic, real_repeat_interval};
use crate::{
    config::{Origin, Rules, load},
    label::{Labels, Matcher, Mode, Op},
};

fn advice(text: &str) -> Vec<String> {
    let rules = Rules { mode: Mode::Fallback, retention: Duration::from_secs(432_000) };
    let config = load(text.as_bytes(), &Origin { file: "f", directory: "" }, &rules);
    let config = config.unwrap_or_else(|e| panic!("{e}"));
    advise(&config, text.as_bytes()).iter().map(ToString::to_string).collect()
}

fn routes(routes: &str) -> Vec<String> {
    advice(&alloc::format!(
        "route:\n  receiver: a\n  routes:\n{routes}\nreceivers: [{{name: a}}]\n"
    ))
}

fn rule(rule: &str) -> Vec<String> {
    advice(&alloc::format!(
        "route: {{receiver: a}}\nreceivers: [{{name: a}}]\ninhibit_rules:\n- {rule}\n"
    ))
}

#[track_caller]
fn told(advice: &[String], place: &str, text: &str) {
    assert_eq!(advice.len(), 1, "{advice:#?}");
    assert!(advice[0].starts_with(place) && advice[0].contains(text), "{advice:#?}");
}

#[test]
fn what_is_fine_gets_no_advice() {
    let fine = routes(
        "  - {matchers: ['team=\"db\"'], continue: true}\n  - {matchers: ['team=\"db\"']}\n  \
         - {matchers: ['team=~\"d.*\"']}\n  - {matchers: ['env!=\"x\"']}\n  - {group_by: [x]}",
    );
    assert_eq!(fine, Vec::<String>::new());
    let fine = rule(
        "{source_matchers: ['severity=\"page\"', 'site=~\".+\"'], target_matchers: \
         ['severity=\"warn\"', 'x!=\"\"'], equal: [alertname, site, x]}",
    );
    assert_eq!(fine, Vec::<String>::new());
}

#[test]
fn routes_behind_others_are_found() {
    let found =
        routes("  - {matchers: ['team=~\"db|web\"']}\n  - {matchers: ['team=\"db\"', 'x=\"y\"']}");
    told(&found, "5:5: route.routes[1]: ", "never reached: route.routes[0]");
    told(&routes("  - {group_by: [x]}\n  - {matchers: [a=b]}"), "5:5: ", "never reached");
    let nested = routes(
        "  - matchers: ['team=\"db\"']\n    routes:\n    - {matchers: ['team!=\"web\"']}\n    \
         - {matchers: [a=b]}\n    - {match_re: {a: 'b|c'}}",
    );
    assert_eq!(nested.len(), 2, "what holds above holds below: {nested:#?}");
    let nested = routes(
        "  - matchers: ['team=\"db\"']\n    routes:\n    - {matchers: ['team!=\"\"']}\n    \
         - {matchers: [a=b]}",
    );
    told(&nested, "7:7: route.routes[0].routes[1]: ", "never reached");
}

#[test]
fn conditions_that_exclude_each_other_are_found() {
    for conditions in [
        "'a=\"x\"', 'a=\"y\"'",
        "'a=\"x\"', 'a!=\"x\"'",
        "'a=~\"x|y\"', 'a=~\"z.*\"'",
        "'a=\"\"', 'a=~\".+\"'",
        "'a!~\".+\"', 'a!=\"\"'",
        "'a!~\".*\"'",
    ] {
        let found = routes(&alloc::format!("  - {{matchers: [{conditions}]}}"));
        told(&found, "4:5: route.routes[0]: ", "no alert can match this route");
    }
    let below = routes("  - matchers: [a=x]\n    routes:\n    - matchers: [a=y]");
    told(&below, "6:7: route.routes[0].routes[0]: ", "a=\"x\" and a=\"y\" exclude each other");
    told(&routes("  - {matchers: ['a=~\".*\"']}"), "4:5: ", "holds for every alert");
}

#[test]
fn inhibition_is_looked_at() {
    told(
        &rule("{source_matchers: [s=p], target_matchers: [s=w], equal: [alertname, site]}"),
        "4:3: inhibit_rules[0]: ",
        "a source without site inhibits targets without site",
    );
    told(
        &rule("{source_matchers: [s=p], target_matchers: [s=w], equal: [s]}"),
        "4:3: ",
        "cannot agree in s",
    );
    told(
        &rule("{source_matchers: [s=p, s=q], target_matchers: [s=w]}"),
        "4:3: ",
        "no alert can match the source",
    );
}

#[test]
fn receivers_and_times_are_looked_at() {
    let unused = advice("route: {receiver: a}\nreceivers:\n- name: a\n- name: b\n");
    told(&unused, "4:3: receivers[1]: ", "receiver \"b\" is not used");
    let late = advice(
        "route: {receiver: a, group_interval: 15m, repeat_interval: 20m}\nreceivers: [{name: a}]",
    );
    told(
        &late,
        "1:1: route: ",
        "is not a multiple of group_interval 15m: notifications repeat every 30m",
    );
    let minutes = |n: u64| Duration::from_secs(60 * n);
    assert_eq!(real_repeat_interval(minutes(5), minutes(240)), minutes(245));
    assert_eq!(real_repeat_interval(minutes(15), minutes(20)), minutes(30));
    assert_eq!(real_repeat_interval(minutes(0), minutes(20)), minutes(20));
}

fn matcher() -> impl Strategy<Value = Matcher> {
    let ops = prop_oneof![Just(Op::Equal), Just(Op::NotEqual), Just(Op::Regex), Just(Op::NotRegex)];
    let values = ["", "x", "y", "x|y", ".*", ".+", "x.*", "^x$", "^(?:.*)$"];
    let values = proptest::sample::select(values.to_vec());
    ("[ab]", ops, values)
        .prop_map(|(name, op, value)| Matcher::new(&name, op, value).expect("it compiles"))
}

proptest! {
    #[test]
    fn what_is_certain_holds(
        list in proptest::collection::vec(matcher(), 0..4),
        weak in matcher(),
        a in "x?y?", b in "[xy]{0,2}",
    ) {
        let pairs = [("a", a), ("b", b)].into_iter().filter(|(_, value)| !value.is_empty());
        let labels = Labels::from_pairs(pairs);
        let refs: Vec<&Matcher> = list.iter().collect();
        if refs.iter().all(|matcher| matcher.matches(&labels)) {
            prop_assert_eq!(logic::contradiction(&refs), None);
            prop_assert!(!logic::implies(&refs, &weak) || weak.matches(&labels));
        }
        prop_assert!(!logic::is_always(&weak) || weak.matches(&labels));
    }

    #[test]
    fn any_text_can_be_looked_at(text in "\\PC{0,80}") {
        let config = load(
            crate::config::default_text().as_bytes(),
            &Origin { file: "f", directory: "" },
            &Rules { mode: Mode::Fallback, retention: Duration::from_secs(1) },
        );
        // The text may not be the one of the configuration; then only the places are wrong.
        advise(&config.expect("it is fine"), text.as_bytes());
    }
}
