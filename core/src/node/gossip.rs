//! The cluster: records go out, records come in, and a full state is given to who asks for it.

use alloc::{
    boxed::Box,
    string::{String, ToString as _},
    sync::Arc,
    vec::Vec,
};
use core::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use super::{Node, Output, Work, claims::Claim};
use crate::{
    cluster::{Cluster, Effect, Source, StreamEvent},
    id::{ResolveId, StreamId, WorkId},
    limits::GOSSIP_INLINE_BYTES_MAX,
    nflog, silence,
    time::{Instant, Now},
    wire::mesh,
};

/// The key of the notification log among the states of a cluster.
pub(super) const NFLOG: &str = "nfl";
/// The key of the silences.
pub(super) const SILENCES: &str = "sil";
/// The key of what only campana's own peers understand; others ignore it.
pub(super) const CLAIMS: &str = "campana/claims";

/// Records that came from a peer, decoded.
#[derive(Debug, Default)]
pub struct Records {
    nflog: Vec<(nflog::Key, nflog::Entry)>,
    silences: Vec<silence::Silence>,
    claims: Vec<Claim>,
    /// What was wrong with the first record that could not be used.
    error: Option<String>,
}

/// The state to encode for a peer, shared with the node that goes on.
#[derive(Debug)]
pub struct FullState {
    stream: StreamId,
    retention: Duration,
    silences: Arc<silence::Table>,
    nflog: Vec<(nflog::Key, nflog::Entry)>,
}

