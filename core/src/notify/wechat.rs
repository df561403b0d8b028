//! WeChat Work: fetches an access token, then sends a message.

use alloc::{
    boxed::Box,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

use serde_json::Value as Json;

use super::{
    Answer, HttpConfig, Outcome, Secret,
    global::Global,
    json::Object,
    pair,
    request::shorten,
    service::{Keep, Request, Service, Talk, Turn, fail, retry},
};
use crate::{
    limits::ERROR_DETAIL_BYTES_MAX,
    schema::{Context, Url, schema},
    yaml::{Abort, At},
};

/// How long a token is used; WeChat's own limit.
const TOKEN_LIFE: Duration = Duration::from_secs(2 * 3600);
/// The name under which it is remembered.
const TOKEN: &str = "access_token";
/// WeChat's codes for a token that is over, and for one it does not know.
const EXPIRED: i64 = 42001;
const UNKNOWN: i64 = 40014;

schema! {
    /// The settings in `wechat_configs`.
    pub struct WechatConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// The application's secret; a template.
        pub api_secret: Secret,
        /// The file with that secret.
        pub api_secret_file: String,
        /// The corporation's id; a template.
        pub corp_id: String,
        /// The message; a template.
        pub message: String = r#"{{ template "wechat.default.message" . }}"#.to_string(),
        /// The API.
        pub api_url: Url,
        /// Who is told; a template.
        pub to_user: String = r#"{{ template "wechat.default.to_user" . }}"#.to_string(),
        /// The parties that are told; a template.
        pub to_party: String = r#"{{ template "wechat.default.to_party" . }}"#.to_string(),
        /// The tags that are told; a template.
        pub to_tag: String = r#"{{ template "wechat.default.to_tag" . }}"#.to_string(),
        /// The application; a template.
        pub agent_id: String = r#"{{ template "wechat.default.agent_id" . }}"#.to_string(),
        /// `text` or `markdown`.
        pub message_type: String = "text".to_string(),
    }
}

impl WechatConfig {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let kind = match &*self.message_type {
            "" => "text",
            kind @ ("text" | "markdown") => kind,
            kind => {
                return Err(at.fail(format!(
                    "weChat message type {kind:?} does not match valid options; write text or \
                     markdown"
                )));
            }
        };
        self.message_type = kind.to_string();
        let (inline, file) = (&self.api_secret, &self.api_secret_file);
        pair::at_most_one(at, "api_secret", !inline.is_empty(), !file.is_empty())
    }

    /// Asks for a token.
    fn ask(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        let mut render = talk.render(0);
        // Nothing leaves for a message that cannot be made.
        let _ = self.message(&mut render);
        let secret = render.text(talk.inline_or_file(&self.api_secret, &self.api_secret_file));
        let corp_id = render.text(&self.corp_id);
        render.finish()?;
        let query = [("corpid", &*corp_id), ("corpsecret", &*secret)];
        let mut request = Request::new("GET", self.api_url.extended("gettoken", &query));
        request.reads_answer = true;
        request.content_type = "";
        Ok(request.secret(&*secret).into())
    }

    /// Returns the token that an answer holds.
    fn token(&self, talk: &Talk<'_>, answer: &Answer) -> Result<Secret, Outcome> {
        let json = serde_json::from_slice::<Json>(&answer.body).map_err(|_| {
            let status = answer.status;
            fail(format!("the answer to gettoken is no JSON (status code {status})"))
        })?;
        match json[TOKEN].as_str() {
            Some(token) if !token.is_empty() => Ok(Secret::new(token)),
            _ => {
                let corp_id = talk.render(0).text(&self.corp_id);
                let mut text = format!("invalid APISecret for CorpID: {corp_id}");
                if let Some(message) = json["errmsg"].as_str().filter(|text| !text.is_empty()) {
                    text += &format!(": {}", shorten(talk.hide(message), ERROR_DETAIL_BYTES_MAX));
                }
                Err(fail(text))
            }
        }
    }

    fn message(&self, render: &mut super::render::Render<'_>) -> String {
        let content = render.text(&self.message);
        let of = |kind: &str| {
            let content = if self.message_type == kind { &*content } else { "" };
            Object::new().text("content", content).done()
        };
        let mut body = Object::new();
        body.raw("text", &of("text"));
        body.some_text("touser", &render.text(&self.to_user));
        body.some_text("toparty", &render.text(&self.to_party));
        body.some_text("totag", &render.text(&self.to_tag));
        body.some_text("agentid", &render.text(&self.agent_id));
        body.text("safe", "0").text("msgtype", &self.message_type);
        body.raw("markdown", &of("markdown")).done()
    }

    fn send(&self, talk: &Talk<'_>, token: &Secret, is_new: bool) -> Result<Turn, Outcome> {
        let mut render = talk.render(0);
        let body = self.message(&mut render);
        render.finish()?;
        let url = self.api_url.extended("message/send", &[(TOKEN, token.expose())]);
        let request = Request::post_json(url, body).secret(token.expose());
        if !is_new {
            return Ok(request.into());
        }
        let memory = talk.memory.with(TOKEN, token.clone(), talk.now + TOKEN_LIFE);
        Ok(Turn::SendKeeping(Box::new(request), memory))
    }

    /// Says what the answer to the message means, and what becomes of the token.
    fn end(talk: &Talk<'_>, token: &Secret, is_new: bool, answer: &Answer) -> Turn {
        let known = || {
            let until = talk.now + TOKEN_LIFE;
            is_new.then(|| talk.memory.with(TOKEN, token.clone(), until))
        };
        let status = answer.status;
        let (outcome, memory) = if status != 200 {
            // Even other codes of success are no answer to a message.
            let outcome = match talk.judge(answer, &[status], "") {
                Outcome::Delivered => retry(format!("unexpected status code {status}")),
                outcome => outcome,
            };
            (outcome, known())
        } else {
            match serde_json::from_slice::<Json>(&answer.body) {
                Err(_) => (retry("WeChat's answer is no JSON"), known()),
                Ok(json) => {
                    let code = json["errcode"].as_i64().unwrap_or_default();
                    let text = json["errmsg"].as_str().unwrap_or_default();
                    let text = shorten(talk.hide(text), ERROR_DETAIL_BYTES_MAX);
                    match code {
                        0 => (Outcome::Delivered, known()),
                        EXPIRED => (retry(text), Some(talk.memory.without(TOKEN))),
                        UNKNOWN if !is_new => (retry(text), Some(talk.memory.without(TOKEN))),
                        _ if text.is_empty() => (fail(format!("WeChat's error {code}")), known()),
                        _ => (fail(text), known()),
                    }
                }
            }
        };
        Turn::Done(outcome, Keep { memory, ..Keep::default() })
    }
}

