//! Microsoft Teams: posts a card to a channel's webhook, in the format of connectors.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use super::{
    HttpConfig, Outcome,
    json::Object,
    pair::exactly_one,
    secret::SecretUrl,
    service::{Request, Service, Talk, Turn},
};
use crate::{
    schema::{Context, schema},
    yaml::{Abort, At},
};

/// The colours of the card: firing, resolved.
const COLORS: [&str; 2] = ["8C1A1A", "2DC72D"];

schema! {
    /// The settings in `msteams_configs`.
    pub struct MsTeamsConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// The channel's webhook.
        pub webhook_url: SecretUrl,
        /// The file with that URL.
        pub webhook_url_file: String,
        /// The card's title; a template.
        pub title: String = r#"{{ template "msteams.default.title" . }}"#.to_string(),
        /// What notifications of the message show; a template.
        pub summary: String = r#"{{ template "msteams.default.summary" . }}"#.to_string(),
        /// The card's text; a template.
        pub text: String = r#"{{ template "msteams.default.text" . }}"#.to_string(),
    }
}

impl MsTeamsConfig {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let (inline, file) = (!self.webhook_url.0.is_empty(), !self.webhook_url_file.is_empty());
        exactly_one(at, "webhook_url", inline, file)
    }
}

impl Service for MsTeamsConfig {
    const NAME: &'static str = "msteams";

    fn files(&self) -> Vec<(&'static str, &str)> {
        [("webhook_url_file", &*self.webhook_url_file)].into()
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        if let [answer, ..] = talk.answers {
            return Ok(talk.judge_body(answer, &[]).into());
        }
        let mut render = talk.render(0);
        let title = render.text(&self.title);
        let summary = render.text(&self.summary);
        let text = render.text(&self.text);
        render.finish()?;
        let body = Object::new()
            .text("@context", "http://schema.org/extensions")
            .text("type", "MessageCard")
            .text("title", &title)
            .text("summary", &summary)
            .text("text", &text)
            .text("themeColor", COLORS[usize::from(!talk.is_firing())])
            .done();
        let url = talk.inline_or_file(&self.webhook_url.0, &self.webhook_url_file);
        Ok(Request::post_json(url, body).into())
    }
}
