//! PagerDuty: triggers and resolves an incident per group, over the events API 1 or 2.

pub mod config;

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use serde_json::{Map, Value as Json};

pub use self::config::PagerdutyConfig;
use super::{
    Outcome,
    global::Global,
    json::{self, Object},
    render::Render,
    service::{Request, Service, Talk, Turn, fail},
};
use crate::template::truncate_chars;

/// The events API 1; `url` is for version 2 only.
const V1: &str = "https://events.pagerduty.com/generic/2010-04-15/create_event.json";
/// The most characters of a summary, and bytes of a whole event, as PagerDuty documents them.
const SUMMARY_MAX: usize = 1024;
const EVENT_MAX: usize = 512_000;
const TOO_LARGE: &str = "Custom details have been removed because the original event exceeds the \
                         maximum size of 512KB";

impl PagerdutyConfig {
    /// Tells whether the events API 1 is spoken: the kind of key decides.
    fn is_v1(&self) -> bool {
        !self.service_key.is_empty() || !self.service_key_file.is_empty()
    }

    fn details(&self, render: &mut Render<'_>) -> Json {
        let mut details = Map::new();
        for (name, value) in &self.details {
            details.insert(name.clone(), render.structure(value));
        }
        Json::Object(details)
    }

    fn texts(&self, render: &mut Render<'_>, key: String) -> Texts {
        let mut text = |template: &str| render.text(template);
        let mut texts = Texts {
            key,
            summary: truncate_chars(&text(&self.description), SUMMARY_MAX).0.into_owned(),
            client: text(&self.client),
            client_url: text(&self.client_url),
            ..Texts::default()
        };
        if self.is_v1() {
            return texts;
        }
        texts.source = text(&self.source);
        texts.severity = text(if self.severity.is_empty() { "error" } else { &self.severity });
        texts.class = text(&self.class);
        texts.component = text(&self.component);
        texts.group = text(&self.group);
        for image in &self.images {
            let [src, alt, href] = [&image.src, &image.alt, &image.href].map(|t| text(t));
            if !src.is_empty() {
                let mut object = Object::new();
                object.text("src", &src).text("alt", &alt).text("href", &href);
                texts.images.push(object.done());
            }
        }
        for link in &self.links {
            let [href, label] = [&link.href, &link.text].map(|t| text(t));
            if !href.is_empty() {
                texts.links.push(Object::new().text("href", &href).text("text", &label).done());
            }
        }
        texts
    }
}

/// The texts of an event.
#[derive(Default)]
struct Texts {
    key: String,
    summary: String,
    client: String,
    client_url: String,
    source: String,
    severity: String,
    class: String,
    component: String,
    group: String,
    images: Vec<String>,
    links: Vec<String>,
}

impl Texts {
    /// Writes an event of the API 1 around details that are written already.
    fn event_v1(&self, talk: &Talk<'_>, details: &str) -> String {
        let is_firing = talk.is_firing();
        let mut event = Object::new();
        event.text("service_key", &self.key).text("incident_key", &talk.key_hash());
        event.text("event_type", if is_firing { "trigger" } else { "resolve" });
        event.some_text("description", &self.summary);
        event.text("event_action", "").raw("payload", "null");
        if is_firing {
            event.some_text("client", &self.client).some_text("client_url", &self.client_url);
        }
        event.raw("details", details).done()
    }

    /// Writes an event of the API 2 around details that are written already.
    fn event_v2(&self, talk: &Talk<'_>, details: &str) -> String {
        let mut payload = Object::new();
        payload.text("summary", &self.summary).text("source", &self.source);
        payload.text("severity", &self.severity).some_text("class", &self.class);
        payload.some_text("component", &self.component).some_text("group", &self.group);
        payload.raw("custom_details", details);
        let mut event = Object::new();
        event.text("routing_key", &self.key).text("dedup_key", &talk.key_hash());
        event.text("event_action", if talk.is_firing() { "trigger" } else { "resolve" });
        event.raw("payload", &payload.done());
        event.some_text("client", &self.client).some_text("client_url", &self.client_url);
        for (name, list) in [("images", &self.images), ("links", &self.links)] {
            if !list.is_empty() {
                event.raw(name, &json::list(list));
            }
        }
        event.done()
    }
}

impl Service for PagerdutyConfig {
    const NAME: &'static str = "pagerduty";

    fn inherit(&mut self, global: &Global) -> Result<(), String> {
        self.url.or_global(&global.pagerduty_url, "PagerDuty")
    }

    fn files(&self) -> Vec<(&'static str, &str)> {
        [
            ("service_key_file", &*self.service_key_file),
            ("routing_key_file", &*self.routing_key_file),
        ]
        .into()
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        let is_v1 = self.is_v1();
        if let [answer, ..] = talk.answers {
            let detail = if answer.status == 400 { detail(&answer.body) } else { String::new() };
            return Ok(talk.judge(answer, &[if is_v1 { 403 } else { 429 }], &detail).into());
        }
        let mut render = talk.render(0);
        let (what, inline, file) = if is_v1 {
            ("service", &self.service_key, &self.service_key_file)
        } else {
            ("routing", &self.routing_key, &self.routing_key_file)
        };
        let key = render.text(talk.inline_or_file(inline, file));
        let mut details = String::new();
        json::write_value(&mut details, &self.details(&mut render));
        let texts = self.texts(&mut render, key);
        render.finish()?;
        if texts.key.is_empty() {
            return Err(fail(format!("{what} key cannot be empty")));
        }
        let write = if is_v1 { Texts::event_v1 } else { Texts::event_v2 };
        let mut event = write(&texts, talk, &details);
        // The line feed behind it counts.
        if event.len() >= EVENT_MAX {
            event = write(&texts, talk, &Object::new().text("error", TOO_LARGE).done());
        }
        let url = if is_v1 { V1 } else { &self.url.0 };
        let mut request = Request::post_json(url, event).secret(texts.key);
        request.timeout = self.timeout.limit();
        request.prefix =
            format!("failed to post message to PagerDuty{}: ", if is_v1 { " v1" } else { "" });
        Ok(request.into())
    }
}

/// Returns what PagerDuty says about a refusal: `message: e1,e2`; a body of another shape as it is.
fn detail(body: &[u8]) -> String {
    let json = serde_json::from_slice::<BTreeMap<String, Json>>(body).unwrap_or_default();
    let text = |value: &Json| value.as_str().unwrap_or_default().to_string();
    let message = json.get("message").map(text).unwrap_or_default();
    let errors = json.get("errors").and_then(Json::as_array).into_iter().flatten().map(text);
    let parts = [message, errors.collect::<Vec<_>>().join(",")];
    let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    if text.is_empty() { String::from_utf8_lossy(body).into_owned() } else { text }
}