/// An encoded [`FullState`].
#[derive(Debug)]
pub struct EncodedState {
    stream: StreamId,
    parts: [(&'static str, Vec<u8>); 2],
}

impl FullState {
    /// Encodes the state of each key.
    pub fn encode(self) -> EncodedState {
        let (mut nflog, mut silences) = (Vec::new(), Vec::new());
        for (key, entry) in &self.nflog {
            nflog::wire::to_wire(key, entry).encode(&mut nflog);
        }
        for silence in self.silences.iter() {
            let expires_at = silence.ends_at + self.retention;
            silence::wire::to_wire(silence, expires_at).encode(&mut silences);
        }
        EncodedState { stream: self.stream, parts: [(NFLOG, nflog), (SILENCES, silences)] }
    }
}

impl Records {
    /// Decodes the records of one key. Records of an unknown key are ignored; a record that cannot
    /// be used is left out, and the first error is kept.
    pub fn decode(key: &str, data: &[u8]) -> Self {
        let mut records = Self::default();
        match key {
            NFLOG => {
                for record in mesh::nflog_records(data) {
                    match record.map_err(|e| e.to_string()).and_then(|record| {
                        nflog::wire::from_wire(record).map_err(|e| e.to_string())
                    }) {
                        Ok(entry) => records.nflog.push(entry),
                        Err(error) => records.note(error),
                    }
                }
            }
            SILENCES => {
                for record in mesh::silence_records(data) {
                    match record.map_err(|e| e.to_string()).and_then(|record| {
                        silence::wire::from_wire(&record).map_err(|e| e.to_string())
                    }) {
                        Ok(silence) => records.silences.push(silence),
                        Err(error) => records.note(error),
                    }
                }
            }
            CLAIMS => match Claim::decode_all(data) {
                Ok(claims) => records.claims = claims,
                Err(error) => records.note(error),
            },
            _ => {}
        }
        records
    }

    fn note(&mut self, error: String) {
        self.error.get_or_insert(error);
    }
}

impl Node {
    /// Looks for the peers. Nothing is told until the cluster has settled.
    pub(super) fn enter_cluster(&mut self, now: Now) {
        self.groups.close();
        self.metrics.set_cluster_enabled(true);
        for key in [NFLOG, SILENCES] {
            self.metrics.gossip.add_state(key);
            self.with_cluster(now, |cluster, _| cluster.add_state(key));
        }
        self.with_cluster(now, Cluster::join);
    }

    pub(super) fn on_datagram(&mut self, now: Now, from: SocketAddr, bytes: &[u8]) {
        self.with_cluster(now, |cluster, at| cluster.on_datagram(at, from, bytes));
    }

    pub(super) fn on_stream(&mut self, now: Now, id: StreamId, event: StreamEvent) {
        self.with_cluster(now, |cluster, at| cluster.on_stream(at, id, event));
    }

    pub(super) fn on_resolved(
        &mut self,
        now: Now,
        id: ResolveId,
        result: Result<Vec<IpAddr>, String>,
    ) {
        self.with_cluster(now, |cluster, at| cluster.on_resolved(at, id, result));
    }

    /// Gives the encoded state to the peer that asked for it.
    pub(super) fn on_state_encoded(&mut self, now: Now, state: EncodedState) {
        let EncodedState { stream, parts } = state;
        self.with_cluster(now, |cluster, at| cluster.provide_state(at, stream, &parts));
    }

    /// Calls the cluster, where there is one, and does what it wants.
    pub(super) fn with_cluster(&mut self, now: Now, call: impl FnOnce(&mut Cluster, Instant)) {
        if let Some(cluster) = &mut self.cluster {
            call(cluster, now.instant);
            self.pump_cluster(now);
        }
    }

    /// Tells the peers what the log learned.
    pub(super) fn gossip_log(&mut self, now: Now, key: &nflog::Key) {
        if self.cluster.is_none() {
            return;
        }
        let Some(entry) = self.nflog.get(key) else { return };
        let mut bytes = Vec::new();
        nflog::wire::to_wire(key, entry).encode(&mut bytes);
        let name = key.to_string();
        self.metrics.nflog.record_propagated();
        self.with_cluster(now, |cluster, at| cluster.broadcast(at, NFLOG, name.as_bytes(), bytes));
    }

    /// Tells the peers what became of a silence.
    pub(super) fn gossip_silence(&mut self, now: Now, id: &silence::Id) {
        if self.cluster.is_none() {
            return;
        }
        let Some(bytes) = self.encode_silence(id) else { return };
        self.metrics.silences.store.record_propagated();
        let name = id.0.as_bytes();
        self.with_cluster(now, |cluster, at| cluster.broadcast(at, SILENCES, name, bytes));
    }

    /// Merges what a peer told, and passes on what was new in it.
    pub(super) fn on_records(&mut self, now: Now, records: Records, source: Source) {
        for (key, entry) in records.nflog {
            if self.nflog.merge(now.wall, key.clone(), entry) {
                self.claims.remove(&key);
                self.note_log(now, &key);
                self.relay_log(now, &key, source);
            }
        }
        for silence in records.silences {
            let id = silence.id.clone();
            if self.silences.merge(now.wall, silence) {
                self.watch_silence(&id);
                self.note_silence(now, &id);
                self.relay_silence(now, &id, source);
            }
        }
        for claim in records.claims {
            if !claim.is_over(&self.nflog) {
                self.claims.hear(now.instant, claim);
            }
        }
        if let Some(err) = records.error {
            self.with_cluster(now, |cluster, _| cluster.refuse_records(err));
        }
    }

    fn pump_cluster(&mut self, now: Now) {
        while let Some(effect) = self.cluster.as_mut().and_then(Cluster::poll) {
            match effect {
                Effect::Datagram { to, bytes } => {
                    self.outputs.push_back(Output::Datagram { to, bytes });
                }
                Effect::Stream(id, command) => {
                    self.outputs.push_back(Output::Stream(id, command));
                }
                Effect::Resolve(id, host) => self.outputs.push_back(Output::Resolve(id, host)),
                Effect::Merge { key, data, source } => self.merge(now, key, data, source),
                Effect::WantState(stream) => self.encode_state(stream),
                Effect::Joined(_) | Effect::Left(_) | Effect::Updated(_) => {}
                Effect::Settled => self.groups.open(now.instant),
                Effect::Departed(_) => self.on_departed(),
                Effect::Pinged { peer, rtt } => {
                    self.metrics.gossip.record_ping(&peer, rtt.as_secs_f64());
                }
                Effect::Delivered { key, took } => {
                    self.metrics.gossip.record_delivered(key, took.as_secs_f64());
                }
                Effect::Log(event) => self.log(event),
            }
        }
    }

    /// Decodes at once what is small, and elsewhere what is not.
    fn merge(&mut self, now: Now, key: String, data: Vec<u8>, source: Source) {
        if data.len() <= GOSSIP_INLINE_BYTES_MAX {
            let records = Records::decode(&key, &data);
            return self.on_records(now, records, source);
        }
        let id = WorkId(self.ids.work.next());
        self.outputs.push_back(Output::Work(id, Work::DecodeRecords { key, data, source }));
    }

    fn encode_state(&mut self, stream: StreamId) {
        let id = WorkId(self.ids.work.next());
        let state = FullState {
            stream,
            retention: self.options.data_retention,
            silences: self.silences.table(),
            nflog: self.nflog.iter().map(|(key, entry)| (key.clone(), entry.clone())).collect(),
        };
        self.outputs.push_back(Output::Work(id, Work::EncodeState(Box::new(state))));
    }

    fn relay_log(&mut self, now: Now, key: &nflog::Key, source: Source) {
        let name = key.to_string();
        if source == Source::Stream {
            return self.supersede(now, NFLOG, name.as_bytes());
        }
        let Some(entry) = self.nflog.get(key) else { return };
        let mut bytes = Vec::new();
        nflog::wire::to_wire(key, entry).encode(&mut bytes);
        self.with_cluster(now, |cluster, at| {
            cluster.relay(at, NFLOG, name.as_bytes(), bytes, source);
        });
    }

    fn relay_silence(&mut self, now: Now, id: &silence::Id, source: Source) {
        let name = id.0.as_bytes();
        if source == Source::Stream {
            return self.supersede(now, SILENCES, name);
        }
        let Some(bytes) = self.encode_silence(id) else { return };
        self.with_cluster(now, |cluster, at| cluster.relay(at, SILENCES, name, bytes, source));
    }

    /// Everybody gets what came on a stream without this node's help.
    fn supersede(&mut self, now: Now, key: &'static str, record: &[u8]) {
        self.with_cluster(now, |cluster, at| cluster.supersede(at, key, record));
    }

    fn encode_silence(&self, id: &silence::Id) -> Option<Vec<u8>> {
        let table = self.silences.table();
        let silence = table.get(&id.0)?;
        let mut bytes = Vec::new();
        silence::wire::to_wire(silence, self.silences.expires_at(silence)).encode(&mut bytes);
        Some(bytes)
    }
}
