//! `http_config` and `tls_config` as settings: read by [`super::read`], printed here.

use alloc::format;

use super::{Auth, Header, HttpConfig, OAuth2, ProxyConfig, TextSource, TlsConfig, read};
use crate::{
    notify::{SecretSource, secret::MASK},
    schema::{Context, Field, url},
    yaml::{Abort, At, Out, emit::Fields},
};

impl Field for HttpConfig {
    fn read(&mut self, at: &At<'_>, context: &Context<'_>) -> Result<(), Abort> {
        *self = read::read(at, context)?;
        Ok(())
    }

    fn print(&self) -> Out {
        let mut fields = Fields::default();
        match &self.auth {
            Auth::None => {}
            Auth::Basic { username, password } => {
                let mut basic = Fields::default();
                text_source(&mut basic, ["username", "username_file"], username.as_ref());
                secret_source(&mut basic, ["password", "password_file"], password.as_ref());
                fields.put("basic_auth", basic.done());
            }
            Auth::Scheme { kind, credentials } => {
                let mut scheme = Fields::default();
                scheme.text("type", Some(kind));
                let keys = ["credentials", "credentials_file"];
                secret_source(&mut scheme, keys, credentials.as_ref());
                fields.put("authorization", scheme.done());
            }
            Auth::OAuth2(config) => drop(fields.put("oauth2", oauth2(config))),
        }
        if let Some(config) = self.tls.as_ref().filter(|tls| !tls.is_zero()) {
            fields.put("tls_config", config.print());
        }
        fields.put("follow_redirects", Out::boolean(self.follow_redirects));
        fields.put("enable_http2", Out::boolean(self.enable_http2));
        proxy(&mut fields, &self.proxy);
        if self.has_headers {
            let headers = self.headers.iter().map(|(name, values)| (name, header(values)));
            fields.put("http_headers", Out::sorted(headers));
        }
        fields.done()
    }

    /// It is printed wherever there is one.
    fn is_zero(&self) -> bool {
        false
    }
}

impl Field for TlsConfig {
    fn read(&mut self, at: &At<'_>, context: &Context<'_>) -> Result<(), Abort> {
        *self = read::read_tls(at, context)?;
        Ok(())
    }

    fn print(&self) -> Out {
        let mut fields = Fields::default();
        // All that is written here comes before all that is in files.
        for file in [false, true] {
            for (key, source) in [("ca", &self.ca), ("cert", &self.cert)] {
                let is_file = matches!(source, Some(TextSource::File(_)));
                if is_file == file {
                    text_source(&mut fields, [key, &format!("{key}_file")], source.as_ref());
                }
            }
            if matches!(self.key, Some(SecretSource::File(_))) == file {
                secret_source(&mut fields, ["key", "key_file"], self.key.as_ref());
            }
        }
        fields.text("server_name", self.server_name.as_deref());
        fields.put("insecure_skip_verify", Out::boolean(self.insecure_skip_verify));
        fields.text("min_version", self.min_version.map(|version| version.as_str()));
        fields.text("max_version", self.max_version.map(|version| version.as_str()));
        fields.done()
    }

    fn is_zero(&self) -> bool {
        *self == Self::default()
    }
}

fn oauth2(config: &OAuth2) -> Out {
    let mut fields = Fields::default();
    fields.put("client_id", Out::text(&config.client_id));
    let keys = ["client_secret", "client_secret_file"];
    secret_source(&mut fields, keys, config.client_secret.as_ref());
    fields.text("client_certificate_key_id", Some(&config.key_id));
    let keys = ["client_certificate_key", "client_certificate_key_file"];
    secret_source(&mut fields, keys, config.key.as_ref());
    fields.text("grant_type", Some(&config.grant_type));
    fields.text("signature_algorithm", Some(&config.signature_algorithm));
    fields.text("iss", Some(&config.issuer));
    fields.text("audience", Some(&config.audience));
    if !config.claims.is_zero() {
        fields.put("claims", config.claims.print());
    }
    fields.texts("scopes", &config.scopes);
    fields.put("token_url", Out::text(&config.token_url));
    if !config.endpoint_params.is_empty() {
        let params = config.endpoint_params.iter().map(|(name, value)| (name, Out::text(value)));
        fields.put("endpoint_params", Out::sorted(params));
    }
    if let Some(tls) = config.tls.as_ref().filter(|tls| !tls.is_zero()) {
        fields.put("tls_config", tls.print());
    }
    proxy(&mut fields, &config.proxy);
    fields.done()
}

fn proxy(fields: &mut Fields, config: &ProxyConfig) {
    if let Some(proxy) = &config.url {
        fields.put("proxy_url", Out::text(&url::redact(proxy.expose())));
    }
    fields.text("no_proxy", Some(&config.no_proxy));
    if config.from_environment {
        fields.put("proxy_from_environment", Out::boolean(true));
    }
    if !config.connect_header.is_empty() {
        let lines = config.connect_header.iter();
        let lines = lines.map(|(name, values)| (name, Out::texts(values.iter().map(|_| MASK))));
        fields.put("proxy_connect_header", Out::sorted(lines));
    }
}

fn header(header: &Header) -> Out {
    let mut fields = Fields::default();
    fields.texts("values", &header.values);
    let masked: alloc::vec::Vec<&str> = header.secrets.iter().map(|_| MASK).collect();
    fields.texts("secrets", &masked);
    fields.texts("files", &header.files);
    fields.done()
}

fn text_source(fields: &mut Fields, [inline, file]: [&str; 2], source: Option<&TextSource>) {
    match source {
        None => {}
        Some(TextSource::Inline(text)) => drop(fields.text(inline, Some(text))),
        Some(TextSource::File(path)) => drop(fields.text(file, Some(path))),
    }
}

fn secret_source(fields: &mut Fields, [inline, file]: [&str; 2], source: Option<&SecretSource>) {
    match source {
        None => {}
        Some(SecretSource::Inline(_)) => drop(fields.text(inline, Some(MASK))),
        Some(SecretSource::File(path)) => drop(fields.text(file, Some(path))),
    }
}
