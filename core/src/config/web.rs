//! The file of `--web.config.file`: TLS, users, headers and rate of the web side.

use alloc::{
    borrow::ToOwned as _,
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::time::Duration;

use super::{ConfigError, Origin, ServerTls, decode, tls};
use crate::{
    label::Mode,
    limits::{WEB_RATE_BURST_MAX, WEB_USERS_MAX},
    notify::Secret,
    schema::{Context, Field as _, Span},
    yaml::{self, Abort, At, Log, Problem},
};

/// Who may use the web side, and how it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Web {
    /// How TLS is spoken; `None` is plain HTTP.
    pub tls: Option<ServerTls>,
    /// Whether HTTP/2 is offered where TLS is.
    pub http2: bool,
    /// Header lines that every response has.
    pub headers: Vec<(&'static str, Arc<str>)>,
    /// The bcrypt hash of each user's password; nobody needs one when it is empty.
    pub users: BTreeMap<String, Secret>,
    /// How many requests are answered.
    pub rate: Option<Rate>,
}

impl Default for Web {
    fn default() -> Self {
        Self { tls: None, http2: true, headers: Vec::new(), users: BTreeMap::new(), rate: None }
    }
}

/// A bucket that holds `burst` requests and gets one more each `interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Between two requests in the long run.
    pub interval: Duration,
    /// Requests at once.
    pub burst: u64,
}

/// The headers that may be set, and the values they may have, if those are restricted.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Content-Security-Policy", &[]),
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
];

/// Reads the file.
///
/// # Errors
/// What is wrong with it, as of [`load`](super::load).
pub fn web(text: &[u8], origin: &Origin<'_>) -> Result<Web, ConfigError> {
    read(text, origin).map_err(|problems| ConfigError { file: origin.file.to_owned(), problems })
}

fn read(bytes: &[u8], origin: &Origin<'_>) -> Result<Web, Vec<Problem>> {
    let one = |problem| Vec::from([problem]);
    let root = yaml::load(decode(bytes).map_err(one)?).map_err(one)?;
    let context = Context::new(Mode::Utf8, origin.directory);
    let log = Log::default();
    let mut web = Web::default();
    if let Some(root) = &root {
        let keys = ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"];
        let read = At::root(root, &log).fields(&keys, |key, at| match key {
            _ if at.node.is_null() => Ok(()),
            "tls_server_config" => {
                tls::read_optional_server(&at, &context).map(|tls| web.tls = tls)
            }
            "http_server_config" => read_http(&at, &context, &mut web),
            "basic_auth_users" => read_users(&at, &mut web.users),
            _ => read_rate(&at, &context).map(|rate| web.rate = rate),
        });
        read.map_err(|Abort(problem)| one(*problem))?;
    }
    let problems = log.into_inner();
    if problems.is_empty() { Ok(web) } else { Err(problems) }
}

fn read_http(at: &At<'_>, context: &Context<'_>, web: &mut Web) -> Result<(), Abort> {
    at.fields(&["http2", "headers"], |key, at| match key {
        "http2" => web.http2.read(&at, context),
        _ => at.entries(|name, value| {
            let Some((name, values)) = HEADERS.iter().find(|(known, _)| *known == name) else {
                let known: Vec<&str> = HEADERS.iter().map(|(name, _)| *name).collect();
                let known = known.join(", ");
                return Err(value.fail(format!(
                    "HTTP header {name:?} can not be configured; those that can are {known}"
                )));
            };
            let text = value.text().unwrap_or_default();
            let is_allowed = values.is_empty()
                || text.is_empty()
                || values.iter().any(|allowed| allowed.eq_ignore_ascii_case(text));
            if !is_allowed || text.bytes().any(|b| b < b' ' || b == 0x7f) {
                let advice = if values.is_empty() { "one line".into() } else { values.join(", ") };
                let text = format!("invalid value for {name}: {text:?}; write {advice}");
                return Err(value.fail(text));
            }
            if !text.is_empty() {
                web.headers.push((name, Arc::from(text)));
            }
            Ok(())
        }),
    })
}

fn read_users(at: &At<'_>, users: &mut BTreeMap<String, Secret>) -> Result<(), Abort> {
    at.entries(|name, value| {
        let hash = value.text().unwrap_or_default();
        if !is_bcrypt(hash) {
            let advice = "make it with `htpasswd -nBC 10 USER` or another bcrypt tool";
            return Err(value.fail(format!("not a bcrypt hash; {advice}")));
        }
        if users.len() >= WEB_USERS_MAX {
            return Err(value.fail(format!("more than {WEB_USERS_MAX} users")));
        }
        users.insert(name.to_string(), Secret::new(hash));
        Ok(())
    })
}

