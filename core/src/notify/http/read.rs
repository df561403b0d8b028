//! `http_config` and the settings inside of it.

mod oauth2;

use alloc::{boxed::Box, format, string::ToString as _, sync::Arc, vec::Vec};

use crate::{
    notify::{
        HttpConfig, Secret, SecretSource,
        http::{Auth, Header, OAuth2, ProxyConfig, TextSource, TlsConfig, TlsVersion},
    },
    schema::{Context, url},
    yaml::{Abort, At},
};

const KEYS: [&str; 13] = [
    "basic_auth",
    "authorization",
    "oauth2",
    "bearer_token",
    "bearer_token_file",
    "tls_config",
    "follow_redirects",
    "enable_http2",
    "proxy_url",
    "no_proxy",
    "proxy_from_environment",
    "proxy_connect_header",
    "http_headers",
];

/// Headers that requests carry anyway or that other settings make.
const RESERVED: [&str; 18] = [
    "authorization",
    "host",
    "content-encoding",
    "content-length",
    "content-type",
    "user-agent",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "www-authenticate",
    "accept-encoding",
    "x-prometheus-remote-write-version",
    "x-prometheus-remote-read-version",
    "x-prometheus-scrape-timeout-seconds",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
];

/// A value that may be inline or in a file, as typed.
#[derive(Default)]
struct Pair {
    inline: Option<Arc<str>>,
    file: Option<Arc<str>>,
}

impl Pair {
    fn both(&self) -> bool {
        self.inline.is_some() && self.file.is_some()
    }

    fn any(&self) -> bool {
        self.inline.is_some() || self.file.is_some()
    }

    fn secret(self) -> Option<SecretSource> {
        self.file
            .map(SecretSource::File)
            .or_else(|| self.inline.map(|text| SecretSource::Inline(Secret::new(text))))
    }

    fn text(self) -> Option<TextSource> {
        self.file.map(TextSource::File).or_else(|| self.inline.map(TextSource::Inline))
    }
}

/// An empty text counts as not set, as in the original.
fn value(at: &At<'_>) -> Option<Arc<str>> {
    at.text().filter(|text| !text.is_empty()).map(Arc::from)
}

fn path(at: &At<'_>, context: &Context<'_>) -> Option<Arc<str>> {
    value(at).map(|path| Arc::from(context.join(&path)))
}

#[derive(Default)]
struct Authorization {
    kind: Option<Arc<str>>,
    credentials: Pair,
}

/// Reads an `http_config`, defaults filled in.
///
/// # Errors
/// The first rule that a value breaks.
pub fn read(at: &At<'_>, context: &Context<'_>) -> Result<HttpConfig, Abort> {
    let mut http = HttpConfig::default();
    if at.node.is_null() {
        // An unquoted `Null`: nothing, without the defaults.
        (http.follow_redirects, http.enable_http2) = (false, false);
    }
    let (mut basic, mut authorization, mut bearer) = (None, None, Pair::default());
    let mut oauth2 = None;
    at.fields(&KEYS, |key, at| {
        match key {
            "basic_auth" if !at.node.is_unset() => basic = Some(read_basic(&at, context)?),
            "authorization" if !at.node.is_unset() => {
                authorization = Some(read_authorization(&at, context)?);
            }
            "bearer_token" => bearer.inline = value(&at),
            "bearer_token_file" => bearer.file = path(&at, context),
            "tls_config" if !at.node.is_unset() => http.tls = Some(read_tls(&at, context)?),
            "follow_redirects" => http.follow_redirects = at.boolean().unwrap_or_default(),
            "enable_http2" => http.enable_http2 = at.boolean().unwrap_or_default(),
            "oauth2" if !at.node.is_unset() => oauth2 = Some(oauth2::read(&at, context)?),
            "http_headers" => {
                http.headers = read_headers(&at, context)?;
                http.has_headers = !at.node.is_unset();
            }
            _ => read_proxy(key, &at, &mut http.proxy)?,
        }
        Ok(())
    })?;
    http.auth = auth(basic, authorization, bearer, oauth2).map_err(|text| at.fail(text))?;
    check_proxy(&http.proxy).map_err(|text| at.fail(text))?;
    Ok(http)
}

