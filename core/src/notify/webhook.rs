//! Webhook: posts a notification as JSON.

pub mod config;

pub use self::config::WebhookConfig;
