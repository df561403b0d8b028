use alloc::{collections::BTreeSet, format, vec};

use proptest::{collection::vec as many, prelude::*, sample::select};

use super::*;

fn list(matchers: &[(&str, Op, &str)]) -> Matchers {
    Matchers::new(matchers.iter().map(|(n, op, v)| Matcher::new(n, *op, v).unwrap()).collect())
}

fn candidates(index: &Index<u32>, labels: &[(&str, &str)]) -> Vec<u32> {
    let mut out = vec![99];
    index.candidates(&Labels::from_pairs(labels.iter().copied()), &mut out);
    out
}

#[test]
fn a_list_is_a_candidate_where_its_rarest_value_occurs() {
    let mut index = Index::new();
    for i in 0..100 {
        let instance = format!("host-{i}");
        index.insert(i, &list(&[("cluster", Op::Equal, "prod"), ("i", Op::Equal, &instance)]));
    }
    // The first list had a free choice.
    assert_eq!(candidates(&index, &[("cluster", "prod"), ("i", "x")]), [0]);
    assert_eq!(candidates(&index, &[("cluster", "prod"), ("i", "host-7")]), [0, 7]);
    assert_eq!(candidates(&index, &[("cluster", "dev"), ("i", "host-7")]), [7]);
}

#[test]
fn lists_without_a_required_label_are_always_candidates() {
    let mut index = Index::new();
    index.insert(3, &list(&[]));
    index.insert(1, &list(&[("a", Op::NotEqual, "x"), ("b", Op::Regex, "x|")]));
    index.insert(2, &list(&[("a", Op::Equal, "")]));
    assert_eq!(candidates(&index, &[]), [1, 2, 3]);
    index.insert(4, &list(&[("a", Op::NotEqual, ""), ("b", Op::Equal, "")]));
    assert_eq!(candidates(&index, &[]), [1, 2, 3]);
    assert_eq!(candidates(&index, &[("a", "x")]), [1, 2, 3, 4]);
}

#[test]
fn several_indexes_answer_together() {
    let mut indexes = [Index::new(), Index::new(), Index::new()];
    indexes[0].insert(7, &list(&[("a", Op::Equal, "x")]));
    indexes[0].insert(5, &list(&[("b", Op::Regex, "y.*")]));
    indexes[2].insert(7, &list(&[("b", Op::NotEqual, "")]));
    indexes[2].insert(6, &list(&[("a", Op::NotEqual, "z")]));
    let ask = |labels: &[(&str, &str)]| {
        let mut out = vec![99];
        candidates_of(indexes.iter(), &Labels::from_pairs(labels.iter().copied()), &mut out);
        out
    };
    assert_eq!(ask(&[("a", "x"), ("b", "yes")]), [5, 6, 7]);
    assert_eq!(ask(&[("b", "no")]), [6, 7]);
    assert_eq!(ask(&[("c", "x")]), [6]);
}

#[test]
fn a_list_leaves_when_removed_as_often_as_inserted() {
    let mut index = Index::new();
    let (a, b) = (list(&[("a", Op::Equal, "x")]), list(&[("a", Op::Regex, "x.+")]));
    for matchers in [&a, &a, &b] {
        index.insert(1, matchers);
    }
    assert_eq!(index.len(), 3);
    index.remove(2, &a);
    index.remove(1, &a);
    assert_eq!(candidates(&index, &[("a", "x")]).len(), 1);
    index.remove(1, &a);
    assert_eq!(index.len(), 1);
    assert_eq!(candidates(&index, &[("a", "xy")]), [1]);
    index.remove(1, &b);
    index.remove(1, &b);
    assert!(index.is_empty() && candidates(&index, &[("a", "xy")]).is_empty());
    assert!(index.values.is_empty() && index.prefixes.is_empty() && index.names.is_empty());
}

