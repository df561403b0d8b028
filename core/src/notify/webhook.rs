//! Webhook: posts a notification as JSON.

mod attempt;
mod body;
pub mod config;
#[cfg(test)]
mod tests;

pub use self::{attempt::Attempt, config::WebhookConfig};
