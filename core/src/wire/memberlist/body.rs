//! The structures that messages consist of, as msgpack.

use alloc::{string::String, vec::Vec};
use core::net::{IpAddr, SocketAddr};

use super::{
    Ack, Alive, Dead, IndirectPing, Message, Nack, NodeState, Ping, PushNode, Suspect, Vsn,
};
use crate::{
    limits::{GOSSIP_META_BYTES_MAX, GOSSIP_NAME_BYTES_MAX},
    wire::msgpack::{MsgpackError, Reader, Writer, unexpected},
};

/// The bytes that say of which kind a message is.
pub(super) mod kind {
    pub(in super::super) const PING: u8 = 0;
    pub(in super::super) const INDIRECT_PING: u8 = 1;
    pub(in super::super) const ACK: u8 = 2;
    pub(in super::super) const SUSPECT: u8 = 3;
    pub(in super::super) const ALIVE: u8 = 4;
    pub(in super::super) const DEAD: u8 = 5;
    pub(in super::super) const PUSH_PULL: u8 = 6;
    pub(in super::super) const COMPOUND: u8 = 7;
    pub(in super::super) const USER: u8 = 8;
    pub(in super::super) const COMPRESS: u8 = 9;
    pub(in super::super) const NACK: u8 = 11;
    pub(in super::super) const CRC: u8 = 12;
    pub(in super::super) const ERR: u8 = 13;
    pub(in super::super) const LABEL: u8 = 244;
}

/// Appends a message as it stands in a packet or in a part of a compound: its kind, then its body.
/// Empty byte strings are written as empty ones, not as nil.
pub fn encode_message(message: &Message, out: &mut Vec<u8>) {
    match message {
        Message::Ping(ping) => {
            out.push(kind::PING);
            write_ping(ping, out);
        }
        Message::IndirectPing(ping) => {
            out.push(kind::INDIRECT_PING);
            write_indirect_ping(ping, out);
        }
        Message::Ack(Ack { seq_no, payload }) => {
            out.push(kind::ACK);
            write_ack(*seq_no, Some(payload), out);
        }
        Message::Nack(Nack { seq_no }) => {
            out.push(kind::NACK);
            let mut w = Writer::new(out);
            w.map(1);
            w.uint("SeqNo", u64::from(*seq_no));
        }
        Message::Suspect(Suspect { incarnation, node, from }) => {
            out.push(kind::SUSPECT);
            write_accusation(*incarnation, node, from, out);
        }
        Message::Alive(alive) => {
            out.push(kind::ALIVE);
            write_alive(alive, out);
        }
        Message::Dead(Dead { incarnation, node, from }) => {
            out.push(kind::DEAD);
            write_accusation(*incarnation, node, from, out);
        }
        Message::User(bytes) => {
            out.push(kind::USER);
            out.extend_from_slice(bytes);
        }
    }
}

pub(super) fn write_ping(ping: &Ping, out: &mut Vec<u8>) {
    let Ping { seq_no, node, source, source_node } = ping;
    let mut w = Writer::new(out);
    w.map(2 + source_fields(*source, source_node));
    w.raw("Node", node.as_bytes());
    w.uint("SeqNo", u64::from(*seq_no));
    write_source(*source, source_node, &mut w);
}

pub(super) fn read_ping(r: &mut Reader<'_>) -> Result<Ping, MsgpackError> {
    let (mut seq_no, mut node) = (0, String::new());
    let mut source = Source::default();
    r.fields(&["SeqNo", "Node", "SourceAddr", "SourcePort", "SourceNode"], |r, name| {
        match name {
            "SeqNo" => seq_no = r.uint()?,
            "Node" => node = r.text(GOSSIP_NAME_BYTES_MAX)?,
            _ => source.read(name, r)?,
        }
        Ok(())
    })?;
    Ok(Ping { seq_no, node, source: source.address(), source_node: source.node })
}

fn write_indirect_ping(ping: &IndirectPing, out: &mut Vec<u8>) {
    let IndirectPing { seq_no, target, node, nack, source, source_node } = ping;
    let mut w = Writer::new(out);
    w.map(5 + source_fields(*source, source_node));
    w.flag("Nack", *nack);
    w.raw("Node", node.as_bytes());
    w.uint("Port", u64::from(target.port()));
    w.uint("SeqNo", u64::from(*seq_no));
    write_source(*source, source_node, &mut w);
    write_ip("Target", target.ip(), &mut w);
}

