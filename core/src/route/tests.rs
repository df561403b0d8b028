use alloc::{
    string::{String, ToString as _},
    vec,
};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::{label::Op, time::duration::format_go_span};

fn matcher(name: &str, op: Op, value: &str) -> Matcher {
    Matcher::new(name, op, value).expect("a valid expression")
}

fn is(name: &str, value: &str) -> Matcher {
    matcher(name, Op::Equal, value)
}

fn draft(receiver: &str, matchers: Vec<Matcher>, children: Vec<Draft>) -> Draft {
    let receiver = (!receiver.is_empty()).then(|| receiver.into());
    Draft { receiver, matchers, children, ..Draft::default() }
}

fn names(names: &[&str]) -> Option<GroupBy> {
    Some(GroupBy::Names(names.iter().map(|name| (*name).into()).collect()))
}

/// The trees of the recorded cases, which differ only in the matchers of the `owner` branch.
fn recorded(owner: Vec<Matcher>, testing: Vec<Matcher>, production_b: Vec<Matcher>) -> Tree {
    let minutes = |n: u64| Some(Duration::from_secs(60 * n));
    let children = vec![
        draft(
            "notify-A",
            owner,
            vec![
                Draft { group_by: Some(GroupBy::All), ..draft("notify-testing", testing, vec![]) },
                Draft {
                    group_wait: minutes(1),
                    continues: true,
                    ..draft("notify-productionA", vec![is("env", "production")], vec![])
                },
                Draft {
                    group_wait: Some(Duration::from_secs(30)),
                    group_interval: minutes(5),
                    repeat_interval: minutes(60),
                    group_by: names(&["job"]),
                    ..draft("notify-productionB", production_b, vec![])
                },
            ],
        ),
        Draft {
            group_by: names(&["foo", "bar"]),
            group_wait: minutes(2),
            ..draft("notify-BC", vec![matcher("owner", Op::Regex, "^(?:team-(B|C))$")], vec![])
        },
        Draft {
            group_by: names(&["role"]),
            ..draft(
                "",
                vec![is("group_by", "role")],
                vec![draft(
                    "notify-testing",
                    vec![is("env", "testing")],
                    vec![Draft {
                        group_wait: minutes(2),
                        ..draft("", vec![is("wait", "long")], vec![])
                    }],
                )],
            )
        },
    ];
    Tree::new(draft("notify-def", vec![], children))
}

/// What the recorded answers show of a route; `idx` numbers another order and is left out.
fn shown(route: &Route) -> Value {
    let (names, all) = match &route.group_by {
        GroupBy::All => (vec![], true),
        GroupBy::Names(names) => (names.iter().map(|name| name.to_string()).collect(), false),
    };
    json!({
        "active_time_intervals": null,
        "mute_time_intervals": null,
        "continue": route.continues,
        "group_by": names,
        "group_by_all": all,
        "group_interval": format_go_span(route.group_interval),
        "group_wait": format_go_span(route.group_wait),
        "repeat_interval": format_go_span(route.repeat_interval),
        "key": &*route.key,
        "matchers": route.matchers.to_string(),
        "receiver": &*route.receiver,
        "route_id": &*route.path,
    })
}

fn without(mut value: Value, names: &[&str]) -> Value {
    let fields = value.as_object_mut().expect("an object");
    for name in names {
        fields.remove(*name);
    }
    value
}

fn matches(tree: &Tree, labels: &Labels) -> Vec<RouteId> {
    let mut out = Vec::new();
    tree.matches(labels, &mut out);
    out
}

