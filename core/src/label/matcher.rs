//! Matchers: one condition on one label, and lists of them that must all hold.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{cmp::Ordering, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{
    Labels, Regex,
    quote::{needs_quotes, quote_into},
    regex::RegexError,
};

/// How a matcher compares. The order is the one matcher lists are sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Op {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `=~`
    Regex,
    /// `!~`
    NotRegex,
}

impl Op {
    /// Returns the operator as written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Regex => "=~",
            Self::NotRegex => "!~",
        }
    }

    /// Tells whether the operator is `=~` or `!~`.
    pub const fn is_regex(self) -> bool {
        matches!(self, Self::Regex | Self::NotRegex)
    }

    /// Tells whether the operator is `=` or `=~`.
    pub const fn is_positive(self) -> bool {
        matches!(self, Self::Equal | Self::Regex)
    }
}

/// One condition on one label. A missing label counts as the empty value.
#[derive(Clone, Debug)]
pub struct Matcher {
    name: Arc<str>,
    op: Op,
    value: Arc<str>,
    regex: Option<Regex>,
}

impl Matcher {
    /// Makes a matcher, compiling the value of `=~` and `!~`.
    ///
    /// # Errors
    /// The value is not a valid RE2 expression.
    pub fn new(name: &str, op: Op, value: &str) -> Result<Self, RegexError> {
        let regex = if op.is_regex() { Some(Regex::anchored(value)?) } else { None };
        Ok(Self { name: Arc::from(name), op, value: Arc::from(value), regex })
    }

    /// Returns the label's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the operator.
    pub const fn op(&self) -> Op {
        self.op
    }

    /// Returns the value or the expression, as written.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Returns the compiled expression of `=~` and `!~`.
    pub const fn regex(&self) -> Option<&Regex> {
        self.regex.as_ref()
    }

    /// Tells whether a label value satisfies the condition.
    pub fn matches_value(&self, value: &[u8]) -> bool {
        match (self.op, &self.regex) {
            (Op::Equal, _) => value == self.value.as_bytes(),
            (Op::NotEqual, _) => value != self.value.as_bytes(),
            (Op::Regex, Some(regex)) => regex.is_match(value),
            (Op::NotRegex, Some(regex)) => !regex.is_match(value),
            (Op::Regex | Op::NotRegex, None) => unreachable!("new compiles every expression"),
        }
    }

    /// Tells whether the condition holds where the label is missing.
    pub fn matches_empty(&self) -> bool {
        self.matches_value(b"")
    }

    /// Tells whether a label set satisfies the condition.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.matches_value(labels.get_bytes(self.name.as_bytes()).unwrap_or_default())
    }
}

impl PartialEq for Matcher {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Matcher {}

impl PartialOrd for Matcher {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By name, then value, then operator: the canonical order of matcher lists.
impl Ord for Matcher {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.name, &self.value, self.op).cmp(&(&other.name, &other.value, other.op))
    }
}

/// The canonical text, which is part of route and group keys: `name="value"`; a name with reserved
/// characters has both sides quoted as Go quotes them, otherwise only `\`, newline and `"` of the
/// value are escaped.
impl fmt::Display for Matcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        if needs_quotes(&self.name) {
            quote_into(&mut out, &self.name);
            out.push_str(self.op.as_str());
            quote_into(&mut out, &self.value);
        } else {
            out.push_str(&self.name);
            out.push_str(self.op.as_str());
            out.push('"');
            for c in self.value.chars() {
                match c {
                    '\\' => out.push_str("\\\\"),
                    '\n' => out.push_str("\\n"),
                    '"' => out.push_str("\\\""),
                    c => out.push(c),
                }
            }
            out.push('"');
        }
        f.write_str(&out)
    }
}

impl Serialize for Matcher {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&*self.name, self.op, &*self.value).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Matcher {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (name, op, value) = <(String, Op, String)>::deserialize(deserializer)?;
        Self::new(&name, op, &value).map_err(D::Error::custom)
    }
}

