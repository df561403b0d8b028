//! Webhook: posts a notification as JSON.

pub mod body;
pub mod config;
#[cfg(test)]
mod tests;

pub use self::config::WebhookConfig;
