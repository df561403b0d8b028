//! LZW as Go's `compress/lzw` writes it: least significant bit first, literals of 8 bits.
//!
//! A code stands for a sequence of bytes that was seen before: a shorter sequence, and one byte
//! more. The codes are kept in a table of places by hash, made for the length of the input: a
//! packet is compressed within microseconds, and clearing tables would be most of that.

use alloc::{vec, vec::Vec};

/// Says that the codes begin anew.
const CLEAR: u32 = 256;
/// Says that the codes are at their end.
const END: u32 = 257;
/// Codes have 12 bits at most; with this one they begin anew.
const LAST: u32 = 4095;
/// Bits of the first code.
const WIDTH: u32 = 9;
/// Places of the largest table, in powers of two: less than half of them are ever taken.
const TABLE_BITS_MAX: u32 = 13;
/// Places of the smallest one.
const TABLE_BITS_MIN: u32 = 6;

/// Appends `plain` compressed.
pub(super) fn compress(plain: &[u8], out: &mut Vec<u8>) {
    let mut bits = Bits { out, waiting: 0, count: 0, width: WIDTH };
    bits.write(CLEAR);
    if let Some((&first, rest)) = plain.split_first() {
        let mut codes = Codes::new(plain.len());
        let mut code = u32::from(first);
        for &byte in rest {
            match codes.find_or_insert(code << 8 | u32::from(byte)) {
                Some(longer) => code = longer,
                None => {
                    bits.write(code);
                    code = u32::from(byte);
                    codes.step(&mut bits);
                }
            }
        }
        bits.write(code);
        codes.step(&mut bits);
    }
    bits.write(END);
    bits.finish();
}

/// The codes by what they stand for.
struct Codes {
    /// The sequence, as the code of all but its last byte and that byte, above the 12 bits of its
    /// code; 0 is an empty place.
    places: Vec<u32>,
    shift: u32,
    /// The code that was given last.
    last: u32,
    /// From this code on codes are a bit longer.
    overflow: u32,
}

impl Codes {
    fn new(len: usize) -> Self {
        let wanted = usize::BITS - len.leading_zeros() + 1;
        let bits = wanted.clamp(TABLE_BITS_MIN, TABLE_BITS_MAX);
        Self { places: vec![0; 1 << bits], shift: 32 - bits, last: END, overflow: 1 << WIDTH }
    }

    /// Returns the code of a sequence; one that has none gets the next, to be counted by
    /// [`step`](Self::step).
    fn find_or_insert(&mut self, sequence: u32) -> Option<u32> {
        let mask = self.places.len() - 1;
        let mut at = (sequence.wrapping_mul(0x9e37_79b1) >> self.shift) as usize;
        loop {
            let place = &mut self.places[at & mask];
            if *place >> 12 == sequence && *place != 0 {
                return Some(*place & LAST);
            }
            if *place == 0 {
                *place = sequence << 12 | (self.last + 1);
                return None;
            }
            at += 1;
        }
    }

    /// Goes on to the next code, and begins anew where there is none.
    fn step(&mut self, bits: &mut Bits<'_>) {
        self.last += 1;
        if self.last == self.overflow {
            bits.width += 1;
            self.overflow <<= 1;
        }
        if self.last == LAST {
            bits.write(CLEAR);
            bits.width = WIDTH;
            (self.last, self.overflow) = (END, 1 << WIDTH);
            self.places.fill(0);
        }
    }
}

/// Codes on their way to bytes.
struct Bits<'a> {
    out: &'a mut Vec<u8>,
    waiting: u64,
    count: u32,
    width: u32,
}

impl Bits<'_> {
    fn write(&mut self, code: u32) {
        self.waiting |= u64::from(code) << self.count;
        self.count += self.width;
        if self.count >= 32 {
            self.out.extend_from_slice(&(self.waiting as u32).to_le_bytes());
            self.waiting >>= 32;
            self.count -= 32;
        }
    }

    fn finish(self) {
        let bytes = self.count.div_ceil(8) as usize;
        self.out.extend_from_slice(&self.waiting.to_le_bytes()[..bytes]);
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec as list_of, prelude::*};
    use weezl::{BitOrder, decode::Decoder, encode::Encoder};

    use super::*;

    fn compressed(plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        compress(plain, &mut out);
        out
    }

    fn check(plain: &[u8]) {
        let packed = compressed(plain);
        let back = Decoder::new(BitOrder::Lsb, 8).decode(&packed).expect("it is LZW");
        assert!(back == plain, "{} bytes came back as {}", plain.len(), back.len());
    }

    /// Bytes that repeat themselves now and then, from a generator of our own.
    fn text(len: usize, letters: u64) -> Vec<u8> {
        let mut x = 1u64;
        let next = |x: &mut u64| {
            *x = x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (*x >> 33) % letters
        };
        (0..len).map(|_| next(&mut x) as u8).collect()
    }

    #[test]
    fn every_length_up_to_several_tables_comes_back() {
        for letters in [1, 2, 7, 256] {
            let whole = text(40_000, letters);
            (0..600).for_each(|len| check(&whole[..len]));
            (3800..4200).for_each(|len| check(&whole[..len]));
            (600..40_000).step_by(977).for_each(|len| check(&whole[..len]));
        }
    }

    #[test]
    fn another_encoder_writes_the_same() {
        for (len, letters) in [(1, 1), (9, 2), (300, 4), (1400, 16), (3000, 256)] {
            let plain = text(len, letters);
            let theirs = Encoder::new(BitOrder::Lsb, 8).encode(&plain).expect("bytes are literals");
            assert_eq!(compressed(&plain), theirs, "{len}");
        }
    }

    proptest! {
        #[test]
        fn everything_comes_back(plain in list_of(any::<u8>(), 0..3000), times in 1usize..9) {
            check(&plain.repeat(times));
        }
    }
}
