//! Budgets of instructions and allocations for the operations that campana does most.
//!
//! Clocks tell little on a machine that does other things too. Counts are the same in every run:
//! one process for each operation prepares it, does it once, and counts what that took. The file
//! `budget.txt` holds what it may take.

// The benches and the tests of costs use the same load.
#[path = "../../src/load.rs"]
pub mod load;
pub mod operations;
pub mod table;
