//! Every decision campana makes, as one deterministic state machine without I/O.
//!
//! > A node is a value. You tell it what happened and what time it is; it tells you what to do and
//! > when to come back.
//!
//! This crate holds the whole alert manager except for its contact with the world: no clock, no
//! randomness, no sockets, no files, no threads. Whoever runs a [`Node`](node::Node) brings those;
//! see [`drive`] for the loop that both runtimes and the simulator share.
//!
//! # The contract
//!
//! Three verbs: [`handle`](node::Node::handle) takes one [`Input`](node::Input),
//! [`poll`](node::Node::poll) gives the next [`Output`](node::Output), and
//! [`deadline`](node::Node::deadline) says when to come back. Reading is separate:
//! [`view`](node::Node::view) gives the state of the moment, to be looked at on any thread.
//!
//! 1. Make any number of `handle` calls, then drain `poll` until it returns `None`, then sleep
//!    until the deadline or the next input, whichever comes first. No deadline means that only an
//!    input can make the node act. A new node is drained before its first input.
//! 2. Each id is answered at most once: a call by the node with a
//!    [`Reply`](node::Output::Reply), everything else by whoever carries out the output. Answers
//!    with an unknown or late id are ignored, counted, and told as an event.
//! 3. A [`Timeout`](node::Input::Timeout) that comes early does nothing; one that comes late only
//!    delays what was due.
//! 4. `handle` does bounded work. What is left over makes the deadline "now"
//!    ([`Reason::Backlog`](time::Reason::Backlog)), so that inputs get their turn in between.
//! 5. The outputs of one drain may be carried out in any order and at the same time. A view taken
//!    after a reply came out of `poll` shows what the reply promises.
//! 6. The same seed, inputs and times give the same outputs, byte for byte.
//! 7. The monotonic clock never goes back between two calls: the node panics when it does. The wall
//!    clock may jump either way.
//! 8. After [`Shutdown`](node::Input::Shutdown) the node ends what is under way, asks for its last
//!    checkpoint, and says [`Stopped`](node::Output::Stopped), its last output.
//!
//! `handle` returns nothing: what is wrong with an input is answered by outputs, and a broken
//! invariant of the node itself is a panic.
//!
//! # An alert from post to notification
//!
//! ```
//! use std::sync::Arc;
//!
//! use campana_core::{
//!     alert::AlertBatch,
//!     api::{Call, Reply},
//!     cli::Options,
//!     config,
//!     event::Event,
//!     id::CallId,
//!     label::Labels,
//!     node::{Input, Node, Output, Start, load_config},
//!     persist::Saved,
//!     rng::Seed,
//!     time::{Instant, Now, Timestamp},
//! };
//!
//! // The configuration that is used without a file: its receiver prints to the log.
//! let options = Arc::new(Options::default());
//! let config = load_config(config::default_text().as_bytes(), &options).expect("it is valid");
//!
//! // Both clocks are plain numbers and may start anywhere.
//! let mut now = Now { instant: Instant::from_nanos(0), wall: Timestamp::EPOCH };
//! let start = Start {
//!     options,
//!     config: Arc::new(config),
//!     external_url: "http://localhost:9093".into(),
//!     hostname: "localhost".into(),
//!     saved: Saved::default(),
//!     gossip: None,
//!     seed: Seed::from_number(1),
//! };
//! let mut node = Node::new(now, start);
//! while let Some(_greeting) = node.poll() {}
//!
//! // Something happens: a client posts an alert.
//! let mut batch = AlertBatch::new();
//! let labels = Labels::from_pairs([("alertname", "Hello")]);
//! batch.push_labels(&labels, &Labels::empty(), "", (None, None));
//! node.handle(now, Input::Call(CallId(1), Call::PostAlerts(batch)));
//!
//! let mut told = None;
//! let alerts = loop {
//!     // Drain: carry out what the node asks for.
//!     while let Some(output) = node.poll() {
//!         match output {
//!             Output::Reply(CallId(1), Reply::AlertsPosted(refused)) => {
//!                 assert!(refused.is_empty());
//!             }
//!             Output::Work(id, work) => node.handle(now, Input::Worked(id, work.run())),
//!             Output::Log(Event::Notification { alerts, .. }) => told = Some(alerts),
//!             _ => {}
//!         }
//!     }
//!     if let Some(alerts) = told.take() {
//!         break alerts;
//!     }
//!     // Sleep until the deadline, which takes no time here.
//!     let deadline = node.deadline().expect("the alert's group waits for its flush");
//!     let slept = deadline.at.since(now.instant);
//!     now = Now { instant: deadline.at, wall: now.wall + slept };
//!     node.handle(now, Input::Timeout);
//! };
//!
//! assert_eq!((alerts.len(), &*alerts[0]), (1, "{alertname=\"Hello\"}"));
//! // The default `group_wait` has passed.
//! assert_eq!(now.wall, Timestamp::from_parts(5, 0));
//! ```
//!
//! # The modules, top-down
//!
//! A module uses those below it only; a test reads the sources and checks that.
//!
//! | rank | modules | |
//! |---|---|---|
//! | 8 | [`drive`], [`node`] | the loop policy; the switchboard, inputs and outputs |
//! | 7 | [`api`], [`cli`] | requests in, answers out; the command line |
//! | 6 | [`view`] | the immutable read side and its queries |
//! | 5 | [`config`] | the configuration file: raw as typed, then resolved |
//! | 4 | [`delivery`], [`group`], [`route`], [`notify`] | from an alert to a request |
//! | 3 | [`persist`], [`inhibit`], [`silence`], [`alert`], [`nflog`], [`interval`] | the state |
//! | 3 | [`cluster`] | gossip with other instances; the node does not use it yet |
//! | 2 | [`label`] | label sets, matchers, regular expressions |
//! | 1 | [`metrics`], [`event`], [`wire`] | what is told to operators; byte formats |
//! | 0 | [`limits`], [`timer`], [`cow`], [`map`], [`hash`], [`rng`], [`id`], [`time`] | tools |
//!
//! State parts ([`alert`], [`silence`], [`inhibit`], [`interval`], [`nflog`], [`route`], [`group`])
//! are data structures that return values and know no effects. The acting part ([`delivery`]) is a
//! state machine of its own with a small set of effects, which the node maps to outputs. Parts hold
//! no references to each other; the node owns them all.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

// Rank 8
pub mod drive;
pub mod node;
// Rank 7
pub mod api;
pub mod cli;
pub mod ui;
// Rank 6
pub mod view;
// Rank 5
pub mod config;
// Rank 4
pub mod delivery;
pub mod group;
pub mod notify;
pub mod route;
// Rank 3
pub mod alert;
pub mod cluster;
pub mod inhibit;
pub mod interval;
pub mod nflog;
pub mod persist;
pub mod schema;
pub mod silence;
pub mod template;
pub mod trail;
pub mod yaml;
// Rank 2
pub mod label;
// Rank 1
pub mod event;
pub mod metrics;
pub mod wire;
// Rank 0
pub mod cow;
pub mod hash;
pub mod id;
pub mod limits;
pub mod map;
pub mod rng;
pub mod time;
pub mod timer;
mod word;
