//! Alerts and their store.
