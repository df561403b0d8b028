//! Amazon SNS: publishes to a topic, an endpoint or a telephone.
//!
//! A conversation of up to three requests: borrow keys for a token of another authority, borrow
//! those of a role, publish. Borrowed keys are remembered until they end.

mod answer;
mod credentials;
mod profile;
mod sign;

use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::fmt::Write as _;

use self::{
    credentials::{Keys, Source, Surroundings},
    sign::{Canonical, Scope, authorize},
};
use super::{
    Answer, Cause, HttpConfig, Outcome, Secret,
    http::Auth,
    job::Environment,
    memory::Memory,
    render::Render,
    service::{Keep, Request, Service, Talk, Turn, fail, retry},
};
use crate::{
    schema::{Context, schema, url},
    yaml::{Abort, At},
};

/// The most bytes of a message, as SNS documents them, and of a short message to a telephone.
const MESSAGE_BYTES_MAX: usize = 262_144;
const SHORT_MESSAGE_BYTES_MAX: usize = 1600;

schema! {
    /// The settings in `sns_configs`.
    pub struct SnsConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
        /// How it talks HTTP.
        pub http_config: Option<HttpConfig>,
        /// Where SNS is, if not where AWS has it; a template.
        pub api_url: String,
        /// Who signs the requests.
        pub sigv4: Sigv4; always,
        /// The topic; a template.
        pub topic_arn: String,
        /// The telephone; a template.
        pub phone_number: String,
        /// The endpoint; a template.
        pub target_arn: String,
        /// The subject, for mails; a template.
        pub subject: String = r#"{{ template "sns.default.subject" . }}"#.to_string(),
        /// The message; a template.
        pub message: String = r#"{{ template "sns.default.message" . }}"#.to_string(),
        /// The message's attributes; names and values are templates.
        pub attributes: BTreeMap<String, String>,
        /// Whether nothing of `http_config` counts but TLS and proxies.
        pub use_aws_http_client: bool,
    }
}

schema! {
    /// Who signs requests to AWS.
    pub struct Sigv4 check Self::check {
        /// The region; if empty, the environment and the profile say it.
        pub region: String,
        /// The access key; if empty, the environment and the profile say it.
        pub access_key: String,
        /// The secret that goes with it.
        pub secret_key: Secret,
        /// The profile in the files that AWS' tools share.
        pub profile: String,
        /// The role to act in.
        pub role_arn: String,
        /// What the role's owner asks for besides.
        pub external_id: String,
        /// Whether roles are asked for where AWS follows FIPS 140.
        pub use_fips_sts_endpoint: bool,
        /// Without effect, as upstream.
        pub service_name: String,
    }
}

impl Sigv4 {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        if self.access_key.is_empty() != self.secret_key.is_empty() {
            return Err(at.fail(
                "must provide a AWS SigV4 Access key and Secret Key if credentials are specified \
                 in the SigV4 config",
            ));
        }
        if !self.external_id.is_empty() && self.role_arn.is_empty() {
            return Err(at.fail("external_id can only be used with role_arn"));
        }
        Ok(())
    }
}

/// What is published, rendered.
struct Message {
    api_url: String,
    form: BTreeMap<String, String>,
}

/// How far a conversation has come.
struct Progress<'t> {
    answers: &'t [Answer],
    memory: Memory,
    /// The names of borrowed keys in the memory.
    lent: Vec<String>,
}

/// What a request to borrow keys is made of.
struct Loan<'t> {
    /// What the keys are remembered by.
    name: String,
    /// Where keys are borrowed.
    url: &'t str,
    region: &'t str,
    form: BTreeMap<String, String>,
    /// Who signs it; nobody where a token speaks for itself.
    keys: Option<&'t Keys>,
}

impl SnsConfig {
    fn check(&mut self, at: &At<'_>, _: &Context<'_>) -> Result<(), Abort> {
        let targets = [&self.target_arn, &self.topic_arn, &self.phone_number];
        if targets.iter().filter(|text| !text.is_empty()).count() != 1 {
            return Err(at.fail(
                "must provide either a Target ARN, Topic ARN, or Phone Number for SNS config; \
                 give exactly one of them",
            ));
        }
        Ok(())
    }

