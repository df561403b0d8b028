//! Label sets as one packed, shared block of bytes.
//!
//! The block holds each pair as `name 0xFF value 0xFF`, sorted by name. `0xFF` occurs in no UTF-8
//! text, so the form is unambiguous, two sets are equal exactly when their bytes are, and the bytes
//! are the very input of the fingerprint and of the notification log's hash.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{borrow::Borrow, cmp::Ordering, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::quote::quote_into;
use crate::{
    hash::{Fingerprint, fnv1a, xxh64},
    word,
};

const END: u8 = 0xFF;

/// An immutable set of labels (or annotations), sorted by name, each name once.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Labels(Arc<[u8]>);

impl Labels {
    /// Makes the empty set.
    pub fn empty() -> Self {
        // Unlike `Arc::from([])`, this one is shared and takes no memory.
        Self(Arc::default())
    }

    /// Makes a set of pairs in any order; of a repeated name the last value stays.
    pub fn from_pairs<N: AsRef<str>, V: AsRef<str>>(
        pairs: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let mut builder = LabelsBuilder::new();
        for (name, value) in pairs {
            builder.push(name.as_ref(), value.as_ref());
        }
        builder.finish()
    }

    /// Takes over a packed form that a [`LabelsBuilder`] made.
    ///
    /// # Panics
    /// On bytes that are not such a form, when a text is read.
    pub(crate) fn from_packed(bytes: &[u8]) -> Self {
        if bytes.is_empty() { Self::empty() } else { Self(Arc::from(bytes)) }
    }

    /// Returns a name's value.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_bytes(name.as_bytes()).map(text)
    }

    /// Returns a name's value as bytes, without the cost of a UTF-8 check.
    pub fn get_bytes(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter_bytes().find(|(n, _)| *n >= name).filter(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Returns the pairs, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.iter_bytes().map(|(name, value)| (text(name), text(value)))
    }

    /// Returns the pairs as bytes, sorted by name.
    pub fn iter_bytes(&self) -> PairsIter<'_> {
        PairsIter { rest: &self.0 }
    }

    /// Returns the number of pairs.
    pub fn len(&self) -> usize {
        memchr::memchr_iter(END, &self.0).count() / 2
    }

    /// Tells whether there are no pairs.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the packed form: `name 0xFF value 0xFF` for each pair.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the fingerprint: FNV-1a over the packed form.
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint(fnv1a(&self.0))
    }

    /// Returns the notification log's hash: XXH64 over the packed form.
    pub fn nflog_hash(&self) -> u64 {
        xxh64(&self.0)
    }

    /// Packs the pairs of some names, which must be sorted. Empties `out` first.
    pub(crate) fn pick_into(&self, names: &[Arc<str>], out: &mut Vec<u8>) {
        out.clear();
        let mut wanted = names.iter().map(|name| name.as_bytes()).peekable();
        for (name, value) in self.iter_bytes() {
            while wanted.next_if(|wanted| *wanted < name).is_some() {}
            match wanted.peek() {
                None => return,
                Some(wanted) if *wanted == name => push_pair(out, name, value),
                Some(_) => {}
            }
        }
    }

    /// Returns the pairs whose names satisfy `keep`.
    pub fn filter(&self, mut keep: impl FnMut(&str) -> bool) -> Self {
        let mut bytes = Vec::new();
        for (name, value) in self.iter_bytes() {
            if keep(text(name)) {
                push_pair(&mut bytes, name, value);
            }
        }
        Self(Arc::from(bytes))
    }

    /// Orders two sets as Alertmanager orders alerts and groups: fewer pairs first; then by the
    /// sorted union of names, where the first difference decides and a missing name comes first.
    pub fn cmp_by_set(&self, other: &Self) -> Ordering {
        self.len().cmp(&other.len()).then_with(|| {
            let (mut a, mut b) = (self.iter_bytes(), other.iter_bytes());
            loop {
                match (a.next(), b.next()) {
                    (Some((an, av)), Some((bn, bv))) => match (an.cmp(bn), av.cmp(bv)) {
                        (Ordering::Equal, Ordering::Equal) => {}
                        (Ordering::Equal, by_value) => return by_value,
                        // The smaller name is missing in the other set, and missing comes first.
                        (by_name, _) => return by_name.reverse(),
                    },
                    (None, None) => return Ordering::Equal,
                    (None, Some(_)) => return Ordering::Less,
                    (Some(_), None) => return Ordering::Greater,
                }
            }
        })
    }
}

