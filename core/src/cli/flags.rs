//! The table of flags: the one place that knows their names, defaults and help.

use super::command::{
    Command, Flag,
    Kind::{self, Choice, Duration, Integer, Number, Switch, Text},
};

const fn flag(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Flag {
    Flag::new(name, kind, default, help)
}

/// The address Alertmanager gossips on by default.
pub(super) const CLUSTER_ADDRESS: &str = "0.0.0.0:9094";

/// Every flag, in the order of the help.
pub(super) const FLAGS: &[Flag] = &[
    flag("config.file", Text, "", "Configuration file.").of("FILE"),
    flag("storage.path", Text, "data/", "Directory for data; made where it is missing."),
    flag(
        "storage.sync",
        Choice(&["mixed", "always", "interval", "never"]),
        "mixed",
        "When changes are forced to the disk. mixed: silences and sent notifications before they \
         are confirmed, alerts every second. always: everything before it is confirmed. interval: \
         everything every second. never: when the system does so.",
    ),
    flag(
        "storage.journal",
        Switch,
        "true",
        "Write changes to a journal as they come. Without it only what the last checkpoint holds \
         survives a crash.",
    ),
    flag(
        "storage.repair",
        Switch,
        "false",
        "Keep damaged data files under another name and start with what can be read.",
    ),
    flag(
        "storage.export",
        Text,
        "",
        "Write silences and notification log to this directory in Alertmanager's format, and end.",
    )
    .of("DIRECTORY"),
    flag(
        "data.retention",
        Duration,
        "120h",
        "How long notifications and expired silences are kept.",
    ),
    flag(
        "data.maintenance-interval",
        Duration,
        "15m",
        "Time between two rounds of garbage collection and checkpoint.",
    ),
    flag(
        "silences.max-silences",
        Integer,
        "0",
        "Most silences, expired ones included. 0: no limit.",
    ),
    flag(
        "silences.max-silence-size-bytes",
        Integer,
        "0",
        "Most bytes of one silence in its binary form. 0: no limit.",
    ),
    flag("log.silences", Switch, "false", "Log when silences are created, updated or expired."),
    flag("alerts.gc-interval", Duration, "30m", "Time between two purges of resolved alerts."),
    flag(
        "alerts.per-alertname-limit",
        Integer,
        "0",
        "Most alerts with the same alertname. More are rejected. 0: no limit.",
    ),
    flag(
        "dispatch.maintenance-interval",
        Duration,
        "30s",
        "Time between two sweeps of empty groups.",
    ),
    flag(
        "dispatch.start-delay",
        Duration,
        "0s",
        "Least time from start to the first notification. Best set to Prometheus' resend delay.",
    ),
    flag(
        "dispatch.flush-on-unmute",
        Switch,
        "true",
        "Tell what a silence held back when it ends. Off: at the group's next tick, as upstream.",
    ),
    flag(
        "dispatch.warm-up",
        Duration,
        "15s",
        "Most time after the start that alerts older than the process wait for all known senders.",
    ),
    flag(
        "notify.deny-egress",
        Text,
        "",
        "Addresses that notifications must not go to: ranges like 10.0.0.0/8, addresses, or the \
         words metadata, loopback, private, separated by commas. With any of them, metadata \
         (link-local and the metadata services of clouds) is denied too. May be repeated.",
    )
    .of("RANGES")
    .repeated(),
    flag(
        "notify.allow-egress",
        Text,
        "",
        "Exceptions to --notify.deny-egress, written like it. May be repeated.",
    )
    .of("RANGES")
    .repeated(),
    flag(
        "web.systemd-socket",
        Switch,
        "false",
        "Listen on the sockets handed over by systemd, and not on --web.listen-address.",
    ),
    flag("web.listen-address", Text, ":9093", "Address to listen on. May be repeated.").repeated(),
    flag("web.config.file", Text, "", "File with TLS and authentication settings of the web side.")
        .of("FILE"),
    flag(
        "web.external-url",
        Text,
        "",
        "URL under which users reach this server, http or https, for links back to it. Its path is \
         the default of --web.route-prefix.",
    )
    .of("URL"),
    flag(
        "web.route-prefix",
        Text,
        "",
        "Prefix of all routes. Defaults to the path of --web.external-url.",
    )
    .of("PATH"),
    flag(
        "web.get-concurrency",
        Integer,
        "0",
        "Most GET requests served at once. 0: the number of cores, and at least 8.",
    ),
    flag("web.timeout", Duration, "0s", "Longest time a request may take. 0: no limit."),
    flag(
        "auto-gomemlimit.ratio",
        Number,
        "0.9",
        "Share of memory for the feature auto-gomemlimit. Checked, without effect.",
    ),
    flag(
        "cluster.listen-address",
        Text,
        CLUSTER_ADDRESS,
        "Address to gossip on. Empty: no clustering.",
    ),
    flag("cluster.advertise-address", Text, "", "Address told to peers.").of("ADDRESS"),
    flag("cluster.peer-name", Text, "", "Unique name among the peers. Empty: a random one.")
        .of("NAME"),
    flag("cluster.peer", Text, "", "Peer to join at start. May be repeated.")
        .of("ADDRESS")
        .repeated(),
    flag(
        "cluster.peer-timeout",
        Duration,
        "15s",
        "Head start of each peer before this one to notify.",
    ),
    flag("cluster.peers-resolve-timeout", Duration, "15s", "Time to resolve the peers' names."),
    flag("cluster.gossip-interval", Duration, "200ms", "Time between two gossip messages."),
    flag(
        "cluster.pushpull-interval",
        Duration,
        "1m0s",
        "Time between two full exchanges of state.",
    ),
    flag("cluster.tcp-timeout", Duration, "10s", "Deadline of stream connections to peers."),
    flag("cluster.probe-timeout", Duration, "500ms", "Deadline of one probe of a peer."),
    flag("cluster.probe-interval", Duration, "1s", "Time between two probes of peers."),
    flag("cluster.settle-timeout", Duration, "1m0s", "Longest wait for gossip to settle at start."),
    flag(
        "cluster.reconnect-interval",
        Duration,
        "10s",
        "Time between two attempts at a lost peer.",
    ),
    flag("cluster.reconnect-timeout", Duration, "6h0m0s", "How long to try to reach a lost peer."),
    flag("cluster.tls-config", Text, "", "File with TLS settings of gossip.").of("FILE"),
    flag(
        "cluster.allow-insecure-public-advertise-address-discovery",
        Switch,
        "false",
        "Advertise a public address when there is no private one.",
    ),
    flag("cluster.label", Text, "", "Label that packets and streams of gossip must carry.")
        .of("LABEL"),
    flag("enable-feature", Text, "", "Features to switch on, separated by commas. See below.")
        .of("LIST"),
    flag(
        "log.level",
        Choice(&["debug", "info", "warn", "error"]),
        "info",
        "Least level to log. One of: debug, info, warn, error.",
    ),
    flag(
        "log.format",
        Choice(&["logfmt", "json"]),
        "logfmt",
        "Format of log lines. One of: logfmt, json.",
    ),
];

/// The server's command line.
pub(super) const SERVER: Command =
    Command { flags: FLAGS, ..Command::new("campana", "An alert manager.") };

/// The features of `--enable-feature`: name and what it does.
pub const FEATURES: &[(&str, &str)] = &[
    ("alert-names-in-metrics", "adds alertname to alertmanager_alerts_limited_total"),
    ("receiver-name-in-metrics", "adds receiver_name to the notification metrics"),
    ("group-key-in-metrics", "adds group_key to alertmanager_alerts"),
    ("classic-mode", "classic matcher syntax and label names"),
    ("utf8-strict-mode", "UTF-8 matcher syntax only"),
    ("auto-gomemlimit", "accepted, without effect"),
    ("event-recorder", "records events where event_recorder says"),
];

/// Finds a flag by its long name.
pub(super) fn find(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.name == name)
}
