//! Authorities and certificates, made for one test, and a client that shows and checks them.

use std::{
    fs, io,
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use campana_tests::http::{self, Answer};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned, SupportedProtocolVersion,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};

/// How long a server may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A folder with certificates.
pub(crate) struct Pki<'a>(pub(crate) &'a Path);

impl Pki<'_> {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes an authority: `NAME.pem` and `NAME.key`.
    pub(crate) fn authority(&self, name: &str) {
        let subject = format!("/CN={name}");
        self.openssl(&["req", "-x509", "-days", "3650", "-subj", &subject], name, &[]);
    }

    /// Makes a certificate that an authority signed: `NAME.pem` and `NAME.key`.
    pub(crate) fn issue(&self, authority: &str, name: &str, names: &str) {
        let (pem, key) = (format!("{authority}.pem"), format!("{authority}.key"));
        let names = format!("subjectAltName={names}");
        let subject = format!("/CN={name}");
        let first = ["req", "-x509", "-days", "3650", "-subj", &subject, "-CA", &pem, "-CAkey"];
        let constraint = ["-addext", "basicConstraints=critical,CA:FALSE", "-addext", &names];
        self.openssl(&[&first[..], &[&*key]].concat(), name, &constraint);
    }

    fn openssl(&self, first: &[&str], name: &str, more: &[&str]) {
        let (pem, key) = (format!("{name}.new"), format!("{name}.key.new"));
        let output = Command::new("openssl")
            .current_dir(self.0)
            .args(first)
            .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-out", &pem, "-keyout", &key])
            .args(more)
            .stdin(Stdio::null())
            .output()
            .expect("openssl is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        // As those do who renew certificates: the old ones are there until the new ones are.
        fs::rename(self.path(&pem), self.path(&format!("{name}.pem"))).expect("it was made");
        fs::rename(self.path(&key), self.path(&format!("{name}.key"))).expect("it was made");
    }

    pub(crate) fn certificate(&self, name: &str) -> CertificateDer<'static> {
        let pem = fs::read(self.path(&format!("{name}.pem"))).expect("it was made");
        CertificateDer::from_pem_slice(&pem).expect("a certificate")
    }

    /// Makes a client that trusts the authority `ca` and shows a certificate, if any.
    pub(crate) fn client(&self, shown: Option<&str>) -> Client {
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        self.client_of(shown, &versions, &[])
    }

    pub(crate) fn client_of(
        &self,
        shown: Option<&str>,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&str],
    ) -> Client {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate("ca")).expect("a root");
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .expect("versions")
            .with_root_certificates(roots);
        let mut made = match shown {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let key = fs::read(self.path(&format!("{name}.key"))).expect("it was made");
                let key = PrivateKeyDer::from_pem_slice(&key).expect("a key");
                let chain = vec![self.certificate(name)];
                builder.with_client_auth_cert(chain, key).expect("they fit")
            }
        };
        made.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        Client(Arc::new(made))
    }
}

/// A client of HTTPS.
pub(crate) struct Client(Arc<ClientConfig>);

pub(crate) type Connection = StreamOwned<ClientConnection, TcpStream>;

impl Client {
    /// Returns what it goes by.
    pub(crate) fn settings(&self) -> Arc<ClientConfig> {
        self.0.clone()
    }

    /// Connects, and agrees on TLS as far as it is for the client to say.
    pub(crate) fn connect(&self, to: SocketAddr) -> io::Result<Connection> {
        let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let name = to.ip().into();
        let session = ClientConnection::new(self.0.clone(), name).map_err(io::Error::other)?;
        let mut connection = StreamOwned::new(session, stream);
        while connection.conn.is_handshaking() {
            connection.conn.complete_io(&mut connection.sock)?;
        }
        Ok(connection)
    }

    /// Makes a request with header lines, each with its end.
    pub(crate) fn ask(&self, to: SocketAddr, line: &str, headers: &str) -> io::Result<Answer> {
        let text = format!("{line} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n{headers}\r\n");
        http::talk(&mut self.connect(to)?, text.as_bytes())
    }

    /// Returns the status of a simple request, or why there is none.
    pub(crate) fn status(&self, to: SocketAddr) -> Result<u16, String> {
        let answer = self.ask(to, "GET /-/healthy", "");
        answer.map(|answer| answer.status).map_err(|e| e.to_string())
    }
}
