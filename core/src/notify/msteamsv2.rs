//! Microsoft Teams: posts an adaptive card to a workflow's webhook.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use super::{
    HttpConfig, Outcome,
    global::Global,
    json::{self, Object},
    pair::exactly_one,
    secret::SecretUrl,
    service::{Request, Service, Talk, Turn},
};
use crate::{
    schema::{Context, schema},
    yaml::{Abort, At},
};

/// The colours of the title, by Microsoft's names: firing, resolved.
const COLORS: [&str; 2] = ["Attention", "Good"];

schema! {
    /// The settings in `msteamsv2_configs`.
    pub struct MsTeamsV2Config check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// The workflow's webhook.
        pub webhook_url: SecretUrl,
        /// The file with that URL.
        pub webhook_url_file: String,
        /// The card's title; a template.
        pub title: String = r#"{{ template "msteamsv2.default.title" . }}"#.to_string(),
        /// The card's text; a template.
        pub text: String = r#"{{ template "msteamsv2.default.text" . }}"#.to_string(),
    }
}

impl MsTeamsV2Config {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let (inline, file) = (!self.webhook_url.0.is_empty(), !self.webhook_url_file.is_empty());
        exactly_one(at, "webhook_url", inline, file)
    }
}

impl Service for MsTeamsV2Config {
    const NAME: &'static str = "msteamsv2";

    fn inherit(&mut self, global: &Global) -> Result<(), String> {
        // Since 0.34 the proxy alone is taken over too.
        if let (Some(own), Some(global)) = (&mut self.http_config, &global.http_config)
            && own.proxy.url.is_none()
        {
            own.proxy.url.clone_from(&global.proxy.url);
        }
        Ok(())
    }

    fn files(&self) -> Vec<(&'static str, &str)> {
        [("webhook_url_file", &*self.webhook_url_file)].into()
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        if let [answer, ..] = talk.answers {
            return Ok(talk.judge_body(answer, &[]).into());
        }
        let mut render = talk.render(0);
        let title = render.text(&self.title);
        let text = render.text(&self.text);
        render.finish()?;
        let body = message(&title, &text, COLORS[usize::from(!talk.is_firing())]);
        let url = talk.inline_or_file(&self.webhook_url.0, &self.webhook_url_file);
        Ok(Request::post_json(url, body).into())
    }
}

/// Writes a message with one card: a title and a text.
fn message(title: &str, text: &str, color: &str) -> String {
    let title = Object::new()
        .text("type", "TextBlock")
        .text("text", title)
        .text("weight", "Bolder")
        .text("size", "Medium")
        .boolean("wrap", true)
        .text("style", "heading")
        .text("color", color)
        .done();
    let text =
        Object::new().text("type", "TextBlock").text("text", text).boolean("wrap", true).done();
    let card = Object::new()
        .text("$schema", "http://adaptivecards.io/schemas/adaptive-card.json")
        .text("type", "AdaptiveCard")
        .text("version", "1.2")
        .raw("body", &json::list([title, text]))
        .raw("msteams", &Object::new().text("width", "full").done())
        .done();
    let attachment = Object::new()
        .text("contentType", "application/vnd.microsoft.card.adaptive")
        .raw("contentUrl", "null")
        .raw("content", &card)
        .done();
    Object::new().text("type", "message").raw("attachments", &json::list([attachment])).done()
}
