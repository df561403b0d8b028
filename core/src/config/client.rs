//! The file of `--http.config.file`: how a client talks HTTP to a server.

use alloc::{borrow::ToOwned as _, vec::Vec};

use super::{ConfigError, Origin, decode};
use crate::{
    label::Mode,
    notify::http::{HttpConfig, read as http},
    schema::Context,
    yaml::{self, Abort, At, Log, Problem},
};

/// Reads how a client talks HTTP. An empty file has the defaults.
///
/// # Errors
/// What is wrong with the file, as of [`load`](super::load).
pub fn http_client(text: &[u8], origin: &Origin<'_>) -> Result<HttpConfig, ConfigError> {
    read(text, origin).map_err(|problems| ConfigError { file: origin.file.to_owned(), problems })
}

fn read(bytes: &[u8], origin: &Origin<'_>) -> Result<HttpConfig, Vec<Problem>> {
    let one = |problem| Vec::from([problem]);
    let root = yaml::load(decode(bytes).map_err(one)?).map_err(one)?;
    let Some(root) = root.filter(|root| !root.is_null()) else { return Ok(HttpConfig::default()) };
    let context = Context::new(Mode::Utf8, origin.directory);
    let log = Log::default();
    let read = http::read(&At::root(&root, &log), &context);
    let read = read.map_err(|Abort(problem)| one(*problem))?;
    let problems = log.into_inner();
    if problems.is_empty() { Ok(read) } else { Err(problems) }
}
