//! `http_config` and `tls_config` as settings: read by [`super::read`], printed here.

use super::{Auth, Header, HttpConfig, TextSource, TlsConfig, read};
use crate::{
    notify::{SecretSource, secret::MASK},
    schema::{Context, Field},
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
        }
        if let Some(config) = &self.tls {
            fields.put("tls_config", config.print());
        }
        fields.put("follow_redirects", Out::boolean(self.follow_redirects));
        fields.put("enable_http2", Out::boolean(self.enable_http2));
        if !self.headers.is_empty() {
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
        text_source(&mut fields, ["ca", "ca_file"], self.ca.as_ref());
        text_source(&mut fields, ["cert", "cert_file"], self.cert.as_ref());
        secret_source(&mut fields, ["key", "key_file"], self.key.as_ref());
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
