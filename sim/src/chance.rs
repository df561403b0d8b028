//! Chance that comes from a seed.

use std::time::Duration;

/// A stream of pseudo-random numbers (SplitMix64): the same seed gives the same numbers.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// Starts the stream of a seed. `what` tells streams of one seed apart.
    pub const fn new(seed: u64, what: u64) -> Self {
        Self(mix(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ mix(what.wrapping_add(1))))
    }

    /// Draws 64 bits.
    pub const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Draws a number in `0..end`; 0 for an end of 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        ((self.bits() as u128 * end as u128) >> 64) as u64
    }

    /// Draws a number in `0.0..1.0`.
    pub const fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Tells whether something of this probability happens. What never happens draws nothing.
    pub fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.unit() < probability
    }

    /// Draws a span of at least `from` and less than `to`.
    pub fn between(&mut self, from: Duration, to: Duration) -> Duration {
        let width = to.saturating_sub(from).as_nanos();
        from + Duration::from_nanos(self.below(u64::try_from(width).unwrap_or(u64::MAX)))
    }

    /// Draws one of several things.
    ///
    /// # Panics
    /// When there are none.
    pub const fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len() as u64) as usize]
    }
}

const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_and_stay_in_range() {
        let (mut a, mut b) = (Chance::new(1, 0), Chance::new(1, 0));
        assert_eq!(a.bits(), b.bits());
        assert_ne!(Chance::new(1, 1).bits(), Chance::new(2, 1).bits());
        let hits = (0..10_000).filter(|_| a.happens(0.1)).count();
        assert!((800..1200).contains(&hits), "{hits}");
        let seen: std::collections::BTreeSet<u64> = (0..100).map(|_| a.below(4)).collect();
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
    }
}
