//! Runs drawn from a seed: a cluster, a pair of Prometheus servers, and whatever goes wrong.
//!
//! Each seed draws its own mix of faults ([`Mix`]), so that some runs meet one kind alone and
//! others all of them. A run has two phases. In the *safety* phase the faults act; then everything
//! heals, and in the *liveness* phase the nodes must agree and tell what is left to tell. The
//! checkers read what the receiver was told and compare it with what was true.

mod causes;
mod check;
mod faults;
mod mix;
mod prometheus;
mod run;
mod table;
mod truth;

pub use self::{
    causes::Cause,
    check::Findings,
    mix::{Kind, Kinds, Mix},
    run::{Outcome, Plan, run},
    table::Table,
};
