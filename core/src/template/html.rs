//! Contextual escaping, as Go's `html/template` does it.

mod action;
mod attribute;
mod content;
mod context;
pub(super) mod escape;
mod text;
mod transition;

pub(super) use content::Escaper;
