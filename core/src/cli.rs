//! The server's command line: Alertmanager's flags, typed, with its parser's dialect.
//!
//! [`parse`] turns the arguments into [`Options`] or into a text to print. It never touches a file
//! itself: `@file` arguments are read through the caller. Both runtimes call it with the same
//! arguments and so accept the same flags.

mod command;
mod flags;
mod handed;
mod help;
mod parse;
mod scan;
#[cfg(test)]
mod tests;
mod url;

use alloc::{collections::BTreeMap, string::String, vec::Vec};
use core::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::{
    command::{Command, Flag, Kind, Values},
    flags::FEATURES,
    handed::handed_over,
    help::version,
    parse::parse,
    scan::{Given, ReadFile, Scanned, scan},
    url::{ExternalUrl, resolve_external_url, welcome},
};
use crate::{
    event::{Event, Format, Level},
    metrics::{Build, Detail},
    notify::{Secret, egress::Egress},
    persist::Sync,
};

/// The variables of the process's environment that core may know; runtimes pass no others.
pub const ENVIRONMENT: &[&str] = &[
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_CONFIG_FILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_DEFAULT_REGION",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_SNS",
    "AWS_ENDPOINT_URL_STS",
    "AWS_PROFILE",
    "AWS_REGION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "HOME",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
];

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Invocation {
    /// Run the server with these options.
    Run(alloc::boxed::Box<Options>),
    /// Print this text to standard output and end with status 0.
    Print(String),
}

/// The server's options, each typed and checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Options {
    /// The name the program was called by: the file name of its first argument.
    pub program: String,
    /// The configuration file. `None` means the embedded default configuration, which is what the
    /// absence of the flag means unless the program is called `alertmanager`.
    pub config_file: Option<String>,
    /// The data directory.
    pub storage_path: String,
    /// When changes are forced to the disk.
    pub storage_sync: Sync,
    /// Whether changes are written to a journal between two checkpoints.
    pub storage_journal: bool,
    /// Whether a damaged file is set aside instead of being refused.
    pub storage_repair: bool,
    /// Write the state to this directory in Alertmanager's format, and end.
    pub storage_export: Option<String>,
    /// How long the notification log and expired silences are kept.
    pub data_retention: Duration,
    /// Time between two rounds of garbage collection and checkpoint.
    pub maintenance_interval: Duration,
    /// Most silences held at once, expired ones included. 0 means no limit.
    pub silences_max: u64,
    /// Most bytes of one silence in its binary form. 0 means no limit.
    pub silence_size_max: u64,
    /// Whether changes of silences are logged.
    pub log_silences: bool,
    /// Time between two purges of resolved alerts.
    pub alerts_gc_interval: Duration,
    /// Most alerts that may share one `alertname`. 0 means no limit.
    pub alerts_per_alertname_limit: u64,
    /// Time between two removals of empty groups.
    pub dispatch_maintenance_interval: Duration,
    /// No group notifies before the start of the process plus this delay.
    pub dispatch_start_delay: Duration,
    /// How long after the start alerts that are older than the process wait at most for what else
    /// there is, such as a source that inhibits them.
    pub dispatch_warm_up: Duration,
    /// Whether the end of a silence hastens the groups it muted.
    pub dispatch_flush_on_unmute: bool,
    /// Whether listeners come from the service manager's socket activation.
    pub web_systemd_socket: bool,
    /// Addresses to listen on, `host:port` each; an empty host means every interface.
    pub web_listen_addresses: Vec<String>,
    /// The file with TLS and authentication settings of the listeners.
    pub web_config_file: Option<String>,
    /// The URL users reach this server by, as written. See [`resolve_external_url`].
    pub web_external_url: Option<String>,
    /// The prefix of every route, as written. See [`resolve_external_url`].
    pub web_route_prefix: Option<String>,
    /// GET requests served at once. `None`: chosen by [`Options::get_concurrency`].
    pub web_get_concurrency: Option<u32>,
    /// The longest a request may take. `None` means no limit.
    pub web_timeout: Option<Duration>,
    /// Where notifications may not go.
    pub egress: Egress,
    /// The share of memory for `auto-gomemlimit`. Without effect.
    pub auto_gomemlimit_ratio: f64,
    /// Gossip with other instances.
    pub cluster: Cluster,
    /// Features switched on by name.
    pub features: Features,
    /// The least level that is logged.
    pub log_level: Level,
    /// The format of log lines.
    pub log_format: Format,
    /// What the process's environment says, by the names in [`ENVIRONMENT`]. The command line
    /// leaves it empty and the runtime fills it in. It may hold credentials, so it is not
    /// serialized.
    #[serde(skip)]
    pub environment: BTreeMap<String, Secret>,
}

