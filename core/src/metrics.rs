//! Counters as plain fields, and the text format Prometheus reads.