    fn message(&self, talk: &Talk<'_>, render: &mut Render<'_>) -> Message {
        let mut form = form("Publish", "2010-03-31");
        let mut put = |key: &str, text: String| drop(form.insert(key.to_string(), text));
        let mut text = render.text(&self.message);
        let mut attributes: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &self.attributes {
            attributes.insert(render.text(name), render.text(value));
        }
        if !self.topic_arn.is_empty() {
            let topic = render.text(&self.topic_arn);
            if topic.ends_with(".fifo") {
                put("MessageDeduplicationId", talk.key_hash());
                put("MessageGroupId", talk.key_hash());
            }
            put("TopicArn", topic);
        }
        let mut max = MESSAGE_BYTES_MAX;
        if !self.phone_number.is_empty() {
            max = SHORT_MESSAGE_BYTES_MAX;
            put("PhoneNumber", render.text(&self.phone_number));
        }
        if !self.target_arn.is_empty() {
            put("TargetArn", render.text(&self.target_arn));
        }
        let subject = render.text(&self.subject);
        if !subject.is_empty() {
            put("Subject", subject);
        }
        if text.len() > max {
            text.truncate(text.floor_char_boundary(max));
            attributes.insert("truncated".to_string(), "true".to_string());
        }
        put("Message", text);
        for (number, (name, value)) in attributes.into_iter().enumerate() {
            let entry = format!("MessageAttributes.entry.{}", number + 1);
            put(&format!("{entry}.Name"), name);
            put(&format!("{entry}.Value.DataType"), "String".to_string());
            put(&format!("{entry}.Value.StringValue"), value);
        }
        Message { api_url: render.text(&self.api_url), form }
    }

    /// Returns the keys to publish with, or the request that borrows them.
    fn keys(
        &self,
        talk: &Talk<'_>,
        surroundings: &Surroundings<'_>,
        region: &str,
        progress: &mut Progress<'_>,
    ) -> Result<Result<Keys, Turn>, Outcome> {
        let session = || format!("campana-{}", talk.now.as_nanos());
        let Sigv4 { role_arn, external_id, .. } = &self.sigv4;
        let host = if self.sigv4.use_fips_sts_endpoint { "sts-fips" } else { "sts" };
        let url = surroundings.endpoint("AWS_ENDPOINT_URL_STS", host, region);
        let url = &*url;
        let mut keys = match surroundings.source(&self.sigv4).map_err(retry)? {
            Source::Keys(keys) => keys,
            Source::WebIdentity { role, session: name, token } => {
                let mut form = form("AssumeRoleWithWebIdentity", STS_VERSION);
                form.insert("RoleArn".to_string(), role.clone());
                let name = if name.is_empty() { session() } else { name };
                form.insert("RoleSessionName".to_string(), name);
                form.insert("WebIdentityToken".to_string(), token.expose().to_string());
                let name = format!("web identity {role}");
                let loan = Loan { name, url, region, form, keys: None };
                match self.borrow(talk, loan, progress)? {
                    Ok(keys) => keys,
                    Err(turn) => return Ok(Err(turn)),
                }
            }
        };
        if !role_arn.is_empty() {
            let mut form = form("AssumeRole", STS_VERSION);
            form.insert("DurationSeconds".to_string(), "900".to_string());
            form.insert("RoleArn".to_string(), role_arn.clone());
            form.insert("RoleSessionName".to_string(), session());
            if !external_id.is_empty() {
                form.insert("ExternalId".to_string(), external_id.clone());
            }
            let name = format!("role {role_arn} {external_id} {region}");
            let loan = Loan { name, url, region, form, keys: Some(&keys) };
            keys = match self.borrow(talk, loan, progress)? {
                Ok(keys) => keys,
                Err(turn) => return Ok(Err(turn)),
            };
        }
        Ok(Ok(keys))
    }

