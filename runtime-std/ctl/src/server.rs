//! The server: its version, `cluster show` and `config show`.

use campana_core::metrics::Build;

use crate::{
    client::Client,
    format,
    model::Status,
    session::{Failure, Session, print},
};

/// Makes a client, and warns when the server is of another version.
pub(crate) fn connect(session: &Session) -> Result<Client, Failure> {
    let client = Client::new(session)?;
    if session.switch("version-check") {
        // Whatever goes wrong here goes wrong again in what was asked for, and is told there.
        let status = client.get("/status").and_then(|answer| answer.json::<Status>("GET /status"));
        if let Ok(status) = status {
            let (ours, theirs) = (Build::this().compatible, status.version_info.version);
            if minor(ours) != minor(&theirs) {
                session.warn(format_args!(
                    "{} version ({ours}) and alertmanager version ({theirs}) are different.",
                    session.program
                ));
            }
        }
    }
    Ok(client)
}

/// Major and minor version.
fn minor(version: &str) -> (&str, &str) {
    let mut parts = version.split('.');
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

/// Asks for the status.
pub(crate) fn status(session: &Session) -> Result<Status, Failure> {
    connect(session)?.get("/status")?.json("GET /status")
}

/// Shows the configuration.
pub(crate) fn config(session: &Session) -> Result<(), Failure> {
    print(&format::config(session, &status(session)?))
}

/// Shows the cluster's state.
pub(crate) fn cluster(session: &Session) -> Result<(), Failure> {
    print(&format::cluster(session, &status(session)?.cluster))
}
