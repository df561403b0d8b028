//! Label sets, the matchers that select them, and the parsers of both.

pub mod index;
pub mod matcher;
pub mod parse;
pub mod quote;
pub mod regex;
pub mod set;
mod shared;

pub use self::{
    matcher::{Matcher, Matchers, Op},
    regex::Regex,
    set::{Labels, LabelsBuilder},
    shared::read_shared,
};

/// How names and matchers are read (`--enable-feature=classic-mode`, `utf8-strict-mode`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Mode {
    /// Names follow `[a-zA-Z_][a-zA-Z0-9_]*`; only the classic matcher parser runs.
    Classic,
    /// Names are any UTF-8; both parsers run, and the classic one wins a disagreement.
    #[default]
    Fallback,
    /// Names are any UTF-8; only the UTF-8 parser runs.
    Utf8,
}

impl Mode {
    /// Tells whether `name` may name a label in this mode.
    pub fn allows_name(self, name: &str) -> bool {
        match self {
            Self::Classic => is_classic_name(name),
            Self::Fallback | Self::Utf8 => !name.is_empty(),
        }
    }
}

/// Tells whether `name` follows `[a-zA-Z_][a-zA-Z0-9_]*`.
pub fn is_classic_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
