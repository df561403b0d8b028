//! The parts of protobuf that Alertmanager's state uses: numbers, texts, messages, packed lists.
//!
//! The reader hands out one field after the other as slices of what it reads; who reads a message
//! takes the fields it knows, by number and kind, and leaves the rest. It allocates nothing.

use alloc::vec::Vec;

use thiserror::Error;

/// Why bytes are no message. The offset is that of the damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ProtobufError {
    /// The bytes end within a value.
    #[error("unexpected EOF at offset {at}")]
    Truncated {
        /// Where the value begins.
        at: usize,
    },
    /// A number is longer than 64 bits.
    #[error("number too large at offset {at}")]
    Number {
        /// Where it begins.
        at: usize,
    },
    /// There is no such field number or kind of value.
    #[error("invalid field at offset {at}")]
    Field {
        /// Where the field begins.
        at: usize,
    },
    /// A text is not UTF-8.
    #[error("invalid UTF-8 at offset {at}")]
    Text {
        /// Where the text begins.
        at: usize,
    },
}

/// A field's value.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// A whole number, flag or enumeration.
    Number(u64),
    /// Eight bytes: a floating-point number.
    Fixed64(u64),
    /// Four bytes.
    Fixed32(u32),
    /// A text, byte string, message, or packed list.
    Bytes(Reader<'a>),
}

/// Reads fields from a slice.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The offset of `bytes` in what was read at first.
    base: usize,
}

impl<'a> Reader<'a> {
    /// Reads a message. Offsets in errors count from `base`.
    pub const fn new(bytes: &'a [u8], base: usize) -> Self {
        Self { bytes, at: 0, base }
    }

    /// Returns the offset of what is read next.
    pub const fn offset(&self) -> usize {
        self.base + self.at
    }

    /// Tells whether everything was read.
    pub const fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    /// Returns what is not read yet.
    pub fn as_bytes(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Returns what is not read yet as a text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn as_text(&self) -> Result<&'a str, ProtobufError> {
        core::str::from_utf8(self.as_bytes()).map_err(|_| ProtobufError::Text { at: self.offset() })
    }

