//! The wait between two attempts.

use core::time::Duration;

use crate::rng::Rng;

/// The first wait, before jitter. Alertmanager's value.
const FIRST: Duration = Duration::from_millis(500);
/// What each further wait is multiplied by. Alertmanager's value.
const FACTOR: f64 = 1.5;
/// The longest wait, before jitter. Alertmanager's value.
const LONGEST: Duration = Duration::from_secs(60);

/// Returns the wait after attempt number `attempt` (from 1), counted from that attempt's start:
/// `min(500 ms × 1.5^(attempt−1), 60 s)`, spread evenly over ±50 %.
pub(super) fn wait(attempt: u32, rng: &mut Rng) -> Duration {
    let mut wait = FIRST.as_secs_f64();
    for _ in 1..attempt {
        wait *= FACTOR;
        if wait >= LONGEST.as_secs_f64() {
            wait = LONGEST.as_secs_f64();
            break;
        }
    }
    Duration::from_secs_f64(wait * (0.5 + rng.next_unit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Seed, Stream};

    #[test]
    fn waits_grow_to_a_minute_within_their_jitter() {
        let mut rng = Rng::new(Seed::from_number(1), Stream::Delivery);
        for _ in 0..100 {
            let first = wait(1, &mut rng).as_secs_f64();
            assert!((0.25..0.75).contains(&first), "{first}");
            let late = wait(500, &mut rng).as_secs_f64();
            assert!((30.0..90.0).contains(&late), "{late}");
        }
    }
}
