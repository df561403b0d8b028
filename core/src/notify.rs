//! Integrations as step machines.
