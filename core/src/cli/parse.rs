//! From arguments to options, in the dialect of Alertmanager's flag library (kingpin).

use alloc::{
    borrow::ToOwned as _,
    boxed::Box,
    collections::BTreeMap,
    format,
    string::{String, ToString as _},
    vec::Vec,
};
use core::time::Duration;

use super::{
    Cluster, Features, Invocation, Options,
    command::{Flag, Kind},
    flags::{self, FLAGS},
    help,
    scan::{Given, Scanned, scan},
    url,
};
use crate::{
    event::{Format, Level},
    notify::egress::Egress,
    persist::Sync,
    time::duration::parse_flag,
};

/// The configuration file a program called `alertmanager` reads by default.
pub(super) const CONFIG_FILE: &str = "alertmanager.yml";

/// Tells whether the program speaks as Alertmanager because it was called by that name.
pub(super) fn is_alertmanager(program: &str) -> bool {
    program.strip_suffix(".exe").unwrap_or(program) == "alertmanager"
}

/// Parses a command line, whose first argument is the path of the program.
///
/// `read_file` returns the text of a file, for arguments of the form `@file`. The error is the
/// whole text for standard error, without a newline; the exit status is 1.
pub fn parse(
    argv: &[String],
    read_file: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Result<Invocation, String> {
    let path = argv.first().map_or("campana", String::as_str);
    let program = path.rsplit(['/', '\\']).next().unwrap_or(path);
    run(program, argv.get(1..).unwrap_or_default(), read_file)
        .map_err(|message| format!("{program}: error: {message}, try --help"))
}

fn run(
    program: &str,
    argv: &[String],
    read_file: &mut dyn FnMut(&str) -> Result<String, String>,
) -> Result<Invocation, String> {
    let mut line = Scanned::default();
    let scanned = scan(&flags::SERVER, argv, read_file, &mut line);
    // Help wins over a mistake that follows it; the version does not.
    if line.help {
        return Ok(Invocation::Print(help::help(program)));
    }
    scanned?;
    if line.version {
        return Ok(Invocation::Print(help::version(program)));
    }
    Ok(Invocation::Run(Box::new(options(program, &line.given)?)))
}

/// Returns the options of a command line without flags.
pub(super) fn defaults(program: &str) -> Result<Options, String> {
    options(program, &Given::default())
}

/// Typed reading of flags.
struct Values<'a>(&'a Given);

impl Values<'_> {
    fn flag(name: &str) -> &'static Flag {
        flags::find(name).expect("every field reads a flag of the table")
    }

    fn text(&self, name: &'static str) -> &str {
        match self.0.get(name).and_then(|values| values.last()) {
            Some(value) => value,
            None => Self::flag(name).default,
        }
    }

    fn optional(&self, name: &'static str) -> Option<String> {
        Some(self.text(name)).filter(|text| !text.is_empty()).map(str::to_owned)
    }

    fn list(&self, name: &'static str) -> Vec<String> {
        let default = Self::flag(name).default;
        self.0.get(name).cloned().unwrap_or_else(|| {
            Some(default).filter(|text| !text.is_empty()).map(str::to_owned).into_iter().collect()
        })
    }

    fn switch(&self, name: &'static str) -> bool {
        self.text(name) == "true"
    }

    /// Reads a duration; a negative one is zero.
    fn duration(&self, name: &'static str) -> Result<Duration, String> {
        let text = self.text(name);
        let nanos = parse_flag(text).map_err(|err| invalid(name, text, &err.to_string()))?;
        Ok(Duration::from_nanos(u64::try_from(nanos).unwrap_or(0)))
    }

    /// Reads a duration that must be longer than zero.
    fn interval(&self, name: &'static str) -> Result<Duration, String> {
        let span = self.duration(name)?;
        if span.is_zero() { Err(format!("--{name} must be greater than 0")) } else { Ok(span) }
    }

    fn integer(&self, name: &'static str) -> Result<i64, String> {
        let text = self.text(name);
        text.parse().map_err(|_| invalid(name, text, "not a whole number"))
    }

    /// Reads a limit, where zero and less mean none.
    fn limit(&self, name: &'static str) -> Result<u64, String> {
        self.integer(name).map(|n| u64::try_from(n).unwrap_or(0))
    }

    fn choice(&self, name: &'static str) -> Result<&'static str, String> {
        let text = self.text(name);
        let Kind::Choice(words) = Self::flag(name).kind else {
            unreachable!("only flags with a choice are read as one")
        };
        words
            .iter()
            .copied()
            .find(|word| word.eq_ignore_ascii_case(text))
            .ok_or_else(|| invalid(name, text, &format!("must be one of {}", words.join(", "))))
    }
}

