//! Durations as Prometheus and as Go write them.
