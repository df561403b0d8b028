//! The formulas of SWIM with Lifeguard as hashicorp/memberlist computes them.
//!
//! Logarithms of counts are computed on integers where only their ceiling matters, so no rounding
//! error can move a limit; the rest uses a logarithm of our own, since `core` has none.

use core::time::Duration;

/// Times a probe interval that an accused member has at least, as memberlist's `SuspicionMult`.
pub(super) const SUSPICION_MULT: u32 = 4;
/// How much longer than the least a suspicion may last: `SuspicionMaxTimeoutMult`.
pub(super) const SUSPICION_MAX_MULT: u32 = 6;
/// Multiplier of the transmit limit of membership messages: `RetransmitMult`.
pub(super) const RETRANSMIT_MULT: u32 = 4;
/// Relays asked for an indirect probe: `IndirectChecks`.
pub(super) const INDIRECT_CHECKS: usize = 3;
/// One more than the worst health score: `AwarenessMaxMultiplier`.
pub(super) const AWARENESS_MAX: u32 = 8;
/// How long the dead are still gossiped to, and kept: `GossipToTheDeadTime`.
pub(super) const DEAD_TIME: Duration = Duration::from_secs(30);
/// Members up to which full exchanges keep their interval: `pushPullScaleThreshold`.
const PUSH_PULL_THRESHOLD: usize = 32;

/// Returns how often a message is sent: `mult * ceil(log10(n + 1))` (reference B.11), so for a
/// multiplier of 4 it is 4 up to 9 members, 8 up to 99, 12 up to 999.
pub(super) fn transmit_limit(mult: u32, members: usize) -> u32 {
    let (mut digits, mut power) = (0, 1usize);
    while power < members.saturating_add(1) {
        power = power.saturating_mul(10);
        digits += 1;
    }
    mult * digits
}

/// Returns the interval of full exchanges: unchanged up to 32 members, then times
/// `ceil(log2(n) - log2(32)) + 1` (reference B.11), so twice at 33 and three times at 65.
pub(super) fn push_pull_interval(interval: Duration, members: usize) -> Duration {
    if members <= PUSH_PULL_THRESHOLD {
        return interval;
    }
    let log2 = usize::BITS - (members - 1).leading_zeros();
    interval * (log2 - PUSH_PULL_THRESHOLD.trailing_zeros() + 1)
}

/// Returns the least time of a suspicion among `members` known members:
/// `SuspicionMult * max(1, log10(n)) * interval`, the scale cut to three decimals (reference B.9).
///
/// The scale at exact powers of ten is exact here; Go's logarithm of 1,000 falls just below 3,
/// which makes its suspicion 0.03 % shorter there.
pub(super) fn suspicion_min(members: usize, interval: Duration) -> Duration {
    let log10 = ln(members.max(1) as f64) / core::f64::consts::LN_10;
    let thousandths = (log10 * 1000.0 + 1e-9).max(1000.0) as u32;
    interval.saturating_mul(SUSPICION_MULT).saturating_mul(thousandths) / 1000
}

/// Returns how many confirmations shorten a suspicion to its least: `SuspicionMult - 2`, or none
/// where fewer other members than that could confirm (reference B.9).
pub(super) fn confirmations_wanted(members: usize) -> u32 {
    let wanted = SUSPICION_MULT - 2;
    if members < 2 + wanted as usize { 0 } else { wanted }
}

/// Returns how long a suspicion lasts in all after `count` of `wanted` confirmations:
/// `max - (max - min) * ln(c + 1) / ln(k + 1)`, cut to milliseconds and at least `min`
/// (reference B.9; Lifeguard section IV-B).
pub(super) fn suspicion_timeout(count: u32, wanted: u32, min: Duration, max: Duration) -> Duration {
    if wanted == 0 || count >= wanted {
        return min;
    }
    let part = ln(f64::from(count) + 1.0) / ln(f64::from(wanted) + 1.0);
    let seconds = max.as_secs_f64() - part * max.saturating_sub(min).as_secs_f64();
    Duration::from_millis((seconds * 1000.0) as u64).max(min)
}