fn invalid(name: &str, text: &str, why: &str) -> String {
    format!("invalid value {text:?} for flag '--{name}': {why}")
}

/// Refuses values that ask for parts this version does not have.
fn refuse_missing(given: &Given) -> Result<(), String> {
    for flag in FLAGS {
        let (Some(why), Some(values)) = (flag.missing, given.get(flag.name)) else { continue };
        let harmless = |value: &String| match flag.kind {
            Kind::Duration => parse_flag(value).ok() == parse_flag(flag.default).ok(),
            _ => value == flag.default,
        };
        if !values.iter().all(harmless) {
            return Err(format!("--{} is not available in this version: {why}", flag.name));
        }
    }
    Ok(())
}

fn options(program: &str, given: &Given) -> Result<Options, String> {
    refuse_missing(given)?;
    let v = Values(given);
    let web_listen_addresses = v.list("web.listen-address");
    web_listen_addresses.iter().try_for_each(|address| listen_address(address))?;
    let web_external_url = v.optional("web.external-url");
    web_external_url.as_deref().map(url::check).transpose()?;
    Ok(Options {
        program: program.to_owned(),
        config_file: config_file(program, &v)?,
        storage_path: v.optional("storage.path").ok_or("--storage.path must not be empty")?,
        storage_sync: match v.choice("storage.sync")? {
            "always" => Sync::Always,
            "interval" => Sync::Interval,
            "never" => Sync::Never,
            _ => Sync::Mixed,
        },
        storage_journal: v.switch("storage.journal"),
        storage_repair: v.switch("storage.repair"),
        storage_export: v.optional("storage.export"),
        data_retention: v.interval("data.retention")?,
        maintenance_interval: v.interval("data.maintenance-interval")?,
        silences_max: v.limit("silences.max-silences")?,
        silence_size_max: v.limit("silences.max-silence-size-bytes")?,
        log_silences: v.switch("log.silences"),
        alerts_gc_interval: v.interval("alerts.gc-interval")?,
        alerts_per_alertname_limit: v.limit("alerts.per-alertname-limit")?,
        dispatch_maintenance_interval: v.interval("dispatch.maintenance-interval")?,
        dispatch_start_delay: v.duration("dispatch.start-delay")?,
        dispatch_warm_up: v.duration("dispatch.warm-up")?,
        dispatch_flush_on_unmute: v.switch("dispatch.flush-on-unmute"),
        web_systemd_socket: v.switch("web.systemd-socket"),
        web_listen_addresses,
        web_config_file: v.optional("web.config.file"),
        web_external_url,
        web_route_prefix: v.optional("web.route-prefix"),
        web_get_concurrency: match v.integer("web.get-concurrency")? {
            ..1 => None,
            n => Some(u32::try_from(n).unwrap_or(u32::MAX)),
        },
        web_timeout: Some(v.duration("web.timeout")?).filter(|span| !span.is_zero()),
        egress: egress(&v)?,
        auto_gomemlimit_ratio: ratio(&v)?,
        cluster: cluster(&v)?,
        features: features(v.text("enable-feature"))?,
        log_level: level(v.choice("log.level")?),
        log_format: if v.choice("log.format")? == "json" { Format::Json } else { Format::Logfmt },
        environment: BTreeMap::new(),
    })
}

fn config_file(program: &str, v: &Values<'_>) -> Result<Option<String>, String> {
    match v.0.contains_key("config.file") {
        true => Ok(Some(v.optional("config.file").ok_or("--config.file must not be empty")?)),
        false if is_alertmanager(program) => Ok(Some(CONFIG_FILE.to_owned())),
        false => Ok(None),
    }
}

