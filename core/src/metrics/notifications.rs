//! Notifications by integration and, as a feature, by receiver.

use alloc::{collections::BTreeMap, sync::Arc};

use super::{
    kinds::{Counter, Histogram},
    text::{Kind, Label, Page},
};

/// The names of the integrations, as the label `integration` shows them.
pub const INTEGRATIONS: [&str; 18] = [
    "webhook",
    "email",
    "pagerduty",
    "opsgenie",
    "wechat",
    "slack",
    "victorops",
    "pushover",
    "sns",
    "telegram",
    "discord",
    "webex",
    "msteams",
    "msteamsv2",
    "jira",
    "incidentio",
    "rocketchat",
    "mattermost",
];

/// Why a notification failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FailureReason {
    /// None of the others, such as a connection that could not be opened.
    Other,
    /// The receiver answered with a 4xx status.
    ClientError,
    /// The receiver answered with a 5xx status.
    ServerError,
    /// The group went away, or a reload or a shutdown came in between.
    ContextCanceled,
    /// The time of the flush was over.
    ContextDeadlineExceeded,
    /// The receiver answered 401 or 403.
    AuthError,
    /// The receiver answered 429.
    RateLimited,
}

impl FailureReason {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::Other,
        Self::ClientError,
        Self::ServerError,
        Self::ContextCanceled,
        Self::ContextDeadlineExceeded,
        Self::AuthError,
        Self::RateLimited,
    ];

    /// Returns the reason of an HTTP status that is not a success.
    pub const fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::AuthError,
            429 => Self::RateLimited,
            400..=499 => Self::ClientError,
            500..=599 => Self::ServerError,
            _ => Self::Other,
        }
    }

    /// Returns the value of the label `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::ClientError => "clientError",
            Self::ServerError => "serverError",
            Self::ContextCanceled => "contextCanceled",
            Self::ContextDeadlineExceeded => "contextDeadlineExceeded",
            Self::AuthError => "authError",
            Self::RateLimited => "rateLimited",
        }
    }
}

/// Why alerts were left out of a notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Suppressed {
    /// Outside every active time interval of the route.
    ActiveTimeInterval,
    /// Another alert inhibits them.
    Inhibition,
    /// Inside a mute time interval of the route.
    MuteTimeInterval,
    /// A silence mutes them.
    Silence,
}

impl Suppressed {
    /// Returns the value of the label `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ActiveTimeInterval => "active_time_interval",
            Self::Inhibition => "inhibition",
            Self::MuteTimeInterval => "mute_time_interval",
            Self::Silence => "silence",
        }
    }
}

const LATENCY: [f64; 5] = [1.0, 5.0, 10.0, 15.0, 20.0];

#[derive(Clone, Debug, PartialEq)]
struct Counts {
    total: Counter,
    failed: [Counter; FailureReason::ALL.len()],
    requests: Counter,
    requests_failed: Counter,
    latency: Histogram<5>,
}

const ZERO: Counts = Counts {
    total: Counter(0),
    failed: [Counter(0); FailureReason::ALL.len()],
    requests: Counter(0),
    requests_failed: Counter(0),
    latency: Histogram::new(&LATENCY),
};

/// Which of the counts a family shows.
type Read = fn(&Counts) -> Counter;

