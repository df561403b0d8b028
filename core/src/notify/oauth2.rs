//! OAuth 2: the request for an access token, and what its answer means. As Go's client does it.

#[cfg(test)]
mod tests;

use alloc::{
    format,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::{fmt, fmt::Write as _, time::Duration};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value as Json, json};
use sha2::{Digest as _, Sha256};

use super::{
    Answer, Environment, Exchange, HttpConfig, Secret, SendError, SendErrorKind,
    http::{JWT_BEARER, OAuth2},
    memory::Memory,
    proxy::Proxies,
    request::{Files, Hidden, usable_url},
};
use crate::{hash::sha256_hex, template::escape_query, time::Timestamp};

/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(10);
/// How long an assertion is valid.
const ASSERTION_AGE: u64 = 600;
/// Under which names a token is remembered, and how its server wants to be asked.
const TOKEN: &str = "oauth2 token";
const STYLE: &str = "oauth2 style";

/// One integration's settings, with what its files hold.
pub(super) struct Client<'a> {
    config: &'a OAuth2,
    secret: &'a str,
    key: &'a str,
}

/// A request for a token under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asking {
    /// Who we are stands in the body, and not in `Authorization`.
    in_body: bool,
    /// Whether the other way may be tried after this one.
    is_guess: bool,
}

/// What an answer for a request for a token means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// The value of `Authorization`, and what is to be remembered.
    Token(Secret, Memory),
    /// Ask again like this.
    Again(Asking),
    /// There will be no token; says why.
    Refused(String),
}

/// An assertion that waits for its signature: the body is `before`, `input`, a dot, the signature
/// in base64 for URLs, and `after`. Runtimes sign, since core has no keys in a usable form.
#[derive(Clone, PartialEq, Eq)]
pub struct Signing {
    /// `RS256`, `RS384` or `RS512`.
    pub algorithm: Arc<str>,
    /// The RSA key, in PEM.
    pub key: Secret,
    /// What is signed.
    pub input: String,
    before: String,
    after: String,
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signing").field("algorithm", &self.algorithm).finish_non_exhaustive()
    }
}

impl Exchange {
    /// Has `sign` sign what has to be signed, and makes the body of it.
    ///
    /// # Errors
    /// Those of `sign`, in words that hold no key.
    pub fn signed(
        mut self,
        sign: impl FnOnce(&Signing) -> Result<Vec<u8>, String>,
    ) -> Result<Self, SendError> {
        let Some(signing) = self.signing.take() else { return Ok(self) };
        let signature = sign(&signing).map_err(|why| SendError {
            kind: SendErrorKind::Connection,
            message: format!("oauth2: cannot sign the assertion: {why}"),
        })?;
        let Signing { input, before, after, .. } = *signing;
        let signature = URL_SAFE_NO_PAD.encode(signature);
        self.body = format!("{before}{input}.{signature}{after}").into_bytes().into();
        Ok(self)
    }
}

