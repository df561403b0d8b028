//! The fingerprint of a run: two runs of one seed must have the same.

use std::fmt;

use campana_core::time::Instant;
use xxhash_rust::xxh64::Xxh64;

/// A running hash over everything that happens, and the lines themselves when they are kept.
#[derive(Clone)]
pub struct Trace {
    hash: Xxh64,
    count: u64,
    lines: Option<Vec<(Instant, String)>>,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trace({} steps, {:016x})", self.count, self.digest())
    }
}

impl Trace {
    /// Makes an empty trace.
    pub fn new() -> Self {
        Self { hash: Xxh64::new(0), count: 0, lines: None }
    }

    /// Keeps the lines from now on, for someone who looks for the first difference of two runs.
    pub fn keep_lines(&mut self) {
        self.lines.get_or_insert_default();
    }

    /// Adds one thing that happened.
    pub fn note(&mut self, at: Instant, what: fmt::Arguments<'_>) {
        self.count += 1;
        self.hash.update(&at.as_nanos().to_le_bytes());
        fmt::write(&mut Feed(&mut self.hash), what).expect("a hash takes everything");
        if let Some(lines) = &mut self.lines {
            lines.push((at, what.to_string()));
        }
        self.hash.update(b"\n");
    }

    /// Adds a block of bytes to the last thing.
    pub fn note_bytes(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    /// Returns the hash so far.
    pub fn digest(&self) -> u64 {
        self.hash.digest()
    }

    /// Returns the kept lines, each with its time.
    pub fn lines(&self) -> &[(Instant, String)] {
        self.lines.as_deref().unwrap_or_default()
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

struct Feed<'a>(&'a mut Xxh64);

impl fmt::Write for Feed<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}
