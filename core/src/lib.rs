//! Every decision campana makes, as one deterministic state machine without I/O.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

// Rank 8
pub mod drive;
pub mod node;
// Rank 7
pub mod api;
pub mod cli;
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
pub mod inhibit;
pub mod interval;
pub mod nflog;
pub mod persist;
pub mod silence;
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