/// The options of gossip with other instances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// The address to gossip on. `None` means no clustering.
    pub listen_address: Option<String>,
    /// The address told to peers. `None` means: find it.
    pub advertise_address: Option<String>,
    /// This instance's name among its peers. `None` means a random one.
    pub peer_name: Option<String>,
    /// Peers to join at start, `host:port` each.
    pub peers: Vec<String>,
    /// How long each position waits for the one before it to notify.
    pub peer_timeout: Duration,
    /// The budget of one round of name look-ups.
    pub peers_resolve_timeout: Duration,
    /// Time between two gossip messages.
    pub gossip_interval: Duration,
    /// Time between two full exchanges of state.
    pub pushpull_interval: Duration,
    /// The deadline of stream connections.
    pub tcp_timeout: Duration,
    /// The deadline of one probe.
    pub probe_timeout: Duration,
    /// Time between two probes.
    pub probe_interval: Duration,
    /// The longest wait for gossip to settle at start. Zero means: do not wait.
    pub settle_timeout: Duration,
    /// Time between two attempts to reach a lost peer.
    pub reconnect_interval: Duration,
    /// How long a lost peer is kept in mind.
    pub reconnect_timeout: Duration,
    /// The file with TLS settings of gossip.
    pub tls_config: Option<String>,
    /// Whether a public address may be advertised when no private one exists.
    pub allow_insecure_public_advertise_address_discovery: bool,
    /// The label that packets and streams carry. `None` means none.
    pub label: Option<String>,
}

/// The features that `--enable-feature` switches on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features {
    /// `alert-names-in-metrics`: the counter of limited alerts gets the label `alertname`.
    pub alert_names_in_metrics: bool,
    /// `receiver-name-in-metrics`: notification metrics get the label `receiver_name`.
    pub receiver_name_in_metrics: bool,
    /// `group-key-in-metrics`: the gauge of alerts gets the label `group_key`.
    pub group_key_in_metrics: bool,
    /// `classic-mode`: the classic matcher syntax and label-name rule everywhere.
    pub classic_mode: bool,
    /// `utf8-strict-mode`: the UTF-8 matcher syntax only.
    pub utf8_strict_mode: bool,
    /// `auto-gomemlimit`: accepted, without effect.
    pub auto_gomemlimit: bool,
    /// `event-recorder`: events go where the section `event_recorder` says.
    pub event_recorder: bool,
}

impl Features {
    /// Returns the names of the features that are on, in the order of the documentation.
    pub fn names(&self) -> Vec<&'static str> {
        [
            (self.alert_names_in_metrics, "alert-names-in-metrics"),
            (self.receiver_name_in_metrics, "receiver-name-in-metrics"),
            (self.group_key_in_metrics, "group-key-in-metrics"),
            (self.classic_mode, "classic-mode"),
            (self.utf8_strict_mode, "utf8-strict-mode"),
            (self.auto_gomemlimit, "auto-gomemlimit"),
            (self.event_recorder, "event-recorder"),
        ]
        .into_iter()
        .filter_map(|(on, name)| on.then_some(name))
        .collect()
    }
}

impl Options {
    /// Returns how many GET requests are served at once on a host with this many cores.
    pub fn get_concurrency(&self, cores: usize) -> u32 {
        self.web_get_concurrency.unwrap_or_else(|| u32::try_from(cores).unwrap_or(u32::MAX).max(8))
    }
}

impl Options {
    /// Returns which optional labels the metrics have.
    pub const fn detail(&self) -> Detail {
        Detail {
            alert_names: self.features.alert_names_in_metrics,
            receiver_names: self.features.receiver_name_in_metrics,
            group_keys: self.features.group_key_in_metrics,
        }
    }

    /// Returns what the log tells at start: the build, features, and settings without effect.
    pub fn start_events(&self) -> Vec<Event> {
        let build = Build::this();
        let mut events = Vec::from([
            Event::Starting {
                version: build.version.into(),
                branch: build.branch.into(),
                revision: build.revision.into(),
            },
            Event::BuildContext {
                language: build.language.into(),
                platform: build.platform(),
                user: build.user.into(),
                date: build.date.into(),
                tags: build.tags.into(),
            },
        ]);
        let names = self.features.names();
        events.extend(names.into_iter().map(|name| Event::FeatureEnabled { feature: name.into() }));
        if self.features.auto_gomemlimit {
            events.push(Event::SettingIgnored {
                setting: "auto-gomemlimit".into(),
                reason: "there is no garbage collector to limit".into(),
            });
        }
        if self.dispatch_maintenance_interval != Self::default().dispatch_maintenance_interval {
            events.push(Event::SettingIgnored {
                setting: "dispatch.maintenance-interval".into(),
                reason: "empty groups are removed at once".into(),
            });
        }
        events
    }
}

impl Default for Options {
    /// The options of the command line `campana` without any flag.
    fn default() -> Self {
        parse::defaults("campana").expect("the defaults of the flag table are valid")
    }
}
