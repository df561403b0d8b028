//! The metrics of a cluster, under upstream's names.

use super::ClusterView;
use crate::{
    cluster::{Secured, Traffic},
    metrics::{Counter, Gossip, Kind, Page},
};

impl ClusterView {
    /// Puts the cluster's families on a page.
    pub fn collect(&self, measured: &Gossip, page: &mut Page) {
        self.collect_members(page);
        self.collect_messages(page);
        self.collect_peers(measured, page);
        self.collect_streams(measured, page);
        if let Some(secured) = &self.stats.secured {
            collect_secured(secured, page);
        }
    }

    fn collect_members(&self, page: &mut Page) {
        for (name, help, value) in [
            (
                "alertmanager_cluster_members",
                "Members that are there, this instance included.",
                self.peers.len(),
            ),
            (
                "alertmanager_cluster_failed_peers",
                "Peers that failed, left or were never reached, and are still tried.",
                self.failed_peers,
            ),
            (
                "alertmanager_cluster_health_score",
                "How well this instance keeps up with gossip: 0 is healthy, 7 is worst.",
                self.health_score as usize,
            ),
            (
                "alertmanager_cluster_messages_queued",
                "Records that wait to be gossiped.",
                self.queued,
            ),
            (
                "alertmanager_peer_position",
                "This instance's place among the members, from 0.",
                self.position,
            ),
        ] {
            page.gauge(name, help, value as f64);
        }
        page.family("alertmanager_cluster_peer_info", Kind::Gauge, "This instance's name.")
            .number(&[("peer", &*self.name)], 1.0);
    }

    fn collect_messages(&self, page: &mut Page) {
        let stats = &self.stats;
        let mut pair = |name, help, full: Counter, update: Counter| {
            let family = page.family(name, Kind::Counter, help);
            family.count(&[("msg_type", "full_state")], full);
            family.count(&[("msg_type", "update")], update);
        };
        let (full, update): (Traffic, Traffic) =
            (stats.full_states_received, stats.updates_received);
        pair(
            "alertmanager_cluster_messages_received_total",
            "Messages received from peers.",
            full.messages,
            update.messages,
        );
        pair(
            "alertmanager_cluster_messages_received_size_total",
            "Bytes of the messages received from peers.",
            full.bytes,
            update.bytes,
        );
        let (full, update) = (stats.full_states_sent, stats.updates_sent);
        pair(
            "alertmanager_cluster_messages_sent_total",
            "Messages sent to peers.",
            full.messages,
            update.messages,
        );
        pair(
            "alertmanager_cluster_messages_sent_size_total",
            "Bytes of the messages sent to peers.",
            full.bytes,
            update.bytes,
        );
        page.counter(
            "alertmanager_cluster_messages_pruned_total",
            "Records dropped from the queue because too many waited.",
            stats.pruned,
        );
        page.counter(
            "campana_cluster_messages_refused_total",
            "Packets, parts of packets and streams that could not be used.",
            stats.refused,
        );
        page.counter(
            "campana_cluster_limited_total",
            "Members, relays and streams turned away because there were too many.",
            stats.limited,
        );
    }

    fn collect_peers(&self, measured: &Gossip, page: &mut Page) {
        let stats = &self.stats;
        for (name, help, counter) in [
            (
                "alertmanager_cluster_peer_name_conflicts_total",
                "Messages that gave a known name another address.",
                stats.name_conflicts,
            ),
            (
                "alertmanager_cluster_peers_joined_total",
                "Members that joined, this instance included.",
                stats.joined,
            ),
            ("alertmanager_cluster_peers_left_total", "Members that failed or left.", stats.left),
            (
                "alertmanager_cluster_peers_update_total",
                "Members that changed their metadata.",
                stats.updated,
            ),
            (
                "alertmanager_cluster_reconnections_total",
                "Failed peers that could be reached again.",
                stats.reconnections,
            ),
            (
                "alertmanager_cluster_reconnections_failed_total",
                "Attempts to reach a failed peer that failed.",
                stats.reconnections_failed,
            ),
            (
                "alertmanager_cluster_refresh_join_total",
                "Peers found by resolving their names again, and joined.",
                stats.refresh_joins,
            ),
            (
                "alertmanager_cluster_refresh_join_failed_total",
                "Peers found by resolving their names again, and not reached.",
                stats.refresh_joins_failed,
            ),
        ] {
            page.counter(name, help, counter);
        }
        let family = page.family(
            "alertmanager_cluster_alive_messages_total",
            Kind::Counter,
            "Alive messages received, by the member they speak of.",
        );
        for (peer, &counter) in &stats.alive_messages {
            family.count(&[("peer", &**peer)], counter);
        }
        let family = page.family(
            "alertmanager_cluster_pings_seconds",
            Kind::Histogram,
            "Round trips of probes.",
        );
        for (peer, histogram) in measured.pings() {
            family.histogram(&[("peer", &**peer)], histogram);
        }
    }

    fn collect_streams(&self, measured: &Gossip, page: &mut Page) {
        for (name, help, read) in [
            (
                "alertmanager_oversized_gossip_message_sent_total",
                "Streams of records sent to members.",
                (|o| o.sent) as fn(&crate::cluster::Oversized) -> Counter,
            ),
            (
                "alertmanager_oversized_gossip_message_failure_total",
                "Streams of records that failed.",
                |o| o.failed,
            ),
            (
                "alertmanager_oversized_gossip_message_dropped_total",
                "Records dropped because too many waited for a stream.",
                |o| o.dropped,
            ),
        ] {
            let family = page.family(name, Kind::Counter, help);
            for (key, oversized) in &self.stats.oversized {
                family.count(&[("key", key)], read(oversized));
            }
        }
        let family = page.family(
            "alertmanager_oversize_gossip_message_duration_seconds",
            Kind::Histogram,
            "How long a stream of records took.",
        );
        for (key, histogram) in measured.delivered() {
            family.histogram(&[("key", key)], histogram);
        }
    }
}

/// Puts what the transport with TLS did on a page.
fn collect_secured(secured: &Secured, page: &mut Page) {
    for (name, help, counter) in [
        (
            "alertmanager_tls_transport_packet_bytes_sent_total",
            "Bytes of packets sent over TLS.",
            secured.packet_bytes_sent,
        ),
        (
            "alertmanager_tls_transport_packet_bytes_received_total",
            "Bytes of packets received over TLS.",
            secured.packet_bytes_received,
        ),
        (
            "alertmanager_tls_transport_stream_connections_sent_total",
            "Streams opened over TLS.",
            secured.streams_sent,
        ),
        (
            "alertmanager_tls_transport_stream_connections_received_total",
            "Streams that peers opened over TLS.",
            secured.streams_received,
        ),
        (
            "alertmanager_tls_transport_read_errors_total",
            "Connections of peers that broke, or carried what is no frame.",
            secured.read_errors,
        ),
    ] {
        page.counter(name, help, counter);
    }
    let family = page.family(
        "alertmanager_tls_transport_write_errors_total",
        Kind::Counter,
        "Connections over TLS to peers that could not be opened or broke.",
    );
    family.count(&[("connection_type", "packet")], secured.packet_errors);
    family.count(&[("connection_type", "stream")], secured.stream_errors);
}
