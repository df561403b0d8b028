use alloc::{
    format,
    string::{String, ToString as _},
    vec,
    vec::Vec,
};

use proptest::prelude::*;
use regex_automata::nfa::thompson::{Compiler, Config, WhichCaptures};
use serde::Deserialize;

use super::{Engine, Matching, Regex, RegexErrorKind as Kind, build, parse, size};
use crate::limits::{
    REGEX_BYTES_MAX, REGEX_LITERALS_MAX, REGEX_PREFIX_BYTES_MAX, REGEX_WORD_BYTES_MAX,
};

/// What the real program answered for an expression over the values of the first line.
#[derive(Deserialize)]
struct Answer {
    pattern: String,
    matches: Option<Vec<String>>,
    error: Option<String>,
}

#[derive(Deserialize)]
struct Values {
    values: Vec<String>,
}

#[test]
fn answers_as_recorded() {
    let mut lines = include_str!("answers.jsonl").lines();
    let Values { values } = serde_json::from_str(lines.next().unwrap()).unwrap();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in lines {
        let want: Answer = serde_json::from_str(line).unwrap();
        let (matches, error) = match Regex::anchored(&want.pattern) {
            Ok(regex) => {
                let hit = |value: &&String| regex.is_match(value.as_bytes());
                (Some(values.iter().filter(hit).cloned().collect::<Vec<_>>()), None)
            }
            Err(error) => (None, Some(error.to_string())),
        };
        if (&matches, &error) != (&want.matches, &want.error) {
            wrong.push(format!("{:?}: {matches:?} {error:?}, want {line}", want.pattern));
        }
        count += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count > 180, "{count}");
}

#[test]
fn errors_without_the_anchors_around() {
    let cases = [
        ("\\", "trailing backslash at end of expression: ``"),
        ("[a", "missing closing ]: `[a`"),
        ("[a-", "missing closing ]: `[a-`"),
        ("\\p", "invalid character class range: `\\p`"),
        ("\\p{L", "invalid character class range: `\\p{L`"),
        ("\\x", "invalid escape sequence: `\\x`"),
        ("\\x4", "invalid escape sequence: `\\x4`"),
        ("\\x{4", "invalid escape sequence: `\\x{4`"),
        ("(?", "invalid or unsupported Perl syntax: `(?`"),
        ("(?i", "invalid or unsupported Perl syntax: `(?i`"),
        ("(?P<", "invalid or unsupported Perl syntax: `(?P`"),
        ("(?<", "invalid or unsupported Perl syntax: `(?<`"),
        ("(?P<n", "invalid named capture: `(?P<n`"),
        ("*", "missing argument to repetition operator: `*`"),
        ("a)", "unexpected ): `a)`"),
        ("\\Q\\E*", "missing argument to repetition operator: `*`"),
    ];
    for (pattern, want) in cases {
        let error = Regex::unanchored(pattern).expect_err(pattern).to_string();
        assert_eq!(error, format!("error parsing regexp: {want}"), "{pattern}");
    }
}