impl PartialOrd for Labels {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By packed bytes: some total order, for keys of maps. What users see is sorted by
/// [`Labels::cmp_by_set`].
impl Ord for Labels {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

/// Sets are looked up by their packed form without making a set first.
impl Borrow<[u8]> for Labels {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl Default for Labels {
    fn default() -> Self {
        Self::empty()
    }
}

/// `{k="v", k2="v2"}`: names as they are, values quoted as Go quotes them.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::with_capacity(2 * self.0.len() + 2);
        out.push('{');
        for (i, (name, value)) in self.iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            out.push_str(name);
            out.push('=');
            quote_into(&mut out, value);
        }
        out.push('}');
        f.write_str(&out)
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Labels;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a packed label set")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Labels, E> {
                unpack(bytes).ok_or_else(|| E::custom("malformed label set"))
            }
        }
        deserializer.deserialize_bytes(Visitor).map_err(D::Error::custom)
    }
}

/// Walks the pairs of a set.
#[derive(Clone, Debug)]
pub struct PairsIter<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for PairsIter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let name_end = find_end(self.rest)?;
        let (name, rest) = (&self.rest[..name_end], &self.rest[name_end + 1..]);
        let value_end = find_end(rest)?;
        self.rest = &rest[value_end + 1..];
        Some((name, &rest[..value_end]))
    }
}

/// Collects pairs in any order and packs them. Reusable: `finish` leaves it empty.
#[derive(Clone, Debug, Default)]
pub struct LabelsBuilder {
    /// The pairs in packed form, in the order they were pushed.
    text: Vec<u8>,
    /// Where each pair begins, where its name ends, and where the pair ends.
    spans: Vec<(u32, u32, u32)>,
    /// Whether a name did not come after the one before it.
    is_unsorted: bool,
}

impl LabelsBuilder {
    /// Makes an empty builder.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pair. Of a repeated name the last value stays.
    pub fn push(&mut self, name: &str, value: &str) {
        let at = |n: usize| u32::try_from(n).expect("limits keep label sets far below 4 GiB");
        if let Some(&(start, middle, _)) = self.spans.last() {
            let (last, name) = (&self.text[start as usize..middle as usize], name.as_bytes());
            // The first bytes differ most of the time.
            self.is_unsorted |= last.first() >= name.first() && last >= name;
        }
        let start = self.text.len();
        push_pair(&mut self.text, name.as_bytes(), value.as_bytes());
        self.spans.push((at(start), at(start + name.len()), at(self.text.len())));
    }

    /// Tells whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Sorts and packs what was added, and empties the builder.
    pub fn finish(&mut self) -> Labels {
        let mut bytes = Vec::with_capacity(self.text.len());
        self.finish_into(&mut bytes);
        Labels::from_packed(&bytes)
    }

    /// Like [`finish`](Self::finish), appending the packed form to the caller's buffer.
    pub fn finish_into(&mut self, bytes: &mut Vec<u8>) {
        if core::mem::take(&mut self.is_unsorted) {
            self.sort_into(bytes);
        } else {
            bytes.extend_from_slice(&self.text);
        }
        self.text.clear();
        self.spans.clear();
    }

    fn sort_into(&mut self, bytes: &mut Vec<u8>) {
        let text = &self.text;
        let name = |&(start, middle, _): &(u32, u32, u32)| &text[start as usize..middle as usize];
        // Stable, so that the last of equal names is the one pushed last.
        self.spans.sort_by(|a, b| name(a).cmp(name(b)));
        for (i, span) in self.spans.iter().enumerate() {
            if self.spans.get(i + 1).is_none_or(|next| name(next) != name(span)) {
                bytes.extend_from_slice(&text[span.0 as usize..span.2 as usize]);
            }
        }
    }
}

