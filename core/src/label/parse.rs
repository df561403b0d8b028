//! The matcher parsers: classic, UTF-8 and the fallback between them.
