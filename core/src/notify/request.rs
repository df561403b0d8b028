//! What all integrations over HTTP share: the files of an attempt, the request's header lines, and
//! what an answer means.

mod files;
mod hidden;
mod retry_after;
#[cfg(test)]
mod tests;
mod url;

use alloc::{
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};

pub(super) use self::url::decode;
pub use self::{files::Files, hidden::Hidden};
use super::{
    Answer, Cause, Exchange, HttpConfig, Job, Outcome, Secret,
    http::{Auth, TextSource},
    proxy::Proxies,
    service::{Request, fail, retry},
};
use crate::limits::{ERROR_DETAIL_BYTES_MAX, RETRY_AFTER_MAX};

/// Makes the request as it goes out, and adds to the list of what error texts must not show.
///
/// The header lines are `Content-Type`, `User-Agent`, `Authorization`, the integration's own and
/// the configured ones. An `Authorization` of the integration wins over a user in the URL, and that
/// over the configured one, as in Go. A token that was asked for wins over all of them.
///
/// # Errors
/// The outcome of the attempt, when the URL or a header cannot be used. Values may come from files,
/// which may be mended; so those are tried again.
pub fn exchange(
    request: &Request,
    job: &Job,
    files: &Files,
    token: Option<&Secret>,
    hidden: &mut Hidden,
) -> Result<Exchange, Outcome> {
    let place = || format!("{}{} \"<redacted>\"", request.prefix, title(request.method));
    let target = url::Target::parse(request.url.expose())
        .map_err(|error| fail(format!("{}: {error}", place())))?;
    let http = &job.integration.http;
    hidden.add_url(request.url.expose());
    hidden.add_url(&target.url);
    request.secrets.iter().for_each(|secret| hidden.add(secret.expose()));
    let mut headers: Vec<(Arc<str>, Secret)> = Vec::with_capacity(3 + http.headers.len());
    if !request.content_type.is_empty() {
        headers.push((Arc::from("Content-Type"), Secret::new(request.content_type)));
    }
    let user_agent = request.user_agent.map_or_else(|| job.user_agent.clone(), Arc::from);
    headers.push((Arc::from("User-Agent"), Secret::new(user_agent)));
    let is_own = |name: &str| name == "Authorization";
    if let Some(token) = token {
        hidden.add(token.expose().rsplit(' ').next().unwrap_or_default());
        headers.push((Arc::from("Authorization"), token.clone()));
    } else if !request.headers.iter().any(|(name, _)| is_own(name))
        && let Some(value) = authorization(&target, http, files, hidden)
    {
        headers.push((Arc::from("Authorization"), Secret::new(value)));
    }
    for (name, value) in request.headers.iter().filter(|(name, _)| token.is_none() || !is_own(name))
    {
        hidden.add(value.expose().rsplit(' ').next().unwrap_or_default());
        headers.push((Arc::from(*name), value.clone()));
    }
    add_configured(&mut headers, http, files, hidden);
    let proxies = Proxies::new(&http.proxy, &job.environment)
        .map_err(|error| fail(format!("{}: {error}", place())))?;
    proxies.secrets().for_each(|secret| hidden.add(secret));
    for (name, value) in &headers {
        check_line(name, value.expose())
            .map_err(|outcome| outcome.with_prefix(&format!("{}: ", place())))?;
    }
    Ok(Exchange {
        method: request.method,
        url: Secret::new(target.url),
        headers,
        body: request.body.as_slice().into(),
        timeout: request.timeout,
        http: http.clone(),
        proxies: Arc::new(proxies),
        reads_answer: request.reads_answer,
        signing: None,
        gzip: false,
    })
}

/// Returns a method as Go's errors write it: `Post`.
pub fn title(method: &str) -> String {
    let (first, rest) = method.split_at(method.len().min(1));
    format!("{first}{}", rest.to_ascii_lowercase())
}

