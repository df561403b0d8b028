//! A pull parser of JSON request bodies with the rules of Go's `encoding/json`.
//!
//! Clients rely on those rules, and no parser of the ecosystem has them: keys match in any case,
//! of a repeated key the last one counts, `null` leaves a field as it was, what follows the value
//! is ignored, and what is not UTF-8 (bytes or lone surrogates) reads as U+FFFD. Texts are borrowed
//! from the body wherever they have no escapes.

use alloc::{borrow::Cow, format, string::String};

use crate::{label::quote::quote, limits::JSON_DEPTH_MAX, word};

/// Why a body cannot be read, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault(pub(super) String);

/// What a value is, by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Array,
    Bool,
    Null,
    Number,
    Object,
    String,
}

impl Kind {
    /// Returns Go's word for it, as in "cannot unmarshal number".
    const fn as_str(self) -> &'static str {
        match self {
            Self::Array => "array",
            Self::Bool => "bool",
            Self::Null => "null",
            Self::Number => "number",
            Self::Object => "object",
            Self::String => "string",
        }
    }
}

/// Replaces what is not UTF-8 as Go does: every bad byte becomes one U+FFFD.
pub(super) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = core::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(out)
}

/// Tells whether a key names a field: letters match in either case, as do the two letters outside
/// ASCII that Unicode folds into it.
pub(super) fn names(key: &str, field: &str) -> bool {
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        c => c.to_ascii_lowercase(),
    };
    key == field
        || (key.len() >= field.len()
            && key.chars().map(fold).eq(field.chars().map(|c| c.to_ascii_lowercase())))
}