#[test]
fn limits() {
    // The bounds of Go's grammar.
    let depth = |pattern: String| parse::parse(&format!("^(?:{pattern})$"), true).is_ok();
    for (open, close, last) in [("(", ")", 998), ("(?:", ")*", 998), ("(a|", ")", 499)] {
        assert!(depth(open.repeat(last) + &close.repeat(last)), "{open}");
        assert!(!depth(open.repeat(last + 1) + &close.repeat(last + 1)), "{open}");
    }
    let error = Regex::anchored(&("(".repeat(999) + &")".repeat(999))).unwrap_err();
    assert_eq!(error.kind(), Kind::NestingDepth);
    assert!(Regex::anchored(&("(".repeat(998) + "x" + &")".repeat(998))).unwrap().is_match(b"x"));
    // The bound of the engine, with the kinds of nesting that take most of the stack.
    for (open, close, last) in [("(?:", ")*", 125), ("(?:x|y", ")+?", 41), ("(", ")", 125)] {
        let nested = |n: usize| open.repeat(n) + "ab+" + &close.repeat(n);
        assert!(Regex::unanchored(&nested(last)).unwrap().is_match(b"xyab"), "{open}");
        let error = Regex::unanchored(&nested(last + 2)).expect_err(open);
        assert_eq!(error.kind(), Kind::NestingDepth);
    }
    assert!(Regex::unanchored(&"(?:".repeat(50_000)).is_err());
    let flat = "(?:".repeat(20_000) + &")".repeat(20_000);
    assert!(Regex::anchored(&flat).unwrap().matches_empty());

    let too_large = |pattern: &str| Regex::anchored(pattern).unwrap_err().kind() == Kind::TooLarge;
    assert!(too_large(&"a".repeat(REGEX_BYTES_MAX)));
    assert!(too_large(&"\\pL".repeat(5000)));
    assert!(too_large("(?:\\pL\\pN){500}"));
    assert!(too_large(&"(?i)[\\x{100}-\\x{ffff}]".repeat(4000)));
    let names: Vec<_> = (0..5000).map(|i| format!("host-{i}")).collect();
    let many = Regex::anchored(&names.join("|")).unwrap();
    assert!(many.is_match(b"host-4999") && !many.is_match(b"host-5000"));
    assert_eq!(many.literals(), None);
    assert_eq!(many.prefix(), Some("host-"));
}

/// Compiles what `anchored` may take a shortcut around.
fn slow(pattern: &str) -> Engine {
    let whole = format!("^(?:{pattern})$");
    build(&parse::parse(&whole, false).unwrap(), false).unwrap()
}

/// Tells whether the automata of a pattern stay within the bound that is told without them.
fn stays_in_bound(pattern: &str) -> bool {
    let Ok(parsed) = parse::parse(pattern, true) else { return true };
    let bytes = |is_reverse, groups| {
        let config = Config::new().reverse(is_reverse).which_captures(groups);
        let nfa = Compiler::new().configure(config).build_from_hir(&parsed.hir);
        nfa.unwrap().memory_usage()
    };
    let bound = size::bound(&parsed.hir);
    bytes(false, WhichCaptures::All) + bytes(true, WhichCaptures::None) <= bound
}

#[test]
fn automata_stay_in_the_bound_told_beforehand() {
    for pattern in [
        "",
        "a",
        ".",
        "192.168.1.1:.*",
        "(?s).{20,40}x?",
        "\\pL",
        "[^\\pL]{3}",
        "(?i)\\pN{10}|[à-ÿ]+",
        "(a|b|cd|(e|f)*){0,7}",
        "\\b(?m:^a$)\\B",
        "[\\x{80}-\\x{10ffff}]{5}",
        "[a-z\\x{3040}-\\x{309f}]*",
        "(((((a?)?)?)?)?)?",
    ] {
        assert!(stays_in_bound(&pattern.replace("\\\\", "\\")), "{pattern}");
    }
}

