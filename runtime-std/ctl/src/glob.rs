//! Patterns of file names, as Go's `filepath.Glob` reads them.

use std::{fs, path::Path};

/// Returns the files that a pattern matches, sorted. What cannot be listed matches nothing.
///
/// # Errors
/// The pattern is broken.
pub(crate) fn glob(pattern: &str) -> Result<Vec<String>, String> {
    matches(pattern, "").map_err(|Broken| BROKEN.to_owned())?;
    let mut found = vec![if pattern.starts_with('/') { "/".to_owned() } else { String::new() }];
    let parts: Vec<&str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
    for (i, part) in parts.iter().enumerate() {
        let is_last = i + 1 == parts.len();
        let mut next = Vec::new();
        for folder in &found {
            if !part.contains(['*', '?', '[', '\\']) {
                let path = format!("{folder}{part}");
                if Path::new(&path).exists() {
                    next.push(if is_last { path } else { format!("{path}/") });
                }
                continue;
            }
            let listed = if folder.is_empty() { "." } else { folder };
            let Ok(entries) = fs::read_dir(listed) else { continue };
            let mut names: Vec<String> = entries
                .flatten()
                .filter_map(|entry| entry.file_name().into_string().ok())
                .collect();
            names.sort();
            for name in names {
                if matches(part, &name).map_err(|Broken| BROKEN.to_owned())? {
                    next.push(format!("{folder}{name}{}", if is_last { "" } else { "/" }));
                }
            }
        }
        found = next;
    }
    Ok(found)
}

const BROKEN: &str = "syntax error in pattern";

/// A pattern that ends inside a class or after a backslash.
#[derive(Debug, PartialEq, Eq)]
struct Broken;

/// Tells whether a name matches a pattern as a whole.
fn matches(pattern: &str, name: &str) -> Result<bool, Broken> {
    let parts = parse(pattern)?;
    let name: Vec<char> = name.chars().collect();
    // The places in the name that the parts so far may end at.
    let mut places = vec![false; name.len() + 1];
    places[0] = true;
    for part in &parts {
        let mut next = vec![false; name.len() + 1];
        for at in (0..places.len()).filter(|at| places[*at]) {
            match part {
                Part::Any => next[at..].fill(true),
                Part::One(set) => {
                    if name.get(at).is_some_and(|c| set.has(*c)) {
                        next[at + 1] = true;
                    }
                }
            }
        }
        places = next;
    }
    Ok(places[name.len()])
}

enum Part {
    Any,
    One(Set),
}

struct Set {
    negated: bool,
    ranges: Vec<(char, char)>,
}

impl Set {
    fn has(&self, c: char) -> bool {
        c != '/'
            && self.ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != self.negated
    }
}

fn parse(pattern: &str) -> Result<Vec<Part>, Broken> {
    let mut parts = Vec::new();
    let mut chars = pattern.chars().peekable();
    let one = |c| Part::One(Set { negated: false, ranges: vec![(c, c)] });
    while let Some(c) = chars.next() {
        parts.push(match c {
            '*' => Part::Any,
            '?' => Part::One(Set { negated: true, ranges: Vec::new() }),
            '\\' => one(chars.next().ok_or(Broken)?),
            '[' => {
                let negated = chars.next_if_eq(&'^').is_some();
                let mut ranges = Vec::new();
                loop {
                    let mut bound = || match chars.next().ok_or(Broken)? {
                        '\\' => chars.next().ok_or(Broken),
                        c => Ok(c),
                    };
                    let low = match bound()? {
                        ']' if !ranges.is_empty() => break,
                        ']' | '-' => return Err(Broken),
                        low => low,
                    };
                    let high = if chars.next_if_eq(&'-').is_some() {
                        match chars.next().ok_or(Broken)? {
                            ']' | '-' => return Err(Broken),
                            '\\' => chars.next().ok_or(Broken)?,
                            high => high,
                        }
                    } else {
                        low
                    };
                    ranges.push((low, high));
                }
                Part::One(Set { negated, ranges })
            }
            c => one(c),
        });
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_are_gos() {
        for (pattern, name, expected) in [
            ("*.tmpl", "a.tmpl", Ok(true)),
            ("*.tmpl", "a.yml", Ok(false)),
            ("a?c", "abc", Ok(true)),
            ("[a-c]*", "bx", Ok(true)),
            ("[^a-c]*", "bx", Ok(false)),
            ("\\*", "*", Ok(true)),
            ("[", "a", Err(Broken)),
            ("[]", "a", Err(Broken)),
            ("[a-]", "a", Err(Broken)),
            ("a\\", "a", Err(Broken)),
            ("", "", Ok(true)),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    proptest! {
        #[test]
        fn any_pattern_is_read_or_refused(pattern in "[a-c*?\\[\\]^\\\\-]{0,20}", name in "[a-c-]{0,9}") {
            matches(&pattern, &name).ok();
        }
    }
}