pub(super) fn read_indirect_ping(r: &mut Reader<'_>) -> Result<IndirectPing, MsgpackError> {
    let (mut seq_no, mut node, mut nack) = (0, String::new(), false);
    let (mut target, mut port) = (None, 0);
    let mut source = Source::default();
    let names =
        &["SeqNo", "Target", "Port", "Node", "Nack", "SourceAddr", "SourcePort", "SourceNode"];
    r.fields(names, |r, name| {
        match name {
            "SeqNo" => seq_no = r.uint()?,
            "Target" => target = read_ip(r)?,
            "Port" => port = r.uint()?,
            "Node" => node = r.text(GOSSIP_NAME_BYTES_MAX)?,
            "Nack" => nack = r.flag()?,
            _ => source.read(name, r)?,
        }
        Ok(())
    })?;
    let target = SocketAddr::new(target.ok_or_else(|| no_address(r))?, port);
    let source_address = source.address();
    Ok(IndirectPing {
        seq_no,
        target,
        node,
        nack,
        source: source_address,
        source_node: source.node,
    })
}

/// Writes an ack; `None` is a payload of nil.
pub(super) fn write_ack(seq_no: u32, payload: Option<&[u8]>, out: &mut Vec<u8>) {
    let mut w = Writer::new(out);
    w.map(2);
    match payload {
        Some(payload) => w.raw("Payload", payload),
        None => w.nil("Payload"),
    }
    w.uint("SeqNo", u64::from(seq_no));
}

pub(super) fn read_ack(r: &mut Reader<'_>) -> Result<Ack, MsgpackError> {
    let (mut seq_no, mut payload) = (0, Vec::new());
    r.fields(&["SeqNo", "Payload"], |r, name| {
        match name {
            "SeqNo" => seq_no = r.uint()?,
            _ => payload = r.raw()?.into_owned(),
        }
        Ok(())
    })?;
    Ok(Ack { seq_no, payload })
}

pub(super) fn read_nack(r: &mut Reader<'_>) -> Result<Nack, MsgpackError> {
    let mut seq_no = 0;
    r.fields(&["SeqNo"], |r, _| {
        seq_no = r.uint()?;
        Ok(())
    })?;
    Ok(Nack { seq_no })
}

fn write_accusation(incarnation: u32, node: &str, from: &str, out: &mut Vec<u8>) {
    let mut w = Writer::new(out);
    w.map(3);
    w.raw("From", from.as_bytes());
    w.uint("Incarnation", u64::from(incarnation));
    w.raw("Node", node.as_bytes());
}

/// Reads what `Suspect` and `Dead` consist of: the incarnation, the member meant, the accuser.
pub(super) fn read_accusation(r: &mut Reader<'_>) -> Result<(u32, String, String), MsgpackError> {
    let (mut incarnation, mut node, mut from) = (0, String::new(), String::new());
    r.fields(&["Incarnation", "Node", "From"], |r, name| {
        match name {
            "Incarnation" => incarnation = r.uint()?,
            "Node" => node = r.text(GOSSIP_NAME_BYTES_MAX)?,
            _ => from = r.text(GOSSIP_NAME_BYTES_MAX)?,
        }
        Ok(())
    })?;
    Ok((incarnation, node, from))
}

fn write_alive(alive: &Alive, out: &mut Vec<u8>) {
    let Alive { incarnation, node, addr, meta, vsn } = alive;
    let mut w = Writer::new(out);
    w.map(6);
    write_ip("Addr", addr.ip(), &mut w);
    w.uint("Incarnation", u64::from(*incarnation));
    w.raw("Meta", meta);
    w.raw("Node", node.as_bytes());
    w.uint("Port", u64::from(addr.port()));
    w.raw("Vsn", vsn);
}

pub(super) fn read_alive(r: &mut Reader<'_>) -> Result<Alive, MsgpackError> {
    let (mut incarnation, mut node, mut meta) = (0, String::new(), Vec::new());
    let (mut ip, mut port, mut vsn) = (None, 0, Vsn::default());
    r.fields(&["Incarnation", "Node", "Addr", "Port", "Meta", "Vsn"], |r, name| {
        match name {
            "Incarnation" => incarnation = r.uint()?,
            "Node" => node = r.text(GOSSIP_NAME_BYTES_MAX)?,
            "Addr" => ip = read_ip(r)?,
            "Port" => port = r.uint()?,
            "Meta" => meta = read_meta(r)?,
            _ => vsn = read_vsn(r)?,
        }
        Ok(())
    })?;
    let addr = SocketAddr::new(ip.ok_or_else(|| no_address(r))?, port);
    Ok(Alive { incarnation, node, addr, meta, vsn })
}