    /// Reads the next field: its number and its value; `None` at the end.
    ///
    /// # Errors
    /// The bytes are no field.
    pub fn field(&mut self) -> Result<Option<(u32, Value<'a>)>, ProtobufError> {
        if self.is_empty() {
            return Ok(None);
        }
        let at = self.offset();
        let tag = self.varint()?;
        let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number));
        let number = number.ok_or(ProtobufError::Field { at })?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Fixed64(u64::from_le_bytes(self.array()?)),
            2 => Value::Bytes(self.delimited()?),
            5 => Value::Fixed32(u32::from_le_bytes(self.array()?)),
            _ => return Err(ProtobufError::Field { at }),
        };
        Ok(Some((number, value)))
    }

    /// Reads a length and as many bytes.
    ///
    /// # Errors
    /// The bytes end before.
    pub fn delimited(&mut self) -> Result<Self, ProtobufError> {
        let at = self.offset();
        let len = usize::try_from(self.varint()?).unwrap_or(usize::MAX);
        let base = self.offset();
        let bytes = self.as_bytes().get(..len).ok_or(ProtobufError::Truncated { at })?;
        self.at += len;
        Ok(Self { bytes, at: 0, base })
    }

    /// Reads a number of the variable-length form.
    ///
    /// # Errors
    /// The bytes end before, or it has more than 64 bits.
    pub fn varint(&mut self) -> Result<u64, ProtobufError> {
        let at = self.offset();
        let mut number = 0;
        for (i, &byte) in self.as_bytes().iter().take(10).enumerate() {
            if i == 9 && byte > 1 {
                break;
            }
            number |= u64::from(byte & 0x7f) << (7 * i);
            if byte < 0x80 {
                self.at += i + 1;
                return Ok(number);
            }
        }
        if self.bytes.len() - self.at < 10 {
            Err(ProtobufError::Truncated { at })
        } else {
            Err(ProtobufError::Number { at })
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ProtobufError> {
        let at = self.offset();
        let bytes = self.as_bytes().first_chunk().ok_or(ProtobufError::Truncated { at })?;
        self.at += N;
        Ok(*bytes)
    }
}

/// Appends a number in the variable-length form.
pub fn write_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a field that is a number, also when it is 0.
pub fn write_set_number(out: &mut Vec<u8>, field: u32, number: u64) {
    write_varint(out, u64::from(field) << 3);
    write_varint(out, number);
}

/// Appends a field that is a number; 0 is left out.
pub fn write_number(out: &mut Vec<u8>, field: u32, number: u64) {
    if number != 0 {
        write_set_number(out, field, number);
    }
}

/// Appends a field that is a floating-point number, also when it is 0.
pub fn write_set_double(out: &mut Vec<u8>, field: u32, number: f64) {
    write_varint(out, u64::from(field) << 3 | 1);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends a field that is a number in eight bytes, also when it is 0.
pub fn write_set_fixed(out: &mut Vec<u8>, field: u32, number: u64) {
    write_varint(out, u64::from(field) << 3 | 1);
    out.extend_from_slice(&number.to_le_bytes());
}

/// Appends a field that is a text or byte string, also when it is empty.
pub fn write_set_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    write_varint(out, u64::from(field) << 3 | 2);
    write_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a field that is a text or byte string; an empty one is left out.
pub fn write_bytes(out: &mut Vec<u8>, field: u32, bytes: &[u8]) {
    if !bytes.is_empty() {
        write_set_bytes(out, field, bytes);
    }
}

/// Appends a field that is a list of numbers in packed form; an empty one is left out.
pub fn write_packed(out: &mut Vec<u8>, field: u32, numbers: &[u64]) {
    if !numbers.is_empty() {
        write_message(out, field, |out| numbers.iter().for_each(|&n| write_varint(out, n)));
    }
}

/// Appends a field that is a message, which `write` appends.
pub fn write_message(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    write_varint(out, u64::from(field) << 3 | 2);
    write_delimited(out, write);
}

/// Appends a length and as many bytes, which `write` appends.
pub fn write_delimited(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    // The length is known only now. It is short, and so is what it moves: a record.
    let end = out.len();
    write_varint(out, (end - start) as u64);
    let width = out.len() - end;
    out[start..].rotate_right(width);
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_have_at_most_64_bits() {
        let read = |bytes: &[u8]| Reader::new(bytes, 7).varint();
        assert_eq!(read(&[0x96, 0x01]), Ok(150));
        assert_eq!(read(&[0x80, 0x80, 0x00]), Ok(0));
        let mut max = vec![0xff; 9];
        max.push(1);
        assert_eq!(read(&max), Ok(u64::MAX));
        max[9] = 2;
        assert_eq!(read(&max), Err(ProtobufError::Number { at: 7 }));
        assert_eq!(read(&[0xff; 11]), Err(ProtobufError::Number { at: 7 }));
        assert_eq!(read(&[0xff; 9]), Err(ProtobufError::Truncated { at: 7 }));
        assert_eq!(read(&[]), Err(ProtobufError::Truncated { at: 7 }));
    }

    #[test]
    fn damage_is_reported_with_its_offset() {
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes, 0);
            while let Some((_, value)) = reader.field()? {
                if let Value::Bytes(bytes) = value {
                    bytes.as_text()?;
                }
            }
            Ok(())
        };
        assert_eq!(read(&[0x08, 1, 0x12, 1, b'a', 0x1d, 0, 0, 0, 0]), Ok(()));
        assert_eq!(read(&[0x08, 1, 0x12, 1, 0xff]), Err(ProtobufError::Text { at: 4 }));
        assert_eq!(read(&[0x08, 1, 0x12, 2, b'a']), Err(ProtobufError::Truncated { at: 3 }));
        assert_eq!(read(&[0x08, 1, 0x19, 2]), Err(ProtobufError::Truncated { at: 3 }));
        // Field 0, a group, a kind that does not exist.
        for tag in [0x02, 0x0b, 0x0f] {
            assert_eq!(read(&[0x08, 1, tag, 0]), Err(ProtobufError::Field { at: 2 }));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            field in 1u32..1 << 29, number: u64, double: f64, numbers: Vec<u64>,
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let mut out = Vec::new();
            write_set_number(&mut out, field, number);
            write_set_double(&mut out, field, double);
            write_message(&mut out, field, |out| write_set_bytes(out, field, &bytes));
            write_message(&mut out, field, |out| write_packed(out, field, &numbers));
            write_number(&mut out, field, 0);
            write_bytes(&mut out, field, b"");
            let mut reader = Reader::new(&out, 0);
            let mut next = || reader.field().expect("a field");
            let found = next();
            prop_assert!(matches!(found, Some((f, Value::Number(n))) if (f, n) == (field, number)));
            let bits = double.to_bits();
            prop_assert!(matches!(next(), Some((f, Value::Fixed64(n))) if (f, n) == (field, bits)));
            let Some((_, Value::Bytes(mut inner))) = next() else { panic!("a message") };
            let Ok(Some((_, Value::Bytes(inner)))) = inner.field() else { panic!("bytes") };
            prop_assert_eq!(inner.as_bytes(), bytes);
            let Some((_, Value::Bytes(mut inner))) = next() else { panic!("a message") };
            let mut read = Vec::new();
            if let Some((_, Value::Bytes(mut packed))) = inner.field().expect("a list") {
                while !packed.is_empty() {
                    read.push(packed.varint().expect("a number"));
                }
            }
            prop_assert_eq!(read, numbers);
            prop_assert!(next().is_none());
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut reader = Reader::new(&bytes, 0);
            while let Ok(Some(_)) = reader.field() {}
        }
    }
}
