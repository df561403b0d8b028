use alloc::{collections::BTreeMap, string::ToString as _, vec, vec::Vec};
use core::time::Duration;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::label::{Matcher, Mode, Op};

const RETENTION: Duration = Duration::from_secs(1000);

fn at(secs: i64) -> Timestamp {
    Timestamp::from_parts(secs, 0)
}

fn matcher(name: &str, op: Op, value: &str) -> Matcher {
    Matcher::new(name, op, value).expect("a valid expression")
}

fn set(name: &str, op: Op, value: &str) -> Matchers {
    Matchers::new(vec![matcher(name, op, value)])
}

fn silences() -> Silences {
    Silences::new(RETENTION, Limits::default(), Mode::Fallback)
}

fn draft(id: Option<&Id>, value: &str, starts: i64, ends: i64) -> Draft {
    Draft {
        id: id.map(|id| id.0.clone()),
        matcher_sets: vec![set("a", Op::Equal, value)],
        starts_at: at(starts),
        ends_at: at(ends),
        created_by: "me".into(),
        comment: "c".into(),
        annotations: BTreeMap::new(),
    }
}

fn uuid(n: u128) -> impl FnOnce() -> Uuid {
    move || Uuid::from_u128(n)
}

fn silenced(silences: &Silences, value: &str, now: Timestamp) -> Vec<Id> {
    let mut ids = Vec::new();
    let labels = Labels::from_pairs([("a", value), ("b", "x")]);
    let (table, mut scratch) = (silences.table(), Scratch::default());
    table.silenced_by(&labels, now, &mut scratch, &mut ids);
    assert_eq!(table.silences(&labels, now, &mut scratch), !ids.is_empty());
    ids
}

#[test]
fn a_new_silence_starts_no_earlier_than_now() {
    let mut s = silences();
    for (n, starts_at) in [at(5), Timestamp::ZERO, at(100), at(130)].into_iter().enumerate() {
        let draft = Draft { starts_at, ..draft(None, "1", 0, 200) };
        let made = s.set(at(100), draft, uuid(n as u128)).expect("made");
        assert_eq!(made.change, Change::Created);
        assert_eq!(made.id.0.len(), 36);
        let silence = s.table().get(&made.id.0).cloned().expect("stored");
        assert_eq!(silence.starts_at, starts_at.max(at(100)));
        assert_eq!((silence.updated_at, s.expires_at(&silence)), (at(100), at(1200)));
    }
    assert_eq!(silenced(&s, "1", at(129)).len(), 3);
    assert_eq!(silenced(&s, "1", at(130)).len(), 4);
    assert_eq!(silenced(&s, "2", at(130)).len(), 0);
    assert_eq!(silenced(&s, "1", at(200)).len(), 0);
    assert_eq!(s.counts(at(129)), Counts { active: 3, pending: 1, expired: 0 });
    assert!(silenced(&s, "1", at(130)).is_sorted());
}

#[test]
fn refusals_have_alertmanagers_texts() {
    let limits = Limits { count_max: 1, bytes_max: 99 };
    let mut s = Silences::new(RETENTION, limits, Mode::Classic);
    let made = s.set(at(100), draft(None, "1", 0, 200), uuid(1)).expect("made");
    let mut refused = |draft| {
        let before = s.table();
        let error = s.set(at(100), draft, uuid(2)).expect_err("refused");
        assert!(before.iter().eq(s.table().iter()), "a refused draft changes nothing");
        error.to_string()
    };
    let sets = |matcher_sets| Draft { matcher_sets, ..draft(None, "1", 0, 200) };
    let ghost = Id::from("ghost");
    let rows = [
        (
            draft(None, "1", 200, 200),
            "Failed to create silence: start time must be before end time",
        ),
        (draft(None, "1", 0, 99), "Failed to create silence: end time can't be in the past"),
        (sets(vec![]), "invalid silence: at least one matcher required"),
        (sets(vec![Matchers::default()]), "invalid silence: at least one matcher required"),
        (
            sets(vec![set("a b", Op::Equal, "1")]),
            "invalid silence: invalid label matcher 0: invalid label name \"a b\"",
        ),
        (
            sets(vec![set("a", Op::Regex, ".*")]),
            "invalid silence: at least one matcher must not match the empty string",
        ),
        (
            sets(vec![set("a", Op::NotEqual, "1"), set("a", Op::Equal, "")]),
            "invalid silence: at least one matcher must not match the empty string",
        ),
        (draft(Some(&ghost), "1", 0, 200), "silence not found"),
        (draft(None, "1", 0, 200), "exceeded maximum number of silences: 1 (limit: 1)"),
        (draft(Some(&made.id), "2", 0, 200), "exceeded maximum number of silences: 1 (limit: 1)"),
        (
            Draft {
                comment: "0123456789abcdef0123456789".into(),
                ..draft(Some(&made.id), "1", 100, 200)
            },
            "silence exceeded maximum size: 102 bytes (limit: 99 bytes)",
        ),
    ];
    for (draft, want) in rows {
        assert_eq!(refused(draft), want);
    }
    let negative =
        Draft { matcher_sets: vec![set("a", Op::NotRegex, "x.*")], ..draft(None, "", 0, 9) };
    assert!(silences().set(at(1), negative, uuid(3)).is_ok(), "negatives alone are legal");
}

