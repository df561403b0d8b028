//! Both sides of TLS between peers.

use campana_core::config::{GossipTls, Origin, gossip_tls};
use futures_rustls::{TlsAcceptor, TlsConnector};
use rustls::pki_types::ServerName;

use crate::{files, trust};

/// Both sides of TLS between peers.
pub(crate) struct Peers {
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) connector: TlsConnector,
    /// The name that peers' certificates have; without it, their address.
    pub(crate) server_name: Option<ServerName<'static>>,
}

/// Reads the file of `--cluster.tls-config` and all that it names.
pub(crate) fn peers(file: &str) -> Result<Peers, String> {
    let directory = file.rsplit_once('/').map_or("", |(directory, _)| directory);
    let GossipTls { server, client } =
        gossip_tls(&files::read(file)?, &Origin { file, directory }).map_err(|e| e.to_string())?;
    let name = client.server_name.as_deref().filter(|name| !name.is_empty());
    let server_name = name.map(|name| ServerName::try_from(name.to_owned())).transpose();
    Ok(Peers {
        acceptor: trust::peer_server(&server)?.into(),
        connector: trust::client(&client)?.into(),
        server_name: server_name.map_err(|e| format!("server_name: {e}"))?,
    })
}
