//! YAML as Alertmanager reads and writes it: the YAML 1.1 of `gopkg.in/yaml.v2`.
//!
//! [`load()`] makes a tree of the first document, [`decode`] reads typed values out of it and
//! collects what is wrong, [`emit`] writes a tree in the style of that library.

pub mod decode;
pub mod emit;
pub mod load;
pub mod scalar;
mod scan;

pub use self::{
    decode::{Abort, At, Log, Problem},
    emit::Out,
    load::load,
};

use alloc::{boxed::Box, vec::Vec};

/// A value of the document, with the place where it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Its line, from 1.
    pub line: u32,
    /// Its column, from 1, in characters.
    pub column: u32,
    /// Whether it is a key that a `<<` brought into its map.
    pub is_merged: bool,
}

/// The shapes of a value. Aliases and merge keys are resolved already.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A single text, not interpreted yet.
    Scalar(Scalar),
    /// A list.
    List(Vec<Node>),
    /// Keys and values in the order of the document; keys may repeat, of merged ones the last
    /// counts.
    Map(Vec<(Node, Node)>),
}

/// A single text and how it is to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Scalar {
    /// The text, escapes resolved.
    pub text: Box<str>,
    /// How it is to be read.
    pub form: Form,
}

/// How the text of a scalar is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Unquoted, without a tag: its look decides.
    Plain,
    /// Quoted, a block, or tagged as a string or as something unknown: always a string.
    Text,
    /// Tagged `!!null`, `!!bool`, `!!int` or `!!float`: read as if unquoted, and of that kind.
    Tagged,
}

impl Node {
    /// Tells whether the value is null in a form that even types with a reader of their own take
    /// as not set: all forms but an unquoted `Null` and `NULL`.
    pub fn is_unset(&self) -> bool {
        match &self.value {
            Value::Scalar(Scalar { text, form }) => {
                self.is_null() && (*form == Form::Tagged || !matches!(&**text, "Null" | "NULL"))
            }
            _ => false,
        }
    }

    /// Tells whether the value is null: `~`, `null` or nothing at all.
    pub fn is_null(&self) -> bool {
        match &self.value {
            Value::Scalar(scalar) => scalar.resolve() == scalar::Resolved::Null,
            _ => false,
        }
    }

    /// Returns the text of a scalar, whatever it would be read as.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }
}
