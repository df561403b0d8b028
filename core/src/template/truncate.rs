//! Cutting texts to what a service takes.

use alloc::{borrow::Cow, format};

/// What stands for what was cut.
const MARK: &str = "…";

/// Cuts a text to `max` characters, a mark included where more than three fit; tells whether it
/// did.
pub fn truncate_chars(text: &str, max: usize) -> (Cow<'_, str>, bool) {
    if text.chars().nth(max).is_none() {
        return (Cow::Borrowed(text), false);
    }
    let head = |count: usize| text.char_indices().nth(count).map_or(text, |(end, _)| &text[..end]);
    if max <= 3 {
        return (Cow::Borrowed(head(max)), true);
    }
    (Cow::Owned(format!("{}{MARK}", head(max - 1))), true)
}

/// Cuts a text to `max` bytes at the end of a character, a mark included; tells whether it did.
/// Where the mark does not fit, as many dots stand for it.
pub fn truncate_bytes(text: &str, max: usize) -> (Cow<'_, str>, bool) {
    if text.len() <= max {
        return (Cow::Borrowed(text), false);
    }
    let Some(room) = max.checked_sub(MARK.len()) else {
        return (Cow::Borrowed(&"..."[..max]), true);
    };
    let end = text.floor_char_boundary(room);
    (Cow::Owned(format!("{}{MARK}", &text[..end])), true)
}
