//! The immutable read side.