/// Reads one value from the start of a text.
pub(super) struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    /// Tells whether there is nothing but white space.
    pub(super) fn is_blank(&mut self) -> bool {
        self.space();
        self.at == self.text.len()
    }

    /// Looks at the next value without reading it.
    #[inline]
    pub(super) fn kind(&mut self) -> Result<Kind, Fault> {
        self.space();
        match self.byte() {
            Some(b'"') => Ok(Kind::String),
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'n') => Ok(Kind::Null),
            Some(b't' | b'f') => Ok(Kind::Bool),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            _ => Err(self.unexpected("looking for beginning of value")),
        }
    }

    /// Reads a text; `None` for `null`. `target` names the Go type for the fault.
    #[inline]
    pub(super) fn text(&mut self, target: &str) -> Result<Option<Cow<'a, str>>, Fault> {
        self.space();
        match self.plain() {
            Some(text) => Ok(Some(Cow::Borrowed(text))),
            None => self.any_text(target),
        }
    }

    #[cold]
    fn any_text(&mut self, target: &str) -> Result<Option<Cow<'a, str>>, Fault> {
        match self.kind()? {
            Kind::String => self.string().map(Some),
            Kind::Null => self.literal("null").map(|()| None),
            kind => Err(mismatch(kind, target)),
        }
    }

    /// Reads a truth value; `None` for `null`.
    pub(super) fn bool(&mut self, target: &str) -> Result<Option<bool>, Fault> {
        match self.kind()? {
            Kind::Bool if self.byte() == Some(b't') => self.literal("true").map(|()| Some(true)),
            Kind::Bool => self.literal("false").map(|()| Some(false)),
            Kind::Null => self.literal("null").map(|()| None),
            kind => Err(mismatch(kind, target)),
        }
    }

    /// Reads an object; `member` must read the value of each key. Returns false for `null`.
    pub(super) fn object(
        &mut self,
        target: &str,
        mut member: impl FnMut(&mut Self, Cow<'a, str>) -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        self.members(target, |this| {
            let key = this.key()?;
            member(this, key)
        })
    }

    /// Reads an object of texts, of which `null` reads as the empty one. Returns false for `null`.
    /// `of` names the Go type of a text for the fault.
    pub(super) fn texts(
        &mut self,
        target: &str,
        of: &str,
        mut member: impl FnMut(&str, &str),
    ) -> Result<bool, Fault> {
        self.members(target, |this| {
            if let Some((name, value)) = this.plain_member() {
                member(name, value);
            } else {
                let key = this.key()?;
                let value = this.text(of)?;
                member(&key, &value.unwrap_or_default());
            }
            Ok(())
        })
    }

    /// Reads an object; `member` must read each key, which comes next, and its value.
    #[inline]
    fn members(
        &mut self,
        target: &str,
        mut member: impl FnMut(&mut Self) -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        match self.kind()? {
            Kind::Object => {}
            Kind::Null => return self.literal("null").map(|()| false),
            kind => return Err(mismatch(kind, target)),
        }
        self.enter()?;
        self.space();
        if self.byte() == Some(b'}') {
            self.leave();
            return Ok(true);
        }
        loop {
            self.space();
            member(self)?;
            self.space();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.leave();
                    return Ok(true);
                }
                _ => return Err(self.unexpected("after object key:value pair")),
            }
        }
    }

    /// Reads a key and the colon behind it.
    fn key(&mut self) -> Result<Cow<'a, str>, Fault> {
        if self.byte() != Some(b'"') {
            return Err(self.unexpected("looking for beginning of object key string"));
        }
        let key = self.string()?;
        self.space();
        if self.byte() != Some(b':') {
            return Err(self.unexpected("after object key"));
        }
        self.at += 1;
        Ok(key)
    }

    /// Reads a key and a text that come next, have no escapes, and no white space between them.
    /// Nothing else is read.
    #[inline(always)]
    fn plain_member(&mut self) -> Option<(&'a str, &'a str)> {
        let rest = self.text.as_bytes().get(self.at..)?.strip_prefix(b"\"")?;
        let name = plain_length(rest)?;
        let rest = rest[name..].strip_prefix(b"\":\"")?;
        let value = plain_length(rest)?;
        let (name_at, value_at) = (self.at + 1, self.at + name + 4);
        self.at = value_at + value + 1;
        Some((&self.text[name_at..name_at + name], &self.text[value_at..value_at + value]))
    }

    /// Reads an array; `element` must read each value. Returns false for `null`.
    pub(super) fn array(
        &mut self,
        target: &str,
        mut element: impl FnMut(&mut Self, usize) -> Result<(), Fault>,
    ) -> Result<bool, Fault> {
        match self.kind()? {
            Kind::Array => {}
            Kind::Null => return self.literal("null").map(|()| false),
            kind => return Err(mismatch(kind, target)),
        }
        self.enter()?;
        self.space();
        if self.byte() == Some(b']') {
            self.leave();
            return Ok(true);
        }
        for index in 0.. {
            element(self, index)?;
            self.space();
            match self.byte() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.unexpected("after array element")),
            }
        }
        self.leave();
        Ok(true)
    }

    /// Reads a value that nobody asked for.
    pub(super) fn skip(&mut self) -> Result<(), Fault> {
        match self.kind()? {
            Kind::String => self.string().map(drop),
            Kind::Object => self.object("", |this, _| this.skip()).map(drop),
            Kind::Array => self.array("", |this, _| this.skip()).map(drop),
            Kind::Null => self.literal("null"),
            Kind::Bool => self.bool("").map(drop),
            Kind::Number => self.number(),
        }
    }

    #[inline]
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
    }

    fn enter(&mut self) -> Result<(), Fault> {
        self.at += 1;
        self.depth += 1;
        if self.depth > JSON_DEPTH_MAX {
            return Err(Fault(format!("values are nested deeper than {JSON_DEPTH_MAX} levels")));
        }
        Ok(())
    }

    const fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    fn literal(&mut self, word: &'static str) -> Result<(), Fault> {
        for expected in word.chars() {
            if self.byte() != Some(expected as u8) {
                let place = format!("in literal {word} (expecting '{expected}')");
                return Err(self.unexpected(&place));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.byte() == Some(b'-') {
            self.at += 1;
        }
        match self.byte() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits("")?,
            _ => return Err(self.unexpected("in numeric literal")),
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits("after decimal point in numeric literal")?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn digits(&mut self, place: &str) -> Result<(), Fault> {
        if !self.byte().is_some_and(|b| b.is_ascii_digit()) {
            return Err(self.unexpected(place));
        }
        while self.byte().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        Ok(())
    }

    /// Reads a string; the opening quote is next.
    #[inline]
    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        match self.plain() {
            Some(text) => Ok(Cow::Borrowed(text)),
            None => self.escaped().map(Cow::Owned),
        }
    }

    /// Reads a string that comes next and has no escapes, as nearly all are. Nothing else is read.
    #[inline(always)]
    fn plain(&mut self) -> Option<&'a str> {
        let length = plain_length(self.text.as_bytes().get(self.at..)?.strip_prefix(b"\"")?)?;
        let start = self.at + 1;
        self.at = start + length + 1;
        Some(&self.text[start..start + length])
    }

    /// Reads a string that has escapes or a fault; the opening quote is next.
    #[cold]
    fn escaped(&mut self) -> Result<String, Fault> {
        self.at += 1;
        let start = self.at;
        self.plain_run();
        let mut out = String::from(&self.text[start..self.at]);
        loop {
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => out.push(self.escape()?),
                _ => return Err(self.unexpected("in string literal")),
            }
            let start = self.at;
            self.plain_run();
            out.push_str(&self.text[start..self.at]);
        }
    }

    /// Passes over what a string holds up to a quote, a backslash or a control character.
    fn plain_run(&mut self) {
        self.at += word::run(&self.text.as_bytes()[self.at..], run_ends);
    }

    /// Reads an escape; the backslash is next.
    fn escape(&mut self) -> Result<char, Fault> {
        self.at += 1;
        let c = match self.byte() {
            Some(c @ (b'"' | b'\\' | b'/')) => char::from(c),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.unexpected("in string escape code")),
        };
        self.at += 1;
        Ok(c)
    }

    /// Reads the digits of `\u`, and of a second one that completes a surrogate pair.
    fn unicode(&mut self) -> Result<char, Fault> {
        let first = self.hex4()?;
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        let before = self.at;
        if first < 0xdc00 && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            let second = self.hex4()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            // The second escape stands for itself.
            self.at = before;
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex4(&mut self) -> Result<u32, Fault> {
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.byte().and_then(|b| char::from(b).to_digit(16));
            let Some(digit) = digit else {
                return Err(self.unexpected("in \\u hexadecimal character escape"));
            };
            code = code * 16 + digit;
            self.at += 1;
        }
        Ok(code)
    }

    /// Makes the fault of a byte that does not belong here.
    fn unexpected(&self, place: &str) -> Fault {
        let Some(byte) = self.byte() else { return Fault("unexpected EOF".into()) };
        // Go shows the byte as if it were a character.
        let shown = match char::from(byte) {
            '\'' => String::from("'\\''"),
            '"' => String::from("'\"'"),
            c => {
                let quoted = quote(c.encode_utf8(&mut [0; 4]));
                format!("'{}'", &quoted[1..quoted.len() - 1])
            }
        };
        Fault(format!("invalid character {shown} {place}"))
    }
}

