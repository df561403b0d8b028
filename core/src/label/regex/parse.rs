//! The grammar of RE2 as Go's `regexp` reads it (its flags `Perl`).

use alloc::{boxed::Box, string::String, vec, vec::Vec};

use regex_syntax::hir::{Capture, Class, Dot, Hir, Look, Repetition};

use super::{RegexError, RegexErrorKind as Kind, class, escape};
use crate::limits::{REGEX_BYTES_MAX, REGEX_CLASS_RANGES_MAX, REGEX_DEPTH_MAX, REGEX_REPEAT_MAX};

/// What an expression reads as.
pub(super) struct Parsed {
    pub hir: Hir,
    /// Levels of nesting.
    pub height: u32,
    /// The names of the groups, the whole match first.
    pub groups: Vec<Option<Box<str>>>,
}

/// Parses `whole`. Groups are kept in the result only if `groups`; matching needs none.
pub(super) fn parse(whole: &str, groups: bool) -> Result<Parsed, RegexError> {
    if whole.len() > REGEX_BYTES_MAX {
        let start = &whole[..whole.floor_char_boundary(64)];
        return Err(RegexError::new(Kind::TooLarge, start));
    }
    let mut parser = Parser {
        whole,
        rest: whole,
        flags: Flags::default(),
        frames: vec![Frame::default()],
        groups: vec![None],
        keep_groups: groups,
        budget: Budget { whole, ranges: REGEX_CLASS_RANGES_MAX },
    };
    let mut last_repeat = None;
    while let Some(c) = parser.rest.chars().next() {
        last_repeat = parser.step(c, last_repeat)?;
    }
    let node = parser.close_frame()?;
    if !parser.frames.is_empty() {
        return Err(RegexError::new(Kind::MissingParen, whole));
    }
    Ok(Parsed { hir: node.hir, height: node.height, groups: parser.groups })
}

/// What `(?imsU)` sets.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    /// `i`: letters match in both cases.
    pub fold: bool,
    /// `m`: `^` and `$` match at lines.
    multi: bool,
    /// `s`: `.` matches a line feed.
    dot_all: bool,
    /// `U`: repetitions match as little as they can, and as much with `?`.
    lazy: bool,
}

/// What character classes may still take.
pub(super) struct Budget<'a> {
    whole: &'a str,
    ranges: usize,
}

impl Budget<'_> {
    /// Takes `ranges` from the budget.
    pub(super) fn charge(&mut self, ranges: usize) -> Result<(), RegexError> {
        match self.ranges.checked_sub(ranges) {
            Some(left) => {
                self.ranges = left;
                Ok(())
            }
            None => Err(RegexError::new(Kind::TooLarge, self.whole)),
        }
    }
}

/// A part of the expression.
struct Node {
    hir: Hir,
    /// Levels of nesting as Go counts them: one for a text or class, and one more for each group,
    /// repetition, sequence or alternation around it.
    height: u32,
    /// The largest product of repeat counts around any part of this.
    copies: u32,
    kind: NodeKind,
}

/// Whether a part merges with the one around it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NodeKind {
    Sequence,
    Alternation,
    Other,
}

impl Node {
    const fn leaf(hir: Hir) -> Self {
        Self { hir, height: 1, copies: 1, kind: NodeKind::Other }
    }
}

/// What is open at one `(`; the outermost one is the whole expression.
#[derive(Default)]
struct Frame {
    /// The flags to return to.
    flags: Flags,
    /// The number of the group, 0 if it has none.
    group: u32,
    /// Alternatives before the last `|`.
    done: Vec<Node>,
    /// The alternative being read, but for the characters in `text`.
    items: Vec<Node>,
    /// Characters at the end of that alternative that mean themselves.
    text: String,
}

