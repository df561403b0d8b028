//! JSON texts with the escapes of Go's `encoding/json`, which bodies must equal byte for byte.

use alloc::{string::String, vec::Vec};
use core::ops::Range;

use crate::word;

/// Appends `text` as a JSON string in quotes.
///
/// Beside what JSON asks for, `<`, `>`, `&`, U+2028 and U+2029 are escaped, as Go does. One pass:
/// runs of plain bytes are copied at once.
pub fn write_string(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    if is_all_plain(text.as_bytes()) {
        out.push_str(text);
    } else {
        pieces(text.as_bytes(), |run, escape| {
            out.push_str(&text[run]);
            out.push_str(escape);
        });
    }
    out.push('"');
}

/// Appends `text`, which should be UTF-8, as [`write_string`] does, to bytes.
pub fn write_bytes(out: &mut Vec<u8>, text: &[u8]) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    if is_all_plain(text) {
        out.extend_from_slice(text);
    } else {
        pieces(text, |run, escape| {
            out.extend_from_slice(&text[run]);
            out.extend_from_slice(escape.as_bytes());
        });
    }
    out.push(b'"');
}

/// Splits a text into runs of plain bytes, each with the escape that follows it; the last has none.
fn pieces(bytes: &[u8], mut each: impl FnMut(Range<usize>, &'static str)) {
    let (mut copied, mut at) = (0, 0);
    loop {
        at += plain_run(&bytes[at..]);
        let Some(&byte) = bytes.get(at) else { break };
        let (escape, width) = match byte {
            b'"' => ("\\\"", 1),
            b'\\' => ("\\\\", 1),
            b'<' => ("\\u003c", 1),
            b'>' => ("\\u003e", 1),
            b'&' => ("\\u0026", 1),
            SEPARATOR => match bytes[at + 1..] {
                [0x80, 0xa8, ..] => ("\\u2028", 3),
                [0x80, 0xa9, ..] => ("\\u2029", 3),
                _ => {
                    at += 1;
                    continue;
                }
            },
            _ => (CONTROLS[usize::from(byte)], 1),
        };
        each(copied..at, escape);
        at += width;
        copied = at;
    }
    each(copied..bytes.len(), "");
}

/// Tells whether a block holds nothing to escape. The compiler compares all its bytes at once.
#[inline]
fn is_plain<const N: usize>(block: &[u8; N]) -> bool {
    let special = |&byte: &u8| {
        // `"` and `&` differ in one bit, and so do `<` and `>`.
        (byte < b' ')
            | (byte | 4 == b'&')
            | (byte | 2 == b'>')
            | (byte == b'\\')
            | (byte == SEPARATOR)
    };
    !block.iter().fold(false, |found, byte| found | special(byte))
}

/// Tells whether a text holds nothing to escape, as most do. The last block may overlap the one
/// before it, so that no byte is looked at alone but in the shortest texts.
pub(crate) fn is_all_plain(bytes: &[u8]) -> bool {
    let (blocks, rest) = bytes.as_chunks::<32>();
    if !blocks.iter().all(is_plain) {
        return false;
    }
    if rest.is_empty() {
        true
    } else if let Some(last) = bytes.last_chunk::<32>() {
        is_plain(last)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<16>(), bytes.last_chunk::<16>())
    {
        is_plain(first) && is_plain(last)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        is_plain(first) && is_plain(last)
    } else {
        !bytes.iter().any(|&byte| SPECIAL[usize::from(byte)])
    }
}

/// Returns how many bytes at the start are plain.
fn plain_run(bytes: &[u8]) -> usize {
    word::run(bytes, |word| {
        // `"` and `&` differ in one bit, and so do `<` and `>`.
        word::below(word, b' ')
            | word::equal_with(word, 4, b'&')
            | word::equal_with(word, 2, b'>')
            | word::equal(word, b'\\')
            | word::equal(word, SEPARATOR)
    })
}

/// Appends an object of texts that are packed as `name 0xFF value 0xFF`, in their order, as
/// [`write_object`] does. The texts should be UTF-8, in which `0xFF` does not occur.
pub fn write_packed(out: &mut Vec<u8>, packed: &[u8]) {
    if packed.is_empty() {
        return out.extend_from_slice(b"{}");
    }
    if is_all_plain(packed) {
        return write_plain(out, packed);
    }
    let mut next = b'{';
    let texts = packed.strip_suffix(&[END]).unwrap_or(packed);
    for (i, text) in texts.split(|&byte| byte == END).enumerate() {
        out.push(next);
        write_bytes(out, text);
        next = if i % 2 == 0 { b':' } else { b',' };
    }
    out.push(b'}');
}

/// Appends a packed object in which there is nothing to escape: what stands between two texts
/// becomes three bytes instead of one, and all else is copied, eight bytes at a time.
fn write_plain(out: &mut Vec<u8>, packed: &[u8]) {
    out.extend_from_slice(b"{\"");
    let begin = out.len();
    // Each copy may write a word beyond what counts.
    out.resize(begin + 3 * packed.len() + 16, 0);
    let room = &mut out[begin..];
    let (mut at, mut between) = (0, *b"\":\"");
    let (words, rest) = packed.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    for (word, len) in words.iter().map(|word| (word, 8)).chain([(&last, rest.len())]) {
        put(room, at, *word);
        let word = u64::from_le_bytes(*word);
        let (mut ends, mut used) = (word::full(word), 0);
        while ends != 0 {
            let end = word::first(ends);
            at += end - used;
            put(room, at, between);
            at += 3;
            // Name and value take turns.
            between[1] ^= b':' ^ b',';
            used = end + 1;
            put(room, at, (word >> (8 * end) >> 8).to_le_bytes());
            ends &= ends - 1;
        }
        at += len - used;
    }
    // The comma after the last value, and the quote of a text that does not come.
    out.truncate(begin + at - 2);
    out.push(b'}');
}

fn put<const N: usize>(room: &mut [u8], at: usize, bytes: [u8; N]) {
    if let Some(place) = room.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
        *place = bytes;
    }
}

