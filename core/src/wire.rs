//! Byte formats that several parts write.

pub mod json;
