//! incident.io: posts a notification as JSON to an alert source.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use serde_json::Value as Json;

use super::{
    HttpConfig, Outcome, Secret,
    http::Auth,
    pair,
    service::{Request, Service, Talk, Turn},
    webhook::body,
};
use crate::{
    schema::{Context, GoSpan, Url, schema},
    yaml::{Abort, At},
};

/// The most bytes of a body, as incident.io documents it.
const BODY_MAX: usize = 512 * 1024;

schema! {
    /// The settings in `incidentio_configs`.
    pub struct IncidentioConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// The alert source.
        pub url: Option<Url>; always,
        /// The file with that URL.
        pub url_file: String; always,
        /// The token of the alert source.
        pub alert_source_token: Secret,
        /// The file with that token.
        pub alert_source_token_file: String,
        /// The most alerts in one notification; 0 means all.
        pub max_alerts: u64; always,
        /// How long one attempt may take; 0 leaves it to the notification's deadline.
        pub timeout: GoSpan; always,
    }
}

impl IncidentioConfig {
    fn has_token(&self) -> bool {
        !self.alert_source_token.is_empty() || !self.alert_source_token_file.is_empty()
    }

    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        pair::exactly_one(at, "url", self.url.is_some(), !self.url_file.is_empty())?;
        let (inline, file) = (&self.alert_source_token, &self.alert_source_token_file);
        pair::at_most_one(at, "alert_source_token", !inline.is_empty(), !file.is_empty())?;
        let Some(http) = &self.http_config else { return Ok(()) };
        match (matches!(http.auth, Auth::Scheme { .. }), self.has_token()) {
            (true, true) => Err(at.fail(
                "cannot specify alert_source_token or alert_source_token_file when using \
                 http_config.authorization",
            )),
            (false, false) => Err(at.fail(
                "at least one of alert_source_token, alert_source_token_file or \
                 http_config.authorization must be configured",
            )),
            _ => Ok(()),
        }
    }
}

impl Service for IncidentioConfig {
    const NAME: &'static str = "incidentio";

    fn files(&self) -> Vec<(&'static str, &str)> {
        [("url_file", &*self.url_file), ("alert_source_token_file", &*self.alert_source_token_file)]
            .into()
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        if let [answer, ..] = talk.answers {
            return Ok(talk.judge(answer, &[429], &detail(&answer.body)).into());
        }
        let mut render = talk.render(self.max_alerts);
        let mut json = body::write(&render.data, "1");
        if json.len() > BODY_MAX {
            // As the original does: the first alert stands for all, the rest stays as it was.
            render.data.alerts.truncate(1);
            json = body::write(&render.data, "1");
        }
        let url = match &self.url {
            Some(url) => &*url.0,
            None => talk.file(&self.url_file),
        };
        let mut request = Request::post_json(url, json);
        if self.has_token() {
            let token =
                talk.inline_or_file(&self.alert_source_token, &self.alert_source_token_file);
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        request.timeout = self.timeout.limit();
        Ok(request.into())
    }
}

/// Returns what incident.io says about a refusal: `message: error: e1, e2`.
fn detail(body: &[u8]) -> String {
    let Ok(json) = serde_json::from_slice::<Json>(body) else { return String::new() };
    let text = |value: &Json| value.as_str().unwrap_or_default().to_string();
    let errors = json["errors"].as_array().into_iter().flatten().map(text);
    let parts =
        [text(&json["message"]), text(&json["error"]), errors.collect::<Vec<_>>().join(", ")];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ")
}
