//! The files that one attempt reads.

use alloc::{format, string::String, sync::Arc, vec::Vec};

use crate::notify::{
    HttpConfig, Outcome, Secret, SecretSource,
    http::{Auth, TextSource},
    service::{fail, retry},
};

/// The files that one attempt reads, each once, and what they hold without the blanks around it.
///
/// They are read for every attempt, so that a rotated secret is picked up at once.
#[derive(Clone, Debug, Default)]
pub struct Files {
    wanted: Vec<Wanted>,
    contents: Vec<Secret>,
}

#[derive(Clone, Debug)]
struct Wanted {
    path: Arc<str>,
    /// What the file is for, as error texts say it.
    role: &'static str,
    /// Whether it belongs to the integration; otherwise, to its `http_config`.
    is_own: bool,
    /// Whether it may be missing; it counts as empty then.
    is_optional: bool,
}

impl Files {
    /// Lists what to read: the integration's own files, each with its key in the configuration,
    /// then those of its `http_config`.
    pub fn new<'a>(
        own: impl IntoIterator<Item = (&'static str, &'a str)>,
        http: &HttpConfig,
    ) -> Self {
        let mut files = Self::default();
        for (key, path) in own {
            if !path.is_empty() {
                files.want(key, true, &Arc::from(path));
            }
        }
        match &http.auth {
            Auth::None => {}
            Auth::OAuth2(oauth2) => {
                files.want_secret("oauth2 client secret file", oauth2.client_secret.as_ref());
                files.want_secret("oauth2 client certificate key file", oauth2.key.as_ref());
            }
            Auth::Basic { username, password } => {
                if let Some(TextSource::File(path)) = username {
                    files.want("basic auth username file", false, path);
                }
                files.want_secret("basic auth password file", password.as_ref());
            }
            Auth::Scheme { credentials, .. } => {
                let role = "authorization credentials file";
                files.want_secret(role, credentials.as_ref());
            }
        }
        for path in http.headers.iter().flat_map(|(_, header)| &header.files) {
            files.want("http header file", false, path);
        }
        files
    }

    /// Adds files that need not exist.
    #[must_use]
    pub fn with_optional(mut self, paths: Vec<String>) -> Self {
        for path in paths {
            if self.wanted.iter().all(|wanted| *wanted.path != *path) {
                let path = Arc::from(path);
                self.wanted.push(Wanted { path, role: "", is_own: true, is_optional: true });
            }
        }
        self
    }

    /// Makes the same list with made-up contents, for trials.
    pub fn made_up<'a>(
        own: impl IntoIterator<Item = (&'static str, &'a str)>,
        http: &HttpConfig,
    ) -> Self {
        let mut files = Self::new(own, http);
        files.contents = files.wanted.iter().map(|_| Secret::new("http://localhost/")).collect();
        files
    }

    /// Returns the file to read next; `None` once all are there.
    pub fn missing(&self) -> Option<Arc<str>> {
        self.wanted.get(self.contents.len()).map(|wanted| wanted.path.clone())
    }

    /// Takes the content of the file that [`missing`](Self::missing) named.
    ///
    /// # Errors
    /// The outcome of the attempt, when the file could not be read or is not UTF-8. As upstream, it
    /// is final for the integration's own files and tried again for those of `http_config`.
    pub fn put(&mut self, content: Result<Vec<u8>, String>) -> Result<(), Outcome> {
        let Some(Wanted { path, role, is_own, is_optional }) = self.wanted.get(self.contents.len())
        else {
            return Ok(());
        };
        let text = content.and_then(|bytes| {
            String::from_utf8(bytes).map_err(|_| String::from("it does not hold UTF-8 text"))
        });
        match text {
            Ok(text) => {
                self.contents.push(Secret::new(text.trim()));
                Ok(())
            }
            Err(_) if *is_optional => {
                self.contents.push(Secret::default());
                Ok(())
            }
            Err(why) if *is_own => Err(fail(format!("unable to read {role} {path}: {why}"))),
            Err(why) => {
                Err(retry(format!("Post \"<redacted>\": unable to read {role} {path}: {why}")))
            }
        }
    }

    /// Returns a secret's text: its own, or its file's.
    ///
    /// # Panics
    /// When the file has not been put in.
    pub fn secret<'a>(&'a self, source: &'a SecretSource) -> &'a str {
        match source {
            SecretSource::Inline(secret) => secret.expose(),
            SecretSource::File(path) => self.content(path),
        }
    }

    /// Returns what a file holds, without the blanks around it.
    ///
    /// # Panics
    /// When the file has not been put in.
    pub fn content(&self, path: &str) -> &str {
        self.find(path).expect("requests are made once all files are there")
    }

    /// Returns the same, unless the file has not been put in.
    pub fn find(&self, path: &str) -> Option<&str> {
        let place = self.wanted.iter().position(|wanted| *wanted.path == *path);
        place.and_then(|place| self.contents.get(place)).map(Secret::expose)
    }

    fn want_secret(&mut self, role: &'static str, source: Option<&SecretSource>) {
        if let Some(SecretSource::File(path)) = source {
            self.want(role, false, path);
        }
    }

    fn want(&mut self, role: &'static str, is_own: bool, path: &Arc<str>) {
        if self.wanted.iter().all(|wanted| wanted.path != *path) {
            self.wanted.push(Wanted { path: path.clone(), role, is_own, is_optional: false });
        }
    }
}
