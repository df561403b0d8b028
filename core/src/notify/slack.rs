//! Slack: posts an attachment to a channel, and may update it later.

pub mod config;

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use serde_json::Value as Json;

pub use self::config::SlackConfig;
use self::config::{POST_MESSAGE, SlackAction, SlackField};
use super::{
    Answer, Cause, HttpConfig, Outcome, SecretSource,
    global::Global,
    http::Auth,
    json::{self, Object},
    render::Render,
    request::shorten,
    secret::SecretUrl,
    service::{Keep, Request, Service, Talk, Turn},
};
use crate::{
    limits::ERROR_DETAIL_BYTES_MAX, nflog::Value, notify::Secret, template::truncate_chars,
};

/// Where a message is replaced.
const UPDATE: &str = "https://slack.com/api/chat.update";
/// The most characters of a title.
const TITLE_MAX: usize = 1024;
/// What the notification log keeps of a message that may be updated: its id and its channel's.
const STORED: [&str; 2] = ["threadTs", "channelId"];

/// A message of the group that is there already.
struct Posted<'a> {
    ts: &'a str,
    channel: &'a str,
}

impl SlackConfig {
    fn posted<'a>(&self, talk: &Talk<'a>) -> Option<Posted<'a>> {
        let stored = |key| match talk.stored(key) {
            Some(Value::Str(text)) if !text.is_empty() => Some(text.as_str()),
            _ => None,
        };
        let [ts, channel] = STORED.map(stored);
        if self.update_message { Some(Posted { ts: ts?, channel: channel? }) } else { None }
    }

    fn attachment(&self, render: &mut Render<'_>) -> String {
        let title = render.text(&self.title);
        let mut out = Object::new();
        out.some_text("title", &truncate_chars(&title, TITLE_MAX).0);
        out.some_text("title_link", &render.text(&self.title_link));
        out.some_text("pretext", &render.text(&self.pretext));
        out.text("text", &render.text(&self.text));
        out.text("fallback", &render.text(&self.fallback));
        out.text("callback_id", &render.text(&self.callback_id));
        if !self.fields.is_empty() {
            let fields = self.fields.iter().map(|field| self.field(field, render));
            out.raw("fields", &json::list(fields));
        }
        if !self.actions.is_empty() {
            let actions = self.actions.iter().map(|action| self::action(action, render));
            out.raw("actions", &json::list(actions));
        }
        out.some_text("image_url", &render.text(&self.image_url));
        out.some_text("thumb_url", &render.text(&self.thumb_url));
        out.text("footer", &render.text(&self.footer));
        out.some_text("color", &render.text(&self.color));
        let marked = match &*self.mrkdwn_in {
            [] => json::list(["fallback", "pretext", "text"].map(json::text)),
            names => json::list(names.iter().map(|name| json::text(name))),
        };
        out.raw("mrkdwn_in", &marked).done()
    }

    fn field(&self, field: &SlackField, render: &mut Render<'_>) -> String {
        let mut out = Object::new();
        out.some_text("title", &render.text(&field.title));
        out.some_text("value", &render.text(&field.value));
        out.boolean("short", field.short.unwrap_or(self.short_fields)).done()
    }

    fn body(&self, render: &mut Render<'_>, channel: &str, posted: Option<&Posted<'_>>) -> String {
        let mut body = Object::new();
        body.some_text("channel", channel);
        if let Some(posted) = posted {
            body.text("ts", posted.ts);
        }
        body.some_text("username", &render.text(&self.username));
        body.some_text("icon_emoji", &render.text(&self.icon_emoji));
        body.some_text("icon_url", &render.text(&self.icon_url));
        if self.link_names {
            body.boolean("link_names", true);
        }
        body.some_text("text", &render.text(&self.message_text));
        let attachment = self.attachment(render);
        body.raw("attachments", &json::list([attachment])).done()
    }

    /// Says what an answer means: Slack may answer 200 and refuse in the body.
    fn end(&self, talk: &Talk<'_>, answer: &Answer) -> Turn {
        let outcome = talk.judge_body(answer, &[]);
        if outcome != Outcome::Delivered {
            return outcome.into();
        }
        let body = String::from_utf8_lossy(&answer.body);
        let shown = |text: &str| shorten(talk.hide(text), ERROR_DETAIL_BYTES_MAX);
        let cause = Cause::ClientError;
        let is_json =
            answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
        if !is_json {
            if body == "ok" {
                return Outcome::Delivered.into();
            }
            let error = format!("received an error response from Slack: {}", shown(&body));
            return Outcome::Fail { error, cause }.into();
        }
        let Some(json) = parse(&body) else {
            let error = format!("could not unmarshal JSON response {:?}", shown(&body));
            return Outcome::Retry { error, cause, retry_after: None }.into();
        };
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_string();
        if json["ok"] != Json::Bool(true) {
            let error = format!("error response from Slack: {}", shown(&text("error")));
            return Outcome::Fail { error, cause }.into();
        }
        let (ts, channel) = (text("ts"), text("channel"));
        let store = (self.update_message && !ts.is_empty() && !channel.is_empty()).then(|| {
            let values = [ts, channel].map(Value::Str);
            STORED.map(String::from).into_iter().zip(values).collect::<BTreeMap<_, _>>()
        });
        Turn::Done(Outcome::Delivered, Keep { store, ..Keep::default() })
    }

    /// Takes over an app's token, if there is one.
    fn inherit_token(&mut self, global: &Global, http: &mut HttpConfig) -> Result<(), String> {
        let has_own_way = self.has_token()
            || !self.api_url.0.is_empty()
            // The original forgets the file, and posts as the global app.
            || !self.api_url_file.is_empty()
            || self.http_config.as_ref().is_some_and(is_authorized);
        if !has_own_way {
            self.app_token = global.slack_app_token.clone();
            self.app_token_file.clone_from(&global.slack_app_token_file);
        }
        if !self.has_token() {
            return Ok(());
        }
        let credentials = if self.app_token_file.is_empty() {
            SecretSource::Inline(self.app_token.clone())
        } else {
            SecretSource::File(self.app_token_file.as_str().into())
        };
        let auth = Auth::Scheme { kind: "Bearer".into(), credentials: Some(credentials) };
        // A printed configuration shows the token in both places.
        if is_authorized(http) && (http.auth != auth || !self.is_printed()) {
            return Err("http authorization can't be set when using Slack App tokens".into());
        }
        http.auth = auth;
        self.api_url = SecretUrl(Secret::new(self.app_url.0.as_str()));
        Ok(())
    }
}

