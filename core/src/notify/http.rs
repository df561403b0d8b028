//! `http_config`: how an integration talks HTTP, as plain data.

mod print;
pub mod read;

use alloc::{boxed::Box, sync::Arc, vec::Vec};

use super::{Secret, SecretSource};
use crate::schema::Any;

/// How an integration talks HTTP.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpConfig {
    /// What the `Authorization` header carries.
    pub auth: Auth,
    /// How TLS connections are made; `None` means the system's roots and no client certificate.
    pub tls: Option<TlsConfig>,
    /// Whether redirects are followed; if not, a 3xx is the final answer.
    pub follow_redirects: bool,
    /// Whether HTTP/2 may be spoken where the other side offers it over TLS. The runtime on threads
    /// speaks HTTP/1.1 either way, which every receiver understands.
    pub enable_http2: bool,
    /// Through which proxy requests go.
    pub proxy: ProxyConfig,
    /// Further headers, sorted by name as written.
    pub headers: Vec<(Arc<str>, Header)>,
    /// Whether there is a section for them, which is printed even if it is empty.
    pub has_headers: bool,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            auth: Auth::None,
            tls: None,
            follow_redirects: true,
            enable_http2: true,
            proxy: ProxyConfig::default(),
            headers: Vec::new(),
            has_headers: false,
        }
    }
}

/// What the `Authorization` header carries.
#[derive(Clone, Debug, Default, PartialEq)]
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
    /// A token that another server gives out.
    OAuth2(Box<OAuth2>),
}

/// How an access token is got.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OAuth2 {
    /// The client's name.
    pub client_id: Arc<str>,
    /// The client's secret.
    pub client_secret: Option<SecretSource>,
    /// The name of the client's key, for `kid`.
    pub key_id: Arc<str>,
    /// The client's RSA key in PEM, to sign assertions with.
    pub key: Option<SecretSource>,
    /// The grant type as written; anything but [`JWT_BEARER`] asks for client credentials.
    pub grant_type: Arc<str>,
    /// How assertions are signed, as written: `RS256`, which an empty text means too, `RS384` or
    /// `RS512`.
    pub signature_algorithm: Arc<str>,
    /// Who issues assertions, where it is not the client.
    pub issuer: Arc<str>,
    /// Whom assertions are for, where it is not the token's server.
    pub audience: Arc<str>,
    /// Further claims of assertions: a map, or nothing.
    pub claims: Any,
    /// What the token is to allow.
    pub scopes: Vec<Arc<str>>,
    /// Where tokens are given out, as written.
    pub token_url: Arc<str>,
    /// Further parameters of the request for a token, sorted by name.
    pub endpoint_params: Vec<(Arc<str>, Arc<str>)>,
    /// How TLS connections to the token's server are made.
    pub tls: Option<TlsConfig>,
    /// Through which proxy the token's server is asked.
    pub proxy: ProxyConfig,
}

/// The grant type that proves who the client is by an assertion it has signed.
pub const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Through which proxy requests go, as configured; which one it is for a URL decides
/// [`Proxies`](super::proxy::Proxies).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxyConfig {
    /// The proxy, which may hold a user and a password. An empty text is none.
    pub url: Option<Secret>,
    /// The targets that are reached without it, separated by commas.
    pub no_proxy: Arc<str>,
    /// Whether the process's environment says it instead.
    pub from_environment: bool,
    /// Header lines of the `CONNECT` request, sorted by name as written.
    pub connect_header: Vec<(Arc<str>, Vec<Secret>)>,
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
