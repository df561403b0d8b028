//! HTTP requests to calls, queries and responses.

mod call;

pub use self::call::{Call, Reply};
