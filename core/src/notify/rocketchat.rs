//! Rocket.Chat: posts a message with one attachment to a channel.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use serde_json::Value as Json;

use super::{
    Answer, Cause, HttpConfig, Outcome, Secret,
    global::Global,
    json::{self, Object},
    pair::at_most_one,
    render::Render,
    request::shorten,
    service::{Request, Service, Talk, Turn, retry},
};
use crate::{
    limits::ERROR_DETAIL_BYTES_MAX,
    schema::{Context, Url, schema},
    template::truncate_chars,
    yaml::{Abort, At},
};

/// The most characters of a title.
const TITLE_CHARS_MAX: usize = 1024;

/// The colour unless configured.
const COLOR: &str = r#"{{ if eq .Status "firing" }}red{{ else }}green{{ end }}"#;

schema! {
    /// The settings in `rocketchat_configs`.
    pub struct RocketchatConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// Where the server is.
        pub api_url: Url,
        /// The id of the token's user.
        pub token_id: Secret,
        /// The file with that id.
        pub token_id_file: String,
        /// The token.
        pub token: Secret,
        /// The file with that token.
        pub token_file: String,
        /// The channel; a template.
        pub channel: String,
        /// The attachment's colour; a template.
        pub color: String = COLOR.to_string(),
        /// The attachment's title; a template.
        pub title: String = r#"{{ template "rocketchat.default.title" . }}"#.to_string(),
        /// Where the title leads; a template.
        pub title_link: String = r#"{{ template "rocketchat.default.titlelink" . }}"#.to_string(),
        /// The attachment's text; a template.
        pub text: String = r#"{{ template "rocketchat.default.text" . }}"#.to_string(),
        /// The attachment's table.
        pub fields: Vec<RocketchatField>,
        /// Whether fields are short that do not say it.
        pub short_fields: bool; always,
        /// The sender's picture by its name; a template.
        pub emoji: String = r#"{{ template "rocketchat.default.emoji" . }}"#.to_string(),
        /// The sender's picture by its URL; a template.
        pub icon_url: String = r#"{{ template "rocketchat.default.iconurl" . }}"#.to_string(),
        /// The attachment's picture; a template.
        pub image_url: String,
        /// The attachment's small picture; a template.
        pub thumb_url: String,
        /// Without effect, as upstream.
        pub link_names: bool; always,
        /// The attachment's buttons.
        pub actions: Vec<RocketchatAction>,
    }
}

schema! {
    /// A field of the attachment's table.
    pub struct RocketchatField {
        /// Whether it takes half of the width.
        pub short: Option<bool>; always,
        /// Its title; a template.
        pub title: String; always,
        /// Its value; a template.
        pub value: String; always,
    }
}

schema! {
    /// A button. The keys are spelled as upstream accepts them; those that say `Without effect` are
    /// never sent there either.
    pub struct RocketchatAction {
        /// Without effect: it is a button.
        pub kind: String as "type"; always,
        /// Its text; a template.
        pub text: String; always,
        /// Where it leads; a template.
        pub url: String; always,
        /// Without effect.
        pub image_url: String as "imageurl"; always,
        /// Without effect.
        pub is_web_view: bool as "iswebview"; always,
        /// Without effect.
        pub web_view_height_ratio: String as "webviewheightratio"; always,
        /// What it posts; a template.
        pub msg: String; always,
        /// Without effect.
        pub msg_in_chat_window: bool as "msginchatwindow"; always,
        /// Without effect.
        pub msg_processing_type: String as "msgprocessingtype"; always,
    }
}

