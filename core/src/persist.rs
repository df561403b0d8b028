//! Checkpoints: what survives a restart.
