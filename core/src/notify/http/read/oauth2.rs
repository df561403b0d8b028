//! `oauth2`: how an access token is got.

use alloc::{sync::Arc, vec::Vec};

use super::{Pair, check_proxy, path, read_proxy, read_tls, refuse_ref, value};
use crate::{
    notify::http::{JWT_BEARER, OAuth2},
    schema::{Context, Field as _},
    yaml::{Abort, At},
};

const KEYS: [&str; 21] = [
    "client_id",
    "client_secret",
    "client_secret_file",
    "client_secret_ref",
    "client_certificate_key_id",
    "client_certificate_key",
    "client_certificate_key_file",
    "client_certificate_key_ref",
    "grant_type",
    "signature_algorithm",
    "iss",
    "audience",
    "claims",
    "scopes",
    "token_url",
    "endpoint_params",
    "tls_config",
    "proxy_url",
    "no_proxy",
    "proxy_from_environment",
    "proxy_connect_header",
];

/// Reads the settings. Also tells of the secret and of the key whether both ways to give it are
/// used, for [`check`].
///
/// # Errors
/// The first rule that a value breaks.
pub(super) fn read(at: &At<'_>, context: &Context<'_>) -> Result<(OAuth2, [bool; 2]), Abort> {
    let mut read = OAuth2::default();
    let (mut secret, mut key) = (Pair::default(), Pair::default());
    at.fields(&KEYS, |name, at| {
        let text = |at: &At<'_>| -> Arc<str> { at.text().unwrap_or_default().into() };
        match name {
            "client_id" => read.client_id = text(&at),
            "client_secret" => secret.inline = value(&at),
            "client_secret_file" => secret.file = path(&at, context),
            "client_certificate_key_id" => read.key_id = text(&at),
            "client_certificate_key" => key.inline = value(&at),
            "client_certificate_key_file" => key.file = path(&at, context),
            "client_secret_ref" | "client_certificate_key_ref" => refuse_ref(&at),
            "grant_type" => read.grant_type = text(&at),
            "signature_algorithm" => read.signature_algorithm = text(&at),
            "iss" => read.issuer = text(&at),
            "audience" => read.audience = text(&at),
            "claims" => {
                at.entries(|_, _| Ok(()))?;
                read.claims.read(&at, context)?;
            }
            "scopes" => read.scopes = at.texts().unwrap_or_default().iter().map(text).collect(),
            "token_url" => read.token_url = text(&at),
            "endpoint_params" => read.endpoint_params = parameters(&at)?,
            "tls_config" if !at.node.is_null() => read.tls = Some(read_tls(&at, context)?),
            _ => read_proxy(name, &at, &mut read.proxy)?,
        }
        Ok(())
    })?;
    check_proxy(&read.proxy).map_err(|error| at.fail(error))?;
    let twice = [secret.both(), key.both()];
    (read.client_secret, read.key) = (secret.secret(), key.secret());
    Ok((read, twice))
}

/// Further parameters by name.
type Parameters = Vec<(Arc<str>, Arc<str>)>;

fn parameters(at: &At<'_>) -> Result<Parameters, Abort> {
    let mut read = Vec::new();
    at.entries(|name, at| {
        read.push((name.into(), at.text().unwrap_or_default().into()));
        Ok(())
    })?;
    read.sort();
    Ok(read)
}

/// Checks what the settings say together, in the original's order.
///
/// # Errors
/// The first rule they break.
pub(super) fn check(oauth2: &OAuth2, twice: [bool; 2]) -> Result<(), &'static str> {
    let is_jwt = *oauth2.grant_type == *JWT_BEARER;
    if oauth2.client_id.is_empty() {
        Err("oauth2 client_id must be configured")
    } else if oauth2.token_url.is_empty() {
        Err("oauth2 token_url must be configured")
    } else if is_jwt && twice[1] {
        Err("at most one of oauth2 client_certificate_key, client_certificate_key_file & \
             client_certificate_key_ref must be configured using \
             grant-type=urn:ietf:params:oauth:grant-type:jwt-bearer")
    } else if is_jwt && !matches!(&*oauth2.signature_algorithm, "" | "RS256" | "RS384" | "RS512") {
        Err("valid signature algorithms are RS256, RS384 and RS512")
    } else if !is_jwt && twice[0] {
        Err("at most one of oauth2 client_secret, client_secret_file & client_secret_ref must be \
             configured using grant-type=client_credentials")
    } else {
        Ok(())
    }
}
