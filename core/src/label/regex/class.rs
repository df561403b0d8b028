//! Character classes: `[...]`, `\d` and its kin, `[:alpha:]`, `\p{...}`.

use alloc::{format, string::String, vec::Vec};

use regex_syntax::{
    Parser,
    hir::{Class, ClassUnicode, ClassUnicodeRange, Hir, HirKind},
};

use super::{
    RegexError, RegexErrorKind as Kind, escape,
    parse::{Budget, Flags},
};

/// Folding looks at each member. Above this many, only those that have another case are folded.
const FOLD_DIRECTLY: u32 = 4096;

/// What folding costs, counted in ranges.
const FOLD_COST: usize = 256;

/// What a lookup of a Unicode table costs beside its ranges.
const TABLE_COST: usize = 16;

/// The last code point that has another case.
const LAST_FOLDED: u32 = 0x1_e943;

type Table = &'static [(char, char)];

const DIGIT: Table = &[('0', '9')];
const SPACE: Table = &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')];
const WORD: Table = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

const POSIX: &[(&str, Table)] = &[
    ("alnum", &[('0', '9'), ('A', 'Z'), ('a', 'z')]),
    ("alpha", &[('A', 'Z'), ('a', 'z')]),
    ("ascii", &[('\0', '\x7f')]),
    ("blank", &[('\t', '\t'), (' ', ' ')]),
    ("cntrl", &[('\0', '\x1f'), ('\x7f', '\x7f')]),
    ("digit", DIGIT),
    ("graph", &[('!', '~')]),
    ("lower", &[('a', 'z')]),
    ("print", &[(' ', '~')]),
    ("punct", &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')]),
    ("space", &[('\t', '\r'), (' ', ' ')]),
    ("upper", &[('A', 'Z')]),
    ("word", WORD),
    ("xdigit", &[('0', '9'), ('A', 'F'), ('a', 'f')]),
];

/// Scripts whose whole name has four letters. Other names of four letters are abbreviations,
/// which Go does not know.
const SHORT_SCRIPTS: [&str; 9] =
    ["ahom", "cham", "kawi", "lisu", "miao", "modi", "newa", "thai", "toto"];

/// Returns `c` in all its cases, if it has more than one.
pub(super) fn folded(c: char) -> Option<ClassUnicode> {
    let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
    class.case_fold_simple();
    (class.ranges().len() > 1 || class.ranges().first().is_some_and(|r| r.len() > 1))
        .then_some(class)
}

/// Reads the `[...]` that `s` starts with. Returns it and what follows.
pub(super) fn class<'a>(
    s: &'a str,
    flags: Flags,
    budget: &mut Budget<'_>,
) -> Result<(Hir, &'a str), RegexError> {
    let (negated, mut rest) = match s[1..].strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, &s[1..]),
    };
    let mut ranges = Vec::new();
    let mut first = true;
    // A `]` in front is an ordinary member.
    while first || !rest.starts_with(']') {
        first = false;
        let part = match posix(rest, flags)? {
            Some(found) => Some(found),
            None => escaped(rest, flags, budget)?,
        };
        let (part, after) = match part {
            Some(found) => found,
            None => range(rest, s, flags, budget)?,
        };
        budget.charge(part.ranges().len())?;
        ranges.extend_from_slice(part.ranges());
        rest = after;
    }
    let mut class = ClassUnicode::new(ranges);
    if negated {
        class.negate();
    }
    Ok((Hir::class(Class::Unicode(class)), &rest[1..]))
}

/// Reads one character or a range of them. `whole` is the class from its bracket on.
fn range<'a>(
    s: &'a str,
    whole: &str,
    flags: Flags,
    budget: &mut Budget<'_>,
) -> Result<(ClassUnicode, &'a str), RegexError> {
    let (low, mut rest) = member(s, whole)?;
    let mut high = low;
    if let Some(after) = rest.strip_prefix('-')
        && !after.is_empty()
        && !after.starts_with(']')
    {
        (high, rest) = member(after, whole)?;
        if high < low {
            return Err(RegexError::new(Kind::ClassRange, &s[..s.len() - rest.len()]));
        }
    }
    let mut class = between(low, high);
    // The whole span of letters with cases holds all cases already.
    if flags.fold && !(low <= u32::from('A') && high >= LAST_FOLDED) {
        fold(&mut class, budget)?;
    }
    Ok((class, rest))
}

/// Reads one member of a class as a code point.
fn member<'a>(s: &'a str, whole: &str) -> Result<(u32, &'a str), RegexError> {
    match s.chars().next() {
        None => Err(RegexError::new(Kind::MissingBracket, whole)),
        Some('\\') => escape::escape(s),
        Some(c) => Ok((u32::from(c), &s[c.len_utf8()..])),
    }
}

/// Returns the characters from `low` to `high`; surrogates are none.
fn between(low: u32, high: u32) -> ClassUnicode {
    let low = char::from_u32(low).unwrap_or('\u{e000}');
    let high = char::from_u32(high).unwrap_or('\u{d7ff}');
    let range = (low <= high).then(|| ClassUnicodeRange::new(low, high));
    ClassUnicode::new(range)
}

/// Adds the other cases of all members.
fn fold(class: &mut ClassUnicode, budget: &mut Budget<'_>) -> Result<(), RegexError> {
    let members = class.iter().fold(0_u32, |sum, range| {
        sum.saturating_add(u32::from(range.end()) - u32::from(range.start()))
    });
    if members <= FOLD_DIRECTLY {
        class.case_fold_simple();
        return Ok(());
    }
    budget.charge(FOLD_COST)?;
    let mut cased = cased();
    cased.intersect(class);
    cased.case_fold_simple();
    class.union(&cased);
    Ok(())
}

