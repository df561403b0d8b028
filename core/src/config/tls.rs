//! How servers speak TLS, and the file of `--cluster.tls-config`: how gossip does.

mod names;

use alloc::{borrow::ToOwned as _, format, string::String, sync::Arc, vec::Vec};

use super::{ConfigError, Origin, decode, whole};
use crate::{
    label::Mode,
    notify::{
        Secret, SecretSource,
        http::{TextSource, TlsConfig, TlsVersion, read as http},
    },
    schema::Context,
    yaml::{self, Abort, At, Log, Problem},
};

/// How gossip speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GossipTls {
    /// Towards peers that connect.
    pub server: ServerTls,
    /// Towards peers that are connected to.
    pub client: TlsConfig,
}

/// How a server speaks TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// Its certificate.
    pub cert: TextSource,
    /// Its key.
    pub key: SecretSource,
    /// The authorities of clients; always there when certificates are checked.
    pub client_ca: Option<TextSource>,
    /// Whether clients need a certificate.
    pub client_auth: ClientAuth,
    /// Names of which a client's certificate must have one; empty means any.
    pub client_allowed_sans: Vec<Arc<str>>,
    /// The TLS 1.2 suites to speak, by Go's names; empty means the usual ones.
    pub cipher_suites: Vec<Arc<str>>,
    /// The groups for key exchange, by Go's names; empty means the usual ones.
    pub curves: Vec<Arc<str>>,
    /// The lowest version to speak; TLS 1.2 unless configured.
    pub min_version: Option<TlsVersion>,
    /// The highest version to speak.
    pub max_version: Option<TlsVersion>,
}

/// Whether clients need a certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientAuth {
    /// Nobody looks at it.
    #[default]
    None,
    /// Clients are asked for one; whose it is does not matter.
    Request,
    /// It must be shown; whose it is does not matter.
    RequireAny,
    /// One that is shown must be good.
    VerifyIfGiven,
    /// It must be shown and good.
    Require,
}

impl ClientAuth {
    /// Tells whether a client without a certificate is refused.
    pub fn is_mandatory(self) -> bool {
        matches!(self, Self::RequireAny | Self::Require)
    }

    /// Tells whether certificates are checked against authorities.
    pub fn is_verified(self) -> bool {
        matches!(self, Self::VerifyIfGiven | Self::Require)
    }
}

impl ServerTls {
    /// Checks the names of a client's certificate, which is given in DER.
    ///
    /// # Errors
    /// That it has none of those that are allowed.
    pub fn check_names(&self, certificate: &[u8]) -> Result<(), String> {
        let allowed = &self.client_allowed_sans;
        let names = names::alternative(certificate);
        let fits = |name: &String| allowed.iter().any(|allowed| **allowed == **name);
        if allowed.is_empty() || names.iter().any(fits) {
            return Ok(());
        }
        let allowed = allowed.join(" ");
        Err(format!("could not find allowed SANs in client cert, found: [{allowed}]"))
    }
}

/// Reads the TLS settings of gossip.
///
/// # Errors
/// What is wrong with the file, as of [`load`](super::load); also when a section is missing, and
/// where it asks for what this version does not have.
pub fn gossip_tls(text: &[u8], origin: &Origin<'_>) -> Result<GossipTls, ConfigError> {
    read(text, origin).map_err(|problems| ConfigError { file: origin.file.to_owned(), problems })
}

fn read(bytes: &[u8], origin: &Origin<'_>) -> Result<GossipTls, Vec<Problem>> {
    let one = |problem| Vec::from([problem]);
    let root = yaml::load(decode(bytes).map_err(one)?).map_err(one)?;
    let context = Context::new(Mode::Utf8, origin.directory);
    let log = Log::default();
    let (mut server, mut client) = (None, None);
    if let Some(root) = &root {
        let read = At::root(root, &log).fields(&["tls_server_config", "tls_client_config"], {
            |name, at| {
                match name {
                    _ if at.node.is_null() => {}
                    "tls_server_config" => server = Some(read_server(&at, &context)?),
                    _ => client = Some(http::read_tls(&at, &context)?),
                }
                Ok(())
            }
        });
        read.map_err(|Abort(problem)| one(*problem))?;
    }
    let problems = log.into_inner();
    if !problems.is_empty() {
        return Err(problems);
    }
    let missing = |name| one(whole(format!("missing '{name}' entry in the TLS configuration")));
    Ok(GossipTls {
        server: server.ok_or_else(|| missing("tls_server_config"))?,
        client: client.ok_or_else(|| missing("tls_client_config"))?,
    })
}

