//! Strict RFC 3339 and the other layouts the API reads and writes.
