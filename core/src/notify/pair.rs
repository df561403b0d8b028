//! Settings that come as a value or as the file with it.

use alloc::format;

use crate::yaml::{Abort, At};

/// Refuses a value and a file with it together.
///
/// # Errors
/// Both are set.
pub fn at_most_one(at: &At<'_>, key: &str, inline: bool, file: bool) -> Result<(), Abort> {
    if inline && file {
        return Err(at.fail(format!("at most one of {key} & {key}_file must be configured")));
    }
    Ok(())
}

/// Refuses a value and a file with it together, and neither.
///
/// # Errors
/// Both are set or none is.
pub fn exactly_one(at: &At<'_>, key: &str, inline: bool, file: bool) -> Result<(), Abort> {
    if !inline && !file {
        return Err(at.fail(format!("one of {key} or {key}_file must be configured")));
    }
    at_most_one(at, key, inline, file)
}