#[test]
fn a_replacement_over_the_size_limit_leaves_the_old_silence() {
    let limits = Limits { count_max: 0, bytes_max: 120 };
    let mut s = Silences::new(RETENTION, limits, Mode::Fallback);
    let made = s.set(at(100), draft(None, "1", 0, 200), uuid(1)).expect("made");
    let long = Draft { comment: "x".repeat(99).into(), ..draft(Some(&made.id), "2", 0, 200) };
    assert!(matches!(s.set(at(110), long, uuid(2)), Err(SetError::TooLarge { limit: 120, .. })));
    assert_eq!(silenced(&s, "1", at(110)), [made.id]);
}

#[test]
fn what_may_change_in_place_depends_on_the_state() {
    // Stored: pending until 150, active until 200. Rows: now, new matcher value, start, end.
    let rows = [
        (120, "1", 130, 300, true),
        (120, "1", 119, 300, false),
        (120, "2", 150, 200, false),
        (160, "1", 150, 160, true),
        (160, "1", 151, 300, false),
        (160, "2", 150, 300, false),
        (200, "1", 150, 300, false),
    ];
    for (row, (now, value, starts, ends, in_place)) in rows.into_iter().enumerate() {
        let mut s = silences();
        let old = s.set(at(100), draft(None, "1", 150, 200), uuid(1)).expect("made").id;
        let was = s.table().get(&old.0).cloned().expect("stored");
        let posted = draft(Some(&old), value, starts, ends);
        let got = s.set(at(now), posted, uuid(2)).expect("set");
        let stored = s.table().get(&got.id.0).cloned().expect("stored");
        assert_eq!((stored.ends_at, stored.updated_at), (at(ends), at(now)), "row {row}");
        if in_place {
            assert_eq!((&got.id, got.change), (&old, Change::Updated), "row {row}");
            assert_eq!(stored.starts_at, at(starts));
            continue;
        }
        assert_eq!(got.change, Change::Replaced { old: old.clone() }, "row {row}");
        assert_ne!(got.id, old);
        assert_eq!(stored.starts_at, at(starts.max(now)));
        let left = s.table().get(&old.0).cloned().expect("kept");
        assert_eq!(left.state(at(now)), State::Expired, "row {row}");
        assert_eq!(left == was, now == 200, "an ended silence is left alone");
    }
}

#[test]
fn an_active_start_may_lose_its_fraction_and_annotations_are_replaced() {
    let mut s = silences();
    let now = Timestamp::from_parts(100, 700);
    let first = Draft { annotations: [("".into(), "x".into())].into(), ..draft(None, "1", 0, 200) };
    let id = s.set(now, first, uuid(1)).expect("made").id;
    let got = s.set(at(101), draft(Some(&id), "1", 100, 210), uuid(2)).expect("set");
    assert_eq!(got.change, Change::Updated);
    let stored = s.table().get(&id.0).cloned().expect("stored");
    assert_eq!((stored.starts_at, stored.annotations.len()), (at(100), 0));
}

