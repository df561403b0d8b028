//! The size of a silence on the wire, which the size limit looks at.

use super::Silence;
use crate::{
    label::{Matcher, Matchers, Op},
    time::Timestamp,
};

/// Seconds from the epoch to Go's zero time, which stands for "not set" on the wire.
const ZERO_SECS: i64 = -62_135_596_800;

/// Returns the bytes of a silence and its expiry as the message `MeshSilence`, without the copies
/// for old readers (the first matcher set in field 2, comments in field 7).
pub(super) fn wire_size(silence: &Silence, expires_at: Timestamp) -> usize {
    let annotations: usize = silence
        .annotations
        .iter()
        // A map's entry always holds both its key and its value, empty or not.
        .map(|(name, value)| field(field(name.len()) + field(value.len())))
        .sum();
    let sets: usize = silence.matcher_sets.iter().map(|set| field(set_size(set))).sum();
    let inner = text(&silence.id.0)
        + field(time_size(silence.starts_at))
        + field(time_size(silence.ends_at))
        + field(time_size(silence.updated_at))
        + text(&silence.created_by)
        + text(&silence.comment)
        + annotations
        + sets;
    field(inner) + field(time_size(expires_at))
}

fn set_size(set: &Matchers) -> usize {
    set.iter().map(|matcher| field(matcher_size(matcher))).sum()
}

fn matcher_size(matcher: &Matcher) -> usize {
    // The operator `=` is number 0, which is left out.
    let op = if matcher.op() == Op::Equal { 0 } else { 2 };
    op + text(matcher.name()) + text(matcher.value())
}

fn time_size(at: Timestamp) -> usize {
    let (secs, nanos) = if at.is_zero() { (ZERO_SECS, 0) } else { at.parts() };
    let number = |n: u64| if n == 0 { 0 } else { 1 + varint(n) };
    // Negative numbers are written as their 64-bit two's complement.
    number(secs.cast_unsigned()) + number(u64::from(nanos))
}

/// A field of known length: its tag (all numbers here are below 16), the length and the bytes.
fn field(len: usize) -> usize {
    1 + varint(len as u64) + len
}

/// A text, which is left out when empty.
fn text(text: &str) -> usize {
    if text.is_empty() { 0 } else { field(text.len()) }
}

fn varint(n: u64) -> usize {
    (64 - (n | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeMap, vec};

    use super::*;
    use crate::silence::Id;

    #[test]
    fn the_size_equals_a_recorded_record_without_its_copies() {
        // A recorded record of this silence has 117 bytes (0x75), 8 of them the copy in field 2.
        let at = |secs| Timestamp::from_parts(secs, 123_456_789);
        let set = |name, op, value| Matchers::new(vec![Matcher::new(name, op, value).expect("ok")]);
        let mut silence = Silence {
            id: Id::from("8a1a8a0e-0f0c-4b7e-8d5e-3a0d9a3f1b11"),
            matcher_sets: vec![set("a", Op::Equal, "1")],
            starts_at: at(1_700_000_000),
            ends_at: at(1_700_000_001),
            updated_at: at(1_700_000_000),
            created_by: "me".into(),
            comment: "c".into(),
            annotations: BTreeMap::new(),
        };
        assert_eq!(wire_size(&silence, at(1_700_432_000)), 117 - 8);
        silence.matcher_sets = vec![set("a", Op::NotRegex, "1")];
        silence.annotations.insert("".into(), "x".into());
        assert_eq!(wire_size(&silence, at(1_700_432_000)), 117 - 8 + 2 + 2 + 2 + 3);
        // Year 1 takes a ten-byte number and no nanoseconds; the epoch is an empty message.
        silence.starts_at = Timestamp::ZERO;
        silence.ends_at = Timestamp::EPOCH;
        assert_eq!(wire_size(&silence, at(1_700_432_000)), 117 - 8 + 9 - 11);
    }
}
