//! Integrations as step machines.

pub mod attempt;
pub mod data;
pub mod exchange;
#[cfg(test)]
pub(crate) mod fixture;
pub mod http;
pub mod integration;
pub mod job;
pub mod log;
pub mod redirect;
pub mod request;
pub mod secret;
pub mod webhook;

pub use self::{
    attempt::{Attempt, Fed, Step},
    exchange::{Answer, Exchange, SendError, SendErrorKind},
    http::HttpConfig,
    integration::{Integration, Kind},
    job::{Cause, Job, Notification, Outcome, Told},
    secret::{Secret, SecretSource},
    webhook::WebhookConfig,
};