/// Integration and receiver; the receiver is empty unless the feature is on.
type Key = (&'static str, Arc<str>);

/// What notifications report. A copy costs one pointer until the next change.
#[derive(Clone, Debug, PartialEq)]
pub struct Notifications {
    by_receiver: bool,
    counts: Arc<BTreeMap<Key, Counts>>,
    suppressed: BTreeMap<Suppressed, Counter>,
}

impl Notifications {
    pub(super) fn new(by_receiver: bool) -> Self {
        let mut counts = BTreeMap::new();
        if !by_receiver {
            let none: Arc<str> = Arc::from("");
            counts.extend(INTEGRATIONS.map(|name| ((name, Arc::clone(&none)), ZERO)));
        }
        Self { by_receiver, counts: Arc::new(counts), suppressed: BTreeMap::new() }
    }

    /// Starts over at zero with the pairs of integration and receiver of a new configuration.
    /// Does nothing unless the label `receiver_name` is on.
    pub fn seed<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) {
        if self.by_receiver {
            let known = pairs.into_iter().filter_map(|(integration, receiver)| {
                Some(((name_of(integration)?, Arc::from(receiver)), ZERO))
            });
            self.counts = Arc::new(known.collect());
        }
    }

    /// Records a notification that one integration begins, also when nothing gets sent.
    pub fn record_notification(&mut self, integration: &str, receiver: &str) {
        self.with(integration, receiver, |counts| counts.total.increase());
    }

    /// Records a notification that one integration gave up.
    pub fn record_failed(&mut self, integration: &str, receiver: &str, reason: FailureReason) {
        self.with(integration, receiver, |counts| counts.failed[reason as usize].increase());
    }

    /// Records one attempt and how long it took.
    pub fn record_attempt(&mut self, integration: &str, receiver: &str, seconds: f64, ok: bool) {
        self.with(integration, receiver, |counts| {
            counts.requests.increase();
            counts.latency.observe(seconds);
            if !ok {
                counts.requests_failed.increase();
            }
        });
    }

    /// Records alerts that were left out of a flush.
    pub fn record_suppressed(&mut self, reason: Suppressed, alerts: u64) {
        self.suppressed.entry(reason).or_default().add(alerts);
    }

    /// Changes the counts of one integration; a name not in [`INTEGRATIONS`] is not counted.
    fn with(&mut self, integration: &str, receiver: &str, change: impl FnOnce(&mut Counts)) {
        let Some(name) = name_of(integration) else { return };
        let receiver = if self.by_receiver { Arc::from(receiver) } else { Arc::default() };
        change(Arc::make_mut(&mut self.counts).entry((name, receiver)).or_insert(ZERO));
    }

    pub(super) fn collect(&self, page: &mut Page) {
        let counters: [(_, _, Read); 3] = [
            (
                "alertmanager_notifications_total",
                "Notifications begun, by integration.",
                |counts| counts.total,
            ),
            (
                "alertmanager_notification_requests_total",
                "Attempts to notify, by integration.",
                |counts| counts.requests,
            ),
            (
                "alertmanager_notification_requests_failed_total",
                "Attempts to notify that failed, by integration.",
                |counts| counts.requests_failed,
            ),
        ];
        for (name, help, value) in counters {
            let family = page.family(name, Kind::Counter, help);
            self.each(|labels, counts| family.count(labels, value(counts)));
        }
        let family = page.family(
            "alertmanager_notifications_failed_total",
            Kind::Counter,
            "Notifications given up, by integration and reason.",
        );
        for ((integration, receiver), counts) in &*self.counts {
            for (reason, &counter) in FailureReason::ALL.iter().zip(&counts.failed) {
                let labels = [
                    ("integration", *integration),
                    ("reason", reason.as_str()),
                    ("receiver_name", receiver),
                ];
                family.count(&labels[..if self.by_receiver { 3 } else { 2 }], counter);
            }
        }
        let family = page.family(
            "alertmanager_notification_latency_seconds",
            Kind::Histogram,
            "Time one attempt to notify took.",
        );
        self.each(|labels, counts| family.histogram(labels, &counts.latency));
        let family = page.family(
            "alertmanager_notifications_suppressed_total",
            Kind::Counter,
            "Alerts left out of notifications, by reason.",
        );
        for (reason, &counter) in &self.suppressed {
            family.count(&[("reason", reason.as_str())], counter);
        }
    }

    /// Calls `add` with the labels and counts of each integration (and receiver).
    fn each(&self, mut add: impl FnMut(&[Label<'_>], &Counts)) {
        for ((integration, receiver), counts) in &*self.counts {
            let labels = [("integration", *integration), ("receiver_name", receiver)];
            add(&labels[..if self.by_receiver { 2 } else { 1 }], counts);
        }
    }
}

fn name_of(integration: &str) -> Option<&'static str> {
    INTEGRATIONS.into_iter().find(|&name| name == integration)
}
