//! The dialect of msgpack that memberlist speaks: maps of named fields, byte strings in the old
//! "raw" form, whole numbers, flags and nil.
//!
//! The reader takes everything that any version of Go's codec ever wrote: every family of whole
//! numbers, raw, str and bin, nil for any value, structures as maps in any order or as arrays. It
//! works on a slice, calls itself nowhere and allocates no more than the slice holds. The writer
//! writes what every version can read.

use alloc::{borrow::Cow, string::String, vec::Vec};

use thiserror::Error;

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum MsgpackError {
    /// The bytes end too early: at least this many are missing.
    #[error("at least {0} more bytes expected")]
    Short(usize),
    /// The value at this offset is of another kind, or out of range.
    #[error("offset {at}: expected {expected}")]
    Unexpected {
        /// Where the value begins.
        at: usize,
        /// What should have been there.
        expected: &'static str,
    },
}

/// Reads values one after the other from a slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the slice's first byte.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Returns how many bytes were read.
    pub const fn position(&self) -> usize {
        self.at
    }

    /// Reads a structure: calls `field` with the name of each field that is there.
    ///
    /// `names` are the fields in the order of their declaration, which gives the elements of an
    /// array their names. A map's unknown keys and an array's excess elements are skipped; a nil
    /// has no fields. `field` must read the value.
    ///
    /// # Errors
    /// The bytes are no structure, or `field` failed.
    pub fn fields(
        &mut self,
        names: &[&'static str],
        mut field: impl FnMut(&mut Self, &'static str) -> Result<(), MsgpackError>,
    ) -> Result<(), MsgpackError> {
        let start = self.at;
        let marker = self.byte()?;
        let map = match marker {
            0xc0 => return Ok(()),
            0x80..=0x8f | 0xde | 0xdf => true,
            0x90..=0x9f | 0xdc | 0xdd => false,
            _ => return Err(unexpected(start, "a structure")),
        };
        let count = match marker {
            0xdc | 0xde => self.big_endian(2)?,
            0xdd | 0xdf => self.big_endian(4)?,
            _ => u64::from(marker & 0x0f),
        };
        for index in 0..count {
            let name = if map {
                let key = self.raw()?;
                names.iter().find(|name| name.as_bytes() == &*key)
            } else {
                usize::try_from(index).ok().and_then(|index| names.get(index))
            };
            match name {
                Some(name) => field(self, name)?,
                None => self.skip()?,
            }
        }
        Ok(())
    }

    /// Reads a whole number that fits `T`; nil is 0.
    ///
    /// # Errors
    /// There is none, it is negative, or it is too large.
    pub fn uint<T: TryFrom<u64>>(&mut self) -> Result<T, MsgpackError> {
        let start = self.at;
        let number = match self.byte()? {
            small @ 0x00..=0x7f => u64::from(small),
            0xc0 => 0,
            0xcc => self.big_endian(1)?,
            0xcd => self.big_endian(2)?,
            0xce => self.big_endian(4)?,
            0xcf => self.big_endian(8)?,
            marker @ 0xd0..=0xd3 => {
                let width = 1 << (marker - 0xd0);
                let number = self.big_endian(width)?;
                if number >> (8 * width - 1) != 0 {
                    return Err(unexpected(start, "a number of at least 0"));
                }
                number
            }
            0xe0..=0xff => return Err(unexpected(start, "a number of at least 0")),
            _ => return Err(unexpected(start, "a whole number")),
        };
        T::try_from(number).map_err(|_| unexpected(start, "a smaller number"))
    }

    /// Reads a flag; 1 is true, 0 and nil are false.
    ///
    /// # Errors
    /// There is none.
    pub fn flag(&mut self) -> Result<bool, MsgpackError> {
        let start = self.at;
        match self.byte()? {
            0xc0 | 0xc2 | 0x00 => Ok(false),
            0xc3 | 0x01 => Ok(true),
            _ => Err(unexpected(start, "a flag")),
        }
    }

    /// Reads a byte string: raw, str, bin, or an array of numbers below 256; nil is empty.
    ///
    /// # Errors
    /// There is none.
    pub fn raw(&mut self) -> Result<Cow<'a, [u8]>, MsgpackError> {
        let start = self.at;
        let marker = self.byte()?;
        let len = match marker {
            0xc0 => 0,
            0xa0..=0xbf => u64::from(marker & 0x1f),
            0xc4 | 0xd9 => self.big_endian(1)?,
            0xc5 | 0xda => self.big_endian(2)?,
            0xc6 | 0xdb => self.big_endian(4)?,
            0x90..=0x9f => return self.numbers(u64::from(marker & 0x0f)),
            0xdc => {
                let count = self.big_endian(2)?;
                return self.numbers(count);
            }
            0xdd => {
                let count = self.big_endian(4)?;
                return self.numbers(count);
            }
            _ => return Err(unexpected(start, "a byte string")),
        };
        self.take(len).map(Cow::Borrowed)
    }

    /// Reads a text of at most `max` bytes; nil is empty.
    ///
    /// # Errors
    /// There is none, it is longer, or it is not UTF-8.
    pub fn text(&mut self, max: usize) -> Result<String, MsgpackError> {
        let start = self.at;
        let raw = self.raw()?;
        if raw.len() > max {
            return Err(unexpected(start, "a shorter text"));
        }
        String::from_utf8(raw.into_owned()).map_err(|_| unexpected(start, "a text in UTF-8"))
    }

    /// Skips one value, however deep it is.
    ///
    /// # Errors
    /// The bytes are no value.
    pub fn skip(&mut self) -> Result<(), MsgpackError> {
        // Values still to skip. Each takes a byte at least, so a huge count ends with the slice.
        let mut left: u64 = 1;
        while left > 0 {
            left -= 1;
            let start = self.at;
            let marker = self.byte()?;
            let (bytes, values) = match marker {
                0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => (0, 0),
                0x80..=0x8f => (0, 2 * u64::from(marker & 0x0f)),
                0x90..=0x9f => (0, u64::from(marker & 0x0f)),
                0xa0..=0xbf => (u64::from(marker & 0x1f), 0),
                0xc1 => return Err(unexpected(start, "a value")),
                0xc4 | 0xd9 => (self.big_endian(1)?, 0),
                0xc5 | 0xda => (self.big_endian(2)?, 0),
                0xc6 | 0xdb => (self.big_endian(4)?, 0),
                0xc7 => (self.big_endian(1)? + 1, 0),
                0xc8 => (self.big_endian(2)? + 1, 0),
                0xc9 => (self.big_endian(4)? + 1, 0),
                0xca => (4, 0),
                0xcb => (8, 0),
                0xcc..=0xcf => (1 << (marker - 0xcc), 0),
                0xd0..=0xd3 => (1 << (marker - 0xd0), 0),
                0xd4..=0xd8 => ((1 << (marker - 0xd4)) + 1, 0),
                0xdc => (0, self.big_endian(2)?),
                0xdd => (0, self.big_endian(4)?),
                0xde => (0, 2 * self.big_endian(2)?),
                0xdf => (0, 2 * self.big_endian(4)?),
            };
            self.take(bytes)?;
            left = left.saturating_add(values);
        }
        Ok(())
    }

    fn numbers(&mut self, count: u64) -> Result<Cow<'a, [u8]>, MsgpackError> {
        let mut bytes = Vec::new();
        for _ in 0..count {
            bytes.push(self.uint()?);
        }
        Ok(Cow::Owned(bytes))
    }

    fn byte(&mut self) -> Result<u8, MsgpackError> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn big_endian(&mut self, width: u32) -> Result<u64, MsgpackError> {
        let bytes = self.take(u64::from(width))?;
        Ok(bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], MsgpackError> {
        let rest = &self.bytes[self.at..];
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        let taken = rest.get(..len).ok_or(MsgpackError::Short(len - rest.len().min(len)))?;
        self.at += len;
        Ok(taken)
    }
}

