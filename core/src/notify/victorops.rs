//! VictorOps, now Splunk On-Call: posts to the generic REST endpoint.

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt::Write as _;

use super::{
    HttpConfig, Outcome, Secret,
    global::Global,
    json::Object,
    pair,
    service::{Request, Service, Talk, Turn},
};
use crate::{
    schema::{Context, Url, schema},
    template::truncate_chars,
    yaml::{Abort, At},
};

/// The most characters of the state message, as VictorOps documents it.
const STATE_MESSAGE_MAX: usize = 20480;
/// The types a firing notification may have; every other becomes the last.
const TYPES: [&str; 3] = ["INFO", "WARNING", "CRITICAL"];
/// Fields that every message has, which custom ones cannot replace.
const RESERVED: [&str; 7] = [
    "routing_key",
    "message_type",
    "state_message",
    "entity_display_name",
    "monitoring_tool",
    "entity_id",
    "entity_state",
];

schema! {
    /// The settings in `victorops_configs`.
    pub struct VictoropsConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// The key for the API.
        pub api_key: Secret,
        /// The file with that key.
        pub api_key_file: String,
        /// The API.
        pub api_url: Url; always,
        /// The key by which VictorOps chooses a team; a template.
        pub routing_key: String; always,
        /// `INFO`, `WARNING` or `CRITICAL`; a template.
        pub message_type: String = "CRITICAL".to_string(); always,
        /// The long explanation; a template.
        pub state_message: String =
            r#"{{ template "victorops.default.state_message" . }}"#.to_string(); always,
        /// The summary; a template.
        pub entity_display_name: String =
            r#"{{ template "victorops.default.entity_display_name" . }}"#.to_string(); always,
        /// What found the problem; a template.
        pub monitoring_tool: String =
            r#"{{ template "victorops.default.monitoring_tool" . }}"#.to_string(); always,
        /// Further fields; the values are templates.
        pub custom_fields: BTreeMap<String, String>,
    }
}

impl VictoropsConfig {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if self.routing_key.is_empty() {
            return Err(at.fail("missing Routing key in VictorOps config; add routing_key: KEY"));
        }
        let (inline, file) = (&self.api_key, &self.api_key_file);
        pair::at_most_one(at, "api_key", !inline.is_empty(), !file.is_empty())?;
        match RESERVED.iter().find(|name| self.custom_fields.contains_key(**name)) {
            None => Ok(()),
            Some(name) => Err(at.fail(format!(
                "victorOps config contains custom field {name} which cannot be used as it \
                 conflicts with the fixed/static fields"
            ))),
        }
    }
}

impl Service for VictoropsConfig {
    const NAME: &'static str = "victorops";

    fn inherit(&mut self, global: &Global) -> Result<(), String> {
        self.api_url.or_global(&global.victorops_api_url, "VictorOps")?;
        self.api_url = self.api_url.with_slash();
        // The original lets a key of `global` win over a file named here.
        let global = (&global.victorops_api_key, &global.victorops_api_key_file);
        if !pair::or_global((&mut self.api_key, &mut self.api_key_file), global) {
            return Err("no global VictorOps API Key set; add api_key or api_key_file here, or \
                            victorops_api_key to global"
                .into());
        }
        Ok(())
    }

    fn files(&self) -> Vec<(&'static str, &str)> {
        [("api_key_file", &*self.api_key_file)].into()
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        if let [answer, ..] = talk.answers {
            return Ok(talk.judge_body(answer, &[]).into());
        }
        let mut render = talk.render(0);
        let kind = render.text(&self.message_type);
        let kind = match TYPES.iter().find(|known| **known == kind) {
            _ if !talk.is_firing() => "RECOVERY",
            Some(known) => known,
            None => "CRITICAL",
        };
        let state = render.text(&self.state_message);
        let mut fields = render.texts(&self.custom_fields);
        let mut put = |name: &str, text: String| fields.insert(name.into(), text);
        put("entity_display_name", render.text(&self.entity_display_name));
        put("entity_id", talk.key_hash());
        put("message_type", kind.into());
        put("monitoring_tool", render.text(&self.monitoring_tool));
        put("state_message", truncate_chars(&state, STATE_MESSAGE_MAX).0.into_owned());
        let routing_key = render.text(&self.routing_key);
        render.finish()?;
        let mut body = Object::new();
        for (name, text) in &fields {
            body.text(name, text);
        }
        let key = talk.inline_or_file(&self.api_key, &self.api_key_file);
        let tail = format!("{}/{}", escape_path(key), escape_path(&routing_key));
        let url = self.api_url.extended(&tail, &[]);
        Ok(Request::post_json(url, body.done()).secret(key).into())
    }
}

/// Escapes what a URL's path cannot hold. Slashes stay, as in Go's `URL.EscapedPath`.
fn escape_path(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~$&+,/:;=@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("a String takes every write");
        }
    }
    out
}
