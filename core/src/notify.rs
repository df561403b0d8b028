//! Integrations as step machines.

pub mod attempt;
pub mod exchange;
pub mod http;
pub mod integration;
pub mod job;
pub mod log;
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
