//! YAML text in the style of `gopkg.in/yaml.v2`, so that a printed configuration equals
//! Alertmanager's to the byte.

use alloc::{borrow::ToOwned as _, boxed::Box, format, string::String, vec::Vec};
use core::cmp::Ordering;
use core::fmt::Write as _;

use super::scalar::{Resolved, is_base60, resolve};

/// Columns after which a text with blanks goes on in the next line.
const WIDTH: usize = 80;
/// The longest key that is written as `key: value`.
const KEY_MAX: usize = 128;

/// A value to write.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    /// Written as it is: a number, a truth value, `null`.
    Bare(String),
    /// A text, quoted if it would be read as something else.
    Text(String),
    /// A text that makes what follows it in the same list, if it is a list or map, stand in one
    /// line: a whim of the library of the original.
    TextBeforeFlow(String),
    /// A list, one element a line.
    List(Vec<Self>),
    /// A list in one line: `[a, b]`.
    Flow(Vec<Self>),
    /// A map, one entry a line, in the given order.
    Map(Vec<(Key, Self)>),
}

/// A key of a map to write.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    text: Box<str>,
    /// Whether it is written as it is, since it is no text.
    is_bare: bool,
}

impl Key {
    /// Makes a key that is a text.
    pub fn text(text: &str) -> Self {
        Self { text: Box::from(text), is_bare: false }
    }

    /// Returns its text.
    pub const fn as_str(&self) -> &str {
        &self.text
    }

    /// Makes a key that is a number, a truth value or `null`.
    pub fn bare(text: &str) -> Self {
        Self { text: Box::from(text), is_bare: true }
    }
}

impl From<&str> for Key {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl Out {
    /// Makes a text.
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// Makes a truth value.
    pub fn boolean(value: bool) -> Self {
        Self::Bare(format!("{value}"))
    }

    /// Makes a list of texts.
    pub fn texts<T: AsRef<str>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self::List(texts.into_iter().map(|text| Self::text(text.as_ref())).collect())
    }

    /// Makes a map whose keys are sorted as the Go library sorts them.
    pub fn sorted<K: AsRef<str>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        let mut entries: Vec<(Key, Self)> =
            entries.into_iter().map(|(key, out)| (Key::text(key.as_ref()), out)).collect();
        entries.sort_by(|(a, _), (b, _)| key_order(&a.text, &b.text));
        Self::Map(entries)
    }

    /// Writes the value as a document.
    pub fn emit(&self) -> String {
        let mut writer = Writer { out: String::new(), column: 0, flow_next: false };
        writer.document(self);
        writer.out
    }
}

/// A map under construction, for entries that may be left out.
#[derive(Debug, Default)]
pub struct Fields(Vec<(Key, Out)>);

impl Fields {
    /// Adds an entry.
    pub fn put(&mut self, key: &str, value: Out) -> &mut Self {
        self.0.push((Key::text(key), value));
        self
    }

    /// Adds a text unless it is empty or missing.
    pub fn text(&mut self, key: &str, text: Option<&str>) -> &mut Self {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.put(key, Out::text(text));
        }
        self
    }

    /// Adds a list of texts unless it is empty.
    pub fn texts<T: AsRef<str>>(&mut self, key: &str, texts: &[T]) -> &mut Self {
        if !texts.is_empty() {
            self.put(key, Out::texts(texts));
        }
        self
    }

    /// Returns the map.
    pub fn done(self) -> Out {
        Out::Map(self.0)
    }
}

