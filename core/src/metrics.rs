//! Counters as plain fields, and the text format Prometheus reads.

mod build;

pub use self::build::Build;
