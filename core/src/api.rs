//! HTTP requests to calls, queries and responses.
