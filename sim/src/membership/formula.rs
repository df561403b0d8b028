//! What the papers and the reference predict, for a protocol period of one second.

/// Suspicions last at least this many periods (times `log10 n` from ten members on).
const SUSPICION_MULT: f64 = 4.0;
/// And at most this many times as long, before anybody confirms them.
const SUSPICION_MAX_MULT: f64 = 6.0;
/// Members that one gossip tick tells.
const FANOUT: f64 = 3.0;
/// Seconds between two gossip ticks.
const TICK: f64 = 0.2;

/// SWIM: the expected time to the first detection of a crash at the start of a period, where each
/// member probes one at random per synchronous period: `T' / (1 - 1/e)`, in the limit of many.
pub(super) fn swim_first_detection() -> f64 {
    1.0 / (1.0 - (-1.0_f64).exp())
}

/// The expected time to the first suspicion among `n` members that probe round-robin, each at times
/// of its own, after a crash at any time: the least of `n - 1` waits uniform over a round of `n -
/// 1` periods, `(n - 1) / n`, and the period that the probe takes.
pub(super) fn first_suspicion(n: usize) -> f64 {
    (n as f64 - 1.0) / n as f64 + 1.0
}

/// The least time of a suspicion: `4 max(1, log10 n)` periods.
pub(super) fn suspicion_min(n: usize) -> f64 {
    SUSPICION_MULT * (n as f64).log10().max(1.0)
}

/// The time of a suspicion before any confirmation; the least one below four members, where too few
/// could confirm it.
pub(super) fn suspicion_max(n: usize) -> f64 {
    if n < 4 { suspicion_min(n) } else { suspicion_min(n) * SUSPICION_MAX_MULT }
}

/// The time of a suspicion after one of the two confirmations that Lifeguard wants.
pub(super) fn suspicion_after_one(n: usize) -> f64 {
    let (min, max) = (suspicion_min(n), suspicion_max(n));
    max - (max - min) * 2.0_f64.ln() / 3.0_f64.ln()
}

/// The expected time from a crash to the first member that holds it dead.
///
/// With Lifeguard the suspicion ends when two confirmed it, not before its least time and, after
/// one confirmation, not after [`suspicion_after_one`]. Confirmations come as probes do, one a
/// period: the second one after `t` with `P = (1 + t) e^-t`.
pub(super) fn first_death(n: usize, lifeguard: bool) -> f64 {
    let base = first_suspicion(n) + suspicion_min(n);
    if !lifeguard || n < 4 {
        return base;
    }
    let rest = |t: f64| (2.0 + t) * (-t).exp();
    base + rest(suspicion_min(n)) - rest(suspicion_after_one(n))
}

/// The expected time for a rumour to reach `n` members by gossip to three others a tick: it grows
/// fourfold a tick until most know it, and then the rest shrinks by `e^3` a tick.
pub(super) fn dissemination(n: usize) -> f64 {
    let ln = (n as f64).ln();
    TICK * (ln / (1.0 + FANOUT).ln() + ln / FANOUT)
}

/// SWIM: after `lambda ln n` periods of piggybacking at most `n^-((2 - 4/n) lambda - 2)` members
/// miss a rumour; with `lambda` 2 nearly nobody. A bound, not an expectation.
pub(super) fn swim_dissemination_bound(n: usize) -> f64 {
    2.0 * (n as f64).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formulas_have_their_published_values() {
        assert!((swim_first_detection() - 1.582).abs() < 0.001);
        let at = |n| (suspicion_min(n), suspicion_max(n));
        assert_eq!([at(3), at(10), at(100)], [(4.0, 4.0), (4.0, 24.0), (8.0, 48.0)]);
        assert!((suspicion_after_one(10) - 11.381).abs() < 0.001);
        assert_eq!(first_death(3, true), first_death(3, false));
        let late = first_death(10, true) - first_death(10, false);
        assert!((0.05..0.2).contains(&late), "{late}");
        assert!(dissemination(1000) < swim_dissemination_bound(1000));
    }
}
