//! Patterns of file names, as Go's `filepath.Match` reads them.

/// A pattern that cannot match anything because it is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("syntax error in pattern")]
pub struct BadPattern;

/// Tells whether a text has a character with a meaning in patterns.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '[', '\\'])
}

/// Matches one part of a path, without slashes, against one part of a pattern: `*` is any run of
/// characters, `?` any one, `[a-z]` and `[^a-z]` one of a class, `\` takes the next as it is.
///
/// # Errors
/// The pattern is malformed; that is found even where the name does not match so far.
pub fn matches(pattern: &str, name: &str) -> Result<bool, BadPattern> {
    check(pattern)?;
    Ok(match_from(pattern, name))
}

fn check(pattern: &str) -> Result<(), BadPattern> {
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        rest = match c {
            '[' => class(rest, None).ok_or(BadPattern)?.1,
            '\\' => skip(&rest[1..]).ok_or(BadPattern)?,
            c => &rest[c.len_utf8()..],
        };
    }
    Ok(())
}

fn skip(text: &str) -> Option<&str> {
    text.chars().next().map(|c| &text[c.len_utf8()..])
}

/// Matches with one place to come back to, the last `*`; so the time is at most the product of the
/// lengths.
fn match_from(pattern: &str, name: &str) -> bool {
    let (mut rest, mut name) = (pattern, name);
    let mut star: Option<(&str, &str)> = None;
    loop {
        if let Some(after) = rest.strip_prefix('*') {
            star = Some((after, name));
            rest = after;
            continue;
        }
        if rest.is_empty() && name.is_empty() {
            return true;
        }
        if let Some((pattern, left)) = one(rest, name) {
            (rest, name) = (pattern, left);
            continue;
        }
        let Some((after, from)) = star else { return false };
        let Some(next) = skip(from) else { return false };
        star = Some((after, next));
        (rest, name) = (after, next);
    }
}

/// Matches one character; returns what is left of pattern and name.
fn one<'p, 'n>(pattern: &'p str, name: &'n str) -> Option<(&'p str, &'n str)> {
    let c = name.chars().next()?;
    let left = &name[c.len_utf8()..];
    let rest = match pattern.chars().next()? {
        '?' => &pattern[1..],
        '[' => class(pattern, Some(c)).filter(|(is_in, _)| *is_in)?.1,
        '\\' => pattern[1..].strip_prefix(c)?,
        _ => pattern.strip_prefix(c)?,
    };
    Some((rest, left))
}

/// Reads a class; returns whether the character is in it, and what follows. `None` if malformed.
fn class(pattern: &str, c: Option<char>) -> Option<(bool, &str)> {
    let mut rest = pattern.strip_prefix('[')?;
    let negated = rest.starts_with('^');
    if negated {
        rest = &rest[1..];
    }
    let (mut is_in, mut count) = (false, 0);
    loop {
        if count > 0
            && let Some(after) = rest.strip_prefix(']')
        {
            return Some((is_in != negated, after));
        }
        let (low, after) = bound(rest)?;
        let (high, after) = match after.strip_prefix('-') {
            Some(after) => bound(after)?,
            None => (low, after),
        };
        is_in |= c.is_some_and(|c| (low..=high).contains(&c));
        rest = after;
        count += 1;
    }
}

fn bound(text: &str) -> Option<(char, &str)> {
    let text = match text.chars().next()? {
        '-' | ']' => return None,
        '\\' => &text[1..],
        _ => text,
    };
    let c = text.chars().next()?;
    let after = &text[c.len_utf8()..];
    // A class that is not closed is malformed.
    (!after.is_empty()).then_some((c, after))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_match_as_in_go() {
        for (pattern, name, want) in [
            ("abc", "abc", Ok(true)),
            ("*", "abc", Ok(true)),
            ("*c", "abc", Ok(true)),
            ("a*", "a", Ok(true)),
            ("a*b*c*d*e*", "axbxcxdxexxx", Ok(true)),
            ("a*b?c*x", "abxbbxdbxebxczzx", Ok(true)),
            ("a*b?c*x", "abxbbxdbxebxczzy", Ok(false)),
            ("ab[c]", "abc", Ok(true)),
            ("ab[b-d]", "abc", Ok(true)),
            ("ab[e-g]", "abc", Ok(false)),
            ("ab[^c]", "abc", Ok(false)),
            ("ab[^e-g]", "abc", Ok(true)),
            ("a\\*b", "a*b", Ok(true)),
            ("a\\*b", "ab", Ok(false)),
            ("a?b", "aüb", Ok(true)),
            ("a[^a]b", "a☺b", Ok(true)),
            ("[\\]a]", "]", Ok(true)),
            ("[x\\-]", "-", Ok(true)),
            ("*.tmpl", "a.tmpl", Ok(true)),
            ("*.tmpl", "a.tmpl.bak", Ok(false)),
            ("[]a]", "]", Err(BadPattern)),
            ("[-]", "-", Err(BadPattern)),
            ("[x-]", "x", Err(BadPattern)),
            ("[a-b-c]", "a", Err(BadPattern)),
            ("[", "a", Err(BadPattern)),
            ("[^", "a", Err(BadPattern)),
            ("a[", "ab", Err(BadPattern)),
            ("\\", "a", Err(BadPattern)),
        ] {
            assert_eq!(matches(pattern, name), want, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics_and_every_name_matches_itself(
            pattern in "[a*?\\[\\]^\\\\ü-]{0,12}",
            name in "[a-cü\\-\\]]{0,12}",
        ) {
            let _ = matches(&pattern, &name);
            prop_assert_eq!(matches("*", &name), Ok(true));
            if !is_pattern(&name) {
                prop_assert_eq!(matches(&name, &name), Ok(true));
            }
        }
    }
}