#[test]
fn literals_and_prefixes() {
    let facts = |pattern: &str| {
        let regex = Regex::anchored(pattern).unwrap();
        let literals = regex.literals().map(|list| list.join(","));
        (literals, regex.prefix().map(String::from))
    };
    let cases: &[(&str, Option<&str>, Option<&str>)] = &[
        ("a|b|c", Some("a,b,c"), None),
        ("(foo|bar)baz", Some("barbaz,foobaz"), None),
        ("prod-(eu|us)-[12]", Some("prod-eu-1,prod-eu-2,prod-us-1,prod-us-2"), Some("prod-")),
        ("x", Some("x"), Some("x")),
        ("^x$", Some("x"), Some("x")),
        ("", Some(""), None),
        ("|a", Some(",a"), None),
        ("ab?", Some("a,ab"), Some("a")),
        ("a{1,3}", Some("a,aa,aaa"), Some("a")),
        ("(?i)ab", Some("AB,Ab,aB,ab"), None),
        ("é|è", Some("è,é"), None),
        ("[^\\x00-\\x{10FFFF}]", Some(""), None),
        ("foo.*", None, Some("foo")),
        ("foo+", None, Some("foo")),
        ("(foo)+b", None, Some("foo")),
        ("(fo){2}.", None, Some("fofo")),
        ("foobar.*|foobaz.+", None, Some("fooba")),
        ("\\bfoo\\b.*", None, Some("foo")),
        ("éa.*|éb.*|è.*", None, None),
        (".*foo", None, None),
        ("a*", None, None),
        ("a)|(?:b", None, None),
        ("[a-z]{3}", None, None),
        ("\\d\\d", None, None),
    ];
    for (pattern, literals, prefix) in cases {
        let want = (literals.map(String::from), prefix.map(String::from));
        assert_eq!(facts(pattern), want, "{pattern}");
    }
    let never = Regex::anchored("[^\\x00-\\x{10FFFF}]").unwrap();
    assert_eq!(never.literals(), Some(&[][..]));
    let list = |n: usize| (0..n).map(|i| format!("n{i}")).collect::<Vec<_>>().join("|");
    assert_eq!(Regex::anchored(&list(REGEX_LITERALS_MAX)).unwrap().literals().unwrap().len(), 64);
    assert_eq!(Regex::anchored(&list(REGEX_LITERALS_MAX + 1)).unwrap().literals(), None);
    // Long texts keep a short prefix, also in front of `.*`, where it must not be taken for all.
    let long = "é".repeat(REGEX_PREFIX_BYTES_MAX) + "x";
    let regex = Regex::anchored(&format!("{long}.*")).unwrap();
    assert_eq!(regex.prefix().unwrap().len(), REGEX_PREFIX_BYTES_MAX);
    assert!(regex.is_match(long.as_bytes()) && !regex.is_match("é".repeat(300).as_bytes()));
    let longer = "x".repeat(REGEX_WORD_BYTES_MAX + 1);
    let regex = Regex::anchored(&longer).unwrap();
    assert!(regex.is_match(longer.as_bytes()) && regex.literals().is_none());
}

#[test]
fn shortcuts_are_taken() {
    let engine =
        |pattern: &str| matches!(Regex::anchored(pattern).unwrap().0.matching, Matching::Engine(_));
    for pattern in ["", "a", "a|b", ".*", ".+", "(?s).*", "a.*", "a.+", "(a.*)", "[^\\n]+", "a.*?"]
    {
        assert!(!engine(pattern), "{pattern}");
    }
    for pattern in [".*a", "a|b.*", ".{2,}", "a)|(?:b", "a+", "(?i:a).*"] {
        assert!(engine(pattern), "{pattern}");
    }
}

#[test]
fn captures() {
    let spans = |pattern: &str, text: &str| {
        let regex = Regex::unanchored(pattern).unwrap();
        let part = |group: Option<core::ops::Range<usize>>| group.map(|r| String::from(&text[r]));
        let found = regex.find_captures(text);
        found.map(|groups| groups.into_iter().map(part).collect()).collect::<Vec<Vec<_>>>()
    };
    let s = |text: &str| Some(String::from(text));
    assert_eq!(
        spans("(?P<k>\\w)=(\\d)?", "a=1 b="),
        vec![vec![s("a=1"), s("a"), s("1")], vec![s("b="), s("b"), None]]
    );
    assert_eq!(spans("x*", "axb").len(), 3);
    assert_eq!(spans("", "é").len(), 2);
    assert_eq!(spans("(a){0}(b)(c){0}", "b"), vec![vec![s("b"), None, s("b"), None]]);
    assert_eq!(spans("(?P<n>a)(?P<n>b)", "ab"), vec![vec![s("ab"), s("a"), s("b")]]);
    let regex = Regex::unanchored("(?P<k>a)(b)(?<l>c)").unwrap();
    assert_eq!(regex.group_names().collect::<Vec<_>>(), [None, Some("k"), None, Some("l")]);
    assert!(regex.is_match(b"xabcx") && !regex.matches_empty());
    assert_eq!(regex.pattern(), "(?P<k>a)(b)(?<l>c)");
    assert_eq!(Regex::anchored("a(b)").unwrap().find_captures("ab").count(), 0);
}

