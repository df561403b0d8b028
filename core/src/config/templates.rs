//! The second phase of loading: the files with templates, and a trial of every text.

use alloc::{
    borrow::Cow,
    format,
    string::{String, ToString as _},
    vec::Vec,
};

use super::{Config, ConfigError, Warning, whole};
use crate::{
    notify::{
        self,
        http::{Auth, TlsConfig},
    },
    template::Set,
};

/// A file that one of [`Config::template_globs`] matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateFile {
    /// Its path, for messages; the part behind the last slash names the template of its text.
    pub path: String,
    /// Its content.
    pub text: Vec<u8>,
}

/// What a configuration needs from the disk before it can be used. One that needs what is not
/// there is refused by whoever can read files, as upstream does when it builds its receivers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Needs {
    /// The patterns of the files with templates.
    pub globs: Vec<String>,
    /// TLS settings that have to be usable.
    pub tls: Vec<TlsConfig>,
    /// Files that have to be readable. They are read again for every attempt.
    pub files: Vec<String>,
}

impl Needs {
    /// Tells whether nothing is needed.
    pub fn is_empty(&self) -> bool {
        self.globs.is_empty() && self.tls.is_empty() && self.files.is_empty()
    }
}

impl Config {
    /// Takes in the files with templates, in the order of the patterns and by name within each, and
    /// tries every text of every receiver in use: what fails then is a warning, since it may work
    /// with other alerts.
    ///
    /// # Errors
    /// A file that is no template.
    pub fn complete(mut self, files: &[TemplateFile]) -> Result<Self, ConfigError> {
        let mut set = Set::with_defaults();
        for file in files {
            let fail = |text: String| ConfigError {
                file: file.path.clone(),
                problems: Vec::from([whole(text)]),
            };
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let text = String::from_utf8_lossy(&file.text);
            if matches!(text, Cow::Owned(_)) {
                let text = "it does not hold UTF-8 text; what is none shows as U+FFFD";
                self.warnings.push(Warning(whole(format!("{}: {text}", file.path))));
            }
            set.parse(name, &text).map_err(|error| fail(error.to_string()))?;
        }
        for receiver in self.receivers.iter().filter(|receiver| receiver.used) {
            for integration in &receiver.integrations {
                if let Some(broken) = notify::trial::run(&receiver.name, integration, &set) {
                    let name = &receiver.name;
                    let (kind, index) = (integration.name, integration.index);
                    let (field, error) = (broken.field, broken.error);
                    let place = if field.is_empty() { field } else { format!(" in {field}") };
                    let text = format!(
                        "receiver {name:?}: a trial notification of {kind}[{index}] fails{place}: \
                         {error}"
                    );
                    self.warnings.push(Warning(whole(text)));
                }
            }
        }
        self.templates = Some(set);
        Ok(self)
    }

    /// Returns what the configuration needs from the disk before it can be used.
    pub fn needs(&self) -> Needs {
        let used = self.receivers.iter().filter(|receiver| receiver.used);
        let files = used
            .flat_map(|receiver| &receiver.integrations)
            .flat_map(|integration| integration.kind.early_files())
            .map(|path| path.to_string())
            .collect();
        Needs { globs: self.template_globs.clone(), tls: self.tls_material(), files }
    }

    /// Returns the TLS settings in use that name certificates or keys.
    fn tls_material(&self) -> Vec<TlsConfig> {
        let mut found: Vec<TlsConfig> = Vec::new();
        let mut add = |tls: Option<&TlsConfig>| {
            let Some(tls) = tls else { return };
            let has_any = tls.ca.is_some() || tls.cert.is_some() || tls.key.is_some();
            if has_any && !found.contains(tls) {
                found.push(tls.clone());
            }
        };
        add(self.tracing.as_ref().and_then(|tracing| tracing.tls_config.as_ref()));
        let used = self.receivers.iter().filter(|receiver| receiver.used);
        for integration in used.flat_map(|receiver| &receiver.integrations) {
            let http = &integration.http;
            add(http.tls.as_ref());
            if let Auth::OAuth2(oauth2) = &http.auth {
                add(oauth2.tls.as_ref());
            }
            add(integration.kind.mail_tls());
        }
        let recorder = self.event_recorder.iter().flat_map(|recorder| &recorder.webhook_outputs);
        for http in recorder.filter_map(|output| output.http_config.as_ref()) {
            add(http.tls.as_ref());
            if let Auth::OAuth2(oauth2) = &http.auth {
                add(oauth2.tls.as_ref());
            }
        }
        found
    }

    /// Returns the templates; none before [`complete`](Self::complete).
    pub fn template_set(&self) -> Set {
        self.templates.clone().unwrap_or_default()
    }
}
