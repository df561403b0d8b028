//! From a request's path and method to what it asks for.

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString as _},
};

use super::{
    head::{Head, clean_path, escape_path, unescape_path},
    response::{Response, allow},
};
use crate::ui::{self, Asset, Page};

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// A page for people; which one is found again when it is made.
    Page,
    /// A file that pages use.
    Asset(Asset),
    /// The description of API v2.
    Description,
    /// Liveness and readiness, which are the same: a node that answers is ready.
    Healthy,
    /// A scrape.
    Metrics,
    /// A reload.
    Reload,
    /// Anything of the removed API v1.
    V1,
    /// An operation of API v2.
    V2(Operation),
}

/// The operations of API v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Status,
    Receivers,
    Alerts,
    PostAlerts,
    Groups,
    Silences,
    PostSilence,
    Silence,
    ExpireSilence,
    Explain,
}

/// Where a request leads, with the metrics' name for it.
#[derive(Clone, Debug)]
pub(super) struct Target<'a> {
    pub(super) endpoint: Endpoint,
    pub(super) handler: &'static str,
    /// The id of a silence, unescaped.
    pub(super) id: Cow<'a, str>,
}

/// How the metrics name the path of one silence.
const SILENCE: &str = "/api/v2/silence/{silenceID}";

/// How the metrics name the path of one explanation, which is campana's own.
const EXPLAIN: &str = "/api/v2/alerts/{fingerprint}/explain";

/// The path of the API's description, which is campana's own.
const DESCRIPTION: &str = "/api/v2/openapi.yaml";

struct Plain {
    path: &'static str,
    methods: &'static [&'static str],
    endpoint: Endpoint,
}

const PLAIN: [Plain; 9] = [
    Plain { path: "/", methods: &["GET"], endpoint: Endpoint::Page },
    Plain { path: "/metrics", methods: &["GET"], endpoint: Endpoint::Metrics },
    Plain { path: "/-/healthy", methods: &["GET", "HEAD"], endpoint: Endpoint::Healthy },
    Plain { path: "/-/ready", methods: &["GET", "HEAD"], endpoint: Endpoint::Healthy },
    Plain { path: "/-/reload", methods: &["POST"], endpoint: Endpoint::Reload },
    Plain { path: "/api/v1/alerts", methods: &["GET", "POST"], endpoint: Endpoint::V1 },
    Plain { path: "/api/v1/silences", methods: &["GET", "POST"], endpoint: Endpoint::V1 },
    Plain { path: "/api/v1/status", methods: &["GET"], endpoint: Endpoint::V1 },
    Plain { path: "/api/v1/receivers", methods: &["GET"], endpoint: Endpoint::V1 },
];

const V1_SILENCE: Plain =
    Plain { path: "/api/v1/silence/:sid", methods: &["DELETE", "GET"], endpoint: Endpoint::V1 };

/// Finds where a request leads, or answers it at once.
pub(super) fn route<'a>(prefix: &str, head: &Head<'a>) -> Result<Target<'a>, Response> {
    let raw = head.raw_path();
    let Some(path) = unescape_path(raw).filter(|path| path.starts_with('/')) else {
        return Err(Response::text(400, "400 Bad Request: invalid path\n"));
    };
    let clean = clean_path(&path);
    if clean != path {
        return Err(redirect(301, head, &clean));
    }
    let inside = if prefix == "/" {
        Some(&*path)
    } else if path == "/" {
        return Err(if head.method == "GET" {
            Response::redirect(302, prefix.to_string(), true)
        } else {
            not_allowed(head.method, &["GET"])
        });
    } else {
        path.strip_prefix(prefix).filter(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let Some(inside) = inside else { return Err(not_found()) };
    if inside == "/api/v2" {
        return Err(redirect(301, head, &format!("{clean}/")));
    }
    if inside.starts_with("/api/v2/") {
        let shown = if prefix == "/" { raw } else { raw.strip_prefix(prefix).unwrap_or(raw) };
        return route_v2(head, inside, shown);
    }
    route_plain(head, inside, &clean)
}

fn route_plain<'a>(head: &Head<'_>, inside: &str, whole: &str) -> Result<Target<'a>, Response> {
    let is_silence = |path: &str| {
        path.strip_prefix("/api/v1/silence/").is_some_and(|id| !id.is_empty() && !id.contains('/'))
    };
    let exact = PLAIN.iter().find(|plain| plain.path == inside);
    let found = exact.or_else(|| is_silence(inside).then_some(&V1_SILENCE));
    if let Some(plain) = found {
        if plain.methods.contains(&head.method) {
            let (endpoint, handler) = (plain.endpoint, plain.path);
            return Ok(Target { endpoint, handler, id: Cow::Borrowed("") });
        }
        return Err(not_allowed(head.method, plain.methods).handler(plain.path));
    }
    if head.method == "GET" || head.method == "HEAD" {
        let target = |endpoint, handler| Ok(Target { endpoint, handler, id: Cow::Borrowed("") });
        if let Some(asset) = inside.strip_prefix("/assets/").and_then(ui::asset) {
            return target(Endpoint::Asset(asset), "/assets/*path");
        }
        if Page::find(inside, &[]).is_some() {
            return target(Endpoint::Page, "/");
        }
    }
    // A slash too many or too few, or another case, leads to the route that was meant.
    let trimmed = inside.trim_end_matches('/');
    let meant = PLAIN.iter().find(|plain| {
        plain.path.trim_end_matches('/').eq_ignore_ascii_case(trimmed)
            && plain.methods.contains(&head.method)
    });
    let Some(plain) = meant else { return Err(not_found()) };
    let base = whole.strip_suffix(inside).unwrap_or_default();
    let status = if head.method == "GET" { 301 } else { 308 };
    Err(redirect(status, head, &format!("{base}{}", plain.path)))
}

