//! Templates as Alertmanager's users write them: Go's `text/template` and `html/template`, with
//! Alertmanager's functions and data.
//!
//! A [`Set`] holds named templates. A text is rendered with the set at hand: what it defines itself
//! counts for that rendering only. The rules, messages and positions are Go's; in addition every
//! run has [`Limits`], because a template must not be able to stop the process.

mod ast;
mod builtin;
mod clock;
mod compare;
mod data;
mod defaults;
mod exec;
mod float;
mod func;
mod funcs;
mod html;
mod json;
mod layout;
mod lex;
mod method;
mod number;
mod parse;
mod print;
mod quote;
mod structure;
#[cfg(test)]
mod tests;
mod truncate;
mod value;

use alloc::{collections::BTreeMap, format, string::String, sync::Arc};

use self::ast::Tree;
use self::html::Escaper;
pub use self::{
    builtin::escape_query,
    clock::{Time, Zone},
    float::format_float,
    json::number as json_number,
    structure::Retype,
    truncate::{truncate_bytes, truncate_chars},
    value::{Alert, Data, Depth, IntType, Kv, Pair, Safe, StringsType, Text, Value},
};
use crate::{
    limits::{
        TEMPLATE_BYTES_MAX, TEMPLATE_DEPTH_MAX, TEMPLATE_OUTPUT_MAX, TEMPLATE_STEPS_MAX,
        TEMPLATE_VALUE_DEPTH_MAX,
    },
    time::Timestamp,
};

/// How deep templates may nest the values they build.
const DEPTH_MAX: Depth = TEMPLATE_VALUE_DEPTH_MAX;

/// Templates by name.
type Templates = BTreeMap<Text, Tree>;

/// Named templates. A clone shares them.
#[derive(Clone, Debug, Default)]
pub struct Set {
    templates: Arc<Templates>,
}

/// Why a text is no template, in Go's words: `template: name:line: reason`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ParseError(pub(crate) String);

/// Why a rendering failed, in Go's words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ExecError(pub(crate) String);

impl From<ParseError> for ExecError {
    fn from(error: ParseError) -> Self {
        Self(error.0)
    }
}

/// What stops a rendering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Nodes, commands, iterations, and the like for long texts.
    pub steps: u64,
    /// Nested templates, blocks and parentheses together.
    pub depth: usize,
    /// Bytes of the result, and of any text on the way to it.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { steps: TEMPLATE_STEPS_MAX, depth: TEMPLATE_DEPTH_MAX, output: TEMPLATE_OUTPUT_MAX }
    }
}

/// Resolves a route label for the function `routeLabels`.
pub type RouteLabel<'a> = &'a dyn Fn(&str) -> Result<Text, String>;

/// What a rendering sees besides its data.
#[derive(Clone, Copy, Default)]
pub struct Env<'a> {
    /// The time the function `now` gives.
    pub now: Timestamp,
    /// What stops the rendering.
    pub limits: Limits,
    /// Resolves route labels; without it they come from the data.
    pub route_label: Option<RouteLabel<'a>>,
}

impl Set {
    /// Makes a set without templates.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes a set of the default templates.
    pub fn with_defaults() -> Self {
        let mut set = Self::new();
        for text in defaults::sources() {
            if let Err(error) = set.parse("", &text) {
                debug_assert!(false, "a default template is broken: {error}");
            }
        }
        set
    }

    /// Checks that a text is a template with Go's own functions only, as the original reads some
    /// settings when it loads them.
    ///
    /// # Errors
    /// It is none.
    pub fn check_bare(text: &str) -> Result<(), ParseError> {
        parse::parse_with("", text, func::lookup_go).map(drop)
    }

    /// Adds the templates of a source, which is named after its file. A later definition replaces
    /// an earlier one unless it is empty. Nothing is added when there is an error.
    ///
    /// # Errors
    /// The text is no template, or over a limit.
    pub fn parse(&mut self, name: &str, text: &str) -> Result<(), ParseError> {
        check_length(name, text)?;
        let trees = parse::parse(name, text)?;
        let templates = Arc::make_mut(&mut self.templates);
        for tree in trees {
            let keep = ast::is_empty(&tree.root) && templates.contains_key(&tree.name);
            if !keep {
                templates.insert(tree.name.clone(), tree);
            }
        }
        Ok(())
    }

    /// Returns the names of the templates in the set.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.templates.keys().map(|name| &**name)
    }

    /// Renders a text. An empty text is an empty result.
    ///
    /// # Errors
    /// The text is no template, or fails, or hits a limit.
    pub fn render(&self, text: &str, data: &Value, env: &Env<'_>) -> Result<String, ExecError> {
        if text.is_empty() {
            return Ok(String::new());
        }
        check_length("", text)?;
        let trees = parse::parse("", text)?;
        if let [tree] = &trees[..]
            && tree.name.is_empty()
        {
            // It defines no others: there is no need for a set of its own.
            return exec::run(&self.templates, tree, data, env);
        }
        let Some(set) = self.with_text(text)? else { return Ok(String::new()) };
        let Some(tree) = set.templates.get("") else { return Ok(String::new()) };
        exec::run(&set.templates, tree, data, env)
    }

    /// Renders a text as HTML: what actions write is escaped for the place it stands in.
    ///
    /// # Errors
    /// As [`Set::render`], and when there is no safe way to escape.
    pub fn render_html(
        &self,
        text: &str,
        data: &Value,
        env: &Env<'_>,
    ) -> Result<String, ExecError> {
        let Some(set) = self.with_text(text)? else { return Ok(String::new()) };
        let escaped = html::escape::escape(&set.templates, "")?;
        let Some(tree) = escaped.get("") else { return Ok(String::new()) };
        exec::run(&escaped, tree, data, env)
    }

    /// Returns a set in which a text is the nameless template.
    fn with_text(&self, text: &str) -> Result<Option<Self>, ExecError> {
        if text.is_empty() {
            return Ok(None);
        }
        let mut set = self.clone();
        Arc::make_mut(&mut set.templates).remove("");
        set.parse("", text)?;
        Ok(Some(set))
    }
}

fn check_length(name: &str, text: &str) -> Result<(), ParseError> {
    if text.len() > TEMPLATE_BYTES_MAX {
        let why = format!("template: {name}:1: longer than {TEMPLATE_BYTES_MAX} bytes");
        return Err(ParseError(why));
    }
    Ok(())
}

impl core::fmt::Debug for Env<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Env").field("now", &self.now).field("limits", &self.limits).finish()
    }
}
