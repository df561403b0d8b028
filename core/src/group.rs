//! Aggregation groups.
