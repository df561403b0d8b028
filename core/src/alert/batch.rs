//! One decoded POST: all label texts in one buffer, spans into it.
//!
//! The connection's own task decodes, validates, sorts and fingerprints; the owner of the node then
//! compares bytes. A refresh of a known alert thus costs the owner no allocation at all.

use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

use crate::{
    hash::{Fingerprint, fnv1a, fnv1a_each},
    label::{Labels, LabelsBuilder},
    time::Stamp,
};

/// How many fingerprints are computed at once.
pub(super) const ABREAST: usize = 4;

/// The alerts of one request, in its order.
#[derive(Clone, Debug, Default)]
pub struct AlertBatch {
    bytes: Vec<u8>,
    posted: Vec<Posted>,
}

/// One posted alert: where its texts are, and the times the client gave.
#[derive(Clone, Debug)]
pub struct Posted {
    labels: Range<u32>,
    annotations: Range<u32>,
    generator_url: Range<u32>,
    /// Known once [`ABREAST`] alerts can be done together; the last few are done when asked for.
    fingerprint: Option<Fingerprint>,
    starts_at: Option<Stamp>,
    ends_at: Option<Stamp>,
    invalid: Option<Box<str>>,
}

/// One posted alert, with its texts at hand.
#[derive(Clone, Copy, Debug)]
pub struct PostedRef<'a> {
    /// Labels in packed form (see [`Labels::as_bytes`]).
    pub labels: &'a [u8],
    /// Annotations in packed form.
    pub annotations: &'a [u8],
    /// Link to the rule; may be empty.
    pub generator_url: &'a str,
    /// The labels' fingerprint.
    pub fingerprint: Fingerprint,
    /// `startsAt`, where the client gave one.
    pub starts_at: Option<Stamp>,
    /// `endsAt`, where the client gave one.
    pub ends_at: Option<Stamp>,
    /// Why labels or annotations are unusable; decided by the decoder, answered by the owner after
    /// its own checks of the times, since the first failure wins.
    pub invalid: Option<&'a str>,
}

impl AlertBatch {
    /// Makes an empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes an empty batch with room for the alerts of a body of this length.
    pub fn for_body(length: usize) -> Self {
        // Most of an ordinary body is texts that are kept, and an alert has some hundred bytes.
        // Unordinary ones grow the buffers as they need it.
        let length = length.min(64 << 10);
        Self { bytes: Vec::with_capacity(length), posted: Vec::with_capacity(length / 512) }
    }

    /// Adds an alert; empties both builders.
    pub fn push(
        &mut self,
        labels: &mut LabelsBuilder,
        annotations: &mut LabelsBuilder,
        generator_url: &str,
        times: (Option<Stamp>, Option<Stamp>),
        invalid: Option<Box<str>>,
    ) {
        let labels = self.append(|bytes| labels.finish_into(bytes));
        let annotations = self.append(|bytes| annotations.finish_into(bytes));
        self.note(labels, annotations, generator_url, times, invalid);
    }

    /// Adds an alert of finished label sets, for callers that have them.
    pub fn push_labels(
        &mut self,
        labels: &Labels,
        annotations: &Labels,
        generator_url: &str,
        times: (Option<Stamp>, Option<Stamp>),
    ) {
        let labels = self.append(|bytes| bytes.extend_from_slice(labels.as_bytes()));
        let annotations = self.append(|bytes| bytes.extend_from_slice(annotations.as_bytes()));
        self.note(labels, annotations, generator_url, times, None);
    }

    /// Computes what is known of the last few alerts only when it is asked for, which the owner
    /// does more than once. Call when no alert is to come.
    pub fn complete(&mut self) {
        let rest = self.posted.len() % ABREAST;
        let first = self.posted.len() - rest;
        for posted in &mut self.posted[first..] {
            posted.fingerprint = Some(Fingerprint(fnv1a(slice(&self.bytes, &posted.labels))));
        }
    }

    /// Returns the alerts in the order they were posted.
    pub fn iter(&self) -> impl Iterator<Item = PostedRef<'_>> {
        self.posted.iter().map(|posted| PostedRef {
            labels: slice(&self.bytes, &posted.labels),
            annotations: slice(&self.bytes, &posted.annotations),
            generator_url: core::str::from_utf8(slice(&self.bytes, &posted.generator_url))
                .expect("pushed as a str"),
            fingerprint: self.fingerprint(posted),
            starts_at: posted.starts_at,
            ends_at: posted.ends_at,
            invalid: posted.invalid.as_deref(),
        })
    }

    /// Returns what identifies each alert: its fingerprint and its packed labels.
    pub fn keys(&self) -> impl Iterator<Item = (Fingerprint, &[u8])> {
        let key = |posted| (self.fingerprint(posted), slice(&self.bytes, &posted.labels));
        self.posted.iter().map(key)
    }

    fn fingerprint(&self, posted: &Posted) -> Fingerprint {
        let compute = || Fingerprint(fnv1a(slice(&self.bytes, &posted.labels)));
        posted.fingerprint.unwrap_or_else(compute)
    }

    /// Returns the number of alerts.
    pub fn len(&self) -> usize {
        self.posted.len()
    }

    /// Tells whether the batch holds no alert.
    pub fn is_empty(&self) -> bool {
        self.posted.is_empty()
    }

    /// Adds an alert whose label sets are in the buffer already.
    fn note(
        &mut self,
        labels: Range<u32>,
        annotations: Range<u32>,
        generator_url: &str,
        (starts_at, ends_at): (Option<Stamp>, Option<Stamp>),
        invalid: Option<Box<str>>,
    ) {
        let generator_url = self.append(|bytes| bytes.extend_from_slice(generator_url.as_bytes()));
        self.posted.push(Posted {
            labels,
            annotations,
            generator_url,
            fingerprint: None,
            starts_at,
            ends_at,
            invalid,
        });
        if self.posted.len().is_multiple_of(ABREAST)
            && let Some(last) = self.posted.last_chunk_mut::<ABREAST>()
        {
            let texts = last.each_ref().map(|posted| slice(&self.bytes, &posted.labels));
            for (posted, hash) in last.iter_mut().zip(fnv1a_each(texts)) {
                posted.fingerprint = Some(Fingerprint(hash));
            }
        }
    }

    fn append(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<u32> {
        let at = |n: usize| u32::try_from(n).expect("limits keep bodies below 4 GiB");
        let start = at(self.bytes.len());
        write(&mut self.bytes);
        start..at(self.bytes.len())
    }
}

fn slice<'a>(bytes: &'a [u8], span: &Range<u32>) -> &'a [u8] {
    &bytes[span.start as usize..span.end as usize]
}