#[inline]
fn push_pair(bytes: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    bytes.reserve(name.len() + value.len() + 2);
    bytes.extend_from_slice(name);
    bytes.push(END);
    bytes.extend_from_slice(value);
    bytes.push(END);
}

/// Finds the first `0xFF`. Most texts are so short that a call of `memchr` would cost more than the
/// search: the first bytes are looked through here, eight at a time.
#[inline]
fn find_end(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    while at < 32
        && let Some(block) = bytes[at..].first_chunk::<8>()
    {
        let found = word::equal(u64::from_le_bytes(*block), END);
        if found != 0 {
            return Some(at + word::first(found));
        }
        at += 8;
    }
    memchr::memchr(END, &bytes[at..]).map(|more| at + more)
}

fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).expect("sets are packed from UTF-8 texts only")
}

/// Checks foreign bytes: whole pairs of UTF-8, names ascending.
fn unpack(bytes: &[u8]) -> Option<Labels> {
    let mut pairs = PairsIter { rest: bytes };
    let mut last: Option<&[u8]> = None;
    // Most sets are ASCII, which one look at the whole tells.
    let is_ascii = bytes.iter().fold(true, |all, &b| all & (b < 0x80 || b == END));
    for (name, value) in pairs.by_ref() {
        if !is_ascii {
            core::str::from_utf8(name).ok()?;
            core::str::from_utf8(value).ok()?;
        }
        if last.is_some_and(|last| last >= name) {
            return None;
        }
        last = Some(name);
    }
    pairs.rest.is_empty().then(|| Labels(Arc::from(bytes)))
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeMap, string::ToString};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fingerprints_equal_alertmanagers() {
        let fp = |pairs: &[(&str, &str)]| {
            Labels::from_pairs(pairs.iter().copied()).fingerprint().to_string()
        };
        assert_eq!(fp(&[]), "cbf29ce484222325");
        assert_eq!(fp(&[("z", "charset"), ("q", "<a>&")]), "a44d73eac5866b45");
        assert_eq!(
            fp(&[("my label", "x\"y"), ("alertname", "G"), ("job", "j")]),
            "6fe372b6854b0581"
        );
        let labels = Labels::from_pairs([("b", "1"), ("a", "x\n"), ("b", "2")]);
        assert_eq!(labels.to_string(), r#"{a="x\n", b="2"}"#);
    }

    #[test]
    fn sets_are_ordered_by_size_then_names_then_values() {
        let set = |pairs: &[(&str, &str)]| Labels::from_pairs(pairs.iter().copied());
        assert_eq!(set(&[]).cmp_by_set(&set(&[("a", "1")])), Ordering::Less);
        assert_eq!(set(&[("a", "1")]).cmp_by_set(&set(&[("a", "2")])), Ordering::Less);
        assert_eq!(set(&[("a", "1")]).cmp_by_set(&set(&[("b", "0")])), Ordering::Greater);
    }

    proptest! {
        #[test]
        fn a_set_behaves_like_a_sorted_map(pairs in proptest::collection::vec(("[a-d]{0,2}", "\\PC{0,4}"), 0..8)) {
            let map: BTreeMap<_, _> = pairs.iter().cloned().collect();
            let set = Labels::from_pairs(pairs);
            prop_assert_eq!(set.len(), map.len());
            prop_assert!(set.iter().eq(map.iter().map(|(n, v)| (n.as_str(), v.as_str()))));
            for name in ["", "a", "ab", "d", "zz"] {
                prop_assert_eq!(set.get(name), map.get(name).map(String::as_str));
            }
            let bytes = postcard::to_allocvec(&set).expect("encodes");
            prop_assert_eq!(postcard::from_bytes::<Labels>(&bytes).expect("decodes"), set);
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Some(set) = unpack(&bytes) {
                prop_assert!(set.iter().count() == set.len());
            }
        }
    }
}
