//! The settings of a webhook.

use core::time::Duration;

use crate::notify::SecretSource;

/// The settings of a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookConfig {
    /// Where to post. An inline URL was validated at load; one from a file was not.
    pub url: SecretSource,
    /// The most alerts in one notification; 0 means all.
    pub max_alerts: u64,
    /// How long one attempt may take; `None` leaves it to the notification's deadline.
    pub timeout: Option<Duration>,
}
