//! Seeded randomness: one seed enters the node, every part draws from a stream of its own, so that
//! a draw in one part never changes what another part sees.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng as _, SeedableRng as _},
};
use serde::{Deserialize, Serialize};

/// What the runtime draws from the system's entropy once, at start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed(pub [u8; 32]);

impl Seed {
    /// Makes a seed of a small number, for tests and simulations.
    pub fn from_number(n: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&n.to_le_bytes());
        Self(bytes)
    }
}

/// The parts that draw random numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Jitter of delivery back-off.
    Delivery = 1,
    /// Ids of silences.
    Silence = 2,
    /// Choices of gossip: whom to probe, when, whom to tell.
    Cluster = 3,
    /// Numbers that tell attempts apart.
    Nonce = 4,
    /// Ids of traces and spans.
    Trace = 5,
    /// Ids of groups in recorded events.
    Event = 6,
}

/// One part's stream of random numbers.
#[derive(Clone, Debug)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// Starts the stream of one part.
    pub fn new(seed: Seed, stream: Stream) -> Self {
        let mut rng = ChaCha8Rng::from_seed(seed.0);
        rng.set_stream(stream as u64);
        Self(rng)
    }

    /// Draws 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Draws a number in `0.0..1.0` with 53 random bits.
    pub fn next_unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Draws a version 4 UUID in its usual text form.
    pub fn next_uuid(&mut self) -> uuid::Uuid {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_reproducible_and_independent() {
        let mut a = Rng::new(Seed::from_number(7), Stream::Delivery);
        let mut b = Rng::new(Seed::from_number(7), Stream::Delivery);
        let mut c = Rng::new(Seed::from_number(7), Stream::Silence);
        let first = a.next_u64();
        assert_eq!(first, b.next_u64());
        assert_ne!(first, c.next_u64());
        assert!((0.0..1.0).contains(&a.next_unit()));
    }
}
