//! The settings of Slack.

use alloc::{
    string::{String, ToString as _},
    vec::Vec,
};

use crate::{
    notify::{HttpConfig, Secret, pair, secret::SecretUrl},
    schema::{Context, GoSpan, Url, schema},
    yaml::{Abort, At},
};

/// Where bots post; the only place whose messages can be updated.
pub(super) const POST_MESSAGE: &str = "https://slack.com/api/chat.postMessage";
pub(super) const NO_UPDATE: &str = "update_message can only be used with bot tokens. api_url must \
                                    be set to https://slack.com/api/chat.postMessage";

schema! {
    /// The settings in `slack_configs`.
    pub struct SlackConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// The incoming webhook, or where a bot posts.
        pub api_url: SecretUrl,
        /// The file with that URL.
        pub api_url_file: String,
        /// The token of an app.
        pub app_token: Secret,
        /// The file with that token.
        pub app_token_file: String,
        /// Where the app posts.
        pub app_url: Url,
        /// The channel or user; a template.
        pub channel: String,
        /// The name to post under; a template.
        pub username: String = r#"{{ template "slack.default.username" . }}"#.to_string(),
        /// The colour of the attachment; a template.
        pub color: String = r#"{{ template "slack.default.color" . }}"#.to_string(),
        /// The title of the attachment; a template.
        pub title: String = r#"{{ template "slack.default.title" . }}"#.to_string(),
        /// Where the title leads; a template.
        pub title_link: String = r#"{{ template "slack.default.titlelink" . }}"#.to_string(),
        /// The text above the attachment; a template.
        pub pretext: String = r#"{{ template "slack.default.pretext" . }}"#.to_string(),
        /// The text of the attachment; a template.
        pub text: String = r#"{{ template "slack.default.text" . }}"#.to_string(),
        /// The text of the message itself; a template.
        pub message_text: String,
        /// Columns of the attachment.
        pub fields: Vec<SlackField>,
        /// Whether fields that do not say so are short.
        pub short_fields: bool; always,
        /// The footer; a template.
        pub footer: String = r#"{{ template "slack.default.footer" . }}"#.to_string(),
        /// What is shown where attachments cannot be; a template.
        pub fallback: String = r#"{{ template "slack.default.fallback" . }}"#.to_string(),
        /// The id for the app's actions; a template.
        pub callback_id: String = r#"{{ template "slack.default.callbackid" . }}"#.to_string(),
        /// The emoji to post under; a template.
        pub icon_emoji: String = r#"{{ template "slack.default.iconemoji" . }}"#.to_string(),
        /// The picture to post under; a template.
        pub icon_url: String = r#"{{ template "slack.default.iconurl" . }}"#.to_string(),
        /// A picture in the attachment; a template.
        pub image_url: String,
        /// A small picture beside it; a template.
        pub thumb_url: String,
        /// Whether names of users and channels become links.
        pub link_names: bool; always,
        /// The parts of the attachment that are marked up.
        pub mrkdwn_in: Vec<String>,
        /// Buttons.
        pub actions: Vec<SlackAction>,
        /// Whether later notifications of a group replace its message.
        pub update_message: bool; always,
        /// How long one attempt may take; 0 leaves it to the notification's deadline.
        pub timeout: GoSpan; always,
    }
}

schema! {
    /// A column of an attachment.
    pub struct SlackField check Self::check {
        /// The title; a template.
        pub title: String,
        /// The content; a template.
        pub value: String,
        /// Whether it fits beside others.
        pub short: Option<bool>,
    }
}

schema! {
    /// A button.
    pub struct SlackAction check Self::check {
        /// `button`; a template.
        pub kind: String as "type",
        /// The label; a template.
        pub text: String,
        /// Where it leads; a template.
        pub url: String,
        /// Its look; a template.
        pub style: String,
        /// Its name, for the app; a template.
        pub name: String,
        /// Its value, for the app; a template.
        pub value: String,
        /// What is asked before it works.
        pub confirm: Option<SlackConfirmation>,
    }
}

schema! {
    /// The question before a button works. Everything is a template.
    pub struct SlackConfirmation check Self::check {
        /// The question.
        pub text: String,
        /// Its title.
        pub title: String,
        /// The label for yes.
        pub ok_text: String,
        /// The label for no.
        pub dismiss_text: String,
    }
}

impl SlackField {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        match (self.title.is_empty(), self.value.is_empty()) {
            (true, _) => Err(at.fail("missing title in Slack field configuration")),
            (_, true) => Err(at.fail("missing value in Slack field configuration")),
            _ => Ok(()),
        }
    }
}

impl SlackAction {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if self.kind.is_empty() {
            return Err(at.fail("missing type in Slack action configuration"));
        }
        if self.text.is_empty() {
            return Err(at.fail("missing text in Slack action configuration"));
        }
        if !self.url.is_empty() {
            // A link needs nothing else.
            self.name.clear();
            self.value.clear();
            self.confirm = None;
        } else if self.name.is_empty() {
            return Err(at.fail("missing name or url in Slack action configuration"));
        }
        Ok(())
    }
}

impl SlackConfirmation {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if self.text.is_empty() {
            return Err(at.fail("missing text in Slack confirmation configuration"));
        }
        Ok(())
    }
}

impl SlackConfig {
    /// Tells whether an app's token is set.
    pub(super) fn has_token(&self) -> bool {
        !self.app_token.is_empty() || !self.app_token_file.is_empty()
    }

    /// Tells whether this is a printed configuration read back: it shows both the app and where it
    /// posts, which nobody may write.
    pub(super) fn is_printed(&self) -> bool {
        self.has_token() && self.api_url.0.is_masked()
    }

    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let url = (!self.api_url.0.is_empty(), !self.api_url_file.is_empty());
        let token = (!self.app_token.is_empty(), !self.app_token_file.is_empty());
        pair::at_most_one(at, "api_url", url.0, url.1)?;
        pair::at_most_one(at, "app_token", token.0, token.1)?;
        if (url.0 || url.1) && (token.0 || token.1) && !self.is_printed() {
            return Err(at.fail(
                "at most one of api_url/api_url_file & app_token/app_token_file must be configured",
            ));
        }
        let url = &self.api_url.0;
        let is_other = !url.is_empty() && url.expose() != POST_MESSAGE && !url.is_masked();
        if self.update_message && (is_other || !self.api_url_file.is_empty()) {
            return Err(at.fail(NO_UPDATE));
        }
        Ok(())
    }
}