impl Frame {
    fn push(&mut self, node: Node) {
        self.flush();
        self.items.push(node);
    }

    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.items.push(Node::leaf(Hir::literal(self.text.as_bytes())));
            self.text.clear();
        }
    }

    /// Removes what a repetition applies to.
    fn pop(&mut self) -> Option<Node> {
        if let Some(c) = self.text.pop() {
            self.flush();
            return Some(Node::leaf(Hir::literal(c.encode_utf8(&mut [0; 4]).as_bytes())));
        }
        self.items.pop()
    }

    /// Ends the alternative being read.
    fn end_alternative(&mut self) {
        self.flush();
        let items = core::mem::take(&mut self.items);
        self.done.push(join(items, NodeKind::Sequence, Hir::concat));
    }
}

/// Makes one part of several. Nesting of like in like does not count as a level.
fn join(mut nodes: Vec<Node>, kind: NodeKind, make: fn(Vec<Hir>) -> Hir) -> Node {
    match nodes.len() {
        0 => Node::leaf(Hir::empty()),
        1 => nodes.remove(0),
        _ => {
            let height = |n: &Node| n.height + u32::from(n.kind != kind);
            let height = nodes.iter().map(height).max().unwrap_or(1);
            let copies = nodes.iter().map(|n| n.copies).max().unwrap_or(1);
            let hir = make(nodes.into_iter().map(|n| n.hir).collect());
            Node { hir, height, copies, kind }
        }
    }
}

struct Parser<'a> {
    whole: &'a str,
    rest: &'a str,
    flags: Flags,
    frames: Vec<Frame>,
    groups: Vec<Option<Box<str>>>,
    keep_groups: bool,
    budget: Budget<'a>,
}

