//! What a seed draws: the size of things, and which faults there are.

use std::time::Duration;

use crate::{chance::Chance, network::Link};

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Packets are late, lost, repeated; streams break.
    Network,
    /// Hosts are cut from each other, one way or both; or held up.
    Partitions,
    /// Programs die or are stopped, or hosts lose power and what was not synced is lost or torn;
    /// they start again from what is on the disk.
    Crashes,
    /// Wall clocks are wrong, drift and step; monotonic ones drift.
    Clocks,
    /// The receiver is slow, fails, refuses or hangs.
    Receivers,
    /// Disks are slow, so that crashes come before saves, and take nothing for a while.
    Disks,
    /// The Prometheus servers restart.
    Prometheus,
    /// Hosts get no posts from the Prometheus servers for a while.
    Posts,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 8] = [
        Self::Network,
        Self::Partitions,
        Self::Crashes,
        Self::Clocks,
        Self::Receivers,
        Self::Disks,
        Self::Prometheus,
        Self::Posts,
    ];

    /// Returns the kind's name on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Partitions => "partitions",
            Self::Crashes => "crashes",
            Self::Clocks => "clocks",
            Self::Receivers => "receivers",
            Self::Disks => "disks",
            Self::Prometheus => "prometheus",
            Self::Posts => "posts",
        }
    }
}

/// A set of kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// Every kind.
    pub const ALL: Self = Self((1 << Kind::ALL.len()) - 1);
    /// No kind.
    pub const NONE: Self = Self(0);

    /// Tells whether a kind is in the set.
    pub const fn has(self, kind: Kind) -> bool {
        self.0 & (1 << kind as u8) != 0
    }

    /// Returns the set with one more kind.
    #[must_use]
    pub const fn with(self, kind: Kind) -> Self {
        Self(self.0 | (1 << kind as u8))
    }

    /// Reads `all`, `none` or names separated by commas.
    ///
    /// # Errors
    /// The name that is unknown.
    pub fn read(text: &str) -> Result<Self, String> {
        match text {
            "all" => return Ok(Self::ALL),
            "none" => return Ok(Self::NONE),
            _ => {}
        }
        text.split(',').try_fold(Self::NONE, |kinds, name| {
            let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == name);
            kind.map(|kind| kinds.with(kind)).ok_or_else(|| format!("unknown fault {name:?}"))
        })
    }
}

impl std::fmt::Display for Kinds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = Kind::ALL.into_iter().filter(|kind| self.has(*kind)).map(Kind::as_str);
        let names: Vec<&str> = names.collect();
        f.write_str(&if names.is_empty() { "none".to_owned() } else { names.join(",") })
    }
}

/// What a seed has drawn.
#[derive(Clone, Debug)]
pub struct Mix {
    /// Which faults this run has.
    pub kinds: Kinds,
    /// What packets meet.
    pub link: Link,
    /// How long a request takes to the receiver.
    pub to_receiver: Duration,
    /// `group_wait`, `group_interval` and `repeat_interval` of the only route.
    pub timing: [Duration; 3],
    /// Alert names, each a group.
    pub groups: u64,
    /// Instances of each.
    pub instances: u64,
    /// How long a Prometheus waits before it sends the same again.
    pub resend: Duration,
    /// The probability that a post does not arrive.
    pub post_loss: f64,
    /// Hosts in the cluster.
    pub nodes: u32,
    /// Whether the alerts of the first group inhibit those of the second with the same instance.
    pub inhibits: bool,
    /// How long disks take to save.
    pub disk_delay: Duration,
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The most hosts that a seed draws.
const NODES_MAX: u64 = 5;

impl Mix {
    /// Draws a mix, with so many hosts if that is given. Every allowed kind of fault is there in
    /// half of the runs.
    pub fn draw(chance: &mut Chance, allowed: Kinds, nodes: Option<u32>) -> Self {
        let mut kinds = Kinds::NONE;
        for kind in Kind::ALL {
            let is_drawn = chance.happens(0.5);
            if is_drawn && allowed.has(kind) {
                kinds = kinds.with(kind);
            }
        }
        let is_bad = kinds.has(Kind::Network);
        let link = Link {
            delay: chance.between(Duration::from_micros(100), Duration::from_millis(40)),
            jitter: match is_bad {
                true => chance.between(Duration::from_millis(1), Duration::from_millis(400)),
                false => Duration::from_millis(1),
            },
            loss: if is_bad { *chance.pick(&[0.0, 0.01, 0.05, 0.15]) } else { 0.0 },
            repeat: if is_bad { *chance.pick(&[0.0, 0.01, 0.2]) } else { 0.0 },
            breaks: if is_bad { *chance.pick(&[0.0, 0.01, 0.1]) } else { 0.0 },
        };
        Self {
            kinds,
            link,
            to_receiver: chance.between(Duration::from_millis(1), Duration::from_millis(200)),
            timing: [
                *chance.pick(&[seconds(5), seconds(10), seconds(30)]),
                *chance.pick(&[seconds(30), seconds(60), seconds(120), seconds(300)]),
                *chance.pick(&[seconds(600), seconds(3600), seconds(4 * 3600)]),
            ],
            groups: 1 + chance.below(6),
            instances: 1 + chance.below(4),
            resend: *chance.pick(&[seconds(30), seconds(60)]),
            post_loss: if is_bad { *chance.pick(&[0.0, 0.05]) } else { 0.0 },
            nodes: nodes.unwrap_or(1 + chance.below(NODES_MAX) as u32),
            inhibits: chance.happens(0.3),
            disk_delay: match kinds.has(Kind::Disks) {
                true => *chance.pick(&[seconds(0), Duration::from_millis(50), seconds(5)]),
                false => Duration::ZERO,
            },
        }
    }
}
