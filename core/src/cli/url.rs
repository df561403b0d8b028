//! The URL users reach the server by, and the prefix its routes get from it.

use alloc::{
    borrow::ToOwned as _,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use serde::{Deserialize, Serialize};

use super::Options;

/// Where users reach the server, and under which prefix it serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalUrl {
    /// The URL without a slash at its end, for links and templates.
    pub text: String,
    /// The prefix of all routes: `/`, or `/` and segments without a slash at the end.
    pub route_prefix: String,
}

/// Works out the external URL and the route prefix.
///
/// Without `--web.external-url` the URL is `http://<hostname>:<bound_port>`, where the port is the
/// one the first listener really got. The prefix is `--web.route-prefix` or the URL's path. Fails
/// on a URL that is not http or https.
pub fn resolve_external_url(
    options: &Options,
    hostname: &str,
    bound_port: u16,
) -> Result<ExternalUrl, String> {
    let given = match &options.web_external_url {
        Some(text) => text.clone(),
        None => format!("http://{hostname}:{bound_port}/"),
    };
    let parts = split(&given)?;
    let path = parts.path.trim_end_matches('/');
    let prefix = match &options.web_route_prefix {
        Some(prefix) => prefix.clone(),
        None => decode(path).ok_or_else(|| refuse(&given, "its path is not valid"))?,
    };
    Ok(ExternalUrl {
        text: format!("{}://{}{path}{}", parts.scheme, parts.authority, parts.rest),
        route_prefix: format!("/{}", prefix.trim_matches('/')),
    })
}

/// Returns the words that welcome whoever starts the server without a configuration: where it
/// listens, and a command to paste. `address` is the first listener's.
///
/// Plain text and no log line, whose quoting would spoil the command.
pub fn welcome(address: &str, external: &ExternalUrl) -> String {
    let (host, port) = address.rsplit_once(':').unwrap_or((address, "9093"));
    let host = if matches!(host, "" | "0.0.0.0" | "[::]") { "localhost" } else { host };
    let url = format!("http://{host}:{port}{}", external.route_prefix.trim_end_matches('/'));
    format!(
        "\ncampana listens on {url} and prints notifications here. Post a first alert:\n\n  \
         curl -H 'Content-Type: application/json' {url}/api/v2/alerts \\\n    \
         -d '[{{\"labels\":{{\"alertname\":\"Hello\"}}}}]'\n\n\
         A few seconds later it is told in a line that says msg=notification.\n\n"
    )
}

/// Checks an external URL before anything listens.
pub(super) fn check(text: &str) -> Result<(), String> {
    let parts = split(text)?;
    decode(parts.path).map(drop).ok_or_else(|| refuse(text, "its path is not valid"))
}

struct Parts<'a> {
    scheme: String,
    authority: &'a str,
    path: &'a str,
    /// The query and the fragment, with their marks.
    rest: &'a str,
}

fn split(text: &str) -> Result<Parts<'_>, String> {
    if text.chars().any(|c| c.is_control() || c == ' ') {
        return Err(refuse(text, "it has a space or a control character"));
    }
    let (scheme, tail) = text.split_once("://").unwrap_or(("", text));
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https") {
        return Err(refuse(
            text,
            &format!("invalid {scheme:?} scheme, only 'http' and 'https' are supported"),
        ));
    }
    let (location, rest) = tail.split_at(tail.find(['?', '#']).unwrap_or(tail.len()));
    let (authority, path) = location.split_at(location.find('/').unwrap_or(location.len()));
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // A colon inside brackets belongs to an IPv6 address.
    let (host, port) = match host_port.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port),
        _ => (host_port, ""),
    };
    if host.is_empty() {
        return Err(refuse(text, "it has no host"));
    }
    if !port.is_empty() && port.parse::<u16>().is_err() {
        return Err(refuse(text, "its port is not a number from 0 to 65535"));
    }
    Ok(Parts { scheme, authority, path, rest })
}

fn refuse(text: &str, why: &str) -> String {
    // The text may hold a password, so it is not repeated in full.
    let shown = match text.rsplit_once('@') {
        Some((_, tail)) => format!("…@{tail}"),
        None => text.to_owned(),
    };
    format!("cannot use --web.external-url {shown:?}: {why}")
}

/// Decodes `%XX`; `None` on a broken escape or on bytes that are not UTF-8.
fn decode(path: &str) -> Option<String> {
    if !path.contains('%') {
        return Some(path.to_string());
    }
    let mut bytes = path.bytes();
    let mut out = Vec::with_capacity(path.len());
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            out.push((high * 16 + low) as u8);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).ok()
}
