//! TLS settings: whom to trust and who we are. The same file in both runtimes.

use std::sync::{Arc, Mutex, PoisonError};

use campana_core::{
    config::{ClientAuth, Needs, ServerTls, TemplateFile},
    notify::{
        SecretSource,
        http::{TextSource, TlsConfig, TlsVersion},
        oauth2::Signing,
    },
};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error, NamedGroup,
    RootCertStore, ServerConfig, SignatureScheme, SupportedProtocolVersion,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _},
    server::{
        ParsedCertificate, WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    version::{TLS12, TLS13},
};

use super::files;

/// Settings kept ready: more than a configuration has in practice, and old ones drop out.
const KEPT_MAX: usize = 64;

/// HTTP/1.1 among the protocols of TLS.
pub(crate) const HTTP1: &[u8] = b"http/1.1";

/// How webpki names the error of a self-signed certificate that marks itself as an authority.
const CA_AS_END_ENTITY: &str = "CaUsedAsEndEntity";

/// The settings made so far, so that connections and TLS sessions are shared and the system's
/// roots are read once, when the first receiver needs them.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    kept: Mutex<Vec<Kept>>,
}

#[derive(Debug)]
struct Kept {
    protocols: &'static [&'static [u8]],
    tls: TlsConfig,
    material: Material,
    made: Arc<ClientConfig>,
}

/// The content behind a configuration's `ca`, `cert` and `key`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Material {
    ca: Option<Vec<u8>>,
    cert: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
}

impl Material {
    fn read(tls: &TlsConfig) -> Result<Self, String> {
        Ok(Self {
            ca: tls.ca.as_ref().map(text).transpose()?,
            cert: tls.cert.as_ref().map(text).transpose()?,
            key: tls.key.as_ref().map(secret).transpose()?,
        })
    }

    /// Reads what a server's settings name; `ca` are the authorities of its clients.
    pub(crate) fn of_server(tls: &ServerTls) -> Result<Self, String> {
        Ok(Self {
            ca: tls.client_ca.as_ref().map(text).transpose()?,
            cert: Some(text(&tls.cert)?),
            key: Some(secret(&tls.key)?),
        })
    }
}

impl Cache {
    /// Returns ready settings that offer the protocols to the other side, the best first. Reads the
    /// files they name each time, so that rotated ones are noticed; may block.
    pub(crate) fn settings(
        &self,
        tls: &TlsConfig,
        protocols: &'static [&'static [u8]],
    ) -> Result<Arc<ClientConfig>, String> {
        let material = Material::read(tls)?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_same =
            |k: &&Kept| k.protocols == protocols && k.material == material && k.tls == *tls;
        if let Some(found) = kept.iter().find(is_same) {
            return Ok(found.made.clone());
        }
        let mut made = make(tls, &material)?;
        made.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let made = Arc::new(made);
        if kept.len() == KEPT_MAX {
            kept.remove(0);
        }
        kept.push(Kept { protocols, tls: tls.clone(), material, made: made.clone() });
        Ok(made)
    }
}

fn text(source: &TextSource) -> Result<Vec<u8>, String> {
    match source {
        TextSource::Inline(text) => Ok(text.as_bytes().to_vec()),
        TextSource::File(path) => files::read(path),
    }
}

fn secret(source: &SecretSource) -> Result<Vec<u8>, String> {
    match source {
        SecretSource::Inline(text) => Ok(text.expose().as_bytes().to_vec()),
        SecretSource::File(path) => files::read(path),
    }
}

fn make(tls: &TlsConfig, material: &Material) -> Result<ClientConfig, String> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(tls.min_version, tls.max_version))
        .map_err(|e| format!("no usable TLS version: {e}"))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier(tls, material, provider)?));
    Ok(match (&material.cert, &material.key) {
        (Some(cert), Some(key)) => {
            let chain = certificates(cert, "client certificate")?;
            builder
                .with_client_auth_cert(chain, private_key(key)?)
                .map_err(|e| format!("unable to use the client certificate: {e}"))?
        }
        _ => builder.with_no_client_auth(),
    })
}

fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_slice(pem).map_err(|e| format!("unable to read the key: {e}"))
}

/// The versions between the configured bounds; older ones than TLS 1.2 are not spoken.
fn versions(
    min: Option<TlsVersion>,
    max: Option<TlsVersion>,
) -> Vec<&'static SupportedProtocolVersion> {
    let min = min.unwrap_or(TlsVersion::Tls12);
    let max = max.unwrap_or(TlsVersion::Tls13);
    [(TlsVersion::Tls13, &TLS13), (TlsVersion::Tls12, &TLS12)]
        .into_iter()
        .filter_map(|(name, version)| (min..=max).contains(&name).then_some(version))
        .collect()
}

/// Makes the settings of a client that peers or receivers see.
pub(crate) fn client(tls: &TlsConfig) -> Result<Arc<ClientConfig>, String> {
    make(tls, &Material::read(tls)?).map(Arc::new)
}

/// Sees whether everything is there that a configuration needs, and reads its templates.
pub(crate) fn gather(needs: &Needs) -> Result<Vec<TemplateFile>, String> {
    for tls in &needs.tls {
        client(tls).map_err(|e| format!("tls_config: {e}"))?;
    }
    for path in &needs.files {
        files::read(path)?;
    }
    files::glob(&needs.globs)
}

/// Signs an assertion.
pub(crate) fn sign(signing: &Signing) -> Result<Vec<u8>, String> {
    let scheme = match &*signing.algorithm {
        "RS384" => SignatureScheme::RSA_PKCS1_SHA384,
        "RS512" => SignatureScheme::RSA_PKCS1_SHA512,
        _ => SignatureScheme::RSA_PKCS1_SHA256,
    };
    let key = private_key(signing.key.expose().as_bytes())?;
    let key = ring::sign::any_supported_type(&key).map_err(|_| "the key cannot be used")?;
    let signer = key.choose_scheme(&[scheme]).ok_or("the key is no RSA key")?;
    signer.sign(signing.input.as_bytes()).map_err(|e| e.to_string())
}

/// Makes the settings of a server that peers see.
pub(crate) fn peer_server(tls: &ServerTls) -> Result<Arc<ServerConfig>, String> {
    server(tls, &Material::of_server(tls)?).map(Arc::new)
}

/// Makes the settings of a server.
pub(crate) fn server(tls: &ServerTls, material: &Material) -> Result<ServerConfig, String> {
    let provider = Arc::new(provider(tls));
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions(tls.min_version, tls.max_version))
        .map_err(|e| format!("no usable TLS version: {e}"))?;
    let builder = match tls.client_auth {
        ClientAuth::None => builder.with_no_client_auth(),
        _ => builder.with_client_cert_verifier(Arc::new(clients(tls, material, provider)?)),
    };
    let (Some(cert), Some(key)) = (&material.cert, &material.key) else {
        return Err("a server needs a certificate and a key".into());
    };
    let made =
        builder.with_single_cert(certificates(cert, "server certificate")?, private_key(key)?);
    made.map_err(|e| format!("unable to use the server certificate: {e}"))
}

/// Returns the suites and groups that a server's settings name.
fn provider(tls: &ServerTls) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if !tls.cipher_suites.is_empty() {
        let is_named = |name: Option<&str>| tls.cipher_suites.iter().any(|n| Some(&**n) == name);
        // Those of TLS 1.3 cannot be chosen.
        provider
            .cipher_suites
            .retain(|suite| suite.tls13().is_some() || is_named(suite.suite().as_str()));
    }
    if !tls.curves.is_empty() {
        let named = tls.curves.iter().filter_map(|curve| {
            let name = match &**curve {
                "X25519" => NamedGroup::X25519,
                "CurveP256" => NamedGroup::secp256r1,
                _ => NamedGroup::secp384r1,
            };
            provider.kx_groups.iter().copied().find(|group| group.name() == name)
        });
        provider.kx_groups = named.collect();
    }
    provider
}

