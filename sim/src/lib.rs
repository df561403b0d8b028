//! A deterministic simulator that drives whole campana nodes on virtual time.
//!
//! A [`World`] holds hosts, the receivers they tell, the network between them, and one heap of
//! things to come. Nothing waits: the clock jumps from one thing to the next. A host drives its
//! node with [`campana_core::drive::turn`] and nothing else, as the runtimes do, so what is decided
//! here is decided by the code that runs in production.
//!
//! ```
//! use campana_sim::{HostSpec, World};
//!
//! let mut world = World::new(7);
//! let config = "
//! route: {receiver: team, group_wait: 30s}
//! receivers: [{name: team, webhook_configs: [{url: 'http://pager/hook'}]}]
//! ";
//! let host = world.add_host(HostSpec::new(config)).expect("a good configuration");
//! let body = br#"[{"labels": {"alertname": "Down"}}]"#;
//! let response = world.request(host, "POST", "/api/v2/alerts", body).expect("it answers");
//! assert_eq!(response.status, 200);
//! world.run_for(std::time::Duration::from_secs(31));
//! assert_eq!(world.receivers().received("pager").len(), 1);
//! ```

mod chance;
mod clock;
mod disk;
pub mod fleet;
mod heap;
mod host;
mod mail;
pub mod membership;
mod network;
mod notice;
mod receivers;
mod streams;
pub mod swarm;
mod trace;
mod world;

pub use self::{
    chance::Chance,
    clock::Clock,
    disk::Disk,
    fleet::Fleet,
    heap::Heap,
    host::{HostId, HostSpec},
    network::{Fault, FaultId, Link, Network, Verdict},
    notice::Notice,
    receivers::{Behaviour, Received, Receivers},
    trace::Trace,
    world::World,
};
