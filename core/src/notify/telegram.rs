//! Telegram: a bot sends a message to a chat.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

use serde_json::Value as Json;

use super::{
    Answer, Cause, HttpConfig, Outcome, Secret,
    global::Global,
    json::Object,
    pair::at_most_one,
    request::shorten,
    service::{Request, Service, Talk, Turn, retry},
};
use crate::{
    limits::{ERROR_DETAIL_BYTES_MAX, RETRY_AFTER_MAX},
    schema::{Context, Url, schema},
    template::truncate_chars,
    yaml::{Abort, At},
};

/// The most characters of a message, as Telegram's API documents them.
const MESSAGE_CHARS_MAX: usize = 4096;
/// What is sent instead of a longer message in HTML, which cannot be cut without breaking its tags.
const TOO_LONG: &str = concat!(
    "Alertmanager notification could not be sent: message length exceeds Telegram limits.\n",
    "\t\t\tPlease check the template used for producing the message content.",
);

schema! {
    /// The settings in `telegram_configs`.
    pub struct TelegramConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// Where the API is.
        pub api_url: Url; always,
        /// The bot's token.
        pub bot_token: Secret,
        /// The file with that token.
        pub bot_token_file: String,
        /// The chat; 0 when the file says it.
        pub chat_id: i64,
        /// The file with that number.
        pub chat_id_file: String,
        /// The topic in the chat; 0 for none.
        pub message_thread_id: i64,
        /// The message; a template, of HTML if `parse_mode` says so.
        pub message: String = r#"{{ template "telegram.default.message" . }}"#.to_string(),
        /// Whether the message arrives without a sound.
        pub disable_notifications: bool,
        /// How Telegram reads the message: `Markdown`, `MarkdownV2`, `HTML`, or empty for text.
        pub parse_mode: String = "HTML".to_string(),
    }
}

impl TelegramConfig {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let (token, chat) = (!self.bot_token.is_empty(), self.chat_id != 0);
        at_most_one(at, "bot_token", token, !self.bot_token_file.is_empty())?;
        if !chat && self.chat_id_file.is_empty() {
            return Err(at.fail("missing chat_id or chat_id_file on telegram_config"));
        }
        at_most_one(at, "chat_id", chat, !self.chat_id_file.is_empty())?;
        match &*self.parse_mode {
            "" | "Markdown" | "MarkdownV2" | "HTML" => Ok(()),
            _ => Err(at.fail(
                "unknown parse_mode on telegram_config, must be Markdown, MarkdownV2, HTML or \
                 empty string",
            )),
        }
    }

    /// Returns the chat's number as text.
    fn chat(&self, talk: &Talk<'_>) -> Result<String, Outcome> {
        if self.chat_id != 0 {
            return Ok(self.chat_id.to_string());
        }
        let text = talk.file(&self.chat_id_file);
        let id: Result<i64, _> = text.parse();
        let path = &self.chat_id_file;
        id.map(|id| id.to_string())
            .map_err(|error| retry(format!("chat_id_file {path} holds no chat id: {error}")))
    }
}

impl Service for TelegramConfig {
    const NAME: &'static str = "telegram";

    fn inherit(&mut self, global: &Global) -> Result<(), String> {
        self.api_url.or_global(&global.telegram_api_url, "Telegram")?;
        let token = (&global.telegram_bot_token, &global.telegram_bot_token_file);
        if !super::pair::or_global((&mut self.bot_token, &mut self.bot_token_file), token) {
            return Err("missing bot_token or bot_token_file on telegram_config".to_string());
        }
        Ok(())
    }

    fn files(&self) -> Vec<(&'static str, &str)> {
        [("bot_token_file", &*self.bot_token_file), ("chat_id_file", &*self.chat_id_file)].into()
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        if let [answer, ..] = talk.answers {
            return Ok(judge(talk, answer).into());
        }
        let mut render = talk.render(0);
        let is_html = self.parse_mode == "HTML";
        let message = if is_html { render.html(&self.message) } else { render.text(&self.message) };
        render.finish()?;
        let text = match truncate_chars(&message, MESSAGE_CHARS_MAX) {
            (_, true) if is_html => TOO_LONG.into(),
            (text, _) => text,
        };
        let chat = self.chat(talk)?;
        let mut body = Object::new();
        body.text("chat_id", &chat);
        if self.disable_notifications {
            body.text("disable_notification", "true");
        }
        body.text("disable_web_page_preview", "true");
        if self.message_thread_id != 0 {
            body.text("message_thread_id", &self.message_thread_id.to_string());
        }
        body.some_text("parse_mode", &self.parse_mode).text("text", &text);
        let token = talk.inline_or_file(&self.bot_token, &self.bot_token_file);
        let api = self.api_url.0.trim_end_matches('/');
        let mut request = Request::post_json(format!("{api}/bot{token}/sendMessage"), body.done());
        request.reads_answer = true;
        request.user_agent = Some("Go-http-client/1.1");
        Ok(request.into())
    }
}

/// Says what an answer means: its body counts, not its status, and whatever is wrong is tried
/// again, as upstream does.
fn judge(talk: &Talk<'_>, answer: &Answer) -> Outcome {
    let Ok(json) = serde_json::from_slice::<Json>(&answer.body) else {
        let cause = Cause::of_status(answer.status);
        let body = String::from_utf8_lossy(&answer.body);
        let body = shorten(talk.hide(&body), ERROR_DETAIL_BYTES_MAX);
        let error = format!("telegram: the answer ({}) is no JSON: {body}", answer.status);
        return Outcome::Retry { error, cause, retry_after: None };
    };
    if json["ok"] == true {
        return Outcome::Delivered;
    }
    let code = json["error_code"].as_u64().and_then(|code| u16::try_from(code).ok());
    let code = code.unwrap_or(answer.status);
    let description = json["description"].as_str().unwrap_or("no reason given");
    let description = description.strip_prefix("Bad Request: ").unwrap_or(description);
    let description = shorten(talk.hide(description), ERROR_DETAIL_BYTES_MAX);
    let retry_after = json["parameters"]["retry_after"].as_u64().map(Duration::from_secs);
    Outcome::Retry {
        error: format!("telegram: {description} ({code})"),
        cause: Cause::of_status(code),
        retry_after: retry_after.map(|wait| wait.min(RETRY_AFTER_MAX)),
    }
}
