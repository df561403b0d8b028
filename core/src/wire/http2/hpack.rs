//! Header blocks of HTTP/2 (RFC 7541): written plainly, read with all that peers may use.

use alloc::{collections::VecDeque, vec::Vec};

use super::huffman;

/// The size of the table of a decoder, which peers may fill: the standard's default.
const TABLE_SIZE: usize = 4096;

/// What a field takes of the table besides its texts.
const FIELD_OVERHEAD: usize = 32;

/// A header line: name and value.
pub type Field = (Vec<u8>, Vec<u8>);

/// Appends a header line to a block, so that nobody on the way keeps it in a table.
pub fn encode(out: &mut Vec<u8>, name: &str, value: &str) {
    out.push(0x10);
    for text in [name, value] {
        number(out, 7, text.len());
        out.extend_from_slice(text.as_bytes());
    }
}

/// Appends a number whose first byte has `bits` bits for it; the others are zero.
fn number(out: &mut Vec<u8>, bits: u32, value: usize) {
    let max = (1 << bits) - 1;
    if value < max {
        return out.push(value as u8);
    }
    out.push(max as u8);
    let mut rest = value - max;
    while rest >= 128 {
        out.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    out.push(rest as u8);
}

/// Reads the blocks of one connection, in their order.
#[derive(Debug)]
pub struct Decoder {
    /// The latest first.
    table: VecDeque<Field>,
    /// What the fields of the table take.
    size: usize,
    size_max: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { table: VecDeque::new(), size: 0, size_max: TABLE_SIZE }
    }
}

impl Decoder {
    /// Reads a block of which all lines together take at most `max` bytes; `None` if it is none.
    /// After that the decoder is of no use any more.
    pub fn decode(&mut self, block: &[u8], max: usize) -> Option<Vec<Field>> {
        let mut at = block;
        let (mut fields, mut length) = (Vec::new(), 0);
        while let Some(&first) = at.first() {
            let field = match first {
                0x80.. => self.field(integer(&mut at, 7)?)?,
                0x40..0x80 => {
                    let field = self.literal(&mut at, 6, max)?;
                    self.keep(field.clone());
                    field
                }
                0x20..0x40 => {
                    // A change of the table's size stands before all lines.
                    let size = integer(&mut at, 5)?;
                    if size > TABLE_SIZE || !fields.is_empty() {
                        return None;
                    }
                    self.size_max = size;
                    self.shrink(0);
                    continue;
                }
                _ => self.literal(&mut at, 4, max)?,
            };
            length += field.0.len() + field.1.len() + FIELD_OVERHEAD;
            if length > max {
                return None;
            }
            fields.push(field);
        }
        Some(fields)
    }

    fn literal(&self, at: &mut &[u8], bits: u32, max: usize) -> Option<Field> {
        let name = match integer(at, bits)? {
            0 => text(at, max)?,
            index => self.field(index)?.0,
        };
        Some((name, text(at, max)?))
    }

    /// Returns a field of the two tables, counted from 1.
    fn field(&self, index: usize) -> Option<Field> {
        let index = index.checked_sub(1)?;
        match STATIC.get(index) {
            Some((name, value)) => Some((name.as_bytes().to_vec(), value.as_bytes().to_vec())),
            None => self.table.get(index - STATIC.len()).cloned(),
        }
    }

    fn keep(&mut self, field: Field) {
        let size = field.0.len() + field.1.len() + FIELD_OVERHEAD;
        self.shrink(size);
        if size <= self.size_max {
            self.size += size;
            self.table.push_front(field);
        }
    }

    /// Makes room for so many bytes, if there can be.
    fn shrink(&mut self, room: usize) {
        while self.size + room > self.size_max
            && let Some((name, value)) = self.table.pop_back()
        {
            self.size -= name.len() + value.len() + FIELD_OVERHEAD;
        }
    }
}