/// Returns how long a text is up to its quote, if nothing else ends it before. At the very end of
/// the body, where less than a word is left, nobody needs to know.
#[inline(always)]
fn plain_length(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes;
    loop {
        let (block, after) = rest.split_first_chunk::<8>()?;
        let ends = run_ends(u64::from_le_bytes(*block));
        if ends != 0 {
            let place = word::first(ends);
            return (rest.get(place) == Some(&b'"')).then(|| bytes.len() - rest.len() + place);
        }
        rest = after;
    }
}

/// Marks the bytes of a word that end a plain run.
#[inline]
const fn run_ends(word: u64) -> u64 {
    word::below(word, b' ') | word::equal(word, b'"') | word::equal(word, b'\\')
}

/// Makes the fault of a value of the wrong kind.
pub(super) fn mismatch(kind: Kind, target: &str) -> Fault {
    Fault(format!("json: cannot unmarshal {} into Go {target}", kind.as_str()))
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString as _, vec::Vec};

    use proptest::prelude::*;

    use super::*;

    fn skip(text: &str) -> Result<usize, String> {
        let mut parser = Parser::new(text);
        parser.skip().map(|()| parser.at).map_err(|fault| fault.0)
    }

    fn string(text: &str) -> String {
        Parser::new(text).text("").expect("valid").expect("a text").into_owned()
    }

    #[test]
    fn faults_are_worded_as_gos() {
        for (text, fault) in [
            ("", "unexpected EOF"),
            ("[", "unexpected EOF"),
            ("x", "invalid character 'x' looking for beginning of value"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            ("[1 2]", "invalid character '2' after array element"),
            ("{a", "invalid character 'a' looking for beginning of object key string"),
            ("{\"a\" 1}", "invalid character '1' after object key"),
            ("{\"a\":1 '}", "invalid character '\\'' after object key:value pair"),
            ("\"a\nb\"", "invalid character '\\n' in string literal"),
            ("\"\\x\"", "invalid character 'x' in string escape code"),
            ("\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"),
            ("nul\"", "invalid character '\"' in literal null (expecting 'l')"),
            ("-a", "invalid character 'a' in numeric literal"),
            ("1.x", "invalid character 'x' after decimal point in numeric literal"),
            ("1e+", "unexpected EOF"),
            ("1ex", "invalid character 'x' in exponent of numeric literal"),
        ] {
            assert_eq!(skip(text), Err(fault.to_string()), "{text}");
        }
        let deep = "[".repeat(JSON_DEPTH_MAX + 1);
        assert!(skip(&deep).is_err_and(|fault| fault.starts_with("values are nested deeper")));
        let allowed = "[".repeat(JSON_DEPTH_MAX) + &"]".repeat(JSON_DEPTH_MAX);
        assert_eq!(skip(&allowed), Ok(2 * JSON_DEPTH_MAX));
    }

    #[test]
    fn strings_read_as_in_go() {
        assert_eq!(string(r#""\u00e9\n\/\ud83d\ude00""#), "é\n/😀");
        assert_eq!(string(r#""\ud800x\udc00\ud800\ud83d\ude00""#), "\u{fffd}x\u{fffd}\u{fffd}😀");
        assert_eq!(string(r#""\ud800\u0041""#), "\u{fffd}A");
        assert_eq!(lossy(b"a\xff\xed\xa0\x80\xc3"), "a\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}");
        assert!(names("StartsAt", "startsAt") && names("label\u{17f}", "labels"));
        assert!(!names("label", "labels") && !names("labelsx", "labels"));
    }

    proptest! {
        #[test]
        fn reads_what_serde_reads(text in "[\\[\\]{}:,\"\\\\aun0-9e+. -]{0,24}|\\PC{0,12}") {
            let serde: Result<serde::de::IgnoredAny, _> = serde_json::from_str(&text);
            match skip(&text) {
                // What follows the value is ignored here.
                Ok(at) => {
                    let value = &text[..at];
                    let read: Result<serde::de::IgnoredAny, _> = serde_json::from_str(value);
                    prop_assert!(read.is_ok() || value.contains("\\u"), "{}", value);
                }
                Err(_) => prop_assert!(serde.is_err()),
            }
        }

        #[test]
        fn runs_end_at_the_first_special_byte(
            bytes in any::<[u8; 8]>(), at in 0usize..8, b in 0u8..0x24,
        ) {
            let mut bytes = bytes.map(|b| if b == b'\\' { b'x' } else { b.max(0x23) });
            prop_assert_eq!(run_ends(u64::from_le_bytes(bytes)), 0);
            bytes[at] = if b == 0x23 { b'\\' } else { b };
            let place = run_ends(u64::from_le_bytes(bytes)).trailing_zeros() / 8;
            let is_plain = matches!(bytes[at], b' ' | b'!');
            prop_assert_eq!(place as usize, if is_plain { 8 } else { at });
        }

        #[test]
        fn strings_survive(text in ".{0,20}") {
            let json = serde_json::to_string(&text).expect("writes");
            prop_assert_eq!(string(&json), text);
        }

        #[test]
        fn bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let text = lossy(&bytes);
            prop_assert_eq!(text.chars().filter(|&c| c == '\u{fffd}').count() == 0 ||
                core::str::from_utf8(&bytes).is_err() || text.contains('\u{fffd}'), true);
            let _ = skip(&text);
            let _: Vec<char> = text.chars().collect();
        }
    }
}
