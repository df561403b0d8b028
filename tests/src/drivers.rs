//! The drivers: each gives a scenario something to play on.

pub mod process;
pub mod program;
pub mod sim;

use std::{env, path::PathBuf};

pub use self::program::{Program, built_program};

/// Names the folder of the real `alertmanager`, `amtool` and `prometheus`.
pub const PEERS: &str = "CAMPANA_PEERS";

/// Returns one of the real programs, if they are there.
pub fn peer(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os(PEERS)?).join(name);
    path.is_file().then_some(path)
}