fn is_authorized(http: &HttpConfig) -> bool {
    matches!(http.auth, Auth::Scheme { .. })
}

impl Service for SlackConfig {
    const NAME: &'static str = "slack";

    fn inherit(&mut self, global: &Global) -> Result<(), String> {
        if self.app_url.0.is_empty() {
            self.app_url = global.slack_app_url.clone();
        }
        let mut http = match &self.http_config {
            Some(http) => http.clone(),
            None => global.http()?,
        };
        self.inherit_token(global, &mut http)?;
        self.http_config = Some(http);
        if self.api_url.0.is_empty() && self.api_url_file.is_empty() {
            self.api_url = global.slack_api_url.clone();
            self.api_url_file.clone_from(&global.slack_api_url_file);
            if self.api_url.0.is_empty() && self.api_url_file.is_empty() {
                return Err("no Slack API URL nor App token set either inline or in a file; add \
                            api_url or app_token here, or slack_api_url to global"
                    .into());
            }
        }
        let url = &self.api_url.0;
        if self.update_message && url.expose() != POST_MESSAGE && !url.is_masked() {
            return Err(config::NO_UPDATE.into());
        }
        Ok(())
    }

    fn files(&self) -> Vec<(&'static str, &str)> {
        [("api_url_file", &*self.api_url_file)].into()
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        let mut render = talk.render(0);
        let (posted, answers) = match (self.posted(talk), talk.answers) {
            // The original fails here, and so does every later notification of the group.
            (Some(_), [answer, answers @ ..]) if is_gone(answer) => (None, answers),
            (posted, answers) => (posted, answers),
        };
        let channel = match &posted {
            Some(posted) => posted.channel.to_string(),
            None => render.text(&self.channel),
        };
        if let [answer, ..] = answers {
            return Ok(match self.end(talk, answer) {
                Turn::Done(outcome, keep) => {
                    Turn::Done(outcome.with_prefix(&format!("channel {channel:?}: ")), keep)
                }
                turn => turn,
            });
        }
        let body = self.body(&mut render, &channel, posted.as_ref());
        render.finish()?;
        let url = match posted {
            Some(_) => UPDATE,
            None => talk.inline_or_file(&self.api_url.0, &self.api_url_file),
        };
        let mut request = Request::post_json(url, body);
        request.reads_answer = true;
        request.timeout = self.timeout.limit();
        Ok(request.into())
    }
}

/// Reads an answer. Slack repeats the message in it, so that it may be longer than what is kept of
/// answers; what counts stands before the message, and failing here would post it again and again.
fn parse(body: &str) -> Option<Json> {
    let read = |text: &str| serde_json::from_str::<Json>(text).ok();
    let json = read(body).or_else(|| {
        let (head, _) = body.split_once(r#","message":{"#)?;
        read(&format!("{head}}}"))
    });
    json.filter(Json::is_object)
}

/// Tells whether Slack refused to update a message because somebody deleted it.
fn is_gone(answer: &Answer) -> bool {
    let json = serde_json::from_slice::<Json>(&answer.body).unwrap_or_default();
    answer.status == 200 && json["error"] == "message_not_found"
}

fn action(action: &SlackAction, render: &mut Render<'_>) -> String {
    let mut out = Object::new();
    out.some_text("type", &render.text(&action.kind));
    out.some_text("text", &render.text(&action.text));
    out.some_text("url", &render.text(&action.url));
    out.some_text("style", &render.text(&action.style));
    out.some_text("name", &render.text(&action.name));
    out.some_text("value", &render.text(&action.value));
    if let Some(confirm) = &action.confirm {
        let mut inner = Object::new();
        inner.some_text("text", &render.text(&confirm.text));
        inner.some_text("title", &render.text(&confirm.title));
        inner.some_text("ok_text", &render.text(&confirm.ok_text));
        inner.some_text("dismiss_text", &render.text(&confirm.dismiss_text));
        out.raw("confirm", &inner.done());
    }
    out.done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_were_cut_are_read_up_to_the_message() {
        let cut = r#"{"ok":true,"channel":"C1","ts":"17.5","message":{"text":"a long o"#;
        let json = parse(cut).expect("what counts is there");
        assert_eq!((&json["ok"], &json["ts"]), (&Json::Bool(true), &Json::from("17.5")));
        assert_eq!(parse(r#"{"ok":true,"chan"#), None);
        assert_eq!(parse("[]"), None);
    }
}