impl<'a> Client<'a> {
    pub(super) fn new(config: &'a OAuth2, files: &'a Files) -> Self {
        let read = |source: &'a Option<super::SecretSource>| {
            source.as_ref().map_or("", |source| files.secret(source))
        };
        Self { config, secret: read(&config.client_secret), key: read(&config.key) }
    }

    fn is_jwt(&self) -> bool {
        *self.config.grant_type == *JWT_BEARER
    }

    /// What a token belongs to: another secret needs another token.
    fn mark(&self) -> String {
        sha256_hex(&format!("{}\n{}\n{}", self.config.client_id, self.secret, self.key))
    }

    /// Returns the value of `Authorization` for a token that is still good.
    pub(super) fn recall(&self, memory: &Memory, now: Timestamp) -> Option<Secret> {
        let (mark, value) = memory.recall(TOKEN, now)?.expose().split_once(' ')?;
        (mark == self.mark()).then(|| Secret::new(value))
    }

    /// Returns a memory without the token, for one that was refused.
    pub(super) fn forget(memory: &Memory) -> Memory {
        memory.without(TOKEN)
    }

    /// Says how to ask for a token first.
    pub(super) fn first(&self, memory: &Memory, now: Timestamp) -> Asking {
        let known = memory.recall(STYLE, now).and_then(|style| style.expose().split_once(' '));
        match known {
            _ if self.is_jwt() => Asking { in_body: true, is_guess: false },
            Some((mark, style)) if mark == self.mark() => {
                Asking { in_body: style == "body", is_guess: false }
            }
            _ => Asking { in_body: false, is_guess: true },
        }
    }

    /// Makes the request for a token.
    ///
    /// # Errors
    /// What makes it impossible.
    pub(super) fn ask(
        &self,
        asking: Asking,
        of: &Circumstances<'_>,
        hidden: &mut Hidden,
    ) -> Result<Exchange, String> {
        let config = self.config;
        hidden.add(self.secret);
        hidden.add(&escape_query(self.secret));
        hidden.add(self.key);
        let url =
            usable_url(&config.token_url).map_err(|why| format!("oauth2 token_url: {why}"))?;
        let proxies = Proxies::new(&config.proxy, of.environment)?;
        proxies.secrets().for_each(|secret| hidden.add(secret));
        let mut headers: Vec<(Arc<str>, Secret)> = Vec::new();
        let mut add = |name: &str, value: &str| headers.push((name.into(), Secret::new(value)));
        add("Content-Type", "application/x-www-form-urlencoded");
        add("User-Agent", of.user_agent);
        let mut form = self.form()?;
        let mut signing = None;
        if self.is_jwt() {
            let assertion = ("assertion", String::new());
            form.push(assertion);
            form.sort();
            signing = Some(self.signing(&form, of)?.into());
        } else if asking.in_body {
            form.push(("client_id", config.client_id.to_string()));
            if !self.secret.is_empty() {
                form.push(("client_secret", self.secret.to_string()));
            }
        } else {
            let [id, secret] = [&config.client_id, self.secret].map(escape_query);
            let pair = STANDARD.encode(format!("{id}:{secret}"));
            hidden.add(&pair);
            add("Authorization", &format!("Basic {pair}"));
        }
        form.sort();
        Ok(Exchange {
            method: "POST",
            url: Secret::new(url),
            headers,
            body: encode(&form).into_bytes().into(),
            timeout: of.timeout,
            http: Arc::new(HttpConfig { tls: config.tls.clone(), ..HttpConfig::default() }),
            proxies: Arc::new(proxies),
            reads_answer: true,
            signing,
            gzip: false,
        })
    }

    fn form(&self) -> Result<Vec<(&'a str, String)>, String> {
        let kind = if self.is_jwt() { JWT_BEARER } else { "client_credentials" };
        let mut form = Vec::from([("grant_type", kind.to_string())]);
        if !self.config.scopes.is_empty() {
            form.push(("scope", self.config.scopes.join(" ")));
        }
        for (name, value) in &self.config.endpoint_params {
            match form.iter_mut().find(|(known, _)| *known == &**name) {
                None => form.push((name, value.to_string())),
                // Some servers want another word there.
                Some((known, own)) if *known == "grant_type" => *own = value.to_string(),
                Some(_) => return Err(format!("oauth2: cannot overwrite parameter {name:?}")),
            }
        }
        Ok(form)
    }

    fn signing(&self, form: &[(&str, String)], of: &Circumstances<'_>) -> Result<Signing, String> {
        let config = self.config;
        let or = |text: &'a Arc<str>, other: &'a Arc<str>| -> &'a str {
            if text.is_empty() { other } else { text }
        };
        let algorithm = if config.signature_algorithm.is_empty() {
            "RS256".into()
        } else {
            config.signature_algorithm.clone()
        };
        let mut header = json!({ "alg": &*algorithm, "typ": "JWT" });
        if !config.key_id.is_empty() {
            header["kid"] = Json::from(&*config.key_id);
        }
        let now = of.now.parts().0;
        let mut claims = json!({
            "iss": or(&config.issuer, &config.client_id),
            "sub": &*config.client_id,
            "jti": unique(of),
            "aud": or(&config.audience, &config.token_url),
            "iat": now,
            "exp": now.saturating_add_unsigned(ASSERTION_AGE),
        });
        if !config.scopes.is_empty() {
            claims["scope"] = Json::from(config.scopes.join(" "));
        }
        if let Json::Object(own) = config.claims.to_json()? {
            own.into_iter().for_each(|(name, value)| claims[name.as_str()] = value);
        }
        let part = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
        let at = form.iter().position(|(name, _)| *name == "assertion").unwrap_or_default();
        let (before, after) = (encode(&form[..=at]), encode(&form[at + 1..]));
        let joint = if after.is_empty() { "" } else { "&" };
        Ok(Signing {
            algorithm,
            key: Secret::new(self.key),
            input: format!("{}.{}", part(&header), part(&claims)),
            before,
            after: format!("{joint}{after}"),
        })
    }

    /// Says what the token's server has answered.
    pub(super) fn read(
        &self,
        asking: Asking,
        answer: &Answer,
        memory: &Memory,
        now: Timestamp,
    ) -> Told {
        match parse(answer) {
            Err(_) if asking.is_guess && !asking.in_body => {
                Told::Again(Asking { in_body: true, is_guess: true })
            }
            Err(why) => Told::Refused(why),
            Ok(token) => {
                let mark = self.mark();
                let until = match token.seconds {
                    0 => Timestamp::MAX,
                    seconds => now + Duration::from_secs(seconds) - MARGIN,
                };
                let mut memory =
                    memory.with(TOKEN, Secret::new(format!("{mark} {}", token.value)), until);
                if asking.is_guess {
                    let style = if asking.in_body { "body" } else { "header" };
                    let style = Secret::new(format!("{mark} {style}"));
                    memory = memory.with(STYLE, style, Timestamp::MAX);
                }
                Told::Token(Secret::new(token.value), memory)
            }
        }
    }
}