#[test]
fn routing_equals_the_recorded_answers() {
    let wrapped = |name, pattern| matcher(name, Op::Regex, pattern);
    let trees = [
        recorded(
            vec![is("owner", "team-A")],
            vec![is("env", "testing")],
            vec![wrapped("job", "^(?:.*)$"), wrapped("env", "^(?:produ.*)$")],
        ),
        recorded(
            vec![is("owner", "team-A"), matcher("level", Op::NotEqual, "critical")],
            vec![is("env", "testing"), matcher("baz", Op::NotRegex, ".*quux")],
            vec![wrapped("env", "produ.*"), wrapped("job", ".*")],
        ),
    ];
    let lines = include_str!("../../testdata/route.jsonl").lines();
    for (tree, line) in trees.iter().zip(lines) {
        let case: Value = serde_json::from_str(line).expect("a recorded case");
        let list = |value: &Value| value.as_array().expect("a list").clone();
        let dump: Vec<Value> = tree.iter().map(shown).collect();
        let expected = list(&case["response"]["tree"]);
        assert_eq!(dump, expected.into_iter().map(|r| without(r, &["idx"])).collect::<Vec<_>>());
        let label_sets = list(&case["request"]["label_sets"]);
        for (labels, expected) in label_sets.iter().zip(list(&case["response"]["matches"])) {
            let pairs = labels.as_object().expect("labels");
            let labels =
                Labels::from_pairs(pairs.iter().map(|(n, v)| (n, v.as_str().expect("text"))));
            let got: Vec<Value> = matches(tree, &labels)
                .into_iter()
                .map(|id| {
                    let route = tree.route(id);
                    let group = route.group_labels(&labels);
                    let mut value = shown(route);
                    value["group_key"] = route.group_key(&group).into();
                    value["group_fingerprint"] = group.fingerprint().to_string().into();
                    let pairs = group.iter().map(|(n, v)| (n.to_string(), v.into()));
                    value["group_labels"] = Value::Object(pairs.collect());
                    value
                })
                .collect();
            let expected =
                list(&expected).into_iter().map(|r| without(r, &["idx", "group_key_hash"]));
            assert_eq!(got, expected.collect::<Vec<_>>(), "{labels}");
        }
    }
}

#[test]
fn only_some_options_are_inherited() {
    let map = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(name, value)| (Arc::from(*name), Arc::from(*value))).collect()
    };
    let tree = Tree::new(Draft {
        group_by: Some(GroupBy::All),
        group_wait: Some(Duration::ZERO),
        labels: map(&[("team", "a"), ("tier", "1")]),
        ..draft(
            "r",
            vec![],
            vec![
                Draft {
                    mute_time_intervals: vec!["night".into()],
                    active_time_intervals: vec!["day".into()],
                    continues: true,
                    labels: map(&[("team", "b")]),
                    group_by: names(&[]),
                    ..draft("", vec![is("a", "1")], vec![draft("", vec![is("b", "1")], vec![])])
                },
                draft("", vec![is("a", "1")], vec![]),
            ],
        )
    });
    let [root, first, below, second] = &tree.nodes[..] else { panic!("four routes") };
    assert_eq!((&*root.key, &*root.path), ("{}", "{}"));
    assert_eq!((root.parent, below.parent), (None, Some(first.id)));
    assert_eq!(root.children, [first.id, second.id]);
    assert_eq!(below.group_wait, Duration::ZERO);
    assert_eq!(below.group_interval, GROUP_INTERVAL);
    // An explicit empty list replaces the inherited "all".
    assert_eq!(below.group_by, GroupBy::default());
    assert_eq!(second.group_by, GroupBy::All);
    assert_eq!(below.labels, map(&[("team", "b"), ("tier", "1")]));
    assert!(below.mute_time_intervals.is_empty() && below.active_time_intervals.is_empty());
    assert!(first.continues && !below.continues);
    // Equal conditions share the key, never the path.
    assert_eq!(first.key, second.key);
    assert_eq!((&*first.path, &*second.path), ("{}/{a=\"1\"}/0", "{}/{a=\"1\"}/1"));
    let ids = |pairs: &[(&str, &str)]| matches(&tree, &Labels::from_pairs(pairs.iter().copied()));
    assert_eq!(ids(&[("a", "1")]), [first.id, second.id]);
    assert_eq!(ids(&[("a", "1"), ("b", "1")]), [below.id, second.id]);
    assert_eq!(ids(&[]), [root.id]);
}

