//! The loop policy shared by every runtime.
