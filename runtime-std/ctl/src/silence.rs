//! The commands `silence query`, `add`, `expire` and `update`.

use std::{env, fs};

use crate::{
    address::segment,
    client::{Client, Query},
    format,
    model::{NewSilence, Posted, Silence, SilenceBody, SilenceMatcher, to_json},
    server::connect,
    session::{Failure, Session, now, print},
    words,
};

/// Shows silences.
pub(crate) fn query(session: &Session) -> Result<(), Failure> {
    let matchers = words::filters(session)?;
    let client = connect(session)?;
    let silences: Vec<Silence> = match session.optional("id") {
        // One is asked for by its id instead of reading all.
        Some(id) if matchers.is_empty() => {
            let answer = client.get(&format!("/silence/{}", segment(id)))?;
            match answer.status {
                404 | 422 => Vec::new(),
                _ => vec![answer.json("GET /silence/{silenceID}")?],
            }
        }
        _ => {
            let mut query = Query::default();
            matchers.iter().for_each(|matcher| query.push("filter", matcher));
            client.get(&format!("/silences{query}"))?.json("GET /silences")?
        }
    };
    let shown: Vec<Silence> =
        silences.into_iter().filter(|silence| is_shown(session, silence)).collect();
    if session.switch("quiet") {
        return print(&ids(&shown));
    }
    print(&format::silences(session, shown))
}

fn ids(silences: &[Silence]) -> String {
    silences.iter().map(|silence| format!("{}\n", silence.id)).collect()
}

fn is_shown(session: &Session, silence: &Silence) -> bool {
    let (now, ends_at) = (now(), silence.body.ends_at.0.at);
    let expired = session.switch("expired");
    let within = session.span("within").filter(|within| !within.is_zero());
    let is_in_time = match (expired, within) {
        (false, None) => ends_at >= now,
        (false, Some(within)) => ends_at >= now && ends_at <= now + within,
        (true, None) => ends_at <= now,
        (true, Some(within)) => ends_at <= now && ends_at >= now - within,
    };
    let is = |name: &str, value: &str| session.optional(name).is_none_or(|want| want == value);
    is_in_time && is("created-by", &silence.body.created_by) && is("id", &silence.id)
}

/// Adds a silence.
pub(crate) fn add(session: &Session) -> Result<(), Failure> {
    let mut matchers = Vec::new();
    for text in words::matcher_texts(session)? {
        let matcher = session.matcher(&text)?;
        matchers.push(SilenceMatcher {
            is_equal: matcher.op().is_positive(),
            is_regex: matcher.op().is_regex(),
            name: matcher.name().to_owned(),
            value: matcher.value().to_owned(),
        });
    }
    if matchers.is_empty() {
        return Err("no matchers specified".to_owned());
    }
    let given_start = words::time(session, "start")?;
    let starts_at = given_start.unwrap_or_else(words::present);
    let ends_at = match words::time(session, "end")? {
        Some(end) => end,
        None => words::end_after(starts_at.0.at, session.text("duration"))?,
    };
    if starts_at.0.at > ends_at.0.at {
        return Err("silence cannot start after it ends".to_owned());
    }
    if session.switch("require-comment") && session.text("comment").is_empty() {
        return Err("comment required by config".to_owned());
    }
    let body = SilenceBody {
        annotations: words::annotations(session)?,
        comment: session.text("comment").to_owned(),
        created_by: session.optional("author").map_or_else(user, str::to_owned),
        ends_at,
        matchers,
        starts_at,
    };
    let client = connect(session)?;
    let id = post(&client, &NewSilence { id: String::new(), body })?;
    if given_start.is_none() {
        client.warn_of_skew(session);
    }
    print(&format!("{id}\n"))
}

/// Posts a silence and returns its id.
fn post(client: &Client, silence: &NewSilence) -> Result<String, Failure> {
    let answer = client.post("/silences", &to_json(silence))?;
    answer.json("POST /silences").map(|posted: Posted| posted.silence_id)
}

/// The name of the user who runs the program.
fn user() -> String {
    let id = rustix::process::getuid().as_raw().to_string();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let named = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == id).then(|| name.to_owned())
    });
    named.or_else(|| env::var("USER").ok()).unwrap_or(id)
}

/// Ends silences.
pub(crate) fn expire(session: &Session) -> Result<(), Failure> {
    if session.values().is_empty() {
        return Err("no silence IDs specified".to_owned());
    }
    let client = connect(session)?;
    for id in session.values() {
        let answer = client.delete(&format!("/silence/{}", segment(id)))?;
        answer.check("DELETE /silence/{silenceID}").map_err(|e| explained(id, answer.status, e))?;
    }
    Ok(())
}

/// Names the silence that a refusal is about.
fn explained(id: &str, status: u16, error: Failure) -> Failure {
    match status {
        404 => format!("{error}: there is no silence {id}; it may have been removed meanwhile"),
        422 => format!("{error}: {id} is not the id of a silence"),
        _ => error,
    }
}

/// Changes silences.
pub(crate) fn update(session: &Session) -> Result<(), Failure> {
    if session.values().is_empty() {
        return Err("no silence IDs specified".to_owned());
    }
    let (start, end) = (words::time(session, "start")?, words::time(session, "end")?);
    let client = connect(session)?;
    let mut updated = Vec::new();
    for id in session.values() {
        let answer = client.get(&format!("/silence/{}", segment(id)))?;
        let mut silence: Silence =
            answer.json("GET /silence/{silenceID}").map_err(|e| explained(id, answer.status, e))?;
        let body = &mut silence.body;
        body.starts_at = start.unwrap_or(body.starts_at);
        if let Some(end) = end {
            body.ends_at = end;
        } else if let Some(text) = session.optional("duration") {
            body.ends_at = words::end_after(body.starts_at.0.at, text)?;
        }
        if body.starts_at.0.at > body.ends_at.0.at {
            return Err("silence cannot start after it ends".to_owned());
        }
        if let Some(comment) = session.optional("comment") {
            body.comment = comment.to_owned();
        }
        let new = NewSilence { id: silence.id.clone(), body: silence.body.clone() };
        silence.id = post(&client, &new)?;
        updated.push(silence);
    }
    if session.switch("quiet") {
        return print(&ids(&updated));
    }
    print(&format::silences(session, updated))
}

/// Posts a silence of a file: under its own id, or as a new one where the server has no such.
pub(crate) fn bring(client: &Client, silence: &mut NewSilence) -> Result<String, Failure> {
    if !silence.id.is_empty() {
        let answer = client.post("/silences", &to_json(silence))?;
        if answer.status != 404 {
            return answer.json("POST /silences").map(|posted: Posted| posted.silence_id);
        }
        silence.id.clear();
    }
    post(client, silence)
}
