//! Webhook: posts a notification as JSON.

mod body;
pub mod config;
#[cfg(test)]
mod tests;

pub use self::config::WebhookConfig;
