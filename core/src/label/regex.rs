//! RE2 expressions as Go reads them.

use alloc::string::{String, ToString};
use core::fmt;

/// A compiled expression that must match a whole value.
#[derive(Clone, Debug)]
pub struct Regex(regex_automata::meta::Regex);

/// Why an expression does not compile, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegexError(String);

impl fmt::Display for RegexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl core::error::Error for RegexError {}

impl Regex {
    /// Compiles `^(?:pattern)$`.
    ///
    /// # Errors
    /// The pattern is not valid RE2 in Go's syntax.
    pub fn anchored(pattern: &str) -> Result<Self, RegexError> {
        regex_automata::meta::Regex::new(&alloc::format!("^(?:{pattern})$"))
            .map(Self)
            .map_err(|e| RegexError(e.to_string()))
    }

    /// Tells whether the whole value matches.
    pub fn is_match(&self, value: &[u8]) -> bool {
        self.0.is_match(value)
    }
}
