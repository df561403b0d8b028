//! Making a node: from options, configuration and saved state.

use alloc::{
    collections::VecDeque,
    string::{String, ToString as _},
    sync::Arc,
};
use core::net::{IpAddr, SocketAddr};

use super::{Node, Scratch, reload};
use crate::{
    alert::{RouteLists, Store},
    cli::Options,
    cluster::{self, Cluster},
    config::{self, Config, ConfigError},
    delivery::{Deliveries, Ids},
    event::{Event, Part},
    group::Groups,
    id::Counter,
    inhibit::Inhibitor,
    label::Mode,
    metrics::{self, Metrics},
    nflog::Log,
    persist::{Journal, Saved, Schedule},
    rng::{Rng, Seed, Stream},
    silence::{self, Silences},
    time::Now,
};

/// What a node is made of.
#[derive(Debug)]
pub struct Start {
    /// The flags.
    pub options: Arc<Options>,
    /// Where users reach this server; no trailing slash.
    pub external_url: Arc<str>,
    /// The name of this machine, for the ids of mails.
    pub hostname: Arc<str>,
    /// The configuration.
    pub config: Arc<Config>,
    /// How to take part in a cluster; `None` stays alone.
    pub gossip: Option<cluster::Settings>,
    /// What the last run left behind.
    pub saved: Saved,
    /// Where all randomness comes from.
    pub seed: Seed,
}

/// Parses and resolves a configuration file the way `options` ask for. Its warnings hold the advice
/// on it, too.
///
/// # Errors
/// Everything that is wrong with the file.
pub fn load_config(text: &[u8], options: &Options) -> Result<Config, ConfigError> {
    let file = options.config_file.as_deref();
    let origin = config::Origin {
        file: file.unwrap_or("(embedded default configuration)"),
        directory: file.and_then(|file| file.rsplit_once('/')).map_or("", |(folder, _)| folder),
    };
    let rules = config::Rules { mode: label_mode(options), retention: options.data_retention };
    let mut config = config::load(text, &origin, &rules)?;
    config.warnings.extend(config::advise(&config, text));
    if !options.features.event_recorder {
        config.event_recorder = None;
    } else if config.event_recorder.iter().any(|it| !it.kafka_outputs.is_empty()) {
        let text = "event_recorder: kafka_outputs are not available in this version; \
                    post to a URL (webhook_outputs) that passes events on to Kafka";
        return Err(config::refuse(&origin, text));
    }
    Ok(config)
}

/// Returns how to take part in a cluster, for a node that tells its peers the address `advertise`.
///
/// # Errors
/// A peer without a port, or a label that is too long.
pub fn gossip_settings(
    options: &Options,
    advertise: SocketAddr,
) -> Result<cluster::Settings, String> {
    let given = &options.cluster;
    let settings = cluster::Settings {
        name: given.peer_name.clone().unwrap_or_default(),
        advertise,
        peers: given.peers.clone(),
        gossip_interval: given.gossip_interval,
        push_pull_interval: given.pushpull_interval,
        tcp_timeout: given.tcp_timeout,
        probe_timeout: given.probe_timeout,
        probe_interval: given.probe_interval,
        settle_timeout: given.settle_timeout,
        reconnect_interval: given.reconnect_interval,
        reconnect_timeout: given.reconnect_timeout,
        resolve_timeout: given.peers_resolve_timeout,
        label: given.label.clone().unwrap_or_default(),
        tls: given.tls_config.is_some(),
        lifeguard: true,
    };
    settings.check()?;
    Ok(settings)
}

/// Decides how to take part in a cluster, as [`gossip_settings`], with the address to advertise
/// found by the flags. `bound` is what the sockets are bound to and `own` what the host has, the
/// best first. The event, if any, is for the log.
///
/// # Errors
/// What is wrong with the flags.
pub fn gossip_start(
    options: &Options,
    bound: SocketAddr,
    own: impl IntoIterator<Item = IpAddr>,
) -> Result<(cluster::Settings, Option<Event>), String> {
    let given = &options.cluster;
    let (private, public) = cluster::own_addresses(own);
    let found = cluster::advertised(
        given.advertise_address.as_deref(),
        bound,
        private,
        public,
        given.allow_insecure_public_advertise_address_discovery,
        &given.peers,
    )?;
    let settings = gossip_settings(options, found.address)?;
    let address = found.address.to_string();
    Ok((settings, found.is_unroutable.then_some(Event::AdvertiseUnroutable { address })))
}

/// Returns how names and matchers are read under these options.
pub(super) fn label_mode(options: &Options) -> Mode {
    if options.features.classic_mode {
        Mode::Classic
    } else if options.features.utf8_strict_mode {
        Mode::Utf8
    } else {
        Mode::Fallback
    }
}