    /// Returns borrowed keys, or the request that borrows them.
    fn borrow(
        &self,
        talk: &Talk<'_>,
        loan: Loan<'_>,
        progress: &mut Progress<'_>,
    ) -> Result<Result<Keys, Turn>, Outcome> {
        let remembered = progress.memory.recall(&loan.name, talk.now).and_then(Keys::of_secret);
        if let Some(keys) = remembered {
            progress.lent.push(loan.name);
            return Ok(Ok(keys));
        }
        let Some((answer, answers)) = progress.answers.split_first() else {
            let request = request(talk, loan.url, &loan.form, loan.keys, loan.region, ("sts", 1))?;
            return Ok(Err(Request { prefix: "AWS STS: ".to_string(), ..request }.into()));
        };
        progress.answers = answers;
        let outcome = judge(talk, answer);
        if outcome != Outcome::Delivered {
            return Err(outcome.with_prefix("AWS STS: "));
        }
        let Some((keys, until)) = credentials::lent(&String::from_utf8_lossy(&answer.body)) else {
            return Err(retry("AWS STS: the answer holds no credentials"));
        };
        progress.memory = progress.memory.with(&loan.name, keys.to_secret(), until);
        progress.lent.push(loan.name);
        Ok(Ok(keys))
    }
}

/// The version of the interface of STS.
const STS_VERSION: &str = "2011-06-15";

impl Service for SnsConfig {
    const NAME: &'static str = "sns";

    fn adjust_http(&self, http: &mut HttpConfig) {
        if self.use_aws_http_client {
            http.auth = Auth::None;
            http.headers = Vec::new();
        }
    }

    fn optional_files(&self, environment: &Environment) -> Vec<String> {
        credentials::files(&self.sigv4, environment)
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        let mut render = talk.render(0);
        let message = self.message(talk, &mut render);
        render.finish()?;
        let file = |path: &str| talk.optional_file(path);
        let surroundings = Surroundings { environment: &talk.job.environment, file: &file };
        let region = surroundings.region(&self.sigv4).map_err(fail)?;
        let mut progress =
            Progress { answers: talk.answers, memory: talk.memory.clone(), lent: Vec::new() };
        let keys = match self.keys(talk, &surroundings, &region, &mut progress)? {
            Ok(keys) => keys,
            Err(turn) => return Ok(turn),
        };
        let tried = progress.answers.len();
        let last = progress.answers.last();
        let goes_on = tried < TRIES_MAX && last.is_none_or(|answer| asks_again(talk, answer));
        let Some(answer) = last.filter(|_| !goes_on) else {
            let url = match message.api_url {
                url if url.is_empty() => {
                    surroundings.endpoint("AWS_ENDPOINT_URL_SNS", "sns", &region)
                }
                url => url,
            };
            let request =
                request(talk, &url, &message.form, Some(&keys), &region, ("sns", tried + 1))?;
            return Ok(request.into());
        };
        let mut outcome = judge_publish(talk, answer);
        let body = String::from_utf8_lossy(&answer.body);
        let code = answer::element(&body, "Code").unwrap_or_default();
        if !progress.lent.is_empty() && STALE.contains(&&*code) {
            for name in &progress.lent {
                progress.memory = progress.memory.without(name);
            }
            if let Outcome::Fail { error, cause } = outcome {
                outcome = Outcome::Retry { error, cause, retry_after: None };
            }
        }
        let changed = progress.memory != *talk.memory;
        let keep = Keep { store: None, memory: changed.then_some(progress.memory) };
        Ok(Turn::Done(outcome, keep))
    }
}

/// How often a request is made in one attempt, as the original's client does.
const TRIES_MAX: usize = 3;

/// Tells whether an answer is one after which that client asks again at once.
fn asks_again(talk: &Talk<'_>, answer: &Answer) -> bool {
    matches!(judge_publish(talk, answer), Outcome::Retry { .. })
}