const PIECES: &[&str] = &[
    "a",
    "b",
    "ab",
    "foo",
    "é",
    "k",
    "1",
    "-",
    "\n",
    "|",
    "(",
    ")",
    "(?:",
    "[",
    "]",
    "^",
    "$",
    "*",
    "+",
    "?",
    "{2}",
    "{0,2}",
    "{",
    "}",
    ".*",
    ".+",
    ".",
    "\\d",
    "\\w",
    "\\S",
    "\\b",
    "\\B",
    "\\A",
    "\\z",
    "\\Q",
    "\\E",
    "\\n",
    "\\x41",
    "\\x{e9}",
    "\\0",
    "\\1",
    "\\pL",
    "\\p{^Lu}",
    "(?i)",
    "(?s)",
    "(?m)",
    "(?U)",
    "(?i:",
    "(?-s:",
    "(?P<n>",
    "[a-c]",
    "[^a]",
    "[[:alpha:]]",
    "[^",
    "\\",
    "[^\\x00-\\x{10ffff}]",
    "(a|b)",
    "(?:foo|bar)",
    "(?:a|ab)",
];

/// Expressions of pieces that often make sense together.
fn pattern() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(PIECES), 0..8);
    pieces.prop_map(|pieces| pieces.concat())
}

fn value() -> impl Strategy<Value = String> {
    const PIECES: &[&str] =
        &["a", "b", "ab", "foo", "bar", "é", "É", "k", "K", "A", "1", "-", "\n", "(", "{"];
    prop::collection::vec(prop::sample::select(PIECES), 0..6).prop_map(|v| v.concat())
}

proptest! {
    #[test]
    fn never_panics(pattern in any::<String>(), value in any::<String>()) {
        if let Ok(regex) = Regex::anchored(&pattern) {
            regex.is_match(value.as_bytes());
        }
        if let Ok(regex) = Regex::unanchored(&pattern) {
            let _ = regex.find_captures(&value).count();
        }
    }

    #[test]
    fn automata_stay_in_bounds(pattern in "(\\PC|[a-z(|)*+?{}0-9.\\[\\]^$-]|\\\\[pPwWdDsSbB][LN]?){0,24}") {
        prop_assert!(stays_in_bound(&pattern));
    }

    #[test]
    fn shortcuts_agree_with_the_engine(
        pattern in pattern(),
        values in prop::collection::vec(value(), 1..20),
    ) {
        let Ok(regex) = Regex::anchored(&pattern) else { return Ok(()) };
        let engine = slow(&pattern);
        let literals = regex.literals().unwrap_or_default();
        prop_assert!(literals.is_sorted());
        let own = literals.iter().map(|text| String::from(&**text));
        for value in values.into_iter().chain(own).chain(regex.prefix().map(String::from)) {
            let matched = engine.is_match(&value);
            prop_assert_eq!(regex.is_match(value.as_bytes()), matched, "{:?}", value);
            if regex.literals().is_some() {
                prop_assert_eq!(literals.iter().any(|text| **text == *value), matched);
            }
            if let Some(prefix) = regex.prefix() {
                prop_assert!(!matched || value.starts_with(prefix));
            }
        }
        prop_assert_eq!(regex.matches_empty(), engine.is_match(""));
    }

    #[test]
    fn captures_agree_with_matching(pattern in pattern(), text in value()) {
        let Ok(regex) = Regex::unanchored(&pattern) else { return Ok(()) };
        let mut last = 0;
        for groups in regex.find_captures(&text) {
            prop_assert_eq!(groups.len(), regex.group_names().len());
            let whole = groups[0].clone().unwrap();
            prop_assert!(whole.start >= last && text.get(whole.clone()).is_some());
            last = whole.end;
        }
        prop_assert_eq!(
            regex.find_captures(&text).next().is_some(),
            regex.is_match(text.as_bytes())
        );
    }
}
