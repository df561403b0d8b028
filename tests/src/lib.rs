//! Tests of the whole product: one scenario language and the drivers that play it.
//!
//! A [`scenario::Scenario`] says what users and receivers do on a timeline, and which
//! notifications must come. The same scenario is played in the simulator on virtual time, against
//! both programs, and against the real Alertmanager (see [`drivers`]), which keeps the scenarios
//! honest: what we expect of ourselves is what the original does, or the scenario says why not.

pub mod cluster;
pub mod drivers;
pub mod http;
pub mod judge;
pub mod load;
pub mod play;
pub mod probe;
pub mod relay;
pub mod scenario;
pub mod shim;
pub mod sidebyside;
pub mod sink;
pub mod subset;
pub mod walk;
