//! The switchboard: inputs in, outputs out.
