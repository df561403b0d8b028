//! The form of a journal file: a header, then one block for each append.
//!
//! ```text
//! header  "campjrnl" | version u32 | generation u64 | follows u64 | sum u64
//! block   sum u64 | length u32 | synced u64 | records
//! ```
//!
//! Numbers are little-endian. A sum is the XXH64 of everything after it, seeded with generation and
//! offset, so that a block elsewhere, or of another file, does not pass. `synced` says how much of
//! this file was known to be on disk when the block was written. That tells damage from an ending:
//! what was never synced may be torn, with holes before good blocks, after a power loss; what a
//! later block calls synced may not.

use alloc::vec::Vec;

use crate::{hash::xxh64_seeded, limits::JOURNAL_SCAN_FACTOR};

const MAGIC: &[u8; 8] = b"campjrnl";
const VERSION: u32 = 1;
/// Bytes of the header.
pub(super) const HEADER: usize = 8 + 4 + 8 + 8 + 8;
/// Bytes of a block before its records.
pub(super) const BLOCK: usize = 8 + 4 + 8;

/// What a journal file's header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The file's number.
    pub generation: u64,
    /// The number of the file before it; 0 when it is the first.
    pub follows: u64,
}

/// Why a header cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeaderError {
    /// The file is shorter than a header.
    Short,
    /// The sum is wrong, or it is another kind of file.
    Damaged,
    /// A newer program wrote it.
    Version(u32),
}

/// One block that passes its sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// Its records.
    pub records: &'a [u8],
    /// How much of the file was on disk when it was written.
    pub synced: u64,
    /// Where it ends.
    pub end: usize,
}

impl Header {
    /// Appends the header.
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&VERSION.to_le_bytes());
        out.extend_from_slice(&self.generation.to_le_bytes());
        out.extend_from_slice(&self.follows.to_le_bytes());
        let sum = xxh64_seeded(&out[start..], 0);
        out.extend_from_slice(&sum.to_le_bytes());
    }

    /// Reads the header of a file.
    ///
    /// # Errors
    /// The file is short, damaged or from a newer program.
    pub(super) fn decode(file: &[u8]) -> Result<Self, HeaderError> {
        let header = file.get(..HEADER).ok_or(HeaderError::Short)?;
        let sum = number(header, HEADER - 8, 8);
        if !header.starts_with(MAGIC) || xxh64_seeded(&header[..HEADER - 8], 0) != sum {
            return Err(HeaderError::Damaged);
        }
        let version = number(header, 8, 4) as u32;
        if version != VERSION {
            return Err(HeaderError::Version(version));
        }
        Ok(Self { generation: number(header, 12, 8), follows: number(header, 20, 8) })
    }
}

/// Appends a block of records to what will be written at `offset` of a file.
pub(super) fn encode(
    out: &mut Vec<u8>,
    records: &[u8],
    (generation, offset): (u64, u64),
    synced: u64,
) {
    let start = out.len();
    let length = u32::try_from(records.len()).expect("the journal keeps blocks below 4 GiB");
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&synced.to_le_bytes());
    out.extend_from_slice(records);
    let sum = xxh64_seeded(&out[start + 8..], seed(generation, offset));
    out[start..start + 8].copy_from_slice(&sum.to_le_bytes());
}

/// Reads the block at an offset, if there is one that passes.
pub(super) fn read(file: &[u8], generation: u64, at: usize) -> Option<Block<'_>> {
    let length = plausible(file, at)?;
    let end = at + BLOCK + length;
    let sum = number(file, at, 8);
    if xxh64_seeded(&file[at + 8..end], seed(generation, at as u64)) != sum {
        return None;
    }
    Some(Block { records: &file[at + BLOCK..end], synced: number(file, at + 12, 8), end })
}

/// Looks for the first block that passes at `from` or later. `Err` means that the search was given
/// up, because the bytes look like too many blocks that do not pass.
pub(super) fn search(file: &[u8], generation: u64, from: usize) -> Result<Option<usize>, ()> {
    let mut budget = file.len().saturating_mul(JOURNAL_SCAN_FACTOR);
    for at in from..file.len().saturating_sub(BLOCK) {
        let Some(length) = plausible(file, at) else { continue };
        budget = budget.checked_sub(length).ok_or(())?;
        if read(file, generation, at).is_some() {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

/// Returns the length that a block at an offset would have, if it fits into the file.
fn plausible(file: &[u8], at: usize) -> Option<usize> {
    let rest = file.len().checked_sub(at)?.checked_sub(BLOCK)?;
    let length = number(file, at + 8, 4) as usize;
    (1..=rest).contains(&length).then_some(length)
}

fn seed(generation: u64, offset: u64) -> u64 {
    generation.rotate_left(40) ^ offset
}

/// Reads a little-endian number of so many bytes. The caller has checked the length.
fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes[at..at + size].iter().rev().fold(0, |number, &byte| (number << 8) | u64::from(byte))
}
