//! The configuration file: raw as typed, then resolved.

pub mod yaml;
