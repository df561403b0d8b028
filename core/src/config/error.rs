//! Why a configuration is refused.

use alloc::{string::String, vec::Vec};
use core::fmt;

use crate::limits::CONFIG_PROBLEMS_MAX;
use crate::yaml::Problem;

/// Why a configuration is refused: every problem on a line of its own, as
/// `FILE:LINE:COLUMN: field.path: what is wrong; what would be right`.
///
/// The phrases of Alertmanager stand in the text, for programs that search for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// What the file is called.
    pub file: String,
    /// What is wrong, in the order of the document; never empty.
    pub problems: Vec<Problem>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().take(CONFIG_PROBLEMS_MAX).enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:{problem}", self.file)?;
        }
        match self.problems.len().saturating_sub(CONFIG_PROBLEMS_MAX) {
            0 => Ok(()),
            more => write!(f, "\n{}: and {more} more problems", self.file),
        }
    }
}

impl core::error::Error for ConfigError {}
