//! The drivers: each gives a scenario something to play on.

pub mod process;
pub mod program;
pub mod sim;

use std::{env, path::PathBuf};

pub use self::program::{Program, built_program};

/// Names the folder of the real `alertmanager`, `amtool` and `prometheus`.
pub const PEERS: &str = "CAMPANA_PEERS";

/// The flags with which campana keeps to upstream's timing exactly, so that one scenario holds for
/// both; what it does better by default has tests of its own.
pub const EXACT: [&str; 2] = ["--dispatch.warm-up=0s", "--no-dispatch.flush-on-unmute"];

/// Returns one of the real programs, if they are there.
pub fn peer(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os(PEERS)?).join(name);
    path.is_file().then_some(path)
}

/// Makes tests of functions that take a program's path: each once for `campana`, in a module of
/// that name, and once for `campana-std`. The caller imports [`built_program`].
#[macro_export]
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod campana {
            $(#[test] fn $name() { super::$name(&super::built_program("campana")); })*
        }
        mod campana_std {
            $(#[test] fn $name() { super::$name(&super::built_program("campana-std")); })*
        }
    };
}
