//! One way to notify: an entry of a receiver's `*_configs` lists.

use alloc::sync::Arc;

use super::{HttpConfig, WebhookConfig};

/// One entry of a receiver's `*_configs` lists, ready to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Integration {
    /// What it does, with its own settings.
    pub kind: Kind,
    /// The word for its kind in metrics and the notification log, as in [`Kind::name`].
    pub name: &'static str,
    /// Its place among the receiver's entries of the same kind, from 0.
    pub index: u32,
    /// Whether it also tells of resolved alerts.
    pub send_resolved: bool,
    /// How it talks HTTP: its own `http_config`, else the global one.
    pub http: Arc<HttpConfig>,
}

/// The kinds of integration, with their settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Posts JSON to a URL.
    Webhook(WebhookConfig),
    /// Writes to campana's own log.
    Log,
}

impl Kind {
    /// Returns the word for the kind in metrics and the notification log.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Log => "log",
        }
    }
}
