//! Webex: posts a message to a room.

use alloc::string::{String, ToString as _};

use super::{
    HttpConfig, Outcome,
    global::Global,
    http::Auth,
    json::Object,
    service::{Request, Service, Talk, Turn},
};
use crate::{
    schema::{Context, Url, schema},
    template::truncate_bytes,
    yaml::{Abort, At},
};

/// The most bytes of a message, as Webex' API documents them.
const MESSAGE_BYTES_MAX: usize = 7439;

schema! {
    /// The settings in `webex_configs`.
    pub struct WebexConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
        /// How it talks HTTP; holds the credentials.
        pub http_config: Option<HttpConfig>,
        /// Where to post.
        pub api_url: Url,
        /// The message, in Markdown; a template.
        pub message: String = r#"{{ template "webex.default.message" . }}"#.to_string(),
        /// The room; a template.
        pub room_id: String; always,
    }
}

impl WebexConfig {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if self.room_id.is_empty() {
            return Err(at.fail("missing room_id on webex_config"));
        }
        match &self.http_config {
            Some(HttpConfig { auth: Auth::Scheme { .. }, .. }) => Ok(()),
            _ => Err(at.fail("missing webex_configs.http_config.authorization")),
        }
    }
}

impl Service for WebexConfig {
    const NAME: &'static str = "webex";

    fn inherit(&mut self, global: &Global) -> Result<(), String> {
        self.api_url.or_global(&global.webex_api_url, "Webex")
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        if let [answer, ..] = talk.answers {
            return Ok(talk.judge_body(answer, &[]).into());
        }
        let mut render = talk.render(0);
        let message = render.text(&self.message);
        let room = render.text(&self.room_id);
        render.finish()?;
        let (markdown, _) = truncate_bytes(&message, MESSAGE_BYTES_MAX);
        let body = Object::new().text("markdown", &markdown).some_text("roomId", &room).done();
        Ok(Request::post_json(&*self.api_url.0, body).into())
    }
}