impl<'a> Parser<'a> {
    /// Reads what starts with `c`. `last_repeat` and the returned value are the rest of the
    /// expression from a repetition on that was read just before.
    fn step(
        &mut self,
        c: char,
        last_repeat: Option<&'a str>,
    ) -> Result<Option<&'a str>, RegexError> {
        let after = &self.rest[c.len_utf8()..];
        match c {
            '(' if after.starts_with('?') => self.perl_group()?,
            '(' => self.open_group(after, None),
            '|' => {
                self.rest = after;
                self.frame().end_alternative();
            }
            ')' => self.close_group(after)?,
            '^' if self.flags.multi => self.look(Look::StartLF, after),
            '^' => self.look(Look::Start, after),
            '$' if self.flags.multi => self.look(Look::EndLF, after),
            '$' => self.look(Look::End, after),
            '.' => {
                let dot = if self.flags.dot_all { Dot::AnyChar } else { Dot::AnyCharExceptLF };
                self.hir(Hir::dot(dot), after);
            }
            '[' => {
                let (hir, after) = class::class(self.rest, self.flags, &mut self.budget)?;
                self.hir(hir, after);
            }
            '*' => return self.repeat(0, None, after, last_repeat, false),
            '+' => return self.repeat(1, None, after, last_repeat, false),
            '?' => return self.repeat(0, Some(1), after, last_repeat, false),
            '{' => {
                if let Some(counts) = counts(self.rest) {
                    return self.repeat_counts(counts, last_repeat);
                }
                self.char('{', after)?;
            }
            '\\' => self.escape()?,
            c => self.char(c, after)?,
        }
        Ok(None)
    }

    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("the outermost frame is closed only at the end")
    }

    fn hir(&mut self, hir: Hir, after: &'a str) {
        self.rest = after;
        self.frame().push(Node::leaf(hir));
    }

    fn look(&mut self, look: Look, after: &'a str) {
        self.hir(Hir::look(look), after);
    }

    /// Reads a character that means itself.
    fn char(&mut self, c: char, after: &'a str) -> Result<(), RegexError> {
        self.rest = after;
        if self.flags.fold
            && let Some(class) = class::folded(c)
        {
            self.budget.charge(class.ranges().len())?;
            self.frame().push(Node::leaf(Hir::class(Class::Unicode(class))));
        } else {
            self.frame().text.push(c);
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), RegexError> {
        let s = self.rest;
        let two = |parser: &mut Self, look| {
            parser.look(look, &s[2..]);
            Ok(())
        };
        match s.as_bytes().get(1) {
            Some(b'A') => return two(self, Look::Start),
            Some(b'z') => return two(self, Look::End),
            Some(b'b') => return two(self, Look::WordAscii),
            Some(b'B') => return two(self, Look::WordAsciiNegate),
            Some(b'C') => return Err(RegexError::new(Kind::Escape, &s[..2])),
            Some(b'Q') => {
                let (text, after) = s[2..].split_once("\\E").unwrap_or((&s[2..], ""));
                for c in text.chars() {
                    self.char(c, after)?;
                }
                self.rest = after;
                return Ok(());
            }
            _ => {}
        }
        if let Some((class, after)) = class::escaped(s, self.flags, &mut self.budget)? {
            self.hir(Hir::class(Class::Unicode(class)), after);
            return Ok(());
        }
        let (code, after) = escape::escape(s)?;
        match char::from_u32(code) {
            Some(c) => self.char(c, after)?,
            // A surrogate occurs in no text.
            None => self.hir(Hir::fail(), after),
        }
        Ok(())
    }

    /// Opens a group; `name` is given for one that is named.
    fn open_group(&mut self, after: &'a str, name: Option<&str>) {
        let group = u32::try_from(self.groups.len()).expect("fewer groups than bytes");
        self.groups.push(name.map(Box::from));
        self.frames.push(Frame { flags: self.flags, group, ..Frame::default() });
        self.rest = after;
    }

    fn close_group(&mut self, after: &'a str) -> Result<(), RegexError> {
        if self.frames.len() < 2 {
            return Err(RegexError::new(Kind::UnexpectedParen, self.whole));
        }
        let (flags, group) = (self.frame().flags, self.frame().group);
        let mut node = self.close_frame()?;
        if group != 0 {
            node.height += 1;
            node.kind = NodeKind::Other;
            self.check_height(&node)?;
            if self.keep_groups {
                let capture = Capture { index: group, name: None, sub: Box::new(node.hir) };
                node.hir = Hir::capture(capture);
            }
        }
        self.flags = flags;
        self.rest = after;
        self.frame().push(node);
        Ok(())
    }

    /// Ends the innermost frame and returns what it holds.
    fn close_frame(&mut self) -> Result<Node, RegexError> {
        self.frame().end_alternative();
        let done = self.frames.pop().map(|frame| frame.done).unwrap_or_default();
        let node = join(done, NodeKind::Alternation, Hir::alternation);
        self.check_height(&node)?;
        Ok(node)
    }

    fn check_height(&self, node: &Node) -> Result<(), RegexError> {
        if node.height > REGEX_DEPTH_MAX {
            return Err(RegexError::new(Kind::NestingDepth, self.whole));
        }
        Ok(())
    }

    /// Reads what starts with `(?`: a named group, or flags for the rest of the group or for a
    /// group of their own.
    fn perl_group(&mut self) -> Result<(), RegexError> {
        let s = self.rest;
        let name_at = match s.as_bytes() {
            [_, _, b'P', b'<', _, ..] => Some(4),
            [_, _, b'<', _, ..] => Some(3),
            _ => None,
        };
        if let Some(start) = name_at {
            let Some(end) = s.find('>') else {
                return Err(RegexError::new(Kind::NamedCapture, s));
            };
            let name = &s[start..end];
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(RegexError::new(Kind::NamedCapture, &s[..=end]));
            }
            self.open_group(&s[end + 1..], Some(name));
            return Ok(());
        }
        let mut flags = self.flags;
        let mut on = true;
        // A `-` must be followed by a flag; nothing else must.
        let mut complete = true;
        let mut chars = s[2..].chars();
        while let Some(c) = chars.next() {
            match c {
                'i' => flags.fold = on,
                'm' => flags.multi = on,
                's' => flags.dot_all = on,
                'U' => flags.lazy = on,
                '-' if on => on = false,
                ':' | ')' if complete => {
                    if c == ':' {
                        self.frames.push(Frame { flags: self.flags, ..Frame::default() });
                    }
                    self.flags = flags;
                    self.rest = chars.as_str();
                    return Ok(());
                }
                _ => break,
            }
            complete = c != '-';
        }
        let read = s.len() - chars.as_str().len();
        Err(RegexError::new(Kind::PerlSyntax, &s[..read]))
    }

    fn repeat_counts(
        &mut self,
        (min, max, after): (Count, Max, &'a str),
        last_repeat: Option<&'a str>,
    ) -> Result<Option<&'a str>, RegexError> {
        let text = &self.rest[..self.rest.len() - after.len()];
        let bad = || RegexError::new(Kind::RepeatCount, text);
        let min = min.filter(|n| *n <= REGEX_REPEAT_MAX).ok_or_else(bad)?;
        let max = match max {
            Max::Same => Some(min),
            Max::None => None,
            Max::At(count) => {
                Some(count.filter(|n| *n <= REGEX_REPEAT_MAX && min <= *n).ok_or_else(bad)?)
            }
        };
        self.repeat(min, max, after, last_repeat, true)
    }

    /// Repeats what was read last. `counted` tells `{1,}` from `+`.
    fn repeat(
        &mut self,
        min: u32,
        max: Option<u32>,
        after: &'a str,
        last_repeat: Option<&'a str>,
        counted: bool,
    ) -> Result<Option<&'a str>, RegexError> {
        let before = self.rest;
        let (after, lazy) = match after.strip_prefix('?') {
            Some(after) => (after, !self.flags.lazy),
            None => (after, self.flags.lazy),
        };
        if let Some(last) = last_repeat {
            let text = &last[..last.len() - after.len()];
            return Err(RegexError::new(Kind::NestedRepeat, text));
        }
        let text = &before[..before.len() - after.len()];
        let Some(Node { hir, height, copies, .. }) = self.frame().pop() else {
            return Err(RegexError::new(Kind::MissingRepeatArgument, text));
        };
        let copies = match max {
            _ if !counted => copies,
            // What is repeated no times does not count, however often it says.
            Some(0) => 1,
            Some(max) => copies.saturating_mul(max),
            None => copies.saturating_mul(min.max(1)),
        };
        let hir = Hir::repetition(Repetition { min, max, greedy: !lazy, sub: Box::new(hir) });
        let node = Node { hir, height: height + 1, copies, kind: NodeKind::Other };
        self.check_height(&node)?;
        if copies > REGEX_REPEAT_MAX && (min >= 2 || max.is_some_and(|max| max >= 2)) {
            return Err(RegexError::new(Kind::RepeatCount, text));
        }
        self.rest = after;
        self.frame().push(node);
        Ok(Some(before))
    }
}

/// A repeat count; `None` if it is far over the limit.
type Count = Option<u32>;

/// The upper bound of a repetition in braces.
enum Max {
    Same,
    None,
    At(Count),
}

/// Reads `{n}`, `{n,}` or `{n,m}`; returns `None` if `s` starts with nothing of the kind, so that
/// its brace means itself.
fn counts(s: &str) -> Option<(Count, Max, &str)> {
    let (min, s) = count(s.strip_prefix('{')?)?;
    if let Some(after) = s.strip_prefix('}') {
        return Some((min, Max::Same, after));
    }
    let s = s.strip_prefix(',')?;
    if let Some(after) = s.strip_prefix('}') {
        return Some((min, Max::None, after));
    }
    let (max, s) = count(s)?;
    Some((min, Max::At(max), s.strip_prefix('}')?))
}

/// Reads a number without leading zeros.
fn count(s: &str) -> Option<(Count, &str)> {
    let digits = s.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = s.split_at(digits);
    if digits == 0 || (digits > 1 && number.starts_with('0')) {
        return None;
    }
    Some((number.parse().ok(), rest))
}
