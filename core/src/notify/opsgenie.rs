//! OpsGenie: opens, updates and closes an alert per group.

use alloc::{
    borrow::ToOwned as _,
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{
    HttpConfig, Outcome, Secret,
    global::Global,
    json::{self, Object},
    pair,
    render::Render,
    service::{Request, Service, Talk, Turn},
};
use crate::{
    schema::{Context, Url, schema},
    template::{Set, truncate_chars},
    yaml::{Abort, At},
};

/// The most characters of an alert's message, as OpsGenie documents it.
const MESSAGE_MAX: usize = 130;
/// What a responder may be.
const TYPES: [&str; 5] = ["team", "teams", "user", "escalation", "schedule"];
/// Tells OpsGenie that alerts are named by their alias.
const BY_ALIAS: &[(&str, &str)] = &[("identifierType", "alias")];

schema! {
    /// The settings in `opsgenie_configs`.
    pub struct OpsgenieConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// The key for the API; a template.
        pub api_key: Secret,
        /// The file with that key.
        pub api_key_file: String,
        /// The API.
        pub api_url: Url,
        /// What the alert is about; a template.
        pub message: String = r#"{{ template "opsgenie.default.message" . }}"#.to_string(),
        /// The long explanation; a template.
        pub description: String = r#"{{ template "opsgenie.default.description" . }}"#.to_string(),
        /// Where the alert comes from; a template.
        pub source: String = r#"{{ template "opsgenie.default.source" . }}"#.to_string(),
        /// Further properties besides the common labels; the values are templates.
        pub details: BTreeMap<String, String>,
        /// What the alert is about, for OpsGenie's rules; a template.
        pub entity: String,
        /// Who is told.
        pub responders: Vec<Responder>,
        /// Actions offered with the alert, separated by commas; a template.
        pub actions: String,
        /// Tags, separated by commas; a template.
        pub tags: String,
        /// A note added to the alert; a template.
        pub note: String,
        /// The priority, `P1` to `P5`; a template.
        pub priority: String,
        /// Whether message and description of an alert that is open already are replaced.
        pub update_alerts: bool,
    }
}

schema! {
    /// Who is told of an alert. Everything is a template.
    pub struct Responder check Self::check {
        /// Its id.
        pub id: String,
        /// Its name; of the type `teams`, several separated by commas.
        pub name: String,
        /// The name of a user.
        pub username: String,
        /// What it is.
        pub kind: String as "type",
    }
}

impl Responder {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if self.id.is_empty() && self.name.is_empty() && self.username.is_empty() {
            return Err(at.fail(
                "opsGenieConfig responder has to have at least one of id, username or name \
                 specified",
            ));
        }
        if self.kind.contains("{{") {
            return Set::check_bare(&self.kind).map_err(|error| {
                at.fail(format!("opsGenieConfig responder type is not a valid template: {error}"))
            });
        }
        if TYPES.contains(&&*self.kind.to_lowercase()) {
            return Ok(());
        }
        let kind = &self.kind;
        Err(at.fail(format!(
            "opsGenieConfig responder type {kind:?} does not match valid options: write one of \
             team, teams, user, escalation, schedule"
        )))
    }

    /// Writes the responder, or each team of several.
    fn write(&self, render: &mut Render<'_>, out: &mut Vec<String>) {
        let [id, name, username, kind] =
            [&self.id, &self.name, &self.username, &self.kind].map(|text| render.text(text));
        // The original accepts `TEAM` and sends it, which OpsGenie does not know.
        let kind = kind.to_lowercase();
        if kind == "teams" {
            out.extend(
                split(&name)
                    .iter()
                    .map(|name| Object::new().text("name", name).text("type", "team").done()),
            );
        } else if ![&id, &name, &username, &kind].iter().all(|text| text.is_empty()) {
            let mut responder = Object::new();
            responder.some_text("id", &id).some_text("name", &name);
            out.push(responder.some_text("username", &username).some_text("type", &kind).done());
        }
    }
}