#[test]
fn expiring_ends_now_and_only_once() {
    let mut s = silences();
    let active = s.set(at(100), draft(None, "1", 0, 200), uuid(1)).expect("made").id;
    let pending = s.set(at(100), draft(None, "1", 150, 200), uuid(2)).expect("made").id;
    assert_eq!(s.expire(at(110), &active.0), Ok(true));
    assert_eq!(s.expire(at(110), &active.0), Ok(false));
    assert_eq!(s.expire(at(110), &pending.0), Ok(true));
    assert_eq!(s.expire(at(110), "ghost"), Err(NotFound));
    let table = s.table();
    let get = |id: &Id| table.get(&id.0).expect("kept");
    assert_eq!((get(&active).starts_at, get(&active).ends_at), (at(100), at(110)));
    assert_eq!((get(&pending).starts_at, get(&pending).ends_at), (at(110), at(110)));
    assert!(silenced(&s, "1", at(110)).is_empty());
}

#[test]
fn a_change_wins_over_a_version_of_a_faster_clock() {
    let mut s = silences();
    let id = s.set(at(100), draft(None, "1", 0, 200), uuid(1)).expect("made").id;
    let mut peers = Silence::clone(s.table().get(&id.0).expect("stored"));
    peers.updated_at = at(105);
    assert!(s.merge(at(101), peers.clone()));
    assert_eq!(s.expire(at(102), &id.0), Ok(true));
    assert!(!s.merge(at(103), peers), "the older version stays beaten");
    assert!(silenced(&s, "1", at(103)).is_empty());
}

#[test]
fn the_sweep_forgets_after_the_retention_and_slots_are_used_again() {
    let mut s = silences();
    for n in 0..40 {
        let value = if n % 2 == 0 { "even" } else { "odd" };
        let ends = if n % 2 == 0 { 200 } else { 5000 };
        s.set(at(100), draft(None, value, 0, ends), uuid(n)).expect("made");
    }
    let before = s.table();
    assert_eq!(s.sweep(at(1199)), 0);
    assert_eq!(s.sweep(at(1200)), 20);
    assert_eq!((s.table().len(), before.len()), (20, 40));
    s.set(at(1200), draft(None, "new", 0, 5000), uuid(99)).expect("made");
    assert_eq!(silenced(&s, "odd", at(1200)).len(), 20);
    assert_eq!(silenced(&s, "new", at(1200)).len(), 1);
    assert_eq!(silenced(&s, "even", at(1200)).len(), 0);
}

#[test]
fn lists_are_ordered_by_state_and_time_and_filtered_by_structure() {
    let mut s = silences();
    let mut make = |n, value, starts, ends| {
        s.set(at(100), draft(None, value, starts, ends), uuid(n)).expect("made").id
    };
    let ids = [
        make(1, "1", 0, 400),
        make(2, "1", 0, 300),
        make(3, "2", 210, 900),
        make(4, "1", 205, 900),
        make(5, "1", 0, 150),
        make(6, "1", 0, 160),
        make(7, "1", 0, 300),
    ];
    let table = s.table();
    let list = |states, filters: &[Matcher]| -> Vec<usize> {
        let position = |silence: &Arc<Silence>| ids.iter().position(|id| *id == silence.id);
        table.list(at(200), states, filters).iter().filter_map(position).map(|n| n + 1).collect()
    };
    assert_eq!(list(States::ALL, &[]), [2, 7, 1, 4, 3, 6, 5]);
    assert_eq!(list(States { expired: false, ..States::ALL }, &[]), [2, 7, 1, 4, 3]);
    assert_eq!(list(States { active: false, pending: false, expired: false }, &[]), [0; 0]);
    assert_eq!(list(States::ALL, &[matcher("a", Op::Equal, "2")]), [3]);
    assert_eq!(list(States::ALL, &[matcher("a", Op::Regex, "2")]), [0; 0]);
    let both = [matcher("a", Op::Equal, "2"), matcher("b", Op::Equal, "1")];
    assert_eq!(list(States::ALL, &both), [0; 0]);
}

#[test]
fn a_damaged_silence_of_a_peer_mutes_nothing() {
    let mut s = silences();
    let silence = |id: &str, matcher_sets| Silence {
        id: Id::from(id),
        matcher_sets,
        starts_at: at(0),
        ends_at: at(200),
        updated_at: at(1),
        created_by: "".into(),
        comment: "".into(),
        annotations: BTreeMap::new(),
    };
    assert!(s.merge(at(100), silence("none", vec![])));
    assert!(s.merge(at(100), silence("empty", vec![Matchers::default()])));
    let two = vec![Matchers::default(), set("a", Op::Regex, "1|2"), set("b", Op::Equal, "x")];
    assert!(s.merge(at(100), silence("two", two)));
    assert_eq!(silenced(&s, "3", at(100)), [Id::from("two")]);
    assert!(!s.merge(at(1201), silence("late", vec![])), "expired for good");
}