/// Tells whether a text has the form of a bcrypt hash: `$2y$10$`, then 22 characters of salt and 31
/// of hash, each ending as all tools write it. Costs above 15 take more than two seconds each time
/// and are refused.
fn is_bcrypt(text: &str) -> bool {
    let bytes = text.as_bytes();
    let [b'$', b'2', kind, b'$', tens @ b'0'..=b'9', ones @ b'0'..=b'9', b'$', rest @ ..] = bytes
    else {
        return false;
    };
    let cost = (tens - b'0') * 10 + (ones - b'0');
    let is_digit = |b: &u8| b.is_ascii_alphanumeric() || b"./".contains(b);
    // Both end in a digit of which not all bits count; others than these cannot be right.
    let ends = |at: usize, digits: &[u8]| rest.get(at).is_some_and(|last| digits.contains(last));
    matches!(kind, b'a' | b'b' | b'x' | b'y')
        && (4..=15).contains(&cost)
        && rest.len() == 53
        && rest.iter().all(is_digit)
        && ends(21, b".Oeu")
        && ends(52, b".CGKOSWaeimquy26")
}

fn read_rate(at: &At<'_>, context: &Context<'_>) -> Result<Option<Rate>, Abort> {
    let (mut interval, mut burst) = (Span::default(), 0_u64);
    at.fields(&["interval", "burst"], |key, at| match key {
        "interval" => interval.read(&at, context),
        _ => burst.read(&at, context),
    })?;
    if interval.0.is_zero() {
        return Ok(None);
    }
    if burst > WEB_RATE_BURST_MAX {
        return Err(at.fail(format!("burst is more than {WEB_RATE_BURST_MAX}")));
    }
    Ok(Some(Rate { interval: interval.0, burst }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HASH: &str = "$2y$10$abcdefghijklmnopqrstuuwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ2";

    fn parse(text: &str) -> Result<Web, String> {
        let origin = Origin { file: "web.yml", directory: "conf" };
        web(text.as_bytes(), &origin).map_err(|error| error.to_string())
    }

    #[test]
    fn all_parts_are_read() {
        let text = format!(
            "tls_server_config: {{cert_file: a.pem, key_file: a.key}}\n\
             http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: DENY\n    \
             Content-Security-Policy: \"default-src 'self'\"\n\
             basic_auth_users:\n  ann: {HASH}\n  bob: {HASH}\n\
             rate_limit: {{interval: 1s, burst: 20}}\n"
        );
        let web = parse(&text).expect("it is fine");
        assert!(web.tls.is_some() && !web.http2);
        assert_eq!(web.headers.len(), 2);
        assert_eq!(web.users.keys().collect::<Vec<_>>(), ["ann", "bob"]);
        assert_eq!(web.rate, Some(Rate { interval: Duration::from_secs(1), burst: 20 }));
        assert!(!format!("{web:?}").contains("abcdef"), "hashes are not shown");
        assert_eq!(parse("").expect("empty is fine"), Web::default());
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, part) in [
            ("a: b", "field a not found"),
            ("basic_auth_users: {a: secret}", "not a bcrypt hash"),
            (
                "basic_auth_users: {a: $2y$31$abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0}",
                "not a bcrypt hash",
            ),
            (
                "basic_auth_users: {a: $2y$10$abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ2}",
                "not a bcrypt hash",
            ),
            ("http_server_config: {headers: {Server: x}}", "can not be configured"),
            ("http_server_config: {headers: {X-Frame-Options: allow}}", "deny, sameorigin"),
            ("tls_server_config: {cert_file: a}", "missing one of key or key_file"),
            ("rate_limit: {interval: soon}", "not a valid duration"),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.contains(part) && !error.contains("secret"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,60}", hash in "\\$2[aby]\\$[0-9]{2}\\$[./A-Za-z0-9]{20,21}[.Oeu][./A-Za-z0-9]{30}[.Caz]") {
            let _ = parse(&text);
            let known = parse(&format!("basic_auth_users: {{u: '{hash}'}}"));
            prop_assert_eq!(known.is_ok(), is_bcrypt(&hash));
        }
    }
}