/// Conditions that must all hold. An empty list holds for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matchers(Vec<Matcher>);

impl Matchers {
    /// Makes a list in the given order.
    pub const fn new(matchers: Vec<Matcher>) -> Self {
        Self(matchers)
    }

    /// Makes a list in canonical order.
    pub fn sorted(mut matchers: Vec<Matcher>) -> Self {
        matchers.sort();
        Self(matchers)
    }

    /// Tells whether every condition holds.
    pub fn matches(&self, labels: &Labels) -> bool {
        self.0.iter().all(|matcher| matcher.matches(labels))
    }

    /// Returns the conditions.
    pub fn as_slice(&self) -> &[Matcher] {
        &self.0
    }

    /// Returns the conditions one by one.
    pub fn iter(&self) -> core::slice::Iter<'_, Matcher> {
        self.0.iter()
    }

    /// Returns the number of conditions.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Tells whether there is no condition.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> IntoIterator for &'a Matchers {
    type Item = &'a Matcher;
    type IntoIter = core::slice::Iter<'a, Matcher>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

/// `{m1,m2}` without blanks.
impl fmt::Display for Matchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, matcher) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            matcher.fmt(f)?;
        }
        f.write_str("}")
    }
}

#[cfg(test)]
mod tests {
    use alloc::{string::ToString as _, vec};

    use super::*;

    fn matcher(name: &str, op: Op, value: &str) -> Matcher {
        Matcher::new(name, op, value).unwrap()
    }

    #[test]
    fn canonical_text_equals_alertmanagers() {
        for (matcher, text) in [
            (matcher("foo", Op::Equal, "bar"), r#"foo="bar""#),
            (matcher("foo", Op::NotRegex, "a\\d"), r#"foo!~"a\\d""#),
            (matcher("foo", Op::Equal, "\t\n\"\\"), "foo=\"\t\\n\\\"\\\\\""),
            (matcher("foo🙂", Op::Regex, "\u{ad}"), "foo🙂=~\"\u{ad}\""),
            (matcher("a b", Op::NotEqual, "\t\n\"\u{ad}é"), r#""a b"!="\t\n\"\u00adé""#),
            (matcher("a\\", Op::Equal, "`"), r#""a\\"="`""#),
        ] {
            assert_eq!(matcher.to_string(), text);
        }
    }

    #[test]
    fn lists_sort_by_name_then_value_then_operator() {
        let sorted = Matchers::sorted(vec![
            matcher("b", Op::Equal, "a"),
            matcher("a", Op::NotRegex, "a"),
            matcher("a", Op::Equal, "b"),
            matcher("a", Op::Regex, "a"),
            matcher("a", Op::NotEqual, "a"),
            matcher("a", Op::Equal, "a"),
        ]);
        let text = r#"{a="a",a!="a",a=~"a",a!~"a",a="b",b="a"}"#;
        assert_eq!(sorted.to_string(), text);
        assert_eq!(Matchers::default().to_string(), "{}");
    }

    #[test]
    fn a_missing_label_is_the_empty_value() {
        let labels = Labels::from_pairs([("a", "x")]);
        for (op, value, empty, x) in [
            (Op::Equal, "", true, false),
            (Op::Equal, "x", false, true),
            (Op::NotEqual, "", false, true),
            (Op::NotEqual, "x", true, false),
            (Op::Regex, ".*", true, true),
            (Op::Regex, ".+", false, true),
            (Op::NotRegex, ".+", true, false),
            (Op::NotRegex, "x|", false, false),
        ] {
            assert_eq!(matcher("b", op, value).matches_empty(), empty);
            assert_eq!(matcher("b", op, value).matches(&labels), empty);
            assert_eq!(matcher("a", op, value).matches(&labels), x);
        }
        assert!(Matchers::default().matches(&labels));
    }
}
