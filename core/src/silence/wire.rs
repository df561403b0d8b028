//! Silences as peers and Alertmanager's files hold them.

use alloc::{string::String, vec::Vec};

use thiserror::Error;

use super::{Id, Silence};
use crate::{
    label::{Matcher, Matchers, Op},
    time::Timestamp,
    wire::mesh::{MatcherKind, MatcherRecord, SilenceRecord},
};

/// Why a peer's silence cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InvalidRecord {
    /// The expression of a matcher does not compile.
    #[error("silence {id}: matcher on {name}: {problem}")]
    Matcher {
        /// The silence's name.
        id: String,
        /// The label's name.
        name: String,
        /// What is wrong with the expression.
        problem: String,
    },
}

/// Returns a silence for peers, who may forget it after `expires_at`.
///
/// Peers of old versions know one matcher set only; they get a copy of the first.
pub fn to_wire(silence: &Silence, expires_at: Timestamp) -> SilenceRecord<'_> {
    let matcher_sets: Vec<Vec<_>> = silence.matcher_sets.iter().map(to_records).collect();
    SilenceRecord {
        id: &silence.id.0,
        matchers: matcher_sets.first().cloned().unwrap_or_default(),
        starts_at: Some(silence.starts_at.into()),
        ends_at: Some(silence.ends_at.into()),
        updated_at: Some(silence.updated_at.into()),
        comments: Vec::new(),
        created_by: &silence.created_by,
        comment: &silence.comment,
        annotations: silence.annotations.iter().map(|(name, value)| (&**name, &**value)).collect(),
        matcher_sets,
        expires_at: Some(expires_at.into()),
    }
}

/// Reads a peer's silence.
///
/// A silence from an old version, without matcher sets, has the one set that such versions know;
/// the first comment of the old form replaces comment and author. A time that is missing is
/// [`Timestamp::ZERO`]. When the sender would forget the silence is not taken over: the retention
/// here decides.
///
/// # Errors
/// An expression does not compile. Alertmanager keeps and passes on such a silence, which mutes
/// nothing; campana refuses it.
pub fn from_wire(record: &SilenceRecord<'_>) -> Result<Silence, InvalidRecord> {
    let set = |set: &[MatcherRecord<'_>]| {
        let matchers: Result<Vec<_>, _> =
            set.iter().map(|matcher| from_record(record.id, matcher)).collect();
        matchers.map(Matchers::new)
    };
    let matcher_sets = if record.matcher_sets.is_empty() && !record.matchers.is_empty() {
        Vec::from([set(&record.matchers)?])
    } else {
        record.matcher_sets.iter().map(|matchers| set(matchers)).collect::<Result<_, _>>()?
    };
    let (created_by, comment) = match record.comments.first() {
        Some(old) => (old.author, old.comment),
        None => (record.created_by, record.comment),
    };
    let time = |time: Option<_>| time.map_or(Timestamp::ZERO, Timestamp::from);
    Ok(Silence {
        id: Id::from(record.id),
        matcher_sets,
        starts_at: time(record.starts_at),
        ends_at: time(record.ends_at),
        updated_at: time(record.updated_at),
        created_by: created_by.into(),
        comment: comment.into(),
        annotations: record.annotations.iter().map(|&(k, v)| (k.into(), v.into())).collect(),
    })
}

fn to_records(set: &Matchers) -> Vec<MatcherRecord<'_>> {
    let record = |matcher: &'_ Matcher| match matcher.op() {
        Op::Equal => MatcherKind::Equal,
        Op::NotEqual => MatcherKind::NotEqual,
        Op::Regex => MatcherKind::Regexp,
        Op::NotRegex => MatcherKind::NotRegexp,
    };
    set.iter()
        .map(|m| MatcherRecord { kind: record(m), name: m.name(), pattern: m.value() })
        .collect()
}

