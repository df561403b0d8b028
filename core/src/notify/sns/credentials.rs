//! Where the keys for AWS come from.

use alloc::{
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

use super::{Sigv4, answer, profile};
use crate::{
    notify::{Secret, job::Environment},
    time::{Timestamp, rfc3339::parse_rfc3339},
};

/// How long before their end borrowed keys are no longer used, so that they do not end midway.
const MARGIN: Duration = Duration::from_secs(60);

/// Keys to sign with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Keys {
    /// The access key, which is no secret.
    pub(super) access: String,
    pub(super) secret: Secret,
    /// The token that goes with borrowed keys; empty for others.
    pub(super) token: Secret,
}

/// Where keys come from first.
#[derive(Debug)]
pub(super) enum Source {
    Keys(Keys),
    /// A file with a token of another authority buys keys for a role.
    WebIdentity {
        role: String,
        session: String,
        token: Secret,
    },
}

/// The process's environment and the files that AWS' tools share, as far as they exist.
pub(super) struct Surroundings<'a> {
    pub(super) environment: &'a Environment,
    /// Returns what a file holds; empty if there is none.
    pub(super) file: &'a dyn Fn(&str) -> &'a str,
}

impl Surroundings<'_> {
    /// Returns the first of some variables that is set.
    pub(super) fn variable(&self, names: &[&str]) -> &str {
        variable(self.environment, names)
    }

    fn profile<'s>(&'s self, settings: &'s Sigv4) -> &'s str {
        match (&*settings.profile, self.variable(&["AWS_PROFILE", "AWS_DEFAULT_PROFILE"])) {
            ("", "") => "default",
            ("", name) | (name, _) => name,
        }
    }

    /// Looks a key up in both shared files.
    fn shared(&self, profile: &str, key: &str) -> Option<&str> {
        let [credentials, config] = paths(self.environment);
        profile::value((self.file)(&credentials), profile, key)
            .or_else(|| profile::value((self.file)(&config), profile, key))
    }

    /// Returns the region to talk to.
    pub(super) fn region(&self, settings: &Sigv4) -> Result<String, String> {
        let from_variable = self.variable(&["AWS_REGION", "AWS_DEFAULT_REGION"]);
        let region = match (&*settings.region, from_variable) {
            ("", "") => self.shared(self.profile(settings), "region").unwrap_or_default(),
            ("", region) | (region, _) => region,
        };
        if region.is_empty() {
            let text = "region not configured in sns.sigv4.region or in default credentials chain";
            return Err(text.to_string());
        }
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !region.bytes().all(is_plain) {
            return Err(format!("the region {region:?} is no name of a region"));
        }
        Ok(region.to_string())
    }

    /// Returns where AWS has a service, unless a variable says otherwise.
    pub(super) fn endpoint(&self, variable: &str, host: &str, region: &str) -> String {
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        match self.variable(&[variable, "AWS_ENDPOINT_URL"]) {
            "" => format!("https://{host}.{region}.{domain}/"),
            url => url.to_string(),
        }
    }

    /// Returns where the keys come from: the settings, the profile they name, the environment, the
    /// default profile, or a token of another authority.
    pub(super) fn source(&self, settings: &Sigv4) -> Result<Source, String> {
        if !settings.access_key.is_empty() {
            return Ok(Source::Keys(Keys {
                access: settings.access_key.clone(),
                secret: settings.secret_key.clone(),
                token: Secret::default(),
            }));
        }
        let access = self.variable(&["AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY"]);
        let secret = self.variable(&["AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY"]);
        if settings.profile.is_empty() && !access.is_empty() && !secret.is_empty() {
            return Ok(Source::Keys(Keys {
                access: access.to_string(),
                secret: Secret::new(secret),
                token: Secret::new(self.variable(&["AWS_SESSION_TOKEN"])),
            }));
        }
        let profile = self.profile(settings);
        if let Some(access) = self.shared(profile, "aws_access_key_id")
            && let Some(secret) = self.shared(profile, "aws_secret_access_key")
        {
            let token = self.shared(profile, "aws_session_token").unwrap_or_default();
            return Ok(Source::Keys(Keys {
                access: access.to_string(),
                secret: Secret::new(secret),
                token: Secret::new(token),
            }));
        }
        let role = self.variable(&["AWS_ROLE_ARN"]);
        let path = self.variable(&["AWS_WEB_IDENTITY_TOKEN_FILE"]);
        if settings.profile.is_empty() && !role.is_empty() && !path.is_empty() {
            let token = (self.file)(path);
            if token.is_empty() {
                return Err(format!("there is no token in AWS_WEB_IDENTITY_TOKEN_FILE {path}"));
            }
            return Ok(Source::WebIdentity {
                role: role.to_string(),
                session: self.variable(&["AWS_ROLE_SESSION_NAME"]).to_string(),
                token: Secret::new(token),
            });
        }
        Err(format!(
            "no AWS credentials found in sns.sigv4, the environment and the profile {profile}; \
             those of containers (ECS) and machines (IMDS), of logins (SSO) and of processes are \
             not supported"
        ))
    }
}

fn variable<'a>(environment: &'a Environment, names: &[&str]) -> &'a str {
    let set = names.iter().find_map(|name| environment.get(*name));
    set.map(Secret::expose).unwrap_or_default()
}

/// Returns the paths of the shared files: credentials, settings. Empty where there is no home.
fn paths(environment: &Environment) -> [String; 2] {
    let home = variable(environment, &["HOME"]);
    [("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")].map(
        |(name, file)| match (variable(environment, &[name]), home) {
            ("", "") => String::new(),
            ("", home) => format!("{home}/.aws/{file}"),
            (path, _) => path.to_string(),
        },
    )
}

/// Returns the files that may tell keys or a region.
pub(super) fn files(settings: &Sigv4, environment: &Environment) -> Vec<String> {
    if !settings.access_key.is_empty() && !settings.region.is_empty() {
        return Vec::new();
    }
    let token = variable(environment, &["AWS_WEB_IDENTITY_TOKEN_FILE"]).to_string();
    let mut files = Vec::from(paths(environment));
    files.push(token);
    files.retain(|path| !path.is_empty());
    files
}

/// Reads keys that AWS lends, and until when they hold.
pub(super) fn lent(xml: &str) -> Option<(Keys, Timestamp)> {
    let part = |name| answer::element(xml, name).filter(|text| !text.is_empty());
    let until = parse_rfc3339(&part("Expiration")?).ok()?.at;
    let keys = Keys {
        access: part("AccessKeyId")?,
        secret: Secret::new(part("SecretAccessKey")?),
        token: Secret::new(part("SessionToken")?),
    };
    let margin = i64::try_from(MARGIN.as_nanos()).unwrap_or_default();
    Some((keys, Timestamp::from_nanos(until.as_nanos().saturating_sub(margin))))
}

impl Keys {
    /// Writes the keys for [`crate::notify::memory::Memory`].
    pub(super) fn to_secret(&self) -> Secret {
        let Self { access, secret, token } = self;
        Secret::new(format!("{access}\n{}\n{}", secret.expose(), token.expose()))
    }

    /// Reads what [`to_secret`](Self::to_secret) wrote.
    pub(super) fn of_secret(secret: &Secret) -> Option<Self> {
        let mut parts = secret.expose().split('\n');
        Some(Self {
            access: parts.next()?.to_string(),
            secret: Secret::new(parts.next()?),
            token: Secret::new(parts.next()?),
        })
    }
}
