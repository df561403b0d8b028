//! The notification log: what was said to whom, when.
