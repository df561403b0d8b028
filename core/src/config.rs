//! The configuration file: raw as typed, then resolved.
