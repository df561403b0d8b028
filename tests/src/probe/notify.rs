//! What a receiver's integrations would send. Nothing leaves the program: every request is noted
//! and answered by the question.

use std::{collections::BTreeMap, sync::Arc};

use campana_core::{
    nflog,
    notify::{
        Answer as Reply, Attempt, Exchange, Fed, Integration, Job, Notification, Outcome, Step,
    },
    template::Set,
    time::Timestamp,
};
use serde_json::{Map, Value as Json, json};

use super::{Answer, Failure, Question, config, data, fields, files, lossy, mail, text};

/// How the recorded program names itself.
const USER_AGENT: &str = "Alertmanager/0.33.1";

/// `notify`: one notification by every integration of a receiver.
pub(super) fn notify(question: &Question) -> Answer {
    let config = config::load(question)?;
    let found = files::glob(&config.template_globs);
    let found = found.map_err(|error| Failure::at("templates", error))?;
    let config = config.complete(&found).map_err(|e| Failure::at("templates", e))?;
    let mut templates = config.template_set();
    for text in question.texts("templates")? {
        templates.parse("", &text).map_err(|error| Failure::at("templates", error))?;
    }
    if question.flag("no_defaults") {
        templates = text::set(question)?;
    }
    let first = config.receivers.first().map_or("", |receiver| &*receiver.name);
    let name = question.text_or("receiver", first)?;
    let Some(receiver) = config.receivers.iter().find(|receiver| *receiver.name == *name) else {
        return Err(Failure::at("build", format!("there is no receiver {name:?}")));
    };
    let now = question.now()?;
    let notification = Arc::new(data::notification(question, &name, now)?);
    let mut told = Vec::new();
    for integration in &receiver.integrations {
        told.push(tell(question, integration, &notification, &templates, now)?);
    }
    let group_key = Json::from(&*notification.group_key);
    Ok(fields([("group_key", group_key), ("notifications", told.into())]))
}

fn tell(
    question: &Question,
    integration: &Arc<Integration>,
    notification: &Arc<Notification>,
    templates: &Set,
    now: Timestamp,
) -> Result<Json, Failure> {
    let name = format!("{}[{}]", integration.name, integration.index);
    let stored = question.get("stores").and_then(|stores| stores.get(&name));
    // The question is what the integration makes of these alerts. That some do not tell resolved
    // ones is decided before.
    let asked = Integration { send_resolved: true, ..(**integration).clone() };
    let job = Job {
        notification: notification.clone(),
        integration: Arc::new(asked),
        reason: data::reason(question)?,
        user_agent: USER_AGENT.into(),
        hostname: "am.example".into(),
        environment: Arc::default(),
        templates: templates.clone(),
        stored: stored.map_or_else(BTreeMap::new, read_store),
    };
    let mut requests = Vec::new();
    let mut answers = Answers::new(question, integration.name)?;
    let mut attempt = Attempt::new(now, 7, Arc::default());
    let mut fed = Fed::Start;
    let outcome = loop {
        fed = match attempt.step(&job, fed) {
            Step::Done(outcome) => break outcome,
            Step::Print(event) => {
                requests.push(json!({"method": "LOG", "body": format!("{event:?}")}));
                break Outcome::Delivered;
            }
            Step::Mail(session) => {
                requests.push(mail::show(&session));
                Fed::Sent(Ok(Reply { status: 250, ..Reply::default() }))
            }
            Step::Read(path) => Fed::File(files::read(&path)),
            Step::Send(exchange) => {
                requests.push(show(&exchange, integration.name));
                Fed::Sent(Ok(answers.next(&exchange)))
            }
        };
    };
    let mut shown = json!({
        "integration": name,
        "send_resolved": integration.send_resolved,
        "requests": requests,
        // Opsgenie's answers always come with this flag in the original; it only means something
        // beside an error.
        "retry": match &outcome {
            Outcome::Delivered => integration.name == "opsgenie",
            Outcome::Retry { .. } => true,
            Outcome::Fail { .. } => false,
        },
    });
    if let Outcome::Retry { error, .. } | Outcome::Fail { error, .. } = &outcome {
        shown["error"] = error.as_str().into();
    }
    if let Some(store) = &attempt.kept().store {
        shown["store"] = show_store(store);
    }
    Ok(shown)
}