#[test]
fn of_many_children_the_first_that_matches_wins() {
    let child = |i: usize| draft("", vec![is("n", &(i % 150).to_string())], vec![]);
    let mut children: Vec<Draft> = (0..300).map(child).collect();
    children[7].continues = true;
    children.push(draft("", vec![matcher("n", Op::NotEqual, "3")], vec![]));
    let tree = Tree::new(draft("r", vec![], children));
    assert!(tree.many.contains(&RouteId(0)));
    let ids = |n: &str| matches(&tree, &Labels::from_pairs([("n", n)]));
    assert_eq!(ids("3"), [RouteId(4)]);
    assert_eq!(ids("7"), [RouteId(8), RouteId(158)]);
    assert_eq!(ids("none"), [RouteId(301)]);
    assert_eq!(matches(&tree, &Labels::empty()), [RouteId(301)]);
}

#[test]
fn a_deep_tree_is_resolved_without_recursion() {
    let mut chain = draft("", vec![], vec![]);
    for _ in 0..200 {
        chain = draft("", vec![], vec![chain]);
    }
    let tree = Tree::new(chain);
    assert_eq!(matches(&tree, &Labels::empty()), [RouteId(200)]);
    assert_eq!(&*tree.route(RouteId(2)).path, "{}/{}/0/{}/0");
}

/// The rule of the reference, word by word.
fn by_the_book(tree: &Tree, id: RouteId, labels: &Labels) -> Vec<RouteId> {
    let route = tree.route(id);
    if !route.matchers.iter().all(|matcher| matcher.matches(labels)) {
        return vec![];
    }
    let mut all = vec![];
    for &child in &route.children {
        let matched = by_the_book(tree, child, labels);
        let stop = !matched.is_empty() && !tree.route(child).continues;
        all.extend(matched);
        if stop {
            break;
        }
    }
    if all.is_empty() { vec![id] } else { all }
}

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let ops = prop_oneof![
        4 => Just(Op::Equal),
        1 => Just(Op::NotEqual),
        2 => Just(Op::Regex),
        1 => Just(Op::NotRegex),
    ];
    let value =
        prop_oneof!["[xyz]?", "[xyz]\\|[xyz]", Just(String::from(".*")), Just("x.+".into())];
    ("[abc]", ops, value).prop_map(|(name, op, value)| matcher(&name, op, &value))
}

fn any_draft() -> impl Strategy<Value = Draft> {
    let node = (proptest::collection::vec(any_matcher(), 0..3), any::<bool>());
    let leaf = node
        .prop_map(|(matchers, continues)| Draft { matchers, continues, ..Draft::default() })
        .boxed();
    leaf.clone().prop_recursive(3, 80, 12, move |inner| {
        (leaf.clone(), proptest::collection::vec(inner, 0..20))
            .prop_map(|(node, children)| Draft { children, ..node })
    })
}

proptest! {
    // Each case compiles some hundred expressions.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn routing_equals_the_plain_rule(
        root in any_draft(),
        sets in proptest::collection::vec(
            proptest::collection::btree_map("[abc]", "[xyz]{1,2}", 0..4),
            1..6,
        ),
    ) {
        let tree = Tree::new(Draft { matchers: vec![], ..root });
        let is_many = |route: &Route| route.children.len() > SCAN_MAX;
        prop_assert!(tree.iter().all(|r| tree.many.contains(&r.id) == is_many(r)));
        for set in sets {
            let labels = Labels::from_pairs(set);
            prop_assert_eq!(matches(&tree, &labels), by_the_book(&tree, RouteId(0), &labels));
        }
    }

    #[test]
    fn routes_are_numbered_depth_first(root in any_draft()) {
        let tree = Tree::new(root);
        for (i, route) in tree.iter().enumerate() {
            prop_assert_eq!(route.id.0 as usize, i);
            prop_assert!(route.parent.is_none_or(|parent| parent < route.id));
            prop_assert!(route.children.is_sorted());
            for child in &route.children {
                prop_assert_eq!(tree.route(*child).parent, Some(route.id));
            }
        }
    }
}
