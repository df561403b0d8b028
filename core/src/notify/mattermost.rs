//! Mattermost: posts a message with attachments to a channel's webhook.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{
    HttpConfig, Outcome,
    global::Global,
    json::{self, Object},
    pair::at_most_one,
    render::Render,
    secret::SecretUrl,
    service::{Request, Service, Talk, Turn},
};
use crate::{
    schema::{Context, schema},
    template::truncate_chars,
    yaml::{Abort, At},
};

/// The most characters of the message's own text, as Mattermost documents them.
const TEXT_CHARS_MAX: usize = 16_383;

schema! {
    /// The settings in `mattermost_configs`. Without `attachments` the texts make one attachment.
    pub struct MattermostConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// The webhook.
        pub webhook_url: SecretUrl,
        /// The file with that URL.
        pub webhook_url_file: String,
        /// The channel, if not the webhook's own; a template.
        pub channel: String,
        /// The name to post under; a template.
        pub username: String = r#"{{ template "mattermost.default.username" . }}"#.to_string(),
        /// The text; a template.
        pub text: String = r#"{{ template "mattermost.default.text" . }}"#.to_string(),
        /// The text where attachments cannot be shown; a template.
        pub fallback: String = r#"{{ template "mattermost.default.fallback" . }}"#.to_string(),
        /// The colour of the edge; a template.
        pub color: String = r#"{{ template "mattermost.default.color" . }}"#.to_string(),
        /// The text above the attachment; a template.
        pub pretext: String,
        /// The author; a template.
        pub author_name: String,
        /// Where the author's name leads; a template.
        pub author_link: String,
        /// The author's picture; a template.
        pub author_icon: String,
        /// The title; a template.
        pub title: String = r#"{{ template "mattermost.default.title" . }}"#.to_string(),
        /// Where the title leads; a template.
        pub title_link: String = r#"{{ template "mattermost.default.titlelink" . }}"#.to_string(),
        /// The table.
        pub fields: Vec<MattermostField>,
        /// The small picture; a template.
        pub thumb_url: String,
        /// The text below; a template.
        pub footer: String,
        /// The picture below; a template.
        pub footer_icon: String,
        /// The picture; a template.
        pub image_url: String,
        /// The sender's picture by its URL; a template.
        pub icon_url: String,
        /// The sender's picture by its name; a template.
        pub icon_emoji: String,
        /// The attachments instead of the one made of the texts above.
        pub attachments: Vec<MattermostAttachment>,
        /// The kind of the post; a template.
        pub kind: String as "type",
        /// The properties of the post.
        pub props: Option<MattermostProps>,
        /// The priority of the post.
        pub priority: Option<MattermostPriority>,
    }
}

schema! {
    /// A field of a table.
    pub struct MattermostField check Self::check {
        /// Its title; a template.
        pub title: String,
        /// Its value; a template.
        pub value: String,
        /// Whether it takes half of the width.
        pub short: Option<bool>,
    }
}

schema! {
    /// An attachment. All texts are templates.
    pub struct MattermostAttachment {
        /// The text where attachments cannot be shown.
        pub fallback: String,
        /// The colour of the edge.
        pub color: String,
        /// The text above.
        pub pretext: String,
        /// The text.
        pub text: String,
        /// The author.
        pub author_name: String,
        /// Where the author's name leads.
        pub author_link: String,
        /// The author's picture.
        pub author_icon: String,
        /// The title.
        pub title: String,
        /// Where the title leads.
        pub title_link: String,
        /// The table.
        pub fields: Vec<MattermostField>,
        /// The small picture.
        pub thumb_url: String,
        /// The text below.
        pub footer: String,
        /// The picture below.
        pub footer_icon: String,
        /// The picture.
        pub image_url: String,
    }
}

schema! {
    /// The properties of a post.
    pub struct MattermostProps {
        /// The text of the card at the post's side; a template.
        pub card: String,
    }
}

schema! {
    /// The priority of a post.
    pub struct MattermostPriority {
        /// `urgent`, `important` or `standard`; a template. What renders to another word counts as
        /// standard, what renders to nothing as no priority.
        pub priority: String,
        /// Whether readers are asked to acknowledge; not at standard priority.
        pub requested_ack: bool,
        /// Whether readers are reminded until they do; at urgent priority only.
        pub persistent_notifications: bool,
    }
}

impl MattermostField {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let missing = match (&*self.title, &*self.value) {
            ("", _) => "title",
            (_, "") => "value",
            _ => return Ok(()),
        };
        Err(at.fail(format!("missing {missing} in Mattermost field configuration")))
    }
}