impl OpsgenieConfig {
    fn check(&mut self, at: &At<'_>, context: &Context<'_>) -> Result<(), Abort> {
        // Elements that are null have not been checked yet.
        self.responders.iter_mut().try_for_each(|responder| responder.check(at, context))?;
        let (inline, file) = (&self.api_key, &self.api_key_file);
        pair::at_most_one(at, "api_key", !inline.is_empty(), !file.is_empty())
    }

    /// Returns the path behind `v2/alerts` and the body of a request: how many there are depends on
    /// whether the alert is opened or closed.
    fn request(&self, talk: &Talk<'_>, render: &mut Render<'_>) -> (&'static str, String) {
        let mut body = Object::new();
        if !talk.is_firing() {
            body.text("source", &render.text(&self.source));
            return ("close", body.done());
        }
        let message = truncate_chars(&render.text(&self.message), MESSAGE_MAX).0.into_owned();
        let description = render.text(&self.description);
        match talk.answers.len() {
            1 => return ("message", body.some_text("message", &message).done()),
            2 => return ("description", body.some_text("description", &description).done()),
            _ => {}
        }
        let mut details = BTreeMap::new();
        for (name, value) in render.data.common_labels.iter() {
            details.insert(name.to_owned(), value.to_owned());
        }
        details.extend(render.texts(&self.details));
        let mut properties = Object::new();
        for (name, text) in &details {
            properties.text(name, text);
        }
        let mut responders = Vec::new();
        self.responders.iter().for_each(|responder| responder.write(render, &mut responders));
        body.text("alias", &talk.key_hash()).text("message", &message);
        body.some_text("description", &description).raw("details", &properties.done());
        body.text("source", &render.text(&self.source));
        list(&mut body, "responders", responders);
        list(&mut body, "tags", texts(&render.text(&self.tags)));
        body.some_text("note", &render.text(&self.note));
        body.some_text("priority", &render.text(&self.priority));
        body.some_text("entity", &render.text(&self.entity));
        list(&mut body, "actions", texts(&render.text(&self.actions)));
        ("", body.done())
    }
}

impl Service for OpsgenieConfig {
    const NAME: &'static str = "opsgenie";

    fn inherit(&mut self, global: &Global) -> Result<(), String> {
        self.api_url.or_global(&global.opsgenie_api_url, "OpsGenie")?;
        self.api_url = self.api_url.with_slash();
        // The original lets a key of `global` win over a file named here.
        let global = (&global.opsgenie_api_key, &global.opsgenie_api_key_file);
        if !pair::or_global((&mut self.api_key, &mut self.api_key_file), global) {
            return Err("no global OpsGenie API Key set either inline or in a file; add api_key \
                            or api_key_file here, or opsgenie_api_key to global"
                .into());
        }
        Ok(())
    }

    fn files(&self) -> Vec<(&'static str, &str)> {
        [("api_key_file", &*self.api_key_file)].into()
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        if let [.., answer] = talk.answers {
            let outcome = talk.judge_body(answer, &[429]);
            let requests = if self.update_alerts && talk.is_firing() { 3 } else { 1 };
            if outcome != Outcome::Delivered || talk.answers.len() >= requests {
                return Ok(outcome.into());
            }
        }
        let mut render = talk.render(0);
        let (part, body) = self.request(talk, &mut render);
        let key = render.text(talk.inline_or_file(&self.api_key, &self.api_key_file));
        render.finish()?;
        let url = match part {
            "" => self.api_url.extended("v2/alerts", &[]),
            part => {
                let tail = format!("v2/alerts/{}/{part}", talk.key_hash());
                self.api_url.extended(&tail, BY_ALIAS)
            }
        };
        let mut request = Request::post_json(url, body);
        if matches!(part, "message" | "description") {
            request.method = "PUT";
        }
        Ok(request.header("Authorization", format!("GenieKey {}", key.trim())).into())
    }
}

/// Splits a text at commas, without empty pieces. As in the original, only the blanks around the
/// whole go away.
fn split(text: &str) -> Vec<&str> {
    text.trim().split(',').filter(|piece| !piece.is_empty()).collect()
}

fn texts(text: &str) -> Vec<String> {
    split(text).into_iter().map(json::text).collect()
}

fn list(body: &mut Object, key: &str, items: Vec<String>) {
    if !items.is_empty() {
        body.raw(key, &json::list(items));
    }
}