/// Takes a number whose first byte has `bits` bits for it.
fn integer(at: &mut &[u8], bits: u32) -> Option<usize> {
    let mut next = || {
        let (&first, rest) = at.split_first()?;
        *at = rest;
        Some(first)
    };
    let max = (1_usize << bits) - 1;
    let mut value = usize::from(next()?) & max;
    if value < max {
        return Some(value);
    }
    // Three more bytes are far beyond every limit.
    for shift in [0, 7, 14] {
        let byte = next()?;
        value += usize::from(byte & 127) << shift;
        if byte < 128 {
            return Some(value);
        }
    }
    None
}

fn text(at: &mut &[u8], max: usize) -> Option<Vec<u8>> {
    let is_packed = *at.first()? & 0x80 != 0;
    let length = integer(at, 7)?;
    let (text, rest) = at.split_at_checked(length)?;
    *at = rest;
    match is_packed {
        true => huffman::decode(text, max),
        false => (length <= max).then(|| text.to_vec()),
    }
}

/// The table that everybody has (appendix A).
const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pair = |pair: &[u8]| {
            u8::from_str_radix(core::str::from_utf8(pair).expect("digits"), 16).expect("digits")
        };
        digits.chunks(2).map(pair).collect()
    }

    fn shown(fields: &[Field]) -> alloc::string::String {
        let line = |(name, value): &Field| {
            alloc::format!(
                "{}: {}\n",
                alloc::string::String::from_utf8_lossy(name),
                alloc::string::String::from_utf8_lossy(value)
            )
        };
        fields.iter().map(line).collect()
    }

    #[test]
    fn the_examples_of_the_standard_are_read() {
        // Appendix C.4: three requests of one connection, with Huffman codes and a table.
        let mut decoder = Decoder::default();
        let mut read = |text: &str| shown(&decoder.decode(&hex(text), 4096).expect("a block"));
        let first = ":method: GET\n:scheme: http\n:path: /\n:authority: www.example.com\n";
        assert_eq!(read("8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff"), first);
        let second = alloc::format!("{first}cache-control: no-cache\n");
        assert_eq!(read("8286 84be 5886 a8eb 1064 9cbf"), second);
        assert_eq!(
            read("8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf"),
            ":method: GET\n:scheme: https\n:path: /index.html\n:authority: www.example.com\n\
             custom-key: custom-value\n"
        );
    }

    #[test]
    fn what_is_too_much_or_too_little_is_refused() {
        let refuses = |text: &str| Decoder::default().decode(&hex(text), 200).is_none();
        assert!(refuses("80"), "no field 0");
        assert!(refuses("be"), "an empty table");
        assert!(refuses("00"), "no name");
        assert!(refuses("0003 61"), "a name cut off");
        assert!(refuses("7fff ffff ffff 00"), "a number without end");
        assert!(refuses("3fe2 1f"), "a table larger than ours");
        assert!(refuses("8282 8282 8282 82"), "too long a block");
        assert!(refuses("8220"), "a change of size after a line");
        assert!(!refuses("2082"), "a change of size before one");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            lines in proptest::collection::vec(("[a-z-]{1,200}", "[ -~]{0,300}"), 0..8),
        ) {
            let mut block = Vec::new();
            lines.iter().for_each(|(name, value)| encode(&mut block, name, value));
            let fields = Decoder::default().decode(&block, 1 << 16).expect("a block");
            let text = |bytes: &[u8]| alloc::string::String::from_utf8_lossy(bytes).into_owned();
            let read: Vec<_> = fields.iter().map(|(n, v)| (text(n), text(v))).collect();
            prop_assert_eq!(read, lines);
        }

        #[test]
        fn nothing_makes_it_panic(blocks in proptest::collection::vec(any::<Vec<u8>>(), 0..4)) {
            let mut decoder = Decoder::default();
            for block in blocks {
                let _ = decoder.decode(&block, 1000);
            }
        }
    }
}
