//! Mail: hands a message in at an SMTP server.
//!
//! The whole message is rendered before the server is called, so that a template that fails leaves
//! no half of it there.

mod address;
mod mime;
#[cfg(test)]
mod tests;

use alloc::{
    boxed::Box,
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use sha2::{Digest as _, Sha256};

use super::{
    Outcome, Secret,
    global::Global,
    http::TlsConfig,
    render::Render,
    request::{canonical, is_token},
    service::{Service, Talk, Turn, fail},
    smtp::{Login, Mail, Mechanism, Security, Session, Settings},
};
use crate::{
    schema::{Context, Smarthost, schema},
    time::civil::Civil,
    yaml::{Abort, At},
};

/// What mail servers are greeted with, and where they are, where nothing is configured.
const HELLO: &str = "localhost";
/// The port on which TLS begins with the connection.
const IMPLICIT_TLS_PORT: &str = "465";

schema! {
    /// The settings in `email_configs`.
    pub struct EmailConfig check Self::check {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool; always,
        /// The recipients; a template.
        pub to: String,
        /// The sender; a template.
        pub from: String,
        /// What the mail server is greeted with.
        pub hello: String,
        /// Where mails are handed in.
        pub smarthost: Smarthost,
        /// The user at the mail server; empty for none.
        pub auth_username: String,
        /// The password for PLAIN and LOGIN, or the access token for XOAUTH2.
        pub auth_password: Secret,
        /// The file with that password; it wins.
        pub auth_password_file: String,
        /// The shared secret for CRAM-MD5.
        pub auth_secret: Secret,
        /// The file with that secret; it wins.
        pub auth_secret_file: String,
        /// The identity for PLAIN.
        pub auth_identity: String,
        /// Header lines; the values are templates.
        pub headers: BTreeMap<String, String>,
        /// The HTML part; a template. Empty for none.
        pub html: String = r#"{{ template "email.default.html" . }}"#.to_string(),
        /// The text part; a template. Empty for none.
        pub text: String,
        /// Whether the mail server has to offer STARTTLS.
        pub require_tls: Option<bool>,
        /// How TLS is made.
        pub tls_config: Option<TlsConfig>,
        /// Whether TLS begins with the connection; unset lets the port decide.
        pub force_implicit_tls: Option<bool>,
        /// How mail programs show what belongs together.
        pub threading: Threading,
        /// The only way to log in: `PLAIN`, `LOGIN`, `CRAM-MD5` or `XOAUTH2`. Empty takes the
        /// first usable one of the server's list, which XOAUTH2 never is. campana's own.
        pub auth_mechanism: String,
    }
}

schema! {
    /// The settings in `threading`.
    pub struct Threading {
        /// Whether the mails about a group form a thread.
        pub enabled: bool,
        /// When a new thread begins: `daily` or `none`, which is never.
        pub thread_by_date: String,
    }
}

impl EmailConfig {
    fn check(&mut self, at: &At<'_>, context: &Context<'_>) -> Result<(), Abort> {
        if self.to.is_empty() {
            return Err(at.fail("missing to address in email config"));
        }
        let mut headers = BTreeMap::new();
        for (name, value) in core::mem::take(&mut self.headers) {
            let name = canonical(&name);
            if !is_token(&name) {
                context.warn(at, format!("{name:?} is no name of a header; no mail can be made"));
            }
            if headers.insert(name.clone(), value).is_some() {
                return Err(at.fail(format!("duplicate header {name:?} in email config")));
            }
        }
        self.headers = headers;
        if self.threading.enabled {
            if !matches!(&*self.threading.thread_by_date, "none" | "daily") {
                let text = "threading.thread_by_date must be either 'none' or 'daily'";
                return Err(at.fail(text));
            }
            for name in ["References", "In-Reply-To"] {
                if self.headers.contains_key(name) {
                    return Err(at.fail(format!(
                        "conflicting configuration: threading.enabled conflicts with custom \
                         {name} header"
                    )));
                }
            }
        }
        if !self.auth_mechanism.is_empty() && Mechanism::parse(&self.auth_mechanism).is_none() {
            let text = "auth_mechanism must be one of PLAIN, LOGIN, CRAM-MD5 and XOAUTH2";
            return Err(at.fail(text));
        }
        Ok(())
    }

    fn security(&self) -> Security {
        let by_port = self.smarthost.port == IMPLICIT_TLS_PORT;
        match (self.force_implicit_tls.unwrap_or(by_port), self.require_tls) {
            (true, _) => Security::Implicit,
            (false, Some(false)) => Security::None,
            (false, _) => Security::Required,
        }
    }

    fn settings(&self, talk: &Talk<'_>) -> Result<Settings, Outcome> {
        let port = port_number(&self.smarthost.port)
            .ok_or_else(|| fail(format!("unknown port in smarthost {}", self.smarthost)))?;
        let file_or_inline = |file: &str, inline: &Secret| match file.is_empty() {
            true => inline.clone(),
            false => Secret::new(talk.file(file)),
        };
        let login = (!self.auth_username.is_empty()).then(|| Login {
            username: self.auth_username.clone(),
            identity: self.auth_identity.clone(),
            password: file_or_inline(&self.auth_password_file, &self.auth_password),
            secret: file_or_inline(&self.auth_secret_file, &self.auth_secret),
            only: Mechanism::parse(&self.auth_mechanism),
        });
        let hello = if self.hello.is_empty() { HELLO } else { &self.hello };
        let host = if self.smarthost.host.is_empty() { HELLO } else { &self.smarthost.host };
        Ok(Settings {
            host: host.to_string(),
            port,
            hello: hello.to_string(),
            tls: self.tls_config.clone().unwrap_or_default(),
            security: self.security(),
            login,
        })
    }

    fn mail(&self, talk: &Talk<'_>) -> Result<Mail, Outcome> {
        let mut render = talk.render(0);
        let from = render.text(&self.from);
        let to = render.text(&self.to);
        let headers = self.headers(talk, &mut render);
        let text = render.text(&self.text);
        let html = render.html(&self.html);
        render.finish()?;
        let from = address::parse_list(&from)
            .map_err(|error| fail(format!("parse 'from' addresses: {error}")))?;
        let [from] = <[String; 1]>::try_from(from).map_err(|from| {
            fail(format!("must be exactly one 'from' address (got: {})", from.len()))
        })?;
        let to = address::parse_list(&to)
            .map_err(|error| fail(format!("parse 'to' addresses: {error}")))?;
        let content = mime::message(&headers?, &boundary(talk), &text, &html);
        Ok(Mail { from, to, content })
    }

    /// Returns the header lines above those that describe the parts.
    fn headers(
        &self,
        talk: &Talk<'_>,
        render: &mut Render<'_>,
    ) -> Result<Vec<(String, String)>, Outcome> {
        let defaults = [
            ("From", &*self.from),
            ("Subject", r#"{{ template "email.default.subject" . }}"#),
            ("To", &*self.to),
        ];
        let mut templates: BTreeMap<&str, &str> = defaults.into();
        templates.extend(self.headers.iter().map(|(name, value)| (&**name, &**value)));
        let mut headers = Vec::with_capacity(templates.len() + 4);
        let mut bad = None;
        for (name, template) in templates {
            if !is_token(name) {
                bad = Some(fail(format!("{name:?} is no name of a header")));
            }
            headers.push((name.to_string(), mime::header_value(&render.text(template))));
        }
        if !self.headers.contains_key("Message-Id") {
            headers.push(("Message-Id".to_string(), message_id(talk)));
        }
        if self.threading.enabled {
            let root = self.thread_root(talk);
            headers.push(("References".to_string(), root.clone()));
            headers.push(("In-Reply-To".to_string(), root));
        }
        headers.push(("Date".to_string(), mime::date(talk.now)));
        bad.map_or(Ok(headers), Err)
    }

    /// Returns the id of a mail that never was, to which all mails of a thread are answers.
    fn thread_root(&self, talk: &Talk<'_>) -> String {
        let hash = talk.key_hash();
        let day = match &*self.threading.thread_by_date {
            "none" => String::new(),
            _ => {
                let Civil { year, month, day, .. } = Civil::at(talk.now, 0);
                format!("{year:04}-{month:02}-{day:02}")
            }
        };
        format!("<alert-{}-{day}@alertmanager>", &hash[..16])
    }
}

/// Returns the number of a port, which may be the name of one of mail's services.
fn port_number(text: &str) -> Option<u16> {
    Some(match text {
        "smtp" => 25,
        "smtps" | "submissions" => 465,
        "submission" => 587,
        digits => digits.parse().ok()?,
    })
}

/// Makes an id that no other mail has, and that all attempts to hand in the same mail share: a
/// server that had it already, its answer being lost, can tell.
fn message_id(talk: &Talk<'_>) -> String {
    let notification = &talk.job.notification;
    let integration = &talk.job.integration;
    let hostname = &talk.job.hostname;
    let digest = Sha256::new()
        .chain_update(notification.group_key.as_bytes())
        .chain_update([0])
        .chain_update(notification.receiver.as_bytes())
        .chain_update([0])
        .chain_update(integration.index.to_le_bytes())
        .chain_update(notification.flush.to_le_bytes())
        .chain_update(notification.tick.as_nanos().to_le_bytes())
        .finalize();
    let number = digest.iter().take(8).fold(0, |number: u64, byte| number << 8 | u64::from(*byte));
    format!("<{}.{number}@{hostname}>", notification.tick.as_nanos())
}

/// Makes the line between the parts, of a number that no alert can know.
fn boundary(talk: &Talk<'_>) -> String {
    let digest = Sha256::new()
        .chain_update(talk.nonce.to_le_bytes())
        .chain_update(talk.now.as_nanos().to_le_bytes())
        .finalize();
    digest.iter().take(30).map(|byte| format!("{byte:02x}")).collect()
}

impl Service for EmailConfig {
    const NAME: &'static str = "email";

    fn inherit(&mut self, global: &Global) -> Result<(), String> {
        if self.smarthost == Smarthost::default() {
            self.smarthost = global.smtp_smarthost.clone();
            if self.smarthost == Smarthost::default() {
                return Err("no global SMTP smarthost set".to_string());
            }
        }
        let or_global = |own: &mut String, global: &str| {
            if own.is_empty() {
                *own = global.to_string();
            }
        };
        or_global(&mut self.from, &global.smtp_from);
        if self.from.is_empty() {
            return Err("no global SMTP from set".to_string());
        }
        or_global(&mut self.hello, &global.smtp_hello);
        if self.hello.contains(['\r', '\n', '\0']) {
            return Err("hello must be one line".to_string());
        }
        or_global(&mut self.auth_username, &global.smtp_auth_username);
        let password = (&global.smtp_auth_password, &global.smtp_auth_password_file);
        super::pair::or_global((&mut self.auth_password, &mut self.auth_password_file), password);
        let secret = (&global.smtp_auth_secret, &global.smtp_auth_secret_file);
        super::pair::or_global((&mut self.auth_secret, &mut self.auth_secret_file), secret);
        or_global(&mut self.auth_identity, &global.smtp_auth_identity);
        self.require_tls.get_or_insert(global.smtp_require_tls);
        if self.tls_config.is_none() {
            self.tls_config.clone_from(&global.smtp_tls_config);
        }
        if self.force_implicit_tls.is_none() {
            self.force_implicit_tls = global.smtp_force_implicit_tls;
        }
        Ok(())
    }

    fn files(&self) -> Vec<(&'static str, &str)> {
        if self.auth_username.is_empty() {
            return Vec::new();
        }
        [
            ("auth_password_file", &*self.auth_password_file),
            ("auth_secret_file", &*self.auth_secret_file),
        ]
        .into()
    }

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        if !talk.answers.is_empty() {
            return Ok(Outcome::Delivered.into());
        }
        let mail = self.mail(talk)?;
        Ok(Turn::Mail(Box::new(Session::new(self.settings(talk)?, mail))))
    }
}
