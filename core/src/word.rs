//! Texts, eight bytes at a time.
//!
//! Most bytes of most texts are plain. A search for those that are not takes eight of them as one
//! number and marks the bytes that are looked for by their highest bit. A subtraction that borrows
//! from the next byte may mark bytes above the first marked one wrongly; the first mark is always
//! right, and with it that there is none.

/// A byte of one in each place.
const ONES: u64 = 0x0101_0101_0101_0101;

/// The bits that marks are.
const HIGH: u64 = ONES << 7;

/// Marks the bytes below `n`, which is at most 0x80.
#[inline]
pub(crate) const fn below(word: u64, n: u8) -> u64 {
    // The subtraction reaches the highest bit of a byte that is below n, where it was clear.
    word.wrapping_sub(ONES * n as u64) & !word & HIGH
}

/// Marks the bytes that are `byte`.
#[inline]
pub(crate) const fn equal(word: u64, byte: u8) -> u64 {
    below(word ^ (ONES * byte as u64), 1)
}

/// Marks the bytes that are `byte` when the bits of `mask` are set.
#[inline]
pub(crate) const fn equal_with(word: u64, mask: u8, byte: u8) -> u64 {
    equal(word | (ONES * mask as u64), byte)
}

/// Marks the bytes that are not ASCII, and no others.
#[inline]
pub(crate) const fn beyond_ascii(word: u64) -> u64 {
    word & HIGH
}

/// Marks the bytes that are 0xFF, and no others.
#[inline]
pub(crate) const fn full(word: u64) -> u64 {
    // Only of a byte whose lower bits are all set does the sum reach the highest one.
    ((word & !HIGH) + ONES) & word & HIGH
}

/// Returns the place of the first marked byte; 8 if none is.
#[inline]
pub(crate) const fn first(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 8
}

/// Returns how many bytes come before the first that `marks` marks.
#[inline]
pub(crate) fn run(bytes: &[u8], marks: impl Fn(u64) -> u64) -> usize {
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk::<8>() {
        let found = marks(u64::from_le_bytes(*block));
        if found != 0 {
            return bytes.len() - rest.len() + first(found);
        }
        rest = after;
    }
    // What is missing is zeros, which may be marked: they lie behind the text.
    let last = rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte));
    bytes.len() - rest.len() + first(marks(last)).min(rest.len())
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Returns the places of all marks.
    fn places(marks: u64) -> Vec<usize> {
        assert_eq!(marks & !HIGH, 0);
        (0..8).filter(|place| marks >> (8 * place) & 0x80 != 0).collect()
    }

    fn wanted(bytes: [u8; 8], is_wanted: impl Fn(u8) -> bool) -> Vec<usize> {
        (0..8).filter(|&place| is_wanted(bytes[place])).collect()
    }

    proptest! {
        #[test]
        fn the_first_mark_is_right(
            bytes in proptest::array::uniform8(prop_oneof![any::<u8>(), 0x1fu8..0x24]),
            n in 0u8..0x81,
            byte in any::<u8>(),
            mask in 0u8..8,
        ) {
            let word = u64::from_le_bytes(bytes);
            let first_of = |marks| places(marks).first().copied();
            type Is<'a> = &'a dyn Fn(u8) -> bool;
            let first_wanted = |is_wanted: Is<'_>| wanted(bytes, is_wanted).first().copied();
            prop_assert_eq!(first_of(below(word, n)), first_wanted(&|b| b < n));
            prop_assert_eq!(first_of(equal(word, byte)), first_wanted(&|b| b == byte));
            let masked = equal_with(word, mask, byte | mask);
            prop_assert_eq!(first_of(masked), first_wanted(&|b| b | mask == byte | mask));
            prop_assert_eq!(places(beyond_ascii(word)), wanted(bytes, |b| b >= 0x80));
            prop_assert_eq!(places(full(word)), wanted(bytes, |b| b == 0xff));
            prop_assert_eq!(first(masked), first_of(masked).unwrap_or(8));
        }

        #[test]
        fn a_run_ends_before_the_first_mark(
            bytes in proptest::collection::vec(prop_oneof![Just(b'a'), Just(0xff), Just(0)], 0..20),
        ) {
            let run_to = |end: u8| bytes.iter().position(|&b| b == end).unwrap_or(bytes.len());
            prop_assert_eq!(run(&bytes, full), run_to(0xff));
            prop_assert_eq!(run(&bytes, |word| below(word, 1)), run_to(0));
            prop_assert_eq!(run(&bytes, |word| equal(word, b'a')), run_to(b'a'));
        }
    }
}
