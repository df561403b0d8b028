//! Settings as tables: one list of fields gives a struct, its defaults, how it is read from YAML
//! and how it is printed again.
//!
//! A [`Field`] reads itself in place, over its default, as the Go library fills structs: null
//! empties a field of a struct. The macro `schema!` makes such structs fields again.

mod any;
mod field;
mod span;
mod structure;
pub mod url;

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::{cell::RefCell, fmt};

pub(crate) use self::structure::schema;
pub use self::{
    any::{Any, retype},
    field::Field,
    span::{GoSpan, Span, TextSpan, read_span},
    url::{Smarthost, Url},
};
use crate::{
    label::Mode,
    yaml::{At, Problem},
};

/// What reading needs besides the document.
pub struct Context<'a> {
    /// How names and matchers are read.
    pub mode: Mode,
    /// The folder that relative paths start from.
    pub directory: &'a str,
    /// What is suspicious but legal.
    pub warnings: RefCell<Vec<Warning>>,
}

impl<'a> Context<'a> {
    /// Makes a context without warnings.
    pub const fn new(mode: Mode, directory: &'a str) -> Self {
        Self { mode, directory, warnings: RefCell::new(Vec::new()) }
    }

    /// Notes something suspicious.
    pub fn warn(&self, at: &At<'_>, text: impl Into<String>) {
        self.warnings.borrow_mut().push(Warning(at.problem(text)));
    }

    /// Returns a path as seen from the configuration's folder.
    pub fn join(&self, path: &str) -> String {
        join(self.directory, path)
    }
}

/// Something suspicious but legal; prints as `LINE:COLUMN: path: text`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning(pub Problem);

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Joins a relative path to a folder and removes `.`, `..` and doubled slashes, without looking at
/// any file. Absolute and empty paths stay as they are.
pub fn join(directory: &str, path: &str) -> String {
    if path.is_empty() || path.starts_with('/') || directory.is_empty() {
        return path.to_string();
    }
    let full = format!("{directory}/{path}");
    let rooted = full.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in full.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            ".." if rooted => {}
            part => parts.push(part),
        }
    }
    match (rooted, parts.join("/")) {
        (true, path) => format!("/{path}"),
        (false, path) if path.is_empty() => String::from("."),
        (false, path) => path,
    }
}