#[test]
fn expressions_are_filed_under_their_literals_or_their_prefix() {
    let mut index = Index::new();
    index.insert(1, &list(&[("a", Op::Regex, "x|y")]));
    index.insert(2, &list(&[("a", Op::Regex, "pre-.*")]));
    index.insert(3, &list(&[("a", Op::Regex, "pre-fix-.+"), ("b", Op::NotEqual, "")]));
    index.insert(4, &list(&[("a", Op::Regex, ".*z")]));
    for (value, keys) in [
        ("x", &[1, 4][..]),
        ("y", &[1, 4]),
        ("xy", &[4]),
        ("pre", &[4]),
        ("pre-", &[2, 4]),
        ("pre-fix", &[2, 4]),
        ("pre-fix-2", &[2, 3, 4]),
    ] {
        assert_eq!(candidates(&index, &[("a", value), ("b", "x")]), keys, "{value}");
    }
    index.remove(2, &list(&[("a", Op::Regex, "pre-.*")]));
    index.remove(1, &list(&[("a", Op::Regex, "x|y")]));
    assert_eq!(candidates(&index, &[("a", "pre-fix-2")]), [3, 4]);
    assert_eq!(candidates(&index, &[("a", "x")]), [4]);
}

const VALUES: [&str; 8] = ["", "x", "xy", "xyz", "y", "é", "Xy", "x\ny"];
const EXPRESSIONS: [&str; 18] = [
    "",
    "x",
    "x|y",
    "x|",
    "xy?",
    "xy.*",
    "x.+",
    ".*y",
    ".+",
    "(?i)xy",
    "(x|y)z?",
    "é.*",
    "[xy]",
    "^x",
    "xy$",
    "x{2}|xyz",
    "(?s)x.*",
    "(?:xy|xyz).*",
];

fn any_matcher() -> impl Strategy<Value = Matcher> {
    let op = select(vec![Op::Equal, Op::NotEqual, Op::Regex, Op::NotRegex]);
    (select(vec!["a", "b", "c"]), op, 0..VALUES.len(), 0..EXPRESSIONS.len()).prop_map(
        |(name, op, value, expression)| {
            let text = if op.is_regex() { EXPRESSIONS[expression] } else { VALUES[value] };
            Matcher::new(name, op, text).unwrap()
        },
    )
}

fn any_labels() -> impl Strategy<Value = Labels> {
    let pair = (select(vec!["a", "b", "c", "d"]), select(VALUES.to_vec()));
    many(pair, 0..4).prop_map(Labels::from_pairs::<&str, &str>)
}

proptest! {
    #[test]
    fn every_match_is_a_candidate(
        lists in many((0_u32..8, many(any_matcher(), 0..4).prop_map(Matchers::new)), 1..24),
        removed in many(any::<prop::sample::Index>(), 0..24),
        sets in many(any_labels(), 1..12),
    ) {
        let mut index = Index::new();
        let mut filed: Vec<_> = lists;
        for (key, matchers) in &filed {
            index.insert(*key, matchers);
        }
        for at in removed {
            if !filed.is_empty() {
                let (key, matchers) = filed.swap_remove(at.index(filed.len()));
                index.remove(key, &matchers);
            }
        }
        prop_assert_eq!(index.len(), filed.len());
        let mut out = Vec::new();
        for labels in &sets {
            index.candidates(labels, &mut out);
            prop_assert!(out.is_sorted_by(|a, b| a < b));
            let known: BTreeSet<u32> = filed.iter().map(|(key, _)| *key).collect();
            prop_assert!(out.iter().all(|key| known.contains(key)));
            for (key, matchers) in &filed {
                prop_assert!(!matchers.matches(labels) || out.contains(key), "{matchers} {labels}");
            }
        }
        for (key, matchers) in &filed {
            index.remove(*key, matchers);
        }
        prop_assert!(index.is_empty() && index.always.is_empty() && index.filed.is_empty());
        let buckets = (index.values.len(), index.prefixes.len(), index.names.len());
        prop_assert_eq!(buckets, (0, 0, 0));
    }
}