fn route_v2<'a>(head: &Head<'a>, inside: &str, shown: &str) -> Result<Target<'a>, Response> {
    let target = |operation, handler, id| {
        Ok(Target { endpoint: Endpoint::V2(operation), handler, id: Cow::Owned(id) })
    };
    let path = inside.trim_end_matches('/');
    if path == DESCRIPTION && head.method == "GET" {
        let (endpoint, id) = (Endpoint::Description, Cow::Borrowed(""));
        return Ok(Target { endpoint, handler: DESCRIPTION, id });
    }
    let silence = path
        .strip_prefix("/api/v2/silence/")
        .filter(|id| !id.is_empty() && !id.contains('/'))
        .map(String::from);
    let explained = path
        .strip_prefix("/api/v2/alerts/")
        .and_then(|rest| rest.strip_suffix("/explain"))
        .filter(|id| !id.is_empty() && !id.contains('/'))
        .map(String::from);
    let (handler, get, other) = match path {
        // Only to say which method it has; GET was answered above.
        DESCRIPTION => (DESCRIPTION, Operation::Status, None),
        "/api/v2/status" => ("/api/v2/status", Operation::Status, None),
        "/api/v2/receivers" => ("/api/v2/receivers", Operation::Receivers, None),
        "/api/v2/alerts" => {
            ("/api/v2/alerts", Operation::Alerts, Some(("POST", Operation::PostAlerts)))
        }
        "/api/v2/alerts/groups" => ("/api/v2/alerts/groups", Operation::Groups, None),
        "/api/v2/silences" => {
            ("/api/v2/silences", Operation::Silences, Some(("POST", Operation::PostSilence)))
        }
        _ if silence.is_some() => {
            (SILENCE, Operation::Silence, Some(("DELETE", Operation::ExpireSilence)))
        }
        _ if explained.is_some() => (EXPLAIN, Operation::Explain, None),
        _ => {
            let text = format!("path {shown} was not found");
            return Err(Response::error(404, 404, &text).handler("/api/v2/{unknown}"));
        }
    };
    let id = silence.or(explained).unwrap_or_default();
    match other {
        _ if head.method == "GET" => target(get, handler, id),
        Some((method, operation)) if head.method == method => target(operation, handler, id),
        _ => {
            let other = other.map(|(method, _)| method);
            let mut methods: alloc::vec::Vec<&str> = other.into_iter().chain(["GET"]).collect();
            methods.sort_unstable();
            let methods = methods.join(",");
            let method = head.method;
            let text = format!("method {method} is not allowed, but [{methods}] are");
            Err(Response::error(405, 405, &text).header("Allow", methods).handler(handler))
        }
    }
}

/// Answers a method that a known path does not have; OPTIONS asks for just this answer.
fn not_allowed(method: &str, methods: &[&str]) -> Response {
    let response = match method {
        "OPTIONS" => Response::empty(200),
        _ => Response::text(405, "Method Not Allowed\n"),
    };
    response.header("Allow", allow(methods))
}

fn not_found() -> Response {
    Response::text(404, "404 page not found\n")
}

fn redirect(status: u16, head: &Head<'_>, path: &str) -> Response {
    let mut location = String::new();
    escape_path(&mut location, path);
    // Bytes that could end the header line never reach it: a target has none.
    if let Some(query) =
        head.raw_query().filter(|query| query.bytes().all(|b| b > b' ' && b < 0x7f))
    {
        location.push('?');
        location.push_str(query);
    }
    Response::redirect(status, location, head.method == "GET")
}