/// Says what an answer to a publication means. A page of something between here and SNS is no
/// success, whatever its status.
fn judge_publish(talk: &Talk<'_>, answer: &Answer) -> Outcome {
    let outcome = judge(talk, answer);
    let body = String::from_utf8_lossy(&answer.body);
    if outcome == Outcome::Delivered && body.contains('<') && !body.contains("<PublishResult") {
        let status = answer.status;
        return retry(format!("the answer ({status}) of SNS has no PublishResult"));
    }
    outcome
}

/// The codes that say that borrowed keys are no longer good.
const STALE: [&str; 3] = ["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId"];
/// The codes that ask to come back later, though their status does not.
const BUSY: [&str; 6] = [
    "Throttling",
    "ThrottlingException",
    "Throttled",
    "ThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
];

/// Says what an answer of AWS means.
fn judge(talk: &Talk<'_>, answer: &Answer) -> Outcome {
    let body = String::from_utf8_lossy(&answer.body);
    let message = answer::element(&body, "Message");
    let outcome = talk.judge(answer, &[429], message.as_deref().unwrap_or(&body));
    let code = answer::element(&body, "Code").unwrap_or_default();
    match outcome {
        Outcome::Fail { error, .. } if BUSY.contains(&&*code) => {
            Outcome::Retry { error, cause: Cause::RateLimited, retry_after: None }
        }
        outcome => outcome,
    }
}

fn form(action: &str, version: &str) -> BTreeMap<String, String> {
    [("Action", action), ("Version", version)]
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .into()
}

/// Makes a request with a form, signed if there are keys.
fn request(
    talk: &Talk<'_>,
    url: &str,
    form: &BTreeMap<String, String>,
    keys: Option<&Keys>,
    region: &str,
    (service, attempt): (&str, usize),
) -> Result<Request, Outcome> {
    let url = url::parse(url).map_err(|error| fail(format!("the URL of {service}: {error}")))?;
    let (scheme, rest) = url.split_once("://").unwrap_or_default();
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.rsplit('@').next().unwrap_or_default().to_ascii_lowercase();
    // Clients leave the usual port out of the header, which is signed.
    let usual = if scheme == "https" { ":443" } else { ":80" };
    let host = host.strip_suffix(usual).unwrap_or(&host);
    let path = if path.is_empty() { "/" } else { path };
    let body = encode(form).into_bytes();
    let attempt = format!("attempt={attempt}; max={TRIES_MAX}");
    let length = body.len().to_string();
    let mut request = Request::new("POST", format!("{scheme}://{host}{path}"))
        .header("Accept-Encoding", "gzip")
        .header("Amz-Sdk-Request", attempt.as_str());
    request.content_type = "application/x-www-form-urlencoded";
    if let Some(keys) = keys {
        let stamp = sign::stamp(talk.now);
        let mut headers = Vec::from([
            ("amz-sdk-request", &*attempt),
            ("content-length", &*length),
            ("content-type", request.content_type),
            ("host", host),
            ("x-amz-date", &*stamp),
        ]);
        if !keys.token.is_empty() {
            headers.push(("x-amz-security-token", keys.token.expose()));
        }
        let canonical =
            Canonical { method: "POST", path, query: "", headers: &headers, body: &body };
        let scope = Scope { stamp: &stamp, region, service };
        request = request
            .header("Authorization", authorize(keys, &scope, &canonical))
            .header("X-Amz-Date", stamp.as_str());
        if !keys.token.is_empty() {
            request = request.header("X-Amz-Security-Token", keys.token.expose());
        }
    }
    request.body = body;
    Ok(request)
}

/// Writes a form, sorted by key, as Go does.
fn encode(form: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    for (key, value) in form {
        if !out.is_empty() {
            out.push('&');
        }
        escape(&mut out, key);
        out.push('=');
        escape(&mut out, value);
    }
    out
}

fn escape(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(byte));
            }
            b' ' => out.push('+'),
            byte => write!(out, "%{byte:02X}").expect("a String takes every write"),
        }
    }
}
