//! RE2 expressions as Go reads them, with shortcuts for the simple ones that most matchers hold.

use alloc::{boxed::Box, format, string::String, sync::Arc, vec::Vec};
use core::{fmt, ops::Range};

use self::{literal::Plan, parse::Parsed};
use crate::limits::{REGEX_ENGINE_DEPTH_MAX, REGEX_LITERALS_MAX, REGEX_NFA_BYTES_MAX};
use regex_automata::{
    Input,
    meta::{Builder, Config, Regex as Engine},
    nfa::thompson::WhichCaptures,
    util::{iter::Searcher, lazy},
};

mod class;
mod escape;
mod literal;
mod parse;
mod size;
#[cfg(test)]
mod tests;

/// A compiled expression. Clones share it.
#[derive(Clone)]
pub struct Regex(Arc<Inner>);

struct Inner {
    pattern: Box<str>,
    /// The names of the groups, the whole match first.
    groups: Box<[Option<Box<str>>]>,
    prefix: Option<Box<str>>,
    /// Least bytes of a match.
    least: usize,
    matching: Matching,
}

enum Matching {
    /// The whole value is one of these; sorted.
    Words(Box<[Arc<str>]>),
    /// The whole value is the prefix and then anything.
    Open {
        least: usize,
        newline: bool,
    },
    Engine(Lazy),
}

/// An engine that is built when the first text is looked at.
///
/// An engine takes some 10 kB and 50 µs, and most patterns of silences never get to see a text,
/// since another matcher of theirs decides before.
type Lazy = lazy::Lazy<Engine, Box<dyn Fn() -> Engine + Send + Sync>>;

/// Where one group matched, in bytes; `None` when it took no part in the match.
pub type Group = Option<Range<usize>>;

/// Why an expression does not compile, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexError {
    kind: RegexErrorKind,
    expr: Box<str>,
}

/// What is wrong with an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegexErrorKind {
    /// A class or a range in it does not exist or is reversed.
    ClassRange,
    /// An escape is not known.
    Escape,
    /// The name of a group is missing, ill-formed or not closed.
    NamedCapture,
    /// Something after `(?` is not known.
    PerlSyntax,
    /// A repetition follows a repetition.
    NestedRepeat,
    /// A repeat count is above 1000 or its bounds are reversed.
    RepeatCount,
    /// A `[` is not closed.
    MissingBracket,
    /// A `(` is not closed.
    MissingParen,
    /// A repetition has nothing to repeat.
    MissingRepeatArgument,
    /// The expression ends in a backslash.
    TrailingBackslash,
    /// A `)` closes nothing.
    UnexpectedParen,
    /// The expression nests over a limit.
    NestingDepth,
    /// The expression is over a size limit.
    TooLarge,
}

impl RegexErrorKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::ClassRange => "invalid character class range",
            Self::Escape => "invalid escape sequence",
            Self::NamedCapture => "invalid named capture",
            Self::PerlSyntax => "invalid or unsupported Perl syntax",
            Self::NestedRepeat => "invalid nested repetition operator",
            Self::RepeatCount => "invalid repeat count",
            Self::MissingBracket => "missing closing ]",
            Self::MissingParen => "missing closing )",
            Self::MissingRepeatArgument => "missing argument to repetition operator",
            Self::TrailingBackslash => "trailing backslash at end of expression",
            Self::UnexpectedParen => "unexpected )",
            Self::NestingDepth => "expression nests too deeply",
            Self::TooLarge => "expression too large",
        }
    }
}

impl RegexError {
    fn new(kind: RegexErrorKind, expr: &str) -> Self {
        Self { kind, expr: expr.into() }
    }

    /// Returns what is wrong.
    pub const fn kind(&self) -> RegexErrorKind {
        self.kind
    }

    /// Returns the part of the expression that is wrong.
    pub fn expr(&self) -> &str {
        &self.expr
    }
}

impl fmt::Display for RegexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error parsing regexp: {}: `{}`", self.kind.as_str(), self.expr)
    }
}

impl core::error::Error for RegexError {}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Regex").field(&self.0.pattern).finish()
    }
}

impl Regex {
    /// Compiles `^(?:pattern)$`, so that the expression must match a whole value.
    ///
    /// # Errors
    /// The pattern is not valid RE2 in Go's syntax, or over a limit.
    pub fn anchored(pattern: &str) -> Result<Self, RegexError> {
        let whole = format!("^(?:{pattern})$");
        let parsed = parse::parse(&whole, false)?;
        let facts = literal::facts(&parsed.hir);
        let matching = match facts.plan {
            Plan::Words(words) => Matching::Words(words.into_iter().map(Arc::from).collect()),
            Plan::Open { least, newline } => Matching::Open { least, newline },
            Plan::Engine => Matching::Engine(engine(whole, &parsed, false)?),
        };
        Ok(Self(Arc::new(Inner {
            pattern: pattern.into(),
            groups: parsed.groups.into(),
            prefix: facts.prefix.map(Box::from),
            least: parsed.hir.properties().minimum_len().unwrap_or(0),
            matching,
        })))
    }