#[test]
fn new_matchers_for_a_known_id_are_found_and_packed_by_the_sweep() {
    let mut s = silences();
    s.set(at(0), draft(None, "1", 0, 200), uuid(1)).expect("made");
    let mut silence = Silence::clone(s.table().iter().next().expect("stored"));
    for n in 0..40 {
        silence.updated_at = at(1 + n);
        silence.matcher_sets = vec![set("a", Op::Equal, &n.to_string())];
        assert!(s.merge(at(100), silence.clone()));
    }
    assert_eq!(silenced(&s, "39", at(100)).len(), 1);
    assert_eq!(silenced(&s, "38", at(100)).len(), 0);
    assert_eq!(s.sweep(at(100)), 0);
    assert_eq!(silenced(&s, "39", at(100)).len(), 1);
}

fn any_silence() -> impl Strategy<Value = Silence> {
    let op = prop_oneof![Just(Op::Equal), Just(Op::NotEqual), Just(Op::Regex), Just(Op::NotRegex)];
    let matcher = ("[ab]", op, "[01]{0,1}|0|1").prop_map(|(n, op, v)| matcher(&n, op, &v));
    let sets = proptest::collection::vec(proptest::collection::vec(matcher, 0..3), 0..3);
    (0u32..30, sets, 0i64..8, 0i64..8, 0i64..4, "[xy]{0,1}").prop_map(
        |(id, sets, starts, lasts, updated, comment)| Silence {
            id: Id::from(&*id.to_string()),
            matcher_sets: sets.into_iter().map(Matchers::new).collect(),
            starts_at: at(starts),
            ends_at: at(starts + lasts),
            updated_at: at(updated),
            created_by: "".into(),
            comment: comment.as_str().into(),
            annotations: BTreeMap::new(),
        },
    )
}

fn many() -> impl Strategy<Value = Vec<Silence>> {
    proptest::collection::vec(any_silence(), 0..40)
}

fn merged(silences: impl IntoIterator<Item = Silence>) -> Silences {
    let mut s = self::silences();
    silences.into_iter().for_each(|silence| {
        s.merge(at(5), silence);
    });
    s
}

fn content(s: &Silences) -> Vec<Silence> {
    let mut all: Vec<_> = s.table().iter().map(|silence| Silence::clone(silence)).collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn merging_ignores_order_grouping_and_repetition(a in many(), b in many()) {
        let ab = content(&merged(a.iter().chain(&b).cloned()));
        prop_assert_eq!(&ab, &content(&merged(b.iter().chain(&a).rev().cloned())));
        let parts = content(&merged(a.clone())).into_iter().chain(content(&merged(b.clone())));
        prop_assert_eq!(&ab, &content(&merged(parts)));
        prop_assert_eq!(&ab, &content(&merged(a.iter().chain(&b).chain(&a).cloned())));
        let mut restored = silences();
        restored.restore(a.iter().chain(&b).cloned(), at(5));
        prop_assert_eq!(&ab, &content(&restored));
    }

    #[test]
    fn the_index_finds_what_a_scan_finds(
        writes in many(), more in many(), now in 0i64..16, sweep in 1000i64..1016,
        pairs in proptest::collection::vec(("[abc]", "[01]{0,1}"), 0..3),
    ) {
        let labels = Labels::from_pairs(pairs);
        let mut s = merged(writes);
        let reader = s.table();
        let frozen = content(&s);
        s.sweep(at(sweep));
        for silence in more {
            s.merge(at(5), silence);
        }
        prop_assert!(frozen.iter().all(|f| reader.get(&f.id.0).is_some_and(|r| **r == *f)));
        prop_assert_eq!(frozen.len(), reader.len());
        let mut got = Vec::new();
        s.table().silenced_by(&labels, at(now), &mut Scratch::default(), &mut got);
        let want: Vec<Id> = content(&s)
            .into_iter()
            .filter(|s| s.state(at(now)) == State::Active && s.matches(&labels))
            .map(|s| s.id)
            .collect();
        prop_assert_eq!(got, want);
    }

    #[test]
    fn silences_survive_their_binary_form(silence in any_silence()) {
        let bytes = postcard::to_allocvec(&silence).expect("encodes");
        prop_assert_eq!(postcard::from_bytes::<Silence>(&bytes).expect("decodes"), silence);
    }
}
