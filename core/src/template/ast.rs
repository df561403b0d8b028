//! The tree of a parsed template, and how its nodes print in error texts.

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::fmt::{self, Display, Write as _};

use super::quote::quote;

/// Byte offset of a node in its source.
pub(super) type Pos = usize;

/// A source text, for the places in error messages.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) name: Arc<str>,
    pub(super) text: Arc<str>,
}

/// A template by name.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) name: Arc<str>,
    pub(super) source: Arc<Source>,
    pub(super) root: Arc<List>,
}

pub(super) type List = Vec<Node>;

/// What stands in a template.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(Pos, Arc<str>),
    Action(Action),
    Break(Pos),
    Continue(Pos),
    If(Box<Branch>),
    With(Box<Branch>),
    Range(Box<Branch>),
    Template(Call),
}

/// `{{pipeline}}`, and what the html engine adds to escape its result.
#[derive(Clone, Debug)]
pub(super) struct Action {
    pub(super) pos: Pos,
    pub(super) pipe: Pipe,
    pub(super) escapers: Vec<super::Escaper>,
}

/// `{{template "name" pipeline}}`.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) pos: Pos,
    pub(super) name: Arc<str>,
    /// The template that runs: the named one, or its copy escaped for this place.
    pub(super) target: Arc<str>,
    pub(super) pipe: Option<Pipe>,
}

/// `if`, `with` or `range`.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    pub(super) pos: Pos,
    pub(super) line: usize,
    pub(super) pipe: Pipe,
    pub(super) list: List,
    pub(super) other: Option<List>,
}

/// Commands, each fed to the next, and the variables that take the result.
#[derive(Clone, Debug)]
pub(super) struct Pipe {
    pub(super) pos: Pos,
    pub(super) assign: bool,
    pub(super) decl: Vec<Arc<str>>,
    pub(super) cmds: Vec<Command>,
}

/// An operand and its arguments.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) pos: Pos,
    pub(super) args: Vec<Operand>,
}

/// One word of a command.
#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub(super) pos: Pos,
    pub(super) kind: Word,
}

#[derive(Clone, Debug)]
pub(super) enum Word {
    Dot,
    Nil,
    Bool(bool),
    Number(Number),
    /// The literal and its text.
    Str(Box<str>, Arc<str>),
    Field(Vec<Arc<str>>),
    /// The variable and its fields.
    Variable(Vec<Arc<str>>),
    Identifier(Arc<str>),
    Chain(Box<Operand>, Vec<Arc<str>>),
    Pipe(Box<Pipe>),
}

/// A constant, in every kind that can hold it.
#[derive(Clone, Debug)]
pub(super) struct Number {
    pub(super) text: Box<str>,
    pub(super) int: Option<i64>,
    pub(super) uint: Option<u64>,
    pub(super) float: Option<f64>,
    pub(super) complex: Option<(f64, f64)>,
}

impl Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.decl.is_empty() {
            for (i, name) in self.decl.iter().enumerate() {
                if i > 0 {
                    f.write_str(", ")?;
                }
                f.write_str(name)?;
            }
            f.write_str(if self.assign { " = " } else { " := " })?;
        }
        for (i, cmd) in self.cmds.iter().enumerate() {
            if i > 0 {
                f.write_str(" | ")?;
            }
            cmd.fmt(f)?;
        }
        Ok(())
    }
}

impl Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, arg) in self.args.iter().enumerate() {
            if i > 0 {
                f.write_char(' ')?;
            }
            match &arg.kind {
                Word::Pipe(pipe) => write!(f, "({pipe})")?,
                _ => arg.fmt(f)?,
            }
        }
        Ok(())
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Word::Dot => f.write_char('.'),
            Word::Nil => f.write_str("nil"),
            Word::Bool(value) => value.fmt(f),
            Word::Number(number) => f.write_str(&number.text),
            Word::Str(literal, _) => f.write_str(literal),
            Word::Field(names) => write_fields(f, names),
            Word::Variable(names) => {
                f.write_str(&names[0])?;
                write_fields(f, &names[1..])
            }
            Word::Identifier(name) => f.write_str(name),
            Word::Chain(head, names) => {
                match &head.kind {
                    Word::Pipe(pipe) => write!(f, "({pipe})")?,
                    _ => head.fmt(f)?,
                }
                write_fields(f, names)
            }
            Word::Pipe(pipe) => pipe.fmt(f),
        }
    }
}

fn write_fields(f: &mut fmt::Formatter<'_>, names: &[Arc<str>]) -> fmt::Result {
    names.iter().try_for_each(|name| write!(f, ".{name}"))
}

impl Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", quote(&self.name))?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}

impl Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{{}}}}}", self.pipe)
    }
}

/// A node that an error message points at.
#[derive(Clone, Copy)]
pub(super) enum At<'a> {
    Pipe(&'a Pipe),
    Command(&'a Command),
    Operand(&'a Operand),
    Action(&'a Action),
    Call(&'a Call),
    /// A node whose text no message shows.
    Other(Pos),
}

impl At<'_> {
    pub(super) const fn pos(&self) -> Pos {
        match self {
            Self::Pipe(node) => node.pos,
            Self::Command(node) => node.pos,
            Self::Operand(node) => node.pos,
            Self::Action(node) => node.pos,
            Self::Call(node) => node.pos,
            Self::Other(pos) => *pos,
        }
    }
}

impl Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pipe(node) => node.fmt(f),
            Self::Command(node) => node.fmt(f),
            Self::Operand(node) => node.fmt(f),
            Self::Action(node) => node.fmt(f),
            Self::Call(node) => node.fmt(f),
            Self::Other(_) => Ok(()),
        }
    }
}

impl Source {
    /// Returns `name:line:column` of a place; the column counts bytes from 0.
    pub(super) fn place(&self, pos: Pos) -> String {
        let before = &self.text.as_bytes()[..pos.min(self.text.len())];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |i| i + 1);
        alloc::format!("{}:{line}:{column}", self.name)
    }
}

/// Tells whether a template would print nothing but white space.
pub(super) fn is_empty(list: &[Node]) -> bool {
    list.iter().all(|node| matches!(node, Node::Text(_, text) if text.trim().is_empty()))
}