/// Reads one of the keys that say through which proxy requests go; ignores others.
fn read_proxy(key: &str, at: &At<'_>, proxy: &mut ProxyConfig) -> Result<(), Abort> {
    match key {
        "proxy_url" => {
            if let Some(text) = at.text() {
                let url = url::parse_any(text).map_err(|error| at.fail(error))?;
                proxy.url = Some(Secret::new(url));
            }
        }
        "no_proxy" => proxy.no_proxy = at.text().unwrap_or_default().into(),
        "proxy_from_environment" => proxy.from_environment = at.boolean().unwrap_or(false),
        "proxy_connect_header" => {
            at.entries(|name, at| {
                let values = at.texts().unwrap_or_default();
                let text = |at: &At<'_>| Secret::new(at.text().unwrap_or_default());
                proxy.connect_header.push((name.into(), values.iter().map(text).collect()));
                Ok(())
            })?;
            proxy.connect_header.sort_by(|(a, _), (b, _)| a.cmp(b));
        }
        _ => {}
    }
    Ok(())
}

fn check_proxy(proxy: &ProxyConfig) -> Result<(), &'static str> {
    // The text may be empty, which some rules count as set.
    let has_url = proxy.url.as_ref().is_some_and(|url| !url.is_empty());
    let has_exceptions = !proxy.no_proxy.is_empty();
    if !proxy.connect_header.is_empty() && !proxy.from_environment && !has_url {
        return Err("if proxy_connect_header is configured, proxy_url or proxy_from_environment \
                    must also be configured");
    }
    if proxy.from_environment && has_url {
        return Err("if proxy_from_environment is configured, proxy_url must not be configured");
    }
    if proxy.from_environment && has_exceptions {
        return Err("if proxy_from_environment is configured, no_proxy must not be configured");
    }
    if has_exceptions && proxy.url.is_none() {
        return Err("if no_proxy is configured, proxy_url must also be configured");
    }
    Ok(())
}

/// Decides what the `Authorization` header carries; the checks run in the original's order.
fn auth(
    basic: Option<(Pair, Pair)>,
    authorization: Option<Authorization>,
    bearer: Pair,
    oauth2: Option<(OAuth2, [bool; 2])>,
) -> Result<Auth, &'static str> {
    if bearer.both() {
        return Err("at most one of bearer_token & bearer_token_file must be configured");
    }
    if (basic.is_some() || oauth2.is_some()) && bearer.any() {
        return Err("at most one of basic_auth, oauth2, bearer_token & bearer_token_file must be \
                    configured");
    }
    if let Some((username, password)) = &basic {
        if username.both() {
            return Err(
                "at most one of basic_auth username, username_file & username_ref must be \
                        configured",
            );
        }
        if password.both() {
            return Err(
                "at most one of basic_auth password, password_file & password_ref must be \
                        configured",
            );
        }
    }
    const MANY: &str = "at most one of basic_auth, oauth2 & authorization must be configured";
    match (authorization, basic) {
        (Some(_), _) if bearer.any() => {
            Err("authorization is not compatible with bearer_token & bearer_token_file")
        }
        (Some(authorization), _) if authorization.credentials.both() => {
            Err("at most one of authorization credentials & credentials_file must be configured")
        }
        (Some(Authorization { kind: Some(kind), .. }), _) if kind.eq_ignore_ascii_case("basic") => {
            Err("authorization type cannot be set to \"basic\", use \"basic_auth\" instead")
        }
        (Some(_), Some(_)) => Err(MANY),
        (Some(_), None) | (None, Some(_)) if oauth2.is_some() => Err(MANY),
        (Some(Authorization { kind, credentials }), None) => Ok(Auth::Scheme {
            kind: kind.unwrap_or_else(|| Arc::from("Bearer")),
            credentials: credentials.secret(),
        }),
        (None, Some((username, password))) => {
            Ok(Auth::Basic { username: username.text(), password: password.secret() })
        }
        (None, None) if bearer.any() => {
            Ok(Auth::Scheme { kind: Arc::from("Bearer"), credentials: bearer.secret() })
        }
        (None, None) => match oauth2 {
            None => Ok(Auth::None),
            Some((oauth2, twice)) => {
                oauth2::check(&oauth2, twice)?;
                Ok(Auth::OAuth2(Box::new(oauth2)))
            }
        },
    }
}

fn read_basic(at: &At<'_>, context: &Context<'_>) -> Result<(Pair, Pair), Abort> {
    let (mut username, mut password) = (Pair::default(), Pair::default());
    let keys =
        ["username", "username_file", "username_ref", "password", "password_file", "password_ref"];
    at.fields(&keys, |key, at| {
        match key {
            "username" => username.inline = value(&at),
            "username_file" => username.file = path(&at, context),
            "password" => password.inline = value(&at),
            "password_file" => password.file = path(&at, context),
            _ => refuse_ref(&at),
        }
        Ok(())
    })?;
    Ok((username, password))
}