/// Says what an answer means.
///
/// 2xx is success. 5xx and the codes in `also_retry` are tried again; every other code is final. A
/// 429 that says when to come back (`Retry-After`) is tried again too: upstream gives up there, and
/// the alert waits for the group's next flush.
pub fn judge(
    job: &Job,
    answer: &Answer,
    hidden: &Hidden,
    also_retry: &[u16],
    detail: &str,
) -> Outcome {
    let status = answer.status;
    if (200..300).contains(&status) {
        return Outcome::Delivered;
    }
    let retry_after = answer
        .header("retry-after")
        .and_then(|value| retry_after::parse(value, job.notification.tick))
        .map(|wait| wait.min(RETRY_AFTER_MAX));
    let mut error = format!("unexpected status code {status}");
    if !detail.is_empty() {
        error.push_str(": ");
        error.push_str(&shorten(hidden.hide(detail), ERROR_DETAIL_BYTES_MAX));
    }
    let cause = Cause::of_status(status);
    let again = (500..600).contains(&status)
        || also_retry.contains(&status)
        || (status == 429 && retry_after.is_some());
    if again {
        Outcome::Retry { error, cause, retry_after }
    } else {
        Outcome::Fail { error, cause }
    }
}

/// Cuts a text to at most `max` bytes of whole characters; an ellipsis shows the cut.
pub fn shorten(mut text: String, max: usize) -> String {
    if text.len() > max {
        let marker = "…";
        text.truncate(text.floor_char_boundary(max.saturating_sub(marker.len())));
        text.push_str(marker);
    }
    text
}

/// Returns a URL as requests can carry it: without user and fragment, escaped where it must be. The
/// error never quotes it.
pub(super) fn usable_url(url: &str) -> Result<String, &'static str> {
    url::Target::parse(url).map(|target| target.url)
}

fn authorization(
    target: &url::Target,
    http: &HttpConfig,
    files: &Files,
    hidden: &mut Hidden,
) -> Option<String> {
    let value = match (&target.user, &http.auth) {
        (Some((user, password)), _) => {
            hidden.add(password);
            basic(user, password)
        }
        (None, Auth::None) => return None,
        (None, Auth::Basic { username, password }) => {
            let username = match username {
                None => "",
                Some(TextSource::Inline(text)) => text,
                Some(TextSource::File(path)) => files.content(path),
            };
            let password = password.as_ref().map_or("", |source| files.secret(source));
            hidden.add(password);
            basic(username, password)
        }
        (None, Auth::Scheme { kind, credentials }) => {
            let credentials = credentials.as_ref().map_or("", |source| files.secret(source));
            hidden.add(credentials);
            format!("{kind} {credentials}")
        }
        // The token comes with the request.
        (None, Auth::OAuth2(_)) => return None,
    };
    hidden.add(value.rsplit(' ').next().unwrap_or_default());
    Some(value)
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn add_configured(
    headers: &mut Vec<(Arc<str>, Secret)>,
    http: &HttpConfig,
    files: &Files,
    hidden: &mut Hidden,
) {
    for (name, header) in &http.headers {
        let name: Arc<str> = canonical(name).into();
        for value in &header.values {
            headers.push((name.clone(), Secret::new(value.clone())));
        }
        for secret in &header.secrets {
            hidden.add(secret.expose());
            headers.push((name.clone(), secret.clone()));
        }
        for path in &header.files {
            hidden.add(files.content(path));
            headers.push((name.clone(), Secret::new(files.content(path))));
        }
    }
}

/// Writes a header's name as Go does: `x-api-key` as `X-Api-Key`. What is no name stays as it is.
pub(super) fn canonical(name: &str) -> String {
    if !is_token(name) {
        return name.to_string();
    }
    let mut start = true;
    name.chars()
        .map(|c| {
            let c = if start { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() };
            start = c == '-';
            c
        })
        .collect()
}

pub(super) fn is_token(name: &str) -> bool {
    let is_mark = |b| b"!#$%&'*+-.^_`|~".contains(&b);
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || is_mark(b))
}

/// Tells whether a name and a value can make a header line.
pub(super) fn is_line(name: &str, value: &str) -> bool {
    is_token(name) && is_value(value)
}

fn is_value(value: &str) -> bool {
    value.bytes().all(|b| (b >= 0x20 || b == b'\t') && b != 0x7f)
}

/// Refuses what would break out of a header line.
fn check_line(name: &str, value: &str) -> Result<(), Outcome> {
    if !is_token(name) {
        return Err(fail(format!("invalid header field name {name:?}")));
    }
    if !is_value(value) {
        return Err(retry(format!("invalid header field value for {name:?}")));
    }
    Ok(())
}