/// The order of keys in a map of the Go library: letters after everything else, digits by their
/// number, the rest by code point.
fn key_order(a: &str, b: &str) -> Ordering {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let number = |text: &[char], from: usize, start: u64| {
        let digits = text[from..].iter().take_while(|c| c.is_ascii_digit());
        digits.fold((start, from), |(n, end), c| {
            (n.wrapping_mul(10).wrapping_add(u64::from(*c as u32 - '0' as u32)), end + 1)
        })
    };
    for i in 0..a.len().min(b.len()) {
        if a[i] == b[i] {
            continue;
        }
        match (a[i].is_alphabetic(), b[i].is_alphabetic()) {
            (true, true) => return a[i].cmp(&b[i]),
            (true, false) => return Ordering::Greater,
            (false, true) => return Ordering::Less,
            (false, false) => {}
        }
        let mut start = 0;
        if a[i] == '0' || b[i] == '0' {
            // A zero inside of a number is a digit like any other, not its beginning.
            let digits = a[..i].iter().rev().take_while(|c| c.is_ascii_digit());
            start = u64::from(digits.into_iter().any(|c| *c != '0'));
        }
        let ((an, ai), (bn, bi)) = (number(&a, i, start), number(&b, i, start));
        return an.cmp(&bn).then(ai.cmp(&bi)).then(a[i].cmp(&b[i]));
    }
    a.len().cmp(&b.len())
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

/// Which styles a text can have.
struct Look {
    plain_in_flow: bool,
    plain_in_block: bool,
    single: bool,
    literal: bool,
}

struct Writer {
    out: String,
    column: usize,
    /// Whether the next list or map stands in one line.
    flow_next: bool,
}

impl Writer {
    fn document(&mut self, value: &Out) {
        match value {
            Out::Map(entries) if !entries.is_empty() => self.map(entries, 0, false),
            Out::List(items) if !items.is_empty() => self.list(items, 0, false),
            _ => self.leaf(value, 0, false),
        }
        if !self.out.ends_with('\n') {
            self.put("\n");
        }
    }

    fn put(&mut self, text: &str) {
        for c in text.chars() {
            self.column = if c == '\n' { 0 } else { self.column + 1 };
            self.out.push(c);
        }
    }

    fn line(&mut self, indent: usize) {
        if self.column > 0 {
            self.put("\n");
        }
        for _ in 0..indent {
            self.put(" ");
        }
    }

    /// Writes entries; with `inline` the first one goes on in the current line.
    fn map(&mut self, entries: &[(Key, Out)], indent: usize, inline: bool) {
        for (i, (key, value)) in entries.iter().enumerate() {
            if i > 0 || !inline {
                self.line(indent);
            }
            let Key { text: key, is_bare } = key;
            if *is_bare {
                self.put(key);
                self.put(":");
            } else if key.len() <= KEY_MAX && !key.contains('\n') {
                self.scalar(key, indent, false, true);
                self.put(":");
            } else {
                self.put("? ");
                self.scalar(key, indent, false, false);
                self.line(indent);
                self.put(":");
            }
            self.flow_next = false;
            match value {
                Out::Map(entries) if !entries.is_empty() => self.map(entries, indent + 2, false),
                // A list in a map stands in the column of its key.
                Out::List(items) if !items.is_empty() => self.list(items, indent, false),
                value => {
                    self.put(" ");
                    self.leaf(value, indent, false);
                }
            }
        }
    }

    fn list(&mut self, items: &[Out], indent: usize, inline: bool) {
        for (i, item) in items.iter().enumerate() {
            if i > 0 || !inline {
                self.line(indent);
            }
            self.put("- ");
            match item {
                item if self.flow_next => self.leaf(item, indent, false),
                Out::Map(entries) if !entries.is_empty() => self.map(entries, indent + 2, true),
                Out::List(items) if !items.is_empty() => self.list(items, indent + 2, true),
                item => self.leaf(item, indent, false),
            }
        }
    }

    fn leaf(&mut self, value: &Out, indent: usize, flow: bool) {
        match value {
            Out::Bare(text) => self.put(text),
            Out::Text(text) => self.scalar(text, indent, flow, false),
            Out::TextBeforeFlow(text) => {
                self.scalar(text, indent, flow, false);
                self.flow_next = true;
            }
            Out::List(items) | Out::Flow(items) => {
                self.flow_next = false;
                self.put("[");
                for (i, item) in items.iter().enumerate() {
                    self.next_in_flow(i > 0, indent + 2);
                    self.leaf(item, indent + 2, true);
                }
                self.put("]");
            }
            Out::Map(entries) => {
                self.flow_next = false;
                self.put("{");
                for (i, (key, value)) in entries.iter().enumerate() {
                    self.next_in_flow(i > 0, indent + 2);
                    self.scalar(&key.text, indent + 2, true, true);
                    self.put(": ");
                    self.flow_next = false;
                    self.leaf(value, indent + 2, true);
                }
                self.put("}");
            }
        }
    }

    /// Parts an element of a flow from the one before; a full line ends.
    fn next_in_flow(&mut self, parted: bool, indent: usize) {
        if parted {
            self.put(",");
        }
        if self.column > WIDTH {
            self.line(indent);
        } else if parted {
            self.put(" ");
        }
    }

    fn scalar(&mut self, text: &str, indent: usize, flow: bool, key: bool) {
        let look = look(text);
        let mut style = if text.contains('\n') {
            Style::Literal
        } else if resolve(text) == Resolved::Text && !is_base60(text) && (text != "<<" || !key) {
            Style::Plain
        } else {
            Style::Double
        };
        let plain = if flow { look.plain_in_flow } else { look.plain_in_block };
        if style == Style::Plain && (!plain || (text.is_empty() && (flow || key))) {
            style = if look.single { Style::Single } else { Style::Double };
        }
        if style == Style::Literal && (!look.literal || flow || key) {
            style = Style::Double;
        }
        match style {
            Style::Plain => self.folded(text, indent + 2, key, |c, out| out.push(c)),
            Style::Single => {
                self.put("'");
                self.folded(text, indent + 2, key, |c, out| {
                    out.push(c);
                    if c == '\'' {
                        out.push(c);
                    }
                });
                self.put("'");
            }
            Style::Double => self.double(text, indent + 2, key),
            Style::Literal => self.literal(text, indent + 2),
        }
    }

    /// Writes a text without line breaks; long ones go on in the next line at a single blank.
    fn folded(&mut self, text: &str, indent: usize, key: bool, write: fn(char, &mut String)) {
        let chars: Vec<char> = text.chars().collect();
        let mut after_blank = false;
        for (i, &c) in chars.iter().enumerate() {
            let inner = i > 0 && i + 1 < chars.len();
            let single = c == ' ' && !after_blank && inner && chars[i + 1] != ' ';
            after_blank = c == ' ';
            if single && !key && self.column > WIDTH {
                self.line(indent);
                continue;
            }
            let mut escaped = String::new();
            write(c, &mut escaped);
            self.put(&escaped);
            // Other breaks than a line's end are followed by the indentation all the same.
            let is_break = |c: char| matches!(c, '\u{2028}' | '\u{2029}');
            if is_break(c) {
                self.column = 0;
                if chars.get(i + 1).is_some_and(|&next| !is_break(next)) {
                    self.line(indent);
                }
            }
        }
    }

    fn double(&mut self, text: &str, indent: usize, key: bool) {
        self.put("\"");
        let chars: Vec<char> = text.chars().collect();
        // The original takes all of a text that begins with a mark of byte order for such marks.
        if chars.first() == Some(&'\u{feff}') {
            let mut escaped = String::new();
            chars.iter().for_each(|&c| escape_always(c, &mut escaped));
            self.put(&escaped);
            return self.put("\"");
        }
        let mut after_blank = false;
        for (i, &c) in chars.iter().enumerate() {
            let blank = c == ' ';
            let inner = i > 0 && i + 1 < chars.len();
            if blank && !key && !after_blank && inner && self.column > WIDTH {
                self.line(indent);
                if chars[i + 1] == ' ' {
                    self.put("\\");
                }
            } else {
                let mut escaped = String::new();
                escape(c, &mut escaped);
                self.put(&escaped);
            }
            after_blank = blank;
        }
        self.put("\"");
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.put("|");
        if text.starts_with([' ', '\n']) {
            self.put("2");
        }
        match text.strip_suffix('\n') {
            None => self.put("-"),
            Some(rest) if rest.is_empty() || rest.ends_with('\n') => self.put("+"),
            Some(_) => {}
        }
        self.put("\n");
        for line in text.split_inclusive('\n') {
            if line != "\n" {
                self.line(indent);
            }
            self.put(line);
        }
    }
}

/// Finds out which styles can carry a text without changing it.
fn look(text: &str) -> Look {
    if text.is_empty() {
        return Look { plain_in_flow: false, plain_in_block: true, single: true, literal: false };
    }
    let chars: Vec<char> = text.chars().collect();
    let marker = text.starts_with("---") || text.starts_with("...");
    let (mut flow_marks, mut block_marks, mut special) = (marker, marker, false);
    let (mut break_blank, mut blank_break) = (false, false);
    let blank = |c: char| matches!(c, ' ' | '\t');
    let is_break = |c: char| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}');
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| chars[i]);
        let ends = chars.get(i + 1).is_none_or(|&c| blank(c) || is_break(c));
        let starts = before.is_none_or(|c| blank(c) || is_break(c));
        let (flow, block) = match c {
            ',' | '[' | ']' | '{' | '}' => (true, i == 0),
            '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => (i == 0, i == 0),
            '#' => (starts, starts),
            '?' => (true, i == 0 && ends),
            ':' => (true, ends),
            '-' => (i == 0 && ends, i == 0 && ends),
            _ => (false, false),
        };
        flow_marks |= flow;
        block_marks |= block;
        special |= !is_printable(c);
        break_blank |= c == ' ' && before.is_some_and(is_break);
        blank_break |= is_break(c) && before == Some(' ');
    }
    let (first, last) = (chars[0], chars[chars.len() - 1]);
    let edges = [first, last].iter().any(|&c| c == ' ' || is_break(c));
    let breaks = chars.iter().any(|&c| is_break(c));
    let never = blank_break || special;
    Look {
        plain_in_flow: !(edges || break_blank || never || breaks || flow_marks),
        plain_in_block: !(edges || break_blank || never || breaks || block_marks),
        single: !(break_blank || never),
        literal: !(last == ' ' || never),
    }
}

/// What the Go library writes without an escape; planes above the first are not among it.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}')
        && c != '\u{feff}'
}

fn escape(c: char, out: &mut String) {
    let short = match c {
        '"' | '\\' => c,
        '\0' => '0',
        '\x07' => 'a',
        '\x08' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\x0b' => 'v',
        '\x0c' => 'f',
        '\r' => 'r',
        '\x1b' => 'e',
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        c if is_printable(c) => return out.push(c),
        c => return escape_by_number(c, out),
    };
    out.push('\\');
    out.push(short);
}

/// Writes an escape even of a character that needs none.
fn escape_always(c: char, out: &mut String) {
    if is_printable(c) && !matches!(c, '"' | '\\' | '\n' | '\u{2028}' | '\u{2029}') {
        escape_by_number(c, out);
    } else {
        escape(c, out);
    }
}

fn escape_by_number(c: char, out: &mut String) {
    let code = c as u32;
    let written = match code {
        0..=0xff => write!(out, "\\x{code:02X}"),
        0x100..=0xffff => write!(out, "\\u{code:04X}"),
        _ => write!(out, "\\U{code:08X}"),
    };
    written.expect("a String takes every write");
}