fn level(word: &str) -> Level {
    match word {
        "debug" => Level::Debug,
        "warn" => Level::Warn,
        "error" => Level::Error,
        _ => Level::Info,
    }
}

fn egress(v: &Values<'_>) -> Result<Egress, String> {
    let (deny, allow) = ("notify.deny-egress", "notify.allow-egress");
    let (denied, allowed) = (v.list(deny), v.list(allow));
    Egress::parse(&denied, &[]).map_err(|err| invalid(deny, &denied.join(","), &err))?;
    Egress::parse(&denied, &allowed).map_err(|err| invalid(allow, &allowed.join(","), &err))
}

fn ratio(v: &Values<'_>) -> Result<f64, String> {
    let name = "auto-gomemlimit.ratio";
    let text = v.text(name);
    let ratio: f64 = text.parse().map_err(|_| invalid(name, text, "not a number"))?;
    if ratio > 0.0 && ratio <= 1.0 {
        Ok(ratio)
    } else {
        Err(format!("--{name} must be greater than 0 and less than or equal to 1"))
    }
}

fn cluster(v: &Values<'_>) -> Result<Cluster, String> {
    Ok(Cluster {
        listen_address: v.optional("cluster.listen-address"),
        advertise_address: v.optional("cluster.advertise-address"),
        peer_name: v.optional("cluster.peer-name"),
        peers: v.list("cluster.peer"),
        peer_timeout: v.interval("cluster.peer-timeout")?,
        peers_resolve_timeout: v.interval("cluster.peers-resolve-timeout")?,
        gossip_interval: v.interval("cluster.gossip-interval")?,
        pushpull_interval: v.interval("cluster.pushpull-interval")?,
        tcp_timeout: v.interval("cluster.tcp-timeout")?,
        probe_timeout: v.interval("cluster.probe-timeout")?,
        probe_interval: v.interval("cluster.probe-interval")?,
        settle_timeout: v.duration("cluster.settle-timeout")?,
        reconnect_interval: v.interval("cluster.reconnect-interval")?,
        reconnect_timeout: v.interval("cluster.reconnect-timeout")?,
        tls_config: v.optional("cluster.tls-config"),
        allow_insecure_public_advertise_address_discovery: v
            .switch("cluster.allow-insecure-public-advertise-address-discovery"),
        label: v.optional("cluster.label"),
    })
}

/// Reads the list of features, split at commas without trimming.
fn features(text: &str) -> Result<Features, String> {
    let mut features = Features::default();
    if text.is_empty() {
        return Ok(features);
    }
    for name in text.split(',') {
        match name {
            "alert-names-in-metrics" => features.alert_names_in_metrics = true,
            "receiver-name-in-metrics" => features.receiver_name_in_metrics = true,
            "group-key-in-metrics" => features.group_key_in_metrics = true,
            "classic-mode" => features.classic_mode = true,
            "utf8-strict-mode" => features.utf8_strict_mode = true,
            "auto-gomemlimit" => features.auto_gomemlimit = true,
            "event-recorder" => features.event_recorder = true,
            name => return Err(format!("unknown option '{name}' for --enable-feature")),
        }
    }
    if features.classic_mode && features.utf8_strict_mode {
        return Err("cannot have both classic and UTF-8 modes enabled".to_owned());
    }
    Ok(features)
}

/// Checks the form of an address to listen on: `host:port`, IPv6 hosts in brackets.
fn listen_address(address: &str) -> Result<(), String> {
    let name = "web.listen-address";
    if address.starts_with("vsock://") {
        return Err(format!(
            "--{name}={address} is not available in this version: vsock listeners are not built yet"
        ));
    }
    let Some((host, port)) = address.rsplit_once(':') else {
        return Err(invalid(name, address, "missing port in address"));
    };
    if port.parse::<u16>().is_err() || port.starts_with('+') {
        return Err(invalid(name, address, "the port must be a number from 0 to 65535"));
    }
    let bracketed = host.starts_with('[') && host.ends_with(']');
    if host.contains(':') && !bracketed {
        return Err(invalid(name, address, "too many colons; write an IPv6 host in brackets"));
    }
    Ok(())
}
