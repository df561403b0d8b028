//! What only the runtime knows of the process.

use super::text::Page;

/// Figures of the operating system, read by the runtime at each scrape. `None` is left out.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Process {
    /// When the process started, in seconds since the epoch.
    pub start_time_seconds: Option<f64>,
    /// Time spent on processors, user and system.
    pub cpu_seconds_total: Option<f64>,
    /// Memory in use.
    pub resident_memory_bytes: Option<f64>,
    /// Address space in use.
    pub virtual_memory_bytes: Option<f64>,
    /// Open file descriptors.
    pub open_fds: Option<f64>,
    /// Most file descriptors that may be open.
    pub max_fds: Option<f64>,
}

impl Process {
    /// Puts the figures on a page.
    pub fn collect(&self, page: &mut Page) {
        if let Some(seconds) = self.cpu_seconds_total {
            page.family(
                "process_cpu_seconds_total",
                super::Kind::Counter,
                "Time spent on processors.",
            )
            .number(&[], seconds);
        }
        for (name, help, value) in [
            (
                "process_start_time_seconds",
                "Start of the process since the epoch.",
                self.start_time_seconds,
            ),
            ("process_resident_memory_bytes", "Memory in use.", self.resident_memory_bytes),
            ("process_virtual_memory_bytes", "Address space in use.", self.virtual_memory_bytes),
            ("process_open_fds", "Open file descriptors.", self.open_fds),
            ("process_max_fds", "Most open file descriptors.", self.max_fds),
        ] {
            if let Some(value) = value {
                page.gauge(name, help, value);
            }
        }
    }
}
