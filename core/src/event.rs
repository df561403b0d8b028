//! What the node reports to the log: typed events without secrets.
