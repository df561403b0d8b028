//! What is to be said: the notification of one flush, and one integration's part in it.

use alloc::{collections::BTreeMap, string::String, sync::Arc};

use super::{Integration, Secret, http::Auth};
pub use crate::metrics::FailureReason as Cause;
use crate::{
    alert::Alert,
    hash::Fingerprint,
    label::Labels,
    limits::{LIGHT_ALERT_BYTES_MAX, LIGHT_ALERTS_MAX},
    nflog::{self, Reason},
    template,
    time::{Stamp, Timestamp},
};

/// What one flush of one group has to say. Built once, shared by all integrations.
#[derive(Clone, Debug)]
pub struct Notification {
    /// The receiver's name, as configured.
    pub receiver: Arc<str>,
    /// The group's key, part of the notification log's keys.
    pub group_key: Arc<str>,
    /// The labels the group was made by.
    pub group_labels: Labels,
    /// The route's labels, rendered.
    pub route_labels: Labels,
    /// The alerts that are left after muting, in no particular order.
    pub alerts: Arc<[Told]>,
    /// Where this server is reached by users; no trailing slash.
    pub external_url: Arc<str>,
    /// The tick the flush belongs to, by the wall clock.
    pub tick: Timestamp,
    /// The group's flush number, from 1.
    pub flush: u64,
}

/// One alert as a notification tells it.
#[derive(Clone, Debug)]
pub struct Told {
    /// The alert; `ends_at` is zero unless it has resolved, so that it cannot end midway.
    pub alert: Alert,
    /// Its fingerprint.
    pub fingerprint: Fingerprint,
    /// Its hash in the notification log.
    pub hash: u64,
    /// Whether it had ended when the flush began.
    pub resolved: bool,
}

/// What the process's environment says: the variables that matter to integrations.
pub type Environment = BTreeMap<String, Secret>;

impl Told {
    /// Takes an alert into a notification at `now`.
    pub fn new(mut alert: Alert, fingerprint: Fingerprint, hash: u64, now: Timestamp) -> Self {
        let resolved = alert.is_resolved(now);
        if !resolved {
            alert.ends_at = Stamp::ZERO;
        }
        Self { alert, fingerprint, hash, resolved }
    }
}

/// One integration's part of a notification.
#[derive(Clone, Debug)]
pub struct Job {
    /// What to say.
    pub notification: Arc<Notification>,
    /// To whom and how.
    pub integration: Arc<Integration>,
    /// Why now.
    pub reason: Reason,
    /// `User-Agent` of HTTP requests.
    pub user_agent: Arc<str>,
    /// The process's environment.
    pub environment: Arc<Environment>,
    /// The name of this machine, for the ids of mails.
    pub hostname: Arc<str>,
    /// The templates that texts are rendered with.
    pub templates: template::Set,
    /// What the last notification of the group to this integration left behind; empty for the first
    /// one.
    pub stored: BTreeMap<String, nflog::Value>,
}

impl Job {
    /// Tells whether each step of an attempt takes some microseconds only: few short alerts, no
    /// templates, and nothing to sign.
    pub fn is_light(&self) -> bool {
        let alerts = &self.notification.alerts;
        let bytes = |told: &Told| {
            told.alert.labels.as_bytes().len() + told.alert.annotations.as_bytes().len()
        };
        self.integration.kind.is_light()
            && !matches!(self.integration.http.auth, Auth::OAuth2(_))
            && alerts.len() <= LIGHT_ALERTS_MAX
            && alerts.iter().map(bytes).sum::<usize>() <= LIGHT_ALERT_BYTES_MAX
    }

    /// Returns the alerts this integration tells: all, or the firing ones without `send_resolved`.
    pub fn told(&self) -> impl Iterator<Item = &Told> {
        let with_resolved = self.integration.send_resolved;
        self.notification.alerts.iter().filter(move |told| with_resolved || !told.resolved)
    }
}

/// How one attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The other side took it.
    Delivered,
    /// It failed in a way that another attempt may mend.
    Retry {
        /// What went wrong, without secrets.
        error: String,
        /// The class for metrics.
        cause: Cause,
        /// How long the other side asked to be left alone.
        retry_after: Option<core::time::Duration>,
    },
    /// It failed for good.
    Fail {
        /// What went wrong, without secrets.
        error: String,
        /// The class for metrics.
        cause: Cause,
    },
}

impl Outcome {
    /// Puts a text in front of the error, if there is one.
    #[must_use]
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        match &mut self {
            Self::Delivered => {}
            Self::Retry { error, .. } | Self::Fail { error, .. } => error.insert_str(0, prefix),
        }
        self
    }
}