const SERVER_KEYS: [&str; 13] = [
    "cert",
    "cert_file",
    "key",
    "key_file",
    "client_ca",
    "client_ca_file",
    "client_auth_type",
    "client_allowed_sans",
    "min_version",
    "max_version",
    "cipher_suites",
    "curve_preferences",
    "prefer_server_cipher_suites",
];

fn read_server(at: &At<'_>, context: &Context<'_>) -> Result<ServerTls, Abort> {
    let value = |at: &At<'_>| at.text().filter(|text| !text.is_empty()).map(Arc::<str>::from);
    let text = |name: &str, at: &At<'_>| {
        value(at).map(|text| match name.ends_with("_file") {
            true => TextSource::File(context.join(&text).into()),
            false => TextSource::Inline(text),
        })
    };
    let (mut certs, mut keys, mut cas) = (Vec::new(), Vec::new(), Vec::new());
    let (mut client_auth, mut min_version, mut max_version) = (ClientAuth::None, None, None);
    let (mut cipher_suites, mut curves, mut sans) = (Vec::new(), Vec::new(), Vec::new());
    at.fields(&SERVER_KEYS, |name, at| {
        match name {
            "cert" | "cert_file" => certs.extend(text(name, &at)),
            "key" => keys.extend(value(&at).map(|key| SecretSource::Inline(Secret::new(&*key)))),
            "key_file" => {
                keys.extend(value(&at).map(|path| SecretSource::File(context.join(&path).into())));
            }
            "client_ca" | "client_ca_file" => cas.extend(text(name, &at)),
            "client_auth_type" => client_auth = read_auth(&at)?,
            "min_version" => min_version = http::version(&at)?,
            "max_version" => max_version = http::version(&at)?,
            // Go ignores the preference too.
            "prefer_server_cipher_suites" => drop(at.boolean()),
            "cipher_suites" => cipher_suites = known_words(&at, "cipher suite", &SUITES)?,
            "curve_preferences" => curves = known_words(&at, "curve", &CURVES)?,
            _ => {
                let list = at.texts().unwrap_or_default();
                sans = list.iter().filter_map(|item| item.text().map(Arc::from)).collect();
            }
        }
        Ok(())
    })?;
    let wrong = if certs.len() > 1 || keys.len() > 1 || cas.len() > 1 {
        "at most one of cert and cert_file, key and key_file, client_ca and client_ca_file"
    } else if certs.is_empty() {
        "missing one of cert or cert_file"
    } else if keys.is_empty() {
        "missing one of key or key_file"
    } else if client_auth == ClientAuth::None && !cas.is_empty() {
        "Client CA's have been configured without a Client Auth Policy"
    } else if client_auth.is_verified() && cas.is_empty() {
        "certificates of clients are to be checked without client_ca_file"
    } else if matches!((min_version, max_version), (Some(min), Some(max)) if max < min) {
        "max_version is lower than min_version"
    } else {
        let (Some(cert), Some(key)) = (certs.pop(), keys.pop()) else {
            return Err(at.fail("missing certificate"));
        };
        let client_ca = cas.pop();
        return Ok(ServerTls {
            cert,
            key,
            client_ca,
            client_auth,
            client_allowed_sans: sans,
            cipher_suites,
            curves,
            min_version,
            max_version,
        });
    };
    Err(at.fail(wrong))
}