impl RocketchatConfig {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        at_most_one(at, "token", !self.token.is_empty(), !self.token_file.is_empty())?;
        at_most_one(at, "token_id", !self.token_id.is_empty(), !self.token_id_file.is_empty())
    }

    fn body(&self, render: &mut Render<'_>) -> String {
        let mut body = Object::new();
        body.some_text("channel", &render.text(&self.channel))
            .some_text("emoji", &render.text(&self.emoji))
            .some_text("avatar", &render.text(&self.icon_url))
            .raw("attachments", &json::list([self.attachment(render)]));
        body.done()
    }

    fn attachment(&self, render: &mut Render<'_>) -> String {
        let title = render.text(&self.title);
        let mut body = Object::new();
        body.some_text("title", &truncate_chars(&title, TITLE_CHARS_MAX).0)
            .some_text("title_link", &render.text(&self.title_link))
            .some_text("text", &render.text(&self.text))
            .some_text("image_url", &render.text(&self.image_url))
            .some_text("thumb_url", &render.text(&self.thumb_url))
            .some_text("color", &render.text(&self.color));
        let fields = self.fields.iter().map(|field| {
            let mut body = Object::new();
            body.boolean("short", field.short.unwrap_or(self.short_fields))
                .some_text("title", &render.text(&field.title))
                .some_text("value", &render.text(&field.value));
            body.done()
        });
        if !self.fields.is_empty() {
            body.raw("fields", &json::list(fields));
        }
        let actions = self.actions.iter().map(|action| {
            let mut body = Object::new();
            body.text("type", "button")
                .some_text("text", &render.text(&action.text))
                .some_text("url", &render.text(&action.url))
                .boolean("is_webview", false)
                .some_text("msg", &render.text(&action.msg))
                .boolean("msg_in_chat_window", false);
            body.done()
        });
        if !self.actions.is_empty() {
            body.raw("actions", &json::list(actions));
        }
        body.done()
    }
}

impl Service for RocketchatConfig {
    const NAME: &'static str = "rocketchat";

    fn inherit(&mut self, global: &Global) -> Result<(), String> {
        if self.api_url.0.is_empty() {
            self.api_url = global.rocketchat_api_url.clone();
        }
        let id = (&global.rocketchat_token_id, &global.rocketchat_token_id_file);
        let has_id = super::pair::or_global((&mut self.token_id, &mut self.token_id_file), id);
        let token = (&global.rocketchat_token, &global.rocketchat_token_file);
        let has_token = super::pair::or_global((&mut self.token, &mut self.token_file), token);
        let missing = if !has_id {
            "TokenID"
        } else if !has_token {
            "Token"
        } else {
            return Ok(());
        };
        Err(format!("no global Rocketchat {missing} set either inline or in a file"))
    }

    fn files(&self) -> Vec<(&'static str, &str)> {
        [("token_id_file", &*self.token_id_file), ("token_file", &*self.token_file)].into()
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        let mut render = talk.render(0);
        if let [answer, ..] = talk.answers {
            let channel = render.text(&self.channel);
            return Ok(judge(talk, answer).with_prefix(&format!("channel {channel:?}: ")).into());
        }
        let body = self.body(&mut render);
        render.finish()?;
        let (path, query) = match self.api_url.0.split_once('?') {
            Some((path, query)) => (path, format!("?{query}")),
            None => (&*self.api_url.0, String::new()),
        };
        let path = path.trim_end_matches('/');
        let url = format!("{path}/api/v1/chat.postMessage{query}");
        Ok(Request::post_json(url, body)
            .header("X-Auth-Token", talk.inline_or_file(&self.token, &self.token_file))
            .header("X-User-Id", talk.inline_or_file(&self.token_id, &self.token_id_file))
            .into())
    }
}

/// Says what an answer means: with a status of success, its body has to say `success`.
fn judge(talk: &Talk<'_>, answer: &Answer) -> Outcome {
    let outcome = talk.judge_body(answer, &[]);
    if outcome != Outcome::Delivered {
        return outcome;
    }
    let Ok(json) = serde_json::from_slice::<Json>(&answer.body) else {
        let body =
            shorten(talk.hide(&String::from_utf8_lossy(&answer.body)), ERROR_DETAIL_BYTES_MAX);
        return retry(format!("the answer from Rocketchat is no JSON: {body}"));
    };
    if json["success"] == true {
        return Outcome::Delivered;
    }
    let why = json["error"].as_str().unwrap_or_default();
    let why = shorten(talk.hide(why), ERROR_DETAIL_BYTES_MAX);
    let error = format!("error response from Rocketchat: {why}");
    Outcome::Fail { error, cause: Cause::ClientError }
}
