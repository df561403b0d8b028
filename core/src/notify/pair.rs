//! Settings that come as a value or as the file with it.

use alloc::{format, string::String};

use super::Secret;
use crate::yaml::{Abort, At};

/// Takes over a value and the file with it where neither is set. Returns whether one is then.
pub fn or_global(own: (&mut Secret, &mut String), global: (&Secret, &String)) -> bool {
    if own.0.is_empty() && own.1.is_empty() {
        own.0.clone_from(global.0);
        own.1.clone_from(global.1);
    }
    !(own.0.is_empty() && own.1.is_empty())
}

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
