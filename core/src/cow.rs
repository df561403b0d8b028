//! A slab whose snapshots are cheap: values live in chunks that readers share until they change.
//!
//! The owner writes in place while nobody looks. [`Slab::snapshot`] copies one pointer per chunk;
//! a later write clones just the chunk it touches, and only while the snapshot is still alive. So a
//! refresh without readers allocates nothing, and a reader never stops a writer.

use alloc::{sync::Arc, vec::Vec};

/// Values per chunk: small enough that a clone under a reader stays near a microsecond, large
/// enough that a snapshot of 100,000 values copies fewer than 1,600 pointers.
const CHUNK: usize = 64;

type Chunk<T> = Vec<Option<T>>;

/// A table of values with small reusable indexes.
#[derive(Clone, Debug)]
pub struct Slab<T> {
    chunks: Vec<Arc<Chunk<T>>>,
    free: Vec<u32>,
    len: usize,
}

/// The state of a slab at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot<T> {
    chunks: Vec<Arc<Chunk<T>>>,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new(), len: 0 }
    }
}

impl<T: Clone> Slab<T> {
    /// Makes an empty slab.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores a value and returns its index, the lowest that was freed last or a new one.
    pub fn insert(&mut self, value: T) -> u32 {
        self.len += 1;
        if let Some(index) = self.free.pop() {
            *self.slot_mut(index) = Some(value);
            return index;
        }
        if self.chunks.last().is_none_or(|chunk| chunk.len() == CHUNK) {
            self.chunks.push(Arc::new(Vec::with_capacity(CHUNK)));
        }
        let base = (self.chunks.len() - 1) * CHUNK;
        let chunk = Arc::make_mut(self.chunks.last_mut().expect("a chunk was just ensured"));
        chunk.push(Some(value));
        u32::try_from(base + chunk.len() - 1).expect("limits keep slabs below 2^32 values")
    }

    /// Takes a value out; its index may be used again.
    pub fn remove(&mut self, index: u32) -> Option<T> {
        self.get(index)?;
        let value = self.slot_mut(index).take();
        self.free.push(index);
        self.len -= 1;
        value
    }

    /// Returns a value for change. Clones its chunk when a snapshot shares it.
    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        let index = index as usize;
        let chunk = self.chunks.get_mut(index / CHUNK)?;
        // An empty slot is no reason to clone the chunk.
        chunk.get(index % CHUNK)?.as_ref()?;
        Arc::make_mut(chunk)[index % CHUNK].as_mut()
    }

    /// Returns a value.
    pub fn get(&self, index: u32) -> Option<&T> {
        get(&self.chunks, index)
    }

    /// Returns every value with its index, in the order of the indexes.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        iter(&self.chunks)
    }

    /// Returns the number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Tells whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns one past the highest index ever used: the bound for a sweep by index.
    pub fn end(&self) -> u32 {
        let full = self.chunks.len().saturating_sub(1) * CHUNK;
        u32::try_from(full + self.chunks.last().map_or(0, |chunk| chunk.len())).unwrap_or(u32::MAX)
    }

    /// Returns the present state for readers.
    pub fn snapshot(&self) -> Snapshot<T> {
        Snapshot { chunks: self.chunks.clone(), len: self.len }
    }

    fn slot_mut(&mut self, index: u32) -> &mut Option<T> {
        let index = index as usize;
        &mut Arc::make_mut(&mut self.chunks[index / CHUNK])[index % CHUNK]
    }
}

impl<T> Snapshot<T> {
    /// Returns a value.
    pub fn get(&self, index: u32) -> Option<&T> {
        get(&self.chunks, index)
    }

    /// Returns every value with its index, in the order of the indexes.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        iter(&self.chunks)
    }

    /// Returns the number of values.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Tells whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<T> Default for Snapshot<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }
}

fn get<T>(chunks: &[Arc<Chunk<T>>], index: u32) -> Option<&T> {
    chunks.get(index as usize / CHUNK)?.get(index as usize % CHUNK)?.as_ref()
}

fn iter<T>(chunks: &[Arc<Chunk<T>>]) -> impl Iterator<Item = (u32, &T)> {
    chunks.iter().enumerate().flat_map(|(c, chunk)| {
        chunk
            .iter()
            .enumerate()
            .filter_map(move |(i, slot)| Some(((c * CHUNK + i) as u32, slot.as_ref()?)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_keeps_what_it_saw() {
        let mut slab = Slab::new();
        let ids: Vec<u32> = (0..200).map(|n| slab.insert(n)).collect();
        let before = slab.snapshot();
        *slab.get_mut(ids[70]).expect("stored") = 7000;
        assert_eq!(slab.remove(ids[3]), Some(3));
        assert_eq!(slab.remove(ids[3]), None);
        assert_eq!(before.get(70), Some(&70));
        assert_eq!(before.get(3), Some(&3));
        assert_eq!(slab.get(70), Some(&7000));
        assert_eq!((slab.len(), before.len(), slab.end()), (199, 200, 200));
        assert_eq!(slab.insert(9), 3, "freed indexes are used again");
        assert_eq!(slab.iter().count(), 200);
    }
}