impl Service for WechatConfig {
    const NAME: &'static str = "wechat";

    fn inherit(&mut self, global: &Global) -> Result<(), String> {
        self.api_url.or_global(&global.wechat_api_url, "Wechat")?;
        self.api_url = self.api_url.with_slash();
        let secret = (&global.wechat_api_secret, &global.wechat_api_secret_file);
        if !pair::or_global((&mut self.api_secret, &mut self.api_secret_file), secret) {
            return Err("no global Wechat Api Secret set either inline or in a file; add \
                        api_secret here, or wechat_api_secret to global"
                .into());
        }
        if self.corp_id.is_empty() {
            self.corp_id.clone_from(&global.wechat_api_corp_id);
        }
        if self.corp_id.is_empty() {
            return Err("no global Wechat CorpID set; add corp_id here, or wechat_api_corp_id to \
                        global"
                .into());
        }
        Ok(())
    }

    fn files(&self) -> Vec<(&'static str, &str)> {
        [("api_secret_file", &*self.api_secret_file)].into()
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        let (token, is_new, answers) = match (talk.memory.recall(TOKEN, talk.now), talk.answers) {
            (Some(token), answers) => (token.clone(), false, answers),
            (None, []) => return self.ask(talk),
            (None, [first, answers @ ..]) => (self.token(talk, first)?, true, answers),
        };
        match answers {
            [] => self.send(talk, &token, is_new),
            [answer, ..] => Ok(Self::end(talk, &token, is_new, answer)),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::{
        notify::{
            Fed, Kind, SendError, SendErrorKind, Step,
            fixture::{attempt, firing, job},
        },
        time::rfc3339::parse_api,
    };

    #[test]
    fn a_token_outlives_a_broken_connection() {
        let config = WechatConfig {
            api_secret: Secret::new("s"),
            corp_id: "c".into(),
            api_url: Url::new("http://w/"),
            ..WechatConfig::default()
        };
        let kind = Kind::Wechat(config.into());
        let job = job(vec![firing("A")], kind, HttpConfig::default());
        let mut attempt = attempt();
        assert!(matches!(attempt.step(&job, Fed::Start), Step::Send(_)));
        let body = br#"{"access_token":"tok"}"#.to_vec();
        let answer = Answer { status: 200, headers: Vec::new(), body };
        let Step::Send(exchange) = attempt.step(&job, Fed::Sent(Ok(answer))) else {
            panic!("the message follows the token")
        };
        assert!(exchange.url.expose().ends_with("access_token=tok"));
        let broken = SendError { kind: SendErrorKind::Connection, message: "EOF".into() };
        let step = attempt.step(&job, Fed::Sent(Err(broken)));
        assert!(matches!(step, Step::Done(Outcome::Retry { .. })), "{step:?}");
        let now = parse_api("2024-03-01T00:00:02Z").expect("a time").at;
        let kept = attempt.kept().memory.as_ref().and_then(|memory| memory.recall(TOKEN, now));
        assert_eq!(kept.map(Secret::expose), Some("tok"));
    }
}
