//! What can be said of an anchored expression without running it.

use alloc::{string::String, vec, vec::Vec};

use regex_syntax::hir::{Class, Dot, Hir, HirKind, Look, Repetition};

use crate::limits::{REGEX_PREFIX_BYTES_MAX, REGEX_WORD_BYTES_MAX, REGEX_WORDS_MAX};

/// Nesting below which expressions are not looked into: simple ones do not get there, and the
/// functions here call themselves.
const DEPTH: u32 = 32;

/// How to match.
pub(super) enum Plan {
    /// The value is one of these, sorted.
    Words(Vec<String>),
    /// The value is the prefix, then at least `least` bytes, among them line feeds if `newline`.
    Open { least: usize, newline: bool },
    /// Only the engine can tell.
    Engine,
}

/// What is known of an expression.
pub(super) struct Facts {
    pub plan: Plan,
    /// What every match starts with; never empty.
    pub prefix: Option<String>,
}

/// Looks into the expression of `^(?:...)$`.
pub(super) fn facts(hir: &Hir) -> Facts {
    let Some(body) = body(hir) else { return Facts { plan: Plan::Engine, prefix: None } };
    let mut prefix = Prefix::default();
    body.iter().all(|hir| prefix.extend(hir, 0));
    let plan = match words_of(body, 0) {
        Some(words) => Plan::Words(words),
        None => open(body).unwrap_or(Plan::Engine),
    };
    // A cut prefix no longer describes the part before `.*`.
    let plan = match plan {
        Plan::Open { .. } if prefix.cut => Plan::Engine,
        plan => plan,
    };
    Facts { plan, prefix: Some(prefix.text).filter(|text| !text.is_empty()) }
}

/// Returns what stands between the two anchors. A stray `)` in a pattern can leave an expression
/// of another shape, which has no such part.
fn body(hir: &Hir) -> Option<&[Hir]> {
    let HirKind::Concat(items) = hir.kind() else { return None };
    let is = |hir: &Hir, look| matches!(hir.kind(), HirKind::Look(l) if *l == look);
    let start = items.iter().take_while(|hir| is(hir, Look::Start)).count();
    let end = items.iter().rev().take_while(|hir| is(hir, Look::End)).count();
    (start > 0 && end > 0).then(|| &items[start..items.len() - end])
}

/// Recognises a literal and then `.*` or `.+`.
fn open(body: &[Hir]) -> Option<Plan> {
    let (last, before) = body.split_last()?;
    if !matches!(before, [] | [_]) || !before.iter().all(|h| h.properties().is_literal()) {
        return None;
    }
    let HirKind::Repetition(Repetition { min, max: None, sub, .. }) = last.kind() else {
        return None;
    };
    let newline = match sub {
        sub if **sub == Hir::dot(Dot::AnyChar) => true,
        sub if **sub == Hir::dot(Dot::AnyCharExceptLF) => false,
        _ => return None,
    };
    // More than one needed character is more than one byte only sometimes.
    (*min <= 1).then_some(Plan::Open { least: *min as usize, newline })
}

