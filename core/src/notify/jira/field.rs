//! A text of an issue that later notifications may leave alone.

use alloc::{
    borrow::ToOwned as _,
    string::{String, ToString as _},
};

use crate::{
    notify::render::Render,
    schema::{Context, Field},
    template::truncate_chars,
    yaml::{Abort, At, Out, Value, emit::Fields},
};

/// A text of an issue: the template alone, or with whether the text is brought up to date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JiraText {
    /// The template.
    pub template: String,
    /// Whether an issue that exists gets the text again; unset means that it does.
    pub enable_update: Option<bool>,
}

impl JiraText {
    /// Makes a text that is brought up to date.
    pub fn new(template: &str) -> Self {
        Self { template: template.to_string(), enable_update: None }
    }

    /// Tells whether an issue that exists gets the text again.
    pub fn is_updated(&self) -> bool {
        self.enable_update.unwrap_or(true)
    }

    /// Renders the text, at most `max` characters of it.
    pub fn render(&self, render: &mut Render<'_>, max: usize) -> String {
        truncate_chars(&render.text(&self.template), max).0.into_owned()
    }
}

impl Field for JiraText {
    fn read(&mut self, at: &At<'_>, context: &Context<'_>) -> Result<(), Abort> {
        if !matches!(at.node.value, Value::Map(_)) {
            if let Some(text) = at.text() {
                text.clone_into(&mut self.template);
            }
            return Ok(());
        }
        at.fields(&["template", "enable_update"], |key, at| match key {
            "template" => self.template.read(&at, context),
            _ => self.enable_update.read(&at, context),
        })
    }

    fn print(&self) -> Out {
        let mut fields = Fields::default();
        if !self.template.is_empty() {
            fields.put("template", self.template.print());
        }
        if self.enable_update.is_some() {
            fields.put("enable_update", self.enable_update.print());
        }
        fields.done()
    }

    fn is_zero(&self) -> bool {
        self.template.is_empty() && self.enable_update.is_none()
    }
}
