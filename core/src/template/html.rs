//! Contextual escaping, as Go's `html/template` does it.

pub(super) mod escape;

pub(super) use escape::Escaper;
