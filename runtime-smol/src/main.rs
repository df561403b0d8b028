//! x
mod clock;
mod exchange;
mod files;
mod log;
mod pace;
mod process;
mod target;
mod tls;
fn main() {}