/// What a request for a token depends on besides the settings.
pub(super) struct Circumstances<'a> {
    pub(super) environment: &'a Environment,
    pub(super) user_agent: &'a str,
    pub(super) timeout: Option<Duration>,
    pub(super) now: Timestamp,
    pub(super) nonce: u64,
}

/// A UUID that no other assertion has.
fn unique(of: &Circumstances<'_>) -> String {
    let digest = Sha256::digest(format!("{} {}", of.nonce, of.now.as_nanos()));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// Writes a form.
fn encode(form: &[(&str, String)]) -> String {
    let mut out = String::new();
    for (name, value) in form {
        let joint = if out.is_empty() { "" } else { "&" };
        write!(out, "{joint}{}={}", escape_query(name), escape_query(value))
            .expect("a String takes every write");
    }
    out
}

struct Token {
    /// As `Authorization` carries it.
    value: String,
    /// How long it is good; 0 means for ever.
    seconds: u64,
}

fn parse(answer: &Answer) -> Result<Token, String> {
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let text = String::from_utf8_lossy(&answer.body);
    let is_form = matches!(&*kind, "application/x-www-form-urlencoded" | "text/plain");
    let body = if is_form { form_as_json(&text) } else { serde_json::from_str(&text) };
    let body = body.unwrap_or(Json::Null);
    let field = |name: &str| body.get(name).and_then(Json::as_str).filter(|it| !it.is_empty());
    if let Some(code) = field("error") {
        let mut error = format!("oauth2: {code:?}");
        for name in ["error_description", "error_uri"] {
            if let Some(text) = field(name) {
                write!(error, " {text:?}").expect("a String takes every write");
            }
        }
        return Err(error);
    }
    if !(200..300).contains(&answer.status) {
        return Err(format!("oauth2: cannot fetch token: {}\nResponse: {text}", answer.status));
    }
    if !is_form && !body.is_object() {
        return Err("oauth2: cannot parse json: the answer is no JSON object".into());
    }
    let token = field("access_token")
        .ok_or_else(|| String::from("oauth2: server response missing access_token"))?;
    if token.bytes().any(|b| b < b' ' || b == 0x7f) {
        return Err("oauth2: the access_token holds control characters".into());
    }
    let scheme = match field("token_type") {
        None => "Bearer",
        Some(kind) if kind.eq_ignore_ascii_case("bearer") => "Bearer",
        Some(kind) if kind.eq_ignore_ascii_case("mac") => "MAC",
        Some(kind) if kind.eq_ignore_ascii_case("basic") => "Basic",
        Some(kind) if kind.bytes().all(|b| b.is_ascii_graphic()) => kind,
        Some(_) => return Err("oauth2: the token_type cannot stand in a header".into()),
    };
    let seconds = match body.get("expires_in") {
        Some(Json::String(text)) => text.parse().unwrap_or(0),
        Some(number) => number.as_u64().or(number.as_f64().map(|it| it as u64)).unwrap_or(0),
        None => 0,
    };
    Ok(Token { value: format!("{scheme} {token}"), seconds })
}

fn form_as_json(text: &str) -> serde_json::Result<Json> {
    let decode = |text: &str| super::request::decode(&text.replace('+', " "));
    let pairs = text.trim().split('&').filter_map(|pair| pair.split_once('='));
    Ok(Json::Object(pairs.map(|(name, value)| (decode(name), decode(value).into())).collect()))
}
