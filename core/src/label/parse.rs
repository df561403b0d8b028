//! The matcher parsers: classic, UTF-8 and the fallback between them.
//!
//! Texts, errors and warnings equal Alertmanager's, because configurations are migrated and
//! clients show them.

mod classic;
#[cfg(test)]
mod tests;
mod utf8;

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt;

use thiserror::Error;

use super::{Matcher, Mode, Op, regex::RegexError};
use crate::limits::MATCHERS_BYTES;

/// What a text of matchers says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed {
    /// The matchers in the order of the text.
    pub matchers: Vec<Matcher>,
    /// What to log about the text, in fallback mode.
    pub warning: Option<Warning>,
}

/// Why a text is not read as matchers; prints as Alertmanager words it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The text does not follow the grammar.
    #[error("{0}")]
    Syntax(String),
    /// The classic parser met an expression that does not compile.
    #[error("{0}")]
    Expression(RegexError),
    /// The UTF-8 parser met an expression that does not compile.
    #[error("failed to create matcher: {0}")]
    Utf8Expression(RegexError),
    /// The text is longer than campana reads.
    #[error("matchers of {bytes} bytes are too long: the limit is {MATCHERS_BYTES} bytes")]
    TooLong {
        /// The text's length.
        bytes: usize,
    },
}

/// What fallback mode noticed about a text it did read; prints as Alertmanager's log message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Only the classic parser reads the text.
    Suggestion {
        /// The text.
        input: String,
        /// What the UTF-8 parser says about it.
        error: ParseError,
        /// A text that both parsers read alike.
        suggestion: String,
    },
    /// Both parsers read the text, differently; the classic reading is taken.
    Disagreement {
        /// The text.
        input: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Suggestion { .. } => {
                "Alertmanager is moving to a new parser for labels and matchers, and this input is \
                 incompatible. Alertmanager has instead parsed the input using the classic \
                 matchers parser as a fallback. To make this input compatible with the UTF-8 \
                 matchers parser please make sure all regular expressions and values are \
                 double-quoted and backslashes are escaped. If you are still seeing this message \
                 please open an issue."
            }
            Self::Disagreement { .. } => "Matchers input has disagreement",
        })
    }
}

/// Reads a list of matchers, as configurations and the command line have them.
///
/// # Errors
/// The text follows no grammar that the mode allows, an expression does not compile, or the text
/// is too long. Where both parsers fail, the error is the classic one.
pub fn matchers(mode: Mode, input: &str) -> Result<Parsed, ParseError> {
    check_length(input)?;
    match mode {
        Mode::Classic => Ok(unwarned(classic::matchers(input, &[])?)),
        Mode::Utf8 => Ok(unwarned(utf8::matchers(input)?)),
        Mode::Fallback => match utf8::matchers(input) {
            Ok(new) => Ok(match classic::matchers(input, &new) {
                // Alertmanager compares a nil list with an empty one here and finds a difference.
                Ok(old) if old.is_empty() || old != new => {
                    let warning = Some(Warning::Disagreement { input: input.to_string() });
                    Parsed { matchers: old, warning }
                }
                _ => unwarned(new),
            }),
            Err(error) => {
                let matchers = classic::matchers(input, &[])?;
                let warning = Some(suggest(input, error, &matchers));
                Ok(Parsed { matchers, warning })
            }
        },
    }
}

/// Reads exactly one matcher, as the filters of the API have them.
///
/// # Errors
/// As [`matchers`]; also where the text has braces around it, or none or several matchers.
pub fn matcher(mode: Mode, input: &str) -> Result<(Matcher, Option<Warning>), ParseError> {
    check_length(input)?;
    if mode != Mode::Classic && (input.starts_with('{') || input.ends_with('}')) {
        return Err(syntax(format_args!("unexpected open or close brace: {input}")));
    }
    match mode {
        Mode::Classic => Ok((classic::matcher(input, None)?, None)),
        Mode::Utf8 => Ok((utf8::matcher(input)?, None)),
        Mode::Fallback => match utf8::matcher(input) {
            Ok(new) => Ok(match classic::matcher(input, Some(&new)) {
                Ok(old) if old != new => {
                    (old, Some(Warning::Disagreement { input: input.to_string() }))
                }
                _ => (new, None),
            }),
            Err(error) => {
                let matcher = classic::matcher(input, None)?;
                let warning = suggest(input, error, core::slice::from_ref(&matcher));
                Ok((matcher, Some(warning)))
            }
        },
    }
}

const fn unwarned(matchers: Vec<Matcher>) -> Parsed {
    Parsed { matchers, warning: None }
}

const fn check_length(input: &str) -> Result<(), ParseError> {
    if input.len() > MATCHERS_BYTES {
        return Err(ParseError::TooLong { bytes: input.len() });
    }
    Ok(())
}

fn suggest(input: &str, error: ParseError, matchers: &[Matcher]) -> Warning {
    let mut suggestion = String::new();
    for (i, matcher) in matchers.iter().enumerate() {
        if i > 0 {
            suggestion.push(',');
        }
        suggestion.push_str(&matcher.to_string());
    }
    Warning::Suggestion { input: input.to_string(), error, suggestion }
}

fn syntax(text: fmt::Arguments<'_>) -> ParseError {
    ParseError::Syntax(text.to_string())
}

/// Makes a matcher, or clones the one the other parser made of the same words, since compiling an
/// expression costs far more than reading the text.
fn make(known: Option<&Matcher>, name: &str, op: Op, value: &str) -> Result<Matcher, RegexError> {
    match known {
        Some(m) if m.name() == name && m.op() == op && m.value() == value => Ok(m.clone()),
        _ => Matcher::new(name, op, value),
    }
}
