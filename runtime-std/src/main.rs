//! The small runtime of campana: threads, tiny_http and ureq, for constrained hosts.

mod clock;
mod exchange;
mod files;
mod frame;
mod gate;
mod inner;
mod log;
mod pool;
mod process;
mod tls;

fn main() {}
