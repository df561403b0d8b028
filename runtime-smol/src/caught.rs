//! Computations whose panic is a result like any other; both runtimes use this file.

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
};

use campana_core::node::{Done, Work};

/// Runs work to its end, whatever that is.
pub(crate) fn finish(work: Work) -> Done {
    caught(|| work.run()).unwrap_or_else(Done::Panicked)
}

/// Runs a computation; the error says how it panicked.
pub(crate) fn caught<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|panic| said(&*panic))
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
