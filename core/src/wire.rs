//! Byte formats: what campana shares with files, with peers and with the programs of both.

pub mod json;
pub mod memberlist;
pub mod msgpack;
