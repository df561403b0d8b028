//! Where configurations come from: a file, or the server.

use std::{fs, path::Path};

use campana_core::{
    cli::Options,
    config::{self, Config, Origin, Rules},
};

use crate::{
    server::status,
    session::{Failure, Session},
};

/// Reads the configuration of `--config.file` or, without it, of the server.
pub(crate) fn load(session: &Session) -> Result<Config, Failure> {
    let (file, text) = match session.optional("config.file") {
        Some(path) => {
            check(path)?;
            if session.given("alertmanager.url").is_some() {
                session.warn("--config.file flag overrides the --alertmanager.url.");
            }
            (path.to_owned(), read(path)?)
        }
        None => {
            let original = status(session)?.config.original;
            ("(the server's configuration)".to_owned(), original.into_bytes())
        }
    };
    parse(session, &file, &text)
}

/// Reads a configuration's text.
pub(crate) fn parse(session: &Session, file: &str, text: &[u8]) -> Result<Config, Failure> {
    let directory = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let rules = Rules { mode: session.mode, retention: Options::default().data_retention };
    config::load(text, &Origin { file, directory }, &rules).map_err(|e| e.to_string())
}

/// Checks that a path names something that can be read as a file.
pub(crate) fn check(path: &str) -> Result<(), Failure> {
    match Path::new(path) {
        found if found.is_dir() => Err(format!("'{path}' is a directory")),
        found if found.exists() => Ok(()),
        _ => Err(format!("path '{path}' does not exist")),
    }
}

/// Reads a whole file.
pub(crate) fn read(path: &str) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|e| {
        let text = e.to_string();
        format!("open {path}: {}", text.split(" (os error").next().unwrap_or(&text).to_lowercase())
    })
}
