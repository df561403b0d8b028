//! `global`: what integrations take over where they say nothing themselves.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

use super::{HttpConfig, Secret, http::TlsConfig, secret::SecretUrl};
use crate::schema::{Smarthost, Span, Url, schema};

schema! {
    /// The section `global`, defaults filled in.
    pub struct Global {
        /// How long an alert without an end stays active after its last post.
        pub resolve_timeout: Span = Span(Duration::from_secs(300)); always,
        /// How integrations without an `http_config` of their own talk HTTP.
        pub http_config: Option<HttpConfig> = Some(HttpConfig::default()),
        /// Jira's API.
        pub jira_api_url: Url,
        /// The sender of mails.
        pub smtp_from: String,
        /// What mail servers are greeted with.
        pub smtp_hello: String = "localhost".to_string(),
        /// Where mails are handed in.
        pub smtp_smarthost: Smarthost,
        /// The user at the mail server; empty for none.
        pub smtp_auth_username: String,
        /// The password for PLAIN and LOGIN.
        pub smtp_auth_password: Secret,
        /// The file with that password.
        pub smtp_auth_password_file: String,
        /// The shared secret for CRAM-MD5.
        pub smtp_auth_secret: Secret,
        /// The file with that secret.
        pub smtp_auth_secret_file: String,
        /// The identity for PLAIN.
        pub smtp_auth_identity: String,
        /// Whether a mail server has to offer STARTTLS.
        pub smtp_require_tls: bool = true; always,
        /// How TLS to mail servers is made.
        pub smtp_tls_config: Option<TlsConfig> = Some(TlsConfig::default()),
        /// Whether TLS begins with the connection; unset lets the port decide.
        pub smtp_force_implicit_tls: Option<bool>,
        /// Slack's incoming webhook.
        pub slack_api_url: SecretUrl,
        /// The file with that URL.
        pub slack_api_url_file: String,
        /// The token of a Slack app.
        pub slack_app_token: Secret,
        /// The file with that token.
        pub slack_app_token_file: String,
        /// Where Slack apps post.
        pub slack_app_url: Url = Url::new("https://slack.com/api/chat.postMessage"),
        /// PagerDuty's events API, version 2.
        pub pagerduty_url: Url = Url::new("https://events.pagerduty.com/v2/enqueue"),
        /// OpsGenie's API.
        pub opsgenie_api_url: Url = Url::new("https://api.opsgenie.com/"),
        /// The key for it.
        pub opsgenie_api_key: Secret,
        /// The file with that key.
        pub opsgenie_api_key_file: String,
        /// WeChat's API.
        pub wechat_api_url: Url = Url::new("https://qyapi.weixin.qq.com/cgi-bin/"),
        /// The secret for it.
        pub wechat_api_secret: Secret,
        /// The file with that secret.
        pub wechat_api_secret_file: String,
        /// The corporation at WeChat.
        pub wechat_api_corp_id: String,
        /// VictorOps' API.
        pub victorops_api_url: Url = Url::new(VICTOROPS),
        /// The key for it.
        pub victorops_api_key: Secret,
        /// The file with that key.
        pub victorops_api_key_file: String,
        /// Telegram's API.
        pub telegram_api_url: Url = Url::new("https://api.telegram.org"),
        /// The token of a Telegram bot.
        pub telegram_bot_token: Secret,
        /// The file with that token.
        pub telegram_bot_token_file: String,
        /// Webex' API.
        pub webex_api_url: Url = Url::new("https://webexapis.com/v1/messages"),
        /// Rocket.Chat's API.
        pub rocketchat_api_url: Url = Url::new("https://open.rocket.chat/"),
        /// The token for it.
        pub rocketchat_token: Secret,
        /// The file with that token.
        pub rocketchat_token_file: String,
        /// The id of the token's user.
        pub rocketchat_token_id: Secret,
        /// The file with that id.
        pub rocketchat_token_id_file: String,
        /// Mattermost's incoming webhook.
        pub mattermost_webhook_url: SecretUrl,
        /// The file with that URL.
        pub mattermost_webhook_url_file: String,
    }
}

const VICTOROPS: &str = "https://alert.victorops.com/integrations/generic/20131114/alert/";

impl Global {
    /// Returns how integrations without an `http_config` of their own talk HTTP.
    ///
    /// # Errors
    /// The section is null.
    pub fn http(&self) -> Result<HttpConfig, String> {
        self.http_config.clone().ok_or_else(|| {
            "the http_config of global is null; give it settings or remove the key".into()
        })
    }

    /// Returns what is set twice: the field, and what is wrong. In the original's order.
    pub fn conflicts(&self) -> Vec<(&'static str, String)> {
        let slack_url = !self.slack_api_url.0.is_empty() || !self.slack_api_url_file.is_empty();
        let slack_token = !self.slack_app_token.is_empty() || !self.slack_app_token_file.is_empty();
        let one_of = |key: &'static str, inline: &Secret, file: &str| {
            let text = format!("at most one of {key} & {key}_file must be configured");
            (!inline.is_empty() && !file.is_empty()).then_some((key, text))
        };
        let url = &self.slack_api_url.0;
        // A printed configuration hides which URL it is.
        let is_app_url = url.expose() == self.slack_app_url.0 || url.is_masked();
        let slack_both = slack_url && slack_token && !is_app_url;
        let slack = slack_both.then(|| {
            let text = "at most one of slack_app_token/slack_app_token_file & \
                        slack_api_url/slack_api_url_file must be configured";
            ("slack_app_token", text.to_string())
        });
        [
            one_of("slack_app_token", &self.slack_app_token, &self.slack_app_token_file),
            one_of("slack_api_url", &self.slack_api_url.0, &self.slack_api_url_file),
            slack,
            one_of("opsgenie_api_key", &self.opsgenie_api_key, &self.opsgenie_api_key_file),
            one_of("victorops_api_key", &self.victorops_api_key, &self.victorops_api_key_file),
            one_of("telegram_bot_token", &self.telegram_bot_token, &self.telegram_bot_token_file),
            one_of("smtp_auth_password", &self.smtp_auth_password, &self.smtp_auth_password_file),
            one_of("rocketchat_token", &self.rocketchat_token, &self.rocketchat_token_file),
            one_of(
                "rocketchat_token_id",
                &self.rocketchat_token_id,
                &self.rocketchat_token_id_file,
            ),
            one_of("smtp_auth_secret", &self.smtp_auth_secret, &self.smtp_auth_secret_file),
            one_of("wechat_api_secret", &self.wechat_api_secret, &self.wechat_api_secret_file),
            one_of(
                "mattermost_webhook_url",
                &self.mattermost_webhook_url.0,
                &self.mattermost_webhook_url_file,
            ),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}
