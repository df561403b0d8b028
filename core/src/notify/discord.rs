//! Discord: posts an embed to a channel's webhook.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use super::{
    HttpConfig, Outcome,
    json::{self, Object},
    pair::exactly_one,
    secret::SecretUrl,
    service::{Request, Service, Talk, Turn},
};
use crate::{
    schema::{Context, schema},
    template::truncate_chars,
    yaml::{Abort, At},
};

/// The most characters of a title, a description and a text, as Discord's API documents them.
const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 4096;
const CONTENT_MAX: usize = 2000;
/// The colours of the embed: firing, resolved.
const COLORS: [i64; 2] = [0x99_2d_22, 0x2e_cc_71];

schema! {
    /// The settings in `discord_configs`.
    pub struct DiscordConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// The channel's webhook.
        pub webhook_url: SecretUrl,
        /// The file with that URL.
        pub webhook_url_file: String,
        /// The text above the embed; a template.
        pub content: String,
        /// The embed's title; a template.
        pub title: String = r#"{{ template "discord.default.title" . }}"#.to_string(),
        /// The embed's description; a template.
        pub message: String = r#"{{ template "discord.default.message" . }}"#.to_string(),
        /// The name to post under, as it is.
        pub username: String,
        /// The picture to post under, as it is.
        pub avatar_url: String,
    }
}

impl DiscordConfig {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let (inline, file) = (!self.webhook_url.0.is_empty(), !self.webhook_url_file.is_empty());
        exactly_one(at, "webhook_url", inline, file)
    }
}

impl Service for DiscordConfig {
    const NAME: &'static str = "discord";

    fn files(&self) -> Vec<(&'static str, &str)> {
        [("webhook_url_file", &*self.webhook_url_file)].into()
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        if let [answer, ..] = talk.answers {
            return Ok(talk.judge_body(answer, &[]).into());
        }
        let mut render = talk.render(0);
        let title = cut(render.text(&self.title), TITLE_MAX);
        let description = cut(render.text(&self.message), DESCRIPTION_MAX);
        let content = cut(render.text(&self.content), CONTENT_MAX);
        render.finish()?;
        let color = COLORS[usize::from(!talk.is_firing())];
        let embed = Object::new()
            .text("title", &title)
            .text("description", &description)
            .number("color", color)
            .done();
        let mut body = Object::new();
        body.text("content", &content).raw("embeds", &json::list([embed]));
        body.some_text("username", &self.username);
        body.some_text("avatar_url", &self.avatar_url);
        let url = talk.inline_or_file(&self.webhook_url.0, &self.webhook_url_file);
        Ok(Request::post_json(url, body.done()).into())
    }
}

fn cut(text: String, max: usize) -> String {
    truncate_chars(&text, max).0.into_owned()
}