    /// Compiles `pattern` to be searched for anywhere in a text, with its groups.
    ///
    /// # Errors
    /// The pattern is not valid RE2 in Go's syntax, or over a limit.
    pub fn unanchored(pattern: &str) -> Result<Self, RegexError> {
        let parsed = parse::parse(pattern, true)?;
        let matching = Matching::Engine(engine(pattern.into(), &parsed, true)?);
        Ok(Self(Arc::new(Inner {
            pattern: pattern.into(),
            groups: parsed.groups.into(),
            prefix: None,
            least: parsed.hir.properties().minimum_len().unwrap_or(0),
            matching,
        })))
    }

    /// Returns the expression as given, without the anchors.
    pub fn pattern(&self) -> &str {
        &self.0.pattern
    }

    /// Tells whether an anchored expression matches the whole of `value`, or whether an unanchored
    /// one matches somewhere in it. `value` is UTF-8.
    pub fn is_match(&self, value: &[u8]) -> bool {
        match &self.0.matching {
            Matching::Words(words) => {
                words.binary_search_by(|word| word.as_bytes().cmp(value)).is_ok()
            }
            Matching::Open { least, newline } => {
                let prefix = self.0.prefix.as_deref().unwrap_or("");
                value.strip_prefix(prefix.as_bytes()).is_some_and(|rest| {
                    rest.len() >= *least && (*newline || memchr::memchr(b'\n', rest).is_none())
                })
            }
            Matching::Engine(engine) => value.len() >= self.0.least && engine.is_match(value),
        }
    }

    /// Tells whether the expression matches the empty value, which a missing label counts as.
    pub fn matches_empty(&self) -> bool {
        self.is_match(b"")
    }

    /// Returns every value an anchored expression matches, sorted, when these are a few literals.
    /// An empty list means that it matches nothing.
    pub fn literals(&self) -> Option<&[Arc<str>]> {
        match &self.0.matching {
            Matching::Words(words) if words.len() <= REGEX_LITERALS_MAX => Some(words),
            _ => None,
        }
    }

    /// Returns a text that every value an anchored expression matches starts with, if there is
    /// one that is not empty.
    pub fn prefix(&self) -> Option<&str> {
        self.0.prefix.as_deref()
    }

    /// Returns the names of the groups in order; the first stands for the whole match.
    pub fn group_names(&self) -> impl ExactSizeIterator<Item = Option<&str>> {
        self.0.groups.iter().map(Option::as_deref)
    }

    /// Returns the leftmost matches in `text` that do not overlap, each with where its groups
    /// matched, the whole match first. Only an unanchored expression has matches to list.
    pub fn find_captures<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Vec<Group>> + 'a {
        let engine = match &self.0.matching {
            Matching::Engine(engine) => Some(engine),
            Matching::Words(_) | Matching::Open { .. } => None,
        };
        let mut search = engine
            .map(|engine| (engine, Searcher::new(Input::new(text)), engine.create_captures()));
        core::iter::from_fn(move || {
            let (engine, searcher, captures) = search.as_mut()?;
            searcher.advance(|input| {
                engine.search_captures(input, captures);
                Ok(captures.get_match())
            })?;
            let spans = 0..self.0.groups.len();
            Some(spans.map(|i| captures.get_group(i).map(|span| span.range())).collect())
        })
    }
}

/// Prepares the engine for what `whole` was parsed to.
fn engine(whole: String, parsed: &Parsed, is_search: bool) -> Result<Lazy, RegexError> {
    if parsed.height > REGEX_ENGINE_DEPTH_MAX {
        return Err(RegexError::new(RegexErrorKind::NestingDepth, &whole));
    }
    if size::bound(&parsed.hir) > REGEX_NFA_BYTES_MAX {
        // It may be too large, which only its construction tells.
        let Some(engine) = build(parsed, is_search) else {
            return Err(RegexError::new(RegexErrorKind::TooLarge, &whole));
        };
        return Ok(Lazy::new(Box::new(move || engine.clone())));
    }
    Ok(Lazy::new(Box::new(move || {
        let parsed = parse::parse(&whole, is_search).expect("it was parsed before");
        build(&parsed, is_search).expect("its size has a bound below the limit")
    })))
}

/// Builds an engine; `None` if it is too large.
fn build(parsed: &Parsed, is_search: bool) -> Option<Engine> {
    let groups = if is_search { WhichCaptures::All } else { WhichCaptures::None };
    let config = Config::new()
        .nfa_size_limit(Some(REGEX_NFA_BYTES_MAX))
        .onepass(is_search)
        .which_captures(groups);
    Builder::new().configure(config).build_from_hir(&parsed.hir).ok()
}