pub(super) fn write_node(node: &PushNode, out: &mut Vec<u8>) {
    let PushNode { name, addr, meta, incarnation, state, vsn } = node;
    let mut w = Writer::new(out);
    w.map(7);
    write_ip("Addr", addr.ip(), &mut w);
    w.uint("Incarnation", u64::from(*incarnation));
    w.raw("Meta", meta);
    w.raw("Name", name.as_bytes());
    w.uint("Port", u64::from(addr.port()));
    w.uint("State", *state as u64);
    w.raw("Vsn", vsn);
}

pub(super) fn read_node(r: &mut Reader<'_>) -> Result<PushNode, MsgpackError> {
    let (mut name, mut meta, mut incarnation) = (String::new(), Vec::new(), 0);
    let (mut ip, mut port) = (None, 0);
    let (mut state, mut vsn) = (NodeState::Alive, Vsn::default());
    let names = &["Name", "Addr", "Port", "Meta", "Incarnation", "State", "Vsn"];
    r.fields(names, |r, field| {
        match field {
            "Name" => name = r.text(GOSSIP_NAME_BYTES_MAX)?,
            "Addr" => ip = read_ip(r)?,
            "Port" => port = r.uint()?,
            "Meta" => meta = read_meta(r)?,
            "Incarnation" => incarnation = r.uint()?,
            "State" => state = read_state(r)?,
            _ => vsn = read_vsn(r)?,
        }
        Ok(())
    })?;
    let addr = SocketAddr::new(ip.ok_or_else(|| no_address(r))?, port);
    Ok(PushNode { name, addr, meta, incarnation, state, vsn })
}

fn read_state(r: &mut Reader<'_>) -> Result<NodeState, MsgpackError> {
    let at = r.position();
    Ok(match r.uint::<u64>()? {
        0 => NodeState::Alive,
        1 => NodeState::Suspect,
        2 => NodeState::Dead,
        3 => NodeState::Left,
        _ => return Err(unexpected(at, "the state of a member")),
    })
}

fn read_meta(r: &mut Reader<'_>) -> Result<Vec<u8>, MsgpackError> {
    let at = r.position();
    let meta = r.raw()?;
    if meta.len() > GOSSIP_META_BYTES_MAX {
        return Err(unexpected(at, "less metadata"));
    }
    Ok(meta.into_owned())
}

fn read_vsn(r: &mut Reader<'_>) -> Result<Vsn, MsgpackError> {
    Ok(r.raw()?.first_chunk().copied().unwrap_or_default())
}

fn no_address(r: &Reader<'_>) -> MsgpackError {
    unexpected(r.position(), "an address of 4 or 16 bytes before this")
}

fn write_ip(key: &str, ip: IpAddr, w: &mut Writer<'_>) {
    match ip.to_canonical() {
        IpAddr::V4(ip) => w.raw(key, &ip.octets()),
        IpAddr::V6(ip) => w.raw(key, &ip.octets()),
    }
}

/// Reads an address; `None` when its length is not one of an address. IPv4 within IPv6 becomes
/// plain IPv4, so that one host has one address.
fn read_ip(r: &mut Reader<'_>) -> Result<Option<IpAddr>, MsgpackError> {
    let raw = r.raw()?;
    Ok(match raw.len() {
        4 => raw.first_chunk::<4>().map(|octets| IpAddr::from(*octets)),
        16 => raw.first_chunk::<16>().map(|octets| IpAddr::from(*octets).to_canonical()),
        _ => None,
    })
}

/// The fields that say where a ping came from, which old versions do not send.
#[derive(Default)]
struct Source {
    ip: Option<IpAddr>,
    port: u16,
    node: String,
}

impl Source {
    fn read(&mut self, name: &str, r: &mut Reader<'_>) -> Result<(), MsgpackError> {
        match name {
            "SourceAddr" => self.ip = read_ip(r)?,
            "SourcePort" => self.port = r.uint()?,
            _ => self.node = r.text(GOSSIP_NAME_BYTES_MAX)?,
        }
        Ok(())
    }

    fn address(&self) -> Option<SocketAddr> {
        self.ip.filter(|_| self.port != 0).map(|ip| SocketAddr::new(ip, self.port))
    }
}

fn source_fields(source: Option<SocketAddr>, node: &str) -> u8 {
    2 * u8::from(source.is_some()) + u8::from(!node.is_empty())
}

/// Writes the source's fields; those that are not set are left out.
fn write_source(source: Option<SocketAddr>, node: &str, w: &mut Writer<'_>) {
    if let Some(source) = source {
        write_ip("SourceAddr", source.ip(), w);
    }
    if !node.is_empty() {
        w.raw("SourceNode", node.as_bytes());
    }
    if let Some(source) = source {
        w.uint("SourcePort", u64::from(source.port()));
    }
}