fn clients(
    tls: &ServerTls,
    material: &Material,
    provider: Arc<CryptoProvider>,
) -> Result<ClientVerifier, String> {
    let mut named = Vec::new();
    if let Some(pem) = &material.ca {
        named = certificates(pem, "client CA certificate")?;
    }
    let mut inner = None;
    if tls.client_auth.is_verified() {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(named.iter().cloned());
        let roots = Arc::new(roots);
        let made = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build();
        inner = Some(made.map_err(|e| format!("no usable client CA certificates: {e}"))?);
    }
    Ok(ClientVerifier { tls: tls.clone(), inner, named, provider })
}

fn certificates(pem: &[u8], what: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let list: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|e| format!("unable to read the {what}: {e}"))?;
    if list.is_empty() { Err(format!("no certificate in the {what}")) } else { Ok(list) }
}

fn verifier(
    tls: &TlsConfig,
    material: &Material,
    provider: Arc<CryptoProvider>,
) -> Result<Verifier, String> {
    if tls.insecure_skip_verify {
        return Ok(Verifier { inner: None, named: Vec::new(), provider });
    }
    let mut roots = RootCertStore::empty();
    let named = match &material.ca {
        Some(pem) => certificates(pem, "CA certificate")?,
        None => Vec::new(),
    };
    if material.ca.is_some() {
        roots.add_parsable_certificates(named.iter().cloned());
    } else {
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    }
    let inner = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
        .build()
        .map_err(|e| format!("no usable CA certificates: {e}"))?;
    Ok(Verifier { inner: Some(inner), named, provider })
}

/// Checks a server's certificate as the configuration wants it.
#[derive(Debug)]
struct Verifier {
    /// `None` accepts every certificate.
    inner: Option<Arc<WebPkiServerVerifier>>,
    /// The certificates of the configured `ca`.
    named: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(end_entity, intermediates, name, ocsp, now) {
            // A self-signed certificate that marks itself as an authority, which is what `openssl
            // req -x509` makes: fine when the operator named exactly this one. Its dates were
            // checked before this error, its name was not.
            Err(Error::InvalidCertificate(CertificateError::Other(other)))
                if other.0.to_string() == CA_AS_END_ENTITY =>
            {
                if !self.named.iter().any(|named| named == end_entity) {
                    return Err(CertificateError::UnknownIssuer.into());
                }
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, name)?;
                Ok(ServerCertVerified::assertion())
            }
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.inner {
            Some(inner) => inner.verify_tls12_signature(message, cert, signed),
            // Whose key it is was not checked, so what it signs proves nothing.
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.inner {
            Some(inner) => inner.verify_tls13_signature(message, cert, signed),
            None => Ok(HandshakeSignatureValid::assertion()),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Checks a client's certificate as the configuration wants it.
#[derive(Debug)]
struct ClientVerifier {
    tls: ServerTls,
    /// `None` accepts every certificate.
    inner: Option<Arc<dyn ClientCertVerifier>>,
    /// The certificates of the configured authorities.
    named: Vec<CertificateDer<'static>>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.tls.client_auth.is_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.as_ref().map_or(&[], |inner| inner.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.inner.as_ref().map(|it| it.verify_client_cert(end_entity, intermediates, now)) {
            // As with servers: the operator named exactly this one.
            Some(Err(Error::InvalidCertificate(CertificateError::Other(other))))
                if other.0.to_string() == CA_AS_END_ENTITY
                    && self.named.iter().any(|named| named == end_entity) => {}
            Some(Err(e)) => return Err(e),
            Some(Ok(_)) | None => {}
        }
        self.tls.check_names(end_entity).map_err(Error::General)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, cert, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, cert, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
