//! The configuration file: raw as typed, then resolved.
//!
//! [`load`] reads Alertmanager's file format in two phases. The first ([`raw`]) reads each section
//! by itself, with the place of everything; the second looks names up across sections and builds
//! what the node runs on. A file that needs a part this version does not have is refused, never
//! half obeyed.

mod advice;
mod client;
mod dump;
mod error;
pub mod glob;
pub mod parts;
pub mod raw;
mod resolve;
mod templates;
mod tls;
mod web;

use alloc::{borrow::ToOwned as _, string::String, sync::Arc, vec::Vec};
use core::time::Duration;

pub use self::{
    advice::{advise, real_repeat_interval},
    client::http_client,
    error::ConfigError,
    templates::{Needs, TemplateFile},
    tls::{ClientAuth, GossipTls, ServerTls, gossip_tls},
    web::{Rate, Web, web},
};
pub use crate::schema::Warning;
use crate::{
    hash::config_hash,
    inhibit,
    interval::Intervals,
    label::{Labels, Mode},
    limits::CONFIG_BYTES_MAX,
    notify::Integration,
    route,
    schema::Context,
    template,
    yaml::{self, Abort, At, Log, Problem},
};

/// A configuration that the node can run on.
#[derive(Clone, Debug)]
pub struct Config {
    /// The effective configuration as YAML: defaults filled in, secrets shown as `<secret>`.
    pub original: Arc<str>,
    /// The number that `alertmanager_config_hash` shows, made of the text as loaded.
    pub hash: u64,
    /// How long an alert without an end stays active after its last post.
    pub resolve_timeout: Duration,
    /// The routing tree.
    pub tree: route::Tree,
    /// The receivers in the order of the file.
    pub receivers: Vec<Receiver>,
    /// The inhibition rules in the order of the file.
    pub inhibit_rules: Vec<inhibit::Rule>,
    /// All named time intervals.
    pub intervals: Intervals,
    /// The patterns of the files with templates, in the order of the file.
    pub template_globs: Vec<String>,
    /// The templates of all texts; `None` until [`Config::complete`] has taken in the files.
    pub templates: Option<template::Set>,
    /// How traces are exported, if they are.
    pub tracing: Option<raw::tracing::Tracing>,
    /// Where events are recorded, if the feature is on.
    pub event_recorder: Option<raw::recorder::EventRecorder>,
    /// What is suspicious but legal, to be logged.
    pub warnings: Vec<Warning>,
}

/// A receiver and its ways to notify.
#[derive(Clone, Debug, PartialEq)]
pub struct Receiver {
    /// Its name.
    pub name: Arc<str>,
    /// Its labels, always with `name`.
    pub labels: Labels,
    /// Whether the end of an alert that it was told of is told even while the alert is muted.
    pub resolve_muted: bool,
    /// Its integrations in the order in which they are built.
    pub integrations: Vec<Arc<Integration>>,
    /// Whether a route refers to it.
    pub used: bool,
}

/// Where a configuration comes from.
#[derive(Clone, Copy, Debug)]
pub struct Origin<'a> {
    /// What messages call the file.
    pub file: &'a str,
    /// The folder that relative paths start from; empty leaves them as they are.
    pub directory: &'a str,
}

/// What the flags say about reading a configuration.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How names and matchers are read.
    pub mode: Mode,
    /// How long alerts and notifications are remembered.
    pub retention: Duration,
}

/// Reads a configuration. One that [needs](Config::needs) something from the disk is ready only
/// when [`Config::complete`] has been called.
///
/// # Errors
/// The text is too long, not UTF-8, not YAML, or breaks a rule; see [`ConfigError`].
pub fn load(text: &[u8], origin: &Origin<'_>, rules: &Rules) -> Result<Config, ConfigError> {
    let config = read(text, origin, rules)
        .map_err(|problems| ConfigError { file: origin.file.to_owned(), problems })?;
    if config.needs().is_empty() { config.complete(&[]) } else { Ok(config) }
}

/// Makes the error of a configuration that is sound, and cannot be used.
pub fn refuse(origin: &Origin<'_>, text: &str) -> ConfigError {
    ConfigError { file: origin.file.to_owned(), problems: Vec::from([whole(text.to_owned())]) }
}

/// Returns the configuration used without a file: alerts are grouped by name and printed to the
/// log.
pub const fn default_text() -> &'static str {
    "\
# Groups alerts by name and prints what a receiver would be told to the log.
route:
  receiver: log
  group_by: [alertname]
  group_wait: 5s
receivers:
  - name: log
    log_configs:
      - send_resolved: true
"
}

fn read(bytes: &[u8], origin: &Origin<'_>, rules: &Rules) -> Result<Config, Vec<Problem>> {
    let text = decode(bytes).map_err(|problem| Vec::from([problem]))?;
    let root = yaml::load(text).map_err(|problem| Vec::from([problem]))?;
    let root = root.filter(|root| !root.is_null()).ok_or_else(|| {
        let advice = "add at least `route: {receiver: NAME}` and that receiver";
        Vec::from([whole(alloc::format!("no route provided in config; {advice}"))])
    })?;
    let log = Log::default();
    let context = Context::new(rules.mode, origin.directory);
    let at = At::root(&root, &log);
    let mut file = raw::read(&at, &context).map_err(|Abort(problem)| Vec::from([*problem]))?;
    let problems = log.into_inner();
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut config = resolve::resolve(&mut file, rules, context.warnings.into_inner())?;
    config.hash = config_hash(bytes);
    Ok(config)
}

fn decode(bytes: &[u8]) -> Result<&str, Problem> {
    if bytes.len() > CONFIG_BYTES_MAX {
        return Err(whole(alloc::format!(
            "the configuration has {} bytes; the limit is {CONFIG_BYTES_MAX}",
            bytes.len()
        )));
    }
    let text = core::str::from_utf8(bytes).map_err(|error| {
        let before = &bytes[..error.valid_up_to()];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = 1 + before.iter().rev().take_while(|b| **b != b'\n').count();
        Problem {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            path: String::new(),
            text: "yaml: invalid UTF-8; save the file in UTF-8".to_owned(),
        }
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(text))
}

/// A problem of the file as a whole.
fn whole(text: String) -> Problem {
    Problem { line: 1, column: 1, path: String::new(), text }
}

#[cfg(test)]
mod tests;