/// The TLS 1.2 suites of Go's secure list that are spoken here.
const SUITES: [&str; 6] = [
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

/// The curves of Go that are spoken here.
const CURVES: [&str; 3] = ["X25519", "CurveP256", "CurveP384"];

fn known_words(at: &At<'_>, what: &str, known: &[&str]) -> Result<Vec<Arc<str>>, Abort> {
    let mut words = Vec::new();
    for item in at.texts().unwrap_or_default() {
        let text = item.text().unwrap_or_default();
        // Suites of TLS 1.3 cannot be chosen in Go either.
        if text.starts_with("TLS_AES_") || text == "TLS_CHACHA20_POLY1305_SHA256" {
            continue;
        }
        if !known.contains(&text) {
            let known = known.join(", ");
            return Err(item.fail(format!("{what} {text:?} is not available; there are {known}")));
        }
        words.push(Arc::from(text));
    }
    Ok(words)
}

/// Reads the TLS of a server that may do without: no certificate and no key means plain text.
///
/// # Errors
/// The first rule that a value breaks.
pub(super) fn read_optional_server(
    at: &At<'_>,
    context: &Context<'_>,
) -> Result<Option<ServerTls>, Abort> {
    let says_nothing = match &at.node.value {
        yaml::Value::Map(entries) => entries.is_empty(),
        _ => false,
    };
    if says_nothing { Ok(None) } else { read_server(at, context).map(Some) }
}

fn read_auth(at: &At<'_>) -> Result<ClientAuth, Abort> {
    Ok(match at.text().unwrap_or_default() {
        "" | "NoClientCert" => ClientAuth::None,
        "RequestClientCert" => ClientAuth::Request,
        "VerifyClientCertIfGiven" => ClientAuth::VerifyIfGiven,
        "RequireAndVerifyClientCert" => ClientAuth::Require,
        "RequireAnyClientCert" | "RequireClientCert" => ClientAuth::RequireAny,
        other => return Err(at.fail(format!("invalid ClientAuth: {other}"))),
    })
}

#[cfg(test)]
mod tests {
    use alloc::string::{String, ToString as _};

    use super::*;

    fn error(text: &str) -> String {
        let origin = Origin { file: "f", directory: "d" };
        gossip_tls(text.as_bytes(), &origin).expect_err("it is refused").to_string()
    }

    #[test]
    fn both_sides_are_read() {
        let text = "tls_server_config: {cert_file: a, key_file: /b, client_ca_file: c, \
                    client_auth_type: VerifyClientCertIfGiven, min_version: TLS13}\n\
                    tls_client_config: {ca_file: e, server_name: n}";
        let origin = Origin { file: "f", directory: "d" };
        let read = gossip_tls(text.as_bytes(), &origin).expect("it is fine");
        assert_eq!(read.server.cert, TextSource::File("d/a".into()));
        assert_eq!(read.server.key, SecretSource::File("/b".into()));
        assert_eq!(read.server.client_ca, Some(TextSource::File("d/c".into())));
        assert_eq!(read.server.client_auth, ClientAuth::VerifyIfGiven);
        assert_eq!(read.server.min_version, Some(TlsVersion::Tls13));
        assert_eq!(read.client.ca, Some(TextSource::File("d/e".into())));
        assert_eq!(read.client.server_name.as_deref(), Some("n"));
    }

    #[test]
    fn what_is_wrong_is_told() {
        let client = "tls_client_config: {insecure_skip_verify: true}\n";
        let server = |keys: &str| error(&format!("{client}tls_server_config: {{{keys}}}"));
        assert!(error("").contains("missing 'tls_server_config'"));
        assert!(error("tls_server_config: {cert: a, key: b}").contains("'tls_client_config'"));
        assert!(error("a: b").contains("field a not found"));
        assert!(server("cert: a").contains("missing one of key or key_file"));
        assert!(server("cert: a, cert_file: b, key: c").contains("at most one of cert"));
        assert!(server("cert: a, key: b, client_ca: c").contains("without a Client Auth Policy"));
        let auth = |kind: &str| server(&format!("cert: a, key: b, client_auth_type: {kind}"));
        assert!(auth("RequireAndVerifyClientCert").contains("without client_ca_file"));
        assert!(auth("x").contains("invalid ClientAuth: x"));
        let suites = server("cert: a, key: b, cipher_suites: [x]");
        assert!(suites.contains("is not available"), "{suites}");
    }
}
