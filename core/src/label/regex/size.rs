//! How large an automaton can get at most, told from the expression alone.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Bytes of one state with its transitions, generously.
const STATE: usize = 64;

/// States for one range of a class of characters, generously: it can fall into eight sequences of
/// bytes of up to four states each.
const RANGE_STATES: usize = 32;

/// Bytes of an automaton without any state.
const BASE: usize = 4096;

/// Returns a number of bytes that the automata of an expression, forward and backward together,
/// certainly do not exceed.
///
/// Calls itself as deep as the expression nests, which the engine's own limit bounds before.
pub(super) fn bound(hir: &Hir) -> usize {
    states(hir).saturating_mul(STATE).saturating_add(BASE).saturating_mul(2)
}

fn states(hir: &Hir) -> usize {
    let all = |parts: &[Hir]| {
        parts.iter().fold(2_usize, |sum, part| sum.saturating_add(states(part)).saturating_add(2))
    };
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 2,
        HirKind::Literal(literal) => literal.0.len() + 2,
        HirKind::Class(Class::Unicode(class)) => class.ranges().len() * RANGE_STATES + 2,
        HirKind::Class(Class::Bytes(class)) => class.ranges().len() + 2,
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(4),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => all(parts),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1)).max(1) as usize;
            states(&repetition.sub).saturating_add(4).saturating_mul(times)
        }
    }
}