/// The natural logarithm of a positive normal number, to about 15 digits.
fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) & 0x7ff) as i64 - 1023;
    let mut mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
    if mantissa > core::f64::consts::SQRT_2 {
        mantissa /= 2.0;
        exponent += 1;
    }
    // ln m = 2 artanh((m - 1) / (m + 1)); with m near 1 the series gains 1.5 digits a term.
    let t = (mantissa - 1.0) / (mantissa + 1.0);
    let (square, mut power, mut sum) = (t * t, t, 0.0);
    for odd in (1..24).step_by(2) {
        sum += power / f64::from(odd);
        power *= square;
    }
    2.0 * sum + exponent as f64 * core::f64::consts::LN_2
}

/// How well this node keeps up, as it finds by its own probes: Lifeguard's local health.
///
/// 0 is healthy; the score stays between 0 and 7 and stretches the probe interval (not the probe
/// timeout, unlike the paper; reference B.8).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Health(u32);

impl Health {
    /// Adds to the score, within its bounds.
    pub(super) fn apply(&mut self, delta: i32) {
        self.0 = self.0.saturating_add_signed(delta).min(AWARENESS_MAX - 1);
    }

    /// Returns the score.
    pub(super) fn score(self) -> u32 {
        self.0
    }

    /// Stretches a span by the score.
    pub(super) fn scale(self, span: Duration) -> Duration {
        span * (self.0 + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn transmits_follow_the_digits() {
        for (n, limit) in [(0, 0), (1, 4), (9, 4), (10, 8), (99, 8), (100, 12), (999, 12)] {
            assert_eq!(transmit_limit(RETRANSMIT_MULT, n), limit, "{n}");
        }
        assert_eq!([9, 99, 999].map(|n| transmit_limit(3, n)), [3, 6, 9]);
        assert!(transmit_limit(4, usize::MAX) > 60);
    }

    #[test]
    fn exchanges_are_rarer_in_large_clusters() {
        for (n, times) in [(1, 1), (32, 1), (33, 2), (64, 2), (65, 3), (128, 3), (129, 4)] {
            assert_eq!(push_pull_interval(SECOND, n), SECOND * times, "{n}");
        }
    }

    #[test]
    fn suspicion_has_the_measured_lengths() {
        for (n, ms) in [(0, 4000), (3, 4000), (10, 4000), (100, 8000), (1000, 12_000)] {
            assert_eq!(suspicion_min(n, SECOND), Duration::from_millis(ms), "{n}");
        }
        assert_eq!(suspicion_min(50, SECOND), Duration::from_millis(4 * 1698));
        assert_eq!([1, 2, 3, 4, 100].map(confirmations_wanted), [0, 0, 0, 2, 2]);
        let (min, max) = (SECOND * 4, SECOND * 24);
        let after = [0, 1, 2, 3].map(|c| suspicion_timeout(c, 2, min, max).as_millis());
        assert_eq!(after, [24_000, 11_381, 4000, 4000]);
        assert_eq!(suspicion_timeout(0, 0, min, max), min);
    }

    #[test]
    fn logarithms_are_exact_enough() {
        for n in 1..20_000u32 {
            let x = f64::from(n) / 7.0;
            assert!((ln(x) - x.ln()).abs() < 1e-13 * (1.0 + x.ln().abs()), "{x}");
        }
    }

    #[test]
    fn health_stays_in_bounds() {
        let mut health = Health::default();
        health.apply(-1);
        assert_eq!((health.score(), health.scale(SECOND)), (0, SECOND));
        health.apply(5);
        health.apply(5);
        assert_eq!((health.score(), health.scale(SECOND)), (7, SECOND * 8));
        health.apply(-3);
        assert_eq!(health.score(), 4);
    }
}
