//! Byte formats: what campana shares with files, with peers and with the programs of both.

pub mod gossip;
pub mod http2;
pub mod json;
pub mod memberlist;
pub mod mesh;
pub mod msgpack;
pub mod protobuf;

#[cfg(test)]
pub(crate) mod vectors;
