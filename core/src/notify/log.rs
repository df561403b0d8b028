//! The `log` integration: a notification as one line of the log.

use alloc::{format, string::ToString as _, sync::Arc, vec::Vec};

use super::{
    Job, Outcome,
    data::Data,
    request::shorten,
    service::{Service, Talk, Turn},
};
use crate::{
    event::Event,
    limits::{LOG_ALERTS_MAX, LOG_LABELS_BYTES_MAX},
    schema::schema,
};

schema! {
    /// The settings in `log_configs`, campana's own.
    pub struct LogConfig {
        /// Whether resolved alerts are told too.
        pub send_resolved: bool = true; always,
    }
}

impl Service for LogConfig {
    const NAME: &'static str = "log";

    fn turn(&self, talk: &Talk<'_>) -> Result<Turn, Outcome> {
        Ok(Turn::Print(print(talk.job)))
    }
}

/// Says what to print: whom it is for, how many alerts fire and ended, and the labels of the first
/// ones, in the order in which a webhook would list them.
fn print(job: &Job) -> Event {
    let data = Data::new(job, 0);
    let resolved = data.alerts.iter().filter(|told| told.resolved).count();
    let mut alerts: Vec<Arc<str>> = data
        .alerts
        .iter()
        .take(LOG_ALERTS_MAX)
        .map(|told| shorten(told.alert.labels.to_string(), LOG_LABELS_BYTES_MAX).into())
        .collect();
    if data.alerts.len() > LOG_ALERTS_MAX {
        alerts.push(format!("and {} more", data.alerts.len() - LOG_ALERTS_MAX).into());
    }
    Event::Notification {
        receiver: job.notification.receiver.clone(),
        status: data.status().into(),
        group_key: job.notification.group_key.clone(),
        reason: data.reason.as_str().into(),
        firing: (data.alerts.len() - resolved) as u64,
        resolved: resolved as u64,
        alerts,
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::notify::{
        HttpConfig, Kind,
        fixture::{firing, job, resolved},
    };

    fn notification(alerts: Vec<crate::notify::Told>) -> (u64, u64, Vec<Arc<str>>, Arc<str>) {
        match print(&job(alerts, Kind::Log(Default::default()), HttpConfig::default())) {
            Event::Notification { receiver, status, reason, firing, resolved, alerts, .. } => {
                assert_eq!((&*receiver, &*reason), ("x", "first notification"));
                (firing, resolved, alerts, status)
            }
            other => panic!("not printed: {other:?}"),
        }
    }

    #[test]
    fn the_line_counts_and_shows_the_alerts() {
        let (fire, ended, alerts, status) = notification(vec![firing("b"), resolved("a")]);
        assert_eq!((fire, ended, &*status), (1, 1, "firing"));
        let shown: Vec<&str> = alerts.iter().map(|alert| &**alert).collect();
        assert_eq!(shown, [r#"{alertname="a"}"#, r#"{alertname="b"}"#]);
        assert_eq!(&*notification(vec![resolved("a")]).3, "resolved");
    }

    #[test]
    fn the_line_is_bounded() {
        let many = (0..LOG_ALERTS_MAX + 5).map(|i| firing(&format!("{i:03}{}", "é".repeat(999))));
        let (fire, _, alerts, _) = notification(many.collect());
        assert_eq!(fire, LOG_ALERTS_MAX as u64 + 5);
        assert_eq!(alerts.len(), LOG_ALERTS_MAX + 1);
        assert_eq!(&*alerts[LOG_ALERTS_MAX], "and 5 more");
        assert!(alerts.iter().all(|alert| alert.len() <= LOG_LABELS_BYTES_MAX));
    }
}