/// What ends a packed text.
const END: u8 = 0xff;

/// Appends to a text what [`write_packed`] does. `scratch` is a buffer to use again: it is cheaper
/// to check one long text than many short ones.
///
/// # Panics
/// On bytes that are not UTF-8.
pub fn push_packed(out: &mut String, packed: &[u8], scratch: &mut Vec<u8>) {
    scratch.clear();
    write_packed(scratch, packed);
    out.push_str(core::str::from_utf8(scratch).expect("labels are packed from UTF-8 texts only"));
}

/// Appends an object of strings; the pairs in the order given.
pub fn write_object<'a>(out: &mut String, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
    out.push('{');
    for (i, (name, value)) in pairs.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write_string(out, name);
        out.push(':');
        write_string(out, value);
    }
    out.push('}');
}

/// The first byte of U+2028 and U+2029, and of many harmless characters.
const SEPARATOR: u8 = 0xe2;

/// How control characters are written.
#[rustfmt::skip]
const CONTROLS: [&str; 32] = [
    "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007",
    "\\b", "\\t", "\\n", "\\u000b", "\\f", "\\r", "\\u000e", "\\u000f",
    "\\u0010", "\\u0011", "\\u0012", "\\u0013", "\\u0014", "\\u0015", "\\u0016", "\\u0017",
    "\\u0018", "\\u0019", "\\u001a", "\\u001b", "\\u001c", "\\u001d", "\\u001e", "\\u001f",
];

/// The bytes that a run of plain ones ends at.
const SPECIAL: [bool; 256] = {
    let mut special = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        special[byte] = true;
        byte += 1;
    }
    special[b'"' as usize] = true;
    special[b'\\' as usize] = true;
    special[b'<' as usize] = true;
    special[b'>' as usize] = true;
    special[b'&' as usize] = true;
    special[SEPARATOR as usize] = true;
    special
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn string(text: &str) -> String {
        let mut out = String::new();
        write_string(&mut out, text);
        out
    }

    #[test]
    fn escapes_as_go_does() {
        for (text, json) in [
            ("", r#""""#),
            ("plain é 日本 🙂 \u{7f}", "\"plain é 日本 🙂 \u{7f}\""),
            ("load < \"high\" & >\\", r#""load \u003c \"high\" \u0026 \u003e\\""#),
            ("\0\x01\x08\t\n\x0b\x0c\r\x1f", r#""\u0000\u0001\b\t\n\u000b\f\r\u001f""#),
            ("a\u{2028}\u{2029}b\u{2027}\u{202a}…", "\"a\\u2028\\u2029b\u{2027}\u{202a}…\""),
        ] {
            assert_eq!(string(text), json);
        }
        let mut out = String::new();
        write_object(&mut out, [("a", "1"), ("b<", "")]);
        write_object(&mut out, []);
        assert_eq!(out, r#"{"a":"1","b\u003c":""}{}"#);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(chars in proptest::collection::vec(prop_oneof![
            any::<char>(),
            (0x00u8..0x80).prop_map(char::from),
            proptest::sample::select(&['\u{2028}', '\u{2029}', '\u{2020}', 'â', '<', '"', '\\'][..]),
        ], 0..40)) {
            let text: String = chars.iter().collect::<Vec<_>>().into_iter().collect();
            let json = string(&text);
            prop_assert_eq!(serde_json::from_str::<String>(&json).expect("valid JSON"), text.as_str());
            let clean = |c: char| c >= ' ' && !"<>&\u{2028}\u{2029}".contains(c);
            prop_assert!(json.chars().all(clean));
            let texts = [text.as_bytes(), b"v", b"", text.as_bytes()];
            let end = &[END][..];
            let packed: Vec<u8> = texts.iter().flat_map(|text| [text, end].concat()).collect();
            let mut out = Vec::from("[");
            write_packed(&mut out, &packed);
            let want = alloc::format!("[{{{json}:\"v\",\"\":{json}}}");
            prop_assert_eq!(String::from_utf8(out).expect("UTF-8"), want);
            let mut out = Vec::new();
            write_packed(&mut out, b"");
            prop_assert_eq!(out, b"{}");
        }
    }
}