/// Returns all texts that `items` match one after the other, sorted, if they are few.
fn words_of(items: &[Hir], depth: u32) -> Option<Vec<String>> {
    let mut all = vec![String::new()];
    for item in items {
        all = product(&all, &words(item, depth)?)?;
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

fn words(hir: &Hir, depth: u32) -> Option<Vec<String>> {
    if depth > DEPTH {
        return None;
    }
    match hir.kind() {
        HirKind::Empty => Some(vec![String::new()]),
        HirKind::Literal(literal) => Some(vec![core::str::from_utf8(&literal.0).ok()?.into()]),
        HirKind::Class(Class::Unicode(class)) => {
            let count: usize = class.iter().map(|range| range.len()).sum();
            let chars = class.iter().flat_map(|range| range.start()..=range.end());
            (count <= REGEX_WORDS_MAX).then(|| chars.map(String::from).collect())
        }
        // The class without members is one of bytes.
        HirKind::Class(Class::Bytes(class)) => class.ranges().is_empty().then(Vec::new),
        HirKind::Look(_) => None,
        HirKind::Repetition(rep) => repeated(rep, depth),
        HirKind::Capture(capture) => words(&capture.sub, depth + 1),
        HirKind::Concat(items) => words_of(items, depth + 1),
        HirKind::Alternation(items) => {
            let mut all = Vec::new();
            for item in items {
                all.extend(words(item, depth + 1)?);
                within(all.len(), all.iter().map(String::len).sum())?;
            }
            all.sort_unstable();
            all.dedup();
            Some(all)
        }
    }
}

fn repeated(rep: &Repetition, depth: u32) -> Option<Vec<String>> {
    let max = rep.max?;
    let one = words(&rep.sub, depth + 1)?;
    let mut all = Vec::new();
    let mut times = vec![String::new()];
    for i in 0..=max {
        if i >= rep.min {
            all.extend(times.iter().cloned());
            within(all.len(), all.iter().map(String::len).sum())?;
        }
        if i < max {
            times = product(&times, &one)?;
        }
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

/// Returns each of `a` followed by each of `b`.
fn product(a: &[String], b: &[String]) -> Option<Vec<String>> {
    let bytes = |list: &[String]| list.iter().map(String::len).sum::<usize>();
    within(
        a.len().saturating_mul(b.len()),
        bytes(a).saturating_mul(b.len()).saturating_add(bytes(b).saturating_mul(a.len())),
    )?;
    Some(a.iter().flat_map(|x| b.iter().map(move |y| [x.as_str(), y].concat())).collect())
}

/// Returns `Some` if that many texts of that many bytes together may be listed.
fn within(texts: usize, bytes: usize) -> Option<()> {
    (texts <= REGEX_WORDS_MAX && bytes <= REGEX_WORD_BYTES_MAX).then_some(())
}

/// A text that every match starts with.
#[derive(Default)]
struct Prefix {
    text: String,
    /// The text was cut at the limit.
    cut: bool,
}

impl Prefix {
    /// Appends what every match of `hir` starts with. Returns `true` if that is all it matches, so
    /// that what follows may be appended too.
    fn extend(&mut self, hir: &Hir, depth: u32) -> bool {
        if self.cut || depth > DEPTH {
            return false;
        }
        match hir.kind() {
            // Anchors and word boundaries take no text.
            HirKind::Empty | HirKind::Look(_) => true,
            HirKind::Literal(literal) => {
                core::str::from_utf8(&literal.0).is_ok_and(|text| self.push(text))
            }
            HirKind::Class(_) => false,
            HirKind::Repetition(rep) => {
                if rep.min == 0 {
                    return false;
                }
                (0..rep.min).all(|_| self.extend(&rep.sub, depth + 1)) && rep.max == Some(rep.min)
            }
            HirKind::Capture(capture) => self.extend(&capture.sub, depth + 1),
            HirKind::Concat(items) => items.iter().all(|hir| self.extend(hir, depth + 1)),
            HirKind::Alternation(items) => {
                if let Some(common) = common(items, depth) {
                    self.push(&common);
                }
                false
            }
        }
    }

    fn push(&mut self, text: &str) -> bool {
        let free = REGEX_PREFIX_BYTES_MAX.saturating_sub(self.text.len());
        let end = text.floor_char_boundary(free);
        self.text.push_str(&text[..end]);
        self.cut |= end < text.len();
        !self.cut
    }
}

/// Returns what the matches of all alternatives start with.
fn common(items: &[Hir], depth: u32) -> Option<String> {
    let mut common: Option<String> = None;
    for item in items {
        let mut prefix = Prefix::default();
        prefix.extend(item, depth + 1);
        let Some(text) = &mut common else {
            common = Some(prefix.text);
            continue;
        };
        let same = text.bytes().zip(prefix.text.bytes()).take_while(|(a, b)| a == b).count();
        text.truncate(text.floor_char_boundary(same));
    }
    common
}
