//! The log: events as lines on standard error.

use std::io::Write as _;

use campana_core::event::{Event, Format, Level};

use crate::clock;

/// Writes the events that matter enough.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Log {
    /// The least level that is written.
    pub(crate) level: Level,
    /// The format of lines.
    pub(crate) format: Format,
}

impl Log {
    /// Writes words for people, unless the log is for machines.
    pub(crate) fn welcome(&self, text: &str) {
        if self.format == Format::Logfmt {
            std::io::stderr().write_all(text.as_bytes()).ok();
        }
    }

    /// Writes an event as one line, in one piece.
    pub(crate) fn write(&self, event: &Event) {
        if event.level() >= self.level {
            let mut line = String::with_capacity(256);
            event.write_line(clock::wall(), self.format, &mut line);
            // A closed standard error must not stop the server.
            std::io::stderr().write_all(line.as_bytes()).ok();
        }
    }
}
