//! Pushover: sends a message to a user's devices.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{
    HttpConfig, Outcome, Secret, pair,
    service::{Request, Service, Talk, Turn, fail},
};
use crate::{
    schema::{Context, TextSpan, Url, schema},
    template::truncate_chars,
    yaml::{Abort, At},
};

const API: &str = "https://api.pushover.net/1/messages.json";
/// The most characters of a title, a message and a link, as Pushover documents them.
const TITLE_MAX: usize = 250;
const MESSAGE_MAX: usize = 1024;
const URL_MAX: usize = 512;
const SECOND: i64 = 1_000_000_000;

schema! {
    /// The settings in `pushover_configs`.
    pub struct PushoverConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// The user's key; a template.
        pub user_key: Secret,
        /// The file with that key.
        pub user_key_file: String,
        /// The application's token; a template.
        pub token: Secret,
        /// The file with that token.
        pub token_file: String,
        /// The title; a template.
        pub title: String = r#"{{ template "pushover.default.title" . }}"#.to_string(),
        /// The message; a template.
        pub message: String = r#"{{ template "pushover.default.message" . }}"#.to_string(),
        /// The link shown with the message; a template.
        pub url: String = r#"{{ template "pushover.default.url" . }}"#.to_string(),
        /// The link's title; a template.
        pub url_title: String,
        /// The device; empty means all of the user's. A template.
        pub device: String,
        /// The sound; a template.
        pub sound: String,
        /// The priority, from -2 to 2; a template.
        pub priority: String =
            r#"{{ if eq .Status "firing" }}2{{ else }}0{{ end }}"#.to_string(),
        /// How often the user is told again until he confirms; whole seconds.
        pub retry: TextSpan = TextSpan(60 * SECOND),
        /// How long the user is told again; whole seconds.
        pub expire: TextSpan = TextSpan(3600 * SECOND),
        /// How long the message is kept; 0 means for good.
        pub ttl: TextSpan,
        /// Whether the message is HTML.
        pub html: bool,
        /// Whether the message is shown in letters of one width.
        pub monospace: bool,
    }
}

impl PushoverConfig {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let (key, file) = (&self.user_key, &self.user_key_file);
        pair::exactly_one(at, "user_key", !key.is_empty(), !file.is_empty())?;
        pair::exactly_one(at, "token", !self.token.is_empty(), !self.token_file.is_empty())?;
        if self.html && self.monospace {
            return Err(at.fail("at most one of monospace & html must be configured"));
        }
        Ok(())
    }
}

impl Service for PushoverConfig {
    const NAME: &'static str = "pushover";

    fn files(&self) -> Vec<(&'static str, &str)> {
        [("user_key_file", &*self.user_key_file), ("token_file", &*self.token_file)].into()
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        if let [answer, ..] = talk.answers {
            return Ok(talk.judge_body(answer, &[]).into());
        }
        let mut render = talk.render(0);
        let cut = |text: String, max| truncate_chars(&text, max).0.into_owned();
        let title = cut(render.text(&self.title), TITLE_MAX);
        let message =
            if self.html { render.html(&self.message) } else { render.text(&self.message) };
        let message = cut(message, MESSAGE_MAX);
        let message = match message.trim() {
            "" => "(no details)",
            message => message,
        };
        let url = cut(render.text(&self.url), URL_MAX);
        let [url_title, device, sound, priority, user, token] = [
            &*self.url_title,
            &self.device,
            &self.sound,
            &self.priority,
            talk.inline_or_file(&self.user_key, &self.user_key_file),
            talk.inline_or_file(&self.token, &self.token_file),
        ]
        .map(|template| render.text(template));
        render.finish()?;
        for (key, value) in [("user_key", &user), ("token", &token)] {
            if value.is_empty() {
                return Err(fail(format!("the Pushover {key} is empty")));
            }
        }
        let [retry, expire, ttl] =
            [self.retry, self.expire, self.ttl].map(|span| format!("{}", span.0 / SECOND));
        // Sorted by key.
        let mut query = Vec::from([("device", &*device), ("expire", &*expire)]);
        query.extend(self.html.then_some(("html", "1")));
        query.push(("message", message));
        query.extend(self.monospace.then_some(("monospace", "1")));
        query.extend([
            ("priority", &*priority),
            ("retry", &*retry),
            ("sound", &*sound),
            ("title", &*title),
            ("token", &*token),
        ]);
        query.extend((self.ttl.0 >= SECOND).then_some(("ttl", &*ttl)));
        query.extend([("url", &*url), ("url_title", &*url_title), ("user", &*user)]);
        let mut request = Request::new("POST", Url::new(API).extended("", &query));
        request.content_type = "text/plain";
        Ok(request.secret(&*user).secret(&*token).into())
    }
}
