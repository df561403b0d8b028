//! Where events go: files and the standard output.

use alloc::{format, sync::Arc, vec::Vec};

use super::Line;
use crate::{id::RecordId, node::Output};

/// A file, or the standard output. One write is under way at a time.
#[derive(Debug)]
pub(super) struct File {
    /// What metrics and the log call it.
    pub(super) label: Arc<str>,
    /// `None` for the standard output.
    pub(super) path: Option<Arc<str>>,
    /// The write under way and what it writes.
    pub(super) busy: Option<(RecordId, Vec<Arc<Line>>)>,
    /// Whether the last write failed, which was said.
    pub(super) is_failing: bool,
}

impl File {
    pub(super) fn new(path: Option<&str>) -> Self {
        let label = path.map_or_else(|| "stdout".into(), |path| format!("file:{path}"));
        Self { label: label.into(), path: path.map(Arc::from), busy: None, is_failing: false }
    }

    /// Has lines written. None at all only make sure that the file is there.
    pub(super) fn write(&mut self, id: RecordId, lines: Vec<Arc<Line>>) -> Output {
        let mut bytes = Vec::with_capacity(lines.iter().map(|line| line.text.len() + 1).sum());
        for line in &lines {
            bytes.extend_from_slice(line.text.as_bytes());
            bytes.push(b'\n');
        }
        self.busy = Some((id, lines));
        Output::Record(id, self.path.clone(), bytes)
    }
}
