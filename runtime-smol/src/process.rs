//! What the system knows of this process, and the limit on open files.

use std::{collections::BTreeMap, env, fs};

use campana_core::{cli::ENVIRONMENT, metrics::Process, notify::Secret};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Reads the figures for a scrape. What cannot be read is left out.
pub(crate) fn figures() -> Process {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let page = rustix::param::page_size() as f64;
    Process {
        // One of them is the directory itself, being read.
        open_fds: fs::read_dir("/proc/self/fd").ok().map(|fds| fds.count() as f64 - 1.0),
        max_fds: Some(getrlimit(Resource::Nofile).current.map_or(f64::INFINITY, |n| n as f64)),
        ..Process::parse(&read("/proc/self/stat"), &read("/proc/stat"), page)
    }
}

/// Raises the number of files this process may open as far as it may, and returns it.
pub(crate) fn raise_file_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let now =
        if setrlimit(Resource::Nofile, raised).is_ok() { limit.maximum } else { limit.current };
    now.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX))
}

/// The variables of the environment that core may know. Empty ones count as unset.
pub(crate) fn environment() -> BTreeMap<String, Secret> {
    let known = ENVIRONMENT.iter().filter_map(|name| Some((*name, env::var(name).ok()?)));
    let known = known.filter(|(_, value)| !value.is_empty());
    known.map(|(name, value)| (name.to_owned(), Secret::new(value))).collect()
}

/// The host's name, for links in notifications.
pub(crate) fn hostname() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    if name.is_empty() { "localhost".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    #[test]
    fn figures_are_plausible() {
        let figures = super::figures();
        let age = crate::clock::wall().parts().0 as f64
            - figures.start_time_seconds.expect("Linux tells when we started");
        assert!((-2.0..3600.0).contains(&age), "{age}");
        assert!(figures.resident_memory_bytes.is_some_and(|n| n > 500_000.0));
        assert!(figures.open_fds.is_some_and(|n| n >= 3.0));
        assert!(figures.cpu_seconds_total.is_some_and(|n| n >= 0.0));
    }
}
