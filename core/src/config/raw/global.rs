//! `global`: what holds for all receivers.

use alloc::sync::Arc;
use core::time::Duration;

use super::{Context, http, refuse, span};
use crate::{
    config::yaml::{Abort, At, Value},
    notify::HttpConfig,
};

/// `global`, defaults filled in.
#[derive(Debug)]
pub struct Global {
    /// How long an alert without an end stays active after its last post.
    pub resolve_timeout: Duration,
    /// How integrations without an `http_config` of their own talk HTTP.
    pub http: Arc<HttpConfig>,
}

impl Default for Global {
    fn default() -> Self {
        Self { resolve_timeout: Duration::from_secs(300), http: Arc::default() }
    }
}

/// Keys of integrations that do not exist yet and are always printed, with their defaults. A file
/// may say what holds anyway, so a printed configuration can be read back.
pub const FIXED: [(&str, &str); 10] = [
    ("smtp_hello", "localhost"),
    ("smtp_require_tls", "true"),
    ("slack_app_url", "https://slack.com/api/chat.postMessage"),
    ("pagerduty_url", "https://events.pagerduty.com/v2/enqueue"),
    ("opsgenie_api_url", "https://api.opsgenie.com/"),
    ("wechat_api_url", "https://qyapi.weixin.qq.com/cgi-bin/"),
    ("victorops_api_url", "https://alert.victorops.com/integrations/generic/20131114/alert/"),
    ("telegram_api_url", "https://api.telegram.org"),
    ("webex_api_url", "https://webexapis.com/v1/messages"),
    ("rocketchat_api_url", "https://open.rocket.chat/"),
];

/// All keys, in Alertmanager's order.
const KEYS: [&str; 42] = [
    "resolve_timeout",
    "http_config",
    "smtp_from",
    "smtp_hello",
    "smtp_smarthost",
    "smtp_auth_username",
    "smtp_auth_password",
    "smtp_auth_password_file",
    "smtp_auth_secret",
    "smtp_auth_secret_file",
    "smtp_auth_identity",
    "smtp_require_tls",
    "smtp_tls_config",
    "smtp_force_implicit_tls",
    "slack_api_url",
    "slack_api_url_file",
    "slack_app_token",
    "slack_app_token_file",
    "slack_app_url",
    "pagerduty_url",
    "opsgenie_api_url",
    "opsgenie_api_key",
    "opsgenie_api_key_file",
    "wechat_api_url",
    "wechat_api_secret",
    "wechat_api_secret_file",
    "wechat_api_corp_id",
    "victorops_api_url",
    "victorops_api_key",
    "victorops_api_key_file",
    "telegram_api_url",
    "telegram_bot_token",
    "telegram_bot_token_file",
    "webex_api_url",
    "rocketchat_api_url",
    "rocketchat_token",
    "rocketchat_token_file",
    "rocketchat_token_id",
    "rocketchat_token_id_file",
    "jira_api_url",
    "mattermost_webhook_url",
    "mattermost_webhook_url_file",
];

/// Reads `global`.
///
/// # Errors
/// The first rule that a value breaks.
pub fn read(at: &At<'_>, context: &Context<'_>) -> Result<Global, Abort> {
    let mut global = Global::default();
    at.fields(&KEYS, |key, at| {
        match key {
            "resolve_timeout" => {
                if let Some(span) = span(&at)? {
                    global.resolve_timeout = span;
                }
            }
            "http_config" if at.node.is_null() => {
                return Err(at.fail("http_config is null; give it settings or remove the key"));
            }
            "http_config" => global.http = Arc::new(http::read(&at, context)?),
            "smtp_tls_config" if is_default_tls(&at) => {}
            key => {
                let fixed = FIXED.iter().find(|(name, _)| *name == key);
                if fixed.is_none_or(|(_, default)| at.node.text() != Some(*default)) {
                    refuse(&at, " (only webhook_configs so far)");
                }
            }
        }
        Ok(())
    })?;
    Ok(global)
}

/// Tells whether a `tls_config` is the one that is always printed.
fn is_default_tls(at: &At<'_>) -> bool {
    match &at.node.value {
        Value::Map(entries) => entries.iter().all(|(key, value)| {
            key.text() == Some("insecure_skip_verify") && value.text() == Some("false")
        }),
        _ => false,
    }
}
