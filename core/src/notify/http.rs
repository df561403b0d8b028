//! `http_config`: how an integration talks HTTP, as plain data.

mod print;
pub mod read;

use alloc::{sync::Arc, vec::Vec};

use super::{Secret, SecretSource};

/// How an integration talks HTTP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpConfig {
    /// What the `Authorization` header carries.
    pub auth: Auth,
    /// How TLS connections are made; `None` means the system's roots and no client certificate.
    pub tls: Option<TlsConfig>,
    /// Whether redirects are followed; if not, a 3xx is the final answer.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be spoken.
    pub enable_http2: bool,
    /// Further headers, sorted by name as written.
    pub headers: Vec<(Arc<str>, Header)>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            auth: Auth::None,
            tls: None,
            follow_redirects: true,
            enable_http2: true,
            headers: Vec::new(),
        }
    }
}

/// What the `Authorization` header carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// The header is not sent.
    #[default]
    None,
    /// `Basic`, from a user name and a password, each of which may be missing.
    Basic {
        /// The user name.
        username: Option<TextSource>,
        /// The password.
        password: Option<SecretSource>,
    },
    /// A scheme and its credentials.
    Scheme {
        /// The scheme, `Bearer` unless configured; never `Basic`.
        kind: Arc<str>,
        /// The credentials; without any, the header is the scheme and a blank.
        credentials: Option<SecretSource>,
    },
}

/// A text written in the configuration, or the file that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextSource {
    /// The text itself.
    Inline(Arc<str>),
    /// The path of a file; blanks around its content do not belong to the text.
    File(Arc<str>),
}

/// The values of one configured header; each makes a header line of its own, in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// Values shown in the clear.
    pub values: Vec<Arc<str>>,
    /// Values that are secret.
    pub secrets: Vec<Secret>,
    /// Files that hold one value each.
    pub files: Vec<Arc<str>>,
}

/// How TLS connections are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// The authorities to trust instead of the system's.
    pub ca: Option<TextSource>,
    /// The client certificate; comes with `key`.
    pub cert: Option<TextSource>,
    /// The client key; comes with `cert`.
    pub key: Option<SecretSource>,
    /// The name to expect in the server's certificate instead of the URL's host.
    pub server_name: Option<Arc<str>>,
    /// Whether the server's certificate is not checked at all.
    pub insecure_skip_verify: bool,
    /// The lowest version to speak; TLS 1.2 unless configured.
    pub min_version: Option<TlsVersion>,
    /// The highest version to speak.
    pub max_version: Option<TlsVersion>,
}

/// A TLS version, as named in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// `TLS10`
    Tls10,
    /// `TLS11`
    Tls11,
    /// `TLS12`
    Tls12,
    /// `TLS13`
    Tls13,
}

impl TlsVersion {
    /// Reads a version as the configuration names it.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "TLS10" => Self::Tls10,
            "TLS11" => Self::Tls11,
            "TLS12" => Self::Tls12,
            "TLS13" => Self::Tls13,
            _ => return None,
        })
    }

    /// Returns the version as the configuration names it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tls10 => "TLS10",
            Self::Tls11 => "TLS11",
            Self::Tls12 => "TLS12",
            Self::Tls13 => "TLS13",
        }
    }
}
