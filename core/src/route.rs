//! The routing tree.
