//! Templates of a notification: rendered with its data, errors collected.

use alloc::{
    borrow::ToOwned as _,
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::cell::{OnceCell, RefCell};

use serde_json::Value as Json;

use super::{
    Outcome, Told,
    data::{Data, status},
    service::fail,
};
use crate::{
    label::Labels,
    schema::{Any, retype},
    template::{self, Env, Kv, Set, Text, Time, Value},
    time::Timestamp,
};

/// What the errors of templates begin with.
pub const TEMPLATE_ERROR: &str = "failed to template: ";

/// Renders templates with a notification's data. After the first error every result is empty, and
/// [`finish`](Self::finish) returns that error.
pub struct Render<'a> {
    /// The data.
    pub data: Data<'a>,
    /// The data as templates see it: many integrations have none to render.
    value: OnceCell<Value>,
    set: &'a Set,
    env: Env<'a>,
    error: Option<String>,
}

impl<'a> Render<'a> {
    /// Prepares the data for templates.
    pub fn new(data: Data<'a>, set: &'a Set, now: Timestamp) -> Self {
        Self { data, value: OnceCell::new(), set, env: Env { now, ..Env::default() }, error: None }
    }

    /// Renders a text.
    pub fn text(&mut self, template: &str) -> String {
        self.run(template, |render| {
            if !template.contains("{{") {
                return Ok(template.into());
            }
            render.set.render(template, render.value(), &render.env)
        })
    }

    /// Renders a text as HTML.
    pub fn html(&mut self, template: &str) -> String {
        self.run(template, |render| render.set.render_html(template, render.value(), &render.env))
    }

    fn value(&self) -> &Value {
        self.value.get_or_init(|| Value::Data(Arc::new(template_data(&self.data))))
    }

    fn run(
        &mut self,
        template: &str,
        render: impl FnOnce(&Self) -> Result<String, template::ExecError>,
    ) -> String {
        if template.is_empty() || self.error.is_some() {
            return String::new();
        }
        match render(self) {
            Ok(text) => text,
            Err(error) => {
                self.error = Some(error.to_string());
                String::new()
            }
        }
    }

    /// Renders the values of a map; the keys stay as they are.
    pub fn texts(&mut self, map: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        map.iter().map(|(key, value)| (key.clone(), self.text(value))).collect()
    }

    /// Renders a structure: every text in it, and every key, is a template, and a rendered text
    /// that YAML reads as something else becomes that.
    pub fn structure(&mut self, any: &Any) -> Json {
        if self.error.is_some() {
            return Json::Null;
        }
        let rendered =
            any.to_json().and_then(|json| structure(&json, self.set, self.value(), &self.env));
        rendered.unwrap_or_else(|error| {
            self.error = Some(error);
            Json::Null
        })
    }

    /// Returns what went wrong so far.
    pub fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Ends the rendering.
    ///
    /// # Errors
    /// The final end of the attempt, when a template failed.
    pub fn finish(&self) -> Result<(), Outcome> {
        match &self.error {
            Some(error) => Err(fail(format!("{TEMPLATE_ERROR}{error}"))),
            None => Ok(()),
        }
    }
}

/// Renders every text of a structure and reads it again as YAML, since that is how users write
/// numbers and lists.
///
/// # Errors
/// What a template failed with, or that a text is no YAML.
pub fn structure(json: &Json, set: &Set, data: &Value, env: &Env<'_>) -> Result<Json, String> {
    let error = RefCell::new(None);
    let retype = |text: &str| {
        retype(text).unwrap_or_else(|why| {
            error.borrow_mut().get_or_insert(why);
            None
        })
    };
    let rendered = set.render_structure(json, data, env, &retype);
    match (rendered, error.take()) {
        (Ok(_), Some(why)) => Err(why),
        (rendered, _) => rendered.map_err(|error| error.to_string()),
    }
}

/// Returns the data as templates see it.
pub fn template_data(data: &Data<'_>) -> template::Data {
    let alerts: Vec<Arc<template::Alert>> =
        data.alerts.iter().map(|told| Arc::new(template_alert(told))).collect();
    template::Data {
        receiver: data.receiver.as_str().into(),
        status: data.status().into(),
        alerts: Some(alerts.into()),
        notification_reason: data.reason.as_str().into(),
        group_labels: kv(data.group_labels),
        common_labels: kv(&data.common_labels),
        common_annotations: kv(&data.common_annotations),
        route_labels: kv(data.route_labels),
        external_url: data.external_url.into(),
    }
}

fn template_alert(told: &Told) -> template::Alert {
    let alert = &told.alert;
    template::Alert {
        status: status(told.resolved).into(),
        labels: kv(&alert.labels),
        annotations: kv(&alert.annotations),
        starts_at: Time::from(alert.starts_at),
        ends_at: Time::from(alert.ends_at),
        generator_url: Text::from(&*alert.generator_url),
        fingerprint: told.fingerprint.to_string().as_str().into(),
    }
}

fn kv(labels: &Labels) -> Kv {
    Kv::new(labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())))
}