impl MattermostAttachment {
    fn body(&self, render: &mut Render<'_>) -> String {
        let mut body = Object::new();
        body.some_text("fallback", &render.text(&self.fallback))
            .some_text("color", &render.text(&self.color))
            .some_text("pretext", &render.text(&self.pretext))
            .some_text("text", &render.text(&self.text))
            .some_text("author_name", &render.text(&self.author_name))
            .some_text("author_link", &render.text(&self.author_link))
            .some_text("author_icon", &render.text(&self.author_icon))
            .some_text("title", &render.text(&self.title))
            .some_text("title_link", &render.text(&self.title_link));
        let fields = self.fields.iter().map(|field| {
            let mut body = Object::new();
            body.some_text("title", &render.text(&field.title));
            body.some_text("value", &render.text(&field.value));
            if let Some(short) = field.short {
                body.boolean("short", short);
            }
            body.done()
        });
        if !self.fields.is_empty() {
            body.raw("fields", &json::list(fields));
        }
        body.some_text("thumb_url", &render.text(&self.thumb_url))
            .some_text("footer", &render.text(&self.footer))
            .some_text("footer_icon", &render.text(&self.footer_icon))
            .some_text("image_url", &render.text(&self.image_url));
        body.done()
    }
}

impl MattermostPriority {
    /// Writes the priority, with those of its wishes that Mattermost allows at that priority.
    fn body(&self, render: &mut Render<'_>) -> Option<String> {
        let word = render.text(&self.priority).to_lowercase();
        let word = match &*word {
            "" => return None,
            "urgent" | "important" => &*word,
            _ => "standard",
        };
        let mut body = Object::new();
        body.text("priority", word);
        if self.requested_ack && word != "standard" {
            body.boolean("requested_ack", true);
        }
        if self.persistent_notifications && word == "urgent" {
            body.boolean("persistent_notifications", true);
        }
        Some(body.done())
    }
}

impl MattermostConfig {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let (inline, file) = (!self.webhook_url.0.is_empty(), !self.webhook_url_file.is_empty());
        at_most_one(at, "webhook_url", inline, file)
    }

    /// Returns the attachment that the texts make.
    fn own_attachment(&self) -> MattermostAttachment {
        MattermostAttachment {
            fallback: self.fallback.clone(),
            color: self.color.clone(),
            pretext: self.pretext.clone(),
            text: self.text.clone(),
            author_name: self.author_name.clone(),
            author_link: self.author_link.clone(),
            author_icon: self.author_icon.clone(),
            title: self.title.clone(),
            title_link: self.title_link.clone(),
            fields: self.fields.clone(),
            thumb_url: self.thumb_url.clone(),
            footer: self.footer.clone(),
            footer_icon: self.footer_icon.clone(),
            image_url: self.image_url.clone(),
        }
    }

    fn body(&self, render: &mut Render<'_>) -> String {
        let (text, attachments) = if self.attachments.is_empty() {
            (String::new(), Vec::from([self.own_attachment().body(render)]))
        } else {
            let text = render.text(&self.text);
            let attachments = self.attachments.iter().map(|one| one.body(render)).collect();
            (truncate_chars(&text, TEXT_CHARS_MAX).0.into_owned(), attachments)
        };
        let mut body = Object::new();
        body.some_text("text", &text)
            .some_text("channel", &render.text(&self.channel))
            .some_text("username", &render.text(&self.username))
            .some_text("icon_url", &render.text(&self.icon_url))
            .some_text("icon_emoji", &render.text(&self.icon_emoji))
            .raw("attachments", &json::list(attachments))
            .some_text("type", &render.text(&self.kind));
        let card = self.props.as_ref().map(|props| render.text(&props.card)).unwrap_or_default();
        if !card.is_empty() {
            body.raw("props", &Object::new().text("card", &card).done());
        }
        if let Some(priority) = self.priority.as_ref().and_then(|one| one.body(render)) {
            body.raw("priority", &priority);
        }
        body.done()
    }
}

impl Service for MattermostConfig {
    const NAME: &'static str = "mattermost";

    fn inherit(&mut self, global: &Global) -> Result<(), String> {
        let url = (&global.mattermost_webhook_url.0, &global.mattermost_webhook_url_file);
        if !super::pair::or_global((&mut self.webhook_url.0, &mut self.webhook_url_file), url) {
            let text = "missing webhook_url or webhook_url_file on mattermost_config";
            return Err(text.to_string());
        }
        Ok(())
    }

    fn files(&self) -> Vec<(&'static str, &str)> {
        [("webhook_url_file", &*self.webhook_url_file)].into()
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        let mut render = talk.render(0);
        if let [answer, ..] = talk.answers {
            let prefix = format!("channel {:?}: ", render.text(&self.channel));
            return Ok(talk.judge_body(answer, &[]).with_prefix(&prefix).into());
        }
        let body = self.body(&mut render);
        render.finish()?;
        let url = talk.inline_or_file(&self.webhook_url.0, &self.webhook_url_file);
        Ok(Request::post_json(url, body).into())
    }
}
