//! Integrations as step machines.

pub mod http;
pub mod integration;
pub mod secret;
pub mod webhook;

pub use self::{
    http::HttpConfig,
    integration::{Integration, Kind},
    secret::{Secret, SecretSource},
    webhook::WebhookConfig,
};