fn from_record(id: &str, matcher: &MatcherRecord<'_>) -> Result<Matcher, InvalidRecord> {
    let op = match matcher.kind {
        MatcherKind::Equal => Op::Equal,
        MatcherKind::NotEqual => Op::NotEqual,
        MatcherKind::Regexp => Op::Regex,
        MatcherKind::NotRegexp => Op::NotRegex,
    };
    Matcher::new(matcher.name, op, matcher.pattern).map_err(|error| InvalidRecord::Matcher {
        id: id.into(),
        name: matcher.name.into(),
        problem: alloc::format!("{error}"),
    })
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString as _, vec};

    use proptest::{collection::vec as list_of, prelude::*, sample::select};

    use super::{super::size::wire_size, *};
    use crate::wire::{
        gossip::Part,
        mesh::{CommentRecord, silence_records},
        vectors::{S05, hex},
    };

    fn encoded(record: &SilenceRecord<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        record.encode(&mut out);
        out
    }

    #[test]
    fn a_recorded_record_becomes_a_silence_and_back() {
        let message = hex(&S05[12..]);
        let data = Part::decode(&message).unwrap().data;
        let record = silence_records(data).next().unwrap().unwrap();
        let silence = from_wire(&record).unwrap();
        assert_eq!(silence.id.to_string(), "26f2d798-acc1-4616-983e-8d5c7f02f825");
        assert_eq!(silence.matcher_sets[0].to_string(), r#"{alertname="bar"}"#);
        let expires_at = record.expires_at.unwrap().into();
        assert_eq!(encoded(&to_wire(&silence, expires_at)), data);
    }

    #[test]
    fn the_forms_of_old_versions_are_lifted() {
        let matcher = |kind, pattern| MatcherRecord { kind, name: "a", pattern };
        let old = SilenceRecord {
            id: "1",
            matchers: vec![matcher(MatcherKind::NotRegexp, "x.*")],
            comments: vec![
                CommentRecord { author: "me", comment: "first" },
                CommentRecord { author: "you", comment: "second" },
            ],
            ..SilenceRecord::default()
        };
        let silence = from_wire(&old).unwrap();
        assert_eq!(silence.matcher_sets[0].to_string(), r#"{a!~"x.*"}"#);
        assert_eq!((&*silence.created_by, &*silence.comment), ("me", "first"));
        assert_eq!(silence.ends_at, Timestamp::ZERO);
        // Where there are sets, the copy says nothing.
        let sets = vec![vec![matcher(MatcherKind::Equal, "y")], vec![]];
        let silence = from_wire(&SilenceRecord { matcher_sets: sets, ..old.clone() }).unwrap();
        assert_eq!(silence.matcher_sets.len(), 2);
        assert_eq!(silence.matcher_sets[0].to_string(), r#"{a="y"}"#);
        let broken = SilenceRecord { matchers: vec![matcher(MatcherKind::Regexp, "(")], ..old };
        let text = from_wire(&broken).unwrap_err().to_string();
        assert!(text.starts_with("silence 1: matcher on a: "), "{text}");
    }

    proptest! {
        #[test]
        fn silences_come_back_at_the_size_foreseen(
            id in "\\PC{0,9}", texts in ("\\PC{0,9}", "\\PC{0,9}"), times: (i64, i64, i64, i64),
            sets in list_of(list_of(
                (select(&[Op::Equal, Op::NotEqual, Op::Regex, Op::NotRegex][..]), "[a-z]{0,3}",
                 "[a-z.*]{0,3}"),
                0..3), 0..3),
            annotations in proptest::collection::btree_map("\\PC{0,9}", "\\PC{0,9}", 0..5),
        ) {
            let sets = sets.into_iter().map(|set| {
                let compiled = set.iter().filter_map(|(op, k, v)| Matcher::new(k, *op, v).ok());
                Matchers::new(compiled.collect())
            });
            let text = |text: &String| (&**text).into();
            let silence = Silence {
                id: Id::from(&*id),
                matcher_sets: sets.collect(),
                starts_at: Timestamp::from_nanos(times.0),
                ends_at: Timestamp::from_nanos(times.1),
                updated_at: Timestamp::from_nanos(times.2),
                created_by: (&*texts.0).into(),
                comment: (&*texts.1).into(),
                annotations: annotations.iter().map(|(k, v)| (text(k), text(v))).collect(),
            };
            let expires_at = Timestamp::from_nanos(times.3);
            let out = encoded(&to_wire(&silence, expires_at));
            let record = silence_records(&out).next().expect("a record").expect("a good one");
            prop_assert_eq!(from_wire(&record), Ok(silence.clone()));
            // The size limit counts the record without its length and the copy for old readers.
            let alone = SilenceRecord { matchers: Vec::new(), ..record };
            let out = encoded(&alone);
            let size = wire_size(&silence, expires_at);
            let prefix = out.len() - size;
            prop_assert!((1..=3).contains(&prefix), "{} {}", out.len(), size);
        }
    }
}