fn read_store(json: &Json) -> BTreeMap<String, nflog::Value> {
    let mut store = BTreeMap::new();
    for (key, value) in json.as_object().into_iter().flatten() {
        let value = match value {
            Json::String(text) => nflog::Value::Str(text.clone()),
            Json::Number(number) => match number.as_i64() {
                Some(int) => nflog::Value::Int(int),
                None => nflog::Value::Double(number.as_f64().unwrap_or(f64::NAN)),
            },
            _ => continue,
        };
        store.insert(key.clone(), value);
    }
    store
}

fn show_store(store: &BTreeMap<String, nflog::Value>) -> Json {
    let show = |value: &nflog::Value| match value {
        nflog::Value::Str(text) => json!(text),
        nflog::Value::Int(int) => json!(int),
        nflog::Value::Double(float) => json!(float),
    };
    store.iter().map(|(key, value)| (key.clone(), show(value))).collect::<Map<_, _>>().into()
}

/// Shows a request with the header lines that the client adds.
fn show(exchange: &Exchange, integration: &str) -> Json {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    let mut put = |name: &str, value: &str| {
        let known = headers.entry(name.into()).or_default();
        known.push_str(if known.is_empty() { "" } else { ", " });
        known.push_str(value);
    };
    for (name, value) in &exchange.headers {
        put(name, value.expose());
    }
    if !exchange.body.is_empty() || exchange.method != "GET" {
        put("Content-Length", &exchange.body.len().to_string());
    }
    let mut url = exchange.url.expose().to_owned();
    if integration == "sns" {
        // The signature depends on the time, and the host on the region.
        for name in ["Authorization", "User-Agent", "X-Amz-Date", "X-Amz-Security-Token"] {
            headers.remove(name);
        }
        url = "http://SNS/".into();
    } else {
        headers.insert("Connection".into(), "close".into());
    }
    json!({
        "method": exchange.method,
        "url": url,
        "headers": headers,
        "body": lossy(&exchange.body),
    })
}

/// What the other side answers: the question's responses in order, the last one again and again,
/// or what the service says when all is well.
struct Answers {
    list: Vec<Reply>,
    next: usize,
    integration: &'static str,
}

impl Answers {
    fn new(question: &Question, integration: &'static str) -> Result<Self, Failure> {
        let responses = question.get("responses").and_then(Json::as_array);
        let list = responses.into_iter().flatten().map(|response| {
            let status = response.get("status").and_then(Json::as_u64).unwrap_or(200);
            let headers = response.get("headers").and_then(Json::as_object);
            let text = |value: &Json| {
                match value {
                    Json::Array(values) => {
                        values.first().and_then(Json::as_str).unwrap_or_default()
                    }
                    value => value.as_str().unwrap_or_default(),
                }
                .to_owned()
            };
            Ok(Reply {
                status: u16::try_from(status).map_err(Failure::new)?,
                headers: headers
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.to_ascii_lowercase(), text(value)))
                    .collect(),
                body: Question(response.as_object().cloned().unwrap_or_default()).bytes("body")?,
            })
        });
        Ok(Self { list: list.collect::<Result<_, Failure>>()?, next: 0, integration })
    }

    fn next(&mut self, exchange: &Exchange) -> Reply {
        let given = self.list.get(self.next).or(self.list.last());
        self.next += 1;
        given.cloned().unwrap_or_else(|| success(self.integration, exchange.url.expose()))
    }
}

/// How SNS says that it published.
const SNS: &str = "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult>\
                   </PublishResponse>";

/// Returns what a service answers when all is well.
fn success(integration: &str, url: &str) -> Reply {
    let (status, body) = match integration {
        "pagerduty" | "opsgenie" => (202, "{}"),
        "wechat" if url.contains("/gettoken") => (200, r#"{"access_token":"token"}"#),
        "wechat" => (200, r#"{"errcode":0,"errmsg":"ok"}"#),
        "slack" => (200, r#"{"ok":true,"channel":"C1","ts":"1.2"}"#),
        "rocketchat" => (200, r#"{"success":true}"#),
        "telegram" => (200, r#"{"ok":true,"result":{"message_id":1,"chat":{"id":1}}}"#),
        "jira" if url.contains("/search") => (200, r#"{"issues":[]}"#),
        "jira" => (201, "{}"),
        "sns" => (200, SNS),
        "msteams" => (200, "1"),
        _ => (200, "ok"),
    };
    let headers = match body.starts_with('{') {
        true => vec![("content-type".to_owned(), "application/json".to_owned())],
        false => Vec::new(),
    };
    Reply { status, headers, body: body.into() }
}