fn read_authorization(at: &At<'_>, context: &Context<'_>) -> Result<Authorization, Abort> {
    let mut read = Authorization::default();
    at.fields(&["type", "credentials", "credentials_file", "credentials_ref"], |key, at| {
        match key {
            "type" => {
                read.kind = at.text().map(str::trim).filter(|t| !t.is_empty()).map(Arc::from);
            }
            "credentials" => read.credentials.inline = value(&at),
            "credentials_file" => read.credentials.file = path(&at, context),
            _ => refuse_ref(&at),
        }
        Ok(())
    })?;
    Ok(read)
}

/// Refuses the `*_ref` keys at load; the original accepts them and fails when it builds the client.
fn refuse_ref(at: &At<'_>) {
    if value(at).is_some() {
        at.note("cannot use secret ref without manager; give the value itself or a file");
    }
}

/// Reads a client's `tls_config`.
///
/// # Errors
/// The first rule that a value breaks.
pub fn read_tls(at: &At<'_>, context: &Context<'_>) -> Result<TlsConfig, Abort> {
    let (mut ca, mut cert, mut key) = (Pair::default(), Pair::default(), Pair::default());
    let mut tls = TlsConfig::default();
    let keys = [
        "ca",
        "ca_file",
        "ca_ref",
        "cert",
        "cert_file",
        "cert_ref",
        "key",
        "key_file",
        "key_ref",
        "server_name",
        "insecure_skip_verify",
        "min_version",
        "max_version",
    ];
    at.fields(&keys, |name, at| {
        match name {
            "ca" => ca.inline = value(&at),
            "ca_file" => ca.file = path(&at, context),
            "cert" => cert.inline = value(&at),
            "cert_file" => cert.file = path(&at, context),
            "key" => key.inline = value(&at),
            "key_file" => key.file = path(&at, context),
            "server_name" => tls.server_name = value(&at),
            "insecure_skip_verify" => tls.insecure_skip_verify = at.boolean().unwrap_or(false),
            "min_version" => tls.min_version = version(&at)?,
            "max_version" => tls.max_version = version(&at)?,
            _ => refuse_ref(&at),
        }
        Ok(())
    })?;
    let wrong = if ca.both() {
        "at most one of ca, ca_file & ca_ref must be configured"
    } else if cert.both() {
        "at most one of cert, cert_file & cert_ref must be configured"
    } else if key.both() {
        "at most one of key and key_file must be configured"
    } else if cert.any() && !key.any() {
        "exactly one of key or key_file must be configured when a client certificate is configured"
    } else if key.any() && !cert.any() {
        "exactly one of cert or cert_file must be configured when a client key is configured"
    } else if matches!((tls.min_version, tls.max_version), (Some(min), Some(max)) if max < min) {
        "tls_config.max_version must be greater than or equal to tls_config.min_version if both \
         are specified"
    } else {
        (tls.ca, tls.cert, tls.key) = (ca.text(), cert.text(), key.secret());
        return Ok(tls);
    };
    Err(at.fail(wrong))
}

/// Reads the name of a TLS version.
///
/// # Errors
/// It is none.
pub fn version(at: &At<'_>) -> Result<Option<TlsVersion>, Abort> {
    let Some(text) = at.text() else { return Ok(None) };
    match TlsVersion::parse(text) {
        Some(version) => Ok(Some(version)),
        None => {
            Err(at.fail(format!("unknown TLS version: {text}; write TLS10, TLS11, TLS12 or TLS13")))
        }
    }
}

fn read_headers(at: &At<'_>, context: &Context<'_>) -> Result<Vec<(Arc<str>, Header)>, Abort> {
    let mut headers: Vec<(Arc<str>, Header)> = Vec::new();
    at.entries(|name, at| {
        let mut header = Header::default();
        at.fields(&["values", "secrets", "files"], |key, at| {
            for item in at.texts().unwrap_or_default() {
                let text = item.text().unwrap_or_default().to_string();
                match key {
                    "values" => header.values.push(Arc::from(text)),
                    "secrets" => header.secrets.push(Secret::new(text)),
                    _ => header.files.push(Arc::from(context.join(&text))),
                }
            }
            Ok(())
        })?;
        if RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name)) {
            return Err(at.fail(format!("setting header {name:?} is not allowed")));
        }
        headers.push((Arc::from(name), header));
        Ok(())
    })?;
    headers.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(headers)
}
