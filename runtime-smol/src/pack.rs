//! gzip.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

/// Packs bytes.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = packer.write_all(bytes).and_then(|()| packer.finish());
    packed.expect("a Vec takes every write")
}