impl Node {
    /// Makes a node. Drain [`poll`](Self::poll) before the first input.
    pub fn new(now: Now, start: Start) -> Self {
        let Start { options, external_url, hostname, config, gossip, saved, seed } = start;
        let limits = silence::Limits {
            count_max: usize::try_from(options.silences_max).unwrap_or(usize::MAX),
            bytes_max: usize::try_from(options.silence_size_max).unwrap_or(usize::MAX),
        };
        let name_limit = usize::try_from(options.alerts_per_alertname_limit).unwrap_or(usize::MAX);
        let user_agent = alloc::format!("Alertmanager/{}", metrics::Build::this().compatible);
        let rng = |stream| Rng::new(seed, stream);
        let (backoff, nonces) = (rng(Stream::Delivery), rng(Stream::Nonce));
        let recorder = options.features.event_recorder;
        let recorder = super::recorder::start(recorder, &hostname, &user_agent, rng(Stream::Event));
        let mut deliveries = Deliveries::new(backoff, nonces, Arc::from(user_agent), hostname);
        deliveries.set_environment(options.environment.clone());
        deliveries.configure(config.template_set(), true);
        let mut node = Self {
            alerts: Store::new(name_limit),
            route_lists: RouteLists::default(),
            groups: Groups::new(now.instant + options.dispatch_start_delay),
            ends: Default::default(),
            trail: Default::default(),
            awaited: Default::default(),
            silences: Silences::new(options.data_retention, limits, label_mode(&options)),
            inhibitor: Inhibitor::new(config.inhibit_rules.clone()),
            nflog: Log::new(options.data_retention),
            cluster: gossip.map(|it| Cluster::new(now, it, Rng::new(seed, Stream::Cluster))),
            claims: Default::default(),
            deliveries,
            tracer: super::tracing::Tracer::new(rng(Stream::Trace), &config),
            recorder,
            journal: Journal::new(options.storage_journal.then_some(options.storage_sync), &saved),
            promises: VecDeque::new(),
            schedule: Schedule::new(
                now.instant,
                options.maintenance_interval,
                options.alerts_gc_interval,
            ),
            metrics: Metrics::new(options.detail()),
            reload: reload::State::default(),
            stopping: None,
            ids: Ids::default(),
            save_ids: Counter::default(),
            covered_to: 0,
            silence_ids: Rng::new(seed, Stream::Silence),
            outputs: VecDeque::new(),
            scratch: Scratch::default(),
            started_at: now.wall,
            now,
            has_backlog: false,
            external_url,
            config,
            options,
        };
        node.metrics.set_alert_limit(node.options.alerts_per_alertname_limit);
        node.announce_config(now);
        node.announce_tracing();
        node.configure_recorder(now);
        node.record_start(now);
        node.shorten_journal(&saved);
        node.restore(now, saved);
        if node.cluster.is_some() {
            node.enter_cluster(now);
        }
        node.hand_events_out(now);
        node
    }

    fn restore(&mut self, now: Now, saved: Saved) {
        let counts = [
            (Part::Silences, saved.silences.len()),
            (Part::Nflog, saved.nflog.len()),
            (Part::Alerts, saved.alerts.len()),
        ];
        self.silences.restore(saved.silences, now.wall);
        self.watch_silences(now);
        self.nflog.restore(saved.nflog);
        let restored = self.alerts.restore(saved.alerts, now.wall);
        // Every source is known to the inhibitor before the first group can flush.
        for &id in &restored {
            let labels = &self.alerts.get(id).expect("just restored").alert.labels;
            self.inhibitor.on_alert(id, labels);
        }
        self.begin_warm_up(now);
        for id in restored {
            self.find_routes(id);
            // Resolved ones too: that they ended may still have to be told. What the groups make
            // of it is noted once it is known when each goes on.
            self.place_with(now, id, |_, _, _| {});
        }
        self.resume_groups(now, saved.groups);
        for (part, entries) in counts.into_iter().filter(|(_, entries)| *entries > 0) {
            let duration = core::time::Duration::ZERO;
            self.log(Event::Restored { part, entries: entries as u64, duration });
        }
    }

    /// Says what is noteworthy about the configuration that just came into force, and sets the
    /// metrics that describe it.
    pub(super) fn announce_config(&mut self, now: Now) {
        let config = self.config.clone();
        for warning in &config.warnings {
            self.log(Event::ConfigurationWarning { warning: warning.to_string() });
        }
        for receiver in config.receivers.iter().filter(|receiver| !receiver.used) {
            self.log(Event::ReceiverSkipped { receiver: receiver.name.clone() });
        }
        self.record_config(now, &config);
        let file = self.options.config_file.clone();
        self.log(match file {
            Some(file) => Event::ConfigurationLoaded { file },
            None => Event::ConfigurationEmbedded {},
        });
    }

    fn record_config(&mut self, now: Now, config: &Config) {
        let used = || config.receivers.iter().filter(|receiver| receiver.used);
        let integrations = used().map(|receiver| receiver.integrations.len()).sum::<usize>();
        self.metrics.record_reload(
            config.hash,
            now.wall,
            used().count() as u64,
            integrations as u64,
            config.inhibit_rules.len() as u64,
        );
        self.metrics.notifications.seed(used().flat_map(|receiver| {
            receiver.integrations.iter().map(|integration| (integration.name, &*receiver.name))
        }));
    }
}
