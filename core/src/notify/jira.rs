//! Jira: keeps one issue for each group of alerts.
//!
//! A conversation of up to four requests: look the issue up, make or change it, ask what it can
//! become, and let it become that. Which comes next follows from the answers so far.

mod field;
mod issue;

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use serde_json::Value as Json;

pub use self::field::JiraText;
use self::issue::Issue;
use super::{
    Answer, HttpConfig, Outcome,
    global::Global,
    json::{self, Object},
    render::Render,
    service::{Request, Service, Talk, Turn, fail},
};
use crate::{
    label::quote::quote,
    schema::{Any, Context, Span, Url, schema},
    yaml::{Abort, At},
};

schema! {
    /// The settings in `jira_configs`.
    pub struct JiraConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// Where the API is, version included.
        pub api_url: Url,
        /// `cloud`, `datacenter`, or `auto` to tell by the host.
        pub api_type: String = "auto".to_string(),
        /// The project's key; a template.
        pub project: String,
        /// The issue's summary.
        pub summary: JiraText = JiraText::new(r#"{{ template "jira.default.summary" . }}"#),
        /// The issue's description.
        pub description: JiraText =
            JiraText::new(r#"{{ template "jira.default.description" . }}"#),
        /// The issue's labels; templates.
        pub labels: Vec<String>,
        /// The issue's priority; a template.
        pub priority: String = r#"{{ template "jira.default.priority" . }}"#.to_string(),
        /// The issue's type; a template.
        pub issue_type: String,
        /// The transition that opens a done issue again.
        pub reopen_transition: String,
        /// The transition that ends an issue.
        pub resolve_transition: String,
        /// The resolution of issues that are left alone.
        pub wont_fix_resolution: String,
        /// For how long a done issue is opened again; after that, a new one is made.
        pub reopen_duration: Span,
        /// Further fields of the issue; structures of templates. They win over those above.
        pub fields: BTreeMap<String, Any>,
    }
}

impl JiraConfig {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if self.project.is_empty() {
            return Err(at.fail("missing project in jira_config"));
        }
        if self.issue_type.is_empty() {
            return Err(at.fail("missing issue_type in jira_config"));
        }
        match &*self.api_type {
            "auto" | "cloud" | "datacenter" => Ok(()),
            _ => Err(at.fail("unknown api_type on jira_config, must be auto, cloud or datacenter")),
        }
    }

    /// Tells whether this is Jira Cloud, which searches by another endpoint.
    fn is_cloud(&self) -> bool {
        let rest = self.api_url.0.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        let host = host.split(':').next().unwrap_or_default();
        match &*self.api_type {
            "auto" => host.to_ascii_lowercase().ends_with("atlassian.net"),
            kind => kind == "cloud",
        }
    }

    /// Returns the API's URL with a path behind its own.
    fn url(&self, path: &str) -> String {
        let (own, query) = match self.api_url.0.split_once('?') {
            Some((own, query)) => (own, format!("?{query}")),
            None => (&*self.api_url.0, String::new()),
        };
        format!("{}/{path}{query}", own.trim_end_matches('/'))
    }

    fn request(&self, method: &'static str, url: String, body: Option<String>) -> Request {
        let mut request = match body {
            Some(body) => Request { method, ..Request::post_json(url, body) },
            None => Request::new(method, url),
        };
        request.user_agent = Some("Go-http-client/1.1");
        // Whether Jira did what it was asked cannot be known then, and asking again makes copies.
        request.retries_transport = false;
        request.header("Accept-Language", "en")
    }

    /// The first request: which issue is there already?
    fn search(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        let mut render = talk.render(0);
        // Its template errors are found before anything is sent; the issue is made again later.
        let _ = self.issue(talk, &mut render, true);
        let project = render.text(&self.project);
        render.finish()?;
        let mut jql = String::new();
        if !self.wont_fix_resolution.is_empty() {
            let resolution = quote(&self.wont_fix_resolution);
            jql += &format!("(resolution is EMPTY or resolution != {resolution}) and ");
        }
        let minutes = self.reopen_duration.0.as_secs() / 60;
        if talk.is_firing() && !self.reopen_transition.is_empty() && minutes > 0 {
            jql += "(resolutiondate is EMPTY OR resolutiondate >= -";
            jql += &format!("{minutes}m) and ");
        } else {
            jql += "statusCategory != Done and ";
        }
        let (project, label) = (quote(&project), quote(&label(talk)));
        jql += &format!("project={project} and labels={label} ");
        jql += "order by status ASC,resolutiondate DESC";
        let body = Object::new()
            .raw("fields", r#"["status"]"#)
            .text("jql", &jql)
            .number("maxResults", 2)
            .done();
        let url = if self.is_cloud() {
            self.url("search/jql").replacen("/rest/api/2/", "/rest/api/3/", 1)
        } else {
            self.url("search")
        };
        let mut request = self.request("POST", url, Some(body));
        request.prefix = LOOK_UP.to_string();
        Ok(request.into())
    }

    /// The second request: make the issue, or change it.
    fn write(&self, talk: &Talk<'_>, found: Option<&Issue>) -> Result<Turn, Outcome> {
        let mut render = talk.render(0);
        let body = self.issue(talk, &mut render, found.is_none());
        render.finish()?;
        let (method, path) = written(found);
        let mut request = self.request(method, self.url(&path), Some(body?));
        request.prefix = write_prefix(found);
        Ok(request.into())
    }

    /// Writes the issue as it shall be.
    fn issue(
        &self,
        talk: &Talk<'_>,
        render: &mut Render<'_>,
        is_new: bool,
    ) -> Result<String, Outcome> {
        let name = |name: &str| Object::new().text("name", name).done();
        let mut fields: BTreeMap<&str, String> = BTreeMap::new();
        let project = render.text(&self.project);
        fields.insert("project", Object::new().text("key", &project).done());
        fields.insert("issuetype", name(&render.text(&self.issue_type)));
        if is_new || self.summary.is_updated() {
            fields.insert("summary", json::text(&self.summary.render(render, SUMMARY_MAX)));
        }
        let mut labels: Vec<String> = self.labels.iter().map(|label| render.text(label)).collect();
        labels.push(label(talk));
        labels.sort();
        fields.insert("labels", json::list(labels.iter().map(|label| json::text(label))));
        let priority = render.text(&self.priority);
        if !priority.is_empty() {
            fields.insert("priority", name(&priority));
        }
        let mut broken = None;
        let description = self.description.render(render, DESCRIPTION_MAX);
        if !description.is_empty() && (is_new || self.description.is_updated()) {
            let path = self.api_url.0.split('?').next().unwrap_or_default();
            let json = if path.trim_end_matches('/').ends_with("/3") {
                issue::compact(&description)
            } else {
                Some(json::text(&description))
            };
            match json {
                Some(json) => drop(fields.insert("description", json)),
                None => broken = Some(fail("description template: invalid JSON for API v3")),
            }
        }
        for (key, value) in &self.fields {
            let mut out = String::new();
            json::write_value(&mut out, &render.structure(value));
            fields.insert(key, out);
        }
        if let Some(broken) = broken {
            return Err(broken);
        }
        let mut object = Object::new();
        for (key, value) in &fields {
            object.raw(key, value);
        }
        Ok(Object::new().raw("fields", &object.done()).done())
    }

    /// The third request and the fourth: let the issue become what the alerts say.
    fn become_right(
        &self,
        talk: &Talk<'_>,
        issue: &Issue,
        answers: &[Answer],
    ) -> Result<Turn, Outcome> {
        let transition = match (talk.is_firing(), issue.is_done) {
            (true, true) => &*self.reopen_transition,
            (false, false) => &*self.resolve_transition,
            _ => "",
        };
        if transition.is_empty() {
            return Ok(Outcome::Delivered.into());
        }
        let url = self.url(&format!("{}/transitions", issue.path()));
        let Some(known) = answers.first() else {
            return Ok(self.request("GET", url, None).into());
        };
        succeed(talk, known, "")?;
        if let Some(made) = answers.get(1) {
            succeed(talk, made, "")?;
            return Ok(Outcome::Delivered.into());
        }
        let known: Json = serde_json::from_slice(&known.body)
            .map_err(|error| fail(format!("the transitions of the issue: {error}")))?;
        let known = known["transitions"].as_array().into_iter().flatten();
        let id = known
            .into_iter()
            .find(|one| one["name"].as_str() == Some(transition))
            .and_then(|one| one["id"].as_str());
        let Some(id) = id else {
            let key = talk.hide(&issue.key);
            return Err(fail(format!("can't find transition {transition} for issue {key}")));
        };
        let body = Object::new().raw("transition", &Object::new().text("id", id).done()).done();
        Ok(self.request("POST", url, Some(body)).into())
    }
}

/// The most characters of a summary and of a description, as Jira documents them.
const SUMMARY_MAX: usize = 255;
const DESCRIPTION_MAX: usize = 32_767;
/// What errors of the first request begin with.
const LOOK_UP: &str = "failed to look up existing issues: HTTP request to JIRA API: ";

impl Service for JiraConfig {
    const NAME: &'static str = "jira";

    fn inherit(&mut self, global: &Global) -> Result<(), String> {
        self.api_url.or_global(&global.jira_api_url, "Jira Cloud")
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        let Some((looked_up, answers)) = talk.answers.split_first() else {
            return self.search(talk);
        };
        succeed(talk, looked_up, LOOK_UP)?;
        let found = Issue::read(&looked_up.body)
            .map_err(|error| fail(format!("failed to look up existing issues: {error}")))?;
        if found.is_none() && !talk.is_firing() {
            return Ok(Outcome::Delivered.into());
        }
        let Some((wrote, answers)) = answers.split_first() else {
            return self.write(talk, found.as_ref());
        };
        succeed(talk, wrote, &write_prefix(found.as_ref()))?;
        match found {
            None => Ok(Outcome::Delivered.into()),
            Some(issue) => self.become_right(talk, &issue, answers),
        }
    }
}

/// Returns how the second request asks, and the path it asks for.
fn written(found: Option<&Issue>) -> (&'static str, String) {
    found.map_or(("POST", "issue".to_string()), |issue| ("PUT", issue.path()))
}

fn write_prefix(found: Option<&Issue>) -> String {
    let (method, path) = written(found);
    format!("failed to {method} request to {path:?}: ")
}

/// Goes on after an answer of success.
fn succeed(talk: &Talk<'_>, answer: &Answer, prefix: &str) -> Result<(), Outcome> {
    match talk.judge_body(answer, &[429]) {
        Outcome::Delivered => Ok(()),
        outcome => Err(outcome.with_prefix(prefix)),
    }
}

/// Returns the label by which the group's issue is found again.
fn label(talk: &Talk<'_>) -> String {
    format!("ALERT{{{}}}", talk.key_hash())
}
