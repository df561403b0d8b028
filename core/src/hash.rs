//! The hashes that are visible outside: fingerprints, notification-log hashes, group-key digests.
//!
//! All of them must equal Alertmanager's byte for byte, since peers, links and receivers see them.

use alloc::string::String;
use core::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// An alert's identity: FNV-1a 64 over its sorted labels, each `name 0xFF value 0xFF`.
///
/// Prints as 16 lower-case hex digits, as in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fingerprint(pub u64);

impl Fingerprint {
    /// Returns the hex digits.
    pub fn digits(self) -> [u8; 16] {
        let mut digits = [0; 16];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(self.0.to_be_bytes()) {
            *pair = HEX[usize::from(byte)];
        }
        digits
    }
}

/// The two digits of each byte.
const HEX: [[u8; 2]; 256] = {
    let (mut pairs, mut byte) = ([[0; 2]; 256], 0);
    while byte < 256 {
        pairs[byte] = [b"0123456789abcdef"[byte >> 4], b"0123456789abcdef"[byte & 15]];
        byte += 1;
    }
    pairs
};

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.digits()).expect("digits are ASCII"))
    }
}

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0000_0100_0000_01b3;

/// Hashes bytes with FNV-1a, 64 bits (offset 14695981039346656037, prime 1099511628211).
pub fn fnv1a(bytes: &[u8]) -> u64 {
    fnv1a_on(FNV_OFFSET, bytes)
}

fn fnv1a_on(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME))
}

/// Hashes several texts with FNV-1a side by side.
///
/// Each step of this hash waits for the multiplication before it, and a processor can do others in
/// the meantime: four texts of one length take hardly longer than one.
pub fn fnv1a_each<const N: usize>(texts: [&[u8]; N]) -> [u64; N] {
    let common = texts.iter().map(|text| text.len()).min().unwrap_or(0);
    let mut hashes = [FNV_OFFSET; N];
    // The compiler sees now that none ends too early.
    let starts = texts.map(|text| &text[..common]);
    for at in 0..common {
        for (hash, text) in hashes.iter_mut().zip(&starts) {
            *hash = (*hash ^ u64::from(text[at])).wrapping_mul(FNV_PRIME);
        }
    }
    for (hash, text) in hashes.iter_mut().zip(&texts) {
        *hash = fnv1a_on(*hash, &text[common..]);
    }
    hashes
}

/// Hashes bytes with XXH64, seed 0: the notification log's hash of an alert.
pub fn xxh64(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh64::xxh64(bytes, 0)
}

/// Returns the XXH64 of bytes under a seed, so that the same bytes elsewhere have another sum.
pub fn xxh64_seeded(bytes: &[u8], seed: u64) -> u64 {
    xxhash_rust::xxh64::xxh64(bytes, seed)
}

/// Returns the lower-case hex SHA-256 of a text: what integrations use as a group's public id.
pub fn sha256_hex(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        write!(hex, "{byte:02x}").expect("a String takes every write");
    }
    hex
}

/// Returns the number that `alertmanager_config_hash` shows: the first six bytes of the MD5 of the
/// configuration's text, read as a little-endian integer.
pub fn config_hash(text: &[u8]) -> u64 {
    let digest = md5::Md5::digest(text);
    let mut first = [0; 8];
    first[..6].copy_from_slice(&digest[..6]);
    u64::from_le_bytes(first)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn hashes_equal_alertmanagers() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(Fingerprint(fnv1a(b"a\xff1\xff")).to_string(), "d3b971819376d835");
        assert_eq!(&Fingerprint(0x00ff_a1b2_c3d4_e509).digits(), b"00ffa1b2c3d4e509");
        let l: &[u8] = b"alertname\xffL\xffi\xff1\xff";
        assert_eq!(fnv1a_each([l, b"", &l[..9], &l[..12]]), [l, b"", &l[..9], &l[..12]].map(fnv1a));
        assert_eq!(fnv1a(l), 12_382_447_100_720_005_698);
        assert_eq!(xxh64(l), 8_558_182_191_084_489_666);
        assert_eq!(
            sha256_hex("{}:{}"),
            "cc9772a1ec901d26ef71dae861793e4d08979fa5030a3f0a5f3ba549f1f2d0b6"
        );
    }
}