/// Returns all characters that have another case.
fn cased() -> ClassUnicode {
    binary("Changes_When_Casemapped").expect("the tables have this property")
}

/// Makes a class of ASCII ranges.
fn group(table: Table, negated: bool, flags: Flags) -> ClassUnicode {
    let mut class =
        ClassUnicode::new(table.iter().map(|&(start, end)| ClassUnicodeRange::new(start, end)));
    if flags.fold {
        class.case_fold_simple();
    }
    if negated {
        class.negate();
    }
    class
}

/// Reads `[:alpha:]` and its kin, if `s` starts with that.
fn posix(s: &str, flags: Flags) -> Result<Option<(ClassUnicode, &str)>, RegexError> {
    let Some((name, rest)) = s.strip_prefix("[:").and_then(|s| s.split_once(":]")) else {
        return Ok(None);
    };
    let (negated, plain) = match name.strip_prefix('^') {
        Some(plain) => (true, plain),
        None => (false, name),
    };
    match POSIX.iter().find(|(known, _)| *known == plain) {
        Some((_, table)) => Ok(Some((group(table, negated, flags), rest))),
        None => Err(RegexError::new(Kind::ClassRange, &s[..s.len() - rest.len()])),
    }
}

/// Reads `\d` and its kin or `\p{...}`, if `s` starts with one of them.
pub(super) fn escaped<'a>(
    s: &'a str,
    flags: Flags,
    budget: &mut Budget<'_>,
) -> Result<Option<(ClassUnicode, &'a str)>, RegexError> {
    let table = match s.as_bytes() {
        [b'\\', b'p' | b'P', ..] => return unicode(s, flags, budget).map(Some),
        [b'\\', b'd' | b'D', ..] => DIGIT,
        [b'\\', b's' | b'S', ..] => SPACE,
        [b'\\', b'w' | b'W', ..] => WORD,
        _ => return Ok(None),
    };
    let class = group(table, s.as_bytes()[1].is_ascii_uppercase(), flags);
    budget.charge(class.ranges().len())?;
    Ok(Some((class, &s[2..])))
}

/// Reads `\pL`, `\p{Greek}`, `\p{^Greek}` and the same with `P`.
fn unicode<'a>(
    s: &'a str,
    flags: Flags,
    budget: &mut Budget<'_>,
) -> Result<(ClassUnicode, &'a str), RegexError> {
    let wrong = |end: usize| RegexError::new(Kind::ClassRange, &s[..end]);
    let (name, end) = if s[2..].starts_with('{') {
        let end = s.find('}').ok_or_else(|| wrong(s.len()))?;
        (&s[3..end], end + 1)
    } else {
        let end = 2 + s[2..].chars().next().map_or(0, char::len_utf8);
        (&s[2..end], end)
    };
    let (inner, name) = match name.strip_prefix('^') {
        Some(name) => (true, name),
        None => (false, name),
    };
    let mut class = table(name).ok_or_else(|| wrong(end))?;
    budget.charge(TABLE_COST + class.ranges().len())?;
    if flags.fold && !is_cased(name) {
        fold(&mut class, budget)?;
    }
    if inner != s.starts_with("\\P") {
        class.negate();
    }
    Ok((class, &s[end..]))
}

/// Finds a general category or script. As in Go since 1.25, case, spaces, hyphens and underscores
/// in the name do not matter, and categories have their long names too.
fn table(name: &str) -> Option<ClassUnicode> {
    let plain = plain(name);
    if !plain.bytes().all(|b| b.is_ascii_lowercase()) {
        return None;
    }
    match plain.as_str() {
        "" | "unknown" | "katakanaorhiragana" => return None,
        "any" => return Some(between(0, u32::from(char::MAX))),
        "ascii" => return Some(between(0, 0x7f)),
        "assigned" => {
            let mut class = lookup("gc", "cn")?;
            class.negate();
            return Some(class);
        }
        // Surrogates occur in no text.
        "cs" | "surrogate" => return Some(ClassUnicode::empty()),
        // The engine's tables drop this prefix, Go does not.
        plain if plain.starts_with("is") => return None,
        _ => {}
    }
    let is_script = plain.len() != 4 || SHORT_SCRIPTS.contains(&plain.as_str());
    lookup("gc", &plain).or_else(|| is_script.then(|| lookup("sc", &plain)).flatten())
}

/// Tells whether `name` is the category of letters with case. Go has nothing to add to it when it
/// ignores case, though one mark folds to a letter.
fn is_cased(name: &str) -> bool {
    matches!(plain(name).as_str(), "lc" | "casedletter")
}

/// Drops what does not matter in a name.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | ' '));
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// Looks up the members of a property's value in the Unicode tables.
fn lookup(property: &str, value: &str) -> Option<ClassUnicode> {
    binary(&format!("{property}={value}"))
}

/// Looks up the members of a property.
fn binary(property: &str) -> Option<ClassUnicode> {
    let hir = Parser::new().parse(&format!("\\p{{{property}}}")).ok()?;
    match hir.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        // A class of one member becomes a text.
        HirKind::Literal(literal) => {
            let text = core::str::from_utf8(&literal.0).ok()?;
            let ranges: Vec<_> = text.chars().map(|c| ClassUnicodeRange::new(c, c)).collect();
            Some(ClassUnicode::new(ranges))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_with_another_case_is_folded() {
        let cased = cased();
        let known = |c: char| cased.iter().any(|r| r.start() <= c && c <= r.end());
        let mut last = '\0';
        for c in ('\0'..=char::MAX).filter(|c| folded(*c).is_some()) {
            assert!(known(c), "{c:?}");
            last = c;
        }
        assert_eq!(u32::from(last), LAST_FOLDED);
    }
}
