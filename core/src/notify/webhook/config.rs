//! The settings of a webhook.

use alloc::{string::String, vec::Vec};

use super::body;
use crate::{
    notify::{
        HttpConfig, Outcome, json,
        pair::exactly_one,
        secret::TemplateUrl,
        service::{Request, Service, Talk, Turn, fail},
    },
    schema::{Any, Context, GoSpan, schema},
    yaml::{Abort, At},
};

schema! {
    /// The settings in `webhook_configs`.
    pub struct WebhookConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// Where to post; a template.
        pub url: TemplateUrl,
        /// The file with that URL.
        pub url_file: String; always,
        /// The most alerts in one notification; 0 means all.
        pub max_alerts: u64; always,
        /// How long one attempt may take; 0 leaves it to the notification's deadline.
        pub timeout: GoSpan; always,
        /// What is posted instead of the standard body; a structure of templates.
        pub payload: Option<Any>,
    }
}

impl WebhookConfig {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        self.payload = self.payload.take().filter(|payload| *payload != Any::Null);
        exactly_one(at, "url", !self.url.0.is_empty(), !self.url_file.is_empty())
    }
}

impl Service for WebhookConfig {
    const NAME: &'static str = "webhook";

    fn files(&self) -> Vec<(&'static str, &str)> {
        [("url_file", &*self.url_file)].into()
    }

    fn is_light(&self) -> bool {
        self.payload.is_none() && self.url_file.is_empty() && !self.url.0.expose().contains("{{")
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        if let [answer, ..] = talk.answers {
            return Ok(talk.judge_body(answer, &[]).into());
        }
        let mut render = talk.render(self.max_alerts);
        let url = talk.inline_or_file(&self.url.0, &self.url_file);
        let url = if url.contains("{{") { render.text(url) } else { url.into() };
        let body = match &self.payload {
            None => body::write(&render.data, "4"),
            Some(payload) => {
                let mut out = String::new();
                json::write_value(&mut out, &render.structure(payload));
                out
            }
        };
        render.finish()?;
        if url.is_empty() {
            return Err(fail("webhook URL is empty after templating"));
        }
        let mut request = Request::post_json(url, body);
        request.timeout = self.timeout.limit();
        Ok(request.into())
    }
}