/// Makes the error for a value at `at` that should have been something else.
pub const fn unexpected(at: usize, expected: &'static str) -> MsgpackError {
    MsgpackError::Unexpected { at, expected }
}

/// Appends values to a buffer.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Writer<'a> {
    /// Appends to `out`.
    pub const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// Begins a map of `len` fields (at most 15); the keys must follow in ascending order.
    pub fn map(&mut self, len: u8) {
        debug_assert!(len <= 15, "the structures of memberlist are small");
        self.out.push(0x80 | len);
    }

    /// Writes a field that is a whole number.
    pub fn uint(&mut self, key: &str, number: u64) {
        self.raw_value(key.as_bytes());
        let (marker, width) = match number {
            0..=0x7f => (number as u8, 0),
            0x80..=0xff => (0xcc, 1),
            0x100..=0xffff => (0xcd, 2),
            0x1_0000..=0xffff_ffff => (0xce, 4),
            _ => (0xcf, 8),
        };
        self.out.push(marker);
        self.out.extend_from_slice(&number.to_be_bytes()[8 - width..]);
    }

    /// Writes a field that is a flag.
    pub fn flag(&mut self, key: &str, flag: bool) {
        self.raw_value(key.as_bytes());
        self.out.push(if flag { 0xc3 } else { 0xc2 });
    }

    /// Writes a field that is nil.
    pub fn nil(&mut self, key: &str) {
        self.raw_value(key.as_bytes());
        self.out.push(0xc0);
    }

    /// Writes a field that is a byte string or a text, of less than 4 GiB.
    pub fn raw(&mut self, key: &str, bytes: &[u8]) {
        self.raw_value(key.as_bytes());
        self.raw_value(bytes);
    }

    fn raw_value(&mut self, bytes: &[u8]) {
        let len = bytes.len();
        match len {
            0..=0x1f => self.out.push(0xa0 | len as u8),
            0x20..=0xffff => {
                self.out.push(0xda);
                self.out.extend_from_slice(&(len as u16).to_be_bytes());
            }
            _ => {
                let len = u32::try_from(len).expect("messages are far below 4 GiB");
                self.out.push(0xdb);
                self.out.extend_from_slice(&len.to_be_bytes());
            }
        }
        self.out.extend_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    fn number(bytes: &[u8]) -> Result<u16, MsgpackError> {
        Reader::new(bytes).uint()
    }

    #[test]
    fn every_family_of_numbers_is_read() {
        for (bytes, value) in [
            (&[0x7f][..], 127),
            (&[0xc0], 0),
            (&[0xcc, 200], 200),
            (&[0xcd, 1, 0], 256),
            (&[0xce, 0, 0, 1, 0], 256),
            (&[0xcf, 0, 0, 0, 0, 0, 0, 1, 0], 256),
            (&[0xd0, 5], 5),
            (&[0xd1, 1, 0], 256),
            (&[0xd2, 0, 0, 1, 0], 256),
            (&[0xd3, 0, 0, 0, 0, 0, 0, 1, 0], 256),
        ] {
            assert_eq!(number(bytes), Ok(value), "{bytes:x?}");
        }
        let negative = unexpected(0, "a number of at least 0");
        assert_eq!(number(&[0xff]), Err(negative));
        assert_eq!(number(&[0xd1, 0xff, 0]), Err(negative));
        assert_eq!(number(&[0xce, 0, 1, 0, 0]), Err(unexpected(0, "a smaller number")));
        assert_eq!(number(&[0xa0]), Err(unexpected(0, "a whole number")));
        assert_eq!(number(&[0xce, 0]), Err(MsgpackError::Short(3)));
    }

    #[test]
    fn byte_strings_are_read_in_every_form_and_written_as_raw() {
        for bytes in [
            &[0xa2, 1, 2][..],
            &[0xc4, 2, 1, 2],
            &[0xc5, 0, 2, 1, 2],
            &[0xc6, 0, 0, 0, 2, 1, 2],
            &[0xd9, 2, 1, 2],
            &[0xda, 0, 2, 1, 2],
            &[0xdb, 0, 0, 0, 2, 1, 2],
            &[0x92, 1, 2],
            &[0xdc, 0, 2, 1, 0xcc, 2],
        ] {
            assert_eq!(Reader::new(bytes).raw().as_deref(), Ok(&[1, 2][..]), "{bytes:x?}");
        }
        assert_eq!(
            Reader::new(&[0xdb, 255, 255, 255, 255]).raw(),
            Err(MsgpackError::Short(0xffff_ffff))
        );
        for (len, head) in [
            (31, &[0xbf][..]),
            (32, &[0xda, 0, 32]),
            (255, &[0xda, 0, 255]),
            (256, &[0xda, 1, 0]),
            (65536, &[0xdb, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            Writer::new(&mut out).raw_value(&vec![7; len]);
            assert_eq!(&out[..head.len()], head);
            assert_eq!(out.len(), head.len() + len);
        }
    }

    #[test]
    fn structures_come_as_maps_in_any_order_or_as_arrays() {
        let read = |bytes: &[u8]| {
            let (mut a, mut b) = (0u8, false);
            Reader::new(bytes)
                .fields(&["A", "B"], |r, name| {
                    match name {
                        "A" => a = r.uint()?,
                        _ => b = r.flag()?,
                    }
                    Ok(())
                })
                .map(|()| (a, b))
        };
        assert_eq!(read(&[0x82, 0xa1, b'B', 0xc3, 0xa1, b'A', 9]), Ok((9, true)));
        assert_eq!(read(&[0x92, 9, 1]), Ok((9, true)));
        assert_eq!(read(&[0x93, 9, 1, 0x81, 0xc0, 0x90]), Ok((9, true)));
        assert_eq!(read(&[0x82, 0xa1, b'a', 0x92, 1, 0x81, 2, 3, 0xa1, b'A', 9]), Ok((9, false)));
        assert_eq!(read(&[0xde, 0, 1, 0xd9, 1, b'A', 0xd0, 3]), Ok((3, false)));
        assert_eq!(read(&[0xc0]), Ok((0, false)));
        assert_eq!(read(&[0x81, 0xa1, b'A', 0xc3]), Err(unexpected(3, "a whole number")));
        assert_eq!(read(&[0xa0]), Err(unexpected(0, "a structure")));
    }

    #[test]
    fn deep_and_endless_values_are_skipped_without_a_stack() {
        assert_eq!(Reader::new(&vec![0x91; 1 << 20]).skip(), Err(MsgpackError::Short(1)));
        assert_eq!(Reader::new(&[0xdf; 5]).skip(), Err(MsgpackError::Short(1)));
        for value in [
            &[0xca, 0, 0, 0, 0][..],
            &[0xcb, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0xc7, 1, 5, 0],
            &[0xd4, 5, 0],
            &[0xd8, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0xde, 0, 1, 0xa0, 0xdc, 0, 1, 0xc2],
            &[0xcf, 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            let mut reader = Reader::new(value);
            assert_eq!(reader.skip(), Ok(()));
            assert_eq!(reader.position(), value.len(), "{value:x?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = Reader::new(&bytes).skip();
            let _ = Reader::new(&bytes).raw();
            let _ = Reader::new(&bytes).uint::<u8>();
            let _ = Reader::new(&bytes).fields(&["a"], |r, _| r.text(9).map(drop));
        }

        #[test]
        fn what_is_written_reads_back(
            number: u64, flag: bool, raw in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut out = Vec::new();
            let mut w = Writer::new(&mut out);
            w.map(4);
            w.flag("F", flag);
            w.uint("N", number);
            w.raw("R", &raw);
            w.nil("Z");
            let mut skipped = Reader::new(&out);
            prop_assert_eq!(skipped.skip(), Ok(()));
            prop_assert_eq!(skipped.position(), out.len());
            let mut seen = 0;
            Reader::new(&out).fields(&["F", "N", "R", "Z"], |r, name| {
                seen += 1;
                match name {
                    "F" => assert_eq!(r.flag()?, flag),
                    "N" => assert_eq!(r.uint::<u64>()?, number),
                    "R" => assert_eq!(&*r.raw()?, &raw[..]),
                    _ => assert_eq!(r.uint::<u8>()?, 0),
                }
                Ok(())
            }).expect("a map");
            prop_assert_eq!(seen, 4);
        }
    }
}
