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

/// Ticks per second of the times in `/proc`, which Linux fixes at this.
const TICKS: f64 = 100.0;

impl Process {
    /// Reads what Linux says: `stat` is the text of `/proc/self/stat`, `boot` that of `/proc/stat`,
    /// and `page` a memory page's bytes. What cannot be read is left out, and so are the files.
    pub fn parse(stat: &str, boot: &str, page: f64) -> Self {
        // The name in parentheses may hold anything; the fields after it are numbers.
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let field = |number: usize| fields.split(' ').nth(number - 3)?.parse::<f64>().ok();
        let booted = boot.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse().ok());
        Self {
            start_time_seconds: booted.and_then(|at: f64| Some(at + field(22)? / TICKS)),
            cpu_seconds_total: field(14).and_then(|user| Some((user + field(15)?) / TICKS)),
            resident_memory_bytes: field(24).map(|pages| pages * page),
            virtual_memory_bytes: field(23),
            open_fds: None,
            max_fds: None,
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_found_in_their_places() {
        let stat = "7 (a) b) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 16 17 18 1234 4096 3 21";
        let read = Process::parse(stat, "cpu 1\nbtime 1000\nx 1\n", 4096.0);
        let expected = Process {
            start_time_seconds: Some(1012.34),
            cpu_seconds_total: Some(2.0),
            resident_memory_bytes: Some(12288.0),
            virtual_memory_bytes: Some(4096.0),
            ..Process::default()
        };
        assert_eq!(read, expected);
        assert_eq!(Process::parse("", "", 1.0), Process::default());
    }
}
